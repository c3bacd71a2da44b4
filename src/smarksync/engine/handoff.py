"""The hand-off job: signals in, cases on, leads over to sales; planned like every write, and settled with its receipt.

A case is entered as *qualified* when it is planned, because that is our own finding. It is *offered* with the receipt
of the record that sales gets (T3), and so are its owner's turn and its task. Whatever crashes in between, the next run
finds the case as qualified, the same intent under way, and nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smarksync.alignment import handoff, qualify
from smarksync.alignment.reassign import counted
from smarksync.config import Config, Job
from smarksync.ledger import activities, cases, meta, plans, quarantine, states
from smarksync.ledger.cases import Case, Move
from smarksync.model import Moves
from smarksync.model.moments import micros
from smarksync.plan.job import Person
from smarksync.plan.rows import Outcome, Row
from smarksync.plan.staying import AS_IT_IS

from . import casebook, deals, decide, offers, reassigning, sweep, tasks
from .context import JobRun, Lane, Run
from .lookup import load_people
from .offering import Offering, checked
from .offers import Rooms
from .passage import Passage, Passages
from .reassigning import Reassigning
from .refused import refused_values
from .scopes import Scopes, accounts


class Handoff:
    """The work of one hand-off job in one run."""

    def __init__(self, run: Run, config: Config, job: Job, rooms: Rooms) -> None:
        self.config, self.job, self.rooms = config, job, rooms
        table = config.lifecycle.table()
        self.lifecycle = Moves.default() if table is None else Moves.from_config(table)
        self.passages = Passages(run, config, job, self.lifecycle)
        self.offering = Offering(config, job, rooms, self.lifecycle, self.passages)
        self.reassigning = Reassigning(self.offering.terms, str(job.to))
        cuts = [segment.of for segment in config.agreement.segments.values()] if config.agreement else []
        own = [job.when, *cuts, *job.signals.values(), *job.where.values(), *(rule.when for rule in config.routing)]
        self.needs = qualify.reach(config, own) | {"activities"}
        self.sells = False  # whether sales shows us its opportunities
        self.scopes: Scopes | None = None

    def plan(self, run: Run, job: JobRun) -> int:
        """Plans everything that changed since the job's mark; the sequence up to which it looked."""
        ledger = run.ledger
        with ledger.tx():
            plans.discard(ledger, job.name)
            self._join(run)
            self._wake(run)
            self.reassigning.wake(run, job.name)
        self.sells = any(lane.stream.entity == "opportunity" for lane in run.lanes.values())
        if self.sells:
            deals.refresh(run)
        top = states.top(ledger)
        self.scopes = Scopes(run, self.config, self.needs)
        self.offering.begin(run, job)
        doubts = plans.under_way(ledger)
        fades = "now" in self.needs or self.scopes.scoring.fades
        for eids in sweep.candidates(run, job, top, daily=fades):
            with ledger.tx():
                self._chunk(run, job, eids, doubts)
        return top

    def still_wanted(self, run: Run, job: JobRun, lane: Lane, rows: list[Any]) -> list[Any]:
        """Just before sending: see :mod:`.tasks`."""
        return tasks.still_wanted(run, job, lane, rows, str(self.job.to))

    def recover(self, run: Run, job: JobRun) -> None:
        """Tasks whose answer was lost."""
        if self.rooms.task is not None:
            tasks.recover(run, job, self.rooms.task)

    # -- planning --------------------------------------------------------------------------------
    def _chunk(self, run: Run, job: JobRun, eids: list[int], doubts: bool) -> None:
        assert self.scopes is not None
        ledger = run.ledger
        if run.options.only is None:
            states.looked_at(ledger, job.name, eids)
        people = load_people(run, eids, job.name)
        busy = plans.busy(ledger, eids) if doubts else set()
        if busy:
            reason = "an earlier write is not settled"
            states.set_due(ledger, job.name, [(p.eid, reason) for p in people if p.eid in busy], run.stamp())
        people = [p for p in people if p.eid not in busy]
        known = cases.of_entities(ledger, [p.eid for p in people])
        scopes = self.scopes.of(people)
        newest = {p.eid: self.passages.newest(known.get(p.eid, []), scopes[p.eid]) for p in people}
        current = {eid: case for eid, case in newest.items() if case is not None}
        moves = cases.moves_of(ledger, [case.cid for case in current.values()])
        sales = self._sales(run, people, current) if current else {}
        since = min((case.offered_at for case in current.values() if case.offered_at is not None), default=None)
        tried = activities.attempts(ledger, current, since) if since is not None else {}
        held = quarantine.of_entities(ledger, job.name, [p.eid for p in people])
        self.reassigning.begin(run, [case.cid for case in current.values()])
        stages: list[tuple[int, str, int, str]] = []
        planned: list[tuple[int, Row]] = []
        settled: list[tuple[Person, Outcome]] = []
        for person in people:
            case = current.get(person.eid)
            one = Passage(
                person,
                scopes[person.eid],
                case,
                moves.get(case.cid, []) if case else [],
                sales.get(case.cid) if case else None,
            )
            if one.sale is not None:
                one.scope["opportunity"] = one.sale.values
            person.refused = refused_values(run, job, person, held.get(person.eid, []))
            self.passages.listen(job, one, tried.get(person.eid, ()))
            self.passages.qualify(one)
            stages += self._stage(run, one)
            for outcome in self._writes(run, job, one, held.get(person.eid, []), tried.get(person.eid, ())):
                planned += [(person.eid, row) for row in outcome.rows]
                if outcome.local_fields:
                    settled.append((person, outcome))
        casebook.reached(run, stages)
        decide.settle_local(run, job, settled)
        decide.store_memos(run, [person for person, _ in settled])
        plans.add(ledger, run.run_id, job.name, planned)
        for _, row in planned:
            job.count(row.sid, "planned")
        self.offering.refused.over(person.eid for person in people)

    def _sales(self, run: Run, people: list[Person], current: dict[int, Case]) -> dict[int, Any]:
        if not self.sells:
            return {}
        employers = accounts(run, [p for p in people if p.eid in current])
        deals.employ(run, employers)
        return deals.sales_of(run, current.values(), employers)

    def _stage(self, run: Run, one: Passage) -> list[tuple[int, str, int, str]]:
        word = one.person.agreed.get("lifecycle")
        if not word:
            return []
        ours = one.case is not None and one.case.body.get("lifecycle") == word
        who = "rule" if ours else "sales" if word in qualify.BEYOND or word == "recycled" else "marketing"
        changed = max((s.changed_at for s in one.person.sides if s.changed_at), default=None)
        return [(one.person.eid, word, micros(changed or run.now()), who)]

    def _writes(
        self, run: Run, job: JobRun, one: Passage, held: list[Any], tried: Sequence[tuple[int, str, str | None]]
    ) -> list[Outcome]:
        """What both systems are to show, as outcomes in the order in which they are to be sent."""
        person, case = one.person, one.case
        scores = one.scope.get("scores")
        wanted: dict[str, Any] = scores.values() if scores is not None else {}
        if one.scope["persona"] and not person.agreed.get("persona") and self.config.personas:
            wanted["persona"] = one.scope["persona"]
        if case is None:
            return (
                [checked(run, job, person, offers.rows(person, self.rooms.update, wanted, job.name, "scores"), held)]
                if wanted
                else []
            )
        if case.state == "qualified":
            return self.offering.offer(run, job, one, case, wanted, held)
        word, legal = offers.moved(case, self.lifecycle.legal, person.agreed.get("lifecycle"))
        if word is not None and legal:
            wanted["lifecycle"] = word
        wanted |= offers.shown(case)
        turn = self.reassigning.turn(run, one, case, [at for at, _, _ in tried], self.offering.desk)
        refused = self.reassigning.refused(one, turn, held) if turn is not None else None
        if turn is not None and refused is None:
            given = {**wanted, "owner": turn.routed.owner}
            outcome = offers.rows(person, self.rooms.update, given, job.name, reassigning.why(turn))
            outcome = checked(run, job, person, outcome, held)
            if (there := self.reassigning.row_of(run, outcome)) is not None:
                if word is not None:
                    self._moved(one, job, outcome, word, legal)
                self.reassigning.carry(run, one.case or case, turn, there)
                self.offering.told(turn.routed)
                due, now = turn.until, micros(run.now())
                self.offering.task(run, one, case, outcome, turn.routed.owner, due, now, counted(case) + 1)
                return [outcome]
        outcome = offers.rows(person, self.rooms.update, wanted, job.name, f"case {case.state}")
        if refused is not None:
            outcome.refused.add(refused)  # wanted still, and not sent
        outcome = checked(run, job, person, outcome, held)
        if word is not None:
            self._moved(one, job, outcome, word, legal)
        self.offering.task(run, one, case, outcome, case.owner, case.due_at, case.offered_at, counted(case))
        return [outcome]

    def _moved(self, one: Passage, job: JobRun, outcome: Outcome, word: str, legal: bool) -> None:
        """The lifecycle follows the case: with the rows that carry it, at once when nothing is to be written."""
        carriers = [row for row in outcome.rows if "lifecycle" in row.fields]
        if not legal:
            job.left[
                (
                    str(self.job.to),
                    "lifecycle",
                    f"{AS_IT_IS}: no move from {one.person.agreed.get('lifecycle')} to {word}",
                )
            ] += 1
            self.passages.note(one, {"lifecycle": word, "refused": True}, "the lifecycle has no such move")
        elif not carriers:
            self.passages.note(one, {"lifecycle": word}, "lifecycle")
        assert one.case is not None
        at = one.case.body.get("at", {}).get(one.case.state, one.case.opened_at)
        for row in carriers if legal else []:
            row.case = {"cid": one.case.cid, "moves": [["note", at, "rule", "", "lifecycle", {"lifecycle": word}]]}

    # -- before planning -------------------------------------------------------------------------
    def _join(self, run: Run) -> None:
        """Cases of leads that were joined: of two open ones the earlier offered goes on, with its clock."""
        sql = (
            "SELECT c.cid, e.into_eid FROM entities e CROSS JOIN cases c WHERE e.into_eid IS NOT NULL AND e.state = 'alias' "
            "AND c.eid = e.eid AND c.job = ? ORDER BY c.cid"
        )
        now = micros(run.now())
        for cid, survivor in run.ledger.rows(sql, (self.job.name,)):
            mine = cases.moves(run.ledger, cid)
            case = handoff.replay(mine)
            rival = next(
                (
                    c
                    for c in cases.of_entities(run.ledger, [survivor]).get(survivor, [])
                    if c.open and c.product == case.product
                ),
                None,
            )
            if rival is None or not case.open:
                casebook.enter(
                    run,
                    mine,
                    [
                        Move(
                            0,
                            cid,
                            cases.NOTE,
                            now,
                            now,
                            "rule",
                            "merge",
                            run.run_id,
                            "leads merged",
                            False,
                            {"eid": survivor},
                        )
                    ],
                )
                continue
            theirs = cases.moves(run.ledger, rival.cid)
            first, second = handoff.merged(theirs, mine, eid=survivor, at=now, run=run.run_id)
            cases.add_moves(run.ledger, [*first, *second])
            cases.put(run.ledger, [handoff.replay([*theirs, *first]), handoff.replay([*mine, *second])])

    def _wake(self, run: Run) -> None:
        """Leads whose wait was over since the last run are looked at again."""
        if not self.job.reasons or run.options.only is not None:
            return
        now, key = micros(run.now()), f"waits:{self.job.name}"
        since = int(meta.get(run.ledger, key) or 0)
        for reason, wait in self.job.reasons.items():
            if wait is not None:
                length = int(wait.timedelta.total_seconds() * 1_000_000)
                over = cases.closed_for(run.ledger, self.job.name, reason, since - length, now - length)
                states.changed(run.ledger, ((eid, None, None, run.run_id) for eid in over))
        meta.put(run.ledger, key, str(now))

    # -- the report ------------------------------------------------------------------------------
    def report(self, run: Run) -> dict[str, Any]:
        """MQL conservation, the missing by name, who was passed over, and whose cases have lost their owner."""
        return {
            "handoffs": {
                **casebook.conservation(run, self.job),
                "reassigned": self.reassigning.done(run),
                "passed_over": dict(sorted({**self.offering.passed, **self.reassigning.stay}.items())),
                "owners_left": self.offering.left(run),
            }
        }
