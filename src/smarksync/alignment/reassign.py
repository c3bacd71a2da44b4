"""Whether a lead is to go to somebody else, because its owner has let the time of a promise run out.

Only what still waits moves on: a lead that was called late stays with whoever called. The promise's own clock goes on, and
what was broken stays broken; every owner has the promised time from the moment in which they got the lead. No clock and no
database: instants are microseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from smarksync.config.agreement import Reassign
from smarksync.ledger.cases import Case, Move

from .clock import Pause
from .judge import DECIDED, TALKED
from .terms import Term, Terms

#: what a case remembers of it: {promise: how often}
KEY = "reassigned"


class Overdue(NamedTuple):
    """A lead that moves on: by which promise, for which time, and who had it already (entity ids)."""

    promise: str
    rule: Reassign
    number: int
    had: frozenset[str]


def terms_of(terms: Terms | None) -> tuple[Term, ...]:
    """The promises that hand leads on."""
    return tuple(t for t in terms.promises if t.promise.reassign is not None) if terms is not None else ()


def overdue(
    terms: Iterable[Term], case: Case, moves: Sequence[Move], attempts: Sequence[int],
    stood: Sequence[tuple[int, int | None]], now: int,
) -> Overdue | None:  # fmt: skip
    """The first promise by which the lead moves on now. ``attempts``: their times; ``stood``: pauses, one that goes on ends at None."""
    for term in terms:
        until = deadline(term, case, moves, attempts, stood, now)
        if until is not None and until < now:
            assert term.promise.reassign is not None
            had = frozenset(str(move.body["owner"]) for move in moves if move.body.get("owner"))
            return Overdue(term.id, term.promise.reassign, times(case, term.id) + 1, had)
    return None


def deadline(
    term: Term, case: Case, moves: Sequence[Move], attempts: Sequence[int], stood: Sequence[tuple[int, int | None]],
    now: int,
) -> int | None:  # fmt: skip
    """Until when the present owner has time; None when the lead stays with them, whatever they do."""
    rule, reached = term.promise.reassign, case.body.get("at", {})
    start = reached.get(term.starts)
    if rule is None or term.timer is None or start is None or not case.open or case.offered_at is None:
        return None
    if times(case, term.id) >= rule.at_most or not _waits(term, reached, attempts, start):
        return None
    since = max([start, *(move.at for move in moves if move.body.get("owner") and move.at <= now)])
    pauses: list[Pause] = [(a, now if b is None else min(b, now)) for a, b in stood if a < now]
    return term.timer.due(since, pauses)


def _waits(term: Term, reached: dict[str, int], attempts: Sequence[int], start: int) -> bool:
    if term.promise.promise == "decision":
        return not any(state in reached for state in DECIDED)
    return not any(state in reached for state in TALKED) and not any(at >= start for at in attempts)


def times(case: Case, promise: str) -> int:
    """How often the lead has moved on by that promise."""
    return int(case.body.get(KEY, {}).get(promise, 0))


def hands_on(told: Mapping[str, Any] | None) -> bool:
    """Whether what a written row tells the case is that the lead moves on."""
    return told is not None and any(KEY in (move[5] or {}) for move in told.get("moves", ()))


def counted(case: Case) -> int:
    """How often it has moved on at all."""
    return sum(case.body.get(KEY, {}).values())


def body(case: Case, one: Overdue, owner: str, how: str, passed: Sequence[str]) -> dict[str, Any]:
    """What the case is told when it has happened."""
    told: dict[str, Any] = {"owner": owner, KEY: {**case.body.get(KEY, {}), one.promise: one.number}, "route": how}
    return {**told, "passed": list(passed)} if passed else told


__all__ = ["KEY", "Overdue", "body", "counted", "deadline", "hands_on", "overdue", "terms_of", "times"]
