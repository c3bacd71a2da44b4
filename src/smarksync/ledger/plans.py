"""Plan rows. Released, they are the intents: released → sending → settled (deleted) | failed | unknown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .db import Ledger, dumps, loads


class PlanRow(NamedTuple):
    """One stored row."""

    seq: int
    run: str
    job: str
    eid: int
    sid: int
    rid: str | None
    op: str
    status: str
    consent: int
    adopts: int
    stamp: int
    body: dict[str, Any]


_COLUMNS = "seq, run, job, eid, sid, rid, op, status, consent, adopts, stamp, body"


def add(ledger: Ledger, run: str, job: str, rows: Iterable[tuple[int, Any]]) -> None:
    """Stores (eid, plan.rows.Row) with what the guards count."""
    with_marks: list[tuple[int, Any]] = []
    plain: list[tuple[int, Any]] = []
    for eid, row in rows:
        (with_marks if row.marks else plain).append((eid, row))
    sql = (
        "INSERT INTO plan (run, job, eid, sid, rid, op, status, consent, adopts, stamp, body) "
        "VALUES (?, ?, ?, ?, ?, ?, 'planned', ?, ?, ?, ?)"
    )

    def values(eid: int, row: Any) -> tuple[Any, ...]:
        return run, job, eid, row.sid, row.rid, row.op, row.consent, row.adopts, row.stamp, dumps(row.body())

    ledger.many(sql, (values(eid, row) for eid, row in plain))
    for eid, row in with_marks:
        seq = ledger.insert(sql, values(eid, row))
        ledger.many("INSERT INTO plan_marks (seq, kind, field) VALUES (?, ?, ?)", ((seq, k, f) for k, f in row.marks))


def load(ledger: Ledger, where: str, params: Sequence[Any] = (), limit: int = -1) -> list[PlanRow]:
    """Rows by a condition, in order."""
    found = ledger.rows(f"SELECT {_COLUMNS} FROM plan WHERE {where} ORDER BY seq LIMIT ?", (*params, limit))
    return [PlanRow._make((*row[:11], loads(row[11]))) for row in found]


def discard(ledger: Ledger, job: str) -> None:
    """Forgets what was planned and not released: the next planning computes it from state."""
    ledger.run(
        "DELETE FROM plan_marks WHERE seq IN (SELECT seq FROM plan WHERE job = ? AND status IN ('planned', 'held', 'failed', 'stale'))",
        (job,),
    )
    ledger.run("DELETE FROM plan WHERE job = ? AND status IN ('planned', 'held', 'failed', 'stale')", (job,))


def set_status(ledger: Ledger, seqs: Iterable[int], status: str) -> None:
    """Moves rows on."""
    ledger.run(
        "UPDATE plan SET status = ? WHERE seq IN (SELECT value FROM json_each(?))", (status, dumps(list(seqs)).decode())
    )


def remove(ledger: Ledger, seqs: Iterable[int]) -> None:
    """Settled rows are history: the audit has them."""
    ledger.run("DELETE FROM plan WHERE seq IN (SELECT value FROM json_each(?))", (dumps(list(seqs)).decode(),))
