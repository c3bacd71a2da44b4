"""Person Accounts: one human as an account and a contact at once, in orgs that switched them on.

Salesforce's page on person account record types (API guide, sforce_api_guidelines_personaccounts): such an account has
`IsPersonAccount` true and exactly one contact, its person contact, which comes and goes with it. To us the contact is the
person, and there is no company: the account is neither read as one nor written, and the contact points at none. The
contact's own fields are written like any other contact's; what would take it away from its account is refused here,
before Salesforce does so in words of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smarksync.plugin import Op, Receipt, Write, WriteResult

from .client import Api
from .describe import Schema
from .ids import full_id
from .soql import one_of, select
from .streams import WHERE

IS_PERSON = "IsPersonAccount"
_OWN_ACCOUNT = "the contact is a Person Account, which is its own account"
_TOGETHER = "the contact is a Person Account, which is deleted as an account, by a person"


def where(schema: Schema, name: str) -> str | None:
    """Rows of an object that take part."""
    if name == "Account" and schema.has("Account", IS_PERSON):
        return f"{IS_PERSON} = false"
    return WHERE.get(name)


def among(api: Api, schema: Schema, name: str, ids: Iterable[str]) -> set[str]:
    """Which of some contacts or accounts are Person Accounts."""
    wanted = sorted({full_id(one) for one in ids})
    if not wanted or not schema.has(name, IS_PERSON):
        return set()
    conditions = one_of("Id", wanted)
    return {
        str(row["Id"]) for one in conditions for row in api.rows(select(("Id",), name, [f"{IS_PERSON} = true", one]))
    }


def refused(api: Api, schema: Schema, name: str, batch: Sequence[Write]) -> dict[str, Receipt]:
    """Receipts of writes that no person contact can take."""
    if name != "Contact" or batch[0].op is Op.CREATE:
        return {}
    deleting = batch[0].op is Op.DELETE
    risky = [write for write in batch if write.id and (deleting or "AccountId" in write.fields)]
    people = among(api, schema, name, (str(write.id) for write in risky))
    field, said = (None, _TOGETHER) if deleting else ("AccountId", _OWN_ACCOUNT)
    return {
        write.ref: Receipt(
            write.ref, WriteResult.REJECTED, write.id, code="SMK-REFUSED", message=said, field=field
        )
        for write in risky
        if full_id(str(write.id)) in people
    }  # fmt: skip
