"""Goals on the ledger: conversions measured, plan against actual by month and product, the forecast."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from smarksync.alignment.funnel import RUNGS as KNOWN
from smarksync.alignment.funnel import filled
from smarksync.alignment.goals import FORMULA, Plan, Rate, Span, forecast, make_plan, to_measure
from smarksync.alignment.periods import Period, Periods
from smarksync.config import Config
from smarksync.errors import UsageError
from smarksync.ledger import cases, reading
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
    seen = {step: (array("q"), array("q")) for step in steps}  # when they got there, and when they went on; 0 = not yet
    some = reading.touched(ledger, at - WINDOW, at + 1) if steps else None
    for chunk in reading.climbs(ledger, some) if some is not None else ():
        for told in chunk:
            reached = filled([when or None for when in told[2:]])
            for start, end in steps:
                begun, went = reached[KNOWN.index(start)], reached[KNOWN.index(end)]
                if begun is not None and at - WINDOW <= begun <= at:
                    seen[start, end][0].append(begun)
                    seen[start, end][1].append(went if went is not None and went <= at else 0)
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for step, people in seen.items():
        took = sorted(went - begun for begun, went in zip(*people, strict=True) if went)
        patience = took[(9 * len(took) - 1) // 10] if took else 0
        ripe = [went for begun, went in zip(*people, strict=True) if begun <= at - patience]
        found[step] = (sum(map(bool, ripe)), len(ripe))
    return found


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
    """What was reached in the goals' year: ``counts[product, month, rung]`` and ``revenue[product, month]``.

    ``sourced`` and ``sourced_revenue``, by month, are the part of it that marketing brought: people who were handed over,
    and sales of somebody who had been when the opportunity was made (a day's slack allowed).
    """

    def __init__(self, config: Config, ledger: Ledger, plan: Plan, now: datetime) -> None:
        self.counts: Counter[tuple[str, int, str]] = Counter()
        self.revenue: defaultdict[tuple[str, int], float] = defaultdict(float)
        self.sourced: Counter[tuple[int, str]] = Counter()
        self.sourced_revenue: defaultdict[int, float] = defaultdict(float)
        self.plan, self.config, self.now = plan, config, now
        self.months = _months(config, plan.year)
        self._segment = config.agreement.segments.get("product") if config.agreement else None
        named = {name for entity, name in self._segment.of.fields if entity == "lead"} if self._segment else {"product"}
        self._profile = reading.Profile(named)
        self._products: dict[str | None, str] = {}
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

    def _product(self, text: str | None) -> str:
        found = self._products.get(text)
        if found is None:
            if len(self._products) > MOST:
                self._products.clear()
            found = self._products[text] = self.product(self._profile.values(text))
        return found

    def _people(self, ledger: Ledger) -> None:
        at = micros(self.now)
        some = reading.touched(ledger, self.months[0].start, self.months[-1].end)
        for rows, climbed, _ in reading.leads(ledger, self._profile, some):
            handed = cases.first_offered(ledger, [row[0] for row in rows]) if self.wants_source else {}
            for eid, text, _ in rows:
                told = climbed.get(eid)
                if told is None:
                    continue
                product = self._product(text)
                reached = filled([when or None for when in told[2:]])
                for rung, when in zip(KNOWN, reached, strict=True):
                    if when is not None and when <= at and (month := self.month(when)):
                        self.counts[product, month, rung] += 1
                        if eid in handed:
                            self.sourced[month, rung] += 1

    @property
    def wants_source(self) -> bool:
        """Whether the config plans what marketing is to bring."""
        return self.config.goals is not None and self.config.goals.quota.marketing_sourced is not None

    def _sales(self, ledger: Ledger) -> None:
        year = parse(str(self.plan.year), self.config.time_zone, self.now)
        won = [one for one in sales.won(self.config, ledger, year) if one.amount is not None]
        fallback = next(iter(self.plan.mix)) if len(self.plan.mix) == 1 else "other"
        people = sorted({eid for one in won for eid in one.people})
        texts: dict[int, str | None] = {}
        handed: dict[int, int] = {}
        for i in range(0, len(people), 5_000):
            part = people[i : i + 5_000]
            texts |= reading.profiles(ledger, self._profile, part)
            handed |= cases.first_offered(ledger, part) if self.wants_source else {}
        for one in won:
            assert one.amount is not None
            month = self.month(one.at)
            products = (self._product(texts[eid]) for eid in one.people if eid in texts)
            product = next((name for name in products if name != "other"), fallback)
            self.revenue[product, month] += float(one.amount)
            if any(handed[eid] <= one.made + DAY for eid in one.people if eid in handed):
                self.sourced_revenue[month] += float(one.amount)


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
    return {
        "year": plan.year, "now": wire(micros(now)), "currency": config.currency, "revenue": plan.revenue,
        "formula": FORMULA, "rungs": list(plan.rungs), "conversion": [_rate(rate) for rate in plan.rates],
        "marketing_sourced": _sourced(plan, config.goals.quota.marketing_sourced, actual, now),
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


def _sourced(plan: Plan, share: float | None, actual: Actuals | None, now: datetime) -> dict[str, Any] | None:
    """The part that marketing is to bring, and what came of it: in the year, by month, and where it leads."""
    if share is None:
        return None
    monthly = [share * sum(n.revenue for n in plan.months if n.month == month) for month in range(1, 13)]
    told: dict[str, Any] = {
        "share": share, "revenue": plan.revenue * share,
        "need": {rung: _span(span.times(share)) for rung, span in plan.total().items()},
        "months": [
            {"month": f"{plan.year}-{month:02d}", "revenue": round(monthly[month - 1], 2),
             "actual": None if actual is None else _brought(plan, actual, month)}
            for month in range(1, 13)
        ],
    }  # fmt: skip
    if actual is None:
        return {**told, "actual": None, "actual_share": None, "forecast": None}
    done, whole = _brought(plan, actual, None), sum(actual.revenue.values())
    so_far = sum(part * one.gone(micros(now)) for part, one in zip(monthly, actual.months, strict=True))
    return {
        **told, "actual": done, "actual_share": round(done["revenue"] / whole, 4) if whole else None,
        "forecast": forecast(done["revenue"], so_far, plan.revenue * share)._asdict(),
    }  # fmt: skip


def _brought(plan: Plan, actual: Actuals, month: int | None) -> dict[str, float]:
    """What marketing brought. Who a lead came from is known once it is handed over: leads as such are not told apart."""
    counts = {
        rung: sum(n for (m, r), n in actual.sourced.items() if r == rung and month in (None, m))
        for rung in plan.rungs if rung in KNOWN and rung != "lead"
    }  # fmt: skip
    money = sum(n for m, n in actual.sourced_revenue.items() if month in (None, m))
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
