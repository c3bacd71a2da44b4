"""Vendor value → canonical value: one closure per field, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from smarksync.model import ABSENT, Field, ValueProblem
from smarksync.plugin import FieldInfo, FieldType, StreamSpec, Transform

from . import choices
from .spec import FieldMapping
from .transforms import chain_in
from .vendor_types import READ, TEXTUAL, text

Convert = Callable[[Any], Any]


def compile_inward(
    mapping: FieldMapping,
    canonical: Field,
    info: FieldInfo,
    stream: StreamSpec,
    table: choices.ValueTable | None,
    transforms: Sequence[Transform],
    convert: Convert,
) -> Convert:
    """raw → wire value, None for empty, ABSENT for a value that says nothing; raises ValueProblem.

    ``convert`` is the canonical type's own normaliser, with the country and currency in force. A money value in
    two vendor fields comes as a pair (amount, currency).
    """
    read = READ[info.type]
    change = chain_in(transforms) if transforms else None
    look_up = choices.reader(table, mapping, canonical, info) if table else None
    #: only a text keeps "" as a value, and only where the system can tell it from null
    keeps_blank = canonical.type == "text" and not stream.blank_is_null and info.type in TEXTUAL
    many = canonical.type == "set"

    if canonical.type == "ref":
        convert = text
    elif canonical.ref:
        convert = _ids
    elif info.type is FieldType.CHOICE and canonical.type == "country":
        convert = _country_of(info, convert)
    if mapping.currency is not None:
        return _pair_inward(read, change, convert)

    def inward(raw: Any) -> Any:
        if raw is None:
            return None
        if raw == "" and not keeps_blank:
            return None
        value = read(raw)
        if change is not None:
            value = change(value)
        if look_up is not None:
            if many and value is not None:
                value = [found for item in value if (found := look_up(item)) is not ABSENT]
            else:
                value = look_up(value)
            if value is ABSENT:
                return ABSENT
        return None if value is None else convert(value)

    def plain(raw: Any) -> Any:
        if raw is None or (raw == "" and not keeps_blank):
            return None
        return convert(raw if raw.__class__ is str else read(raw))

    chosen: Convert = inward
    if change is None and look_up is None and info.type in TEXTUAL:
        chosen = remembering(plain, str) if canonical.type in _FEW_VALUES else plain
    return _flag_inward(chosen) if is_flag(mapping, canonical) else chosen


#: types of which a system shows the same values again and again
_FEW_VALUES = frozenset(("int", "country", "enum"))


def remembering(convert: Convert, kind: type) -> Convert:
    """The same, with its answers to values of a plain ``kind`` kept for when they come again."""
    remembered = lru_cache(maxsize=1024)(convert)
    return lambda value: remembered(value) if value.__class__ is kind else convert(value)


def is_flag(mapping: FieldMapping, canonical: Field) -> bool:
    """True for an opt-out kept in a bare yes/no: its "no" is no claim (schema.md, ``email_opt_out``)."""
    return canonical.group == "consent" and canonical.type == "bool" and not mapping.values


def _flag_inward(base: Convert) -> Convert:
    return lambda raw: True if base(raw) is True else None


def _ids(value: Any) -> list[str]:
    return sorted({text(item) for item in value})


def _pair_inward(read: Convert, change: Convert | None, convert: Convert) -> Convert:
    def inward(raw: Any) -> Any:
        amount, currency = raw if isinstance(raw, list | tuple) else (raw, None)
        if amount is None or amount == "":
            return None
        value = [read(amount), currency or None]
        return convert(change(value) if change is not None else value)

    return inward


def _country_of(info: FieldInfo, convert: Convert) -> Convert:
    """Country pick lists: by the choice's value, else by its label (a code beside a name)."""
    labels = {choice.value: choice.label for choice in info.choices or () if choice.label}

    def inward(value: Any) -> Any:
        try:
            return convert(value)
        except ValueProblem:
            if value not in labels:
                raise
            return convert(labels[value])

    return inward
