"""Lists: who joins and leaves them is written, and read list by list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hubspot_account import Account
from smarksync_hubspot.simulator import Quirks

from smarksync.plugin import Op, WriteResult

FIELDS = ("list", "contact", "smarksync.status")


def people(hub: Account, count: int) -> list[str]:
    return [hub.sim.create(email=f"p{n}@lists.example", firstname=f"P{n}") for n in range(count)]


def members(hub: Account, cursor: Any = None) -> tuple[list[str], tuple[str, ...], Any]:
    """(rows, lists shown whole, cursor)."""
    pages = hub.pages("memberships", FIELDS, cursor)
    assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]
    rows = [record for page in pages for record in page.records]
    assert all(row.id == f"{row.fields['list']}:{row.fields['contact']}" for row in rows)
    return [row.id for row in rows], tuple(one for page in pages for one in page.complete), pages[-1].cursor


def test_lists_take_and_lose_members_by_one_call_each(hub: Account) -> None:
    one, two = people(hub, 2)
    receipts = hub.write(
        "lists", Op.ASSOCIATE, {"id": "2", "lead": one}, {"id": "2", "lead": two}, {"id": "2", "lead": "999"}
    )
    assert [r.result for r in receipts] == [WriteResult.UPDATED, WriteResult.UPDATED, WriteResult.REJECTED]
    assert set(hub.sim.members["2"]) == {one, two}
    left = hub.write("lists", Op.ASSOCIATE, {"id": "2", "lead": one, "status": "removed"}, {"id": "2", "lead": two})
    assert [r.result for r in left] == [WriteResult.UPDATED, WriteResult.UNCHANGED]
    assert set(hub.sim.members["2"]) == {two} and hub.calls("/memberships/") == 3


def test_a_list_that_fills_itself_refuses(hub: Account) -> None:
    (receipt,) = hub.write("lists", Op.ASSOCIATE, {"id": "1", "lead": people(hub, 1)[0]})
    assert receipt.result is WriteResult.REJECTED and "DYNAMIC" in str(receipt.message)


def test_only_lists_that_changed_are_read_again(hub: Account) -> None:
    one, two = people(hub, 2)
    hub.sim.lists["3"] = {**hub.sim.lists["2"], "listId": "3", "name": "Fair"}
    hub.sim.join_list("2", one)
    hub.sim.join_list("3", two)
    rows, whole, cursor = members(hub)
    assert rows == [f"lists:2:{one}", f"lists:3:{two}"] and whole == ("lists:2", "lists:3")
    before = hub.calls()
    assert members(hub, cursor) == ([], (), cursor) and hub.calls() == before + 1, "the search for lists, and no more"
    hub.wait(5)
    hub.sim.leave_list("3", two)
    hub.sim.join_list("3", one)
    rows, whole, cursor = members(hub, cursor)
    assert rows == [f"lists:3:{one}"] and whole == ("lists:3",), (
        "whoever is not shown has left: the list was shown whole"
    )


def test_members_say_since_when(hub: Account) -> None:
    (one,) = people(hub, 1)
    hub.wait(60)
    hub.sim.join_list("2", one)
    (record,) = [row for page in hub.pages("memberships", FIELDS) for row in page.records]
    assert record.changed_at == hub.clock.now() and record.fields["smarksync.status"] == "member"


def test_a_list_is_shown_whole_by_its_last_page_only(hub: Account) -> None:
    for one in people(hub, 300):
        hub.sim.join_list("2", one)
    pages = hub.pages("memberships", FIELDS)
    assert [(len(page.records), page.complete) for page in pages] == [(250, ()), (50, ("lists:2",)), (0, ())]
    again = hub.pages("memberships", FIELDS, pages[0].cursor)
    assert [len(page.records) for page in again] == [250, 50, 0], "a run that was killed in a list begins it anew"


def test_counts_that_come_late_bring_the_list_once_more(account: Callable[..., Account]) -> None:
    hub = account(Quirks(index_lag=0, list_counts_lag=60))
    one, two = people(hub, 2)
    hub.sim.join_list("2", one)
    rows, _, cursor = members(hub)
    assert rows == [], "its count says that it is empty"
    hub.wait(30)
    hub.sim.join_list("2", two)
    hub.wait(30)
    both = [f"lists:2:{one}", f"lists:2:{two}"]
    rows, _, cursor = members(hub, cursor)
    assert rows == both, "the count of the first is there, and brings both"
    hub.wait(60)
    rows, _, cursor = members(hub, cursor)
    assert rows == both and members(hub, cursor)[0] == []


def test_active_lists_are_read_where_the_settings_name_them(hub: Account) -> None:
    (one,) = people(hub, 1)
    hub.sim.join_list("1", one)
    assert "lists:1" not in members(hub)[1]
    hub.connector = hub.open(active_lists=("news*",))
    rows, whole, _ = members(hub)
    assert f"lists:1:{one}" in rows and "lists:1" in whole


def test_a_list_that_is_deleted_took_nobody_out(hub: Account) -> None:
    (one,) = people(hub, 1)
    hub.sim.join_list("2", one)
    _, _, cursor = members(hub)
    del hub.sim.lists["2"]
    rows, whole, cursor = members(hub, cursor)
    assert (rows, whole) == ([], ()) and "2" not in cursor["lists"]


def test_without_the_scope_for_lists_nothing_is_said_of_them(account: Callable[..., Account]) -> None:
    hub = account(Quirks(index_lag=0, missing_scopes={"lists"}))
    assert members(hub)[:2] == ([], ())
