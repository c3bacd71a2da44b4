"""What clauses do with an opened connector: read it whole, write to it, and say what was not as it should be."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from smarksync.errors import SystemFailure
from smarksync.kit.clock import Clock, ManualClock
from smarksync.plugin import Can, Cursor, Op, Page, Receipt, Record, StreamSpec, TellsTime, Write, WriteResult

from .clause import Failed, NotTested

#: More pages than any clause makes: a read that goes on behind them does not end.
PAGES = 400
#: In how many groups rows are entered whose times are to lie apart.
_GROUPS = 5
#: What an ordinary write ends as.
DONE = (WriteResult.CREATED, WriteResult.UPDATED, WriteResult.UNCHANGED)
#: The code of a row that is not there any more.
GONE = "SMK-GONE"


class Asking:
    """The connector of one clause, asked. The system behind it is the stage's."""

    #: what is the same in every value that a suite makes up: tells two suites on one live system apart
    label: ClassVar[str] = "kit"
    clock: Clock
    connector: Any
    made: list[tuple[str, str]]
    answered: list[tuple[str, Receipt]]

    @abstractmethod
    def example(self, stream: str, n: int) -> Mapping[str, Any]:
        """A row that the system takes; every ``n`` another one."""

    @abstractmethod
    def stream(self, name: str) -> StreamSpec:
        """What the connector declares of a stream."""

    @abstractmethod
    def number(self) -> int:
        """Another number for a row, new to the system."""

    @abstractmethod
    def seeded(self, stream: str, count: int) -> list[str]:
        """Somebody enters so many rows; their ids."""

    @abstractmethod
    def pass_time(self, seconds: float) -> None:
        """Time goes by, for both sides."""

    @property
    def moves_time(self) -> bool:
        """Whether time passes when a clause says so, and only then."""
        return isinstance(self.clock, ManualClock)

    def age(self, stream: str, overlaps: float = 2.0) -> None:
        """So many overlaps of a stream go by, where time is ours to move.

        Within the overlap everything is read again anyway: what a cursor forgets shows only once that is over.
        """
        overlap = self.stream(stream).overlap.total_seconds()
        if self.moves_time and (overlap or overlaps > 1):
            self.pass_time(overlap * overlaps + (60 if overlaps > 1 else 0))

    def spaced(self, stream: str, count: int) -> list[str]:
        """As ``seeded``, in groups between which more than the overlap goes by, and behind the last, too."""
        if not self.moves_time:
            return self.seeded(stream, count)
        ids: list[str] = []
        size = -(-count // _GROUPS)
        while len(ids) < count:
            ids += self.seeded(stream, min(size, count - len(ids)))
            self.age(stream)
        return ids

    def asked(self, stream: str) -> tuple[str, ...]:
        """The names of the fields that an example has."""
        return tuple(self.example(stream, 1))

    def pages(
        self,
        stream: str,
        *,
        cursor: Cursor | None = None,
        until: datetime | None = None,
        fields: Sequence[str] | None = None,
        connector: Any = None,
    ) -> list[Page]:
        """A whole read, page by page. Fails when it does not end."""
        names = self.asked(stream) if fields is None else tuple(fields)
        found: list[Page] = []
        for page in (connector or self.connector).read(stream, cursor=cursor, until=until, fields=names):
            found.append(page)
            if len(found) > PAGES:
                raise Failed(f"A read of {stream} does not end: page {PAGES} still says that there is more.")
        return found

    def records(self, stream: str, **how: Any) -> list[Record]:
        """The rows of a whole read."""
        return [record for page in self.pages(stream, **how) for record in page.records]

    def ids(self, stream: str, **how: Any) -> set[str]:
        """The ids of a whole read."""
        return {record.id for record in self.records(stream, **how)}

    def last_cursor(self, stream: str) -> Cursor | None:
        """The cursor after a whole read."""
        pages = self.pages(stream)
        return pages[-1].cursor if pages else None

    def values(self, stream: str, id: str, names: Sequence[str]) -> Mapping[str, Any]:
        """What a row shows of these fields now; fails when it is not shown."""
        for record in self.records(stream, fields=names):
            if record.id == id:
                return record.fields
        raise Failed(f"{stream} {id} was written, and a full read does not show it.")

    def look(self, stream: str, ids: Sequence[str], names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """What rows show of these fields now, by id: fetched where the connector can, else read."""
        if Can.FETCH in self.stream(stream).can:
            return {r.id: r.fields for r in self.connector.fetch(stream, list(ids), fields=tuple(names))}
        return {r.id: r.fields for r in self.records(stream, fields=names) if r.id in ids}

    def write(self, stream: str, batch: Sequence[Write]) -> list[Receipt]:
        """Every receipt of a batch."""
        receipts = list(self.connector.write(stream, list(batch)))
        self.note(stream, receipts)
        return receipts

    def note(self, stream: str, receipts: Sequence[Receipt]) -> None:
        """Remembers what was answered, and what was made, to be tidied away."""
        self.answered += [(stream, r) for r in receipts]
        self.made += [(stream, r.id) for r in receipts if r.result is WriteResult.CREATED and r.id]

    def create(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Creates rows through the connector, in batches that it takes; their ids."""
        size = max(1, self.stream(stream).max_batch)
        if Can.CREATE not in self.stream(stream).can:
            raise self.lacks("seed", f"rows of {stream} cannot be created through the connector")
        ids: list[str] = []
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            batch = [Write(f"s{n}", Op.CREATE, row, key=self.key()) for n, row in enumerate(part)]
            told = {receipt.ref: receipt for receipt in self.write(stream, batch)}
            self.settled(list(told.values()))
            missing = [write.ref for write in batch if write.ref not in told]
            if missing:
                raise Failed(f"No receipt for {len(missing)} of {len(batch)} created rows of {stream}.")
            ids += [str(told[write.ref].id) for write in batch]
        return ids

    def update(self, stream: str, id: str, fields: Mapping[str, Any]) -> None:
        """Changes a row through the connector."""
        if Can.UPDATE not in self.stream(stream).can:
            raise self.lacks("edit", f"rows of {stream} cannot be changed through the connector")
        self.settled(self.write(stream, [Write("u1", Op.UPDATE, fields, id)]))

    def settled(self, receipts: Sequence[Receipt]) -> None:
        """Fails unless all of them are done."""
        for one in receipts:
            if one.result not in DONE:
                raise Failed(f"An ordinary write was answered {one.result}: {one.code} {one.message}")

    def key(self) -> str:
        """Another entity id."""
        return f"{self.label}-key-{self.number():05}"

    def server_now(self) -> datetime:
        """The system's time, as well as the connector knows it."""
        return self.connector.server_time() if isinstance(self.connector, TellsTime) else self.clock.now()

    def failure(self, call: Any) -> SystemFailure | None:
        """The SystemFailure that a call ends with, or None."""
        try:
            call()
        except SystemFailure as error:
            return error
        return None

    def lacks(self, hook: str, why: str = "") -> NotTested:
        """What to raise where a hook has no default."""
        return NotTested("hook", f"no hook `{hook}`" + (f" ({why})" if why else ""))
