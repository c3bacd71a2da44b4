"""A multi-select of which the value table knows some words, under ``unknown: keep``: each side keeps the words that the
other has no place for, whoever edits the rest."""

from __future__ import annotations

from typing import Any

import pytest

from smarksync.plugin import Choice

CLOSED = {"lead": {"fields": {"interests": {"type": "set(enum)", "values": ["crm", "mail", "ads", "events"]}}}}
#: sales offers two words of ours and one that is its own
TABLE = {"field": "topics", "values": {"crm": "CRM suite", "mail": "E-mail"}, "unknown": "keep"}
OFFERED = {"topics": {"type": "choices", "choices": (Choice("CRM suite"), Choice("E-mail"), Choice("Golf"))}}


def closed(world: Any, **options: Any) -> Any:
    infos = {"sales": OFFERED, "marketing": {"interests": {"type": "choices"}}}
    return world(also=["interests"], entities=CLOSED, maps={"sales": {"interests": TABLE}}, infos=infos, **options)


def tags(world: Any, **options: Any) -> Any:
    """An open set, and a pick list that lacks some of its words."""
    offered = {"tags": {"choices": (Choice("crm"), Choice("mail"))}}
    table = {"field": "tags", "unknown": "keep"}
    return world(also=["tags"], maps={"sales": {"tags": table}}, infos={"sales": offered}, **options)


def test_a_word_that_only_sales_has_stays_there_when_marketing_adds_one(world: Any) -> None:
    w = closed(world)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.edit(ada, "marketing", interests=["crm"])
    w.edit(ada, "sales", interests=["CRM suite", "Golf"])
    w.run()
    w.edit(ada, "marketing", interests=["crm", "mail"])
    w.run()
    assert w.shows(ada, "sales", interests=["CRM suite", "E-mail", "Golf"])
    w.quiet()
    assert w.shows(ada, "marketing", interests=["crm", "mail"])
    w.edit(ada, "marketing", interests=["mail"])  # and when it takes one away
    w.run()
    assert w.shows(ada, "sales", interests=["E-mail", "Golf"])
    w.edit(ada, "marketing", interests=[])
    w.run()
    assert w.shows(ada, "sales", interests=["E-mail", "Golf"])  # blank: keep
    w.quiet()


def test_a_word_that_only_we_have_does_not_hold_the_others_back(world: Any) -> None:
    w = closed(world)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", interests=["crm", "events"])
    ran = w.run()
    assert ran.exit_code == 0
    assert w.shows(ada, "sales", interests=["CRM suite"])
    assert "interests of 1 record is not whole in sales: topics has no value for some of its words." in ran.text
    w.quiet()


@pytest.mark.parametrize("make", [closed, tags])
def test_a_word_that_sales_cannot_hold_stays_in_marketing_when_sales_edits(world: Any, make: Any) -> None:
    w = make(world)
    field = "interests" if make is closed else "tags"
    mail = "E-mail" if make is closed else "mail"
    ada = w.person("Ada Lovelace", "marketing")
    w.edit(ada, "marketing", **{field: ["ads", "crm"]})
    w.run()
    w.edit(ada, "sales", **{field: [*w.row(ada, "sales")[field], mail]})
    w.run()
    assert w.shows(ada, "marketing", **{field: ["ads", "crm", "mail"]})
    w.quiet()
    w.edit(ada, "sales", **{field: [mail]})
    w.run()
    assert w.shows(ada, "marketing", **{field: ["ads", "mail"]})
    w.quiet()


@pytest.mark.parametrize("make", [closed, tags])
def test_a_word_taken_away_where_it_can_stand_is_gone_for_good(world: Any, make: Any) -> None:
    w = make(world)
    field = "interests" if make is closed else "tags"
    crm, mail = ("CRM suite", "E-mail") if make is closed else ("crm", "mail")
    ada = w.person("Ada Lovelace", "marketing", **{field: ["ads", "crm"]})
    w.run()
    w.edit(ada, "marketing", **{field: ["crm"]})
    w.run()
    w.quiet()
    w.edit(ada, "sales", **{field: [crm, mail]})
    w.run()
    assert w.shows(ada, "marketing", **{field: ["crm", "mail"]})
    w.quiet()


@pytest.mark.parametrize("stands", ["marketing", "sales"])
def test_both_edit_and_neither_speaks_about_words_that_it_cannot_hold(world: Any, stands: str) -> None:
    w = closed(world, fields={"interests": {"tie": stands}})
    ada = w.person("Ada Lovelace", "marketing", interests=["crm"])
    w.run()
    w.edit(ada, "sales", interests=["CRM suite", "Golf"])
    w.run()
    w.edit(ada, "marketing", interests=["ads", "crm"])
    w.edit(ada, "sales", interests=["CRM suite", "E-mail", "Golf"])
    w.run()
    mail = stands == "sales"
    assert w.shows(ada, "marketing", interests=["ads", "crm", *(["mail"] if mail else [])])
    assert w.shows(ada, "sales", interests=["CRM suite", *(["E-mail"] if mail else []), "Golf"])
    w.quiet()


def test_when_records_meet_each_keeps_what_the_other_cannot_hold(world: Any) -> None:
    w = closed(world)
    ada = w.person("Ada Lovelace", "marketing", interests=["ads", "crm"])
    w.later(minutes=5)
    w.enter(ada, "sales", email="ada.lovelace@example.com", first_name="Ada", last_name="Lovelace")
    w.edit(ada, "sales", interests=["E-mail", "Golf"])  # the newer one
    w.run()
    assert w.shows(ada, "marketing", interests=["ads", "mail"])
    assert w.shows(ada, "sales", interests=["E-mail", "Golf"])
    w.quiet()


def test_a_column_that_holds_several_words_in_one_text_keeps_them_too(world: Any) -> None:
    table = {**TABLE, "transform": ["split:;"]}
    infos = {"marketing": {"interests": {"type": "choices"}}, "sales": {"topics": {"type": "text"}}}
    w = world(also=["interests"], entities=CLOSED, maps={"sales": {"interests": table}}, infos=infos)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "sales", interests="CRM suite;Golf")
    w.run()
    assert w.shows(ada, "marketing", interests=["crm"])
    w.edit(ada, "marketing", interests=["crm", "mail"])
    w.run()
    assert sorted(w.row(ada, "sales")["interests"].split(";")) == ["CRM suite", "E-mail", "Golf"]
    w.quiet()
