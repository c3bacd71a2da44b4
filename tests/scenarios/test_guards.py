"""Nobody is created, changed, emptied or deleted in masses by surprise: one history per guard, one with the override.

The numbers are those of interface.md; the first test holds the whole table against them.
"""

from __future__ import annotations

from typing import Any

import pytest

from smarksync.config.guards import DEFAULT_GUARDS
from smarksync.plan.guard import Load, weigh


def test_the_limits_are_those_of_the_interface() -> None:
    limits = {name: (one.count, one.share, one.cap) for name, one in DEFAULT_GUARDS.items()}
    assert limits == {
        "first_run": (100, None, None),
        "creates": (100, 0.20, 5_000),
        "updates": (500, 0.25, None),
        "deletes": (10, 0.02, 500),
        "blanks": (20, 0.01, 1_000),
        "owner_changes": (100, 0.10, None),
        "lifecycle_regressions": (20, 0.02, None),
        "share": (500, 0.30, None),
        "adoption": (100, 0.10, None),
        "emptied_side": (20, 0.50, None),
        "quota": (None, 0.80, None),
    }


#: guard, what is counted, N, P in percent, cap
TABLE = [
    ("creates", "creates", 100, 20, 5_000),
    ("updates", "updates", 500, 25, None),
    ("deletes", "deletes", 10, 2, 500),
    ("owner_changes", "owner_changes", 100, 10, None),
    ("lifecycle_regressions", "lifecycle_regressions", 20, 2, None),
    ("share", "records", 500, 30, None),
    ("adoption", "adoption", 100, 10, None),
]


@pytest.mark.parametrize(("guard", "counted", "count", "share", "cap"), TABLE, ids=[row[0] for row in TABLE])
def test_a_guard_trips_past_count_and_share_or_at_the_cap(
    guard: str, counted: str, count: int, share: int, cap: int | None
) -> None:
    def trips(n: int, linked: int) -> list[str]:
        load = Load("sales:people", linked)
        setattr(load, counted, n)
        return [trip.guard for trip in weigh([load], DEFAULT_GUARDS, first_run=False)]

    assert trips(count + 1, count) == [guard]
    assert trips(count, count) == []  # not more than N
    assert trips(count + 1, 100 * (count + 1) // share) == []  # not more than P
    assert trips(count + 1, 100 * (count + 1) // share - 1) == [guard]
    if cap is not None:
        assert trips(cap, 100_000_000) == [guard]
        assert trips(cap - 1, 100_000_000) == []


def test_blanks_are_counted_field_by_field() -> None:
    def trips(**blanks: int) -> list[str]:
        load = Load("sales:people", 100, blanks=blanks)
        return [trip.guard for trip in weigh([load], DEFAULT_GUARDS, first_run=False)]

    assert trips(phone=20, company=20) == []
    assert trips(phone=21, company=20) == ["blanks"]


# -- first_run ---------------------------------------------------------------------------------------------------


def test_first_run_stops_at_101_new_records_and_says_how_to_let_it_pass(world: Any) -> None:
    w = world()
    w.people(101)
    ran = w.run()
    assert ran.exit_code == 4
    assert ran.stopped_by == "first_run"
    assert w.count("sales") == 0
    assert "101 new records" in ran.text
    assert "smarksync run people --allow first_run" in ran.text
    assert ran["sales"]["planned"] == ran["sales"]["held"] == 101


def test_first_run_lets_100_new_records_pass(world: Any) -> None:
    w = world()
    w.people(100)
    ran = w.run()
    assert (ran.exit_code, ran.stopped_by) == (0, None)
    assert w.count("sales") == 100


def test_first_run_passes_once_it_is_allowed(world: Any) -> None:
    w = world()
    w.people(101)
    assert w.run().exit_code == 4
    ran = w.run(allow="first_run")
    assert (ran.exit_code, ran["sales"]["created"]) == (0, 101)
    w.quiet()


def test_first_run_stands_in_until_one_run_has_settled_its_whole_plan(world: Any) -> None:
    w = world()
    w.people(150)
    assert w.run(allow="first_run", limit=40).wrote == 40
    assert w.run().stopped_by == "first_run"  # 110 are left
    w.run(allow="first_run")
    w.people(20, start=200)
    assert w.run().exit_code == 0


def test_a_second_run_says_since_when_it_is_held_and_plans_the_same(world: Any) -> None:
    w = world()
    w.people(101)
    first = w.run()
    assert "Held since" not in first.text
    when = first.report["started_at"][:16]
    again = w.run()
    assert again.exit_code == 4
    assert f"Held since {when[:16].replace('T', ' ')} UTC" in again.text
    assert again["sales"]["held"] == 101
    assert not any(again.sent.values())


def test_a_dry_run_exits_as_the_run_would(world: Any) -> None:
    w = world()
    w.people(101)
    assert w.plan().exit_code == 4
    assert w.plan(allow="first_run").exit_code == 0


def test_allowing_a_guard_that_does_not_trip_is_fine(world: Any) -> None:
    w = world()
    w.person("Ada Lovelace")
    assert w.run(allow="deletes quota").exit_code == 0


# -- the guards of later runs ------------------------------------------------------------------------------------


def test_creates_stops_and_passes_when_allowed(world: Any) -> None:
    w = world()
    w.people(100)
    w.run()
    w.people(101, start=1000)
    ran = w.run()
    assert (ran.exit_code, ran.stopped_by) == (4, "creates")
    assert w.count("sales") == 100
    ran = w.run(allow="creates")
    assert (ran.exit_code, ran["sales"]["created"]) == (0, 101)


def test_creates_lets_100_pass_whatever_their_share(world: Any) -> None:
    w = world()
    w.people(10)
    w.run()
    w.people(100, start=1000)
    assert w.run().exit_code == 0


def test_updates_and_share_stop_501_changes_and_each_needs_its_own_word(world: Any) -> None:
    w = world()
    everyone = w.people(501, "marketing sales")
    w.run()
    for someone in everyone:
        w.edit(someone, "marketing", company="Analytical Engines")
    ran = w.run()
    assert ran.exit_code == 4
    assert "updates: 501" in ran.text
    assert "share: 501" in ran.text
    assert "--allow share --allow updates" in ran.text
    assert w.run(allow="updates").stopped_by == "share"
    ran = w.run(allow="updates share")
    assert (ran.exit_code, ran["sales"]["updated"]) == (0, 501)
    for someone in everyone[:3]:
        w.edit(someone, "marketing", company="Difference Engines")
    assert w.run().exit_code == 0


def test_deletes_stops_11_and_passes_when_allowed(world: Any) -> None:
    w = world(deletes={"sales": "delete"})
    everyone = w.people(20, "marketing sales")
    w.run()
    for someone in everyone[:11]:
        w.delete(someone, "marketing")
    ran = w.run()
    assert (ran.exit_code, ran.stopped_by) == (4, "deletes")
    assert w.count("sales") == 20
    assert w.run().stopped_by == "deletes"
    ran = w.run(allow="deletes")
    assert (ran.exit_code, ran["sales"]["deleted"]) == (0, 11)
    assert w.count("sales") == 9


def test_archiving_counts_as_deleting(world: Any) -> None:
    w = world(deletes={"sales": "archive"})
    everyone = w.people(20, "marketing sales")
    w.run()
    for someone in everyone[:11]:
        w.delete(someone, "marketing")
    assert w.run().stopped_by == "deletes"
    assert w.run(allow="deletes")["sales"]["archived"] == 11


def test_ten_deletes_pass(world: Any) -> None:
    w = world(deletes={"sales": "delete"})
    everyone = w.people(20, "marketing sales")
    w.run()
    for someone in everyone[:10]:
        w.delete(someone, "marketing")
    assert w.run().exit_code == 0
    assert w.count("sales") == 10


def test_blanks_stops_21_emptied_values_of_one_field(world: Any) -> None:
    w = world(fields={"phone": {"blank": "clear"}})
    everyone = w.people(21, "marketing sales", phone="+442079460000")
    w.run()
    for someone in everyone:
        w.edit(someone, "marketing", phone=None)
    ran = w.run()
    assert (ran.exit_code, ran.stopped_by) == (4, "blanks")
    assert "21 values of phone" in ran.text
    assert w.shows(everyone[0], "sales", phone="+442079460000")
    assert w.run(allow="blanks").exit_code == 0
    assert w.shows(everyone[0], "sales", phone=None)


def test_lifecycle_regressions_stops_21_moves_backwards(world: Any) -> None:
    w = world(also=["lifecycle"])
    everyone = w.people(21, "marketing sales", lifecycle="mql")
    w.run()
    for someone in everyone:
        w.edit(someone, "sales", lifecycle="recycled")
    ran = w.run()
    assert (ran.exit_code, ran.stopped_by) == (4, "lifecycle_regressions")
    assert w.shows(everyone[0], "marketing", lifecycle="mql")
    assert w.run(allow="lifecycle_regressions").exit_code == 0
    assert w.shows(everyone[0], "marketing", lifecycle="recycled")


def test_adoption_stops_101_overwritten_records(world: Any) -> None:
    w = world()
    for number in range(101):
        someone = w.person(f"Person{number} Doe", "marketing", company="Old name")
        w.later(seconds=10)
        w.enter(someone, "sales", email=f"person{number}.doe@example.com", last_name="Doe", company="New name")
    ran = w.run()
    assert (ran.exit_code, ran.stopped_by) == (4, "adoption")
    assert "adoption: 101" in ran.text
    assert w.run(allow="adoption").exit_code == 0
    assert w.shows(someone, "marketing", company="New name")


def test_filling_empty_fields_at_adoption_is_no_overwriting(world: Any) -> None:
    w = world()
    w.people(101, "marketing", company="Analytical Engines")
    for number in range(101):
        w.systems["sales"].insert("people", email=f"person{number}.doe@example.com", last_name="Doe")
    ran = w.run()
    assert (ran.exit_code, ran["sales"]["updated"]) == (0, 101)


def test_an_emptied_side_stops_the_job_and_nothing_is_taken_for_deleted(world: Any) -> None:
    w = world(marketing={"full_scan": True}, deletes={"sales": "delete"})
    everyone = w.people(30)
    w.run()
    for someone in everyone[:16]:
        w.delete(someone, "marketing")
    ran = w.run()
    assert (ran.exit_code, ran.stopped_by) == (4, "emptied_side")
    assert "shows 14 rows and had 30" in ran.text
    assert w.count("sales") == 30
    again = w.run()
    assert again.stopped_by == "emptied_side"  # what it had counts until somebody allows that it has less
    ran = w.run(allow="emptied_side deletes")
    assert (ran.exit_code, ran["sales"]["deleted"]) == (0, 16)
    w.quiet()


def test_an_empty_side_that_is_allowed_still_needs_the_word_for_deletes(world: Any) -> None:
    w = world(marketing={"full_scan": True}, deletes={"sales": "delete"})
    everyone = w.people(21)
    w.run()
    for someone in everyone:
        w.delete(someone, "marketing")
    assert w.run().stopped_by == "emptied_side"
    assert w.run(allow="emptied_side").stopped_by == "deletes"
    assert w.count("sales") == 21


def test_a_small_side_may_lose_most_of_its_rows_and_not_all_of_them(world: Any) -> None:
    w = world(marketing={"full_scan": True})
    everyone = w.people(20)
    w.run()
    for someone in everyone[1:]:
        w.delete(someone, "marketing")
    assert w.run().exit_code == 0
    assert w.count("sales") == 20  # `deletes` says nothing: they are ignored and reported
    w.delete(everyone[0], "marketing")
    ran = w.run()
    assert (ran.exit_code, ran.stopped_by) == (4, "emptied_side")
    assert "shows 0 rows and had 1;" in ran.text
    assert w.run(allow="emptied_side").exit_code == 0


def test_a_side_that_empties_deletes_nobody_however_small_it_was(world: Any) -> None:
    w = world(marketing={"full_scan": True}, deletes={"sales": "delete"})
    everyone = w.people(3)
    w.run()
    for someone in everyone:
        w.delete(someone, "marketing")
    assert w.run().stopped_by == "emptied_side"
    assert w.count("sales") == 3
    assert w.run(allow="emptied_side")["sales"]["deleted"] == 3


def test_quota_stops_a_plan_that_would_take_more_than_80_percent_of_what_is_left(world: Any) -> None:
    w = world(sales={"max_batch": 1})
    w.people(9)
    w.budgets["sales"] = 11
    ran = w.run()
    assert (ran.exit_code, ran.stopped_by) == (4, "quota")
    assert w.run(allow="quota").exit_code == 0
    assert w.count("sales") == 9


def test_quota_lets_80_percent_pass(world: Any) -> None:
    w = world(sales={"max_batch": 1})
    w.people(8)
    w.budgets["sales"] = 10
    assert w.run().exit_code == 0


def test_opt_outs_alone_never_trip_the_quota(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.budgets["sales"] = 0
    w.edit(ada, "marketing", email_opt_out=True)
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", email_opt_out=True)


def test_objects_of_one_system_draw_on_one_quota() -> None:
    """Each takes half of what is left, together they take it all."""
    loads = [Load(f"sales:{name}", 0, calls=50, budget_left=100) for name in ("leads", "contacts")]
    (trip,) = weigh(loads, DEFAULT_GUARDS, first_run=False)
    assert (trip.guard, trip.side, trip.count) == ("quota", "sales", 100)
    assert weigh(loads[:1], DEFAULT_GUARDS, first_run=False) == []


def test_a_reserve_is_kept_for_hand_offs(world: Any) -> None:
    """8 calls would be fine with 10 left; not when 1 of them is promised to the next MQL."""
    w = world(sales={"max_batch": 1})
    w.config["connections"]["sales"]["reserve"] = 1
    w.people(8)
    w.budgets["sales"] = 10
    ran = w.run()
    assert (ran.exit_code, ran.stopped_by) == (4, "quota")
    assert "9 left today (1 more are kept for hand-offs)" in ran.text
    w.config["connections"]["sales"]["reserve"] = 0
    assert w.run().exit_code == 0


def test_limits_of_the_config_replace_those_of_the_interface_and_those_of_the_job_come_last(world: Any) -> None:
    w = world(guards={"first_run": {"count": 2}})
    w.people(3)
    assert w.run().stopped_by == "first_run"
    w.job["guards"] = {"first_run": {"count": 3}}
    assert w.run().exit_code == 0
