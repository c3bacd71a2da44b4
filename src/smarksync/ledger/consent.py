"""The standing consent of each person and channel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .db import Ledger, dumps


class Standing(NamedTuple):
    """A row: status is opted_in, opted_out or suppressed; evidence 0–3."""

    eid: int
    channel: str
    status: str
    at: str | None
    source: str | None
    basis: str | None
    evidence: int


def of_entities(ledger: Ledger, eids: Iterable[int]) -> dict[int, dict[str, Standing]]:
    """{eid: {channel: standing}}; no row = no claim."""
    sql = (
        "SELECT c.eid, c.channel, c.status, c.at, c.source, c.basis, c.evidence FROM json_each(?) j CROSS JOIN consent c "
        "WHERE c.eid = j.value"
    )
    found: dict[int, dict[str, Standing]] = {}
    for row in ledger.rows(sql, (dumps(list(eids)).decode(),)):
        found.setdefault(row[0], {})[row[1]] = Standing(*row)
    return found


def save(ledger: Ledger, rows: Iterable[Standing]) -> None:
    """Stores standings whole."""
    ledger.many(
        "INSERT OR REPLACE INTO consent (eid, channel, status, at, source, basis, evidence) VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def anyone(ledger: Ledger) -> bool:
    """Whether anybody has made a claim at all."""
    return ledger.one("SELECT 1 FROM consent LIMIT 1") is not None
