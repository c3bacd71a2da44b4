"""The first thing that anybody runs: two simulated systems, people matched, a lead handed over, a deal told back."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

from .conftest import Workspace

BIN = Path(sys.executable).parent


def test_the_demo_tells_its_story_and_leaves_the_report(workspace: Workspace) -> None:
    said = workspace.run("demo")
    assert said.code == 0, said.err
    assert said.err == ""
    for words in (
        "38 people are in both",
        "112 records written",
        "task   First call: Ada Olsen",
        "note   Journey: decision early · Score: 87 · Lately:",
        "1 offered = 1 accepted + 0 rejected + 0 open",
    ):
        assert words in said.out
    assert said.out.count("Nothing written: the systems agree") == 2
    assert re.search(r"deal won +won +customer +1 +Closed Won +12000", said.out)
    assert "should not be" not in said.out
    page = Path(next(line for line in said.out.splitlines() if "report of both teams" in line).rsplit(": ", 1)[1])
    text = page.read_text()
    page.unlink()
    HTMLParser().feed(text)
    assert "<html" in text
    assert "12,000" in text


def test_keep_leaves_both_systems_to_play_with(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    running = subprocess.Popen(
        [BIN / "smarksync", "demo", "--keep", str(folder)],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None and running.stderr is not None
    told: dict[str, str] = {}
    while "smarksync status" not in (line := running.stdout.readline()):
        assert line, running.stderr.read()
        if found := re.match(r"\s+export (\w+)=(\S+)", line):
            told[found[1]] = found[2]
    try:
        assert (folder / "report.html").exists()
        again = subprocess.run(
            [BIN / "smarksync", "run", "--quiet", "--json"],
            cwd=folder, env={"PATH": "/usr/bin:/bin", **told}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert again.returncode == 0, again.stdout + again.stderr
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
    assert running.returncode == 0
    refused = subprocess.run(
        [BIN / "smarksync", "demo", "--keep", str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert refused.returncode == 2
    assert "not an empty folder" in refused.stderr
