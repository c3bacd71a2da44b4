"""Leads whose owner has let a promised time run out go to somebody else: planned, guarded and settled like every write.

The case is told with the receipt of the record that sales has (T3), and so is the turn of a round robin. Nothing but the
owner changes there; the new owner gets a task of their own, and the one of the owner before stays as that colleague left it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from smarksync.alignment import reassign
from smarksync.alignment.reassign import Overdue
from smarksync.alignment.route import Desk, Routed
from smarksync.alignment.terms import Terms
from smarksync.ledger import cases, clocks, pauses, states
from smarksync.ledger.cases import NOTE, Case
from smarksync.ledger.quarantine import Held
from smarksync.model import ValueProblem
from smarksync.model.moments import micros
from smarksync.plan.reasons import hash_of
from smarksync.plan.rows import Outcome, Row

from . import offers
from .context import Run
from .passage import Passage, primary


class Turn(NamedTuple):
    """A lead that moves on in this run: why, to whom, and until when they have time."""

    over: Overdue
    routed: Routed
    until: int | None


class Reassigning:
    """What one hand-off job hands on in one run. ``planned``: how many; ``stay``: leads that nobody else can take."""

    def __init__(self, terms: Terms | None, to: str) -> None:
        self.terms, self.to = reassign.terms_of(terms), to
        self.planned = 0
        self._before: int | None = None  # the last move before this run
        self.stay: dict[str, int] = {}
        self._stood: dict[int, list[tuple[int, int | None]]] = {}

    def wake(self, run: Run, job: str) -> None:
        """Cases whose moment has come since they were last looked at."""
        if self._before is None:
            self._before = cases.last_move(run.ledger)
        if self.terms and run.options.only is None:
            over = clocks.over(run.ledger, job, micros(run.now()))
            states.changed(run.ledger, ((eid, None, None, run.run_id) for eid in over))

    def done(self, run: Run) -> int:
        """How many leads went to somebody else in this run; of a plan, how many would."""
        if run.options.dry_run or self._before is None:
            return self.planned
        return cases.told_since(run.ledger, self._before, reassign.KEY)

    def begin(self, run: Run, cids: Sequence[int]) -> None:
        """What the next few cases need to be judged."""
        self._stood = pauses.of(run.ledger, cids) if self.terms else {}

    def turn(self, run: Run, one: Passage, case: Case, attempts: Sequence[int], desk: Desk) -> Turn | None:
        """Whether the lead moves on now, and to whom."""
        now = micros(run.now())
        over = (
            reassign.overdue(self.terms, case, one.moves, attempts, self._stood.get(case.cid, ()), now)
            if self.terms
            else None
        )
        if over is None or primary(one.person, self.to) is None:
            return None
        routed = desk.route(one.scope, over.had) if over.rule.to is None else desk.give(over.rule.to, over.had)
        if routed.owner is None:
            for text in routed.passed or (routed.how,):
                self._stays(text)
            return None
        desk.leave(case.owner)
        term = next(term for term in self.terms if term.id == over.promise)
        return Turn(over, routed, term.timer.due(now) if term.timer is not None else None)

    def _stays(self, why: str) -> None:
        said = f"stays with its owner: {why}"
        self.stay[said] = self.stay.get(said, 0) + 1

    def refused(self, one: Passage, turn: Turn, held: Sequence[Held]) -> tuple[int, str] | None:
        """The stream and the field in which sales does not take that owner for the lead, as it has said before; None when
        it has not, or what its word rested on has changed."""
        side = primary(one.person, self.to)
        codec = side.codec("owner") if side is not None else None
        if side is None or codec is None:
            return None
        place = (side.sid, codec.vendor)
        try:
            raw = codec.outward(turn.routed.owner)
        except ValueProblem:
            return None
        if one.person.refused.get(place) != hash_of(raw):
            return None
        said = next((h.facts.get("why", "") for h in held if (h.sid, h.field) == place), "")
        self._stays(f"{self.to} refused {turn.routed.name} ({turn.routed.how}): {said}")
        return place

    def row_of(self, run: Run, outcome: Outcome) -> Row | None:
        """The row that gives sales' record to its new owner; None when there is none, and the lead stays."""
        there = offers.carried(outcome.rows, run.connection_of, self.to)
        if there is not None and "owner" in there.fields:
            return there
        self._stays(f"{self.to} does not take another owner for the record, or the mapping has none")
        return None

    def carry(self, run: Run, case: Case, turn: Turn, there: Row) -> None:
        """Puts the move on the row that goes to sales."""
        over, routed = turn.over, turn.routed
        assert routed.owner is not None
        body = reassign.body(case, over, routed.owner, routed.how, routed.passed)
        move = [NOTE, micros(run.now()), "rule", "agreement", f"{over.promise} ran out: to somebody else", body]
        told: dict[str, Any] = {"cid": case.cid, "moves": [*there.case.get("moves", ()), move]}
        there.case = {**told, "turn": list(routed.turn)} if routed.turn else told
        self.planned += 1


def why(turn: Turn) -> str:
    """The reason of the write."""
    return f"{turn.over.promise} ran out ({turn.over.number} of {turn.over.rule.at_most}): {turn.routed.how}"


__all__ = ["Reassigning", "Turn", "why"]
