"""The first thing that anybody runs."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from .conftest import Workspace


def test_the_demo_tells_its_story_and_leaves_a_page(workspace: Workspace) -> None:
    said = workspace.run("demo")
    assert said.code == 0, said.err
    assert said.err == ""
    for words in (
        "Nothing written: the systems agree.",
        "Conflict: company of",
        "shares its key with",
        "3 records written",
    ):
        assert words in said.out
    assert "This should not be" not in said.out
    page = Path(next(line for line in said.out.splitlines() if "as a page" in line).rsplit(": ", 1)[1])
    text = page.read_text()
    page.unlink()
    HTMLParser().feed(text)
    assert '<html lang="en">' in text
    assert "http" not in text
    assert "<script" not in text
    assert "Chief Executive" in text


def test_keep_leaves_a_workspace_to_play_with(workspace: Workspace) -> None:
    folder = workspace.folder / "kept"
    assert workspace.run("demo", "--keep", str(folder)).code == 0
    assert (folder / "report.html").exists()
    assert workspace.run("run", "--config", str(folder / "smarksync.yaml")).code == 3
    again = workspace.run("demo", "--keep", str(folder))
    assert again.code == 2
    assert "not an empty folder" in again.err
