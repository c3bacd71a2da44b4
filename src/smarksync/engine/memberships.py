"""The memberships job: campaigns that two systems have, with the same people in them, by the newest word on each.

Looked at are the pairs of which a side changed, and those that did not agree the last time: what agrees stays so until
a side changes.

A removal is a word like any other (``removed``, with the time at which it was noticed). ``create`` says on which sides
people may be put into a campaign; ``deletes: {SIDE: ignore}`` keeps removals from a side.
"""

from __future__ import annotations

from collections.abc import Iterator
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
        key, rules = f"members:{job.name}", self._rules(run)
        before = ledger.value("SELECT value FROM meta WHERE key = ?", (key,)) or ""
        seen, _, with_rules = before.partition(" ")
        mark = memberships.top(ledger)
        memberships.gather(ledger, job.name, int(seen) if with_rules == rules else 0)
        batch: list[tuple[int, Row]] = []
        unequal: list[tuple[int, int]] = []
        for group in self._pairs(run):
            assert group[0].campaign is not None and group[0].eid is not None
            if not self._agree(run, group):
                unequal.append((group[0].campaign, group[0].eid))
            if (group[0].eid, group[0].campaign) not in busy:
                batch += self._pair(run, job, group)
            if len(batch) >= CHUNK:
                self._store(run, job, batch)
                batch = []
        self._store(run, job, batch)
        with ledger.tx():
            memberships.set_unequal(ledger, job.name, unequal)
            ledger.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, f"{mark} {rules}"))
        return top

    def _rules(self, run: Run) -> str:
        """Changes when another comparison could come out: other sides, or other streams of them."""
        streams = sorted(sid for sid, lane in run.lanes.items() if lane.stream.connection in self.sides)
        return f"{','.join(self.sides)} {streams}"

    def _agree(self, run: Run, group: list[Membership]) -> bool:
        """Whether every side shows the same: only a change of a side can make anything of it."""
        word = newest(group)
        shown = {run.connection_of.get(one.sid): one for one in sorted(group, key=lambda one: (one.at or 0, -one.mid))}
        return all(side in shown and shown[side].status == word.status for side in self.sides)

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
        """What each side says of one person in one campaign, of those that may not agree."""
        last, count = 0, memberships.count_gathered(run.ledger)
        while last < count:
            last, rows = memberships.gathered(run.ledger, last, CHUNK)
            for _, group in groupby(rows, key=lambda one: (one.campaign, one.eid)):
                yield list(group)

    def _pair(self, run: Run, job: JobRun, group: list[Membership]) -> list[tuple[int, Row]]:
        word = newest(group)
        assert word.eid is not None and word.campaign is not None
        names = entities.load(run.ledger, [word.eid, word.campaign])
        if len(names) < 2:
            return []
        out: list[tuple[int, Row]] = []
        for side in self.sides:
            mine = [one for one in group if run.connection_of.get(one.sid) == side]
            known = max(mine, key=lambda one: one.at or 0, default=None)
            if known is not None and known.status == word.status:
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


def newest(group: list[Membership]) -> Membership:
    """The word that counts."""
    return max(group, key=lambda one: (one.at or 0, one.status != REMOVED, -one.mid))


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
