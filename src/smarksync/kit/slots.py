"""Which calls a vendor may still count, so that no window of its own ever holds more than its limit.

A vendor counts a call when it arrives: at a moment that we never learn, later than its leaving and not later than its
answer. So each call has a *slot* that carries the latest moment at which it can have arrived: somewhere ahead while the
call is under way, that of the answer afterwards. A call may leave when fewer than ``limit`` slots carry a moment within
the last window.

Why that is enough: take any window of the vendor's, and of the calls that arrived in it the one that we let go last, at
``t``. It arrived at ``t`` or later, so the window began after ``t`` less its length, and so did the arrival of each of
the others, and the moment in its slot is later still. All of them were counted at ``t``, and they were fewer than
``limit``. How long calls wait on the way and in which order they arrive plays no part, nor does the vendor's clock: only
lengths of time are compared.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

#: by so much of its length a window is longer for us: two clocks that are being corrected differ by less
_DRIFT = 0.001


class Rate(NamedTuple):
    """At most ``limit`` calls in any ``seconds``."""

    limit: int
    seconds: float

    @property
    def window(self) -> float:
        """Its length by our clock, in seconds."""
        return self.seconds * (1 + _DRIFT)


class Full(NamedTuple):
    """No call may leave now; none will in the next ``seconds``."""

    seconds: float


class Slots(Protocol):
    """The slots of one account. One caller at a time."""

    def take(self, lasts: float) -> int | Full:
        """A slot for a call that arrives within ``lasts`` seconds, or is never heard of again."""
        ...

    def answered(self, slot: int) -> None:
        """The call of that slot has an answer, or was given up."""
        ...


def room(rates: Sequence[Rate], now: float, newest: Callable[[int], float | None]) -> float:
    """Seconds for which certainly no call may leave; 0 when one may leave now.

    ``newest``: the moment in the slot that has so many before it when the latest comes first, None when there are no so
    many. A call that is under way counts as answered now: sooner its slot cannot be free.
    """
    longest = 0.0
    for rate in rates:
        moment = newest(rate.limit - 1)
        if moment is not None:
            longest = max(longest, min(moment, now) + rate.window - now)
    return longest


class OwnSlots:
    """The slots of one process. ``now`` tells seconds that never go back."""

    def __init__(self, rates: Sequence[Rate], now: Callable[[], float]) -> None:
        self._rates, self._now = rates, now
        self._longest = max(rate.window for rate in rates)
        self._moments: list[tuple[float, int]] = []  # with the slot's number, in order
        self._under_way: dict[int, float] = {}
        self._last = 0

    def take(self, lasts: float) -> int | Full:
        """See :class:`Slots`."""
        now, moments = self._now(), self._moments
        for _, slot in moments[: (over := bisect_left(moments, (now - self._longest, 0)))]:
            self._under_way.pop(slot, None)
        del moments[:over]
        wait = room(self._rates, now, lambda before: moments[-1 - before][0] if before < len(moments) else None)
        if wait > 0:
            return Full(wait)
        self._last += 1
        self._under_way[self._last] = now + lasts
        insort(moments, (now + lasts, self._last))
        return self._last

    def answered(self, slot: int) -> None:
        """See :class:`Slots`."""
        moment = self._under_way.pop(slot, None)
        if moment is not None:
            del self._moments[bisect_left(self._moments, (moment, slot))]
            insort(self._moments, (self._now(), slot))
