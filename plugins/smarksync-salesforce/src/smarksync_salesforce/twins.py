"""Rows without a field for our id that may be there already: our own task from a call whose answer was lost, and
members of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from smarksync.plugin import Receipt, Write, WriteResult

from .client import Api
from .ids import full_id
from .soql import moment, one_of, select
from .worked_out import native_body

#: a create is sent again by the next run at the latest, which may be tomorrow's
_RECENT = timedelta(days=3)


def twins(api: Api, name: str, batch: Sequence[Write]) -> dict[str, Receipt]:
    """Receipts for tasks and events that we made lately: the same subject, for the same person."""
    wanted: dict[tuple[str, str], Write] = {}
    for write in batch:
        body = native_body(name, write.fields, creating=True)
        if write.key is not None and body.get("Subject"):
            wanted[str(body["Subject"]).strip().lower(), full_id(str(body.get("WhoId") or ""))] = write
    if not wanted or not api.grant.user_id:
        return {}
    now = api.server_time()
    ours = f"CreatedById = '{api.grant.user_id}'"
    lately = f"CreatedDate >= {moment(now - _RECENT)}" if now else None
    found: dict[str, Receipt] = {}
    subjects = list(dict.fromkeys(str(w.fields["Subject"]).strip() for w in wanted.values()))
    for condition in one_of("Subject", subjects):
        for row in api.rows(select(("Id", "Subject", "WhoId"), name, [condition, ours, lately])):
            known = wanted.get((str(row["Subject"]).strip().lower(), str(row.get("WhoId") or "")))
            if known is not None:
                found[known.ref] = Receipt(known.ref, WriteResult.CREATED, str(row["Id"]))
    return found


def members(api: Api, batch: Sequence[Write]) -> dict[str, Receipt]:
    """Receipts for people who are members of their campaign already; their status is set as was asked."""
    by_pair: dict[tuple[str, str], tuple[Write, dict[str, Any]]] = {}
    for write in batch:
        body = native_body("CampaignMember", write.fields, creating=True)
        person = full_id(str(body.get("ContactId") or body.get("LeadId") or ""))
        by_pair[full_id(str(body.get("CampaignId") or "")), person] = (write, body)
    found: dict[str, Receipt] = {}
    updates: list[tuple[Write, str, str]] = []
    for condition in one_of("CampaignId", sorted({campaign for campaign, _ in by_pair})):
        people = sorted({person for _, person in by_pair})
        for who in (*one_of("LeadId", people), *one_of("ContactId", people)):
            columns = ("Id", "CampaignId", "LeadId", "ContactId", "Status")
            for row in api.rows(select(columns, "CampaignMember", [condition, who])):
                pair = by_pair.get((row["CampaignId"], row["ContactId"] or row["LeadId"]))
                if pair is None:
                    continue
                write, body = pair
                found[write.ref] = Receipt(write.ref, WriteResult.CREATED, str(row["Id"]))
                if body.get("Status") not in (None, row["Status"]):
                    updates.append((write, str(row["Id"]), str(body["Status"])))
    if updates:
        records = [{"attributes": {"type": "CampaignMember"}, "id": rid, "Status": s} for _, rid, s in updates]
        results = api.send("PATCH", "/composite/sobjects", {"allOrNone": False, "records": records})
        for (write, rid, _), result in zip(updates, results, strict=False):
            if not result.get("success"):
                said = "is a member already, and its status cannot be changed"
                found[write.ref] = Receipt(write.ref, WriteResult.REJECTED, rid, code="SMK-REFUSED", message=said)
    return found
