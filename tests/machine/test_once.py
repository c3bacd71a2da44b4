"""Named histories of fields that a system takes with a new record only: a record that is there keeps its own, and that is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smarksync.testing.faults import Crash

from .by_hand import edit, go, insert, meanwhile, row, world
from .world import Kind, World

COMPANY = frozenset({"company"})
STAYS = "people: company of 1 record in m stays as it is: m takes m_company with a new record only."


def _agreed(place: Path, *, owner: str = "") -> World:
    """Ann, whom s has told of to m, which takes the company of a new record only."""
    rule = f"{{direction: both, owner: {owner}}}" if owner else "{direction: both, merge: newest}"
    w = world(
        place, Kind("m", once=COMPANY), Kind("s"), rules=(("company", rule), ("*", "{direction: both, merge: newest}"))
    )
    insert(w, "s", email="ann@x.org", company="Acme", job_title="CEO")
    go(w)
    assert row(w, "m")["company"] == "Acme"
    assert not go(w).writes()
    return w


def test_a_later_change_is_not_sent_and_is_told_once(place: Path) -> None:
    w = _agreed(place)
    edit(w, "s", "p1", company="Bolt", job_title="CTO")
    plan = go(w, dry=True)
    assert STAYS in plan.sentences
    run = go(w)
    assert [fields for *_, fields in run.writes()] == [{"m_job_title": "CTO"}]  # the rest of the edit arrives
    assert STAYS in run.sentences and run.exit_code == 0
    assert (row(w, "m")["company"], row(w, "s")["company"]) == ("Acme", "Bolt")
    again = go(w)
    assert not again.writes() and STAYS not in again.sentences and again.exit_code == 0


def test_it_alone_was_changed_and_nothing_is_sent(place: Path) -> None:
    w = _agreed(place)
    edit(w, "s", "p1", company="Bolt")
    run = go(w)
    assert not run.writes() and STAYS in run.sentences


def test_an_edit_where_it_stayed_is_an_edit_and_goes_out(place: Path) -> None:
    w = _agreed(place)
    edit(w, "s", "p1", company="Bolt")
    go(w)
    edit(w, "m", "p1", job_title="CTO")  # which says nothing about the company
    go(w)
    assert row(w, "s")["company"] == "Bolt"
    edit(w, "m", "p1", company="Corp")
    go(w)
    assert row(w, "s")["company"] == "Corp"
    assert not go(w).writes()


def test_what_an_owner_keeps_cannot_be_put_back(place: Path) -> None:
    w = _agreed(place, owner="s")
    edit(w, "m", "p1", company="Corp")
    run = go(w)
    assert not run.writes() and STAYS in run.sentences
    assert row(w, "s")["company"] == "Acme"
    assert not go(w).writes()


def test_records_that_meet_fill_what_the_other_lacks_as_far_as_it_takes_it(place: Path) -> None:
    w = world(place, Kind("m", once=COMPANY), Kind("s"))
    insert(w, "m", email="ann@x.org", job_title="CEO")
    insert(w, "s", email="ann@x.org", company="Acme")
    insert(w, "m", email="bea@x.org", company="Bolt")
    insert(w, "s", email="bea@x.org")
    run = go(w, allow=("adoption",))
    assert {(system, rid): fields for system, _, _, rid, fields in run.writes()} == {
        ("s", "p1"): {"s_job_title": "CEO"}, ("s", "p2"): {"s_company": "Bolt"},
    }  # fmt: skip
    assert STAYS in run.sentences


def test_nobody_is_asked_about_what_no_answer_could_change(place: Path) -> None:
    """Both keep their own; with a third system, which can be told, somebody is asked."""
    asks = (("company", "{direction: both, merge: ask}"), ("*", "{direction: both, merge: newest}"))
    two = (Kind("m", once=COMPANY), Kind("s", once=COMPANY))
    w = world(place, *two, rules=asks)
    insert(w, "m", email="ann@x.org", company="Acme")
    insert(w, "s", email="ann@x.org", company="Bolt")
    run = go(w, allow=("adoption",))
    assert run.exit_code == 0 and not run.writes()
    assert "people: company of 1 record in m stays as it is: no other record takes it." in run.sentences
    w = world(place, *two, Kind("g"), rules=asks)
    insert(w, "m", email="ann@x.org", company="Acme")
    insert(w, "s", email="ann@x.org", company="Bolt")
    insert(w, "g", email="ann@x.org")
    assert go(w, allow=("adoption",)).exit_code == 3


@pytest.mark.parametrize("newer", ["m", "s"])
def test_a_lost_ledger_changes_nothing(place: Path, newer: str) -> None:
    """Both records carry our id: what differs between them differed when they were settled."""
    w = world(place, Kind("m", once=COMPANY, external_id=True), Kind("s", external_id=True))
    insert(w, "s", email="ann@x.org", company="Acme")
    go(w)
    edit(w, "s", "p1", company="Bolt")
    go(w)
    w.clock.advance(3600)
    edit(w, newer, "p1", job_title="CEO")  # so that one record is the newer one
    again = world(place, *w.profile.kinds)
    again.systems, again.clock = w.systems, w.clock
    go(again, allow=("first_run", "adoption"))
    assert (row(w, "m")["company"], row(w, "s")["company"]) == ("Acme", "Bolt")
    assert not go(again).writes()


def test_an_edit_that_a_rule_leaves_alone_is_heard_when_the_rule_goes(place: Path) -> None:
    """m is behind on the company already, and cannot be told: its own edit stays what it is, an edit that waits."""
    newest = ("*", "{direction: both, merge: newest}")
    w = world(place, Kind("m", once=COMPANY), Kind("s"), rules=(("company", "{direction: from s}"), newest))
    insert(w, "s", email="ann@x.org", company="Acme")
    go(w)
    edit(w, "s", "p1", company="Bolt")
    go(w)
    edit(w, "m", "p1", company="Corp")
    assert not go(w).writes()
    w.reconfigure(replace(w.profile, jobs=(replace(w.profile.jobs[0], rules=(newest,)),)))
    go(w)
    assert row(w, "s")["company"] == "Corp"


def _behind(place: Path, **m: Any) -> World:
    """Ann, whose company m was left with: Acme there, Bolt in s. Two hours ago."""
    w = world(place, Kind("m", once=COMPANY, **m), Kind("s"))
    insert(w, "s", email="ann@x.org", company="Acme")
    go(w)
    edit(w, "s", "p1", company="Bolt")
    go(w)
    w.clock.advance(7200)
    return w


def _no_news(w: World, s: str = "p1") -> None:
    go(w)
    assert row(w, "s", s)["company"] == "Bolt"
    assert not go(w).writes()


def test_what_it_was_left_with_is_no_news_of_a_record_that_was_converted(place: Path) -> None:
    w = _behind(place, streams=("people", "contacts"))
    contact = w.systems["m"].convert("people", "p1", "contacts")
    _no_news(w)
    w.systems["m"].edit("contacts", contact, {"m_company": "Corp"})  # but this is
    go(w)
    assert row(w, "s")["company"] == "Corp"


@pytest.mark.parametrize("shows", ["Acme", "Corp"])
def test_what_it_was_left_with_is_no_news_of_a_record_that_it_was_merged_into(place: Path, shows: str) -> None:
    w = _behind(place)
    winner = insert(w, "m", email="ann@x.org", company=shows)
    w.systems["m"].merge("people", winner, "p1")
    if shows == "Acme":
        _no_news(w)
    else:
        go(w)
        assert row(w, "s")["company"] == "Corp"


def test_what_it_was_left_with_is_no_news_after_a_merge_elsewhere(place: Path) -> None:
    w = _behind(place)
    twin = insert(w, "s", email="twin@x.org")
    go(w)
    w.systems["m"].delete("people", "p2")
    go(w)
    w.systems["s"].merge("people", twin, "p1", s_company="Bolt", s_email="ann@x.org")
    w.clock.advance(3600)
    edit(w, "m", "p1", score=3)
    _no_news(w, twin)


def test_what_a_killed_run_had_planned_is_not_sent_once_the_field_is_of_new_records(place: Path) -> None:
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "s", email="ann@x.org", company="Acme", job_title="CEO")
    go(w)
    edit(w, "s", "p1", company="Bolt", job_title="CTO")

    def dies() -> None:
        raise Crash(1, "m.people.write")

    assert meanwhile(w, "m.people.write", dies) == [] and go(w).crash is not None
    m = w.systems["m"]
    m.redefine("people", replace(m.streams["people"].info("m_company"), create_only=True))
    assert [fields for *_, fields in go(w).writes()] == [{"m_job_title": "CTO"}]
    assert row(w, "m")["company"] == "Acme"


def test_an_opt_out_that_it_cannot_be_told_is_said_and_not_sent_in_vain(place: Path) -> None:
    w = world(place, Kind("m", once=frozenset({"email_opt_out"})), Kind("s"))
    insert(w, "s", email="ann@x.org")
    go(w)
    edit(w, "s", "p1", email_opt_out=True)
    run = go(w)
    said = "people: email_opt_out of 1 record in m stays as it is: m takes m_email_opt_out with a new record only."
    assert not run.writes() and run.exit_code == 0 and said in run.sentences
    assert not go(w).writes()


def test_our_id_is_not_stamped_where_new_records_alone_take_it(place: Path) -> None:
    w = world(place, Kind("m", external_id=True), Kind("s"))
    m = w.systems["m"]
    m.redefine("people", replace(m.streams["people"].info("m_external_id"), create_only=True))
    insert(w, "m", email="ann@x.org")
    insert(w, "s", email="bea@x.org")
    run = go(w)
    assert [(system, op) for system, _, op, *_ in run.writes()] == [("m", "create"), ("s", "create")]
    assert row(w, "m", "p2")["external_id"] and run.exit_code == 0
    again = go(w)
    assert not again.writes() and again.exit_code == 0
