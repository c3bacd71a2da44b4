"""The plain case of every later run: one side edited some ordinary fields, every other side is settled.

It decides exactly what :func:`.build.build` decides (a test holds the two together), without views and verdicts
of sides that said nothing. Anything that is not plain is left to build.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smarksync.model import ABSENT, ValueProblem

from .job import JobRules, Person
from .reasons import reason_of
from .reconcile import Rule, blank
from .rows import Alone, Outcome, Row
from .side import Side, names_by_vendor

_PLAIN = {"s", "e"}
#: guards count what is done to these: build names it
_GUARDED = ("owner", "lifecycle")


def edited(person: Person, job: JobRules) -> Outcome | None:
    """The outcome of a plain edit, or None when the case is not plain."""
    if person.answers or person.parked or person.refused or job.where:
        return None
    mover: Side | None = None
    settled: list[Side] = []
    for side in person.sides:
        if side.state != "live" or side.rank or side.connection not in job.connections:
            continue
        if side.name_field is not None:
            return None  # names in one text have their own rules
        if not side.memo:
            settled.append(side)
        elif mover is None and _PLAIN.issuperset(side.memo):
            mover = side
        else:
            return None
    if mover is None or _creates(person, job):
        return None
    values = _edits(person, job, mover)
    return None if values is None else _outcome(person, job, mover, settled, values)


def _creates(person: Person, job: JobRules) -> bool:
    return any(
        target.policy is not None and connection not in person.taken_places
        for connection, target in job.targets.items()
    )


def _edits(person: Person, job: JobRules, mover: Side) -> dict[str, Any] | None:
    """{field: new value, or ABSENT where it only looks different}; None when a rule has to be asked."""
    by_vendor = names_by_vendor(mover.mapping)
    rules, agreed, fields = job.rules, person.agreed, mover.mapping.fields
    names = [n for vendor in mover.memo.get("s") or () for n in by_vendor.get(vendor, ()) if n in rules]
    values: dict[str, Any] = {}
    for name in sorted(names):
        base = agreed.get(name)
        try:
            value = _observed(mover, fields[name], agreed, base)
        except ValueProblem:
            return None
        if value is ABSENT or value == base:
            values[name] = ABSENT
            continue
        if not _speaks(rules[name], mover) or name in job.special or name in _GUARDED:
            return None
        if fields[name].currency_vendor is not None or blank(value) or job.equal(name, value, base):
            return None
        values[name] = value
    return values


def _observed(mover: Side, codec: Any, agreed: Mapping[str, Any], base: Any) -> Any:
    """As Side.observed, for a field that the side shows and whose base is what was agreed."""
    if not codec.read or codec.inward_in is not None:
        return mover.observed(codec.name, agreed)
    value = codec.inward(codec.raw(mover.memo["s"]))
    return base if value is ABSENT or codec.means(value, base) else value


def _speaks(rule: Rule, mover: Side) -> bool:
    """Whether the edit stands by itself."""
    return rule.source in (None, mover.connection) and rule.owner in (None, mover.connection)


def _outcome(
    person: Person, job: JobRules, mover: Side, settled: Sequence[Side], values: dict[str, Any]
) -> Outcome | None:
    outcome = Outcome(examined=list(values))
    moved = {name: value for name, value in values.items() if value is not ABSENT}
    why = {name: _why(job.rules[name], mover, name) for name in moved}
    written: set[str] = set()
    for side in settled:
        row = _row(person, side, moved)
        if row is None:
            return None
        if not row.after:
            continue
        row.values = {name: moved[name] for name in row.fields}
        row.why = {name: why[name] for name in row.fields}
        row.won = {mover.key: row.fields}
        row.reason = reason_of([f"{name}: {why[name]['how']} ({mover.connection})" for name in row.fields])
        outcome.rows.append(row)
        written.update(row.fields)
    if len(settled) == len(outcome.rows) == 1 and len(written) == len(moved):
        target = settled[0]
        if mover.lid is not None and target.lid is not None:
            outcome.rows[0].alone = Alone(mover.lid, mover.fp, target.lid, target.fp, _left(mover, moved))
    for name, value in moved.items():
        if name not in written:
            outcome.local_fields.append(name)
            outcome.local_values[name] = value
            outcome.local_taken.setdefault(mover.key, {})[name] = value
            outcome.local_why[name] = why[name]
    return outcome


def _row(person: Person, side: Side, moved: dict[str, Any]) -> Row | None:
    """What the settled side lacks; None when build has to say why it cannot have it."""
    row = Row("update", side.sid, side.rid, {})
    fields = side.mapping.fields
    for name, value in moved.items():
        codec = fields.get(name)
        if codec is None or not codec.write:
            continue
        if codec.currency_vendor is not None:
            return None
        shown = side.shown(codec, person.agreed)
        if codec.agrees(shown, value):
            continue
        try:
            raw = codec.outward(value)
        except ValueProblem:
            return None
        if not raw and blank(raw):
            return None
        row.after[codec.vendor] = raw
        row.before[codec.vendor] = None if shown is ABSENT else shown
        row.fields.append(name)
    return row


def _left(mover: Side, moved: Mapping[str, Any]) -> dict[str, Any]:
    """What the mover still has to remember once its edits are agreed."""
    fields = mover.mapping.fields
    over = {
        codec.vendor
        for name, value in moved.items()
        if (codec := fields[name]).agrees(codec.raw(mover.memo["s"]), value)
    }
    return {
        part: left
        for part in ("s", "e")
        if (left := {v: x for v, x in mover.memo.get(part, {}).items() if v not in over})
    }


def _why(rule: Rule, mover: Side, name: str) -> dict[str, Any]:
    codec = mover.mapping.fields[name]
    found = (mover.memo.get("e") or {}).get(codec.vendor) or (None, None, None)
    how = "edited"
    if rule.owner is not None:
        how = f"owned by {rule.owner}"
    elif rule.source is not None:
        how = f"from {rule.source}"
    why = {"from": mover.connection, "how": how}
    if found[1]:
        why["at"] = found[1]
    if len(found) > 2 and found[2]:
        why["by"] = found[2]
    return why


__all__ = ["edited"]
