"""Why is this person as they are? Links, values, rules, what is owed, what waits, and the history.

Everything is told from the ledger: no system is called, and what the ledger learnt last is what counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from smarksync.config import Expression, Job
from smarksync.ledger import audit, conflicts, consent, entities, links, plans, quarantine, states
from smarksync.log import at
from smarksync.model import ABSENT
from smarksync.model.consent import view
from smarksync.plan.build import own_values
from smarksync.plan.consent import CHANNELS, settle_consent
from smarksync.plan.job import Person
from smarksync.plan.rows import Outcome, Row
from smarksync.plan.side import Side

from . import around, explain_case, queues, refs, standing, timeline
from .consents import as_claim
from .context import JobRun, Run
from .lookup import load_people, side_of
from .offline import Desk

EVIDENCE = ("a bare flag", "a flag with its time and actor", "the person's own act", "double opt-in")
_LINKS = {
    "live": "takes part",
    "gone": "deleted there; it is not created again",
    "moved": "merged or converted there into another record",
    "filtered": "outside `where`, takes no part",
    "unlinked": "unlinked by the `deletes` policy",
    "undone": "its creation was undone; it is not created again",
}


def explain(desk: Desk, ref: str) -> dict[str, Any]:
    """All that is known about whom or what the REF names. Raises UsageError when it names nothing."""
    found = refs.find(desk.ledger, ref)
    run = desk.open()
    people = [_person(desk, run, one.eid, one.how) for one in found if one.eid is not None]
    strangers = [_stranger(desk, one) for one in found if one.eid is None]
    return {"asked": ref, "people": people, "records": strangers, "notes": run.notes}


def _stranger(desk: Desk, one: refs.Found) -> dict[str, Any]:
    """A record that belongs to nobody."""
    assert one.sid is not None
    name = refs.name_of(desk.ledger, one.sid, one.rid)
    if one.how == "inbox":
        return {
            "record": name,
            "state": "read",
            "why": ["It was read and not matched yet: the next run goes on with it."],
        }
    connection = name.split(":", 1)[0]
    why = [
        f"It was outside `where` of {job.name} when it was last read: {job.where[connection].text}"
        for job in desk.config.jobs.values()
        if connection in job.where
    ]
    return {"record": name, "state": "filtered", "why": why or ["No job takes it."]}


def _person(desk: Desk, run: Run, eid: int, how: str) -> dict[str, Any]:
    ledger, config = desk.ledger, desk.config
    ref, state, agreed = entities.load(ledger, [eid])[eid]
    agreed["external_id"] = ref
    kind = str(ledger.value("SELECT kind FROM entities WHERE eid = ?", (eid,)))
    group = links.of_entities(ledger, [eid]).get(eid, [])
    sides = [side_of(run, link) for link in group if link.sid in run.mappings and link.state in ("live", "filtered")]
    jobs = [job for job in run.jobs if job.rules.entity == kind and job.work is None]
    himself = load_people(run, [eid], "") if kind == "lead" else []
    people = {job.name: load_people(run, [eid], job.name) for job in jobs}
    outcomes = {j.name: standing.outcome_of(run, j, people[j.name][0]) for j in jobs if people[j.name]}
    asked = conflicts.listed(ledger, "eid = ?", (eid,))
    history = audit.of_entity(ledger, eid)
    said = timeline.provenance(history)
    owed = _owed(run, eid, sides, outcomes) + _owed_consent(run, eid, sides, agreed)
    return {
        "found_by": how, "entity": ref, "kind": kind, "state": state, "who": queues.label(ledger, eid, agreed),
        "aliases": [r for (r,) in ledger.rows("SELECT ref FROM entities WHERE into_eid = ? ORDER BY eid", (eid,))],
        "links": [_link(run, link, state) for link in group],
        "fields": standing.fields(run, config.schema_[kind], ref, agreed, sides, config.jobs, outcomes, asked, said),
        "owed": owed,
        "conflicts": [queues.conflict_entry(ledger, one) for one in asked],
        "quarantine": [queues.held_entry(ledger, one) for one in quarantine.listed(ledger, "eid = ?", (eid,))],
        "consent": _consent(run, eid, sides, agreed),
        "why": _why(desk, run, eid, state, people, outcomes, group, jobs),
        "timeline": timeline.of(history),
        "agreement": explain_case.of(run, config, himself[0]) if himself else None,
    }  # fmt: skip


def _link(run: Run, link: links.Link, state: str) -> dict[str, Any]:
    means = _LINKS.get(link.state, link.state)
    if state == entities.PROVISIONAL and link.state == links.LIVE:
        means = "waits for a decision"
    return {
        "record": refs.name_of(run.ledger, link.sid, link.rid), "state": link.state,
        "means": means, "rank": "secondary" if link.rank else "primary",
        "seen_at": link.seen_at, "changed_at": link.changed_at, "known": link.sid in run.mappings,
    }  # fmt: skip


def _owed(run: Run, eid: int, sides: list[Side], outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    """Writes that the next run would plan, and those that are under way already."""
    out = []
    stored = plans.load(run.ledger, "eid = ? AND status IN ('held', 'released', 'sending', 'unknown')", (eid,))
    under_way = [row for row in stored if row.status != "held"]
    for row in under_way:
        out.append(_row(run, row.job, row.op, row.sid, row.rid, row.body, row.status))
    if under_way:
        return out  # nothing new is planned for it before that is settled
    held = {(row.sid, row.rid) for row in stored}
    for job, outcome in outcomes.items():
        for one in outcome.rows:
            status = "held" if (one.sid, one.rid) in held else "next"
            out.append(_row(run, job, one.op, one.sid, one.rid, one.body(), status))
    return out


def _owed_consent(run: Run, eid: int, sides: list[Side], agreed: Mapping[str, Any]) -> list[dict[str, Any]]:
    claims = {c: as_claim(row) for c, row in consent.of_entities(run.ledger, [eid]).get(eid, {}).items()}
    everywhere = frozenset(run.connection_of.values())
    found = settle_consent(sides, agreed, claims, {}, everywhere, run.stamp())
    rows: list[Row] = found.rows if found is not None else []
    return [_row(run, "consent", one.op, one.sid, one.rid, one.body(), "next") for one in rows]


def _row(
    run: Run, job: str, op: str, sid: int, rid: str | None, body: Mapping[str, Any], status: str
) -> dict[str, Any]:
    from .status import ROW_STATES

    before = body.get("before", {})
    return {
        "job": job, "op": op, "to": refs.name_of(run.ledger, sid, rid), "status": status,
        "means": ROW_STATES.get(status, "written by the next run"),
        "fields": {v: {"before": before.get(v), "after": a} for v, a in body.get("after", {}).items()},
        "reason": body.get("reason", ""),
    }  # fmt: skip


def _consent(run: Run, eid: int, sides: list[Side], agreed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What stands in each channel, on which evidence, and what each side shows of it."""
    found = consent.of_entities(run.ledger, [eid]).get(eid, {})
    out = []
    for channel, name in CHANNELS.items():
        shown = {}
        for side in sides:
            codec = side.codec(name)
            if codec is not None:
                raw = side.shown(codec, agreed)
                shown[f"{side.connection}:{side.stream}:{side.rid}"] = None if raw is ABSENT else raw
        row = found.get(channel)
        if row is None and not shown:
            continue
        out.append({
            "channel": channel, "status": row.status if row else "no_claim",
            "may_contact": None if row is None else not view(as_claim(row).status),
            "at": row.at if row else None, "source": row.source if row else None, "basis": row.basis if row else None,
            "evidence": EVIDENCE[row.evidence] if row else None, "shown": shown,
        })  # fmt: skip
    return out


def _why(
    desk: Desk, run: Run, eid: int, state: str, people: Mapping[str, list[Person]], outcomes: Mapping[str, Outcome],
    group: list[links.Link], jobs: list[JobRun],
) -> list[dict[str, Any]]:  # fmt: skip
    """Per job: what keeps it from going everywhere, sentence by sentence."""
    if state == entities.PROVISIONAL:
        text = "It waits for a decision about whose record it is (see quarantine); nothing is written for it meanwhile."
        return [{"job": None, "connection": None, "say": text, "clauses": []}]
    if state == entities.FORGOTTEN:
        return [{"job": None, "connection": None, "say": "It was erased.", "clauses": []}]
    if not jobs:
        return [{"job": None, "connection": None, "say": "No job of the config syncs this kind.", "clauses": []}]
    said: list[dict[str, Any]] = []
    for job in jobs:
        config_job = desk.config.jobs[job.name]
        for person in people[job.name]:
            for connection in config_job.connections:
                said += _of_connection(desk, run, job, config_job, person, connection, outcomes[job.name], group)
        said += [{"job": job.name, "connection": None, "say": text, "clauses": []} for text in _waits(run, job, eid)]
    return said


def _of_connection(
    desk: Desk, run: Run, job: JobRun, written: Job, person: Person, connection: str, outcome: Outcome,
    group: list[links.Link],
) -> list[dict[str, Any]]:  # fmt: skip
    def say(text: str, clauses: list[str] | None = None) -> dict[str, Any]:
        return {"job": job.name, "connection": connection, "say": text, "clauses": clauses or []}

    mine = [s for s in person.sides if s.connection == connection]
    live = [s for s in mine if s.state == links.LIVE and s.rank == 0]
    if live:
        side = live[0]
        test = written.where.get(connection)
        name = f"{connection}:{side.stream}:{side.rid}"
        if test is not None:
            scope = around.scope_maker(run, desk.config, job.rules.entity, test)(
                own_values(side, person.agreed), person
            )
            if test.evaluate(scope) is not True:
                return [say(f"{name} takes no part: `where` does not pass", test.explain(scope).lines())]
        return [say(f"{name} takes part")]
    here = [link for link in group if run.connection_of.get(link.sid) == connection]
    if here:
        states_ = ", ".join(f"{refs.name_of(run.ledger, i.sid, i.rid)} ({_LINKS.get(i.state, i.state)})" for i in here)
        return [say(f"nothing is created there, because a record is or was linked: {states_}")]
    return [_no_record(desk, run, job, written, person, connection, outcome, say)]


def _no_record(
    desk: Desk,
    run: Run,
    job: JobRun,
    written: Job,
    person: Person,
    connection: str,
    outcome: Outcome,
    say: Callable[..., dict[str, Any]],
) -> dict[str, Any]:
    """No record matched there: whether one is created, and what the policy says clause by clause."""
    policy: Expression | None = written.creates(connection)
    none = "no record there matches"
    if policy is None or policy.never:
        why = "has no entry" if policy is None else "says never"
        found: dict[str, Any] = say(f"{none}, and none is created: `create` {why} for {connection}")
        return found
    if not any(s.state == links.LIVE for s in person.sides):
        return say(f"{none}, and nothing takes part from which one could be created")
    target = job.rules.targets.get(connection)
    if target is None:
        return say(f"{none}; {connection} was never read, so nothing more is known")
    values = person.agreed | _decided(outcome)
    scope = around.scope_maker(run, desk.config, job.rules.entity, policy)(values, person)
    if policy.evaluate(scope) is not True:
        return say(f"{none}, and none is created: `create` does not pass", policy.explain(scope).lines())
    problems = [p.message for p in outcome.problems if p.sid == target.sid]
    if problems:
        return say(f"{none}, and one cannot be created: {'; '.join(problems)}")
    refused = quarantine.listed(run.ledger, "eid = ? AND sid = ? AND kind = 'refused'", (person.eid, target.sid))
    if refused:
        return say(f"{none}, and creating one was refused: {refused[0].message} (quarantine {refused[0].id})")
    creates = any(row.op == "create" and row.sid == target.sid for row in outcome.rows)
    held = [p.message for p in outcome.problems] + ([outcome.waits] if outcome.waits else [])
    if held and not creates:
        return say(f"{none}, and none is created while this waits: {'; '.join(held)}")
    return say(f"{none}; the next run creates one" + (" (everybody of this kind)" if policy.always else ""))


def _decided(outcome: Outcome) -> dict[str, Any]:
    """Values that would be agreed by now."""
    values: dict[str, Any] = dict(outcome.local_values)
    for row in outcome.rows:
        values.update(row.values)
    return values


def _waits(run: Run, job: JobRun, eid: int) -> list[str]:
    """What the job still has to do with the entity, and why."""
    ledger = run.ledger
    said = []
    since = states.held_since(ledger, job.name)
    if since:
        said.append(f"a guard stopped the job; it is held since {at(since)} (see `smarksync plan {job.name}`)")
    for reason, since in ledger.rows("SELECT reason, since FROM due WHERE job = ? AND eid = ?", (job.name, eid)):
        said.append(f"the next run looks again: {reason} (since {at(since)})")
    if ledger.one("SELECT 1 FROM changes WHERE eid = ? AND seq > ? LIMIT 1", (eid, states.mark(ledger, job.name))):
        said.append("it changed after the job's last look: the next run decides")
    return said


__all__ = ["explain"]
