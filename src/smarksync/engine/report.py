"""What a run says of itself: the figures of interface.md, the sentences for people, the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from smarksync.errors import SmarkSyncError
from smarksync.ledger import conflicts, quarantine
from smarksync.plan.creates import LEFT_TO_IT
from smarksync.plan.mute import NOT_WHOLE
from smarksync.plan.staying import AS_IT_IS
from smarksync.redact import redact

from . import recover
from .context import JobRun, Lane, Run

FIGURES = (
    "read", "unchanged", "filtered", "settled", "quarantined", "deferred", "planned", "written", "created", "updated",
    "archived", "deleted", "associated", "rejected", "stale", "unknown", "held", "conflicts",
)  # fmt: skip
#: what became of the records that were read; the other figures are of what was written, and of questions
READING = ("read", "unchanged", "filtered", "settled", "quarantined", "deferred")
CALLS = ("total", "read", "write", "reread", "auth", "schema", "throttled", "retried")
#: with several jobs the first of these that applies
ORDER = (1, 2, 5, 4, 6, 3, 0)


def figures(run: Run, job: JobRun, lane: Lane) -> dict[str, int]:
    """One lane's figures in one job. Each record read is counted exactly once (I8)."""
    counts = Counter(job.counts.get(lane.sid, {}))
    fates = _fates(run, job, lane)
    changed = lane.read - lane.unchanged - lane.filtered
    out = dict.fromkeys(FIGURES, 0)
    out.update({k: v for k, v in counts.items() if k in out})
    out["read"], out["unchanged"] = lane.read, lane.unchanged
    stopped = job.stopped_by is not None or job.failed is not None or lane.failed is not None
    out["quarantined"] = min(changed, fates["quarantined"])
    left = changed - out["quarantined"]
    by_job = min(left, fates["filtered"])
    out["filtered"] = lane.filtered + by_job
    left -= by_job
    out["deferred"] = left if stopped else min(left, fates["deferred"])
    out["settled"] = left - out["deferred"]
    out["conflicts"] = _conflicts(run, job, lane)
    return out


def _fates(run: Run, job: JobRun, lane: Lane) -> Counter[str]:
    """How many of the records that changed in this run met which fate; the others were settled."""
    found: Counter[str] = Counter()
    doubtful = run.ledger.one("SELECT 1 FROM entities WHERE state = 'provisional' LIMIT 1")
    if not job.fates and not job.outside and doubtful is None:
        return found
    rows = run.ledger.rows(
        "SELECT DISTINCT c.rid, c.eid, e.state FROM changes c JOIN entities e ON e.eid = c.eid "
        "WHERE c.seq > ? AND c.seq <= ? AND c.sid = ? AND c.rid IS NOT NULL",
        (run.start_seq, run.read_seq, lane.sid),
    )
    for _, eid, state in rows:
        fate = "quarantined" if state == "provisional" else job.fates.get(eid)
        if (eid, lane.sid) in job.outside:
            fate = "filtered"
        if fate is not None:
            found[fate] += 1
    return found


def _conflicts(run: Run, job: JobRun, lane: Lane) -> int:
    sql = (
        "SELECT count(*) FROM conflicts c WHERE c.job = ? AND c.state = 'open' AND EXISTS "
        "(SELECT 1 FROM links l WHERE l.eid = c.eid AND l.sid = ?)"
    )
    return int(run.ledger.value(sql, (job.name, lane.sid)))


def report(run: Run, exit_code: int, seconds: float, started_at: str) -> dict[str, Any]:
    """The object of `run --json`."""
    jobs = []
    for job in run.jobs:
        sides: dict[str, dict[str, Any]] = {}
        for lane in job.lanes:
            sides.setdefault(lane.stream.connection, {})[lane.stream.object] = figures(run, job, lane)
        for lane in job.observes:
            sides.setdefault(lane.stream.connection, {}).setdefault(lane.stream.object, figures(run, job, lane))
        jobs.append(
            {
                "job": job.name,
                "sides": sides,
                "stopped_by": job.stopped_by,
                "not_read": _not_read(job),
                **(job.work.report(run) if job.work else {}),
            }
        )
    jobs += [
        {"job": name, "sides": {}, "stopped_by": None, "not_read": [], "refused": str(error)}
        for name, error in run.refused.items()
    ]
    calls = {}
    for name, opened in run.connections.items():
        counts = getattr(opened.session, "counts", None)
        known = counts.as_dict() if counts is not None else {}
        calls[name] = {**{k: known.get(k, 0) or 0 for k in CALLS}, "budget_left": known.get("budget_left")}
    return {
        "run_id": run.run_id, "exit_code": exit_code, "dry_run": run.options.dry_run, "started_at": started_at,
        "seconds": round(seconds, 3), "jobs": jobs, "calls": calls,
    }  # fmt: skip


def _not_read(job: JobRun) -> list[str]:
    """The objects of which no row came, because their system failed: their zeros say nothing of them."""
    lanes = {lane.sid: lane for lane in (*job.lanes, *job.observes)}
    return [lane.name for lane in lanes.values() if lane.failed is not None and not lane.read]


def of_all_jobs(report: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """{connection:object: figures} of a run's report. A record that several jobs look at was read once, and is counted once:
    as the job sees it that left most of them for later."""
    found: dict[str, dict[str, int]] = {}
    for job in report["jobs"]:
        for connection, objects in job["sides"].items():
            for name, counts in objects.items():
                so_far = found.setdefault(f"{connection}:{name}", dict.fromkeys(FIGURES, 0))
                reading = {figure: counts.get(figure, 0) for figure in READING}
                if _for_later(reading) > _for_later(so_far):
                    so_far.update(reading)
                for figure in FIGURES[len(READING) :]:
                    so_far[figure] += counts.get(figure, 0)
    return found


def _for_later(counts: Mapping[str, int]) -> tuple[int, int]:
    return counts["read"], counts["quarantined"] + counts["deferred"]


def exit_code(run: Run) -> int:
    """The documented code: a state for 3, not news."""
    codes = {0}
    for job in run.jobs:
        if job.failed is not None or any(lane.failed is not None for lane in (*job.lanes, *job.observes)):
            codes.add(5)
        if job.stopped_by is not None:
            codes.add(4)
        if run.review is not None and any(counts["stale"] for counts in job.counts.values()):
            codes.add(6)
    for opened in run.connections.values():
        if opened.failed is not None:
            codes.add(getattr(opened.failed, "exit_code", 5))
    if run.refused:
        codes.add(2)
    names = [job.name for job in run.jobs]
    if quarantine.count_open(run.ledger, names) or conflicts.count_open(run.ledger, names):
        codes.add(3)
    return next(code for code in ORDER if code in codes)


def ending(run: Run) -> dict[str, list[str]]:
    """What the history keeps of how a run ended: why it did not do all (sentences), and the systems that failed."""
    systems = [opened.name for opened in run.connections.values() if opened.failed is not None]
    systems += [lane.stream.connection for lane in run.lanes.values() if lane.failed is not None]
    return {"why": _failures(run), "failed": list(dict.fromkeys(systems))}


def ending_by(error: BaseException) -> dict[str, list[str]]:
    """The same of a run that an error ended; nothing of one that was interrupted."""
    connection = getattr(error, "connection", "")
    why = (
        []
        if isinstance(error, KeyboardInterrupt)
        else [redact(_of(connection, error) if connection else _plain(error))]
    )
    return {"why": why, "failed": [connection] if connection else []}


def _failures(run: Run) -> list[str]:
    said: list[str] = []
    for opened in run.connections.values():
        for failure in (opened.failed, opened.kept):
            if failure is not None:
                said.append(_of(opened.name, failure))
    for lane in run.lanes.values():
        if lane.failed is not None and lane.failed is not run.connections[lane.stream.connection].failed:
            said.append(_of(lane.name, lane.failed))
    said += [job.stop_text for job in run.jobs if job.stop_text]
    return said + [str(error) for error in run.refused.values()]


def sentences(run: Run) -> list[str]:
    """What went wrong, for people: what, where, whose, and what to do."""
    said = _failures(run)
    if not run.options.dry_run:
        said += recover.sentences(run)
    return [*said, *_later(run), *_left(run), *run.notes]


def _later(run: Run) -> list[str]:
    """What a plan cannot show: what later jobs would do with records that are not made yet."""
    if not run.options.dry_run or all(job.kind == "sync" for job in run.jobs):
        return []
    said: list[str] = []
    sql = "SELECT DISTINCT job FROM plan WHERE run = ? AND op = 'create' AND rid IS NULL AND status = 'held'"
    making = {job for (job,) in run.ledger.rows(sql, (run.run_id,))}
    first = next((n for n, job in enumerate(run.jobs) if job.name in making and not job.stopped_by), len(run.jobs))
    if after := [job.name for job in run.jobs[first + 1 :] if job.kind != "sync"]:
        said.append(
            f"What {', '.join(after)} would do about records that this plan creates is not in it: plan again after the run."
        )
    if held := [job.name for job in run.jobs if job.kind == "sync" and job.stopped_by]:
        rest = ", ".join(job.name for job in run.jobs if job.kind != "sync")
        said.append(f"{rest}: planned as if {', '.join(held)} wrote nothing, because a guard stops it.")
    return said


def _left(run: Run) -> list[str]:
    """What was seen and deliberately not passed on: deletes that the policy keeps, consent that was put back."""
    return [
        f"{job.name}: {text}"
        for job in run.jobs
        for (connection, what, reason), count in sorted(job.left.items())
        if (text := _why_left(connection, what, reason, count))
    ]


def _why_left(connection: str, what: str, reason: str, count: int) -> str:
    """In plain words; empty for what a rule of the config says of each field: `explain` tells that."""
    records = f"{count:,} {'record' if count == 1 else 'records'}"
    how, _, why = reason.partition(": ")
    if what == "record":
        return f"{records} of {connection}: {reason}."
    if what.startswith("consent") or how.startswith("not taken"):
        one = "change" if count == 1 else "changes"
        return f"{count:,} {one} of {what} in {connection} {'was' if count == 1 else 'were'} {reason.replace(': ', ' and ')}."
    if how == AS_IT_IS:
        return f"{what} of {records} in {connection} stays as it is: {why}."
    if how == NOT_WHOLE:
        return f"{what} of {records} is not whole in {connection}: {why}."
    return f"{what} of {records} made in {connection} is left to {connection}: {why}." if how == LEFT_TO_IT else ""


def _of(name: str, error: BaseException) -> str:
    """The error with the name of what failed; connectors' own words often begin with their connection."""
    text = _plain(error)
    return text if text.startswith(f"{name.split(':')[0]}: ") else f"{name}: {text}"


def _plain(error: BaseException) -> str:
    return str(error) if isinstance(error, SmarkSyncError) else f"{type(error).__name__}: {error}"
