"""Entities that a job needs to know and never writes: the colleagues who own its records, to begin with.

Their streams are pulled by the same intake as all others, matched to entities with links, and what their sides show
becomes agreed by rules that write nowhere. No guard counts them, nothing about them is asked of people, and a
failure of theirs stops no job: what was known of them stays.

:func:`wanted` is the one place that says which entities a job observes, and where. Another one is another line there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from smarksync.config import Config, Job
from smarksync.ledger import links, states
from smarksync.ledger.db import dumps
from smarksync.mapping import CompiledMapping, ObjectMapping
from smarksync.model import Entity
from smarksync.plan.job import JobRules
from smarksync.plan.match import OWNER
from smarksync.plan.reconcile import Rule

from . import around, decide, owners
from .context import JobRun, Lane, Run
from .lookup import unite

#: what the jobs of the agreement have to know, parents first
AGREED = (owners.KIND, "campaign", "account", "opportunity")
#: how the rows of an observed entity meet; other entities by the keys of schema.md
MATCH: Mapping[str, list[Any]] = {owners.KIND: [OWNER]}


class Wanted(NamedTuple):
    """An entity that is read on some connections, for the jobs that need it."""

    entity: str
    connections: tuple[str, ...]


def wanted(config: Config, written: Mapping[str, Mapping[str, ObjectMapping]], job: Job) -> list[Wanted]:
    """What a job observes, from the mappings alone: nothing is asked of any system."""
    if job.kind != "sync":
        return [one for entity in AGREED if (one := _for_agreement(config, written, job, entity)) is not None]
    places = tuple(name for name in job.connections if names_owners(config, written.get(name, {}), job.entity))
    found = [Wanted(owners.KIND, places)] if len(places) > 1 else []
    for entity in sorted({"account", "lead"} & around.of_job(config, job) - {job.entity}):
        one = _for_agreement(config, written, job, entity)
        found += [one] if one is not None else []
    return found


def _for_agreement(
    config: Config, written: Mapping[str, Mapping[str, ObjectMapping]], job: Job, entity: str
) -> Wanted | None:
    """Owners and accounts wherever they are listed, sales where sales keeps them; what a sync job reads, that job reads."""
    if any(other.kind == "sync" and other.entity == entity for other in config.jobs.values()):
        return None
    if entity == "campaign" and job.kind != "memberships" and not job.lists:
        return None
    names = (str(job.to), str(job.from_)) if job.kind == "handoff" else job.connections
    seller = job.to if job.kind == "handoff" else job.from_
    if entity == "opportunity":
        names = (str(seller),) if seller else ()
    places = tuple(name for name in names if objects(written.get(name, {}), entity))
    return Wanted(entity, places) if places else None


def names_owners(config: Config, written: Mapping[str, ObjectMapping], entity: str) -> bool:
    """Whether the records of an entity name their owner on a connection that lists its owners, too."""
    fields = config.schema_[entity].fields
    listed = any(mapping.entity == owners.KIND for mapping in written.values())
    return listed and any(
        name in fields and fields[name].ref == owners.KIND
        for mapping in written.values()
        if mapping.entity == entity
        for name in mapping.fields
    )


def match_of(job: Job) -> list[Any]:
    """How campaigns of several systems meet: by the keys of the job, else by our id and by their name."""
    return [key[0] if len(key) == 1 else list(key) for key in job.match] if job.match else ["external_id", "name"]


def objects(written: Mapping[str, ObjectMapping], entity: str) -> list[str]:
    """The streams of a connection that hold the entity."""
    return [name for name, mapping in written.items() if mapping.entity == entity]


def job_of(config: Config, entity: str, lanes: list[Lane], own: list[Any] | None = None) -> JobRun:
    """The internal job that learns what the lanes show: the same answer in whatever order they are read."""
    fields = {name for lane in lanes for name in lane.mapping.fields}
    schema: Entity = config.schema_[entity]
    rules = {
        name: Rule(name=f"observed.{name}", merge="latest", clear=True)
        for name, field in schema.fields.items()
        if name in fields and field.group == "ordinary" and (field.ref is None or entity != owners.KIND)
    }
    connections = tuple(dict.fromkeys(lane.stream.connection for lane in lanes))
    synced = (config.match_of(job.name) for job in config.jobs.values() if job.kind == "sync" and job.entity == entity)
    named = next(synced, schema.match)  # match keys belong to the workspace, whichever of its jobs runs
    match = list(MATCH.get(entity) or own or [key[0] if len(key) == 1 else list(key) for key in named])
    seed = orjson.dumps([entity, sorted(rules), sorted(lane.mapping.version for lane in lanes)])
    return JobRun(
        name_of(entity), JobRules(entity=entity, name=name_of(entity), connections=connections, rules=rules, targets={},
                                  equal=lambda _name, a, b: a == b, skew=lambda _c: 0.0),
        match, lanes, {}, {}, {}, hashlib.blake2b(seed, digest_size=12).hexdigest(), facts=True,
    )  # fmt: skip


def name_of(entity: str) -> str:
    """The name under which the change log keeps its mark; no job of a config can be called so."""
    return f"observed:{entity}"


def read_only(mapping: CompiledMapping) -> CompiledMapping:
    """The same mapping, in which nothing can be written."""
    return replace(mapping, fields={name: replace(field, write=False) for name, field in mapping.fields.items()})


def learn(run: Run) -> None:
    """What the lanes show becomes known, and records that waited for it are looked at again."""
    for job in run.observed:
        if job.rules.entity == owners.KIND:
            _join_colleagues(run)
        since, top = states.mark(run.ledger, job.name), decide.plan_job(run, job)
        with run.ledger.tx():
            if job.rules.entity == owners.KIND:
                run.owners.forget()
                _wake_owned(run, since)
            states.set_mark(run.ledger, job.name, top)
            states.clear_due(run.ledger, job.name)
            states.set_rules(run.ledger, job.name, job.rules_hash)
        _say_failures(run, job)


def _join_colleagues(run: Run) -> None:
    """A colleague who came back, or got the address that the other system knows: one of two, where nothing is in doubt."""
    sql = (
        "SELECT k.value, group_concat(k.eid) FROM keys k JOIN entities e ON e.eid = k.eid WHERE k.kind = ? AND k.weak = 0 "
        "AND e.state = 'live' GROUP BY k.value HAVING count(*) > 1"
    )
    for _, eids in run.ledger.rows(sql, (OWNER,)):
        group = sorted(int(eid) for eid in str(eids).split(","))
        found = links.of_entities(run.ledger, group)
        places = [
            place
            for eid in group
            for place in {run.connection_of.get(k.sid) for k in found.get(eid, []) if k.state == links.LIVE}
        ]
        if len(places) == len(set(places)):
            with run.ledger.tx():
                for other in group[1:]:
                    unite(run, other, group[0])
                states.changed(run.ledger, [(group[0], None, None, run.run_id)])


def _wake_owned(run: Run, since: int) -> None:
    """Records whose owner became another for us: a colleague was found on one more system, or is back."""
    news = run.ledger.rows(
        "SELECT DISTINCT c.eid FROM changes c JOIN entities e ON e.eid = c.eid WHERE c.seq > ? AND e.kind = ? "
        "AND e.state = 'live'",
        (since, owners.KIND),
    )
    names = sorted(owners.refs_of(run.ledger, [eid for (eid,) in news]))
    if names:
        run.ledger.run(
            "INSERT INTO changes (eid, sid, rid, run) SELECT eid, NULL, NULL, ? FROM entities WHERE state = 'live' "
            "AND kind <> ? AND json_extract(CAST(agreed AS TEXT), '$.owner') IN (SELECT value FROM json_each(?))",
            (run.run_id, owners.KIND, dumps(names).decode()),
        )


def _say_failures(run: Run, job: JobRun) -> None:
    for lane in job.lanes:
        if lane.failed is not None and run.connections[lane.stream.connection].failed is None:
            run.notes.append(f"{lane.name} could not be read; what was known of it stays.")


def lanes_of(jobs: Iterable[JobRun]) -> list[Lane]:
    """The lanes of internal jobs, once each."""
    return list({id(lane): lane for job in jobs for lane in job.lanes}.values())


__all__ = ["Wanted", "job_of", "learn", "names_owners", "objects", "read_only", "wanted"]
