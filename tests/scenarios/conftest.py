"""What every scenario gets: a world to tell its story in, and the texts that plans are compared with."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smarksync.engine.registry import Registry
from smarksync.ledger.db import Ledger
from smarksync.testing import MemoryPlugin, registered

from .office import Office
from .world import World


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated ledger with nothing in it, to begin each story with."""
    folder = tmp_path_factory.mktemp("empty")
    Ledger("sqlite:///story.db", root=str(folder)).close()
    return folder / "story.db"


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The installed plugins and the simulated one."""
    return Registry([MemoryPlugin()])


@pytest.fixture
def world(tmp_path: Path, empty_ledger: Path, registry: Registry) -> Iterator[Callable[..., World]]:
    """Makes the story's world: ``world(*systems, also=(fields), maps={}, infos={}, SYSTEM={switches}, **job keys)``."""
    made: list[World] = []
    with contextlib.ExitStack() as stack:

        def make(*names: str, **options: Any) -> World:
            root = tmp_path / str(len(made))
            root.mkdir()
            shutil.copy(empty_ledger, root / "story.db")
            made.append(World(root, names or ("marketing", "sales"), options, registry))
            stack.enter_context(registered(*made[-1].systems.values()))
            stack.callback(made[-1].close)
            return made[-1]

        yield make


@pytest.fixture
def office(tmp_path: Path, registry: Registry) -> Iterator[Callable[..., Office]]:
    """Makes the two teams: ``office(section=…)``."""
    with contextlib.ExitStack() as stack:

        def make(**top: Any) -> Office:
            one = Office(tmp_path, registry, **top)
            stack.callback(one.close)
            stack.enter_context(registered(*one.systems.values()))
            one.team()
            return one

        yield make


@pytest.fixture
def golden() -> Callable[[str, list[str]], None]:
    """Compares lines with ``golden/NAME.txt`` beside the tests."""

    def compare(name: str, lines: list[str]) -> None:
        path = Path(__file__).parent / "golden" / f"{name}.txt"
        assert "\n".join(lines) + "\n" == path.read_text(encoding="utf-8")

    return compare
