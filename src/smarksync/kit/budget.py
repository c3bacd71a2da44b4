"""The rate budget of one vendor account, shared by every thread (and, with something shared, every process) that uses it.

``slots.py`` decides (no window of the vendor's sees more than it allows); this module only waits, with a clock and a
sleep that tests can replace, and holds everybody back when the vendor says how long to stay away. With something shared
(ledger/budgets.py) both hold for all processes of a workspace.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from smarksync.errors import ConfigError, Throttled

from .clock import Clock, SystemClock
from .slots import Full, OwnSlots, Rate, Slots

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_NAMES = {"second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "day": "d"}
_RATE = re.compile(r"\s*(\d+)\s*(?:/|per)\s*(\d*)\s*([a-z]+)\s*", re.IGNORECASE)


class Shared(Protocol):
    """What processes share of an account: how much was sent, and the pause that the vendor asked for."""

    def slots(self, account: str, rates: Sequence[Rate]) -> Slots:
        """The slots of the account."""
        ...

    def pause(self, account: str, seconds: float) -> None:
        """Everybody stays away for so long."""
        ...

    def paused(self, account: str) -> float:
        """Seconds of that still to come."""
        ...

    def tell(self, account: str, left: int) -> None:
        """The vendor said how many calls the account has left today."""
        ...

    def left(self, account: str) -> int | None:
        """What it said last, to any process; None when that is long ago."""
        ...


#: seconds for which nobody tries again who was kept from a reserve
_A_WHILE = 3600.0
#: seconds in which a call has arrived, where nobody says better: until then it may count as under way
_LASTS = 60.0
#: seconds of the shortest wait
_NAP = 0.001


def parse_rates(text: str) -> list[Rate]:
    """``"100/10s"``, ``"5 per second"``, ``"100/10s, 250000/day"`` as rates; raises ConfigError."""
    rates = []
    for part in text.split(","):
        found = _RATE.fullmatch(part)
        word = found[3].lower() if found else ""
        unit = _UNITS.get(word) or _UNITS.get(_NAMES.get(word.removesuffix("s"), ""))
        if not found or not unit or int(found[1]) < 1 or found[2] == "0":
            raise ConfigError(
                f"rate_limit {part.strip()!r} is not a rate.", hint='Write it as "100/10s" or "5 per second".'
            )
        rates.append(Rate(int(found[1]), int(found[2] or 1) * unit))
    rates.sort(key=lambda rate: rate.seconds)
    for short, long in pairwise(rates):
        if long.limit <= short.limit or long.limit / long.seconds >= short.limit / short.seconds:
            raise ConfigError(
                f"rate_limit {text!r} contradicts itself: what it allows in {long.seconds:g} s and in {short.seconds:g} s "
                "cannot both be limits.",
                hint="In a longer time more calls must fit, and fewer a second.",
            )
    return rates


class Budget:
    """Lets one request after the other go, within the rates, and none while the vendor asks for a pause."""

    def __init__(
        self,
        rates: Sequence[Rate] = (),
        *,
        name: str = "account",
        account: str = "",
        whole: str = "",
        shared: Shared | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._name = name
        self._account = account or name
        self._whole = whole or self._account
        self._told: int | None = None
        self._shared = shared
        self._clock = clock or SystemClock()
        self._slots: Slots | None = None
        if rates:
            own = OwnSlots(rates, self._clock.monotonic)
            self._slots = shared.slots(self._account, rates) if shared else own
        self._lock = threading.Lock()
        self._resume_at = 0.0

    def take(self, patience: float = 60.0, *, lasts: float = _LASTS) -> int:
        """A slot, when one request may leave; raises :class:`Throttled` at once when the vendor's pause is longer.

        ``lasts``: seconds in which the request has arrived, if it ever does. The slot is for :meth:`answered`.
        """
        while isinstance(found := self._slot(patience, lasts), Full):
            self._clock.sleep(max(found.seconds, _NAP))
        return found

    def answered(self, slot: int) -> None:
        """The answer came, or it is known that the request will not arrive any more."""
        if self._slots is not None:
            with self._lock:
                self._slots.answered(slot)

    def pause(self, seconds: float) -> None:
        """Nobody on this account sends anything for that long: the vendor said so."""
        with self._lock:
            self._resume_at = max(self._resume_at, self._clock.monotonic() + seconds)
        if self._shared is not None:
            self._shared.pause(self._account, seconds)

    def keep(self, reserve: int, *, told: int | None) -> None:
        """Raises :class:`Throttled` when no more than ``reserve`` calls are left today. ``told``: what the vendor said
        last; another process may have heard of less."""
        if self._shared is not None and told is not None and told != self._told:
            self._shared.tell(self._whole, told)
        self._told = told
        if reserve <= 0:
            return
        left = self._shared.left(self._whole) if self._shared is not None else None
        left = told if left is None else left
        if left is not None and left <= reserve:
            refused = Throttled(
                f"{self._name}: the {left} calls that its account has left today are kept for hand-offs.",
                hint="Other jobs go on when the day's budget is renewed; `reserve` of the connection says how many are kept.",
                retry_after=_A_WHILE,
            )
            refused.kept = True
            raise refused

    def _slot(self, patience: float, lasts: float) -> int | Full:
        with self._lock:
            now = self._clock.monotonic()
            pause = max(self._resume_at - now, self._shared.paused(self._account) if self._shared else 0.0)
            if pause > patience:
                raise Throttled(f"{self._name}: its limit is used up for {pause:.0f} s more.", retry_after=pause)
            if pause > 0:
                return Full(pause)
            return 0 if self._slots is None else self._slots.take(lasts)


class Budgets:
    """One budget per account, so that two connections to one account share it."""

    def __init__(self, *, shared: Shared | None = None, clock: Clock | None = None) -> None:
        self._shared = shared
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Budget] = {}

    def get(self, account: str, rate_limit: str | None, *, name: str = "") -> Budget:
        """The budget of that account; made on first use. ``name`` is what people call it."""
        with self._lock:
            key = (account, rate_limit or "")
            if key not in self._known:
                rates = parse_rates(rate_limit) if rate_limit else []
                self._known[key] = Budget(
                    rates,
                    name=name or account,
                    account=f"{account} {rate_limit or ''}",  # a vendor may count some of its calls (searches) apart
                    whole=account,
                    shared=self._shared,
                    clock=self._clock,
                )
            return self._known[key]
