"""A deliberately bad connector for each clause of the contract: it breaks that promise, in a way seen in the wild, and
keeps all others. What the conformance kit does not catch here, it would not catch in anybody's plugin.

Each is the in-memory connector behind HTTP (web_memory.py) with one thing changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from memory_suites import WebMemorySuite
from pydantic import ConfigDict
from web_memory import WEB, WebMemory, WebSettings, discover

from smarksync.plugin import (
    Can,
    ConnectorSpec,
    Cursor,
    Gone,
    GoneKind,
    GonePages,
    Op,
    Page,
    Receipt,
    Record,
    Session,
    StreamSpec,
    Write,
    WriteResult,
)

Pages = Iterator[Page]


class Bad(WebMemory):
    """A bad connector. ``breaks`` names the clause, ``also`` those that then cannot hold; ``spec`` may differ, too."""

    breaks: ClassVar[str]
    also: ClassVar[frozenset[str]] = frozenset()
    #: part of what its author is told
    says_so: ClassVar[str] = ""
    spec: ClassVar[ConnectorSpec]

    def __init_subclass__(cls, **how: Any) -> None:
        super().__init_subclass__(**how)
        cls.spec = replace(WEB, open=cls, **cls.says())

    @classmethod
    def says(cls) -> Mapping[str, Any]:
        """What it says of itself beside the truth."""
        return {}


def without(settings: WebSettings, ability: Can) -> tuple[StreamSpec, ...]:
    return tuple(replace(stream, can=stream.can - {ability}) for stream in discover(settings))


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


class InventsAReceipt(Bad):
    breaks = "one_receipt_per_ref"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        yield from super().write(stream, batch)
        yield Receipt("of-nobody", WriteResult.UPDATED)


class AllOrNothing(Bad):
    """One bad row, and it reports the whole batch as refused."""

    breaks = "mixed_results_stay_mixed"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        receipts = list(super().write(stream, batch))
        bad = next((r for r in receipts if r.result is WriteResult.REJECTED), None)
        for receipt in receipts:
            yield receipt if bad is None else bad._replace(ref=receipt.ref)


class RejectsWithoutAWord(Bad):
    breaks = "rejected_says_why"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        for receipt in super().write(stream, batch):
            yield receipt._replace(code=None) if receipt.result is WriteResult.REJECTED else receipt


class PutsWholeRows(Bad):
    """An update that names one field empties the last of the others."""

    breaks = "update_leaves_other_fields"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        alone = len(batch) == 1 and batch[0].op is Op.UPDATE and "Changed alone" in batch[0].fields.values()
        return super().write(stream, [w._replace(fields={"city": None, **w.fields}) for w in batch] if alone else batch)


class DropsNulls(Bad):
    """What is None is not sent, so nothing is ever cleared."""

    breaks = "null_clears_absent_leaves"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        kept = [w._replace(fields={k: v for k, v in w.fields.items() if v is not None}) for w in batch]
        return super().write(stream, kept)


class OneTableForTheBatch(Bad):
    """A batch has one set of columns, and rows that lack one send it empty."""

    breaks = "null_clears_absent_leaves"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        names = {name for write in batch for name in write.fields}
        blank = dict.fromkeys(names) if batch[0].op is Op.UPDATE else {}
        return super().write(stream, [w._replace(fields={**blank, **w.fields}) for w in batch])


class ForgetsTheKey(Bad):
    breaks = "idempotent_by_key"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        return super().write(stream, [w._replace(key=None) for w in batch])


class IgnoresTheVersion(Bad):
    breaks = "conditional_honoured"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        return super().write(stream, [w._replace(if_version=None) for w in batch])


class CallsALostAnswerARetry(Bad):
    """The engine sends it again, and there are two."""

    breaks = "lost_answer_is_unknown"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        for receipt in super().write(stream, batch):
            yield receipt._replace(result=WriteResult.RETRY) if receipt.result is WriteResult.UNKNOWN else receipt


class CutsTheBatch(Bad):
    """What does not fit is left out, and nobody is told."""

    breaks = "oversize_batch_split"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        return super().write(stream, batch[: self._decl(stream).max_batch])


class FindsTheFirst(Bad):
    breaks = "all_matches"

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        for value in values:
            yield from list(super().find(stream, key, [value], fields=fields))[:1]


class FindsByTheLetter(Bad):
    breaks = "case_and_space_of_keys"

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        for record in super().find(stream, key, values, fields=[*fields, key]):
            if record.fields[key] in values:
                yield record._replace(fields={name: record.fields[name] for name in fields})


class CallsMergesDeletes(Bad):
    breaks = "merges_and_conversions_mapped"

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        for rows, here in super().gone(stream, cursor=cursor, until=until):
            yield tuple(Gone(g.id, at=g.at) if g.kind is GoneKind.MERGED else g for g in rows), here


def suite_of(bad: type[Bad]) -> type[WebMemorySuite]:
    """The suite of the in-memory system, with that connector on it."""
    return type(f"Suite{bad.__name__}", (WebMemorySuite,), {"spec": bad.spec})
