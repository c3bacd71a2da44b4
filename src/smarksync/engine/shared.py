"""What one job agreed, told to the jobs that share the entity."""

from __future__ import annotations

from collections.abc import Iterable

from smarksync.ledger import states

from .context import Run


def tell_other_jobs(run: Run, moved: Iterable[tuple[str, int]]) -> None:
    """(kind, entity): what one job agreed may be owed to the systems of another, which has looked already."""
    if run.shared:
        told = sorted({eid for kind, eid in moved if kind in run.shared})
        states.changed(run.ledger, [(eid, None, None, run.run_id) for eid in told])
