"""The same people on a list in marketing and in a campaign in sales, both ways, over HTTP: HubSpot, then Marketo."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import smarksync_hubspot
import smarksync_marketo
import smarksync_salesforce
from smarksync_hubspot.simulator import HubSpotSimulator
from smarksync_marketo.simulator import MarketoSimulator
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession

CONFIG = """
version: 1
workspace: acme
ledger: sqlite:///acme.db
connections:
  marketing: {marketing}
  sales:
    connector: salesforce
    role: sales
    settings: {{login_url: "{sales[SALESFORCE_LOGIN_URL]}", client_id: {sales[SALESFORCE_CLIENT_ID]},
                client_secret: "{sales[SALESFORCE_CLIENT_SECRET]}"}}
mappings: {{marketing: preset, sales: preset}}
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {{sales: always}}
    fields: {{"*": {{direction: both, merge: newest}}}}
  events:
    memberships: campaign
    between: [marketing, sales]
    create: {{marketing: always, sales: always}}
"""
PEOPLE = {"ada@lovelace.example": ("Ada", "Lovelace"), "bob@noyce.example": ("Bob", "Noyce")}
ADA, BOB = PEOPLE


class World(ABC):
    """A marketing system, Salesforce, and runs between them."""

    def __init__(self, marketing: Any, crm: SalesforceSimulator, clock: ManualClock, root: Path) -> None:
        self.marketing, self.crm, self.clock, self.root = marketing, crm, clock, root
        self.registry = Registry([smarksync_hubspot, smarksync_marketo, smarksync_salesforce])
        text = CONFIG.format(marketing=self.connection(), sales=crm.environment)
        (root / "smarksync.yaml").write_text(text, "utf-8")
        self.fair = crm.add("Campaign", Name="Spring fair", IsActive=True)

    @abstractmethod
    def connection(self) -> str:
        """The marketing system as the config names it, with its people and its list."""

    @abstractmethod
    def join(self, email: str) -> None:
        """Somebody in marketing puts a person on the list."""

    @abstractmethod
    def leave(self, email: str) -> None:
        """Somebody in marketing takes a person off the list."""

    @abstractmethod
    def listed(self) -> set[str]:
        """The addresses on the list."""

    @abstractmethod
    def spoil(self) -> str:
        """The next page of the list's members has a row that does not say whose it is; the path that it is asked for by."""

    def run(self, code: int = 0) -> int:
        """One run a quarter of an hour later, with its exit code; how many writes the two saw."""
        self.clock.move(900)
        before = len(self.marketing.calls), len(self.crm.calls)
        result = execute(
            load(self.root / "smarksync.yaml"), Options(threads=False), registry=self.registry, now=self.clock.now,
            make_session=lambda name, _settings: OpenSession(name, root=str(self.root), clock=self.clock),
        )  # fmt: skip
        result.run.ledger.close()
        self.said = result.sentences
        assert result.exit_code == code, result.sentences
        calls = [*self.marketing.calls[before[0] :], *self.crm.calls[before[1] :]]
        self.clock.move(60)
        return sum(call.write for call in calls)

    def lead(self, email: str) -> str:
        """The lead in Salesforce."""
        return str(self.crm.find("Lead", Email=email)["Id"])

    def in_campaign(self) -> dict[str, str]:
        """{address: status} of the campaign in Salesforce."""
        email = {row["Id"]: row["Email"] for row in self.crm.rows("Lead")}
        return {email[row["LeadId"]]: row["Status"] for row in self.crm.rows("CampaignMember")}

    def member(self, email: str) -> str:
        """The membership of a person in Salesforce."""
        return str(self.crm.find("CampaignMember", LeadId=self.lead(email))["Id"])


class HubSpotWorld(World):
    """The list "Spring fair" is list 7 of HubSpot."""

    def connection(self) -> str:
        sim = self.marketing
        for email, (first, last) in PEOPLE.items():
            sim.create(email=email, firstname=first, lastname=last, company="Acme")
        sim.lists["7"] = {**sim.lists["2"], "listId": "7", "name": "Spring fair"}
        return f'{{connector: hubspot, role: marketing, settings: {{base_url: "{sim.url}", access_token: {sim.access_token}}}}}'

    def join(self, email: str) -> None:
        self.marketing.join_list("7", self.marketing.contact(email).id)

    def leave(self, email: str) -> None:
        self.marketing.leave_list("7", self.marketing.contact(email).id)

    def listed(self) -> set[str]:
        rows = self.marketing.rows()
        return {str(rows[rid].properties["email"]) for rid in self.marketing.members.get("7", {})}

    def spoil(self) -> str:
        row = {"membershipTimestamp": "2026-01-12T09:00:00Z"}
        self.marketing.faults.answer(200, {"results": [row]}, path="*/lists/7/memberships")
        return "HubSpot's answer of /crm/v3/lists/7/memberships has an object without `recordId`"


class MarketoWorld(World):
    """The list "Spring fair" is list 1099 of Marketo; a program has another name and the number 1099, too."""

    def connection(self) -> str:
        sim = self.marketing
        self.ids = {
            email: sim.world.add(email=email, firstName=first, lastName=last, company="Acme")
            for email, (first, last) in PEOPLE.items()
        }
        sim.world.lists[1099] = {"id": 1099, "name": "Spring fair", "created": self.clock.now()}
        sim.world.members[1099] = {}
        program = {**next(iter(sim.world.programs.values())), "id": 1099, "name": "Autumn fair"}
        sim.world.programs[1099], sim.world.progress[1099] = program, {}
        settings = ", ".join(f'{name}: "{value}"' for name, value in sim.settings.items())
        return f"{{connector: marketo, role: marketing, settings: {{{settings}}}}}"

    def join(self, email: str) -> None:
        self.marketing.world.join(1099, self.ids[email])

    def leave(self, email: str) -> None:
        self.marketing.world.leave(1099, self.ids[email])

    def listed(self) -> set[str]:
        found = {number: email for email, number in self.ids.items()}
        return {found[number] for number in self.marketing.world.members[1099]}

    def spoil(self) -> str:
        body = {"requestId": "1", "success": True, "result": [{"firstName": "Ada"}], "moreResult": False}
        self.marketing.faults.answer(200, body, path="/rest/v1/lists/1099/leads.json")
        return "Marketo's answer of /rest/v1/lists/1099/leads.json has an object without `id`"


@pytest.fixture(params=["hubspot", "marketo"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    clock = ManualClock(datetime(2026, 1, 12, 9, tzinfo=UTC))
    make, kind = {"hubspot": (HubSpotSimulator, HubSpotWorld), "marketo": (MarketoSimulator, MarketoWorld)}[
        request.param
    ]
    with make(now=clock.now, people=0) as marketing, SalesforceSimulator(now=clock.now, people=0) as crm:
        if request.param == "marketo":
            marketing.world.seed(1, 0)
        yield kind(marketing, crm, clock, tmp_path)
        assert marketing.problems == [] and crm.problems == []


def test_members_flow_both_ways_and_leave_both_ways(world: Any) -> None:
    world.join(ADA)
    world.run()  # makes the leads in Salesforce
    world.run()
    assert world.in_campaign() == {ADA: "Sent"} and world.run() == 0
    world.crm.add("CampaignMember", CampaignId=world.fair, LeadId=world.lead(BOB), Status="Responded")
    world.run()
    assert world.listed() == {ADA, BOB} and world.run() == 0
    world.leave(ADA)
    world.run()
    assert list(world.in_campaign()) == [BOB] and world.listed() == {BOB}
    assert world.run() == 0 and world.run() == 0
    world.crm.delete("CampaignMember", world.member(BOB))
    world.run()
    assert world.listed() == set() and world.in_campaign() == {}
    assert world.run() == 0
    world.join(ADA)
    world.run()
    assert list(world.in_campaign()) == [ADA] and world.run() == 0


def test_a_member_that_names_nobody_stops_the_members_and_nothing_else(world: Any) -> None:
    world.join(ADA)
    said = world.spoil()
    world.run(code=5)
    assert len([text for text in world.said if said in text]) == 1 and "which is documented" in " ".join(world.said)
    assert {row["Email"] for row in world.crm.rows("Lead")} == {ADA, BOB}, "people go on"
    assert world.in_campaign() == {}
    world.run()
    assert world.in_campaign() == {ADA: "Sent"} and world.run() == 0


def test_a_list_never_takes_back_what_sales_knows_better(world: Any) -> None:
    world.run()
    world.crm.add("CampaignMember", CampaignId=world.fair, LeadId=world.lead(ADA), Status="Responded")
    world.run()
    assert world.listed() == {ADA}
    world.join(BOB)  # the list is read again, with Ada as its member since some minutes
    world.run()
    assert world.in_campaign() == {ADA: "Responded", BOB: "Sent"} and world.run() == 0


def test_a_person_who_is_deleted_was_not_taken_out(world: Any) -> None:
    world.join(ADA)
    world.run()
    world.run()
    if isinstance(world, HubSpotWorld):
        world.marketing.archive("contacts", world.marketing.contact(ADA).id)
        world.join(BOB)  # the list is read again, without Ada
    else:
        world.marketing.world.remove(world.ids[ADA])
    world.run()
    world.run()
    assert ADA in world.in_campaign() and world.run() == 0
