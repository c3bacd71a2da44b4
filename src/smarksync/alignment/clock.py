"""Clocks that promises are measured by: plain time, and working time on a business calendar.

Instants are integers, microseconds since 1970 in UTC, as in the ledger. A clock only moves while it is open: an
attempt made on Sunday costs no working time, so "5 business hours" that were used up on Friday at 17:00 are still
kept by it. Plain days are 24 hours each, whatever the clocks on the wall do. A business day is one working day of the
calendar, long or short, and half of its hours are half a day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from smarksync.config.values import Duration
from smarksync.model.moments import micros, moment

if TYPE_CHECKING:
    from .calendars import BusinessCalendar

Pause = tuple[int, int]
#: what a clock shows; a fraction only on days that a change of the zone made longer or shorter
Measure = int | Fraction

MICRO = 1_000_000
MINUTE, HOUR, DAY = 60 * MICRO, 3600 * MICRO, 86_400 * MICRO


def merged(pauses: Iterable[Pause]) -> list[Pause]:
    """Pauses in order, overlapping ones joined, empty ones left out."""
    out: list[Pause] = []
    for start, end in sorted(pauses):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        elif end > start:
            out.append((start, end))
    return out


class Clock:
    """Plain time: every microsecond counts. The base of the others, which say what has gone by at an instant."""

    def gone(self, at: int) -> Measure:
        """What the clock shows at an instant, from a fixed beginning. Units are the clock's own."""
        return at

    def reach(self, shows: Measure) -> int | None:
        """The instant at which the clock shows that; the last one before it stands still. None = never."""
        return int(shows)

    def elapsed(self, start: int, end: int, pauses: Iterable[Pause] = ()) -> Measure:
        """What went by between two instants, pauses taken out. 0 when the end is before the start."""
        if end <= start:
            return 0
        total = self.gone(end) - self.gone(start)
        for a, b in merged(pauses) if pauses else ():
            if b > start and a < end:
                total -= self.gone(min(b, end)) - self.gone(max(a, start))
        return total

    def worked(self, start: int, end: int) -> int:
        """Time between two instants that this clock counts at all, in microseconds."""
        return int(self.elapsed(start, end))

    def add(self, start: int, amount: int, pauses: Iterable[Pause] = ()) -> int | None:
        """The first instant at which ``amount`` has gone by since ``start``; None when that never comes."""
        at = start
        left: Measure = amount
        if left <= 0:
            return start
        for a, b in merged(pauses) if pauses else ():
            if b <= at:
                continue
            if a > at:
                free = self.gone(a) - self.gone(at)
                if free >= left:
                    break
                left -= free
            at = b
        return self.reach(self.gone(at) + left)


@dataclass(frozen=True, slots=True)
class Timer:
    """A clock and how much of it a promise allows. ``text`` is the promise's own words."""

    clock: Clock
    amount: int
    text: str

    def due(self, start: int, pauses: Iterable[Pause] = ()) -> int | None:
        """When the time is used up; None when the calendar never gets there."""
        return self.clock.add(start, self.amount, pauses)

    def left(self, start: int, now: int, pauses: Iterable[Pause] = ()) -> int | None:
        """Microseconds that are still to be worked until it is due; 0 when none is left, None when it never is."""
        due = self.due(start, pauses)
        return None if due is None else self.clock.worked(max(start, now), due)

    def used(self, start: int, end: int, pauses: Iterable[Pause] = ()) -> float:
        """The share of the time that is used up; more than 1 is late."""
        gone = self.clock.elapsed(start, end, pauses)
        return float(gone / self.amount) if self.amount else float(gone > 0)

    def kept(self, start: int, end: int, pauses: Iterable[Pause] = ()) -> bool:
        """Whether it was in time: at exactly the allowed time it was."""
        return self.clock.elapsed(start, end, pauses) <= self.amount


PLAIN = Clock()
_UNITS = {"seconds": MICRO, "minutes": MINUTE, "hours": HOUR, "days": DAY, "weeks": 7 * DAY}


def timer(duration: Duration, calendar: BusinessCalendar | None = None) -> Timer:
    """The timer of a promise's ``within``. Raises ValueError for business time without a calendar."""
    if not duration.business:
        return Timer(PLAIN, duration.amount * _UNITS[duration.unit], str(duration))
    if calendar is None:
        raise ValueError(f"{duration} is counted on a calendar")
    if duration.unit == "days":
        return Timer(calendar.days, duration.amount * calendar.unit, str(duration))
    return Timer(calendar.hours, duration.amount * _UNITS[duration.unit], str(duration))


__all__ = [
    "DAY",
    "HOUR",
    "MICRO",
    "MINUTE",
    "PLAIN",
    "Clock",
    "Measure",
    "Pause",
    "Timer",
    "merged",
    "micros",
    "moment",
    "timer",
]
