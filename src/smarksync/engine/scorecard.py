"""What `sla check` and `sla backtest` say, as plain data: for people, `--json`, pages and the digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from smarksync.alignment.budget import DelayBudget
from smarksync.alignment.clock import PLAIN
from smarksync.alignment.contradictions import contradictions
from smarksync.alignment.document import version_of
from smarksync.alignment.judge import Facts, Verdict
from smarksync.alignment.sla import RUNNING, Line, Scorecard, Spanning
from smarksync.alignment.terms import Terms
from smarksync.config import Config
from smarksync.errors import UsageError
from smarksync.ledger import cases
from smarksync.ledger.db import Ledger, dumps
from smarksync.model.moments import SECOND, micros, wire

from .figures.period import parse
from .promises import current, measure
from .queues import owners_refused
from .targets import plan_of


def check(config: Config, ledger: Ledger | None, now: datetime, period: str | None = None) -> dict[str, Any]:
    """How the promises stand: in the periods of now with everything that is still open, or in one named period.

    Before the first run there is no ledger: then only what can never be kept is said.
    """
    terms, at = _terms(config), micros(now)
    if ledger is None:
        return {
            **_head(config, None, terms, now),
            "promises": [],
            "outside_segments": {},
            "owners_refused": [],
            "without_owner": 0,
            "delay": [],
        }
    wanted = parse(period, config.time_zone, now) if period else None
    card, budget = Scorecard(terms, at), _budget(terms)
    shown = wanted or card.periods.of(at, "month")
    for one in current(config, ledger, terms, card) if wanted is None else _within(config, ledger, terms, card, wanted):
        if shown.start <= one.reached.get("offered", one.opened_at) < shown.end:
            budget.add(one, at)
    lines = card.lines(wanted)
    if wanted is None:
        lines = [line for line in lines if line.period.start <= at < line.period.end or line.status in RUNNING]
    handing = [name for name, job in config.jobs.items() if job.kind == "handoff"]
    refused = owners_refused(ledger, handing)
    return {
        **_head(config, ledger, terms, now),
        **_body(ledger, card, lines),
        "owners_refused": refused,
        "without_owner": cases.without_owner(ledger) if config.routing else 0,
        "delay": _legs(budget),
    }


def _within(config: Config, ledger: Ledger, terms: Terms, card: Scorecard, wanted: Spanning) -> Iterator[Facts]:
    """Judges what a named period needs: a promise by the year is judged on its whole year, whatever month is asked for."""
    touched = [card.periods.of(at, term.period) for term in terms.promises for at in (wanted.start, wanted.end - 1)]
    since = min((period.start for period in touched), default=wanted.start)
    return measure(
        config, ledger, terms, card, since=since, until=max((period.end for period in touched), default=since)
    )


def backtest(config: Config, ledger: Ledger, now: datetime, period: str | None = None) -> dict[str, Any]:
    """How the promises would have stood in every month (quarter, year) of the ledger's history, or of a period of it."""
    terms, at = _terms(config), micros(now)
    wanted = parse(period, config.time_zone, now) if period else None
    first, last = (wanted.start, wanted.end) if wanted else (None, None)
    card, budget = Scorecard(terms, at, since=first, until=last), _budget(terms)
    for one in measure(config, ledger, terms, card, since=first, until=last):
        budget.add(one, at)
    lines = card.lines()
    kept: dict[str, dict[str, Any]] = {}
    for line in lines:
        told = kept.setdefault(line.promise, {
            "promise": line.promise, "by": line.by, "met": 0, "breached": 0, "open": 0, "excused": 0, "cases_kept": 0, "cases_settled": 0,
        })  # fmt: skip
        told["open" if line.status in RUNNING else line.status] += 1
        told["cases_kept"] += line.counts.get("met", 0)
        told["cases_settled"] += line.counts.get("met", 0) + line.counts.get("breached", 0)
    return {
        **_head(config, ledger, terms, now),
        "summary": list(kept.values()),
        **_body(ledger, card, lines),
        "delay": _legs(budget),
    }


def _terms(config: Config) -> Terms:
    terms = Terms.of(config)
    if terms is None:
        raise UsageError(
            "The config has no agreement.",
            hint="Add a section `agreement:`, or include one: `include: [agreement.yaml]`.",
        )
    return terms


def _budget(terms: Terms) -> DelayBudget:
    timers = [term.timer for term in terms.first_attempts if term.timer is not None]
    return DelayBudget(timers[0].clock if timers else PLAIN)


def _head(config: Config, ledger: Ledger | None, terms: Terms, now: datetime) -> dict[str, Any]:
    problems, warnings = contradictions(config, terms, now, plan_of(config, ledger, now))
    version, digest = version_of(config)
    return {
        "agreement": {"version": version, "hash": digest}, "now": wire(micros(now)),
        "problems": [str(one) for one in problems], "warnings": [str(one) for one in warnings],
    }  # fmt: skip


def _body(ledger: Ledger, card: Scorecard, lines: list[Line]) -> dict[str, Any]:
    people = _people(ledger, {verdict.cid for line in lines for verdict in line.cases})
    return {
        "promises": [_line(line, people) for line in lines],
        "outside_segments": card.outside(line.period for line in lines),
    }


def _people(ledger: Ledger, cids: Iterable[int]) -> dict[int, str]:
    sql = (
        "SELECT c.cid, e.ref FROM json_each(?) j CROSS JOIN cases c CROSS JOIN entities e "
        "WHERE c.cid = j.value AND e.eid = c.eid"
    )
    return dict(ledger.rows(sql, (dumps(sorted(cids)).decode(),)))


def _line(line: Line, people: dict[int, str]) -> dict[str, Any]:
    return {
        "promise": line.promise, "kind": line.kind, "by": line.by, "segments": line.segments,
        "period": {"name": line.period.name, "from": wire(line.period.start), "to": wire(line.period.end)},
        "status": line.status, "target": line.target, "actual": line.actual, "base": line.base, "counts": line.counts,
        "left_seconds": _seconds(line.left), "why": line.why, "charged": line.charged,
        "cases": [_case(verdict, people) for verdict in line.cases],
    }  # fmt: skip


def _case(verdict: Verdict, people: dict[int, str]) -> dict[str, Any]:
    return {
        "case": verdict.cid, "lead": people.get(verdict.cid), "status": verdict.status,
        "due_at": None if verdict.due is None else wire(verdict.due), "left_seconds": _seconds(verdict.left),
        "used": round(verdict.used, 4), "why": verdict.why, "charged": verdict.charged,
    }  # fmt: skip


def _seconds(span: int | None) -> float | None:
    return None if span is None else span / SECOND


def _legs(budget: DelayBudget) -> list[dict[str, Any]]:
    return [
        {"from": leg.start, "to": leg.end, "by": leg.by, "count": leg.cases, "median_seconds": leg.median / SECOND,
         "nine_of_ten_seconds": leg.most / SECOND}
        for leg in budget.legs()
    ]  # fmt: skip


__all__ = ["backtest", "check"]
