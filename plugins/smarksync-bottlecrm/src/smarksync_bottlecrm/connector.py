"""BottleCRM as a connector: what the engine talks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from smarksync.kit.counts import Kind
from smarksync.model import Field
from smarksync.plugin import (
    CheckReport,
    Cursor,
    FieldInfo,
    Gone,
    GonePages,
    Page,
    PermissionDenied,
    Receipt,
    Record,
    Session,
    Write,
)

from .client import Api, stream_named
from .describe import CONVERTED, create_fields, definitions, describe
from .rows import CUSTOM, Row, reader
from .scan import PAGE, Chunk, scan
from .settings import BottleCRMSettings
from .streams import LEADS
from .whereabouts import whereabouts
from .writes import Writer

_CURSOR: Cursor = {"v": 1}
#: Above this many values, one reading of the whole list is cheaper than a question for each.
_MANY = 25
#: A row by id costs the server about as much as ten rows of a list (measured: 30 ms against 2.7 ms).
_ROWS_PER_FETCH = 10


class BottleCRM:
    """One opened BottleCRM (1.35). Opens no connection before the first call."""

    def __init__(self, settings: BottleCRMSettings, session: Session) -> None:
        self._api = Api(settings, session)
        self._now = session.now
        self._writer = Writer(self._api, self._holders)
        self._totals: dict[str, int] = {}
        #: new rows per list call
        self.page_size = PAGE

    def close(self) -> None:
        """Lets go of the connections; may be called twice."""
        self._api.close()

    def check(self) -> CheckReport:
        """Reads one row of each stream that a sync needs. What the token may write shows only in writing."""
        problems = []
        for name in ("leads", "contacts"):
            try:
                self._api.list(stream_named(name), {"limit": 1})
            except PermissionDenied as refused:
                problems.append(f"{name} cannot be read: {refused.message}")
        warnings = []
        for name in ("accounts", "opportunities", "tasks", "users"):
            try:
                self._api.list(stream_named(name), {"limit": 1})
            except PermissionDenied as refused:
                warnings.append(f"{name} cannot be read: {refused.message}")
        return CheckReport(not problems, self._api.http.host, tuple(problems), tuple(warnings))

    def server_time(self) -> datetime:
        """The server's time, from its last answer; asks its health page when there was none yet."""
        known = self._api.http.server_time()
        if known is None:
            self._api.http.request("GET", "/healthz/", kind="schema", accept=(403, 404), expect="any")
            known = self._api.http.server_time()
        return known or self._now()

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """The live schema of a stream, custom fields as ``custom_fields.KEY``."""
        return describe(self._api, stream)

    def create_fields(self, stream: str, names: Sequence[str]) -> Sequence[str]:
        """Makes our custom fields; one sentence each. Needs the token of an administrator."""
        return create_fields(self._api, stream, names)

    def define_fields(self, stream: str, fields: Mapping[str, Field]) -> Sequence[str]:
        """Makes custom fields for those of the config's own; one sentence each."""
        words = {name: one.values for name, one in fields.items()}
        return create_fields(self._api, stream, tuple(fields), definitions(fields), words)

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        """Every row, whatever the cursor: the lists cannot be narrowed by time. ``until`` holds nothing back,
        since a row left out would look like a deleted one."""
        record = reader(stream, fields)
        for chunk in self._scan(stream):
            self._totals[stream] = chunk.total
            yield Page([record(row) for row in chunk.rows], _CURSOR, chunk.more, chunk.total)

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """Every row whose ``key`` is one of ``values``, case and outer space aside."""
        record = reader(stream, fields)
        return (record(row) for row in self._matching(stream, key, values))

    def fetch(self, stream: str, ids: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """The rows of those ids. Converted leads are not among them: they left the stream (``whereabouts``)."""
        record = reader(stream, fields)
        wanted = dict.fromkeys(ids)
        known = stream_named(stream)
        if len(wanted) > _MANY and len(wanted) * _ROWS_PER_FETCH > self._totals.get(stream, float("inf")):
            for row in self._every_row(stream):
                if str(row["id"]) in wanted:
                    yield record(row)
            return
        for rid in wanted:
            found = self._api.row(known, rid, kind="reread")
            if found is not None and not (known is LEADS and found.get("status") == CONVERTED):
                yield record(found)

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """One call a row, one after the other."""
        for write in batch:
            yield self._writer.write(stream, write)

    def whereabouts(self, stream: str, ids: Sequence[str]) -> GonePages:
        """What became of rows that a read no longer shows; rows still there are not named."""
        if not stream_named(stream).detail:  # users cannot be read by id
            there = {str(row["id"]) for row in self._every_row(stream)}
            yield tuple(Gone(rid) for rid in ids if rid not in there), _CURSOR
            return
        for rid in ids:
            gone = whereabouts(self._api, stream, rid)
            if gone is not None:
                yield (gone,), _CURSOR

    # --- how rows are found -----------------------------------------------------------------------------

    def _scan(self, name: str, kind: Kind = "read", narrowed: Mapping[str, str] | None = None) -> Iterator[Chunk]:
        stream = stream_named(name)
        return scan(
            stream, lambda page: self._api.list(stream, {**page, **(narrowed or {})}, kind=kind), page=self.page_size
        )

    def _every_row(self, name: str) -> Iterator[Row]:
        for chunk in self._scan(name, "reread"):
            yield from chunk.rows

    def _matching(self, name: str, key: str, values: Sequence[str]) -> Iterator[Row]:
        stream = stream_named(name)
        wanted = {_folded(value): value for value in values if value}
        value_of = _value_of(name, key)
        filtered = stream.filters.get(key)
        if filtered is None or len(wanted) > _MANY:
            # custom fields have a filter, too, which a server on SQLite answers with 500 (recorded)
            for row in self._every_row(name):
                if _folded(value_of(row)) in wanted:
                    yield row
            return
        for value in wanted.values():
            for chunk in self._scan(name, "reread", {filtered: value.strip()}):
                yield from (row for row in chunk.rows if _folded(value_of(row)) == _folded(value))

    def _holders(self, name: str, field: str, value: str) -> Sequence[str]:
        """Ids of the rows that hold a value which a uniqueness refusal names."""
        return [str(row["id"]) for row in self._matching(name, field, [value])]


def _value_of(name: str, key: str) -> Callable[[Row], Any]:
    if key.startswith(CUSTOM):
        inner = key.removeprefix(CUSTOM)
        return lambda row: (row.get("custom_fields") or {}).get(inner)
    record = reader(name, [key])
    return lambda row: record(row).fields[key]


def _folded(value: Any) -> str:
    return "" if value is None else str(value).strip().casefold()
