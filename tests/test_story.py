"""docs/story.md is typed as it stands: from a blog post to revenue, over two simulated systems in processes of their own."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def _typed() -> Any:
    spec = importlib.util.spec_from_file_location("typed", ROOT / "tests" / "typed.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["typed"] = module
    spec.loader.exec_module(module)
    return module


typed = _typed()


def test_the_story_goes_as_its_page_says(tmp_path: Path) -> None:
    page = typed.Page(ROOT / "docs" / "story.md")
    with typed.systems(page.starts[0], tmp_path) as env:
        shell = typed.Shell(env, tmp_path)
        try:
            shown = 0
            for heading, blocks in page.steps:
                said = ""
                for language, body in blocks:
                    if language == "sh" and body.strip() == "smarksync dashboard":
                        continue
                    if language == "sh":
                        said = shell.type(body)
                    else:
                        assert typed.missing(body, said) == [], f"{heading}\n{said}"
                        shown += len(body.splitlines())
            assert shown > 30
            _dashboard(env, tmp_path / "story")
        finally:
            shell.close()


def _dashboard(env: dict[str, str], folder: Path) -> None:
    """The last command of the page, and her page in it."""
    words = [str(typed.BIN / "smarksync"), "--config", "story.yaml", "dashboard", "--port", "0"]
    process = subprocess.Popen(words, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        link = next(match[1] for line in process.stdout if (match := re.match(r"Open (http\S+)", line)))
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        opener.open(link, timeout=30).close()
        with opener.open(f"{link.split('/?')[0]}/leads?q=mary@holloway.example", timeout=30) as answer:
            text = answer.read().decode()
        for part in ("Mary Beck", "Hand-off 1", "Does this lead qualify?", "read an eBook", "/blog/paperless-office"):
            assert part in text
    finally:
        process.terminate()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()
