"""The plain case of a first load: one new record, known on one side only, nobody to disagree with.

It decides exactly what :func:`.build.build` decides (a test holds the two together), without asking the
rules field by field. Anything that is not plain is left to build.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .consent import CONSENT_FIELDS
from .job import JobRules, Person, Target
from .reconcile import blank
from .rows import Outcome, Row
from .side import Side

_PLAIN = {"n", "s", "e", "x"}
_KNOWN = frozenset({"external_id", *CONSENT_FIELDS})


def first(person: Person, job: JobRules) -> Outcome | None:
    """The outcome for a plain newcomer, or None when the case is not plain."""
    if len(person.sides) != 1 or person.answers or person.parked:
        return None
    side = person.sides[0]
    memo = side.memo
    if "n" not in memo or not _PLAIN.issuperset(memo) or side.rank or side.state != "live":
        return None
    if side.connection not in job.connections or side.connection in job.where or not _KNOWN.issuperset(person.agreed):
        return None
    if "x" in memo or side.name_field is not None:
        return None
    values, problems = side.mapping.inward_row(memo.get("s") or {})
    if problems:
        return None
    rules = job.rules
    decided: dict[str, Any] = {}
    for name, value in values.items():
        rule = rules.get(name)
        if rule is None:
            continue
        if rule.source is not None and rule.source != side.connection:
            return None
        if not blank(value):
            decided[name] = value
    return _outcome(person, job, side, decided)


def _outcome(person: Person, job: JobRules, side: Side, decided: dict[str, Any]) -> Outcome | None:
    outcome = Outcome()
    merged = {**person.agreed, **decided}
    for connection, target in job.targets.items():
        if connection in person.taken_places or target.policy is None or target.policy(merged) is not True:
            continue
        after = _create(person, job, target, merged)
        if after is None:
            return None
        row = Row("create", target.sid, None, after, values=decided, reason=f"new from {side.connection}", whole=True)
        row.won = {side.key: []}
        outcome.rows.append(row)
    if not outcome.rows:
        outcome.local_values, outcome.local_whole = decided, True
        outcome.local_fields = list(decided)
        outcome.local_why = {"*": {"from": side.connection, "how": "first seen"}}
    return outcome


def _create(person: Person, job: JobRules, target: Target, merged: Mapping[str, Any]) -> dict[str, Any] | None:
    mapping = target.mapping
    rules = job.rules
    names = [n for n in merged if (rule := rules.get(n)) is not None and rule.source != target.connection]
    if mapping.fields.get("full_name") is not None:
        return None
    for name in CONSENT_FIELDS:
        if name in mapping.fields:
            return None  # consent has its own way onto a new record
    after, problems = mapping.outward_row(merged, names)
    if problems or mapping.missing(after):
        return None
    codec = mapping.fields.get("external_id")
    if codec is not None and codec.write:
        after[codec.vendor] = person.ref
    return {vendor: raw for vendor, raw in after.items() if raw is not None}
