"""A simulated org and a connector on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package: this is how they share modules

from salesforce_org import Org


@pytest.fixture
def org() -> Iterator[Org]:
    """An org with users and queues, and nobody else. Its clock stands still and moves when somebody waits."""
    with Org() as opened:
        yield opened
        assert opened.sim.problems == []
