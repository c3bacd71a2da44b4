"""The funnel: who reached which rung in a period, how many of them went on, how long it took, and what it brought.

A step's conversion is that of the people who reached its lower rung *in the period*: those of them who have reached the
upper one since, whenever that was. Young periods therefore look worse than they will be; the report says so.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median
from typing import NamedTuple

from .intervals import Share, share

#: the rungs of the report, in order; schema.md's ladder without what stands before and after it
RUNGS = ("lead", "mql", "sal", "sql", "opportunity", "customer")
_RANK = {rung: rank for rank, rung in enumerate(RUNGS)} | {"evangelist": len(RUNGS) - 1}
SECOND = 1_000_000


class Journey(NamedTuple):
    """One lead: what it is counted under, when it first reached each rung (microseconds UTC), and what it brought."""

    groups: Mapping[str, str | None]
    reached: Sequence[int | None]  # by rung
    won: Fraction = Fraction(0)


def first_reached(stages: Iterable[tuple[str, int]]) -> list[int | None]:
    """When each rung was first reached, from (stage, at) in any order.

    A rung that was jumped over was reached with the next higher one; somebody who fell back has still been there.
    """
    found: list[int | None] = [None] * len(RUNGS)
    for stage, at in stages:
        rank = _RANK.get(stage)
        if rank is not None and (found[rank] is None or at < found[rank]):  # type: ignore[operator]
            found[rank] = at
    later: int | None = None
    for rank in range(len(RUNGS) - 1, -1, -1):
        mine = found[rank]
        if mine is None or (later is not None and mine > later):
            found[rank] = later
        later = found[rank]
    return found


@dataclass(slots=True)
class Group:
    """The figures of one value of one dimension."""

    reached: list[int] = field(default_factory=lambda: [0] * len(RUNGS))
    moved: list[int] = field(default_factory=lambda: [0] * (len(RUNGS) - 1))
    seconds: list[array[int]] = field(default_factory=lambda: [array("Q") for _ in RUNGS[1:]])
    won: Fraction = field(default_factory=Fraction)


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

    def __init__(self, dimensions: Sequence[str], start: int, end: int) -> None:
        self.dimensions = tuple(dimensions)
        self.start, self.end = start, end
        self._all = Group()
        self._customers: dict[tuple[str, str | None] | None, int] = {}
        self._groups: dict[tuple[str, str | None], Group] = {}

    def add(self, journey: Journey) -> None:
        """Counts one lead. What happened after the period's end counts for conversion only."""
        inside = [at is not None and self.start <= at < self.end for at in journey.reached]
        if not any(inside):
            return
        became = inside[0] and journey.reached[-1] is not None
        self._count(self._all, journey, inside)
        if became:
            self._customers[None] = self._customers.get(None, 0) + 1
        for dimension in self.dimensions:
            key = (dimension, journey.groups.get(dimension))
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = Group()
            self._count(group, journey, inside)
            if became:
                self._customers[key] = self._customers.get(key, 0) + 1

    @staticmethod
    def _count(group: Group, journey: Journey, inside: Sequence[bool]) -> None:
        for rank, counted in enumerate(inside):
            if not counted:
                continue
            group.reached[rank] += 1
            if rank < len(RUNGS) - 1:
                at, then = journey.reached[rank], journey.reached[rank + 1]
                if at is not None and then is not None:
                    group.moved[rank] += 1
                    group.seconds[rank].append(max(0, then - at) // SECOND)
        if inside[-1]:
            group.won += journey.won

    def whole(self) -> Row:
        """Everybody."""
        return self._row(None, self._all, self._customers.get(None, 0))

    def rows(self, dimension: str) -> list[Row]:
        """One line a value, the busiest first; None stands for those without a value."""
        found = [
            self._row(value, group, self._customers.get((name, value), 0))
            for (name, value), group in self._groups.items()
            if name == dimension
        ]
        return sorted(found, key=lambda row: (-sum(row.counts.values()), row.value or "~"))

    @staticmethod
    def _row(value: str | None, group: Group, customers: int) -> Row:
        steps = tuple(
            Step(
                RUNGS[rank], RUNGS[rank + 1], share(group.moved[rank], group.reached[rank]),
                median(group.seconds[rank]) if group.seconds[rank] else None,
            )
            for rank in range(len(RUNGS) - 1)
        )  # fmt: skip
        counts = dict(zip(RUNGS, group.reached, strict=True))
        return Row(value, counts, steps, share(customers, group.reached[0]), group.won)


__all__ = ["RUNGS", "Funnel", "Journey", "Row", "Step", "first_reached"]
