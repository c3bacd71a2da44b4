"""Named value changes for the ``transform:`` list of a mapping.

A transform stands between the vendor's value, already read by its vendor type (a "yes" of a boolean field is
True by then), and the canonical value. Inward they run in the order of the list, outward in reverse. Each
is given values that are not None: empty stays empty on both ways.

* *Lossless* ones obey ``inward(outward(x)) == x`` for every canonical ``x`` they accept.
* *Foldings* (``strip``, ``lower``, ``upper``, ``epoch_seconds``, ``milliseconds``) obey
  ``outward(inward(outward(x))) == outward(x)``: several canonical values share one vendor value, and the
  side counts as unchanged while it shows that value.
* *Inward only* ones have no ``outward``: a field with one is read, never written.

Some take an argument after a colon: ``"split:;"``, ``prefix:ACME-``. Plugins add plain names by the hook
``smarksync_transforms``; theirs may not take a name that is used here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from smarksync.model import ValueProblem
from smarksync.plugin import Transform

from .vendor_types import decimal_text, instant_text

_TEXTS = ("text", "email", "phone", "url", "country", "enum", "ref")
_NUMBERS = ("int", "decimal", "money")


def _wrong(expected: str) -> ValueProblem:
    return ValueProblem("SMK-VALUE-TYPE", f"the value is not {expected}")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    raise _wrong("text")


def _decimal(value: Any) -> Decimal:
    return Decimal(decimal_text(value))


def _number(value: Decimal) -> int | str:
    """An int where it is one, a plain decimal text otherwise."""
    return int(value) if value == value.to_integral_value() else decimal_text(value)


def _list(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Iterable):
        return [_text(item) for item in value]
    raise _wrong("a list")


# -- amounts: a money value is [amount, currency] and keeps its currency ------------------------------------


def _on_amount(change: Callable[[Decimal], Any]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [change(_decimal(value[0])), *value[1:]]
        return change(_decimal(value))

    return apply


def _cents_out(amount: Decimal) -> int:
    cents = amount * 100
    if cents != cents.to_integral_value():
        raise ValueProblem("SMK-VALUE-PRECISION", "the amount is finer than a hundredth")
    return int(cents)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _from_epoch(unit: timedelta) -> Callable[[Any], str]:
    def inward(value: Any) -> str:
        try:
            ticks = _decimal(value) * (unit // timedelta(microseconds=1))
            return instant_text(_EPOCH + timedelta(microseconds=int(ticks)))
        except OverflowError:
            raise _wrong("a time between the years 1 and 9999") from None

    return inward


def _to_epoch(unit: timedelta) -> Callable[[Any], int]:
    return lambda value: (datetime.fromisoformat(instant_text(value)) - _EPOCH) // unit


def _milliseconds_in(value: Any) -> int:
    return int(_decimal(value) // 1000)


# -- yes and no ---------------------------------------------------------------------------------------------


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong("true or false")


def _words(yes: str, no: str, doc: str, name: str) -> Transform:
    table = {yes.casefold(): True, no.casefold(): False}

    def inward(value: Any) -> bool:
        if isinstance(value, bool):  # the vendor's type is boolean and was read as one
            return value
        found = table.get(str(value).strip().casefold())
        if found is None:
            raise _wrong(f"{yes} or {no}")
        return found

    return Transform(name, inward, lambda value: yes if _bool(value) else no, ("bool",), doc)


# -- with an argument ---------------------------------------------------------------------------------------


def _split(separator: str) -> Transform:
    def inward(value: Any) -> list[str]:
        if isinstance(value, list | tuple):
            return _list(value)
        return [part for part in (piece.strip() for piece in _text(value).split(separator)) if part]

    def outward(value: Any) -> str:
        parts = _list(value)
        if any(separator in part for part in parts):
            raise ValueProblem("SMK-VALUE-SEPARATOR", f"one of the values holds the separator {separator!r}")
        return separator.join(parts)

    return Transform(f"split:{separator}", inward, outward, ("set",), "one text with separators ↔ a set")


def _join(separator: str) -> Transform:
    split = _split(separator)
    assert split.outward is not None  # for mypy: it is given just above
    return Transform(f"join:{separator}", split.outward, split.inward, ("text",), "a list ↔ one text with separators")


def _prefix(prefix: str) -> Transform:
    return Transform(
        f"prefix:{prefix}",
        lambda value: _text(value).removeprefix(prefix),
        lambda value: prefix + _text(value),
        _TEXTS,
        "the vendor's text begins with this",
    )


def _suffix(suffix: str) -> Transform:
    return Transform(
        f"suffix:{suffix}",
        lambda value: _text(value).removesuffix(suffix),
        lambda value: _text(value) + suffix,
        _TEXTS,
        "the vendor's text ends with this",
    )


def _set_to(word: str) -> Transform:
    def inward(value: Any) -> str | None:
        return None if value is False or value in ("", [], ()) else word

    return Transform(f"set_to:{word}", inward, None, ("enum", "text"), "anything but empty or false means this word")


def _yes_no_words(argument: str) -> Transform:
    yes, slash, no = argument.partition("/")
    if not (slash and yes and no) or yes.casefold() == no.casefold():
        raise ValueError("words: wants two words, such as words:ja/nein")
    return _words(yes, no, "these two words ↔ true, false", f"words:{argument}")


_WITH_ARGUMENT: Mapping[str, Callable[[str], Transform]] = {
    "split": _split,
    "join": _join,
    "prefix": _prefix,
    "suffix": _suffix,
    "set_to": _set_to,
    "words": _yes_no_words,
}


def _first(value: Any) -> Any:
    items = _list(value)
    return items[0] if items else None


def _domain(value: Any) -> str | None:
    from smarksync.model import registrable_domain  # the list of public suffixes is slow to load

    return registrable_domain(_text(value))


def _collapse(value: Any) -> str:
    return re.sub(r"\s+", " ", _text(value)).strip()


_CASED = ("text", "enum")
_PLAIN: tuple[Transform, ...] = (
    Transform(
        "strip", lambda v: _text(v).strip(), lambda v: _text(v).strip(), _TEXTS, "white space at both ends is dropped"
    ),
    Transform("collapse", _collapse, None, _TEXTS, "runs of white space become one blank; inward only"),
    Transform("lower", lambda v: _text(v).lower(), lambda v: _text(v).lower(), _CASED, "lower case on both sides"),
    Transform("upper", lambda v: _text(v).upper(), lambda v: _text(v).upper(), _CASED, "upper case on both sides"),
    Transform("first", _first, lambda v: [v], _TEXTS, "the first of a list ↔ a list of one"),
    Transform("domain", _domain, None, ("text",), "the registrable domain of an address or URL; inward only"),
    Transform(
        "cents",
        _on_amount(lambda d: decimal_text(d / 100)),
        _on_amount(_cents_out),
        ("decimal", "money"),
        "hundredths ↔ amount",
    ),
    Transform(
        "percent",
        _on_amount(lambda d: _number(d * 100)),
        _on_amount(lambda d: decimal_text(d / 100)),
        ("int", "decimal"),
        "a share from 0 to 1 ↔ percent",
    ),
    Transform(
        "milliseconds",
        _milliseconds_in,
        lambda v: int(_decimal(v)) * 1000,
        ("int",),
        "milliseconds ↔ whole seconds (of a duration)",
    ),
    Transform(
        "epoch_seconds",
        _from_epoch(timedelta(seconds=1)),
        _to_epoch(timedelta(seconds=1)),
        ("instant",),
        "seconds since 1970 ↔ instant",
    ),
    Transform(
        "epoch_milliseconds",
        _from_epoch(timedelta(milliseconds=1)),
        _to_epoch(timedelta(milliseconds=1)),
        ("instant",),
        "milliseconds since 1970 ↔ instant",
    ),
    Transform("negate", lambda v: not _bool(v), lambda v: not _bool(v), ("bool",), "true ↔ false"),
    _words("Yes", "No", "Yes, No ↔ true, false", "yes_no"),
    _words("1", "0", "1, 0 ↔ true, false", "one_zero"),
)

#: Every built-in without an argument, by name.
TRANSFORMS: Mapping[str, Transform] = {transform.name: transform for transform in _PLAIN}
#: Built-ins that take an argument after a colon.
PARAMETRIC: tuple[str, ...] = tuple(_WITH_ARGUMENT)


def catalogue(plugins: Iterable[Transform] = ()) -> Mapping[str, Transform]:
    """The built-ins and those of plugins, by name. Raises ValueError when a plugin takes a name in use."""
    found = dict(TRANSFORMS)
    for transform in plugins:
        if transform.name in found or transform.name.partition(":")[0] in _WITH_ARGUMENT:
            raise ValueError(f"two transforms are called {transform.name}")
        found[transform.name] = transform
    return found


def find(name: str, known: Mapping[str, Transform]) -> Transform:
    """The transform of that name. Raises LookupError with a sentence for people (nearest name included)."""
    if name in known:
        return known[name]
    head, colon, argument = name.partition(":")
    if head in _WITH_ARGUMENT:
        if not colon or not argument:
            raise LookupError(f"transform {head} wants an argument, such as {head}:{_EXAMPLES[head]}")
        try:
            return _WITH_ARGUMENT[head](argument)
        except ValueError as error:
            raise LookupError(str(error)) from None
    near = difflib.get_close_matches(name, [*known, *_WITH_ARGUMENT], 1)
    raise LookupError(f"no transform is called {name}" + (f"; did you mean {near[0]}?" if near else ""))


_EXAMPLES = {"split": ";", "join": ";", "prefix": "ACME-", "suffix": " GmbH", "set_to": "valid", "words": "ja/nein"}


def chain_in(transforms: Sequence[Transform]) -> Callable[[Any], Any]:
    """The inward functions one after the other; None stops. Raises ValueProblem, whatever a plugin's raises."""
    return _chain(tuple((one.name, one.inward) for one in transforms))


def chain_out(transforms: Sequence[Transform]) -> Callable[[Any], Any] | None:
    """The outward functions in reverse order, or None when one of them is inward only."""
    steps = tuple((one.name, one.outward) for one in reversed(transforms) if one.outward is not None)
    return _chain(steps) if len(steps) == len(transforms) else None


def _chain(steps: tuple[tuple[str, Callable[[Any], Any]], ...]) -> Callable[[Any], Any]:
    def run(value: Any) -> Any:
        for name, function in steps:
            if value is None:
                return None
            try:
                value = function(value)
            except ValueProblem:
                raise
            except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
                # what a plugin's function says may repeat the value
                raise ValueProblem("SMK-VALUE-TYPE", f"transform {name} cannot take the value") from None
        return value

    return run
