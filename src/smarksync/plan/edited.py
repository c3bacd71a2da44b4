"""The plain case of every later run: one side edited some ordinary fields, every other side is settled.

It decides exactly what :func:`.build.build` decides (a test holds the two together), without views and verdicts
of sides that said nothing. Anything that is not plain is left to build.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from smarksync.model import ABSENT, ValueProblem
from smarksync.model.phone import is_e164

from .build import AS_IT_IS
from .job import LEFT, JobRules, Person
from .reasons import reason_of
from .reconcile import blank
from .rows import Alone, Outcome, Row
from .side import Side

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
    looked: list[str] = []
    for side in person.sides:
        if side.state != "live" or side.rank or side.connection not in job.connections:
            continue
        if side.name_field is not None:
            return None  # names in one text have their own rules
        memo = side.memo
        if not memo:
            settled.append(side)
            continue
        if "a" in memo and not job.rules.keys().isdisjoint(memo["a"]):
            return None  # something that this job decides was never settled there
        if (names := _resting(person, job, side)) is not None:
            settled.append(side)
            looked += names
        elif mover is None and "s" in memo and _PLAIN.issuperset(memo):
            mover = side
        else:
            return None
    if mover is None or _creates(person, job):
        return None
    values = _edits(person, job, mover)
    outcome = None if values is None else _outcome(person, job, mover, settled, values)
    if outcome is not None and looked:
        outcome.examined = sorted({*looked, *outcome.examined})
    return outcome


def _resting(person: Person, job: JobRules, side: Side) -> list[str] | None:
    """The fields where it only writes in another way what was agreed: a telephone number with spaces, a company by its
    own id. None when it says anything else."""
    if side.memo.keys() == {"a"}:
        return []
    if not side.memo.keys() <= {"s", "a"}:
        return None
    by_vendor = side.mapping.names_by_vendor
    names = [name for vendor in side.memo["s"] for name in by_vendor.get(vendor, ()) if name in job.rules]
    try:
        same = all(side.observed(name, person.agreed) == person.agreed.get(name) for name in names)
    except ValueProblem:
        return None
    return names if same else None


def _creates(person: Person, job: JobRules) -> bool:
    there = person.taken_places
    return any(target.policy is not None for connection, target in job.targets.items() if connection not in there)


class _Way(NamedTuple):
    """One field that the mover may have edited, as far as its rule and its mapping tell for every record alike."""

    name: str
    vendor: str
    codec: Any
    stands: bool  # an edit there stands by itself: no other connection's word counts, and no guard has to be told
    plain: bool  # read without a look at the record's country; values that are not the same mean something else
    text: bool  # a plain text is read as itself without outer white space
    phone: bool  # a number in full is read without that look, too
    same: bool  # equal values agree, whatever the spelling of others
    how: str


Edits = list[tuple[_Way, Any]]


def _ways(job: JobRules, mover: Side) -> dict[str, tuple[_Way, ...]]:
    """By vendor field; made once a job and mapping."""
    mapping = mover.mapping
    ways: dict[str, tuple[_Way, ...]] | None = job.worked_out.get(mapping)
    if ways is None:
        ways = {}
        for vendor, names in mapping.names_by_vendor.items():
            ways[vendor] = tuple(_way(job, mover, name) for name in names if name in job.rules)
        job.worked_out[mapping] = ways
    return ways


def _way(job: JobRules, mover: Side, name: str) -> _Way:
    rule, codec = job.rules[name], mover.mapping.fields[name]
    speaks = rule.source in (None, mover.connection) and rule.owner in (None, mover.connection)
    stands = speaks and name not in job.special and name != _GUARDED
    plain = codec.read and codec.inward_in is None and codec.field.type not in _SAME_IN_MANY_WAYS
    how = f"owned by {rule.owner}" if rule.owner is not None else f"from {rule.source}" if rule.source else "edited"
    text, phone = plain and codec.reads_text, codec.read and codec.reads_phone
    return _Way(name, codec.vendor, codec, stands, plain, text, phone, codec.identity, how)


def _edits(person: Person, job: JobRules, mover: Side) -> Edits | None:
    """(field, new value, or ABSENT where it only looks different); None when a rule has to be asked."""
    ways, seen, agreed = _ways(job, mover), mover.memo.get("s") or {}, person.agreed
    values: Edits = []
    for way in sorted([way for vendor in seen for way in ways.get(vendor, ())], key=_name):
        name, vendor, codec, stands, plain, text, phone, _, _ = way
        if codec.currency_vendor is not None:
            return None
        base, raw = agreed.get(name), seen[vendor]
        try:
            if text and raw.__class__ is str and raw.isascii():
                value = raw.strip() or codec.inward(raw)
            elif plain:
                value = codec.inward(raw)
            elif phone and raw.__class__ is str and is_e164(raw):
                value = base if codec.means(raw, base) else raw
                plain = True  # two numbers in full are not looked at again
            else:
                value = mover.observed(name, agreed)
        except ValueProblem:
            return None
        if value is ABSENT or value == base:
            values.append((way, ABSENT))
        elif not stands or blank(value) or (not plain and (codec.means(value, base) or job.equal(name, value, base))):
            return None
        else:
            values.append((way, value))
    return values


def _outcome(person: Person, job: JobRules, mover: Side, settled: Sequence[Side], values: Edits) -> Outcome | None:
    outcome = Outcome()
    outcome.examined = [way.name for way, _ in values]
    edits = [edit for edit in values if edit[1] is not ABSENT]
    moved = {way.name: value for way, value in edits}
    why = _whys(edits, mover)
    written: set[str] = set()
    for side in settled:
        row = _row(person, job, side, edits, outcome)
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
    if len(written) < len(moved):
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


def _row(person: Person, job: JobRules, side: Side, edits: Edits, outcome: Outcome) -> Row | None:
    """What the settled side lacks; None when build has to say why it cannot have it."""
    after: dict[str, Any] = {}
    before: dict[str, Any] = {}
    names: list[str] = []
    agreed, seen = person.agreed, side.memo.get("s") or ()
    places = _places(job, side)
    for way, value in edits:
        name = way.name
        place = places.get(name)
        if place is None:
            continue
        codec, vendor, most = place
        if most is None:
            return None
        base = agreed.get(name)
        try:
            raw = value if value.__class__ is str and len(value) <= most else codec.outward(value)
        except ValueProblem as problem:
            if problem.code not in LEFT:
                return None
            outcome.left.append((side.sid, name, f"{AS_IT_IS}: {problem.message}"))
            continue
        plain = base.__class__ is str and 0 < len(base) <= most and vendor not in seen
        shown = base if plain else side.shown(codec, agreed)
        if raw == shown or codec.agrees(shown, value):
            continue
        if (not raw and blank(raw)) or name == "owner":  # guards count owners that change
            return None
        after[vendor] = raw
        before[vendor] = None if shown is ABSENT else shown
        names.append(name)
    return Row("update", side.sid, side.rid, after, before, names)


def _places(job: JobRules, side: Side) -> dict[str, tuple[Any, str, int | None]]:
    """{field: (its place there, the vendor's name, up to how many letters a text goes there as it is)}; made once a job
    and mapping. No number: what goes there depends on what stands there (a currency, words of a set), which is for build."""
    key = ("to", side.mapping)
    places: dict[str, tuple[Any, str, int | None]] | None = job.worked_out.get(key)
    if places is None:
        places = {}
        for name, codec in side.mapping.fields.items():
            if codec.write:
                most = (codec.max_length or sys.maxsize) if codec.sends_text and codec.read else 0
                if codec.currency_vendor is not None or codec.kept is not None:
                    most = None
                places[name] = codec, codec.vendor, most
        job.worked_out[key] = places
    return places


def _left(mover: Side, edits: Edits) -> dict[str, Any]:
    """What the mover still has to remember once its edits are agreed."""
    seen = mover.memo["s"]
    over = {
        way.vendor
        for way, value in edits
        if (way.same and seen[way.vendor] == value) or way.codec.agrees(seen[way.vendor], value)
    }
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
        found = evidence.get(way.vendor)
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
