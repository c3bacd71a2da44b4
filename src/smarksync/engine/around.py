"""What the expressions of a sync job see beside the record itself: its account, activities, definitions, persona.

Expressions that name nothing of it cost nothing here; each of the others loads what it names, one entity at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from smarksync.alignment import qualify
from smarksync.alignment.qualify import LeadScope
from smarksync.alignment.score import FIELDS, Scoring
from smarksync.config import Config, Expression, Job, fields_read
from smarksync.ledger import entities
from smarksync.plan.job import Person

from .context import Run
from .scopes import Scopes, account_values, accounts

#: what has to be looked up; all else is in the values themselves, or follows from them
_ELSEWHERE = frozenset(("account", "activities", "lead"))

Test = Callable[[Mapping[str, Any], Person | None], Any]


def of_job(config: Config, job: Job) -> frozenset[str]:
    """Every name that the expressions of a job use, through definitions, personas and computed scores, too."""
    return frozenset().union(*(_needs(config, one) for one in (*job.create.values(), *job.where.values())))


def facts(config: Config, job: Job) -> tuple[str, ...]:
    """The facts that a sync job reads because its expressions name them."""
    return ("activity",) if "activities" in of_job(config, job) else ()


def restless(config: Config, job: Job) -> bool:
    """Whether time alone can change what these expressions say."""
    some = (*job.create.values(), *job.where.values())
    fades = any(_scored(config, one) for one in some) and Scoring(config.scoring).fades
    return fades or "now" in of_job(config, job)


def said(config: Config, job: Job) -> list[str]:
    """What the job's expressions rest on elsewhere in the config, as text: another text is another rule."""
    names = of_job(config, job)
    told: list[str] = []
    if "definitions" in names:
        told += [f"{n} {d.model_dump_json(warnings=False)}" for n, d in config.definitions.items()]
    if "persona" in names:
        told += [f"{n} {p.model_dump_json(warnings=False)}" for n, p in config.personas.items()]
    if any(_scored(config, one) for one in (*job.create.values(), *job.where.values())):
        told += [rule.model_dump_json(warnings=False) for rule in config.scoring]
    return told


def reads(config: Config, entity: str, expression: Expression) -> frozenset[str]:
    """The entity's own fields that an expression rests on, through definitions, personas and computed scores, too."""
    rules = [rule.when for rule in config.scoring] if _scored(config, expression) else []
    return frozenset(name for one in (expression, *rules) for kind, name in fields_read(config, one) if kind == entity)


def test(run: Run, config: Config, entity: str, expression: Expression) -> Test:
    """The expression as a function of one entity's values, and of the entity where it is known already."""
    scope = scope_maker(run, config, entity, expression)
    later = bool(_needs(config, expression) & {"activities", "now"})

    def test(values: Mapping[str, Any], person: Person | None) -> Any:
        if person is None and later:
            return True  # a row that has just come in: what is said of it changes without it, so it is matched first
        return expression.evaluate(scope(values, person))

    return test


def scope_maker(
    run: Run, config: Config, entity: str, expression: Expression
) -> Callable[[Mapping[str, Any], Person | None], Mapping[str, Any]]:
    """Makes what that expression sees of an entity with those values."""
    needs = _needs(config, expression)
    scored = _scored(config, expression)
    if not needs - {entity, "now"} and not scored:
        return lambda values, _person: {entity: values, "now": run.now()}
    scopes = Scopes(run, config, needs)
    makers = qualify.makers(config)

    def make(values: Mapping[str, Any], person: Person | None) -> Mapping[str, Any]:
        given: dict[str, Any] = {entity: values, "now": run.now(), "activities": ()}
        if entity == "lead" and person is not None and "activities" in needs:
            given["activities"] = scopes.activities([person.eid]).get(person.eid, ())
        given.update(_looked_up(run, entity, values, person, needs))
        scope = LeadScope(given, makers)
        if scored:
            scope["lead"] = {**values, **scopes.scoring.of(scope).values()}
        return scope

    return make


def _needs(config: Config, expression: Expression) -> frozenset[str]:
    wanted = [expression, *(rule.when for rule in config.scoring if _scored(config, expression))]
    return qualify.reach(config, wanted)


def _scored(config: Config, expression: Expression) -> bool:
    """Computed scores stand in for what a system shows."""
    return bool(config.scoring) and any(e == "lead" and f in FIELDS for e, f in fields_read(config, expression))


def _looked_up(
    run: Run, entity: str, values: Mapping[str, Any], person: Person | None, needs: frozenset[str]
) -> Iterator[tuple[str, Any]]:
    """The other entities in scope, or null where there is none."""
    for name in sorted((needs & _ELSEWHERE) - {entity, "activities"}):
        eid: int | None = None
        inferred = False
        if entity == "lead" and name == "account":
            one = Person(person.eid if person else 0, "", dict(values), person.sides if person else [])
            eid, inferred = accounts(run, [one]).get(one.eid, (None, False))
        elif ref := _reference(name, values):
            eid = entities.by_refs(run.ledger, [ref]).get(ref)
        found = account_values(run, [eid]).get(eid) if eid is not None else None
        yield name, {**found, "inferred": True} if found is not None and inferred else found


def _reference(name: str, values: Mapping[str, Any]) -> str | None:
    """The account of a deal; its lead is the primary one, or the only one."""
    if name == "account":
        return values.get("account")
    leads: Sequence[str] = values.get("leads") or ()
    only = leads[0] if len(leads) == 1 else None
    return values.get("primary_lead") or only
