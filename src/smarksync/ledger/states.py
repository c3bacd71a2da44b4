"""The state-change log, and each job's own mark on it. Jobs do not consume changes."""

from __future__ import annotations

from collections.abc import Iterable

from . import meta, plans
from .db import Ledger, dumps

_HELD = "held:"


def changed(ledger: Ledger, rows: Iterable[tuple[int, int | None, str | None, str]]) -> None:
    """(eid, sid, rid, run): something about the entity is new."""
    ledger.add("INSERT INTO changes (eid, sid, rid, run) VALUES (?, ?, ?, ?)", rows)


def top(ledger: Ledger) -> int:
    """The newest sequence."""
    return int(ledger.value("SELECT max(seq) FROM changes") or ledger.value("SELECT max(seq) FROM marks") or 0)


def mark(ledger: Ledger, job: str) -> int:
    """Up to where the job has planned and released."""
    return int(ledger.value("SELECT seq FROM marks WHERE job = ?", (job,)) or 0)


def set_mark(ledger: Ledger, job: str, seq: int) -> None:
    """Moves the job's mark; never backwards."""
    ledger.run(
        "INSERT INTO marks (job, seq) VALUES (?, ?) ON CONFLICT (job) DO UPDATE SET seq = max(seq, excluded.seq)",
        (job, seq),
    )


def rules_of(ledger: Ledger, job: str) -> str | None:
    """The hash of rules and mappings that the job last planned with."""
    found = ledger.value("SELECT rules FROM marks WHERE job = ?", (job,))
    return None if found is None else str(found)


def set_rules(ledger: Ledger, job: str, rules: str) -> None:
    """Remembers the hash of rules and mappings."""
    ledger.run(
        "INSERT INTO marks (job, seq, rules) VALUES (?, 0, ?) ON CONFLICT (job) DO UPDATE SET rules = excluded.rules",
        (job, rules),
    )


def has_settled(ledger: Ledger, job: str) -> bool:
    """Whether a run of the job has ever settled its whole plan (after that it is no first run)."""
    return bool(ledger.value("SELECT settled FROM marks WHERE job = ?", (job,)))


def set_settled(ledger: Ledger, job: str) -> None:
    """The job settled a whole plan."""
    ledger.run("UPDATE marks SET settled = 1 WHERE job = ?", (job,))


def gather(ledger: Ledger, job: str, seq: int, up_to: int, entity: str) -> None:
    """Collects the entities changed in (seq, up_to] and those that the job owes another look, once a planning.

    In a table, so that a million of them cost no memory and the log is read once, not once a chunk.
    """
    ledger.run("CREATE TEMP TABLE IF NOT EXISTS candidates (eid INTEGER PRIMARY KEY)")
    ledger.run("DELETE FROM candidates")
    ledger.run(
        "INSERT OR IGNORE INTO candidates SELECT c.eid FROM changes c CROSS JOIN entities e "
        "WHERE c.seq > ? AND c.seq <= ? AND e.eid = c.eid AND e.kind = ?",
        (seq, up_to, entity),
    )
    ledger.run("INSERT OR IGNORE INTO candidates SELECT eid FROM due WHERE job = ?", (job,))


def gathered(ledger: Ledger, last_eid: int, limit: int) -> list[int]:
    """The next of them by id, after ``last_eid``."""
    sql = "SELECT eid FROM candidates WHERE eid > ? ORDER BY eid LIMIT ?"
    return [row[0] for row in ledger.rows(sql, (last_eid, limit))]


def set_due(ledger: Ledger, job: str, rows: Iterable[tuple[int, str]], now: str) -> None:
    """(eid, reason): look again in the next run."""
    ledger.many(
        "INSERT INTO due (job, eid, reason, since) VALUES (?, ?, ?, ?) ON CONFLICT (job, eid) DO UPDATE SET "
        "reason = excluded.reason, looked_at = 0",
        ((job, eid, reason, now) for eid, reason in rows),
    )


def owe_planned(ledger: Ledger, job: str, reason: str, now: str) -> None:
    """Every entity with a planned row of the job is looked at again in the next run."""
    ledger.run(
        "INSERT INTO due (job, eid, reason, since) SELECT DISTINCT job, eid, ?, ? FROM plan "
        "WHERE job = ? AND status = 'planned' ON CONFLICT (job, eid) DO UPDATE SET reason = excluded.reason, looked_at = 0",
        (reason, now, job),
    )


def owe_unseen(ledger: Ledger, job: str, eids: Iterable[int], reason: str, now: str) -> None:
    """Another look at entities that the job has looked at since they last changed; the others it will see anyway.

    What it has yet to look at is gathered from the log once a run, and grows with it: the log is in no order of entities.
    """
    looked = mark(ledger, job)
    if not looked:
        return  # it will look at everybody
    ledger.run("CREATE TEMP TABLE IF NOT EXISTS ahead (job TEXT, eid INTEGER, PRIMARY KEY (job, eid)) WITHOUT ROWID")
    ledger.run("CREATE TEMP TABLE IF NOT EXISTS ahead_of (job TEXT PRIMARY KEY, mark INTEGER, up_to INTEGER)")
    since, up_to = ledger.one("SELECT mark, up_to FROM ahead_of WHERE job = ?", (job,)) or (-1, 0)
    if since != looked:
        ledger.run("DELETE FROM ahead WHERE job = ?", (job,))
        up_to = looked
    ledger.run("INSERT OR IGNORE INTO ahead SELECT ?, eid FROM changes WHERE seq > ?", (job, up_to))
    newest = max(up_to, top(ledger))
    ledger.run("INSERT OR REPLACE INTO ahead_of VALUES (?, ?, ?)", (job, looked, newest))
    ledger.many(
        "INSERT INTO due (job, eid, reason, since) SELECT ?, ?, ?, ? "
        "WHERE NOT EXISTS (SELECT 1 FROM ahead WHERE job = ? AND eid = ?) ON CONFLICT (job, eid) DO UPDATE SET looked_at = 0",
        [(job, eid, reason, now, job, eid) for eid in eids],
    )


def looked_at(ledger: Ledger, job: str, eids: Iterable[int]) -> None:
    """The job looks at them now. What is owed to them stays until its plan is released: a run may die before that."""
    ledger.run(
        "UPDATE due SET looked_at = 1 WHERE job = ? AND eid IN (SELECT value FROM json_each(?))",
        (job, dumps(list(eids)).decode()),
    )


def clear_due(ledger: Ledger, job: str) -> None:
    """The job's plan is released: it owes nothing more to whom it has looked at. What was put down since then stays."""
    ledger.run("DELETE FROM due WHERE job = ? AND looked_at = 1", (job,))


def swept(ledger: Ledger, job: str) -> str | None:
    """The day on which the job last looked at everybody because time alone may change its answer."""
    return meta.get(ledger, f"swept:{job}")


def set_swept(ledger: Ledger, job: str, day: str) -> None:
    """It looked at everybody on that day."""
    meta.put(ledger, f"swept:{job}", day)


def held_since(ledger: Ledger, job: str) -> str | None:
    """When a guard stopped the job that has been stopped ever since."""
    return meta.get(ledger, f"{_HELD}{job}")


def held(ledger: Ledger) -> dict[str, str]:
    """{job: since when} of all that a guard stopped."""
    return meta.under(ledger, _HELD)


def hold(ledger: Ledger, job: str, at: str) -> None:
    """A guard stopped the job."""
    meta.put(ledger, f"{_HELD}{job}", at)


def let_go(ledger: Ledger, job: str) -> None:
    """No guard stops the job any more."""
    meta.forget(ledger, f"{_HELD}{job}")


def prune(ledger: Ledger, up_to: int) -> None:
    """Forgets changes that every job has seen."""
    with ledger.tx():
        if (ledger.value("SELECT max(seq) FROM changes") or 0) <= up_to:
            ledger.run("DELETE FROM changes")  # a whole table is emptied without a look at its rows
        else:
            ledger.run("DELETE FROM changes WHERE seq <= ?", (up_to,))


def forget_jobs(ledger: Ledger, keep: list[str], *, answers: bool) -> None:
    """Marks and debts of jobs that are no longer in the config: they would hold the log back for ever.

    What they asked of people goes, too, and what a guard held of them: whoever does their work now begins with that anew.
    With ``answers`` also what people answered: every job that could have carried it out has run.
    """
    names = (dumps(keep).decode(),)
    over = "" if answers else " AND state <> 'answered'"
    ledger.run(f"DELETE FROM conflicts WHERE job NOT IN (SELECT value FROM json_each(?)){over}", names)
    ledger.run("DELETE FROM quarantine WHERE job <> '' AND job NOT IN (SELECT value FROM json_each(?))", names)
    ledger.run("DELETE FROM due WHERE job NOT IN (SELECT value FROM json_each(?))", names)
    ledger.run("DELETE FROM marks WHERE job NOT IN (SELECT value FROM json_each(?))", names)
    for job in held(ledger).keys() - set(keep):
        plans.discard(ledger, job)
        let_go(ledger, job)
