"""docs/story.md again, with somebody who looks at Mary's page in the dashboard after each step of hers."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("typed", ROOT / "tests" / "typed.py")
typed = importlib.util.module_from_spec(spec)
spec.loader.exec_module(typed)

#: what her page shows once the part of that heading was typed, and what it does not show yet
SEEN = {
    "She reads a post": (["mql@", ": no", "lead.score = 25", "/blog/paperless-office", "Score 25"], ["Hand-off 1"]),
    "She downloads the guide, and is not handed over": (
        ["Score 60", "+20 read an eBook", "lead.journey = 'consideration_early'", "guide.pdf", "joins Nurture"],
        ["Hand-off 1"],
    ),
    "She is nurtured, and decides": (
        ["Hand-off 1: offered", "Owner Anna Lang", ": yes", "first attempt due", "speed", "email clicked", "/pricing"],
        ["accepted"],
    ),
    "She is called in time": (
        ["Hand-off 1: working", "met speed", "met accept-or-reject", "call", "accepted"],
        ["won"],
    ),
    "She buys": (["Hand-off 1: won", "opportunity", "customer"], []),
    "Marketing sees what it was worth": (["Hand-off 1: won", "24000"], []),
}


@pytest.fixture
def played(tmp_path):
    """The page, and a shell beside its systems."""
    page = typed.Page(ROOT / "docs" / "story.md")
    with typed.systems(page.starts[0], tmp_path) as env:
        shell = typed.Shell(env, tmp_path)
        try:
            yield page, shell, env, tmp_path / "story"
        finally:
            shell.close()


def dashboard(env, folder):
    """The last command of the page: the process, and the link that it prints."""
    words = [str(typed.BIN / "smarksync"), "--config", "story.yaml", "dashboard", "--port", "0"]
    process = subprocess.Popen(words, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return process, next(match[1] for line in process.stdout if (match := re.match(r"Open (http\S+)", line)))


def stop(process):
    process.terminate()
    process.wait(30)
    process.stdout.close()


def test_each_step_is_on_her_page(chromium, played):
    page, shell, env, folder = played
    context = chromium.new_context(viewport={"width": 1100, "height": 900})
    process = None
    complaints = []
    try:
        tab = context.new_page()
        tab.set_default_timeout(30_000)
        tab.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        for number, (heading, blocks) in enumerate(page.steps):
            for language, body in blocks:
                if language == "sh" and body.strip() != "smarksync dashboard":
                    shell.type(body)
            if heading not in SEEN:
                continue
            if process is None:
                process, link = dashboard(env, folder)
                tab.goto(link)
            tab.goto(f"{link.split('/?')[0]}/leads?q=mary@holloway.example")
            assert tab.locator("h1").inner_text() == "Mary Beck"
            text = " ".join(tab.locator("main").inner_text().split())
            there, not_yet = SEEN[heading]
            assert [part for part in there if part not in text] == [], f"{heading}\n{text}"
            assert [part for part in not_yet if part in text] == [], f"{heading}\n{text}"
            if pictures := os.environ.get("SMARKSYNC_PICTURES"):
                Path(pictures).mkdir(parents=True, exist_ok=True)
                tab.screenshot(path=f"{pictures}/story-{number}.png", full_page=True)
        stop(process)  # (figures are counted once in a while: a fresh one counts now)
        process, link = dashboard(env, folder)
        tab.goto(link)
        tab.goto(f"{link.split('/?')[0]}/funnel")
        assert "Guide: choosing a scanner" in tab.locator("main").inner_text()
        if pictures:
            tab.screenshot(path=f"{pictures}/story-funnel.png", full_page=True)
        assert complaints == []
    finally:
        context.close()
        if process is not None:
            stop(process)
