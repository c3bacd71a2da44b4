"""Whether a promise was kept in one case: a first attempt, persistence, a decision.

Everything is judged from the case's own moves, the typed attempts and the pauses, as of one instant: what happened
later, or is dated in the future, is not known yet. A signal that arrives late is entered with its own time and judged
by it, so a verdict may change for the better when it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from .clock import Pause, Timer
from .terms import Term

#: best first; the worst of its cases is the status of a promise
STATUSES = ("excused", "met", "on_track", "at_risk", "breached")
#: states that show that sales and the lead have talked
TALKED = ("sql", "opportunity", "won")
#: states by which sales has said yes or no
DECIDED = ("accepted", "working", "sql", "opportunity", "won", "rejected", "recycled", "disqualified", "lost")
#: states by which a case ended without sales having its say
VOID = ("merged", "withdrawn")
ENDS = ("rejected", "recycled", "disqualified", "won", "lost", *VOID)


class Facts(NamedTuple):
    """One case as promises see it. Instants are microseconds, UTC.

    ``reached``: state → when. ``attempts``: times of the lead's sales attempts, in order: those before the clock
    starts and after the case ended are not of this case. ``pauses``: intervals; one that goes
    on ends at None. ``filled``: lead fields that had a value. ``legs``: captured, scored, written, assigned → when.
    """

    cid: int
    eid: int
    state: str
    opened_at: int
    closed_at: int | None
    reached: Mapping[str, int]
    reason: str | None = None
    owner: str | None = None
    attempts: Sequence[int] = ()
    pauses: Sequence[tuple[int, int | None]] = ()
    segments: Mapping[str, str | None] = {}
    filled: frozenset[str] = frozenset()
    legs: Mapping[str, int] = {}


class Verdict(NamedTuple):
    """``at``: when it was settled; ``due``: when the time is up; ``left``: microseconds still to be worked till then.

    ``used``: share of the time gone by. ``why`` is for people. ``charged``: system, marketing or sales, of a breach.
    """

    promise: str
    cid: int
    status: str
    at: int | None = None
    due: int | None = None
    left: int | None = None
    used: float = 0.0
    why: str = ""
    charged: str | None = None


def judge(term: Term, facts: Facts, now: int, at_risk: float) -> Verdict | None:
    """The verdict on a promise about single cases; None when its clock has not started by ``now``."""
    start = facts.reached.get(term.starts)
    if start is None or start > now or term.timer is None:
        return None
    look = _Look(term, term.timer, facts, now, at_risk, start)
    return _KINDS[term.promise.promise](look)


def next_look(term: Term, facts: Facts, verdict: Verdict | None, now: int, at_risk: float) -> int | None:
    """The next instant after ``now`` at which time alone may change the verdict; None = never.

    That is when something dated in the future becomes known, when it gets at risk, and when the time is up. While a
    pause goes on, the instants move with it.
    """
    told = (*facts.reached.values(), *facts.attempts, *(at for pause in facts.pauses for at in pause if at is not None))
    found = [at for at in told if at > now]
    if verdict is not None and verdict.status in ("on_track", "at_risk") and term.timer is not None:
        start = facts.reached[term.starts]
        pauses: list[Pause] = [(a, now if b is None else min(b, now)) for a, b in facts.pauses if a < now]
        risk = term.timer.clock.add(start, ceil(term.timer.amount * at_risk) + 1, pauses)
        late = None if verdict.due is None else verdict.due + 1  # at the due time it is still kept
        found += [at for at in (risk, late) if at is not None and at > now]
    return min(found, default=None)


class _Look:
    """One promise in one case as of ``now``."""

    def __init__(self, term: Term, timer: Timer, facts: Facts, now: int, at_risk: float, start: int) -> None:
        self.term, self.timer, self.facts, self.now, self.at_risk, self.start = term, timer, facts, now, at_risk, start
        self.pauses: list[Pause] = [(a, now if b is None else min(b, now)) for a, b in facts.pauses if a < now]
        ended = self.first(ENDS)
        self.attempts = [at for at in facts.attempts if start <= at <= (ended[0] if ended else now)]

    def first(self, states: Sequence[str]) -> tuple[int, str] | None:
        """(when, which) of these states was reached first, by now."""
        found = [(at, s) for s in states if (at := self.facts.reached.get(s)) is not None and self.start <= at]
        return min((f for f in found if f[0] <= self.now), default=None)

    def kept(self, at: int) -> bool:
        return self.timer.kept(self.start, at, self.pauses)

    def say(self, status: str, why: str, at: int | None = None, charged: str | None = None) -> Verdict:
        """A verdict with the figures of the clock."""
        end = self.now if at is None else at
        due = self.timer.due(self.start, self.pauses)
        left = self.timer.left(self.start, self.now, self.pauses) if status in ("on_track", "at_risk") else None
        used = self.timer.used(self.start, end, self.pauses)
        if status == "breached" and charged is None:
            charged = charge(self.term, self.facts, self.start, end)
        return Verdict(self.term.id, self.facts.cid, status, at, due, left, used, why, charged)

    def running(self, why: str) -> Verdict:
        """Nothing has happened yet: late, at risk, or on track."""
        if not self.kept(self.now):
            return self.say("breached", f"{why} within {self.timer.text}", self.timer.due(self.start, self.pauses))
        used = self.timer.used(self.start, self.now, self.pauses)
        return self.say("at_risk" if used >= self.at_risk else "on_track", f"{why} yet")


def _first_attempt(look: _Look) -> Verdict:
    if look.attempts:
        at = look.attempts[0]
        return (
            look.say("met", "first attempt made", at)
            if look.kept(at)
            else look.say("breached", "first attempt too late", at)
        )
    ended = look.first((*TALKED, *ENDS))
    if ended is None:
        return look.running("no attempt")
    at, state = ended
    if state == "merged" or look.kept(at):
        return look.say("excused", f"{state} before an attempt was due", at)
    return look.say("breached", f"{state} without an attempt in time", at)


def _attempts(look: _Look) -> Verdict:
    promise = look.term.promise
    least, most = int(promise.at_least or 0), promise.at_most
    ended = look.first((*TALKED, *ENDS))
    # once they have talked, or the case is over, contacts are no longer attempts to reach somebody
    made = [at for at in look.attempts if look.kept(at) and (ended is None or at <= ended[0])]
    said = f"{len(made)} attempt{'' if len(made) == 1 else 's'}"
    if most is not None and len(made) > most:
        return look.say("breached", f"{said} within {look.timer.text}, at most {most} were promised", made[most])
    if ended is not None and look.kept(ended[0]):
        at, state = ended
        if len(made) >= least:
            return look.say("met", f"{said}, then {state}", at)
        if state not in TALKED and look.facts.reason == "unreachable":
            return look.say("breached", f"given up as unreachable after {said}, at least {least} were promised", at)
        return look.say("excused", f"{state} after {said}", at)
    if not look.kept(look.now):
        due = look.timer.due(look.start, look.pauses)
        if len(made) >= least:
            return look.say("met", f"{said} within {look.timer.text}", due)
        return look.say("breached", f"{said} within {look.timer.text}, at least {least} were promised", due)
    used = look.timer.used(look.start, look.now, look.pauses)
    short = len(made) < least and used >= look.at_risk
    return look.say("at_risk" if short else "on_track", f"{said} so far")


def _decision(look: _Look) -> Verdict:
    facts = look.facts
    rejected = facts.reached.get("rejected")
    if look.term.promise.reason_required and rejected is not None and rejected <= look.now and not facts.reason:
        return look.say("breached", "rejected without a reason", rejected, "sales")
    decided, void = look.first(DECIDED), look.first(VOID)
    if decided is not None:
        at, state = decided
        return look.say("met", state, at) if look.kept(at) else look.say("breached", f"{state} too late", at)
    if void is not None:
        at, state = void
        if state == "merged" or look.kept(at):
            return look.say("excused", f"{state} before a decision was due", at)
        return look.say("breached", f"{state} without a decision in time", at)
    return look.running("no decision")


_KINDS: Mapping[str, Callable[[_Look], Verdict]] = {
    "first_attempt": _first_attempt, "attempts": _attempts, "decision": _decision,
}  # fmt: skip


def charge(term: Term, facts: Facts, start: int, end: int) -> str:
    """Who a breach is charged to: marketing its own promises; of a clock of sales, whoever used most of it.

    Until the record is written and its owner set, the time is the system's.
    """
    if term.by == "marketing" or term.timer is None:
        return term.by
    ready = max((facts.legs[leg] for leg in ("written", "assigned") if leg in facts.legs), default=start)
    clock = term.timer.clock
    pauses = [(a, end if b is None else b) for a, b in facts.pauses]
    ours = clock.elapsed(start, min(ready, end), pauses)
    return "system" if ours > clock.elapsed(max(ready, start), end, pauses) else "sales"


__all__ = ["ENDS", "STATUSES", "Facts", "Verdict", "charge", "judge", "next_look"]
