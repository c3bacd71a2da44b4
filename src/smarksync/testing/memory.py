"""A whole system in memory that acts as a vendor does, for tests, benchmarks and the oracle.

One object, two faces. People use it through :meth:`MemorySystem.insert`, ``edit``, ``delete``, ``merge``
and ``convert``; SmarkSync uses it through the connector of :mod:`.memory_connector`::

    clock = Clock()
    crm = MemorySystem("crm", [MemoryStream("leads", fields=text_fields("email", "name"))], clock)
    ada = crm.insert("leads", email="ada@example.com", name="Ada")
    connector = crm.connect()
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from smarksync.plugin import OWN_USER, Can, FieldInfo, Gone, GoneKind, Op, Past, Receipt, Write, WriteResult

from .clock import Clock
from .faults import Call, FaultPlan
from .memory_rows import Row, RowStore, Version
from .memory_stream import MemoryStream, Refused, text_fields

if TYPE_CHECKING:
    from smarksync.plugin import Session

    from .memory_connector import PlainConnector

__all__ = ["Call", "Clock", "FaultPlan", "MemoryStream", "MemorySystem", "Refused", "text_fields"]

_ALWAYS = datetime.min.replace(tzinfo=UTC)


class Left(NamedTuple):
    """One entry of the log of rows that left. ``told`` False = only a sweep can find out."""

    gone: Gone
    at: datetime
    told: bool


class MemorySystem:
    """A vendor's system: streams of rows, its own clock, one lock. Ids are ``c1``, ``c2`` … per stream.

    ``skew``: how far the server's clock is ahead of ours. ``explains``: whether the connector offers
    TellsTime and Explains. ``faults`` may be shared with other systems and replaced at any time.
    ``calls`` holds every call received, ``counted`` how many by kind; ``record_calls=False`` keeps only
    the counts.
    """

    def __init__(
        self,
        name: str,
        streams: Iterable[MemoryStream],
        clock: Clock | None = None,
        *,
        faults: FaultPlan | None = None,
        skew: timedelta = timedelta(0),
        explains: bool = True,
        record_calls: bool = True,
        seed: int = 0,
    ) -> None:
        self.name = name
        self.streams = {stream.name: stream for stream in streams}
        self.clock = clock or Clock()
        self.faults = faults
        self.skew = skew
        self.explains = explains
        self.record_calls = record_calls
        self.seed = seed
        self.calls: list[Call] = []
        self.counted: Counter[str] = Counter()
        self.lock = threading.RLock()
        self.stores: dict[str, RowStore] = {}
        self.left: dict[str, list[Left]] = {}
        self.gone_by_id: dict[str, dict[str, Gone]] = {}
        self._keys: dict[str, dict[str, str]] = {}
        self._numbers: Counter[str] = Counter()
        for stream in self.streams.values():
            unique = {f.name for f in stream.fields if f.unique}
            indexed = unique | set(stream.natural_keys) | ({stream.external_id} if stream.external_id else set())
            self.stores[stream.name] = RowStore(frozenset(indexed))
            self.left[stream.name] = []
            self.gone_by_id[stream.name] = {}
            self._keys[stream.name] = {}

    def connect(self, session: Session | None = None) -> PlainConnector:
        """A connector opened on this system."""
        from .memory_connector import MemoryConnector, PlainConnector

        return MemoryConnector(self, session) if self.explains else PlainConnector(self, session)

    def server_time(self) -> datetime:
        """The time on the server's clock."""
        return self.clock() + self.skew

    # What people see and do

    def rows(self, stream: str) -> dict[str, dict[str, Any]]:
        """All rows by id, as they truly stand; copies."""
        with self.lock:
            return {id: dict(row.now.fields) for id, row in self.stores[stream].rows.items()}

    def row(self, stream: str, id: str) -> dict[str, Any] | None:
        """One row as it truly stands; a copy."""
        with self.lock:
            row = self.stores[stream].rows.get(id)
            return dict(row.now.fields) if row else None

    def insert(
        self,
        stream: str,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        id: str | None = None,
        by: str = "person",
        at: datetime | None = None,
        **more: Any,
    ) -> str:
        """A person enters a row; returns its id. Raises :class:`Refused` as the vendor's own form would."""
        with self.lock:
            self.clock.tick()
            decl = self.streams[stream]
            kept = self._blank(decl) | {
                name: decl.keep(name, value) for name, value in {**(fields or {}), **more}.items()
            }
            self._check_unique(decl, kept, None)
            id = id or self._new_id(decl)
            self._put(decl, id, kept, by, at=at)
            return id

    def insert_many(self, stream: str, rows: Iterable[Mapping[str, Any]], *, by: str = "person") -> list[str]:
        """Many rows, each a moment after the one before."""
        return [self.insert(stream, row, by=by) for row in rows]

    def edit(
        self,
        stream: str,
        id: str,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        by: str = "person",
        at: datetime | None = None,
        own_act: bool = False,
        **more: Any,
    ) -> None:
        """A person changes fields of a row. ``own_act``: the person concerned did it (for the history)."""
        with self.lock:
            self.clock.tick()
            decl = self.streams[stream]
            row = self._existing(stream, id)
            changed = {name: decl.keep(name, value) for name, value in {**(fields or {}), **more}.items()}
            self._check_unique(decl, changed, id)
            self._put(decl, id, {**row.now.fields, **changed}, by, at=at, own_act=own_act)

    def touch(self, stream: str, id: str, *, by: str = "person") -> None:
        """Saves a row without changing it: a mere re-stamp."""
        self.edit(stream, id, by=by)

    def delete(self, stream: str, id: str) -> None:
        """A person deletes a row."""
        with self.lock:
            self.clock.tick()
            self._existing(stream, id)
            self._leave(stream, Gone(id))

    def restore(self, stream: str, id: str, fields: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """A person takes a deleted row back, under its old id."""
        if id in self.stores[stream].rows:
            raise KeyError(f"{self.name}:{stream}:{id} is not deleted.")
        self.gone_by_id[stream].pop(id, None)
        self.insert(stream, fields, id=id, **more)

    def merge(self, stream: str, winner: str, loser: str, /, **fields: Any) -> None:
        """A person merges two rows: the winner stays and takes over what it lacks, then ``fields``."""
        with self.lock:
            self.clock.tick()
            decl = self.streams[stream]
            kept, lost = self._existing(stream, winner).now.fields, self._existing(stream, loser).now.fields
            self._leave(stream, Gone(loser, GoneKind.MERGED, into=winner))
            merged = {name: lost.get(name) if value is None else value for name, value in kept.items()}
            merged.update({name: decl.keep(name, value) for name, value in fields.items()})
            self._put(decl, winner, merged, "person")

    def convert(
        self,
        stream: str,
        id: str,
        to: str,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        also: Mapping[str, Mapping[str, Any]] | None = None,
        into: str | None = None,
    ) -> str:
        """A person converts a row to one of stream ``to``; returns its id.

        ``fields`` None = those of the same name go along. ``also``: rows made beside it, by stream. ``into``: the id of a row
        that is there already, which keeps what it shows and takes over what it lacks, as a Salesforce Contact does.
        """
        with self.lock:
            old = self._existing(stream, id).now.fields
            if fields is None:
                fields = {name: value for name, value in old.items() if self.streams[to].info(name)}
            if into is None:
                into = self.insert(to, fields)
            else:
                kept = self._existing(to, into).now.fields
                lacks = {name: value for name, value in fields.items() if kept.get(name) is None and value is not None}
                if lacks:
                    self.edit(to, into, lacks)
            made = {name: self.insert(name, values) for name, values in (also or {}).items()}
            self._leave(stream, Gone(id, GoneKind.CONVERTED, into=into, into_stream=to, also=made or None))
            return into

    def redefine(self, stream: str, *fields: FieldInfo) -> None:
        """An administrator changes the schema: fields of these names are added or replaced."""
        with self.lock:
            decl = self.streams[stream]
            new = {info.name: info for info in fields}
            decl.fields = tuple(new.pop(f.name, f) for f in decl.fields) + tuple(new.values())

    # What the connector does, under the lock

    def record(self, call: Call) -> None:
        """Keeps a received call."""
        self.counted[call.kind] += 1
        if self.record_calls:
            self.calls.append(call)

    def apply(self, stream: str, write: Write) -> Receipt:
        """One row of a write call, as the vendor takes it."""
        decl = self.streams[stream]
        try:
            if decl.sink is not None:
                return self._swallow(decl, write)
            if write.op is Op.CREATE:
                return self._create(decl, write)
            if write.op is Op.ASSOCIATE:
                return self._associate(decl, write)
            return self._change(decl, write)
        except Refused as error:
            return Receipt(
                write.ref,
                WriteResult.REJECTED,
                id=write.id,
                code=error.code,
                message=str(error),
                field=error.field,
                duplicate_of=error.duplicate_of,
            )

    def _create(self, decl: MemoryStream, write: Write) -> Receipt:
        if Can.UPSERT_BY_KEY in decl.can and write.key:
            known = self._by_key(decl, write.key)
            if known is not None:
                return self._change(decl, write._replace(op=Op.UPDATE, id=known, if_version=None))
        kept = self._blank(decl) | {
            name: decl.keep(name, write.fields[name]) for name in decl.may_write(write.fields, new=True)
        }
        if Can.UPSERT_BY_KEY in decl.can and write.key and decl.external_id:
            kept[decl.external_id] = write.key
        for info in decl.fields:
            if info.required and kept.get(info.name) is None:
                raise Refused("A required field is empty.", "SMK-REQUIRED", info.name)
        self._check_unique(decl, kept, None)
        id = write.id or self._new_id(decl)
        row = self._put(decl, id, kept, OWN_USER)
        if write.key:
            self._keys[decl.name][write.key] = id
        return self._receipt(decl, write, WriteResult.CREATED, row)

    def _change(self, decl: MemoryStream, write: Write) -> Receipt:
        row = self.stores[decl.name].rows.get(write.id or "")
        if row is None:
            return Receipt(write.ref, WriteResult.CONFLICT, id=write.id, code="SMK-GONE", message="No such row.")
        now = row.now
        if Can.CONDITIONAL in decl.can and write.if_version is not None and write.if_version != str(now.number):
            message = "The row has changed since."
            return Receipt(write.ref, WriteResult.CONFLICT, id=row.id, code="SMK-CONFLICT", message=message)
        if write.op in (Op.DELETE, Op.ARCHIVE):
            self._leave(decl.name, Gone(row.id))
            return Receipt(write.ref, WriteResult.UPDATED, id=row.id, changed_at=self.server_time())
        changed = {name: decl.keep(name, write.fields[name]) for name in decl.may_write(write.fields, new=False)}
        for name, value in changed.items():
            info = decl.info(name)
            if info is not None and info.required and value is None:
                raise Refused("A required field cannot be cleared.", "SMK-REQUIRED", name)
        self._check_unique(decl, changed, row.id)
        same = all(now.fields.get(name) == value for name, value in changed.items())
        if not same or decl.restamps:
            row = self._put(decl, row.id, {**now.fields, **changed}, OWN_USER)
        return self._receipt(decl, write, WriteResult.UNCHANGED if same else WriteResult.UPDATED, row)

    def _associate(self, decl: MemoryStream, write: Write) -> Receipt:
        """Links are rows, too; one between the same ends exists once."""
        id = write.id or ":".join(str(write.fields[name]) for name in sorted(write.fields))
        row = self.stores[decl.name].rows.get(id)
        if row is None:
            kept = self._blank(decl) | {name: decl.keep(name, value) for name, value in write.fields.items()}
            return self._receipt(decl, write, WriteResult.UPDATED, self._put(decl, id, kept, OWN_USER))
        return self._receipt(decl, write, WriteResult.UNCHANGED, row)

    def _swallow(self, decl: MemoryStream, write: Write) -> Receipt:
        sink = decl.sink
        assert sink is not None
        if write.op is Op.CREATE:
            return Receipt(write.ref, WriteResult.CREATED, id=sink.new_id(), version="1", stored=write.fields)
        if write.op is Op.UPDATE:
            sink.updated += 1
        else:
            sink.removed += 1
        return Receipt(write.ref, WriteResult.UPDATED, id=write.id, stored=write.fields)

    def _receipt(self, decl: MemoryStream, write: Write, result: WriteResult, row: Row) -> Receipt:
        now = row.now
        stored: dict[str, Any] | None = None
        if decl.echo == "all":
            stored = dict(now.fields)
        elif decl.echo != "none":
            sent = [name for name in sorted(write.fields) if name in now.fields]
            stored = {name: now.fields[name] for name in (sent if decl.echo == "sent" else sent[::2])}
        version = str(now.number) if Can.CONDITIONAL in decl.can else None
        at = None if decl.echo == "none" else now.at
        return Receipt(write.ref, result, id=row.id, version=version, stored=stored, changed_at=at)

    # Rows

    def _put(
        self,
        decl: MemoryStream,
        id: str,
        fields: dict[str, Any],
        by: str,
        *,
        at: datetime | None = None,
        own_act: bool = False,
    ) -> Row:
        time = self.server_time()
        stamp = decl.stamp(at or time)
        store = self.stores[decl.name]
        old = store.rows.get(id)
        before = old.now.fields if old else {}
        number = old.now.number + 1 if old else 1
        row = store.put(id, Version(fields, stamp, number, by, time + decl.late if decl.late else _ALWAYS))
        if decl.tells_history:
            row.history = row.history or {}
            for name, value in fields.items():
                if before.get(name) != value:
                    row.history.setdefault(name, []).insert(0, Past(value, stamp, by, own_act))
        return row

    def _leave(self, stream: str, gone: Gone) -> None:
        decl = self.streams[stream]
        self.stores[stream].remove(gone.id)
        at = decl.stamp(self.server_time())
        told = not (gone.kind is GoneKind.DELETED and decl.hard_deletes)
        gone = gone._replace(at=at)
        self.left[stream].append(Left(gone, at, told))
        self.gone_by_id[stream][gone.id] = gone

    def _existing(self, stream: str, id: str) -> Row:
        row = self.stores[stream].rows.get(id)
        if row is None:
            raise KeyError(f"{self.name}:{stream}:{id} does not exist.")
        return row

    def _by_key(self, decl: MemoryStream, key: str) -> str | None:
        store = self.stores[decl.name]
        if decl.external_id:
            return next(iter(store.lookup(decl.external_id, key)), None)
        id = self._keys[decl.name].get(key)
        return id if id in store.rows else None

    def _check_unique(self, decl: MemoryStream, fields: Mapping[str, Any], own: str | None) -> None:
        for info in decl.fields:
            if info.unique and fields.get(info.name) is not None:
                others = tuple(id for id in self.stores[decl.name].lookup(info.name, fields[info.name]) if id != own)
                if others:
                    raise Refused("Another row has this value.", "SMK-DUPLICATE", info.name, others)

    def _blank(self, decl: MemoryStream) -> dict[str, Any]:
        return {**dict.fromkeys((info.name for info in decl.fields), None), **decl.defaults}

    def _new_id(self, decl: MemoryStream) -> str:
        while True:
            self._numbers[decl.name] += 1
            id = f"{decl.name[:1]}{self._numbers[decl.name]}"
            if id not in self.stores[decl.name].rows and id not in self.gone_by_id[decl.name]:
                return id


def calls_of(system: MemorySystem, kinds: Sequence[str] = ()) -> list[tuple[str, str, str | None, tuple[str, ...]]]:
    """The calls received, in short, for assertions: (kind, stream, op, ids)."""
    return [(c.kind, c.stream, c.op, c.ids) for c in system.calls if not kinds or c.kind in kinds]
