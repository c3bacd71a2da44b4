"""The plain case of every later run: one side edited some ordinary fields, every other side is settled.

It decides exactly what :func:`.build.build` decides (a test holds the two together), without views and verdicts
of sides that said nothing. Anything that is not plain is left to build.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from smarksync.model import ABSENT, ValueProblem
from smarksync.model.phone import is_e164, same_phone
from smarksync.model.shapes import Shapes

from .job import LEFT, JobRules, Person
from .reasons import reason_of
from .reconcile import blank
from .rows import Alone, Outcome, Row
from .side import Side, Translation
from .staying import AS_IT_IS, of_new_records

_PLAIN = {"s", "e", "a"}
#: guards count what is done to it: build names it
_GUARDED = "lifecycle"
#: types of which two values may be one although they are not the same
_SAME_IN_MANY_WAYS = frozenset(("phone", "instant", "set"))


def edited(person: Person, job: JobRules) -> Outcome | None:
    """The outcome of a plain edit, or None when the case is not plain."""
    if person.answers or person.parked or person.refused or job.where:
        return None
    mover: Side | None = None
    settled: list[Side] = []
    connections = job.connections
    for side in person.sides:
        if side.state != "live" or side.rank or side.connection not in connections:
            continue
        if side.name_field is not None:
            return None  # names in one text have their own rules
        memo = side.memo
        if not memo:
            settled.append(side)
        elif "a" in memo and not job.rules.keys().isdisjoint(memo["a"]):
            return None  # something that this job decides was never settled there
        elif "e" not in memo and _rests(person, job, side):
            settled.append(side)
        elif mover is None and "s" in memo and _PLAIN.issuperset(memo):
            mover = side
        else:
            return None
    if mover is None or not _creating(job) <= person.taken_places:
        return None
    edits = _edits(person, job, mover)
    return None if edits is None else _outcome(person, job, mover, settled, edits)


def _rests(person: Person, job: JobRules, side: Side) -> bool:
    """Whether it only writes in another way what was agreed: a telephone number with spaces, a company by its own id."""
    if side.memo.keys() == {"a"}:
        return True
    if not side.memo.keys() <= {"s", "a"}:
        return False
    by_vendor = side.mapping.names_by_vendor
    names = [name for vendor in side.memo["s"] for name in by_vendor.get(vendor, ()) if name in job.rules]
    try:
        return all(side.observed(name, person.agreed) == person.agreed.get(name) for name in names)
    except ValueProblem:
        return False


def _creating(job: JobRules) -> frozenset[str]:
    """The connections on which the job may make a record; found once a job."""
    found: frozenset[str] | None = job.worked_out.get(("creating",))
    if found is None:
        found = frozenset(connection for connection, target in job.targets.items() if target.policy is not None)
        job.worked_out["creating",] = found
    return found


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


class _Speaker(NamedTuple):
    """Of one mapping in a job, for records that it tells of: what is the same for all with the same fields."""

    #: by the vendor fields that show something else: the ways in the order of names; None where a rule has to be asked
    ways: Shapes[tuple[_Way, ...] | None]
    #: by the fields that are written: why
    reasons: Shapes[str]


def _speaker(job: JobRules, mapping: Translation) -> _Speaker:
    found: _Speaker | None = job.worked_out.get(mapping)
    if found is None:
        found = _Speaker(Shapes(partial(_ways, job, mapping)), Shapes(partial(_reason, job, mapping)))
        job.worked_out[mapping] = found
    return found


def _ways(job: JobRules, mapping: Translation, vendors: Sequence[str]) -> tuple[_Way, ...] | None:
    by_vendor = mapping.names_by_vendor
    names = [name for vendor in vendors for name in by_vendor.get(vendor, ()) if name in job.rules]
    if any(mapping.fields[name].currency_vendor is not None for name in names):
        return None
    return tuple([_way(job, mapping, name) for name in sorted(names)])


def _way(job: JobRules, mapping: Translation, name: str) -> _Way:
    rule, codec = job.rules[name], mapping.fields[name]
    speaks = rule.source in (None, mapping.connection) and rule.owner in (None, mapping.connection)
    stands = speaks and name not in job.special and name != _GUARDED
    plain = codec.read and codec.inward_in is None and codec.field.type not in _SAME_IN_MANY_WAYS
    text, phone = plain and codec.reads_text, codec.read and codec.reads_phone
    return _Way(name, codec.vendor, codec, stands, plain, text, phone, codec.identity, _how(job, name))


def _how(job: JobRules, name: str) -> str:
    rule = job.rules[name]
    return f"owned by {rule.owner}" if rule.owner is not None else f"from {rule.source}" if rule.source else "edited"


def _reason(job: JobRules, mapping: Translation, names: Sequence[str]) -> str:
    return reason_of([f"{name}: {_how(job, name)} ({mapping.connection})" for name in names])


def _edits(person: Person, job: JobRules, mover: Side) -> Edits | None:
    """(field, new value) of what does not only look different; None when a rule has to be asked."""
    seen, agreed = mover.memo["s"], person.agreed
    ways = _speaker(job, mover.mapping).ways[tuple(seen)]
    if ways is None:
        return None
    edits: Edits = []
    for way in ways:
        name, vendor, codec, stands, plain, text, phone, _, _ = way
        base, raw = agreed.get(name), seen[vendor]
        try:
            if text and raw.__class__ is str and raw.isascii():
                value = raw.strip() or codec.inward(raw)
            elif plain:
                value = codec.inward(raw)
            elif phone and raw.__class__ is str and is_e164(raw):
                value = base if base is not None and same_phone(raw, base) else raw
                plain = True  # two numbers in full are not looked at again
            else:
                value = mover.observed(name, agreed)
        except ValueProblem:
            return None
        if value is ABSENT or value == base:
            continue
        if not stands or blank(value) or (not plain and (codec.means(value, base) or job.equal(name, value, base))):
            return None
        edits.append((way, value))
    return edits


def _outcome(person: Person, job: JobRules, mover: Side, settled: Sequence[Side], edits: Edits) -> Outcome | None:
    outcome = Outcome()
    moved = {way.name: value for way, value in edits}
    why = _whys(edits, mover)
    written: set[str] = set()
    for side in settled:
        lacking = _lacking(person, job, side, edits, outcome)
        if lacking is None:
            return None
        after, before, names = lacking
        if not names:
            continue
        values, told = moved, why
        if len(names) < len(moved):
            values, told = {name: moved[name] for name in names}, {name: why[name] for name in names}
        won, reason = {mover.key: names}, _speaker(job, mover.mapping).reasons[tuple(names)]
        outcome.rows.append(Row("update", side.sid, side.rid, after, before, names, values, None, won, told, reason))
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


def _lacking(
    person: Person, job: JobRules, side: Side, edits: Edits, outcome: Outcome
) -> tuple[dict[str, Any], dict[str, Any], list[str]] | None:
    """(what is to be written, what it shows there, the fields) of a settled side; None when build has to say why it cannot
    have it."""
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
        plain = base.__class__ is str and 0 < len(base) <= most and vendor not in seen
        shown = base if plain else side.shown(codec, agreed)
        if codec.create_only:
            if not codec.agrees(shown, value):
                outcome.left.append((side.sid, name, of_new_records(side.connection, codec)))
            continue
        try:
            raw = value if value.__class__ is str and len(value) <= most else codec.outward(value)
        except ValueProblem as problem:
            if problem.code not in LEFT:
                return None
            outcome.left.append((side.sid, name, f"{AS_IT_IS}: {problem.message}"))
            continue
        if raw == shown or codec.agrees(shown, value):
            continue
        if (not raw and blank(raw)) or name == "owner":  # guards count owners that change
            return None
        after[vendor] = raw
        before[vendor] = None if shown is ABSENT else shown
        names.append(name)
    return after, before, names


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
