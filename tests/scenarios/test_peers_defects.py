"""Defects read in the code of peers: each row of that table, as a history that would break them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from smarksync.errors import AuthFailed, LeaseHeld, LeaseLost, PermissionDenied, Throttled
from smarksync.ledger import lease
from smarksync.plugin import WriteResult


def test_a_change_in_one_of_three_systems_reaches_both_others_exactly_once(world: Any) -> None:
    w = world("marketing", "sales", "support")
    ada = w.person("Ada Lovelace", "marketing sales support")
    w.run()
    w.edit(ada, "marketing", phone="+442079460001")
    ran = w.run()
    assert [len(ran.sent[name]) for name in w.names] == [0, 1, 1]
    assert w.shows(ada, "sales", phone="+442079460001")
    assert w.shows(ada, "support", phone="+442079460001")
    w.quiet()


def test_equal_times_on_both_sides_leave_a_conflict_on_record(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")
    w.edit(ada, "sales", company="Difference Engines")
    ran = w.run()
    assert ran.exit_code == 3
    (question,) = w.conflicts()
    assert question.field == "company"
    assert {v["value"] for v in question.body["values"].values()} == {"Analytical Engines", "Difference Engines"}
    assert w.shows(ada, "marketing", company="Analytical Engines")
    assert w.shows(ada, "sales", company="Difference Engines")


def test_two_candidates_for_one_person_wait_in_a_queue_and_nothing_is_written(world: Any) -> None:
    w = world(create={"marketing": "never", "sales": "never"})
    w.person("Ada Lovelace", "marketing")
    w.person("Ada Lovelace", "marketing")
    w.person("Ada Lovelace", "sales", phone="+442079460000")
    ran = w.run()
    assert ran.exit_code == 3
    assert not any(ran.sent.values())
    assert {held.kind for held in w.quarantine()} <= {"ambiguous", "duplicate"}
    assert all(held.facts["candidates"] for held in w.quarantine())


def test_an_empty_required_field_is_quarantined_and_never_invented(world: Any) -> None:
    w = world(infos={"sales": {"company": {"required": True}}})
    ada = w.person("Ada Lovelace", "marketing")
    ran = w.run()
    assert ran.exit_code == 3
    assert w.count("sales") == 0
    (held,) = w.quarantine()
    assert (held.kind, held.code, held.field) == ("required", "SMK-REQUIRED", "company")
    w.edit(ada, "marketing", company="Analytical Engines")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", company="Analytical Engines")


def test_planning_leaves_every_table_as_it_was(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.person("Bob Noyce", "marketing")
    w.run()
    w.edit(ada, "sales", phone="+442079460000")
    w.person("Grace Hopper", "sales")
    before = tables(w)
    ran = w.plan()
    assert ran["marketing"]["planned"] == ran["marketing"]["held"] == 2
    assert not any(ran.sent.values())
    assert tables(w) == before


def tables(w: Any) -> dict[str, list[Any]]:
    names = [row[0] for row in w.query("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {name: w.query(f"SELECT * FROM {name}") for name in names}


@pytest.mark.parametrize(
    "error",
    [AuthFailed("401"), PermissionDenied("403"), Throttled("429", retry_after=60)],
    ids=["401", "403", "429"],
)
@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_refusal_in_mid_run_ends_with_exit_code_5_and_is_made_good_by_the_next_run(
    world: Any, error: Exception, kind: str
) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", phone="+442079460001")
    w.faults.fail(error, system="sales", kind=kind)
    ran = w.run()
    assert ran.exit_code == 5
    assert "sales" in ran.text
    assert w.shows(ada, "sales", phone=None)
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", phone="+442079460001")


def test_two_runs_at_once_the_second_ends_with_75_and_names_the_first(world: Any) -> None:
    w = world()
    w.person("Ada Lovelace", "marketing")
    seen: list[LeaseHeld] = []

    def meanwhile(run: Any) -> list[Any]:
        with pytest.raises(LeaseHeld) as caught:
            w.run(wait=0)
        seen.append(caught.value)
        assert run.run_id in str(caught.value)
        return []

    w.run(after_plan=meanwhile)
    assert seen[0].exit_code == 75
    assert w.run().exit_code == 0


def test_ten_skipped_runs_lose_nothing(world: Any) -> None:
    w = world()
    people = w.people(10, "marketing sales")
    w.run()
    for number, someone in enumerate(people):
        w.later(minutes=15)
        w.edit(someone, "marketing" if number % 2 else "sales", company=f"Company {number}")
    w.run(wait=7200)
    for number, someone in enumerate(people):
        assert w.shows(someone, "marketing", company=f"Company {number}")
        assert w.shows(someone, "sales", company=f"Company {number}")
    w.quiet()


def test_a_mixed_batch_gives_each_record_its_own_state(world: Any) -> None:
    w = world(create={"marketing": "always", "sales": "never"})
    people = w.people(6, "marketing sales")
    w.run()
    for someone in people:
        w.edit(someone, "marketing", company="Analytical Engines")
    ids = [w.place(someone, "sales")[1] for someone in people]
    w.faults.answer(WriteResult.REJECTED, lambda write: write.id == ids[0], code="SMK-INVALID", times=1)
    w.faults.answer(WriteResult.CONFLICT, lambda write: write.id == ids[1], times=1)
    w.faults.answer(WriteResult.RETRY, lambda write: write.id == ids[2], times=1)
    w.faults.answer(WriteResult.UNKNOWN, lambda write: write.id == ids[3], times=1)
    ran = w.run(limit=100)  # a limited run makes one round: what each record met is seen as it was
    assert len([write for write in ran.sent["sales"] if write.fields]) == 6
    figures = {k: ran["sales"][k] for k in ("updated", "rejected", "stale", "held", "unknown")}
    assert figures == {"updated": 2, "rejected": 1, "stale": 1, "held": 1, "unknown": 1}
    shown = [w.row(someone, "sales")["company"] for someone in people]
    assert shown == [None, None, None, None, "Analytical Engines", "Analytical Engines"]
    ran = w.run()
    assert ran.exit_code == 3  # the refused one waits for a person; it is not sent again
    shown = [w.row(someone, "sales")["company"] for someone in people]
    assert shown == [None] + ["Analytical Engines"] * 5
    assert [held.kind for held in w.quarantine()] == ["refused"]


@pytest.mark.parametrize("point", ["ledger.commit", "ledger.committed"])
@pytest.mark.parametrize("nth", range(1, 6))
def test_a_crash_between_extracting_and_loading_loses_no_row(world: Any, point: str, nth: int) -> None:
    w = world(marketing={"page_size": 2})
    people = w.people(5)
    w.killed(point, nth)
    assert w.run().exit_code == 0
    for someone in people:
        assert w.shows(someone, "sales", last_name="Doe")
    assert w.count("sales") == 5
    w.quiet()


def test_a_slow_holder_cannot_free_or_use_the_lease_of_the_next_one(world: Any) -> None:
    w = world()
    w.run()
    slow, fresh = w.ledger(), w.ledger()
    lease.take(slow, ["connection:sales"], "slow", w.clock())
    slow.run("UPDATE leases SET host = 'elsewhere' WHERE name = 'connection:sales'")
    with pytest.raises(LeaseHeld):
        lease.take(fresh, ["connection:sales"], "fresh", w.clock() + timedelta(seconds=59))
    lease.take(fresh, ["connection:sales"], "fresh", w.clock() + timedelta(seconds=61))
    with pytest.raises(LeaseLost), slow.tx():
        pass
    lease.give_back(slow)
    assert fresh.value("SELECT run FROM leases WHERE name = 'connection:sales' AND holder IS NOT NULL") == "fresh"
    slow.close()
    fresh.close()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_receipts_in_any_order_meet_their_own_rows(world: Any, seed: int) -> None:
    w = world()
    w.systems["sales"].seed = seed
    people = w.people(20)
    for number, someone in enumerate(people):
        w.edit(someone, "marketing", company=f"Company {number}")
    w.run()
    for number, someone in enumerate(people):
        w.edit(someone, "sales", phone=f"+4420794600{number:02}")
    w.run()
    for number, someone in enumerate(people):
        assert w.shows(someone, "sales", company=f"Company {number}")
        assert w.shows(someone, "marketing", phone=f"+4420794600{number:02}")
    w.quiet()


def test_a_mere_restamp_elsewhere_does_not_beat_a_real_edit(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", phone="+442079460001")
    w.run()
    w.edit(ada, "marketing", phone="+442079460002")
    w.later(minutes=1)
    w.touch(ada, "sales")
    w.run()
    assert w.shows(ada, "marketing", phone="+442079460002")
    assert w.shows(ada, "sales", phone="+442079460002")
    assert w.conflicts() == []


def test_a_run_killed_after_n_writes_remembers_n_writes(world: Any) -> None:
    w = world(sales={"max_batch": 1})
    people = w.people(6)
    w.killed("sales.people.write.answer", 4)  # three settled, the fourth sent and its answer lost
    remembered = w.query("SELECT count(*) FROM links l JOIN streams USING (sid) WHERE connection = 'sales'")
    assert remembered == [(3,)]
    ran = w.run()
    assert w.count("sales") == 6
    assert ran["sales"]["created"] == 2
    for someone in people:
        assert w.shows(someone, "sales", last_name="Doe")
    w.quiet()


def test_an_empty_page_with_more_behind_it_is_not_the_end(world: Any) -> None:
    w = world(marketing={"page_size": 2, "empty_every": 1})
    w.people(7)
    ran = w.run()
    assert ran["marketing"]["read"] == 7
    assert w.count("sales") == 7


def test_a_connector_that_repeats_rows_counts_each_and_creates_once(world: Any) -> None:
    w = world(marketing={"overlap": timedelta(days=1)})
    w.people(5)
    w.run()
    for _ in range(3):
        ran = w.run()
        assert ran["marketing"]["read"] == ran["marketing"]["unchanged"] == 5
        assert not any(ran.sent.values())
    assert w.count("sales") == 5


def test_ten_thousand_and_one_rows_at_one_second_are_all_read_once(world: Any) -> None:
    w = world(create={"sales": "never"}, marketing={"page_size": 1000, "resolution": timedelta(seconds=1)})
    at = w.clock()
    system = w.systems["marketing"]
    for number in range(10_001):
        system.insert("people", email=f"p{number}@example.com", at=at)
    ran = w.run()
    assert ran["marketing"]["read"] == 10_001
    assert w.query("SELECT count(*), count(DISTINCT eid) FROM links") == [(10_001, 10_001)]


def test_a_row_that_turns_up_behind_the_cursor_is_read_by_the_overlap(world: Any) -> None:
    w = world(marketing={"late": timedelta(minutes=10)})
    w.run()
    w.later(minutes=1)
    late = w.person("Ada Lovelace")
    w.later(minutes=1)
    w.run()  # it is not indexed yet
    assert w.count("sales") == 0
    w.run(wait=900)
    assert w.shows(late, "sales", last_name="Lovelace")


EMPTIES: list[Any] = [None, "", 0, False, []]


@pytest.mark.parametrize("seen", EMPTIES, ids=repr)
@pytest.mark.parametrize("base", EMPTIES, ids=repr)
def test_the_five_empties_stay_five_values(seen: Any, base: Any) -> None:
    """null, "", 0, false and [] are different values wherever two of them meet (OCA merges them)."""
    from smarksync.plan.evidence import Evidence
    from smarksync.plan.reconcile import View, blank

    view = View(0, "sales", seen, base, Evidence())
    same = type(seen) is type(base) and seen == base
    assert view.edited is not same or (seen, base) in ((0, False), (False, 0))
    assert blank(0) is False
    assert blank(False) is False
    assert blank(None) and blank("") and blank([])


def test_a_score_of_zero_is_a_value_and_travels(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales", score=41)
    w.run()
    w.edit(ada, "marketing", score=0)
    w.run()
    assert w.shows(ada, "sales", score=0)
    bob = w.person("Bob Noyce", "marketing", score=0)
    w.run()
    assert w.shows(bob, "sales", score=0)
