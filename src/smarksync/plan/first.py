"""The plain case of a first load: one new record, known on one side only, nobody to disagree with.

It decides exactly what :func:`.build.build` decides (a test holds the two together), without asking the
rules field by field. Anything that is not plain is left to build.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from smarksync.model import ValueProblem
from smarksync.model.shapes import All, Shapes, all_of

from .consent import CONSENT_FIELDS
from .creates import CLAIMS, outgoing_consent
from .job import JobRules, Person, Target
from .reconcile import blank
from .rows import Alone, Outcome, Row, stamp_row
from .side import Codec, Side, columns, wire_of

_PLAIN = {"n", "s", "e", "x"}
_SETTLED_CONSENT = {"a", "s", "e", "x"}
_CONSENT = frozenset(CONSENT_FIELDS)
_KNOWN = frozenset({"external_id", *CONSENT_FIELDS})


def first(person: Person, job: JobRules) -> Outcome | None:
    """The outcome for a plain newcomer, or None when the case is not plain."""
    if len(person.sides) != 1 or person.answers or person.parked or person.refused:
        return None
    side = person.sides[0]
    memo = side.memo
    if side.rank or side.state != "live" or not _unsettled(side):
        return None
    if side.connection not in job.connections or side.connection in job.where or not _KNOWN.issuperset(person.agreed):
        return None
    if side.name_field is not None or not job.elsewhere.isdisjoint(side.mapping.fields):
        return None
    values, problems = side.mapping.inward_row(memo.get("s") or {})
    may = _may(job, side.connection, values)
    if may.barred or (problems and any(problem.field in job.rules for problem in problems)):
        return None
    if may.open and all(values.values()):
        decided = values
    else:
        names = _ways(job, side.connection).open
        decided = {name: value for name, value in values.items() if name in names and (value or not blank(value))}
    return _outcome(person, job, side, decided)


def _unsettled(side: Side) -> bool:
    """Whether nothing of the record was ever settled but consent, which has its own rules and comes first."""
    memo = side.memo
    if "n" in memo:
        return _PLAIN.issuperset(memo)
    return (
        "a" in memo and _SETTLED_CONSENT.issuperset(memo) and _CONSENT.issuperset({*side.names()}.difference(memo["a"]))
    )


class _Ways(NamedTuple):
    """Of one connection in a job: the fields that it may change and that may be written to it; the others."""

    open: frozenset[str]
    barred: frozenset[str]  # another connection's word counts there
    sent: frozenset[str]
    shut: frozenset[str]  # a new record there does not get them, though it may show something in them
    built: frozenset[str]  # of what may be written to it, what build has to see to: consent, words it has no place for
    claims: tuple[tuple[str, Codec], ...]  # of consent that a new record there has a place for


def _ways(job: JobRules, connection: str) -> _Ways:
    """Made once a job: a first load asks it for every record."""
    found: _Ways | None = job.worked_out.get(connection)
    if found is None:
        rules = job.rules
        barred = frozenset(n for n, rule in rules.items() if rule.source not in (None, connection))
        sent = frozenset(n for n, rule in rules.items() if rule.source != connection)
        target = job.targets.get(connection)
        fields = target.mapping.fields if target is not None else {}
        shut = frozenset(n for n, codec in fields.items() if not codec.write or (n in rules and n not in sent))
        claims = tuple((name, fields[name]) for name in CONSENT_FIELDS if name in fields and fields[name].write)
        built = sent & (_CONSENT | {name for name, codec in fields.items() if codec.kept is not None})
        found = _Ways(frozenset(rules) - barred, barred, sent, shut, built, claims)
        job.worked_out[connection] = found
    return found


class _May(NamedTuple):
    """What the fields of a newcomer tell by themselves, whatever is in them, of one connection in a job."""

    open: bool  # it may change all of them
    barred: bool  # another connection's word counts in one of them
    sent: bool  # all of them may be written to it
    shut: bool  # a new record there does not get one of them
    built: bool  # build has to see to one of them


def _may(job: JobRules, connection: str, values: Mapping[str, Any]) -> _May:
    """Asked once for all newcomers with the same fields."""
    known: Shapes[_May] | None = job.worked_out.get((connection, "may"))
    if known is None:
        known = job.worked_out[connection, "may"] = Shapes(partial(_may_of, _ways(job, connection)))
    return known[tuple(values)]


def _may_of(ways: _Ways, names: tuple[str, ...]) -> _May:
    fields = frozenset(names)
    return _May(
        ways.open >= fields, not ways.barred.isdisjoint(fields), ways.sent >= fields,
        not ways.shut.isdisjoint(fields), not ways.built.isdisjoint(fields),
    )  # fmt: skip


def _outcome(person: Person, job: JobRules, side: Side, decided: dict[str, Any]) -> Outcome | None:
    outcome = Outcome()
    plain = len(person.agreed) == 1  # our id, and nothing besides
    merged = {**person.agreed, **decided}
    creates: list[Row] = []
    for connection, target in job.targets.items():
        if connection in person.taken_places or target.policy is None or target.policy(merged, person) is not True:
            continue
        may = _may(job, connection, decided)
        after = _create(person, job, target, may, decided, merged)
        if after is None:
            return None
        won: dict[str, list[str]] = {side.key: []}
        reason = f"new from {side.connection}"
        creates.append(Row("create", target.sid, None, after, None, None, decided, None, won, None, reason, True))
        # the new record shows all that was decided, and says nothing that we have not heard
        plain = plain and not target.subscribes and not may.shut
    if not creates and ("x" in side.memo or "a" in side.memo):
        return None  # it is stamped all the same, and what it keeps remembering is for build to say
    stamp = _stamp(person, side)
    outcome.rows = creates if stamp is None else [stamp, *creates]
    if plain and len(creates) == 1 and side.lid is not None:
        creates[0].alone = Alone(side.lid, side.fp, None, None, _left(job, side, decided))
    if not creates:
        outcome.local_values, outcome.local_whole = decided, True
        outcome.local_fields = list(decided)
        outcome.local_why = {"*": {"from": side.connection, "how": "first seen"}}
    return outcome


def _create(
    person: Person, job: JobRules, target: Target, may: _May, decided: Mapping[str, Any], merged: Mapping[str, Any]
) -> dict[str, Any] | None:
    mapping = target.mapping
    ways = _ways(job, target.connection)
    if mapping.fields.get("full_name") is not None or may.built or not ways.built.isdisjoint(person.agreed):
        return None
    names = decided if may.sent else [n for n in decided if n in ways.sent]
    after, problems = mapping.outward_row(decided, names)
    if problems or not _add_consent(job, target, merged, after) or mapping.missing(after):
        return None
    codec = mapping.fields.get("external_id")
    if codec is not None and codec.write:
        after[codec.vendor] = person.ref
    return after if None not in after.values() else {vendor: raw for vendor, raw in after.items() if raw is not None}


def _add_consent(job: JobRules, target: Target, merged: Mapping[str, Any], after: dict[str, Any]) -> bool:
    """Consent goes onto a new record by its own rule; False: build has to say why it cannot."""
    for name, codec in _ways(job, target.connection).claims:
        value = outgoing_consent(name, target, job, merged)
        if value is None and name not in CLAIMS:
            continue
        try:
            after.update(columns(codec, codec.outward(value)))
        except ValueProblem:
            return False
    return True


def _stamp(person: Person, side: Side) -> Row | None:
    """Our id for the record that the newcomer is known by: a row of its own, which rests on nothing but the record."""
    codec, lacks = side.mapping.fields.get("external_id"), side.memo.get("x")
    if lacks is None or codec is None or not side.can_write("external_id"):
        return None
    row = stamp_row(side.sid, side.rid, codec.vendor, person.ref, lacks[0])
    if side.lid is not None:
        row.alone = Alone(side.lid, side.fp, side.lid, side.fp, {})
    return row


def _left(job: JobRules, side: Side, decided: Mapping[str, Any]) -> dict[str, Any]:
    """What the source still has to remember once ``decided`` is agreed: values that look different from it."""
    memo = side.memo
    seen = memo.get("s") or {}
    codecs = side.mapping.codecs_by_vendor
    shown: dict[str, Any] = {}
    for vendor in _unlike(job, side, seen, decided):
        codec = codecs.get(vendor)
        if codec is not None and not codec.agrees(raw := codec.raw(seen), wire_of(codec, decided)):
            shown.update(columns(codec, raw))
    left: dict[str, Any] = {"x": memo["x"]} if "x" in memo else {}
    if shown:
        left["s"] = shown
    if told := {vendor: how for vendor, how in memo.get("e", {}).items() if vendor in shown}:
        left["e"] = told
    return left


def _unlike(job: JobRules, side: Side, seen: Mapping[str, Any], decided: Mapping[str, Any]) -> list[str]:
    """The vendor fields that do not show letter by letter what is decided."""
    try:
        known = _known(job, side)[tuple(seen)](decided)
    except KeyError:  # nothing is decided of one of them
        return list(seen)
    return [vendor for vendor, raw, own in zip(seen, seen.values(), known, strict=True) if raw != own]


def _known(job: JobRules, side: Side) -> Shapes[All]:
    """By vendor fields: what is decided of each, where equal values agree, so that nothing has to be asked of these; made
    once a job and mapping. KeyError where they mean something else."""
    key = ("same", side.mapping)
    known: Shapes[All] | None = job.worked_out.get(key)
    if known is None:
        codecs = side.mapping.codecs_by_vendor
        alike = {vendor for vendor, codec in codecs.items() if codec.identity and codec.currency_vendor is None}
        names = {vendor: name for vendor, name in side.mapping.sole_names.items() if vendor in alike}
        known = job.worked_out[key] = Shapes(lambda vendors: all_of([names.get(vendor, "") for vendor in vendors]))
    return known
