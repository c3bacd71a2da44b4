"""Gives each expression of a config the names that are in scope where it stands, and compiles it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from smarksync.model import Entity

from .compiler import Scope
from .expressions import Expression, ExpressionProblem
from .jobs import Job
from .problems import Path, Problem, dotted
from .schema import Config

_LEAD = ("lead", "account", "activities", "definitions", "persona")
_CASE = ("lead", "account", "opportunity", "activities", "definitions", "persona")
_OF_JOB = {
    "lead": _LEAD,
    "membership": _LEAD,
    "account": ("account",),
    "opportunity": ("opportunity", "account", "lead"),
    "campaign": ("campaign",),
    "activity": ("activity", "lead", "account"),
}
_SCORES = frozenset(("score", "fit_score", "engagement_score"))


def bind_expressions(config: Config, schema: Mapping[str, Entity]) -> tuple[list[Problem], list[Problem]]:
    """Compiles every expression in place; (warnings, problems)."""
    warnings: list[Problem] = []
    problems: list[Problem] = []
    for path, expression in config.expressions():
        names = _names(config, path)
        scope = Scope(
            schema=schema,
            names=names,
            definitions=tuple(config.definitions),
            personas=tuple(config.personas),
            country=config.defaults.country,
            currency=config.currency,
            elsewhere=_elsewhere(names, path),
        )
        wants: Literal["condition", "value"] = "value" if path[-1] == "of" else "condition"
        try:
            expression.compile(scope, wants=wants)
        except ExpressionProblem as e:
            problems.append(Problem(config.where(path), f"`{dotted(path)}`: {e.message}", e.hint, path))
        warnings += [Problem(config.where(path), f"{w}.", "", path) for w in expression.warnings]
    problems += _circles(config)
    problems += _scores(config)
    problems += _segments(config, schema)
    return warnings, problems


def _names(config: Config, path: Path) -> tuple[str, ...]:
    if path[0] == "jobs":
        job: Job = config.jobs[str(path[1])]
        if job.kind == "sync" or path[2] in ("create", "where"):
            return _OF_JOB.get(job.entity, _LEAD)
        return _LEAD if path[2] == "when" else _CASE
    if path[0] == "personas":
        return _LEAD[:-1]
    return _CASE if path[0] == "agreement" else _LEAD


def _elsewhere(names: tuple[str, ...], path: Path) -> dict[str, str]:
    where = f"in `{dotted(path)}`"
    known = {
        "lead": f"a lead has no part {where}",
        "account": f"an account has no part {where}",
        "opportunity": "it is there in jobs over opportunities, in hand-off signals and outcomes",
        "persona": "a persona is what is decided here",
        "activities": f"activities belong to a lead, which has no part {where}",
        "definitions": f"definitions are about leads, which have no part {where}",
    }
    return {name: why for name, why in known.items() if name not in names}


def _circles(config: Config) -> Iterator[Problem]:
    told: set[frozenset[str]] = set()
    for name, definition in config.definitions.items():
        for e in (definition.when, *definition.never):
            for inner in e.definitions:
                if not _leads_to(config, inner, name) or frozenset((name, inner)) in told:
                    continue
                told.add(frozenset((name, inner)))
                yield definition.problem(
                    f"the definition `{name}` refers to itself through `{inner}`.", "Break the circle.", at=("when",)
                )


def _leads_to(config: Config, start: str, goal: str) -> bool:
    seen: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name == goal:
            return True
        if name in seen or name not in config.definitions:
            continue
        seen.add(name)
        definition = config.definitions[name]
        todo += [d for e in (definition.when, *definition.never) for d in e.definitions]
    return False


def fields_read(config: Config, expression: Expression) -> frozenset[tuple[str, str]]:
    """The (entity, field) pairs that an expression reads, by itself and through definitions and personas."""
    found: set[tuple[str, str]] = set()
    seen: set[Any] = set()
    todo: list[Expression] = [expression]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        found |= one.fields
        for name in one.definitions:
            definition = config.definitions[name]
            found |= {("lead", r) for r in definition.require}
            todo += [definition.when, *definition.never]
        if "persona" in one.names:
            todo += [p.when for p in config.personas.values() if p.when is not None]
    return frozenset(found)


def _scores(config: Config) -> Iterator[Problem]:
    """A score cannot rest on a score that these very rules compute."""
    for rule in config.scoring:
        circular = sorted(f for e, f in fields_read(config, rule.when) if e == "lead" and f in _SCORES)
        if circular:
            yield rule.problem(
                f"this scoring rule reads `lead.{circular[0]}`, which scoring computes.",
                "Score by other fields or activities.",
                at=("when",),
            )
        if rule.decay and "activities" not in rule.when.names:
            yield rule.problem(
                "`decay` is for rules over activities.", "Leave it out: this rule looks at fields only.", at=("decay",)
            )


def _segments(config: Config, schema: Mapping[str, Entity]) -> Iterator[Problem]:
    """The values of a segment over an enum are words of that enum."""
    for segment in config.agreement.segments.values() if config.agreement else ():
        entity, _, name = segment.of.text.partition(".")
        field = schema[entity].fields.get(name) if entity in schema else None
        if field is None or field.open or not field.values:
            continue
        for index, value in enumerate(segment.values):
            if value not in field.values:
                yield segment.problem(
                    f"`{value}` is no value of `{segment.of.text}`.",
                    f"Known: {', '.join(field.values)}.",
                    at=("values", index),
                )
