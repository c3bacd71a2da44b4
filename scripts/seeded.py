"""Tests against a copy of sources with a bug seeded in it: what mutants.py and vendor_mutants.py do with each of theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def stands_once(source: Path, patches: Sequence[tuple[str, str, str]]) -> bool:
    """Whether the text of each patch (file below ``source``, text, what it becomes) is there, once."""
    return all((source / name).read_text("utf-8").count(text) == 1 for name, text, _ in patches)


def passes(
    source: Path, patches: Sequence[tuple[str, str, str]], tests: Sequence[str], patience: float | None = None,
    **environ: str,
) -> bool:  # fmt: skip
    """Whether these tests pass although ``source`` was patched. Tests that are not done after so many seconds do not."""
    with tempfile.TemporaryDirectory(prefix="smarksync-seeded-") as place:
        copy = Path(place) / "src"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        for name, text, instead in patches:
            path = copy / name
            path.write_text(path.read_text("utf-8").replace(text, instead), "utf-8")
        env = {**os.environ, **environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        how = ("-q", "-x", "--no-header", "--tb=no", "-p", "no:cacheprovider")
        command = [sys.executable, "-m", "pytest", *how, *tests]
        try:
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False, timeout=patience)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0
