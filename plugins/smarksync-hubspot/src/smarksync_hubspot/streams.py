"""What is known of each kind of row before an account is asked: paths, time stamps, associations, what can be done.

Vendor facts: crm.md section 2, marketing.md section 4. Association type ids are recorded ones; names of properties
that a sheet marks as unverified are asked for and may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from smarksync.plugin import Can, StreamSpec

from .computed import (
    CALL,
    DEAL,
    EMAIL,
    MEETING,
    NOTE,
    TASK,
    Computed,
)

#: Our own id, unique where `check --fix` made it.
OUR_ID = "smarksync_id"
#: The property that people see; written through communication preferences (crm.md 2.3).
OPT_OUT = "hs_email_optout"
#: Until `read` is told otherwise by the settings.
INDEX_LAG = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class Link:
    """A pseudo field that holds the ids of associated records.

    ``label`` is the type id of the association that is meant (None: any, of which the first counts unless ``many``).
    ``shortcut`` is a property that shows the same id with the row, so that nothing has to be asked for.
    """

    to: str
    many: bool = False
    label: int | None = None
    shortcut: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One CRM object type. ``stamp`` is its last-modified property; ``merges``: it can be merged."""

    stamp: str = "hs_lastmodifieddate"
    links: Mapping[str, Link] = field(default_factory=dict)
    computed: tuple[Computed, ...] = ()
    merges: bool = False
    #: keys of `find` that are unique by nature: strongly consistent, the others go through search
    unique: frozenset[str] = frozenset()


#: association fields of everything that happens with a person
_ABOUT = {
    "associations.contact": Link("contacts"),
    "associations.company": Link("companies"),
    "associations.deal": Link("deals"),
}

KINDS: Mapping[str, Kind] = {
    "contacts": Kind(
        stamp="lastmodifieddate",
        links={"associations.company": Link("companies", label=1, shortcut="associatedcompanyid")},
        merges=True,
        unique=frozenset({"email"}),
    ),
    "companies": Kind(
        links={"associations.parent": Link("companies", label=14, shortcut="hs_parent_company_id")}, merges=True
    ),
    "deals": Kind(
        links={
            "associations.company": Link("companies", label=5),
            "associations.contacts": Link("contacts", many=True),
        },
        computed=DEAL,
        merges=True,
    ),
    "tasks": Kind(links=_ABOUT, computed=TASK),
    "calls": Kind(links=_ABOUT, computed=CALL),
    "emails": Kind(links=_ABOUT, computed=EMAIL),
    "meetings": Kind(links=_ABOUT, computed=MEETING),
    "notes": Kind(links=_ABOUT, computed=NOTE),
}

_WRITES = frozenset({Can.CREATE, Can.UPDATE, Can.ARCHIVE, Can.FIND, Can.FETCH})
_MILLISECOND = timedelta(milliseconds=1)


def _crm(name: str, entity: str, keys: tuple[str, ...], *more: Can) -> StreamSpec:
    return StreamSpec(
        name,
        entity,
        _WRITES | frozenset(more),
        natural_keys=(*keys, OUR_ID),
        max_batch=100,  # crm.md 2.7
        overlap=INDEX_LAG,
        resolution=_MILLISECOND,
        external_id=OUR_ID,
        email_field="email" if name == "contacts" else None,
    )


SPECS: tuple[StreamSpec, ...] = (
    _crm("contacts", "lead", ("email",), Can.GONE, Can.UPSERT_BY_KEY),
    _crm("companies", "account", ("domain", "name"), Can.GONE, Can.UPSERT_BY_KEY),
    _crm("deals", "opportunity", ("dealname",), Can.GONE, Can.UPSERT_BY_KEY),
    StreamSpec(
        "owners", "owner", frozenset({Can.FIND, Can.FETCH}), ("email",), resolution=_MILLISECOND, full_scan=True
    ),
    StreamSpec("campaigns", "campaign", resolution=_MILLISECOND, full_scan=True),
    StreamSpec(
        "lists",
        "campaign",
        frozenset({Can.ASSOCIATE}),
        max_batch=100,
        resolution=_MILLISECOND,
        full_scan=True,
        statuses=("member",),
    ),
    StreamSpec("memberships", "membership", resolution=_MILLISECOND),
    *(_crm(name, "activity", ()) for name in ("tasks", "calls", "emails", "meetings", "notes")),
    StreamSpec("form_submissions", "activity", resolution=_MILLISECOND, overlap=INDEX_LAG),
    StreamSpec("email_events", "activity", resolution=_MILLISECOND, overlap=INDEX_LAG),
)
BY_NAME: Mapping[str, StreamSpec] = {spec.name: spec for spec in SPECS}
