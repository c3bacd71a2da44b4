"""Tokens, errors inside HTTP 200, limits: what class each gets, what people read, what happens to the run.

Facts are cited by page of the vendor's documentation (``rest/…``) or as recorded; each has its switch or fault.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smarksync.plugin import AuthFailed, Invalid, Malformed, Op, PermissionDenied, Throttled, Transient, WriteResult

from .conftest import Instance

Make = Callable[..., Instance]


def says(code: str, message: str = "as documented") -> dict[str, Any]:
    return {"requestId": "e42b#14272d07d78", "success": False, "errors": [{"code": code, "message": message}]}


def used(instance: Instance, path: str = "/identity") -> int:
    return instance.sim.count(path=path)


# --- tokens (rest/authentication) -------------------------------------------------------------------------


def test_token_travels_in_the_header_and_never_in_the_query(marketo: Make) -> None:
    m = marketo(people=3)
    m.read()
    assert all("access_token" not in call.query for call in m.sim.calls)
    assert all("client_secret" not in call.query for call in m.sim.calls)


def test_same_token_is_served_until_it_expires_and_is_used_to_its_end(marketo: Make) -> None:
    m = marketo(people=3)
    m.connector.describe("leads")
    m.clock.move(3590)  # within the margin: asked again, and the same token comes with the ten seconds that it has left
    m.connector.describe("leads")
    assert (used(m), len(m.sim.tokens)) == (2, 1)
    m.connector.describe("leads")
    assert used(m) == 2  # ten seconds are enough for another call: no storm on the identity service
    m.clock.move(11)
    m.connector.describe("leads")
    assert (used(m), len(m.sim.tokens)) == (3, 2)


@pytest.mark.parametrize("code", ["601", "602"])
def test_refused_token_inside_http_200_is_renewed_once_and_the_call_replayed(marketo: Make, code: str) -> None:
    m = marketo(people=3)
    m.sim.faults.answer(200, says(code), path="/rest/v1/leads/describe2.json")
    assert m.connector.describe("leads")
    assert used(m) == 2


def test_token_that_expires_in_mid_write_makes_one_lead(marketo: Make) -> None:
    m = marketo()
    m.connector.describe("leads")
    m.sim.expire_tokens()
    (receipt,) = m.write(Op.CREATE, {"email": "a@example.com"})
    assert receipt.result is WriteResult.CREATED
    assert len(m.world.leads) == 1


def test_second_refusal_is_an_auth_failure(marketo: Make) -> None:
    m = marketo(people=3)
    m.sim.faults.answer(200, says("602"), times=None, path="/rest/*")
    with pytest.raises(AuthFailed):
        m.connector.describe("leads")
    assert used(m) == 2


def test_wrong_secret_is_401_of_the_identity_service_and_says_nothing_of_it(marketo: Make) -> None:
    m = marketo(people=3)
    m.again(client_secret="not-the-secret")
    with pytest.raises(AuthFailed) as refused:
        m.connector.check()
    said = str(refused.value)
    assert m.sim.url.removeprefix("http://") in said and "credentials" in said and "not-the-secret" not in said


def test_tokens_come_from_the_identity_service_and_not_from_below_rest(marketo: Make) -> None:
    m = marketo(people=3)
    m.again(base_url=m.sim.url + "/rest/v1")
    assert m.connector.check().ok
    m.again(base_url=m.sim.url, identity_url=m.sim.url + "/identity")
    assert m.connector.check().ok
    m.sim.faults.answer(200, says("600", "Empty access token"), path="/rest/*")
    with pytest.raises(AuthFailed, match="identity"):
        m.connector.describe("leads")


# --- errors (rest/error-codes) ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("603", PermissionDenied),
        ("605", Invalid),
        ("609", Invalid),
        ("612", Invalid),
        ("616", PermissionDenied),
        ("703", PermissionDenied),
        ("1006", Invalid),
        ("1018", PermissionDenied),
        ("799", Invalid),
    ],
)
def test_lasting_errors_are_told_apart_and_not_tried_again(marketo: Make, code: str, kind: type[Exception]) -> None:
    m = marketo(people=3)
    fault = m.sim.faults.answer(200, says(code), times=None, path="/rest/v1/leads/describe.json")
    m.sim.faults.answer(200, says("610"), times=None, path="/rest/v1/leads/describe2.json")
    with pytest.raises(kind, match=f"error {code}"):
        m.connector.describe("leads")
    assert fault.seen == 1


@pytest.mark.parametrize("code", ["604", "608", "611", "614", "713", "719", "502"])
def test_passing_errors_are_tried_again(marketo: Make, code: str) -> None:
    m = marketo(people=3)
    fault = m.sim.faults.answer(200, says(code), times=2, path="/rest/v1/leads/describe2.json")
    assert m.connector.describe("leads")
    assert fault.seen == 2
    m.sim.faults.answer(200, says(code), times=None, path="/rest/v1/leads/describe2.json")
    with pytest.raises(Transient):
        m.connector.describe("leads")


@pytest.mark.parametrize(("code", "result"), [("604", WriteResult.UNKNOWN), ("611", WriteResult.UNKNOWN)])
def test_a_write_that_ran_for_too_long_may_have_been_done(marketo: Make, code: str, result: WriteResult) -> None:
    m = marketo()
    fault = m.sim.faults.answer(200, says(code), times=None, path="/rest/v1/leads.json", method="POST")
    (receipt,) = m.write(Op.CREATE, {"email": "a@example.com"})
    assert receipt.result is result
    assert fault.seen == 1  # a create is not sent twice on such a word


@pytest.mark.parametrize("code", ["608", "713", "719"])
def test_a_write_that_was_not_executed_is_sent_again(marketo: Make, code: str) -> None:
    m = marketo()
    m.sim.faults.answer(200, says(code), times=2, path="/rest/v1/leads.json", method="POST")
    (receipt,) = m.write(Op.CREATE, {"email": "a@example.com"})
    assert receipt.result is WriteResult.CREATED


def test_codes_are_text_and_numbers_are_borne(marketo: Make) -> None:
    m = marketo(people=3)
    body = {"requestId": "1", "success": False, "errors": [{"code": 603, "message": "Access denied"}]}
    m.sim.faults.answer(200, body, times=None, path="/rest/v1/leads.json")
    with pytest.raises(PermissionDenied):
        list(m.connector.fetch("leads", ["1001"], fields=["email"]))


@pytest.mark.parametrize("body", ["<html><body>Bad gateway</body></html>", "", '{"requestId":"1"}', "[]"])
def test_answers_that_are_not_marketos_own_are_malformed(marketo: Make, body: str) -> None:
    m = marketo(people=3)
    answer: Any = body if body[:1] not in ("{", "[") else ({"requestId": "1"} if body[0] == "{" else [])
    m.sim.faults.answer(200, answer, times=None, path="/rest/v1/leads.json")
    with pytest.raises(Malformed):
        list(m.connector.fetch("leads", ["1001"], fields=["email"]))


def test_cut_answer_to_a_read_is_asked_for_again(marketo: Make) -> None:
    m = marketo(people=3)
    fault = m.sim.faults.cut(path="/rest/v1/leads.json")
    assert len(list(m.connector.fetch("leads", [str(n) for n in m.world.leads], fields=["email"]))) == len(
        m.world.leads
    )
    assert fault.seen == 1


# --- limits (rest/marketo-integration-best-practices) -----------------------------------------------------


def test_rate_limit_is_waited_for(marketo: Make) -> None:
    m = marketo(people=3, rate=2)
    for _ in range(4):
        m.connector.describe("companies")
    limited = [call for call in m.sim.calls if call.status == 200]
    assert m.session.counts["throttled"] >= 1
    assert m.clock.slept and max(m.clock.slept) <= 20
    assert len(limited) >= 4


def test_own_pace_keeps_below_the_limit_that_everybody_shares(marketo: Make) -> None:
    m = marketo(people=3)
    m.again(rate_limit="50/20s")
    for _ in range(120):
        m.connector.describe("companies")
    assert m.session.counts["throttled"] == 0
    assert m.clock.slept  # we waited by ourselves
    from smarksync_marketo import MarketoSettings

    assert MarketoSettings.model_fields["rate_limit"].default == "50/20s"


def test_too_many_at_once_is_waited_for_a_moment(marketo: Make) -> None:
    m = marketo(people=3)
    m.sim.faults.answer(
        200, says("615", "Concurrent access limit reached"), times=2, path="/rest/v1/leads/describe2.json"
    )
    assert m.connector.describe("leads")
    assert m.clock.slept == [2.0, 2.0]


def test_used_up_quota_ends_the_run_until_midnight_central_time(marketo: Make) -> None:
    m = marketo(people=3)
    m.sim.use_up(m.sim.quirks.daily)
    with pytest.raises(Throttled) as caught:
        m.connector.describe("leads")
    at = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    assert caught.value.retry_after == pytest.approx((at - m.sim.now()).total_seconds(), abs=2)
    before = len(m.sim.calls)
    with pytest.raises(Throttled):  # nothing more is sent: such an answer costs quota, too
        m.connector.describe("leads")
    assert len(m.sim.calls) == before


def test_check_tells_what_is_left_of_today(marketo: Make) -> None:
    m = marketo(people=3)
    m.sim.use_up(49_000)
    report = m.connector.check()
    assert report.ok and report.budget_left is not None and 900 < report.budget_left <= 1000
    assert any("calls of today" in warning for warning in report.warnings)


def test_check_names_the_permission_that_is_missing(marketo: Make) -> None:
    m = marketo(people=3)
    m.sim.faults.answer(200, says("603", "Access denied"), times=None, path="/rest/v1/activities/types.json")
    report = m.connector.check()
    assert not report.ok
    assert "Read-Only Activity" in report.problems[0]


def test_long_address_goes_as_a_form(marketo: Make) -> None:
    m = marketo()
    emails = [f"somebody.with.a.long.name.{n:04}@a-long-company-name.example" for n in range(300)]
    for email in emails[::10]:
        m.world.add(email=email)
    found = list(m.connector.find("leads", "email", emails, fields=["email"]))
    assert len(found) == 30
    assert [c.status for c in m.sim.calls if c.path == "/rest/v1/leads.json"] == [200]
    assert m.sim.calls[-1].method == "POST" and m.session.counts["write"] == 0


# --- clocks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [timedelta(hours=-5), timedelta(hours=5)])
def test_a_clock_that_is_wrong_is_seen_and_loses_nothing(marketo: Make, ahead: timedelta) -> None:
    m = marketo(people=20)
    m.sim.elapse(ahead.total_seconds())
    m.connector.describe("leads")
    assert abs(m.connector.server_time() - m.clock.now() - ahead) < timedelta(seconds=2)
    rows, cursor = m.read()
    assert len(rows) == len(m.world.leads)
    for step in range(3):
        m.clock.move(1200)
        number = sorted(m.world.leads)[step]
        m.world.edit(number, lastName=f"Edit {step}")
        m.again()
        rows, cursor = m.read(cursor)
        assert rows[str(number)].fields["lastName"] == f"Edit {step}"
        assert rows.keys() <= {str(one) for one in sorted(m.world.leads)[: step + 1]}, (
            "nor is everything read each time"
        )


def test_the_days_quota_is_renewed_at_midnight_of_their_clock(marketo: Make) -> None:
    m = marketo(people=3)
    m.sim.elapse(5 * 3600)
    m.sim.faults.answer(200, says("607"), path="/rest/*", times=None)
    with pytest.raises(Throttled) as refused:
        m.connector.describe("leads")
    there = m.sim.now() - timedelta(hours=6)
    midnight = (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert refused.value.retry_after == pytest.approx((midnight - there).total_seconds(), abs=2)


@pytest.mark.parametrize(
    ("path", "key"), [("/rest/v1/leads.json", "id"), ("/rest/v1/activities/leadchanges.json", "leadId")]
)
def test_an_id_that_is_no_number_is_a_malformed_answer(marketo: Make, path: str, key: str) -> None:
    m = marketo(people=3)
    m.again(bulk="never")
    row = {key: "seven", "activityTypeId": 13, "activityDate": "2026-01-01T00:00:00Z"}
    m.sim.faults.answer(200, {"requestId": "1", "success": True, "result": [row]}, times=None, path=path)
    with pytest.raises(Malformed, match=f"{path} has an object whose `{key}` is no whole number"):
        m.read()


def test_an_odd_count_of_used_calls_stops_nothing(marketo: Make) -> None:
    m = marketo(people=30)
    odd = {"requestId": "1", "success": True, "result": [{"date": "2026-01-01", "total": "many"}]}
    m.sim.faults.answer(200, odd, times=None, path="/rest/v1/stats/usage.json")
    assert m.connector.describe("leads") and len(m.read()[0]) == len(m.world.leads)
    assert m.connector.check().ok
