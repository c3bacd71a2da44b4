"""Which rule each field of a job has: the meaning of ``"*"`` (interface.md) and of a rule by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from smarksync.model import Entity, Field

from .jobs import FieldRule, Job
from .problems import Problem, suggest

#: What a merge word needs of a field's type; the others fit every type.
_MERGE_TYPES = {
    "min": ("int", "decimal", "money"),
    "max": ("int", "decimal", "money"),
    "earliest": ("date", "instant"),
    "latest": ("date", "instant"),
    "union": ("set",),
}
_KEEPER = {
    "handoff": "the hand-off job alone writes it",
    "outcome": "the outcomes job alone writes it",
    "system": "it belongs to the system itself",
    "consent_evidence": "it is evidence and follows the consent record",
}
_ANY_FIELD = ("newest", "ask")


def resolve_rules(
    job: Job,
    mapped: Mapping[str, Collection[str]],
    schema: Mapping[str, Entity],
    *,
    refs: Collection[str] | None = None,
) -> dict[str, FieldRule]:
    """The rule of each field that the job keeps in agreement, in the schema's order.

    ``mapped`` has the canonical names mapped on each connection. A field takes part when at least two of the
    job's connections map it and no other job or section keeps it: so without consent, hand-off and outcome
    fields, ``external_id`` and what is read only. ``full_name`` counts as ``first_name`` and ``last_name``. A
    named rule replaces ``"*"`` whole; without ``"*"`` only named fields take part. ``lifecycle`` merges as a
    lifecycle unless its own rule says otherwise. ``refs`` are the entities whose references can be followed
    between these connections (None = all): other references are left out.
    """
    sides = [_expanded(mapped.get(c, ())) for c in job.connections]
    star = job.fields.get("*")
    rules: dict[str, FieldRule] = {}
    for name, field in schema[job.entity].fields.items():
        rule = job.fields.get(name, star)
        if rule is None or not ordinary(field) or sum(name in side for side in sides) < 2:
            continue
        if refs is not None and field.ref is not None and field.ref not in refs:
            continue
        rules[name] = _own_merge(field, rule)
    return rules


def ordinary(field: Field) -> bool:
    """Whether a sync job may keep the field in agreement (consent fields follow their own section)."""
    return field.group == "ordinary" and not field.read_only


def _expanded(names: Collection[str]) -> Collection[str]:
    return {*names, "first_name", "last_name"} if "full_name" in names else names


def _own_merge(field: Field, rule: FieldRule) -> FieldRule:
    if field.name != "lifecycle" or ("merge" in rule.model_fields_set and rule.path[-1:] == ("lifecycle",)):
        return rule
    return rule.model_copy(update={"merge": "lifecycle"})


def useless_rules(job: Job, mapped: Mapping[str, Collection[str]]) -> list[str]:
    """Named rules of fields that fewer than two of the job's connections map: they do nothing, so ``check`` fails."""
    sides = [_expanded(mapped.get(c, ())) for c in job.connections]
    return [name for name in job.fields if name != "*" and sum(name in side for side in sides) < 2]


def check_rules(job: Job, schema: Mapping[str, Entity], sides: Collection[str]) -> Iterable[Problem]:
    """What is wrong with a job's field rules, as far as no live schema is needed.

    ``sides`` are the connections that its rules may name.
    """
    fields = schema[job.entity].fields
    for name, rule in job.fields.items():
        if name != "*" and name not in fields:
            yield rule.problem(f"`{name}` is no field of {job.entity}.", suggest(name, ["*", *fields]))
            continue
        field = None if name == "*" else fields[name]
        yield from _connections(sides, rule)
        if field is not None and field.group == "consent":
            yield from _consent(field, rule)
        elif field is not None and field.group == "derived":
            yield rule.problem(
                f"`{name}` is put together from other fields.", "Write rules for `first_name` and `last_name`."
            )
        elif field is not None and not ordinary(field):
            why = _KEEPER.get(field.group, "it is read only")
            yield rule.problem(f"`{name}` takes no rule: {why}.", "Leave the rule out.")
        else:
            yield from _words(name, field, rule)


def _connections(sides: Collection[str], rule: FieldRule) -> Iterable[Problem]:
    for key, value in (("direction", rule.source), ("owner", rule.owner), ("tie", rule.tie)):
        if value is None or (key == "tie" and value == "ask") or value in sides:
            continue
        known = [*(["ask"] if key == "tie" else []), *sides]
        yield rule.problem(f"`{key}: {value}` names no connection of this job.", suggest(value, known), at=(key,))


def _consent(field: Field, rule: FieldRule) -> Iterable[Problem]:
    hint = "The consent section stands above every rule; write `merge: most_restrictive`, or leave the rule out."
    for key in ("owner", "direction", "enforce", "tie", "blank"):
        if key in rule.model_fields_set and not (key == "direction" and rule.source is None):
            yield rule.problem(f"`{key}` has no say over the consent field `{field.name}`.", hint, at=(key,))
    if "merge" in rule.model_fields_set and rule.merge != "most_restrictive":
        yield rule.problem(
            f"`merge: {rule.merge}` has no say over the consent field `{field.name}`.", hint, at=("merge",)
        )


def _words(name: str, field: Field | None, rule: FieldRule) -> Iterable[Problem]:
    if rule.source and rule.owner:
        yield rule.problem(
            "`owner` goes with `direction: both`.",
            f"With `from {rule.source}` that side's value stands anyway.",
            at=("owner",),
        )
    if "enforce" in rule.model_fields_set and not rule.owner:
        yield rule.problem("`enforce` goes with `owner`.", "Add `owner: CONNECTION`.", at=("enforce",))
    if "tie" in rule.model_fields_set and rule.merge != "newest":
        yield rule.problem(
            f"`tie` goes with `merge: newest`, not `{rule.merge}`.", "Leave one of them out.", at=("tie",)
        )
    wrong = _misfit(name, field, rule.merge)
    if wrong:
        yield rule.problem(
            f"`merge: {rule.merge}` does not fit `{name}`: {wrong}.",
            f"Fitting: {_fitting(name, field)}.",
            at=("merge",),
        )


def _misfit(name: str, field: Field | None, merge: str) -> str:
    if merge in _ANY_FIELD:
        return ""
    if merge == "most_restrictive":
        return "it is for email_opt_out and phone_opt_out"
    if merge == "lifecycle":
        return "" if name == "lifecycle" else "it is for the field lifecycle"
    if field is None:
        return "not every field can be merged so"
    needs = _MERGE_TYPES[merge]
    return "" if field.type in needs else f"the field is {field.type_text}, it needs {' or '.join(needs)}"


def _fitting(name: str, field: Field | None) -> str:
    words = [*_ANY_FIELD, *(m for m, types in _MERGE_TYPES.items() if field is not None and field.type in types)]
    return ", ".join(f"`{w}`" for w in (["lifecycle", *words] if name == "lifecycle" else words))


def check_writers(
    jobs: Mapping[str, Job], writable: Mapping[str, Mapping[str, Collection[str]]], schema: Mapping[str, Entity]
) -> list[Problem]:
    """Each (entity field, connection) is written by at most one job.

    ``writable`` has, per connection and entity, the canonical names that its mapping can write. A connection that
    is missing there is not known yet (its preset was not read): then only fields that rules name are compared.
    """
    problems: list[Problem] = []
    writers: dict[tuple[str, str, str], Job] = {}
    told: set[tuple[str, str]] = set()
    for job in jobs.values():
        if job.kind != "sync":
            continue
        for connection, field in _written(job, writable, schema):
            first = writers.setdefault((job.entity, field, connection), job)
            if first is job or (first.name, job.name) in told:
                continue
            told.add((first.name, job.name))
            problems.append(_clash(first, job, connection, field))
    return problems


def _clash(first: Job, second: Job, connection: str, field: str) -> Problem:
    at = ("fields", field) if field in second.fields else ("fields", "*")
    other = f"`{first.name}` ({first.place('fields', field if field in first.fields else '*')})"
    return second.problem(
        f"`{connection}` would get {second.entity}.{field} from two jobs, {other} and `{second.name}`.",
        "Name the field in one of them, or give it another `direction` there.",
        at=at,
    )


def _written(
    job: Job, writable: Mapping[str, Mapping[str, Collection[str]]], schema: Mapping[str, Entity]
) -> Iterable[tuple[str, str]]:
    fields = schema[job.entity].fields
    known = {c: writable[c].get(job.entity, ()) for c in job.connections if c in writable}
    if len(known) == len(job.connections):
        names: Mapping[str, FieldRule] = resolve_rules(job, known, schema)
    else:
        names = {n: r for n, r in job.fields.items() if n in fields and ordinary(fields[n])}
    for name, rule in names.items():
        for connection in job.connections:
            if rule.writes(connection) and name in _expanded(known.get(connection, (name,))):
                yield connection, name
