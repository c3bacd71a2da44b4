"""A command line over two simulated systems: commands are typed, words and exit codes come back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from smarksync.cli import failures
from smarksync.cli.globals import Globals
from smarksync.cli.main import app
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, Result, execute
from smarksync.kit.session import OpenSession
from smarksync.plugin import FieldInfo
from smarksync.testing import SYSTEMS, Clock, MemoryPlugin, MemoryStream, MemorySystem, registered, text_fields

CONFIG = """\
version: 1
workspace: t
connections:
  marketing: {connector: memory, role: marketing, settings: {system: a}}
  sales: {connector: memory, role: sales, settings: {system: b}}
mappings:
  marketing:
    contacts: {entity: lead, fields: {email: email, first_name: first, company: company}}
  sales:
    leads: {entity: lead, fields: {email: Email, first_name: FirstName, company: Company}}
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {marketing: always, sales: always}
    fields: {"*": {direction: both, merge: newest}}
"""


class Said(NamedTuple):
    """What a command left: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)


class Shell:
    """Types commands; two systems, ``a`` (contacts) and ``b`` (leads), stand behind the config."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys = root, capsys
        self.clock = Clock()
        self.a = MemorySystem(
            "a",
            [MemoryStream("contacts", fields=(*text_fields("email", "first"), FieldInfo("company", max_length=40)))],
            self.clock,
        )
        sales = MemoryStream("leads", fields=text_fields("Email", "FirstName", "Company"), natural_keys=("Email",))
        self.b = MemorySystem("b", [sales], self.clock)
        SYSTEMS.update(a=self.a, b=self.b)
        self.file = root / "smarksync.yaml"
        self.file.write_text(CONFIG)

    def __call__(self, *words: str) -> Said:
        """One command line; ``--config`` is added."""
        settings = Globals()
        settings.registry = Registry([MemoryPlugin()])
        settings.json = "--json" in words
        args = ["--config", str(self.file), *words]
        try:
            command = typer.main.get_command(app)
            code = int(command.main(args, prog_name="smarksync", standalone_mode=False, obj=settings) or 0)
        except BaseException as error:
            code = failures.explain(error, settings, args)
        captured = self.capsys.readouterr()
        return Said(code, captured.out, captured.err)

    def run(self, **options: Any) -> Result:
        """One run, some minutes after the last."""
        from smarksync.config import load

        self.clock.advance(timedelta(minutes=5))
        result = execute(
            load(self.file), Options(threads=False, **options), registry=Registry([MemoryPlugin()]),
            make_session=lambda name, _settings: OpenSession(name, root=str(self.root)), now=self.clock,
        )  # fmt: skip
        result.run.ledger.close()
        self.clock.advance(timedelta(minutes=5))
        return result


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    """The command line."""
    with registered():
        yield Shell(tmp_path, capsys)


@pytest.fixture
def conflict(shell: Shell) -> Callable[[], str]:
    """Makes one conflict over a company; returns the contact's id."""

    def make() -> str:
        ada = shell.a.insert("contacts", email="ada@example.com", first="Ada", company="Old")
        shell.run()
        shell.a.edit("contacts", ada, company="Engines")
        shell.b.edit("leads", next(iter(shell.b.rows("leads"))), Company="Looms")
        assert shell.run().exit_code == 3
        return ada

    return make
