"""Every (connection, object) ever used, and how far it was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import meta
from .db import Ledger, dumps, loads


@dataclass(slots=True)
class Stream:
    """One stream's memory. Times are instants as text, in the server's own clock."""

    sid: int
    connection: str
    object: str
    entity: str
    mapping: str | None  # version of the mapping that its rows were last read with
    cursor: Any
    gone_cursor: Any
    observed_at: str | None  # up to when its changes are known
    full_at: str | None  # when it was last read whole
    shown: int | None  # rows at the last complete reading


def get(ledger: Ledger, connection: str, name: str, entity: str) -> Stream:
    """The stream, made known on first use."""
    ledger.run(
        "INSERT INTO streams (connection, object, entity) VALUES (?, ?, ?) ON CONFLICT (connection, object) DO NOTHING",
        (connection, name, entity),
    )
    row = ledger.one(
        "SELECT sid, connection, object, entity, mapping, cursor, gone_cursor, observed_at, full_at, shown "
        "FROM streams WHERE connection = ? AND object = ?",
        (connection, name),
    )
    assert row is not None
    return _stream(row)


def every(ledger: Ledger) -> list[Stream]:
    """All streams known to the workspace."""
    sql = (
        "SELECT sid, connection, object, entity, mapping, cursor, gone_cursor, observed_at, full_at, shown "
        "FROM streams ORDER BY connection, object"
    )
    return [_stream(row) for row in ledger.rows(sql)]


def _stream(row: tuple[Any, ...]) -> Stream:
    cursor, gone = (loads(c) if c else None for c in row[5:7])
    return Stream(row[0], row[1], row[2], row[3], row[4], cursor, gone, row[7], row[8], row[9])


def save_cursor(ledger: Ledger, sid: int, cursor: Any, mapping: str) -> None:
    """How far the stream is read with that mapping; in the transaction that stores the rows (T1).

    A read that is cut short goes on from there; another mapping begins anew.
    """
    ledger.run("UPDATE streams SET cursor = ?, mapping = ? WHERE sid = ?", (dumps(cursor).decode(), mapping, sid))


def save_gone_cursor(ledger: Ledger, sid: int, cursor: Any) -> None:
    """How far the departures are read."""
    ledger.run("UPDATE streams SET gone_cursor = ? WHERE sid = ?", (dumps(cursor).decode(), sid))


def finish_read(ledger: Ledger, sid: int, *, mapping: str, observed_at: str, whole: bool, shown: int | None) -> None:
    """A pull is complete: everything up to ``observed_at`` is known."""
    ledger.run(
        "UPDATE streams SET mapping = ?, observed_at = ?, full_at = CASE WHEN ? THEN ? ELSE full_at END, "
        "shown = CASE WHEN ? THEN ? ELSE shown END WHERE sid = ?",
        (mapping, observed_at, whole, observed_at, whole, shown, sid),
    )


def begin_again(ledger: Ledger, sid: int) -> None:
    """Forgets the cursor, so that the next pull reads the stream whole (its mapping changed)."""
    ledger.run("UPDATE streams SET cursor = NULL WHERE sid = ?", (sid,))


def add_live(ledger: Ledger, sid: int, by: int) -> None:
    """Keeps the number of live links, so that nobody has to count a million rows."""
    if by:
        ledger.run("UPDATE streams SET live = live + ? WHERE sid = ?", (by, sid))


def live(ledger: Ledger, sid: int) -> int:
    """How many live links the stream has."""
    return int(ledger.value("SELECT live FROM streams WHERE sid = ?", (sid,)) or 0)


def places(ledger: Ledger, sid: int) -> dict[str, str] | None:
    """{canonical field: vendor field} of the mapping that the stream was last read with to its end; None before."""
    found = meta.get(ledger, f"places:{sid}")
    return None if found is None else dict(loads(found))


def save_places(ledger: Ledger, sid: int, fields: dict[str, str]) -> None:
    """The stream was read to its end with these fields."""
    meta.put(ledger, f"places:{sid}", dumps(fields).decode())


def asks(ledger: Ledger, sid: int) -> str:
    """What `where` asked of the stream's records when it was last read to its end."""
    return meta.get(ledger, f"asks:{sid}") or ""


def save_asks(ledger: Ledger, sid: int, text: str) -> None:
    """The stream was read to its end with this `where`."""
    meta.put(ledger, f"asks:{sid}", text)
