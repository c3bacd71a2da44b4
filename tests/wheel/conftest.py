"""Tests of what users install. They build and install wheels, so they run when asked: ``make wheel``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the tests of this folder out of an ordinary run."""
    ours = [item for item in items if item.path.is_relative_to(_HERE)]
    if ours and os.environ.get("SMARKSYNC_WHEEL") != "1":
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]
