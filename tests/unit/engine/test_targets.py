"""Plan against actual: what marketing brought, counted a second time from the invented lives; and what it costs to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from smarksync.alignment.funnel import RUNGS, filled
from smarksync.config import Config, load
from smarksync.engine import targets
from smarksync.engine.figures import collect, period
from smarksync.ledger import reading, stages
from smarksync.ledger.db import Ledger
from smarksync.model.moments import DAY, micros, moment
from smarksync.testing.history import Team, lives
from smarksync.testing.history_ledger import fill

TEAM, LEADS = Team(year=2026, seed=7, touches=2), 1_200
NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
CONFIG = """
version: 1
workspace: targets
currency: EUR
time_zone: Europe/Berlin
rates: {USD: {rate: 0.9, date: 2026-12-31}, CHF: {rate: 1.05, date: 2026-12-31}}
entities: {lead: {fields: {product: {type: enum, values: [scanner, printer]}}}}
agreement: {segments: {product: {of: lead.product, values: [scanner, printer]}}}
goals:
  year: 2026
  revenue: 4800000
  deal_size: {scanner: 24000, printer: 9000}
  mix: {scanner: 70%, printer: 30%}
  conversion: {lead_to_mql: measured, mql_to_sql: measured, sql_to_opportunity: measured, opportunity_to_customer: measured}
  quota: {marketing_sourced: 40%}
connections:
  marketing: {connector: files, settings: {path: .}}
  sales: {connector: files, settings: {path: .}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[..., tuple[Config, Ledger]]]:
    """A ledger with a year of two teams' lives; ``old`` of the leads lived it five years earlier."""
    opened: list[Ledger] = []

    def made(leads: int, old: int = 0, text: str = CONFIG) -> tuple[Config, Ledger]:
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        (folder / "smarksync.yaml").write_text(text)
        config = load(folder / "smarksync.yaml")
        ledger = Ledger(config.ledger_url, root=str(folder))
        opened.append(ledger)
        if leads:
            fill(ledger, TEAM, leads)
        for (eid,) in ledger.rows("SELECT eid FROM entities WHERE kind = 'lead' ORDER BY eid LIMIT ?", (old,)):
            _age(ledger, eid)
        return config, ledger

    yield made
    for one in opened:
        one.close()


def _age(ledger: Ledger, eid: int) -> None:
    """Everything about a lead was five years ago, and is over."""
    ago = 5 * 365 * DAY
    ledger.run("UPDATE stages SET at = at - ? WHERE eid = ?", (ago, eid))
    ledger.run("UPDATE activities SET at = at - ? WHERE eid = ?", (ago, eid))
    ledger.run(
        "UPDATE cases SET opened_at = opened_at - ?1, offered_at = offered_at - ?1, state = 'withdrawn', "
        "closed_at = COALESCE(closed_at, opened_at) - ?1 WHERE eid = ?2", (ago, eid),
    )  # fmt: skip
    ref = ledger.value("SELECT ref FROM entities WHERE eid = ?", (eid,))
    ledger.run(
        "DELETE FROM entities WHERE kind = 'opportunity' AND json_extract(CAST(agreed AS TEXT), '$.primary_lead') = ?",
        (ref,),
    )


def test_marketings_part_of_the_revenue_is_that_of_people_who_were_handed_over(place: Any) -> None:
    config, ledger = place(LEADS)
    rates = {"EUR": Fraction(1), "USD": Fraction(9, 10), "CHF": Fraction(105, 100)}
    # sales found every third customer by itself: no case, no hand-off
    rids = {f"L{one.person.number}" for one in lives(TEAM, LEADS) if one.cases and one.person.number % 3 == 0}
    own = "SELECT eid FROM links WHERE rid IN (SELECT value FROM json_each(?))"
    ledger.run(f"DELETE FROM cases WHERE eid IN ({own})", ("[" + ",".join(f'"{r}"' for r in sorted(rids)) + "]",))
    brought, by_month, mqls = Fraction(0), Counter[int](), 0
    whole = Fraction(0)
    for one in lives(TEAM, LEADS):
        theirs = one.person.number % 3 == 0
        mqls += not theirs and any(stage == "mql" for stage, _, _ in one.stages) and bool(one.cases)
        if one.deal is not None and one.deal.kind == "won" and one.deal.closed_at is not None:
            amount = Fraction(one.deal.amount) * rates[one.deal.currency]
            whole += amount
            if not theirs:
                brought += amount
                by_month[moment(one.deal.closed_at).month] += 1
    told = targets.goals(config, ledger, NOW)["marketing_sourced"]
    assert told["actual"]["revenue"] == pytest.approx(float(brought), abs=0.05) and 0 < brought < whole
    assert told["actual_share"] == pytest.approx(float(brought / whole), abs=1e-4)
    assert told["actual"]["mql"] == mqls and "lead" not in told["actual"]
    assert sum(one["actual"]["revenue"] for one in told["months"]) == pytest.approx(told["actual"]["revenue"], abs=0.1)
    assert {int(one["month"][5:]) for one in told["months"] if one["actual"]["revenue"]} == set(by_month)
    assert sum(one["revenue"] for one in told["months"]) == pytest.approx(1_920_000)
    assert told["forecast"]["pace"] == pytest.approx(float(brought) / 1_920_000)  # the year is over


def test_without_a_quota_or_a_ledger_nothing_is_counted(place: Any) -> None:
    config, ledger = place(50, text=CONFIG.replace("  quota: {marketing_sourced: 40%}\n", ""))
    assert targets.goals(config, ledger, NOW)["marketing_sourced"] is None
    config, _ = place(0)
    told = targets.goals(config, None, NOW)["marketing_sourced"]
    assert told["actual"] is None and told["revenue"] == 1_920_000


def test_conversions_are_those_that_a_look_at_everybody_gives(place: Any) -> None:
    config, ledger = place(800, 400)
    at = micros(NOW)
    for step, (hits, total) in targets.measured(config, ledger, NOW).items():
        seen = []
        for (eid,) in ledger.rows("SELECT DISTINCT eid FROM stages"):
            told: list[int | None] = [None] * len(RUNGS)
            for stage, when in ((s.stage, s.at) for s in stages.of(ledger, [eid])[eid]):
                rung = len(RUNGS) - 1 if stage == "evangelist" else RUNGS.index(stage) if stage in RUNGS else None
                if rung is not None:
                    told[rung] = min(when, told[rung] or when)
            reached = filled(told)
            begun, went = (reached[RUNGS.index(name)] for name in step)
            if begun is not None and at - targets.WINDOW <= begun <= at:
                seen.append((begun, went if went is not None and went <= at else None))
        took = sorted(went - begun for begun, went in seen if went is not None)
        ripe = [went for begun, went in seen if begun <= at - took[(9 * len(took) - 1) // 10]]
        assert (hits, total) == (sum(went is not None for went in ripe), len(ripe)), step
        assert total


@pytest.mark.parametrize("what", ["goals", "a month's report"])
def test_work_grows_with_the_period_and_not_with_history(place: Any, steps: Any, what: str) -> None:
    costs = []
    for before in (100, 1_500):
        config, ledger = place(before + 150, before)
        ledger.run("UPDATE cases SET closed_at = opened_at + 1000000, state = 'withdrawn' WHERE closed_at IS NULL")
        month = period.parse("2026-11", config.time_zone, NOW)

        def act(config: Config = config, ledger: Ledger = ledger, month: Any = month) -> None:
            targets.goals(config, ledger, NOW) if what == "goals" else collect.collect(config, ledger, month, NOW)

        costs.append(steps(ledger, act))
    assert costs[0] > 100, "nothing was counted"
    assert costs[1] < costs[0] * 1.25 + 50, costs


def test_a_part_of_the_leads_counts_as_all_of_them_do(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config, ledger = place(600, 300)
    ledger.run("DELETE FROM stages WHERE eid % 5 = 0")  # leads of a system without a lifecycle
    november = period.parse("2026-11", config.time_zone, NOW)
    january = period.parse("2026-01", config.time_zone, NOW)  # they are known since then
    both = november, january
    parts = [collect.collect(config, ledger, one, NOW)["funnel"] for one in both]
    monkeypatch.setattr(reading, "touched", lambda *_, **__: reading.EVERYBODY)
    assert parts == [collect.collect(config, ledger, one, NOW)["funnel"] for one in both]
    assert parts[0]["whole"]["counts"]["mql"] > 3 and parts[1]["whole"]["counts"]["lead"] > 100
