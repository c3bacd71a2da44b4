"""A clock that moves only when somebody does something."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

#: When simulated time begins.
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class Clock:
    """Deterministic time, shared by all simulated systems and by our own side. Thread-safe.

    Calling it tells the time (aware, UTC) and does not move it, so it stands in for ``Session.now``. With a
    ``step`` of zero many changes share one stamp: give such streams an ``overlap``, as their vendors need one.
    It is a session's clock, too (:class:`smarksync.kit.clock.Clock`): whoever sleeps moves it.
    """

    def __init__(self, start: datetime = START, step: timedelta = timedelta(milliseconds=1)) -> None:
        self._now = start
        self._step = step
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        return self._now

    def now(self) -> datetime:
        """The time, aware UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._now.timestamp()

    def sleep(self, seconds: float) -> None:
        """Moves on at once."""
        self.advance(seconds)

    def tick(self) -> datetime:
        """One event later (``step``); returns the new time."""
        with self._lock:
            self._now += self._step
            return self._now

    def advance(self, by: timedelta | float) -> datetime:
        """Later by a timedelta or by seconds; never backwards (ValueError). Returns the new time."""
        delta = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if delta < timedelta(0):
            raise ValueError("A clock does not go backwards.")
        with self._lock:
            self._now += delta
            return self._now
