"""Bad connectors that lose rows behind the first page, or behind a cursor that ran ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from bad_connectors import Bad, Pages, Reads
from web_memory import WebSettings, discover

from smarksync.plugin import Cursor, Gone, GonePages, Record, StreamSpec

_PAGE = 5


class ReadsOnePage(Reads):
    """The second page is never asked for."""

    breaks = "resume_has_no_gap"
    also = frozenset({"empty_page_continues", "more_than_a_page_at_one_time"})
    says_so = "rows of leads are not shown"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        yield next(pages)._replace(more=False)


class SkipsTheSecondPage(Reads):
    breaks = "resume_has_no_gap"
    also = frozenset({"more_than_a_page_at_one_time"})
    says_so = "rows of leads are not shown"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        for number, page in enumerate(pages):
            yield page._replace(records=()) if number == 1 and page.more else page


class FindsOnePage(Bad):
    breaks = "all_matches"
    says_so = "find leaves out"

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        for value in values:
            yield from islice(super().find(stream, key, [value], fields=fields), _PAGE)


class FetchesOnePage(Bad):
    breaks = "all_matches"
    says_so = "fetch leaves out"

    def fetch(self, stream: str, ids: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        yield from super().fetch(stream, ids[:_PAGE], fields=fields)


class TellsOnePageOfTheGone(Bad):
    breaks = "merges_and_conversions_mapped"
    says_so = "one of 12, is told as nothing"

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        pages = list(super().gone(stream, cursor=cursor, until=until))
        yield pages[0][0], pages[-1][1]


class CursorOfTheServersTime(Reads):
    """Each page's cursor is the time of its answer, before the rest was read: a run that dies here loses the rest."""

    breaks = "resume_has_no_gap"
    says_so = "Resumed from the cursor of page 1"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        for page in pages:
            early = {"v": 1, "at": self.server_time().isoformat(), "id": ""}
            yield page._replace(cursor=early) if page.more else page


class CursorPastUntil(Reads):
    """It read up to `until`, and says that it read up to now."""

    breaks = "until_respected"
    says_so = "What came behind `until`"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        for page in pages:
            late = {"v": 1, "at": self.server_time().isoformat(), "id": ""}
            yield page if page.more else page._replace(cursor=late)


class StartsWhereItEnded(Bad):
    """Its cursor is the time of its last answer, and it asks from there on, without the overlap that it declares."""

    breaks = "overlap_never_loses"
    says_so = "Within the overlap of 0:00:05"

    def read(self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]) -> Pages:
        since = datetime.fromisoformat(cursor["since"]) if cursor and "since" in cursor else None
        for page in super().read(stream, cursor=None, until=until, fields=fields):
            kept = [r for r in page.records if since is None or (r.changed_at and r.changed_at >= since)]
            asked = {"since": cursor["since"]} if cursor and "since" in cursor else {}
            now = {"since": min(self.server_time(), until or self.server_time()).isoformat()}
            yield page._replace(records=kept, cursor=asked if page.more else now)


class GoneCursorAhead(Bad):
    """The first page of those that left has the cursor of the last."""

    breaks = "merges_and_conversions_mapped"
    says_so = "Resumed from the cursor of page 1, gone leaves out 7 of 12"

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        pages = list(super().gone(stream, cursor=cursor, until=until))
        for rows, _ in pages:
            yield rows, pages[-1][1]


class BeginsToTellWhenAsked(Bad):
    """Asked for the first time, it tells nothing, whatever another session has read before."""

    breaks = "merges_and_conversions_mapped"
    says_so = "Without a cursor, gone does not name a row"

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        pages = list(super().gone(stream, cursor=cursor, until=until))
        yield from [((), pages[-1][1])] if cursor is None else pages


class TellsTheLivingGone(Bad):
    """It names whoever changed."""

    breaks = "merges_and_conversions_mapped"
    says_so = "a read still shows them"

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        for rows, here in super().gone(stream, cursor=cursor, until=until):
            living = (Gone(id) for id in self.system.rows(stream))
            yield (*rows, *living), here


class SaysItShowsAll(Bad):
    """It reads what changed, and declares that it reads all: whoever did not change would be taken for deleted."""

    breaks = "overlap_never_loses"
    also = frozenset({"until_respected"})  # which is then not tested
    says_so = "It declares full_scan"

    @classmethod
    def says(cls) -> Mapping[str, Any]:
        def whole(settings: WebSettings) -> tuple[StreamSpec, ...]:
            return tuple(replace(stream, full_scan=True) for stream in discover(settings))

        return {"discover": whole}
