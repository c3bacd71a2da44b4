"""A second clock, written to be obviously right: it walks from minute to minute and looks at the wall each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

Week = Mapping[int, Sequence[tuple[int, int]]]
STEP = timedelta(minutes=1)


class BruteClock:
    """Counts minutes. Starts, ends and pauses must be whole minutes in UTC."""

    def __init__(self, week: Week, zone: str, free: Iterable[date] = ()) -> None:
        self.week, self.zone, self.free = week, ZoneInfo(zone), set(free)
        self._worth: dict[date, Fraction] = {}

    def works(self, at: datetime) -> bool:
        """Whether people work in the minute that begins then."""
        wall = at.astimezone(self.zone)
        minute = wall.hour * 60 + wall.minute
        spans = self.week.get(wall.weekday(), ())
        return wall.date() not in self.free and any(a <= minute < b for a, b in spans)

    def worth(self, at: datetime) -> Fraction:
        """The share of its working day that this minute is."""
        day = at.astimezone(self.zone).date()
        if day not in self._worth:
            probe, minutes = at - timedelta(hours=30), 0
            while probe < at + timedelta(hours=30):
                minutes += self.works(probe) and probe.astimezone(self.zone).date() == day
                probe += STEP
            self._worth[day] = Fraction(1, minutes)
        return self._worth[day]

    def minutes(self, start: datetime, end: datetime, pauses: Sequence[tuple[datetime, datetime]] = ()) -> int:
        """Working minutes between, pauses taken out."""
        return sum(1 for _ in self._counted(start, end, pauses))

    def days(self, start: datetime, end: datetime, pauses: Sequence[tuple[datetime, datetime]] = ()) -> Fraction:
        """Working days between, pauses taken out."""
        return sum((self.worth(at) for at in self._counted(start, end, pauses)), Fraction(0))

    def due(self, start: datetime, minutes: int, pauses: Sequence[tuple[datetime, datetime]] = ()) -> datetime:
        """The end of the minute in which the last of so many working minutes goes by."""
        at = start
        while minutes > 0:
            minutes -= self.works(at) and not any(a <= at < b for a, b in pauses)
            at += STEP
        return at

    def _counted(
        self, start: datetime, end: datetime, pauses: Sequence[tuple[datetime, datetime]]
    ) -> Iterable[datetime]:
        at = start
        while at < end:
            if self.works(at) and not any(a <= at < b for a, b in pauses):
                yield at
            at += STEP
