"""Where the worlds of these tests lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .place import folder


@pytest.fixture
def place() -> Iterator[Path]:
    with folder() as path:
        yield path
