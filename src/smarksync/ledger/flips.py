"""How often a value of ours had to be put back on a record: the breaker against two writers that never rest."""

from __future__ import annotations

from collections.abc import Iterable

from .db import Ledger, among


def count(ledger: Ledger, eid: int, field: str, sid: int, value: str, since: str) -> int:
    """How often that value (as a hash) was written over another one there since a moment."""
    sql = "SELECT count(*) FROM flips WHERE eid = ? AND field = ? AND sid = ? AND value = ? AND at > ?"
    return int(ledger.value(sql, (eid, field, sid, value, since)) or 0)


def of_rows(ledger: Ledger, seqs: Iterable[int], mark: str) -> list[tuple[int, str, int]]:
    """(entity, field, stream) of everything that these plan rows are so marked with."""
    where, params = among("m.seq", seqs)
    sql = f"SELECT p.eid, m.field, p.sid FROM plan_marks m JOIN plan p ON p.seq = m.seq WHERE {where} AND m.kind = ?"
    return [(eid, field, sid) for eid, field, sid in ledger.rows(sql, (*params, mark))]


def add(ledger: Ledger, rows: Iterable[tuple[int, str, int, str, str]]) -> None:
    """(entity, field, stream, hash of our value, moment): it was put back once more."""
    ledger.many("INSERT INTO flips (eid, field, sid, value, at) VALUES (?, ?, ?, ?, ?)", rows)


def forget(ledger: Ledger, eid: int, field: str, sid: int) -> None:
    """Restorations are counted from nought."""
    ledger.run("DELETE FROM flips WHERE eid = ? AND field = ? AND sid = ?", (eid, field, sid))
