"""How each field of one entity stands: what is agreed, what each side shows, who differs, and by which rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smarksync.config import FieldRule, Job
from smarksync.ledger import conflicts, entities
from smarksync.model import ABSENT, Entity, Field, ValueProblem
from smarksync.plan.rows import Outcome
from smarksync.plan.side import NAME_PARTS, Side

from .context import JobRun, Run
from .queues import label

_KEEPERS = {
    "consent": "follows the consent section, whatever the rules say",
    "consent_evidence": "evidence of the consent, follows the consent section",
    "handoff": "written by the hand-off job only",
    "outcome": "written by the outcomes job only",
    "system": "belongs to each system itself",
}


def fields(
    run: Run, entity: Entity, ref: str, agreed: Mapping[str, Any], sides: Sequence[Side], jobs: Mapping[str, Job],
    outcomes: Mapping[str, Outcome], asked: Sequence[conflicts.Conflict], provenance: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:  # fmt: skip
    """One entry a field that any side maps, in the schema's order; ``full_name`` stands for its parts."""
    out = []
    for name, field in entity.fields.items():
        shown = [_shown(side, name, agreed) for side in sides if side.codec(name) is not None and name != "full_name"]
        if not shown or name == "external_id":
            continue
        differ = [s for s in shown if (not s["agrees"] and s["shows"] is not None) or s["problem"]]
        differ += [s for s in shown if s["shows"] is None and agreed.get(name) is not None and not s["unread"]]
        rule = _rule(run, jobs, entity.name, name)
        found = {
            "field": name, "agreed": agreed.get(name), "sides": shown, "rule": rule,
            "agree": not differ, "differ": [s["record"] for s in differ],
            "because": _because(run, name, field, sides, outcomes, asked, rule is not None) if differ else [],
            "names": _names(run, field, [agreed.get(name), *(s["shows"] for s in shown)]),
            "provenance": provenance.get(name) or (provenance.get("*") if agreed.get(name) is not None else None),
        }  # fmt: skip
        if found["agreed"] is not None or any(s["shows"] is not None or s["problem"] for s in shown):
            out.append(found)
    return out


def _shown(side: Side, name: str, agreed: Mapping[str, Any]) -> dict[str, Any]:
    """What one side shows of a field, in canonical terms and in its own."""
    codec = side.codec(name)
    assert codec is not None
    raw = side.shown(codec, agreed)
    problem = ""
    try:
        observed = side.observed(name, agreed)
    except ValueProblem as trouble:
        observed, problem = None, trouble.message
    unread = observed is ABSENT
    base = side.base(name, agreed)
    return {
        "record": f"{side.connection}:{side.stream}:{side.rid}", "vendor": codec.vendor,
        "shows": None if unread else observed, "raw": None if raw is ABSENT else raw, "unread": unread,
        "settled_with": None if base is ABSENT else base, "never_settled": base is ABSENT,
        "agrees": not problem and not unread and observed == agreed.get(name),
        "changed": not unread and base is not ABSENT and observed != base, "problem": problem,
        "way": ("both" if codec.read and codec.write else "read only there" if codec.read else "only written")
        + (", with new records only" if codec.write and codec.create_only else ""),
    }  # fmt: skip


def _names(run: Run, field: Field, values: Sequence[Any]) -> dict[str, str]:
    """What people know the entities by that a field points at; nothing for other fields."""
    if field.ref is None:
        return {}
    refs = {ref for value in values for ref in (value if isinstance(value, list) else [value]) if isinstance(ref, str)}
    found = entities.by_refs(run.ledger, sorted(refs))
    return {ref: name for ref, eid in found.items() if (name := label(run.ledger, eid))}


def _rule(run: Run, jobs: Mapping[str, Job], kind: str, name: str) -> str | None:
    """The rule of the job that keeps entities of the kind in agreement; fields of other kinds have the same names."""
    for job in run.jobs:
        if job.work is None and job.rules.entity == kind and name in job.rules.rules:
            written = jobs[job.name]
            rule = written.fields.get(name) or written.fields.get("*") or FieldRule()
            return f"{job.rules.rules[name].name}: {rule_text(rule, job.rules.rules[name].merge)}"
    return None


def rule_text(rule: FieldRule, merge: str) -> str:
    """A rule as a config writes it, without what goes without saying."""
    parts = [rule.direction]
    if rule.owner:
        parts.append(f"owner {rule.owner}" + (", enforce leave" if rule.enforce == "leave" else ""))
    if not rule.source:
        parts.append(f"merge {merge}" + (f", tie {rule.tie}" if rule.tie != "ask" else ""))
    if rule.blank != "keep":
        parts.append(f"blank {rule.blank}")
    return ", ".join(parts)


def _because(
    run: Run, name: str, field: Field, sides: Sequence[Side], outcomes: Mapping[str, Outcome],
    asked: Sequence[conflicts.Conflict], ruled: bool,
) -> list[str]:  # fmt: skip
    """Why the sides differ: a question, a rule, something owed, or nobody whose business it is."""
    names = {side.sid: f"{side.connection}:{side.stream}:{side.rid}" for side in sides}
    said: list[str] = []
    for one in asked:
        if one.field == name or (one.field == "full_name" and name in NAME_PARTS):
            answer = (
                "answered, the next run carries it out" if one.state == "answered" else one.body.get("question", "")
            )
            said.append(f"conflict {one.id} ({one.kind}): {answer}")
    for outcome in outcomes.values():
        said += [f"{names.get(sid, '?')}: {reason}" for sid, f, reason in outcome.left if f == name]
        for row in outcome.rows:
            if name in row.fields:
                said.append(f"owed to {names.get(row.sid, 'a new record')}: {row.reason}")
    if not said and not ruled:
        keeper = _KEEPERS.get(field.group)
        only = sum(1 for side in sides if side.codec(name) is not None) < 2
        said.append(keeper or ("only one system has a place for it" if only else "no job keeps it in agreement"))
    return said


def outcome_of(run: Run, job: JobRun, person: Any) -> Outcome:
    """What the job would decide now, from what is known; nothing is stored."""
    from smarksync.plan.build import build

    return build(person, job.rules)


__all__ = ["fields", "outcome_of", "rule_text"]
