"""Rows without a field for our id that may be there already: tasks and events that we made before our ledger was lost, or
in a call whose answer was, and members of a campaign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from smarksync.plugin import Receipt, Write, WriteResult

from .client import Api
from .ids import full_id
from .soql import moment, one_of, select
from .worked_out import native_body

#: where the description may not be read or written: a create is sent again by the next run at the latest, which may be
#: tomorrow's
_RECENT = timedelta(days=3)
#: more letters of subjects than this are not asked with: the person is what the system has an index of
_SUBJECTS = 3_000


def marked(key: str, body: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The body of a new task or event with a mark of what it tells, as the last line of its description.

    Neither object shows the moment of what a copy tells of, and two facts may read alike.
    """
    if not _markable(fields):
        return dict(body)
    said, mark = str(body.get("Description") or ""), _mark(key)
    whole = f"{said}\n{mark}" if said else mark
    room = int(fields["Description"].get("length") or 0)
    return dict(body) if room and len(whole) > room else {**body, "Description": whole}


def twins(api: Api, name: str, batch: Sequence[Write], fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Receipt]:
    """Receipts for tasks and events that we made already, known by their mark.

    ``fields``: the object as described. Where its description is out of reach, what we made lately with the same subject
    for the same person counts as the same.
    """
    wanted: dict[tuple[str, str], Write] = {}
    subjects: dict[str, None] = {}
    people: dict[str, None] = {}
    exact = _markable(fields)
    for write in batch:
        body = native_body(name, write.fields, creating=True)
        if write.key is not None and body.get("Subject"):
            subject, who = str(body["Subject"]).strip(), full_id(str(body.get("WhoId") or ""))
            wanted[_mark(write.key) if exact else subject.lower(), who] = write
            subjects[subject] = people[who] = None
    if not wanted or not api.grant.user_id:
        return {}
    found: dict[str, Receipt] = {}
    for conditions in _conditions(api, list(subjects), list(people), exact):
        columns = ("Id", "Subject", "WhoId", *(("Description",) if exact else ()))
        for row in api.rows(select(columns, name, [*conditions, f"CreatedById = '{api.grant.user_id}'"])):
            said = str(row.get("Description") or "").rpartition("\n")[2] if exact else str(row["Subject"]).lower()
            known = wanted.get((said.strip(), str(row.get("WhoId") or "")))
            if known is not None:
                found[known.ref] = Receipt(known.ref, WriteResult.CREATED, str(row["Id"]))
    return found


def _conditions(api: Api, subjects: list[str], people: list[str], exact: bool) -> Iterator[list[str | None]]:
    said = list(one_of("Subject", subjects))
    if not exact:
        now = api.server_time()
        for condition in said:
            yield [condition, f"CreatedDate >= {moment(now - _RECENT)}" if now else None]
    elif "" in people:  # about nobody
        for condition in said:
            yield [condition]
    else:
        short = said[0] if len(said) == 1 and len(said[0]) <= _SUBJECTS else None
        for condition in one_of("WhoId", people):
            yield [condition, short]


def _mark(key: str) -> str:
    return f"[SmarkSync {key}]"


def _markable(fields: Mapping[str, Mapping[str, Any]]) -> bool:
    return bool(fields.get("Description", {}).get("createable"))


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
