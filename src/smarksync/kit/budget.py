"""The rate budget of one vendor account, shared by every thread (and, with a bucket, every process) that uses it.

pyrate-limiter decides (exactly: a sliding window); this module only waits, with a clock and a sleep
that tests can replace, and holds everybody back when the vendor says how long to stay away.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence

from pyrate_limiter import AbstractBucket, InMemoryBucket, Rate, RateItem

from smarksync.errors import ConfigError, Throttled

from .clock import Clock, SystemClock

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_NAMES = {"second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "day": "d"}
_RATE = re.compile(r"\s*(\d+)\s*(?:/|per)\s*(\d*)\s*([a-z]+?)s?\s*", re.IGNORECASE)

#: Makes the bucket for an account name and its rates: the ledger brings one that processes share.
MakeBucket = Callable[[str, list[Rate]], AbstractBucket]


def parse_rates(text: str) -> list[Rate]:
    """``"100/10s"``, ``"5 per second"``, ``"100/10s, 250000/day"`` as rates; raises ConfigError."""
    rates = []
    for part in text.split(","):
        found = _RATE.fullmatch(part)
        word = found[3].lower() if found else ""
        unit = _UNITS.get(word or "s") or _UNITS.get(_NAMES.get(word, ""))
        if not found or not unit or int(found[1]) < 1 or found[2] == "0":
            raise ConfigError(
                f"rate_limit {part.strip()!r} is not a rate.", hint='Write it as "100/10s" or "5 per second".'
            )
        rates.append(Rate(int(found[1]), int(found[2] or 1) * unit))
    rates.sort(key=lambda r: r.interval)
    try:
        InMemoryBucket(rates)
    except ValueError as wrong:
        raise ConfigError(f"rate_limit {text!r} contradicts itself: {wrong}.") from None
    return rates


class Budget:
    """Lets one request after the other go, within the rates, and none while the vendor asks for a pause."""

    def __init__(
        self,
        rates: Sequence[Rate] = (),
        *,
        name: str = "account",
        bucket: MakeBucket | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._name = name
        self._bucket = (bucket or (lambda _, r: InMemoryBucket(r)))(name, list(rates)) if rates else None
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._resume_at = 0.0

    def take(self, patience: float = 60.0) -> None:
        """Returns when one request may leave; raises :class:`Throttled` at once when the vendor's pause is longer."""
        while (seconds := self._wait(patience)) > 0:
            self._clock.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """Nobody on this account sends anything for that long: the vendor said so."""
        with self._lock:
            self._resume_at = max(self._resume_at, self._clock.monotonic() + seconds)

    def _wait(self, patience: float) -> float:
        with self._lock:
            now = self._clock.monotonic()
            pause = self._resume_at - now
            if pause > patience:
                raise Throttled(f"{self._name}: its limit is used up for {pause:.0f} s more.", retry_after=pause)
            if pause > 0:
                return pause
            if self._bucket is None:
                return 0.0
            # a bucket that processes share keeps its own time; ours follows the clock we were given
            at = int(now * 1000 if isinstance(self._bucket, InMemoryBucket) else self._bucket.now())  # type: ignore[no-untyped-call]
            item = RateItem(self._name, at)
            self._bucket.leak(at)
            if self._bucket.put(item):
                return 0.0
            return max(int(self._bucket.waiting(item)), 1) / 1000  # type: ignore[arg-type]  # sync buckets answer int


class Budgets:
    """One budget per account, so that two connections to one account share it."""

    def __init__(self, *, bucket: MakeBucket | None = None, clock: Clock | None = None) -> None:
        self._bucket = bucket
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Budget] = {}

    def get(self, account: str, rate_limit: str | None) -> Budget:
        """The budget of that account; made on first use."""
        with self._lock:
            key = (account, rate_limit or "")
            if key not in self._known:
                rates = parse_rates(rate_limit) if rate_limit else []
                self._known[key] = Budget(rates, name=account, bucket=self._bucket, clock=self._clock)
            return self._known[key]
