"""What waits for what, and why; and the history of runs. Read from the ledger alone, as plain data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from smarksync.config import Config
from smarksync.errors import UsageError
from smarksync.ledger import audit, cases, conflicts, entities, lease, plans, quarantine, runs, states
from smarksync.ledger.db import Ledger, loads

from .queues import label, owners_refused
from .report import of_all_jobs

_OPEN = ("released", "sending", "unknown")
#: what each state of a plan row means to a reader
ROW_STATES = {
    "held": "planned and not sent",
    "released": "passed the guards, sent next",
    "sending": "was being sent: looked up before anything is sent again",
    "unknown": "may have been applied: looked up before anything is sent again",
}


def status(config: Config, ledger: Ledger, now: datetime) -> dict[str, Any]:
    """Everything that waits: running work, jobs, queues, streams, and the size of the ledger."""
    return {
        "workspace": config.workspace,
        "running": _running(ledger, now),
        "interrupted": _interrupted(ledger, now),
        "jobs": (jobs := [_job(config, ledger, name) for name in config.jobs]),
        "ended": _ended(ledger, jobs),
        "intents": _intents(ledger),
        "conflicts": _by_kind(ledger, "conflicts"),
        "quarantine": _by_kind(ledger, "quarantine"),
        "opt_outs_owed": _opt_outs_owed(ledger),
        "owners_refused": owners_refused(ledger, list(config.jobs)),
        "without_owner": cases.without_owner(ledger) if config.routing else 0,
        "inbox": int(ledger.value("SELECT count(*) FROM inbox")),
        "streams": _streams(config, ledger),
        "entities": dict(ledger.rows("SELECT state, count(*) FROM entities GROUP BY state")),
        "ledger": {"path": ledger.path, "bytes": _size(ledger), "tables": ledger.bytes_per_table()},
    }


def _running(ledger: Ledger, now: datetime) -> list[dict[str, Any]]:
    """The holders of leases, each once, with what they hold."""
    found: dict[str, dict[str, Any]] = {}
    for holder in lease.holders(ledger, now):
        one = found.setdefault(
            holder.run, {"run": holder.run, "host": holder.host, "process": holder.pid, "heard": holder.heartbeat,
                         "alive": holder.alive, "holds": []},
        )  # fmt: skip
        one["holds"].append(holder.name)
    return list(found.values())


def _interrupted(ledger: Ledger, now: datetime) -> list[str]:
    """Runs without an end that nobody is at any more; the next run goes on from where they stopped."""
    busy = _busy(ledger, now)
    return [run for run in runs.unfinished(ledger) if run not in busy]


def _job(config: Config, ledger: Ledger, name: str) -> dict[str, Any]:
    job = config.jobs[name]
    last = None
    for run, at, ended, code in ledger.rows(
        "SELECT r.run, r.started_at, r.ended_at, r.exit_code FROM runs r, json_each(r.jobs) j "
        "WHERE j.value = ? AND r.dry = 0 ORDER BY r.rowid DESC LIMIT 1", (name,),
    ):  # fmt: skip
        last = {"run": run, "started_at": at, "ended_at": ended, "exit_code": code}
    mark = states.mark(ledger, name)
    news = ledger.value(
        "SELECT count(DISTINCT c.eid) FROM changes c JOIN entities e ON e.eid = c.eid WHERE c.seq > ? AND e.kind = ? "
        "AND e.state = 'live'", (mark, job.entity),
    )  # fmt: skip
    return {
        "job": name, "kind": job.kind, "between": list(job.connections), "last_run": last,
        "first_load_done": states.has_settled(ledger, name),
        "held_since": states.held_since(ledger, name),
        "planned_and_held": int(ledger.value("SELECT count(*) FROM plan WHERE job = ? AND status = 'held'", (name,))),
        "changed_since": int(news),
        "due": dict(ledger.rows("SELECT reason, count(*) FROM due WHERE job = ? GROUP BY 1 ORDER BY 2 DESC", (name,))),
        "conflicts": int(ledger.value("SELECT count(*) FROM conflicts WHERE job = ? AND state = 'open'", (name,))),
        "quarantine": int(ledger.value("SELECT count(*) FROM quarantine WHERE job = ? AND state = 'open'", (name,))),
    }  # fmt: skip


def _ended(ledger: Ledger, jobs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The last run of each job, each run once, unless all was well: how it ended, why, and the next command."""
    found = []
    for name in dict.fromkeys(job["last_run"]["run"] for job in jobs if job["last_run"]):
        run = runs.one(ledger, name)
        if run is None or not run["exit_code"]:  # one without an end is at work, or told as interrupted
            continue
        code, told = run["exit_code"], run["report"] or {}
        why, then = list(told.get("why", ())), "smarksync run"
        if code == 3:
            waits = waiting(ledger, run["jobs"]) or [("What waited then is settled.", "smarksync run")]
            why, then = [what for what, _ in waits], waits[0][1]
        elif code == 2:
            then = "smarksync check"
        elif code == 4:
            then = (
                f"smarksync plan {' '.join(job['job'] for job in told.get('jobs', ()) if job['stopped_by'])}".rstrip()
            )
        elif code == 5 and len(failed := told.get("failed", ())) == 1:
            then = f"smarksync check {failed[0]}"
        elif code == 5:
            then = "smarksync check"
        found.append(
            {
                "run": name,
                "started_at": run["started_at"],
                "exit_code": code,
                "jobs": run["jobs"],
                "why": why,
                "next": then,
            }
        )
    return found


def waiting(ledger: Ledger, jobs: Sequence[str]) -> list[tuple[str, str]]:
    """What waits for a person in these jobs, each with the command that shows it."""
    asked, held = conflicts.count_open(ledger, jobs), quarantine.count_open(ledger, jobs)
    found = []
    if asked:
        found.append((f"{asked:,} conflict{'s' if asked > 1 else ''} to decide", "smarksync conflicts list"))
    if held:
        found.append((f"{held:,} in quarantine", "smarksync quarantine list"))
    return found


def _intents(ledger: Ledger) -> list[dict[str, Any]]:
    """Writes under way or in doubt, by job, place and state."""
    marks = ", ".join("?" * len(_OPEN))
    rows = ledger.rows(
        f"SELECT p.status, p.job, s.connection, s.object, p.op, count(*) FROM plan p JOIN streams s ON s.sid = p.sid "
        f"WHERE p.status IN ({marks}) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5", _OPEN,
    )  # fmt: skip
    return [
        {"state": state, "job": job, "to": f"{c}:{o}", "op": op, "rows": count, "means": ROW_STATES[state]}
        for state, job, c, o, op, count in rows
    ]


def _opt_outs_owed(ledger: Ledger) -> list[dict[str, Any]]:
    """Opt-outs that a system does not show yet, by place: how many records, and how many of them it refused."""
    refused = {
        (one.sid, one.field.removeprefix(quarantine.CONSENT))
        for one in quarantine.listed(ledger, "field LIKE ?", (f"{quarantine.CONSENT}%",), limit=-1)
        if one.facts.get("opts_out")
    }
    rows = plans.load(ledger, "consent = 1 AND status <> 'failed'")
    owed = refused | {(row.sid, row.rid) for row in rows if True in row.values.values()}
    names = {sid: f"{c}:{o}" for sid, c, o in ledger.rows("SELECT sid, connection, object FROM streams")}
    counts: dict[str, list[bool]] = {}
    for place in owed:
        counts.setdefault(names[place[0]], []).append(place in refused)
    return [{"to": to, "records": len(each), "refused": sum(each)} for to, each in sorted(counts.items())]


def _by_kind(ledger: Ledger, table: str) -> dict[str, dict[str, int]]:
    """{kind: {state: how many}}."""
    found: dict[str, dict[str, int]] = {}
    for kind, state, count in ledger.rows(f"SELECT kind, state, count(*) FROM {table} GROUP BY 1, 2 ORDER BY 1, 2"):
        found.setdefault(kind, {})[state] = count
    return found


def _streams(config: Config, ledger: Ledger) -> list[dict[str, Any]]:
    sql = "SELECT sid, connection, object, entity, cursor, observed_at, full_at, live FROM streams ORDER BY 2, 3"
    out = []
    for sid, connection, name, entity, cursor, observed, full, live in ledger.rows(sql):
        others = dict(
            ledger.rows("SELECT state, count(*) FROM links WHERE sid = ? AND state <> 'live' GROUP BY 1", (sid,))
        )
        out.append(
            {"connection": connection, "object": name, "entity": entity, "known_up_to": observed, "read_whole_at": full,
             "linked": live, "other_links": others, "cursor": loads(cursor) if cursor else None,
             "in_config": connection in config.connections}
        )  # fmt: skip
    return out


def _size(ledger: Ledger) -> int:
    return sum(os.path.getsize(p) for p in (ledger.path, f"{ledger.path}-wal") if os.path.exists(p))


def history(ledger: Ledger, limit: int = 20, now: datetime | None = None) -> list[dict[str, Any]]:
    """The latest runs, newest first, with what they read and wrote.

    ``state``: ended, running, or killed. Of a run without a report ``figures`` has what it had written until then.
    """
    busy = _busy(ledger, now or datetime.now(UTC))
    return [_brief(ledger, run, busy) for run in runs.listed(ledger, limit)]


def _busy(ledger: Ledger, now: datetime) -> set[str]:
    return {holder.run for holder in lease.holders(ledger, now) if holder.alive}


def _state(run: dict[str, Any], busy: set[str]) -> str:
    return "ended" if run["ended_at"] else "running" if run["run_id"] in busy else "killed"


def _brief(ledger: Ledger, run: dict[str, Any], busy: set[str]) -> dict[str, Any]:
    report = run.pop("report") or {}
    run["state"] = _state(run, busy)
    if "jobs" not in report:
        return {**run, "seconds": None, "figures": _so_far(ledger, run["run_id"]), "stopped_by": {}}
    names = ("read", "written", "created", "updated", "rejected", "unknown", "held", "conflicts")
    sides = of_all_jobs(report).values()
    figures = {name: sum(counts[name] for counts in sides) for name in names}
    stopped = {job["job"]: job["stopped_by"] for job in report["jobs"] if job["stopped_by"]}
    return {**run, "seconds": report.get("seconds"), "figures": figures, "stopped_by": stopped}


def _so_far(ledger: Ledger, run_id: str) -> dict[str, int]:
    """What a run that could not report had written: every write leaves its row in the audit with its receipt."""
    done = audit.counted(ledger, run_id)
    words = {
        "created": "create",
        "updated": "update",
        "archived": "archive",
        "deleted": "delete",
        "associated": "associate",
    }
    found = {name: done.get(op, 0) for name, op in words.items()}
    return {"written": sum(found.values()), **found}


def one_run(ledger: Ledger, run_id: str, limit: int = 500, now: datetime | None = None) -> dict[str, Any]:
    """One run in full: its report, and every record it changed with before and after. Raises UsageError."""
    found = runs.one(ledger, run_id) if run_id else None
    if found is None:
        latest = [run["run_id"] for run in runs.listed(ledger, 3)]
        like = ledger.value("SELECT count(*) FROM runs WHERE run LIKE ?", (run_id.replace("%", "") + "%",))
        what = f"{like} runs begin with {run_id!r}." if like else f"There is no run {run_id!r}."
        raise UsageError(what, hint=f"The latest: {', '.join(latest)}." if latest else "Nothing was ever run here.")
    name = found["run_id"]
    found["state"] = _state(found, _busy(ledger, now or datetime.now(UTC)))
    if "jobs" not in (found["report"] or {}):
        found["figures"] = _so_far(ledger, name)
    rows = [_change(ledger, *row) for row in audit.of_run(ledger, name, limit)]
    total = int(ledger.value("SELECT count(*) FROM audit WHERE run = ?", (name,)))
    waiting = ledger.rows("SELECT status, count(*) FROM plan WHERE run = ? GROUP BY 1 ORDER BY 1", (name,))
    return {
        "run": found,
        "changes": rows,
        "changes_total": total,
        "waiting": dict(waiting),
        "quarantined": int(ledger.value("SELECT count(*) FROM quarantine WHERE run = ?", (name,))),
        "asked": int(ledger.value("SELECT count(*) FROM conflicts WHERE run = ?", (name,))),
    }


def _change(ledger: Ledger, eid: int, at: str, body: dict[str, Any]) -> dict[str, Any]:
    ref, _, agreed = entities.load(ledger, [eid]).get(eid, ("?", "", {}))
    return {"at": at, "entity": ref, "who": label(ledger, eid, agreed), **body}


__all__ = ["ROW_STATES", "history", "one_run", "status", "waiting"]
