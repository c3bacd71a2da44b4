"""When the clocks of a case are to be looked at again: by time, or because the case, its lead or a pause changed.

A verdict on a promise changes by time alone at two moments that are known beforehand. So a run with seventy thousand
open hand-offs looks at the few whose moment came. Instants are microseconds since 1970 in UTC.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from . import meta
from .db import Ledger

_PLACE = "clocks:looked"


def due(ledger: Ledger, terms: str, since: int, now: int) -> array[int]:
    """Numbers, in order, of the cases that are open or ended from ``since`` on and whose verdicts may be news.

    ``terms``: what the promises say; when they say something else, that is all of them.
    """
    told = (meta.get(ledger, _PLACE) or "").split(" ", 2)
    known = len(told) == 3 and told[2] == terms
    seq, looked = (int(told[0]), int(told[1])) if known else (0, 0)
    if not known:
        ledger.run("DELETE FROM case_clocks")
    moved = (
        "SELECT c.cid FROM cases c {} LEFT JOIN case_clocks k ON k.cid = c.cid WHERE {} "
        "AND (k.cid IS NULL OR k.revision <> c.revision OR k.next_at <= ?)"
    )
    alive = "(c.closed_at IS NULL OR c.closed_at >= ?)"
    found = ledger.rows(moved.format("INDEXED BY cases_one_open", "c.closed_at IS NULL"), (now,))
    found += ledger.rows(moved.format("INDEXED BY cases_closed", "c.closed_at >= ?"), (since, now))
    found += ledger.rows(
        f"SELECT c.cid FROM changes n CROSS JOIN cases c WHERE n.seq > ? AND c.eid = n.eid AND {alive}", (seq, since)
    )
    # a clock that stands still has no moment that is known beforehand
    found += ledger.rows(
        f"SELECT c.cid FROM pauses p CROSS JOIN cases c WHERE p.to_at IS NULL AND c.cid = p.cid AND {alive}", (since,)
    )
    found += ledger.rows(
        f"SELECT c.cid FROM pauses p CROSS JOIN cases c WHERE p.to_at >= ? AND c.cid = p.cid AND {alive}",
        (looked, since),
    )
    return array("q", sorted({row[0] for row in found}))


def looked(ledger: Ledger, terms: str, now: int, seq: int, rows: Iterable[tuple[int, int | None]]) -> None:
    """(case, when its verdicts may change by time alone): they were looked at, with all changes up to ``seq``."""
    ledger.many(
        "INSERT OR REPLACE INTO case_clocks (cid, revision, next_at) SELECT cid, revision, ? FROM cases WHERE cid = ?",
        ((at, cid) for cid, at in rows),
    )
    meta.put(ledger, _PLACE, f"{seq} {now} {terms}")


def forget(ledger: Ledger, cids: Iterable[int]) -> None:
    """These are looked at once more in the next run."""
    ledger.many("DELETE FROM case_clocks WHERE cid = ?", ((cid,) for cid in cids))


__all__ = ["due", "forget", "looked"]
