"""When the clocks of a case are to be looked at again: by time, or because the case or its lead changed.

A verdict on a promise changes by time alone at two moments that are known beforehand. So a run with seventy thousand
open hand-offs looks at the few whose moment came. Instants are microseconds since 1970 in UTC.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from . import cases, meta
from .db import Ledger

_PLACE = "clocks:looked"


def due(ledger: Ledger, terms: str, since: int, now: int) -> array[int]:
    """Numbers, in order, of the cases that are open or ended from ``since`` on and whose verdicts may be news.

    ``terms``: what the promises say; when they say something else, that is all of them. A clock that stands still is
    looked at when its moment would have come, and then has a later one: pauses only put it off.
    """
    told = (meta.get(ledger, _PLACE) or "").split(" ", 2)
    alive = "(c.closed_at IS NULL OR c.closed_at >= ?)"
    if len(told) < 3 or told[2] != terms:
        ledger.run("DELETE FROM case_clocks")
        found = ledger.rows("SELECT cid FROM cases WHERE closed_at IS NULL")
        found += ledger.rows("SELECT cid FROM cases WHERE closed_at >= ?", (since,))
        return array("q", sorted(row[0] for row in found))
    seq, moves = int(told[0]), int(told[1])
    found = ledger.rows(
        f"SELECT c.cid FROM case_clocks k CROSS JOIN cases c WHERE k.next_at <= ? AND c.cid = k.cid AND {alive}",
        (now, since),
    )
    found += ledger.rows(
        f"SELECT c.cid FROM case_moves m CROSS JOIN cases c WHERE m.mid > ? AND c.cid = m.cid AND {alive}",
        (moves, since),
    )
    found += ledger.rows(
        f"SELECT c.cid FROM changes n CROSS JOIN cases c WHERE n.seq > ? AND c.eid = n.eid AND {alive}", (seq, since)
    )
    return array("q", sorted({row[0] for row in found}))


def over(ledger: Ledger, job: str, now: int) -> list[int]:
    """Leads of a job's open cases whose moment has come since they were looked at."""
    found = ledger.rows(
        "SELECT DISTINCT c.eid FROM case_clocks k CROSS JOIN cases c WHERE k.next_at <= ? AND c.cid = k.cid "
        "AND c.closed_at IS NULL AND c.job = ? ORDER BY 1", (now, job),
    )  # fmt: skip
    return [eid for (eid,) in found]


def looked(ledger: Ledger, terms: str, now: int, seq: int, rows: Iterable[tuple[int, int | None]]) -> None:
    """(case, when its verdicts may change by time alone): they were looked at, with all changes up to ``seq``."""
    ledger.run("UPDATE case_clocks SET next_at = NULL WHERE next_at <= ?", (now,))
    ledger.many("INSERT OR REPLACE INTO case_clocks (cid, next_at) VALUES (?, ?)", rows)
    meta.put(ledger, _PLACE, f"{seq} {cases.last_move(ledger)} {terms}")


def forget(ledger: Ledger, cids: Iterable[int]) -> None:
    """These are looked at once more in the next run."""
    ledger.many("INSERT OR REPLACE INTO case_clocks (cid, next_at) VALUES (?, 0)", ((cid,) for cid in cids))


__all__ = ["due", "forget", "looked", "over"]
