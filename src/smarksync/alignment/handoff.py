"""The state machine of a hand-off: which moves a case makes, and what a case's moves come to.

No clock, no database: times (microseconds since 1970, UTC) and rows come in, moves go out; ``ledger.cases`` keeps
them. :func:`replay` makes a case of its moves alone, in the order of the events and not of their arrival, so a late
or out-of-order signal is entered with its own time and the case is what it would have been.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from smarksync.ledger.cases import CLOSED, NOTE, OPEN, Case, Move, fate

#: the rungs of a case, in order
LADDER = (*OPEN, "won")
_RANK = {state: rank for rank, state in enumerate(LADDER)} | {"lost": len(OPEN)}
#: what the first move of a case says about it
HEAD = ("job", "eid", "product", "cycle", "definition")


class Signal(NamedTuple):
    """Something a system shows that moves a case. ``at``: when it happened; ``source``: ``connection:object:id``."""

    state: str
    at: int
    actor: str
    source: str
    reason: str | None = None
    body: dict[str, Any] = {}  # noqa: RUF012  a NamedTuple's default, never written to


def opened(
    *, cid: int, job: str, eid: int, product: str, cycle: int, definition: str, at: int, run: str, body: dict[str, Any]
) -> Move:
    """The first move of a case: the lead qualified."""
    head = {"job": job, "eid": eid, "product": product, "cycle": cycle, "definition": definition}
    return Move(0, cid, "qualified", at, at, "rule", definition, run, None, False, {**body, **head})


def replay(moves: Sequence[Move]) -> Case:
    """The case that these moves come to. The first of a case must be among them; their order does not matter."""
    ordered = in_order(moves)
    first = next(move for move in ordered if all(name in move.body for name in HEAD))
    head = first.body
    state, closed_at = "qualified", None
    reached: dict[str, tuple[int, bool]] = {}
    told: dict[str, Any] = {}
    for move in ordered:
        told.update({k: v for k, v in move.body.items() if k not in HEAD or k == "eid"})
        if move.reason is not None and move.state != NOTE:
            told["reason"] = move.reason
        if move.state == NOTE:
            continue
        if move.state not in reached or (move.state in reached and reached[move.state][1] and not move.skipped):
            reached[move.state] = (move.at, move.skipped)
        if move.body.get("reopened"):
            state, closed_at = move.state, None
            told.pop("reopened")
        elif _moves_on(state, move.state):
            state = move.state
            closed_at = move.at if state in CLOSED else None
    body = {k: v for k, v in told.items() if k not in ("owner", "due_at", "into_cid", "eid") and v is not None}
    body["at"] = {name: at for name, (at, _) in reached.items()}
    return Case(
        first.cid, head["job"], told.get("eid", head["eid"]), head["product"], head["cycle"], state, first.at,
        body["at"].get("offered"), told.get("due_at"), closed_at, head["definition"], told.get("owner"),
        told.get("into_cid"), len(moves), body,
    )  # fmt: skip


def waits_until(case: Case, reasons: Mapping[str, Any]) -> int | None:
    """When a lead that was turned down may come again, by the wait that its reason has in the config; None without one."""
    wait = reasons.get(str(case.body.get("reason"))) if case.state in ("rejected", "recycled", "lost") else None
    if wait is None or case.closed_at is None:
        return None
    return case.closed_at + int(wait.timedelta.total_seconds() * 1_000_000)


def in_order(moves: Iterable[Move]) -> list[Move]:
    """By the events' own time; what is not stored yet comes after what is."""
    return sorted(moves, key=lambda move: (move.at, move.mid == 0, move.mid))


def _moves_on(frm: str, to: str) -> bool:
    """A case climbs, or closes; what lies below it was passed already. What was turned down may yet be recycled."""
    if frm in CLOSED:
        return to == "recycled" and frm in ("rejected", "lost")
    return to in CLOSED or _RANK[to] > _RANK[frm]


def advance(moves: Sequence[Move], signals: Iterable[Signal], *, entered_at: int, run: str) -> list[Move]:
    """The new moves that these signals make, rungs that were jumped over filled in and marked skipped.

    A signal that says nothing new makes none. One from before the offer counts from the offer: what sales did with
    the record earlier is no answer to it. One from the future is entered at ``entered_at``.
    """
    have, made = list(moves), []
    for signal in sorted(signals, key=lambda one: (min(one.at, entered_at), _RANK.get(one.state, 9))):
        case = replay(have)
        at = min(max(signal.at, case.offered_at or signal.at), entered_at)
        move = Move(0, case.cid, signal.state, at, entered_at, signal.actor, signal.source, run, signal.reason, False,
                    dict(signal.body))  # fmt: skip
        fresh = _fresh(case, have, move)
        made += fresh
        have += fresh
    return made


def _fresh(case: Case, have: Sequence[Move], move: Move) -> list[Move]:
    if move.state == NOTE:
        return [move]
    if not case.open:
        return _reopening(case, move)
    ordered = in_order(have)
    again = max((n for n, m in enumerate(ordered) if m.body.get("reopened")), default=0)
    passed = {
        m.state: m.skipped for n, m in enumerate(ordered) if n >= again or m.state in LADDER[: _RANK["opportunity"]]
    }
    if passed.get(move.state) is False:
        return []
    if move.state in passed and move.at >= case.body["at"][move.state]:
        return []  # the rung was filled in, and this is no earlier word of it
    return [*_skipped(case, have, move), move]


def _skipped(case: Case, have: Sequence[Move], move: Move) -> list[Move]:
    """The rungs between where the case stands and where it goes to."""
    there = {m.state for m in have}
    if move.state == "recycled" and case.state in ("qualified", "offered"):
        names: tuple[str, ...] = ("rejected",) if case.state == "offered" else ()
    elif move.state in _RANK:
        names = LADDER[_RANK["offered"] + 1 : _RANK[move.state]]
    else:
        names = ()
    return [
        move._replace(state=name, skipped=True, body={}, reason=move.reason if name == "rejected" else None)
        for name in names
        if name not in there
    ]


def _reopening(case: Case, move: Move) -> list[Move]:
    """A lost or won sale that is open again takes its case up; every other case stays closed."""
    assert case.closed_at is not None
    if _moves_on(case.state, move.state):
        return [move]
    if move.state == "opportunity" and case.state in ("lost", "won") and move.at > case.closed_at:
        return [move._replace(body={**move.body, "reopened": True}, reason=None)]
    if {case.state, move.state} == {"lost", "won"} and move.at > case.closed_at:
        again = move._replace(state="opportunity", skipped=True, body={"reopened": True}, reason=None)
        return [again, move]
    return []


def merged(
    earlier: Sequence[Move], later: Sequence[Move], *, eid: int, at: int, run: str
) -> tuple[list[Move], list[Move]]:
    """Moves for two open cases of two leads that are one now: the earlier offered goes on, with its clock.

    ``eid`` is the surviving lead. Returns the moves of each, in the order given.
    """
    a, b = replay(earlier), replay(later)
    first, second = (a, b) if _age(a) <= _age(b) else (b, a)
    stays = Move(0, first.cid, NOTE, at, at, "rule", "merge", run, "leads merged", False, {"eid": eid})
    ends = Move(0, second.cid, "merged", at, at, "rule", "merge", run, None, False, {"eid": eid, "into_cid": first.cid})
    return ([stays], [ends]) if first is a else ([ends], [stays])


def _age(case: Case) -> tuple[bool, int, int]:
    return case.offered_at is None, case.offered_at or case.opened_at, case.cid


def conserved(cases: Iterable[Case], missing: set[int]) -> dict[str, int]:
    """MQL conservation: what became of everything that was offered. ``missing``: offered cases, no live CRM record.

    ``offered`` = accepted + rejected + open + merged + withdrawn + missing, whatever happened afterwards: a lead that
    sales accepted counts as accepted when it is recycled later.
    """
    counts = dict.fromkeys(("offered", "accepted", "rejected", "open", "merged", "withdrawn", "missing"), 0)
    for case in cases:
        if case.offered_at is not None:
            counts["offered"] += 1
            counts[standing(case, missing=case.cid in missing)] += 1
    return counts


def standing(case: Case, *, missing: bool = False) -> str:
    """Where an offered case stands in the conservation of MQLs."""
    told = fate(case) or "open"
    return "missing" if told == "open" and missing and case.open else told
