"""The funnel: who reached which rung in a period, how many of them went on, how long it took, and what it brought.

A step's conversion is that of the people who reached its lower rung *in the period*: those of them who have reached the
upper one since, whenever that was. Young periods therefore look worse than they will be; the report says so.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median
from typing import NamedTuple

from .intervals import Share, share

#: the rungs of the report, in order; schema.md's ladder without what stands before and after it
RUNGS = ("lead", "mql", "sal", "sql", "opportunity", "customer")
_LAST = len(RUNGS) - 1
_ALL: tuple[str, str | None] = ("", None)
SECOND = 1_000_000
#: combinations of groups that are kept apart before they are counted into each
ALIKE = 2_000


class Journey(NamedTuple):
    """One lead: what it is counted under, when it first reached each rung (microseconds UTC), and what it brought."""

    groups: Sequence[str | None]  # by dimension; the same object for leads that are counted alike is quickest
    reached: Sequence[int | None]  # by rung
    won: Fraction | None = None


def filled(told: Sequence[int | None]) -> list[int | None]:
    """When each rung was first reached, from when it was first told.

    A rung that was jumped over was reached with the next higher one; somebody who fell back has still been there.
    """
    found = list(told)
    later: int | None = None
    for rank in range(_LAST, -1, -1):
        mine = found[rank]
        if mine is None or (later is not None and mine > later):
            found[rank] = later
        later = found[rank]
    return found


@dataclass(slots=True)
class Group:
    """The figures of one value of one dimension."""

    reached: list[int] = field(default_factory=lambda: [0] * len(RUNGS))
    seconds: list[array[int]] = field(default_factory=lambda: [array("Q") for _ in RUNGS[1:]])
    customers: int = 0  # of the leads of the period, those who are customers by now
    won: Fraction = field(default_factory=Fraction)

    def take(self, other: Group) -> None:
        """Adds another group's figures to these."""
        self.reached = [mine + theirs for mine, theirs in zip(self.reached, other.reached, strict=True)]
        for mine, theirs in zip(self.seconds, other.seconds, strict=True):
            mine.extend(theirs)
        self.customers += other.customers
        self.won += other.won


class Step(NamedTuple):
    """From one rung to the next: how many of those who stood on it went on, and how long half of them took."""

    from_: str
    to: str
    conversion: Share
    median_seconds: float | None


class Row(NamedTuple):
    """One line of the funnel."""

    value: str | None
    counts: Mapping[str, int]
    steps: tuple[Step, ...]
    overall: Share  # leads of the period that became customers
    won: Fraction


class Funnel:
    """Adds journeys up, by several dimensions at once; memory grows with groups and with steps made, not with leads."""

    def __init__(self, dimensions: Sequence[str], start: int, end: int, months: Sequence[int] = ()) -> None:
        """``months``: the first moment of each month of the period, for the figures by month."""
        self.dimensions = tuple(dimensions)
        self.start, self.end = start, end
        self._starts = list(months)
        self.months = [[0] * len(RUNGS) for _ in months]
        self._groups: dict[tuple[str, str | None], Group] = {}
        # leads that are counted alike, once for all dimensions; put into each when there are many, and when asked
        self._alike: dict[tuple[str | None, ...], Group] = {}

    def add(self, journey: Journey) -> None:
        """Counts one lead. What happened after the period's end counts for conversion only."""
        start, end, reached = self.start, self.end, journey.reached
        first, second = reached[0], reached[1]
        if first is None:
            return  # rungs above an empty one are empty
        if second is None:
            self.lead(tuple(journey.groups), first)
            return
        if not any(at is not None and start <= at < end for at in reached):
            return
        group = self._group(tuple(journey.groups))
        inside = False
        for rank, at in enumerate(reached):
            if at is None:
                break
            inside = start <= at < end
            if inside:
                group.reached[rank] += 1
                if self._starts:
                    self.months[bisect_right(self._starts, at) - 1][rank] += 1
                then = reached[rank + 1] if rank < _LAST else None
                if then is not None:
                    group.seconds[rank].append((then - at) // SECOND if then > at else 0)
        if reached[_LAST] is not None:
            if start <= first < end:
                group.customers += 1
            if inside and journey.won:
                group.won += journey.won

    def lead(self, values: tuple[str | None, ...], at: int) -> None:
        """Counts one that became a lead and no more: most are. ``values``: what it is counted under, by dimension."""
        if self.start <= at < self.end:
            found = self._alike.get(values)
            (found if found is not None else self._group(values)).reached[0] += 1
            if self._starts:
                self.months[bisect_right(self._starts, at) - 1][0] += 1

    def _group(self, values: tuple[str | None, ...]) -> Group:
        found = self._alike.get(values)
        if found is None:
            if len(self._alike) >= ALIKE:
                self._fold()
            found = self._alike[values] = Group()
        return found

    def _fold(self) -> None:
        """Counts those who are alike into the groups of each dimension."""
        for values, alike in self._alike.items():
            for key in (_ALL, *zip(self.dimensions, values, strict=True)):
                group = self._groups.get(key)
                if group is None:
                    group = self._groups[key] = Group()
                group.take(alike)
        self._alike.clear()

    def whole(self) -> Row:
        """Everybody."""
        self._fold()
        return self._row(None, self._groups.get(_ALL) or Group())

    def rows(self, dimension: str) -> list[Row]:
        """One line a value, the busiest first; None stands for those without a value."""
        self._fold()
        found = [self._row(value, group) for (name, value), group in self._groups.items() if name == dimension]
        return sorted(found, key=lambda row: (-sum(row.counts.values()), row.value or "~"))

    @staticmethod
    def _row(value: str | None, group: Group) -> Row:
        steps = tuple(
            Step(
                RUNGS[rank], RUNGS[rank + 1], share(len(group.seconds[rank]), group.reached[rank]),
                median(group.seconds[rank]) if group.seconds[rank] else None,
            )
            for rank in range(len(RUNGS) - 1)
        )  # fmt: skip
        counts = dict(zip(RUNGS, group.reached, strict=True))
        return Row(value, counts, steps, share(group.customers, group.reached[0]), group.won)


__all__ = ["RUNGS", "Funnel", "Journey", "Row", "Step", "filled"]
