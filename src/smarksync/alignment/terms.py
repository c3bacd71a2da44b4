"""The agreement made ready to be measured: every promise with its timer, and when a first attempt is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from smarksync.config.agreement import Agreement, Promise
from smarksync.model import blank

from .calendars import BusinessCalendar
from .clock import Pause, Timer, timer
from .holidays import UnknownHolidays, holidays_of
from .periods import PERIODS

if TYPE_CHECKING:
    from smarksync.config import Config

#: promises about each single case; the others are about all cases of a period together
PER_CASE = frozenset(("first_attempt", "attempts", "decision"))


@dataclass(frozen=True, slots=True)
class Term:
    """One promise. ``by`` made it; ``segments`` are what it is told apart by, ``period`` what it is judged by."""

    promise: Promise
    by: Literal["marketing", "sales"]
    segments: tuple[str, ...]
    period: str
    timer: Timer | None

    @property
    def id(self) -> str:
        """The name of yours."""
        return self.promise.id

    @property
    def starts(self) -> str:
        """The state of a case that starts the clock."""
        return self.promise.from_ if self.promise.promise == "first_attempt" else "offered"


class Terms:
    """The agreement of a config. Calendars are computed when they are first asked, and then kept."""

    def __init__(self, agreement: Agreement, time_zone: str) -> None:
        self.agreement = agreement
        self.time_zone = time_zone
        self.calendars = {n: BusinessCalendar.of(c, time_zone) for n, c in agreement.calendars.items()}
        self.promises = tuple(
            self._term(promise, by)
            for by, promises in (("marketing", agreement.marketing), ("sales", agreement.sales))
            for promise in promises
        )

    @classmethod
    def of(cls, config: Config) -> Terms | None:
        """None when the config has no agreement. Raises ConfigError for public holidays that nobody knows."""
        if config.agreement is None:
            return None
        for calendar in config.agreement.calendars.values():
            if calendar.holidays:
                try:
                    holidays_of(calendar.holidays, 2026)
                except UnknownHolidays as unknown:
                    raise calendar.wrong(str(unknown), unknown.hint, at=("holidays",)) from None
        return cls(config.agreement, config.time_zone)

    def _term(self, promise: Promise, by: str) -> Term:
        calendar = self.calendars[promise.calendar] if promise.calendar else None
        segments = tuple(cut for cut in promise.per if cut not in PERIODS)
        period = next((cut for cut in promise.per if cut in PERIODS), "month")
        who: Literal["marketing", "sales"] = "marketing" if by == "marketing" else "sales"
        return Term(promise, who, segments, period, timer(promise.within, calendar) if promise.within else None)

    @cached_property
    def first_attempts(self) -> tuple[Term, ...]:
        """The promises of a first attempt."""
        return tuple(term for term in self.promises if term.promise.promise == "first_attempt")

    def segments(self, scope: Mapping[str, Any]) -> dict[str, str | None]:
        """The value of every segment for a lead, as text; None when it has none. ``scope``: see Expression.evaluate."""
        return {name: _text(one.of.evaluate(scope)) for name, one in self.agreement.segments.items()}

    def at_opening(self, scope: Mapping[str, Any]) -> dict[str, Any]:
        """What a case remembers of its lead, for promises: the segments it is in, and which promised fields it has."""
        wanted = sorted({name for term in self.promises for name in term.promise.fields or ()})
        lead = scope["lead"] or {}
        return {"segments": self.segments(scope), "filled": [name for name in wanted if not blank(lead.get(name))]}

    def due(self, reached: Mapping[str, int], pauses: Iterable[Pause] = ()) -> int | None:
        """When the first attempt is due: the earliest over all promises; None when none is running.

        ``reached``: case state → when it was reached, microseconds. A promise whose starting state was not reached
        does not run yet.
        """
        stops = list(pauses)
        found = [
            due
            for term in self.first_attempts
            if term.timer is not None and term.starts in reached
            if (due := term.timer.due(reached[term.starts], stops)) is not None
        ]
        return min(found, default=None)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return str(value).lower() if isinstance(value, bool) else str(value)


__all__ = ["PERIODS", "PER_CASE", "Term", "Terms"]
