"""The history of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .db import Ledger, dumps, loads


def begin(ledger: Ledger, run: str, at: str, jobs: list[str], dry: bool) -> None:
    """A run has begun."""
    ledger.run(
        "INSERT INTO runs (run, started_at, dry, jobs) VALUES (?, ?, ?, ?)", (run, at, dry, dumps(jobs).decode())
    )


def end(ledger: Ledger, run: str, at: str, exit_code: int, report: Mapping[str, Any]) -> None:
    """A run has ended, with its report."""
    ledger.run(
        "UPDATE runs SET ended_at = ?, exit_code = ?, report = ? WHERE run = ?",
        (at, exit_code, dumps(report).decode(), run),
    )


def unfinished(ledger: Ledger) -> list[str]:
    """Runs that began after the last one that ended, and have no end: killed, or still at work. Oldest first."""
    rows = ledger.rows(
        "SELECT run FROM runs WHERE ended_at IS NULL AND dry = 0 AND rowid > "
        "coalesce((SELECT max(rowid) FROM runs WHERE ended_at IS NOT NULL), 0) ORDER BY rowid"
    )
    return [run for (run,) in rows]


def listed(ledger: Ledger, limit: int = 20) -> list[dict[str, Any]]:
    """The latest runs, newest first: as they began, whatever the clock of this machine said at the time."""
    rows = ledger.rows(
        "SELECT run, started_at, ended_at, exit_code, dry, jobs, report FROM runs ORDER BY rowid DESC LIMIT ?",
        (limit,),
    )
    return [_run(row) for row in rows]


def one(ledger: Ledger, run: str) -> dict[str, Any] | None:
    """One run by its id or the beginning of it."""
    rows = ledger.rows(
        "SELECT run, started_at, ended_at, exit_code, dry, jobs, report FROM runs WHERE run LIKE ? ORDER BY rowid DESC LIMIT 2",
        (run.replace("%", "") + "%",),
    )
    return _run(rows[0]) if len(rows) == 1 or (rows and rows[0][0] == run) else None


def _run(row: tuple[Any, ...]) -> dict[str, Any]:
    return {
        "run_id": row[0], "started_at": row[1], "ended_at": row[2], "exit_code": row[3], "dry_run": bool(row[4]),
        "jobs": loads(row[5]), "report": loads(row[6]) if row[6] else None,
    }  # fmt: skip
