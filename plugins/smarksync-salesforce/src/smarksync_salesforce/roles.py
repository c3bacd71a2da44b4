"""Contact roles of opportunities: rows of their own there, a set of contacts here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smarksync.kit.response import Answered
from smarksync.plugin import Receipt, SystemFailure, Write, WriteResult

from .client import Api
from .ids import full_id, kind_of
from .soql import one_of, select
from .streams import COLLECTION

FIELD = "ContactRoles"
_WRITTEN = (WriteResult.CREATED, WriteResult.UPDATED)


def set_roles(api: Api, part: Sequence[Write], done: dict[str, Receipt]) -> None:
    """Gives each written opportunity the contacts that were asked for. The receipt tells which it has now."""
    wanted = {
        str(done[w.ref].id): (w.ref, {full_id(str(one)) for one in w.fields[FIELD] or () if kind_of(one) == "Contact"})
        for w in part
        if FIELD in w.fields and w.ref in done and done[w.ref].result in _WRITTEN and done[w.ref].id
    }
    if not wanted:
        return
    there = _roles(api, list(wanted))
    new = [
        {"attributes": {"type": "OpportunityContactRole"}, "OpportunityId": deal, "ContactId": contact}
        for deal, (_, contacts) in wanted.items()
        for contact in sorted(contacts - there[deal].keys())
    ]
    old = [rid for deal, (_, contacts) in wanted.items() for c, rid in there[deal].items() if c not in contacts]
    try:
        for start in range(0, len(new), COLLECTION):
            body = {"allOrNone": False, "records": new[start : start + COLLECTION]}
            api.send("POST", "/composite/sobjects", body, idempotent=False)
        for start in range(0, len(old), COLLECTION):
            ids = ",".join(old[start : start + COLLECTION])
            api.send("DELETE", "/composite/sobjects", params={"ids": ids, "allOrNone": "false"})
    except SystemFailure:
        pass  # what is there now is told below, or by the next reading
    if not new and not old:
        now: Mapping[str, Mapping[str, Any]] = there
    else:
        try:
            now = _roles(api, list(wanted))
        except SystemFailure:
            return
    for deal, (ref, _) in wanted.items():
        done[ref] = done[ref]._replace(stored={FIELD: sorted(now[deal])})


def _roles(api: Api, deals: Sequence[str]) -> dict[str, dict[str, str]]:
    """Of each opportunity: contact → id of its role."""
    found: dict[str, dict[str, str]] = {deal: {} for deal in deals}
    for condition in one_of("OpportunityId", deals):
        for row in api.rows(select(("Id", "OpportunityId", "ContactId"), "OpportunityContactRole", [condition])):
            role = Answered(row, "Salesforce's answer of contact roles")
            found[str(role["OpportunityId"])][str(role["ContactId"])] = str(role["Id"])
    return found
