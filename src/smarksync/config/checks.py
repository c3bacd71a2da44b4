"""What must fit together across sections, and needs no live system to be known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from smarksync.model import CustomField, Entity, SchemaProblem, ValueProblem, normalise
from smarksync.model import schema as model_schema
from smarksync.model.lifecycle import LADDER
from smarksync.model.lifecycle import VALUES as LIFECYCLE

from .agreement import Agreement, Promise
from .bindings import bind_expressions
from .jobs import ACTIVITY_TYPES, REPORTED, SYNCED, Job
from .problems import Path, Problem, near, suggest
from .rules import check_rules, check_writers
from .schema import Config, ConnectionMapping

Schema = Mapping[str, Entity]


def build_schema(config: Config) -> tuple[Schema, list[Problem]]:
    """The canonical schema with the config's own fields, and what is wrong with those."""
    good: dict[str, dict[str, CustomField]] = {}
    problems: list[Problem] = []
    for entity, section in config.entities.items():
        known = model_schema()
        if entity not in known:
            problems.append(section.problem(f"there is no entity `{entity}`.", suggest(entity, known)))
            continue
        for name, custom in section.fields.items():
            field = CustomField(custom.type, tuple(custom.values or ()))
            try:
                model_schema({entity: {name: field}})
            except SchemaProblem as e:
                problems.append(custom.problem(f"{e}.", ""))
            else:
                good.setdefault(entity, {})[name] = field
    return model_schema(good), problems


def check(config: Config, schema: Schema, *, whole: bool = True) -> tuple[list[Problem], list[Problem]]:
    """(warnings, problems) of a config whose parts are each valid. Compiles its expressions.

    Of a config that is not ``whole``, only what does not refer to the missing parts is judged.
    """
    warnings, problems = bind_expressions(config, schema)
    if not whole:
        return warnings, problems
    problems += _ledger(config)
    problems += [p for job in config.jobs.values() for p in _job(config, job, schema)]
    problems += _same_match(config)
    problems += _hand_offs(config)
    problems += _mappings(config, schema)
    problems += check_writers(_complete(config, schema), _writable(config), schema)
    problems += _definitions(config, schema)
    problems += _lifecycle(config)
    problems += _country(config, schema)
    problems += _goals(config)
    if config.agreement:
        problems += _agreement(config.agreement, schema, bool(config.routing))
        warnings += _channels(config)
    warnings += _unused(config)
    return warnings, problems


def _country(config: Config, schema: Schema) -> Iterator[Problem]:
    if config.defaults.country is None:
        return
    try:
        code = normalise(schema["lead"].fields["country"], config.defaults.country)
    except ValueProblem as e:
        yield config.defaults.problem(
            f"`{config.defaults.country}`: {e.message}.", "Write its ISO code: `DE`.", at=("country",)
        )
        return
    if code != config.defaults.country:
        yield config.defaults.problem(
            f"`{config.defaults.country}` is not an ISO code.", f"Write `{code}`.", at=("country",)
        )


# -- jobs


def _job(config: Config, job: Job, schema: Schema) -> Iterator[Problem]:
    named: list[tuple[str, str, int | None]] = [("between", c, i) for i, c in enumerate(job.between or ())]
    named += [(key, c, None) for key, c in (("from", job.from_), ("to", job.to)) if c]
    for key, connection, index in named:
        if connection not in config.connections:
            at: Path = (key,) if index is None else (key, index)
            yield job.problem(f"`{connection}` is no connection.", suggest(connection, config.connections), at=at)
    sides = _sides(config, job)
    for key, given in (("create", job.create), ("where", job.where), ("deletes", job.deletes)):
        for side in given:
            if side not in sides:
                yield job.problem(
                    f"`{side}` in `{key}` is no connection of this job.", suggest(side, job.connections), at=(key, side)
                )
    if job.adopt.prefer and job.adopt.prefer not in sides:
        prefer = job.adopt.prefer
        yield job.adopt.problem(
            f"`prefer: {prefer}` names no connection of this job.", suggest(prefer, job.connections), at=("prefer",)
        )
    yield from _entities(job, schema, sides)


def _sides(config: Config, job: Job) -> tuple[str, ...]:
    """The job's connections; when one of them is misspelt, any that exists, so that the mistake is told once."""
    known = all(c in config.connections for c in job.connections)
    return job.connections if known else (*job.connections, *config.connections)


def _entities(job: Job, schema: Schema, sides: tuple[str, ...]) -> Iterator[Problem]:
    if job.sync is not None and job.sync not in SYNCED:
        yield job.problem(
            f"`sync: {job.sync}` names nothing that can be synced.", suggest(job.sync, SYNCED), at=("sync",)
        )
        return
    for index, entity in enumerate(job.outcomes or ()):
        if entity not in REPORTED:
            yield job.problem(f"`{entity}` has no outcomes.", suggest(entity, REPORTED), at=("outcomes", index))
    for index, word in enumerate(job.activities or ()):
        if word not in ACTIVITY_TYPES:
            hint = suggest(word, ACTIVITY_TYPES)
            yield job.problem(f"`{word}` is not a type of activity.", hint, at=("activities", index))
    if job.entity not in schema:
        return  # said above: what it names is no entity
    fields = schema[job.entity].fields
    for index, key in enumerate(job.match or ()):
        for name in key:
            if name not in fields:
                yield job.problem(
                    f"match key `{name}` is no field of {job.entity}.", suggest(name, fields), at=("match", index)
                )
    if job.fields:
        yield from check_rules(job, schema, sides)


def _same_match(config: Config) -> Iterator[Problem]:
    """Jobs that share an entity and a connection find people in the same way."""
    first: dict[tuple[str, str], Job] = {}
    told: set[str] = set()
    for job in config.jobs.values():
        if job.kind != "sync":
            continue
        for connection in job.connections:
            other = first.setdefault((job.entity, connection), job)
            if config.match_of(other.name) != config.match_of(job.name) and job.name not in told:
                told.add(job.name)
                first_said = f"`{other.name}` ({other.place('match')})"
                said = f"`match` differs from that of {first_said}, which also syncs {job.entity} with `{connection}`."
                yield job.problem(said, "Jobs over the same records match by the same keys.", at=("match",))


def _hand_offs(config: Config) -> Iterator[Problem]:
    for job in config.jobs.values():
        if job.kind != "handoff":
            continue
        pair = set(job.connections)
        known = pair <= set(config.connections)
        if known and not any(j.sync == "lead" and pair <= set(j.connections) for j in config.jobs.values()):
            said = (
                f"no job syncs lead between `{job.from_}` and `{job.to}`; the hand-off uses its links and match keys."
            )
            yield job.problem(said, f"Add a job: `sync: lead`, `between: [{job.from_}, {job.to}]`.", at=("handoff",))


# -- mappings


def _mappings(config: Config, schema: Schema) -> Iterator[Problem]:
    for connection, mapping in config.mappings.items():
        if connection not in config.connections:
            hint = suggest(connection, config.connections)
            yield config.problem(
                f"`mappings` names `{connection}`, which is no connection.", hint, at=("mappings", connection)
            )
        for name, one in mapping.objects.items():
            at = ("mappings", connection, name)
            overlay = bool(one.extends or mapping.extends)
            if one.entity is None and not overlay:
                yield config.problem(
                    f"the mapping of `{name}` has no `entity`.", f"Add `entity: {near(name, schema) or 'lead'}`.", at=at
                )
            if one.entity is not None and one.entity not in schema:
                yield config.problem(f"`{one.entity}` is no entity.", suggest(one.entity, schema), at=(*at, "entity"))
                continue
            yield from _mapped_fields(config, mapping, (connection, name), schema, overlay)


def _mapped_fields(
    config: Config, mapping: ConnectionMapping, where: tuple[str, str], schema: Schema, overlay: bool
) -> Iterator[Problem]:
    one = mapping.objects[where[1]]
    at = ("mappings", *where, "fields")
    fields = schema[one.entity].fields if one.entity else None
    for canonical, target in one.fields.items():
        known = fields if fields is not None else {f: 0 for e in schema.values() for f in e.fields}
        if canonical not in known:
            hint = suggest(canonical, known) + f" Own fields stand under `entities.{one.entity or 'lead'}.fields`."
            yield config.problem(
                f"`{canonical}` is no field of {one.entity or 'any entity'}.", hint, at=(*at, canonical)
            )
            continue
        if target is None:
            if not overlay:
                yield config.problem(
                    f"`{canonical}` has no vendor field.", f"Write `{canonical}: VENDOR_FIELD`.", at=(*at, canonical)
                )
            continue
        field = fields[canonical] if fields is not None else None
        if field is None or not field.closed:
            continue
        for word in target.values:
            if word not in field.values:
                yield target.problem(
                    f"`{canonical}` has no word `{word}`.", suggest(word, field.values), at=("values", word)
                )


def _writable(config: Config) -> dict[str, dict[str, set[str]]]:
    """What connections that are mapped by hand can write; the others' presets are not known yet."""
    known: dict[str, dict[str, set[str]]] = {}
    for connection, mapping in config.mappings.items():
        if mapping.preset:
            continue
        entities = known.setdefault(connection, {})
        for one in mapping.objects.values():
            names = entities.setdefault(one.entity or "", set())
            names.update(n for n, t in one.fields.items() if t is not None and t.direction != "read")
    return known


def _complete(config: Config, schema: Schema) -> dict[str, Job]:
    return {
        n: j
        for n, j in config.jobs.items()
        if j.entity in schema and all(c in config.connections for c in j.connections)
    }


# -- the agreement


def _definitions(config: Config, schema: Schema) -> Iterator[Problem]:
    fields = schema["lead"].fields
    for definition in config.definitions.values():
        for index, name in enumerate(definition.require):
            if name not in fields:
                yield definition.problem(
                    f"`{name}` in `require` is no field of lead.", suggest(name, fields), at=("require", index)
                )


def _lifecycle(config: Config) -> Iterator[Problem]:
    for move in config.lifecycle.moves or ():
        for key, words in (("from", move.from_), ("to", move.to)):
            for word in words:
                if word not in (*LIFECYCLE, "any"):
                    yield move.problem(f"`{word}` is not a lifecycle word.", suggest(word, LIFECYCLE), at=(key,))


def _goals(config: Config) -> Iterator[Problem]:
    for step in config.goals.conversion if config.goals else ():
        start, _, end = step.partition("_to_")
        for word in (start, end):
            if word not in LADDER:
                assert config.goals is not None
                said = f"`{step}` is not a step: `{word}` is not a lifecycle word."
                hint = suggest(step, [f"{a}_to_{b}" for a, b in pairwise(LADDER)])
                yield config.goals.problem(said, hint, at=("conversion", step))
                break


def _agreement(agreement: Agreement, schema: Schema, routes: bool) -> Iterator[Problem]:
    seen: dict[str, Promise] = {}
    for promise in (*agreement.marketing, *agreement.sales):
        first = seen.setdefault(promise.id, promise)
        if first is not promise:
            yield promise.problem(
                f"the id `{promise.id}` is used twice; the first is at {first.place('id')}.",
                "Ids are unique.",
                at=("id",),
            )
        cuts = (*agreement.segments, "month", "quarter", "year")
        for index, cut in enumerate(promise.per):
            if cut not in cuts:
                yield promise.problem(f"`per: {cut}` names no segment.", suggest(cut, cuts), at=("per", index))
        if promise.calendar and promise.calendar not in agreement.calendars:
            hint = suggest(promise.calendar, agreement.calendars)
            yield promise.problem(f"there is no calendar `{promise.calendar}`.", hint, at=("calendar",))
        fields = schema["lead"].fields
        for index, name in enumerate(promise.fields or ()):
            if name not in fields:
                yield promise.problem(f"`{name}` is no field of lead.", suggest(name, fields), at=("fields", index))
        if promise.of is not None and promise.of not in LIFECYCLE:
            yield promise.problem(
                f"`of: {promise.of}` is not a lifecycle word.", suggest(promise.of, LIFECYCLE), at=("of",)
            )
        if promise.reassign is not None and promise.reassign.to is None and not routes:
            yield promise.problem(
                "`reassign` gives a lead to whom routing gives next, and the config has no `routing`.",
                "Add `routing`, or name somebody: `reassign: {to: OWNER}`.",
                at=("reassign",),
            )
        states = [s for s in fields["handoff_state"].values if s != "none"]
        if promise.from_ not in states:
            yield promise.problem(
                f"`from: {promise.from_}` is not a state of a case.", suggest(promise.from_, states), at=("from",)
            )


def _ledger(config: Config) -> Iterator[Problem]:
    """The ledger says so itself, but knows no line of the config. The URL may hold a password: only its scheme is told."""
    if config.ledger and not config.ledger.startswith("sqlite:///"):
        scheme = config.ledger.split(":")[0] if ":" in config.ledger else "no URL"
        yield config.problem(
            f"the ledger is kept in SQLite only, and `ledger` says {scheme}.", "Write `ledger: sqlite:///NAME.db`.",
            at=("ledger",),
        )  # fmt: skip


def _channels(config: Config) -> Iterator[Problem]:
    assert config.agreement is not None
    notices = config.agreement.notify
    for key in ("at_risk", "breached", "reassigned"):
        channel: str | None = getattr(notices, key)
        if channel is not None and channel not in config.notify:
            yield notices.problem(
                f"the channel `{channel}` is not defined: its notices show in reports only.",
                f'Define `notify: {{"{channel}": {{url: …}}}}`.',
                at=(key,),
            )


def _unused(config: Config) -> Iterable[Problem]:
    used = {c for job in config.jobs.values() for c in job.connections}
    for name, connection in config.connections.items():
        if config.jobs and name not in used:
            yield connection.problem(f"no job uses the connection `{name}`.", "")
