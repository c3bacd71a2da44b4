"""Peculiarities that an account may have or lack: the connector bears both. Each has its switch in the simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hubspot_account import Account
from smarksync_hubspot.simulator import Quirks

from smarksync.plugin import Invalid, WriteResult

Make = Callable[..., Account]
both = pytest.mark.parametrize("on", [True, False])


def account_with(account: Make, **switches: Any) -> Account:
    return account(Quirks(index_lag=0, has_our_properties=True, **switches), people=0)


@both
def test_a_stage_goes_back_by_two_more_calls_or_by_itself(account: Make, on: bool) -> None:
    hub = account_with(account, lifecycle_forward_only=on)
    rid = hub.sim.create(email="a@one.example", lifecyclestage="opportunity")
    (receipt,) = hub.update("contacts", {"id": rid, "lifecyclestage": "lead"})
    assert receipt.result is WriteResult.UPDATED and hub.sim.rows()[rid].properties["lifecyclestage"] == "lead"
    assert hub.calls("/batch/update") == (3 if on else 1)


@both
def test_what_is_missing_is_said_in_words_whether_it_is_a_page_or_json(account: Make, on: bool) -> None:
    hub = account_with(account, html_404=on)
    with pytest.raises(Invalid, match="404") as caught:
        hub.connector._api.get("/crm/v3/nothing")
    assert "<html" not in str(caught.value)


@both
def test_no_value_is_sent_as_the_empty_text_which_clears(account: Make, on: bool) -> None:
    hub = account_with(account, ignores_null=on)
    rid = hub.sim.create(email="a@one.example", jobtitle="CFO")
    hub.update("contacts", {"id": rid, "jobtitle": None})
    assert not hub.sim.rows()[rid].properties["jobtitle"]


@both
def test_a_write_that_changes_nothing_may_move_the_stamp(account: Make, on: bool) -> None:
    hub = account_with(account, keeps_stamp_of_no_op=on)
    rid = hub.sim.create(email="a@one.example", jobtitle="CFO")
    hub.wait(600)
    _, cursor = hub.read("contacts", ("jobtitle",))
    hub.wait(600)
    (receipt,) = hub.update("contacts", {"id": rid, "jobtitle": "CFO"})
    rows, _ = hub.read("contacts", ("jobtitle",), cursor)
    assert receipt.result is WriteResult.UPDATED and [row.id for row in rows] == ([] if on else [rid])


@both
def test_a_further_address_finds_its_holder_where_hubspot_says_so(account: Make, on: bool) -> None:
    hub = account_with(account, finds_secondary_email=on)
    winner, loser = (hub.sim.create(email=f"{name}@one.example") for name in ("a", "b"))
    kept = hub.sim.merge("contacts", winner, loser)
    found = list(hub.connector.find("contacts", "email", ["b@one.example"], fields=("email",)))
    assert [row.id for row in found] == ([kept] if on else [])


@both
def test_a_company_that_the_account_chose_itself_is_shown(account: Make, on: bool) -> None:
    hub = account_with(account, associates_by_domain=on)
    company = hub.sim.create("companies", name="Engines", domain="engines.example")
    hub.create("contacts", {"email": "ada@engines.example", "key": "e1"})
    (row,), _ = hub.read("contacts", ("associations.company",))
    assert row.fields["associations.company"] == (company if on else None)


@pytest.mark.parametrize("body", ["gateway", "crm"])
def test_either_body_of_a_limit_is_waited_for(account: Make, body: str) -> None:
    hub = account(Quirks(index_lag=0, has_our_properties=True, throttle_body=body), people=0, per_ten_seconds=3)
    hub.connector = hub.open(rate_limit=None)
    began = hub.clock.now()
    for _ in range(5):
        hub.connector.check()
    assert hub.connector._api.http.counts["throttled"] > 0
    assert 5 <= (hub.clock.now() - began).total_seconds() <= 120


def opted_out(hub: Account, *emails: str) -> bool:
    return all(hub.sim.contact(email).properties["hs_email_optout"] == "true" for email in emails)


@both
def test_opt_outs_go_together_or_one_by_one(account: Make, on: bool) -> None:
    hub = account_with(account, opts_out_together=on)
    emails = [f"n{number}@one.example" for number in range(5)]
    rows = [{"id": hub.sim.create(email=email), "hs_email_optout": True} for email in emails]
    receipts = hub.update("contacts", *rows)
    assert [receipt.stored for receipt in receipts] == [{"hs_email_optout": "true"}] * 5
    assert opted_out(hub, *emails)
    assert hub.calls("/unsubscribe-all") == (1 if on else 1 + 5)
    again = hub.update("contacts", *({**row, "hs_email_optout": True} for row in rows))
    assert {receipt.result for receipt in again} == {WriteResult.UPDATED}
    assert hub.calls("/unsubscribe-all") == (2 if on else 1 + 5 + 5)  # what the account refuses is not asked again


def test_whom_an_answer_about_many_does_not_name_is_opted_out_alone(account: Make) -> None:
    hub = account_with(account, opts_out_together=True)
    emails = [f"n{number}@one.example" for number in range(4)]
    rows = [{"id": hub.sim.create(email=email), "hs_email_optout": True} for email in emails]
    told = [
        {"subscriberIdString": emails[0], "statuses": [{"status": "UNSUBSCRIBED"}, {"status": "SUBSCRIBED"}]},
        {"subscriberIdString": emails[1], "statuses": []},
        "n2@one.example",
    ]
    hub.sim.faults.answer(207, {"status": "COMPLETE", "results": told, "numErrors": 1}, path="*/batch/unsubscribe-all")
    assert {receipt.result for receipt in hub.update("contacts", *rows)} == {WriteResult.UPDATED}
    assert opted_out(hub, *emails) and hub.calls("/unsubscribe-all") == 1 + 4


def test_an_opt_out_that_is_refused_alone_does_not_hold_the_others(account: Make) -> None:
    hub = account_with(account, opts_out_together=True)
    emails = ["a@one.example", "no address", "b@one.example"]
    rows = [{"id": hub.sim.create(email=email), "hs_email_optout": True} for email in emails]
    good, bad, also_good = hub.update("contacts", *rows)
    assert {good.result, also_good.result} == {WriteResult.UPDATED} and opted_out(hub, emails[0], emails[2])
    assert bad.result is WriteResult.REJECTED and bad.field == "hs_email_optout"


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_answer_about_many_is_said_again_one_by_one(account: Make, after: bool) -> None:
    hub = account_with(account, opts_out_together=True)
    emails = ["a@one.example", "b@one.example"]
    rows = [{"id": hub.sim.create(email=email), "hs_email_optout": True} for email in emails]
    hub.sim.faults.drop(after=after, path="*/batch/unsubscribe-all", times=None)
    assert {receipt.result for receipt in hub.update("contacts", *rows)} == {WriteResult.UPDATED}
    assert opted_out(hub, *emails)


@both
def test_another_address_takes_the_opt_out_along(account: Make, on: bool) -> None:
    hub = account_with(account, opt_out_of_address=on)
    out, plain, told = (hub.sim.create(email=f"{name}@one.example") for name in ("out", "plain", "told"))
    for name in ("out", "told"):
        hub.sim.opt_out(f"{name}@one.example")
    receipts = hub.update(
        "contacts", {"id": out, "email": "out@two.example"}, {"id": plain, "email": "plain@two.example"},
        {"id": told, "email": "Told@one.example"},
    )  # fmt: skip
    assert {receipt.result for receipt in receipts} == {WriteResult.UPDATED}
    shown = [hub.sim.rows()[rid].properties["hs_email_optout"] for rid in (out, plain, told)]
    assert shown == ["true", None, "true"]
    assert hub.calls("/unsubscribe-all") == 1  # nobody was asked about who said nothing, or keeps an address


def test_an_address_that_was_not_taken_opts_nobody_out(account: Make) -> None:
    hub = account_with(account)
    rid = hub.sim.create(email="a@one.example")
    hub.sim.opt_out("a@one.example")
    hub.sim.create(email="b@one.example")
    (receipt,) = hub.update("contacts", {"id": rid, "email": "b@one.example"})
    assert receipt.result is WriteResult.REJECTED and hub.calls("/unsubscribe-all") == 0
    assert hub.sim.contact("b@one.example").properties["hs_email_optout"] is None


def test_an_opt_out_that_could_not_follow_shows_in_the_next_read(account: Make) -> None:
    hub = account_with(account)
    rid = hub.sim.create(email="a@one.example")
    hub.sim.opt_out("a@one.example")
    hub.sim.faults.answer(400, {"status": "error", "message": "no"}, path="*/unsubscribe-all")
    (receipt,) = hub.update("contacts", {"id": rid, "email": "a@two.example"})
    assert receipt.result is WriteResult.UPDATED and "hs_email_optout" not in (receipt.stored or {})
    assert hub.sim.rows()[rid].properties["hs_email_optout"] is None
