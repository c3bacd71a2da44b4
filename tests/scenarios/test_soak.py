"""Random histories between the simulated vendors end in peace; `make soak` plays more (see soak.py)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .soak import history

#: histories of each pair, and the first seed
HISTORIES = int(os.environ.get("SMARKSYNC_HISTORIES", "3"))
FIRST = int(os.environ.get("SMARKSYNC_SEED", "1"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FIRST, FIRST + HISTORIES))
@pytest.mark.parametrize("pair", ["hubspot", "marketo"])
def test_a_random_history_ends_in_peace(tmp_path: Path, pair: str, seed: int) -> None:
    with history(pair, seed, tmp_path) as played:
        played.live(45)
        wrong = played.close()
    assert not wrong, "\n".join([*played.told, *wrong])
