"""Closures for three-valued logic over wire values. ``None`` is unknown, and null."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from smarksync.model import Field

from .types import BOOL, NUMBER, Run, Type, Typed

_NULL = Type("null", "null")


def constant(value: Any, as_type: Type | None = None) -> Typed:
    """A literal. Text has the type of plain text unless told otherwise."""
    if as_type is None:
        if value is None:
            as_type = _NULL
        elif isinstance(value, bool):
            as_type = BOOL
        else:
            as_type = Type("text", "text") if isinstance(value, str) else NUMBER
    return Typed(as_type, lambda _: value, literal=True)


def getter(root: str, one: Field, currency: str | None) -> Run:
    """Reads a field of an entity in scope; null when there is no such entity or the field is not mapped."""
    name = one.name
    if one.type == "decimal":

        def decimal(scope: Mapping[str, Any]) -> Any:
            record = scope[root]
            value = None if record is None else record.get(name)
            return None if value is None else Decimal(value)

        return decimal
    if one.type == "money":

        def amount(scope: Mapping[str, Any]) -> Any:
            record = scope[root]
            value = None if record is None else record.get(name)
            if value is None or (currency and value[1] and value[1] != currency):
                return None  # an amount in another currency cannot be compared: nothing is converted here
            return Decimal(value[0])

        return amount

    def plain(scope: Mapping[str, Any]) -> Any:
        record = scope[root]
        return None if record is None else record.get(name)

    return plain


def all_of(runs: Sequence[Run]) -> Run:
    """``and``: false when one is false, else unknown when one is unknown."""

    def run(scope: Mapping[str, Any]) -> Any:
        result: bool | None = True
        for one in runs:
            value = one(scope)
            if value is False:
                return False
            if value is None:
                result = None
        return result

    return run


def any_of(runs: Sequence[Run]) -> Run:
    """``or``: true when one is true, else unknown when one is unknown."""

    def run(scope: Mapping[str, Any]) -> Any:
        result: bool | None = False
        for one in runs:
            value = one(scope)
            if value is True:
                return True
            if value is None:
                result = None
        return result

    return run


def negated(inner: Run) -> Run:
    """``not``."""

    def run(scope: Mapping[str, Any]) -> Any:
        value = inner(scope)
        return None if value is None else not value

    return run


def identity(inner: Run, value: bool | None, *, negate: bool) -> Run:
    """``is`` and ``is not``: never unknown."""
    if negate:
        return lambda scope: inner(scope) is not value
    return lambda scope: inner(scope) is value


def compare(operation: Callable[[Any, Any], Any], left: Typed, right: Typed) -> Run:
    """A comparison; unknown when a side is null."""
    a, b = left.run, right.run
    if right.literal:
        fixed = b({})

        def against(scope: Mapping[str, Any]) -> Any:
            value = a(scope)
            return None if value is None else operation(value, fixed)

        return against

    def run(scope: Mapping[str, Any]) -> Any:
        x, y = a(scope), b(scope)
        return None if x is None or y is None else operation(x, y)

    return run


def ranked(typed: Typed, order: Sequence[str]) -> Typed:
    """A word as its rank; words outside the order are unknown."""
    rank = {word: number for number, word in enumerate(order)}
    run = typed.run
    if typed.literal:
        return constant(rank.get(run({})))
    return Typed(NUMBER, lambda scope: rank.get(run(scope)))


def arithmetic(operation: Callable[[Any, Any], Any], a: Run, b: Run) -> Run:
    """A calculation; null when a side is null or the result does not exist."""

    def run(scope: Mapping[str, Any]) -> Any:
        x, y = a(scope), b(scope)
        if x is None or y is None:
            return None
        try:
            return operation(x, y)
        except ArithmeticError:
            return None

    return run


def divide(x: Any, y: Any) -> Decimal:
    """Division that keeps decimals exact where they are."""
    return Decimal(x) / Decimal(y)


def contains(item: Run, container: Run) -> Run:
    """``item in container`` for a set or a text."""

    def run(scope: Mapping[str, Any]) -> Any:
        x, y = item(scope), container(scope)
        return None if x is None or y is None else x in y

    return run


def same_set(a: Run, b: Run, *, equal: bool) -> Run:
    """A set against a list."""

    def run(scope: Mapping[str, Any]) -> Any:
        x, y = a(scope), b(scope)
        return None if x is None or y is None else (set(x) == set(y)) is equal

    return run


def member(left: Run, items: Sequence[Typed]) -> Run:
    """``left in [items]``: a null among the items makes a miss unknown."""
    if all(item.literal for item in items):
        values = [item.run({}) for item in items]
        miss = None if None in values else False
        known = frozenset(v for v in values if v is not None)

        def among(scope: Mapping[str, Any]) -> Any:
            value = left(scope)
            return None if value is None else (True if value in known else miss)

        return among

    def run(scope: Mapping[str, Any]) -> Any:
        value = left(scope)
        if value is None:
            return None
        found = [item.run(scope) for item in items]
        if value in [f for f in found if f is not None]:
            return True
        return None if None in found else False

    return run
