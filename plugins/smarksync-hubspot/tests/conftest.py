"""The fixtures of a simulated HubSpot account."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from smarksync_hubspot.simulator import Quirks

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package: this is how they share modules

from hubspot_account import Account


@pytest.fixture
def account() -> Iterator[Callable[..., Account]]:
    """Makes accounts."""
    made: list[Account] = []

    def make(quirks: Quirks | None = None, **how: Any) -> Account:
        made.append(Account(quirks, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def hub(account: Callable[..., Account]) -> Account:
    """An account whose index is at once up to date, with SmarkSync's own properties."""
    return account()
