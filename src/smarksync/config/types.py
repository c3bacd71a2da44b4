"""The types that an expression's parts have, and how a literal is brought to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smarksync.model import Field, ValueProblem, lifecycle, normalise
from smarksync.model import journey as journeys

from .problems import shown, suggest

Run = Callable[[Mapping[str, Any]], Any]

#: Enums with an order, by their words.
ORDERS: dict[tuple[str, ...], tuple[str, ...]] = {
    tuple(lifecycle.VALUES): tuple(lifecycle.LADDER),
    tuple(journeys.STAGES): tuple(journeys.STAGES),
}


class ExpressionProblem(Exception):
    """What is wrong with an expression, and what would be right."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".rstrip())
        self.message = message
        self.hint = hint


def _as_given(text: str) -> str:
    return text


@dataclass(frozen=True)
class Type:
    """``kind``: text, number, bool, date, instant, set, list, entity, activities or null.

    ``word`` names it in messages; ``words`` are those of a closed enum, ``order`` those that compare by rank;
    ``fix`` brings a literal to the form it is compared in; ``item`` is what a set holds.
    """

    kind: str
    word: str
    words: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    fix: Callable[[str], Any] = _as_given
    item: Type | None = None

    def literal(self, text: str, said: str) -> Any:
        """The literal ``text`` as it is compared with ``said``, which has this type."""
        if self.words and text not in self.words:
            raise ExpressionProblem(f"`{said}` is never {shown(text)}.", suggest(text, self.words))
        if self.kind == "set":
            return text
        try:
            return self.fix(text)
        except ValueProblem as e:
            raise ExpressionProblem(f"`{said}` is never {shown(text)}: {e.message}.") from None


@dataclass
class Typed:
    """A compiled part: its type, its closure, whether it is a literal; ``items`` of a list; ``said`` as written."""

    type: Type
    run: Run
    literal: bool = False
    items: list[Typed] = field(default_factory=list)
    said: str = ""


BOOL = Type("bool", "true or false")
NUMBER = Type("number", "a number")
TEXT = Type("text", "text")


def _instant(text: str) -> Any:
    """An instant in wire form; a bare date is its first moment in UTC."""
    return normalise(Field("at", "instant"), f"{text}T00:00:00Z" if len(text) == 10 else text)


INSTANT = Type("instant", "a time", fix=_instant)
_KINDS = {
    "bool": BOOL, "int": NUMBER, "decimal": NUMBER, "money": Type("number", "an amount"), "instant": INSTANT,
}  # fmt: skip


def field_type(one: Field, country: str | None = None) -> Type:
    """The type of a canonical field in expressions."""
    if one.type in _KINDS:
        return _KINDS[one.type]
    if one.type == "set":
        return Type("set", "a set", item=field_type(one.item or Field(one.name, "text"), country))
    if one.type == "ref":
        return Type("text", "a reference")

    def fix(text: str) -> Any:
        return normalise(one, text, country=country)

    if one.type == "date":
        return Type("date", "a date", fix=fix)
    words = () if one.open else one.values
    word = {"enum": "a word", "email": "an e-mail address", "phone": "a phone number", "country": "a country"}.get(
        one.type, "text"
    )
    return Type("text", word, words=words, order=ORDERS.get(tuple(one.values), ()), fix=fix)


def item_type(of: Type) -> Type:
    """What a set of that type holds."""
    return of.item or TEXT
