"""People point at companies: each system by its own ids, and a row whose company is not there waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, Result, execute
from smarksync.kit.session import OpenSession
from smarksync.plugin import Can, FieldInfo, FieldType
from smarksync.testing import EVERYTHING, Clock, MemoryPlugin, MemoryStream, MemorySystem, registered, text_fields

CONFIG = """
version: 1
workspace: refs
ledger: sqlite:///refs.db
connections:
  marketing: {connector: memory, settings: {system: marketing}}
  sales: {connector: memory, settings: {system: sales}}
mappings:
  marketing:
    companies: {entity: account, fields: {name: name, domain: domain}}
    contacts: {entity: lead, fields: {email: email, last_name: name, account: company_id}}
  sales:
    accounts: {entity: account, fields: {name: Name, domain: Domain}}
    leads: {entity: lead, fields: {email: Email, last_name: LastName, account: AccountId}}
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {marketing: always, sales: always}
    fields: {"*": {}}
  companies:
    sync: account
    between: [marketing, sales]
    match: [domain]
    create: {marketing: always, sales: ACCOUNTS}
    fields: {"*": {}}
"""


class World:
    """Two systems with companies and people."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder = Clock(), folder
        reference = FieldInfo("company_id", FieldType.REFERENCE), FieldInfo("AccountId", FieldType.REFERENCE)
        can = EVERYTHING - {Can.UPSERT_BY_KEY}
        self.marketing = MemorySystem("marketing", [
            MemoryStream("companies", entity="account", fields=text_fields("name", "domain"), can=can),
            MemoryStream("contacts", entity="lead", fields=(*text_fields("email", "name"), reference[0]), can=can),
        ], self.clock)  # fmt: skip
        self.sales = MemorySystem("sales", [
            MemoryStream("accounts", entity="account", fields=text_fields("Name", "Domain"), can=can),
            MemoryStream("leads", entity="lead", fields=(*text_fields("Email", "LastName"), reference[1]), can=can),
        ], self.clock)  # fmt: skip
        self.config(accounts="always")

    def config(self, accounts: str) -> None:
        (self.folder / "smarksync.yaml").write_text(CONFIG.replace("ACCOUNTS", accounts))

    def run(self, **options: Any) -> Result:
        self.clock.advance(60)
        result = execute(
            load(self.folder / "smarksync.yaml"), Options(threads=False, **options), registry=Registry([MemoryPlugin()]),
            make_session=lambda name, settings: OpenSession(name, root=str(self.folder)), now=self.clock,
        )  # fmt: skip
        result.run.ledger.close()
        return result

    def only(self, system: MemorySystem, stream: str) -> dict[str, Any]:
        ((rid, fields),) = system.rows(stream).items()
        return {"id": rid, **fields}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    with registered(made.marketing, made.sales):
        yield made


def test_a_person_is_created_with_the_other_systems_id_of_the_company(world: World) -> None:
    company = world.marketing.insert("companies", name="Acme", domain="acme.example")
    world.marketing.insert("contacts", email="ada@acme.example", name="Lovelace", company_id=company)
    assert world.run().exit_code == 0
    account = world.only(world.sales, "accounts")
    assert world.only(world.sales, "leads")["AccountId"] == account["id"] != company
    world.sales.calls.clear()
    world.run()
    assert not [c for c in (*world.sales.calls, *world.marketing.calls[-6:]) if c.kind == "write"]


def test_a_change_of_company_travels_in_each_systems_own_ids(world: World) -> None:
    first = world.marketing.insert("companies", name="Acme", domain="acme.example")
    second = world.marketing.insert("companies", name="Bolt", domain="bolt.example")
    world.marketing.insert("contacts", email="ada@acme.example", name="Lovelace", company_id=first)
    world.run()
    bolt = next(rid for rid, row in world.sales.rows("accounts").items() if row["Name"] == "Bolt")
    world.sales.edit("leads", world.only(world.sales, "leads")["id"], AccountId=bolt)
    world.run()
    assert world.only(world.marketing, "contacts")["company_id"] == second


def test_a_person_waits_for_a_company_that_has_no_record_there_yet(world: World) -> None:
    world.config(accounts="never")
    company = world.marketing.insert("companies", name="Acme", domain="acme.example")
    world.marketing.insert("contacts", email="ada@acme.example", name="Lovelace", company_id=company)
    world.run()
    assert not world.sales.rows("leads"), "a lead without its company was created"
    world.config(accounts="always")
    assert world.run().exit_code == 0
    assert world.only(world.sales, "leads")["AccountId"] == world.only(world.sales, "accounts")["id"]


def test_only_one_person_is_synced_with_their_company_and_nothing_else(world: World) -> None:
    acme = world.marketing.insert("companies", name="Acme", domain="acme.example")
    bolt = world.marketing.insert("companies", name="Bolt", domain="bolt.example")
    world.marketing.insert("contacts", email="ada@acme.example", name="Lovelace", company_id=acme)
    world.marketing.insert("contacts", email="bob@bolt.example", name="Noyce", company_id=bolt)
    world.run(only="ada@acme.example")
    account = world.only(world.sales, "accounts")
    assert account["Name"] == "Acme"
    assert world.only(world.sales, "leads")["AccountId"] == account["id"]
    first = next(rid for rid, row in world.marketing.rows("contacts").items() if row["email"] == "ada@acme.example")
    world.marketing.edit("contacts", first, company_id=bolt)
    world.marketing.edit("companies", acme, name="Acme Holding")
    world.run(only="ada@acme.example")
    names = {rid: row["Name"] for rid, row in world.sales.rows("accounts").items()}
    assert names[world.only(world.sales, "leads")["AccountId"]] == "Bolt"
    assert sorted(names.values()) == ["Acme", "Bolt"] or "Acme Holding" in names.values()
    world.run()
    assert len(world.sales.rows("leads")) == 2
