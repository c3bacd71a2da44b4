"""The period of a report, in the workspace's time zone: ``2026``, ``2026-Q3``, ``2026-08``, or two dates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from smarksync.errors import UsageError

#: what may be asked for; what lies beyond is a slip of the hand
YEARS = range(1970, 2201)
_FORM = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(\d{2})))?\Z")


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, both whole days there; ``start`` and ``end`` in microseconds UTC, end excluded."""

    first: date
    last: date
    zone: str

    @property
    def start(self) -> int:
        """The first moment."""
        return _micros(self.first, self.zone)

    @property
    def end(self) -> int:
        """The moment after the last."""
        return _micros(self.last + timedelta(days=1), self.zone)

    @property
    def label(self) -> str:
        """The period for people."""
        return f"{self.first.isoformat()} to {self.last.isoformat()}"

    def months(self) -> list[tuple[str, int]]:
        """(``2026-03``, its first moment within the period) of each month."""
        day, found = self.first, []
        while day <= self.last:
            found.append((day.isoformat()[:7], _micros(day, self.zone)))
            day = _month(day, 1)
        return found

    def before(self) -> Period:
        """The period of the same length before this one; a whole month, quarter or year gives the one before."""
        months = (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1
        if self.first.day == 1 and (self.last + timedelta(days=1)).day == 1:
            return Period(_month(self.first, -months), self.first - timedelta(days=1), self.zone)
        days = (self.last - self.first).days + 1
        return Period(self.first - timedelta(days=days), self.first - timedelta(days=1), self.zone)


def parse(text: str | None, zone: str, now: datetime) -> Period:
    """The period that was asked for; None = this year so far. Raises UsageError."""
    today = now.astimezone(ZoneInfo(zone)).date()
    if text is None:
        return Period(date(today.year, 1, 1), today, zone)
    if "/" in text:
        return _between(text, zone)
    found = _FORM.match(text.strip())
    if not found:
        raise _unknown(text)
    year, quarter, month = (int(part) if part else 0 for part in found.groups())
    if year not in YEARS or month > 12 or (found[3] and month == 0):
        raise _unknown(text)
    first = date(year, month or (quarter * 3 - 2 if quarter else 1), 1)
    months = 1 if month else 3 if quarter else 12
    return Period(first, _month(first, months) - timedelta(days=1), zone)


def _between(text: str, zone: str) -> Period:
    try:
        first, last = (date.fromisoformat(part.strip()) for part in text.split("/", 1))
    except ValueError:
        raise _unknown(text) from None
    if first.year not in YEARS or last.year not in YEARS:
        raise _unknown(text)
    if last < first:
        raise UsageError(f"The period {text!r} ends before it begins.", hint="Write the earlier day first.")
    return Period(first, last, zone)


def _unknown(text: str) -> UsageError:
    return UsageError(f"{text!r} is no period.", hint="Write 2026, 2026-Q3, 2026-08, or 2026-07-01/2026-07-31.")


def _month(day: date, by: int) -> date:
    months = day.year * 12 + day.month - 1 + by
    return date(months // 12, months % 12 + 1, 1)


def _micros(day: date, zone: str) -> int:
    return int(datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC).timestamp()) * 1_000_000
