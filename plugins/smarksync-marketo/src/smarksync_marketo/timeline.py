"""Activities, read: by their feed, type by type; a long past by bulk extract.

The first reading goes back ``activity_days``. How many activities that will be, Marketo does not say: the feed's first
pages tell how dense they are, and the rest is estimated by that. Where the rest is large, bulk jobs over 31 days each
bring it (docs, rest/bulk-activity-extract); refused or failed jobs end in the feed again. Bulk rows carry the same key as
the feed's, so what both show counts once. The bookmark for later runs is from before the first reading began.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from smarksync.kit.pages import position
from smarksync.plugin import Cursor, Malformed, Page, Record

from . import bulk
from .activities import activity, tells, wanted
from .changes import Types
from .client import Api, Row, instant
from .feeds import feed, first_marks, moved, start, token_for
from .settings import MarketoSettings

#: Type ids per call (docs, rest/activities).
TYPES_A_CALL = 10
#: Lead ids per call (docs, rest/activities).
LEADS_A_CALL = 30
#: Pages of the feed after which the rest is estimated: fewer may be one campaign's minute.
_SAMPLE = 10
_FEED = "/rest/v1/activities.json"
_LONG_AGO = "1970-01-01T00:00:00+00:00"
_NUMBERS = ("leadId", "activityTypeId", "campaignId", "primaryAttributeValueId")


class Timeline:
    """One reading of the activities.

    Its cursor holds a bookmark a group of types: as :mod:`.feeds` keeps it, or, while the past is read, an object: the
    token to go on with or the ``bulk`` window that is left, and ``then``, the bookmark for afterwards.
    """

    def __init__(
        self, api: Api, settings: MarketoSettings, types: Types, cursor: Cursor | None, until: datetime | None,
        fields: Sequence[str], own: int | None,
    ) -> None:  # fmt: skip
        self._api, self._settings, self._types, self._fields, self._own = api, settings, types, fields, own
        self._end = until or api.now()
        self._look_back = timedelta(minutes=settings.look_back_minutes)
        ids = sorted(wanted(types))
        self._groups = [ids[at : at + TYPES_A_CALL] for at in range(0, len(ids), TYPES_A_CALL)]
        place = position(cursor, 1)
        # (an instance that got another type begins anew: rows are keyed, so none counts twice)
        known = place["marks"] if len(place.get("marks", ())) == len(self._groups) else None
        self._marks: list[Any] = list(known) if known is not None else [self._anew()] * len(self._groups)

    def _anew(self) -> Mapping[str, Any]:
        since = self._end - timedelta(days=self._settings.activity_days)
        (then,) = first_marks(self._api, self._end - self._look_back)
        return {"since": since.isoformat(), "token": token_for(self._api, since), "then": then}

    def pages(self) -> Iterator[Page]:
        """Every page from the cursor on."""
        if not self._groups:
            yield Page([], self._cursor(), False)
        for number, group in enumerate(self._groups):
            last = number == len(self._groups) - 1
            read = self._past if isinstance(self._marks[number], Mapping) else self._news
            for rows, more in read(number, group):
                yield Page(self._records(rows), self._cursor(), more or not last)

    def _cursor(self) -> Cursor:
        return {"v": 1, "marks": list(self._marks)}

    def _records(self, rows: Sequence[Row]) -> list[Record]:
        return [activity(self._types, row, self._fields, self._own) for row in rows if tells(self._types, row)]

    def _news(self, number: int, group: Sequence[int]) -> Iterator[tuple[list[Row], bool]]:
        """What happened since the bookmark."""
        known = self._marks[number]
        for page in feed(self._api, _FEED, _of(group), start(known, self._end, self._look_back), self._end):
            more = [[_LONG_AGO, page.token]]
            self._marks[number] = more if page.more else moved(known, self._end, self._look_back, page.token)
            yield page.rows, page.more

    # ---- the first reading
    def _past(self, number: int, group: Sequence[int]) -> Iterator[tuple[list[Row], bool]]:
        """What happened before, as far back as the settings say."""
        mark = dict(self._marks[number])
        may = True
        while True:
            if "bulk" not in mark:
                yield from self._past_by_feed(number, group, mark, may)
                mark = self._marks[number]
                if not isinstance(mark, Mapping):
                    return
            try:
                yield from self._past_by_bulk(number, group, mark)
                return
            except bulk.NoBulk as why:
                self._api.log.warning("marketo.no_bulk", reason=str(why))
                since = self._marks[number]["bulk"][0]
                may, token = False, token_for(self._api, datetime.fromisoformat(since))
                mark = {"since": since, "token": token, "then": mark["then"]}

    def _past_by_feed(
        self, number: int, group: Sequence[int], mark: Mapping[str, Any], may: bool
    ) -> Iterator[tuple[list[Row], bool]]:
        """By the feed, to its end; or until it is clear that the rest is worth jobs: the mark then says so."""
        since = reached = datetime.fromisoformat(mark["since"])
        rows = pages = 0
        if may and self._settings.bulk == "always":
            self._marks[number] = self._rest(mark, since)
            return
        for page in feed(self._api, _FEED, _of(group), mark["token"], self._end):
            rows, pages = rows + len(page.rows), pages + 1
            reached = max([reached, *(at for row in page.rows if (at := instant(row.get("activityDate"))))])
            self._marks[number] = (
                {**mark, "since": reached.isoformat(), "token": page.token} if page.more else [mark["then"]]
            )
            jump = may and page.more and pages >= _SAMPLE and self._worth(rows, since, reached)
            if jump:
                self._marks[number] = self._rest(mark, reached)
            yield page.rows, page.more
            if jump:
                return

    def _rest(self, mark: Mapping[str, Any], since: datetime) -> Mapping[str, Any]:
        return {"bulk": [since.isoformat(), self._end.isoformat()], "then": mark["then"]}

    def _worth(self, rows: int, since: datetime, reached: datetime) -> bool:
        """Whether the rest of the time, if it is as dense as the part that was seen, is worth its jobs."""
        seen, left = (reached - since).total_seconds(), (self._end - reached).total_seconds()
        return seen > 0 and bulk.worth(self._settings, rows / seen * left, len(bulk.windows(reached, self._end)))

    def _past_by_bulk(
        self, number: int, group: Sequence[int], mark: Mapping[str, Any]
    ) -> Iterator[tuple[list[Row], bool]]:
        first, last = (datetime.fromisoformat(text) for text in mark["bulk"])
        asks = [
            bulk.Ask("activities", {"filter": {"createdAt": bulk.span(*one), "activityTypeIds": list(group)}}, one)
            for one in bulk.windows(first, last)
        ]
        for ask, lines in bulk.extracts(self._api, asks):
            page: list[Row] = []
            for cells in bulk.rows(lines):
                row = _from_csv(cells)
                if (at := instant(row.get("activityDate"))) is None or at <= last:
                    page.append(row)
                if len(page) >= bulk.ROWS:
                    yield page, True
                    page = []
            more = ask is not asks[-1]
            left = {**mark, "bulk": [ask.key[1].isoformat(), mark["bulk"][1]]}
            self._marks[number] = left if more else [mark["then"]]
            yield page, more


def written(
    api: Api, settings: MarketoSettings, types: Types, own: int, leads: Sequence[str], fields: Sequence[str]
) -> Iterator[Record]:
    """What these leads have of the type that activities are written as: one that was dated in the past stands behind every
    bookmark, where no later reading comes by."""
    since = api.now() - timedelta(days=settings.activity_days)
    for start_at in range(0, len(leads), LEADS_A_CALL):
        asked = {**_of([own]), "leadIds": ",".join(leads[start_at : start_at + LEADS_A_CALL])}
        for page in feed(api, _FEED, asked, token_for(api, since), None):
            for row in page.rows:
                yield activity(types, row, fields, own)


def _of(group: Sequence[int]) -> Mapping[str, Any]:
    return {"activityTypeIds": ",".join(str(one) for one in group)}


def _from_csv(cells: Mapping[str, str | None]) -> Row:
    """A row of a bulk file as the feed shows an activity: its attributes are a JSON object."""
    row: dict[str, Any] = dict(cells)
    try:
        told = orjson.loads(cells["attributes"] or "{}")
        row.update((name, int(cell)) for name in _NUMBERS if (cell := cells.get(name)))
    except ValueError:
        told = None
    if not isinstance(told, Mapping):
        raise Malformed("A line of Marketo's bulk file of activities cannot be read.")
    row["attributes"] = [{"name": name, "value": value} for name, value in told.items()]
    return row
