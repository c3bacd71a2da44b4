"""Rules per field: who may change it, who wins when several did, and what is left alone with its reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest


def both_edited(
    world: Any, rule: dict[str, Any], first: Any, second: Any, field: str = "company", **options: Any
) -> Any:
    """Ada is known on both sides; marketing sets ``first``, a minute later sales sets ``second``; no run between."""
    w = world(fields={field: rule}, also=() if field in ("company", "score") else (field,), **options)
    w.ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(w.ada, "marketing", **{field: first})
    w.later(minutes=1)
    w.edit(w.ada, "sales", **{field: second})
    return w


def shown(w: Any, field: str = "company") -> tuple[Any, Any]:
    return w.row(w.ada, "marketing")[field], w.row(w.ada, "sales")[field]


# -- blank -------------------------------------------------------------------------------------------------------


def test_blank_keep_an_empty_value_never_overwrites(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales", company="Analytical Engines")
    w.run()
    w.edit(ada, "sales", company=None)
    ran = w.run()
    assert w.shows(ada, "marketing", company="Analytical Engines")
    assert w.shows(ada, "sales", company=None)
    assert any("blank" in reason for _, _, reason in ran.left)
    w.quiet()


def test_blank_keep_the_next_news_fills_the_emptied_side_again(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales", company="Analytical Engines")
    w.run()
    w.edit(ada, "sales", company=None)
    w.run()
    w.edit(ada, "marketing", company="Difference Engines")
    w.run()
    assert w.shows(ada, "sales", company="Difference Engines")


def test_blank_clear_passes_an_emptied_value_on(world: Any) -> None:
    w = world(fields={"company": {"blank": "clear"}})
    ada = w.person("Ada Lovelace", "marketing sales", company="Analytical Engines")
    w.run()
    w.edit(ada, "sales", company=None)
    w.run()
    assert w.shows(ada, "marketing", company=None)
    w.quiet()


def test_blank_clear_never_empties_at_adoption(world: Any) -> None:
    w = world(fields={"company": {"blank": "clear"}})
    ada = w.person("Ada Lovelace", "marketing", company="Analytical Engines")
    w.later(minutes=1)
    w.enter(ada, "sales", email="ada.lovelace@example.com", last_name="Lovelace")
    w.run()
    assert w.shows(ada, "marketing", company="Analytical Engines")
    assert w.shows(ada, "sales", company="Analytical Engines")


# -- owner and direction -----------------------------------------------------------------------------------------


def test_the_owners_value_stands_whenever_it_arrives(world: Any) -> None:
    w = both_edited(world, {"owner": "marketing"}, "Marketing's", "Sales's")
    w.run()
    assert shown(w) == ("Marketing's", "Marketing's")


def test_enforce_restore_puts_the_owners_value_back(world: Any) -> None:
    w = world(fields={"phone": {"owner": "sales"}})
    ada = w.person("Ada Lovelace", "marketing sales", phone="+442079460000")
    w.run()
    w.edit(ada, "marketing", phone="+442079460001")
    w.run()
    assert w.shows(ada, "marketing", phone="+442079460000")
    assert w.shows(ada, "sales", phone="+442079460000")
    assert "+442079460001" in str(w.audit(ada))  # what lost is in the history


def test_enforce_leave_leaves_the_difference_and_says_so(world: Any) -> None:
    w = world(fields={"phone": {"owner": "sales", "enforce": "leave"}})
    ada = w.person("Ada Lovelace", "marketing sales", phone="+442079460000")
    w.run()
    w.edit(ada, "marketing", phone="+442079460001")
    ran = w.run()
    assert w.shows(ada, "marketing", phone="+442079460001")
    assert w.shows(ada, "sales", phone="+442079460000")
    assert any("enforce: leave" in reason for _, _, reason in ran.left)
    w.quiet()
    w.edit(ada, "sales", phone="+442079460002")  # the owner's own news flows all the same
    w.run()
    assert w.shows(ada, "marketing", phone="+442079460002")


def test_while_the_owner_is_empty_another_side_fills_it(world: Any) -> None:
    w = world(fields={"phone": {"owner": "sales"}})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", phone="+442079460001")
    w.run()
    assert w.shows(ada, "sales", phone="+442079460001")


def test_direction_from_only_that_sides_edits_flow(world: Any) -> None:
    w = world(fields={"score": {"direction": "from marketing"}})
    ada = w.person("Ada Lovelace", "marketing sales", score=10)
    w.run()
    w.edit(ada, "sales", score=99)
    ran = w.run()
    assert w.shows(ada, "marketing", score=10)
    assert w.shows(ada, "sales", score=99)
    assert any("one way" in reason for _, _, reason in ran.left)
    w.quiet()
    w.edit(ada, "marketing", score=11)
    w.run()
    assert w.shows(ada, "sales", score=11)


def test_a_field_that_is_read_only_on_a_side_is_one_way_there_by_itself(world: Any) -> None:
    w = world(infos={"marketing": {"score": {"writable": False}}})
    ada = w.person("Ada Lovelace", "marketing sales", score=10)
    w.run()
    w.edit(ada, "sales", score=99)
    ran = w.run()
    assert ran.exit_code == 0
    assert w.shows(ada, "marketing", score=10)
    w.edit(ada, "marketing", score=12)
    w.run()
    assert w.shows(ada, "sales", score=12)
    w.quiet()


# -- merge -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "merge", "first", "second", "stands"),
    [
        ("score", "min", 7, 5, 5),
        ("score", "min", 5, 7, 5),
        ("score", "max", 7, 5, 7),
        ("score", "max", 0, 5, 5),
        ("tags", "union", ["a", "b"], ["b", "c"], ["a", "b", "c"]),
    ],
)
def test_merges_that_need_no_time(world: Any, field: str, merge: str, first: Any, second: Any, stands: Any) -> None:
    w = both_edited(world, {"merge": merge}, first, second, field)
    w.run()
    assert shown(w, field) == (stands, stands)
    w.quiet()


@pytest.mark.parametrize(("merge", "stands"), [("earliest", "2026-01-02"), ("latest", "2026-03-04")])
def test_merges_of_dates(world: Any, merge: str, stands: str) -> None:
    w = both_edited(
        world, {"merge": merge}, "2026-03-04", "2026-01-02", "first_seen",
        entities={"lead": {"fields": {"first_seen": {"type": "date"}}}},
    )  # fmt: skip
    w.run()
    assert shown(w, "first_seen") == (stands, stands)


def test_a_set_that_one_side_shortened_is_no_union_with_itself(world: Any) -> None:
    w = world(fields={"tags": {"merge": "union"}}, also=["tags"])
    ada = w.person("Ada Lovelace", "marketing sales", tags=["a", "b"])
    w.run()
    w.edit(ada, "sales", tags=["a"])
    w.run()
    assert w.shows(ada, "marketing", tags=["a"])


def test_merge_ask_asks_and_an_answer_settles_it(world: Any) -> None:
    w = both_edited(world, {"merge": "ask"}, "Marketing's", "Sales's")
    assert w.run().exit_code == 3
    (question,) = w.conflicts()
    assert shown(w) == ("Marketing's", "Sales's")
    assert w.run().exit_code == 3  # the same question, asked once
    assert [q.id for q in w.conflicts()] == [question.id]
    w.answer(question, "Sales's")
    assert w.run().exit_code == 0
    assert shown(w) == ("Sales's", "Sales's")
    assert w.conflicts() == []
    w.quiet()


def test_a_conflict_blocks_its_own_field_only(world: Any) -> None:
    w = both_edited(world, {"merge": "ask"}, "Marketing's", "Sales's")
    w.edit(w.ada, "marketing", phone="+442079460000")
    w.run()
    assert w.shows(w.ada, "sales", phone="+442079460000", company="Sales's")


def test_a_conflict_ends_when_people_agree_by_themselves(world: Any) -> None:
    w = both_edited(world, {"merge": "ask"}, "Marketing's", "Sales's")
    w.run()
    w.edit(w.ada, "marketing", company="Sales's")
    assert w.run().exit_code == 0
    assert w.conflicts() == []
    assert shown(w) == ("Sales's", "Sales's")


# -- newest, by evidence -----------------------------------------------------------------------------------------


def test_newest_two_edits_since_one_observation_cannot_be_ordered(world: Any) -> None:
    """Each lies somewhere in (previous observation, record time]: overlapping intervals are no evidence."""
    w = both_edited(world, {"merge": "newest"}, "Marketing's", "Sales's")
    assert w.run().exit_code == 3
    (question,) = w.conflicts()
    evidence = question.body["values"]
    assert set(evidence) == {"marketing", "sales"}
    assert all(said["until"] for said in evidence.values())


def test_newest_an_edit_seen_by_an_earlier_run_is_older(world: Any) -> None:
    """A guard held the first one, so both stand unsettled; the second is known to be later."""
    w = world(guards={"updates": {"count": 0, "share": 0}})
    w.ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(w.ada, "marketing", company="Marketing's")
    assert w.run().exit_code == 4
    w.edit(w.ada, "sales", company="Sales's")
    assert w.run(allow="updates").exit_code == 0
    assert shown(w) == ("Sales's", "Sales's")
    assert "Marketing's" in str(w.audit(w.ada))


def test_newest_with_field_history_the_later_edit_stands(world: Any) -> None:
    history = {"tells_history": True}
    w = both_edited(world, {"merge": "newest"}, "Marketing's", "Sales's", marketing=history, sales=history)
    assert w.run().exit_code == 0
    assert shown(w) == ("Sales's", "Sales's")


def test_newest_by_history_not_by_the_records_own_time(world: Any) -> None:
    history = {"tells_history": True}
    w = both_edited(world, {"merge": "newest"}, "Marketing's", "Sales's", marketing=history, sales=history)
    w.later(minutes=1)
    w.edit(w.ada, "marketing", phone="+442079460000")  # moves the record's time, not the field's
    assert w.run().exit_code == 0
    assert shown(w) == ("Sales's", "Sales's")


@pytest.mark.parametrize(("apart", "code"), [(1.0, 3), (2.5, 0)])
def test_newest_needs_more_than_the_skew_between_two_edits(world: Any, apart: float, code: int) -> None:
    history = {"tells_history": True}
    w = world(marketing=history, sales=history)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Marketing's")
    w.later(seconds=apart)
    w.edit(ada, "sales", company="Sales's")
    assert w.run().exit_code == code


def test_a_coarser_clock_widens_the_skew(world: Any) -> None:
    minute = {"tells_history": True, "resolution": timedelta(minutes=1)}
    w = world(marketing=minute, sales={"tells_history": True})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Marketing's")
    w.later(seconds=30)
    w.edit(ada, "sales", company="Sales's")
    assert w.run().exit_code == 3


@pytest.mark.parametrize("winner", ["marketing", "sales"])
def test_tie_names_the_connection_that_stands_when_times_do_not_tell(world: Any, winner: str) -> None:
    w = both_edited(world, {"merge": "newest", "tie": winner}, "marketing's", "sales's")
    assert w.run().exit_code == 0
    assert shown(w) == (f"{winner}'s", f"{winner}'s")


def test_a_tie_does_not_beat_evidence(world: Any) -> None:
    history = {"tells_history": True}
    w = both_edited(world, {"tie": "marketing"}, "Marketing's", "Sales's", marketing=history, sales=history)
    w.run()
    assert shown(w) == ("Sales's", "Sales's")


def test_a_server_whose_clock_is_ahead_gets_no_advantage(world: Any) -> None:
    w = world(marketing={"skew": timedelta(hours=1)})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")
    w.run()
    w.edit(ada, "sales", company="Difference Engines")
    ran = w.run()
    assert ran.exit_code == 0
    assert w.shows(ada, "marketing", company="Difference Engines")
    w.edit(ada, "marketing", company="Third name")
    w.run()
    assert w.shows(ada, "sales", company="Third name")


def test_the_same_edit_on_both_sides_is_no_conflict_and_writes_nothing(world: Any) -> None:
    w = both_edited(world, {}, "Same", "Same")
    ran = w.run()
    assert (ran.exit_code, ran.wrote) == (0, 0)


def test_our_own_write_is_no_edit_of_theirs(world: Any) -> None:
    """The record time of a version that our own receipt made is not evidence of a person's edit."""
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")
    w.run()  # sales is written now: its record time moves
    w.edit(ada, "marketing", company="Difference Engines")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", company="Difference Engines")


def test_one_way_news_reaches_a_side_that_was_left_alone_when_another_job_brought_it(world: Any) -> None:
    w = world("marketing", "sales", "support", jobs={
        "people": {"between": ["marketing", "sales"]},
        "tickets": {"between": ["sales", "support"], "fields": {"*": {"direction": "from sales"}}},
    })  # fmt: skip
    ada = w.person("Ada Lovelace", "marketing sales support", company="Old")
    w.run()
    w.run()
    w.edit(ada, "support", company="Support's")
    w.run()
    assert w.shows(ada, "support", company="Support's")
    assert w.shows(ada, "sales", company="Old")
    w.edit(ada, "marketing", company="New")
    w.run()
    w.run()
    assert w.shows(ada, "support", company="New")
    w.quiet()


def test_news_for_a_side_that_was_left_alone_is_not_forgotten_when_it_could_not_be_written(world: Any) -> None:
    w = world(fields={"company": {"direction": "from marketing"}})
    ada = w.person("Ada Lovelace", "marketing sales", company="Old")
    third = w.person("Bob Noyce", "marketing sales", company="Old")
    w.run()
    w.edit(ada, "sales", company="Sales's")
    w.run()
    w.edit(third, "marketing", company="New")
    w.edit(ada, "marketing", company="New")
    w.run(limit=0)
    w.run()
    assert w.shows(ada, "sales", company="New")
    w.quiet()
