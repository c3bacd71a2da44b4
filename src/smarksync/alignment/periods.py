"""Months, quarters and years as a workspace's calendar on the wall has them. Instants are microseconds, UTC."""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from smarksync.model.moments import micros, moment

PERIODS = ("month", "quarter", "year")


class Period(NamedTuple):
    """``name`` is ``2026-11``, ``2026-Q4`` or ``2026``; from ``start`` up to, not including, ``end``."""

    name: str
    start: int
    end: int

    def gone(self, now: int) -> float:
        """The share of it that is over, 0 to 1."""
        return min(1.0, max(0.0, (now - self.start) / (self.end - self.start)))


class Periods:
    """The periods of a time zone, computed a few years at a time."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self._years: range = range(0)
        self._starts: list[int] = []
        self._known: dict[tuple[str, int], Period] = {}

    def of(self, at: int, kind: str) -> Period:
        """The month, quarter or year in which an instant lies."""
        i = self._month(at)
        size = {"month": 1, "quarter": 3, "year": 12}[kind]
        first = i // size * size
        found = self._known.get((kind, first))
        if found is None:
            year, month = self._years.start + first // 12, first % 12 + 1
            name = {"month": f"{year}-{month:02d}", "quarter": f"{year}-Q{(month + 2) // 3}", "year": f"{year}"}[kind]
            found = self._known[kind, first] = Period(name, self._starts[first], self._starts[first + size])
        return found

    def named(self, name: str) -> Period | None:
        """``2026-11``, ``2026-Q4`` or ``2026``; None when it is none of them."""
        match = re.fullmatch(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?", name)
        if not match or not 1990 <= int(match[1]) <= 2300:
            return None
        month = int(match[3] or 0) or (int(match[2]) * 3 - 2 if match[2] else 1)
        at = micros(datetime(int(match[1]), month, 15, tzinfo=self.zone))
        return self.of(at, "quarter" if match[2] else "month" if match[3] else "year")

    def between(self, first: int, last: int, kind: str) -> list[Period]:
        """All periods from the one of ``first`` to the one of ``last``."""
        found = [self.of(first, kind)]
        while found[-1].end <= last:
            found.append(self.of(found[-1].end, kind))
        return found

    def _month(self, at: int) -> int:
        if not self._starts or not self._starts[0] <= at < self._starts[-12]:
            year = moment(at).year
            known = (self._years.start, self._years.stop) if self._starts else (year, year)
            self._years = range(min(year - 1, known[0]), max(year + 3, known[1]))
            self._starts = [
                micros(datetime(year, month, 1, tzinfo=self.zone)) for year in self._years for month in range(1, 13)
            ]
            self._known = {}
        return bisect_right(self._starts, at) - 1


__all__ = ["PERIODS", "Period", "Periods"]
