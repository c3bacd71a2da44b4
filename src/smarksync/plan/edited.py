"""The plain case of every later run: one side edited some ordinary fields, every other side is settled.

It decides exactly what :func:`.build.build` decides (a test holds the two together), without views and verdicts
of sides that said nothing. Anything that is not plain is left to build.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from smarksync.model import ABSENT, ValueProblem
from smarksync.model.phone import is_e164

from .build import AS_IT_IS
from .job import LEFT, JobRules, Person
from .reasons import reason_of
from .reconcile import blank
from .rows import Alone, Outcome, Row
from .side import Side, names_by_vendor

_PLAIN = {"s", "e", "a"}
#: guards count what is done to it: build names it
_GUARDED = "lifecycle"
#: types of which two values may be one although they are not the same
_SAME_IN_MANY_WAYS = frozenset(("phone", "instant", "set"))
_name = itemgetter(0)


def edited(person: Person, job: JobRules) -> Outcome | None:
    """The outcome of a plain edit, or None when the case is not plain."""
    if person.answers or person.parked or person.refused or job.where:
        return None
    mover: Side | None = None
    settled: list[Side] = []
    looked: set[str] = set()
    for side in person.sides:
        if side.state != "live" or side.rank or side.connection not in job.connections:
            continue
        if side.name_field is not None:
            return None  # names in one text have their own rules
        if "a" in side.memo and not job.rules.keys().isdisjoint(side.memo["a"]):
            return None  # something that this job decides was never settled there
        if (names := _resting(person, job, side)) is not None:
            settled.append(side)
            looked.update(names)
        elif mover is None and "s" in side.memo and _PLAIN.issuperset(side.memo):
            mover = side
        else:
            return None
    if mover is None or _creates(person, job):
        return None
    values = _edits(person, job, mover)
    outcome = None if values is None else _outcome(person, job, mover, settled, values)
    if outcome is not None and not looked.issubset(outcome.examined):
        outcome.examined = sorted(looked.union(outcome.examined))
    return outcome


def _resting(person: Person, job: JobRules, side: Side) -> list[str] | None:
    """The fields where it only writes in another way what was agreed: a telephone number with spaces, a company by its
    own id. None when it says anything else."""
    if not side.memo or side.memo.keys() == {"a"}:
        return []
    if not side.memo.keys() <= {"s", "a"}:
        return None
    by_vendor = names_by_vendor(side.mapping)
    names = [name for vendor in side.memo["s"] for name in by_vendor.get(vendor, ()) if name in job.rules]
    try:
        same = all(side.observed(name, person.agreed) == person.agreed.get(name) for name in names)
    except ValueProblem:
        return None
    return names if same else None


def _creates(person: Person, job: JobRules) -> bool:
    return any(
        target.policy is not None and connection not in person.taken_places
        for connection, target in job.targets.items()
    )


class _Way(NamedTuple):
    """One field that the mover may have edited, as far as its rule and its mapping tell for every record alike."""

    name: str
    codec: Any
    stands: bool  # an edit there stands by itself: no other connection's word counts, and no guard has to be told
    plain: bool  # read without a look at the record's country; values that are not the same mean something else
    phone: bool  # a number in full is read without that look, too
    how: str


Edits = list[tuple[_Way, Any]]


def _ways(job: JobRules, mover: Side) -> dict[str, tuple[_Way, ...]]:
    """By vendor field; made once a job and mapping."""
    mapping = mover.mapping
    ways: dict[str, tuple[_Way, ...]] | None = job.worked_out.get(mapping)
    if ways is None:
        ways = {}
        for vendor, names in names_by_vendor(mapping).items():
            ways[vendor] = tuple(_way(job, mover, name) for name in names if name in job.rules)
        job.worked_out[mapping] = ways
    return ways


def _way(job: JobRules, mover: Side, name: str) -> _Way:
    rule, codec = job.rules[name], mover.mapping.fields[name]
    speaks = rule.source in (None, mover.connection) and rule.owner in (None, mover.connection)
    stands = speaks and name not in job.special and name != _GUARDED
    plain = codec.read and codec.inward_in is None and codec.field.type not in _SAME_IN_MANY_WAYS
    how = f"owned by {rule.owner}" if rule.owner is not None else f"from {rule.source}" if rule.source else "edited"
    return _Way(name, codec, stands, plain, codec.read and codec.reads_phone, how)


def _edits(person: Person, job: JobRules, mover: Side) -> Edits | None:
    """(field, new value, or ABSENT where it only looks different); None when a rule has to be asked."""
    ways, seen, agreed = _ways(job, mover), mover.memo.get("s") or {}, person.agreed
    values: Edits = []
    for way in sorted([way for vendor in seen for way in ways.get(vendor, ())], key=_name):
        name, codec, stands, plain, phone, _ = way
        if codec.currency_vendor is not None:
            return None
        base = agreed.get(name)
        try:
            if plain:
                value = codec.inward(seen[codec.vendor])
            elif phone and (raw := seen[codec.vendor]).__class__ is str and is_e164(raw):
                value = base if codec.means(raw, base) else raw
            else:
                value = mover.observed(name, agreed)
        except ValueProblem:
            return None
        if value is ABSENT or value == base:
            values.append((way, ABSENT))
            continue
        if not stands or blank(value) or (not plain and (codec.means(value, base) or job.equal(name, value, base))):
            return None
        values.append((way, value))
    return values


def _outcome(person: Person, job: JobRules, mover: Side, settled: Sequence[Side], values: Edits) -> Outcome | None:
    outcome = Outcome(examined=[way.name for way, _ in values])
    edits = [edit for edit in values if edit[1] is not ABSENT]
    moved = {way.name: value for way, value in edits}
    why = _whys(edits, mover)
    written: set[str] = set()
    for side in settled:
        row = _row(person, side, moved, outcome)
        if row is None:
            return None
        if not row.after:
            continue
        names = row.fields
        if len(names) == len(moved):
            row.values, row.why = moved, why
        else:
            row.values, row.why = {name: moved[name] for name in names}, {name: why[name] for name in names}
        row.won = {mover.key: names}
        row.reason = reason_of([f"{name}: {why[name]['how']} ({mover.connection})" for name in names])
        outcome.rows.append(row)
        written.update(names)
    if len(settled) == len(outcome.rows) == 1:
        target = settled[0]
        if mover.lid is not None and target.lid is not None and _keeps(target, outcome.rows[0]):
            outcome.rows[0].alone = Alone(mover.lid, mover.fp, target.lid, target.fp, _left(mover, edits))
    for name, value in moved.items():
        if name not in written:
            outcome.local_fields.append(name)
            outcome.local_values[name] = value
            outcome.local_taken.setdefault(mover.key, {})[name] = value
            outcome.local_why[name] = why[name]
    return outcome


def _keeps(target: Side, row: Row) -> bool:
    """Whether what the target only writes in its own way stays as it is: the row is not about that, nor about the
    country by which a telephone number is read."""
    seen = target.memo.get("s")
    return not seen or (seen.keys().isdisjoint(row.after) and "country" not in row.fields)


def _row(person: Person, side: Side, moved: Mapping[str, Any], outcome: Outcome) -> Row | None:
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
        try:
            raw = codec.outward(value)
        except ValueProblem as problem:
            if problem.code not in LEFT:
                return None
            outcome.left.append((side.sid, name, f"{AS_IT_IS}: {problem.message}"))
            continue
        if raw == shown or codec.agrees(shown, value):
            continue
        if (not raw and blank(raw)) or name == "owner":  # guards count owners that change
            return None
        row.after[codec.vendor] = raw
        row.before[codec.vendor] = None if shown is ABSENT else shown
        row.fields.append(name)
    return row


def _left(mover: Side, edits: Edits) -> dict[str, Any]:
    """What the mover still has to remember once its edits are agreed."""
    seen = mover.memo["s"]
    over = {codec.vendor for way, value in edits if (codec := way.codec).agrees(seen[codec.vendor], value)}
    kept: dict[str, Any] = {"a": mover.memo["a"]} if "a" in mover.memo else {}
    if len(over) < len(seen):
        for part in ("s", "e"):
            if left := {v: x for v, x in mover.memo.get(part, {}).items() if v not in over}:
                kept[part] = left
    return kept


def _whys(edits: Edits, mover: Side) -> dict[str, dict[str, Any]]:
    """Who, how and when, by field; what was edited at once has one evidence."""
    evidence = mover.memo.get("e") or {}
    whys: dict[str, dict[str, Any]] = {}
    last: Any = None
    how = ""
    for way, _ in edits:
        found = evidence.get(way.codec.vendor)
        if not whys or found != last or way.how != how:
            last, how = found, way.how
            why = {"from": mover.connection, "how": how}
            if found is not None:
                if found[1]:
                    why["at"] = found[1]
                if len(found) > 2 and found[2]:
                    why["by"] = found[2]
        whys[way.name] = why
    return whys


__all__ = ["edited"]
