"""Ctrl-C, SIGTERM, kill -9, a full disk, two at once: nothing is half-written, and the next run goes on."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Sequence

import pytest

from .conftest import Said, Workspace

Until = Callable[[subprocess.Popen[str], str], Sequence[str]]
COUNT = 1000


def complete(workspace: Workspace, count: int = COUNT) -> Said:
    """Everybody is there exactly once, and the next run is silent. Returns what the first one said."""
    said = workspace.run("run", "--allow", "first_run")
    assert said.code == 0, said
    lines = workspace.leads.read_text().splitlines()[1:]
    assert len(lines) == len({line.split(",")[1] for line in lines}) == count
    again = workspace.run("run")
    assert "nothing to write" in again.out and "killed" not in again.out
    return said


@pytest.mark.parametrize(("number", "stage"), [(signal.SIGINT, "pull"), (signal.SIGTERM, "plan")])
def test_130_and_resumable(workspace: Workspace, until: Until, number: signal.Signals, stage: str) -> None:
    workspace.many(COUNT)
    process = workspace.start("run", "--allow", "first_run", "--json")
    until(process, f'"stage":"{stage}"')
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode in (130, 0), err
    if process.returncode == 130:  # else it was through before the signal came
        assert json.loads(out)["exit_code"] == 130
        assert "next run goes on" in err
    assert "Traceback" not in err
    complete(workspace)


@pytest.mark.parametrize("stage", ["pull", "plan"])
def test_kill_9_and_run_again(workspace: Workspace, until: Until, stage: str) -> None:
    """The parent never asks for the end of the killed one: cron and containers leave such zombies."""
    workspace.many(COUNT)
    process = workspace.start("run", "--allow", "first_run")
    until(process, f'"stage":"{stage}"')
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    killed = workspace.run("runs", "--json").json["runs"][0]
    assert killed["state"] == "killed"
    assert workspace.run("runs").out.splitlines()[1].split()[4] == "killed"
    assert "killed before its end" in workspace.run("show", killed["run_id"]).out
    said = complete(workspace)
    assert f"Run {killed['run_id']} was killed; this one goes on from there." in said.out
    assert sum(run["figures"]["written"] for run in workspace.run("runs", "--json").json["runs"]) == COUNT
    process.communicate(timeout=60)


def test_several_killed_runs_are_one_sentence(workspace: Workspace, until: Until) -> None:
    workspace.many(COUNT)
    for _ in range(2):
        process = workspace.start("run", "--allow", "first_run")
        until(process, '"stage":"pull"')
        process.kill()
        process.communicate(timeout=60)
    last, first = (run["run_id"] for run in workspace.run("runs", "--json").json["runs"])
    said = workspace.run("status").out
    assert f"Interrupted: 2 runs did not end, the last of them {last}; the next run goes on where they stopped" in said
    assert said.count("Interrupted") == 1 and f"run {first}" not in said
    assert f"2 runs were killed, the last of them {last}; this one goes on from there." in complete(workspace).out


def stop_between_commits(workspace: Workspace, process: subprocess.Popen[str]) -> None:
    """Stops a run at work where it does not lock the file: SQLite's own lock is another matter than our lease."""
    with contextlib.closing(
        sqlite3.connect(workspace.folder / "quickstart.db", timeout=30, isolation_level=None)
    ) as db:
        db.execute("BEGIN IMMEDIATE")  # while we hold the file, the run does not
        os.kill(process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        db.execute("ROLLBACK")


def test_two_at_once(workspace: Workspace, until: Until) -> None:
    workspace.many(COUNT)
    first = workspace.start("run", "--allow", "first_run")
    until(first, '"stage":"pull"')
    stop_between_commits(workspace, first)
    try:
        second = workspace.start("run", "--json")
        out, err = second.communicate(timeout=60)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 75
    assert json.loads(out)["exit_code"] == 75
    assert f"process {first.pid}" in err
    first.communicate(timeout=60)
    assert first.returncode == 0
    complete(workspace)


def test_a_full_disk(workspace: Workspace) -> None:
    workspace.many(COUNT)
    limit = 250_000

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = workspace.start("run", "--allow", "first_run", "--json", preexec_fn=small)
    out, err = process.communicate(timeout=60)
    assert process.returncode in (2, 5), err
    assert json.loads(out)["exit_code"] == process.returncode
    assert "Traceback" not in err
    complete(workspace)


def test_out_on_a_full_disk_leaves_no_half_file(workspace: Workspace) -> None:
    workspace.many(100)

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    assert workspace.run("run", "--limit", "0").code == 0
    process = workspace.start("plan", "--format", "json", "--out", "plan.json", preexec_fn=small)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert "Traceback" not in err
    assert not (workspace.folder / "plan.json").exists()


def test_a_reader_that_has_seen_enough(workspace: Workspace) -> None:
    workspace.many(90)
    process = workspace.start("plan", "--format", "csv")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert "Traceback" not in err
    assert "Broken" not in err
