"""What is published fits together: metadata, licences, pins; and nothing committed names a machine or an index."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from smarksync import __version__

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path for path in (ROOT / "plugins").iterdir() if (path / "pyproject.toml").exists())
#: what tools make here; never committed, looked at by nobody
MADE = {".git", ".venv", ".peers", "dist", "build", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis",
        "__pycache__", "node_modules"}  # fmt: skip


def project(path: Path) -> dict[str, Any]:
    return tomllib.loads((path / "pyproject.toml").read_text("utf-8"))


def committed() -> list[Path]:
    """The files of the repository; without git, all that no tool made."""
    asked = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode == 0 and asked.stdout:
        return [path for name in asked.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    return [p for p in ROOT.rglob("*") if p.is_file() and not MADE & set(p.relative_to(ROOT).parts)]


def text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return re.sub(r"[._]", "-", found[0]).lower()


def test_one_version() -> None:
    assert project(ROOT)["project"]["version"] == __version__


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
class TestPlugin:
    def test_has_what_every_plugin_has(self, plugin: Path) -> None:
        package = plugin / "src" / plugin.name.replace("-", "_")
        for name in ("README.md", "CHANGELOG.md", "LICENSE"):
            assert (plugin / name).stat().st_size > 0, name
        assert (package / "py.typed").exists()
        assert (package / "settings.py").exists()
        assert list((plugin / "tests").glob("test_*.py"))
        assert (plugin / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()

    def test_is_found_by_its_name(self, plugin: Path) -> None:
        told = project(plugin)["project"]
        name = plugin.name.removeprefix("smarksync-")
        assert told["name"] == plugin.name
        assert told["entry-points"]["smarksync"] == {name: plugin.name.replace("-", "_")}

    def test_goes_with_this_core(self, plugin: Path) -> None:
        told = project(plugin)["project"]
        major, minor = __version__.split(".")[:2]
        assert f"smarksync>={major}.{minor},<{major}.{int(minor) + 1}" in told["dependencies"]
        assert told["requires-python"] == project(ROOT)["project"]["requires-python"]
        assert told["license"] == project(ROOT)["project"]["license"]

    def test_changelog_speaks_of_the_contract(self, plugin: Path) -> None:
        assert "### Plugin contract" in (plugin / "CHANGELOG.md").read_text("utf-8")


def test_core_changelog_speaks_of_the_contract() -> None:
    assert "### Plugin contract" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_requirement_is_pinned() -> None:
    pins = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert [line for line in pins if "==" not in line] == [], "pins only: no options, no hashes, no comments"
    pinned = {name_of(line) for line in pins}
    wanted: set[str] = {"uv"}
    for path in (ROOT, *PLUGINS):
        told = project(path)
        wanted |= {name_of(r) for r in told["project"].get("dependencies", ())}
        wanted |= {name_of(r) for group in told["project"].get("optional-dependencies", {}).values() for r in group}
        wanted |= {name_of(r) for r in told["build-system"]["requires"]}
    assert wanted - pinned - {"smarksync"} == set()


def test_make_install_takes_every_extra() -> None:
    extras = re.search(r"^EXTRAS := (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert extras
    assert set(extras[1].split(",")) == set(project(ROOT)["project"]["optional-dependencies"])


# put together here, so that this file does not hold what it looks for
INDEXES = tuple(".".join(parts) for parts in (
    ("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"), ("registry", "yarnpkg", "com"),
    ("crates", "io"), ("proxy", "golang", "org"), ("repo", "maven", "apache", "org"), ("deb", "debian", "org"),
    ("archive", "ubuntu", "com"), ("rubygems", "org"), ("anaconda", "org"), ("hub", "docker", "com"), ("ghcr", "io"),
))  # fmt: skip
PATHS = re.compile(
    "(?<![A-Za-z0-9_.$}/-])/(?:" + "|".join(("root", "work", "home/[a-z]", "Users/[A-Za-z]")) + ")(?:/|\\b)"
)
SECRETS = re.compile(
    "|".join(
        (
            "-----BEGIN " + "[A-Z ]*PRIVATE KEY",
            "gh[pousr]" + "_[A-Za-z0-9]{36}",
            "xox" + "[abprs]-[A-Za-z0-9-]{10,}",
            "AKIA" + "[0-9A-Z]{16}",
            "sk" + "-[A-Za-z0-9]{32,}",
            "//[^/\\s:@\"'`]+:[^/\\s:@\"'`$<{]{8,}@",
        )
    )
)
#: unfinished work has its own place, and it is not here
MARKS = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")


def _is_known(found: str) -> bool:
    """Made-up credentials of documentation and tests."""
    return "example" in found or "secret" in found or "password" in found or "hunter2" in found


def test_nothing_committed_names_a_package_index() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {host}" for path in committed() for host in INDEXES if host in text_of(path).lower()
    ]
    assert not found, "\n".join(found)


def test_nothing_committed_names_a_place_on_one_machine() -> None:
    found = [f"{path.relative_to(ROOT)}: {match[0]}" for path in committed() for match in PATHS.finditer(text_of(path))]
    assert not found, "\n".join(found)


def test_nothing_committed_looks_like_a_secret() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0][:12]}…"
        for path in committed()
        for match in SECRETS.finditer(text_of(path))
        if not _is_known(match[0])
    ]
    assert not found, "\n".join(found)


def test_nothing_committed_is_marked_unfinished() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in committed()
        if path.suffix in (".py", ".md", ".yaml", ".sh", ".toml") and "cassettes" not in path.parts
        for match in MARKS.finditer(text_of(path))
    ]
    assert not found, "\n".join(found)


def test_no_file_is_out_of_place() -> None:
    strays = [
        str(path.relative_to(ROOT))
        for path in committed()
        if path.suffix in (".db", ".pyc", ".log", ".whl", ".orig", ".rej", ".swp") or path.name in (".env", "uv.lock")
    ]
    assert not strays
