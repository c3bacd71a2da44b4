"""The writes of a hand-off: what each system is to show of a case, the record that sales gets, and its task."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smarksync.alignment import outcomes
from smarksync.alignment.qualify import LeadScope
from smarksync.ledger.cases import Case
from smarksync.model import ValueProblem, blank
from smarksync.model.moments import wire
from smarksync.plan import creates
from smarksync.plan.build import build
from smarksync.plan.job import JobRules, Person
from smarksync.plan.rows import Outcome, Row

from .context import Lane

#: what a hand-off shows in both systems, where they have a place for it
FIELDS = ("handoff_state", "handoff_at", "handoff_due_at", "handoff_note", "qualified_at", "qualified_by")
#: what it moves with the case; the sync job owns them otherwise
MOVED = ("owner", "lifecycle", "sales_status", "persona", "score", "fit_score", "engagement_score")
DIGEST, NOTE_LENGTH = 8, 4000


@dataclass(frozen=True, slots=True)
class Rooms:
    """A hand-off job's rules: ``update`` for the fields above, ``create`` with those of the sync job; where tasks go."""

    update: JobRules
    create: JobRules
    task: Lane | None
    note_length: int


def shown(case: Case, *, offered: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The hand-off fields of a case as they stand, or as they will once it is offered."""
    body = {**case.body, **(offered or {})}
    offered_at = offered["at"] if offered else case.offered_at
    due = offered["due_at"] if offered else case.due_at
    return {
        "handoff_state": "offered" if offered else case.state,
        "handoff_at": None if offered_at is None else wire(offered_at),
        "handoff_due_at": None if due is None else wire(due),
        "handoff_note": body.get("note"),
        "qualified_at": wire(case.opened_at),
        "qualified_by": case.definition[:80],
    }  # fmt: skip


def rows(person: Person, rules: JobRules, wanted: Mapping[str, Any], job: str, why: str) -> Outcome:
    """The writes to existing records, so that they show what is wanted: decided by the hand-off, not by an edit."""
    person.answers = {name: value for name, value in wanted.items() if name in rules.rules}
    outcome = build(person, rules) if person.answers else Outcome()
    outcome.questions = []
    for row in outcome.rows:
        row.reason = why
        for told in row.why.values():
            told.update({"from": "rule", "how": f"{job}: {why}"})
    for told in outcome.local_why.values():
        told.update({"from": "rule", "how": f"{job}: {why}"})
    return outcome


def create(person: Person, rules: JobRules, connection: str, wanted: Mapping[str, Any], job: str, why: str) -> Outcome:
    """The record that sales gets: everything that the sync job would give it, and the hand-off with it."""
    outcome = Outcome()
    target = rules.targets.get(connection)
    if target is None:
        return outcome
    merged = {**person.agreed, **{name: value for name, value in wanted.items() if name in rules.rules}}
    held: set[str] = set()
    row = creates.create_row(person, rules, target, {}, merged, outcome, held)
    if row is None:
        return outcome
    names = {n for n in target.mapping.fields if n in rules.rules and n not in held}
    if "full_name" in target.mapping.fields:
        names |= {"first_name", "last_name"}
    row.fields = sorted(names - held)
    row.values = {name: merged.get(name) for name in row.fields if merged.get(name) != person.agreed.get(name)}
    row.why = {name: {"from": "rule", "how": f"{job}: {why}"} for name in row.values}
    row.reason = why
    outcome.rows.append(row)
    return outcome


def task(
    person: Person, case: Case, lane: Lane, owner: str | None, due: int | None, at_once: int, turn: int
) -> Row | None:
    """The first call as a task of its own; whom it is for is filled in when the record is there. ``turn``: of which owner."""
    lead = person.agreed
    who = " ".join(str(lead[n]) for n in ("first_name", "last_name") if lead.get(n)) or str(
        lead.get("email") or "a lead"
    )
    at = f" ({lead['company']})" if lead.get("company") else ""
    score = case.body.get("score")
    subject = f"First call: {who}{at}, {case.definition.split('@')[0]}" + (
        f", score {score}" if score is not None else ""
    )
    values: dict[str, Any] = {
        "type": "task", "at": wire(due if due is not None else at_once), "subject": f"{subject[:240]} {mark(person.ref, case, turn)}",
        "owner": owner, "direction": "outbound", "automated": False, "result": "planned", "actor": "sales",
    }  # fmt: skip
    after: dict[str, Any] = {}
    for name, value in values.items():
        codec = lane.mapping.fields.get(name)
        if codec is None or not codec.write or blank(value):
            continue
        try:
            after[codec.vendor] = codec.outward(value)
        except ValueProblem:
            continue  # an owner without a user there, a word that its tasks do not have: the task is still worth having
    if not after:
        return None
    key = _task_of(person.ref, case, turn)
    told = {"key": key, "subject": values["subject"], "at": values["at"], "result": "planned", "owner": owner}
    return Row("create", lane.sid, f"case:{key}", after, reason="the first call, as the hand-off promises", stamp=True,
               task={k: v for k, v in told.items() if v is not None})  # fmt: skip


def _task_of(ref: str, case: Case, turn: int) -> str:
    return f"{ref}:{case.product}:{case.cycle}" + (f":{turn}" if turn else "")


def mark(ref: str, case: Case, turn: int = 0) -> str:
    """How a task of ours is known again after its answer was lost."""
    seed = _task_of(ref, case, turn).encode()
    return f"[#{hashlib.blake2b(seed, digest_size=4).hexdigest()}]"


def note(case: Case, scope: LeadScope, version: str, length: int) -> str:
    """Why, persona, journey, score, and what the person did last: for the first call."""
    lead = scope["lead"]
    lines = [f"Qualified as {version}."]
    persona = scope["persona"]
    facts = [("Persona", persona), ("Journey", _words(lead.get("journey"))), ("Score", _score(lead))]
    lines += [f"{name}: {value}" for name, value in facts if value not in (None, "")]
    scores = scope.get("scores")
    if scores is not None:
        lines += [f"  {point.points:+d} {point.why or 'by a rule'}" for point in scores.points if point.points]
    done = [a for a in scope["activities"] or () if a.get("actor") == "lead"]
    if done:
        lines.append("Lately:")
        lines += [f"  {a['at'][:10]} {_words(a['type'])}{_about(a)}" for a in done[:DIGEST]]
    if case.cycle > 1:
        lines.append(f"This is hand-off number {case.cycle} of this lead.")
    text = "\n".join(lines)
    return text if len(text) <= length else text[: length - 2].rstrip() + " …"


def _score(lead: Mapping[str, Any]) -> str | None:
    if lead.get("score") is None:
        return None
    parts = [
        f"{name} {lead[f'{name}_score']}" for name in ("fit", "engagement") if lead.get(f"{name}_score") is not None
    ]
    return f"{lead['score']}" + (f" ({', '.join(parts)})" if parts else "")


def _about(activity: Mapping[str, Any]) -> str:
    what = activity.get("subject") or activity.get("asset") or activity.get("url")
    return f": {what}" if what else ""


def _words(text: Any) -> Any:
    return text.replace("_", " ") if isinstance(text, str) else text


def moved(case: Case, legal: Any, agreed: Any) -> tuple[str | None, bool]:
    """(where the case puts the lead now, whether that move is legal); None when there is nothing to move."""
    word = outcomes.lifecycle_of(case)
    if word is None or word == case.body.get("lifecycle"):
        return None, True
    who = "rule" if word == "mql" else "sales"
    return word, agreed == word or bool(legal(agreed, word, who))


def carried(rows: Sequence[Row], connection_of: Mapping[int, str], connection: str) -> Row | None:
    """The row that goes to a connection, if there is one."""
    return next((row for row in rows if connection_of.get(row.sid) == connection), None)
