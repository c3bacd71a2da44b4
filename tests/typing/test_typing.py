"""A plugin by somebody else type-checks against the installed package, and mistakes in one are found before it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PLUGIN = HERE / "smarksync_rolodex.py"

#: what is changed in the plugin, so that it is wrong
MISTAKES = {
    "a read without its cursor": ("self, stream: str, *, cursor: Cursor | None, until", "self, stream: str, *, until"),
    "a result in words": ('Receipt(write.ref, result, row["id"]', 'Receipt(write.ref, "updated", row["id"]'),
    "a result that there is not": ("WriteResult.CREATED", "WriteResult.MADE"),
    "an ability that there is not": ("Can.FIND}", "Can.SEEK}"),
    "a page that does not say whether there is more": (", told, pages.more)", ", told)"),
    "settings that are no model": ("settings=RolodexSettings", "settings=dict"),
}


def mypy(cache: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    words = ["--strict", "--no-error-summary", "--cache-dir", str(cache), *(file.name for file in files)]
    return subprocess.run(
        [sys.executable, "-m", "mypy", *words],
        cwd=files[0].parent, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin away from this repository, so that no setting of ours helps it."""
    place = tmp_path_factory.mktemp("elsewhere") / PLUGIN.name
    place.write_bytes(PLUGIN.read_bytes())
    return place


def test_a_plugin_type_checks(plugin: Path, cache: Path) -> None:
    done = mypy(cache, plugin)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mistakes_do_not_type_check(plugin: Path, cache: Path) -> None:
    """All in one go: a type check costs seconds."""
    good = plugin.read_text("utf-8")
    files = {}
    for number, (name, (right, mistaken)) in enumerate(MISTAKES.items()):
        assert good.count(right) == 1, name
        files[name] = plugin.parent / f"mistake_{number}.py"
        files[name].write_text(good.replace(right, mistaken), "utf-8")
    told = mypy(cache, *files.values()).stdout
    assert {name for name, file in files.items() if f"{file.name}:" not in told} == set()
