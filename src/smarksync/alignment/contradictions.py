"""Promises that cannot be kept, or that contradict each other or the goals: each with its file and line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations, pairwise
from math import prod

from smarksync.config import Config, Problem
from smarksync.config.values import MONTHS
from smarksync.model.moments import micros

from .clock import DAY, HOUR
from .goals import Plan, steps_of
from .judge import ENDS
from .periods import PERIODS
from .terms import Term, Terms


def contradictions(
    config: Config, terms: Terms, now: datetime, plan: Plan | None = None
) -> tuple[list[Problem], list[Problem]]:
    """(what can never be kept, what is probably not meant). ``plan``: what the goals need."""
    start = micros(now)
    problems = [*_calendars(terms, start), *_never(terms, start), *_pairs(terms, start)]
    warnings = [*_unmeasured(config), *_periods(terms), *_steps(config)]
    if plan is not None:
        warnings += _below_goals(config, terms, plan)
    return problems, warnings


def _calendars(terms: Terms, start: int) -> Iterator[Problem]:
    for name, section in terms.agreement.calendars.items():
        if terms.calendars[name].hours.add(start, 60_000_000) is None:
            yield section.problem(
                f"the calendar `{name}` is never open: no clock on it moves.",
                'Give it working hours: `hours: {mon-fri: "09:00-17:00"}`.',
            )


def _never(terms: Terms, start: int) -> Iterator[Problem]:
    for term in terms.promises:
        promise = term.promise
        if promise.within is not None and promise.within.amount == 0:
            yield promise.problem(
                f"`within: {promise.within}` leaves no time.", "Write what can be kept.", at=("within",)
            )
        elif term.timer is not None and term.timer.due(start) is None:
            said = f"`within: {promise.within}` never ends on the calendar `{promise.calendar}`."
            yield promise.problem(said, "Give the calendar working hours.", at=("calendar",))
        if promise.promise == "first_attempt" and promise.from_ in ENDS:
            said = f"`from: {promise.from_}` starts the clock when the case is over: no attempt can follow."
            yield promise.problem(said, "Start it with `offered` or `accepted`.", at=("from",))
    for reason, expression in terms.agreement.pause.items():
        if expression.always:
            yield terms.agreement.problem(
                f"the pause `{reason}` is always true: no clock ever moves.",
                "Say when a clock stands still.",
                at=("pause", reason),
            )


def _pairs(terms: Terms, start: int) -> Iterator[Problem]:
    """Promises that cannot both be kept, or of which one makes the other void."""
    for a, b in combinations(terms.promises, 2):
        if a.promise.promise == b.promise.promise == "attempts" and a.promise.within == b.promise.within:
            for low, high in ((a, b), (b, a)):
                least, most = low.promise.at_least, high.promise.at_most
                if least is not None and most is not None and least > most:
                    said = (
                        f"`at_least: {least:g}` contradicts `at_most: {most}` of `{high.id}` ({high.promise.place()})."
                    )
                    yield low.promise.problem(said, "At most one of them can be kept.", at=("at_least",))
    persistence = [term for term in terms.promises if term.promise.promise == "attempts" and term.promise.at_least]
    for first in terms.first_attempts:
        for window in persistence:
            if first.starts == "offered" and _always_later(first, window, start):
                said = (
                    f"the first attempt may come after {first.promise.within}, when the {window.promise.within} of `{window.id}` "
                    f"({window.promise.place()}) are over."
                )
                yield first.promise.problem(said, "Make it shorter, or the other longer.", at=("within",))


def _always_later(one: Term, other: Term, start: int) -> bool:
    """Whether it is due after the other whenever a case starts in the year to come: not only on Fridays or at Christmas."""
    # every five hours: that comes to every hour of the week, in every season
    starts = range(start, start + 366 * DAY, 5 * HOUR)
    return all((_due(one, at) or 0) > (_due(other, at) or 0) for at in starts)


def _due(term: Term, start: int) -> int | None:
    return None if term.timer is None else term.timer.due(start)


def _periods(terms: Terms) -> Iterator[Problem]:
    for term in terms.promises:
        named = [cut for cut in term.promise.per if cut in PERIODS]
        if len(named) > 1:
            said = f"`per` names {' and '.join(named)}: it is judged by {named[0]}."
            yield term.promise.problem(said, "Name one, or write a promise for each.", at=("per",))
        elif term.promise.promise == "volume" and not named:
            yield term.promise.problem(
                "a volume without a period is judged by month.",
                f"Add one of {', '.join(PERIODS)} to `per`.",
                at=("per",),
            )


def _unmeasured(config: Config) -> Iterator[Problem]:
    agreement = config.agreement
    if agreement is None or not (agreement.marketing or agreement.sales):
        return
    if not any(job.kind == "handoff" for job in config.jobs.values()):
        yield agreement.problem(
            "no job hands leads over: nothing is measured but volumes.", "Add a job with `handoff: lead`."
        )


def _steps(config: Config) -> Iterator[Problem]:
    """Conversions over a rung that another one stops at: the plan takes the shorter steps."""
    goals = config.goals
    if goals is not None:
        used = {"_to_".join(pair) for pair in pairwise(steps_of(goals))}
        for step in goals.conversion:
            if step not in used:
                yield goals.problem(
                    f"`{step}` is not used: the plan goes by {', '.join(sorted(used))}.", at=("conversion", step)
                )


def _below_goals(config: Config, terms: Terms, plan: Plan) -> Iterator[Problem]:
    """A volume that is promised and is less than what the goals need in their busiest period."""
    sourced = config.goals.quota.marketing_sourced if config.goals else None
    for term in terms.promises:
        promise = term.promise
        if promise.promise != "volume" or promise.of not in plan.rungs or promise.count is None:
            continue
        by_product = "product" in term.segments
        others = [name for name in term.segments if name != "product"]
        apart = prod(len(terms.agreement.segments[name].values) for name in others)
        if not apart:
            continue  # it is promised for each of nobody knows how many
        size = {"month": 1, "quarter": 3, "year": 12}[term.period]
        worst: tuple[float, str] | None = None
        for product in list(plan.mix) if by_product else [None]:
            for first in range(1, 13, size):
                needed = _needed(plan, promise.of, product, range(first, first + size), sourced)
                if needed is not None and (worst is None or needed > worst[0]):
                    when = MONTHS[first - 1] if size == 1 else f"{MONTHS[first - 1]}-{MONTHS[first + size - 2]}"
                    worst = needed, f"{product or 'all products'} in {when} {plan.year}"
        if worst is not None and worst[0] > promise.count * apart + 1e-9:
            part = f" ({sourced:.0%} of the revenue is marketing's)" if sourced is not None else ""
            times = f", {apart} times over (each {' and '.join(others)})," if apart > 1 else ""
            said = f"`count: {promise.count}`{times} is below what the goals need: {worst[0]:.0f} for {worst[1]}{part}."
            yield promise.problem(said, "Promise more, or plan with less.", at=("count",))


def _needed(plan: Plan, rung: str, product: str | None, months: range, sourced: float | None) -> float | None:
    found = [n.rungs[rung].value for n in plan.months if n.month in months and product in (None, n.product)]
    if not found or None in found:
        return None
    return sum(value for value in found if value is not None) * (1.0 if sourced is None else sourced)


__all__ = ["contradictions"]
