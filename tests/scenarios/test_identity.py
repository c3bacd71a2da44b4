"""Who is who: links are made by keys, kept by the ledger, and nothing is guessed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from smarksync.config import load
from smarksync.engine import answers
from smarksync.engine.offline import Desk


def kinds(w: Any) -> list[str]:
    return sorted({held.kind for held in w.quarantine()})


def test_two_new_records_of_one_person_in_two_systems_meet_at_one_entity(world: Any) -> None:
    w = world("marketing", "sales", "support")
    ada = w.person("Ada Lovelace", "marketing sales support")
    ran = w.run()
    assert set(w.links(ada)) == {"marketing", "sales", "support"}
    assert not any(write.op == "create" for sent in ran.sent.values() for write in sent)


def test_a_changed_address_keeps_one_person(world: Any) -> None:
    w = world()
    ada = w.person("Ada Byron", "marketing sales")
    w.run()
    w.edit(ada, "marketing", email="ada@lovelace.example", last_name="Lovelace")
    w.run()
    assert (w.count("marketing"), w.count("sales")) == (1, 1)
    assert w.shows(ada, "sales", email="ada@lovelace.example", last_name="Lovelace")
    w.quiet()


def test_a_new_record_with_a_former_address_is_proposed_and_not_linked(world: Any) -> None:
    w = world()
    ada = w.person("Ada Byron", "marketing sales")
    w.run()
    w.edit(ada, "marketing", email="ada@lovelace.example")
    w.run()
    stranger = w.person("Somebody Else", "sales", email="ada.byron@example.com")
    ran = w.run()
    assert ran.exit_code == 3
    assert kinds(w) == ["ambiguous"]
    assert w.eid(stranger) != w.eid(ada)
    assert w.count("marketing") == 1


def test_a_secondary_address_is_proposed_and_not_linked(world: Any) -> None:
    w = world(maps={"marketing": {"other_emails": "additional"}})
    w.person("Ada Lovelace", "marketing", other_emails=["countess@example.com"])
    w.run()
    w.person("Augusta King", "sales", email="countess@example.com")
    ran = w.run()
    assert ran.exit_code == 3
    assert kinds(w) == ["ambiguous"]
    assert w.count("marketing") == 1


def test_two_records_with_one_address_in_one_system_are_duplicates(world: Any) -> None:
    w = world()
    w.person("Ada Lovelace", "marketing")
    w.person("Ada Lovelace", "marketing", phone="+442079460000")
    ran = w.run()
    assert ran.exit_code == 3
    assert kinds(w) == ["duplicate"]
    assert w.count("sales") == 0
    assert ran["marketing"]["quarantined"] == 2


def test_a_later_duplicate_waits_and_the_first_one_goes_on(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.person("Ada Lovelace", "marketing", phone="+442079460000")
    w.edit(ada, "marketing", company="Analytical Engines")
    assert w.run().exit_code == 3
    assert kinds(w) == ["duplicate"]
    assert w.shows(ada, "sales", company="Analytical Engines", phone=None)
    assert w.count("sales") == 1


def test_a_duplicate_that_people_resolve_goes_on(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing")
    twin = w.person("Ada Lovelace", "marketing")
    w.run()
    w.delete(twin, "marketing")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", last_name="Lovelace")
    w.quiet()


def test_a_duplicate_that_gets_its_own_address_goes_on(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing")
    twin = w.person("Ada Lovelace", "marketing")
    w.run()
    w.edit(twin, "marketing", email="another.ada@example.com")
    assert w.run().exit_code == 0
    assert w.count("sales") == 2
    assert w.eid(ada) != w.eid(twin)


def test_ambiguous_one_record_and_two_candidates(world: Any) -> None:
    """Two people hold one address (as one came by it later); the third record could be either."""
    w = world("marketing", "sales", "support", create={})
    ada = w.person("Ada Lovelace", "marketing")
    bob = w.person("Bob Noyce", "sales")
    w.run()
    w.edit(bob, "sales", email="ada.lovelace@example.com")
    w.run()
    w.person("Ada Lovelace", "support")
    ran = w.run()
    assert ran.exit_code == 3
    assert kinds(w) == ["ambiguous"]
    (held,) = w.quarantine()
    refs = {ref for (ref,) in w.query("SELECT ref FROM entities WHERE eid IN (?, ?)", w.eid(ada), w.eid(bob))}
    assert set(held.facts["candidates"]) == refs


@pytest.mark.parametrize("address", ["info@example.com", "sales@example.com", "no-reply@example.com"])
def test_a_role_address_matches_only_together_with_the_last_name(world: Any, address: str) -> None:
    w = world(create={})
    ada = w.person("Ada Lovelace", "marketing", email=address)
    w.enter(ada, "sales", email=address, last_name="Lovelace")
    bob = w.person("Bob Noyce", "sales", email=address)
    w.run()
    assert set(w.links(ada)) == {"marketing", "sales"}
    assert set(w.links(bob)) == {"sales"}
    assert w.eid(ada) != w.eid(bob)


def test_a_composite_key_needs_all_its_parts(world: Any) -> None:
    w = world(create={}, match=["email", ["last_name", "company"]])
    ada = w.person("Ada Lovelace", "marketing", email=None, company="Engines")
    w.enter(ada, "sales", email=None, last_name="Lovelace", company="engines")
    bob = w.person("Bob Lovelace", "sales", email=None)
    w.run()
    assert set(w.links(ada)) == {"marketing", "sales"}
    assert set(w.links(bob)) == {"sales"}


def test_keys_are_tried_in_order_and_the_first_that_finds_somebody_decides(world: Any) -> None:
    w = world(create={}, match=["email", "phone"])
    ada = w.person("Ada Lovelace", "marketing", phone="+442079460000")
    bob = w.person("Bob Noyce", "marketing", phone="+442079460001")
    caller = w.person("Ada Lovelace", "sales", phone="+442079460001")
    w.run()
    assert w.eid(caller) == w.eid(ada) != w.eid(bob)


def test_declared_strangers_stay_apart_for_ever(world: Any) -> None:
    from smarksync.ledger import entities

    w = world(create={})
    ada = w.person("Ada Lovelace", "marketing", email="ada@example.com")
    other = w.person("Ada Lovelace", "sales", email="other@example.com")
    w.run()
    entities.declare_apart(w.reading, w.eid(ada), w.eid(other))
    w.edit(other, "sales", email="ada@example.com")
    w.run()
    assert w.eid(ada) != w.eid(other)


def test_our_own_id_in_the_record_names_the_person_whatever_the_address(world: Any) -> None:
    w = world(also=["external_id"])
    ada = w.person("Ada Lovelace", "marketing")
    w.run()
    stamp = w.row(ada, "marketing")["external_id"]
    assert stamp and stamp == w.row(ada, "sales")["external_id"]
    w.delete(ada, "sales")
    w.run()
    back = w.person("Countess Lovelace", "sales", email="countess@example.com", external_id=stamp)
    w.run()
    assert w.eid(back) == w.eid(ada)
    assert w.shows(ada, "marketing", external_id=stamp)


def test_our_id_is_stamped_once_on_adopted_records_and_counts_for_no_guard_but_quota(world: Any) -> None:
    w = world(also=["external_id"], guards={"updates": {"count": 0, "share": 0}, "adoption": {"count": 0, "share": 0}})
    everyone = w.people(3, "marketing sales")
    ran = w.run()
    assert (ran.exit_code, ran["marketing"]["updated"], ran["sales"]["updated"]) == (0, 3, 3)
    assert len({w.row(someone, "sales")["external_id"] for someone in everyone}) == 3
    w.quiet()


def test_a_create_that_the_vendor_calls_a_duplicate_is_matched_instead(world: Any) -> None:
    """The record is there and our pull has not seen it: late indexing."""
    from datetime import timedelta

    w = world(sales={"late": timedelta(hours=1)}, infos={"sales": {"email": {"unique": True}}})
    w.run()
    ada = w.person("Ada Lovelace", "marketing", company="Analytical Engines")
    w.enter(ada, "sales", email="ada.lovelace@example.com", last_name="Lovelace")
    w.run()
    w.run()
    assert w.count("sales") == 1
    assert set(w.links(ada)) == {"marketing", "sales"}
    assert w.shows(ada, "sales", company="Analytical Engines")


def test_a_unique_address_that_another_person_has_is_an_identity_conflict_naming_both(world: Any) -> None:
    w = world(infos={"sales": {"email": {"unique": True}}}, create={"sales": "always", "marketing": "never"})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    bob = w.person("Bob Noyce", "sales")
    w.run()
    w.edit(ada, "marketing", email="bob.noyce@example.com", company="Analytical Engines")
    ran = w.run()
    assert ran.exit_code == 3
    (question,) = w.conflicts()
    assert question.kind == "identity"
    assert {record.rpartition(":")[2] for record in question.body["records"]} == {
        w.place(ada, "sales")[1], w.place(bob, "sales")[1],
    }  # fmt: skip
    assert w.shows(ada, "sales", email="ada.lovelace@example.com")


# -- other match keys than before --------------------------------------------------------------------------------


def test_a_new_match_key_knows_the_people_who_are_there(world: Any) -> None:
    w = world("marketing", "sales", "support")
    w.job.update(between=["marketing", "sales"], create={"marketing": "always", "sales": "always"})
    ada = w.person("Ada Lovelace", "marketing sales", email="ada@one.example.com", phone="+442079460000")
    w.run()
    w.job.update(between=["marketing", "sales", "support"], match=["phone"])
    w.enter(ada, "support", email="ada@two.example.com", phone="+442079460000", last_name="Lovelace")
    w.run()
    assert (w.count("marketing"), w.count("sales"), w.count("support")) == (1, 1, 1)
    assert set(w.links(ada)) == {"marketing", "sales", "support"}


def test_a_second_record_with_the_new_match_key_is_a_question(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales", email="ada@one.example.com", phone="+442079460000")
    w.run()
    w.job["match"] = ["phone", "email"]
    w.edit(ada, "marketing", phone="+442079460001")
    w.run()  # the index follows what is agreed from now on
    w.person("Ada King", "sales", phone="+442079460001")
    assert w.run().exit_code == 3
    assert [held.kind for held in w.quarantine()] == ["duplicate"]
    assert w.count("marketing") == 1


def test_opt_outs_reach_the_address_after_it_stopped_to_be_a_match_key(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales", phone="+442079460000")
    w.run()
    w.job["match"] = ["phone"]
    w.run()
    w.edit(ada, "marketing", email_opt_out=True)
    w.run()
    other = w.person("Ada King", "marketing", email="ada.lovelace@example.com", phone="+442079460009")
    w.run()
    assert w.shows(other, "marketing", email_opt_out=True)


def test_two_people_stay_two_when_one_of_them_is_joined_with_a_third(world: Any) -> None:
    from smarksync.ledger import entities

    w = world()
    ids = [w.person(f"Ada {name}", "marketing") for name in ("Lovelace", "King", "Byron")]
    w.run()
    one, two, three = (w.eid(someone) for someone in ids)
    entities.declare_apart(w.reading, one, two)
    entities.join(w.reading, one, three)
    assert entities.apart(w.reading, two, three)
    assert entities.apart(w.reading, three, two)


def test_somebody_whose_address_cannot_be_read_is_not_created_until_it_can(world: Any) -> None:
    w = world(create={"sales": "always"})
    ada = w.person("Ada Lovelace", "marketing", email="ada.lovelace at example.com")
    assert w.run().exit_code == 3
    assert w.count("sales") == 0 and [held.field for held in w.quarantine()] == ["email"]
    w.edit(ada, "marketing", email="ada.lovelace@example.com")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", email="ada.lovelace@example.com")


@pytest.mark.parametrize("whole", [True, False], ids=["read whole", "looked up"])
@pytest.mark.parametrize("answer", ["same", "apart"])
def test_an_address_that_becomes_somebody_elses_is_asked_about_and_nobody_is_created_twice(
    world: Any, whole: bool, answer: str
) -> None:
    w = world(create={"sales": "always"}, sales={"full_scan": whole})
    ada = w.person("Ada Lovelace", "sales")
    twin = w.person("Ada Lovelace", "marketing", email="ada.lovelace at example.com")
    w.run()
    w.edit(twin, "marketing", email="ada.lovelace@example.com")
    for _ in range(2):
        assert w.run().exit_code == 3
        assert w.count("sales") == 1
        (asked,) = w.conflicts()
        assert asked.kind == "identity"
    getattr(answers, answer)(Desk(load(w.root / "smarksync.yaml"), w.registry, w.reading, w.clock), asked.id)
    assert w.run().exit_code == 0
    assert w.conflicts() == [] and w.count("sales") == (1 if answer == "same" else 2)
    assert (w.eid(ada) == w.eid(twin)) is (answer == "same")
    w.quiet()


def test_a_copied_record_waits_until_somebody_decides(world: Any) -> None:
    """Somebody clones a record with our id in it: what was a question in one run is one in the next."""
    w = world(also=["external_id"], marketing={"external_id": "external_id"}, sales={"external_id": "external_id"})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    clone = {**w.systems["sales"].row(*w.place(ada, "sales")), "email": "other@example.com"}
    copy = w.systems["sales"].insert("people", clone)
    for _ in range(3):
        assert w.run().exit_code == 3
        assert [held.kind for held in w.quarantine()] == ["duplicate"]
        assert w.count("marketing") == 1
    w.systems["sales"].delete("people", copy)
    w.run()
    assert w.run().exit_code == 0


def test_two_workspaces_on_one_system_do_not_stamp_each_other_for_ever(world: Any, empty_ledger: Path) -> None:
    w = world(also=["external_id"], marketing={"external_id": "external_id"}, sales={"external_id": "external_id"})
    w.person("Ada Lovelace", "marketing sales")
    w.person("Bob Noyce", "marketing")
    wrote: list[int] = []
    for turn in range(6):
        w.config["workspace"] = name = ("one", "two")[turn % 2]
        w.config["ledger"] = f"sqlite:///{name}.db"
        if turn < 2:
            shutil.copy(empty_ledger, w.root / f"{name}.db")
        wrote.append(w.run(ledger=f"{name}.db").wrote)
    assert wrote[2:] == [0, 0, 0, 0]
    assert w.count("sales") == 2
