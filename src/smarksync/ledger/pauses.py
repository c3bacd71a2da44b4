"""When the clocks of a case stood still, and why. Instants are microseconds since 1970 in UTC."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from . import cases, meta
from .db import Ledger, dumps

_PLACE = "pauses:looked"


def to_look_at(ledger: Ledger, by: str) -> array[int]:
    """Numbers, in order, of the open cases that are news to the pauses: the case, its lead or the lead's account changed.

    ``by``: what the pauses say, and the day if that counts; when it is another one, that is every open case.
    """
    told = (meta.get(ledger, _PLACE) or "").split(" ", 2)
    if len(told) < 3 or told[2] != by:
        return array("q", (row[0] for row in ledger.rows("SELECT cid FROM cases WHERE closed_at IS NULL ORDER BY cid")))
    seq, moves = int(told[0]), int(told[1])
    found = ledger.rows(
        "SELECT c.cid FROM case_moves m CROSS JOIN cases c WHERE m.mid > ? AND c.cid = m.cid AND c.closed_at IS NULL",
        (moves,),
    )
    found += ledger.rows(
        "SELECT c.cid FROM changes n CROSS JOIN cases c WHERE n.seq > ? AND c.eid = n.eid AND c.closed_at IS NULL",
        (seq,),
    )
    found += ledger.rows(
        "SELECT c.cid FROM changes n CROSS JOIN ties t CROSS JOIN cases c WHERE n.seq > ? AND t.b = n.eid "
        "AND t.kind = 'employer' AND c.eid = t.a AND c.closed_at IS NULL", (seq,),
    )  # fmt: skip
    return array("q", sorted({row[0] for row in found}))


def looked(ledger: Ledger, by: str, seq: int) -> None:
    """All of them were looked at, with all changes up to ``seq``."""
    meta.put(ledger, _PLACE, f"{seq} {cases.last_move(ledger)} {by}")


def of(ledger: Ledger, cids: Iterable[int]) -> dict[int, list[tuple[int, int | None]]]:
    """{case: [(from, to)]}, in order; a pause that goes on ends at None."""
    sql = "SELECT p.cid, p.from_at, p.to_at FROM json_each(?) j CROSS JOIN pauses p WHERE p.cid = j.value ORDER BY 1, 2"
    found: dict[int, list[tuple[int, int | None]]] = {}
    for cid, start, end in ledger.rows(sql, (dumps(list(cids)).decode(),)):
        found.setdefault(cid, []).append((start, end))
    return found


def running(ledger: Ledger, cids: Iterable[int]) -> dict[int, set[str]]:
    """{case: reasons for which its clocks stand still now}."""
    sql = "SELECT p.cid, p.reason FROM json_each(?) j CROSS JOIN pauses p WHERE p.cid = j.value AND p.to_at IS NULL"
    found: dict[int, set[str]] = {}
    for cid, reason in ledger.rows(sql, (dumps(list(cids)).decode(),)):
        found.setdefault(cid, set()).add(reason)
    return found


def begin(ledger: Ledger, rows: Iterable[tuple[int, str, int]]) -> None:
    """(case, reason, since): the clocks stand still."""
    ledger.many("INSERT OR IGNORE INTO pauses (cid, reason, from_at) VALUES (?, ?, ?)", rows)


def end(ledger: Ledger, rows: Iterable[tuple[int, str, int]]) -> None:
    """(case, reason, at): the clocks go on."""
    ledger.many(
        "UPDATE pauses SET to_at = max(?, from_at) WHERE cid = ? AND reason = ? AND to_at IS NULL",
        ((at, cid, reason) for cid, reason, at in rows),
    )


def end_of_closed(ledger: Ledger) -> None:
    """A case that is closed stands still no more."""
    ledger.run(
        "UPDATE pauses SET to_at = (SELECT max(c.closed_at, from_at) FROM cases c WHERE c.cid = pauses.cid) "
        "WHERE to_at IS NULL AND EXISTS (SELECT 1 FROM cases c WHERE c.cid = pauses.cid AND c.closed_at IS NOT NULL)"
    )
