"""Comparison in a system's own space: has a side changed, and is what it shows a folding of what we sent?

A side is unchanged while its value equals ``outward(agreed)``; only then is the inward table asked. So a
folded pick list never comes back as an edit. Spelling does not count as a difference: "true" is true,
"10.00" is 10, an instant is compared at the coarser grain, a set without order, and an empty text is null
where the system cannot tell them apart. Source: engine.md, "State".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from smarksync.model import Field, ValueProblem
from smarksync.plugin import FieldInfo, FieldType, StreamSpec

from .vendor_types import (
    boolean,
    date_text,
    decimal_text,
    instant_cutter,
    instant_text,
    listing,
    reference,
    text,
)

Convert = Callable[[Any], Any]
Agrees = Callable[[Any, Any], bool]

_BY_CANONICAL: dict[str, Convert] = {"bool": boolean, "int": decimal_text, "decimal": decimal_text,
                                     "money": decimal_text, "ref": reference}  # fmt: skip
_BY_VENDOR: dict[FieldType, Convert] = {
    FieldType.BOOL: boolean,
    FieldType.INT: decimal_text,
    FieldType.DECIMAL: decimal_text,
    FieldType.DATE: date_text,
    FieldType.REFERENCE: reference,
}


def comparable(canonical: Field, info: FieldInfo, stream: StreamSpec, transformed: bool) -> Convert:
    """raw → something that ``==`` compares by meaning; never raises (what cannot be read stands for itself)."""
    spell = _spelling(canonical, info, stream, transformed)
    textual = spell is text
    blank_is_null = stream.blank_is_null or not textual

    def key(raw: Any) -> Any:
        if raw is None or (blank_is_null and (raw == "" or raw == [] or raw == ())):
            return None
        try:
            return spell(raw)
        except (ValueProblem, ValueError, TypeError):
            return raw

    return key


def means_itself(canonical: Field, info: FieldInfo, stream: StreamSpec, transformed: bool) -> bool:
    """Whether texts of the field are compared letter by letter."""
    return _spelling(canonical, info, stream, transformed) is text


def _spelling(canonical: Field, info: FieldInfo, stream: StreamSpec, transformed: bool) -> Convert:
    if info.type is FieldType.CHOICES or (canonical.type == "set" and not transformed):
        return lambda raw: frozenset(listing(raw))
    if not transformed:
        if canonical.type in _BY_CANONICAL:
            return _BY_CANONICAL[canonical.type]
        if canonical.type == "date":
            return date_text
        if canonical.type == "instant" and info.type is not FieldType.DATE:
            return _instants(stream)
    if info.type is FieldType.INSTANT:
        return _instants(stream)
    return _BY_VENDOR.get(info.type, text)


def _instants(stream: StreamSpec) -> Convert:
    cut = instant_cutter(stream.resolution)
    return lambda raw: cut(instant_text(raw))


def compile_agrees(outward: Convert, key: Convert, direct: bool, one_spelling: bool = False) -> Agrees:
    """(raw, wire) → bool. ``direct``: a wire value goes out as it is, so equal values agree at once.

    ``one_spelling``: a text means itself only, so that unequal texts need no second look.
    """
    blank_is_null = key("") is None

    def compare(raw: Any, wire: Any) -> bool:
        try:
            sent = outward(wire)
        except ValueProblem:
            return False
        return bool(raw == sent or key(raw) == key(sent))

    remembered = lru_cache(maxsize=1024, typed=True)(compare)
    if direct:

        def agrees(raw: Any, wire: Any) -> bool:
            if raw == wire:
                return True
            if raw == "" and wire is None:  # systems that show "" for every empty field are common
                return blank_is_null
            if one_spelling and raw.__class__ is str and raw != "" and (wire is None or wire.__class__ is str):
                return False
            small = wire.__class__ is int and raw.__class__ is str
            return remembered(raw, wire) if small else compare(raw, wire)

        return agrees

    def agrees_by_value(raw: Any, wire: Any) -> bool:
        try:
            return remembered(raw, wire)
        except TypeError:  # a list cannot be remembered
            return compare(raw, wire)

    return agrees_by_value


#: What may follow the seconds of a UTC time that has no fraction.
_WHOLE_SECOND = frozenset({"Z", ".000Z", ".000000Z", "+00:00", "+0000", ".000+0000", ".000+00:00", ".000000+00:00"})


def instant_agrees(outward: Convert, key: Convert, resolution: timedelta) -> Agrees:
    """As :func:`compile_agrees`; times rarely repeat, so remembering them would not pay."""
    general = compile_agrees(outward, key, True)
    if resolution != timedelta(seconds=1):
        return general

    def agrees(raw: Any, wire: Any) -> bool:
        if raw.__class__ is str and wire.__class__ is str and raw[:19] == wire[:19] and raw[19:] in _WHOLE_SECOND:
            return True
        return general(raw, wire)

    return agrees


def flag_agrees(inward: Convert) -> Agrees:
    """A bare opt-out flag: it says yes, or it says nothing."""

    def compare(raw: Any, wire: Any) -> bool:
        try:
            return (inward(raw) is True) == (wire is True)
        except ValueProblem:
            return False

    remembered = lru_cache(maxsize=64, typed=True)(compare)

    def agrees(raw: Any, wire: Any) -> bool:
        try:
            return remembered(raw, wire)
        except TypeError:
            return compare(raw, wire)

    return agrees


def pair_agrees(outward: Convert, key: Convert, currency: str | None) -> Agrees:
    """Money in two vendor fields: same amount, and same currency where both sides name one.

    A side without a currency means its own, the config's ``currency``.
    """

    def agrees(raw: Any, wire: Any) -> bool:
        amount, unit = raw if isinstance(raw, list | tuple) else (raw, None)
        try:
            sent, sent_unit = outward(wire)
        except ValueProblem:
            return False
        if key(amount) != key(sent):
            return False
        return sent is None or (unit or currency) == (sent_unit or currency)

    return agrees


# -- foldings -----------------------------------------------------------------------------------------------

#: Limits that systems cut at without saying so: lengths of common columns.
_USUAL_LIMITS = (40, 50, 64, 80, 100, 120, 128, 150, 160, 200, 255, 256, 500, 512, 1000, 1024, 2000, 4000, 32000, 32768)


def is_fold(canonical: Field, info: FieldInfo, sent: Any, shown: Any) -> bool:
    """True when ``shown`` is what a system may make of ``sent`` by itself: cut, space, case, precision."""
    if isinstance(sent, str) and isinstance(shown, str):
        if " ".join(sent.split()).casefold() == " ".join(shown.split()).casefold():
            return True
        if _is_cut(sent, shown, info.max_length, canonical.length):
            return True
    if sent is None and shown is False and info.type is FieldType.BOOL:
        return True  # Marketo keeps no empty boolean
    if canonical.type in ("int", "decimal", "money") and _is_rounded(sent, shown):
        return True
    return canonical.type == "instant" and _is_coarser(sent, shown)


def _is_cut(sent: str, shown: str, *limits: int | None) -> bool:
    known = [limit for limit in limits if limit]
    data = sent.encode(errors="replace")  # some systems count bytes
    for limit in known if limits[0] else (*known, *_USUAL_LIMITS):
        if limit < len(sent) and shown.strip() == sent[:limit].strip():
            return True
        if limit < len(data) and shown.strip() == data[:limit].decode(errors="ignore").strip():
            return True
    return False


def _is_rounded(sent: Any, shown: Any) -> bool:
    try:
        before, after = Decimal(decimal_text(sent)), Decimal(decimal_text(shown))
        places = Decimal(1).scaleb(min(0, int(Decimal(str(shown).strip()).as_tuple().exponent)))
        return any(before.quantize(places, mode) == after for mode in (ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN))
    except (ValueProblem, ValueError, ArithmeticError):
        return False


def _is_coarser(sent: Any, shown: Any) -> bool:
    try:
        before, after = instant_text(sent), instant_text(shown)
    except ValueProblem:
        return False
    gap = datetime.fromisoformat(before) - datetime.fromisoformat(after)
    for grain in (timedelta(milliseconds=1), timedelta(seconds=1), timedelta(minutes=1)):
        if instant_cutter(grain)(after) == after and abs(gap) < grain:
            return True
    return False
