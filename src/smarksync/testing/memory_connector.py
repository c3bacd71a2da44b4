"""The connector of a simulated system: every protocol of the contract, over an object instead of a network."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pluggy
from pydantic import BaseModel, ConfigDict

from smarksync.plugin import (
    Can,
    CheckReport,
    ConnectorSpec,
    Cursor,
    FieldInfo,
    Gone,
    GonePages,
    Invalid,
    Op,
    Page,
    Receipt,
    Record,
    Session,
    StreamSpec,
    Throttled,
    Unknown,
    Write,
    WriteResult,
    hookimpl,
)

from .faults import Call, LostAnswer
from .memory import MemorySystem
from .memory_rows import Place, Shown
from .memory_stream import MemoryStream

_COUNTED_AS = {"write": "write", "fetch": "reread", "describe": "schema", "check": "schema", "create_fields": "schema"}


class PlainConnector:
    """Reads, writes, finds, fetches, tells what left, sweeps and creates fields.

    Each page and each batch is one call of the system: recorded, counted and open to faults.
    """

    def __init__(self, system: MemorySystem, session: Session | None = None) -> None:
        self.system = system
        #: the session's call counts (kit.client.Counts), where it has any
        self._counts: Any = getattr(session, "counts", None)

    def check(self) -> CheckReport:
        """Always fine, unless a fault is planned."""
        self._call("check")
        return CheckReport(ok=True, account=self.system.name)

    def close(self) -> None:
        """Nothing is held."""

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """The declared fields."""
        self._call("describe", stream)
        return self._decl(stream).fields

    def create_fields(self, stream: str, names: Sequence[str]) -> Sequence[str]:
        """Creates those of ``names`` that the stream declares as fixable."""
        self._call("create_fields", stream, fields=names)
        made = [f for f in self._decl(stream).fixable if f.name in names]
        self.system.redefine(stream, *made)
        return [f"Created the field {f.name}." for f in made]

    # Reading

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        """Pages in the order of (record time, id), from the cursor less the overlap.

        A full scan starts at the first row whatever the cursor says, and shows rows changed after
        ``until``, too: a row left out of it would look deleted.
        """
        decl = self._decl(stream)
        high = _place(cursor)
        after = None if decl.full_scan else _back(high, decl.spec.overlap)
        until = None if decl.full_scan else until
        pages = 0
        while True:
            self._call("read", stream, fields=fields)
            with self.system.lock:
                shown, last, more = self._rows(decl).page(after, until, decl.page_size, self.system.server_time())
                records = [self._record(decl, row, fields) for row in shown]
            after = last
            if last is not None and (high is None or last > high):
                high = last
            yield Page(records, _cursor(high), more)
            if not more:
                return
            pages += 1
            if decl.empty_every and pages % decl.empty_every == 0:
                self._call("read", stream, fields=fields)
                yield Page((), _cursor(high), True)

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """Every row whose ``key`` is one of ``values``, without regard to case and outer space."""
        decl = self._decl(stream)
        for chunk in _chunks(values, decl.max_batch):
            self._call("find", stream, ids=chunk, fields=fields)
            with self.system.lock:
                store, time = self.system.stores[stream], self.system.server_time()
                ids = dict.fromkeys(id for value in chunk for id in store.lookup(key, value))
                records = []
                for id in ids:
                    row = store.rows[id]
                    version = row.shown(time) if decl.late_find else row.now
                    if version is not None:
                        records.append(self._record(decl, Shown(id, version, row.history), fields))
            yield from records

    def fetch(self, stream: str, ids: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """The rows of those ids as they truly stand, indexed or not."""
        decl = self._decl(stream)
        for chunk in _chunks(ids, decl.max_batch):
            self._call("fetch", stream, ids=chunk, fields=fields)
            records = []
            with self.system.lock:
                for id in dict.fromkeys(chunk):
                    if decl.generated is not None:
                        made = decl.generated.get(id)
                    else:
                        row = self.system.stores[stream].rows.get(id)
                        made = Shown(id, row.now, row.history) if row else None
                    if made is not None:
                        records.append(self._record(decl, made, fields))
            yield from records

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        """What left since the cursor and is still away, in the order in which it left."""
        decl = self._decl(stream)
        seen = int(cursor["n"]) if cursor else 0
        while True:
            self._call("gone", stream)
            with self.system.lock:
                waiting = [e for e in self.system.left[stream][seen:] if until is None or e.at <= until]
            part = waiting[: decl.page_size]
            seen += len(part)
            back = self.system.stores[stream].rows
            yield tuple(e.gone for e in part if e.told and e.gone.id not in back), {"v": 1, "n": seen}
            if len(part) == len(waiting):
                return

    def count(self, stream: str) -> int | None:
        """How many rows there are."""
        self._call("count", stream)
        generated = self._decl(stream).generated
        with self.system.lock:
            return generated.size if generated is not None else len(self.system.stores[stream].rows)

    def ids(self, stream: str) -> Iterator[str]:
        """Every id, a thousand a call."""
        generated = self._decl(stream).generated
        with self.system.lock:
            known = generated.ids() if generated is not None else iter(list(self.system.stores[stream].rows))
        more = True
        while more:
            self._call("ids", stream)
            page = [id for _, id in zip(range(1000), known, strict=False)]
            more = len(page) == 1000
            yield from page

    # Writing

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """One vendor call per ``max_batch`` rows. Receipts come in shuffled order, as vendors may send them.

        Raises Invalid for what no vendor takes: mixed operations, one ref or one record twice, an
        operation that the stream does not declare.
        """
        decl = self._decl(stream)
        _refuse_nonsense(decl, batch)
        for start in range(0, len(batch), decl.max_batch):
            part = tuple(batch[start : start + decl.max_batch])
            names = tuple(dict.fromkeys(name for write in part for name in write.fields))
            ids = tuple(write.id for write in part if write.id)
            call = self._call("write", stream, op=str(part[0].op), ids=ids, fields=names, writes=part)
            receipts = self._commit(call, part)
            random.Random(f"{self.system.seed}:{call.number}").shuffle(receipts)
            yield from receipts

    def _commit(self, call: Call, part: Sequence[Write]) -> list[Receipt]:
        faults = self.system.faults
        lost = faults.lost(call) if faults else None
        receipts: list[Receipt] = []
        if lost is None or lost.applied:
            with self.system.lock:
                self.system.clock.tick()
                for number, write in enumerate(part):
                    if faults and number:
                        faults.point(f"{self.system.name}.{call.stream}.write.row")
                    planned = faults.row(call, write) if faults else None
                    if planned is None or planned.applied:
                        receipt = self.system.apply(call.stream, write)
                    receipts.append(planned.receipt if planned else receipt)
        if faults:
            faults.point(f"{self.system.name}.{call.stream}.write.answer")
        if lost is not None:
            return _lose(lost, part)
        return receipts

    # Plumbing

    def _decl(self, stream: str) -> MemoryStream:
        try:
            return self.system.streams[stream]
        except KeyError:
            raise Invalid(f"{self.system.name} has no stream {stream}.") from None

    def _call(
        self,
        kind: str,
        stream: str = "",
        *,
        op: str | None = None,
        ids: Sequence[str] = (),
        fields: Sequence[str] = (),
        writes: tuple[Write, ...] = (),
    ) -> Call:
        system = self.system
        with system.lock:
            number = system.counted.total() + 1
            call = Call(number, system.name, kind, stream, op, tuple(ids), tuple(fields), writes)
            system.record(call)
        if self._counts is not None:
            self._counts.call(_COUNTED_AS.get(kind, "read"))
        if system.faults:
            system.faults.point(f"{system.name}.{stream}.{kind}" if stream else f"{system.name}.{kind}")
            error = system.faults.failure(call)
            if error is not None:
                if self._counts is not None and isinstance(error, Throttled):
                    self._counts.throttled()
                raise error
        return call

    def _rows(self, decl: MemoryStream) -> Any:
        return decl.generated if decl.generated is not None else self.system.stores[decl.name]

    def _record(self, decl: MemoryStream, row: Shown, fields: Sequence[str]) -> Record:
        version = row.version
        have = version.fields
        values = {name: have.get(name) for name in fields if name in have or decl.info(name)}
        by = version.by if decl.tells_user else None
        history = None
        if decl.tells_history and row.history is not None:
            history = {name: tuple(row.history[name]) for name in fields if name in row.history}
        return Record(
            row.id, values, version.at, str(version.number) if Can.CONDITIONAL in decl.can else None, by, history
        )


class MemoryConnector(PlainConnector):
    """As :class:`PlainConnector`; also knows the server's clock and what became of an id."""

    def server_time(self) -> datetime:
        """The server's clock. No call: it came with an earlier answer."""
        return self.system.server_time()

    def whereabouts(self, stream: str, ids: Sequence[str]) -> GonePages:
        """What became of those ids, hard deletes included; ids that exist or never did are not named."""
        for chunk in _chunks(ids, self._decl(stream).max_batch):
            self._call("whereabouts", stream, ids=chunk)
            with self.system.lock:
                known, rows = self.system.gone_by_id[stream], self.system.stores[stream].rows
                found: tuple[Gone, ...] = tuple(known[id] for id in chunk if id in known and id not in rows)
            yield found, {"v": 1}


class MemorySettings(BaseModel):
    """Settings of connector ``memory``: the name of a registered system."""

    model_config = ConfigDict(extra="forbid")

    system: str


#: Systems that configs can name, by name.
SYSTEMS: dict[str, MemorySystem] = {}


@contextmanager
def registered(*systems: MemorySystem) -> Iterator[None]:
    """Makes systems known to configs (``connector: memory, settings: {system: NAME}``) while it lasts."""
    before = dict(SYSTEMS)
    SYSTEMS.update({system.name: system for system in systems})
    try:
        yield
    finally:
        SYSTEMS.clear()
        SYSTEMS.update(before)


def _named(settings: MemorySettings) -> MemorySystem:
    try:
        return SYSTEMS[settings.system]
    except KeyError:
        known = ", ".join(sorted(SYSTEMS)) or "none"
        raise Invalid(f"No simulated system {settings.system} is registered.", hint=f"Registered: {known}.") from None


def _open(settings: MemorySettings, session: Session) -> PlainConnector:
    return _named(settings).connect(session)


def _discover(settings: MemorySettings) -> tuple[StreamSpec, ...]:
    return tuple(stream.spec for stream in _named(settings).streams.values())


#: The connector ``memory``; its streams are those of the system that the settings name.
MEMORY = ConnectorSpec(name="memory", streams=(), settings=MemorySettings, open=_open, discover=_discover)


class MemoryPlugin:
    """What a plugin manager registers to know the connector ``memory``."""

    @hookimpl
    def smarksync_connectors(self) -> Iterable[ConnectorSpec]:
        """The one connector."""
        return (MEMORY,)


def register_memory(manager: pluggy.PluginManager) -> None:
    """Makes the connector ``memory`` known to a plugin manager."""
    manager.register(MemoryPlugin(), "memory")


def _refuse_nonsense(decl: MemoryStream, batch: Sequence[Write]) -> None:
    if not batch:
        return
    op = batch[0].op
    if any(write.op is not op for write in batch):
        raise Invalid(f"One batch for {decl.name} mixes operations.")
    if Can(str(op)) not in decl.can:
        raise Invalid(f"{decl.name} does not take {op}.")
    if len({write.ref for write in batch}) < len(batch):
        raise Invalid(f"One batch for {decl.name} uses a ref twice.")
    ids = [write.id for write in batch if write.id]
    if len(set(ids)) < len(ids):
        raise Invalid(f"One batch for {decl.name} writes a record twice.")
    if op not in (Op.CREATE, Op.ASSOCIATE) and len(ids) < len(batch):
        raise Invalid(f"{op} of {decl.name} needs an id.")


def _lose(lost: LostAnswer, part: Sequence[Write]) -> list[Receipt]:
    if lost.how == "raise":
        raise Unknown("The answer to a write was lost.", hint="Look before sending again.")
    message = "The answer was lost."
    return [Receipt(w.ref, WriteResult.UNKNOWN, id=w.id, code="SMK-UNKNOWN", message=message) for w in part]


def _chunks(values: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(values), size):
        yield tuple(values[start : start + size])


def _place(cursor: Cursor | None) -> Place | None:
    if not cursor or "at" not in cursor:
        return None
    return datetime.fromisoformat(cursor["at"]), str(cursor["id"])


def _back(high: Place | None, overlap: timedelta) -> Place | None:
    if high is None or not overlap:
        return high
    return high[0] - overlap, ""


def _cursor(high: Place | None) -> Cursor:
    return {"v": 1} if high is None else {"v": 1, "at": high[0].isoformat(), "id": high[1]}
