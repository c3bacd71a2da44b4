"""Who is on which list and in which program, read: everybody at first, then what the activities tell.

Facts: docs (rest/leads, rest/programs, rest/program-members, rest/activities).

* A list shows its leads without a word of since when; a program shows each one's status with the times of joining and of
  the last move. That is read once, list by list and program by program.
* Afterwards "Add to List", "Remove from List" and "Change Status in Progression" tell who joined, left or moved, with the
  time: one feed for all. Activities turn up late, so some are told twice; an older one never replaces a newer one.
* A program that somebody deletes takes nobody out of anything, and tells nothing.
* Lists or programs may be hidden from the API user. They are asked for again in each run, and read as at first once they
  are shown.

Lists and programs are numbered apart: a membership names its campaign ``lists:ID`` or ``programs:ID``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from smarksync.kit.pages import position
from smarksync.plugin import Choice, Cursor, FieldInfo, FieldType, Page, PermissionDenied, Record

from .changes import Types
from .client import PAGE, Api, Row, instant
from .feeds import attributes, feed, first_marks, moved, start

_T = FieldType
STATUSES = ("member", "sent", "responded", "registered", "attended", "influenced", "removed")
FIELDS: Sequence[FieldInfo] = (
    FieldInfo("campaign", _T.REFERENCE, writable=False),
    FieldInfo("lead", _T.REFERENCE, writable=False),
    FieldInfo("smarksync.status", _T.CHOICE, writable=False, choices=tuple(Choice(one) for one in STATUSES)),
    FieldInfo("status", _T.TEXT, writable=False),
    FieldInfo("responded", _T.BOOL, writable=False),
)
#: name of an activity type → what it says of a list (a program's status change says which)
_TOLD = {
    "add to list": "member", "remove from list": "removed", "change status in progression": "",
    "change program member status": "",
}  # fmt: skip
#: words in the name of a status, first match, as channels come with them (docs, rest/channels)
_WORDS = (
    ("not in program", "removed"), ("no show", "registered"), ("not attend", "registered"), ("attended", "attended"), ("visited", "attended"),
    ("registered", "registered"), ("influenced", "influenced"), ("invited", "sent"), ("sent", "sent"),
    ("responded", "responded"), ("clicked", "responded"), ("filled", "responded"), ("engaged", "responded"),
    ("downloaded", "responded"),
)  # fmt: skip


def meaning(status: str, success: bool = False) -> str:
    """A program's status in canonical words; success without a word that is known is a response."""
    text = status.casefold()
    found = next((canonical for word, canonical in _WORDS if word in text), None)
    return found or ("responded" if success else "member")


def read(
    api: Api, types: Types, cursor: Cursor | None, until: datetime | None, fields: Sequence[str], look_back: timedelta
) -> Iterator[Page]:
    """Members of everything, then what changed since."""
    place = position(cursor, 1)
    end = until or api.now()
    marks, unseen, begun = place.get("marks"), place.get("unseen", []), place.get("first")
    if begun is None and (marks is None or unseen):
        begun = {"marks": marks or first_marks(api, end), "done": None, "of": unseen or ["lists", "programs"]}
    if begun is not None:
        unseen = yield from _everybody(api, begun, fields)
        if marks is None:  # what happened since then is told by the next reading
            yield Page([], {"v": 1, "marks": begun["marks"], "unseen": unseen}, False)
            return
    assert marks is not None
    ids = ",".join(str(number) for name in _TOLD if (number := types.id_of(name)) is not None)
    if not ids:
        yield Page([], {"v": 1, "marks": marks, "unseen": unseen}, False)
        return
    token = start(marks, end, look_back)
    for page in feed(api, "/rest/v1/activities.json", {"activityTypeIds": ids}, token, end):
        now = [[_LONG_AGO, page.token]] if page.more else moved(marks, end, look_back, page.token)
        yield Page(_told(types, page.rows, fields), {"v": 1, "marks": now, "unseen": unseen}, page.more)


def _everybody(api: Api, begun: Mapping[str, Any], fields: Sequence[str]) -> Generator[Page, None, list[str]]:
    """The first reading of what was not seen before; returns what is still hidden.

    A run that was killed goes on behind the last list or program that was read to its end.
    """
    done = tuple(begun["done"]) if begun["done"] else ("", 0)
    shown = {stream: _numbers(api, stream) for stream in begun["of"]}
    for stream, number in sorted((stream, number) for stream, found in shown.items() for number in found or ()):
        if (stream, number) <= done:
            continue
        if stream == "lists":
            path, params = f"/rest/v1/lists/{number}/leads.json", {"fields": "id", "batchSize": PAGE}
        else:
            path, params = f"/rest/v1/leads/programs/{number}.json", {"fields": "id", "batchSize": PAGE}
        for rows, _, more in api.pages(path, params):
            if not more:
                done = (stream, number)
            records = [_there(f"{stream}:{number}", row, fields) for row in rows]
            yield Page(records, {"v": 1, "first": {**begun, "done": list(done) if done[0] else None}}, True)
    return [stream for stream, found in shown.items() if found is None]


def _numbers(api: Api, stream: str) -> list[int] | None:
    """Those of all lists, or of all programs; None where they are hidden."""
    try:
        if stream == "lists":
            return [
                int(row["id"]) for rows, _, _ in api.pages("/rest/v1/lists.json", {"batchSize": PAGE}) for row in rows
            ]
        return [int(row["id"]) for rows, _ in api.assets("/rest/asset/v1/programs.json") for row in rows]
    except PermissionDenied as refused:
        # nobody had to be able to see them so far, and a hand-off does not need them
        api.log.warning("marketo.campaigns_unseen", of=stream, said=str(refused))
        return None


def _there(campaign: str, row: Row, fields: Sequence[str]) -> Record:
    """A member as a list or program shows them."""
    told = row.get("membership") or {}
    status, success = str(told.get("progressionStatus") or ""), bool(told.get("reachedSuccess"))
    at = instant(told.get("updatedAt")) or instant(told.get("membershipDate"))
    shown = meaning(status, success) if told else "member"
    return _record(campaign, str(row["id"]), shown, status, success if told else None, at, fields)


def _told(types: Types, rows: Sequence[Row], fields: Sequence[str]) -> list[Record]:
    """What a page of activities says last of each membership."""
    known = types.by_id()
    found: dict[str, Record] = {}
    for row in sorted(rows, key=lambda row: instant(row.get("activityDate")) or _NEVER):
        name = str(known.get(int(row["activityTypeId"]), {}).get("name", "")).strip().lower()
        if name not in _TOLD or not row.get("primaryAttributeValueId"):
            continue
        stream = "lists" if _TOLD[name] else "programs"
        told = attributes(row)
        status = str(told.get("New Status") or "")
        success = str(told.get("Success")).lower() in ("true", "1") if "Success" in told else None
        shown = _TOLD[name] or meaning(status, bool(success))
        record = _record(
            f"{stream}:{row['primaryAttributeValueId']}", str(row["leadId"]), shown, status, success,
            instant(row.get("activityDate")), fields,
        )  # fmt: skip
        found[record.id] = record
    return list(found.values())


def _record(
    campaign: str, lead: str, status: str, words: str, success: bool | None, at: datetime | None, fields: Sequence[str]
) -> Record:
    shown = {
        "campaign": campaign, "lead": lead, "smarksync.status": status, "status": words or None, "responded": success,
    }  # fmt: skip
    return Record(f"{campaign}:{lead}", {name: shown.get(name) for name in fields}, at)


_LONG_AGO = "1970-01-01T00:00:00+00:00"
_NEVER = datetime.fromisoformat(_LONG_AGO)
