"""Which canonical fields the config names, and which of those an account lacks.

A preset field that an account lacks is inactive with a warning, unless a job, definition or rule names it: then
``check`` fails with the name, and a run refuses the jobs that name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from smarksync.config import Config, Expression, Job, Place, fields_read
from smarksync.errors import ConfigError
from smarksync.mapping import CompiledMapping

#: read only on each side and never merged (schema.md)
PER_SIDE = ("created_at", "updated_at")


class Named(NamedTuple):
    """A canonical field and where the config names it.

    ``connection`` None = its agreed value is meant, which any connection can bring. ``by`` is the key of the
    config, ``job`` the job that cannot do without the field (None = a definition or rule does).
    """

    entity: str
    field: str
    connection: str | None
    by: str
    place: Place
    job: str | None


class Lacking(NamedTuple):
    """A named field whose vendor field is missing or invisible."""

    named: Named
    connection: str
    stream: str
    vendor: str

    def __str__(self) -> str:
        one = self.named
        return (
            f"{one.place}: `{one.by}` names {one.field}, and {self.connection}:{self.stream} has no field "
            f"{self.vendor} (or hides it)."
        )


def by_config(config: Config) -> list[Named]:
    """Everything that jobs, definitions and rules name."""
    found: list[Named] = []
    for job in config.jobs.values():
        found += _of_job(config, job)
    for name, definition in config.definitions.items():
        for index, field in enumerate(definition.require):
            place = definition.place("require", index)
            found.append(Named("lead", field, None, f"definitions.{name}.require", place, None))
    for path, expression in config.expressions():
        if path[0] != "jobs":
            place, by = config.where(path), ".".join(str(part) for part in path)
            found += [Named(e, f, None, by, place, None) for e, f in sorted(expression.fields)]
    return found


def _of_job(config: Config, job: Job) -> Iterator[Named]:
    entity = job.entity
    for name in job.fields:
        if name != "*":
            for connection in job.connections:
                yield Named(
                    entity, name, connection, f"jobs.{job.name}.fields.{name}", job.place("fields", name), job.name
                )
    for index, key in enumerate(job.match or ()):
        for name in [key] if isinstance(key, str) else key:
            for connection in job.connections:
                place = job.place("match", index)
                yield Named(entity, name, connection, f"jobs.{job.name}.match", place, job.name)
    for side, expression in job.where.items():
        yield from _of_expression(config, job, expression, f"where.{side}", side)
    for side, expression in job.create.items():
        yield from _of_expression(config, job, expression, f"create.{side}", None)
    if job.when is not None:
        yield from _of_expression(config, job, job.when, "when", None)
    for word, expression in job.signals.items():
        yield from _of_expression(config, job, expression, f"signals.{word}", None)
    for index, rule in enumerate(job.lists):
        yield from _of_expression(config, job, rule.when, f"lists.{index}.when", None)


def _of_expression(
    config: Config, job: Job, expression: Expression, key: str, connection: str | None
) -> Iterator[Named]:
    place = job.place(*(int(part) if part.isdigit() else part for part in key.split(".")))
    for entity, field in sorted(fields_read(config, expression)):
        side = connection if entity == job.entity else None
        yield Named(entity, field, side, f"jobs.{job.name}.{key}", place, job.name)


def lacking(names: Iterable[Named], mappings: Sequence[CompiledMapping]) -> list[Lacking]:
    """The named fields that are inactive where they are needed.

    A field of one connection must be there in each of its streams whose preset has it; an agreed value must come
    from somewhere: it is lacking when a preset has it and no stream shows it.
    """
    found: dict[tuple[str, str, str, str], Lacking] = {}
    for one in names:
        of_entity = [m for m in mappings if m.entity == one.entity]
        if one.connection is None and any(one.field in m.fields for m in of_entity):
            continue
        for mapping in of_entity:
            if one.connection not in (None, mapping.connection):
                continue
            for gone in mapping.inactive:
                if gone.name == one.field:
                    key = (one.by, mapping.connection, mapping.stream, gone.vendor)
                    found.setdefault(key, Lacking(one, mapping.connection, mapping.stream, gone.vendor))
    return list(found.values())


def unmapped(names: Iterable[Named], mappings: Sequence[CompiledMapping]) -> list[Named]:
    """Fields in expressions that no connection maps at all: they are null there, which is probably not meant.

    Only of entities that some stream maps, and without what SmarkSync sets by itself.
    """
    entities = {m.entity for m in mappings}
    known = {(m.entity, name) for m in mappings for name in (*m.fields, *(i.name for i in m.inactive))}
    known |= {(m.entity, part) for m in mappings if m.derived for part in ("first_name", "last_name")}
    found: dict[tuple[str, str, str], Named] = {}
    for one in names:
        if one.connection is None and one.entity in entities and (one.entity, one.field) not in known:
            found.setdefault((one.entity, one.field, one.by), one)
    return list(found.values())


def per_side(names: Iterable[Named]) -> list[Named]:
    """Times of a record that expressions ask of the lead: each side has its own, so that none is agreed."""
    own = (one for one in names if one.connection is None and one.entity == "lead" and one.field in PER_SIDE)
    return list({(one.field, one.by): one for one in own}.values())


def refusal(job: str, missing: Sequence[Lacking]) -> ConfigError:
    """Why a job does not run, with every field that it lacks."""
    first = missing[0]
    lines = tuple(str(one) for one in missing)
    prefix = f"{first.named.place}: "
    text = "\n".join(lines).removeprefix(prefix)
    hint = f"Job {job} is refused, the others run. `smarksync check {first.connection} --fix` creates {'the field' if len(missing) == 1 else 'the fields'} where it can."
    return ConfigError(text, file=first.named.place.file, line=first.named.place.line, hint=hint, problems=lines)


__all__ = ["Lacking", "Named", "by_config", "lacking", "per_side", "refusal", "unmapped"]
