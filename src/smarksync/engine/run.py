"""The order of the rooms. Pull → match → decide → guard → release → push → settle → report; no logic here."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from smarksync.config import Config
from smarksync.errors import SmarkSyncError, SystemFailure
from smarksync.ledger import inbox, lease, runs, states
from smarksync.ledger.db import Ledger
from smarksync.log import at

from . import (
    allocator,
    apply,
    collector,
    decide,
    departures,
    facts,
    foresight,
    forgetting,
    intake,
    keyring,
    matching,
    notify,
    observed,
    only,
    parking,
    recover,
    rehearse,
    release,
    report,
    watch,
)
from .context import JobRun, Options, Review, Run, instant
from .prepare import OpenSessionFactory, Workshop, chosen_jobs, open_connections, open_run
from .registry import Registry

ROUNDS = 3


@dataclass(slots=True)
class Result:
    """What a run leaves behind: the report, the sentences, and for a plan its rows."""

    exit_code: int
    report: dict[str, Any]
    sentences: list[str]
    run: Run
    changes: list[dict[str, Any]] = field(default_factory=list)


def execute(
    config: Config, options: Options, *, registry: Registry, make_session: OpenSessionFactory,
    now: Callable[[], datetime] = lambda: datetime.now(UTC), progress: Any = None, log: Any = None,
    ledger: Ledger | None = None, after_plan: Callable[[Run], Any] | None = None,
    review: Review | None = None,
) -> Result:  # fmt: skip
    """Runs the jobs. A dry run works on a copy of the ledger and stops before the first write."""
    began, started_at = time.monotonic(), now()
    allocator.share_one_arena()
    jobs = chosen_jobs(config, options.jobs, only_handoffs=options.only_handoffs)
    config.require(connections={name for job in jobs for name in job.connections},
                   channels=() if options.dry_run else config.notify)  # fmt: skip
    scratch: str | None = None
    ledger = ledger or Ledger(config.ledger_url, root=str(config.root))
    if options.dry_run:
        ledger, scratch = _scratch(ledger)
    run = Run(_run_id(started_at), config.workspace, ledger, now, options, freshness=config.defaults.freshness.timedelta.total_seconds(),
              progress=progress, log=log, review=review)  # fmt: skip
    try:
        workshop = Workshop(config, registry, ledger, make_session, now)
        lease.take(ledger, open_connections(run, workshop, jobs), run.run_id, now())
        runs.begin(ledger, run.run_id, instant(started_at), [job.name for job in jobs], options.dry_run)
        run.start_seq = states.top(ledger)
        open_run(run, config, workshop, jobs)
        with collector.rarely():
            _work(run)
            told = watch.promises(run, config)
        changes = after_plan(run) if after_plan is not None else []
        code = report.exit_code(run)
        said = report.report(run, code, time.monotonic() - began, instant(started_at))
        told_later = {"sentences": report.sentences(run), **report.ending(run)}
        runs.end(ledger, run.run_id, run.stamp(), code, {**said, **told_later})
        _forget_seen_changes(run, config)
        if not options.dry_run:
            forgetting.forget_old(run, config)
        lease.give_back(ledger)
        run.notes += notify.after_run(run, config, code, told, make_session)
        registry.finished(said)
        return Result(code, said, report.sentences(run), run, changes or [])
    except BaseException as error:
        with suppress(SmarkSyncError):  # what is committed stands; the lease is free, and the history says how it ended
            code = 130 if isinstance(error, KeyboardInterrupt) else getattr(error, "exit_code", 1)
            if ledger.held:
                runs.end(ledger, run.run_id, run.stamp(), code, report.ending_by(error))
                lease.give_back(ledger)
                if code in notify.FAILED:
                    notify.after_run(run, config, code, (), make_session)
        ledger.close()
        raise
    finally:
        for opened in run.connections.values():
            with suppress(SystemFailure):
                opened.connector.close()
            close = getattr(opened.session, "close", None)
            if close is not None:
                close()
        if scratch is not None:
            ledger.close()
            shutil.rmtree(scratch, ignore_errors=True)


def _work(run: Run) -> None:
    """Everything between an opened and a reported run."""
    keyring.renew(run)
    recover.before_pull(run)
    if run.review is not None:
        run.review.begin(run)
    intake.pull(run, matching.ahead(run))
    urgent = any(job.kind == "handoff" for job in run.jobs)
    for opened in run.connections.values():
        opened.spend(reserve=urgent)
    if run.review is not None:
        run.review.look_again(run)
    departures.notice(run)
    departures.fetch_wanted(run)
    matching.match_inbox(run)
    departures.deal_with(run)
    run.read_seq = states.top(run.ledger)
    observed.learn(run)
    facts.resolve(run)
    recover.after_match(run)
    parking.wake(run)
    only.named(run)
    for job in run.jobs:
        _beat(run)
        for name in job.rules.connections:
            run.connections[name].spend(reserve=job.kind == "handoff")
        _job(run, job)
    facts.resolve(run)  # what was linked by writing; before the changes that told of it are forgotten


def _job(run: Run, job: JobRun) -> None:
    down = [lane for lane in job.lanes if lane.failed is not None] or job.failed is not None
    if down or any(run.connections[c].failed is not None for c in job.rules.connections):
        # nothing is merged from half a picture; opt-outs still reach the systems that can be reached
        if job.work is None:
            decide.plan_job(run, job, consent_only=True)
        if run.review is not None:
            run.review.choose(run, job)
        if not run.options.dry_run:
            release.release_consent(run, job)
            _push(run, job)
        job.failed = job.failed or "a connection failed"
        return
    if not run.options.dry_run:
        if job.work is not None:
            job.work.recover(run, job)
        recover.resend(run, job)
    for turn in range(ROUNDS):
        if turn:
            matching.match_inbox(run)
        top = decide.plan_job(run, job) if job.work is None else job.work.plan(run, job)
        whole = run.review is None or run.review.choose(run, job)
        trips = release.weigh_plan(run, job)
        if trips:
            _stop(run, job, trips)
            return
        stopped = [one.name for one in run.jobs if one.stopped_by is not None and one.name in job.waits_for]
        if run.options.dry_run or stopped:
            if stopped:
                job.stop_text = f"Job {job.name} waits, because {', '.join(stopped)} was stopped and the config says `handoffs: hold`."
            release.hold(run, job)
            if not stopped:
                rehearse.updates(run, job)
            return
        release.release(run, job, top)
        if turn + 1 < ROUNDS:
            foresight.begin(run, job, top)
        _push(run, job)
        _beat(run)
        if (
            run.options.only is not None
            or run.options.limit is not None
            or run.review is not None
            or not _news(run, job, top)
        ):
            break
    if job.ahead is not None:
        job.ahead.drop()
        job.ahead = None
    if (
        whole
        and not any(run.connections[c].failed is not None for c in job.rules.connections)
        and run.options.limit is None
    ):
        states.set_settled(run.ledger, job.name)


def _push(run: Run, job: JobRun) -> None:
    """Sends what was released. An opt-out may use what is kept for hand-offs, too: nothing holds it."""
    sql = "SELECT 1 FROM plan WHERE job = ? AND status = 'released' AND consent = 1 LIMIT 1"
    urgent = job.kind == "handoff" or run.ledger.one(sql, (job.name,)) is not None
    for name in job.rules.connections:
        run.connections[name].spend(reserve=urgent)
    apply.push(run, job)
    if any(getattr(run.connections[name].failed, "kept", False) for name in job.rules.connections):
        job.failed = job.failed or "the rest of the day's budget is kept for hand-offs"


def _news(run: Run, job: JobRun, top: int) -> bool:
    """Whether this round taught us something that the next round can settle."""
    if any(run.connections[c].failed is not None for c in job.rules.connections):
        return False
    return inbox.holds(run.ledger, run.lanes, 1) or states.top(run.ledger) > top


def _stop(run: Run, job: JobRun, trips: Sequence[Any]) -> None:
    """A guard tripped: consent flows, everything else stays a plan, and the mark does not move."""
    job.stopped_by = trips[0].guard
    allow = " ".join(f"--allow {name}" for name in dict.fromkeys(t.guard for t in trips))
    since = states.held_since(run.ledger, job.name)
    if not run.options.dry_run:
        release.release_consent(run, job)
        _push(run, job)
        if since is None:
            states.hold(run.ledger, job.name, run.stamp())
    else:
        release.hold(run, job)
    what = "\n".join(f"  {trip.text}" for trip in trips)
    held = f" Held since {at(since)}." if since else ""
    job.stop_text = (
        f"Job {job.name} was stopped by a guard before its first write.{held}\n{what}\n"
        f"  Look at it with `smarksync plan {job.name}`; to let it pass once: `smarksync run {job.name} {allow}`."
    )


def _beat(run: Run) -> None:
    run.beat(force=True)


def _forget_seen_changes(run: Run, config: Config) -> None:
    """The log keeps what some job has not seen yet. A job that left the config begins anew if it comes back."""
    if not run.options.dry_run:
        watched = [job.name for job in run.observed]
        if {job.name for job in run.jobs} < set(config.jobs):  # a job that did not run may observe more
            watched += [row[0] for row in run.ledger.rows("SELECT job FROM marks WHERE job LIKE 'observed:%'")]
        looked = {job.name for job in run.jobs if job.failed is None and job.stopped_by is None}
        states.forget_jobs(run.ledger, keep=[*config.jobs, *watched], answers=looked >= set(config.jobs))
    low = run.ledger.value("SELECT min(seq) FROM marks")
    if low and not run.options.dry_run:
        known = {row[0] for row in run.ledger.rows("SELECT job FROM marks")}
        if known >= {job.name for job in (*run.jobs, *run.observed)}:
            states.prune(run.ledger, int(low))
    for job in run.jobs:
        if job.stopped_by is None:
            states.let_go(run.ledger, job.name)


def _scratch(ledger: Ledger) -> tuple[Ledger, str]:
    """A copy to plan in: reads are spent, nothing else changes. Where it cannot be made, nothing of it is left."""
    with ExitStack() as undo, closing(ledger):
        folder = tempfile.mkdtemp(prefix="smarksync-plan-")
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        path = os.path.join(folder, "plan.db")
        ledger.copy_to(path)
        copy = Ledger(f"sqlite:///{path}")
        undo.callback(copy.close)
        copy.run("UPDATE leases SET holder = NULL")
        # what was linked before: a plan shows the links that this run would add and end
        copy.run("CREATE TEMP TABLE links_before AS SELECT sid, rid, eid, state FROM links")
        copy.run("CREATE UNIQUE INDEX temp.links_before_key ON links_before (sid, rid)")
        undo.pop_all()
    return copy, folder


def _run_id(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%S") + "-" + secrets.token_hex(3)


__all__ = ["Options", "Result", "SmarkSyncError", "execute"]
