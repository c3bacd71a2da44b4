"""What a dry run takes for granted: in its copy of the ledger, updates of sync and hand-off jobs are settled as if written.

So the jobs that come after plan on what they will find: a lead whose score rises in this plan is handed over in it, and
marketing is told so. New records have no id before they are made, and what rests on them is left to the run that makes them.
"""

from __future__ import annotations

from smarksync.ledger import plans
from smarksync.plugin import Receipt, WriteResult

from .context import JobRun, Run
from .settle import settle

CHUNK = 500
#: the planned updates of entities that get no new record in this job
_UPDATES = (
    "run = ? AND job = ? AND sid = ? AND status = 'held' AND op = 'update' AND seq > ? AND NOT EXISTS "
    "(SELECT 1 FROM plan c WHERE c.job = plan.job AND c.run = plan.run AND c.eid = plan.eid AND c.op = 'create' "
    "AND c.rid IS NULL AND c.status = 'held')"
)


def updates(run: Run, job: JobRun) -> None:
    """Settles them in the copy; the rows stay, to be shown."""
    if not run.options.dry_run or job.kind not in ("sync", "handoff") or job is run.jobs[-1]:
        return
    ledger = run.ledger
    for lane in job.lanes:
        last = 0
        while rows := plans.load(ledger, _UPDATES, (run.run_id, job.name, lane.sid, last), CHUNK):
            last = rows[-1].seq
            done = [(row, Receipt(str(row.seq), WriteResult.UPDATED, row.rid, stored=dict(row.after))) for row in rows]
            with ledger.tx():
                plans.keep(ledger, [row.seq for row in rows])
                settle(run, done)
                plans.bring_back(ledger)


__all__ = ["updates"]
