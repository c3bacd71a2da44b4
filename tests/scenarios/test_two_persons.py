"""A CRM that keeps people twice, as Salesforce does: open leads, and contacts that leads are converted to.

A contact is the primary record of a person; an open lead beside it hears of consent only. A conversion takes the link
along, with the company and the deal that were made in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.session import OpenSession
from smarksync.ledger import audit, links, refs
from smarksync.ledger.db import Ledger
from smarksync.plugin import Can, ConnectorSpec, FieldInfo, FieldType, hookimpl
from smarksync.testing import (
    EVERYTHING,
    MEMORY,
    Clock,
    MemoryPlugin,
    MemoryStream,
    MemorySystem,
    registered,
    text_fields,
)

from .ran import Ran, conserved

PRESET = """\
streams:
  Lead:
    entity: lead
    fields: {email: Email, last_name: LastName, phone: Phone, company: Company, email_opt_out: OptOut}
  Contact:
    entity: lead
    fields: {email: Email, last_name: LastName, phone: Phone, account: AccountId, email_opt_out: OptOut}
  Account:
    entity: account
    fields: {name: Name, phone: Phone}
  Opportunity:
    entity: opportunity
    fields: {name: Name, account: AccountId}
creates: {lead: Lead, account: Account, opportunity: Opportunity}
primary: {lead: [Contact, Lead], account: [Account], opportunity: [Opportunity]}
"""
CONFIG = """\
version: 1
workspace: two
ledger: sqlite:///two.db
connections:
  marketing: {connector: memory, role: marketing, settings: {system: marketing}}
  sales: {connector: crm, role: sales, settings: {system: sales}}
mappings:
  marketing:
    contacts:
      entity: lead
      fields: {email: email, last_name: name, phone: phone, company: firm, account: company_id, email_opt_out: opt_out}
    companies: {entity: account, fields: {name: name, phone: phone}}
    deals: {entity: opportunity, fields: {name: name, account: company_id}}
jobs:
  people: {sync: lead, between: [marketing, sales], match: [email], create: {marketing: always, sales: always}, fields: {"*": {}}}
  companies: {sync: account, between: [marketing, sales], match: [name], create: {marketing: always}, fields: {"*": {}}}
  deals: {sync: opportunity, between: [marketing, sales], match: [name], create: {marketing: always}, fields: {"*": {}}}
"""


class Crm:
    """The connector ``crm``: the simulated one, with a preset."""

    @hookimpl
    def smarksync_connectors(self) -> Iterable[ConnectorSpec]:
        return (replace(MEMORY, name="crm", preset=PRESET),)


class World:
    """Marketing with contacts, companies and deals; a CRM with leads, contacts, accounts and opportunities."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder = Clock(), folder
        can = EVERYTHING - {Can.UPSERT_BY_KEY}

        def stream(name: str, entity: str, *fields: str, ref: str = "", flag: str = "") -> MemoryStream:
            infos = text_fields(*fields)
            infos += (FieldInfo(ref, FieldType.REFERENCE),) if ref else ()
            infos += (FieldInfo(flag, FieldType.BOOL),) if flag else ()
            return MemoryStream(
                name, entity=entity, fields=infos, can=can, natural_keys=("email", "Email"), email_field=None
            )

        self.marketing = MemorySystem("marketing", [
            stream("contacts", "lead", "email", "name", "phone", "firm", ref="company_id", flag="opt_out"),
            stream("companies", "account", "name", "phone"),
            stream("deals", "opportunity", "name", ref="company_id"),
        ], self.clock)  # fmt: skip
        self.sales = MemorySystem("sales", [
            stream("Lead", "lead", "Email", "LastName", "Phone", "Company", flag="OptOut"),
            stream("Contact", "lead", "Email", "LastName", "Phone", ref="AccountId", flag="OptOut"),
            stream("Account", "account", "Name", "Phone"),
            stream("Opportunity", "opportunity", "Name", ref="AccountId"),
        ], self.clock)  # fmt: skip
        self.systems = {"marketing": self.marketing, "sales": self.sales}

    def run(self, *jobs: str) -> Ran:
        self.clock.advance(300)
        (self.folder / "smarksync.yaml").write_text(CONFIG)
        before = {name: len(system.calls) for name, system in self.systems.items()}
        result = execute(
            load(self.folder / "smarksync.yaml"), Options(jobs=jobs, threads=False), registry=Registry([MemoryPlugin(), Crm()]),
            make_session=lambda name, settings: OpenSession(name, root=str(self.folder)), now=self.clock,
        )  # fmt: skip
        result.run.ledger.close()
        ran = Ran(result, {n: [w for c in s.calls[before[n] :] for w in c.writes] for n, s in self.systems.items()})
        conserved(ran.report)
        return ran

    def links(self, ref: str) -> list[tuple[str, str, int, str]]:
        """(object, id, rank, state) of the person's or company's records in sales, the primary one first."""
        ledger = Ledger("sqlite:///two.db", root=str(self.folder))
        try:
            (eid,) = refs.find(ledger, ref)
            names = dict(ledger.rows("SELECT sid, object FROM streams WHERE connection = 'sales'"))
            found = [k for k in links.of_entities(ledger, [eid])[eid] if k.sid in names]
            return sorted(((names[k.sid], k.rid, k.rank, k.state) for k in found), key=lambda k: (k[3] != "live", k[2]))
        finally:
            ledger.close()

    def history(self, ref: str) -> list[str]:
        ledger = Ledger("sqlite:///two.db", root=str(self.folder))
        try:
            (eid,) = refs.find(ledger, ref)
            return [body["reason"] for _, _, body in audit.of_entity(ledger, eid) if body["op"] == "converted"]
        finally:
            ledger.close()

    def lead(self, **fields: Any) -> str:
        """A person of marketing, in sales as a lead after a run."""
        self.marketing.insert("contacts", {"email": "ada@acme.example", "name": "Lovelace", **fields})
        self.run()
        ((rid, _),) = self.sales.rows("Lead").items()
        return rid

    def convert(self, lead: str, account: str | None = None, deal: str | None = None) -> dict[str, str]:
        """A person converts the lead, to a new company unless one is named, and with a deal if it gets a name."""
        made = {"Account": {"Name": "ACME Holding"}} if account is None else {}
        also: dict[str, Any] = {**made, **({"Opportunity": {"Name": deal}} if deal else {})}
        contact = self.sales.convert("Lead", lead, "Contact", also=also)
        gone = self.sales.gone_by_id["Lead"][lead]
        rows = {"Contact": contact, **({"Account": account} if account else {}), **(gone.also or {})}
        self.sales.edit("Contact", contact, AccountId=rows["Account"])
        if deal:
            self.sales.edit("Opportunity", rows["Opportunity"], AccountId=rows["Account"])
        return rows

    def quiet(self) -> None:
        for _ in range(2):
            assert not any(self.run().sent.values())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    with registered(made.marketing, made.sales):
        yield made


ADA = "ada@acme.example"


def test_new_people_become_leads(world: World) -> None:
    lead = world.lead(firm="Acme")
    assert world.links(ADA) == [("Lead", lead, 0, "live")] and not world.sales.rows("Contact")


def test_a_contact_beside_an_open_lead_speaks_for_the_person(world: World) -> None:
    lead = world.lead(phone="+442079460000")
    contact = world.sales.insert("Contact", Email=ADA, LastName="Lovelace", Phone="+442079460000")
    world.run()
    assert world.links(ADA) == [("Contact", contact, 0, "live"), ("Lead", lead, 1, "live")]
    world.marketing.edit("contacts", "c1", phone="+442079460001")
    world.run()
    assert world.sales.row("Contact", contact)["Phone"] == "+442079460001"
    assert world.sales.row("Lead", lead)["Phone"] == "+442079460000", "the lead hears of consent only"
    world.sales.edit("Lead", lead, Phone="+442079460002", LastName="King")
    assert not any(world.run().sent.values()), "and says nothing else either"
    world.sales.edit("Lead", lead, OptOut=True)
    world.run()
    assert world.sales.row("Contact", contact)["OptOut"] is world.marketing.row("contacts", "c1")["opt_out"] is True
    world.quiet()


def test_an_open_lead_takes_over_when_the_contact_is_deleted(world: World) -> None:
    lead = world.lead()
    contact = world.sales.insert("Contact", Email=ADA, LastName="Lovelace")
    world.run()
    world.marketing.edit("contacts", "c1", phone="+442079460001")
    world.run()
    world.sales.delete("Contact", contact)
    world.run()
    assert world.links(ADA)[0] == ("Lead", lead, 0, "live")
    assert world.sales.row("Lead", lead)["Phone"] == "+442079460001", "what it missed meanwhile"
    world.sales.edit("Lead", lead, LastName="King")
    world.run()
    assert world.marketing.row("contacts", "c1")["name"] == "King"
    world.quiet()


def test_a_conversion_that_is_told_again_is_noted_once(world: World) -> None:
    lead = world.lead(firm="Acme")
    made = world.convert(lead)
    world.run()
    noted = world.history(ADA)
    assert noted == [f"sales:Lead:{lead} became sales:Contact:{made['Contact']}"]
    for _ in range(2):  # a vendor that looks back over a window tells it with every run
        ledger = Ledger("sqlite:///two.db", root=str(world.folder))
        assert ledger.run("UPDATE streams SET gone_cursor = '{\"n\":0}' WHERE object = 'Lead'")
        ledger.close()
        assert not any(world.run().sent.values())
    assert world.history(ADA) == noted
    assert [(k[0], k[3]) for k in world.links(ADA)] == [("Contact", "live"), ("Lead", "moved")]


def test_a_conversion_takes_the_link_along_and_the_lead_is_never_written_again(world: World) -> None:
    lead = world.lead()
    rows = world.convert(lead)
    world.run()
    assert world.links(ADA) == [("Contact", rows["Contact"], 0, "live"), ("Lead", lead, 1, "moved")]
    assert world.history(ADA) == [f"sales:Lead:{lead} became sales:Contact:{rows['Contact']}"]
    world.marketing.edit("contacts", "c1", phone="+442079460001", opt_out=True)
    ran = world.run()
    assert {w.id for w in ran.sent["sales"]} == {rows["Contact"]}
    assert len(world.marketing.rows("contacts")) == 1
    world.quiet()


def test_the_company_made_in_a_conversion_is_the_company_of_the_lead(world: World) -> None:
    company = world.marketing.insert("companies", name="Acme", phone="+442079460009")
    lead = world.lead(company_id=company)
    rows = world.convert(lead)
    for _ in range(2):
        world.run()
    assert len(world.marketing.rows("companies")) == 1, "whatever people called it"
    assert world.links(f"marketing:companies:{company}") == [("Account", rows["Account"], 0, "live")]
    assert world.marketing.row("contacts", "c1")["company_id"] == company
    assert world.sales.row("Account", rows["Account"])["Phone"] == "+442079460009"
    world.quiet()


def test_a_company_that_was_there_before_keeps_its_own_identity(world: World) -> None:
    company = world.marketing.insert("companies", name="Acme")
    other = world.sales.insert("Account", Name="Bolt")
    lead = world.lead(company_id=company)
    world.convert(lead, account=other)
    for _ in range(2):
        world.run()
    assert {row["name"] for row in world.marketing.rows("companies").values()} == {"Acme", "Bolt"}
    assert world.links(f"marketing:companies:{company}") == []


def test_a_company_that_marketing_does_not_know_comes_with_its_person_and_deal_in_the_same_run(world: World) -> None:
    lead = world.lead()
    world.convert(lead, deal="Acme, 50 seats")
    world.run()
    ((company, row),) = world.marketing.rows("companies").items()
    assert row["name"] == "ACME Holding"
    assert world.marketing.row("contacts", "c1")["company_id"] == company
    ((_, deal),) = world.marketing.rows("deals").items()
    assert deal == {"name": "Acme, 50 seats", "company_id": company}
    world.quiet()


def test_rows_that_the_index_does_not_show_yet_are_fetched(world: World) -> None:
    lead = world.lead()
    for name in ("Contact", "Account", "Opportunity"):
        world.sales.streams[name].late = timedelta(hours=1)
    rows = world.convert(lead, deal="Acme, 50 seats")
    world.run()
    fetched = {(c.stream, c.ids) for c in world.sales.calls if c.kind == "fetch"}
    assert fetched >= {(name, (rid,)) for name, rid in rows.items()}
    assert len(world.marketing.rows("companies")) == len(world.marketing.rows("deals")) == 1


def test_what_another_job_reads_is_left_to_that_job(world: World) -> None:
    lead = world.lead()
    world.convert(lead, deal="Acme, 50 seats")
    world.run("people")
    assert not world.marketing.rows("companies") and len(world.marketing.rows("contacts")) == 1
    world.run("companies", "deals")
    world.run()
    ((company, _),) = world.marketing.rows("companies").items()
    assert world.marketing.row("contacts", "c1")["company_id"] == company
    world.quiet()


def test_a_contact_that_is_seen_before_the_conversion_is_told_is_one_person_all_along(world: World) -> None:
    lead = world.lead()
    told = world.sales.streams["Lead"]
    told.can -= {Can.GONE, Can.SWEEP}
    rows = world.convert(lead)
    world.run()
    assert world.links(ADA) == [("Contact", rows["Contact"], 0, "live"), ("Lead", lead, 1, "live")]
    told.can |= {Can.GONE}
    world.run()
    assert world.links(ADA) == [("Contact", rows["Contact"], 0, "live"), ("Lead", lead, 1, "moved")]
    world.marketing.edit("contacts", "c1", opt_out=True)
    assert {w.id for w in world.run().sent["sales"]} == {rows["Contact"]}
    world.quiet()
