"""The command line starts at once, and tells the truth about what it offers."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smarksync.cli.main import COMMANDS

from .conftest import Workspace

HEAVY = (
    "pydantic",
    "httpx",
    "sqlalchemy",
    "alembic",
    "rich",
    "ruamel",
    "structlog",
    "phonenumbers",
    "cryptography",
    "tenacity",
)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom smarksync.cli.main import invoke\ninvoke(['--help'])\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_help_starts_within_its_budget() -> None:
    """0.4 s, counted as processor time, because test machines are busy; the best of three."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-c", "from smarksync.cli import main; main()", "--help"], capture_output=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(once() for _ in range(3)) < 0.4


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(workspace: Workspace, name: str) -> None:
    said = workspace.run(name, "--help")
    assert said.code == 0
    assert said.out.startswith("Usage: smarksync")


def test_schema_and_canonical(workspace: Workspace) -> None:
    schema = workspace.run("schema").json
    assert "jobs" in schema["properties"]
    canonical = workspace.run("schema", "--canonical").out
    assert "email_opt_out" in canonical
    assert "opportunity" in canonical


def test_connectors(workspace: Workspace) -> None:
    assert "files" in workspace.run("connectors", "list").out
    listed = workspace.run("connectors", "list", "--json").json
    assert "ghost" in [c["name"] for c in listed["connectors"]]
    ghost = workspace.run("connectors", "show", "ghost", "--json").json
    assert "find" in ghost["objects"][0]["can"]
    key = next(s for s in ghost["settings"] if s["name"] == "admin_key")
    assert (key["secret"], key["required"], key["default"]) == (True, True, None)
    assert "admin_key" in workspace.run("connectors", "show", "ghost").out


def test_a_config_that_may_not_be_read_is_said_in_our_words(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, name = Path.open, "smarksync.yaml"

    def refused(path: Path, *how: Any, **more: Any) -> Any:
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, *how, **more)

    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    monkeypatch.setattr(Path, "open", refused)
    said = workspace.run("run")
    assert said.code == 2
    assert "the file cannot be read: Permission denied. Whoever runs SmarkSync needs the right to read it." in said.err
    assert "Invalid value" not in said.err
