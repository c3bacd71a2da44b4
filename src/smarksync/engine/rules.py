"""A job's rules, compiled: what the config says in words becomes pure functions over values."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from smarksync.config import Config, Job, resolve_rules
from smarksync.mapping import Preset
from smarksync.model import Entity, Moves, equal
from smarksync.plan.job import JobRules, Person, Target
from smarksync.plan.reconcile import Rule, View
from smarksync.plan.side import NAME_PARTS, PER_SIDE
from smarksync.plugin import Can

from . import around
from .context import Lane, Run
from .owners import KIND


def compile_rules(
    config: Config,
    job: Job,
    mapped: Mapping[str, set[str]],
    lanes: list[Lane],
    presets: Mapping[str, Preset | None],
    run: Run,
) -> JobRules:
    entity = config.schema_[job.entity]
    refs = _followed(config, job) | {KIND}  # owners are matched wherever they are listed
    found = resolve_rules(job, mapped, config.schema_, refs=refs)
    prefer = job.adopt.prefer
    rules = {
        name: Rule(
            name=job.rule_name(name), source=rule.source, owner=rule.owner, restore=rule.enforce == "restore", merge=rule.merge,
            tie=None if rule.tie == "ask" else rule.tie, clear=rule.blank == "clear", prefer=prefer,
        )
        for name, rule in found.items()
    }  # fmt: skip
    for name in sorted(_known_on_one_side(mapped, entity, rules)):
        rules[name] = Rule(name=f"{job.name}.*")  # nobody to agree with: what the one side says is what is known
    if config.scoring and any(other.kind == "handoff" for other in config.jobs.values()):
        for name in ("score", "fit_score", "engagement_score"):
            rules.pop(name, None)  # computed here: what a system shows of them is no edit
    slow = {
        name: field for name, field in entity.fields.items() if field.type in ("phone", "instant", "money", "decimal")
    }
    coarse = max((lane.spec.resolution for lane in lanes), default=None)

    def same(name: str, a: Any, b: Any) -> bool:
        if a == b:
            return True
        field = slow.get(name)
        return field is not None and a is not None and b is not None and equal(field, a, b, resolution=coarse)

    skew = max([config.defaults.skew.timedelta.total_seconds(), *(lane.resolution for lane in lanes)])
    table = config.lifecycle.table()
    moves = Moves.default() if table is None else Moves.from_config(table)
    roles = {name: opened.role for name, opened in run.connections.items()}
    special = {name: _lifecycle(moves, roles) for name, rule in rules.items() if rule.merge == "lifecycle"}
    where = {name: around.test(run, config, job.entity, expression) for name, expression in job.where.items()}
    return JobRules(
        name=job.name, entity=job.entity, connections=tuple(job.connections), rules=rules,
        targets=_targets(config, job, lanes, presets, run), equal=same, skew=lambda _c: skew, where=where, special=special,
        subscribe=job.subscribe, regressions=_regressions, restless=around.restless(config, job),
        elsewhere=_elsewhere(config, job, mapped, rules),
    )  # fmt: skip


def _followed(config: Config, job: Job) -> set[str]:
    """Entities whose references a job can follow: some job keeps them in agreement over the same connections."""
    return {
        other.entity
        for other in config.jobs.values()
        if other.kind == "sync" and set(other.connections) >= set(job.connections)
    }


def _known_on_one_side(mapped: Mapping[str, set[str]], entity: Entity, rules: Mapping[str, Rule]) -> set[str]:
    """Fields that exactly one connection of the job maps: expressions see their values, and nothing is written."""
    found = set()
    for name, field in entity.fields.items():
        sides = sum(name in names or ("full_name" in names and name in NAME_PARTS) for names in mapped.values())
        ordinary = field.group == "ordinary" and field.ref is None
        if name not in rules and ordinary and sides == 1:
            found.add(name)
    return found


def _elsewhere(config: Config, job: Job, mapped: Mapping[str, set[str]], rules: Mapping[str, Rule]) -> frozenset[str]:
    """Fields that another job may merge on one of these connections, because this one has no rule for them."""
    for other in config.jobs.values():
        if other.kind != "sync" or other.name == job.name or other.entity != job.entity:
            continue
        if not set(other.connections).isdisjoint(job.connections):
            fields = config.schema_[job.entity].fields
            names = set().union(*mapped.values()).difference(rules, PER_SIDE)
            return frozenset(name for name in names if name in fields and fields[name].group == "ordinary")
    return frozenset()


def _regressions(_field: str, before: Any, after: Any) -> bool:
    from smarksync.model.lifecycle import rung

    return before is not None and after is not None and rung(after) < rung(before)


def _lifecycle(moves: Moves, roles: Mapping[str, str]) -> Callable[..., Any]:
    def merge(agreed: Any, voices: Sequence[View]) -> tuple[Any, str | None, str]:
        edits = [(roles.get(v.connection, "other"), v.observed) for v in voices if v.observed is not None]
        value, report = moves.merge(agreed, edits, False)
        winner = next((v.connection for v in voices if v.observed == value), None)
        illegal = ", ".join(f"{who} may not move {agreed} to {to}" for who, to in report.illegal)
        return value, winner, "lifecycle" + (f"; {illegal}" if illegal else "")

    return merge


def scope_of(entity: str, values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What an expression sees where one entity's values are all that is known."""
    scope: dict[str, Any] = {
        "account": None, "activities": (), "definitions": {}, "persona": None, "opportunity": None, "lead": None,
        "campaign": None, "now": now,
    }  # fmt: skip
    scope[entity] = values
    return scope


def _targets(
    config: Config, job: Job, lanes: list[Lane], presets: Mapping[str, Preset | None], run: Run
) -> dict[str, Target]:
    """Where new records go on each connection: the preset's stream, else the first that is mapped and takes them."""
    targets: dict[str, Target] = {}
    for name in job.connections:
        mine = [lane for lane in lanes if lane.stream.connection == name]
        if not mine:
            continue
        preset = presets[name]
        wanted = preset.creates.get(job.entity) if preset else None
        able = next((one for one in mine if Can.CREATE in one.spec.can), mine[0])
        lane = next((one for one in mine if one.stream.object == wanted), able)
        expression = job.creates(name)
        policy: Callable[[Mapping[str, Any], Person], Any] | None
        if expression is None or expression.never:
            policy = None
        elif expression.always:
            policy = _always
        else:
            policy = around.test(run, config, job.entity, expression)
        targets[name] = Target(lane.sid, name, lane.mapping, policy, lane.spec.subscribes_on_create)
    return targets


def _always(_values: Mapping[str, Any], _person: Person) -> bool:
    return True


def rules_hash(job: Job, config: Config, lanes: Sequence[Lane]) -> str:
    """Changes when what the job would decide about an unchanged entity could change."""
    said = job.model_dump_json(exclude={"guards"}, by_alias=True, warnings=False)
    seed = orjson.dumps(
        [said, sorted(lane.mapping.version for lane in lanes), str(config.lifecycle.moves), around.said(config, job)]
    )
    return hashlib.blake2b(seed, digest_size=12).hexdigest()


def asks(config: Config, entity: str, connection: str) -> str:
    """The `where` of every sync job over one entity of a connection, as text, with the definitions, personas and scores
    that it rests on: another one lets other records in."""
    jobs = [job for job in config.jobs.values() if job.kind == "sync" and job.entity == entity]
    asking = [job for job in jobs if connection in job.where]
    return "\n".join(
        line for job in asking for line in (f"{job.name}: {job.where[connection].text}", *around.said(config, job))
    )


def asked(config: Config, entity: str, connection: str) -> dict[str, frozenset[str]]:
    """{field: the sync jobs whose `where` of that connection reads it}: a write of it may let a record in or out."""
    found: dict[str, set[str]] = {}
    for job in config.jobs.values():
        if job.kind == "sync" and job.entity == entity and connection in job.where:
            for name in around.reads(config, entity, job.where[connection]):
                found.setdefault(name, set()).add(job.name)
    return {name: frozenset(jobs) for name, jobs in found.items()}
