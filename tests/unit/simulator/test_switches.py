"""Every peculiarity of a simulated vendor names its source, has a switch, and a facts test that turns it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

#: how an account is set up for a test: nobody's peculiarity
PREPARED = {"has_our_properties", "own_fields"}
PLUGINS = Path(__file__).parents[3] / "plugins"


@pytest.mark.parametrize("vendor", ["salesforce", "hubspot", "marketo"])
def test_every_switch_has_a_source_and_a_test(vendor: str) -> None:
    folder = PLUGINS / f"smarksync-{vendor}"
    text = (folder / f"src/smarksync_{vendor}/simulator/quirks.py").read_text("utf-8")
    tests = "".join(file.read_text("utf-8") for file in sorted((folder / "tests").glob("*.py")))
    switches = re.findall(r"((?:    #:.*\n)*)    (\w+): ", text)
    assert len(switches) > 10
    said = ""
    for comment, name in switches:
        if name in PREPARED:
            continue
        said = comment or said  # a line that says one thing may stand above two switches
        assert re.search(r"\(.+\)|says|body", said, re.DOTALL), f"{vendor}: {name} names no source"
        assert re.search(rf"\b{name}\b", tests), f"{vendor}: no test turns {name}"
