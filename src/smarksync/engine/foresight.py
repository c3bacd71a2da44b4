"""The next round of a job, planned while the last one is still being sent: vendors' limits leave us waiting most of the time.

What is written teaches us something (what a system filled in by itself), and the next round carries it on. Whoever has
nothing under way any more can be decided as soon as it is known, as far as one of the short ways decides
(engine/short.py); everybody else waits for the round itself. The rows are a plan and no more: nothing is released before
the round begins, which plans anew for whomever anything happened to since, and its guards weigh all rows together.

So a round is written soon after what it rests on was looked at, which spares re-reads in shorter runs
(engine/freshness.py): planning first when all was sent added its own time to that.
"""

from __future__ import annotations

from collections import Counter

from smarksync.ledger import consent, foreseen, plans, states

from . import decide
from .context import JobRun, Run


def begin(run: Run, job: JobRun, top: int) -> None:
    """From now on the job may look ahead. ``top``: up to where the round that is about to be sent has looked.

    Not where the caller wants less than everything, and not for the jobs of the agreement, which have their own work.
    """
    options = run.options
    if job.work is None and options.only is None and options.limit is None and run.review is None:
        job.ahead = Foresight(run, job, top)


class Foresight:
    """What is planned ahead of a job's next round."""

    def __init__(self, run: Run, job: JobRun, top: int) -> None:
        self._run, self._job, self._seen = run, job, top
        foreseen.begin(run.ledger)

    def chunk(self) -> bool:
        """Plans for a chunk of entities, if one can be filled; says whether it did.

        Rows are made and sent in the order of entities: those before the first that is under way are mostly done with.
        """
        run, job, ledger = self._run, self._job, self._run.ledger
        below = plans.first_under_way(ledger)
        if below is None:
            return False
        if (top := states.top(ledger)) > self._seen:
            foreseen.wait_for(ledger, self._seen, top, job.rules.entity)
            self._seen = top
        with ledger.tx():
            eids = foreseen.take(ledger, below, run.options.plan_at_once)
            if not eids:
                return False
            under_way = plans.still_under_way(ledger, eids)
            free = [eid for eid in eids if eid not in under_way]
            taken = decide.plain(run, job, free, inherit=consent.anyone(ledger), doubtful=())
            plans.add(ledger, run.run_id, job.name, taken.rows)
            for sid, count in Counter(row.sid for _, row in taken.rows).items():
                job.count(sid, "planned", count)
            left = {*taken.others}
            foreseen.add(ledger, [eid for eid in free if eid not in left], top)
        return True

    def join(self) -> None:
        """The round begins, and its candidates are gathered: without those whose plan still holds."""
        with self._run.ledger.tx():
            self._take_back(all_of_them=False)
            foreseen.leave_out(self._run.ledger)

    def drop(self) -> None:
        """There is no such round, or it looks at everybody."""
        with self._run.ledger.tx():
            self._take_back(all_of_them=True)

    def _take_back(self, *, all_of_them: bool) -> None:
        ledger, job = self._run.ledger, self._job
        foreseen.doubt(ledger, job.name, all_of_them=all_of_them)
        for sid, count in foreseen.take_back(ledger, job.name):
            job.count(sid, "planned", -count)
