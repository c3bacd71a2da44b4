"""The memberships job: campaigns that two systems have, with the same people in them, by the newest word on each.

A removal is a word like any other (``removed``, with the time at which it was noticed). ``create`` says on which sides
people may be put into a campaign; ``deletes: {SIDE: ignore}`` keeps removals from a side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from smarksync.config import Config, Job
from smarksync.ledger import entities, memberships, plans, states
from smarksync.ledger.memberships import REMOVED, Membership
from smarksync.plan.build import AS_IT_IS
from smarksync.plan.job import Person
from smarksync.plan.rows import Row
from smarksync.plugin import Receipt, WriteResult

from . import around, members
from .context import JobRun, Lane, Run
from .settle import settle

CHUNK = 1_000


class Memberships:
    """The work of one memberships job in one run."""

    def __init__(self, config: Config, job: Job) -> None:
        self.config, self.job = config, job
        self.sides = job.connections

    def plan(self, run: Run, job: JobRun) -> int:
        """Plans what every side lacks."""
        ledger = run.ledger
        with ledger.tx():
            plans.discard(ledger, job.name)
        top = states.top(ledger)
        busy = {
            (row.eid, row.body["task"]["member"]["campaign"])
            for row in plans.load(ledger, "job = ?", (job.name,))
            if row.body.get("task")
        }
        batch: list[tuple[int, Row]] = []
        for group in self._pairs(run):
            if (group[0].eid, group[0].campaign) not in busy:
                batch += self._pair(run, job, group)
            if len(batch) >= CHUNK:
                self._store(run, job, batch)
                batch = []
        self._store(run, job, batch)
        return top

    def still_wanted(self, run: Run, job: JobRun, lane: Lane, rows: list[Any]) -> list[Any]:
        """All of them."""
        return rows

    def recover(self, run: Run, job: JobRun) -> None:
        """Writes in doubt."""
        recover(run, job)

    def report(self, run: Run) -> dict[str, Any]:
        """Nothing beside the figures."""
        return {}

    def _pairs(self, run: Run) -> Iterator[list[Membership]]:
        """What each side says of one person in one campaign, as far as both are known on more than one side."""
        last = 0
        while True:
            sql = "SELECT DISTINCT campaign FROM memberships WHERE campaign > ? AND eid IS NOT NULL ORDER BY campaign LIMIT 1"
            campaign = run.ledger.value(sql, (last,))
            if campaign is None:
                return
            last = int(campaign)
            person = 0
            while rows := memberships.of_campaign(run.ledger, last, person, CHUNK):
                if len(rows) == CHUNK and rows[0].eid != rows[-1].eid:  # the last person may go on after the chunk
                    rows = [one for one in rows if one.eid != rows[-1].eid]
                person = rows[-1].eid or person
                for _, group in groupby(rows, key=lambda one: one.eid):
                    yield list(group)

    def _pair(self, run: Run, job: JobRun, group: list[Membership]) -> list[tuple[int, Row]]:
        sides = [one for side in self.sides if (one := self._shown(run, side, group)) is not None]
        if not sides:
            return []
        word = max(sides, key=lambda one: (one.at or 0, one.status != REMOVED, -one.mid))
        word = self._in_full(run, word, sides)
        assert word.eid is not None and word.campaign is not None
        names = entities.load(run.ledger, [word.eid, word.campaign])
        if len(names) < 2:
            return []
        out: list[tuple[int, Row]] = []
        for side in self.sides:
            known = next((one for one in sides if run.connection_of.get(one.sid) == side), None)
            if known is not None and known.status == members.known_as(run, side, word.campaign, word.status):
                continue
            if not self._may(run, side, known, word, names[word.eid][2]):
                job.left[(side, "membership", f"{AS_IT_IS}: {word.status} is not passed on there")] += 1
                continue
            row = members.row(
                run, side, (word.campaign, names[word.campaign][0]), (word.eid, names[word.eid][0]), word.status, word.at or members.moment(run),
                f"{word.status} in {run.connection_of.get(word.sid)}", known,
            )  # fmt: skip
            if row is not None:
                out.append((word.eid, row))
        return out

    @staticmethod
    def _shown(run: Run, side: str, group: Sequence[Membership]) -> Membership | None:
        """What a side shows of a person. Of several records (two that were merged) one that is in counts; who is not
        there any more was not taken out of anything."""
        mine = [one for one in group if run.connection_of.get(one.sid) == side]
        there = [one for one in mine if one.status != REMOVED]
        if not there and not any(members.is_there(run, side, one.of_rid) for one in mine):
            return None
        return max(there or mine, key=lambda one: one.at or 0)

    @staticmethod
    def _in_full(run: Run, word: Membership, sides: Sequence[Membership]) -> Membership:
        """A list that says "member" agrees with whatever another side says more exactly."""
        side = run.connection_of.get(word.sid)
        said = [
            one
            for one in sides
            if word.status == members.MEMBER and one.status not in (REMOVED, members.MEMBER)
            and members.known_as(run, str(side), word.campaign or 0, one.status) == members.MEMBER
        ]  # fmt: skip
        return max(said, key=lambda one: one.at or 0) if said else word

    def _may(self, run: Run, side: str, known: Membership | None, word: Membership, lead: Any) -> bool:
        if word.status == REMOVED:
            return self.job.deletes.get(side) != "ignore"
        if known is not None and known.status != REMOVED:
            return True
        create = self.job.creates(side)
        if create is None or create.always or create.never:
            return create is not None and create.always
        scope = around.scope_maker(run, self.config, "lead", create)
        return create.passes(scope(lead, Person(word.eid or 0, "", lead, [])))

    def _store(self, run: Run, job: JobRun, rows: list[tuple[int, Row]]) -> None:
        with run.ledger.tx():
            plans.add(run.ledger, run.run_id, job.name, rows)
        for _, row in rows:
            job.count(row.sid, "planned")


def recover(run: Run, job: JobRun) -> None:
    """Writes in doubt: a new row that was read meanwhile is ours; anything else is sent again, which does no harm."""
    rows = plans.load(run.ledger, "job = ? AND status IN ('sending', 'unknown')", (job.name,))
    with run.ledger.tx():
        for one in rows:
            told = (one.body.get("task") or {}).get("member")
            if told is None or one.sid not in run.lanes or run.lanes[one.sid].failed is not None:
                continue
            where = "sid = ? AND eid = ? AND campaign = ? AND status = ?"
            there = memberships.where(run.ledger, where, (one.sid, one.eid, told["campaign"], told["status"]))
            if one.op == "create" and there:
                settle(run, [(one, Receipt(str(one.seq), WriteResult.CREATED, there[0].rid))])
            else:
                plans.set_status(run.ledger, [one.seq], "released")
