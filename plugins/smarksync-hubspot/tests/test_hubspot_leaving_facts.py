"""Who left, and who is only elsewhere: merged rows in the archive, ids that are none, associations that a list cuts off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hubspot_account import Account
from smarksync_hubspot.simulator import Quirks

from smarksync.plugin import GoneKind, Op

Make = Callable[..., Account]
both = pytest.mark.parametrize("on", [True, False])


def account_with(account: Make, **switches: Any) -> Account:
    return account(Quirks(**{"index_lag": 0, "has_our_properties": True, **switches}), people=0)


def two(hub: Account) -> tuple[str, str]:
    return hub.sim.create(email="ada@one.example"), hub.sim.create(email="ada@two.example")


@both
def test_who_was_merged_away_is_told_once_and_never_as_deleted(account: Make, on: bool) -> None:
    hub = account_with(account, archives_merged=on)
    ada, same = two(hub)
    other = hub.sim.create(email="bob@one.example")
    hub.wait(600)
    _, seen = hub.read("contacts", ("email",))
    _, left = hub.gone("contacts")
    remains = hub.sim.merge("contacts", ada, same)
    hub.sim.archive("contacts", other)
    hub.wait(60)
    _, seen = hub.read("contacts", ("email",), seen)
    told, left = hub.gone("contacts", left)
    assert {(one.id, one.kind, one.into) for one in told} == {
        (ada, GoneKind.MERGED, remains), (same, GoneKind.MERGED, remains), (other, GoneKind.DELETED, None)
    }  # fmt: skip
    for _ in range(2):  # the archive is looked at again for what comes late: nobody in it is new
        hub.wait(240)
        _, seen = hub.read("contacts", ("email",), seen)
        calls = hub.calls()
        told, left = hub.gone("contacts", left)
        assert told == [] and hub.calls() - calls == 1


@both
def test_an_archive_that_is_ahead_of_the_search_is_asked_where_they_went(account: Make, on: bool) -> None:
    """Search shows the winner late (crm.md 2.5, index lag); the archive shows the others at once."""
    hub = account_with(account, archives_merged=on, index_lag=120.0)
    ada, same = two(hub)
    hub.wait(600)
    _, seen = hub.read("contacts", ("email",))
    _, left = hub.gone("contacts")
    remains = hub.sim.merge("contacts", ada, same)
    hub.wait(5)
    _, seen = hub.read("contacts", ("email",), seen)
    first, left = hub.gone("contacts", left)
    hub.wait(300)
    _, seen = hub.read("contacts", ("email",), seen)
    second, left = hub.gone("contacts", left)
    assert {one.kind for one in (*first, *second)} == {GoneKind.MERGED}
    assert {one.id: one.into for one in (*first, *second)} == {ada: remains, same: remains}


def test_who_was_restored_and_deleted_again_is_told_again(account: Make) -> None:
    hub = account_with(account)
    ada, _ = two(hub)
    hub.wait(600)
    _, left = hub.gone("contacts")
    hub.sim.archive("contacts", ada)
    hub.wait(60)
    told, left = hub.gone("contacts", left)
    assert [one.id for one in told] == [ada]
    hub.sim.restore("contacts", ada)
    hub.wait(60)
    hub.sim.archive("contacts", ada)
    hub.wait(60)
    told, left = hub.gone("contacts", left)
    assert [one.id for one in told] == [ada]
    hub.wait(60)
    assert hub.gone("contacts", left)[0] == []


def test_who_was_merged_twice_is_followed_to_the_last(account: Make) -> None:
    hub = account_with(account, index_lag=600.0)
    ada, same = two(hub)
    third = hub.sim.create(email="ada@three.example")
    hub.wait(1200)
    _, left = hub.gone("contacts")
    remains = hub.sim.merge("contacts", hub.sim.merge("contacts", ada, same), third)
    hub.wait(5)
    told, _ = hub.gone("contacts", left)
    assert {one.id: one.into for one in told if one.id in (ada, same, third)} == dict.fromkeys(
        (ada, same, third), remains
    )
    assert {one.kind for one in told} == {GoneKind.MERGED}


@both
def test_who_was_merged_into_somebody_who_was_deleted_at_once_is_told_as_merged(account: Make, on: bool) -> None:
    hub = account_with(account, archives_merged=on)
    ada, same = two(hub)
    hub.wait(600)
    _, left = hub.gone("contacts")
    remains = hub.sim.merge("contacts", ada, same)
    hub.sim.archive("contacts", remains)
    hub.wait(60)
    told, left = hub.gone("contacts", left)
    assert {one.id: one.into for one in told} == {ada: remains, same: remains, remains: None}
    assert len(told) == 3
    hub.wait(60)
    assert hub.gone("contacts", left)[0] == []


def test_a_merge_is_followed_on_whichever_pages_of_the_archive_its_rows_stand(account: Make) -> None:
    hub = account_with(account, archives_merged=True)
    ada, same = two(hub)
    others = [hub.sim.create(email=f"p{n}@one.example") for n in range(150)]
    hub.wait(600)
    _, left = hub.gone("contacts")
    for rid in others:
        hub.sim.archive("contacts", rid)
    hub.sim.opt_out(str(hub.sim.rows()[same].properties["email"]))
    remains = hub.sim.merge("contacts", ada, same)
    hub.sim.archive("contacts", remains)
    hub.wait(60)
    told, _ = hub.gone("contacts", left)
    merged = {one.id: one for one in told if one.kind is GoneKind.MERGED}
    assert {rid: one.into for rid, one in merged.items()} == {ada: remains, same: remains}
    assert merged[same].shows == {"hs_email_optout": "true"} and merged[ada].shows is None


def test_a_merge_that_says_no_time_came_before_the_end_of_who_remained(account: Make) -> None:
    hub = account_with(account)
    one, other = (hub.sim.create("companies", name=name) for name in ("One", "Other"))
    hub.wait(600)
    _, left = hub.gone("companies")
    remains = hub.sim.merge("companies", one, other)
    hub.sim.archive("companies", remains)
    hub.wait(60)
    told, _ = hub.gone("companies", left)
    times = {gone.id: gone.at for gone in told}
    assert times[other] and times[remains] and times[other] < times[remains]


def test_what_stands_in_the_archive_says_whether_it_was_opted_out(account: Make) -> None:
    hub = account_with(account)
    ada, same = two(hub)
    hub.wait(600)
    _, left = hub.gone("contacts")
    hub.sim.opt_out(str(hub.sim.rows()[ada].properties["email"]))
    hub.sim.archive("contacts", ada)
    hub.sim.archive("contacts", same)
    hub.wait(60)
    told, _ = hub.gone("contacts", left)
    assert {one.id: one.shows for one in told} == {ada: {"hs_email_optout": "true"}, same: None}


@both
def test_an_id_that_is_none_does_not_spoil_the_others(account: Make, on: bool) -> None:
    hub = account_with(account, ids_are_numbers=on)
    rid = hub.sim.create(email="ada@one.example")
    asked = ["00Q5g0000000001EAA", rid, "", "ada@one.example"]
    found = list(hub.connector.fetch("contacts", asked, fields=("email",)))
    assert [record.id for record in found] == [rid] and hub.calls("/batch/read") == 1


@pytest.mark.parametrize("most", [100, 10_000])
def test_associations_that_a_list_cuts_off_are_read_whole(account: Make, most: int) -> None:
    hub = account_with(account, inline_associations=most)
    people = [hub.sim.create(email=f"p{n}@one.example") for n in range(130)]
    deal, small = (hub.sim.create("deals", dealname=name) for name in ("Big", "Small"))
    hub.connector.describe("deals")
    hub.write("deals", Op.UPDATE, {"id": deal, "associations.contacts": people})
    hub.write("deals", Op.UPDATE, {"id": small, "associations.contacts": people[:2]})
    calls = hub.calls("/associations/", write=False)
    rows, _ = hub.read("deals", ("dealname", "associations.contacts"))
    shown = {row.id: row.fields["associations.contacts"] for row in rows}
    assert sorted(shown[deal]) == sorted(people) and sorted(shown[small]) == sorted(people[:2])
    assert hub.calls("/associations/", write=False) - calls == (1 if most == 100 else 0)
