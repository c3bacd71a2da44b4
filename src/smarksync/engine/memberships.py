"""The memberships job: campaigns that two systems have, with the same people in them, by the newest word on each.

Looked at are the pairs of which a side changed, and those that did not agree the last time: what agrees stays so until
a side changes.

A removal is a word like any other (``removed``, with the time at which it was noticed). ``create`` says on which sides
people may be put into a campaign; ``deletes: {SIDE: ignore}`` keeps removals from a side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import Any

from smarksync.config import Config, Job
from smarksync.ledger import entities, memberships, meta, plans, states
from smarksync.ledger.db import dumps
from smarksync.ledger.memberships import REMOVED, Membership
from smarksync.plan.job import Person
from smarksync.plan.rows import Row
from smarksync.plan.staying import AS_IT_IS
from smarksync.plugin import Receipt, WriteResult

from . import around, members
from .context import JobRun, Lane, Run
from .refused import RefusedFacts
from .settle import settle

CHUNK = 1_000


class Memberships:
    """The work of one memberships job in one run."""

    def __init__(self, config: Config, job: Job) -> None:
        self.config, self.job = config, job
        self.sides = job.connections
        self._places: dict[tuple[str, int], bool] = {}

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
        refused = RefusedFacts(run, job)
        key, rules = f"members:{job.name}", self._rules(run)
        before = meta.get(ledger, key) or ""
        seen, _, with_rules = before.partition(" ")
        mark = memberships.top(ledger)
        self._places.clear()
        memberships.gather(ledger, job.name, int(seen) if with_rules == rules else 0)
        batch: list[tuple[int, Row]] = []
        unequal: list[tuple[int, int]] = []
        for group in self._pairs(run):
            assert group[0].campaign is not None and group[0].eid is not None
            under_way = (group[0].eid, group[0].campaign) in busy
            agrees, rows = (False, []) if under_way else self._pair(run, job, group)
            if not agrees:
                unequal.append((group[0].campaign, group[0].eid))
            batch += [(eid, row) for eid, row in rows if refused.may_go(eid, row)]
            if len(batch) >= CHUNK:
                self._store(run, job, batch)
                batch = []
        self._store(run, job, batch)
        with ledger.tx():
            refused.over()
            memberships.set_unequal(ledger, job.name, unequal)
            meta.put(ledger, key, f"{mark} {rules}")
        return top

    def _has_place(self, run: Run, side: str, campaign: int) -> bool:
        known = self._places.get((side, campaign))
        if known is None:
            known = self._places[side, campaign] = members.place_of(run.ledger, side, campaign) is not None
        return known

    def _rules(self, run: Run) -> str:
        """Changes when what agrees might no longer: other sides, streams or words of theirs, other places of campaigns."""
        streams = sorted(
            (sid, lane.spec.statuses) for sid, lane in run.lanes.items() if lane.stream.connection in self.sides
        )
        places = run.ledger.rows(
            "SELECT l.lid, l.eid FROM streams s CROSS JOIN links l WHERE s.entity = 'campaign' AND l.sid = s.sid "
            "AND l.state = 'live' ORDER BY l.lid"
        )
        return blake2b(dumps([self.sides, streams, places]), digest_size=12).hexdigest()

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

    def _pair(self, run: Run, job: JobRun, group: list[Membership]) -> tuple[bool, list[tuple[int, Row]]]:
        """Whether all sides agree (then only a change of one can make anything of it), and what is to be written."""
        sides = [one for side in self.sides if (one := self._shown(run, side, group)) is not None]
        if not sides:
            return False, []
        word = max(sides, key=lambda one: (one.at or 0, one.status != REMOVED, -one.mid))
        word = self._in_full(run, word, sides)
        assert word.eid is not None and word.campaign is not None
        names = entities.load(run.ledger, [word.eid, word.campaign])
        if len(names) < 2:
            return False, []
        out: list[tuple[int, Row]] = []
        agree = 0
        for side in self.sides:
            known = next((one for one in sides if run.connection_of.get(one.sid) == side), None)
            if known is not None and known.status == members.known_as(run, side, word.campaign, word.status):
                agree += 1
                continue
            if not self._may(run, side, known, word, names[word.eid][2]):
                job.left[(side, "membership", f"{AS_IT_IS}: {word.status} is not passed on there")] += 1
                continue
            create = self.job.creates(side)
            if create is not None and create.always and not self._has_place(run, side, word.campaign):
                agree += 1  # there is no such campaign there; when there is, all are looked at again
                continue
            row = members.row(
                run, side, (word.campaign, names[word.campaign][0]), (word.eid, names[word.eid][0]), word.status, word.at or members.moment(run),
                f"{word.status} in {run.connection_of.get(word.sid)}", known,
            )  # fmt: skip
            if row is not None:
                out.append((word.eid, row))
        return agree == len(self.sides), out

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
