"""Amounts that a system keeps in two fields travel as one value: the amount and its currency."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.session import OpenSession
from smarksync.plugin import FieldInfo, FieldType
from smarksync.testing import Clock, MemoryPlugin, MemoryStream, MemorySystem, registered, text_fields

CONFIG = """
version: 1
workspace: money
ledger: sqlite:///money.db
connections:
  crm: {connector: memory, settings: {system: crm}}
  erp: {connector: memory, settings: {system: erp}}
mappings:
  crm:
    accounts: {entity: account, fields: {name: name, domain: domain, annual_revenue: revenue + currency}}
  erp:
    firms: {entity: account, fields: {name: Name, domain: Domain, annual_revenue: Turnover + Unit}}
jobs:
  firms:
    sync: account
    between: [crm, erp]
    match: [domain]
    create: {crm: always, erp: always}
    fields: {"*": {}}
"""


class World:
    """Two systems that keep money in two fields each."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder = Clock(), folder
        crm = (*text_fields("name", "domain", "currency"), FieldInfo("revenue", FieldType.DECIMAL))
        erp = (*text_fields("Name", "Domain", "Unit"), FieldInfo("Turnover", FieldType.DECIMAL))
        self.crm = MemorySystem("crm", [MemoryStream("accounts", entity="account", fields=crm)], self.clock)
        self.erp = MemorySystem("erp", [MemoryStream("firms", entity="account", fields=erp)], self.clock)
        (folder / "smarksync.yaml").write_text(CONFIG)

    def run(self) -> dict[str, Any]:
        self.clock.advance(60)
        result = execute(
            load(self.folder / "smarksync.yaml"), Options(threads=False), registry=Registry([MemoryPlugin()]),
            make_session=lambda name, settings: OpenSession(name, root=str(self.folder)), now=self.clock,
        )  # fmt: skip
        result.run.ledger.close()
        return {side: next(iter(s.values())) for side, s in result.report["jobs"][0]["sides"].items()}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    with registered(made.crm, made.erp):
        yield made


def test_a_new_record_gets_amount_and_currency(world: World) -> None:
    world.crm.insert("accounts", name="Acme", domain="acme.example", revenue="1200000.50", currency="EUR")
    world.run()
    ((_, firm),) = world.erp.rows("firms").items()
    assert (float(firm["Turnover"]), firm["Unit"]) == (1200000.5, "EUR")
    assert world.run()["erp"]["planned"] == 0


def test_an_edit_of_the_currency_alone_is_an_edit_of_the_value(world: World) -> None:
    world.crm.insert("accounts", name="Acme", domain="acme.example", revenue="100", currency="EUR")
    world.run()
    ((rid, _),) = world.erp.rows("firms").items()
    world.erp.edit("firms", rid, Unit="USD")
    world.run()
    ((_, account),) = world.crm.rows("accounts").items()
    assert (float(account["revenue"]), account["currency"]) == (100.0, "USD")
    quiet = world.run()
    assert quiet["crm"]["planned"] == quiet["erp"]["planned"] == 0


def test_an_edit_of_the_amount_keeps_the_currency(world: World) -> None:
    world.crm.insert("accounts", name="Acme", domain="acme.example", revenue="100", currency="EUR")
    world.run()
    ((rid, _),) = world.crm.rows("accounts").items()
    world.crm.edit("accounts", rid, revenue="250")
    world.run()
    ((_, firm),) = world.erp.rows("firms").items()
    assert (float(firm["Turnover"]), firm["Unit"]) == (250.0, "EUR")
