"""Two simulated systems, a config on disk, and runs by hand: what tests of the engine begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smarksync.config import Config, load
from smarksync.engine.offline import Desk
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, Result, execute
from smarksync.kit.session import OpenSession
from smarksync.ledger.db import Ledger
from smarksync.plugin import FieldInfo
from smarksync.testing import Clock, MemoryPlugin, MemoryStream, MemorySystem, registered, text_fields


@pytest.fixture
def steps() -> Callable[[Ledger, Callable[[], Any]], int]:
    """Tens of steps that SQLite's machine makes while something is done with a ledger."""

    def counted(ledger: Ledger, act: Callable[[], Any]) -> int:
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        ledger._con.set_progress_handler(step, 10)
        try:
            act()
        finally:
            ledger._con.set_progress_handler(None, 0)
        return count

    return counted


CONFIG = """\
version: 1
workspace: t
connections:
  marketing: {{connector: memory, role: marketing, settings: {{system: a}}}}
  sales: {{connector: memory, role: sales, settings: {{system: b}}}}
mappings:
  marketing:
    contacts: {{entity: lead, fields: {{email: email, first_name: first, last_name: last, phone: phone, company: company}}}}
  sales:
    leads: {{entity: lead, fields: {{email: Email, first_name: FirstName, last_name: LastName, phone: Phone, company: Company}}}}
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {{marketing: {marketing}, sales: {sales}}}
    fields: {{"*": {{direction: both, merge: newest}}}}
"""


class World:
    """Marketing system ``a`` (contacts), sales system ``b`` (leads), one job between them, one ledger."""

    def __init__(self, root: Path, marketing: tuple[FieldInfo, ...] = (), sales: tuple[FieldInfo, ...] = ()) -> None:
        self.root = root
        self.clock = Clock()
        a = marketing or text_fields("email", "first", "last", "phone", "company")
        b = sales or text_fields("Email", "FirstName", "LastName", "Phone", "Company")
        self.a = MemorySystem("a", [MemoryStream("contacts", fields=a)], self.clock)
        self.b = MemorySystem("b", [MemoryStream("leads", fields=b, natural_keys=("Email",))], self.clock)
        self.file = root / "smarksync.yaml"
        self.write(CONFIG.format(marketing="always", sales="always"))

    def write(self, text: str) -> None:
        """Another config."""
        self.file.write_text(text)

    def config(self) -> Config:
        """The config as it stands."""
        return load(self.file)

    def registry(self) -> Registry:
        """With the connector ``memory``."""
        return Registry([MemoryPlugin()])

    def session(self, name: str, _settings: Any) -> OpenSession:
        """What connectors get."""
        return OpenSession(name, root=str(self.root))

    def run(self, **options: Any) -> Result:
        """One run, some minutes after the last."""
        self.clock.advance(timedelta(minutes=5))
        result = execute(
            self.config(), Options(threads=False, **options), registry=self.registry(), make_session=self.session,
            now=self.clock,
        )  # fmt: skip
        result.run.ledger.close()
        self.clock.advance(timedelta(minutes=5))
        return result

    def quiet(self) -> bool:
        """Whether a run has nothing to write."""
        return sum(written(self.run()).values()) == 0

    def ledger(self) -> Ledger:
        """Opened; close it."""
        return Ledger(self.config().ledger_url, root=str(self.root), create=False)

    def at_desk(self, act: Callable[..., Any], *args: Any) -> Any:
        """A person's decision."""
        ledger = self.ledger()
        try:
            return act(Desk(self.config(), self.registry(), ledger, self.clock), *args)
        finally:
            ledger.close()

    def ask(self, question: Callable[..., Any], *args: Any) -> Any:
        """A question to the ledger alone."""
        ledger = self.ledger()
        try:
            return question(ledger, *args)
        finally:
            ledger.close()


def written(result: Result) -> dict[str, int]:
    """Rows written, by connection and object."""
    return {
        f"{side}:{name}": figures["written"]
        for job in result.report["jobs"]
        for side, objects in job["sides"].items()
        for name, figures in objects.items()
    }


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes a world with the fields given."""
    with registered():

        def make(**fields: Any) -> World:
            world = World(tmp_path, **fields)
            from smarksync.testing import SYSTEMS

            SYSTEMS.update(a=world.a, b=world.b)
            return world

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """The ordinary world."""
    return make_world()
