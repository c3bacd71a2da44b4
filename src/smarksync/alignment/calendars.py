"""Business calendars: the working hours of a week in a time zone, without holidays and closed days.

Local hours become UTC spans piece by piece between the zone's changes of offset: an hour that is skipped in spring
does not count, one that is repeated in autumn counts twice. Spans are computed once for a run of years; what is asked
of them is a look into a sorted list.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from math import lcm
from zoneinfo import ZoneInfo

from smarksync.config.agreement import Calendar

from .clock import DAY, HOUR, MICRO, MINUTE, Clock, Measure, moment
from .holidays import holidays_of

#: local spans of a weekday (Monday 0) in minutes of the day
Week = Mapping[int, Sequence[tuple[int, int]]]
_DAY_ONE = date(1970, 1, 1).toordinal()
#: how far into the future working time is looked for, in years after those that are asked about
HORIZON = 12


class Hours(Clock):
    """Working time of a calendar, in microseconds."""

    def __init__(self, calendar: BusinessCalendar) -> None:
        self.calendar = calendar

    def gone(self, at: int) -> Measure:
        table = self.calendar.table(at)
        i = bisect_right(table.starts, at) - 1
        return 0 if i < 0 else table.before[i] + min(at, table.ends[i]) - table.starts[i]

    def reach(self, shows: Measure) -> int | None:
        return self.calendar.reach(shows, lambda table: table.after, _in_hours)


class Days(Clock):
    """Working days of a calendar: each counts one, long or short. Units: ``per_day`` a day, exact integers."""

    def __init__(self, calendar: BusinessCalendar) -> None:
        self.calendar = calendar

    @property
    def per_day(self) -> int:
        """Units of a working day: divisible by the length of every working day of the calendar."""
        return self.calendar.unit

    def gone(self, at: int) -> Measure:
        table = self.calendar.table(at)
        i = bisect_right(table.starts, at) - 1
        if i < 0:
            return 0
        return table.days_before[i] + table.weights[i] * (min(at, table.ends[i]) - table.starts[i])

    def worked(self, start: int, end: int) -> int:
        return self.calendar.hours.worked(start, end)

    def reach(self, shows: Measure) -> int | None:
        return self.calendar.reach(shows, lambda table: table.days_after, _in_days)


@dataclass(slots=True)
class Table:
    """Open spans of a run of years in order, with what had gone by before and after each."""

    first: int
    last: int
    starts: list[int]
    ends: list[int]
    before: list[Measure]
    after: list[Measure]
    weights: list[Measure]
    days_before: list[Measure]
    days_after: list[Measure]


class BusinessCalendar:
    """Working hours of a week in a time zone, without public holidays and closed days.

    ``holidays`` gives the public holidays of a year. Spans are computed once for all the years that are asked for.
    """

    def __init__(
        self, week: Week, zone: str, *, holidays: Callable[[int], Iterable[date]] | None = None,
        closed: Iterable[date] = (),
    ) -> None:  # fmt: skip
        self.week = {day: tuple(spans) for day, spans in week.items()}
        self.zone = ZoneInfo(zone)
        self.zone_name = zone
        self._holidays = holidays
        self._closed = frozenset(closed)
        self._free: dict[int, frozenset[date]] = {}
        self._table: Table | None = None
        self._asked: tuple[int, int] | None = None  # the years that instants were asked about, one more on each side
        self._low = self._high = self._anchor = 0
        self.hours = Hours(self)
        self.days = Days(self)

    @classmethod
    def of(cls, section: Calendar, zone: str) -> BusinessCalendar:
        """The calendar of a config; ``zone`` is the workspace's, for a calendar without its own."""

        named = section.holidays
        return cls(
            section.hours, section.time_zone or zone,
            holidays=None if named is None else (lambda year: holidays_of(named, year)), closed=section.closed,
        )  # fmt: skip

    @cached_property
    def unit(self) -> int:
        """Units of one working day on the clock that counts days: a multiple of every usual day's microseconds."""
        return lcm(*(n * MINUTE for spans in self.week.values() if (n := sum(b - a for a, b in spans)))) or DAY

    def free(self, day: date) -> bool:
        """Whether the day is a public holiday or a closed day."""
        if day.year not in self._free:
            self._free[day.year] = frozenset(self._holidays(day.year)) if self._holidays else frozenset()
        return day in self._closed or day in self._free[day.year]

    def is_open(self, at: int) -> bool:
        """Whether the clock moves at that instant."""
        table = self.table(at)
        i = bisect_right(table.starts, at) - 1
        return i >= 0 and at < table.ends[i]

    def table(self, at: int) -> Table:
        """The spans around an instant. More years do not change what a clock showed with fewer."""
        if self._table is None or not self._low <= at < self._high:
            year = moment(at).year
            asked = self._asked or (year, year)
            self._asked = max(2, min(year - 1, asked[0])), min(9998, max(year + 1, asked[1]))
            self._low = (date(self._asked[0], 1, 1).toordinal() - _DAY_ONE) * DAY + DAY
            self._high = (date(self._asked[1] + 1, 1, 1).toordinal() - _DAY_ONE) * DAY - DAY
            self._cover(*self._asked)
        assert self._table is not None
        return self._table

    def reach(
        self, shows: Measure, column: Callable[[Table], list[Measure]], place: Callable[[Table, int, Measure], int]
    ) -> int | None:
        """The earliest instant at which a column of the table shows that much; None when no year comes to it.

        No further than :data:`HORIZON` years after those that instants were asked about, however often it is asked: a
        calendar that never opens would compute twelve years more for every case.
        """
        assert self._table is not None and self._asked is not None  # `gone` was asked before
        if column(self._table)[-1:] < [shows]:
            self._cover(self._asked[0], min(9998, self._asked[1] + HORIZON))
        found = column(self._table)
        i = bisect_left(found, shows)
        return place(self._table, i, shows) if i < len(found) else None

    def _cover(self, first: int, last: int) -> None:
        """Computes the spans of these years, and of those that are there already, unless all of them are."""
        if self._table is None:
            self._anchor = self._low
        elif first < self._table.first or last > self._table.last:
            first, last = min(first, self._table.first), max(last, self._table.last)
        else:
            return
        self._table = self._build(first, last)

    def _build(self, first: int, last: int) -> Table:
        table = Table(first, last, [], [], [], [], [], [], [])
        spans = sorted(self._spans(first, last))
        lengths: dict[int, int] = {}
        for a, b, day in spans:
            lengths[day] = lengths.get(day, 0) + b - a
        gone: Measure = -sum(b - a for a, b, _ in spans if b <= self._anchor)
        days: Measure = sum((_weight(self.unit, lengths[day]) * (a - b) for a, b, day in spans if b <= self._anchor), 0)
        for a, b, day in spans:
            weight = _weight(self.unit, lengths[day])
            table.starts.append(a)
            table.ends.append(b)
            table.weights.append(weight)
            table.before.append(gone)
            table.days_before.append(days)
            gone += b - a
            days += weight * (b - a)
            table.after.append(gone)
            table.days_after.append(days)
        return table

    def _spans(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """(start, end, local day) of every open span of whole local days, cut where the zone changes its offset."""
        begin, end = date(first, 1, 1).toordinal() - _DAY_ONE, date(last + 1, 1, 1).toordinal() - _DAY_ONE
        for low, high, offset in self._pieces(begin * DAY - DAY, end * DAY + DAY):
            day = max(begin, (low + offset) // DAY)
            while day < end and day * DAY - offset < high:
                when = date.fromordinal(day + _DAY_ONE)
                for a, b in self.week.get(when.weekday(), ()) if not self.free(when) else ():
                    start = max(low, day * DAY + a * MINUTE - offset)
                    stop = min(high, day * DAY + b * MINUTE - offset)
                    if start < stop:
                        yield start, stop, day
                day += 1

    def _pieces(self, low: int, high: int) -> Iterator[tuple[int, int, int]]:
        """(from, to, offset in µs) between the changes of the zone's offset; all instants in UTC."""
        at, offset, step = low, self._offset(low), 6 * HOUR
        probe = low
        while probe < high:
            after = min(probe + step, high)
            then = self._offset(after)
            if then != offset:
                change = self._change(probe, after, offset)
                yield at, change, offset
                at, offset = change, self._offset(change)
                probe = change
            else:
                probe = after
        yield at, high, offset

    def _change(self, low: int, high: int, offset: int) -> int:
        """The second at which the offset is no longer that."""
        while high - low > MICRO:
            middle = (low + high) // 2 // MICRO * MICRO
            if middle <= low:
                break
            if self._offset(middle) == offset:
                low = middle
            else:
                high = middle
        return high

    def _offset(self, at: int) -> int:
        found = moment(at).astimezone(self.zone).utcoffset()
        assert found is not None
        return (found.days * 86_400 + found.seconds) * MICRO


def _weight(unit: int, length: int) -> Measure:
    """Units per microsecond of a day that is ``length`` long."""
    return unit // length if unit % length == 0 else Fraction(unit, length)


def _in_hours(table: Table, i: int, shows: Measure) -> int:
    return int(table.starts[i] + shows - table.before[i])


def _in_days(table: Table, i: int, shows: Measure) -> int:
    # rounded down: at the due time the promise is kept
    return int(table.starts[i] + (shows - table.days_before[i]) // table.weights[i])


__all__ = ["BusinessCalendar", "Days", "Hours"]
