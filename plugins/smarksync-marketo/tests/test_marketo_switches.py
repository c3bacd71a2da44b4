"""Peculiarities that an instance may have or lack: the connector bears both. Each has its switch in the simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smarksync.plugin import Op, Throttled, WriteResult

from .conftest import FIELDS, Instance

Make = Callable[..., Instance]
both = pytest.mark.parametrize("on", [True, False])


def read_once(m: Instance) -> Any:
    """The cursor after everything was read, an hour ago."""
    _, cursor = m.read()
    m.clock.move(3600)
    m.again()
    return cursor


@both
def test_a_token_asked_for_again_is_the_same_or_another(marketo: Make, on: bool) -> None:
    m = marketo(people=20, same_token=on, token_seconds=600)
    m.read()
    m.clock.move(500)
    m.again()
    m.read()  # the same one has 100 s left
    m.clock.move(200)
    assert m.read()[0] and m.sim.count(path="/identity/oauth/token") in (2, 3)


def test_an_instance_that_lets_nobody_in_at_once_is_no_endless_wait(marketo: Make) -> None:
    m = marketo(people=3, at_once=0)
    with pytest.raises(Throttled):
        m.connector.describe("leads")
    assert m.calls() <= 10


@both
def test_scores_are_noticed_by_either_activity(marketo: Make, on: bool) -> None:
    m = marketo(people=20, scores_apart=on)
    cursor = read_once(m)
    number = min(m.world.leads)
    m.world.edit(number, leadScore=99)
    assert m.read(cursor)[0][str(number)].fields["leadScore"] == 99


@both
def test_the_winner_of_a_merge_is_read_again_whether_its_changes_are_told_or_not(marketo: Make, on: bool) -> None:
    m = marketo(people=20, merge_is_silent=on)
    cursor = read_once(m)
    winner, loser = sorted(m.world.leads)[:2]
    m.world.leads[winner].pop("phone", None)
    m.world.leads[loser]["phone"] = "+12125550123"
    m.world.merge(winner, [loser])
    assert m.read(cursor)[0][str(winner)].fields["phone"] == "+12125550123"


@both
def test_the_time_of_a_change_is_the_activitys_at_least(marketo: Make, on: bool) -> None:
    m = marketo(people=20, own_fields=True, updated_at_standard_only=on)
    cursor = read_once(m)
    number = min(m.world.leads)
    m.world.edit(number, smarkSyncPersona="executive")
    at = m.sim.now().replace(microsecond=0)
    shown = m.read(cursor, fields=(*FIELDS, "smarkSyncPersona"))[0][str(number)]
    assert shown.changed_at is not None and shown.changed_at.replace(microsecond=0) == at


@both
def test_programs_are_read_with_odd_times_and_with_plain_ones(marketo: Make, on: bool) -> None:
    m = marketo(people=5, asset_oddities=on)
    rows, _ = m.read(stream="programs", fields=("name", "createdAt"))
    assert len(rows) == len(m.world.programs) > 0
    assert all(str(row.fields["createdAt"]).endswith("+00:00") for row in rows.values())


@both
def test_a_lead_that_is_there_is_named_whether_the_answer_names_it_or_not(marketo: Make, on: bool) -> None:
    m = marketo(skipped_without_id=on)
    number = m.world.add(email="ada@example.com")
    (receipt,) = m.write(Op.CREATE, {"email": "ada@example.com", "firstName": "Ada"})
    assert (receipt.code, receipt.duplicate_of) == ("SMK-DUPLICATE", (str(number),))


@both
def test_a_boolean_that_is_cleared_may_stay_empty(marketo: Make, on: bool) -> None:
    m = marketo(null_boolean_is_false=on)
    number = m.world.add(email="ada@example.com", doNotCall=True)
    (receipt,) = m.write(Op.UPDATE, {"doNotCall": None}, ids=[str(number)])
    assert receipt.result is WriteResult.UPDATED and not m.world.leads[number].get("doNotCall")


@both
def test_one_key_twice_in_a_batch_makes_one_lead(marketo: Make, on: bool) -> None:
    m = marketo(concurrent_duplicates=on)
    m.write(Op.CREATE, {"email": "ada@example.com", "firstName": "A"}, {"email": "ada@example.com", "firstName": "B"})
    assert [row["email"] for row in m.world.leads.values()] == ["ada@example.com"]


@pytest.mark.parametrize("longest_url", [8192, 100_000])
def test_long_questions_are_asked_whatever_an_address_may_hold(marketo: Make, longest_url: int) -> None:
    m = marketo(longest_url=longest_url)
    addresses = [f"{'very.long.name' * 4}{n}@example.com" for n in range(290)]
    for one in addresses:
        m.world.add(email=one)
    assert len(list(m.connector.find("leads", "email", addresses, fields=("email",)))) == 290


@pytest.mark.parametrize(("takes", "renewed"), [(1.0, 1.0), (90.0, 60.0), (600.0, 300.0)])
def test_jobs_may_be_quick_or_slow(marketo: Make, takes: float, renewed: float) -> None:
    m = marketo(people=30, bulk_seconds=takes, bulk_status_seconds=renewed)
    m.again(bulk="always")
    assert len(m.read()[0]) == len(m.world.leads)
