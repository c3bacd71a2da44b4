"""Rows that were read and are not matched yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .db import Ledger, dumps, loads


def add(ledger: Ledger, rows: Iterable[tuple[int, str, bytes, dict[str, Any]]]) -> None:
    """Stores (sid, rid, fingerprint, body); body holds fields, changed_at, version, by."""
    ledger.add(
        "INSERT INTO inbox (sid, rid, fp, body) VALUES (?, ?, ?, ?)", [(s, r, f, dumps(b)) for s, r, f, b in rows]
    )


def take(ledger: Ledger, after: int, limit: int) -> list[tuple[int, int, str, bytes, dict[str, Any]]]:
    """The next rows by sequence: (seq, sid, rid, fingerprint, body)."""
    sql = "SELECT seq, sid, rid, fp, body FROM inbox WHERE seq > ? ORDER BY seq LIMIT ?"
    return [(q, s, r, f, loads(b)) for q, s, r, f, b in ledger.rows(sql, (after, limit))]


def top(ledger: Ledger) -> int:
    """The highest sequence now in the inbox; 0 when it is empty."""
    return int(ledger.value("SELECT max(seq) FROM inbox") or 0)


def drop(ledger: Ledger, up_to: int) -> None:
    """Removes rows by sequence: what arrived later stays."""
    ledger.run("DELETE FROM inbox WHERE seq <= ?", (up_to,))
