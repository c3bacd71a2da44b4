"""Checks of a mapping against a live schema that need no record: types, directions, required fields, clashes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from smarksync.model import Field
from smarksync.plugin import Can, FieldInfo, FieldType, StreamSpec, Transform

from .choices import Remark, squash
from .spec import FieldMapping
from .vendor_types import TEXTUAL

_T = FieldType
_TEXT = frozenset({_T.TEXT})

#: canonical type → vendor types that hold all of its values, or fold them in a declared way
FITS: dict[str, frozenset[FieldType]] = {
    "text": TEXTUAL | {_T.CHOICE},
    "email": frozenset({_T.EMAIL, _T.TEXT}),
    "phone": frozenset({_T.PHONE, _T.TEXT}),
    "url": frozenset({_T.URL, _T.TEXT}),
    "country": frozenset({_T.CHOICE, _T.TEXT}),
    "bool": frozenset({_T.BOOL, _T.TEXT, _T.CHOICE, _T.INT}),
    "int": frozenset({_T.INT, _T.DECIMAL, _T.TEXT}),
    "decimal": frozenset({_T.DECIMAL, _T.TEXT}),
    "money": frozenset({_T.DECIMAL, _T.TEXT}),
    "date": frozenset({_T.DATE, _T.INSTANT, _T.TEXT}),
    "instant": frozenset({_T.INSTANT, _T.TEXT}),
    "enum": frozenset({_T.CHOICE, _T.TEXT}),
    "set": frozenset({_T.CHOICES, _T.JSON}),
    "ref": frozenset({_T.REFERENCE, _T.TEXT, _T.INT, _T.CHOICE, _T.EMAIL}),
}
#: … that hold some of its values: the others are refused record by record, so `check` warns. The reason follows.
NARROW: dict[tuple[str, FieldType], str] = {
    ("text", _T.INT): "only whole numbers fit",
    ("text", _T.DECIMAL): "only numbers fit",
    ("text", _T.DATE): "only dates fit",
    ("text", _T.INSTANT): "only times fit",
    ("text", _T.REFERENCE): "only ids fit",
    ("bool", _T.DECIMAL): "only 0 and 1 are read",
    ("decimal", _T.INT): "only whole numbers fit",
    ("money", _T.INT): "only whole amounts fit",
    ("instant", _T.DATE): "the time of day is not kept there",
    ("email", _T.CHOICE): "only the listed ones fit",
    ("phone", _T.URL): "telephone numbers are kept as links",
    ("ref", _T.CHOICES): "only the first is taken, and writing replaces all",
    ("ref", _T.JSON): "only its id is taken",
}
#: … that fit when `values:` gives a table
WITH_TABLE: frozenset[tuple[str, FieldType]] = frozenset(
    (kind, vendor) for kind in ("enum", "text", "bool") for vendor in (_T.BOOL, _T.INT, _T.CHOICE, _T.TEXT)
)
#: what to add when a type does not fit
_ADVICE: dict[tuple[str, FieldType], str] = {
    ("set", _T.TEXT): 'add transform: ["split:;"] (or the separator it uses)',
    ("instant", _T.INT): "add transform: [epoch_seconds] or [epoch_milliseconds]",
    ("text", _T.CHOICES): 'add transform: ["join:;"] or [first]',
    ("enum", _T.CHOICES): "add transform: [first]",
    ("enum", _T.BOOL): "add values: {word: true, word: false}",
    ("text", _T.BOOL): "add values: {word: true, word: false}",
}


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean X?`` for the known name most like ``name``, "" when none is like it."""
    by_squashed = {squash(one): one for one in known}
    near = difflib.get_close_matches(squash(name), by_squashed, 1)
    return f"; did you mean {by_squashed[near[0]]}?" if near else ""


def check_types(
    mapping: FieldMapping, canonical: Field, info: FieldInfo, transforms: Sequence[Transform]
) -> list[Remark]:
    """Whether the canonical type fits the vendor's; with transforms, whether they give the canonical type."""
    name = canonical.name
    if transforms:
        innermost = transforms[-1]
        accepts = innermost.accepts
        if canonical.type not in accepts and not (mapping.values and "text" in accepts):
            what = f"transform {innermost.name} gives {' or '.join(accepts)}, {name} is {canonical.type_text}"
            return [Remark(name, what, "", True)]
        return []
    if info.type in FITS[canonical.type] or (canonical.ref and info.type is _T.REFERENCE):
        return []
    if mapping.values and (canonical.type, info.type) in WITH_TABLE:
        return []
    narrow = NARROW.get((canonical.type, info.type))
    if narrow is not None:
        return [Remark(name, f"{name} ({canonical.type_text}) in {info.name} ({info.type}): {narrow}")]
    advice = _ADVICE.get((canonical.type, info.type))
    what = f"{name} is {canonical.type_text}, {info.name} is {info.type}: these do not fit"
    return [Remark(name, what + (f"; {advice}" if advice else ""), "", True)]


def directions(
    mapping: FieldMapping, canonical: Field, infos: Sequence[FieldInfo], stream: StreamSpec, invertible: bool
) -> tuple[bool, bool, list[Remark]]:
    """(read, write, remarks): what the mapping asks for, as far as both sides allow."""
    name, vendor = mapping.name, mapping.vendor
    writable = bool(stream.can & {Can.CREATE, Can.UPDATE}) and all(info.writable for info in infos)
    read, write = mapping.direction != "write", mapping.direction != "read"
    if mapping.direction == "write":
        if canonical.read_only:
            return False, False, [Remark(name, f"{name} is read only and is never written", "", True)]
        if not writable:
            return False, False, [Remark(name, f"{vendor} cannot be written there", "", True)]
        if not invertible:
            return False, False, [Remark(name, f"{name}: one of its transforms has no way back", "", True)]
    remarks = []
    if write and mapping.own and not canonical.read_only:
        if not writable:
            remarks.append(
                Remark(name, f"{vendor} is read only there: {name} is one-way", f"{name}: {{direction: read}}")
            )
        elif not invertible:
            remarks.append(
                Remark(name, f"a transform of {name} has no way back: it is one-way", f"{name}: {{direction: read}}")
            )
    return read, write and writable and invertible and not canonical.read_only, remarks


#: how a remark ends that tells of a vendor's shorter field: nobody can mend that, so `check` says it once an object
NEVER_CUT = "longer text is refused, never cut"


def lengths(canonical: Field, info: FieldInfo, writes: bool) -> list[Remark]:
    """A warning where the vendor's field is shorter than what the schema advises."""
    if not writes or info.max_length is None or canonical.length is None or info.type not in TEXTUAL:
        return []
    if info.max_length >= canonical.length:
        return []
    return [
        Remark(
            canonical.name,
            f"{info.name} takes {info.max_length} characters, {canonical.name} may have {canonical.length}: {NEVER_CUT}",
        )
    ]


def clashes(writers: Iterable[tuple[str, str]]) -> list[Remark]:
    """Errors for two canonical fields that write one vendor field; ``writers`` are (canonical, vendor)."""
    first: dict[str, str] = {}
    remarks = []
    for name, vendor in writers:
        if vendor in first:
            remarks.append(
                Remark(
                    name,
                    f"{name} and {first[vendor]} both write {vendor}; let one of them only read",
                    f"{name}: {{field: {vendor}, direction: read}}",
                    True,
                )
            )
        else:
            first[vendor] = name
    return remarks


def unfilled(live: Iterable[FieldInfo], written: frozenset[str], stream: StreamSpec) -> list[Remark]:
    """A warning for each vendor field that a new record needs and the mapping does not fill."""
    if Can.CREATE not in stream.can:
        return []
    return [
        Remark("", f"{info.name} is required for new records and nothing fills it: creates there will be refused")
        for info in live
        if info.required and info.writable and info.name not in written
    ]
