"""What a field and an entity are, and how a type is written in schema and config."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

#: The types of the canonical schema, by the word that configs use.
TYPES = (
    "text", "email", "phone", "url", "country", "bool", "int", "decimal", "money", "date", "instant", "enum", "set",
    "ref",
)  # fmt: skip

#: ordinary fields take part in ``"*"``; the others have a keeper of their own (engine.md).
GROUPS = ("ordinary", "consent", "consent_evidence", "handoff", "outcome", "system", "derived")

_TYPE = re.compile(r"(open )?\s*([a-z]+)\s*(?:\(\s*(.*?)\s*\))?")


class SchemaProblem(ValueError):
    """A type or a custom field that the schema cannot hold; the message says what would be right."""


class TypeText(NamedTuple):
    """A type as written, taken apart. ``length``: advised characters of a text, digits after the point of a decimal."""

    type: str
    length: int | None
    of: str | None
    open: bool
    values: tuple[str, ...]


class CustomField(NamedTuple):
    """One entry of ``entities.<entity>.fields`` in a config."""

    type: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One canonical field.

    ``length`` is advised and never cuts inward. ``values`` are the words of an enum, or of a set of them; ``open``
    lets other text through as it is. ``of`` is what a set holds or a ref points at. ``bounds`` are the least and the
    greatest value of an int. ``format`` "domain" marks a text that holds a registrable domain. ``personal`` values stay
    out of messages and are erased by ``forget``.
    """

    name: str
    type: str
    length: int | None = None
    values: tuple[str, ...] = ()
    of: str | None = None
    open: bool = False
    read_only: bool = False
    group: str = "ordinary"
    format: str | None = None
    personal: bool = False
    bounds: tuple[int, int] | None = None

    def __hash__(self) -> int:  # fields are dictionary keys on the hot path; the full hash takes a microsecond
        return hash((self.name, self.type))

    @property
    def ref(self) -> str | None:
        """The entity that a ref, or a set of refs, points at; else None."""
        if self.type == "ref":
            return self.of
        if self.type == "set" and self.of and self.of.startswith("ref("):
            return self.of[4:-1]
        return None

    @property
    def type_text(self) -> str:
        """The type as schema.md and configs write it: ``text(80)``, ``set(email)``, ``open enum``, ``int 0–100``."""
        inner = self.of if self.of else (str(self.length) if self.length is not None else "")
        limits = " {}–{}".format(*self.bounds) if self.bounds is not None else ""
        return ("open " if self.open else "") + self.type + (f"({inner})" if inner else "") + limits

    @property
    def item(self) -> Field | None:
        """What a set holds, as a field of its own; None for other types."""
        if self.type != "set":
            return None
        held = parse_type(self.of or "text")
        return Field(self.name, held.type, held.length, self.values, held.of, held.open, personal=self.personal)

    @property
    def closed(self) -> bool:
        """Whether nothing but its words is allowed: an enum, or a set of them, that is not open."""
        return not self.open and (self.type == "enum" or self.of == "enum")


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """One canonical entity. ``match`` are the default match keys in order; each is one field or several together.

    ``key`` names the fields that identify a row where an entity has a natural key (activity, membership, persona).
    """

    name: str
    fields: Mapping[str, Field]
    match: tuple[tuple[str, ...], ...] = ()
    key: tuple[str, ...] = ()
    append_only: bool = False
    doc: str = field(default="", repr=False)

    def with_fields(self, more: Iterable[Field]) -> Entity:
        """This entity with more fields at its end. Raises SchemaProblem when a name is taken."""
        fields = dict(self.fields)
        for one in more:
            if one.name in fields:
                raise SchemaProblem(f"{self.name} has a field `{one.name}` already; choose another name")
            fields[one.name] = one
        return Entity(self.name, MappingProxyType(fields), self.match, self.key, self.append_only, self.doc)


def parse_type(text: str) -> TypeText:
    """Takes ``text(80)``, ``open enum(a, b)``, ``set(ref(lead))`` … apart. Raises SchemaProblem."""
    match = _TYPE.fullmatch(text.strip())
    if match is None or match[2] not in TYPES:
        raise SchemaProblem(f"`{text}` is no type; types are {', '.join(TYPES)}, and `open enum`")
    open_, kind, inner = bool(match[1]), match[2], match[3]
    if open_ and kind != "enum":
        raise SchemaProblem(f"`{text}`: only an enum can be open")
    length: int | None = None
    of: str | None = None
    values: tuple[str, ...] = ()
    if kind == "set":
        item = parse_type(inner or "text")
        if item.type in ("set", "money"):
            raise SchemaProblem(f"`{text}`: a set holds values of one type, and no {item.type}")
        of = ("open enum" if item.open else "enum") if item.type == "enum" else re.sub(r"\s", "", inner or "text")
        values = item.values
    elif kind == "ref":
        if not inner or not inner.isidentifier():
            raise SchemaProblem(f"`{text}`: say what it points at, as in ref(account)")
        of = inner
    elif kind == "enum":
        values = tuple(word.strip() for word in inner.split(",")) if inner else ()
    elif inner is not None:
        if kind not in ("text", "decimal") or not inner.isdecimal():
            raise SchemaProblem(f"`{text}`: only text and decimal take a length, as in text(80)")
        length = int(inner)
    return TypeText(kind, length, of, open_, values)


def make_field(
    name: str,
    type_text: str,
    values: Iterable[str] = (),
    *,
    group: str = "ordinary",
    read_only: bool = False,
    format: str | None = None,
    personal: bool = False,
    bounds: tuple[int, int] | None = None,
) -> Field:
    """A field from its type as written. Raises SchemaProblem."""
    kind = parse_type(type_text)
    words = tuple(values) or kind.values
    if kind.type == "enum" or kind.of in ("enum", "open enum"):
        if not words and not kind.open and kind.of != "open enum":
            example = "enum" if kind.type == "enum" else "set(enum)"
            raise SchemaProblem(f"`{name}`: an enum needs its values, as in {{type: {example}, values: [a, b]}}")
        if len(set(words)) != len(words) or "" in words:
            raise SchemaProblem(f"`{name}`: the values of an enum must differ and not be empty")
    elif words:
        raise SchemaProblem(f"`{name}`: only an enum, or a set of them, has values")
    if group not in GROUPS:
        raise SchemaProblem(f"`{name}`: no group `{group}`")
    return Field(name, kind.type, kind.length, words, kind.of, kind.open, read_only, group, format, personal, bounds)


def fields(*some: Field) -> Mapping[str, Field]:
    """Fields by name, in order, unchangeable."""
    return MappingProxyType({one.name: one for one in some})
