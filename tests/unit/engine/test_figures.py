"""The report's figures against a second count of the same invented year, made from the lives and not from the ledger."""

from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from smarksync.config import load
from smarksync.engine.figures import collect, period
from smarksync.errors import UsageError
from smarksync.ledger.db import Ledger
from smarksync.testing.history import CAMPAIGNS, REPS, Team, lives
from smarksync.testing.history_ledger import fill

TEAM, LEADS = Team(year=2026, seed=7), 1_500
NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
CONFIG = """
version: 1
workspace: figures
currency: EUR
rates: {USD: {rate: 0.9, date: 2026-12-31}}
entities: {lead: {fields: {product: {type: enum, values: [scanner, printer]}}}}
agreement: {segments: {product: {of: lead.product, values: [scanner, printer]}}}
connections:
  marketing: {connector: files, settings: {path: .}}
  sales: {connector: files, settings: {path: .}}
"""
YEAR_START, YEAR_END = 1_767_225_600_000_000, 1_798_761_600_000_000


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    (folder / "smarksync.yaml").write_text(CONFIG)
    config = load(folder / "smarksync.yaml")
    ledger = Ledger(config.ledger_url, root=str(folder))
    fill(ledger, TEAM, LEADS)
    found = collect.collect(config, ledger, period.parse("2026", "UTC", NOW), NOW)
    ledger.close()
    return found


@pytest.fixture(scope="module")
def year():
    return list(lives(TEAM, LEADS))


def test_a_year_is_the_same_every_time_and_a_life_does_not_depend_on_the_others(year):
    assert [repr(one) for one in lives(TEAM, 40, start=700)] == [repr(one) for one in year[700:740]]


def test_nothing_happens_after_the_end():
    team = Team(year=2026, seed=7, end=datetime(2026, 6, 15, tzinfo=UTC))
    assert not list(lives(Team(year=2026, end=datetime(2025, 6, 15, tzinfo=UTC)), 5))
    for one in lives(team, 400):
        assert one.born < team.end_at, "a lead that is not born yet"
        assert all(act["at"] < team.end_at for act in one.activities)
        assert all(move.at < team.end_at for case in one.cases for move in case.moves)
        assert one.deal is None or one.deal.closed_at is None or one.deal.closed_at < team.end_at


def test_the_funnel_counts_every_lead_once(told, year):
    ladder = ("lead", "mql", "sal", "sql", "opportunity", "customer")
    wanted = Counter(rung for one in year for rung in {stage for stage, _, _ in one.stages} if rung in ladder)
    assert told["funnel"]["whole"]["counts"] == {rung: wanted[rung] for rung in ladder}
    for name, rows in told["funnel"]["by"].items():
        assert sum(row["counts"]["mql"] for row in rows) == wanted["mql"], name


def test_leads_stand_under_the_campaign_that_brought_them(told, year):
    wanted = Counter(one.campaign.name for one in year)
    assert {row["value"]: row["counts"]["lead"] for row in told["funnel"]["by"]["campaign"]} == dict(wanted)


def test_revenue_in_one_currency_and_what_has_no_rate_is_said(told, year):
    won = [one.deal for one in year if one.deal and one.deal.kind == "won"]
    euros = sum(Fraction(d.amount) * {"EUR": Fraction(1), "USD": Fraction(9, 10), "CHF": 0}[d.currency] for d in won)
    said = told["attribution"]
    assert said["amount"] == pytest.approx(float(euros)) and said["sales"] == len(won)
    assert said["not_converted"] == {"CHF": float(sum(d.amount for d in won if d.currency == "CHF"))}
    for model in said["models"]:
        assert sum(row["amount"] for row in model["rows"]) == pytest.approx(float(euros)), model["name"]
    assert told["funnel"]["whole"]["won"] == pytest.approx(float(euros))


def test_the_first_touch_of_a_sale_is_what_the_person_did_first(told, year):
    wanted = Counter()
    for one in year:
        if one.deal and one.deal.kind == "won" and one.deal.currency != "CHF":
            wanted[one.campaign.name] += 1
    first = next(model for model in told["attribution"]["models"] if model["name"] == "first")
    assert {row["credit"]: row["sales"] for row in first["rows"]} == dict(wanted)


def test_reasons_are_those_that_sales_gave(told, year):
    wanted = Counter(
        move.reason for one in year for case in one.cases for move in case.moves if move.state == "rejected"
    )
    assert {row["reason"]: row["count"] for row in told["handoffs"]["reasons"]["rejected"]} == dict(wanted)


def test_bought_addresses_come_out_as_bad_leads_and_referrals_do_not(told):
    rows = {row["value"]: row for row in told["funnel"]["by"]["campaign"]}
    bad, good = rows["Bought addresses"]["steps"][0], rows["Customer referrals"]["steps"][0]
    assert bad["high"] < good["low"]


def test_what_is_under_way_is_what_nobody_has_closed(told, year):
    closed = {"rejected", "recycled", "won", "lost"}
    open_ones = Counter(
        case.moves[-1].state for one in year for case in one.cases if case.moves[-1].state not in closed
    )
    assert told["pipeline"]["cases"] == dict(open_ones)
    names = {rep.name for rep in REPS}
    assert {row["owner"] for row in told["pipeline"]["owners"]} <= names


def test_the_campaigns_of_the_year_are_all_known(told):
    assert {row["value"] for row in told["funnel"]["by"]["campaign"]} == {one.name for one in CAMPAIGNS}


@pytest.mark.parametrize(
    ("text", "label"),
    [("2026", "2026-01-01 to 2026-12-31"), ("2026-Q3", "2026-07-01 to 2026-09-30"), ("2026-02", "2026-02-01 to 2026-02-28"),
     ("2026-12", "2026-12-01 to 2026-12-31"), ("2026-03-02/2026-03-08", "2026-03-02 to 2026-03-08"), (None, "2027-01-01 to 2027-01-04")],
)  # fmt: skip
def test_periods_as_people_write_them(text, label):
    assert period.parse(text, "UTC", NOW).label == label


@pytest.mark.parametrize(
    "text",
    [
        "last week",
        "2026-13",
        "2026-Q5",
        "2026-00",
        "2026-05-01/2026-04-01",
        "26",
        "",
        "9999-12-31/9999-12-31",
        "0001-01-01/2026-01-01",
    ],
)
def test_what_is_no_period_is_refused_with_the_forms_that_are(text):
    with pytest.raises(UsageError):
        period.parse(text, "UTC", NOW)


def test_a_period_begins_at_midnight_of_the_workspace_on_both_sides_of_a_clock_change():
    march = period.parse("2026-03-29/2026-03-29", "Europe/Berlin", NOW)
    assert (march.end - march.start) // 3_600_000_000 == 23


def test_the_period_before_a_month_is_a_month():
    assert period.parse("2026-03", "UTC", NOW).before().label == "2026-02-01 to 2026-02-28"
    assert period.parse("2026-03-08/2026-03-14", "UTC", NOW).before().label == "2026-03-01 to 2026-03-07"
