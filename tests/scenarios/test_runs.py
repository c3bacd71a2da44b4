"""Runs and jobs: what happens when systems fail, processes die, pages lie and two runs meet."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest

from smarksync.errors import AuthFailed, LeaseHeld, LeaseLost, Malformed, PermissionDenied, Throttled, Transient
from smarksync.plugin import Can, WriteResult
from smarksync.testing.memory_rows import Version
from smarksync.testing.memory_stream import EVERYTHING

# -- a system that fails -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["describe", "read", "gone"])
def test_one_system_down_ends_with_5_and_nothing_is_merged_from_half_a_picture(world: Any, kind: str) -> None:
    w = world("marketing", "sales", "support")
    ada = w.person("Ada Lovelace", "marketing sales support")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")
    w.person("Bob Noyce", "marketing")
    w.faults.fail(lambda: Transient("no route to host"), system="support", kind=kind, times=None)
    ran = w.run()
    assert ran.exit_code == 5
    assert not any(ran.sent.values())
    assert "support" in ran.text
    w.faults.clear()
    assert w.run().exit_code == 0
    for system in ("sales", "support"):
        assert w.shows(ada, system, company="Analytical Engines")
        assert w.count(system) == 2
    w.quiet()


def test_a_system_that_fails_on_its_second_page_keeps_the_first_and_goes_on_from_there(world: Any) -> None:
    w = world(marketing={"page_size": 5})
    w.people(12)
    w.faults.fail(Transient("502"), system="marketing", kind="read", skip=2)
    assert w.run().exit_code == 5
    assert w.count("sales") == 0
    before = w.systems["marketing"].counted["read"]
    assert w.run().exit_code == 0
    assert w.systems["marketing"].counted["read"] - before == 1  # the pages that were stored are not read again
    assert w.count("sales") == 12


@pytest.mark.parametrize(
    "error",
    [Throttled("429", retry_after=30), AuthFailed("401"), PermissionDenied("403"), Malformed("HTML")],
    ids=["throttled", "auth", "permission", "malformed"],
)
def test_a_failure_between_two_batches_keeps_what_was_written_and_the_rest_follows(
    world: Any, error: Exception
) -> None:
    w = world(sales={"max_batch": 2})
    everyone = w.people(6)
    w.faults.fail(error, system="sales", kind="write", skip=1)
    ran = w.run()
    assert ran.exit_code == 5
    assert w.count("sales") in (2, 4)  # a malformed answer leaves its own batch in doubt
    assert ran["sales"]["created"] == 2
    assert w.run().exit_code == 0
    assert w.count("sales") == 6
    assert all(w.shows(someone, "sales", last_name="Doe") for someone in everyone)
    w.quiet()


def test_a_job_between_healthy_systems_is_not_stopped_by_a_dead_one(world: Any) -> None:
    w = world(
        "marketing", "sales", "support",
        jobs={
            "people": {"between": ["marketing", "sales"]},
            "tickets": {"between": ["sales", "support"], "fields": {"*": {"direction": "from sales"}}},
        },
    )  # fmt: skip
    w.person("Ada Lovelace")
    w.faults.fail(lambda: Transient("down"), system="support", times=None)
    ran = w.run()
    assert ran.exit_code == 5
    assert w.count("sales") == 1
    w.faults.clear()
    w.run()
    assert w.count("support") == 1


def test_a_page_with_a_row_without_id_fails_the_system_and_stores_nothing_of_it(world: Any) -> None:
    w = world(marketing={"page_size": 2})
    w.people(3)
    store = w.systems["marketing"].stores["people"]
    at = w.clock()
    store.put("", Version({"email": "nobody@example.com"}, at, 1, "person", at))
    ran = w.run()
    assert ran.exit_code == 5
    assert "without an id" in ran.text
    assert w.count("sales") == 0
    assert w.query("SELECT count(*) FROM links WHERE rid = ''") == [(0,)]
    store.remove("")
    assert w.run().exit_code == 0
    assert w.count("sales") == 3


@pytest.mark.parametrize("how", ["receipt", "raise"])
@pytest.mark.parametrize("applied", [True, False], ids=["applied", "not applied"])
@pytest.mark.parametrize("op", ["create", "update"])
def test_a_lost_answer_never_doubles_a_record_and_never_loses_a_change(
    world: Any, how: str, applied: bool, op: str
) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing" if op == "create" else "marketing sales")
    if op == "update":
        w.run()
        w.edit(ada, "marketing", company="Analytical Engines")
    w.faults.lose(how, applied=applied, system="sales")
    ran = w.run()
    assert ran["sales"]["unknown"] == 1
    w.run()
    assert w.count("sales") == 1
    if op == "update":
        assert w.shows(ada, "sales", company="Analytical Engines")
    w.quiet()


@pytest.mark.parametrize("applied", [True, False], ids=["applied", "not applied"])
@pytest.mark.parametrize("op", ["update", "delete"])
def test_a_lost_answer_of_a_system_that_gives_no_record_by_its_id_holds_nobody_up(
    world: Any, applied: bool, op: str
) -> None:
    w = world(sales={"can": EVERYTHING - {Can.FETCH, Can.CONDITIONAL}}, deletes={"sales": "delete"})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.person("Bob Noyce", "marketing sales")
    w.run()
    if op == "delete":
        w.delete(ada, "marketing")
    else:
        w.edit(ada, "marketing", company="Analytical Engines")
    w.faults.lose(applied=applied, system="sales")
    assert w.run()["sales"]["unknown"] == 1
    w.run()
    assert w.query("SELECT * FROM plan WHERE status <> 'held'") == []
    if op == "delete":
        assert w.count("sales") == 1
    else:
        assert w.shows(ada, "sales", company="Analytical Engines")
    w.quiet()


def test_a_lost_answer_followed_by_a_persons_edit_keeps_the_edit(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")
    w.faults.lose(system="sales")
    w.run()
    w.edit(ada, "sales", company="Difference Engines")
    w.run()
    w.run()
    assert w.row(ada, "sales")["company"] == "Difference Engines"
    assert w.row(ada, "marketing")["company"] == "Difference Engines" or w.conflicts()


def test_a_record_that_is_gone_when_it_is_written_is_no_refusal_for_ever(world: Any) -> None:
    w = world(sales={"overlap": timedelta(0)})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")
    w.faults.answer(WriteResult.REJECTED, code="SMK-GONE", times=1)
    w.run()
    w.run()
    assert w.shows(ada, "sales", company="Analytical Engines")


def test_a_record_that_changed_since_it_was_read_is_decided_anew(world: Any) -> None:
    """Conditional writes: somebody was faster. Nothing of theirs is overwritten."""
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")

    def somebody_is_faster(write: Any) -> bool:
        if w.row(ada, "sales")["phone"] is None:
            w.edit(ada, "sales", phone="+442079460000")
        return False

    w.faults.answer(WriteResult.CONFLICT, somebody_is_faster)
    w.run()
    w.run()
    for system in w.names:
        assert w.shows(ada, system, phone="+442079460000", company="Analytical Engines")


# -- a process that dies -----------------------------------------------------------------------------------------


def story(w: Any) -> Any:
    """One known on both sides and edited, one new on each side, one opt-out."""
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")
    w.edit(ada, "sales", email_opt_out=True)
    w.person("Bob Noyce", "marketing")
    w.person("Grace Hopper", "sales")
    return ada


def settled(w: Any, ada: Any) -> None:
    assert (w.count("marketing"), w.count("sales")) == (3, 3)
    for system in w.names:
        assert w.shows(ada, system, company="Analytical Engines", email_opt_out=True)
    w.quiet()


def test_a_run_killed_at_any_point_is_finished_by_the_next_one(world: Any) -> None:
    """Between any two statements that touch a disk or a network: nothing is lost, nothing is written twice."""
    w = world()
    ada = story(w)
    start = w.faults.points
    w.run()
    points = w.faults.points - start
    settled(w, ada)
    assert points > 30
    for number in range(1, points + 1, 1 if points < 60 else 2):
        w = world()
        ada = story(w)
        w.faults.crash_in(number)
        w.killed()
        w.run()
        settled(w, ada)


@pytest.mark.parametrize("point", ["sales.people.write", "sales.people.write.answer"])
def test_a_dry_run_after_a_death_changes_nothing(world: Any, point: str) -> None:
    w = world()
    ada = story(w)
    w.killed(point)
    w.plan()
    assert w.plan().exit_code == 0
    w.run()
    settled(w, ada)


def test_the_lease_of_a_dead_process_is_taken_over_at_once(world: Any) -> None:
    w = world()
    w.person("Ada Lovelace")
    w.killed("marketing.people.read")
    assert w.query("SELECT count(*) FROM leases WHERE holder IS NOT NULL")[0][0] > 0
    assert w.run(wait=0).exit_code == 0
    assert w.query("SELECT count(*) FROM leases WHERE holder IS NOT NULL") == [(0,)]


def test_the_lease_of_a_living_process_is_not_taken_over_however_silent(world: Any) -> None:
    w = world()
    w.run()
    w.reading.run(
        "UPDATE leases SET holder = 'x', run = 'the-other-run', pid = ?, started = '' WHERE name = 'sales:people'",
        (os.getppid(),),
    )
    with pytest.raises(LeaseHeld) as caught:
        w.run(wait=86_400)
    assert caught.value.exit_code == 75
    assert "the-other-run" in str(caught.value)
    w.reading.run("UPDATE leases SET holder = NULL")
    assert w.run().exit_code == 0


def test_a_run_whose_lease_was_taken_over_commits_nothing_more(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")

    def steal(write: Any) -> bool:
        w.reading.run("UPDATE leases SET epoch = epoch + 1, run = 'the-next'")
        return False

    w.faults.answer(WriteResult.RETRY, steal)
    with pytest.raises(LeaseLost) as caught:
        w.run()
    assert caught.value.exit_code == 75
    w.faults.clear()
    w.reading.run("UPDATE leases SET holder = NULL")
    w.run()
    assert w.shows(ada, "sales", company="Analytical Engines")
    w.quiet()


def test_an_object_that_is_mapped_later_is_read_whole_beside_one_that_is_not(world: Any) -> None:
    """With reading threads as every run has them: which objects are read whole is known before the first page."""
    page = {"page_size": 1}
    w = world(objects={"marketing": ("people", "others"), "sales": ("people", "others")}, marketing=page, sales=page)
    others = {n: w.config["mappings"][n].pop("others") for n in w.names}
    people = w.people(8, "marketing sales")
    w.run(threads=True)
    for one in people:  # more pages than wait for the ledger: the reader comes to the other object later
        w.edit(one, "marketing", company="Intel")
        w.edit(one, "sales", phone="+442079460000")
    for n in w.names:
        w.config["mappings"][n]["others"] = others[n]
    w.systems["marketing"].insert("others", email="bob@example.com", last_name="Noyce")
    w.run(threads=True, rows_ahead=1)
    assert w.count("sales") == 9
