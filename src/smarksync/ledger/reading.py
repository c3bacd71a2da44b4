"""Wide reads for reports: everything once, in order, in chunks; no cursor stays open, no set of ids in memory.

Instants are microseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from .db import Ledger, dumps, loads


class LeadRow(NamedTuple):
    """One lead: its agreed values, when it was first known, the rungs it reached, and the first campaign it was in."""

    eid: int
    agreed: dict[str, Any]
    known_at: int
    stages: Sequence[tuple[str, int]]
    campaign: int | None


def leads(ledger: Ledger, chunk: int = 5_000) -> Iterator[list[LeadRow]]:
    """All live leads."""
    started = {run: _micros(at) for run, at in ledger.rows("SELECT run, started_at FROM runs")}
    last = 0
    while True:
        found = ledger.rows(
            "SELECT eid, agreed, created_run FROM entities WHERE eid > ? AND kind = 'lead' AND state = 'live' "
            "ORDER BY eid LIMIT ?", (last, chunk),
        )  # fmt: skip
        if not found:
            return
        first, last = found[0][0], found[-1][0]
        stages: dict[int, list[tuple[str, int]]] = {}
        for eid, stage, at in ledger.rows("SELECT eid, stage, at FROM stages WHERE eid BETWEEN ? AND ?", (first, last)):
            stages.setdefault(eid, []).append((stage, at))
        campaigns: dict[int, int] = {}
        for eid, campaign in ledger.rows(
            "SELECT eid, campaign FROM memberships WHERE eid BETWEEN ? AND ? AND campaign IS NOT NULL "
            "ORDER BY eid, at IS NULL, at, mid", (first, last),
        ):  # fmt: skip
            campaigns.setdefault(eid, campaign)
        yield [
            LeadRow(eid, loads(agreed), started.get(run, 0), stages.get(eid, ()), campaigns.get(eid))
            for eid, agreed, run in found
        ]


class HandOffRow(NamedTuple):
    """One hand-off: its lead's agreed values, what came of it, and {state: reason} of the states that it passed."""

    eid: int
    agreed: dict[str, Any]
    state: str
    offered_at: int
    closed: bool
    passed: dict[str, str | None]


def handoffs(ledger: Ledger, start: int, end: int, chunk: int = 5_000) -> Iterator[list[HandOffRow]]:
    """The cases that were offered from ``start`` on and before ``end``; of reasons, the last for each state."""
    last = 0
    while True:
        found = ledger.rows(
            "SELECT c.cid, c.eid, e.agreed, c.state, c.offered_at, c.closed_at FROM cases c JOIN entities e ON e.eid = c.eid "
            "WHERE c.cid > ? AND c.offered_at >= ? AND c.offered_at < ? ORDER BY c.cid LIMIT ?", (last, start, end, chunk),
        )  # fmt: skip
        if not found:
            return
        first, last = found[0][0], found[-1][0]
        passed: dict[int, dict[str, str | None]] = {}
        for cid, state, reason in ledger.rows(
            "SELECT cid, state, reason FROM case_moves WHERE cid BETWEEN ? AND ? AND state <> 'note' ORDER BY cid, at, mid",
            (first, last),
        ):
            passed.setdefault(cid, {})[state] = reason
        yield [
            HandOffRow(eid, loads(agreed), state, offered, closed is not None, passed.get(cid, {}))
            for cid, eid, agreed, state, offered, closed in found
        ]


def agreed_of(ledger: Ledger, kind: str, chunk: int = 5_000) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """(eid, entity id, agreed values) of every live entity of a kind."""
    other = "" if kind == "lead" else " AND kind <> 'lead'"  # said aloud, so that the index of the few is used
    last = 0
    while True:
        found = ledger.rows(
            f"SELECT eid, ref, agreed FROM entities WHERE eid > ? AND kind = ?{other} AND state = 'live' ORDER BY eid LIMIT ?",
            (last, kind, chunk),
        )
        if not found:
            return
        last = found[-1][0]
        for eid, ref, agreed in found:
            yield eid, ref, loads(agreed)


def names(ledger: Ledger, kind: str) -> dict[str, str]:
    """{entity id: what people call it}: the name, else the address, else the id itself."""
    return {ref: str(agreed.get("name") or agreed.get("email") or ref) for _, ref, agreed in agreed_of(ledger, kind)}


def what_happened(ledger: Ledger, eids: Iterable[int]) -> dict[int, list[tuple[int, str]]]:
    """{eid: [(at, type) of what was done with or by it, oldest first]}, without the details."""
    sql = (
        "SELECT a.eid, a.at, a.type FROM json_each(?) j CROSS JOIN activities a WHERE a.eid = j.value "
        "ORDER BY a.eid, a.at"
    )
    found: dict[int, list[tuple[int, str]]] = {}
    for eid, at, kind in ledger.rows(sql, (dumps(list(eids)).decode(),)):
        found.setdefault(eid, []).append((at, kind))
    return found


def people_of_accounts(ledger: Ledger, accounts: Iterable[str]) -> dict[str, list[int]]:
    """{account's entity id: its leads}: one pass over the leads, for sales that name nobody."""
    wanted = set(accounts)
    found: dict[str, list[int]] = {}
    if wanted:
        for eid, _, agreed in agreed_of(ledger, "lead"):
            if agreed.get("account") in wanted:
                found.setdefault(agreed["account"], []).append(eid)
    return found


def _micros(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1_000_000)
