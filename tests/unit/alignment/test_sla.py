"""The two examples of the field to the second and to the lead, and what else becomes of a promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smarksync.alignment.judge import Facts, Verdict, judge
from smarksync.alignment.sla import Line, Scorecard
from smarksync.alignment.terms import Terms

NEW_YORK = (("time_zone: Europe/Berlin\n      holidays: DE-BE", "time_zone: America/New_York\n      holidays: US-NY"),)
Case = Callable[..., Facts]


def verdict(terms: Terms, id: str, facts: Facts, now: int) -> Verdict | None:
    return judge(next(term for term in terms.promises if term.id == id), facts, now, terms.agreement.at_risk)


def status(terms: Terms, id: str, facts: Facts, now: int) -> str | None:
    found = verdict(terms, id, facts, now)
    return None if found is None else found.status


# -- first attempt within five business hours ---------------------------------------------------------------------

#: (zone, offered, 75 % used, time used up, next instant that is too late)
FIVE_HOURS = [
    ("Europe/Berlin", "2026-11-18T10:00:00", "2026-11-18T13:45:00", "2026-11-18T15:00:00", "2026-11-18T15:00:00.000001"),
    ("Europe/Berlin", "2026-11-20T15:30:00", "2026-11-23T11:15:00", "2026-11-23T12:30:00", "2026-11-23T12:30:00.000001"),
    ("Europe/Berlin", "2026-04-30T14:00:00", "2026-05-04T09:45:00", "2026-05-04T11:00:00", "2026-05-04T11:00:00.000001"),
    ("Europe/Berlin", "2026-12-23T16:00:00", "2026-12-28T11:45:00", "2026-12-28T13:00:00", "2026-12-28T13:00:00.000001"),
    ("Europe/Berlin", "2026-03-27T15:00:00", "2026-03-30T10:45:00", "2026-03-30T12:00:00", "2026-03-30T12:00:00.000001"),
    ("Europe/Berlin", "2026-10-23T15:00:00", "2026-10-26T10:45:00", "2026-10-26T12:00:00", "2026-10-26T12:00:00.000001"),
    ("Europe/Berlin", "2026-11-20T12:00:00", "2026-11-20T15:45:00", "2026-11-20T17:00:00", "2026-11-23T09:00:00.000001"),
    ("America/New_York", "2026-11-25T15:00:00", "2026-11-27T10:45:00", "2026-11-27T12:00:00", "2026-11-27T12:00:00.000001"),
    ("America/New_York", "2026-03-06T15:00:00", "2026-03-09T10:45:00", "2026-03-09T12:00:00", "2026-03-09T12:00:00.000001"),
    ("America/New_York", "2026-10-30T15:00:00", "2026-11-02T10:45:00", "2026-11-02T12:00:00", "2026-11-02T12:00:00.000001"),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "offered", "risky", "due", "late"), FIVE_HOURS)
def test_a_first_attempt_within_five_business_hours(
    terms_of: Any, case: Case, at: Any, zone: str, offered: str, risky: str, due: str, late: str
) -> None:
    terms = terms_of(*(NEW_YORK if zone == "America/New_York" else ()))
    silent = case(offered, zone=zone)
    assert status(terms, "speed", silent, at(offered, zone) - 1) is None
    assert status(terms, "speed", silent, at(offered, zone)) == "on_track"
    assert status(terms, "speed", silent, at(risky, zone) - 1) == "on_track"
    found = verdict(terms, "speed", silent, at(risky, zone))
    assert found is not None
    assert (found.status, found.left, found.due) == ("at_risk", 75 * 60_000_000, at(due, zone))
    assert status(terms, "speed", silent, at(due, zone)) == "at_risk"
    assert status(terms, "speed", silent, at(late, zone)) == "breached"
    end = at(late, zone) + 86_400_000_000
    assert status(terms, "speed", case(offered, zone=zone, attempts=[due]), end) == "met"
    assert status(terms, "speed", case(offered, zone=zone, attempts=[late]), end) == "breached"
    assert terms.due(silent.reached) == at(due, zone)


def test_an_attempt_before_the_offer_or_after_the_end_is_of_no_account(terms_of: Any, case: Case, at: Any) -> None:
    terms = terms_of()
    now = at("2026-11-25T12:00:00")
    assert status(terms, "speed", case(attempts=["2026-11-18T09:59:00"]), now) == "breached"
    early_no = case(rejected="2026-11-18T11:00:00", reason="bad_data", attempts=["2026-11-24T10:00:00"])
    assert status(terms, "speed", early_no, now) == "excused"
    late_no = case(rejected="2026-11-19T11:00:00", reason="bad_data")
    assert status(terms, "speed", late_no, now) == "breached"


def test_an_activity_in_the_future_has_not_happened(terms_of: Any, case: Case, at: Any) -> None:
    planned = case(attempts=["2026-11-18T14:30:00"])
    assert status(terms_of(), "speed", planned, at("2026-11-18T14:00:00")) == "at_risk"
    assert status(terms_of(), "speed", planned, at("2026-11-18T14:30:00")) == "met"


def test_a_late_entry_counts_at_its_own_time(terms_of: Any, case: Case, at: Any) -> None:
    """The call was made in time and entered the next day: breached until it is known, met from then on."""
    now = at("2026-11-19T12:00:00")
    assert status(terms_of(), "speed", case(), now) == "breached"
    assert status(terms_of(), "speed", case(attempts=["2026-11-18T14:59:59"]), now) == "met"


@pytest.mark.parametrize(("state", "when", "wanted"), [
    ("merged", "2026-11-19T12:00:00", "excused"), ("withdrawn", "2026-11-18T12:00:00", "excused"),
    ("withdrawn", "2026-11-19T12:00:00", "breached"), ("sql", "2026-11-18T12:00:00", "excused"),
    ("sql", "2026-11-19T12:00:00", "breached"), ("accepted", "2026-11-18T12:00:00", "breached"),
])  # fmt: skip
def test_a_case_that_goes_on_without_an_attempt(
    terms_of: Any, case: Case, at: Any, state: str, when: str, wanted: str
) -> None:
    assert status(terms_of(), "speed", case(**{state: when}), at("2026-11-30T12:00:00")) == wanted


def test_a_clock_stands_still_while_the_lead_asks_for_time(terms_of: Any, case: Case, at: Any) -> None:
    terms = terms_of()
    waiting = case(pauses=[("2026-11-18T11:00:00", None)])
    assert status(terms, "speed", waiting, at("2026-12-18T11:00:00")) == "on_track"
    waited = case(pauses=[("2026-11-18T11:00:00", "2026-11-20T10:00:00")], attempts=["2026-11-20T14:00:00"])
    found = verdict(terms, "speed", waited, at("2026-11-21T00:00:00"))
    assert found is not None
    assert (found.status, found.due, found.used) == ("met", at("2026-11-20T14:00:00"), 1.0)


def test_a_breach_is_charged_to_who_used_the_time(terms_of: Any, case: Case, at: Any) -> None:
    terms = terms_of(("from: offered", "from: qualified"))
    now = at("2026-11-20T12:00:00")
    slow_us = case(
        legs={"written": "2026-11-18T14:00:00", "assigned": "2026-11-18T14:30:00"}, attempts=["2026-11-18T16:00:00"]
    )
    slow_sales = case(
        legs={"written": "2026-11-18T10:01:00", "assigned": "2026-11-18T10:02:00"}, attempts=["2026-11-18T16:00:00"]
    )
    for facts, who in ((slow_us, "system"), (slow_sales, "sales")):
        found = verdict(terms, "speed", facts, now)
        assert found is not None
        assert (found.status, found.charged) == ("breached", who)


# -- at most four attempts in 16 days ---------------------------------------------------------------------------------

CALLS = [
    "2026-10-20T11:00:00",
    "2026-10-22T11:00:00",
    "2026-10-27T11:00:00",
    "2026-11-02T11:00:00",
    "2026-11-05T08:00:00",
]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_at_most_four_attempts_in_sixteen_days(terms_of: Any, case: Case, at: Any, zone: str) -> None:
    """From 20 October 09:00, over the change of clocks: 16 times 24 hours end on 5 November at 08:00."""
    terms = terms_of()
    offered, due = "2026-10-20T09:00:00", at("2026-11-05T08:00:00", zone)
    four = case(offered, zone=zone, attempts=CALLS[:4])
    assert status(terms, "persistence", four, due) == "on_track"
    assert status(terms, "persistence", four, due + 1) == "met"
    five = case(offered, zone=zone, attempts=CALLS)  # the fifth at exactly 16 days
    assert status(terms, "persistence", five, due - 1) == "on_track"
    found = verdict(terms, "persistence", five, due)
    assert found is not None
    assert (found.status, found.at, found.charged) == ("breached", due, "sales")
    too_late_to_count = case(offered, zone=zone, attempts=[*CALLS[:4], "2026-11-05T08:00:00.000001"])
    assert status(terms, "persistence", too_late_to_count, due + 9) == "met"


@pytest.mark.parametrize(("zone", "offered", "due"), [
    ("Europe/Berlin", "2026-03-20T09:00:00", "2026-04-05T10:00:00"),
    ("America/New_York", "2026-03-01T09:00:00", "2026-03-17T10:00:00"),
])  # fmt: skip
def test_sixteen_days_over_the_clocks_of_spring(
    terms_of: Any, case: Case, at: Any, zone: str, offered: str, due: str
) -> None:
    terms = terms_of()
    calls = [offered.replace("09:00", f"1{n}:00") for n in range(4)]
    end = at(due, zone)
    assert status(terms, "persistence", case(offered, zone=zone, attempts=[*calls, due]), end) == "breached"
    kept = case(offered, zone=zone, attempts=[*calls, f"{due}.000001"])
    assert status(terms, "persistence", kept, end) == "on_track"
    assert status(terms, "persistence", kept, end + 1) == "met"
    few = case(offered, zone=zone, attempts=calls[:1])
    assert status(terms, "persistence", few, at(offered, zone) + 12 * 86_400_000_000) == "at_risk"
    assert status(terms, "persistence", few, end) == "at_risk"
    assert status(terms, "persistence", few, end + 1) == "breached"


def test_no_fewer_than_two(terms_of: Any, case: Case, at: Any) -> None:
    terms, offered = terms_of(), "2026-11-02T09:00:00"
    one = case(offered, attempts=["2026-11-03T09:00:00"])
    assert status(terms, "persistence", one, at("2026-11-14T08:59:59")) == "on_track"
    found = verdict(terms, "persistence", one, at("2026-11-14T09:00:00"))  # 12 of 16 days
    assert found is not None
    assert (found.status, found.left) == ("at_risk", 4 * 86_400_000_000)
    assert status(terms, "persistence", one, at("2026-11-18T09:00:00")) == "at_risk"
    assert status(terms, "persistence", one, at("2026-11-18T09:00:00") + 1) == "breached"


@pytest.mark.parametrize(("state", "reason", "wanted"), [
    ("sql", None, "excused"), ("rejected", "no_budget", "excused"), ("rejected", "unreachable", "breached"),
    ("merged", None, "excused"),
])  # fmt: skip
def test_too_few_attempts_because_the_case_ended(
    terms_of: Any, case: Case, at: Any, state: str, reason: str | None, wanted: str
) -> None:
    one = case("2026-11-02T09:00:00", attempts=["2026-11-03T09:00:00"], reason=reason, **{state: "2026-11-04T09:00:00"})
    assert status(terms_of(), "persistence", one, at("2026-11-30T09:00:00")) == wanted


def test_contacts_after_they_have_talked_are_no_attempts(terms_of: Any, case: Case, at: Any) -> None:
    calls = ["2026-11-02T10:00:00", "2026-11-03T10:00:00", *[f"2026-11-05T1{n}:00:00" for n in range(5)]]
    won = case("2026-11-02T09:00:00", attempts=calls, sql="2026-11-04T09:00:00")
    assert status(terms_of(), "persistence", won, at("2026-11-30T09:00:00")) == "met"


# -- a decision within two business days --------------------------------------------------------------------------------


def test_a_decision_within_two_business_days(terms_of: Any, case: Case, at: Any) -> None:
    terms = terms_of()
    offered = "2026-11-20T15:30:00"  # a Friday
    now = at("2026-12-20T00:00:00")
    assert status(terms, "accept-or-reject", case(offered, accepted="2026-11-24T15:30:00"), now) == "met"
    assert status(terms, "accept-or-reject", case(offered, accepted="2026-11-24T15:30:00.000001"), now) == "breached"
    assert (
        status(terms, "accept-or-reject", case(offered, rejected="2026-11-23T10:00:00", reason="no_need"), now) == "met"
    )
    found = verdict(terms, "accept-or-reject", case(offered, rejected="2026-11-23T10:00:00"), now)
    assert found is not None
    assert (found.status, found.why) == ("breached", "rejected without a reason")
    assert status(terms, "accept-or-reject", case(offered), at("2026-11-24T11:29:59")) == "on_track"
    assert status(terms, "accept-or-reject", case(offered), at("2026-11-24T11:30:00")) == "at_risk"
    assert status(terms, "accept-or-reject", case(offered, merged="2026-11-25T10:00:00"), now) == "excused"


# -- 75 leads per product per month ------------------------------------------------------------------------------------


def volume(terms: Terms, cases: list[Facts], now: int) -> dict[tuple[str, str], Line]:
    card = Scorecard(terms, now)
    for facts in cases:
        card.add(facts)
    return {
        (line.segments["product"], line.period.name): line
        for line in card.lines()
        if line.promise == "mqls-per-product"
    }


def test_75_leads_per_product_per_month(terms_of: Any, case: Case, at: Any) -> None:
    terms = terms_of()
    many = [case("2026-10-01T00:00:00", product="scanner") for _ in range(74)]
    last = case("2026-10-31T23:59:59.999999", product="scanner")  # winter time since the 25th
    few = [case("2026-10-15T12:00:00", product="printer") for _ in range(74)]
    november = case("2026-11-01T00:00:00", product="printer")
    again = case("2026-10-20T12:00:00", product="printer", eid=few[0].eid)  # the same lead qualifies twice
    merged = case("2026-10-20T12:00:00", product="printer", merged="2026-10-21T12:00:00")
    nobody = case("2026-10-20T12:00:00", product=None)
    found = volume(terms, [*many, last, *few, november, again, merged, nobody], at("2026-11-01T00:00:00"))
    assert {key: (line.status, line.actual) for key, line in found.items()} == {
        ("scanner", "2026-10"): ("met", 75), ("printer", "2026-10"): ("breached", 74),
        ("scanner", "2026-11"): ("on_track", 0), ("printer", "2026-11"): ("on_track", 1),
    }  # fmt: skip
    assert found["printer", "2026-10"].charged == {"marketing": 1}


def test_a_volume_is_at_risk_from_three_quarters_of_the_month(terms_of: Any, case: Case, at: Any) -> None:
    """October in Berlin has 745 hours, one more than 31 days: three quarters are over on the 24th at 06:45 summer time."""
    terms = terms_of()
    cases = [case("2026-10-02T12:00:00") for _ in range(74)]
    risky = at("2026-10-24T06:45:00")
    line = volume(terms, cases, risky - 1)["scanner", "2026-10"]
    assert line.status == "on_track"
    line = volume(terms, cases, risky)["scanner", "2026-10"]
    assert (line.status, line.left) == ("at_risk", at("2026-11-01T00:00:00") - risky)
    assert volume(terms, [*cases, case("2026-10-03T12:00:00")], risky)["scanner", "2026-10"].status == "met"


def test_months_are_those_of_the_workspace(terms_of: Any, case: Case, at: Any) -> None:
    terms = terms_of(("time_zone: Europe/Berlin\ncurrency", "time_zone: America/New_York\ncurrency"))
    late = case("2026-11-01T03:00:00")  # still October in New York
    assert ("scanner", "2026-10") in volume(terms, [late], at("2026-11-20T00:00:00"))


# -- shares, and the lines of the scorecard -----------------------------------------------------------------------------


def lines(terms: Terms, cases: list[Facts], now: int) -> dict[str, Line]:
    card = Scorecard(terms, now)
    for facts in cases:
        card.add(facts)
    return {line.promise: line for line in card.lines(card.periods.of(cases[0].opened_at, "month"))}


def test_sixty_per_cent_accepted(terms_of: Any, case: Case, at: Any) -> None:
    terms, now = terms_of(), at("2026-12-15T00:00:00")
    yes = [case(accepted="2026-11-18T12:00:00") for _ in range(3)]
    no = [case(rejected="2026-11-18T12:00:00", reason="no_need") for _ in range(2)]
    line = lines(terms, [*yes, *no], now)["acceptance"]
    assert (line.status, line.actual, line.why) == ("met", 0.6, "3 of 5 accepted")
    assert lines(terms, [*yes[:2], *no], now)["acceptance"].status == "breached"
    assert lines(terms, [*yes, *no, case()], now)["acceptance"].why == "3 of 5 accepted, 1 undecided"
    assert lines(terms, [*yes, *no, case()], now)["acceptance"].status == "met"
    assert lines(terms, [*yes[:2], *no], at("2026-11-19T00:00:00"))["acceptance"].status == "at_risk"
    assert lines(terms, [case()], at("2026-11-19T00:00:00"))["acceptance"].status == "on_track"
    assert lines(terms, [case(merged="2026-11-18T11:00:00")], now)["acceptance"].status == "excused"


def test_a_share_is_compared_in_whole_cases(terms_of: Any, case: Case, at: Any) -> None:
    """56 % of 25 is 14, though 0.56 * 25 is 14.000000000000002 in floating point."""
    terms = terms_of(("at_least: 60%", "at_least: 56%"))
    yes = [case(accepted="2026-11-18T12:00:00") for _ in range(14)]
    no = [case(rejected="2026-11-18T12:00:00", reason="no_need") for _ in range(11)]
    assert lines(terms, [*yes, *no], at("2026-12-15T00:00:00"))["acceptance"].status == "met"
    assert lines(terms, [*yes[1:], *no], at("2026-12-15T00:00:00"))["acceptance"].status == "breached"


def test_complete_data(terms_of: Any, case: Case, at: Any) -> None:
    terms, now = terms_of(), at("2026-12-15T00:00:00")
    full, bare = [case() for _ in range(19)], case(filled=("email",))
    assert lines(terms, [*full, bare], now)["contactable"].status == "met"
    assert lines(terms, [*full[1:], bare], now)["contactable"].status == "breached"


def test_a_promise_is_as_good_as_its_worst_case(terms_of: Any, case: Case, at: Any) -> None:
    terms, now = terms_of(), at("2026-11-18T14:00:00")
    cases = [case(attempts=["2026-11-18T11:00:00"]), case(), case("2026-11-18T13:00:00")]
    line = lines(terms, cases, now)["speed"]
    assert (line.status, line.base) == ("at_risk", 3)
    assert line.counts == {"breached": 0, "at_risk": 1, "on_track": 1, "met": 1, "excused": 0}
    assert [v.cid for v in line.cases] == [cases[1].cid]
    line = lines(terms, [*cases, case("2026-11-17T10:00:00")], now)["speed"]
    assert (line.status, line.actual, line.charged) == ("breached", 0.5, {"sales": 1})


def test_a_month_without_cases(terms_of: Any, case: Case, at: Any) -> None:
    card = Scorecard(terms_of(), at("2026-11-18T14:00:00"), since=at("2026-10-01T00:00:00"))
    found = {
        (line.promise, line.period.name): line.status
        for line in card.lines()
        if line.promise in ("speed", "acceptance")
    }
    assert found == {("speed", "2026-10"): "excused", ("speed", "2026-11"): "on_track",
                     ("acceptance", "2026-10"): "excused", ("acceptance", "2026-11"): "on_track"}  # fmt: skip
