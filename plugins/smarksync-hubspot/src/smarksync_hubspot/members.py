"""Who is in which list, read: list by list, and only those lists in which somebody joined or left.

HubSpot tells no changes of memberships (marketing.md 4.5): a list shows its members by record id, 250 a page, each with
the time since when. But the search for lists shows, of each, how many members it has and when somebody last joined or
left it (`hs_list_size`, `hs_last_record_added_at`, `hs_last_record_removed_at`: HubSpot's own client libraries,
ListSearchRequest). One such call tells which lists have to be read again, whole. What it said before the reading is
remembered, so that a change during the reading, or one that is counted late, brings the list once more.

Active lists may hold everybody and change all the time: they are read where the settings name them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from smarksync.kit.pages import TokenPages
from smarksync.plugin import Cursor, Page, PermissionDenied, Record

from .client import Api, Json, after_of, body_of, results_of
from .people import listed
from .rows import instant

PAGE = 250
_SIGNS = ("hs_last_record_added_at", "hs_last_record_removed_at", "hs_list_size")


def read(api: Api, cursor: Cursor | None, fields: Sequence[str], active: Sequence[str]) -> Iterator[Page]:
    """Members of the lists that changed since the cursor, which holds what each list said of itself."""
    known: Mapping[str, str] = cursor.get("lists", {}) if cursor is not None else {}
    try:
        now = {str(row["listId"]): _sign(row) for rows in listed(api) for row in rows if _wanted(row, active)}
    except PermissionDenied as refused:
        # nobody had to be able to see lists so far, and a hand-off does not need them
        api.log.warning("hubspot.lists_unseen", said=str(refused))
        yield Page((), cursor or {"v": 1, "lists": {}}, False)
        return
    marks = {one: sign for one, sign in known.items() if one in now}
    for one, sign in now.items():
        if sign and marks.get(one) == sign:
            continue
        if one not in marks and sign.endswith("|0"):
            marks[one] = sign
            continue
        turn = TokenPages("after")
        while turn.more:
            answer = api.call(
                "GET", api.at("lists", f"/{one}/memberships"), params={"limit": PAGE, **turn.params}, accept=(404,)
            )
            if answer.status == 404:  # deleted meanwhile: nobody was taken out of it
                break
            body = body_of(answer)
            rows = results_of(body)
            turn.turn(after_of(body))
            if not turn.more:
                marks[one] = sign
            whole = () if turn.more else (_campaign(one),)
            yield Page(
                [_record(one, row, fields) for row in rows], {"v": 1, "lists": dict(marks)}, True, complete=whole
            )
    yield Page((), {"v": 1, "lists": marks}, False)


def _wanted(row: Json, active: Sequence[str]) -> bool:
    name = str(row.get("name") or "").casefold()
    return row.get("processingType") != "DYNAMIC" or any(fnmatchcase(name, one.casefold()) for one in active)


def _sign(row: Json) -> str:
    told = row.get("additionalProperties") or {}
    if "hs_list_size" not in told:
        return ""  # it says nothing of itself, so it is read each time
    return "|".join(str(told.get(name) or "") for name in _SIGNS)


def _campaign(list_id: str) -> str:
    return f"lists:{list_id}"  # campaigns are numbered apart


def _record(list_id: str, row: Json, fields: Sequence[str]) -> Record:
    person = str(row["recordId"])
    shown: dict[str, Any] = {"list": _campaign(list_id), "contact": person, "smarksync.status": "member"}
    since = instant(row.get("membershipTimestamp"))
    return Record(f"{_campaign(list_id)}:{person}", {name: shown.get(name) for name in fields}, since)
