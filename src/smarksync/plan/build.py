"""From one entity and its sides to the smallest set of writes, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.model import ABSENT, ValueProblem
from smarksync.model.names import split_full_name

from .again import meets_again, standing
from .creates import ESSENTIAL, add_creates
from .evidence import LEFT_US, Evidence, since
from .gap import met_again
from .job import LEFT, WAITS, JobRules, Person
from .mute import hear_others, say_left_out
from .reasons import explain, hash_of, join_of
from .reconcile import Verdict, View, blank, decide
from .rows import PUT_BACK, Outcome, Problem, Question, Row, stamp_row
from .side import NAME_PARTS, Side, columns
from .staying import AS_IT_IS, of_new_records, owed, tellable, untellable


def build(person: Person, job: JobRules) -> Outcome:
    """All decisions of a job about one entity."""
    outcome = Outcome()
    sides = [s for s in person.sides if s.state == "live" and s.rank == 0 and s.connection in job.connections]
    sides = _participants(person, job, sides, outcome)
    if not sides:
        return outcome
    fields = _fields(person, job, sides)
    again = meets_again(person, sides)
    gone = [side for side in person.sides if side.state in LEFT_US]
    verdicts: dict[str, Verdict] = {}
    views: dict[str, list[View]] = {}
    blocked: dict[str, set[int]] = {}
    for name in fields:
        views[name], blocked[name] = _views(person, job, name, sides, outcome)
        hear_others(name, views[name], sides, person.agreed.get(name))
        if name in person.answers and _overtaken(person, job, name, views[name]):
            del person.answers[name]  # it answered another question: somebody has edited the field since
        verdict = decide(
            job.rules[name], person.agreed.get(name), views[name], lambda a, b, n=name: job.equal(n, a, b),  # type: ignore[misc]
            skew=job.skew([v.connection for v in views[name]]), answer=person.answers.get(name, ABSENT),
            special=job.special.get(name), kept=standing(job, sides, name) if again else None,
            since=since(gone, name, person.agreed),
        )  # fmt: skip
        verdicts[name] = verdict
        owed(verdict, views[name], sides, job, name)
        if verdict.conflict is not None and not tellable(sides, views[name], name):
            verdict = verdicts[name] = untellable(name, person.agreed.get(name), views[name])
        if verdict.conflict is not None:
            outcome.questions.append(_question(name, verdict, views[name]))
        for index, reason in verdict.left.items():
            outcome.left.append((sides[index].sid, name, reason))
    decided = {n: v for n, v in verdicts.items() if v.conflict is None}
    values = {n: v.value for n, v in decided.items()}
    merged = {**person.agreed, **values}
    _names_told_apart(person, sides, fields, blocked, merged, outcome)
    for index in range(len(sides)):
        _update(person, job, sides, index, decided, views, blocked, merged, outcome)
    _stamp(person, sides, outcome)
    if not any(blocked.get(name) for name in ESSENTIAL):  # else they may be somebody whom that side has already
        add_creates(person, job, sides, verdicts, views, merged, outcome)
    _settle_rest(person, sides, decided, views, outcome)
    if outcome.outside:
        for row in outcome.rows:
            row.outside = [side.key for side in person.sides if side.sid in outcome.outside and side.rank == 0]
    return outcome


def _names_told_apart(
    person: Person, sides: list[Side], fields: list[str], blocked: Mapping[str, set[int]], merged: Mapping[str, Any],
    outcome: Outcome,
) -> None:  # fmt: skip
    """A full name is in question only while no other side says how it is split."""
    parts = [name for name in fields if name in NAME_PARTS]
    unsplit = {i for name in parts for i in blocked[name] if sides[i].codec(name) is sides[i].name_field}
    whole = join_of(merged)
    if all(sides[i].shown(field, person.agreed) == whole for i in unsplit if (field := sides[i].name_field)):
        outcome.questions = [question for question in outcome.questions if question.kind != "name"]


def _participants(person: Person, job: JobRules, sides: list[Side], outcome: Outcome) -> list[Side]:
    """Sides whose `where` passes, by that side's own values."""
    taking_part = []
    for side in sides:
        if not takes_part(job, side, person):
            outcome.filtered = True
            outcome.outside.add(side.sid)
            continue
        if "o" in side.memo:
            met_again(side, "o", person.agreed, job.rules)
        taking_part.append(side)
    if taking_part:
        outcome.filtered = False
    return taking_part


def own_values(side: Side, agreed: Mapping[str, Any]) -> dict[str, Any]:
    """What one side shows, in canonical terms; what has no canonical meaning is null."""
    return {name: own_value(side, name, agreed) for name in side.mapping.fields if name != "full_name"}


def own_value(side: Side, name: str, agreed: Mapping[str, Any]) -> Any:
    """The same of one field; null, too, where the side has no such field."""
    try:
        shown = side.observed(name, agreed)
    except ValueProblem:
        return None
    return None if shown is ABSENT else shown


def takes_part(job: JobRules, side: Side, person: Person) -> bool:
    """Whether the side passes `where`, by its own values."""
    test = job.where.get(side.connection)
    return test is None or test(own_values(side, person.agreed), person) is True


def _fields(person: Person, job: JobRules, sides: list[Side]) -> list[str]:
    """The fields to look at: where any side may differ from what was agreed, and open answers."""
    names: set[str] = set(person.answers)
    for side in sides:
        names |= side.dirty()
    return sorted(n for n in names if n in job.rules and (n in person.answers or n not in job.others))


def _views(
    person: Person, job: JobRules, name: str, sides: list[Side], outcome: Outcome
) -> tuple[list[View], set[int]]:
    """What each side brings to a field; a side whose value has no meaning is kept out, unharmed."""
    views, blocked = [], set()
    for index, side in enumerate(sides):
        codec = side.codec(name)
        if codec is None:
            continue
        if (name, side.sid) in person.parked:
            blocked.add(index)
            continue
        try:
            observed = side.observed(name, _known_names(person, sides, side, name))
        except ValueProblem as problem:
            if problem.code == "SMK-NAME" and name in person.answers:
                # a person has told the parts apart: the side shows them already, or gets the name that they make
                raw = side.shown(codec, person.agreed)
                told = split_full_name(raw, *(person.answers.get(part) for part in NAME_PARTS))
                seen = told[NAME_PARTS.index(name)] if told is not None else ABSENT
                views.append(View(index, side.connection, seen, ABSENT, _evidence(side, codec.vendor)))
                continue
            blocked.add(index)
            if problem.code == WAITS:
                outcome.waits = f"{name}: {problem.message}"
                outcome.held.add(name)
                continue
            kind = "name" if problem.code == "SMK-NAME" else "value"
            where = f"{side.connection}:{side.stream}:{side.rid}"
            if kind == "name":
                text = f"{where} shows {problem.message}; split it by hand in a system with two name fields"
                outcome.questions.append(Question("full_name", "name", text, {}))
            else:
                outcome.problems.append(
                    Problem(side.sid, kind, problem.code, f"{where}, field {codec.vendor}: {problem.message}", codec.vendor,
                            hash_of(side.shown(codec, person.agreed)), {"direction": "in"})
                )  # fmt: skip
            continue
        base = side.base(name, person.agreed)
        views.append(View(index, side.connection, observed, base, _evidence(side, codec.vendor)))
    return views, blocked


def _known_names(person: Person, sides: list[Side], side: Side, name: str) -> dict[str, Any]:
    """What is agreed; for a full name of somebody whose names are not agreed yet, with those that another side tells apart.

    A side whose names make up the same text is the best reading of it; otherwise any other reading, by connection.
    """
    agreed, whole = person.agreed, side.name_field
    if whole is None or side.codec(name) is not whole or any(agreed.get(part) for part in NAME_PARTS):
        return agreed
    text = side.shown(whole, agreed)
    readings = []
    for other in sorted(sides, key=lambda one: (one.connection, one.key)):
        if other.name_field is not None or not isinstance(text, str) or not text:
            continue
        parts = {}
        for part in NAME_PARTS:
            try:
                shown = other.observed(part, agreed)
            except ValueProblem:
                continue
            if shown is not ABSENT and not blank(shown):
                parts[part] = shown
        if parts:
            readings.append(parts)
    same = [parts for parts in readings if join_of(parts) == " ".join(str(text).split())]
    return {**agreed, **(same or readings or [{}])[0]}


def _overtaken(person: Person, job: JobRules, name: str, views: list[View]) -> bool:
    """Whether a side shows something that the person was not asked about, and did not answer."""
    asked = person.asked.get(name, {})
    return any(
        view.observed is not ABSENT
        and view.connection in asked
        and not job.equal(name, view.observed, asked[view.connection])
        and not job.equal(name, view.observed, person.answers[name])
        and not job.equal(name, view.observed, person.agreed.get(name))
        for view in views
    )


def _evidence(side: Side, vendor: str) -> Evidence:
    found = (side.memo.get("e") or {}).get(vendor)
    if found is None:
        return Evidence(record=side.changed_at)
    return Evidence(found[0], found[1], found[2] if len(found) > 2 else None, side.changed_at)


def _question(name: str, verdict: Verdict, views: list[View]) -> Question:
    values = {
        v.connection: {"value": v.observed, "after": v.evidence.after, "until": v.evidence.until, "by": v.evidence.by,
                       "record": v.evidence.record}
        for v in views if v.observed is not ABSENT
    }  # fmt: skip
    return Question(name, "field", f"Which value of {name} stands? {verdict.conflict}.", values)


def _needs(side: Side, view: View | None, name: str, value: Any, job: JobRules, agreed: Mapping[str, Any]) -> bool:
    """Whether the value must be written there for the side to agree."""
    codec = side.codec(name)
    if codec is None or not codec.write or view is None:
        return False
    if view.observed is ABSENT:
        return not blank(value)
    if job.equal(name, view.observed, value) or (blank(view.observed) and blank(value)):
        return False
    if name in NAME_PARTS and codec is side.name_field:
        return True  # compared as one text when it is written
    return not codec.agrees(side.shown(codec, agreed), value)


def _update(
    person: Person, job: JobRules, sides: list[Side], index: int, decided: Mapping[str, Verdict],
    views: Mapping[str, list[View]], blocked: Mapping[str, set[int]], merged: Mapping[str, Any], outcome: Outcome,
) -> None:  # fmt: skip
    """The changed fields of one existing record, as one row."""
    side = sides[index]
    row = Row("update", side.sid, side.rid, {})
    for name, verdict in decided.items():
        if index in verdict.left or index in blocked[name]:
            continue
        view = next((v for v in views[name] if v.side == index), None)
        if view is not None:
            say_left_out(side.sid, side.codec(name), verdict.value, outcome)
        if not _needs(side, view, name, verdict.value, job, person.agreed):
            continue
        codec = side.codec(name)
        assert codec is not None and view is not None
        if codec is side.name_field and any(one.field in NAME_PARTS for one in outcome.questions):
            outcome.held.add(name)  # the text that both parts make waits for the answer about one of them
            continue
        if codec.create_only:
            outcome.left.append((side.sid, name, of_new_records(side.connection, codec)))
            continue
        before = side.shown(codec, person.agreed)
        try:
            if codec.kept is not None:
                raw = codec.kept.beside(verdict.value, before)
            else:
                raw = codec.outward(join_of(merged) if codec is side.name_field else verdict.value)
        except ValueProblem as problem:
            if problem.code == WAITS:
                outcome.waits = f"{name}: {problem.message}"
                outcome.held.add(name)
                continue
            if problem.code in LEFT:
                outcome.left.append((side.sid, name, f"{AS_IT_IS}: {problem.message}"))
                continue
            outcome.problems.append(_outward_problem(side, codec.vendor, problem, verdict.value))
            outcome.held.add(name)
            continue
        if codec is side.name_field and before == raw:
            continue
        if codec.kept is not None and codec.kept.same(before, raw):
            continue
        if person.refused.get((side.sid, codec.vendor)) == hash_of(raw):
            outcome.refused.add((side.sid, codec.vendor))
            outcome.held.add(name)
            continue
        row.after.update(columns(codec, raw))
        row.before.update(dict.fromkeys(columns(codec, raw)) if before is ABSENT else columns(codec, before))
        row.fields.append(name)
        if blank(raw) and not blank(row.before[codec.vendor]):
            row.marks.append(("blanks", name))
        if name == "owner" and not blank(row.before[codec.vendor]):  # filling in who owns it takes it from nobody
            row.marks.append(("owner_changes", name))
        if name == "lifecycle" and job.regressions(name, view.observed, verdict.value):
            row.marks.append(("lifecycle_regressions", name))
        if view.new and not blank(view.observed):
            row.adopts = True
        if index in verdict.put_back:
            outcome.put_back.append((name, side.sid, verdict.value, view.observed))
            row.marks.append((PUT_BACK, name))
    if row.after:
        explain(row, decided, views, sides)
        outcome.rows.append(row)


def _outward_problem(side: Side, vendor: str, problem: ValueProblem, value: Any) -> Problem:
    where = f"{side.connection}:{side.stream}:{side.rid}"
    return Problem(
        side.sid,
        "value",
        problem.code,
        f"{where}, field {vendor}: {problem.message}",
        vendor,
        hash_of(value),
        {"direction": "out"},
    )


def _stamp(person: Person, sides: list[Side], outcome: Outcome) -> None:
    """Our id goes onto adopted records once."""
    for side in sides:
        codec = side.mapping.fields.get("external_id")
        lacks = side.memo.get("x")
        if codec is None or not side.can_write("external_id") or lacks is None:
            continue
        if person.refused.get((side.sid, codec.vendor)) == hash_of(person.ref):
            outcome.refused.add((side.sid, codec.vendor))
            continue
        row = next((r for r in outcome.rows if r.op == "update" and r.rid == side.rid and r.sid == side.sid), None)
        if row is None:
            outcome.rows.append(stamp_row(side.sid, side.rid, codec.vendor, person.ref, lacks[0]))
            continue
        row.after[codec.vendor] = person.ref
        row.before[codec.vendor] = lacks[0]


def _settle_rest(
    person: Person, sides: list[Side], decided: Mapping[str, Verdict], views: Mapping[str, list[View]], outcome: Outcome
) -> None:
    """Fields that agree without any write: the bases move, and agreed where it must."""
    written = {name for row in outcome.rows for name in row.fields}
    for name, verdict in decided.items():
        if name in written or name in outcome.held:
            continue  # what was held is not settled, and so not forgotten
        taken: dict[str, Any] = {}
        for view in views[name]:
            if view.observed is ABSENT or view.side in verdict.left:
                continue
            if view.new or view.edited:
                taken[sides[view.side].key] = view.observed
        if not taken and not verdict.moved:
            continue
        outcome.local_fields.append(name)
        outcome.local_values[name] = verdict.value
        for key, value in taken.items():
            outcome.local_taken.setdefault(key, {})[name] = value
        if verdict.moved:
            why = {
                "from": verdict.winner,
                "how": verdict.how,
                "at": verdict.at,
                "by": verdict.by,
                "beaten": verdict.beaten,
            }
            outcome.local_why[name] = {k: v for k, v in why.items() if v}
