"""Every invariant names the tests that hold it, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from smarksync.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "invariants.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (I\d+) .*?\n(.*?)(?=^## |\Z)", PAGE, re.S | re.M))
NAMED = re.findall(r"`(tests/\S+?\.py)::(\w+)`", PAGE)


def test_the_invariants_are_thirteen() -> None:
    assert list(SECTIONS) == [f"I{number}" for number in range(1, 14)]


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("invariant", list(SECTIONS))
def test_each_invariant_is_held_by_a_test(invariant: str) -> None:
    if "undo" not in COMMANDS and invariant == "I11":
        assert "not part of this version" in SECTIONS[invariant]
    else:
        assert re.search(r"`tests/\S+::\w+`", SECTIONS[invariant])
