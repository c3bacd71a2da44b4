"""Named histories of people with several records on one system: which of them speaks, and what it may overwrite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from .by_hand import NEWEST, edit, go, insert, meanwhile, row, without, world
from .world import Kind, World

TIE = (("*", "{direction: both, merge: newest, tie: s}"),)


def two(place: Path, contact: dict[str, Any], lead: dict[str, Any], rules: Any = (NEWEST,)) -> World:
    """Ann is in m, and in s she is a contact from long ago and a lead, who speaks for her there."""
    w = world(place, Kind("m"), Kind("s", streams=("people", "contacts")), rules=rules)
    insert(w, "m", email="ann@x.org")
    w.clock.advance(600)
    w.systems["s"].insert("contacts", {"s_email": "ann@x.org", **{f"s_{f}": v for f, v in contact.items()}})
    w.clock.advance(600)
    insert(w, "s", email="ann@x.org", **lead)
    go(w)
    assert not go(w).writes()
    return w


def speakers(w: World) -> list[tuple[str, str]]:
    """The records that speak for somebody."""
    sql = (
        "SELECT s.connection || ':' || s.object, l.rid FROM links l JOIN streams s ON s.sid = l.sid "
        "WHERE l.state = 'live' AND l.rank = 0 ORDER BY 1, 2"
    )
    return w.sql(sql)


@pytest.mark.parametrize("rules", [(NEWEST,), TIE], ids=["newest", "tie"])
def test_a_converted_lead_speaks_on_as_the_contact_that_it_became(place: Path, rules: Any) -> None:
    """The lead is converted into a new contact. The old contact came before it by its id alone and spoke from then on: its
    last name was written to m over the agreed one, and what people did to the new contact was never heard of."""
    w = two(place, {"last_name": "Pit", "company": "Bolt"}, {"last_name": "Ore"}, rules)
    w.systems["s"].convert("people", "p1", "contacts")
    assert not go(w).writes()
    assert speakers(w) == [("m:people", "p1"), ("s:contacts", "c2")]
    w.systems["s"].edit("contacts", "c2", {"s_company": "Corp"})
    go(w)
    assert (row(w, "m")["last_name"], row(w, "m")["company"]) == ("Ore", "Corp")
    assert w.systems["s"].rows("contacts")["c1"]["s_last_name"] == "Pit"


@pytest.mark.parametrize("rules", [(NEWEST,), TIE], ids=["newest", "tie"])
def test_an_old_record_that_speaks_again_overwrites_no_later_edit(place: Path, rules: Any) -> None:
    """The lead's company was edited and agreed; then the lead is deleted. The contact is older than that edit, and was
    believed to be the newest record there is: m itself had only ever been written by us since."""
    w = two(place, {"last_name": "Pit", "company": "Old"}, {"last_name": "Ore"}, rules)
    w.clock.advance(600)
    edit(w, "s", "p1", company="New")
    go(w)
    w.systems["s"].delete("people", "p1")
    assert go(w).exit_code == 0
    contact = w.systems["s"].rows("contacts")["c1"]
    for shown in (row(w, "m"), {f.removeprefix("s_"): v for f, v in contact.items()}):
        assert (shown["last_name"], shown["company"]) == ("Ore", "New")
    assert not go(w).writes()


def test_a_record_that_was_edited_since_speaks_with_its_own_words(place: Path) -> None:
    """The same, but somebody worked on the contact after the lead was last touched."""
    w = two(place, {"company": "Old"}, {"company": "New"})
    w.clock.advance(600)
    w.systems["s"].edit("contacts", "c1", {"s_company": "Newer"})
    go(w)
    w.systems["s"].delete("people", "p1")
    go(w)
    assert row(w, "m")["company"] == w.systems["s"].rows("contacts")["c1"]["s_company"] == "Newer"


def test_what_another_person_said_makes_no_value_of_the_survivors_newer(place: Path) -> None:
    """Bea's record in s is worked on late and then deleted; in m, where nobody keeps companies, Bea is merged into Ann. Ann's
    company is as old as ever: that of Bea's record in g, which is Ann's now, is the newer one."""
    w = world(place, Kind("m", lacks=frozenset({"company"})), Kind("s"), Kind("g", create="never"))
    ann = insert(w, "s", email="ann@x.org", company="Acme")
    w.clock.advance(600)
    insert(w, "g", email="bea@x.org", company="Bolt")
    go(w)
    ids = {k: {r[f"{k}_email"]: i for i, r in w.systems[k].rows("people").items()} for k in "ms"}
    w.clock.advance(600)
    edit(w, "s", ids["s"]["bea@x.org"], first_name="Bea")
    go(w)
    w.systems["s"].delete("people", ids["s"]["bea@x.org"])
    go(w)
    w.systems["m"].merge("people", ids["m"]["ann@x.org"], ids["m"]["bea@x.org"])
    go(w)
    assert row(w, "g")["company"] == row(w, "s", ann)["company"] == "Bolt"
    assert len(w.links()) == 1


@pytest.mark.parametrize("shows", ["Old", None])
def test_an_edit_is_not_lost_because_a_record_is_met_beside_it(place: Path, shows: str | None) -> None:
    """Ann's company is edited in m, somebody works on another field of her record in s, and a record of hers turns up in g.
    All that was agreed of her stood against the edit, and the record in s was the newest: the edit was overwritten in m."""
    w = world(place, Kind("m"), Kind("s"), Kind("g", create="never"))
    insert(w, "m", email="ann@x.org", company="Old")
    go(w)
    w.clock.advance(600)
    edit(w, "m", "p1", company="New")
    w.clock.advance(600)
    edit(w, "s", "p1", first_name="Ann")
    insert(w, "g", email="ann@x.org", company=shows)
    assert go(w).exit_code == 0
    assert [row(w, k)["company"] for k in "msg"] == ["New"] * 3
    assert [row(w, k)["first_name"] for k in "msg"] == ["Ann"] * 3


@pytest.mark.parametrize(("wait", "stands"), [(-600, "New"), (600, "Corp")])
def test_an_edit_and_a_record_with_news_are_told_apart_by_their_times(place: Path, wait: int, stands: str) -> None:
    """Control: what g says is neither the old value nor the edit."""
    w = world(place, Kind("m"), Kind("s"), Kind("g", create="never"))
    insert(w, "m", email="ann@x.org", company="Old")
    go(w)
    w.clock.advance(600)
    if wait < 0:
        insert(w, "g", email="ann@x.org", company="Corp")
        w.clock.advance(-wait)
    edit(w, "m", "p1", company="New")
    if wait > 0:
        w.clock.advance(wait)
        insert(w, "g", email="ann@x.org", company="Corp")
    go(w)
    assert [row(w, k)["company"] for k in "msg"] == [stands] * 3


def test_a_restored_record_and_the_one_that_took_its_place_do_not_both_speak(place: Path) -> None:
    """The lead is deleted, the contact speaks, and somebody takes the lead out of the bin as it was. It is the better one of
    the two again, and gets what was agreed meanwhile; both had spoken, and each wrote over the other's company."""
    w = two(place, {"company": "Acme"}, {"company": "Acme", "last_name": "Ore"})
    bin = dict(w.systems["s"].rows("people")["p1"])
    w.systems["s"].delete("people", "p1")
    go(w)
    w.systems["s"].edit("contacts", "c1", {"s_company": "Bolt"})
    go(w)
    w.clock.advance(600)
    w.systems["s"].restore("people", "p1", bin)
    assert go(w).exit_code == 0
    assert speakers(w) == [("m:people", "p1"), ("s:people", "p1")]
    assert [row(w, "m")["company"], row(w, "s")["company"]] == ["Bolt", "Bolt"]
    edit(w, "s", "p1", company="Corp")
    go(w)
    assert row(w, "m")["company"] == "Corp"
    assert w.systems["s"].rows("contacts")["c1"]["s_company"] == "Bolt"
    assert not go(w).writes()


def test_an_emptied_source_is_not_filled_again_because_a_record_is_met_beside_it(place: Path) -> None:
    """Only s may change first names, and there Ann's is emptied while a record of hers turns up in g: the name was put back in
    s. It stays empty there, as it would without g; g gets what is agreed, and a name of its own would be left to it."""
    rules = (NEWEST, ("first_name", "{direction: from s}"), ("last_name", "{direction: from s}"))
    w = world(place, Kind("m"), Kind("s"), Kind("g", create="never"), rules=rules)
    insert(w, "s", email="ann@x.org", first_name="Ann", last_name="Ore")
    go(w)
    edit(w, "s", "p1", first_name=None, last_name=None)
    insert(w, "g", email="ann@x.org", last_name="Pit")
    go(w)
    assert [row(w, k)["first_name"] for k in "msg"] == ["Ann", None, "Ann"]
    assert [row(w, k)["last_name"] for k in "msg"] == ["Ore", None, "Pit"]
    assert not go(w).writes()


@pytest.mark.parametrize("how", [{}, {"lowers": frozenset({"last_name"})}], ids=["as sent", "in its own way"])
def test_a_record_that_we_made_is_no_newer_than_what_it_says(place: Path, how: dict[str, Any]) -> None:
    """Ann's company is Acme in m. Then g, which nobody has connected yet, learns that it is Bolt; then her record in s is made,
    of what m says. Our writing it down was believed to be the newest word of all, and Acme was written over Bolt."""
    w = world(place, Kind("m"), Kind("s", **how), Kind("g"))
    there = w.profile
    without(w, "g")
    insert(w, "m", email="ann@x.org", last_name="Ore", company="Acme")
    w.clock.advance(600)
    insert(w, "g", email="ann@x.org", company="Bolt")
    w.clock.advance(600)
    go(w)
    assert row(w, "s")["company"] == "Acme"
    w.reconfigure(there)
    assert go(w).exit_code == 0
    assert [row(w, k)["company"] for k in "msg"] == ["Bolt"] * 3


def test_what_was_agreed_while_a_connection_was_away_makes_its_records_no_newer(place: Path) -> None:
    """s and g differ about a company, and nothing tells who is right. While s is out of the config, g's word is all there is;
    it comes back with a record that was saved once more and says what it said: a new time, and no edit."""
    w = world(place, Kind("m"), Kind("s"), Kind("g"))
    there = w.profile
    insert(w, "g", email="ann@x.org", company="Bolt")
    insert(w, "s", email="ann@x.org", company="Acme")
    assert go(w).exit_code == 3
    without(w, "s")
    assert go(w).exit_code == 0
    assert row(w, "m")["company"] == "Bolt"
    w.clock.advance(600)
    w.systems["s"].touch("people", "p1")
    w.reconfigure(there)
    assert go(w).exit_code == 3
    assert [row(w, k)["company"] for k in "msg"] == ["Bolt", "Acme", "Bolt"]


def test_what_was_agreed_before_a_record_was_made_is_settled_there(place: Path) -> None:
    """Everything about Ann was agreed when g came, but for a company that one rule leaves alone. Her last name is emptied in s
    while her record in g is made: g's copy of it is no word of its own, and the name not put back."""
    rules = (("*", "{direction: both, merge: newest, blank: clear}"), ("company", "{direction: from m}"))
    w = world(place, Kind("m"), Kind("s"), Kind("g", create="never"), rules=rules)
    insert(w, "s", email="ann@x.org", last_name="Ore", company="Bolt")
    go(w)
    w.reconfigure(replace(w.profile, kinds=tuple(replace(k, create="always") for k in w.profile.kinds)))
    hit = meanwhile(w, "g.people.write", lambda: edit(w, "s", "p1", last_name=None))
    go(w)
    assert hit and row(w, "g")["last_name"] == "Ore"
    assert go(w).exit_code == 0
    assert [row(w, k)["last_name"] for k in "msg"] == [None] * 3


def test_a_record_that_was_deleted_and_taken_back_is_followed_into_a_merge(place: Path) -> None:
    """All between two runs, but for the deletion: m takes Ann back and makes one person of her and Bea, who is told of the
    opt-out that Ann left with."""
    w = world(place, Kind("m"), Kind("s"))
    ann, bea = insert(w, "m", email="ann@x.org", email_opt_out=True), insert(w, "m", email="bea@x.org")
    go(w)
    kept = dict(w.systems["m"].rows("people")[ann])
    w.systems["m"].delete("people", ann)
    go(w)
    w.systems["m"].restore("people", ann, kept)
    w.systems["m"].merge("people", bea, ann)
    go(w)
    assert w.sql("SELECT state, count(*) FROM entities GROUP BY state ORDER BY 1") == [("alias", 1), ("live", 1)]
    assert {shown["s_email_opt_out"] for shown in w.systems["s"].rows("people").values()} == {True}
    assert row(w, "m", bea)["email_opt_out"] is True
    assert not go(w).writes()


def test_an_opt_out_keeps_its_date_when_two_people_become_one(place: Path) -> None:
    """Otherwise every merge would make it younger than what the person said since."""
    w = world(place, Kind("m"), Kind("s"))
    ann, bea = (
        insert(w, "m", email="ann@x.org", email_opt_out=True),
        insert(w, "m", email="bea@x.org", email_opt_out=False),
    )
    go(w)
    ((since,),) = w.sql("SELECT at FROM consent WHERE channel = 'email'")
    w.systems["m"].merge("people", bea, ann)
    go(w)
    assert row(w, "m", bea)["email_opt_out"] is True
    assert {at for (at,) in w.sql("SELECT at FROM consent WHERE channel = 'email'")} == {since}
