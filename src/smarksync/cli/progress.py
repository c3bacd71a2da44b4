"""What a run shows while it works: bars on a terminal, else one JSON log line a stage. All of it on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from smarksync import log

STAGES = ("pull", "match", "plan", "push")
_WORDS = {"pull": "reading", "match": "matching", "plan": "deciding", "push": "writing"}


class Silence:
    """Shows nothing (`--quiet`)."""

    def __enter__(self) -> Silence:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, stage: str, lane: str, done: int, total: int | None) -> None:
        """One step: the stage, what it works on, how much is done, and of how much (None = nobody knows)."""

    def close(self) -> None:
        """The work is over."""


class Lines(Silence):
    """One log line a stage, when it is over: for cron, where nobody watches."""

    def __init__(self) -> None:
        self._log = log.get()
        self._stage = ""
        self._done: dict[str, int] = {}
        self._since = time.monotonic()

    def __call__(self, stage: str, lane: str, done: int, total: int | None) -> None:
        """Collects; says the stage before when a new one begins."""
        if stage != self._stage:
            self.close()
            self._stage, self._since = stage, time.monotonic()
        self._done[lane or "all"] = done

    def close(self) -> None:
        """Says the last stage."""
        if self._stage:
            seconds = round(time.monotonic() - self._since, 3)
            self._log.info("stage", stage=self._stage, done=dict(self._done), seconds=seconds)
        self._stage, self._done = "", {}


class Bars(Silence):
    """Progress bars, one a stage and object."""

    def __init__(self, color: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True, no_color=not color)
        self._bars = Progress(
            SpinnerColumn(), TextColumn("{task.fields[word]:<9} {task.description}"), BarColumn(bar_width=24),
            MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True,
        )  # fmt: skip
        self._tasks: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __call__(self, stage: str, lane: str, done: int, total: int | None) -> None:
        """Moves the bar of that stage and object."""
        key = (stage, lane)
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task(lane or "people", total=total, word=_WORDS.get(stage, stage))
        self._bars.update(self._tasks[key], completed=done, total=total)

    def close(self) -> None:
        """Takes the bars away; the summary follows."""
        self._bars.stop()


def progress(*, quiet: bool, color: bool) -> Silence:
    """The right kind for where stderr goes."""
    if quiet:
        return Silence()
    return Bars(color) if sys.stderr.isatty() else Lines()


def canonical_line(report: Mapping[str, Any]) -> None:
    """The one line that says a whole run."""
    from smarksync.engine.report import of_all_jobs

    figures = {name: {what: n for what, n in counts.items() if n} for name, counts in of_all_jobs(report).items()}
    stopped = {job["job"]: job["stopped_by"] for job in report["jobs"] if job["stopped_by"]}
    calls = {name: counts["total"] for name, counts in report["calls"].items()}
    logger = log.get()
    say = logger.info if report["exit_code"] in (0, 3) else logger.warning
    if sys.stderr.isatty():
        say = logger.debug  # the summary that follows says the same to eyes
    say("run", run_id=report["run_id"], exit_code=report["exit_code"], dry_run=report["dry_run"], seconds=report["seconds"],
        jobs=[job["job"] for job in report["jobs"]], stopped_by=stopped, sides=figures, calls=calls)  # fmt: skip
