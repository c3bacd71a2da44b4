"""Time as a thing that is passed in, so that waiting can be tested without waiting."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall clock, stop watch and sleep."""

    def now(self) -> datetime:
        """The time, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits."""
        ...


class SystemClock:
    """The machine's own."""

    def now(self) -> datetime:
        """The time, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


class ManualClock:
    """Moves only when told, or when somebody sleeps; ``slept`` lists the naps. For tests and rehearsals."""

    def __init__(self, start: datetime = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)) -> None:
        self.slept: list[float] = []
        self._start = start
        self._passed = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The time, aware UTC."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """Notes the nap and moves on at once."""
        with self._lock:
            self.slept.append(seconds)
            self._passed += seconds

    def move(self, seconds: float) -> None:
        """Lets time pass."""
        with self._lock:
            self._passed += seconds
