"""The outcomes job: what became of a hand-off, on the person's record in the marketing system."""

from __future__ import annotations

from typing import Any

from smarksync.alignment import outcomes
from smarksync.config import Config, Job
from smarksync.ledger import activities, cases, plans, quarantine, states
from smarksync.ledger.cases import Case
from smarksync.plan.job import JobRules, Person
from smarksync.plan.rows import Outcome, Row

from . import deals, decide, offers
from .context import JobRun, Lane, Run
from .lookup import load_people
from .scopes import accounts


class Outcomes:
    """The work of one outcomes job in one run."""

    def __init__(self, config: Config, job: Job, rules: JobRules) -> None:
        self.config, self.job, self.rules = config, job, rules
        self.sells = "opportunity" in (job.outcomes or ())
        self.inferred: set[str] = set()

    def plan(self, run: Run, job: JobRun) -> int:
        """Plans everything that changed since the job's mark; the sequence up to which it looked."""
        ledger = run.ledger
        with ledger.tx():
            plans.discard(ledger, job.name)
        if self.sells:
            deals.refresh(run)
        top = states.top(ledger)
        doubts = plans.under_way(ledger)
        for eids in decide._candidates(run, job, top):
            with ledger.tx():
                self._chunk(run, job, eids, top, doubts)
        return top

    def still_wanted(self, run: Run, job: JobRun, lane: Lane, rows: list[Any]) -> list[Any]:
        """All of them."""
        return rows

    def recover(self, run: Run, job: JobRun) -> None:
        """Nothing of its own."""

    def report(self, run: Run) -> dict[str, Any]:
        """Sales that were found through the account."""
        return {"inferred": len(self.inferred)} if self.inferred else {}

    def _chunk(self, run: Run, job: JobRun, eids: list[int], top: int, doubts: bool) -> None:
        ledger = run.ledger
        known = cases.of_entities(ledger, eids)
        newest = {eid: case for eid, group in known.items() if (case := _newest(group)) is not None}
        people = load_people(run, sorted(newest), job.name)
        busy = plans.busy(ledger, newest) if doubts else set()
        if busy:
            reason = "an earlier write is not settled"
            states.set_due(ledger, job.name, [(eid, reason) for eid in sorted(busy)], top + 1, run.stamp())
        people = [person for person in people if person.eid not in busy]
        since = min((case.offered_at for case in newest.values() if case.offered_at is not None), default=0)
        tried = activities.attempts(ledger, newest, since)
        sales: dict[int, outcomes.Sale] = {}
        if self.sells and people:
            sales = deals.sales_of(run, newest.values(), accounts(run, people))
        held = quarantine.of_entities(ledger, job.name, newest)
        rows: list[tuple[int, Row]] = []
        settled: list[tuple[Person, Outcome]] = []
        for person in people:
            case = newest[person.eid]
            sale = sales.get(case.cid)
            if sale is not None and sale.inferred:
                self.inferred.add(sale.ref)
            wanted = outcomes.values(case, tried.get(person.eid, ()), sale.values if sale else None)
            outcome = offers.rows(person, self.rules, wanted, job.name, f"case {case.state}")
            decide._problems(run, job, person, outcome, held.get(person.eid, []))
            decide._flips(run, job, person, outcome)
            rows += [(person.eid, row) for row in outcome.rows]
            if outcome.local_fields:
                settled.append((person, outcome))
        decide._settle_local(run, job, settled)
        decide._store_memos(run, [person for person, _ in settled])
        plans.add(ledger, run.run_id, job.name, rows)
        for _, row in rows:
            job.count(row.sid, "planned")
        if run.options.only is None:
            states.clear_due(ledger, job.name, eids, top)


def _newest(group: list[Case]) -> Case | None:
    """The case that tells how the lead fares: an open one that was offered, else the last that was."""
    offered = [case for case in group if case.offered_at is not None and case.state != "merged"]
    return next((case for case in reversed(offered) if case.open), offered[-1] if offered else None)
