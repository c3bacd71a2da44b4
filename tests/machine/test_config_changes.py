"""Named histories of a config that people edit between two runs: what they may rely on, each said plainly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from .by_hand import NEWEST, edit, go, insert, row, without, world
from .world import JobPlan, Kind, Profile, World


def mapped(w: World, system: str, **how: Any) -> None:
    """The mapping of one system is another one now."""
    w.reconfigure(
        replace(w.profile, kinds=tuple(replace(k, **how) if k.name == system else k for k in w.profile.kinds))
    )


def ruled(w: World, *rules: tuple[str, str]) -> None:
    """The only job has other rules now."""
    w.reconfigure(replace(w.profile, jobs=(replace(w.profile.jobs[0], rules=rules),)))


def three(place: Path) -> World:
    """Ann is known in three systems, with Acme."""
    w = world(place, Kind("m"), Kind("s"), Kind("g"))
    insert(w, "m", email="ann@x.org", company="Acme")
    go(w)
    assert not go(w).writes()
    return w


@pytest.mark.parametrize("edited", ["m", "ms"])
def test_a_connection_that_comes_back_gets_what_was_agreed_meanwhile(place: Path, edited: str) -> None:
    """g was taken out of the config and comes back untouched. It was believed to show what the others had agreed on, for
    ever; nobody read its records again."""
    w = three(place)
    there = w.profile
    without(w, "g")
    go(w)
    for system in edited:
        edit(w, system, "p1", company="Bolt")
    go(w)
    assert row(w, "g")["company"] == "Acme"
    w.reconfigure(there)
    go(w)
    assert [row(w, k)["company"] for k in "msg"] == ["Bolt"] * 3
    assert len(w.systems["g"].rows("people")) == 1
    assert not go(w).writes()


def test_a_connection_that_comes_back_as_it_left_is_met_anew_by_nobody(place: Path) -> None:
    """Nothing was agreed while g was away: an edit made there meanwhile is an edit like any other."""
    w = three(place)
    there = w.profile
    without(w, "g")
    edit(w, "g", "p1", company="Corp")
    go(w)
    w.reconfigure(there)
    assert go(w).exit_code == 0
    assert [row(w, k)["company"] for k in "msg"] == ["Corp"] * 3


def test_a_connection_that_comes_back_restamped_and_edited_elsewhere_gets_the_news(place: Path) -> None:
    """g's record is newer than m's edit, for its last name was edited there: the old company beside it is no edit."""
    w = three(place)
    there = w.profile
    without(w, "g")
    edit(w, "m", "p1", company="Bolt")
    go(w)
    w.clock.advance(3600)
    edit(w, "g", "p1", last_name="Ore")
    w.reconfigure(there)
    assert go(w).exit_code == 0
    assert [(row(w, k)["company"], row(w, k)["last_name"]) for k in "msg"] == [("Bolt", "Ore")] * 3


@pytest.mark.parametrize("newer", ["m", "g"])
def test_a_field_that_moved_on_both_sides_of_the_gap_is_adopted(place: Path, newer: str) -> None:
    """The company was edited in g while it was away, and agreed anew without it: the newer record's value stands."""
    w = three(place)
    there = w.profile
    without(w, "g")
    if newer == "m":
        edit(w, "g", "p1", company="Corp")
    w.clock.advance(3600)
    edit(w, "m", "p1", company="Bolt")
    go(w)
    w.clock.advance(3600)
    if newer == "g":
        edit(w, "g", "p1", company="Corp")
    w.reconfigure(there)
    assert go(w).exit_code == 0
    assert [row(w, k)["company"] for k in "msg"] == ["Bolt" if newer == "m" else "Corp"] * 3


def test_an_opt_out_reaches_a_connection_that_comes_back(place: Path) -> None:
    """Ann opted out while g was away. Its record has not changed, and nobody may be mailed from it."""
    w = three(place)
    there = w.profile
    without(w, "g")
    edit(w, "m", "p1", email_opt_out=True)
    go(w)
    w.reconfigure(there)
    go(w)
    assert row(w, "g")["email_opt_out"] is True
    assert not go(w).writes()


def test_a_deletion_that_was_dealt_with_is_no_news_when_its_connection_comes_back(place: Path) -> None:
    """g's record was deleted while `deletes` said ignore; g goes, Ann changes, g comes back: nobody deletes the others."""
    w = three(place)
    w.systems["g"].delete("people", "p1")
    go(w)
    there = replace(w.profile, jobs=(replace(w.profile.jobs[0], deletes=(("m", "delete"), ("s", "delete"))),))
    without(w, "g")
    edit(w, "m", "p1", company="Bolt")
    go(w)
    w.reconfigure(there)
    go(w)
    go(w)
    assert row(w, "m")["company"] == row(w, "s")["company"] == "Bolt"
    assert not w.systems["g"].rows("people")


def test_deletes_that_are_turned_on_are_not_for_the_past(place: Path) -> None:
    w = three(place)
    w.systems["g"].delete("people", "p1")
    go(w)
    w.reconfigure(replace(w.profile, jobs=(replace(w.profile.jobs[0], deletes=(("m", "delete"), ("s", "archive"))),)))
    assert not go(w).writes()
    assert w.systems["m"].rows("people") and w.systems["s"].rows("people")


def test_what_a_killed_run_read_for_another_job_is_not_lost(place: Path) -> None:
    """A run of both jobs dies after its pull; only the left one is run next. What was read of g was thrown away: its
    cursor was past, so that whoever was new there was never heard of again."""
    jobs = (
        JobPlan("left", ("m", "s"), (("first_name", "{direction: both}"), ("email", "{direction: from s}"))),
        JobPlan("right", ("s", "g"), (("company", "{direction: both}"), ("email", "{direction: both}"))),
    )
    w = World(Profile((Kind("m"), Kind("s"), Kind("g")), jobs), place)
    go(w)
    insert(w, "g", email="ann@x.org", company="Acme")
    w.clock.advance(60)
    w.faults.crash_in(_points_of_a_pull(place, jobs))
    assert w.run().exit_code is None
    insert(w, "m", email="bea@x.org")
    w.clock.advance(60)
    w.run("left")
    go(w)
    people = [(r["s_email"], r["s_company"]) for r in w.systems["s"].rows("people").values()]
    assert ("ann@x.org", "Acme") in people


def _points_of_a_pull(place: Path, jobs: tuple[JobPlan, ...]) -> int:
    """The first point of death at which the newcomer waits to be matched."""
    for number in range(1, 60):
        twin = World(Profile((Kind("m"), Kind("s"), Kind("g")), jobs), place, name="twin")
        go(twin)
        insert(twin, "g", email="ann@x.org", company="Acme")
        twin.clock.advance(60)
        twin.faults.crash_in(number)
        twin.run()
        if twin.sql("SELECT count(*) FROM inbox") == [(1,)]:
            return number
    raise AssertionError("no point after the pull")


def test_a_new_field_is_adopted_and_not_blanked(place: Path) -> None:
    """The company is added to g's mapping, where it was filled by hand: it fills the others, and is not emptied."""
    w = world(place, Kind("m"), Kind("s"), Kind("g", skips=frozenset({"company"})))
    insert(w, "m", email="ann@x.org")
    go(w)
    edit(w, "g", "p1", company="Acme")
    go(w)
    mapped(w, "g", skips=frozenset())
    go(w)
    assert [row(w, k)["company"] for k in "msg"] == ["Acme"] * 3
    assert not go(w).writes()


def test_a_field_that_leaves_the_mapping_keeps_its_values(place: Path) -> None:
    w = three(place)
    mapped(w, "g", skips=frozenset({"company"}))
    edit(w, "m", "p1", company="Bolt")
    go(w)
    assert (row(w, "s")["company"], row(w, "g")["company"]) == ("Bolt", "Acme")
    w.clock.advance(60)
    mapped(w, "g", skips=frozenset())
    assert go(w).exit_code == 0
    assert [row(w, k)["company"] for k in "msg"] == ["Bolt"] * 3, "the newer record's value stands"


@pytest.mark.parametrize(
    "rule", ["owner: m", "owner: s, enforce: leave", "merge: ask", "merge: newest, tie: s, blank: clear"]
)
def test_a_changed_rule_sends_nothing_by_itself(place: Path, rule: str) -> None:
    w = three(place)
    ruled(w, ("*", f"{{direction: both, {rule}}}"))
    assert not go(w).writes()


def test_from_both_to_one_way_and_back(place: Path) -> None:
    """What was edited on the side that had no say waits there, and is heard once the field goes both ways again."""
    w = three(place)
    ruled(w, ("*", "{direction: from m}"))
    edit(w, "s", "p1", company="Bolt")
    go(w)
    assert [row(w, k)["company"] for k in "msg"] == ["Acme", "Bolt", "Acme"]
    ruled(w, NEWEST)
    go(w)
    assert [row(w, k)["company"] for k in "msg"] == ["Bolt"] * 3


def test_a_renamed_job_knows_everybody(place: Path) -> None:
    """Links belong to the workspace: nobody is created anew, nothing is sent again; open questions are asked anew."""
    w = three(place)
    edit(w, "m", "p1", company="Bolt")
    edit(w, "s", "p1", company="Corp")
    assert go(w).exit_code == 3
    w.reconfigure(replace(w.profile, jobs=(replace(w.profile.jobs[0], name="leads"),)))
    seen = go(w)
    assert seen.exit_code == 3 and not seen.writes()
    assert [(name, kind) for _, name, kind, _ in w.questions()] == [("company", "field")]


@pytest.mark.parametrize("how", ["at once", "after a run of another job", "after a run that may write nothing"])
def test_an_answer_is_carried_out_by_the_job_that_was_renamed_meanwhile(place: Path, how: str) -> None:
    """Somebody answered; before the next run the job got another name. The answer was thrown away, and asked for again."""
    w = three(place)
    other = JobPlan("others", ("s", "g"), (("job_title", "{direction: from s}"),))
    first = replace(w.profile.jobs[0], between=("m", "s"))
    w.reconfigure(replace(w.profile, jobs=(first, other)))
    go(w)
    edit(w, "m", "p1", company="Bolt")
    edit(w, "s", "p1", company="Corp")
    assert go(w).exit_code == 3
    w.answer(w.questions()[0][0], "company", "Corp")
    w.reconfigure(replace(w.profile, jobs=(replace(first, name="leads"), other)))
    if how == "after a run of another job":
        assert go(w, jobs=("others",)).exit_code == 0
    elif how != "at once":
        assert not go(w, limit=0).writes()
    assert go(w).exit_code == 0
    assert [row(w, k)["company"] for k in "ms"] == ["Corp"] * 2
    assert w.sql("SELECT count(*) FROM conflicts") == [(0,)]


def test_an_answer_that_no_job_can_carry_out_is_forgotten(place: Path) -> None:
    """The field has left the rules together with the job that asked."""
    w = three(place)
    edit(w, "m", "p1", company="Bolt")
    edit(w, "s", "p1", company="Corp")
    go(w)
    w.answer(w.questions()[0][0], "company", "Corp")
    w.reconfigure(replace(w.profile, jobs=(JobPlan("names", ("m", "s"), (("first_name", "{direction: both}"),)),)))
    go(w)
    assert w.sql("SELECT count(*) FROM conflicts") == [(0,)]
    assert (row(w, "m")["company"], row(w, "s")["company"]) == ("Bolt", "Corp")


def test_a_changed_word_is_an_edit_of_the_system_that_uses_it(place: Path) -> None:
    """The table of s said that CEO is CEO; now its CEO means CTO. The records that show it say so, and the others get it."""
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "m", email="ann@x.org", job_title="CEO")
    go(w)
    mapped(w, "s", words=(("CTO", "CEO"), ("CEO", "CTO")))
    go(w)
    assert (row(w, "m")["job_title"], row(w, "s")["job_title"]) == ("CTO", "CEO")
    assert not go(w).writes()


def test_a_changed_word_means_what_is_spelt_in_another_way_too(place: Path) -> None:
    """g keeps titles in small letters. Its table is changed, so that they say another thing: a title that it had brought
    itself was believed to pass the table by, because the table has it in capitals, though it is read by it."""
    w = world(place, Kind("m"), Kind("g", lowers=frozenset({"job_title"})))
    insert(w, "g", email="ann@x.org", job_title="CEO")
    go(w)
    assert row(w, "m")["job_title"] == row(w, "g")["job_title"] == "ceo"
    mapped(w, "g", words=(("CEO", "CTO"), ("CTO", "CEO")))
    go(w)
    assert (row(w, "m")["job_title"], row(w, "g")["job_title"]) == ("CTO", "ceo")
    edit(w, "m", "p1", job_title="Ceo")
    go(w)
    assert row(w, "g")["job_title"] == "cto"
    assert not go(w).writes()


def test_where_that_is_widened_lets_in_and_narrowed_deletes_nobody(place: Path) -> None:
    """Ann scores too high to take part. The limit is raised and she comes along; it is lowered and she stays where she is."""
    w = world(place, Kind("m", reads=frozenset({"score"})), Kind("s"), where=(("m", "lead.score < 5"),),
              deletes=(("s", "delete"),))  # fmt: skip
    insert(w, "m", email="ann@x.org", score=9)
    go(w)
    assert not w.systems["s"].rows("people")
    job = w.profile.jobs[0]
    w.reconfigure(replace(w.profile, jobs=(replace(job, where=(("m", "lead.score < 10"),)),)))
    go(w)
    assert len(w.systems["s"].rows("people")) == 1
    w.reconfigure(replace(w.profile, jobs=(job,)))
    edit(w, "m", "p1", company="Acme")
    assert not go(w).writes()
    assert row(w, "s")["company"] is None


def test_create_turned_on_makes_those_who_are_missing_once(place: Path) -> None:
    w = world(place, Kind("m"), Kind("s", create="never"))
    insert(w, "m", email="ann@x.org")
    go(w)
    assert not w.systems["s"].rows("people")
    mapped(w, "s", create="always")
    go(w)
    go(w)
    assert len(w.systems["s"].rows("people")) == 1
