"""Owners, lists and campaigns: short lists that are read whole; who joins a list and leaves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smarksync.kit.pages import OffsetPages, TokenPages
from smarksync.kit.resolve import modest, vendor_words
from smarksync.plugin import (
    Choice,
    FieldInfo,
    FieldType,
    PermissionDenied,
    Receipt,
    Record,
    Unknown,
    Write,
    WriteResult,
)

from .client import Api, Json, after_of, body_of, results_of
from .refusals import REFUSED
from .rows import instant

T = FieldType

FIELDS: Mapping[str, tuple[FieldInfo, ...]] = {
    "owners": (
        FieldInfo("email", T.EMAIL, writable=False, unique=True),
        FieldInfo("name", T.TEXT, writable=False),
        FieldInfo("type", T.CHOICE, writable=False, choices=(Choice("PERSON"), Choice("QUEUE"))),
        FieldInfo("active", T.BOOL, writable=False),
        FieldInfo("team", T.TEXT, writable=False),
        FieldInfo("userId", T.TEXT, writable=False),
    ),
    "lists": (
        FieldInfo("name", T.TEXT, writable=False),
        FieldInfo("type", T.TEXT, writable=False),
        FieldInfo("createdAt", T.INSTANT, writable=False),
        # what an ASSOCIATE takes (README, Lists)
        FieldInfo("lead", T.REFERENCE),
        FieldInfo("status", T.TEXT),
    ),
    "memberships": (
        FieldInfo("list", T.REFERENCE, writable=False),
        FieldInfo("contact", T.REFERENCE, writable=False),
        FieldInfo("smarksync.status", T.CHOICE, writable=False, choices=(Choice("member"),)),
    ),
    "campaigns": tuple(
        FieldInfo(name, kind, writable=False)
        for name, kind in {
            "hs_name": T.TEXT,
            "hs_campaign_status": T.TEXT,
            "hs_start_date": T.DATE,
            "hs_end_date": T.DATE,
            "hs_budget_items_sum_amount": T.DECIMAL,
            "hs_spend_items_sum_amount": T.DECIMAL,
            "hs_currency_code": T.TEXT,
        }.items()
    ),
}


# -- owners ----------------------------------------------------------------------------------------------------


def owners(api: Api, fields: Sequence[str]) -> Iterator[list[Record]]:
    """People and queues, those who left (archived) among them: deals and contacts still name them."""
    for archived in ("false", "true"):
        turn = TokenPages("after")
        while turn.more:
            answer = api.get(api.at("owners"), {"limit": 100, "archived": archived, **turn.params})
            turn.turn(after_of(answer))
            yield [_owner(row, fields) for row in results_of(answer)]


def _owner(row: Json, fields: Sequence[str]) -> Record:
    teams = row.get("teams") or ()
    first = next((team for team in teams if team.get("primary")), teams[0] if teams else {})
    shown: dict[str, Any] = {
        "email": row.get("email"),
        "name": " ".join(filter(None, (row.get("firstName"), row.get("lastName")))) or row.get("email"),
        "type": row.get("type") or "PERSON",
        "active": not row.get("archived"),
        "team": first.get("name"),
        "userId": row.get("userId"),
    }
    return Record(str(row["id"]), {name: shown.get(name) for name in fields}, instant(row.get("updatedAt")))


# -- lists -----------------------------------------------------------------------------------------------------


def lists(api: Api, fields: Sequence[str]) -> Iterator[list[Record]]:
    """Lists of contacts, static and active ones (marketing.md 4.5)."""
    for rows in listed(api):
        yield [_list(row, fields) for row in rows]


def listed(api: Api) -> Iterator[list[Json]]:
    """The same as HubSpot shows them."""
    turn = OffsetPages(250, params=("offset", "count"))
    while turn.more:
        body = {"query": "", "objectTypeId": "0-1", **turn.params}
        answer = api.post(api.at("lists", "/search"), body, kind="read")
        rows = answer.get("lists") or []
        turn.turn(len(rows), more=bool(answer.get("hasMore")))
        yield [row for row in rows if row.get("objectTypeId", "0-1") == "0-1"]


def _list(row: Json, fields: Sequence[str]) -> Record:
    shown = {"name": row.get("name"), "type": row.get("processingType"), "createdAt": row.get("createdAt")}
    return Record(str(row["listId"]), {name: shown.get(name) for name in fields}, instant(row.get("updatedAt")))


def associate(api: Api, batch: Sequence[Write]) -> Iterator[Receipt]:
    """Joins and leaves: ``id`` is the list, ``lead`` the contact, ``status`` ``removed`` to leave it.

    One call per list and direction. Active lists fill themselves and refuse (marketing.md 4.5).
    """
    groups: dict[tuple[str, str], list[Write]] = {}
    for row in batch:
        what = "remove" if row.fields.get("status") == "removed" else "add"
        groups.setdefault((row.id or "", what), []).append(row)
    for (list_id, what), rows in groups.items():
        yield from _move(api, list_id, what, rows)


def _move(api: Api, list_id: str, what: str, rows: Sequence[Write]) -> Iterator[Receipt]:
    ids = [str(row.fields.get("lead")) for row in rows]
    path = api.at("lists", f"/{list_id}/memberships/{what}")
    try:
        answer = api.call("PUT", path, json=ids, kind="write", idempotent=True, accept=(400, 404))
    except (Unknown, PermissionDenied) as problem:
        unknown = isinstance(problem, Unknown)
        result = WriteResult.UNKNOWN if unknown else WriteResult.REJECTED
        for row in rows:
            yield Receipt(row.ref, result, row.id, code=problem.code, message=problem.message)
        return
    body = body_of(answer)
    missing = {str(one) for one in body.get("recordIdsMissing") or ()}
    words = modest(vendor_words(answer)) if answer.status >= 400 else "there is no such contact"
    # "recordsIdsAdded", as HubSpot spells it; what it neither added nor misses was there before
    moved = {
        str(one) for name in ("recordsIdsAdded", "recordIdsAdded", "recordIdsRemoved") for one in body.get(name) or ()
    }
    for row, contact in zip(rows, ids, strict=True):
        if answer.status >= 400 or contact in missing:
            yield Receipt(row.ref, WriteResult.REJECTED, row.id, code=REFUSED, message=words, field="lead")
        else:
            result = WriteResult.UPDATED if contact in moved else WriteResult.UNCHANGED
            yield Receipt(row.ref, result, row.id, stored=dict(row.fields))


# -- campaigns -------------------------------------------------------------------------------------------------


def campaigns(api: Api, fields: Sequence[str]) -> Iterator[list[Record]]:
    """Marketing campaigns; an account without that product has none to show."""
    turn = TokenPages("after")
    while turn.more:
        params = {"limit": 100, "properties": ",".join(n for n in fields if n.startswith("hs_")), **turn.params}
        answer = api.get("/marketing/v3/campaigns", params)
        turn.turn(after_of(answer))
        yield [_campaign(row, fields) for row in results_of(answer)]


def _campaign(row: Json, fields: Sequence[str]) -> Record:
    shown = row.get("properties") or {}
    return Record(str(row["id"]), {name: shown.get(name) for name in fields}, instant(row.get("updatedAt")))
