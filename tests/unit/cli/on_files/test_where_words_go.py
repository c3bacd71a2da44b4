"""Where words and files go: closed streams, devices, links, full disks, and a clock that was wrong for a while."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smarksync.cli.files import write_whole

from .conftest import Workspace

COMMAND = [sys.executable, "-c", "from smarksync.cli import main; main()"]


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize(("words", "code"), [("run", 0), ("run --json", 0), ("status", 0), ("nonsense", 2)])
def test_closed_streams_are_no_failure_and_reach_no_file(
    workspace: Workspace, closed: str, words: str, code: int
) -> None:
    assert workspace.run("run").code == 0
    line = f'exec "$0" "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", line, *COMMAND, *words.split()], cwd=workspace.folder, capture_output=True, text=True
    )
    assert done.returncode == code and "Traceback" not in done.stderr
    assert workspace.run("status").code == 0  # whatever was said went into no file of ours


def test_a_disk_that_cannot_hold_what_is_said_is_no_success(workspace: Workspace) -> None:
    workspace.run("run")
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, "runs", "--json"], cwd=workspace.folder, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2 and b"No space left" in done.stderr


def test_a_pipe_is_written_to_and_never_replaced(workspace: Workspace) -> None:
    pipe = workspace.folder / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)
    assert workspace.run("plan", "--out", str(pipe)).code == 0
    assert reader.communicate(timeout=20)[0].startswith("{") and pipe.is_fifo()


def test_a_link_stays_and_a_file_keeps_its_rights(tmp_path: Path) -> None:
    real, link = tmp_path / "site" / "report.html", tmp_path / "report.html"
    real.parent.mkdir()
    link.symlink_to(real)
    write_whole(link, ["one"])
    assert link.is_symlink() and real.read_text() == "one" and real.stat().st_mode & 0o777 == 0o600
    real.chmod(0o644)
    write_whole(link, ["two"])
    assert link.is_symlink() and real.read_text() == "two" and real.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in real.parent.iterdir()] == ["report.html"]


INTERRUPTED = """
import sys
from smarksync.cli import main
class CtrlC:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, CtrlC())
main()
"""


def test_an_interrupt_while_the_program_is_loaded_is_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, "status"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_run_of_another_time_is_not_the_last_one(workspace: Workspace) -> None:
    """A machine whose clock was a year ahead for one run: the runs after it are still later."""
    import sqlite3

    workspace.run("run")
    ahead = workspace.run("runs", "--json").json["runs"][0]["run_id"]
    with sqlite3.connect(workspace.folder / "quickstart.db") as db:
        db.execute("UPDATE runs SET started_at = '2999-01-01T00:00:00Z', ended_at = '2999-01-01T00:00:01Z'")
    db.close()
    workspace.replace(workspace.leads, "ADA@example.com", "no address")
    assert workspace.run("run").code == 3
    listed = [run["run_id"] for run in workspace.run("runs", "--json").json["runs"]]
    assert len(listed) == 2 and listed[1] == ahead
    told = workspace.run("status", "--json").json
    assert told["jobs"][0]["last_run"]["run"] == listed[0] and told["ended"][0]["exit_code"] == 3


@pytest.mark.parametrize(("words", "more"), [(("run",), True), (("plan",), False), (("check",), False)])
def test_interrupted_says_what_there_is_to_go_on_with(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], more: bool
) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("smarksync.cli.globals.Globals.load", interrupted)
    said = workspace.run(*words)
    assert said.code == 130 and said.err.startswith("Interrupted.") and ("next run goes on" in said.err) is more
