"""People's decisions do what they say: after the next run the value stands, and the run after that is silent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from smarksync.engine import answers, queues
from smarksync.errors import LeaseHeld, UsageError
from smarksync.plugin import FieldInfo, FieldType
from smarksync.testing import FaultPlan, text_fields


def conflict(world: Any) -> Any:
    """Ada's company was changed on both sides within one interval: nobody can tell which came last."""
    ada = world.a.insert("contacts", email="ada@example.com", first="Ada", last="Lovelace", company="Old")
    world.run()
    lead = next(iter(world.b.rows("leads")))
    world.a.edit("contacts", ada, company="Engines")
    world.b.edit("leads", lead, Company="Looms")
    result = world.run()
    assert result.exit_code == 3
    (entry,) = world.ask(queues.conflict_entries)
    return ada, lead, entry


def values(world: Any, field: str) -> set[Any]:
    other = {"company": "Company", "last": "LastName", "email": "Email", "first": "FirstName"}[field]
    rows = [*(r[field] for r in world.a.rows("contacts").values()), *(r[other] for r in world.b.rows("leads").values())]
    return set(rows)


def test_the_value_taken_stands_everywhere_and_the_question_is_closed(world: Any) -> None:
    _, _, entry = conflict(world)
    assert entry["release"][0] == f"smarksync conflicts resolve {entry['id']} --take marketing"
    assert entry["values"]["sales"]["value"] == "Looms" and entry["agreed"] == "Old"
    assert entry["who"] == "ada@example.com"

    world.at_desk(answers.take, entry["id"], "sales")

    result = world.run()
    assert result.exit_code == 0
    assert values(world, "company") == {"Looms"}
    assert world.ask(queues.conflict_entries) == []
    assert world.quiet()


def test_a_value_of_ones_own_is_brought_to_canonical_form(make_world: Any) -> None:
    world = make_world()
    ada, _lead, entry = conflict(world)
    world.at_desk(answers.value, entry["id"], "  Analytical Engines ")
    assert world.run().exit_code == 0
    assert values(world, "company") == {"Analytical Engines"}
    world.a.edit("contacts", ada, company="Newer")  # the answer is spent: later edits flow again
    world.run()
    assert values(world, "company") == {"Newer"}
    assert world.quiet()


def test_an_answer_that_came_true_by_itself_is_spent_too(world: Any) -> None:
    ada, lead, entry = conflict(world)
    world.at_desk(answers.value, entry["id"], "Old")  # what was agreed before
    world.a.edit("contacts", ada, company="Old")
    world.b.edit("leads", lead, Company="Old")
    world.run()
    assert world.ask(queues.conflict_entries) == []
    world.a.edit("contacts", ada, company="Later")
    world.run()
    assert values(world, "company") == {"Later"}


def test_a_question_that_people_settle_in_their_systems_closes(world: Any) -> None:
    ada, lead, _ = conflict(world)
    world.a.edit("contacts", ada, company="Old")
    world.b.edit("leads", lead, Company="Old")
    assert world.run().exit_code == 0
    assert world.ask(queues.conflict_entries) == []


def test_an_edit_after_the_answer_is_newer_than_the_answer(world: Any) -> None:
    ada, _, entry = conflict(world)
    world.at_desk(answers.take, entry["id"], "sales")
    world.clock.advance(timedelta(minutes=1))
    world.a.edit("contacts", ada, company="Newest")
    world.run()
    assert values(world, "company") == {"Newest"}  # the later edit is told by its time, and nobody need be asked
    assert world.ask(queues.conflict_entries) == []
    assert world.quiet()


def test_what_makes_no_sense_is_refused_with_what_would(world: Any) -> None:
    _, _, entry = conflict(world)
    with pytest.raises(UsageError, match="The only one is 1"):
        world.at_desk(answers.take, 99, "sales")
    with pytest.raises(UsageError, match="between marketing and sales"):
        world.at_desk(answers.take, entry["id"], "erp")
    with pytest.raises(UsageError, match="--take marketing"):
        world.at_desk(answers.resume, entry["id"])
    with pytest.raises(UsageError, match="no quarantine entry"):
        world.at_desk(answers.as_new, 1)


def test_a_full_name_is_told_apart_by_a_person(make_world: Any) -> None:
    world = make_world(marketing=tuple(FieldInfo(n) for n in ("email", "name", "company")))
    text = world.file.read_text().replace("first_name: first, last_name: last, phone: phone", "full_name: name")
    world.write(text)
    lead = world.b.insert("leads", Email="ada@example.com", FirstName="Ada", LastName="King")
    world.run()
    contact = next(iter(world.a.rows("contacts")))
    world.a.edit("contacts", contact, name="Augusta Ada Byron Lovelace")
    assert world.run().exit_code == 3
    (entry,) = world.ask(queues.conflict_entries)
    assert entry["kind"] == "name" and "--value" in entry["release"][0]
    with pytest.raises(UsageError, match="FIRST"):
        world.at_desk(answers.value, entry["id"], "Augusta Ada Byron Lovelace")

    world.at_desk(answers.value, entry["id"], "Augusta Ada | Byron Lovelace")

    assert world.run().exit_code == 0
    row = world.b.row("leads", lead)
    assert (row["FirstName"], row["LastName"]) == ("Augusta Ada", "Byron Lovelace")
    assert world.a.row("contacts", contact)["name"] == "Augusta Ada Byron Lovelace"
    assert world.ask(queues.conflict_entries) == []
    assert world.quiet()


def duplicates(world: Any) -> Any:
    """Two contacts with one address: neither is guessed to be the lead."""
    one = world.a.insert("contacts", email="ada@example.com", first="Ada", company="One")
    two = world.a.insert("contacts", email="ada@example.com", first="Ada", company="Two")
    lead = world.b.insert("leads", Email="ada@example.com", FirstName="Ada", Company="One")
    result = world.run()
    assert result.exit_code == 3
    assert len(world.a.rows("contacts")) == 2 and len(world.b.rows("leads")) == 1
    entries = {e["record"]: e for e in world.ask(queues.held_entries)}
    return one, two, lead, entries


def test_a_duplicate_joined_to_its_entity_keeps_them_in_agreement(world: Any) -> None:
    one, two, lead, entries = duplicates(world)
    entry = entries[f"marketing:contacts:{one}"]
    assert any("--as-new" in c for c in entry["release"])

    world.at_desk(answers.join, entry["id"], f"sales:leads:{lead}")
    left = {e["record"] for e in world.ask(queues.held_entries)}
    assert f"marketing:contacts:{one}" not in left
    world.run()
    (rest,) = world.ask(queues.held_entries)
    assert rest["record"] == f"marketing:contacts:{two}"
    world.at_desk(answers.as_new, rest["id"])
    result = world.run()

    assert result.exit_code == 0
    assert len(world.b.rows("leads")) == 2  # somebody new is created where the job creates always
    assert {r["Company"] for r in world.b.rows("leads").values()} == {"One", "Two"}
    assert world.quiet()
    world.a.edit("contacts", one, first="Augusta")
    world.run()
    assert world.b.row("leads", lead)["FirstName"] == "Augusta"


def test_somebody_new_is_never_asked_about_again(world: Any) -> None:
    _one, two, _lead, entries = duplicates(world)
    world.at_desk(answers.as_new, entries[f"marketing:contacts:{two}"]["id"])
    world.run()
    assert world.ask(queues.held_entries) == []
    assert world.quiet()
    world.a.edit("contacts", two, last="Byron")
    world.run()
    assert world.ask(queues.held_entries) == []
    assert world.quiet()


def test_an_ignored_entry_no_longer_counts(world: Any) -> None:
    *_, entries = duplicates(world)
    world.at_desk(answers.ignore, [e["id"] for e in entries.values()])
    assert world.run().exit_code == 0
    assert {e["state"] for e in world.ask(queues.held_entries)} == {"ignored"}
    world.a.insert("contacts", email="ada@example.com", first="Ada", company="Three")
    assert world.run().exit_code == 3  # another candidate: another question


def test_decisions_about_identity_wait_for_no_run(world: Any) -> None:
    from smarksync.engine.offline import Desk
    from smarksync.ledger import lease

    *_, entries = duplicates(world)
    ledger, other = world.ledger(), world.ledger()
    try:
        lease.take(other, ["sales:leads"], "r1", world.clock())
        with pytest.raises(LeaseHeld, match="r1"):
            answers.as_new(
                Desk(world.config(), world.registry(), ledger, world.clock), next(iter(entries.values()))["id"]
            )
    finally:
        ledger.close()
        other.close()


def test_a_refused_row_is_sent_again_after_a_retry_and_not_before(world: Any) -> None:
    ada = world.a.insert("contacts", email="ada@example.com", company="Short")
    world.run()
    world.b.faults = FaultPlan()
    world.b.faults.reject(times=1)
    world.a.edit("contacts", ada, company="Longer")
    assert world.run().exit_code == 3
    (entry,) = world.ask(queues.held_entries)
    assert entry["kind"] == "refused" and entry["release"] == [f"smarksync quarantine retry {entry['id']}"]
    assert "refused" in entry["message"]
    world.a.touch("contacts", ada)
    assert world.run().exit_code == 3  # the same values are not sent twice
    assert values(world, "company") == {"Longer", "Short"}

    world.at_desk(answers.retry, [entry["id"]])

    assert world.run().exit_code == 0
    assert values(world, "company") == {"Longer"}
    assert world.ask(queues.held_entries) == []
    assert world.quiet()


def parked(world: Any) -> Any:
    """A contact's company that marketing and sales would put back for ever; returns both ids."""
    world.write(world.file.read_text().replace('"*": {direction: both, merge: newest}',
                                               '"*": {direction: both}, company: {direction: both, owner: sales}'))  # fmt: skip
    ada = world.a.insert("contacts", email="ada@example.com", company="A")
    lead = world.b.insert("leads", Email="ada@example.com", Company="B")
    for _ in range(6):
        world.run()
        if world.ask(queues.conflict_entries):
            break
        world.a.edit("contacts", ada, company="A")
    (entry,) = world.ask(queues.conflict_entries)
    assert entry["kind"] == "flip"
    return ada, lead, entry


def test_a_parked_field_takes_part_again(world: Any) -> None:
    ada, lead, entry = parked(world)
    assert world.a.row("contacts", ada)["company"] == "A"
    world.at_desk(answers.resume, entry["id"])
    assert world.run().exit_code == 0
    assert world.a.row("contacts", ada)["company"] == "B" == world.b.row("leads", lead)["Company"]
    assert world.quiet()


def test_a_parked_field_wakes_after_seven_quiet_days(world: Any) -> None:
    ada, _, _ = parked(world)
    world.clock.advance(timedelta(days=6))
    world.a.edit("contacts", ada, company="C")
    world.clock.advance(timedelta(days=6))
    assert world.run().exit_code == 3  # it was touched six days ago
    world.clock.advance(timedelta(days=2))
    assert world.run().exit_code == 0
    assert world.a.row("contacts", ada)["company"] == "B"
    assert world.quiet()


def test_identity_question_of_a_unique_system(make_world: Any) -> None:
    sales = (
        FieldInfo("Email", FieldType.EMAIL, unique=True),
        *(FieldInfo(n) for n in ("FirstName", "LastName", "Phone", "Company")),
    )
    world = make_world(sales=sales)
    one = world.a.insert("contacts", email="ada@example.com", first="Ada")
    two = world.a.insert("contacts", email="grace@example.com", first="Grace")
    world.run()
    world.a.edit("contacts", two, email="ada@example.com")
    assert world.run().exit_code == 3
    entry = next(e for e in world.ask(queues.conflict_entries) if e["kind"] == "identity")
    assert entry["release"][0].endswith("--join")
    world.at_desk(answers.same, entry["id"])
    result = world.run()
    assert not list(world.ask(queues.conflict_entries))
    assert world.ask(lambda led: led.value("SELECT count(*) FROM entities WHERE state = 'live'")) == 1
    assert world.quiet(), result.sentences
    assert len(world.a.rows("contacts")) == 2 and one


def test_somebody_new_whom_a_unique_system_refuses_is_told_once(make_world: Any) -> None:
    sales = (
        FieldInfo("Email", FieldType.EMAIL, unique=True),
        *(FieldInfo(n) for n in ("FirstName", "LastName", "Phone", "Company")),
    )
    world = make_world(sales=sales)
    world.a.insert("contacts", email="ada@example.com", first="Ada")
    world.run()
    two = world.a.insert("contacts", email="ada@example.com", first="Adam")
    world.run()
    (entry,) = world.ask(queues.held_entries)
    assert entry["record"] == f"marketing:contacts:{two}"
    world.at_desk(answers.as_new, entry["id"])
    assert world.run().exit_code == 3
    (entry,) = world.ask(queues.held_entries)
    assert entry["kind"] == "refused" and "declared to be somebody else" in entry["message"]
    assert world.ask(queues.conflict_entries) == []  # nobody is asked again whether they are one
    before = len([c for c in world.b.calls if c.kind == "write"])
    world.run()
    world.a.touch("contacts", two)
    world.run()
    assert len([c for c in world.b.calls if c.kind == "write"]) == before


def test_a_record_is_joined_by_the_address_that_both_share(world: Any) -> None:
    world.a.insert("contacts", email="ada@example.com", first="Ada")
    world.run()
    world.a.insert("contacts", email="ada@example.com", first="Adam")
    world.run()
    (entry,) = world.ask(queues.held_entries)
    done = world.at_desk(answers.join, entry["id"], "ada@example.com")
    assert done["done"] == "joined"
    assert world.run().exit_code == 0
    assert world.quiet()


def test_an_identity_question_answered_with_two_people_stays_answered(make_world: Any) -> None:
    sales = (
        FieldInfo("Email", FieldType.EMAIL, unique=True),
        *(FieldInfo(n) for n in ("FirstName", "LastName", "Phone", "Company")),
    )
    world = make_world(sales=sales)
    world.a.insert("contacts", email="ada@example.com", first="Ada")
    two = world.a.insert("contacts", email="grace@example.com", first="Grace")
    world.run()
    world.a.edit("contacts", two, email="ada@example.com")
    world.run()
    entry = next(e for e in world.ask(queues.conflict_entries) if e["kind"] == "identity")
    world.at_desk(answers.apart, entry["id"])
    world.run()
    world.a.edit("contacts", two, company="Navy")
    world.run()
    assert [e["kind"] for e in world.ask(queues.conflict_entries)] == []
    assert world.b.row("leads", "l2")["Company"] in ("Navy", None)


def test_an_answer_that_a_side_cannot_take_is_told_at_once(make_world: Any) -> None:
    """Not by the next run, as a field that waits: whoever answers chooses again, or knows that it stays."""
    short = (FieldInfo("company", FieldType.TEXT, max_length=10), *text_fields("email", "first", "last", "phone"))
    world = make_world(marketing=short)
    _, _, entry = conflict(world)
    assert "not_taken" not in world.at_desk(answers.value, entry["id"], "Engines")
    done = world.at_desk(answers.value, entry["id"], "Analytical Engines")
    (said,) = done["not_taken"]
    assert said.startswith("marketing:contacts cannot take it and stays as it is: ") and "10" in said


def test_an_answer_for_a_field_that_new_records_alone_take_is_told_at_once(make_world: Any) -> None:
    once = (FieldInfo("company", create_only=True), *text_fields("email", "first", "last", "phone"))
    world = make_world(marketing=once)
    ada, lead, entry = conflict(world)
    assert "not_taken" not in world.at_desk(answers.take, entry["id"], "marketing")  # it has that already
    done = world.at_desk(answers.take, entry["id"], "sales")
    assert done["not_taken"] == ["marketing:contacts takes it with a new record only, and stays as it is"]
    assert world.run().exit_code == 0
    assert (world.a.row("contacts", ada)["company"], world.b.row("leads", lead)["Company"]) == ("Engines", "Looms")
    assert world.quiet()
