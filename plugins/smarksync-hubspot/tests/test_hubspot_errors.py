"""What goes wrong between us and HubSpot: which error it is, what the user reads, what happens to the record."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hubspot_account import Account
from pydantic import ValidationError
from smarksync_hubspot import SPEC
from smarksync_hubspot.simulator import Quirks

from smarksync.plugin import (
    AuthFailed,
    Malformed,
    Op,
    PermissionDenied,
    Receipt,
    SystemFailure,
    Throttled,
    Write,
    WriteResult,
)

Make = Callable[..., Account]
FIELDS = ("email", "firstname")
OAUTH = {"refresh_token": "refresh-sim"}


def one(hub: Account) -> str:
    return sorted(hub.sim.rows())[0]


# -- credentials (crm.md 2.2) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"client_id": "a", "client_secret": "b"},
        {"access_token": "a", "refresh_token": "b"},
        {"access_token": "a", "resubscrib": [1]},
        {"access_token": "a", "api_version": "v4"},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        SPEC.settings(**settings)
    assert "input_value" not in str(refused.value)


def test_a_refused_token_is_said_and_not_shown(hub: Account) -> None:
    connector = hub.open(access_token="pat-na1-wrong")
    with pytest.raises(AuthFailed, match="refused the credentials") as refused:
        hub.read("contacts", FIELDS, connector=connector)
    assert "pat-na1-wrong" not in str(refused.value) and "private app" in refused.value.hint


def test_an_access_token_is_fetched_once_for_many_threads(hub: Account) -> None:
    connector = hub.open(access_token=None, **OAUTH)
    threads = [
        threading.Thread(target=connector.describe, args=(kind,))
        for kind in ("contacts", "companies", "deals", "notes")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hub.calls("/oauth/") == 1


def test_an_expired_token_in_the_middle_of_a_read_is_renewed_once(account: Make) -> None:
    hub = account(people=400)
    connector = hub.open(access_token=None, **OAUTH)
    pages = connector.read("contacts", cursor=None, until=hub.clock.now(), fields=FIELDS)
    seen = len(next(pages).records)
    hub.sim.tokens.clear()  # revoked, although it is young
    seen += sum(len(page.records) for page in pages)
    assert seen == len(hub.sim.rows())
    assert hub.calls("/oauth/") == 2
    hub.wait(1801)
    connector.check()
    assert hub.calls("/oauth/") == 3
    assert [call.status for call in hub.sim.calls].count(401) == 1


def test_a_rotated_refresh_token_is_stored_before_the_new_one_is_used(hub: Account) -> None:
    hub.sim.rotates = True
    connector = hub.open(access_token=None, **OAUTH)
    session = hub.sessions[-1]
    stored: list[int] = []
    keep = session.tokens.set
    session.tokens.set = lambda name, value: (stored.append(len(hub.sim.calls)), keep(name, value))[1]
    connector.check()
    assert stored == [1]  # after the token call, before any other
    hub.wait(1801)
    connector.check()  # the old refresh token is dead by now
    assert hub.calls("/oauth/") == 2


def test_a_dead_refresh_token_asks_for_a_new_connection(hub: Account) -> None:
    connector = hub.open(access_token=None, **OAUTH)
    hub.sim.refresh_token = "another"
    with pytest.raises(AuthFailed, match="missing or invalid refresh token"):
        connector.check()


def test_a_missing_scope_is_named(account: Make) -> None:
    hub = account(Quirks(missing_scopes={"contacts", "deals"}))
    report = hub.connector.check()
    assert not report.ok
    assert "crm.objects.contacts.read" in report.problems[0]
    assert "deals cannot be read" in report.warnings[0]
    with pytest.raises(PermissionDenied, match="misses a scope"):
        hub.read("contacts", FIELDS)


# -- limits (crm.md 2.8) ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "wait"),
    [
        ({"policyName": "TEN_SECONDLY_ROLLING", "errorType": "RATE_LIMIT", "message": "You have reached your ten_secondly_rolling limit."}, 10.0),
        ({"category": "RATE_LIMITS", "message": "You have reached your secondly limit."}, 1.0),
        ({"category": "RATE_LIMITS", "message": "Too fast."}, 1.0),
    ],
)  # fmt: skip
def test_a_limit_waits_as_long_as_its_policy_says(hub: Account, body: dict[str, str], wait: float) -> None:
    hub.sim.faults.answer(429, {"status": "error", **body}, path="*/objects/contacts")
    records, _ = hub.read("contacts", FIELDS)
    assert records and hub.clock.slept[-1] == pytest.approx(wait)
    assert hub.sessions[0].counts["throttled"] == 1


def test_the_daily_limit_ends_the_call_until_the_portals_midnight(hub: Account) -> None:
    hub.connector.check()  # which tells the time zone: one hour ahead of us
    hub.sim.daily_left = 0
    with pytest.raises(Throttled, match="daily limit") as limited:
        hub.read("contacts", FIELDS)
    midnight = datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert limited.value.retry_after == pytest.approx((midnight - hub.clock.now()).total_seconds())
    calls = hub.calls()
    with pytest.raises(Throttled):
        hub.read("contacts", FIELDS)  # nobody on the account asks again before that
    assert hub.calls() == calls


def test_what_is_left_of_the_day_is_told(hub: Account) -> None:
    assert hub.connector.check().budget_left == hub.sim.daily_left
    hub.read("contacts", FIELDS)
    assert hub.sessions[0].counts.budget_left == hub.sim.daily_left


def test_writes_keep_to_the_accounts_rate(account: Make) -> None:
    hub = account(Quirks(index_lag=0, has_our_properties=True))
    for number in range(150):
        hub.create("contacts", {"email": f"n{number}@acme.example", "key": f"e{number}"})
    assert {call.status for call in hub.sim.calls} == {200}


# -- trouble ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [423, 502, 503, 504, 521, 524])
def test_passing_trouble_is_asked_again(hub: Account, status: int) -> None:
    hub.sim.faults.answer(status, "<html>oops</html>", path="*/objects/contacts")
    assert hub.read("contacts", FIELDS)[0]


def test_an_account_that_moves_is_left_alone(hub: Account) -> None:
    hub.sim.faults.answer(477, {"message": "migration"}, headers={"Retry-After": "7200"}, times=None)
    with pytest.raises(Throttled, match="moves") as moved:
        hub.read("contacts", FIELDS)
    assert moved.value.retry_after == 7200 and hub.calls() == 1


def test_a_web_page_for_a_missing_address_is_told_in_our_words(hub: Account) -> None:
    connector = hub.open(base_url=hub.sim.url + "/wrong")
    with pytest.raises(Exception, match=r"has nothing at that address \(404\)"):
        connector.check()


@pytest.mark.parametrize("body", ["<html>proxy</html>", "", [1]])
def test_an_answer_that_is_none_is_malformed(hub: Account, body: Any) -> None:
    hub.sim.faults.garble(body, path="*/objects/contacts", times=None)
    with pytest.raises(Malformed):
        hub.read("contacts", FIELDS)


def test_a_cut_answer_is_asked_for_again(hub: Account) -> None:
    hub.sim.faults.cut(path="*/objects/contacts")
    assert len(hub.read("contacts", FIELDS)[0]) == len(hub.sim.rows())


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_answer_to_an_update_is_asked_for_again(hub: Account, after: bool) -> None:
    hub.sim.faults.drop(after=after, path="*/batch/update")
    (receipt,) = hub.update("contacts", {"id": one(hub), "jobtitle": "CFO"})
    assert receipt.result is WriteResult.UPDATED
    assert hub.sim.rows()[one(hub)].properties["jobtitle"] == "CFO"


def test_a_write_whose_answer_never_comes_is_in_doubt(hub: Account) -> None:
    hub.sim.faults.drop(after=True, path="*/batch/update", times=None)
    receipts = hub.update("contacts", {"id": one(hub), "jobtitle": "CFO"})
    assert [receipt.result for receipt in receipts] == [WriteResult.UNKNOWN]


def test_a_system_out_of_reach_leaves_unsent_rows_to_be_sent_again(hub: Account) -> None:
    rows = [{"email": f"n{number}@acme.example", "key": f"e{number}"} for number in range(150)]
    hub.sim.faults.answer(
        403, {"category": "MISSING_SCOPES", "message": "no"}, skip=1, path="*/batch/upsert", times=None
    )
    receipts, failure = until_it_fails(hub, rows)
    assert isinstance(failure, PermissionDenied)
    assert [receipt.result for receipt in receipts] == [WriteResult.CREATED] * 100 + [WriteResult.RETRY] * 50


def test_consent_in_doubt_is_looked_at(hub: Account) -> None:
    hub.sim.faults.drop(after=True, path="*/unsubscribe-all", times=None)
    (receipt,) = hub.update("contacts", {"id": one(hub), "hs_email_optout": True})
    assert receipt.result is WriteResult.UNKNOWN


def test_an_association_in_doubt_leaves_the_update_in_doubt(hub: Account) -> None:
    company = sorted(hub.sim.rows("companies"))[0]
    hub.sim.faults.drop(after=True, path="*/associations/*", times=None)
    fields = {"jobtitle": "CFO", "associations.company": company}
    (update,) = hub.update("contacts", {"id": one(hub), **fields})
    assert update.result is WriteResult.UNKNOWN
    (create,) = hub.create("contacts", {"email": "new@acme.example", "key": "e1", **fields})
    assert create.result is WriteResult.CREATED and set(create.stored or {}) == {"email", "jobtitle"}


def test_credentials_lost_between_row_and_association_leave_the_update_in_doubt(hub: Account) -> None:
    company = sorted(hub.sim.rows("companies"))[0]
    hub.sim.faults.answer(401, {"status": "error"}, path="*/associations/*", times=None)
    receipts, failure = until_it_fails(hub, [{"id": one(hub), "jobtitle": "CFO", "associations.company": company}])
    assert isinstance(failure, AuthFailed)
    assert [receipt.result for receipt in receipts] == [WriteResult.UNKNOWN]


def test_errors_hold_no_personal_data(hub: Account) -> None:
    taken = str(hub.sim.rows()[one(hub)].properties["email"])
    other = sorted(hub.sim.rows())[1]
    for fields in (
        {"email": taken},
        {"email": "ada lovelace"},
        {"hs_lead_status": "ada lovelace"},
        {"hubspot_owner_id": "5551234567"},
    ):
        (receipt,) = hub.update("contacts", {"id": other, **fields})
        assert receipt.result is WriteResult.REJECTED
        assert not any(str(value) in str(receipt.message) for value in fields.values()), receipt.message


def test_a_sentence_that_quotes_a_value_is_told_without_it(hub: Account) -> None:
    said = {
        "status": "error",
        "category": "VALIDATION_ERROR",
        "message": 'The value "Lovelace" of lastname is not allowed',
    }
    hub.sim.faults.answer(400, said, path="*/batch/update")
    (receipt,) = hub.update("contacts", {"id": one(hub), "jobtitle": "CFO"})
    assert receipt.message == "The value … of lastname is not allowed"


def test_a_clock_that_is_wrong_is_seen(hub: Account) -> None:
    hub.sim.elapse(90)
    assert hub.connector.server_time() - hub.clock.now() == timedelta(seconds=90)


def until_it_fails(hub: Account, rows: list[dict[str, Any]]) -> tuple[list[Receipt], SystemFailure | None]:
    """The receipts of one write call that came before it raised, and what it raised."""
    batch = [
        Write(
            f"w{place}",
            Op.UPDATE if "id" in row else Op.CREATE,
            {name: value for name, value in row.items() if name not in ("id", "key")},
            row.get("id"),
            row.get("key"),
        )
        for place, row in enumerate(rows)
    ]
    receipts: list[Receipt] = []
    try:
        for receipt in hub.connector.write("contacts", batch):
            receipts.append(receipt)
    except SystemFailure as failure:
        return receipts, failure
    return receipts, None
