"""Compiles the jobs of the working agreement: which lanes they read and write, by which rules.

They reuse links, mappings and match keys of the sync job over the same entity and connections; a hand-off's create
carries that job's fields.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from smarksync.config import Config, Job
from smarksync.mapping import ObjectMapping, Preset
from smarksync.model.lead import LEAD
from smarksync.model.lifecycle import rung
from smarksync.plan.job import JobRules, Person, Target
from smarksync.plan.reconcile import Rule
from smarksync.plugin import Can

from . import offers
from .activities import Activities
from .context import JobRun, Lane, Run
from .handoff import Handoff
from .memberships import Memberships
from .offers import Rooms
from .outcomes import Outcomes
from .rules import compile_rules

OUTCOMES = tuple(name for name, field in LEAD.fields.items() if field.group == "outcome")


def base_of(config: Config, job: Job) -> Job | None:
    """The sync job over leads of the same connections."""
    fitting = (j for j in config.jobs.values() if j.kind == "sync" and j.entity == "lead")
    return next((j for j in fitting if set(job.connections) <= set(j.connections)), None)


def touches(job: Job, written: Mapping[str, Mapping[str, ObjectMapping]]) -> Iterable[str]:
    """Each (connection, object) of people and facts that a job of the agreement reads or writes, for leases."""
    for name in job.connections:
        for obj, mapping in written[name].items():
            if mapping.entity in ("lead", "activity", "membership", "campaign"):
                yield f"{name}:{obj}"


def handoff(
    run: Run, config: Config, job: Job, lanes: Sequence[Lane], facts: Sequence[Lane],
    presets: Mapping[str, Preset | None],
) -> JobRun:  # fmt: skip
    """A hand-off job, compiled."""
    to = str(job.to)
    base = base_of(config, job)
    mapped: dict[str, set[str]] = {}
    for lane in lanes:
        mapped.setdefault(lane.stream.connection, set()).update(lane.mapping.fields)
    synced: Mapping[str, Rule] = {}
    where: Mapping[str, Callable[[Mapping[str, Any], Person | None], Any]] = {}
    if base is not None:
        rules = compile_rules(config, base, mapped, list(lanes), presets, run)
        synced, where = rules.rules, rules.where
    names = set().union(*mapped.values()) if mapped else set()
    own = {
        name: Rule(name=f"{job.name}.{name}", clear=True)
        for name in (*offers.FIELDS, *offers.MOVED)
        if name in names and (config.scoring or name not in ("score", "fit_score", "engagement_score"))
    }
    task = _task_lane(facts, to, presets)
    equal = _equal(run, lanes)
    update = JobRules(name=job.name, entity="lead", connections=tuple(job.connections), rules=own, targets={}, equal=equal,
                      skew=lambda _c: 0.0, subscribe=job.subscribe, regressions=_back, where=where, others=frozenset(synced))  # fmt: skip
    create = JobRules(
        name=job.name, entity="lead", connections=tuple(job.connections), rules={**synced, **own}, targets=_target(lanes, to, presets),
        equal=equal, skew=lambda _c: 0.0, subscribe=job.subscribe,
    )  # fmt: skip
    lengths = [
        c.max_length for lane in lanes if (c := lane.mapping.fields.get("handoff_note")) is not None and c.max_length
    ]
    rooms = Rooms(update, create, task, min([offers.NOTE_LENGTH, *lengths]))
    late = {lane.sid for lane in lanes if lane.stream.connection != to} | ({task.sid} if task is not None else set())
    # who is outside `where` of the sync job takes no part in hand-offs either
    compiled = _compiled(config, job, update, [*lanes, *([task] if task is not None else [])], run)
    compiled.work, compiled.late = Handoff(run, config, job, rooms), frozenset(late)
    compiled.observes = tuple(lane for lane in facts if lane is not task)
    compiled.waits_for = frozenset(
        n for n, j in config.jobs.items() if j.kind == "sync" and not config.handoffs_flow(n)
    )
    return compiled


def outcomes(
    run: Run, config: Config, job: Job, lanes: Sequence[Lane], facts: Sequence[Lane],
    presets: Mapping[str, Preset | None],
) -> JobRun:  # fmt: skip
    """An outcomes job, compiled: it writes to marketing only."""
    to = str(job.to)
    written = [lane for lane in lanes if lane.stream.connection == to]
    names = set().union(*(lane.mapping.fields for lane in written))
    rules = JobRules(
        name=job.name, entity="lead", connections=(to,), targets={}, equal=_equal(run, lanes), skew=lambda _c: 0.0,
        rules={name: Rule(name=f"{job.name}.{name}", clear=True) for name in OUTCOMES if name in names},
    )  # fmt: skip
    lists = [
        one
        for one in facts
        if one.stream.connection == to and (one.stream.entity == "membership" or Can.ASSOCIATE in one.spec.can)
    ]
    compiled = _compiled(config, job, rules, [*written, *(lists if job.lists else ())], run)
    compiled.work = Outcomes(config, job, rules)
    compiled.observes = tuple(lane for lane in (*lanes, *facts) if lane not in compiled.lanes)
    return compiled


def activities(
    run: Run, config: Config, job: Job, lanes: Sequence[Lane], facts: Sequence[Lane],
    presets: Mapping[str, Preset | None],
) -> JobRun:  # fmt: skip
    """An activities job, compiled: it writes new activities to one side."""
    to = str(job.to)
    mine = [
        one
        for one in facts
        if one.stream.connection == to and one.stream.entity == "activity" and Can.CREATE in one.spec.can
    ]
    preset = presets.get(to)
    first = preset.creates.get("activity") if preset else None
    mine.sort(key=lambda lane: lane.stream.object != first)
    rules = JobRules(name=job.name, entity="lead", connections=tuple(job.connections), rules={}, targets={}, equal=_equal(run, lanes),
                     skew=lambda _c: 0.0)  # fmt: skip
    compiled = _compiled(config, job, rules, mine, run)
    compiled.work = Activities(config, job, mine)
    compiled.observes = tuple(lane for lane in (*lanes, *facts) if lane not in mine)
    return compiled


def memberships(
    run: Run, config: Config, job: Job, lanes: Sequence[Lane], facts: Sequence[Lane],
    presets: Mapping[str, Preset | None],
) -> JobRun:  # fmt: skip
    """A memberships job, compiled: it writes memberships, or associations with lists, on every side."""
    mine = [one for one in facts if one.stream.entity == "membership" or Can.ASSOCIATE in one.spec.can]
    rules = JobRules(name=job.name, entity="lead", connections=tuple(job.connections), rules={}, targets={}, equal=_equal(run, lanes),
                     skew=lambda _c: 0.0)  # fmt: skip
    compiled = _compiled(config, job, rules, mine, run)
    compiled.work = Memberships(config, job)
    compiled.observes = tuple(lane for lane in (*lanes, *facts) if lane not in mine)
    return compiled


def _compiled(config: Config, job: Job, rules: JobRules, lanes: list[Lane], run: Run) -> JobRun:
    match = run.match.setdefault("lead", _match(config, job))
    return JobRun(
        job.name, rules, match, lanes, {}, {}, config.guards_for(job.name), _hash(config, job, lanes), kind=job.kind
    )


def _match(config: Config, job: Job) -> list[Any]:
    base = base_of(config, job)
    if base is None:
        return [key[0] if len(key) == 1 else key for key in LEAD.match]
    return [key[0] if len(key) == 1 else key for key in config.match_of(base.name)]


def _hash(config: Config, job: Job, lanes: Sequence[Lane]) -> str:
    """Changes when what the job would decide about an unchanged lead could change."""
    said = [one.model_dump_json(by_alias=True, warnings=False) for one in (job, *config.definitions.values(), *config.personas.values(),
                                                                        *config.scoring, *config.routing)]  # fmt: skip
    segments = config.agreement.segments.values() if config.agreement else ()
    said += [one.model_dump_json(by_alias=True, warnings=False) for one in segments]
    seed = orjson.dumps([said, sorted(lane.mapping.version for lane in lanes), str(config.lifecycle.moves)])
    return hashlib.blake2b(seed, digest_size=12).hexdigest()


def _equal(run: Run, lanes: Sequence[Lane]) -> Callable[[str, Any, Any], bool]:
    from smarksync.model import equal

    coarse = max((lane.spec.resolution for lane in lanes), default=None)
    slow = {name: field for name, field in LEAD.fields.items() if field.type in ("instant", "money")}

    def same(name: str, a: Any, b: Any) -> bool:
        if a == b:
            return True
        return name in slow and a is not None and b is not None and equal(slow[name], a, b, resolution=coarse)

    return same


def _back(_field: str, before: Any, after: Any) -> bool:
    """Off the ladder is where a case ends, no regression that a guard should count."""
    return before is not None and rung(after) >= 0 and rung(after) < rung(before)


def _target(lanes: Sequence[Lane], to: str, presets: Mapping[str, Preset | None]) -> dict[str, Target]:
    """Where the lead is made: the preset's stream for creates, else the first that can."""
    mine = [lane for lane in lanes if lane.stream.connection == to]
    preset = presets.get(to)
    wanted = preset.creates.get("lead") if preset else None
    lane = next((one for one in mine if one.stream.object == wanted), None) or next(
        (one for one in mine if Can.CREATE in one.spec.can), None
    )
    if lane is None:
        return {}
    return {to: Target(lane.sid, to, lane.mapping, lambda _values, _person: True, lane.spec.subscribes_on_create)}


def _task_lane(facts: Sequence[Lane], to: str, presets: Mapping[str, Preset | None]) -> Lane | None:
    """Where tasks go: the preset's stream for new activities, else one that is called so and can be written."""
    mine = [
        one
        for one in facts
        if one.stream.connection == to and one.stream.entity == "activity" and Can.CREATE in one.spec.can
    ]
    preset = presets.get(to)
    wanted = preset.creates.get("activity") if preset else None
    named = [one for one in mine if one.stream.object == wanted] or [
        one for one in mine if "task" in one.stream.object.lower()
    ]
    return named[0] if named else None
