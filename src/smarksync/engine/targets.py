"""Goals on the ledger: conversions measured, plan against actual by month and product, the forecast."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from smarksync.alignment.funnel import RUNGS as KNOWN
from smarksync.alignment.funnel import filled, first_reached
from smarksync.alignment.goals import FORMULA, Plan, Rate, Span, forecast, make_plan, to_measure
from smarksync.alignment.periods import Period, Periods
from smarksync.config import Config
from smarksync.errors import UsageError
from smarksync.ledger import reading, stages
from smarksync.ledger.db import Ledger
from smarksync.model.moments import DAY, micros, wire

from .figures import sales
from .figures.period import parse
from .rules import scope_of

#: conversions are measured on those who reached the lower rung in so many days before now
WINDOW = 365 * DAY
#: combinations of values whose product is remembered
MOST = 50_000


def measured(config: Config, ledger: Ledger, now: datetime) -> dict[tuple[str, str], tuple[int, int]]:
    """{step: (went on, all)} of the steps that the config does not give.

    Counted are those who reached the lower rung in the last year and have had the time since that nine of ten needed:
    the younger ones would make every conversion look worse than it is.
    """
    steps = [step for step in to_measure(config.goals) if set(step) <= set(KNOWN)] if config.goals else []
    at = micros(now)
    seen: dict[tuple[str, str], list[tuple[int, int | None]]] = {step: [] for step in steps}
    for climbed in _climbs(ledger) if steps else ():
        reached = first_reached(climbed)
        for start, end in steps:
            begun, went = reached[KNOWN.index(start)], reached[KNOWN.index(end)]
            if begun is not None and at - WINDOW <= begun <= at:
                seen[start, end].append((begun, went if went is not None and went <= at else None))
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for step, people in seen.items():
        took = sorted(went - begun for begun, went in people if went is not None)
        patience = took[(9 * len(took) - 1) // 10] if took else 0
        ripe = [went for begun, went in people if begun <= at - patience]
        found[step] = (sum(went is not None for went in ripe), len(ripe))
    return found


def _climbs(ledger: Ledger) -> Iterator[list[tuple[str, int]]]:
    """The rungs of one lead after the other."""
    for chunk in stages.every(ledger):
        for _, group in groupby(chunk, key=lambda one: one.eid):
            yield [(one.stage, one.at) for one in group]


def plan_of(config: Config, ledger: Ledger | None, now: datetime) -> Plan | None:
    """The plan; None without goals. Without a ledger nothing is measured."""
    goals = config.goals
    if goals is None:
        return None
    if ledger is None:
        return make_plan(goals, {})
    missing = not goals.deal_size or any(product not in goals.deal_size for product in goals.mix)
    return make_plan(goals, measured(config, ledger, now), _deal_size(config, ledger, now) if missing else None)


def _deal_size(config: Config, ledger: Ledger, now: datetime) -> float | None:
    """The average won opportunity of the last year."""
    day = now.date()
    since = day.replace(year=day.year - 1, day=min(day.day, 28))
    amounts = [
        one.amount for one in sales.won(config, ledger, parse(f"{since}/{day}", config.time_zone, now)) if one.amount
    ]
    return float(sum(amounts) / len(amounts)) if amounts else None


class Actuals:
    """What was reached in the goals' year: ``counts[product, month, rung]`` and ``revenue[product, month]``."""

    def __init__(self, config: Config, ledger: Ledger, plan: Plan, now: datetime) -> None:
        self.counts: Counter[tuple[str, int, str]] = Counter()
        self.revenue: Counter[tuple[str, int]] = Counter()
        self.plan, self.config, self.now = plan, config, now
        self.months = _months(config, plan.year)
        self._segment = config.agreement.segments.get("product") if config.agreement else None
        self._people(ledger)
        self._sales(ledger)

    def month(self, at: int) -> int:
        """The month of the year, 1 to 12; 0 outside of it."""
        if not self.months[0].start <= at < self.months[-1].end:
            return 0
        return bisect_right(self.months, at, key=lambda one: one.start)

    def product(self, lead: Mapping[str, Any]) -> str:
        """The product that a lead counts for; one of none, or of one without a plan, for ``other``."""
        if list(self.plan.mix) == [""]:
            return ""
        value = self._segment.of.evaluate(scope_of("lead", lead, self.now)) if self._segment else lead.get("product")
        return str(value) if value in self.plan.mix else "other"

    def _people(self, ledger: Ledger) -> None:
        at = micros(self.now)
        self._product_of: dict[int, str] = {}
        named = {name for entity, name in self._segment.of.fields if entity == "lead"} if self._segment else {"product"}
        profile = reading.Profile(named)
        products: dict[str | None, str] = {}
        for rows, climbed, _ in reading.leads(ledger, profile):
            for eid, text, _ in rows:
                told = climbed.get(eid)
                if told is None:
                    continue
                product = products.get(text)
                if product is None:
                    if len(products) > MOST:
                        products.clear()
                    product = products[text] = self.product(profile.values(text))
                reached = filled([when or None for when in told[2:]])
                for rung, when in zip(KNOWN, reached, strict=True):
                    if when is not None and when <= at and (month := self.month(when)):
                        self.counts[product, month, rung] += 1
                if reached[-2] is not None or reached[-1] is not None:
                    self._product_of[eid] = product

    def _sales(self, ledger: Ledger) -> None:
        year = parse(str(self.plan.year), self.config.time_zone, self.now)
        fallback = next(iter(self.plan.mix)) if len(self.plan.mix) == 1 else "other"
        for one in sales.won(self.config, ledger, year):
            if one.amount is not None and (month := self.month(one.at)):
                product = next((self._product_of[eid] for eid in one.people if eid in self._product_of), fallback)
                self.revenue[product, month] += float(one.amount)  # type: ignore[assignment]


def _months(config: Config, year: int) -> list[Period]:
    periods = Periods(config.time_zone)
    whole = periods.named(str(year))
    assert whole is not None
    return periods.between(whole.start, whole.end - 1, "month")


def goals(config: Config, ledger: Ledger | None, now: datetime) -> dict[str, Any]:
    """Everything that `smarksync goals` says. Raises UsageError without goals."""
    plan = plan_of(config, ledger, now)
    if plan is None or config.goals is None:
        raise UsageError("The config has no goals.", hint="Add a section `goals:` with `year` and `revenue`.")
    actual = Actuals(config, ledger, plan, now) if ledger is not None else None
    sourced = config.goals.quota.marketing_sourced
    return {
        "year": plan.year, "now": wire(micros(now)), "currency": config.currency, "revenue": plan.revenue,
        "formula": FORMULA, "rungs": list(plan.rungs), "conversion": [_rate(rate) for rate in plan.rates],
        "marketing_sourced": None if sourced is None else {
            "share": sourced, "revenue": plan.revenue * sourced,
            "need": {rung: _span(span.times(sourced)) for rung, span in plan.total().items()},
        },
        "products": [_product(plan, product, actual, now) for product in plan.mix],
        "total": _total(plan, actual, now),
        "warnings": _warnings(plan, actual),
    }  # fmt: skip


def _product(plan: Plan, product: str, actual: Actuals | None, now: datetime) -> dict[str, Any]:
    year = next(need for need in plan.years if need.product == product)
    months = [need for need in plan.months if need.product == product]
    return {
        "product": product, "share": plan.mix[product], "deal_size": plan.deal_sizes[product], "revenue": year.revenue,
        "need": {rung: _span(span) for rung, span in year.rungs.items()},
        "months": [
            {"month": f"{plan.year}-{need.month:02d}", "revenue": need.revenue, "need": {r: _span(s) for r, s in need.rungs.items()},
             "actual": _actual(plan, actual, product, need.month)}
            for need in months
        ],
    }  # fmt: skip


def _actual(plan: Plan, actual: Actuals | None, product: str | None, month: int | None) -> dict[str, Any] | None:
    if actual is None:
        return None
    counts = {
        rung: sum(n for (p, m, r), n in actual.counts.items() if r == rung and product in (None, p) and month in (None, m))
        for rung in plan.rungs if rung in KNOWN
    }  # fmt: skip
    money = sum(n for (p, m), n in actual.revenue.items() if product in (None, p) and month in (None, m))
    return {**counts, "revenue": round(money, 2)}


def _total(plan: Plan, actual: Actuals | None, now: datetime) -> dict[str, Any]:
    """All products, ``other`` included, against the plan up to now; and where the year ends at this pace."""
    told: dict[str, Any] = {"need": {rung: _span(span) for rung, span in plan.total().items()}}
    if actual is None:
        return {**told, "actual": None, "forecast": None}
    done = _actual(plan, actual, None, None)
    assert done is not None
    gone = [one.gone(micros(now)) for one in actual.months]

    def ahead(name: str, monthly: list[float | None], whole: float | None) -> dict[str, Any] | None:
        if whole is None or None in monthly:
            return None
        soon = sum((part or 0.0) * over for part, over in zip(monthly, gone, strict=True))
        return forecast(float(done[name]), soon, whole)._asdict()

    revenue: list[float | None] = [sum(n.revenue for n in plan.months if n.month == m) for m in range(1, 13)]
    rungs = [rung for rung in plan.rungs if rung in KNOWN]
    told["forecast"] = {"revenue": ahead("revenue", revenue, plan.revenue)} | {
        rung: ahead(rung, [plan.total(m)[rung].value for m in range(1, 13)], plan.total()[rung].value) for rung in rungs
    }
    return {**told, "actual": done}


def _span(span: Span) -> dict[str, float | None]:
    return {name: None if part is None else round(part, 2) for name, part in span._asdict().items()}


def _rate(rate: Rate) -> dict[str, Any]:
    return {
        "step": rate.name, "value": rate.value, "low": rate.low, "high": rate.high,
        "source": "measured" if rate.measured else "given", "hits": rate.hits if rate.measured else None,
        "total": rate.total if rate.measured else None, "small": rate.small,
    }  # fmt: skip


def _warnings(plan: Plan, actual: Actuals | None) -> list[str]:
    said = [
        f"{rate.name} cannot be measured yet: nothing below it can be planned. Give it in the config: `{rate.name}: 30%`."
        for rate in plan.rates
        if rate.value is None
    ]
    said += [
        f"{rate.name} of nobody is no conversion to plan with: {rate.hits} of {rate.total}."
        for rate in plan.rates
        if rate.value == 0
    ]
    said += [f"{rate.name} is measured on {rate.total} only." for rate in plan.rates if rate.small and rate.total]
    said += [
        f"no deal size is known for {product or 'the year'}." for product, size in plan.deal_sizes.items() if not size
    ]
    if actual is not None and (other := sum(n for (p, _, _), n in actual.counts.items() if p == "other")):
        said.append(f"{other} steps were made by leads of no planned product; they count in the total only.")
    return said


__all__ = ["goals", "measured", "plan_of"]
