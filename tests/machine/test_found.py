"""Named histories of what guards, filters, delete policies and one-way fields brought to light."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smarksync.errors import AuthFailed, Throttled
from smarksync.plugin import Can, WriteResult

from .by_hand import NEWEST, edit, go, insert, meanwhile, row, world
from .checks import figures
from .world import Kind, World

CLEAR = (("*", "{direction: both, merge: newest, blank: clear}"),)


def test_what_a_new_record_cannot_be_sent_is_no_emptied_field(place: Path) -> None:
    """g's first name is only read. Its new record shows none, and the name of everybody else was emptied by that."""
    w = world(place, Kind("m"), Kind("s"), Kind("g", reads=frozenset({"first_name"})), rules=CLEAR)
    insert(w, "m", email="ann@x.org", first_name="Ann")
    go(w)
    go(w)
    assert row(w, "m")["first_name"] == row(w, "s")["first_name"] == "Ann"
    assert row(w, "g").get("first_name") is None
    edit(w, "g", "p1", first_name="Anna")  # what is written there by hand is heard
    go(w)
    assert row(w, "m")["first_name"] == row(w, "s")["first_name"] == "Anna"


def test_the_same_with_one_source(place: Path) -> None:
    """Two systems take the short way of a first load: it rests on the new record showing all that was decided."""
    w = world(place, Kind("m", lacks=frozenset({"email_opt_out"})),
              Kind("g", reads=frozenset({"company"}), lacks=frozenset({"email_opt_out"})), rules=CLEAR)  # fmt: skip
    insert(w, "m", email="ann@x.org", company="Acme")
    go(w)
    go(w)
    assert row(w, "m")["company"] == "Acme"


def test_a_new_record_is_made_with_the_opt_out_of_somebody_with_the_address(place: Path) -> None:
    """Two behind one desk; the second has opted out. The first one's records were made subscribed, and told later."""
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "s", email="info@x.org", first_name="Cyd")
    insert(w, "s", email="info@x.org", first_name="Bea", email_opt_out=True)
    creates = [fields for _, _, op, _, fields in go(w).writes() if op == "create"]
    assert [fields["m_email_opt_out"] for fields in creates] == [True, True]


def test_a_guard_holds_no_opt_out_of_somebody_with_the_address(place: Path) -> None:
    """The opt-out of a doubtful record goes to the known one with its address in the run that a guard stops."""
    w = world(place, Kind("m"), Kind("s"), guards="{updates: {count: 0, share: 0}}")
    insert(w, "m", email="ann@x.org")
    go(w)
    insert(w, "s", email="ann@x.org", first_name="Ann", email_opt_out=True)
    edit(w, "m", "p1", company="Acme")
    assert go(w).exit_code == 4
    assert row(w, "m")["email_opt_out"] is True
    assert row(w, "s").get("company") is None


def test_two_behind_one_desk_both_get_their_records(place: Path) -> None:
    """The look-up before a create finds the other one, who has the same info@; the second was never made, silently."""
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "m", email="info@x.org", first_name="Ann")
    go(w)
    insert(w, "s", email="info@x.org", first_name="Bea")
    go(w)
    assert {
        r["first_name"]
        for r in ({k.removeprefix("m_"): v for k, v in f.items()} for f in w.systems["m"].rows("people").values())
    } == {"Ann", "Bea"}
    assert not go(w).writes()


def test_a_new_record_that_meets_somebody_else_is_a_question_and_asked_once(place: Path) -> None:
    """Somebody takes another one's address while their records are held: each run planned, looked up and gave up."""
    w = world(place, Kind("m"), Kind("s"), Kind("g"), guards="{first_run: {count: 0}, creates: {count: 0, share: 0}}")
    insert(w, "s", email="cyd@x.org", first_name="Cyd")
    insert(w, "g", email="ann@x.org", first_name="Ann")
    assert go(w).exit_code == 4
    edit(w, "s", "p1", email="ann@x.org")
    seen = go(w, allow=("first_run", "creates"))
    assert seen.exit_code == 3
    assert {kind for _, _, kind, _ in w.questions()} == {"identity"}
    for _ in range(2):
        seen = go(w, allow=("first_run", "creates"))
        assert (seen.exit_code, seen.writes()) == (3, [])
        sides = seen.report["jobs"][0]["sides"]
        assert not any(sides[c]["people"]["planned"] for c in "msg")


@pytest.mark.parametrize("blind", [False, True], ids=["searched", "read whole and not searched"])
def test_who_is_outside_where_is_not_made_a_second_time(place: Path, blind: bool) -> None:
    """s keeps Ann out of the job. Marketing's Ann gets no second record there, and no run tries it for ever."""
    there = Kind("s", full_scan=True, without=frozenset({Can.FIND})) if blind else Kind("s")
    w = world(place, Kind("m"), there, where=(("s", "lead.score is None or lead.score < 5"),))
    insert(w, "s", email="ann@x.org", score=9)
    go(w)
    insert(w, "m", email="ann@x.org", first_name="Ann")
    go(w)
    for _ in range(2):
        seen = go(w)
        assert not seen.writes() and not seen.report["jobs"][0]["sides"]["s"]["people"]["planned"]
    assert len(w.systems["s"].rows("people")) == 1
    edit(w, "s", "p1", score=1)  # it takes part from now on, as the person that it always was
    go(w)
    assert row(w, "s")["first_name"] == "Ann" and row(w, "m")["score"] == 1


def test_an_edit_beats_a_delete_on_every_side(place: Path) -> None:
    """m deletes, s edits: the person is wanted. g's record was deleted all the same, and s's in the run after."""
    w = world(place, Kind("m"), Kind("s"), Kind("g"), deletes=(("s", "delete"), ("g", "delete")))
    insert(w, "m", email="ann@x.org")
    go(w)
    w.systems["m"].delete("people", "p1")
    edit(w, "s", "p1", company="Acme")
    go(w)
    go(w)
    assert row(w, "s")["company"] == row(w, "g")["company"] == "Acme"


def test_a_delete_takes_nothing_along_that_is_outside_where(place: Path) -> None:
    """Whoever left `where` is unlinked from the job, and never deleted by it; nor does their deletion mean anything."""
    inside = "lead.score is None or lead.score < 5"
    for gone, kept in (("m", "s"), ("s", "m")):
        w = world(place, Kind("m"), Kind("s", reads=frozenset({"score"})), where=(("s", inside),),
                  deletes=(("m", "delete"), ("s", "delete")))  # fmt: skip
        insert(w, "m", email="ann@x.org")
        go(w)
        edit(w, "s", "p1", score=9)
        go(w)
        w.systems[gone].delete("people", "p1")
        go(w)
        assert w.systems[kept].row("people", "p1") is not None


@pytest.mark.parametrize("later", ["m", "s"])
def test_clocks_a_day_off_decide_nothing(place: Path, later: str) -> None:
    """One server is a day ahead, the other a day behind: the edit that came later wins, whatever the stamps say."""
    w = world(place, Kind("m", skew=86_400.0, tells_history=True), Kind("s", skew=-86_400.0, tells_history=True))
    insert(w, "m", email="ann@x.org", company="Acme")
    go(w)
    first = "s" if later == "m" else "m"
    edit(w, first, "p1", company="Bolt")
    w.clock.advance(60)
    edit(w, later, "p1", company="Corp")
    assert go(w).exit_code == 0
    assert row(w, "m")["company"] == row(w, "s")["company"] == "Corp"


def test_our_own_clock_may_jump_by_a_day(place: Path) -> None:
    """Ours was a day ahead and is set right: nothing is missed that was edited meanwhile, and nothing is written twice."""
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "m", email="ann@x.org")
    for number, off in enumerate((86_400, 0, -86_400, 0)):
        w.now = lambda off=off: w.clock() + timedelta(seconds=off)
        edit(w, "m", "p1", company=f"Company {number}")
        assert go(w).exit_code == 0
        assert row(w, "s")["company"] == f"Company {number}"
        assert not go(w).writes()


def test_after_a_lost_ledger_nobody_is_stamped_anew(place: Path) -> None:
    """Records carry our id; a new ledger takes it over, whichever side it sees first."""
    w = world(place, Kind("m", external_id=True), Kind("s", external_id=True))
    insert(w, "s", email="ann@x.org", first_name="Ann")
    go(w)
    go(w)
    ids = {row(w, k)["external_id"] for k in "ms"}
    assert len(ids) == 1 and None not in ids
    again = World(w.profile, place, name="again")
    again.systems, again.faults, again.clock = w.systems, w.faults, w.clock
    assert not go(again).writes()
    assert {row(w, k)["external_id"] for k in "ms"} == ids
    assert {ref for (ref,) in again.sql("SELECT ref FROM entities")} == ids


def test_a_new_record_whose_answer_was_lost_shows_what_it_showed(place: Path) -> None:
    """Two creates in doubt are found: settling the first moves what is agreed, and the other's empty field is no edit."""
    w = world(place, Kind("m"), Kind("s"), Kind("g", reads=frozenset({"first_name"})), rules=CLEAR)
    insert(w, "m", email="ann@x.org", first_name="Ann")
    w.faults.answer(WriteResult.UNKNOWN, applied=True, times=2)
    go(w)
    w.faults.clear()
    go(w)
    edit(w, "s", "p1", email_opt_out=True)  # whatever makes somebody look again
    go(w)
    go(w)
    assert row(w, "m")["first_name"] == row(w, "s")["first_name"] == "Ann"


NOT_HIGH = "lead.score is None or lead.score < 5"
NOT_OUT = "lead.email_opt_out is None or not lead.email_opt_out"


@pytest.mark.parametrize(("test", "news"), [(NOT_HIGH, {"score": 9}), (NOT_OUT, {"email_opt_out": True})])
def test_a_question_ends_when_our_own_write_takes_a_record_out_of_where(
    place: Path, test: str, news: dict[str, Any]
) -> None:
    """m and s differ about the company. Then m's score, or opt-out, is written to s, which takes no part from then on: its
    company is no rival any more. The question stayed open, and m's company waited, until somebody edited something else."""
    w = world(place, Kind("m"), Kind("s"), Kind("g"), rules=(NEWEST, ("company", "{direction: both, merge: ask}")),
              where=(("s", test),))  # fmt: skip
    insert(w, "m", email="ann@x.org")
    go(w)
    edit(w, "m", "p1", company="Acme")
    edit(w, "s", "p1", company="Bolt")
    assert go(w).exit_code == 3
    edit(w, "m", "p1", **news)
    go(w)
    assert go(w).exit_code == 0
    assert not w.questions()
    assert [row(w, k)["company"] for k in "msg"] == ["Acme", "Bolt", "Acme"]
    assert not go(w).writes()


def test_an_opt_out_is_heard_of_a_new_record_outside_where_whose_answer_was_lost(place: Path) -> None:
    """Ann's score keeps her new record in s out of `where`. Had its answer come, the record would be hers, and its opt-out
    heard; it was lost, and the record found as one that takes no part."""
    w = world(place, Kind("m"), Kind("s"), where=(("s", NOT_HIGH),))
    insert(w, "m", email="ann@x.org", score=9)
    w.faults.answer(WriteResult.UNKNOWN, applied=True, times=1)
    go(w)
    edit(w, "s", "p1", email_opt_out=True)
    go(w)
    assert row(w, "m")["email_opt_out"] is True
    assert len(w.systems["s"].rows("people")) == 1


@pytest.mark.parametrize("gap", ["a guard", "a system that was down"])
def test_nobody_gets_a_record_beside_two_doubtful_ones(place: Path, gap: str) -> None:
    """Ann is known in m. Two records in s have her address, and nobody knows which is hers; a third was made, because her
    values had been agreed with g before and the look for others with her address saw nothing in the row."""
    w = world(place, Kind("m"), Kind("s"), Kind("g"), guards="{first_run: {count: 0}}" if gap == "a guard" else "")
    insert(w, "m", email="ann@x.org", email_opt_out=True)
    if gap == "a guard":
        assert go(w).exit_code == 4
    insert(w, "s", email="ann@x.org", company="Bolt")
    insert(w, "s", email="ann@x.org", company="Corp")
    if gap != "a guard":
        w.faults.fail(lambda: Throttled("as planned"), system="s")
        assert go(w).exit_code == 5
        w.faults.clear()
    for _ in range(3):
        assert go(w, allow=("first_run",)).exit_code == 3
    assert len(w.systems["s"].rows("people")) == 2
    assert len(w.systems["g"].rows("people")) == 1
    assert [kind for _, _, kind, _ in w.questions()] == ["identity"]


def test_what_a_limit_held_is_not_forgotten_by_a_run_that_dies(place: Path) -> None:
    """Ann's edit is over the limit of one run. The next one plans it, and dies before its plan is released: what was owed
    had been struck out with the planning, and the edit never arrived."""
    for point in range(1, 200):
        w = world(place, Kind("m"), Kind("s"))
        w.between_statements = True
        insert(w, "m", email="ann@x.org", company="Acme")
        insert(w, "m", email="bea@x.org", company="Acme")
        go(w)
        edit(w, "m", "p1", company="Bolt")
        go(w, limit=0)
        edit(w, "m", "p2", company="Corp")
        w.clock.advance(300)
        w.faults.crash_in(point)
        if w.run().exit_code is not None:
            break
        go(w)
        go(w)
        found = {r["s_email"]: r["s_company"] for r in w.systems["s"].rows("people").values()}
        assert found == {"ann@x.org": "Bolt", "bea@x.org": "Corp"}, f"killed at point {point}"
    assert point > 40


def test_what_a_guard_holds_is_not_put_back_again_and_again(place: Path) -> None:
    """m's score is g's to say, and a guard holds its restoration for days. It was counted as put back in each of these
    runs, so that the field was parked when the guard let it pass: g's score never came back."""
    rules = (NEWEST, ("score", "{direction: both, owner: g}"))
    w = world(place, Kind("m"), Kind("g"), rules=rules, guards="{updates: {count: 0, share: 0}}")
    insert(w, "g", email="ann@x.org", score=9)
    go(w)
    edit(w, "m", "p1", score=0)
    for _ in range(5):
        assert go(w).exit_code == 4
    assert go(w, allow=("updates",)).exit_code == 0
    assert row(w, "m")["score"] == 9
    for _ in range(2):
        edit(w, "m", "p1", score=0)
        go(w, allow=("updates",))
    edit(w, "m", "p1", score=0)
    assert go(w, allow=("updates",)).exit_code == 3, "three times it was put back"
    assert row(w, "m")["score"] == 0


def test_an_edit_is_no_first_meeting_with_a_record_made_of_what_was_agreed(place: Path) -> None:
    """Everything about Ann was agreed when g came, but for a company that one rule leaves alone. Her last name changes in s
    while her record in g is made: g's copy of the old one was taken for somebody's word, and newer than the edit."""
    w = world(
        place, Kind("m"), Kind("s"), Kind("g", create="never"), rules=(NEWEST, ("company", "{direction: from m}"))
    )
    insert(w, "s", email="ann@x.org", last_name="Ore", company="Bolt")
    go(w)
    w.reconfigure(replace(w.profile, kinds=tuple(replace(k, create="always") for k in w.profile.kinds)))

    def pit() -> None:
        edit(w, "s", "p1", last_name="Pit")
        w.clock.advance(60)

    hit = meanwhile(w, "g.people.write", pit)
    go(w)
    assert hit and row(w, "g")["last_name"] == "Ore"
    assert go(w).exit_code == 0
    assert [row(w, k)["last_name"] for k in "msg"] == ["Pit"] * 3


def test_our_own_write_decides_no_open_question(place: Path) -> None:
    """Two last names, and no times that tell. g gets a title, keeps it in its own way, and tells neither that nor who wrote: its
    record looked edited since, and its last name was written over the other one."""
    silent = Kind("g", echo="none", tells_user=False, lowers=frozenset({"job_title"}))
    w = world(place, Kind("s"), silent)
    insert(w, "g", email="ann@x.org", last_name="Pit")
    insert(w, "s", email="ann@x.org", last_name="Ore", job_title="CTO")
    for _ in range(3):
        assert go(w).exit_code == 3
    assert [name for _, name, _, _ in w.questions()] == ["last_name"]
    assert (row(w, "s")["last_name"], row(w, "g")["last_name"], row(w, "g")["job_title"]) == ("Ore", "Pit", "cto")
    edit(w, "g", "p1", last_name="Pitt")
    assert go(w).exit_code == 0
    assert row(w, "s")["last_name"] == "Pitt"


def test_half_a_union_is_no_edit_of_the_other_half(place: Path) -> None:
    """m took one tag out and s the other one: together they keep both. s is written, m is not (its record changed under our
    hands): what m showed has lost all the same, and must not be taken for a later edit that takes the tag out everywhere."""
    w = world(place, Kind("m"), Kind("s"), rules=(NEWEST, ("tags", "{direction: both, merge: union}")))
    insert(w, "m", email="ann@x.org", tags=["a", "b"])
    go(w)
    edit(w, "m", "p1", tags=["a"])
    edit(w, "s", "p1", tags=["b"])
    w.faults.answer(WriteResult.CONFLICT, applied=False, times=1)
    go(w)
    w.faults.clear()
    go(w)
    assert row(w, "m")["tags"] == row(w, "s")["tags"] == ["a", "b"]


def test_an_opt_out_that_never_left_is_accounted_for(place: Path) -> None:
    """s fails at its first opt-out; the one of the next object is never sent. It stays under way, and the figures say so."""
    w = world(place, Kind("m"), Kind("s", streams=("people", "contacts")))
    insert(w, "m", email="ann@x.org")
    insert(w, "m", email="bea@x.org")
    w.systems["s"].insert("contacts", {"s_email": "bea@x.org"})
    go(w)
    edit(w, "m", "p1", email_opt_out=True)
    edit(w, "m", "p2", email_opt_out=True)
    w.faults.fail(lambda: AuthFailed("as planned"), system="s", kind="write")
    seen = go(w)
    assert seen.exit_code == 5
    figures(seen)
    go(w)
    assert row(w, "s", "p1")["email_opt_out"] is True
    assert w.systems["s"].rows("contacts")["c1"]["s_email_opt_out"] is True


def test_a_write_that_only_changes_the_case_is_not_taken_for_arrived(place: Path) -> None:
    """The run dies between marking the write as sent and sending it. The record shows what it showed before, which is the
    same but for capitals: it was believed to have arrived, and the old spelling to be how s keeps the new one."""
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "m", email="ann@x.org", company="Bolt")
    go(w)
    edit(w, "m", "p1", company="BOLT")
    w.clock.advance(300)
    plain = w.faults.point

    def point(name: str) -> None:
        if name == "s.people.write":
            w.faults.crash_in(1)
        plain(name)

    w.faults.point = point  # type: ignore[method-assign]
    assert w.run().exit_code is None
    w.faults.point = plain  # type: ignore[method-assign]
    go(w)
    assert row(w, "s")["company"] == "BOLT"
