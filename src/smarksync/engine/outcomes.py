"""The outcomes job: what became of a hand-off, on the person's record in the marketing system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.alignment import outcomes, qualify
from smarksync.config import Config, Job
from smarksync.ledger import activities, cases, entities, plans, quarantine, states
from smarksync.ledger import memberships as ledger_memberships
from smarksync.ledger.cases import Case
from smarksync.ledger.memberships import Membership
from smarksync.plan.job import JobRules, Person
from smarksync.plan.rows import Outcome, Row
from smarksync.plan.staying import AS_IT_IS

from . import deals, decide, members, memberships, offers
from .context import JobRun, Lane, Run
from .lookup import load_people
from .refused import RefusedFacts, put_problems, refused_values
from .scopes import Scopes, accounts


class Outcomes:
    """The work of one outcomes job in one run."""

    def __init__(self, config: Config, job: Job, rules: JobRules) -> None:
        self.config, self.job, self.rules = config, job, rules
        self.needs = qualify.reach(config, (rule.when for rule in job.lists))
        self.sells = "opportunity" in (job.outcomes or ())
        self.inferred: set[str] = set()

    def plan(self, run: Run, job: JobRun) -> int:
        """Plans everything that changed since the job's mark; the sequence up to which it looked."""
        ledger = run.ledger
        with ledger.tx():
            plans.discard(ledger, job.name)
        if self.sells:
            deals.refresh(run)
        refused = RefusedFacts(run, job)
        top = states.top(ledger)
        doubts = plans.under_way(ledger)
        for eids in decide.candidates(run, job, top):
            with ledger.tx():
                self._chunk(run, job, eids, doubts, refused)
        return top

    def still_wanted(self, run: Run, job: JobRun, lane: Lane, rows: list[Any]) -> list[Any]:
        """All of them."""
        return rows

    def recover(self, run: Run, job: JobRun) -> None:
        """Memberships of lists whose answer was lost."""
        memberships.recover(run, job)

    def report(self, run: Run) -> dict[str, Any]:
        """Sales that were found through the account."""
        return {"inferred": len(self.inferred)} if self.inferred else {}

    def _chunk(self, run: Run, job: JobRun, eids: list[int], doubts: bool, refused: RefusedFacts) -> None:
        ledger = run.ledger
        if run.options.only is None:
            states.looked_at(ledger, job.name, eids)
        known = cases.of_entities(ledger, eids)
        newest = {eid: case for eid, group in known.items() if (case := _newest(group)) is not None}
        people = load_people(run, sorted(newest), job.name)
        busy = plans.busy(ledger, newest) if doubts else set()
        if busy:
            reason = "an earlier write is not settled"
            states.set_due(ledger, job.name, [(eid, reason) for eid in sorted(busy)], run.stamp())
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
            mine = held.get(person.eid, [])
            person.refused = refused_values(run, job, person, mine)
            outcome = offers.rows(person, self.rules, wanted, job.name, f"case {case.state}")
            put_problems(run, job, person, outcome, mine)
            decide.watch_flips(run, job, person, outcome)
            rows += [(person.eid, row) for row in outcome.rows]
            if outcome.local_fields:
                settled.append((person, outcome))
        of_lead = {case.eid: sales[case.cid] for case in newest.values() if case.cid in sales}
        rows += [(eid, row) for eid, row in self._lists(run, job, eids, of_lead, busy) if refused.may_go(eid, row)]
        refused.over(set(eids) - busy)
        decide.settle_local(run, job, settled)
        decide.store_memos(run, [person for person, _ in settled])
        plans.add(ledger, run.run_id, job.name, rows)
        for _, row in rows:
            job.count(row.sid, "planned")

    def _lists(
        self, run: Run, job: JobRun, eids: list[int], sales: Mapping[int, outcomes.Sale], busy: set[int]
    ) -> list[tuple[int, Row]]:
        """Lists that people join or leave; of rules that contradict each other about a list, the first stands."""
        if not self.job.lists:
            return []
        people = [one for one in load_people(run, eids, job.name) if one.eid not in busy]
        found = Scopes(run, self.config, self.needs).of(people, {eid: sale.values for eid, sale in sales.items()})
        known = ledger_memberships.of(run.ledger, [one.eid for one in people])
        out: list[tuple[int, Row]] = []
        for person in people:
            done: set[str] = set()
            for rule in self.job.lists:
                name = str(rule.join or rule.leave)
                if name in done or not rule.when.passes(found[person.eid]):
                    continue
                done.add(name)
                place = members.named(run, str(self.job.to), name)
                if place is None:
                    job.left[(str(self.job.to), "list", f"{AS_IT_IS}: there is no list {name!r}")] += 1
                    continue
                status = "member" if rule.join else "removed"
                row = self._member(run, person, place, name, status, known.get(person.eid, []))
                if row is not None:
                    out.append((person.eid, row))
        return out

    def _member(
        self, run: Run, person: Person, place: tuple[Lane, str, int], name: str, status: str, known: list[Membership]
    ) -> Row | None:
        to = str(self.job.to)
        mine = [one for one in known if one.campaign == place[2] and run.connection_of.get(one.sid) == to]
        before = max(mine, key=lambda one: one.at or 0, default=None)
        if before is not None and (before.status == "removed") == (status == "removed"):
            return None
        ref = entities.refs(run.ledger, [place[2]])[place[2]]
        why = f"{'joins' if status == 'member' else 'leaves'} {name} by a rule of {self.job.name}"
        return members.row(run, to, (place[2], ref), (person.eid, person.ref), status, members.moment(run), why, before)


def _newest(group: list[Case]) -> Case | None:
    """The case that tells how the lead fares: an open one that was offered, else the last that was."""
    offered = [case for case in group if case.offered_at is not None and case.state != "merged"]
    return next((case for case in reversed(offered) if case.open), offered[-1] if offered else None)
