"""Bad connectors for the clauses about a connector's words about itself and about reading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bad import Bad, without
from pydantic import ConfigDict
from web_memory import WebSettings

from smarksync.plugin import (
    Can,
    Cursor,
    Page,
    Record,
    Session,
)

Pages = Iterator[Page]


class OfAnotherContract(Bad):
    breaks = "contract_supported"

    @classmethod
    def says(cls) -> Mapping[str, Any]:
        return {"contract": 99}


class SaysLessThanItDoes(Bad):
    """It can fetch, and no stream says so."""

    breaks = "abilities_match_protocols"

    @classmethod
    def says(cls) -> Mapping[str, Any]:
        return {"discover": lambda settings: without(settings, Can.FETCH)}


class LaxSettings(WebSettings):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TakesAnySetting(Bad):
    breaks = "settings_refuse_unknown_keys"

    @classmethod
    def says(cls) -> Mapping[str, Any]:
        return {"settings": LaxSettings}


class AsksWhenOpened(Bad):
    """It looks whether the system is there before anybody asked."""

    breaks = "building_does_no_io"

    def __init__(self, settings: WebSettings, session: Session) -> None:
        super().__init__(settings, session)
        self.ask("hello")


class Reads(Bad):
    """Bad at reading: ``turned`` spoils the pages of a read."""

    breaks = "no clause"

    def read(self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]) -> Pages:
        return self.turned(super().read(stream, cursor=cursor, until=until, fields=fields), cursor)

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        """The pages, spoilt."""
        return pages


class NeverEndsWhenNothingIsNew(Reads):
    """It takes the cursor's page for a new one as long as no row came."""

    breaks = "pages_end"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        times = cursor.get("times", 0) if cursor else 0
        for page in pages:
            page = page._replace(cursor={**page.cursor, "times": times + 1})
            while times > 1 and not page.more:
                yield page._replace(more=True, records=[])
            yield page


class StopsAtAnEmptyPage(Reads):
    breaks = "empty_page_continues"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        for page in pages:
            yield page
            if not page.records:
                return


class CursorAheadOfItsRows(Reads):
    """The first page's cursor is that of the last one: what was not read yet is skipped after a crash."""

    breaks = "resume_has_no_gap"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        every = list(pages)
        same_time = len({record.changed_at for page in every for record in page.records}) == 1
        for page in every:
            yield page if same_time else page._replace(cursor=every[-1].cursor)


class DoesNotLookBack(Reads):
    """It goes on exactly where it was, and misses what the vendor shows late."""

    breaks = "overlap_never_loses"

    def read(self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]) -> Pages:
        high = datetime.fromisoformat(cursor["at"]) if cursor and "at" in cursor else None
        place = str(cursor["id"]) if cursor and "at" in cursor else ""
        for page in super().read(stream, cursor=cursor, until=until, fields=fields):
            kept = [
                r for r in page.records if high is None or r.changed_at is None or (r.changed_at, r.id) > (high, place)
            ]
            yield page._replace(records=kept)


class KeysetOfTimeAlone(Reads):
    """It asks for rows later than the last one's time: those of the same time behind it are lost."""

    breaks = "more_than_a_page_at_one_time"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        last = None
        for page in pages:
            kept = [r for r in page.records if r.changed_at != last]
            last = page.records[-1].changed_at if page.records else last
            yield page._replace(records=kept)


class ShowsARowTwice(Reads):
    breaks = "ids_unique"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        for page in pages:
            again = page.records[:1] if cursor is None and not page.more else []
            yield page._replace(records=[*page.records, *again])


class ShowsAllFields(Bad):
    breaks = "only_asked_fields"

    def _record(self, decl: Any, row: Any, fields: Sequence[str]) -> Record:
        return super()._record(decl, row, [info.name for info in decl.fields])


class NaiveTimes(Reads):
    breaks = "times_aware_utc"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        for page in pages:
            yield page._replace(records=[_first_naive(n, r) for n, r in enumerate(page.records)])


def _first_naive(n: int, record: Record) -> Record:
    # the second row only: who looks at one row alone does not see it
    return (
        record._replace(changed_at=record.changed_at.replace(tzinfo=None)) if n == 1 and record.changed_at else record
    )


class ReadsPastUntil(Bad):
    breaks = "until_respected"

    def read(self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]) -> Pages:
        return super().read(stream, cursor=cursor, until=None, fields=fields)


class TidiesValues(Bad):
    """White space is folded on the way in: what is compared is not what the vendor holds."""

    breaks = "values_untouched"

    def _record(self, decl: Any, row: Any, fields: Sequence[str]) -> Record:
        record = super()._record(decl, row, fields)
        tidy = {k: re.sub(r"\s+", " ", v) if isinstance(v, str) else v for k, v in record.fields.items()}
        return record._replace(fields=tidy)
