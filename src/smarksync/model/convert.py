"""From any value to wire form, one compiled function a field; and when two wire values are the same.

Wire form is JSON, and ``==`` is the type's equality wherever it can be: text, e-mail, phone, url, country,
enum, date, ref: str · bool · int · decimal: str · money: ``[str, str | None]`` · instant: str with six digits
and ``Z`` · set: sorted list · None: known to be empty.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from .country import parse_country
from .domains import is_free_mail, registrable_domain
from .email import parse_email
from .fields import Field
from .phone import parse_phone, same_phone
from .scalars import (
    instant_value,
    parse_bool,
    parse_date,
    parse_decimal,
    parse_instant,
    parse_int,
    parse_money,
    plain,
    same_instant,
)
from .url import parse_url
from .values import ABSENT, unknown_word, wrong_type

Converter = Callable[[Any], Any]

_SIMPLE: Mapping[str, Converter] = {
    "email": parse_email,
    "url": parse_url,
    "country": parse_country,
    "bool": parse_bool,
    "int": parse_int,
    "decimal": parse_decimal,
    "date": parse_date,
    "instant": parse_instant,
}


def normalise(field: Field, value: Any, *, country: str | None = None, currency: str | None = None) -> Any:
    """``value`` in the wire form of ``field``. Raises ValueProblem; its message never holds a personal value.

    ``country`` (alpha-2) reads national phone numbers, ``currency`` (ISO 4217) stands in for amounts without one.
    """
    if country is None and currency is None:
        known = _PLAIN.get(id(field))
        if known is None:
            known = _PLAIN[id(field)] = (field, converter(field))
        return known[1](value)
    return converter(field, country, currency)(value)


#: By identity, because hashing a field would cost more than most conversions; the field is kept with its function,
#: so that no other can take its id.
_PLAIN: dict[int, tuple[Field, Converter]] = {}


@lru_cache(maxsize=8192)
def converter(field: Field, country: str | None = None, currency: str | None = None) -> Converter:
    """The function that brings values of ``field`` to wire form; keep it where many values come by."""
    if field.bounds is not None:
        return partial(_bounded, field.bounds)
    simple = _SIMPLE.get(field.type)
    if simple is not None:
        return simple
    if field.format == "domain":
        return parse_domain
    if field.type == "text":
        return parse_text
    if field.type == "phone":
        return partial(parse_phone, country=country) if country else parse_phone
    if field.type == "money":
        return partial(parse_money, currency=currency) if currency else parse_money
    if field.type == "enum":
        return _open_enum if field.open else _closed_enum(field)
    if field.type == "ref":
        return parse_ref
    if field.item is not None:
        return partial(_parse_set, converter(field.item, country, currency))
    raise ValueError(f"no type `{field.type}`")


def equal(field: Field, a: Any, b: Any, *, resolution: timedelta | None = None) -> bool:
    """Are two wire values of ``field`` the same? ``resolution`` is the coarser side's, for instants.

    Null equals null only, ``""`` equals ``""`` only. Absent values are never compared: asking is a mistake.
    """
    if a is ABSENT or b is ABSENT:
        raise TypeError("absent values are not compared")
    if a is None or b is None:
        return a is b
    kind = field.type
    if kind == "phone":
        return same_phone(a, b)
    if kind == "instant":
        return same_instant(a, b, resolution)
    if kind == "set":
        return len(a) == len(b) and sorted(a) == sorted(b)
    return bool(a == b)


def python_value(field: Field, wire: Any) -> Any:
    """What expressions work with: Decimal, date, aware datetime, frozenset, (Decimal, currency); else as it is."""
    if wire is None or wire is ABSENT:
        return None
    kind = field.type
    if kind == "decimal":
        return Decimal(wire)
    if kind == "money":
        return Decimal(wire[0]), wire[1]
    if kind == "date":
        return date.fromisoformat(wire)
    if kind == "instant":
        return instant_value(wire)
    if kind == "set":
        return frozenset(wire)
    return wire


def parse_text(value: Any) -> str | None:
    """NFC, outer white space stripped. ``""`` stays ``""``: only a vendor that cannot tell makes it null."""
    if value.__class__ is str:
        text: str = value.strip()
        return text if text.isascii() else _unicode_text(text)
    if value is None:
        return None
    if isinstance(value, str):
        return parse_text(str(value))
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return plain(Decimal(value))
    if isinstance(value, float):
        return parse_decimal(value)
    raise wrong_type("not text")


def _bounded(bounds: tuple[int, int], value: Any) -> int | None:
    """A whole number that lies where it may lie."""
    found = parse_int(value)
    if found is not None and not bounds[0] <= found <= bounds[1]:
        raise wrong_type(f"not a whole number from {bounds[0]} to {bounds[1]}")
    return found


def parse_ref(value: Any) -> str | None:
    """The entity id (or REF, before it is resolved) of another entity; None for blank."""
    return parse_text(value) or None


def parse_domain(value: Any) -> str | None:
    """A registrable domain in lower case; null for blank and for free-mail domains, which name no company."""
    text = parse_text(value)
    if not text:
        return None
    domain = registrable_domain(text)
    if domain is None:
        raise wrong_type("not a domain that anybody can register")
    return None if is_free_mail(domain) else domain


def _unicode_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can carry it, no store or vendor can
        raise wrong_type("text with a broken character") from None
    return unicodedata.normalize("NFC", text)


def _open_enum(value: Any) -> str | None:
    return parse_text(value) or None


def _closed_enum(field: Field) -> Converter:
    words = {word: word for word in field.values}

    def parse(value: Any) -> str | None:
        if value.__class__ is str and value in words:
            return words[value]
        text = parse_text(value)
        if not text:
            return None
        if text in words:
            return words[text]
        shown = f"`{text}` " if len(text) <= 40 and not field.personal and "@" not in text else "the value "
        raise unknown_word(f"{shown}is not one of {', '.join(words)}")

    return parse


def _parse_set(item: Converter, value: Any) -> list[Any] | None:
    """A sorted list without repeats and blanks. Text is taken apart at ``;``, as vendors write several choices."""
    if value is None:
        return None
    if isinstance(value, str):
        value = value.split(";")
        if value == [""]:
            return []
    elif not isinstance(value, (list, tuple, set, frozenset)):
        raise wrong_type("not a list")
    return sorted({one for one in map(item, value) if one is not None and one != ""})
