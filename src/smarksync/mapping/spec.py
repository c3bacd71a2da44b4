"""What a mapping says, before it meets a live schema: plain values that remember where they were written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Direction = Literal["both", "read", "write"]
Unknown = Literal["quarantine", "keep", "default"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written. ``file`` may be a plugin's preset; ``line`` counts from 1, 0 = unknown."""

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file and self.line else self.file


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of a value table: the canonical value, what is written for it, and what is read as it.

    ``writes`` None = the vendor sets it by itself (``qualified: {read: Closed - Converted}``).
    """

    canonical: Any
    writes: Any
    reads: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One canonical field and its place in a system.

    ``vendor`` is the vendor's field; ``currency`` the second one of a money value, written ``amount + currency``.
    ``own`` is True for what a user wrote (then a missing vendor field is an error), False for a preset's.
    ``keep`` lists vendor values that say nothing: the agreed value stands. ``stated`` are the keys that were written.
    ``offered``: nobody wrote it; it is what `check --fix` would make for a field of the config, and nothing before.
    """

    name: str
    vendor: str
    currency: str | None = None
    direction: Direction = "both"
    values: tuple[Pair, ...] = ()
    unknown: Unknown = "quarantine"
    default: Any = None
    transform: tuple[str, ...] = ()
    required: bool = False
    keep: tuple[Any, ...] = ()
    own: bool = True
    place: Place = Place()
    stated: frozenset[str] = frozenset()
    offered: bool = False


@dataclass(frozen=True, slots=True)
class ObjectMapping:
    """The mapping of one stream to one entity, preset and own lines already laid over each other."""

    entity: str
    fields: Mapping[str, FieldMapping]
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Preset:
    """A connector's ``preset.yaml``: a mapping per stream, where creates go, which link is primary."""

    streams: Mapping[str, ObjectMapping] = field(default_factory=dict)
    #: entity → the stream that gets new records
    creates: Mapping[str, str] = field(default_factory=dict)
    #: entity → its streams, best first
    primary: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: how fields of a config's own are called there, such as ``smarksync_{snake}``; empty = they are not made there
    own: str = ""

    def own_name(self, name: str) -> str:
        """What a field of the config's own would be called: ``{snake}``, ``{Pascal}`` and ``{Title}`` (Waiting_For)."""
        words = name.split("_")
        return self.own.format(
            snake=name, Pascal="".join(map(str.capitalize, words)), Title="_".join(map(str.capitalize, words))
        )


def overlay(base: ObjectMapping, own: ObjectMapping, removed: frozenset[str] = frozenset()) -> ObjectMapping:
    """``extends: preset``: own fields over the preset's.

    A field that stays on the same vendor field keeps what the preset says and the user does not: transforms, and
    the lines of the value table for other words. One that moves to another vendor field starts afresh.
    ``removed`` names preset fields that the user set to null.
    """
    fields = {name: mapping for name, mapping in base.fields.items() if name not in removed}
    for name, mine in own.fields.items():
        theirs = fields.get(name)
        fields[name] = mine if theirs is None or theirs.vendor != mine.vendor else _over(theirs, mine)
    return ObjectMapping(own.entity or base.entity, fields, own.place)


def _over(theirs: FieldMapping, mine: FieldMapping) -> FieldMapping:
    kept = {key: getattr(theirs, key) for key in _INHERITED if key not in mine.stated}
    words = {pair.canonical for pair in mine.values}
    values = mine.values + tuple(pair for pair in theirs.values if pair.canonical not in words)
    return replace(mine, **kept, values=values, currency=mine.currency or theirs.currency)


_INHERITED = ("direction", "unknown", "default", "transform", "required", "keep")
