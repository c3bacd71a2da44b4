"""Who qualifies: definitions that both teams own, personas, and a clause-by-clause account of either.

A definition passes when its ``when`` is true, every required field is present and valid, and no ``never`` is true.
Unknown passes nothing and excludes nobody, and both are shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from smarksync.config import Config, Expression
from smarksync.config.agreement import Definition
from smarksync.model import blank, phone_parsed

#: where a lead stands beyond the first offer: sales has it already, or turned it down for good
BEYOND = ("sal", "sql", "opportunity", "customer", "evangelist", "lost", "disqualified")


class LeadScope(dict[str, Any]):
    """What expressions about one lead may name. A name is made when an expression first asks for it.

    ``makers``: name → function of the scope. ``lead`` and ``now`` are there from the start.
    """

    def __init__(self, given: Mapping[str, Any], makers: Mapping[str, Callable[[LeadScope], Any]]) -> None:
        super().__init__(given)
        self._makers = makers

    def __missing__(self, name: str) -> Any:
        maker = self._makers.get(name)
        value = self[name] = maker(self) if maker is not None else None
        return value


class Passing:
    """``definitions`` in an expression: each is evaluated when it is named, once a lead."""

    def __init__(self, definitions: Mapping[str, Definition], scope: LeadScope) -> None:
        self._definitions, self._scope = definitions, scope
        self._known: dict[str, bool | None] = {}

    def get(self, name: str) -> bool | None:
        """True, False or unknown."""
        if name not in self._known:
            self._known[name] = passes(self._definitions[name], self._scope)
        return self._known[name]


class Part(NamedTuple):
    """One part of a definition as it came out. ``kind``: when, require, never. ``good``: it does not stand in the way."""

    kind: str
    good: bool
    result: Any
    lines: tuple[str, ...]


class Told(NamedTuple):
    """A definition explained: its name with version, whether it passes, and each part with the values it saw."""

    definition: str
    passes: bool | None
    parts: tuple[Part, ...]


def passes(definition: Definition, scope: Mapping[str, Any]) -> bool | None:
    """Whether a lead qualifies; None when only what is unknown stands in the way."""
    found = definition.when.evaluate(scope)
    if found is False:
        return False
    lead = scope["lead"]
    if any(not valid(name, lead.get(name)) for name in definition.require):
        return False
    if any(never.evaluate(scope) is True for never in definition.never):
        return False
    return True if found is True else None


def excluded(definition: Definition, scope: Mapping[str, Any]) -> str | None:
    """The text of the first ``never`` that is true."""
    return next((never.text for never in definition.never if never.evaluate(scope) is True), None)


def valid(name: str, value: Any) -> bool:
    """Whether a required field can be used: there, not empty, and for phones a number that can be dialled."""
    if blank(value):
        return False
    return phone_parsed(value) if name in ("phone", "mobile_phone") else True


def explain(name: str, definition: Definition, scope: Mapping[str, Any]) -> Told:
    """The definition clause by clause."""
    when = definition.when.explain(scope)
    parts = [Part("when", when.result is True, when.result, tuple(when.lines()))]
    lead = scope["lead"]
    for field in definition.require:
        there = valid(field, lead.get(field))
        what = "is there" if there else ("is missing" if blank(lead.get(field)) else "cannot be used")
        parts.append(Part("require", there, there, (f"{field} {what}",)))
    for never in definition.never:
        clause = never.explain(scope)
        parts.append(Part("never", clause.result is not True, clause.result, tuple(clause.lines())))
    return Told(version_of(name, definition), passes(definition, scope), tuple(parts))


def version_of(name: str, definition: Definition) -> str:
    """``name@version``; without a version of yours, a hash of what the definition says."""
    return f"{name}@{definition.version or digest(definition)}"


def digest(definition: Definition) -> str:
    """A short hash of a definition's content: white space does not count, everything else does."""
    said = [definition.when.text, *definition.require, *(never.text for never in definition.never)]
    return hashlib.blake2b("\x1f".join(" ".join(one.split()) for one in said).encode(), digest_size=4).hexdigest()


def persona_of(config: Config, scope: LeadScope) -> str | None:
    """The persona that somebody chose for the lead, else the first that recognises it."""
    chosen = scope["lead"].get("persona")
    if chosen in config.personas:
        return str(chosen)
    return next((id for id, one in config.personas.items() if one.when is not None and one.when.passes(scope)), None)


def makers(config: Config) -> dict[str, Callable[[LeadScope], Any]]:
    """The names that follow from a config alone: ``definitions`` and ``persona``."""
    return {
        "definitions": lambda scope: Passing(config.definitions, scope),
        "persona": lambda scope: persona_of(config, scope),
    }


def reach(config: Config, expressions: Iterable[Expression | None]) -> frozenset[str]:
    """Every name that these expressions come to use, through definitions and personas too."""
    names: set[str] = set()
    seen: set[int] = set()
    todo = [one for one in expressions if one is not None]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        names |= one.names
        for name in one.definitions:
            definition = config.definitions[name]
            todo += [definition.when, *definition.never]
        if "persona" in one.names:
            todo += [persona.when for persona in config.personas.values() if persona.when is not None]
    return frozenset(names)


def named_by(when: Expression) -> str:
    """The definition that a job's ``when`` names first, or the text of the expression itself."""
    return min(when.definitions) if when.definitions else when.text
