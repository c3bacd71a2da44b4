"""Who is on which list and in which program, read: everybody at first, then what the activities tell.

Facts: docs (rest/leads, rest/programs, rest/program-members, rest/activities).

* A list shows its leads without a word of since when; a program shows each one's status with the times of joining and of
  the last move. That is read once, list by list and program by program, or, where that is much, by bulk extract.
* Afterwards "Add to List", "Remove from List" and "Change Status in Progression" tell who joined, left or moved, with the
  time: one feed for all. Activities turn up late, so some are told twice; an older one never replaces a newer one.
* A program that somebody deletes takes nobody out of anything, and tells nothing.
* Lists or programs may be hidden from the API user. They are asked for again in each run, and read as at first once they
  are shown.

Lists and programs are numbered apart: a membership names its campaign ``lists:ID`` or ``programs:ID``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from smarksync.kit.pages import position
from smarksync.kit.response import whole
from smarksync.plugin import Choice, Cursor, FieldInfo, FieldType, Page, PermissionDenied, Record

from . import bulk
from .changes import Types
from .client import PAGE, Api, Row, instant
from .feeds import attributes, feed, first_marks, moved, start
from .settings import MarketoSettings

#: Programs of one job, whose id is then the first column (docs, rest/bulk-program-member-extract).
_PROGRAMS_A_JOB = 10
_MEMBER_COLUMNS = ("leadId", "statusName", "reachedSuccess", "membershipDate", "updatedAt")
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
    api: Api,
    settings: MarketoSettings,
    types: Types,
    cursor: Cursor | None,
    until: datetime | None,
    fields: Sequence[str],
) -> Iterator[Page]:
    """Members of everything, then what changed since."""
    place = position(cursor, 1)
    look_back = timedelta(minutes=settings.look_back_minutes)
    end = until or api.now()
    marks, unseen, begun = place.get("marks"), place.get("unseen", []), place.get("first")
    if begun is None and (marks is None or unseen):
        begun = {"marks": marks or first_marks(api, end), "done": None, "of": unseen or ["lists", "programs"]}
    if begun is not None:
        everybody = _Everybody(api, settings, begun, fields)
        yield from everybody.pages()
        unseen = everybody.unseen
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


class _Everybody:
    """The first reading of what was not seen before; ``unseen`` is then what is still hidden.

    A run that was killed goes on behind the last list or program that was read to its end.

    In pages, campaign by campaign; by bulk extract once the campaigns read so far let expect that many more (docs,
    rest/bulk-program-member-extract, up to ten programs a job; a list is a filter of rest/bulk-lead-extract).
    """

    def __init__(self, api: Api, settings: MarketoSettings, begun: Mapping[str, Any], fields: Sequence[str]) -> None:
        self._api, self._settings, self._begun, self._fields = api, settings, begun, fields
        self._done: tuple[str, int] = tuple(begun["done"]) if begun["done"] else ("", 0)
        self.unseen: list[str] = []

    def pages(self) -> Iterator[Page]:
        """Every page; each may be where a run was killed, none is the last of the reading."""
        shown = {stream: _numbers(self._api, stream) for stream in self._begun["of"]}
        self.unseen = [stream for stream, found in shown.items() if found is None]
        there = sorted((stream, number) for stream, found in shown.items() for number in found or ())
        left = [one for one in there if one > self._done]
        may, seen, count = True, 0, 0
        while left:
            if may and self._worth(seen / count if count else 0.0, left):
                try:
                    yield from self._by_bulk(left)
                    break
                except bulk.NoBulk as why:
                    self._api.log.warning("marketo.no_bulk", reason=str(why))
                    may, left = False, [one for one in left if one > self._done]
                    continue
            for records, more in self._in_pages(*left.pop(0)):
                seen, count = seen + len(records), count + (not more)
                yield self._page(records)

    def _worth(self, each: float, left: Sequence[tuple[str, int]]) -> bool:
        """Whether the campaigns that are left, at so many members each, are worth their jobs."""
        pages = len(left) * (1 + each // PAGE)
        return bulk.worth(self._settings, each * len(left), len(_jobs(left)), pages)

    def _page(self, records: list[Record]) -> Page:
        done = list(self._done) if self._done[0] else None
        return Page(records, {"v": 1, "first": {**self._begun, "done": done}}, True)

    def _in_pages(self, stream: str, number: int) -> Iterator[tuple[list[Record], bool]]:
        path = f"/rest/v1/lists/{number}/leads.json" if stream == "lists" else f"/rest/v1/leads/programs/{number}.json"
        for rows, _, more in self._api.pages(path, {"fields": "id", "batchSize": PAGE}):
            if not more:
                self._done = (stream, number)
            yield [_there(f"{stream}:{number}", row, self._fields) for row in rows], more

    def _by_bulk(self, left: Sequence[tuple[str, int]]) -> Iterator[Page]:
        for ask, lines in bulk.extracts(self._api, _jobs(left)):
            page: list[Record] = []
            for cells in bulk.rows(lines):
                page.append(self._member(ask.key[0], cells))
                if len(page) >= bulk.ROWS:
                    yield self._page(page)
                    page = []
            self._done = ask.key[-1]
            yield self._page(page)

    def _member(self, campaign: tuple[str, int], cells: Mapping[str, str | None]) -> Record:
        stream, number = campaign
        if stream == "lists":
            return _there(f"lists:{number}", {"id": cells["id"]}, self._fields)
        told = {
            "progressionStatus": cells["statusName"], "reachedSuccess": str(cells["reachedSuccess"]).lower() in ("true", "1"),
            "membershipDate": cells["membershipDate"], "updatedAt": cells["updatedAt"],
        }  # fmt: skip
        return _there(f"programs:{cells['programId']}", {"id": cells["leadId"], "membership": told}, self._fields)


def _jobs(campaigns: Sequence[tuple[str, int]]) -> list[bulk.Ask]:
    """A job a list, and one for every ten programs; the key is whose members it brings."""
    lists = [one for one in campaigns if one[0] == "lists"]
    programs = [one for one in campaigns if one[0] == "programs"]
    asks = [bulk.Ask("leads", {"fields": ["id"], "filter": {"staticListId": one[1]}}, (one,)) for one in lists]
    for at in range(0, len(programs), _PROGRAMS_A_JOB):
        part = programs[at : at + _PROGRAMS_A_JOB]
        body = {"fields": _MEMBER_COLUMNS, "filter": {"programIds": [number for _, number in part]}}
        asks.append(bulk.Ask("program/members", body, tuple(part)))
    return asks


def _numbers(api: Api, stream: str) -> list[int] | None:
    """Those of all lists, or of all programs; None where they are hidden."""
    try:
        if stream == "lists":
            return [
                whole(row, "id") for rows, _, _ in api.pages("/rest/v1/lists.json", {"batchSize": PAGE}) for row in rows
            ]
        return [whole(row, "id") for rows, _ in api.assets("/rest/asset/v1/programs.json") for row in rows]
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
        name = str(known.get(whole(row, "activityTypeId"), {}).get("name", "")).strip().lower()
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
