"""What each stream is: its object, which of its rows take part, what it can do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from smarksync.plugin import Can, StreamSpec

if TYPE_CHECKING:
    from .settings import SalesforceSettings

OUR_ID = "SmarkSync_Id__c"
#: Long transactions commit rows with a stamp from before; 10 s is what others found enough (vendors/crm.md 1.6).
LOOK_BACK = timedelta(seconds=30)
#: Rows of one collection; and what one call of `write` is given when larger writes may go by bulk job.
COLLECTION, BULK_BATCH = 200, 5_000

#: Rows of an object that take part; the others are nobody's business here.
WHERE = {
    "Lead": "IsConverted = false",  # the others are told as gone: converted
    "User": "UserType = 'Standard'",
    "Group": "Type = 'Queue'",
}
#: Objects whose rows Bulk API 2.0 does not hand out, or not as we need them
NOT_IN_BULK = frozenset({"Group", "User", "OpportunityContactRole"})

_KNOWN = frozenset({Can.FIND, Can.FETCH})
_FACTS = frozenset({Can.CREATE, Can.UPDATE, Can.FIND, Can.FETCH, Can.UPSERT_BY_KEY})
_FULL = _FACTS | {Can.DELETE, Can.GONE}


def _spec(
    name: str, entity: str, can: frozenset[Can], *keys: str, ours: bool = False, email: str | None = None
) -> StreamSpec:
    return StreamSpec(
        name,
        entity,
        can=can,
        natural_keys=(*keys, OUR_ID) if ours else keys,
        max_batch=COLLECTION if can & {Can.CREATE} else 1,
        overlap=LOOK_BACK,
        resolution=timedelta(seconds=1),  # SystemModstamp has whole seconds (vendors/crm.md 1.5)
        # rows under one parent lock one another when they are written side by side (1.9, UNABLE_TO_LOCK_ROW)
        writes_serially=True,
        external_id=OUR_ID if ours else None,
        email_field=email,
    )


SPECS: tuple[StreamSpec, ...] = (
    _spec("Lead", "lead", _FULL, "Email", ours=True, email="Email"),
    _spec("Contact", "lead", _FULL, "Email", ours=True, email="Email"),
    _spec("Account", "account", _FULL, "Name", ours=True),
    _spec("Opportunity", "opportunity", _FULL, "Name", ours=True),
    _spec("OpportunityContactRole", "opportunity_contact_role", _KNOWN),
    _spec("Campaign", "campaign", _FULL, "Name", ours=True),
    _spec("CampaignMember", "membership", _FACTS | {Can.DELETE}),
    _spec("Task", "activity", _FACTS | {Can.DELETE}, "Subject"),
    _spec("Event", "activity", _FACTS | {Can.DELETE}, "Subject"),
    _spec("User", "owner", _KNOWN, "Email", email="Email"),
    _spec("Group", "owner", _KNOWN, "Name"),
)
BY_NAME = {spec.name: spec for spec in SPECS}


def specs(settings: SalesforceSettings) -> tuple[StreamSpec, ...]:
    """The streams with the batches that these settings make possible."""
    if not settings.bulk_write_above:
        return SPECS
    return tuple(replace(spec, max_batch=BULK_BATCH) if spec.external_id else spec for spec in SPECS)
