"""What users install: wheels of the core and of every plugin, in a fresh environment, away from this repository.

An editable install hides what a wheel lacks: a migration, a preset, the licence, a dependency that only tests have.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path for path in (ROOT / "plugins").iterdir() if (path / "pyproject.toml").exists())
SOURCES = [ROOT, *PLUGINS]
QUICKSTART = ROOT / "configs" / "files.yaml"


def ran(*words: str | Path, cwd: Path, env: Mapping[str, str] | None = None, code: int = 0) -> str:
    """The output of a command that must end with ``code``."""
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == code, f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One wheel of each distribution, by the distribution's name."""
    out = tmp_path_factory.mktemp("wheels")
    for source in SOURCES:
        ran(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, source, cwd=out)
    found = {path.name.split("-")[0].replace("_", "-"): path for path in out.glob("*.whl")}
    assert set(found) == {"smarksync", *(path.name for path in PLUGINS)}
    return found


@pytest.fixture(scope="session")
def fresh(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that holds the wheels and their dependencies, nothing else."""
    place = tmp_path_factory.mktemp("fresh")
    venv.create(place, with_pip=True)
    programs = place / "bin"
    constraints = ROOT / "constraints.txt"
    quick = Path(sys.executable).with_name("uv")
    install: list[str | Path] = (
        [quick, "pip", "install", "-q", "--python", programs / "python"]
        if quick.exists()
        else [programs / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    )
    ran(*install, "-c", constraints, *wheels.values(), cwd=place)
    return programs


@pytest.fixture
def alone() -> dict[str, str]:
    """An environment in which nothing points back to this repository."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SMARKSYNC", "VIRTUAL"))
    }
    return {**kept, "PYTHONSAFEPATH": "1", "NO_COLOR": "1"}


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name if path in PLUGINS else "smarksync")
def test_wheel_holds_all_that_is_needed_and_nothing_else(wheels: dict[str, Path], source: Path) -> None:
    name = source.name if source in PLUGINS else "smarksync"
    package = name.replace("-", "_")
    names = contents(wheels[name])
    there = {
        str(path.relative_to(source / "src"))
        for path in (source / "src" / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    info = {n for n in names if ".dist-info/" in n}
    assert names - info == there, "a wheel holds the package's files, and no others"
    assert f"{package}/py.typed" in names
    assert any(n.endswith("licenses/LICENSE") for n in info)
    assert any(n.endswith("entry_points.txt") for n in info)
    strays = {n for n in names if n.endswith((".pyc", ".db", ".csv")) or "/tests/" in n or "/cassettes/" in n}
    assert not strays


def test_core_wheel_brings_its_migrations(wheels: dict[str, Path]) -> None:
    names = contents(wheels["smarksync"])
    assert {n for n in names if "/migrations/versions/v" in n}
    assert "smarksync/ledger/migrations/env.py" in names


@pytest.mark.parametrize("name", [p.name for p in PLUGINS if list((p / "src").rglob("preset.yaml"))])
def test_plugin_wheel_brings_its_preset(wheels: dict[str, Path], name: str) -> None:
    assert f"{name.replace('-', '_')}/preset.yaml" in contents(wheels[name])


def test_it_tells_its_version_and_its_connectors(fresh: Path, alone: dict[str, str], tmp_path: Path) -> None:
    from smarksync import __version__

    assert ran(fresh / "smarksync", "--version", cwd=tmp_path, env=alone).split() == ["smarksync", __version__]
    listed = ran(fresh / "smarksync", "connectors", "list", cwd=tmp_path, env=alone)
    for plugin in PLUGINS:
        assert plugin.name.removeprefix("smarksync-") in listed


def test_nothing_of_the_tests_is_installed(fresh: Path, alone: dict[str, str], tmp_path: Path) -> None:
    listed = ran(fresh / "python", "-m", "pip", "list", "--format=freeze", cwd=tmp_path, env=alone).lower()
    names = {line.split("==")[0] for line in listed.split()}
    assert names & {"pytest", "hypothesis", "vcrpy", "mypy", "ruff", "hatchling", "coverage"} == set()
    assert len(names) <= 50, sorted(names)


def test_two_folders_of_files_are_brought_into_agreement_and_stay_so(
    fresh: Path, alone: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "smarksync.yaml").write_bytes(QUICKSTART.read_bytes())
    write(
        tmp_path / "marketing" / "contacts.csv",
        "id,email,first_name,last_name,company,phone,score,unsubscribed,updated_at",
        "m1,ada@example.com,Ada,Lovelace,Engines Ltd,+442071234567,55,no,2026-11-02T09:00:00Z",
        "m2,grace@example.com,Grace,Hopper,Navy,,80,yes,2026-11-03T09:00:00Z",
    )
    write(
        tmp_path / "sales" / "leads.csv",
        "id,Email,FirstName,LastName,Company,Phone,Score,OptedOut,updated_at",
        "s1,ADA@example.com,Ada,King,Engines Ltd,,,no,2026-11-04T09:00:00Z",
        "s2,alan@example.com,Alan,Turing,Bletchley,,,no,2026-11-04T10:00:00Z",
    )
    ran(fresh / "smarksync", "run", cwd=tmp_path, env=alone)
    people = rows(tmp_path / "marketing" / "contacts.csv", "email")
    leads = rows(tmp_path / "sales" / "leads.csv", "Email")
    assert set(people) == {"ada@example.com", "grace@example.com", "alan@example.com"}
    assert {email.lower() for email in leads} == set(people)
    assert people["ada@example.com"]["last_name"] == "King", "the newer edit stands"
    assert leads["grace@example.com"]["OptedOut"] == "yes", "an opt-out reaches the other side"

    before = {path: path.read_bytes() for path in tmp_path.rglob("*.csv")}
    ran(fresh / "smarksync", "run", cwd=tmp_path, env=alone)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.csv")} == before, "a second run is silent"


def test_the_demo_needs_nothing_but_the_wheels(fresh: Path, alone: dict[str, str], tmp_path: Path) -> None:
    said = ran(fresh / "smarksync", "demo", cwd=tmp_path, env={**alone, "TMPDIR": str(tmp_path)})
    assert "Nothing written: the systems agree." in said
    assert ran(fresh / "python", "-m", "smarksync", "--version", cwd=tmp_path, env=alone).startswith("smarksync ")


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def rows(path: Path, key: str) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row[key]: row for row in csv.DictReader(file)}
