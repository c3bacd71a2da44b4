"""Whom a job has planned for while its last round was still being sent. Tables of this process alone: a run that dies
has planned nothing ahead."""

from __future__ import annotations

from collections.abc import Iterable

from . import plans
from .db import Ledger, among


def begin(ledger: Ledger) -> None:
    """Nobody is planned for yet, and nobody waits."""
    ledger.run("CREATE TEMP TABLE IF NOT EXISTS foreseen (eid INTEGER PRIMARY KEY, seq INTEGER NOT NULL)")
    ledger.run("CREATE TEMP TABLE IF NOT EXISTS awaited (eid INTEGER PRIMARY KEY)")
    ledger.run("CREATE TEMP TABLE IF NOT EXISTS unforeseen (eid INTEGER PRIMARY KEY)")
    for table in ("foreseen", "awaited", "unforeseen"):
        ledger.run(f"DELETE FROM temp.{table}")


def wait_for(ledger: Ledger, since: int, up_to: int, entity: str) -> None:
    """Entities of one kind that changed in (since, up_to] wait to be planned for."""
    ledger.run(
        "INSERT OR IGNORE INTO temp.awaited SELECT c.eid FROM changes c CROSS JOIN entities e "
        "WHERE c.seq > ? AND c.seq <= ? AND e.eid = c.eid AND e.kind = ?",
        (since, up_to, entity),
    )


def take(ledger: Ledger, below: int, limit: int) -> list[int]:
    """So many of those who wait with an id below ``below``, and none of them when there are fewer."""
    sql = "SELECT eid FROM temp.awaited WHERE eid < ? ORDER BY eid LIMIT ?"
    eids = [row[0] for row in ledger.rows(sql, (below, limit))]
    if len(eids) < limit:
        return []
    where, params = among("eid", eids)
    ledger.run(f"DELETE FROM temp.awaited WHERE {where}", params)
    return eids


def add(ledger: Ledger, eids: Iterable[int], seq: int) -> None:
    """They are planned for, as they were up to this sequence of the log."""
    ledger.add("INSERT OR REPLACE INTO foreseen (eid, seq) VALUES (?, ?)", [(eid, seq) for eid in eids])


def doubt(ledger: Ledger, job: str, *, all_of_them: bool) -> None:
    """Sets those apart to whom anything happened since, or that the job owes another look, or that are nobody any more."""
    if all_of_them:
        ledger.run("INSERT INTO temp.unforeseen SELECT eid FROM temp.foreseen")
    else:
        ledger.run(
            "INSERT INTO temp.unforeseen SELECT f.eid FROM temp.foreseen f WHERE EXISTS (SELECT 1 FROM due d "
            "WHERE d.job = ? AND d.eid = f.eid) OR NOT EXISTS (SELECT 1 FROM entities e WHERE e.eid = f.eid AND e.state = 'live')",
            (job,),
        )
        ledger.run(
            "INSERT OR IGNORE INTO temp.unforeseen SELECT c.eid FROM changes c CROSS JOIN temp.foreseen f "
            "WHERE c.seq > (SELECT min(seq) FROM temp.foreseen) AND f.eid = c.eid AND c.seq > f.seq"
        )
    ledger.run("DELETE FROM temp.foreseen WHERE eid IN (SELECT eid FROM temp.unforeseen)")


def take_back(ledger: Ledger, job: str) -> list[tuple[int, int]]:
    """Forgets the rows that were planned for those set apart; (stream, how many)."""
    return plans.withdraw(ledger, "job = ? AND status = 'planned' AND eid IN (SELECT eid FROM temp.unforeseen)", (job,))


def leave_out(ledger: Ledger) -> None:
    """Those who are planned for need not be gathered (states.gather) once more."""
    ledger.run("DELETE FROM candidates WHERE eid IN (SELECT eid FROM temp.foreseen)")
