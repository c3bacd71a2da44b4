"""What was agreed or written, when, by which run and rule: one row a record and run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .db import Ledger, loads, packed


def add(ledger: Ledger, run: str, at: str, rows: Iterable[tuple[int, dict[str, Any]]]) -> None:
    """(eid, body): body has op, connection, object, id, fields {field: {before, after, from, …}}."""
    ledger.add(
        "INSERT INTO audit (run, at, eid, body) VALUES (?1, ?2, ?, ?)", [(eid, packed(b)) for eid, b in rows], (run, at)
    )


def of_entity(ledger: Ledger, eid: int, limit: int = 200) -> list[tuple[str, str, dict[str, Any]]]:
    """(run, at, body), newest first; joined entities included."""
    sql = (
        "SELECT a.run, a.at, a.body FROM audit a WHERE a.eid = ? OR a.eid IN (SELECT eid FROM entities WHERE into_eid = ?) "
        "ORDER BY a.id DESC LIMIT ?"
    )
    return [(run, at, loads(body)) for run, at, body in ledger.rows(sql, (eid, eid, limit))]


def of_run(ledger: Ledger, run: str, limit: int = 500) -> list[tuple[int, str, dict[str, Any]]]:
    """(eid, at, body) of one run, in order."""
    sql = "SELECT eid, at, body FROM audit WHERE run = ? ORDER BY id LIMIT ?"
    return [(eid, at, loads(body)) for eid, at, body in ledger.rows(sql, (run, limit))]


def counted(ledger: Ledger, run: str) -> dict[str, int]:
    """{op: how many rows that run left}: what is known of one that could not write its report."""
    return dict(
        ledger.rows(
            "SELECT json_extract(CAST(body AS TEXT), '$.op'), count(*) FROM audit WHERE run = ? GROUP BY 1", (run,)
        )
    )
