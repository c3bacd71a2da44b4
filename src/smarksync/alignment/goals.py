"""From a year's revenue back to leads: what each month and product needs, how sure that is, and how it goes.

``customers = revenue / deal size``, and each rung below it is the rung above divided by the conversion between them.
A measured conversion has its Wilson interval (95 %); the needs carry it on: the least need takes every conversion at its
upper end, the most at its lower one, so the span is wider than 95 % once several are measured. A year's plan is spread over
the months by their weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from smarksync.config.agreement import Goals
from smarksync.config.values import MONTHS
from smarksync.model.lifecycle import LADDER

from .intervals import SMALL, share

#: rungs that every plan has
RUNGS = ("lead", "mql", "sql", "opportunity", "customer")


class Span(NamedTuple):
    """A figure and between what it lies; None = not known, of ``high`` also: without bound."""

    value: float | None
    low: float | None
    high: float | None

    def over(self, rate: Rate) -> Span:
        """What must stand below it, at a conversion."""
        return Span(_divided(self.value, rate.value), _divided(self.low, rate.high), _divided(self.high, rate.low))

    def times(self, share: float) -> Span:
        """A part of it, or several."""
        return Span(*(None if part is None else part * share for part in self))


class Rate(NamedTuple):
    """A conversion of one step: given, or ``hits`` of ``total`` measured, with its interval."""

    start: str
    end: str
    value: float | None
    low: float | None
    high: float | None
    hits: int = 0
    total: int = 0
    measured: bool = False

    @property
    def name(self) -> str:
        """As the config writes it."""
        return f"{self.start}_to_{self.end}"

    @property
    def small(self) -> bool:
        """Measured on too few to lean on."""
        return self.measured and self.total < SMALL


class Need(NamedTuple):
    """What one product needs in one month, or in the year (``month`` 0): by rung, and the revenue planned."""

    product: str
    month: int
    revenue: float
    rungs: dict[str, Span]


class Plan(NamedTuple):
    """The whole plan: ``rates`` from the lowest step up, a need for every product and month, and for the year."""

    year: int
    revenue: float
    rungs: tuple[str, ...]
    rates: tuple[Rate, ...]
    deal_sizes: dict[str, float | None]
    mix: dict[str, float]
    months: list[Need]
    years: list[Need]

    def total(self, month: int = 0) -> dict[str, Span]:
        """All products together."""
        needs = [n for n in (self.months if month else self.years) if n.month == month]
        return {rung: added([n.rungs[rung] for n in needs]) for rung in self.rungs}


def steps_of(goals: Goals) -> tuple[str, ...]:
    """The rungs of the plan, lowest first: the usual ones and those that the config's conversions name."""
    named = {word for step in goals.conversion for word in step.split("_to_")}
    return tuple(rung for rung in LADDER if rung in (*RUNGS, *named) and LADDER.index(rung) <= LADDER.index("customer"))


def to_measure(goals: Goals) -> list[tuple[str, str]]:
    """The steps whose conversion the config does not give."""
    rungs = steps_of(goals)
    return [pair for pair in pairwise(rungs) if goals.conversion.get("_to_".join(pair)) is None]


def make_plan(
    goals: Goals, measured: Mapping[tuple[str, str], tuple[int, int]], deal_size: float | None = None
) -> Plan:
    """The plan. ``measured``: step → (went on, all); ``deal_size``: for products whose size the config does not give."""
    rungs = steps_of(goals)
    rates = tuple(_rate(goals, pair, measured) for pair in pairwise(rungs))
    products = list(goals.mix or goals.deal_size) or [""]
    mix = goals.mix or dict.fromkeys(products, 1 / len(products))
    sizes = {product: goals.deal_size.get(product, deal_size) for product in products}
    weights = [goals.season.get(month, 1.0) for month in MONTHS]
    whole = sum(weights) or 1.0
    years = [_need(p, 0, goals.revenue * mix[p], sizes[p], rungs, rates) for p in products]
    months = [
        _need(p, n + 1, goals.revenue * mix[p] * weight / whole, sizes[p], rungs, rates)
        for p in products
        for n, weight in enumerate(weights)
    ]
    return Plan(goals.year, goals.revenue, rungs, rates, sizes, dict(mix), months, years)


def _rate(goals: Goals, pair: tuple[str, str], measured: Mapping[tuple[str, str], tuple[int, int]]) -> Rate:
    given = goals.conversion.get("_to_".join(pair))
    if given is not None:
        return Rate(*pair, given, given, given)
    found = share(*measured.get(pair, (0, 0)))
    return Rate(*pair, found.value, found.low, found.high, found.hits, found.total, True)


def _need(
    product: str, month: int, revenue: float, size: float | None, rungs: Sequence[str], rates: Sequence[Rate]
) -> Need:
    customers = None if not size else revenue / size
    spans = {rungs[-1]: Span(customers, customers, customers)}
    for rate in reversed(rates):
        spans[rate.start] = spans[rate.end].over(rate)
    return Need(product, month, revenue, {rung: spans[rung] for rung in rungs})


def added(spans: Sequence[Span]) -> Span:
    """The sum; what is not known in one part is not known of the whole."""
    columns = list(zip(*spans, strict=True)) or [(), (), ()]
    return Span(*(None if None in column else sum(part for part in column if part is not None) for column in columns))


def _divided(part: float | None, rate: float | None) -> float | None:
    return None if part is None or not rate else part / rate


class Forecast(NamedTuple):
    """How the year ends when things go on as they went.

    ``pace``: actual against plan over the months that are over, weighted as planned; ``value`` = actual + pace × plan of
    the time that is left. None before anything was planned.
    """

    actual: float
    planned: float
    pace: float | None
    value: float | None


def forecast(actual: float, planned_so_far: float, planned_in_all: float) -> Forecast:
    """``planned_so_far``: the plan up to now, of the running month the part that is over."""
    if planned_so_far <= 0:
        return Forecast(actual, planned_so_far, None, None)
    pace = actual / planned_so_far
    return Forecast(actual, planned_so_far, pace, actual + pace * max(0.0, planned_in_all - planned_so_far))


FORMULA = (
    "customers = revenue / deal size; each rung = the rung above / its conversion; a month's share = its weight / the sum "
    "of all weights; forecast = actual + (actual / plan so far) x plan still to come"
)

__all__ = [
    "FORMULA",
    "RUNGS",
    "Forecast",
    "Need",
    "Plan",
    "Rate",
    "Span",
    "added",
    "forecast",
    "make_plan",
    "steps_of",
    "to_measure",
]
