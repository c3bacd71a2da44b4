"""How sure a share is: intervals at 95 %, so that nobody argues over the luck of small numbers."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import NamedTuple

#: two-sided 95 % of the normal distribution
Z = 1.959963984540054
#: under so many cases a figure is marked as small
SMALL = 30


class Share(NamedTuple):
    """``hits`` of ``total``, and the interval that the true share lies in. All None when there is nothing to count."""

    hits: int
    total: int
    value: float | None
    low: float | None
    high: float | None

    @property
    def small(self) -> bool:
        """Too few to lean on."""
        return self.total < SMALL


def share(hits: int, total: int) -> Share:
    """A share with its Wilson interval."""
    if total <= 0:
        return Share(hits, total, None, None, None)
    low, high = wilson(hits, total)
    return Share(hits, total, hits / total, low, high)


def wilson(hits: int, total: int, z: float = Z) -> tuple[float, float]:
    """The Wilson score interval of a share; (0, 1) when nothing was counted.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if total <= 0:
        return 0.0, 1.0
    p, zz = hits / total, z * z
    middle = (p + zz / (2 * total)) / (1 + zz / total)
    half = z * sqrt(p * (1 - p) / total + zz / (4 * total * total)) / (1 + zz / total)
    # at the edges the formula is exact, the floating point is not
    return (0.0 if hits == 0 else max(0.0, middle - half)), (1.0 if hits == total else min(1.0, middle + half))


class Lift(NamedTuple):
    """How much more often those with an attribute reach a goal than those without it; 1 = no difference."""

    with_it: Share
    without: Share
    value: float | None
    low: float | None
    high: float | None

    @property
    def small(self) -> bool:
        """Too few on one side to lean on."""
        return self.with_it.small or self.without.small

    @property
    def clear(self) -> bool:
        """The interval leaves 1 out."""
        return self.low is not None and self.high is not None and (self.low > 1 or self.high < 1)


def lift(hits: int, total: int, other_hits: int, other_total: int) -> Lift:
    """The ratio of two shares with its interval on the log scale; None where a ratio has no meaning.

    Source: D. Katz et al., "Obtaining confidence intervals for the risk ratio in cohort studies", Biometrics 34 (1978).
    """
    with_it, without = share(hits, total), share(other_hits, other_total)
    if not (hits and other_hits):
        return Lift(with_it, without, None, None, None)
    ratio = (hits / total) / (other_hits / other_total)
    error = sqrt(max(0.0, 1 / hits - 1 / total + 1 / other_hits - 1 / other_total))
    return Lift(with_it, without, ratio, exp(log(ratio) - Z * error), exp(log(ratio) + Z * error))


__all__ = ["SMALL", "Lift", "Share", "Z", "lift", "share", "wilson"]
