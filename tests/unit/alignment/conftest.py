"""The example agreement as tests of its promises need it: on a wall clock, by the case."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from smarksync.alignment.judge import Facts
from smarksync.alignment.terms import Terms
from smarksync.config import Config, load
from smarksync.model.moments import micros

CONFIGS = Path(__file__).parents[3] / "configs"
BASE = """\
version: 1
workspace: t
include: [{agreement}]
connections:
  marketing: {{connector: files, settings: {{path: m}}}}
{more}
"""


@pytest.fixture
def config_of(tmp_path: Path) -> Callable[..., Config]:
    """A config around the example agreement, some of its text replaced."""

    def make(*changes: tuple[str, str], more: str = "") -> Config:
        text = (CONFIGS / "agreement.yaml").read_text("utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        (tmp_path / "agreement.yaml").write_text(text, "utf-8")
        file = tmp_path / "smarksync.yaml"
        file.write_text(BASE.format(agreement="agreement.yaml", more=more), "utf-8")
        return load(file)

    return make


@pytest.fixture
def terms_of(config_of: Callable[..., Config]) -> Callable[..., Terms]:
    """The promises of that config."""

    def make(*changes: tuple[str, str]) -> Terms:
        found = Terms.of(config_of(*changes))
        assert found is not None
        return found

    return make


def wall(text: str, zone: str = "Europe/Berlin") -> int:
    """An instant by the wall of a place; without an hour, midnight."""
    return micros(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


@pytest.fixture
def at() -> Callable[..., int]:
    """An instant by the wall of a place."""
    return wall


@pytest.fixture
def case() -> Callable[..., Facts]:
    """A case offered at some time; ``reached`` by name, times as text of a zone."""
    count = 0

    def make(offered: str = "2026-11-18T10:00:00", *, zone: str = "Europe/Berlin", attempts: list[str] | None = None,
             reason: str | None = None, product: str | None = "scanner", pauses: list[tuple[str, str | None]] | None = None,
             filled: tuple[str, ...] = ("email", "phone", "company"), eid: int | None = None, legs: dict[str, str] | None = None,
             **reached: str) -> Facts:  # fmt: skip
        nonlocal count
        count += 1
        times = {state: wall(when, zone) for state, when in reached.items()}
        start = wall(offered, zone)
        state = max(times, key=lambda s: times[s]) if times else "offered"
        ended = [
            times[s]
            for s in times
            if s in ("rejected", "won", "lost", "recycled", "merged", "withdrawn", "disqualified")
        ]
        return Facts(
            count, eid or count, state, start, min(ended, default=None), {"qualified": start, "offered": start, **times}, reason,
            None, [wall(when, zone) for when in attempts or ()],
            [(wall(a, zone), None if b is None else wall(b, zone)) for a, b in pauses or ()],
            {"product": product}, frozenset(filled), {k: wall(v, zone) for k, v in (legs or {}).items()},
        )  # fmt: skip

    return make
