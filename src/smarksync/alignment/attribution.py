"""Which touch earned which part of a sale, by the five usual models; every figure comes with its formula.

A *touch* is something marketing did with a lead, at a time. Money is counted in one currency; weights are exact, so
that the parts of a sale add up to the sale: whole numbers of equal parts, because adding fractions takes a hundred
times as long and a year has a hundred thousand touches that led to sales.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import NamedTuple


class Touch(NamedTuple):
    """One contact between marketing and a lead: when (microseconds UTC), and what it is credited to."""

    at: int
    credit: str


class Sale(NamedTuple):
    """One won opportunity: its amount in the report's currency, its touches up to the win, and the two turning points.

    ``lead_at``: when the person became a lead; ``opportunity_at``: when the opportunity was opened; None = not known.
    """

    amount: Fraction
    touches: Sequence[Touch]
    lead_at: int | None = None
    opportunity_at: int | None = None


class Weights(NamedTuple):
    """What each touch of a sale gets: ``parts`` of ``whole``; they add up to it."""

    whole: int
    parts: tuple[int, ...]


class Model(NamedTuple):
    """A way to share a sale out: the name in options, the title, the formula as printed, and the rule."""

    name: str
    title: str
    formula: str
    weigh: Callable[[Sequence[Touch], int | None, int | None], Weights]


def _first(touches: Sequence[Touch], _lead: int | None, _opportunity: int | None) -> Weights:
    return _roles(len(touches), ((0, 100),), 0)


def _last(touches: Sequence[Touch], _lead: int | None, _opportunity: int | None) -> Weights:
    return _roles(len(touches), ((len(touches) - 1, 100),), 0)


def _linear(touches: Sequence[Touch], _lead: int | None, _opportunity: int | None) -> Weights:
    return Weights(len(touches), (1,) * len(touches))


def _u_shaped(touches: Sequence[Touch], _lead: int | None, _opportunity: int | None) -> Weights:
    return _roles(len(touches), ((0, 40), (len(touches) - 1, 40)), 20)


def _w_shaped(touches: Sequence[Touch], lead: int | None, opportunity: int | None) -> Weights:
    turns = ((0, 30), (_at_or_before(touches, lead), 30), (_at_or_before(touches, opportunity), 30))
    return _roles(len(touches), turns, 10)


def _at_or_before(touches: Sequence[Touch], moment: int | None) -> int | None:
    """The last touch not later than the moment: the one that led to it."""
    if moment is None:
        return None
    return max((i for i, touch in enumerate(touches) if touch.at <= moment), default=None)


@lru_cache(maxsize=20_000)
def _roles(count: int, parts: tuple[tuple[int | None, int], ...], rest: int) -> Weights:
    """Weights of touches: each part goes to its touch, ``rest`` to all others alike.

    A part without a touch of its own (there is none, or an earlier part has it) is missing, and so is the rest when
    every touch has a part: what is missing is shared evenly among the parts that are there.
    """
    taken: dict[int, int] = {}
    for position, percent in parts:
        if position is not None and position not in taken:
            taken[position] = percent
    others = [i for i in range(count) if i not in taken]
    present = len(taken) + bool(others and rest)
    missing = 100 - sum(taken.values()) - (rest if others else 0)
    extra = Fraction(missing, 100 * present)
    weights = [Fraction(0)] * count
    for position, percent in taken.items():
        weights[position] = Fraction(percent, 100) + extra
    if others and rest:
        for position in others:
            weights[position] = (Fraction(rest, 100) + extra) / len(others)
    whole = lcm(*(weight.denominator for weight in weights))
    return Weights(whole, tuple(int(weight * whole) for weight in weights))


_SHARED = "what has no touch of its own is shared evenly among the others"
MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model("first", "First touch", "100 % to the first touch", _first),
        Model("last", "Last touch", "100 % to the last touch before the win", _last),
        Model("linear", "Linear", "the same part, 1/n, to each of the n touches before the win", _linear),
        Model("u_shaped", "U-shaped", f"40 % first touch, 40 % last touch, 20 % all between; {_SHARED}", _u_shaped),
        Model(
            "w_shaped", "W-shaped",
            "30 % first touch, 30 % the last touch before the person became a lead, 30 % the last touch before the "
            f"opportunity was opened, 10 % all others; {_SHARED}", _w_shaped,
        ),
    )
}  # fmt: skip


@dataclass(slots=True)
class Credit:
    """What one campaign or source earned by one model."""

    amount: Fraction = field(default_factory=Fraction)
    sales: Fraction = field(default_factory=Fraction)  # parts of sales, adding up to the number of sales


#: what sales without any touch are credited to
UNTOUCHED = "(no touch known)"


def attribute(model: str, sales: Iterable[Sale]) -> dict[str, Credit]:
    """{credit: earned}, the largest amount first. Sales that no touch led to stand under :data:`UNTOUCHED`."""
    weigh = MODELS[model].weigh
    # {credit: {whole: parts of it}}, of money and of sales: like is added to like, and turned into fractions at the end
    money: dict[str, dict[int, int]] = defaultdict(dict)
    count: dict[str, dict[int, int]] = defaultdict(dict)
    for sale in sales:
        touches = sale.touches if len(sale.touches) < 2 else sorted(sale.touches)
        weights = weigh(touches, sale.lead_at, sale.opportunity_at) if touches else Weights(1, (1,))
        names = [touch.credit for touch in touches] if touches else [UNTOUCHED]
        earned, of = sale.amount.numerator, weights.whole * sale.amount.denominator
        for name, part in zip(names, weights.parts, strict=True):
            if part:
                amounts, sold = money[name], count[name]
                amounts[of] = amounts.get(of, 0) + part * earned
                sold[weights.whole] = sold.get(weights.whole, 0) + part
    found = {name: Credit(_sum(money[name]), _sum(count[name])) for name in money}
    return dict(sorted(found.items(), key=lambda item: (-item[1].amount, -item[1].sales, item[0])))


def _sum(parts: dict[int, int]) -> Fraction:
    return sum((Fraction(part, whole) for whole, part in parts.items()), Fraction(0))


__all__ = ["MODELS", "UNTOUCHED", "Credit", "Model", "Sale", "Touch", "Weights", "attribute"]
