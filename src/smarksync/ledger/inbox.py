"""Rows that were read and are not matched yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .db import Ledger, dumps, loads


class Waiting(NamedTuple):
    """One row. ``body`` is the JSON of its raw fields; ``changed_at`` an instant as text, in the server's clock."""

    sid: int
    rid: str
    fp: bytes
    body: bytes
    changed_at: str | None = None
    changed_by: str | None = None
    version: str | None = None
    seq: int = 0  # its place in the inbox, from the moment it is stored
    row: Mapping[str, Any] | None = None  # the fields themselves, while they are at hand

    @property
    def fields(self) -> Mapping[str, Any]:
        """The raw mapped fields; parsed at every asking once they were stored."""
        if self.row is not None:
            return self.row
        fields: dict[str, Any] = loads(self.body)
        return fields


def add(ledger: Ledger, rows: Iterable[Waiting]) -> None:
    """Stores rows in their order."""
    ledger.add(
        "INSERT INTO inbox (sid, rid, fp, body, changed_at, changed_by, version) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [row[:7] for row in rows],
    )


def take(ledger: Ledger, sids: Iterable[int], after: int, limit: int) -> list[Waiting]:
    """The next rows of these streams by sequence."""
    sql = (
        "SELECT sid, rid, fp, body, changed_at, changed_by, version, seq, NULL FROM inbox "
        "WHERE seq > ? AND sid IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?"
    )
    return list(map(Waiting._make, ledger.rows(sql, (after, dumps(list(sids)).decode(), limit))))


def holds(ledger: Ledger, sids: Iterable[int], count: int) -> bool:
    """Whether so many rows of these streams are waiting."""
    sql = "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE sid IN (SELECT value FROM json_each(?)) LIMIT ?)"
    return int(ledger.value(sql, (dumps(list(sids)).decode(), count))) >= count


def waits(ledger: Ledger, sid: int, rid: str) -> bool:
    """Whether that record is waiting."""
    return ledger.one("SELECT 1 FROM inbox WHERE sid = ? AND rid = ? LIMIT 1", (sid, rid)) is not None


def top(ledger: Ledger) -> int:
    """The highest sequence now in the inbox; 0 when it is empty."""
    return int(ledger.value("SELECT max(seq) FROM inbox") or 0)


def drop(ledger: Ledger, sids: Iterable[int], up_to: int) -> None:
    """Removes rows of these streams by sequence: what arrived later stays, and so does what waits for another job's run."""
    which = "sid IN (SELECT value FROM json_each(?))"
    ledger.run(f"DELETE FROM inbox WHERE seq <= ? AND {which}", (up_to, dumps(list(sids)).decode()))
