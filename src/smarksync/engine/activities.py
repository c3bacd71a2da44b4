"""The activities job: what happened in one system is told in the other, each once.

Sales' attempts become typed events on the person's record in marketing, what people did becomes events in the CRM. A
record that we made is remembered as a copy, so it is no activity of its own and never travels back.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from typing import Any

from smarksync.config import Config, Job
from smarksync.errors import SystemFailure
from smarksync.ledger import activities, entities, plans, states
from smarksync.ledger.activities import Activity
from smarksync.ledger.plans import PlanRow
from smarksync.model import ValueProblem, blank
from smarksync.model.moments import micros, wire
from smarksync.plan.job import Person
from smarksync.plan.rows import Row
from smarksync.plugin import Can, Receipt, WriteResult

from . import around, facts, sweep
from .context import JobRun, Lane, Run
from .refused import RefusedFacts
from .settle import settle

#: what a copy says, where the system has a place for it
FIELDS = ("at", "actor", "owner", "direction", "automated", "result", "subject", "asset", "url", "duration")


class Activities:
    """The work of one activities job in one run. ``lanes``: streams of ``to`` that take new activities, best first."""

    def __init__(self, config: Config, job: Job, lanes: list[Lane]) -> None:
        self.config, self.job, self.lanes = config, job, lanes

    def plan(self, run: Run, job: JobRun) -> int:
        """Plans a copy of everything that has none yet, as far back as the activity window."""
        ledger = run.ledger
        with ledger.tx():
            plans.discard(ledger, job.name)
        top = states.top(ledger)
        sids = [
            lane.sid
            for lane in run.lanes.values()
            if lane.stream.connection == self.job.from_ and lane.stream.entity == "activity"
        ]
        if not sids or not self.lanes:
            return top
        under_way = {
            row.rid
            for row in plans.load(ledger, "job = ? AND status IN ('released', 'sending', 'unknown')", (job.name,))
        }
        refused = RefusedFacts(run, job)
        now = micros(run.now())
        since = now - int(self.config.defaults.activity_window.timedelta.total_seconds() * 1_000_000)
        # whoever did something, or is linked or different since the last look, changed. Time, or somebody's account, can
        # make a `where` true as well: then all are looked at once a day
        daily = around.restless(self.config, self.job) or not around.of_job(self.config, self.job) <= {
            "lead",
            "activity",
        }
        chunks = sweep.candidates(run, job, top, daily=daily)
        for eids in chunks if run.options.only is not None else refused.besides(chunks):
            group = activities.to_copy(ledger, eids, sids, self.job.activities or (), str(self.job.to), since, now)
            known = entities.load(ledger, {one.eid for one in group if one.eid is not None})
            rows: list[tuple[int, Row]] = []
            copies: dict[tuple[int, str], Activity] = {}
            for one in group:
                assert one.eid is not None
                ref, _, agreed = known[one.eid]
                if f"fact:{one.aid}" not in under_way and self._wanted(run, one, agreed):
                    row = self._row(run, one, ref)
                    rid = _copied(run, one, row, copies) if row is not None else None
                    if row is not None and rid is not None:
                        copies[row.sid, rid] = one
                    elif row is not None and refused.may_go(one.eid, row):
                        rows.append((one.eid, row))
            with ledger.tx():
                if run.options.only is None:
                    states.looked_at(ledger, job.name, eids)
                plans.add(ledger, run.run_id, job.name, rows)
                activities.put_copies(ledger, ((*place, one.aid) for place, one in copies.items()))
                # what counted as an activity of its own does so no more
                states.changed(ledger, ((one.eid, None, None, run.run_id) for one in copies.values() if one.eid))
                refused.over(eids)
            for _, row in rows:
                job.count(row.sid, "planned")
        return top

    def still_wanted(self, run: Run, job: JobRun, lane: Lane, rows: list[Any]) -> list[Any]:
        """All of them."""
        return rows

    def recover(self, run: Run, job: JobRun) -> None:
        """Copies whose answer was lost: found by what they say; safe to repeat by key; or known never to have arrived."""
        for lane in self.lanes:
            rows = plans.load(
                run.ledger, "job = ? AND sid = ? AND status IN ('sending', 'unknown')", (job.name, lane.sid)
            )
            if not rows or lane.failed is not None:
                continue
            sent = plans.sent_times(run.ledger, [row.seq for row in rows])
            _ask(run, lane, rows)
            if lane.failed is not None:
                continue
            with run.ledger.tx():
                for row in rows:
                    rid = _found(run, lane, row)
                    at = sent.get(row.seq)
                    late = at is not None and run.now() - datetime.fromisoformat(at) < lane.spec.overlap
                    if rid is not None:
                        settle(run, [(row, Receipt(str(row.seq), WriteResult.CREATED, rid))])
                    elif Can.UPSERT_BY_KEY in lane.spec.can or not late:
                        plans.set_status(run.ledger, [row.seq], "released")

    def report(self, run: Run) -> dict[str, Any]:
        """Nothing beside the figures."""
        return {}

    def _wanted(self, run: Run, one: Activity, agreed: Mapping[str, Any]) -> bool:
        for name in (self.job.from_, self.job.to):
            test = self.job.where.get(str(name))
            if test is None:
                continue
            person = Person(one.eid or 0, "", dict(agreed), [])
            scope = around.scope_maker(run, self.config, "lead", test)(agreed, person)
            if not test.passes({**scope, "activity": {**one.canonical(), "at": wire(one.at)}}):
                return False
        return True

    def _row(self, run: Run, one: Activity, ref: str) -> Row | None:
        lane = self._lane(one.type)
        values = {**one.body, "at": wire(one.at), "actor": one.actor}
        source = f"{run.lanes[one.sid].name}:{one.rid}"
        kind = lane.mapping.fields.get("type")
        if kind is None or not kind.write:
            words = one.type.replace("_", " ")
            values["subject"] = f"{words}: {values['subject']}" if values.get("subject") else words
        elif one.type:
            values["type"] = one.type
        after: dict[str, Any] = {}
        for name in ("type", *FIELDS):
            codec = lane.mapping.fields.get(name)
            if codec is None or not codec.write or blank(values.get(name)):
                continue
            try:
                after[codec.vendor] = codec.outward(values[name])
            except ValueProblem:
                continue  # a colleague without a user there, a word that its events do not have
        person = lane.mapping.fields.get("lead")
        if person is None or not person.write:
            return None
        try:
            after[person.vendor] = person.outward(ref)
        except ValueProblem:
            return None
        told = {"key": source, "copy_of": one.aid, "at": values["at"], "subject": values.get("subject")}
        return Row("create", lane.sid, f"fact:{one.aid}", after, reason=f"{one.type} of {source}", task=told)

    def _lane(self, kind: str) -> Lane:
        """Calls among the calls, e-mails among the e-mails; everything else where new activities go."""
        return next((lane for lane in self.lanes if lane.stream.object.lower().rstrip("s") == kind), self.lanes[0])


def _ask(run: Run, lane: Lane, rows: Sequence[PlanRow]) -> None:
    """What these people have there by now, where that can be asked: a reading goes by time, and a copy has the time at which
    it happened. The ledger gets what comes; a failure fails the connection."""
    person = lane.mapping.fields.get("lead")
    if person is None or Can.FIND not in lane.spec.can or person.vendor not in lane.spec.natural_keys:
        return
    try:
        found = list(lane.find(person.vendor, sorted({str(row.after[person.vendor]) for row in rows})))
    except SystemFailure as error:
        run.connections[lane.stream.connection].fail(error)
        lane.fail(error)
        return
    with run.ledger.tx():
        facts.store(run, lane, found)


def _found(run: Run, lane: Lane, row: PlanRow) -> str | None:
    """A record of that person there, at that moment, that says the same: ours."""
    told = row.body["task"]
    there = activities.at_moment(run.ledger, lane.sid, row.eid, micros(told["at"]))
    return next((other.rid for other in there if told["subject"] in (None, other.body.get("subject"))), None)


def _copied(run: Run, one: Activity, row: Row, taken: Container[tuple[int, str]]) -> str | None:
    """The copy that was made already, where this ledger does not know of it: an earlier one was lost.

    It says the same of that person, at that moment. ``taken``: (stream, record) that are copies of others.
    """
    assert row.task is not None and one.eid is not None
    said = row.task["subject"]
    for other in activities.at_moment(run.ledger, row.sid, one.eid, one.at):
        alike = other.body.get("subject") == said and (said is not None or other.type == one.type)
        if alike and (row.sid, other.rid) not in taken:
            return other.rid
    return None
