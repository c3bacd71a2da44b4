"""Vendor values by vendor type: read into plain values, written back, made comparable.

Each system spells the same thing differently: HubSpot sends every value as text ("true", "15000", times as
ISO or as epoch milliseconds), Salesforce writes offsets without a colon, Marketo's asset API sends
``Z+0000``, Django's decimals are text. What reaches a transform or the canonical schema is always:

========================  ==========================================================
TEXT EMAIL PHONE URL      str
BOOL                      bool (true/false, yes/no, 1/0, on/off in any case)
INT                       int
DECIMAL                   decimal text without exponent or trailing zeros
DATE                      ``YYYY-MM-DD`` (of a time its day as written; of epoch numbers the UTC day)
INSTANT                   ``YYYY-MM-DDTHH:MM:SS.ffffffZ`` (a time without an offset is refused, a bare date is its
                          midnight in UTC)
CHOICE                    str
CHOICES                   list of str (one text is split at ``;``)
REFERENCE                 str, the vendor's id (of an object: its ``id``; of a list: the first)
JSON                      as it is
========================  ==========================================================

All raise :class:`ValueProblem` ``SMK-VALUE-TYPE``, never with the value in the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from smarksync.model import ValueProblem
from smarksync.plugin import FieldType

_TRUE = frozenset({"true", "yes", "1", "on", "y", "t"})
_FALSE = frozenset({"false", "no", "0", "off", "n", "f"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = re.compile(r"-?\d{9,17}")
_LARGEST_EXACT_FLOAT = 2**53
#: A bare number at or above this is milliseconds since 1970, below it seconds: 10^11 s is the year 5138.
_MILLISECONDS_FROM = 10**11
#: Exponents beyond this would print as endless zeros; no amount needs them.
_LARGEST_EXPONENT = 60


def wrong(expected: str) -> ValueProblem:
    """The problem of a value that is not what its field's type says."""
    return ValueProblem("SMK-VALUE-TYPE", f"the value is not {expected}")


def text(raw: Any) -> str:
    """Text; numbers and booleans are spelled out."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int):
        return str(raw)
    if isinstance(raw, float | Decimal):
        return decimal_text(raw)
    if isinstance(raw, date):
        return instant_text(raw) if isinstance(raw, datetime) else raw.isoformat()
    raise wrong("text")


def boolean(raw: Any) -> bool:
    """True or False from a boolean, 1, 0 or a word."""
    if raw is True or raw is False:
        return bool(raw)
    if isinstance(raw, int | float | Decimal) and raw in (0, 1):
        return raw == 1
    if isinstance(raw, str):
        word = raw.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise wrong("true or false")


@lru_cache(maxsize=8192)
def _decimal_text(raw: str) -> str:
    try:
        number = Decimal(raw.strip())
    except InvalidOperation:
        raise wrong("a number") from None
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise wrong("a number")
    if number == 0:
        return "0"
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def decimal_text(raw: Any) -> str:
    """A number as plain decimal text: no exponent, no trailing zeros, no minus zero."""
    if isinstance(raw, bool):
        raise wrong("a number")
    if isinstance(raw, str):
        return _decimal_text(raw)
    if isinstance(raw, int | float | Decimal):
        return _decimal_text(str(raw))
    raise wrong("a number")


def integer(raw: Any) -> int:
    """A whole number; ``"12"`` and ``12.0`` count, ``12.5`` does not."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    plain = decimal_text(raw)
    if "." in plain:
        raise wrong("a whole number")
    return int(plain)


@lru_cache(maxsize=8192)
def _instant(raw: str) -> str:
    raw = raw.strip()
    if _DIGITS.fullmatch(raw):
        return _from_ticks(int(raw))
    if raw.endswith("Z+0000"):
        raw = raw[:-5]
    try:
        moment = datetime.fromisoformat(raw)
        return _spell(moment.replace(tzinfo=UTC) if len(raw) == 10 else moment)
    except (ValueError, OverflowError):
        raise wrong("a time with an offset") from None


def _from_ticks(ticks: int | float) -> str:
    unit = timedelta(milliseconds=1) if abs(ticks) >= _MILLISECONDS_FROM else timedelta(seconds=1)
    try:
        return _spell(_EPOCH + unit * ticks)
    except (OverflowError, ValueError):  # too far, or not a number
        raise wrong("a time") from None


def _spell(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise wrong("a time with an offset")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def instant_text(raw: Any) -> str:
    """An instant in wire form, from ISO text, epoch seconds or milliseconds, a datetime or a date."""
    if isinstance(raw, str):
        return _instant(raw)
    if isinstance(raw, datetime):
        return _spell(raw)
    if isinstance(raw, date):
        return f"{raw.isoformat()}T00:00:00.000000Z"
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return _from_ticks(raw)
    raise wrong("a time")


@lru_cache(maxsize=8192)
def _date(raw: str) -> str:
    raw = raw.strip()
    if raw[4:5] == "-" and raw[10:11] in ("", "T", " "):
        try:
            return date.fromisoformat(raw[:10]).isoformat()
        except ValueError:
            raise wrong("a date") from None
    return _instant(raw)[:10]


def date_text(raw: Any) -> str:
    """``YYYY-MM-DD``; of a time the day as written (HubSpot keeps such dates at midnight UTC)."""
    if isinstance(raw, date):
        return raw.isoformat()[:10]
    return _date(raw) if isinstance(raw, str) else instant_text(raw)[:10]


@lru_cache(maxsize=32)
def instant_cutter(resolution: timedelta) -> Callable[[str], str]:
    """Cuts an instant in wire form to a system's grain, keeping the wire form (always six digits)."""
    if resolution <= timedelta(microseconds=1):
        return lambda wire: wire
    if resolution in _CUTS:
        keep, rest = _CUTS[resolution]
        return lambda wire: wire[:keep] + rest

    @lru_cache(maxsize=8192)
    def cut(wire: str) -> str:
        moment = datetime.fromisoformat(wire)
        return _spell(moment - (moment - _EPOCH) % resolution)

    return cut


_CUTS = {
    timedelta(milliseconds=1): (23, "000Z"),
    timedelta(seconds=1): (20, "000000Z"),
    timedelta(minutes=1): (17, "00.000000Z"),
}


def shown_instant(wire: str, resolution: timedelta) -> str:
    """How an instant is sent: as many digits as the system keeps."""
    if resolution >= timedelta(seconds=1):
        return wire[:19] + "Z"
    return wire[:23] + "Z" if resolution >= timedelta(milliseconds=1) else wire


def listing(raw: Any) -> list[str]:
    """A list of texts in the given order; one text is split at ``;``, as Salesforce and HubSpot join them."""
    if isinstance(raw, str):
        return [part for part in (piece.strip() for piece in raw.split(";")) if part]
    if isinstance(raw, list | tuple | set | frozenset):
        return [reference(item) for item in raw]
    raise wrong("a list")


def reference(raw: Any) -> str:
    """The vendor's id of another record."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, Mapping):
        return reference(raw.get("id"))
    if isinstance(raw, list | tuple) and raw:
        return reference(raw[0])
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    raise wrong("an id")


def number(wire: Any) -> int | float | str:
    """A decimal as JSON's number where that is exact, else as text."""
    plain = decimal_text(wire)
    if "." not in plain:
        return int(plain) if abs(int(plain)) < _LARGEST_EXACT_FLOAT else plain
    near = float(plain)
    return near if decimal_text(near) == plain else plain


#: Reads a vendor value that is not None.
READ: Mapping[FieldType, Callable[[Any], Any]] = {
    FieldType.TEXT: text,
    FieldType.EMAIL: text,
    FieldType.PHONE: text,
    FieldType.URL: text,
    FieldType.BOOL: boolean,
    FieldType.INT: integer,
    FieldType.DECIMAL: decimal_text,
    FieldType.DATE: date_text,
    FieldType.INSTANT: instant_text,
    FieldType.CHOICE: text,
    FieldType.CHOICES: listing,
    FieldType.REFERENCE: reference,
    FieldType.JSON: lambda raw: raw,
}


def writer(kind: FieldType, resolution: timedelta) -> Callable[[Any], Any]:
    """Writes a plain value that is not None as the vendor type takes it."""
    if kind is FieldType.INSTANT:
        cut = instant_cutter(resolution)
        return lambda value: shown_instant(cut(instant_text(value)), resolution)
    return number if kind is FieldType.DECIMAL else READ[kind]


TEXTUAL = frozenset({FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL})
