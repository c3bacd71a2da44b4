"""Opens what the jobs name and compiles it: live schemas to mappings, rules to functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from smarksync.config import Config, Job, problems, read_settings
from smarksync.config.jobs import KINDS
from smarksync.errors import ConfigError, PermissionDenied, SystemFailure
from smarksync.ledger import schemas, streams
from smarksync.ledger.db import Ledger
from smarksync.mapping import (
    CompiledMapping,
    ObjectMapping,
    Preset,
    catalogue,
    compile_mapping,
    with_personas,
)
from smarksync.plugin import DescribesMany, FieldInfo, StreamSpec

from . import abilities, absent, agreements, around, named, observed, writers
from .contained import contain
from .context import JobRun, Lane, Opened, Run
from .owners import KIND, Owners
from .references import ConnectionReferences
from .registry import PluginBroken, Registry
from .rules import asked, asks, compile_rules, rules_hash
from .written import written_mappings

#: entities in the order in which they point at each other
PARENTS = ("campaign", "account", "lead", "opportunity")
OpenSessionFactory = Callable[[str, Any], Any]


def chosen_jobs(config: Config, names: Sequence[str], *, only_handoffs: bool = False) -> list[Job]:
    """The jobs of the run, in the order of their kinds. Raises ConfigError for one that does not exist.

    ``only_handoffs``: hand-off jobs, and the sync jobs over leads that they rest on.
    """
    for name in names:
        if name not in config.jobs:
            known = ", ".join(config.jobs) or "none"
            raise ConfigError(f"There is no job {name!r} in the config.", hint=f"Its jobs: {known}.")
    jobs = [job for name, job in config.jobs.items() if not names or name in names]
    if only_handoffs:
        handoffs = [job for job in jobs if job.kind == "handoff"]
        bases = {base.name for job in handoffs if (base := agreements.base_of(config, job)) is not None}
        jobs = [job for job in jobs if job.kind == "handoff" or job.name in bases]
        if not handoffs:
            raise ConfigError("`--only-handoffs` has nothing to do: no job of the config is a `handoff`.")
    # parents first: a row whose parent is not there waits for it
    return sorted(
        jobs, key=lambda job: (KINDS.index(job.kind), PARENTS.index(job.entity) if job.entity in PARENTS else 9)
    )


class Workshop:
    """Opens connections and compiles mappings for one run."""

    def __init__(
        self,
        config: Config,
        registry: Registry,
        ledger: Ledger,
        make_session: OpenSessionFactory,
        now: Callable[[], datetime],
    ) -> None:
        self.config, self.registry, self.ledger, self.make_session, self.now = (
            config,
            registry,
            ledger,
            make_session,
            now,
        )
        self.owners = Owners(ledger)
        self.presets: dict[str, Preset | None] = {}
        self.written: dict[str, dict[str, ObjectMapping]] = {}
        self.specs: dict[str, dict[str, StreamSpec]] = {}
        self.touched: dict[str, list[str]] = {}  # the objects that the jobs may touch, by connection
        self._shown: dict[str, dict[str, Sequence[FieldInfo]]] = {}

    def open(self, name: str) -> Opened:
        """One connection; building a connector does no I/O."""
        conn = self.config.connections[name]
        place = self.config.where(("connections", name, "connector"))
        try:
            spec = self.registry.spec(conn.connector)
        except ConfigError as error:
            raise type(error)(
                f"connection {name!r}: {error.message}", file=str(place.file), line=place.line, hint=error.hint
            ) from error
        settings = read_settings(self.config, name, spec.settings)
        session = self.make_session(name, settings)
        connector = contain(spec.open(settings, session), spec.name)
        opened = Opened(name, conn.role or spec.role, spec, connector, session)
        opened.reserve = conn.reserve
        opened.spend(reserve=False)
        try:
            found = spec.discover(settings) if spec.discover is not None else spec.streams
        except SystemFailure as error:
            error.connection, opened.failed, found = name, error, ()
        self.specs[name] = {s.name: s for s in found}
        self.written[name], self.presets[name] = written_mappings(self.config, name, spec, found)
        return opened

    def lane(self, opened: Opened, obj: str) -> Lane | None:
        """One stream, compiled against its live schema; None when the system cannot be reached and was never seen."""
        mapping = self.written[opened.name][obj]
        stream = streams.get(self.ledger, opened.name, obj, mapping.entity)
        live = self._describe(opened, obj, stream.sid)
        if live is None:
            return None
        try:
            return self.lane_of(opened, stream, live)
        except ConfigError:
            if opened.failed is None:
                raise
            return None  # what is remembered of a system that did not answer is nothing to blame the config for

    def lane_of(self, opened: Opened, stream: streams.Stream, live: Sequence[FieldInfo]) -> Lane:
        """A stream compiled against a schema that is at hand."""
        obj = stream.object
        mapping = self.written[opened.name][obj]
        spec = self.specs[opened.name].get(obj) or StreamSpec(obj, mapping.entity)
        compiled = self.compile(opened.name, spec, mapping, live)
        if mapping.entity == KIND:
            compiled = observed.read_only(compiled)
            self.owners.mappings[stream.sid] = compiled
        preset = self.presets[opened.name]
        order = list((preset.primary.get(mapping.entity) if preset else None) or self.written[opened.name])
        rank = order.index(obj) if obj in order else len(order)
        failed = opened.failed
        return Lane(stream, spec, compiled, opened.connector, rank, spec.resolution.total_seconds(), failed)

    def compile(
        self, connection: str, spec: StreamSpec, mapping: ObjectMapping, live: Sequence[FieldInfo]
    ) -> CompiledMapping:
        """The compiled mapping of one stream. A source that shows no fields at all (an empty file) has those we name."""
        if not live:
            live = [
                FieldInfo(vendor)
                for one in mapping.fields.values()
                if not one.offered
                for vendor in (one.vendor, one.currency)
                if vendor
            ]
        entities = self.config.schema_
        mapping = self._without_owners(connection, mapping)
        mapping = with_personas(mapping, {id: one.name for id, one in self.config.personas.items()}, live)
        return compile_mapping(
            connection, spec, mapping, live, entities[mapping.entity], country=self.config.defaults.country,
            currency=self.config.currency, transforms=catalogue(self.registry.transforms()),
            references=ConnectionReferences(self.ledger, connection, self.owners),
        )  # fmt: skip

    def _without_owners(self, connection: str, mapping: ObjectMapping) -> ObjectMapping:
        """A connection that does not list its owners cannot say who they are: fields that name one are left out."""
        fields = self.config.schema_[mapping.entity].fields
        if any(one.entity == KIND for one in self.written.get(connection, {}).values()):
            return mapping
        kept = {name: one for name, one in mapping.fields.items() if name not in fields or fields[name].ref != KIND}
        return mapping if len(kept) == len(mapping.fields) else replace(mapping, fields=kept)

    def _describe(self, opened: Opened, obj: str, sid: int) -> Sequence[FieldInfo] | None:
        if opened.failed is None:
            try:
                live = self._live(opened, obj)
            except SystemFailure as error:
                opened.fail(error)
            else:
                schemas.save(self.ledger, sid, live, self.now().isoformat())
                return live
        return schemas.last(self.ledger, sid)

    def _live(self, opened: Opened, obj: str) -> Sequence[FieldInfo]:
        """The live schema; with the first come the others that this run will ask for, where that saves calls."""
        if opened.name not in self._shown:
            wanted = [one for one in self.touched.get(opened.name, ()) if one in self.specs[opened.name]]
            asked = opened.connector if obj in wanted and len(wanted) > 1 else None
            self._shown[opened.name] = dict(asked.describe_many(wanted)) if isinstance(asked, DescribesMany) else {}
        found = self._shown[opened.name].pop(obj, None)
        return opened.connector.describe(obj) if found is None else found


def open_connections(run: Run, workshop: Workshop, jobs: Sequence[Job]) -> list[str]:
    """Opens what the jobs name, without any I/O; returns each (connection, object) that they may touch, for leases."""
    config = workshop.config
    names: set[str] = set()
    for job in jobs:
        try:
            for name in job.connections:
                if name not in run.connections:
                    run.connections[name] = workshop.open(name)
        except PluginBroken as broken:
            run.refused[job.name] = broken
            continue
        if job.kind == "sync":
            for name in job.connections:
                for kind in (job.entity, *around.facts(config, job)):
                    names |= {f"{name}:{obj}" for obj in observed.objects(workshop.written[name], kind)}
        else:
            names.update(agreements.touches(job, workshop.written))
        for one in observed.wanted(config, workshop.written, job):
            names |= {
                f"{name}:{obj}"
                for name in one.connections
                for obj in observed.objects(workshop.written[name], one.entity)
            }
    for name, _, obj in (one.partition(":") for one in sorted(names)):
        workshop.touched.setdefault(name, []).append(obj)
    return sorted(names)


def open_run(run: Run, config: Config, workshop: Workshop, jobs: Sequence[Job]) -> None:
    """Lanes of the opened connections, mappings of every stream, and the jobs' rules."""
    run.owners = workshop.owners
    run.named = {name: frozenset(job.connections) for name, job in config.jobs.items()}
    for job in jobs:
        if job.name in run.refused:
            continue
        _add_job(run, config, workshop, job)
    if clash := writers.clashes(config, [config.jobs[one.name] for one in run.jobs], run.mappings.values()):
        raise problems.error(clash)
    for compiled in run.jobs:  # when it is known what the jobs read by themselves
        _observe(run, config, workshop, config.jobs[compiled.name], compiled)
    if run.refused and not run.jobs:
        raise next(iter(run.refused.values()))
    kinds = Counter(job.entity for job in config.jobs.values() if job.kind == "sync")
    run.shared = frozenset(str(kind) for kind, count in kinds.items() if count > 1)
    run.handing = tuple(name for name, job in config.jobs.items() if job.kind == "handoff")
    _other_streams(run, config, workshop)


def _add_job(run: Run, config: Config, workshop: Workshop, job: Job) -> None:
    """One job more — or its refusal, when it names a field that an account lacks: the other jobs run."""
    before = dict(run.lanes), dict(run.mappings)
    compiled = _job(run, config, workshop, job) if job.kind == "sync" else _of_agreement(run, config, workshop, job)
    used = [lane.mapping for lane in compiled.lanes if lane.failed is None]
    asked = {name: [lane.spec for lane in compiled.lanes if lane.stream.connection == name and lane.stream.object in
                    workshop.specs[name]] for name in job.connections}  # fmt: skip
    for place, wrong, right in abilities.impossible(job, asked):
        run.lanes, run.mappings = before
        run.refused[job.name] = ConfigError(
            f"job {job.name!r}, {wrong}", file=str(place.file), line=place.line, hint=right
        )
        return
    lacking = named.lacking([one for one in named.by_config(config) if one.job == job.name], used)
    if lacking:
        run.lanes, run.mappings = before
        run.refused[job.name] = named.refusal(job.name, lacking)
    else:
        run.jobs.append(compiled)


def _observe(run: Run, config: Config, workshop: Workshop, job: Job, compiled: JobRun) -> None:
    """The lanes that the job needs to know and never writes; those that a job keeps in agreement are read anyway."""
    for one in observed.wanted(config, workshop.written, job):
        known = {lane.name: lane for lane in run.lanes.values()}
        mine = [lane for j in run.observed if j.rules.entity == one.entity for lane in j.lanes]
        for name in one.connections:
            for obj in observed.objects(workshop.written[name], one.entity):
                lane = known.get(f"{name}:{obj}") or _observed_lane(run, workshop, name, obj)
                if lane is None:
                    continue
                run.lanes[lane.sid], run.mappings[lane.sid] = lane, lane.mapping
                compiled.observes += (lane,)
                if lane not in mine and not any(lane in j.lanes for j in run.jobs if j.work is None):
                    mine.append(lane)
        run.observed = [j for j in run.observed if j.rules.entity != one.entity]
        if mine:
            own = observed.match_of(job) if one.entity == "campaign" else None
            run.observed.append(observed.job_of(config, one.entity, mine, own))
            run.match.setdefault(one.entity, run.observed[-1].match)


def _observed_lane(run: Run, workshop: Workshop, name: str, obj: str) -> Lane | None:
    """Where the account may not list them, nothing is observed; the job goes on without."""
    opened = run.connections[name]
    was = opened.failed
    lane = workshop.lane(opened, obj)
    if was is None and isinstance(opened.failed, PermissionDenied):
        run.notes.append(f"{name}:{obj} may not be read with these credentials; what was known of it stays.")
        opened.failed, lane = None, None
    if lane is not None:
        lane.mapping = observed.read_only(lane.mapping)
    return lane


def _of_agreement(run: Run, config: Config, workshop: Workshop, job: Job) -> JobRun:
    """A job of the working agreement: people of both sides, and every fact that they list."""
    lanes, failed = _lanes(run, config, workshop, job, "lead")
    known: list[Lane] = []
    lists = bool(job.lists) or job.kind == "memberships"
    for kind in ("activity", "membership", *(("campaign",) if lists else ())):
        found, _ = _lanes(run, config, workshop, job, kind, needed=False)
        known += found
    make = {
        "handoff": agreements.handoff,
        "outcomes": agreements.outcomes,
        "activities": agreements.activities,
        "memberships": agreements.memberships,
    }[job.kind]
    compiled = make(run, config, job, lanes, known, workshop.presets)
    compiled.failed = failed
    return compiled


def _lanes(
    run: Run, config: Config, workshop: Workshop, job: Job, entity: str, *, needed: bool = True
) -> tuple[list[Lane], str | None]:
    """The lanes of one entity on every connection of a job, and a connection that failed."""
    lanes: list[Lane] = []
    failed: str | None = None
    for name in job.connections:
        objects = observed.objects(workshop.written[name], entity)
        if not objects and needed:
            place = config.where(("jobs", job.name))
            raise ConfigError(f"job {job.name!r}: connection {name!r} has no mapping for {entity}.", file=str(place.file), line=place.line,
                              hint=f"Add `mappings.{name}.OBJECT` with `entity: {entity}`.")  # fmt: skip
        for obj in objects:
            lane = next(
                (known for known in run.lanes.values() if known.name == f"{name}:{obj}"), None
            ) or workshop.lane(run.connections[name], obj)
            if lane is None:
                failed = name
                continue
            if entity == "campaign":  # members are put into it, and nothing of itself is written
                lane.mapping = observed.read_only(lane.mapping)
            lane.asks, lane.asked = asks(config, entity, name), asked(config, entity, name)
            run.lanes[lane.sid], run.mappings[lane.sid] = lane, lane.mapping
            lanes.append(lane)
    return lanes, failed


def _job(run: Run, config: Config, workshop: Workshop, job: Job) -> JobRun:
    lanes, failed = _lanes(run, config, workshop, job, job.entity)
    deeds = [
        lane for kind in around.facts(config, job) for lane in _lanes(run, config, workshop, job, kind, needed=False)[0]
    ]
    mapped: dict[str, set[str]] = {}
    for lane in lanes:
        mapped.setdefault(lane.stream.connection, set()).update(lane.mapping.fields)
    match: list[Any] = [key[0] if len(key) == 1 else key for key in config.match_of(job.name)]
    run.match[job.entity] = match
    rules = compile_rules(config, job, mapped, lanes, workshop.presets, run)
    compiled = JobRun(
        job.name,
        rules,
        match,
        lanes,
        dict(job.create),
        dict(job.deletes),
        config.guards_for(job.name),
        rules_hash(job, config, lanes),
    )
    compiled.failed = failed
    compiled.observes = tuple(deeds)
    return compiled


def _other_streams(run: Run, config: Config, workshop: Workshop) -> None:
    """Streams of connections that this run does not open still follow what is agreed: compiled from their last schema."""
    for stream in (every := streams.every(run.ledger)):
        run.connection_of[stream.sid] = stream.connection
        if stream.sid in run.mappings or stream.connection not in config.connections:
            continue
        live = schemas.last(run.ledger, stream.sid)
        if live is None:
            continue
        try:
            spec = workshop.registry.spec(config.connections[stream.connection].connector)
            available = (
                spec.streams
                if stream.connection not in workshop.specs
                else tuple(workshop.specs[stream.connection].values())
            )
            written, _ = written_mappings(config, stream.connection, spec, ())
            if (mapping := written.get(stream.object)) is None:
                continue
            found = next((s for s in available if s.name == stream.object), StreamSpec(stream.object, mapping.entity))
            run.mappings[stream.sid] = workshop.compile(stream.connection, found, mapping, live)
            if mapping.entity == KIND:
                workshop.owners.mappings[stream.sid] = run.mappings[stream.sid]
        except ConfigError as error:
            opened = run.connections.get(stream.connection)
            if opened is not None and opened.failed is not None:
                continue  # what is remembered of it does not fit; that it did not answer is told already
            run.notes.append(f"{stream.connection}:{stream.object} is left as it is: {error.message}")
    absent.leave(run, every)
