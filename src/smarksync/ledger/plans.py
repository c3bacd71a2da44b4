"""Plan rows. Released, they are the intents: released → sending → settled (deleted) | failed | unknown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .db import Ledger, among, dumps, loads, packed


class PlanRow(NamedTuple):
    """One stored row. ``after``: the vendor values that are sent. The rest is read when somebody asks for it."""

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
    after: dict[str, Any]
    rest: bytes
    agreed: str | None
    source: int | None  # the link that it rests on, where that and the written record are all that is concerned
    note: bytes | None
    told: list[dict[str, Any]]  # the body, once it was asked for

    @property
    def body(self) -> dict[str, Any]:
        """Everything that the row says, as plan.rows.Row.body."""
        if not self.told:
            body: dict[str, Any] = loads(self.rest)
            if self.note is not None:
                body.update(_noted(loads(self.note)))
            if self.after:
                body["after"] = self.after
            self.told.append(body)
        return self.told[0]

    @property
    def values(self) -> dict[str, Any]:
        """The canonical values that become agreed when the row is settled."""
        if self.agreed is None:
            return dict(self.after) if self.op == "create" and self.source is not None else {}
        values: dict[str, Any] = loads(self.agreed)
        return values


def _noted(note: dict[str, Any]) -> dict[str, Any]:
    """What the audit's words say of a plan row."""
    why = {name: {k: v for k, v in one.items() if k != "after"} for name, one in note["fields"].items()}
    before = {vendor: one["before"] for vendor, one in note["vendor"].items()}
    return {"before": before, "why": why, "fields": list(why), "reason": note["reason"]}


_COLUMNS = "seq, run, job, eid, sid, rid, op, status, consent, adopts, stamp"
_INSERT = (
    "INSERT INTO plan (run, job, seq, eid, sid, rid, op, status, consent, adopts, stamp) "
    "VALUES (?1, ?2, ?, ?, ?, ?, ?, 'planned', ?, ?, ?)"
)
_BODY = (
    "INSERT INTO plan_bodies (seq, after, rest, agreed, source, source_fp, target, target_fp, memo, note) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_NOBODY = (None, None, None, None, None, None)


def add(ledger: Ledger, run: str, job: str, rows: Iterable[tuple[int, Any]]) -> None:
    """Stores (eid, plan.rows.Row) with what the guards count."""
    last = int(ledger.value("SELECT seq FROM sqlite_sequence WHERE name = 'plan'") or 0)
    heads: list[tuple[Any, ...]] = []
    bodies: list[tuple[Any, ...]] = []
    marks: list[tuple[int, str, str]] = []
    for seq, (eid, row) in enumerate(rows, last + 1):
        heads.append((seq, eid, row.sid, row.rid, row.op, row.consent, row.adopts, row.stamp))
        values, alone = row.values, row.alone
        if alone is None:
            agreed = packed(values).decode() if values else None
            bodies.append((seq, packed(row.after), packed(row.rest()), agreed, *_NOBODY))
        else:  # one full copy less where a new record is sent just what becomes agreed
            same = row.stamp or (row.op == "create" and values == row.after)
            agreed = None if same else packed(values).decode()
            note = None if row.note is None else packed(row.note)
            rest = packed({"won": row.won} if note else row.rest())
            source, source_fp, target, target_fp, memo = alone
            bodies.append((seq, packed(row.after), rest, agreed, source, source_fp, target, target_fp,
                           packed(memo) if memo else None, note))  # fmt: skip
        if row.marks:
            marks += [(seq, kind, field) for kind, field in row.marks]
    ledger.add(_INSERT, heads, (run, job))
    ledger.add(_BODY, bodies)
    if marks:
        ledger.many("INSERT OR IGNORE INTO plan_marks (seq, kind, field) VALUES (?, ?, ?)", marks)


def load(ledger: Ledger, where: str, params: Sequence[Any] = (), limit: int = -1) -> list[PlanRow]:
    """Rows by a condition, in order."""
    columns = ", ".join(f"p.{name}" for name in _COLUMNS.split(", "))
    sql = (
        f"SELECT {columns}, b.after, b.rest, b.agreed, b.source, b.note FROM (SELECT {_COLUMNS} FROM plan WHERE {where} "
        "ORDER BY seq LIMIT ?) p CROSS JOIN plan_bodies b WHERE b.seq = p.seq"
    )
    make = PlanRow._make
    return [make((*row[:11], loads(row[11]), *row[12:], [])) for row in sorted(ledger.rows(sql, (*params, limit)))]


class Settled(NamedTuple):
    """A row that is settled without being read: its place, its entity, and the links that it rests on.

    ``stamped``: our id was written to the source since. ``held``: what the target remembers, if anything.
    ``changed_at``: of the source.
    """

    seq: int
    eid: int
    source: int
    target: int | None
    stamped: int
    held: bytes | None
    changed_at: str | None


def undisturbed(ledger: Ledger, seqs: Iterable[int], run: str) -> list[Settled]:
    """Those of the rows that rest on one or two links alone, planned in this run, while both are as they were then.

    That is: live, with the same fingerprints, the only ones of their entity, and nothing of it in question. The source
    of a new record may have none: it was given our id meanwhile, which moves nothing else of it.
    """
    where, params = among("p.seq", seqs)
    sql = (
        "SELECT p.seq, p.eid, b.source, b.target, s.fp IS NOT b.source_fp, m.memo, s.changed_at "
        "FROM plan p CROSS JOIN plan_bodies b "
        "CROSS JOIN links s LEFT JOIN memos m ON m.lid = b.target "
        f"WHERE {where} AND p.run = ? AND p.stamp = 0 AND b.seq = p.seq AND s.lid = b.source AND s.eid = p.eid AND s.state = 'live' "
        "AND (s.fp IS b.source_fp OR (s.fp IS NULL AND b.target IS NULL)) AND (b.target IS NULL OR EXISTS (SELECT 1 FROM links t "
        "WHERE t.lid = b.target AND t.eid = p.eid AND t.state = 'live' AND t.fp IS b.target_fp)) AND NOT EXISTS (SELECT 1 "
        "FROM links o WHERE o.eid = p.eid AND o.lid <> b.source AND o.lid IS NOT b.target) AND NOT EXISTS (SELECT 1 "
        "FROM conflicts c WHERE c.eid = p.eid AND c.job = p.job) ORDER BY p.seq"
    )
    return [Settled._make(row) for row in ledger.rows(sql, (*params, run))]


def stamped(ledger: Ledger, seqs: Iterable[int], run: str) -> list[tuple[int, int, dict[str, Any]]]:
    """(row, link, what is remembered of it) of those that only give a record our id, while it is its entity's."""
    where, params = among("p.seq", seqs)
    sql = (
        "SELECT p.seq, b.source, m.memo FROM plan p CROSS JOIN plan_bodies b CROSS JOIN links s LEFT JOIN memos m "
        f"ON m.lid = s.lid WHERE {where} AND p.run = ? AND p.stamp = 1 AND b.seq = p.seq AND s.lid = b.source "
        "AND s.eid = p.eid AND s.state = 'live'"
    )
    return [(seq, lid, loads(memo) if memo else {}) for seq, lid, memo in ledger.rows(sql, (*params, run))]


def settle(ledger: Ledger, rows: Sequence[Settled], *, whole: bool) -> None:
    """What such rows make true of their entities and sources: agreed, and what stays remembered."""
    change = "COALESCE(b.agreed, CAST(b.after AS TEXT))" if whole else "json_patch(entities.agreed, b.agreed)"
    ledger.many(
        f"UPDATE entities SET agreed = (SELECT {change} FROM plan_bodies b WHERE b.seq = ?) WHERE eid = ?",
        [(row.seq, row.eid) for row in rows],
    )
    left = _left_of_stamped(ledger, [row.seq for row in rows if row.stamped])
    where, params = among("lid", [row.source for row in rows])
    ledger.run(f"DELETE FROM memos WHERE {where}", params)
    where, params = among("seq", [row.seq for row in rows if not row.stamped])
    ledger.run(
        f"INSERT OR ROLLBACK INTO memos (lid, memo) SELECT source, memo FROM plan_bodies WHERE {where} AND memo IS NOT NULL",
        params,
    )
    ledger.add("INSERT INTO memos (lid, memo) VALUES (?, ?)", left)


def _left_of_stamped(ledger: Ledger, seqs: list[int]) -> list[tuple[int, bytes]]:
    """(source, what stays remembered) where our id was written since: it lacks that no more, and may owe its echo."""
    where, params = among("b.seq", seqs)
    sql = f"SELECT b.source, b.memo, m.memo FROM plan_bodies b LEFT JOIN memos m ON m.lid = b.source WHERE {where}"
    left: list[tuple[int, bytes]] = []
    for lid, planned, now in ledger.rows(sql, params) if seqs else ():
        memo: dict[str, Any] = loads(planned) if planned else {}
        memo.pop("x", None)
        if now and b'"w":' in now and (waiting := loads(now).get("w")):
            memo["w"] = waiting
        if memo:
            left.append((lid, dumps(memo)))
    return left


def note(ledger: Ledger, seqs: Iterable[int], run: str, at: str) -> None:
    """The audit rows that were told with the rows."""
    where, params = among("p.seq", seqs)
    ledger.run(
        "INSERT OR ROLLBACK INTO audit (run, eid, at, body) SELECT ?, p.eid, ?, b.note FROM plan p CROSS JOIN plan_bodies b "
        f"WHERE {where} AND b.seq = p.seq ORDER BY p.seq",
        (run, at, *params),
    )


def kinds(ledger: Ledger, job: str) -> set[tuple[int, str, int]]:
    """(consent, op, sid) of the job's released rows."""
    sql = "SELECT DISTINCT consent, op, sid FROM plan WHERE job = ? AND status = 'released'"
    return {(consent, op, sid) for consent, op, sid in ledger.rows(sql, (job,))}


#: op, whether our id alone, rows, rows that adopt, entities
Count = tuple[str, int, int, int, int]


def counts(ledger: Ledger, job: str) -> dict[int, list[Count]]:
    """{sid: how many rows of each kind the job has planned, without those of consent}."""
    sql = (
        "SELECT sid, op, stamp, count(*), sum(adopts), count(DISTINCT eid) FROM plan "
        "WHERE job = ? AND status = 'planned' AND consent = 0 GROUP BY sid, op, stamp"
    )
    found: dict[int, list[Count]] = {}
    count: Any
    for sid, *count in ledger.rows(sql, (job,)):
        found.setdefault(sid, []).append(tuple(count))
    return found


def marks(ledger: Ledger, job: str) -> dict[int, list[tuple[str, str, int]]]:
    """{sid: (kind, field, how often) of the marks of what the job has planned}."""
    sql = (
        "SELECT p.sid, m.kind, m.field, count(*) FROM plan_marks m CROSS JOIN plan p "
        "WHERE p.seq = m.seq AND p.job = ? AND p.status = 'planned' GROUP BY 1, 2, 3"
    )
    found: dict[int, list[tuple[str, str, int]]] = {}
    for sid, kind, field, count in ledger.rows(sql, (job,)):
        found.setdefault(sid, []).append((kind, field, count))
    return found


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


def still_under_way(ledger: Ledger, eids: Iterable[int]) -> set[int]:
    """Those of the entities with a write that is not settled now."""
    where, params = among("eid", eids)
    sql = f"SELECT eid FROM plan WHERE status IN ('released', 'sending', 'unknown') AND {where}"
    return {row[0] for row in ledger.rows(sql, params)}


def removals_beside(ledger: Ledger, done: Sequence[PlanRow]) -> set[int]:
    """Of the entities that these removals are about, those with another one of the same job that is not done."""
    where, params = among("eid", [row.eid for row in done])
    sql = f"SELECT seq, job, eid FROM plan WHERE op IN ('delete', 'archive') AND {where}"
    over, jobs = {row.seq for row in done}, {(row.job, row.eid) for row in done}
    return {eid for seq, job, eid in ledger.rows(sql, params) if seq not in over and (job, eid) in jobs}


def first_under_way(ledger: Ledger) -> int | None:
    """The entity of the first row that is still to be sent, or on its way; None when there is none."""
    eid = ledger.value("SELECT eid FROM plan WHERE status IN ('released', 'sending') ORDER BY seq LIMIT 1")
    return None if eid is None else int(eid)


def discard(ledger: Ledger, job: str, *, ahead: bool = False) -> None:
    """Forgets what was planned and not released: the next planning computes it from state. ``ahead``: what was planned
    while the last round was sent stays."""
    states = "('held', 'failed', 'stale')" if ahead else "('planned', 'held', 'failed', 'stale')"
    withdraw(ledger, f"job = ? AND status IN {states}", (job,))


def withdraw(ledger: Ledger, where: str, params: Sequence[Any]) -> list[tuple[int, int]]:
    """Forgets the rows of which a condition holds, whole; (stream, how many)."""
    over = f"FROM plan WHERE {where}"
    counts = ledger.rows(f"SELECT sid, count(*) {over} GROUP BY sid", params)
    if counts:
        ledger.run(f"DELETE FROM plan_marks WHERE seq IN (SELECT seq {over})", params)
        ledger.run(f"DELETE FROM plan_bodies WHERE seq IN (SELECT seq {over})", params)
        ledger.run(f"DELETE {over}", params)
    return [(sid, count) for sid, count in counts]


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
    sql = f"UPDATE OR ROLLBACK plan SET status = 'sending', sent_at = ? WHERE {where} AND status = 'released'"
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
    ledger.run(f"UPDATE OR ROLLBACK plan SET status = ? WHERE {where}", (status, *params))


def remove(ledger: Ledger, seqs: Iterable[int]) -> None:
    """Settled rows are history: the audit has them."""
    where, params = among("seq", seqs)
    ledger.run(f"DELETE FROM plan WHERE {where}", params)
    ledger.run(f"DELETE FROM plan_bodies WHERE {where}", params)
    ledger.run(f"DELETE FROM plan_marks WHERE {where}", params)


_PARTS = ("plan", "plan_bodies", "plan_marks")


def keep(ledger: Ledger, seqs: Iterable[int]) -> None:
    """Lays rows aside as they are, until :func:`bring_back`."""
    where, params = among("seq", seqs)
    for table in _PARTS:
        ledger.run(f"CREATE TEMP TABLE IF NOT EXISTS kept_{table} AS SELECT * FROM {table} WHERE 0")
        ledger.run(f"INSERT INTO temp.kept_{table} SELECT * FROM main.{table} WHERE {where}", params)


def bring_back(ledger: Ledger) -> None:
    """What was laid aside stands where it stood."""
    for table in _PARTS:
        ledger.run(f"INSERT OR REPLACE INTO main.{table} SELECT * FROM temp.kept_{table}")
        ledger.run(f"DELETE FROM temp.kept_{table}")


def let_go(ledger: Ledger, run: str, job: str, sid: int, status: str) -> None:
    """Rows of a job that will never send them: they go, and every job looks at their entities again."""
    where, params = "job = ? AND sid = ? AND status = ?", (job, sid, status)
    ledger.run(
        f"INSERT INTO changes (eid, sid, rid, run) SELECT DISTINCT eid, NULL, NULL, ? FROM plan WHERE {where}",
        (run, *params),
    )
    withdraw(ledger, where, params)
