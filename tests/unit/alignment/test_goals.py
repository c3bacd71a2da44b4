"""From revenue back to leads, by hand; and intervals that are carried on."""

from __future__ import annotations

from typing import Any

import pytest

from smarksync.alignment.goals import Span, added, forecast, make_plan, steps_of, to_measure
from smarksync.alignment.intervals import wilson

GIVEN = (("lead_to_mql: measured, mql_to_sql: measured", "lead_to_mql: 0.2, mql_to_sql: 0.4"),)


def test_the_example_by_hand(config_of: Any) -> None:
    """4.8 M, 70 % of it scanners at 24,000: 140 customers; 0.22, 0.5, 0.4 and 0.2 below them."""
    plan = make_plan(config_of(*GIVEN).goals, {})
    year = {need.product: need.rungs for need in plan.years}
    scanner = [year["scanner"][rung].value for rung in ("customer", "opportunity", "sql", "mql", "lead")]
    assert scanner == pytest.approx([140, 140 / 0.22, 140 / 0.11, 140 / 0.044, 140 / 0.0088])
    assert year["printer"]["customer"].value == pytest.approx(160)
    assert plan.total()["mql"].value == pytest.approx(300 / 0.044)
    assert year["scanner"]["lead"] == Span(*[pytest.approx(140 / 0.0088)] * 3)


def test_months_by_their_weight(config_of: Any) -> None:
    """Ten months of weight 1, March 1.2 and August 0.6: 11.8 in all."""
    plan = make_plan(config_of(*GIVEN).goals, {})
    by_month = {need.month: need for need in plan.months if need.product == "scanner"}
    assert by_month[3].rungs["customer"].value == pytest.approx(140 * 1.2 / 11.8)
    assert by_month[8].revenue == pytest.approx(4_800_000 * 0.7 * 0.6 / 11.8)
    assert sum(need.revenue for need in plan.months) == pytest.approx(4_800_000)
    assert plan.total(3)["customer"].value == pytest.approx(300 * 1.2 / 11.8)


def test_measured_conversions_carry_their_intervals(config_of: Any) -> None:
    goals = config_of().goals
    assert to_measure(goals) == [("lead", "mql"), ("mql", "sql")]
    plan = make_plan(goals, {("lead", "mql"): (20, 100), ("mql", "sql"): (8, 20)})
    low, high = wilson(20, 100)
    low2, high2 = wilson(8, 20)
    need = plan.years[0].rungs
    assert need["mql"] == Span(
        pytest.approx(140 / 0.11 / 0.4), pytest.approx(140 / 0.11 / high2), pytest.approx(140 / 0.11 / low2)
    )
    assert need["lead"].low == pytest.approx(140 / 0.11 / high2 / high)
    assert need["lead"].high == pytest.approx(140 / 0.11 / low2 / low)
    assert [rate.small for rate in plan.rates] == [False, True, False, False]


def test_what_was_never_measured_is_not_guessed(config_of: Any) -> None:
    plan = make_plan(config_of().goals, {("mql", "sql"): (0, 12)})
    need = plan.total()
    assert need["sql"].value == pytest.approx(300 / 0.11)
    assert (need["mql"].value, need["mql"].high) == (None, None)  # nobody of twelve went on
    assert need["mql"].low == pytest.approx(300 / 0.11 / wilson(0, 12)[1])
    assert need["lead"] == Span(None, None, None)


def test_conversions_name_their_own_rungs(config_of: Any) -> None:
    goals = config_of(("mql_to_sql: measured", "mql_to_sal: 0.6, sal_to_sql: 0.5")).goals
    assert steps_of(goals) == ("lead", "mql", "sal", "sql", "opportunity", "customer")
    assert make_plan(goals, {}).years[0].rungs["mql"].value == pytest.approx(140 / 0.11 / 0.3)


def test_a_deal_size_that_nobody_gave(config_of: Any) -> None:
    goals = config_of(
        ("deal_size: {scanner: 24000, printer: 9000}\n  ", ""), ("mix: {scanner: 70%, printer: 30%}\n  ", "")
    ).goals
    assert make_plan(goals, {}).years[0].rungs["customer"].value is None
    assert make_plan(goals, {}, 16_000).years[0].rungs["customer"].value == pytest.approx(300)


def test_sums_know_what_they_do_not_know() -> None:
    assert added([Span(1, 1, None), Span(2, 1, 3)]) == Span(3, 2, None)
    assert added([]) == Span(0, 0, 0)


def test_a_forecast_goes_on_as_it_went() -> None:
    assert forecast(30, 40, 100) == (30, 40, 0.75, 75)
    assert forecast(30, 0, 100).value is None
    assert forecast(120, 100, 100).value == 120
