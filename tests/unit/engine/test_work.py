"""Work grows with what is open and with the period, not with history: counted in SQLite's own steps, never in seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from smarksync.alignment.sla import RUNNING, Scorecard
from smarksync.alignment.terms import Terms
from smarksync.config import Config, load
from smarksync.engine import promises, scorecard
from smarksync.ledger.db import Ledger
from smarksync.model.moments import micros
from smarksync.testing.history import Team
from smarksync.testing.history_ledger import fill

CONFIG = """
version: 1
workspace: work
time_zone: Europe/Berlin
currency: EUR
entities: {lead: {fields: {product: {type: enum, values: [scanner, printer]}}}}
agreement:
  calendars: {office: {hours: {mon-fri: "09:00-17:00"}, time_zone: Europe/Berlin}}
  segments: {product: {of: lead.product, values: [scanner]}}
  marketing:
    - {promise: volume, id: mqls, count: 5, of: mql, per: [product, month]}
    - {promise: volume, id: leads, count: 5, of: lead, per: [quarter]}
    - {promise: quality, id: acceptance, share: accepted, at_least: 60%, per: [month]}
  sales:
    - {promise: first_attempt, id: speed, within: 5 business hours, calendar: office, per: [product, month]}
    - {promise: attempts, id: persistence, at_least: 2, at_most: 4, within: 16 days, per: [quarter]}
    - {promise: decision, id: word, within: 90 days}
connections:
  marketing: {connector: files, settings: {path: .}}
  sales: {connector: files, settings: {path: .}}
"""


def steps(ledger: Ledger, act: Callable[[], Any]) -> int:
    """Tens of steps that SQLite's machine makes while ``act`` is done."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    ledger._con.set_progress_handler(step, 10)
    try:
        act()
    finally:
        ledger._con.set_progress_handler(None, 0)
    return count


@pytest.fixture
def year(tmp_path: Path) -> Callable[[int], tuple[Config, Ledger]]:
    """A ledger with so many leads of 2026 and their hand-offs."""

    def made(leads: int) -> tuple[Config, Ledger]:
        folder = tmp_path / str(leads)
        folder.mkdir()
        (folder / "smarksync.yaml").write_text(CONFIG)
        config = load(folder / "smarksync.yaml")
        ledger = Ledger(config.ledger_url, root=str(folder))
        fill(ledger, Team(year=2026, touches=2), leads)
        return config, ledger

    return made


def in_full(config: Config, ledger: Ledger, now: datetime) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """What `sla check` says, from every case that ever was."""
    terms, at = Terms.of(config), micros(now)
    assert terms is not None
    card = Scorecard(terms, at)
    for _ in promises.measure(config, ledger, terms, card):
        pass
    lines = [line for line in card.lines() if line.period.start <= at < line.period.end or line.status in RUNNING]
    told = scorecard._body(ledger, card, lines)
    return told["promises"], told["outside_segments"]


def test_the_scorecard_of_now_is_the_one_that_a_look_at_all_history_gives(year):
    config, ledger = year(700)
    old = 0
    for now in (
        datetime(2026, 2, 3, 9, tzinfo=UTC), datetime(2026, 7, 6, 8, tzinfo=UTC), datetime(2026, 10, 1, 0, tzinfo=UTC),
        datetime(2026, 12, 31, 22, 59, tzinfo=UTC), datetime(2027, 1, 9, 12, tzinfo=UTC),
    ):  # fmt: skip
        found = scorecard.check(config, ledger, now)
        assert (found["promises"], found["outside_segments"]) == in_full(config, ledger, now), now
        old += sum(line["period"]["to"] <= found["now"] for line in found["promises"])
    assert old  # some periods were over and had a clock that still ran: they are the reason for looking back


def test_the_scorecard_costs_the_same_after_a_short_and_after_a_long_history(year):
    now, costs = datetime(2027, 6, 1, 9, tzinfo=UTC), []
    for leads in (300, 1_500):
        config, ledger = year(leads)
        ledger.run("UPDATE cases SET closed_at = opened_at + 1000000, state = 'withdrawn' WHERE closed_at IS NULL")
        costs.append(steps(ledger, lambda c=config, book=ledger: scorecard.check(c, book, now)))
    assert costs[1] < costs[0] * 1.2 + 20


def test_a_promise_by_the_year_is_judged_on_the_year_that_a_named_month_lies_in(year):
    config, ledger = year(300)
    quarter = scorecard.check(config, ledger, datetime(2027, 3, 1, tzinfo=UTC), "2026-Q3")
    month = scorecard.check(config, ledger, datetime(2027, 3, 1, tzinfo=UTC), "2026-08")
    wanted = next(line for line in quarter["promises"] if line["promise"] == "persistence")
    assert next(line for line in month["promises"] if line["promise"] == "persistence") == wanted
