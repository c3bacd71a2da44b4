"""Plan rows. Released, they are the intents: released → sending → settled (deleted) | failed | unknown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .db import Ledger, among, dumps, loads


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
    agreed: str | None

    @property
    def values(self) -> dict[str, Any]:
        """The canonical values that become agreed when the row is settled."""
        values: dict[str, Any] = loads(self.agreed) if self.agreed else {}
        return values


_COLUMNS = "seq, run, job, eid, sid, rid, op, status, consent, adopts, stamp"
_INSERT = (
    "INSERT INTO plan (seq, run, job, eid, sid, rid, op, status, consent, adopts, stamp) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, 'planned', ?, ?, ?)"
)


def add(ledger: Ledger, run: str, job: str, rows: Iterable[tuple[int, Any]]) -> None:
    """Stores (eid, plan.rows.Row) with what the guards count."""
    last = int(ledger.value("SELECT seq FROM sqlite_sequence WHERE name = 'plan'") or 0)
    heads: list[tuple[Any, ...]] = []
    bodies: list[tuple[int, bytes, str | None]] = []
    marks: list[tuple[int, str, str]] = []
    for seq, (eid, row) in enumerate(rows, last + 1):
        heads.append((seq, run, job, eid, row.sid, row.rid, row.op, row.consent, row.adopts, row.stamp))
        bodies.append((seq, dumps(row.body()), dumps(row.values).decode() if row.values else None))
        marks += [(seq, kind, field) for kind, field in row.marks]
    ledger.add(_INSERT, heads)
    ledger.add("INSERT INTO plan_bodies (seq, body, agreed) VALUES (?, ?, ?)", bodies)
    if marks:
        ledger.many("INSERT OR IGNORE INTO plan_marks (seq, kind, field) VALUES (?, ?, ?)", marks)


def load(ledger: Ledger, where: str, params: Sequence[Any] = (), limit: int = -1) -> list[PlanRow]:
    """Rows by a condition, in order."""
    columns = ", ".join(f"p.{name}" for name in _COLUMNS.split(", "))
    sql = (
        f"SELECT {columns}, b.body, b.agreed FROM (SELECT {_COLUMNS} FROM plan WHERE {where} ORDER BY seq LIMIT ?) p "
        "CROSS JOIN plan_bodies b WHERE b.seq = p.seq"
    )
    return [PlanRow._make((*row[:11], loads(row[11]), row[12])) for row in sorted(ledger.rows(sql, (*params, limit)))]


def kinds(ledger: Ledger, job: str) -> set[tuple[int, str, int]]:
    """(consent, op, sid) of the job's released rows."""
    sql = "SELECT DISTINCT consent, op, sid FROM plan WHERE job = ? AND status = 'released'"
    return {(consent, op, sid) for consent, op, sid in ledger.rows(sql, (job,))}


def under_way(ledger: Ledger) -> bool:
    """Collects the entities with a write that is not settled yet, once a planning; whether there are any."""
    ledger.run("CREATE TEMP TABLE IF NOT EXISTS busy (eid INTEGER PRIMARY KEY)")
    ledger.run("DELETE FROM busy")
    sql = "INSERT OR IGNORE INTO busy SELECT eid FROM plan WHERE status IN ('released', 'sending', 'unknown')"
    return ledger.run(sql) > 0


def busy(ledger: Ledger, eids: Iterable[int]) -> set[int]:
    """Those of the entities that :func:`under_way` found."""
    where, params = among("eid", eids)
    return {row[0] for row in ledger.rows(f"SELECT eid FROM busy WHERE {where}", params)}


def discard(ledger: Ledger, job: str) -> None:
    """Forgets what was planned and not released: the next planning computes it from state."""
    over = "SELECT seq FROM plan WHERE job = ? AND status IN ('planned', 'held', 'failed', 'stale')"
    ledger.run(f"DELETE FROM plan_marks WHERE seq IN ({over})", (job,))
    ledger.run(f"DELETE FROM plan_bodies WHERE seq IN ({over})", (job,))
    ledger.run("DELETE FROM plan WHERE job = ? AND status IN ('planned', 'held', 'failed', 'stale')", (job,))


def planned_creates(ledger: Ledger, job: str, eids: Iterable[int]) -> list[int]:
    """Those of the entities that the job is to make a record for."""
    where, params = among("eid", eids)
    sql = f"SELECT DISTINCT eid FROM plan WHERE job = ? AND status = 'planned' AND op = 'create' AND {where}"
    return [eid for (eid,) in ledger.rows(sql, (job, *params))]


def take_back(ledger: Ledger, job: str, eids: Iterable[int], *, consent_only: bool) -> list[int]:
    """Forgets what was planned for the entities, or only their consent rows; the stream of each row."""
    where, params = among("eid", eids)
    only = " AND consent = 1" if consent_only else ""
    rows = ledger.rows(
        f"SELECT seq, sid FROM plan WHERE job = ? AND status = 'planned' AND {where}{only}", (job, *params)
    )
    remove(ledger, [seq for seq, _ in rows])
    return [sid for _, sid in rows]


def send(ledger: Ledger, seqs: Sequence[int], at: str) -> set[int] | None:
    """The rows are about to be sent, at this time. Those that are, when some were taken back meanwhile; None: all."""
    where, params = among("seq", seqs)
    sql = f"UPDATE plan SET status = 'sending', sent_at = ? WHERE {where} AND status = 'released'"
    if ledger.run(sql, (at, *params)) == len(seqs):
        return None
    return {row[0] for row in ledger.rows(f"SELECT seq FROM plan WHERE {where} AND status = 'sending'", params)}


def sent_times(ledger: Ledger, seqs: Iterable[int]) -> dict[int, str]:
    """{seq: when the row was sent last}."""
    sql = (
        "SELECT p.seq, p.sent_at FROM json_each(?) j CROSS JOIN plan p WHERE p.seq = j.value AND p.sent_at IS NOT NULL"
    )
    return dict(ledger.rows(sql, (dumps(list(seqs)).decode(),)))


def set_status(ledger: Ledger, seqs: Iterable[int], status: str) -> None:
    """Moves rows on."""
    where, params = among("seq", seqs)
    ledger.run(f"UPDATE plan SET status = ? WHERE {where}", (status, *params))


def remove(ledger: Ledger, seqs: Iterable[int]) -> None:
    """Settled rows are history: the audit has them."""
    where, params = among("seq", seqs)
    ledger.run(f"DELETE FROM plan WHERE {where}", params)
    ledger.run(f"DELETE FROM plan_bodies WHERE {where}", params)
    ledger.run(f"DELETE FROM plan_marks WHERE {where}", params)


def let_go(ledger: Ledger, run: str, job: str, sid: int, status: str) -> None:
    """Rows of a job that will never send them: they go, and every job looks at their entities again."""
    params = (job, sid, status)
    over = "SELECT seq FROM plan WHERE job = ? AND sid = ? AND status = ?"
    ledger.run(
        "INSERT INTO changes (eid, sid, rid, run) SELECT DISTINCT eid, NULL, NULL, ? FROM plan "
        "WHERE job = ? AND sid = ? AND status = ?",
        (run, *params),
    )
    ledger.run(f"DELETE FROM plan_marks WHERE seq IN ({over})", params)
    ledger.run(f"DELETE FROM plan_bodies WHERE seq IN ({over})", params)
    ledger.run("DELETE FROM plan WHERE job = ? AND sid = ? AND status = ?", params)
