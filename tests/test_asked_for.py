"""What somebody asks for in so many words is done, or fails and says why: a skip would look like success."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_browser_that_is_asked_for_and_not_there_fails(tmp_path: Path) -> None:
    asked = {**os.environ, "SMARKSYNC_BROWSER": "1", "SMARKSYNC_CHROMIUM": str(tmp_path / "chromium")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/browser/test_dashboard_browser.py", "-k", "complains", "-p", "no:cacheprovider"],
        cwd=ROOT, env=asked, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "skipped" not in done.stdout
    assert "apt install chromium libatomic1" in done.stdout
