"""Truth, numbers, money and time: from what vendors send to wire form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from .values import wrong_type

_BOOLS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
_INT = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII).fullmatch
_PLAIN_DECIMAL = re.compile(r"(?!-0$)-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{0,8}[1-9])?", re.ASCII).fullmatch
#: Longest number taken, before and after the point: no vendor has more, and "1e999999999" must not fill the memory.
_DIGITS = 40

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s*(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)", re.ASCII
).fullmatch
# Times in UTC that need no calendar (no day after the 28th): most of what vendors send, at a tenth of the cost.
_PLAIN_INSTANT = re.compile(
    r"(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
    r"(?:\.(\d{1,6}))?(?:Z|\+00:?00)",
    re.ASCII,
).fullmatch
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]\d\d:\d\d.*)?", re.ASCII | re.DOTALL).fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


def parse_bool(value: Any) -> bool | None:
    """true, false or null. Takes booleans, 0 and 1, and the words true, false, 1, 0, yes, no in any case."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _BOOLS:
            return _BOOLS[word]
        if not word:
            return None
    elif isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    raise wrong_type("neither true nor false")


_BEYOND = 2**63


def parse_int(value: Any) -> int | None:
    """A whole number of at most 64 bits: from an int, from text, or from a decimal with nothing after the point."""
    if value is None:
        return None
    if value.__class__ is int:
        found: int = value
    elif isinstance(value, str) and _INT(value):
        found = int(value)
    else:
        number = _decimal(value, "a whole number")
        if number is None:
            return None
        if number != number.to_integral_value():
            raise wrong_type("not a whole number")
        found = int(number)
    if not -_BEYOND <= found < _BEYOND:  # JSON readers and every database count to there
        raise wrong_type("a whole number beyond 64 bits")
    return found


def parse_decimal(value: Any) -> str | None:
    """A plain decimal without needless zeros: ``"10"``, ``"0.5"``, ``"-3.25"``."""
    if value.__class__ is str and _PLAIN_DECIMAL(value):
        return value
    return slow_decimal(value)


def slow_decimal(value: Any) -> str | None:
    """The same for what is not plain yet."""
    number = _decimal(value, "a number")
    return None if number is None else plain(number)


def plain(number: Decimal) -> str:
    """A decimal in wire form."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def parse_money(value: Any, currency: str | None = None) -> list[str | None] | None:
    """``[amount, ISO 4217 or null]`` from a number, a pair, or a mapping with ``amount`` and ``currency``.

    ``currency`` stands in where the value names none; null means the system's own currency.
    """
    unit: Any = None
    if isinstance(value, Mapping):
        if "amount" not in value or set(value) - {"amount", "currency"}:
            raise wrong_type("money is an amount and a currency")
        value, unit = value["amount"], value.get("currency")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2:
            raise wrong_type("money is an amount and a currency")
        value, unit = value
    amount = parse_decimal(value)
    if amount is None:
        return None
    if unit is None or unit == "":
        return [amount, currency]
    if not isinstance(unit, str) or not re.fullmatch(r"[A-Za-z]{3}", unit.strip(), re.ASCII):
        raise wrong_type("a currency is an ISO 4217 code of three letters")
    return [amount, unit.strip().upper()]


def parse_date(value: Any) -> str | None:
    """``YYYY-MM-DD``. Of a date with a time the day is taken as written: a date has no zone."""
    if value is None:
        return None
    if isinstance(value, date):
        return value.isoformat()[:10]
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        match = _DATE(text)
        if match:
            try:
                return date.fromisoformat(match[1]).isoformat()
            except ValueError:
                pass
    raise wrong_type("not a date like 2026-11-22")


def parse_instant(value: Any) -> str | None:
    """``2026-11-22T00:07:44.113017Z`` from an aware datetime or ISO 8601 text with a zone.

    A time without a zone is refused: no zone is guessed. What is finer than a microsecond is cut.
    """
    if value is None:
        return None
    if isinstance(value, str):
        match = _PLAIN_INSTANT(value)
        return f"{value[:19]}.{match[1] or '':0<6}Z" if match else slow_instant(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise wrong_type("a time without a zone")
        return _wire(value)
    raise wrong_type("not a time like 2026-11-22T00:07:44Z")


def instant_value(wire: str) -> datetime:
    """The aware datetime of a canonical instant."""
    return datetime.fromisoformat(wire)


def same_instant(a: str, b: str, resolution: timedelta | None) -> bool:
    """Equal after truncation to ``resolution``, the coarser of the two sides'."""
    if a == b or resolution is None or resolution <= _MICROSECOND:
        return a == b
    if resolution == _SECOND:
        return a[:19] == b[:19]
    return (instant_value(a) - _EPOCH) // resolution == (instant_value(b) - _EPOCH) // resolution


@lru_cache(maxsize=1 << 13)
def slow_instant(value: str) -> str | None:
    """The same with calendar and zones."""
    text = value.strip()
    if not text:
        return None
    match = _INSTANT(text)
    if match is None:
        raise wrong_type("not a time with a zone like 2026-11-22T00:07:44Z")
    day, clock, fraction, zone = match.groups()
    if len(clock) == 5:
        clock += ":00"
    offset = "+00:00" if zone[0] not in "+-" else (zone if len(zone) != 3 else zone + ":00")
    try:
        found = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}{offset}")
        return _wire(found)
    except (ValueError, OverflowError):
        raise wrong_type("no such time") from None


def _wire(value: datetime) -> str:
    try:
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    except OverflowError:
        raise wrong_type("no such time") from None


def _decimal(value: Any, what: str) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise wrong_type(f"not {what}")
    if isinstance(value, str) and not value.strip():
        return None
    try:
        number = (
            value if isinstance(value, Decimal) else Decimal(value.strip() if isinstance(value, str) else str(value))
        )
    except InvalidOperation:
        raise wrong_type(f"not {what}") from None
    if not number.is_finite() or abs(number.adjusted()) > _DIGITS or len(number.as_tuple().digits) > 2 * _DIGITS:
        raise wrong_type(f"not {what} that can be kept")
    return number
