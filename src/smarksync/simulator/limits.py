"""Rate limits by the server's own clock."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta


class Window:
    """At most ``count`` calls in any ``seconds`` (a sliding window). Not thread safe: use it under the server's lock."""

    def __init__(self, count: int, seconds: float) -> None:
        self.count = count
        self.seconds = seconds
        self._taken: deque[datetime] = deque()

    def take(self, now: datetime) -> bool:
        """True and one call less, or False: over the limit."""
        if self.left(now) <= 0:
            return False
        self._taken.append(now)
        return True

    def left(self, now: datetime) -> int:
        """Calls that still fit now."""
        start = now - timedelta(seconds=self.seconds)
        while self._taken and self._taken[0] <= start:
            self._taken.popleft()
        return self.count - len(self._taken)

    def resets_in(self, now: datetime) -> float:
        """Seconds until one more call fits (0 when one fits now)."""
        if self.left(now) > 0:
            return 0.0
        return (self._taken[0] + timedelta(seconds=self.seconds) - now).total_seconds()
