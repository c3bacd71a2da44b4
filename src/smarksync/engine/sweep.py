"""Which leads a job of the agreement looks at: those that changed or are owed a look, and once a day all of them when
time alone can change the answer (a window that closes, points that fade)."""

from __future__ import annotations

from collections.abc import Iterator

from smarksync.ledger import states

from . import decide
from .context import JobRun, Run


def candidates(run: Run, job: JobRun, top: int, *, daily: bool) -> Iterator[list[int]]:
    """Leads by id, in chunks."""
    today = run.stamp()[:10]
    if run.options.only is not None or not daily or states.swept(run.ledger, job.name) == today:
        yield from decide.candidates(run, job, top)
        return
    last = 0
    while True:
        sql = "SELECT eid FROM entities WHERE kind = ? AND state = 'live' AND eid > ? ORDER BY eid LIMIT ?"
        eids = [row[0] for row in run.ledger.rows(sql, (job.rules.entity, last, decide.CHUNK))]
        if not eids:
            break
        last = eids[-1]
        yield eids
    job.swept = today
