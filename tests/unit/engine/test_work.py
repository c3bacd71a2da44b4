"""Work grows with what is open and with the period, not with history: counted in SQLite's own steps, never in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from smarksync.alignment.judge import judge, next_look
from smarksync.alignment.sla import RUNNING, Scorecard
from smarksync.alignment.terms import Terms
from smarksync.config import Config, load
from smarksync.engine import promises, scorecard
from smarksync.ledger import activities, cases, clocks, pauses, states
from smarksync.ledger.activities import Activity
from smarksync.ledger.db import Ledger
from smarksync.model.moments import DAY, micros
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


@pytest.fixture
def year(tmp_path: Path) -> Iterator[Callable[[int], tuple[Config, Ledger]]]:
    """A ledger with so many leads of 2026 and their hand-offs."""
    opened = ExitStack()

    def made(leads: int) -> tuple[Config, Ledger]:
        folder = tmp_path / str(leads)
        folder.mkdir()
        (folder / "smarksync.yaml").write_text(CONFIG)
        config = load(folder / "smarksync.yaml")
        ledger = opened.enter_context(closing(Ledger(config.ledger_url, root=str(folder))))
        fill(ledger, Team(year=2026, touches=2), leads)
        return config, ledger

    with opened:
        yield made


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


def test_the_scorecard_costs_the_same_after_a_short_and_after_a_long_history(year, steps):
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


def test_cases_whose_moment_has_not_come_have_no_news(year):
    config, ledger = year(900)
    terms = Terms.of(config)
    assert terms is not None
    mine = [term for term in terms.promises if term.timer is not None]
    at_risk = terms.agreement.at_risk
    now, told, wanted, looks, all_looks = micros(datetime(2026, 10, 5, tzinfo=UTC)), set(), set(), 0, 0

    def news(cids):
        found, again = set(), []
        for chunk in promises.facts(config, ledger, terms, now, cids):
            for one in chunk:
                verdicts = [(term, judge(term, one, now, at_risk)) for term in mine]
                found |= {
                    (v.cid, v.promise, v.status) for _, v in verdicts if v and v.status in ("at_risk", "breached")
                }
                soon = [next_look(term, one, v, now, at_risk) for term, v in verdicts]
                again.append((one.cid, min((at for at in soon if at is not None), default=None)))
        return found, again

    for step in range(60):
        everybody = cases.alive(ledger, now - 3 * DAY)
        wanted |= news(everybody)[0]
        due = clocks.due(ledger, "v1", now - 3 * DAY, now)
        found, again = news(due)
        told |= found
        clocks.looked(ledger, "v1", now, states.top(ledger), again)
        assert told == wanted, step
        looks, all_looks = looks + len(due), all_looks + len(everybody)
        one = cases.load(ledger, [everybody[step % len(everybody)]])[0]
        if step % 3 == 0:  # sales told late of a call
            call = Activity(0, 1, f"late{step}", one.eid, None, None, "call", now - 3_600_000_000, "sales", True, {})
            activities.put(ledger, [call])
            states.changed(ledger, [(one.eid, None, None, "r")])
        elif step % 3 == 1:  # the clocks of a case stand still, and go on some days later
            pauses.begin(ledger, [(one.cid, "holiday", now)])
            paused = one.cid
        elif step > 20:
            pauses.end(ledger, [(paused, "holiday", now)])
        now += 5 * 3_600_000_000 + 1
    assert len(told) > 15 and looks < all_looks / 3
    assert list(clocks.due(ledger, "v2", now - 3 * DAY, now)) == list(cases.alive(ledger, now - 3 * DAY))
