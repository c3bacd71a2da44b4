"""The clocks of promises against a clock that counts minute by minute, and the cases that people argue about."""

from __future__ import annotations

import importlib.util
import random
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarksync.alignment.calendars import BusinessCalendar
from smarksync.alignment.clock import HOUR, MINUTE, PLAIN, merged, timer
from smarksync.alignment.holidays import UnknownHolidays, holidays_of, named_holidays
from smarksync.config.values import Duration
from smarksync.model.moments import DAY, micros, moment


def _brute() -> Any:
    spec = importlib.util.spec_from_file_location("brute_clock", Path(__file__).with_name("brute_clock.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.BruteClock


BruteClock = _brute()
OFFICE = dict.fromkeys(range(5), ((540, 1020),))
ODD = {
    0: ((540, 720), (780, 1020)),
    1: ((0, 1440),),
    2: ((1380, 1440),),
    3: ((0, 180), (600, 1200)),
    4: ((540, 780),),
    6: ((90, 190),),
}
ROUND = dict.fromkeys(range(7), ((0, 1440),))
WEEKS = {"office": OFFICE, "odd": ODD, "round the clock": ROUND}
#: offsets of whole and half hours, both hemispheres, a change at midnight, one of half an hour, none at all
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "UTC")
#: days around which clocks change in one of them, New Year among them
DAYS = (date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 9, 6), date(2026, 10, 4), date(2026, 10, 25),
        date(2026, 11, 1), date(2026, 12, 31), date(2027, 1, 1))  # fmt: skip


def at(text: str, zone: str = "Europe/Berlin") -> int:
    """An instant by the wall of a place."""
    return micros(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def wall(instant: int | None, zone: str = "Europe/Berlin") -> str:
    assert instant is not None
    return moment(instant).astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M:%S")


def hours(n: int, calendar: BusinessCalendar) -> Any:
    return timer(Duration(n, "hours", True), calendar)


# -- against the brute clock ------------------------------------------------------------------------------------


@st.composite
def times(draw: Any) -> tuple[datetime, datetime, list[tuple[datetime, datetime]]]:
    day = datetime.combine(draw(st.sampled_from(DAYS)), datetime.min.time(), UTC)
    start = day + timedelta(minutes=draw(st.integers(-3 * 1440, 2 * 1440)))
    end = start + timedelta(minutes=draw(st.integers(0, 4 * 1440)))
    pauses = []
    for _ in range(draw(st.integers(0, 2))):
        begin = start + timedelta(minutes=draw(st.integers(-600, 4 * 1440)))
        pauses.append((begin, begin + timedelta(minutes=draw(st.integers(0, 2000)))))
    return start, end, pauses


CALENDARS = {
    (name, zone, free): BusinessCalendar(week, zone, closed=[date(2026, 3, 30), date(2026, 10, 26), date(2026, 12, 31)] if free else [])
    for name, week in WEEKS.items() for zone in ZONES for free in (False, True)
}  # fmt: skip


@settings(max_examples=120)
@given(times(), st.sampled_from(sorted(CALENDARS)), st.integers(1, 900))
def test_it_counts_what_the_brute_clock_counts(span: Any, which: Any, amount: int) -> None:
    start, end, pauses = span
    calendar = CALENDARS[which]
    brute = BruteClock(WEEKS[which[0]], which[1], calendar._closed)
    stops = [(micros(a), micros(b)) for a, b in pauses]
    a, b = micros(start), micros(end)
    assert calendar.hours.elapsed(a, b, stops) == brute.minutes(start, end, pauses) * MINUTE
    due = calendar.hours.add(a, amount * MINUTE, stops)
    assert due is not None
    assert moment(due) == brute.due(start, amount, pauses)
    assert calendar.hours.elapsed(a, due, stops) == amount * MINUTE
    assert calendar.hours.elapsed(a, due - 1, stops) < amount * MINUTE


@settings(max_examples=40)
@given(times(), st.sampled_from(sorted(CALENDARS)), st.integers(1, 4))
def test_it_counts_the_days_that_the_brute_clock_counts(span: Any, which: Any, amount: int) -> None:
    start, end, pauses = span
    calendar = CALENDARS[which]
    brute = BruteClock(WEEKS[which[0]], which[1], calendar._closed)
    stops = [(micros(a), micros(b)) for a, b in pauses]
    a, b = micros(start), micros(end)
    assert Fraction(calendar.days.elapsed(a, b, stops), calendar.unit) == brute.days(start, end, pauses)
    due = calendar.days.add(a, amount * calendar.unit, stops)
    assert due is not None
    assert (
        calendar.days.elapsed(a, due, stops) <= amount * calendar.unit < calendar.days.elapsed(a, due + DAY * 9, stops)
    )
    assert calendar.days.elapsed(a, due + 1, stops) > amount * calendar.unit or not calendar.is_open(due)


@pytest.mark.parametrize("zone", ZONES)
def test_every_change_of_the_clocks(zone: str) -> None:
    """Two days around each, round the clock and in hours that the change cuts: none of them by luck."""
    for week in (ROUND, dict.fromkeys(range(7), ((60, 150), (155, 200)))):
        calendar, brute = BusinessCalendar(week, zone), BruteClock(week, zone)
        for day in DAYS:
            start = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=17)
            end = start + timedelta(hours=36)
            assert calendar.hours.elapsed(micros(start), micros(end)) == brute.minutes(start, end) * MINUTE, day


def test_the_order_of_questions_does_not_matter() -> None:
    """Years are computed as they are asked for; what a clock showed stays."""
    fresh = [BusinessCalendar(ODD, "Europe/Berlin") for _ in range(12)]
    asked = BusinessCalendar(ODD, "Europe/Berlin")
    rng = random.Random(1)
    for one in fresh:
        a = micros(datetime(rng.randint(2019, 2033), 6, 1, tzinfo=UTC)) + rng.randrange(DAY)
        b = a + rng.randrange(900 * DAY)
        assert asked.hours.elapsed(a, b) == one.hours.elapsed(a, b)
        assert asked.days.elapsed(a, b) == one.days.elapsed(a, b)
        assert asked.hours.add(b, 7 * HOUR) == one.hours.add(b, 7 * HOUR)


# -- five business hours, to the second ---------------------------------------------------------------------------


@pytest.mark.parametrize(("offered", "due"), [
    ("2026-11-18T10:00:00", "Wed 2026-11-18 15:00:00"),
    ("2026-11-20T15:30:00", "Mon 2026-11-23 12:30:00"),  # over a weekend
    ("2026-11-20T12:00:00", "Fri 2026-11-20 17:00:00"),  # used up as the office closes
    ("2026-11-21T23:00:00", "Mon 2026-11-23 14:00:00"),  # offered on Saturday night
    ("2026-12-23T16:00:00", "Mon 2026-12-28 13:00:00"),  # closed on the 24th, Christmas, Boxing Day is a Saturday
    ("2026-04-30T14:00:00", "Mon 2026-05-04 11:00:00"),  # Labour Day is a Friday
    ("2026-03-27T15:00:00", "Mon 2026-03-30 12:00:00"),  # clocks go forward on Sunday
    ("2026-10-23T15:00:00", "Mon 2026-10-26 12:00:00"),  # clocks go back on Sunday
    ("2026-03-06T16:00:00", "Mon 2026-03-09 13:00:00"),  # 8 March, a holiday in Berlin, is a Sunday
])  # fmt: skip
def test_five_business_hours_in_berlin(offered: str, due: str) -> None:
    office = BusinessCalendar(OFFICE, "Europe/Berlin", holidays=lambda y: holidays_of("DE-BE", y),
                              closed=[date(2026, 12, 24), date(2026, 12, 31)])  # fmt: skip
    five = hours(5, office)
    start, end = at(offered), five.due(at(offered))
    assert wall(end) == due
    assert end is not None
    assert five.kept(start, end)
    first_late = office.hours.add(start, 5 * HOUR + 1)
    assert first_late is not None
    assert not five.kept(start, first_late)
    assert five.kept(start, first_late - 1)


@pytest.mark.parametrize(("offered", "due"), [
    ("2026-11-25T15:00:00", "Fri 2026-11-27 12:00:00"),  # Thanksgiving
    ("2026-03-06T15:00:00", "Mon 2026-03-09 12:00:00"),  # forward on 8 March
    ("2026-10-30T15:00:00", "Mon 2026-11-02 12:00:00"),  # back on 1 November
    ("2026-07-02T15:00:00", "Mon 2026-07-06 12:00:00"),  # Independence Day is a Saturday: the Friday is off
])  # fmt: skip
def test_five_business_hours_in_new_york(offered: str, due: str) -> None:
    office = BusinessCalendar(OFFICE, "America/New_York", holidays=lambda y: holidays_of("US-NY", y))
    five = hours(5, office)
    assert wall(five.due(at(offered, "America/New_York")), "America/New_York") == due


def test_a_night_shift_over_the_change_of_clocks() -> None:
    """22:00–06:00 is written as two spans; the night of spring is an hour shorter, the one of autumn an hour longer."""
    nights = BusinessCalendar(dict.fromkeys(range(7), ((0, 360), (1320, 1440))), "Europe/Berlin")
    six = hours(6, nights)
    assert wall(six.due(at("2026-03-28T22:00:00"))) == "Sun 2026-03-29 05:00:00"
    assert wall(six.due(at("2026-10-24T22:00:00"))) == "Sun 2026-10-25 03:00:00"
    assert wall(six.due(at("2026-11-14T22:00:00"))) == "Sun 2026-11-15 04:00:00"


def test_a_business_day_is_one_day_long_or_short() -> None:
    short_friday = BusinessCalendar({**OFFICE, 4: ((540, 780),)}, "Europe/Berlin")
    two = timer(Duration(2, "days", True), short_friday)
    assert wall(two.due(at("2026-11-18T10:00:00"))) == "Fri 2026-11-20 09:30:00"  # an eighth of the day had gone by
    assert wall(two.due(at("2026-11-19T13:00:00"))) == "Mon 2026-11-23 13:00:00"
    assert wall(two.due(at("2026-11-21T13:00:00"))) == "Tue 2026-11-24 17:00:00"
    start = at("2026-11-19T13:00:00")
    assert two.kept(start, at("2026-11-23T13:00:00"))
    assert not two.kept(start, at("2026-11-23T13:00:00") + 1)


def test_sixteen_days_are_sixteen_times_24_hours() -> None:
    plain = timer(Duration(16, "days"))
    start = at("2026-10-20T09:00:00")
    assert wall(plain.due(start)) == "Thu 2026-11-05 08:00:00"  # winter time since 25 October
    assert plain.kept(start, start + 16 * DAY)
    assert not plain.kept(start, start + 16 * DAY + 1)


# -- pauses, and calendars that never open -----------------------------------------------------------------------------


def test_a_pause_moves_the_end() -> None:
    office = BusinessCalendar(OFFICE, "Europe/Berlin")
    five = hours(5, office)
    start = at("2026-11-18T10:00:00")
    pause = (at("2026-11-18T11:00:00"), at("2026-11-19T10:00:00"))
    assert wall(five.due(start, [pause])) == "Thu 2026-11-19 14:00:00"
    assert five.due(start, [pause, pause, (pause[0] + HOUR, pause[1])]) == five.due(start, [pause])
    assert five.due(start, [(at("2026-11-20T10:00:00"), at("2026-11-20T11:00:00"))]) == five.due(start)  # too late
    assert five.due(start, [(start - 9 * HOUR, start)]) == five.due(start)  # over before it began
    later = at("2026-11-18T12:00:00")
    assert five.due(later, [(later - 2 * HOUR, later - HOUR)]) == five.due(later)
    assert five.used(start, at("2026-11-18T15:00:00"), [pause]) == pytest.approx(0.2)


def test_pauses_that_overlap_count_once() -> None:
    assert merged([(5, 9), (1, 3), (2, 6), (20, 20), (30, 40)]) == [(1, 9), (30, 40)]
    assert PLAIN.elapsed(0, 100, [(5, 9), (1, 3), (2, 6), (90, 300)]) == 82
    assert PLAIN.elapsed(100, 0) == 0


def test_a_calendar_that_never_opens_is_never_due() -> None:
    never = BusinessCalendar({0: ()}, "UTC")
    assert hours(1, never).due(at("2026-11-18T10:00:00")) is None
    assert timer(Duration(1, "days", True), never).due(at("2026-11-18T10:00:00")) is None
    assert never.hours.elapsed(0, at("2026-11-18T10:00:00")) == 0


def test_a_calendar_that_never_opens_is_not_looked_through_further_for_every_case() -> None:
    years: list[int] = []
    never = BusinessCalendar({0: ()}, "UTC", holidays=lambda year: years.append(year) or ())
    rare = BusinessCalendar({0: ((540, 541),)}, "UTC", holidays=lambda year: years.append(year) or ())
    for calendar in (never, rare):
        for case in range(50):
            assert hours(1_000, calendar).due(at("2026-11-18T10:00:00") + case * HOUR) is None
    assert max(years, default=0) < 2026 + 20


def test_a_long_wait_is_found_years_ahead() -> None:
    mondays = BusinessCalendar({0: ((540, 600),)}, "Europe/Berlin")
    assert wall(hours(200, mondays).due(at("2026-11-18T10:00:00"))) == "Mon 2030-09-16 10:00:00"


# -- public holidays -----------------------------------------------------------------------------------------------------


def test_holidays_of_a_part_of_a_country() -> None:
    assert date(2026, 3, 8) in holidays_of("DE-BE", 2026)
    assert date(2026, 3, 8) not in holidays_of("DE", 2026)
    assert ("2026-12-25", "Christmas Day") in [(str(d), n) for d, n in named_holidays("DE", 2026)]


@pytest.mark.parametrize(("name", "hint"), [("ZZ", "ISO code"), ("DE-ZZ", "`DE-BE`")])
def test_unknown_holidays_say_what_is_known(name: str, hint: str) -> None:
    with pytest.raises(UnknownHolidays, match=name) as raised:
        holidays_of(name, 2026)
    assert hint in raised.value.hint
