"""The offer: whom a qualified lead goes to, what both systems are to show of it, and the task of the first call.

The record for sales carries the case: it is offered when that row is settled. Everything else waits for it.
"""

from __future__ import annotations

from typing import Any

from smarksync.alignment import route
from smarksync.alignment.terms import Terms
from smarksync.config import Config, Job
from smarksync.config.values import Owner
from smarksync.ledger import cases, rotations, states
from smarksync.ledger.cases import Case, Move
from smarksync.model import Moves
from smarksync.model.moments import micros
from smarksync.plan.build import own_value
from smarksync.plan.job import Person
from smarksync.plan.rows import Outcome
from smarksync.plan.staying import AS_IT_IS

from . import decide, offers, tasks
from .context import JobRun, Run
from .offers import Rooms
from .passage import Passage, Passages, primary
from .refused import RefusedFacts, put_problems
from .routed import finder

#: what a lead shows that is with sales
_HANDED = frozenset(cases.OPEN) - {"qualified"}


class Offering:
    """Offers of one hand-off job in one run. ``passed``: who was passed over and why, how often."""

    def __init__(self, config: Config, job: Job, rooms: Rooms, lifecycle: Moves, passages: Passages) -> None:
        self.config, self.job, self.rooms = config, job, rooms
        self.lifecycle, self.passages = lifecycle, passages
        self.terms = Terms.of(config)
        self.desk = route.Desk(config.routing, lambda _o: None, lambda _r: None, {}, {})
        self.passed: dict[str, int] = {}

    def begin(self, run: Run, job: JobRun) -> None:
        """Owners, their open cases and whose turn it is, as they stand now; which tasks were refused."""
        self.refused = RefusedFacts(run, job)
        self.desk = desk(run, self.config, str(self.job.to))

    def left(self, run: Run) -> dict[str, int]:
        """Open cases of colleagues who are not active in sales any more, by their name."""
        found = ((self.desk.by_ref(ref), count) for ref, count in cases.open_by_owner(run.ledger).items())
        return {seat.name: count for seat, count in found if seat is not None and not seat.active}

    def offer(
        self, run: Run, job: JobRun, one: Passage, case: Case, wanted: dict[str, Any], held: list[Any]
    ) -> list[Outcome]:
        """The writes of an offer, or of a lead that waits because it cannot be offered."""
        person, to = one.person, str(self.job.to)
        now = micros(run.now())
        version = case.definition
        target = primary(person, to)
        waiting = {**wanted, **offers.shown(case)}
        if target is None and to in person.taken_places:
            job.left[(to, "handoff", f"{AS_IT_IS}: the record that sales had was deleted there")] += 1
            return [checked(run, job, person, offers.rows(person, self.rooms.update, waiting, job.name, version), held)]
        routed = (self._kept(run, one) or self.desk.route(one.scope)) if self.config.routing else None
        due = self.terms.due({"qualified": case.opened_at, "offered": now}) if self.terms else None
        text = offers.note(case, one.scope, version, self.rooms.note_length)
        told: dict[str, Any] = {"at": now, "due_at": due, "note": text}
        full = {**wanted, **offers.shown(case, offered=told)}
        owner = routed.owner if routed is not None and routed.owner else person.agreed.get("owner")
        if owner:
            full["owner"] = owner
        word, legal = offers.moved(case, self.lifecycle.legal, person.agreed.get("lifecycle"))
        if word is not None and legal:
            full["lifecycle"] = word
        why = f"hand-off: {version}" + (f"; {routed.how}" if routed is not None and routed.owner else "")
        body = {"owner": owner, "due_at": due, "note": text, "lifecycle": "mql", "route": routed.how if routed else None,
                "passed": list(routed.passed) if routed and routed.passed else None}  # fmt: skip
        offered = [["offered", now, "rule", "", None, {k: v for k, v in body.items() if v is not None}]]
        carry = {"cid": case.cid, "moves": offered, "turn": list(routed.turn) if routed and routed.turn else None}
        if target is None and person.agreed.get("sales_status") is None:
            full["sales_status"] = "new"  # what sales would say of it by itself, so that it is no news afterwards
        elif person.agreed.get("sales_status") in ("unqualified", "recycled"):
            full["sales_status"] = "new"  # what sales said of the last case is no answer to this one
        outcome = offers.rows(person, self.rooms.update, full, job.name, why)
        there = offers.carried(outcome.rows, run.connection_of, to)
        made = Outcome()
        if target is None:
            made = offers.create(person, self.rooms.create, to, full, job.name, why)
            there = made.rows[0] if made.rows else None
        outcome.problems += made.problems
        outcome.waits = outcome.waits or made.waits
        outcome.rows = [*made.rows, *outcome.rows]
        outcome = checked(run, job, person, outcome, held)
        gone = there is not None and there not in outcome.rows
        if gone or (there is None and target is None):
            rows = offers.rows(person, self.rooms.update, waiting, job.name, version)
            return [checked(run, job, person, rows, held)]
        if routed is not None:
            self.told(routed)
        if there is None:
            self.passages.enter(one, [self._move(run, case, offered[0], target)])
            if routed and routed.turn:
                rotations.advance(run.ledger, {routed.turn[0]: routed.turn[1]})
        else:
            there.case = carry
            for row in outcome.rows:
                if row is not there:
                    row.case = {"cid": case.cid, "moves": [], "needs": "offered"}
        self.task(run, one, case, outcome, owner, due, now)
        return [outcome]

    def _kept(self, run: Run, one: Passage) -> route.Routed | None:
        """The owner whom a hand-off gave the lead that this ledger knows nothing of: it was lost, and they work on it."""
        person = one.person
        there, here = primary(person, self.job.to), primary(person, self.job.from_)
        shown = (own_value(side, "handoff_state", person.agreed) for side in (there, here) if side)
        if there is None or _HANDED.isdisjoint(shown):
            return None
        known = cases.of_entities(run.ledger, [person.eid]).get(person.eid, [])
        return self.desk.keep(own_value(there, "owner", person.agreed)) if len(known) == 1 else None

    def _move(self, run: Run, case: Case, told: list[Any], target: Any) -> Move:
        state, at, actor, _, reason, body = told
        record = f"{target.connection}:{target.stream}:{target.rid}"
        return Move(0, case.cid, state, at, at, actor, record, run.run_id, reason, False, {**body, "record": record})

    def task(
        self, run: Run, one: Passage, case: Case, outcome: Outcome, owner: str | None, due: int | None, at: int | None,
        turn: int = 0,
    ) -> None:  # fmt: skip
        """Adds the task of the first call, where this turn has none yet and sales has a place for it.

        ``turn``: how often the lead has gone on to another owner; ``at``: when they got it.
        """
        lane = self.rooms.task
        states = ("offered", "accepted", "working") if turn else ("qualified", "offered")
        if (
            lane is None
            or at is None
            or not case.open
            or (case.body.get("task") and case.body.get("task_of", 0) >= turn)
            or case.state not in states
        ):
            return
        row = offers.task(one.person, case, lane, owner, due, at, turn)
        told = {"task_of": turn} if turn else {}
        if row is not None and (rid := tasks.there_already(run, one.person.eid, row)) is not None:
            self.passages.note(one, {**told, "task": f"{lane.name}:{rid}"}, "it has its task")
        elif row is not None and self.refused.may_go(one.person.eid, row):
            row.case = {
                "cid": case.cid,
                "moves": [["note", at, "rule", "", "task", told]],
                "needs": "offered",
                "turn_of": turn,
            }
            outcome.rows.append(row)

    def told(self, routed: route.Routed) -> None:
        """Remembers who was passed over, and every use of the fallback."""
        for text in routed.passed:
            self.passed[text] = self.passed.get(text, 0) + 1
        if routed.fallback or not routed.owner:
            self.passed[routed.how] = self.passed.get(routed.how, 0) + 1


def checked(run: Run, job: JobRun, person: Person, outcome: Outcome, held: list[Any]) -> Outcome:
    """The outcome without what was refused or cannot go on: that is kept in quarantine."""
    put_problems(run, job, person, outcome, held)
    decide.watch_flips(run, job, person, outcome)
    if outcome.waits:
        states.set_due(run.ledger, job.name, [(person.eid, outcome.waits)], run.stamp())
        job.fates.setdefault(person.eid, "deferred")
    return outcome


def desk(run: Run, config: Config, to: str) -> route.Desk:
    """Routing as it stands; turns taken of it are remembered by nobody else until they are settled."""
    seats = {one.ref: route.Seat(one.ref, one.name or one.email or one.record, one.active) for one in run.owners.of(to)}
    known = finder(run.owners.of(to))

    def find(owner: Owner) -> route.Seat | None:
        found = known(owner)
        return seats.get(found.ref) if found is not None else None

    return route.Desk(config.routing, find, seats.get, cases.open_by_owner(run.ledger), rotations.positions(run.ledger))
