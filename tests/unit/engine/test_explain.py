"""Explain tells each state of a person truly, without calling any system."""

from __future__ import annotations

from typing import Any

import pytest

from smarksync.engine.explain import explain
from smarksync.errors import UsageError
from smarksync.plugin import FieldInfo, FieldType


def told(world: Any, ref: str) -> Any:
    calls = len(world.a.calls) + len(world.b.calls)
    found = world.at_desk(explain, ref)
    assert len(world.a.calls) + len(world.b.calls) == calls
    return found


def one(world: Any, ref: str) -> Any:
    (person,) = told(world, ref)["people"]
    return person


def field(person: Any, name: str) -> Any:
    return next(f for f in person["fields"] if f["field"] == name)


def test_three_ways_to_name_somebody(world: Any) -> None:
    world.a.insert("contacts", email="Ada@Example.com", first="Ada")
    world.run()
    by_email = one(world, " ada@EXAMPLE.com ")
    assert one(world, by_email["entity"])["entity"] == by_email["entity"]
    assert one(world, "sales:leads:l1")["entity"] == by_email["entity"]
    assert [x["record"] for x in by_email["links"]] == ["marketing:contacts:c1", "sales:leads:l1"]
    for ref in ("no@example.com", "nobody", "sales:leads:l9", "erp:x:1"):
        with pytest.raises(UsageError):
            told(world, ref)


def test_a_former_address_still_finds_the_person(world: Any) -> None:
    ada = world.a.insert("contacts", email="ada@example.com")
    world.run()
    world.a.edit("contacts", ada, email="ada@new.example.com")
    world.run()
    assert one(world, "ada@new.example.com")["found_by"] == "e-mail"
    assert one(world, "ada@example.com")["found_by"] == "a former or secondary e-mail address"


def test_who_is_not_made_because_their_address_is_held_is_told_so(world: Any) -> None:
    c = world.a.insert("contacts", email="ada@@example", first="Ada")
    world.run()
    said = next(w["say"] for w in one(world, f"marketing:contacts:{c}")["why"] if w["connection"] == "sales")
    assert "none is created while this waits" in said and "not an e-mail address" in said
    world.a.edit("contacts", c, email="ada@example.com")
    world.run()
    said = next(w["say"] for w in one(world, "ada@example.com")["why"] if w["connection"] == "sales")
    assert said == "sales:leads:l1 takes part"


def test_where_and_create_say_no_clause_by_clause(world: Any) -> None:
    text = world.file.read_text().replace(
        "sales: always}", "sales: 'lead.company is not None and lead.phone is not None'}"
    )
    world.write(text)
    world.a.insert("contacts", email="ada@example.com", company="Engines")
    world.run()
    said = next(w for w in one(world, "ada@example.com")["why"] if w["connection"] == "sales")
    assert "`create` does not pass" in said["say"]
    assert any("lead.phone is not None: no" in line for line in said["clauses"])
    assert any("lead.company is not None: yes" in line for line in said["clauses"])

    world.write(text.replace("create:", "where: {marketing: 'lead.company != \"Engines\"'}\n    create:"))
    said = one(world, "ada@example.com")["why"][0]
    assert "takes no part" in said["say"] and "Engines" in " ".join(said["clauses"])


def test_a_record_outside_where_belongs_to_nobody(world: Any) -> None:
    text = world.file.read_text()
    world.write(text.replace("create:", "where: {marketing: 'lead.company == \"Engines\"'}\n    create:"))
    world.a.insert("contacts", email="ada@example.com", company="Looms")
    world.run()
    found = told(world, "marketing:contacts:c1")
    assert found["people"] == []
    assert "outside `where` of people" in found["records"][0]["why"][0]


def test_never_created_and_never_read(world: Any) -> None:
    world.write(world.file.read_text().replace("sales: always}", "sales: never}"))
    world.a.insert("contacts", email="ada@example.com")
    world.run()
    said = [w["say"] for w in one(world, "ada@example.com")["why"]]
    assert said[0] == "marketing:contacts:c1 takes part"
    assert "`create` says never for sales" in said[1]


def test_a_deleted_record_is_not_made_again(world: Any) -> None:
    world.a.insert("contacts", email="ada@example.com")
    world.run()
    world.b.delete("leads", "l1")
    world.run()
    person = one(world, "ada@example.com")
    assert "deleted there" in next(w for w in person["why"] if w["connection"] == "sales")["say"]
    assert [x["state"] for x in person["links"]] == ["live", "gone"]
    assert person["owed"] == []


def test_what_a_rule_leaves_is_said_with_the_rule(world: Any) -> None:
    world.write(
        world.file.read_text().replace("merge: newest}}", "merge: newest}, company: {direction: from marketing}}")
    )
    ada = world.a.insert("contacts", email="ada@example.com", company="Engines")
    world.run()
    world.b.edit("leads", "l1", Company="Looms")
    world.run()
    company = field(one(world, "ada@example.com"), "company")
    assert company["rule"] == "people.company: from marketing"
    assert company["differ"] == ["sales:leads:l1"]
    assert "one way: only marketing may change it" in company["because"][0]
    world.a.edit("contacts", ada, company="Steam")
    world.run()
    person = one(world, "ada@example.com")
    company = field(person, "company")
    assert company["agree"] and company["provenance"]["from"] == "marketing"
    assert company["provenance"]["beaten"] == {"sales": "Looms"}
    assert any("updated sales:leads:l1: Company: 'Looms' → 'Steam'" in t["what"] for t in person["timeline"])


def test_a_held_plan_is_owed(world: Any) -> None:
    for number in range(120):
        world.a.insert("contacts", email=f"p{number}@example.com", company="X")
    assert world.run().exit_code == 4
    person = one(world, "p7@example.com")
    (row,) = person["owed"]
    assert row["op"] == "create" and row["to"] == "sales:leads (new)" and row["fields"]["Company"]["after"] == "X"
    assert any("a guard stopped the job" in w["say"] for w in person["why"])


def test_a_required_field_that_nobody_fills_is_named(make_world: Any) -> None:
    sales = (*(FieldInfo(n) for n in ("Email", "FirstName", "Phone", "Company")), FieldInfo("LastName", required=True))
    world = make_world(sales=sales)
    world.a.insert("contacts", email="ada@example.com")
    assert world.run().exit_code == 3
    person = one(world, "ada@example.com")
    assert (
        "cannot be created: sales:leads needs LastName"
        in next(w for w in person["why"] if w["connection"] == "sales")["say"]
    )
    (entry,) = person["quarantine"]
    assert entry["kind"] == "required" and entry["release"] == [f"smarksync quarantine retry {entry['id']}"]
    assert "Give LastName a value" in entry["do"]


def test_consent_stands_with_its_evidence(make_world: Any) -> None:
    marketing = (
        *(FieldInfo(n) for n in ("email", "first", "last", "phone", "company")),
        FieldInfo("out", FieldType.BOOL),
    )
    sales = (
        *(FieldInfo(n) for n in ("Email", "FirstName", "LastName", "Phone", "Company")),
        FieldInfo("Out", FieldType.BOOL),
    )
    world = make_world(marketing=marketing, sales=sales)
    text = world.file.read_text()
    world.write(
        text.replace("company: company}", "company: company, email_opt_out: out}").replace(
            "company: Company}", "company: Company, email_opt_out: Out}"
        )
    )
    ada = world.a.insert("contacts", email="ada@example.com", out=False)
    world.run()
    world.a.edit("contacts", ada, out=True)
    world.run()
    (told_,) = one(world, "ada@example.com")["consent"]
    assert told_["channel"] == "email" and told_["status"] == "opted_out" and told_["may_contact"] is False
    assert told_["shown"] == {"marketing:contacts:c1": True, "sales:leads:l1": True}
    assert told_["source"]


def test_an_undecided_record_says_what_it_waits_for(world: Any) -> None:
    world.a.insert("contacts", email="ada@example.com", company="One")
    world.a.insert("contacts", email="ada@example.com", company="Two")
    world.run()
    people = told(world, "ada@example.com")["people"]
    assert {p["state"] for p in people} == {"provisional"}
    assert all("waits for a decision" in p["why"][0]["say"] for p in people)
    assert all(p["links"][0]["means"] == "waits for a decision" for p in people)


def test_a_plugin_that_is_gone_leaves_what_the_ledger_knows(world: Any) -> None:
    world.a.insert("contacts", email="ada@example.com", company="X")
    world.run()
    from smarksync.engine.offline import Desk
    from smarksync.engine.registry import Registry

    ledger = world.ledger()
    try:
        found = explain(Desk(world.config(), Registry(), ledger, world.clock), "ada@example.com")
    finally:
        ledger.close()
    assert len(found["people"][0]["links"]) == 2
    assert any("no connector" in note for note in found["notes"])
