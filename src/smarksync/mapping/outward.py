"""Canonical value → vendor value: one closure per field, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from smarksync.model import Field, ValueProblem
from smarksync.plugin import FieldInfo, FieldType, StreamSpec, Transform

from . import choices
from .inward import is_flag, remembering
from .spec import FieldMapping
from .transforms import chain_out
from .vendor_types import TEXTUAL, text, writer

Convert = Callable[[Any], Any]
#: the code of a word that the system has no value for, and that ``unknown: keep`` leaves out
LEFT = "SMK-PICKLIST-LEFT"


def compile_outward(
    mapping: FieldMapping,
    canonical: Field,
    info: FieldInfo,
    stream: StreamSpec,
    table: choices.ValueTable | None,
    transforms: Sequence[Transform],
    convert: Convert,
    currency: str | None,
) -> Convert | None:
    """wire → raw; raises ValueProblem. None where a transform has no way back: the field is read, never written.

    Of a set under ``unknown: keep`` the words go out that the system has a value for (see :mod:`.kept`).
    Codes: ``SMK-TOO-LONG`` (text is never cut), ``SMK-PICKLIST-UNMAPPED``, ``SMK-CURRENCY``, ``SMK-VALUE-TYPE``.
    ``currency`` is the one that amounts without a currency are in.
    """
    change = chain_out(transforms)
    if change is None:
        return None
    if canonical.type == "money":
        return _money_outward(mapping, info, stream, change, currency)
    keep = mapping.unknown == "keep"
    look_up = lookup(canonical, info, table, convert, keep)
    finish = finisher(canonical, info, stream, change if transforms else None)
    limit = info.max_length if info.type in TEXTUAL else None
    many = canonical.type == "set"
    blank_is_null = stream.blank_is_null or canonical.type != "text"

    def outward(wire: Any) -> Any:
        if wire is None or (wire == "" and blank_is_null):
            return None
        if look_up is not None and many:
            there = [found for item in wire if (found := place_of(item, look_up, keep)) is not None]
            return finish(there) if there or not wire else None
        return finish(wire if look_up is None else look_up(wire))

    def identity(wire: Any) -> Any:
        if wire is None or (wire == "" and blank_is_null):
            return None
        if limit is not None and len(wire) > limit:
            raise too_long(canonical.name, info.name, len(wire), limit)
        return wire

    if is_identity(canonical, info, table, transforms):
        return identity
    if canonical.type == "int":
        return remembering(outward, int)
    return _flag_outward(outward) if is_flag(mapping, canonical) else outward


def place_of(word: Any, look_up: Convert, keep: bool) -> Any:
    """The vendor's value for one word of a set, None where it has none and the word may stay out."""
    try:
        return look_up(word)
    except ValueProblem as problem:
        if keep and problem.code == LEFT:
            return None
        raise


def finisher(canonical: Field, info: FieldInfo, stream: StreamSpec, change: Convert | None) -> Convert:
    """The last step outward: transforms, the vendor's form and its lengths, of a value in the vendor's words."""
    encode = _encoder(canonical, info, stream)
    limit = info.max_length if info.type in TEXTUAL else None
    item_limit = info.max_length if info.type is FieldType.CHOICES else None
    if change is None and limit is None and item_limit is None:
        return encode

    def finish(value: Any) -> Any:
        raw = encode(value) if change is None else encode(change(value))
        if limit is not None and len(raw) > limit:
            raise too_long(canonical.name, info.name, len(raw), limit)
        if item_limit is not None:
            longest = max(map(len, raw), default=0)
            if longest > item_limit:
                raise too_long(f"one of {canonical.name}", info.name, longest, item_limit)
        return raw

    return finish


#: Canonical types whose wire form is a text that systems hold as it is.
_TEXTS = frozenset({"text", "email", "phone", "url", "country", "enum", "ref"})


def is_identity(
    canonical: Field, info: FieldInfo, table: choices.ValueTable | None, transforms: Sequence[Transform]
) -> bool:
    """True when a text goes out exactly as it is (refused only for its length)."""
    return canonical.type in _TEXTS and info.type in TEXTUAL and table is None and not transforms


def too_long(name: str, vendor: str, length: int, limit: int) -> ValueProblem:
    """The refusal of a text that a field would cut."""
    return ValueProblem("SMK-TOO-LONG", f"{name} has {length} characters, {vendor} takes {limit}")


def _encoder(canonical: Field, info: FieldInfo, stream: StreamSpec) -> Convert:
    if canonical.type == "bool" and info.type in (FieldType.INT, FieldType.DECIMAL):
        return lambda value: int(value) if isinstance(value, bool) else writer(info.type, stream.resolution)(value)
    if canonical.type == "set" and info.type in (FieldType.CHOICES, FieldType.JSON):
        return lambda value: sorted({text(item) for item in value})
    return writer(info.type, stream.resolution)


def lookup(
    canonical: Field, info: FieldInfo, table: choices.ValueTable | None, convert: Convert, keep: bool
) -> Convert | None:
    """One canonical word → the vendor's value, None where values pass as they are; raises ValueProblem."""
    if canonical.type == "ref" or canonical.ref:
        return None
    if table is not None:
        return choices.writer(table, canonical, info, keep=keep)
    if info.choices is None:
        return None
    if canonical.type == "country":
        return _country_out(canonical, info, convert)
    return choices.writer(None, canonical, info, keep=keep) if canonical.type in ("text", "enum", "set") else None


def _country_out(canonical: Field, info: FieldInfo, convert: Convert) -> Convert:
    """The choice that means a country code, whether the list holds codes or names."""
    by_code: dict[str, str] = {}
    for choice in sorted(info.choices or (), key=lambda choice: not choice.active):
        for spelled in filter(None, (choice.value, choice.label)):
            try:
                by_code.setdefault(convert(spelled), choice.value)
            except ValueProblem:
                continue

    def outward(code: Any) -> Any:
        found = by_code.get(code)
        if found is None:
            raise ValueProblem("SMK-PICKLIST-UNMAPPED", f"{info.name} has no value for the country {code}")
        return found

    return outward


def _flag_outward(base: Convert) -> Convert:
    """A bare flag is sent "no" for no claim and for opted_in (engine.md, Consent)."""
    return lambda wire: base(wire is True)


def _money_outward(
    mapping: FieldMapping, info: FieldInfo, stream: StreamSpec, change: Convert, currency: str | None
) -> Convert:
    encode = writer(info.type, stream.resolution)

    def outward(wire: Any) -> Any:
        amount, unit = (None, None) if wire is None else change(wire)
        raw = None if amount is None else encode(amount)
        if mapping.currency is not None:
            return (raw, unit)
        if unit is not None and unit != currency:
            known = f"amounts there are in {currency}" if currency else "the config names no currency:"
            raise ValueProblem("SMK-CURRENCY", f"{info.name} keeps no currency and {known}; amounts are not converted")
        return raw

    return outward
