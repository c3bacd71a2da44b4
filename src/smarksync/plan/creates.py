"""New records: where an entity has none, and the job's policy asks for one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from smarksync.model import ValueProblem

from .job import LEFT, WAITS, JobRules, Person, Target
from .mute import say_left_out
from .reasons import explain, hash_of, join_of
from .reconcile import Verdict, View, blank
from .rows import Outcome, Problem, Row
from .side import NAME_PARTS, Side, columns

#: how the reason begins when a system fills a field of a new record by itself
LEFT_TO_IT = "left to the system"
#: what people said, of which silence is sent, too: a bare flag then says no
CLAIMS = frozenset(("email_opt_out", "phone_opt_out"))
#: a record without these is nobody's: a value that the system does not take holds the whole create
ESSENTIAL = frozenset(("email", "first_name", "last_name", "full_name", "name", "domain"))


def add_creates(
    person: Person, job: JobRules, sides: list[Side], verdicts: Mapping[str, Verdict],
    views: Mapping[str, list[View]], merged: dict[str, Any], outcome: Outcome,
) -> None:  # fmt: skip
    """New records on connections where the entity has none."""
    # what another job merges is settled there by that job alone: until then a record that shows nothing has said nothing
    apart = bool(job.elsewhere) and any(not job.elsewhere.isdisjoint(_unsettled(side)) for side in sides)
    for connection, target in job.targets.items():
        if connection in person.taken_places or target.policy is None:
            continue
        if target.policy(merged, person) is not True:
            continue
        held: set[str] = set()
        row = create_row(person, job, target, verdicts, merged, outcome, held)
        if row is None:
            continue
        row.whole = not (outcome.questions or outcome.problems or outcome.left or outcome.held or held or apart)
        decided = {n: v for n, v in verdicts.items() if v.conflict is None}
        row.fields = [n for n in decided if n in job.rules and n not in held]
        if row.whole:
            row.won = {side.key: [] for side in sides}
        explain(row, decided, views, sides)
        # what was agreed before is settled there, too: the new record has no word of its own about it
        if not row.whole:
            row.fields += [n for n in job.rules if n not in verdicts and n not in held]
        row.reason = "new from " + ", ".join(sorted({s.connection for s in sides}))
        outcome.rows.append(row)


def _unsettled(side: Side) -> Collection[str]:
    """The canonical fields that were never settled there."""
    return side.names() if side.memo.get("n") else side.memo.get("a") or ()


def create_row(
    person: Person,
    job: JobRules,
    target: Target,
    verdicts: Mapping[str, Verdict],
    merged: Mapping[str, Any],
    outcome: Outcome,
    held: set[str] | None = None,
) -> Row | None:
    """The fields of a create, or None with the problem noted; ``held`` gets those that the system does not take."""
    row = Row("create", target.sid, None, {})
    faults: list[Problem] = []
    for name, codec in target.mapping.fields.items():
        if not codec.write:
            continue
        if name == "external_id":
            row.after[codec.vendor] = person.ref
            continue
        value = _outgoing(name, target, job, verdicts, merged)
        if blank(value) and name not in CLAIMS:
            if codec.required:
                faults.append(_missing(target, codec))
            continue
        try:
            raw = codec.outward(value)
        except ValueProblem as problem:
            if problem.code == WAITS:
                outcome.waits = f"{name}: {problem.message}"
                return None
            if problem.code in LEFT:  # the system names an owner, or a source, by itself
                outcome.left.append((target.sid, name, f"{LEFT_TO_IT}: {problem.message}"))
                continue
            fault = Problem(target.sid, "value", problem.code, f"{target.connection}:{target.mapping.stream} (new), "
                            f"field {codec.vendor}: {problem.message}", codec.vendor, hash_of(value), {"direction": "out"})  # fmt: skip
            if codec.required or name in ESSENTIAL or held is None:
                faults.append(fault)
            else:  # that field waits in quarantine, and the person does not wait with it
                outcome.problems.append(fault)
                held.update(NAME_PARTS if name == "full_name" else (name,))
            continue
        if person.refused.get((target.sid, codec.vendor)) == hash_of(raw):
            outcome.refused.add((target.sid, codec.vendor))
            if codec.required:
                return None
            if held is not None:
                held.update(NAME_PARTS if name == "full_name" else (name,))
            continue
        say_left_out(target.sid, codec, value, outcome)
        row.after.update({vendor: part for vendor, part in columns(codec, raw).items() if part is not None})
    if faults:
        outcome.problems.extend(faults)
        return None
    return row


def outgoing_consent(name: str, target: Target, job: JobRules, merged: Mapping[str, Any]) -> Any:
    """What a create says of consent: what stands, and silence about nobody where silence means a subscription."""
    standing = merged.get(name)
    if name == "email_opt_out" and target.subscribes and standing is None:
        return None if job.subscribe == "not_opted_out" else True
    return standing


def _outgoing(
    name: str, target: Target, job: JobRules, verdicts: Mapping[str, Verdict], merged: Mapping[str, Any]
) -> Any:
    """The value a create carries: consent by its own rule, names joined, one-way fields left out."""
    if name == "email_opt_out":
        return outgoing_consent(name, target, job, merged)
    if name == "full_name":
        if any((v := verdicts.get(part)) is not None and v.conflict for part in NAME_PARTS):
            return None
        return join_of(merged)
    rule = job.rules.get(name)
    if rule is None:
        return merged.get(name) if name in CLAIMS or name.startswith("consent_") else None
    if rule.source == target.connection:
        return None
    verdict = verdicts.get(name)
    return None if verdict is not None and verdict.conflict else merged.get(name)


def _missing(target: Target, codec: Any) -> Problem:
    return Problem(
        target.sid, "required", "SMK-REQUIRED",
        f"{target.connection}:{target.mapping.stream} needs {codec.vendor} to create a record, and no side has a value for "
        f"{codec.name}", codec.vendor, "missing", {"direction": "out"},
    )  # fmt: skip
