"""Guards, and release (T2): planned rows become intents, and the job's mark moves in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable

from smarksync.ledger import plans, states, streams
from smarksync.ledger.db import LARGEST
from smarksync.plan.guard import Load, Trip, weigh

from .context import JobRun, Lane, Run


def weigh_plan(run: Run, job: JobRun) -> list[Trip]:
    """The guards that stop the job; empty = go. Consent rows never count, stamps only against the quota."""
    first = not states.has_settled(run.ledger, job.name)
    # the plan may be long: it is gone through once, not once a stream
    counted = plans.counts(run.ledger, job.name)
    marked = plans.marks(run.ledger, job.name)
    loads = [_load(run, lane, job, counted.get(lane.sid, ()), marked.get(lane.sid, ())) for lane in job.lanes]
    return weigh(loads, job.guards, first_run=first, allowed=run.options.allow)


def _load(
    run: Run, lane: Lane, job: JobRun, counted: Iterable[plans.Count], marked: Iterable[tuple[str, str, int]]
) -> Load:
    load = Load(lane.name, streams.live(run.ledger, lane.sid))
    total = 0
    for op, stamp, count, adopts, records in counted:
        total += count
        if stamp:
            continue
        if op == "create":
            load.creates = count
        elif op == "update":
            load.adoption = adopts
            load.updates = count
        elif op in ("delete", "archive"):
            load.deletes += count
        load.records += records
    for kind, field, count in marked:
        if kind == "blanks":
            load.blanks[field] = count
        elif kind == "owner_changes":
            load.owner_changes += count
        elif kind == "lifecycle_regressions":
            load.lifecycle_regressions += count
    if lane.pulled_whole:
        load.shown_before, load.shown_now = lane.stream.shown, lane.shown_now
    load.calls = -(-total // max(1, lane.spec.max_batch))
    opened = run.connections[lane.stream.connection]
    left = getattr(getattr(opened.session, "counts", None), "budget_left", None)
    if left is not None:
        # what is kept for hand-offs is as good as spent for everybody else
        load.reserve = 0 if job.kind == "handoff" else opened.reserve
        load.budget_left = max(0, left - load.reserve)
    return load


def release(run: Run, job: JobRun, top: int) -> None:
    """T2: what is planned may be sent from now on, and will be, even if this process dies."""
    ledger = run.ledger
    with ledger.tx():
        _limit(run, job)
        ledger.run("UPDATE OR ROLLBACK plan SET status = 'released' WHERE job = ? AND status = 'planned'", (job.name,))
        if run.options.only is None:
            states.set_mark(ledger, job.name, top)
            states.set_rules(ledger, job.name, job.rules_hash)
            states.clear_due(ledger, job.name)
            if job.swept:
                states.set_swept(ledger, job.name, job.swept)


def release_consent(run: Run, job: JobRun) -> None:
    """A stopped job still passes opt-outs on; its other rows stay as a plan to look at."""
    with run.ledger.tx():
        run.ledger.run(
            "UPDATE OR ROLLBACK plan SET status = 'released' WHERE job = ? AND status = 'planned' AND consent = 1",
            (job.name,),
        )
        hold(run, job)


def hold(run: Run, job: JobRun) -> None:
    """Planned rows stay, reviewable; the next run computes them anew."""
    for sid, count in run.ledger.rows(
        "SELECT sid, count(*) FROM plan WHERE job = ? AND status = 'planned' GROUP BY sid", (job.name,)
    ):
        job.count(sid, "held", count)
    if not run.options.dry_run:  # whatever they were looked at for
        states.owe_planned(run.ledger, job.name, "held by a guard", run.stamp())
    run.ledger.run("UPDATE OR ROLLBACK plan SET status = 'held' WHERE job = ? AND status = 'planned'", (job.name,))


def _limit(run: Run, job: JobRun) -> None:
    """`--limit N`: the rest of the rows is deferred to the next run. Consent is never limited."""
    limit = run.options.limit
    if limit is None:
        return
    room = min(max(0, limit - run.wrote), LARGEST)
    sql = "SELECT seq, eid, sid FROM plan WHERE job = ? AND status = 'planned' AND consent = 0 ORDER BY seq LIMIT -1 OFFSET ?"
    rows = run.ledger.rows(sql, (job.name, room))
    states.set_due(run.ledger, job.name, [(eid, "--limit") for _, eid, _ in rows], run.stamp())
    for _, eid, sid in rows:
        job.fates.setdefault(eid, "deferred")
        job.count(sid, "held")
    plans.set_status(run.ledger, [seq for seq, _, _ in rows], "held")
