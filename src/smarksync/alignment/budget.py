"""The delay budget: where the time goes between a lead's first sign of life and the first attempt to reach it.

Captured → scored → gated (qualified) → written → assigned → first attempt. Each leg is somebody's: qualifying is
marketing's, handing over is the system's, calling is sales'. A point that nobody recorded joins its two legs.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from .clock import PLAIN, Clock
from .judge import Facts

#: point → whose the leg is that ends there
POINTS = {
    "captured": "", "scored": "marketing", "gated": "marketing", "written": "system", "assigned": "system",
    "first attempt": "sales",
}  # fmt: skip


class Leg(NamedTuple):
    """One leg over all cases: half of them took at most ``median`` microseconds, nine of ten at most ``most``."""

    start: str
    end: str
    by: str
    cases: int
    median: int
    most: int


class DelayBudget:
    """Adds up the legs of cases. ``clock``: what sales' leg is measured on; the others are plain time."""

    def __init__(self, clock: Clock = PLAIN) -> None:
        self.clock = clock
        self._spans: dict[tuple[str, str], array[int]] = {}

    def add(self, facts: Facts, now: int) -> None:
        """One case."""
        names = list(points(facts, now).items())
        for (start, begin), (end, at) in pairwise(names):
            clock = self.clock if POINTS[end] == "sales" else PLAIN
            self._spans.setdefault((start, end), array("q")).append(clock.worked(begin, max(begin, at)))

    def legs(self) -> list[Leg]:
        """The legs in the order of the way."""
        order = list(POINTS)
        found = []
        for start, end in sorted(self._spans, key=lambda leg: (order.index(leg[0]), order.index(leg[1]))):
            spans = sorted(self._spans[start, end])
            n = len(spans)
            found.append(Leg(start, end, POINTS[end], n, spans[(n - 1) // 2], spans[(9 * n - 1) // 10]))
        return found


def points(facts: Facts, now: int) -> dict[str, int]:
    """When each point was passed, in the order of the way; those that are not known are left out."""
    offered = facts.reached.get("offered")
    after = [at for at in facts.attempts if offered is not None and offered <= at <= now]
    known: Mapping[str, int | None] = {
        "captured": facts.legs.get("captured"), "scored": facts.legs.get("scored"),
        "gated": facts.reached.get("qualified", facts.opened_at), "written": facts.legs.get("written"),
        "assigned": facts.legs.get("assigned", offered), "first attempt": after[0] if after else None,
    }  # fmt: skip
    return {name: at for name, at in known.items() if at is not None}


__all__ = ["POINTS", "DelayBudget", "Leg", "points"]
