"""The scripts that seed bugs show something or fail: a patch that fits no more, or a misspelt name, is no success."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("mutants.py", "vendor_mutants.py")


def asked(script: str, word: str) -> tuple[int, str]:
    """Exit code and output of one of the scripts."""
    command = [sys.executable, str(ROOT / "scripts" / script), word]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_bug_can_still_be_seeded(script: str) -> None:
    code, output = asked(script, "--check")
    assert code == 0, output
    assert int(output.split()[0]) > 0


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_name_that_no_bug_has_is_no_success(script: str) -> None:
    code, output = asked(script, "no such bug")
    assert code == 2, output
    assert "'no such bug'" in output and "killed" not in output
