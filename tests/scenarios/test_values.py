"""Values that a system keeps in its own way: folded, cut, formatted. None of it may come back as an edit."""

from __future__ import annotations

from typing import Any

import pytest

#: HubSpot's way: sal has no word of its own there
FOLDED = {
    "field": "lifecyclestage",
    "values": {
        "lead": "lead", "mql": "marketingqualifiedlead", "sal": "marketingqualifiedlead", "sql": "salesqualifiedlead",
        "recycled": "lead",
    },
}  # fmt: skip


def folding(world: Any, **options: Any) -> Any:
    return world(also=["lifecycle"], maps={"marketing": {"lifecycle": FOLDED}}, **options)


def test_sal_shown_as_marketingqualifiedlead_does_not_come_back_as_an_edit(world: Any) -> None:
    w = folding(world)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.edit(ada, "marketing", lifecycle="marketingqualifiedlead")
    w.run()
    assert w.shows(ada, "sales", lifecycle="mql")
    w.edit(ada, "sales", lifecycle="sal")
    ran = w.run()
    assert w.shows(ada, "marketing", lifecycle="marketingqualifiedlead")
    assert not any(ran.sent.values())  # it shows what sal is there already
    w.quiet()
    w.touch(ada, "marketing")
    w.edit(ada, "marketing", company="Analytical Engines")
    w.run()
    assert w.shows(ada, "sales", lifecycle="sal", company="Analytical Engines")


def test_a_folded_value_moves_on_when_a_person_moves_it(world: Any) -> None:
    w = folding(world)
    ada = w.person("Ada Lovelace", "sales", lifecycle="sal")
    w.run()
    assert w.shows(ada, "marketing", lifecycle="marketingqualifiedlead")
    w.edit(ada, "sales", lifecycle="sql")
    w.run()
    assert w.shows(ada, "marketing", lifecycle="salesqualifiedlead")
    w.quiet()


def test_recycled_is_shown_as_lead_and_stays_recycled(world: Any) -> None:
    w = folding(world)
    ada = w.person("Ada Lovelace", "sales", lifecycle="mql")
    w.run()
    w.edit(ada, "sales", lifecycle="recycled")
    w.run()
    assert w.shows(ada, "marketing", lifecycle="lead")
    w.edit(ada, "marketing", phone="+442079460000")
    w.run()
    assert w.shows(ada, "sales", lifecycle="recycled", phone="+442079460000")


def test_an_illegal_move_is_put_back_and_said(world: Any) -> None:
    w = world(also=["lifecycle"])
    ada = w.person("Ada Lovelace", "marketing sales", lifecycle="lead")
    w.run()
    w.edit(ada, "marketing", lifecycle="customer")  # marketing closes no deals
    ran = w.run()
    assert w.shows(ada, "marketing", lifecycle="lead")
    assert w.shows(ada, "sales", lifecycle="lead")
    assert "marketing may not move lead to customer" in str(w.audit(ada))
    said = "people: 1 change of lifecycle in marketing was not taken (marketing may not move lead to customer) and put back."
    assert said in ran.text


def test_of_two_legal_moves_the_higher_rung_stands(world: Any) -> None:
    w = world(also=["lifecycle"])
    ada = w.person("Ada Lovelace", "marketing sales", lifecycle="lead")
    w.run()
    w.edit(ada, "marketing", lifecycle="mql")
    w.edit(ada, "sales", lifecycle="disqualified")
    w.run()
    assert w.shows(ada, "marketing", lifecycle="mql")
    assert w.shows(ada, "sales", lifecycle="mql")


# -- truncation --------------------------------------------------------------------------------------------------

LONG = "Analytical Engines of Great Britain and Ireland"


@pytest.mark.parametrize("echo", ["all", "sent", "none"])
def test_a_silently_cut_value_is_no_edit(world: Any, echo: str) -> None:
    # the schema does not say that the column is 20 wide
    w = world(
        sales={"echo": echo, "folds": {"company": {LONG: LONG[:20]}}}, infos={"sales": {"company": {"max_length": 255}}}
    )
    w.systems["sales"].streams["people"].folds = {"company": {LONG: LONG[:255][:20]}}
    ada = w.person("Ada Lovelace", "marketing", company=LONG)
    w.run()
    assert w.shows(ada, "sales", company=LONG[:20])
    w.run()
    assert w.shows(ada, "marketing", company=LONG)
    w.touch(ada, "sales")
    w.quiet()
    assert w.shows(ada, "marketing", company=LONG)


@pytest.mark.parametrize("echo", ["all", "none"])
def test_a_foreign_edit_after_a_cut_value_is_an_edit(world: Any, echo: str) -> None:
    w = world(sales={"echo": echo, "folds": {"company": {LONG: LONG[:20]}}})
    ada = w.person("Ada Lovelace", "marketing", company=LONG)
    w.run()
    w.run()
    w.edit(ada, "sales", company="Difference Engines")
    w.run()
    assert w.shows(ada, "marketing", company="Difference Engines")
    w.edit(ada, "sales", company=LONG[:20])  # the pair has ended: what somebody types now is what they mean
    w.run()
    assert w.shows(ada, "marketing", company=LONG[:20])
    w.quiet()


def test_a_value_too_long_for_the_schema_is_quarantined_and_never_cut(world: Any) -> None:
    w = world(infos={"sales": {"company": {"max_length": 20}}})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company=LONG, phone="+442079460000")
    ran = w.run()
    assert ran.exit_code == 3
    assert w.shows(ada, "sales", company=None, phone="+442079460000")  # the other field goes through
    (held,) = w.quarantine()
    assert (held.code, held.field) == ("SMK-TOO-LONG", "company")
    w.edit(ada, "marketing", company="Engines")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", company="Engines")


# -- formats -----------------------------------------------------------------------------------------------------


def test_a_phone_in_another_format_is_the_same_phone(world: Any) -> None:
    w = world(defaults={"country": "GB"})
    ada = w.person("Ada Lovelace", "marketing", phone="+442079460000")
    w.run()
    w.edit(ada, "sales", phone="020 7946 0000")
    ran = w.run()
    assert not any(ran.sent.values())
    assert w.shows(ada, "marketing", phone="+442079460000")
    w.edit(ada, "sales", phone="020 7946 0001")
    w.run()
    assert w.shows(ada, "marketing", phone="+442079460001")
    w.quiet()


def test_a_system_that_formats_phones_itself_starts_no_loop(world: Any) -> None:
    w = world(sales={"folds": {"phone": {"+442079460000": "+44 20 7946 0000"}}})
    ada = w.person("Ada Lovelace", "marketing", phone="+442079460000")
    w.run()
    assert w.shows(ada, "sales", phone="+44 20 7946 0000")
    w.quiet()
    assert w.shows(ada, "marketing", phone="+442079460000")


def test_a_phone_that_does_not_parse_travels_as_it_is(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing", phone="ask for Ada")
    w.run()
    assert w.shows(ada, "sales", phone="ask for Ada")
    w.quiet()


def test_the_case_of_an_address_is_no_edit(world: Any) -> None:
    w = world(sales={"lowers": frozenset({"email"})})
    ada = w.person("Ada Lovelace", "marketing", email="Ada.Lovelace@Example.com")
    w.run()
    assert w.shows(ada, "sales", email="ada.lovelace@example.com")
    w.edit(ada, "sales", email="ADA.LOVELACE@EXAMPLE.COM")
    w.quiet()
    assert w.shows(ada, "marketing", email="Ada.Lovelace@Example.com")


def test_outer_space_is_no_edit(world: Any) -> None:
    w = world(sales={"strips": True})
    ada = w.person("Ada Lovelace", "marketing", company="  Analytical Engines ")
    w.run()
    assert w.shows(ada, "sales", company="Analytical Engines")
    w.quiet()
    assert w.shows(ada, "marketing", company="  Analytical Engines ")


@pytest.mark.parametrize("echo", ["all", "sent", "some", "none"])
def test_a_system_that_says_nothing_about_what_it_stored_is_asked_once_and_believed(world: Any, echo: str) -> None:
    w = world(sales={"echo": echo})
    ada = w.person("Ada Lovelace", "marketing", company="Analytical Engines", phone="+442079460000", score=7)
    w.run()
    w.quiet()
    w.edit(ada, "marketing", company="Difference Engines", score=8)
    w.run()
    w.quiet()
    assert w.shows(ada, "sales", company="Difference Engines", score=8)
    assert w.conflicts() == []


def test_an_empty_text_where_the_system_cannot_tell_it_from_null_is_null(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales", company="")
    w.run()
    w.edit(ada, "sales", company="Analytical Engines")
    w.run()
    assert w.shows(ada, "marketing", company="Analytical Engines")


# -- pick lists --------------------------------------------------------------------------------------------------

STATUS = {"field": "status", "values": {"new": "Open", "working": "Working", "qualified": "Closed"}}


def test_an_unknown_pick_list_word_is_quarantined_and_the_rest_of_the_record_goes_on(world: Any) -> None:
    w = world(also=["sales_status"], maps={"sales": {"sales_status": STATUS}})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "sales", sales_status="Invented", company="Analytical Engines")
    ran = w.run()
    assert ran.exit_code == 3
    assert w.shows(ada, "marketing", sales_status=None, company="Analytical Engines")
    (held,) = w.quarantine()
    assert (held.code, held.field) == ("SMK-PICKLIST-UNKNOWN", "status")
    assert "Invented" not in held.message
    assert w.shows(ada, "sales", sales_status="Invented")
    w.edit(ada, "sales", sales_status="Working")
    assert w.run().exit_code == 0
    assert w.shows(ada, "marketing", sales_status="working")


def test_a_word_that_the_other_side_has_no_value_for_is_quarantined(world: Any) -> None:
    from smarksync.plugin import Choice

    live = {"status": {"choices": (Choice("Open"), Choice("Working"), Choice("Closed"))}}
    w = world(also=["sales_status"], maps={"sales": {"sales_status": STATUS}}, infos={"sales": live})
    ada = w.person("Ada Lovelace", "marketing sales", sales_status=None)
    w.run()
    w.edit(ada, "marketing", sales_status="unqualified")
    ran = w.run()
    assert ran.exit_code == 3
    assert [held.code for held in w.quarantine()] == ["SMK-PICKLIST-UNMAPPED"]
    assert w.shows(ada, "marketing", sales_status="unqualified")
    assert w.run().exit_code == 3  # it waits; nobody has decided anything
    w.edit(ada, "marketing", sales_status="working")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", sales_status="Working")


def test_unknown_keep_leaves_what_was_agreed(world: Any) -> None:
    w = world(also=["sales_status"], maps={"sales": {"sales_status": {**STATUS, "unknown": "keep"}}})
    ada = w.person("Ada Lovelace", "marketing sales", sales_status=None)
    w.edit(ada, "sales", sales_status="Working")
    w.run()
    w.edit(ada, "sales", sales_status="Invented")
    ran = w.run()
    assert ran.exit_code == 0
    assert w.shows(ada, "marketing", sales_status="working")


def test_a_new_person_does_not_wait_for_one_value_that_the_other_side_cannot_take(world: Any) -> None:
    from smarksync.plugin import Choice

    live = {"status": {"choices": (Choice("Open"), Choice("Working"), Choice("Closed"))}}
    w = world(also=["sales_status"], maps={"sales": {"sales_status": STATUS}}, infos={"sales": live})
    ada = w.person("Ada Lovelace", "marketing", sales_status="unqualified", phone="+442079460000")
    assert w.run().exit_code == 3
    assert w.shows(ada, "sales", sales_status=None, phone="+442079460000")
    assert [(held.code, held.field) for held in w.quarantine()] == [("SMK-PICKLIST-UNMAPPED", "status")]
    assert w.run().exit_code == 3  # the field waits, and nothing is written for it
    w.edit(ada, "marketing", sales_status="working")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", sales_status="Working") and w.quarantine() == []


def test_a_new_record_without_the_name_that_its_system_cannot_take_is_not_made(world: Any) -> None:
    w = world(infos={"sales": {"last_name": {"max_length": 20}}})
    w.person("Ada " + "L" * 30, "marketing")
    assert w.run().exit_code == 3
    assert [held.code for held in w.quarantine()] == ["SMK-TOO-LONG"]
    assert not any(store.rows for store in w.systems["sales"].stores.values())


def test_a_value_that_waits_is_not_settled_and_asks_when_the_other_side_edits_too(world: Any) -> None:
    w = world(
        infos={"sales": {"company": {"max_length": 12}}}, fields={"company": {"direction": "both", "merge": "ask"}}
    )
    ada = w.person("Ada Lovelace", "marketing sales", company="Engines")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines of London")
    assert w.run().exit_code == 3
    assert [entry.code for entry in w.quarantine()] == ["SMK-TOO-LONG"]
    w.edit(ada, "sales", company="Looms")
    assert w.run().exit_code == 3
    (question,) = w.conflicts()
    assert question.field == "company"
    assert w.shows(ada, "marketing", company="Analytical Engines of London") and w.shows(ada, "sales", company="Looms")
    w.quiet()
