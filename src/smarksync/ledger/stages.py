"""Every rung of the lifecycle that a lead reached, when, and who moved it. Instants in microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .db import Ledger, among, dumps


class Stage(NamedTuple):
    """A rung reached. ``who``: marketing, sales, rule, person; ``skipped`` for a rung that was jumped over."""

    eid: int
    stage: str
    at: int
    who: str


def put(ledger: Ledger, rows: Iterable[Stage]) -> None:
    """Stores rungs reached; the same again is the same."""
    ledger.many("INSERT OR IGNORE INTO stages (eid, stage, at, who) VALUES (?, ?, ?, ?)", rows)


def of(ledger: Ledger, eids: Iterable[int]) -> dict[int, list[Stage]]:
    """{eid: the rungs it reached, in order of time}."""
    sql = (
        "SELECT s.eid, s.stage, s.at, s.who FROM json_each(?) j CROSS JOIN stages s WHERE s.eid = j.value "
        "ORDER BY s.eid, s.at"
    )
    found: dict[int, list[Stage]] = {}
    for row in ledger.rows(sql, (dumps(list(eids)).decode(),)):
        found.setdefault(row[0], []).append(Stage._make(row))
    return found


def first(ledger: Ledger, eids: Iterable[int]) -> dict[int, int]:
    """{eid: when it reached the first of its rungs}."""
    which, params = among("eid", eids)
    return dict(ledger.rows(f"SELECT eid, min(at) FROM stages WHERE {which} GROUP BY eid", params))


def without_case(
    ledger: Ledger, words: Iterable[str], told_by_cases: Iterable[str], since: int, until: int, chunk: int = 5_000
) -> Iterator[list[Stage]]:
    """Rungs of some words reached from ``since`` on and before ``until``, by time.

    Of ``told_by_cases`` only those of leads that never had a hand-off case.
    """
    at, eid, stage = since, 0, ""
    marks = dumps(sorted(words)).decode(), dumps(sorted(told_by_cases)).decode()
    sql = (
        "SELECT s.eid, s.stage, s.at, s.who FROM stages s WHERE s.at >= ? AND s.at < ? AND (s.at, s.eid, s.stage) > (?, ?, ?) "
        "AND (s.stage IN (SELECT value FROM json_each(?)) OR s.stage IN (SELECT value FROM json_each(?)) "
        "AND NOT EXISTS (SELECT 1 FROM cases c WHERE c.eid = s.eid)) ORDER BY s.at, s.eid, s.stage LIMIT ?"
    )
    while found := [Stage._make(row) for row in ledger.rows(sql, (at, until, at, eid, stage, *marks, chunk))]:
        eid, stage, at, _ = found[-1]
        yield found


def give(ledger: Ledger, loser: int, survivor: int) -> None:
    """Two people are one."""
    ledger.run("UPDATE OR IGNORE stages SET eid = ? WHERE eid = ?", (survivor, loser))
    ledger.run("DELETE FROM stages WHERE eid = ?", (loser,))
