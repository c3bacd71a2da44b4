"""Who is created where, by policy, as far as the values allow; and who takes part at all (`where`)."""

from __future__ import annotations

from typing import Any


def test_create_never_keeps_people_where_they_are_and_still_links(world: Any) -> None:
    w = world(create={"marketing": "never", "sales": "never"})
    ada = w.person("Ada Lovelace", "marketing")
    w.run()
    assert w.count("sales") == 0
    w.enter(ada, "sales", email="ada.lovelace@example.com", last_name="Lovelace")
    w.run()
    assert w.shows(ada, "sales", first_name="Ada")


def test_missing_means_never(world: Any) -> None:
    w = world(create={"sales": "always"})
    w.person("Bob Noyce", "sales")
    w.run()
    assert w.count("marketing") == 0


def test_create_by_an_expression_when_it_becomes_true(world: Any) -> None:
    w = world(create={"sales": "lead.score >= 50"})
    ada = w.person("Ada Lovelace", score=80)
    bob = w.person("Bob Noyce", score=10)
    nobody = w.person("No Body")  # a comparison with null is not true
    w.run()
    assert w.count("sales") == 1
    w.edit(bob, "marketing", score=50)
    w.run()
    assert w.count("sales") == 2
    w.edit(bob, "marketing", score=0)
    w.run()
    assert w.count("sales") == 2  # what was created stays
    assert set(w.links(nobody)) == {"marketing"}
    assert w.shows(ada, "sales", score=80)
    assert w.shows(bob, "sales", score=0)


def test_a_create_waits_for_its_required_fields_and_names_them(world: Any) -> None:
    w = world(infos={"sales": {"last_name": {"required": True}, "company": {"required": True}}})
    ada = w.person("Ada", email="ada@example.com")
    ran = w.run()
    assert ran.exit_code == 3
    assert sorted(held.field for held in w.quarantine()) == ["company", "last_name"]
    w.edit(ada, "marketing", last_name="Lovelace")
    w.run()
    assert [held.field for held in w.quarantine()] == ["company"]
    w.edit(ada, "marketing", company="Engines")
    assert w.run().exit_code == 0
    assert w.count("sales") == 1


def test_a_create_goes_without_an_over_long_value_which_waits_and_is_not_cut(world: Any) -> None:
    w = world(infos={"sales": {"company": {"max_length": 10}}})
    ada = w.person("Ada Lovelace", company="Analytical Engines")
    assert w.run().exit_code == 3
    assert w.shows(ada, "sales", company=None, first_name="Ada")
    w.edit(ada, "marketing", company="Engines")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", company="Engines")


def test_a_refused_record_is_not_sent_again_until_something_is_different(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", company="Bad")
    w.faults.reject(lambda write: write.fields.get("company") == "Bad")
    assert w.run().exit_code == 3
    assert {held.kind for held in w.quarantine()} == {"refused"}
    w.touch(ada, "marketing")
    ran = w.run()
    assert not any(ran.sent.values())
    w.edit(ada, "marketing", company="Good")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", company="Good")
    assert w.quarantine() == []


# -- where -------------------------------------------------------------------------------------------------------

WHERE = {"marketing": "lead.company != 'Test'"}


def test_where_keeps_records_out_and_counts_them_as_filtered(world: Any) -> None:
    w = world(where=WHERE)
    w.person("Ada Lovelace", company="Analytical Engines")
    w.person("Test Person", company="Test")
    w.person("Un Known")  # null: not true, so it does not take part
    ran = w.run()
    assert (ran["marketing"]["read"], ran["marketing"]["filtered"]) == (3, 2)
    assert w.count("sales") == 1
    again = w.run()
    assert not any(again.sent.values())


def test_leaving_where_unlinks_and_never_deletes(world: Any) -> None:
    w = world(where=WHERE, deletes={"sales": "delete"})
    ada = w.person("Ada Lovelace", company="Analytical Engines")
    w.run()
    w.edit(ada, "marketing", company="Test", phone="+442079460000")
    ran = w.run()
    assert ran["marketing"]["filtered"] == 1
    assert w.count("sales") == 1
    assert w.shows(ada, "sales", company="Analytical Engines", phone=None)
    w.edit(ada, "sales", phone="+442079460009")
    w.run()
    assert w.shows(ada, "marketing", phone="+442079460000")  # nothing flows either way


def test_entering_where_again_links_the_same_person(world: Any) -> None:
    w = world(where=WHERE)
    ada = w.person("Ada Lovelace", company="Analytical Engines")
    w.run()
    w.edit(ada, "marketing", company="Test")
    w.run()
    w.edit(ada, "marketing", company="Difference Engines")
    w.run()
    assert (w.count("marketing"), w.count("sales")) == (1, 1)
    assert w.shows(ada, "sales", company="Difference Engines")
    w.quiet()
