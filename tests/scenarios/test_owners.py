"""Whose record it is: colleagues are known by their e-mail address, and each system is told its own id of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smarksync.cli.main import invoke
from smarksync.config import load
from smarksync.engine.check import check
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.errors import PermissionDenied
from smarksync.kit.session import OpenSession
from smarksync.plugin import Can, FieldInfo, FieldType
from smarksync.testing import (
    EVERYTHING,
    Clock,
    FaultPlan,
    MemoryPlugin,
    MemoryStream,
    MemorySystem,
    registered,
    text_fields,
)

from .ran import Ran, conserved

CONFIG = """
version: 1
workspace: owners
ledger: sqlite:///owners.db
connections:
  marketing: {connector: memory, role: marketing, settings: {system: marketing}}
  sales: {connector: memory, role: sales, settings: {system: sales}}
mappings:
  marketing:
    owners: {entity: owner, fields: {email: email, name: name, active: active}}
    contacts: {entity: lead, fields: {email: email, last_name: name, company: company, owner: owner_id}}
  sales:
    users: {entity: owner, fields: {email: Email, name: Name, active: IsActive}}
    queues: {entity: owner, fields: {name: Name}}
    leads: {entity: lead, fields: {email: Email, last_name: LastName, company: Company, owner: OwnerId}}
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {marketing: always, sales: always}
    fields: {"*": {}}
"""


class World:
    """Two systems with people and colleagues. Nobody is known there yet."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder, self.text = Clock(), folder, CONFIG
        can = EVERYTHING - {Can.UPSERT_BY_KEY}
        ref = FieldType.REFERENCE
        self.marketing = MemorySystem("marketing", [
            MemoryStream("owners", entity="owner", fields=text_fields("email", "name", active=FieldType.BOOL), can=can),
            MemoryStream("contacts", fields=(*text_fields("email", "name", "company"), FieldInfo("owner_id", ref)), can=can),
        ], self.clock)  # fmt: skip
        self.sales = MemorySystem("sales", [
            MemoryStream("users", entity="owner", fields=text_fields("Email", "Name", IsActive=FieldType.BOOL), can=can),
            MemoryStream("queues", entity="owner", fields=text_fields("Name"), can=can),
            MemoryStream("leads", fields=(*text_fields("Email", "LastName", "Company"), FieldInfo("OwnerId", ref)), can=can),
        ], self.clock)  # fmt: skip
        self.systems = {"marketing": self.marketing, "sales": self.sales}

    def colleague(self, email: str, active: bool = True, system: str = "") -> tuple[str, str]:
        """A user of both systems, or of one: their ids there."""
        here = self.marketing.insert("owners", email=email, name=email, active=True) if system != "sales" else ""
        there = (
            self.sales.insert("users", Email=email.upper(), Name=email, IsActive=active)
            if system != "marketing"
            else ""
        )
        return here, there

    def lead(self, email: str, owner: str | None) -> str:
        return self.marketing.insert("contacts", email=email, name="Doe", owner_id=owner)

    def run(self, wait: float = 300, **options: Any) -> Ran:
        self.clock.advance(wait)
        (self.folder / "smarksync.yaml").write_text(self.text)
        before = {name: len(system.calls) for name, system in self.systems.items()}
        result = execute(
            load(self.folder / "smarksync.yaml"), Options(threads=False, **options), registry=Registry([MemoryPlugin()]),
            make_session=lambda name, settings: OpenSession(name, root=str(self.folder)), now=self.clock,
        )  # fmt: skip
        result.run.ledger.close()
        ran = Ran(result, {n: [w for c in s.calls[before[n] :] for w in c.writes] for n, s in self.systems.items()})
        conserved(ran.report)
        return ran

    def quiet(self) -> None:
        """Nothing is written, and each object costs two calls: changes and departures (I2)."""
        for _ in range(2):
            before = {n: s.counted["read"] + s.counted["gone"] for n, s in self.systems.items()}
            ran = self.run()
            assert ran.wrote == 0 and not any(ran.sent.values())
        for name, system in self.systems.items():
            assert system.counted["read"] + system.counted["gone"] - before[name] <= 2 * len(system.streams)

    def sales_lead(self) -> dict[str, Any]:
        ((rid, row),) = self.sales.rows("leads").items()
        return {"id": rid, **row}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    with registered(made.marketing, made.sales):
        yield made


def test_a_new_record_gets_the_same_colleague_by_the_other_systems_id(world: World) -> None:
    here, there = world.colleague("jane@acme.example")
    world.lead("ada@example.com", here)
    ran = world.run()
    assert ran.exit_code == 0
    assert world.sales_lead()["OwnerId"] == there != here
    assert all(w.op == "create" for w in ran.sent["sales"]) and not ran.sent["marketing"]
    assert ran.report["jobs"][0]["sides"]["sales"]["users"]["read"] == 1, "what was read is shown"
    world.quiet()


def test_a_new_owner_travels_back_in_each_systems_own_ids(world: World) -> None:
    jane, _ = world.colleague("jane@acme.example")
    joe, joe_there = world.colleague("joe@acme.example")
    world.lead("ada@example.com", jane)
    world.run()
    world.sales.edit("leads", world.sales_lead()["id"], OwnerId=joe_there)
    world.run()
    assert next(iter(world.marketing.rows("contacts").values()))["owner_id"] == joe
    world.quiet()


def test_colleagues_are_never_written(world: World) -> None:
    world.colleague("jane@acme.example", system="marketing")
    world.colleague("joe@acme.example", system="sales")
    world.lead("ada@example.com", None)
    ran = world.run()
    assert [w.fields["Email"] for w in ran.sent["sales"]] == ["ada@example.com"]
    assert len(world.sales.rows("users")) == len(world.marketing.rows("owners")) == 1


def test_an_owner_whom_the_other_system_does_not_know_is_reported_and_holds_nothing(world: World) -> None:
    only_here, _ = world.colleague("jane@acme.example", system="marketing")
    world.lead("ada@example.com", only_here)
    ran = world.run()
    assert ran.exit_code == 0 and world.sales_lead()["OwnerId"] is None
    assert "no user there with the same e-mail address" in ran.text
    assert world.run().wrote == 0
    world.marketing.edit("contacts", "c1", company="Acme")
    world.run()
    assert world.sales_lead()["Company"] == "Acme" and world.sales_lead()["OwnerId"] is None
    world.quiet()


@pytest.mark.parametrize("echo", ["all", "sent", "none"])
def test_the_api_user_who_owns_what_we_create_does_not_take_it_away(world: World, echo: str) -> None:
    only_here, _ = world.colleague("jane@acme.example", system="marketing")
    _, robot = world.colleague("robot@acme.example")
    leads = world.sales.streams["leads"]
    leads.echo = echo
    leads.defaults = {"OwnerId": robot}
    world.lead("ada@example.com", only_here)
    for _ in range(3):
        world.run()
        assert world.sales_lead()["OwnerId"] == robot
        assert world.marketing.row("contacts", "c1")["owner_id"] == only_here
    world.quiet()
    there = world.sales.insert("users", Email="jane@acme.example", Name="Jane", IsActive=True)
    world.run()
    assert world.sales_lead()["OwnerId"] == there, "as soon as she has a user there, the record is hers"
    world.quiet()


def test_an_inactive_user_is_given_nothing_until_they_are_back(world: World) -> None:
    jane, _ = world.colleague("jane@acme.example")
    joe, joe_there = world.colleague("joe@acme.example", active=False)
    world.lead("ada@example.com", jane)
    world.run()
    held = world.sales_lead()["OwnerId"]
    world.marketing.edit("contacts", "c1", owner_id=joe)
    ran = world.run()
    assert world.sales_lead()["OwnerId"] == held and ran.exit_code == 0
    assert "stays as it is" in ran.text
    world.sales.edit("users", joe_there, IsActive=True)
    world.run()
    assert world.sales_lead()["OwnerId"] == joe_there
    world.sales.edit("users", joe_there, IsActive=False)
    world.quiet()


def test_a_queue_stays_on_its_own_side(world: World) -> None:
    jane, there = world.colleague("jane@acme.example")
    queue = world.sales.insert("queues", Name="Inbound")
    world.lead("ada@example.com", jane)
    world.run()
    world.sales.edit("leads", world.sales_lead()["id"], OwnerId=queue)
    ran = world.run()
    assert world.marketing.row("contacts", "c1")["owner_id"] == jane, "there is no such queue in marketing"
    assert world.sales_lead()["OwnerId"] == queue and ran.exit_code == 0
    world.quiet()
    world.sales.edit("leads", world.sales_lead()["id"], OwnerId=there)
    world.run()
    world.quiet()


def test_users_who_share_an_address_belong_to_nobody_else_and_ask_nobody(world: World) -> None:
    world.colleague("team@acme.example", system="sales")
    world.colleague("team@acme.example", system="sales")
    here, _ = world.colleague("team@acme.example", system="marketing")
    world.lead("ada@example.com", here)
    ran = world.run()
    assert ran.exit_code == 0 and world.sales_lead()["OwnerId"] is None


def test_a_colleague_who_is_a_lead_as_well_is_two(world: World) -> None:
    here, there = world.colleague("jane@acme.example")
    world.lead("jane@acme.example", here)
    assert world.run().exit_code == 0
    assert world.sales_lead()["OwnerId"] == there and world.sales_lead()["Email"] == "jane@acme.example"


def test_an_owner_who_is_in_no_list_is_left(world: World) -> None:
    world.lead("ada@example.com", "o99")
    ran = world.run()
    assert ran.exit_code == 0 and world.sales_lead()["OwnerId"] is None


def test_owner_changes_are_guarded(world: World) -> None:
    jane, _ = world.colleague("jane@acme.example")
    joe, joe_there = world.colleague("joe@acme.example")
    world.text = CONFIG + "    guards: {owner_changes: {count: 3, share: 0.1}}\n"
    ids = [world.lead(f"p{n}@example.com", jane) for n in range(8)]
    world.run()
    for rid in ids:
        world.marketing.edit("contacts", rid, owner_id=joe)
    stopped = world.run()
    assert stopped.stopped_by == "owner_changes" and stopped.wrote == 0 and stopped.exit_code == 4
    assert "8 owners changed in sales:leads" in stopped.text
    world.run(allow=frozenset({"owner_changes"}))
    assert {row["OwnerId"] for row in world.sales.rows("leads").values()} == {joe_there}


def test_an_owner_where_there_was_none_is_no_change_of_owners(world: World) -> None:
    jane, there = world.colleague("jane@acme.example")
    world.text = CONFIG + "    guards: {owner_changes: {count: 3, share: 0.1}}\n"
    ids = [world.lead(f"p{n}@example.com", None) for n in range(8)]
    world.run()
    for rid in ids:
        world.marketing.edit("contacts", rid, owner_id=jane)
    assert world.run().exit_code == 0
    assert {row["OwnerId"] for row in world.sales.rows("leads").values()} == {there}


def test_without_a_list_of_owners_on_both_sides_the_owner_stays_and_nobody_is_read(world: World) -> None:
    world.text = CONFIG.replace("    owners: {entity: owner, fields: {email: email, name: name, active: active}}\n", "")
    _, there = world.colleague("jane@acme.example", system="sales")
    world.lead("ada@example.com", "o1")
    world.sales.insert("leads", Email="ada@example.com", LastName="Doe", OwnerId=there)
    ran = world.run()
    assert ran.exit_code == 0 and ran.wrote == 0
    assert not [c for c in world.sales.calls if c.stream in ("users", "queues")]


def test_one_list_that_cannot_be_read_stops_nothing(world: World) -> None:
    here, _ = world.colleague("jane@acme.example")
    world.lead("ada@example.com", here)
    world.sales.faults = FaultPlan()
    world.sales.faults.fail(PermissionDenied("No access to users."), stream="users", times=99)
    ran = world.run()
    assert ran.exit_code == 0 and world.sales_lead()["Email"] == "ada@example.com"
    assert "users" in ran.text
    world.sales.faults = None
    world.run()
    assert world.sales_lead()["OwnerId"] == "u1", "known now, told now"


def test_check_says_that_a_connection_lists_no_owners(world: World) -> None:
    world.text = CONFIG.replace("    owners: {entity: owner, fields: {email: email, name: name, active: active}}\n", "")
    world.text = world.text.replace('{"*": {}}', '{"*": {}, owner: {owner: sales}}')
    found = _checked(world)
    assert found["exit_code"] == 0
    said = [f["say"] for one in found["connections"] for f in one["findings"]]
    assert said == ["marketing.contacts: owner stays as it is on every side: marketing lists no owners."]


def test_check_warns_of_owners_that_may_not_be_read(world: World) -> None:
    world.sales.faults = FaultPlan()
    world.sales.faults.fail(PermissionDenied("Administrators only."), stream="users", times=99)
    found = _checked(world)
    assert found["exit_code"] == 0
    said = [(f["level"], f["say"]) for one in found["connections"] for f in one["findings"]]
    assert said == [("warning", "sales:users: Administrators only.")]


ROUTED = """
  offers: {handoff: lead, from: marketing, to: sales, when: lead.company is not null}
routing:
  - {when: lead.company == "A", round_robin: [jane@acme.example, gone@acme.example]}
  - {when: lead.company == "B", to: left@acme.example}
  - {fallback: "queue:Inbound"}
"""


def test_check_names_everybody_whom_routing_would_look_for_in_vain(world: World) -> None:
    world.text = CONFIG.rstrip() + ROUTED
    world.colleague("jane@acme.example")
    world.colleague("left@acme.example", active=False)
    found = _checked(world)
    assert found["exit_code"] == 0
    said = [f["say"] for one in found["connections"] for f in one["findings"] if f["about"] == "routing"]
    line = world.text[: world.text.index("routing:")].count("\n") + 2
    file = world.folder / "smarksync.yaml"
    assert [text.split("`")[:2] for text in said] == [
        [f"{file}:{line}: sales has no user ", "gone@acme.example"],
        [f"{file}:{line + 1}: not active in sales is the user ", "left@acme.example"],
        [f"{file}:{line + 2}: sales has no queue ", "Inbound"],
    ]
    world.colleague("gone@acme.example", system="sales")
    found = _checked(world)
    assert sum(f["about"] == "routing" for one in found["connections"] for f in one["findings"]) == 2


def _checked(world: World) -> dict[str, Any]:
    (world.folder / "smarksync.yaml").write_text(world.text)
    return check(
        load(world.folder / "smarksync.yaml"), Registry([MemoryPlugin()]), lambda name, _: OpenSession(name), None, world.clock
    )  # fmt: skip


def test_a_question_about_owners_names_the_colleagues(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.text = CONFIG.replace('{"*": {}}', '{"*": {}, owner: {merge: ask}}')
    assert "merge: ask" in world.text
    jane, jane_there = world.colleague("jane@acme.example")
    joe, joe_there = world.colleague("joe@acme.example")
    _, ann_there = world.colleague("ann@acme.example")
    rid = world.lead("ada@example.com", jane)
    world.run()
    world.marketing.edit("contacts", rid, owner_id=joe)
    world.sales.edit("leads", world.sales_lead()["id"], OwnerId=ann_there)
    assert world.run().exit_code == 3
    config = ["--config", str(world.folder / "smarksync.yaml")]
    assert invoke([*config, "conflicts", "list", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["conflicts"]
    told = {system: one["named"][value["value"]] for system, value in one["values"].items()}
    assert told == {"marketing": "joe@acme.example", "sales": "ann@acme.example"}
    assert invoke([*config, "conflicts", "show", str(one["id"])]) == 0
    said = capsys.readouterr().out
    for who, value in ((told[s], one["values"][s]["value"]) for s in told):
        assert f"{who} ('{value}')" in said
    assert f"agreed: jane@acme.example ('{one['agreed']}')" in said and jane_there not in said
    assert invoke([*config, "conflicts", "resolve", str(one["id"]), "--value", "nobody@acme.example"]) == 2
    assert "no owner that is known as 'nobody@acme.example'" in capsys.readouterr().err
    assert invoke([*config, "conflicts", "resolve", str(one["id"]), "--value", "joe@acme.example"]) == 0
    world.run()
    assert world.marketing.row("contacts", rid)["owner_id"] == joe and world.sales_lead()["OwnerId"] == joe_there
    world.quiet()
