"""Rows that left their systems, told of and not dealt with yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .db import Ledger, dumps, loads


class Departed(NamedTuple):
    """One row that left. ``at``: when, an instant as text in our clock; ``kind``, ``into``, ``into_stream`` and ``also`` and
    ``shows`` as the connector told them (plugin/records.py, Gone)."""

    sid: int
    rid: str
    at: str
    kind: str
    into: str | None = None
    into_stream: str | None = None
    also: dict[str, str] | None = None
    shows: dict[str, Any] | None = None
    seq: int = 0  # its place in the table, from the moment it is stored


def put(ledger: Ledger, rows: Iterable[Departed]) -> None:
    """Stores what was told of."""
    ledger.many(
        "INSERT INTO departed (sid, rid, at, body) VALUES (?, ?, ?, ?)",
        ((row.sid, row.rid, row.at, dumps(row[3:8])) for row in rows),
    )


def earliest(ledger: Ledger, sids: Iterable[int], limit: int, but: Iterable[int] = ()) -> list[Departed]:
    """Those of some streams that left first; of one moment by name, so that the order of the config decides nothing.
    ``but``: places in the table that are left out."""
    sql = (
        "SELECT d.sid, d.rid, d.at, d.body, d.seq FROM departed d JOIN streams s ON s.sid = d.sid "
        "WHERE d.sid IN (SELECT value FROM json_each(?)) AND d.seq NOT IN (SELECT value FROM json_each(?)) ORDER BY d.at, s.connection, s.object, d.rid, d.seq LIMIT ?"
    )
    found = ledger.rows(sql, (dumps(list(sids)).decode(), dumps(list(but)).decode(), limit))
    return [Departed(sid, rid, at, *loads(body))._replace(seq=seq) for sid, rid, at, body, seq in found]


def of_record(ledger: Ledger, sid: int, rid: str) -> Departed | None:
    """What was told last of one row, if anything waits."""
    sql = "SELECT sid, rid, at, body, seq FROM departed WHERE sid = ? AND rid = ? ORDER BY at DESC, seq DESC LIMIT 1"
    found = ledger.one(sql, (sid, rid))
    return Departed(*found[:3], *loads(found[3]))._replace(seq=found[4]) if found is not None else None


def drop(ledger: Ledger, rows: Iterable[Departed]) -> None:
    """They have been dealt with."""
    ledger.many("DELETE FROM departed WHERE seq = ?", ((row.seq,) for row in rows))
