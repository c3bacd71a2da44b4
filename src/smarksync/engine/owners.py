"""Colleagues: who owns a record, by the ids of each system.

Owners are read like any record and never written. One is known on two systems when their rows there have the same
e-mail address; a queue, or a user whose address nobody else has, stays its own side's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from smarksync.ledger import entities
from smarksync.ledger.db import Ledger, loads
from smarksync.mapping import CompiledMapping
from smarksync.model import ABSENT, ValueProblem
from smarksync.plan.reasons import wanted_hash
from smarksync.plan.side import Side

KIND = "owner"


class Colleague(NamedTuple):
    """One row of one system: a user or a queue. ``ref`` is the entity id, ``record`` the system's own id."""

    ref: str
    connection: str
    record: str
    email: str | None
    name: str | None
    kind: str | None
    active: bool


@dataclass(slots=True)
class _Book:
    refs: dict[tuple[str, str], str] = field(default_factory=dict)  # (connection, record) → entity id
    joined: dict[str, str] = field(default_factory=dict)  # entity ids that became another's
    records: dict[tuple[str, str], Colleague] = field(default_factory=dict)  # (connection, entity id) → the row there
    versions: dict[str, str] = field(default_factory=dict)


class Owners:
    """The colleagues of every connection, as the ledger knows them; looked up once and kept until :meth:`forget`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._book: _Book | None = None
        #: by stream, as far as they are compiled: what a row shows of itself
        self.mappings: dict[int, CompiledMapping] = {}

    def forget(self) -> None:
        """Owners were read or joined: the next question is answered from the ledger."""
        self._book = None

    def entity_of(self, connection: str, record: str) -> str:
        """The entity id of an owner; of one that is not listed, ``connection:object:id``, which means as much."""
        return self._known().refs.get((connection, record)) or f"{connection}:{KIND}:{record}"

    def record_of(self, connection: str, ref: str) -> str:
        """The owner's own id there. Raises ValueProblem ``SMK-OWNER`` when there is no such active user or queue."""
        if ref.count(":") >= 2:  # an owner that was not listed when it was seen
            place, _, rest = ref.partition(":")
            record = rest.partition(":")[2]
            if place == connection:
                return record
            ref = self._known().refs.get((place, record), ref)
        found = self._known().records.get((connection, self._known().joined.get(ref, ref)))
        if found is None:
            raise ValueProblem("SMK-OWNER", "its owner has no user there with the same e-mail address")
        if not found.active:
            raise ValueProblem("SMK-OWNER", "its owner's user there is not active")
        return found.record

    def of(self, connection: str) -> Iterator[Colleague]:
        """Everybody who is listed there now, active or not."""
        return (one for (place, _), one in self._known().records.items() if place == connection)

    def version(self, connection: str) -> str:
        """Another text whenever anybody who is listed there is, or is shown, another than before."""
        known = self._known().versions
        if connection not in known:
            known[connection] = wanted_hash({"users": sorted(map(repr, self.of(connection)))})
        return known[connection]

    def _known(self) -> _Book:
        if self._book is None:
            self._book = _Book()
            self._book.joined.update(self._ledger.rows(_JOINED, (KIND,)))
            for row in self._ledger.rows(_ROWS, (KIND,)):
                self._enter(self._book, *row)
        return self._book

    def _enter(
        self, book: _Book, sid: int, connection: str, rid: str, state: str, rank: int, ref: str, agreed: bytes, memo: bytes | None
    ) -> None:  # fmt: skip
        book.refs[(connection, rid)] = ref
        if state != "live" or ((connection, ref) in book.records and rank):
            return
        shown = self._shown(sid, rid, loads(agreed), memo)
        known = book.records.get((connection, ref))
        if known is None or not known.active:
            active = shown.get("active") is not False
            book.records[(connection, ref)] = Colleague(
                ref, connection, rid, shown.get("email"), shown.get("name"), shown.get("kind"), active
            )

    def _shown(self, sid: int, rid: str, agreed: Mapping[str, Any], memo: bytes | None) -> Mapping[str, Any]:
        """What the row shows of itself, where it differs from what is agreed about the colleague."""
        mapping = self.mappings.get(sid)
        if mapping is None or memo is None:
            return agreed
        side, shown = Side(sid, rid, None, mapping, loads(memo)), dict(agreed)
        for name in ("email", "name", "kind", "active"):
            try:
                value = side.observed(name, agreed) if name in mapping.fields else ABSENT
            except ValueProblem:
                continue
            if value is not ABSENT:
                shown[name] = value
        return shown


_ROWS = (
    "SELECT s.sid, s.connection, l.rid, l.state, l.rank, e.ref, e.agreed, m.memo FROM streams s CROSS JOIN links l "
    "JOIN entities e ON e.eid = l.eid LEFT JOIN memos m ON m.lid = l.lid WHERE s.entity = ? AND l.sid = s.sid "
    "ORDER BY s.connection, l.rank, l.rid"
)
_JOINED = "SELECT e.ref, i.ref FROM entities e JOIN entities i ON i.eid = e.into_eid WHERE e.into_eid IS NOT NULL AND e.kind = ?"


def refs_of(ledger: Ledger, eids: list[int]) -> set[str]:
    """Every text by which records may name these owners: entity ids, those that were joined into them, and records."""
    names = set(entities.refs(ledger, eids).values())
    for eid in eids:
        names.update(entities.refs(ledger, entities.aliases(ledger, eid)).values())
        sql = "SELECT s.connection, l.rid FROM links l JOIN streams s ON s.sid = l.sid WHERE l.eid = ?"
        names.update(f"{connection}:{KIND}:{rid}" for connection, rid in ledger.rows(sql, (eid,)))
    return names


__all__ = ["KIND", "Colleague", "Owners", "refs_of"]
