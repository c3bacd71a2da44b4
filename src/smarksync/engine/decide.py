"""Planning a job: changed entities in bounded chunks, each to decisions; rows to a table, nothing sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from smarksync.ledger import audit, conflicts, consent, entities, flips, keys, links, plans, quarantine, states
from smarksync.plan.build import build
from smarksync.plan.consent import unreadable
from smarksync.plan.edited import edited
from smarksync.plan.first import first
from smarksync.plan.job import Person
from smarksync.plan.reasons import wanted_hash
from smarksync.plan.rows import Outcome, Row
from smarksync.plan.side import NAME_PARTS

from . import absent, consents, only, removals, short
from .context import Ahead, JobRun, Run, instant
from .lookup import load_people
from .refused import put_problems, refused_values
from .settle import Rekeyed, rekey, settle_locally
from .shared import tell_other_jobs

CHUNK = 500
FLIPS, FLIP_DAYS = 3, 7


def plan_job(run: Run, job: JobRun, *, consent_only: bool = False) -> int:
    """Plans everything that changed since the job's mark; returns the sequence up to which it looked."""
    ledger = run.ledger
    ahead, job.ahead = job.ahead, None
    with ledger.tx():
        plans.discard(ledger, job.name, ahead=ahead is not None)
        if not job.facts and not consent_only:
            _take_over_answers(run, job)
    top = states.top(ledger)
    doubts = plans.under_way(ledger)
    inherit = consent.anyone(ledger)
    done = 0
    for eids in candidates(run, job, top, ahead):
        with ledger.tx():
            _plan_chunk(run, job, eids, inherit, consent_only, doubts)
        inherit = inherit or consent.anyone(ledger)
        done += len(eids)
        run.tell("plan", job.name, done)
    while run.heirs:
        _tell_heirs(run, job, consent_only, doubts)
    return top


def _take_over_answers(run: Run, job: JobRun) -> None:
    """What people answered to a job that goes by another name now: the one that merges the field there carries it out."""
    there = frozenset[str]().union(*run.named.values())
    mine = [
        one.id
        for one in conflicts.answered_of_others(run.ledger, job.rules.entity, run.named)
        if (one.field in job.rules.rules or one.kind == "name")
        and there.intersection(one.body.get("values", ())) <= set(job.rules.connections)
    ]
    conflicts.give(run.ledger, mine, job.name)


def _tell_heirs(run: Run, job: JobRun, consent_only: bool, doubts: bool) -> None:
    """Who was planned before somebody with the same address opted out: told with the same plan, since no guard and no
    later round may hold an opt-out, and a record that is yet to be made is made with it."""
    heirs, run.heirs = sorted(run.heirs), set()
    made = set(plans.planned_creates(run.ledger, job.name, heirs))
    for eids, only_consent in (
        ([e for e in heirs if e in made], consent_only),
        ([e for e in heirs if e not in made], True),
    ):
        for start in range(0, len(eids), CHUNK):
            part = eids[start : start + CHUNK]
            with run.ledger.tx():
                for sid in plans.take_back(run.ledger, job.name, part, consent_only=only_consent):
                    job.count(sid, "planned", -1)
                _plan_chunk(run, job, part, True, only_consent, doubts)


def candidates(run: Run, job: JobRun, top: int, ahead: Ahead | None = None) -> Iterator[list[int]]:
    """Entities by id: those that changed or are due — or all, when the rules themselves changed, or time may tell more.

    Without those whom ``ahead`` has planned for already.
    """
    ledger = run.ledger
    if run.options.only is not None and not job.facts:
        eids = only.chosen(run, job.rules.entity)
        if eids:
            yield eids
        return
    daily = job.rules.restless and states.swept(ledger, job.name) != run.stamp()[:10]
    everything = daily or states.rules_of(ledger, job.name) != job.rules_hash
    if not everything:
        states.gather(ledger, job.name, states.mark(ledger, job.name), top, job.rules.entity)
    if ahead is not None:
        ahead.drop() if everything else ahead.join()
    last = 0
    while True:
        if everything:
            sql = "SELECT eid FROM entities WHERE kind = ? AND state IN ('live', 'provisional') AND eid > ? ORDER BY eid LIMIT ?"
            eids = [row[0] for row in ledger.rows(sql, (job.rules.entity, last, CHUNK))]
        else:
            eids = states.gathered(ledger, last, CHUNK)
        if not eids:
            break
        last = eids[-1]
        yield eids
    if daily:
        job.swept = run.stamp()[:10]


def _plan_chunk(run: Run, job: JobRun, eids: list[int], inherit: bool, consent_only: bool, doubts: bool) -> None:
    ledger = run.ledger
    if (run.options.only is None or job.facts) and not consent_only:
        states.looked_at(ledger, job.name, eids)
    if consent_only or job.facts:
        rows = _decided(run, job, eids, inherit, consent_only, doubts)
    else:
        taken = plain(run, job, eids, inherit=inherit, doubtful=plans.busy(ledger, eids) if doubts else ())
        rows = taken.rows
        if taken.others:
            rows += _decided(run, job, taken.others, inherit, False, doubts)
            order = {eid: place for place, eid in enumerate(eids)}
            rows.sort(key=lambda one: order[one[0]])
    plans.add(ledger, run.run_id, job.name, rows)
    for sid, count in Counter(row.sid for _, row in rows).items():
        job.count(sid, "planned", count)


def plain(run: Run, job: JobRun, eids: list[int], *, inherit: bool, doubtful: Iterable[int]) -> short.Taken:
    """What the short ways decide of a chunk, and what is settled with it. ``doubtful``: who has a write under way."""
    ledger = run.ledger
    barred = {
        *quarantine.of_entities(ledger, job.name, eids),
        *conflicts.of_entities(ledger, job.name, eids),
        *doubtful,
    }
    if inherit:
        barred |= keys.sharing_claims(ledger, eids)
    taken = short.take(run, job, eids, barred, consents_too=inherit or consents.mapped(run))
    if taken.settled:
        settle_local(run, job, taken.settled)
        store_memos(run, [person for person, _ in taken.settled])
    return taken


def _decided(
    run: Run, job: JobRun, eids: list[int], inherit: bool, consent_only: bool, doubts: bool
) -> list[tuple[int, Row]]:
    """The rows of a chunk's entities, everything asked and stored that a decision may need and say."""
    ledger = run.ledger
    people = load_people(run, eids, job.name)
    _provisional_fates(run, job, eids, {p.eid for p in people})
    certain = {p.eid for p in people}
    others = [eid for eid in eids if eid not in certain]
    doubtful = load_people(run, others, job.name, entities.PROVISIONAL)  # an opt-out waits for nobody's decision
    only_consent = {p.eid for p in doubtful}
    people += doubtful
    standing = consent.of_entities(ledger, [p.eid for p in people])
    held = quarantine.of_entities(ledger, job.name, [p.eid for p in people])
    asked = conflicts.of_entities(ledger, job.name, [p.eid for p in people])
    busy = plans.busy(ledger, eids) if doubts else set()
    concerned = not job.facts and (inherit or consents.mapped(run))
    others_there = consents.Others(run, people) if concerned and inherit else None
    special, told = short.special_fields(run), consents.told_beside(run)
    rows: list[tuple[int, Row]] = []
    changed_agreed: list[tuple[Person, Any]] = []
    settled: list[tuple[Person, Outcome]] = []
    for person in people:
        person.refused = refused_values(run, job, person, held.get(person.eid, []))
        if person.eid in busy:
            job.fates[person.eid] = "quarantined" if person.eid in only_consent else "deferred"
            states.set_due(ledger, job.name, [(person.eid, "an earlier write is not settled")], run.stamp())
            continue
        stands = standing.get(person.eid, {})
        found = consents.consent_of(run, job, person, stands, others_there, told) if concerned else None
        if found is not None:
            if found.changed:
                consents.record(run, person, found, others_there)
                audit.add(ledger, run.run_id, run.stamp(), [(person.eid, consents.audit_body(found))])
            if found.values or found.taken:
                changed_agreed.append((person, found))
                absent.estrange(run, [(person.eid, person.agreed, found.values)])
            for connection, channel, reason in found.refused:
                job.left[(connection, f"consent {channel}", f"not taken ({reason}): put back")] += 1
            job.left.update(found.left)
        consent_rows = found.rows if found is not None else []
        settle_locally(run, person, found.values, found.taken) if found and (found.values or found.taken) else None
        if consent_only or person.eid in only_consent:
            rows += [(person.eid, row) for row in consent_rows]
            continue
        outcome = first(person, job.rules) or edited(person, job.rules) or build(person, job.rules)
        if job.facts:
            outcome.problems, outcome.questions = [], []  # nobody is asked about what is only read
        removals.add(run, job, person, outcome)
        if concerned and (unread := unreadable(person.sides, person.agreed)):
            outcome.problems += unread
            outcome.rows = [
                row for row in outcome.rows if row.op != "create"
            ]  # who may be mailed there is not known yet
        if outcome.questions or person.eid in asked:
            _questions(run, job, person, outcome, asked.get(person.eid, set()))
        if consent_rows:
            outcome.rows = consent_rows + outcome.rows
        short.tell_ahead(run, job, outcome.rows, special)
        if outcome.problems or person.eid in held:
            put_problems(run, job, person, outcome, held.get(person.eid, []))
        watch_flips(run, job, person, outcome)
        if outcome.waits:
            states.set_due(ledger, job.name, [(person.eid, outcome.waits)], run.stamp())
            job.fates.setdefault(person.eid, "deferred")
        for side, name, reason in (*outcome.left, *_illegal_moves(job, outcome)):
            job.left[(run.connection_of.get(side, "?"), name, reason)] += 1
        if outcome.outside:
            job.outside.update((person.eid, sid) for sid in outcome.outside)
        if outcome.filtered and not outcome.rows:
            job.fates[person.eid] = "filtered"
        if outcome.local_fields:
            settled.append((person, outcome))
        rows += [(person.eid, row) for row in outcome.rows]
    settle_local(run, job, settled)
    store_memos(run, [p for p, _ in changed_agreed] + [p for p, _ in settled])
    return rows


def _provisional_fates(run: Run, job: JobRun, eids: list[int], live: set[int]) -> None:
    for eid, (_, state, _) in entities.load(run.ledger, [e for e in eids if e not in live]).items():
        if state == entities.PROVISIONAL:
            job.fates[eid] = "quarantined"


def _illegal_moves(job: JobRun, outcome: Outcome) -> Iterator[tuple[int, str, str]]:
    """Edits of a state machine's field that its moves do not allow to that side: they are put back, and said."""
    for name, sid, _, theirs in outcome.put_back:
        if name not in job.rules.special:
            continue
        how = next((row.why[name].get("how", "") for row in outcome.rows if row.sid == sid and name in row.why), "")
        for told in how.partition("; ")[2].split(", "):
            if told.endswith(f" to {theirs}"):
                yield sid, name, f"not taken ({told}): put back"


def _questions(run: Run, job: JobRun, person: Person, outcome: Outcome, asked: set[str]) -> None:
    open_now = set()
    for question in outcome.questions:
        body = {"question": question.question, "values": question.values}
        conflicts.put(run.ledger, job=job.name, eid=person.eid, field=question.field, kind=question.kind, body=body,
                      run=run.run_id, now=run.stamp())  # fmt: skip
        open_now.add(question.field)
    if outcome.filtered:
        return  # nobody looked: what is asked stays asked
    # an answer goes when its write has settled: until then it is what the field is decided by
    owed = {f for row in outcome.rows for f in row.fields} | outcome.held
    if not owed.isdisjoint(NAME_PARTS):
        owed.add("full_name")
    over = [f for f in asked - open_now if not (f in owed and (f in person.answers or f == "full_name"))]
    if over:
        conflicts.close(run.ledger, job.name, person.eid, over)


def watch_flips(run: Run, job: JobRun, person: Person, outcome: Outcome) -> None:
    """Two writers that never rest: after three identical restorations in seven days the field is parked.

    What was written counts (settle.py), not what was planned: a guard may hold one and the same restoration for days.
    """
    if not outcome.put_back:
        return
    since = instant(run.now() - timedelta(days=FLIP_DAYS))
    for field, sid, ours, theirs in outcome.put_back:
        count = flips.count(run.ledger, person.eid, field, sid, wanted_hash({"v": ours}), since)
        if count >= FLIPS:
            lane = run.lanes[sid]
            body = {
                "question": f"{field} of {lane.name} was put back {count} times in {FLIP_DAYS} days and keeps coming back. "
                "Which writer should rest?",
                "sid": sid, "values": {"ours": {"value": ours}, lane.stream.connection: {"value": theirs}},
            }  # fmt: skip
            conflicts.put(
                run.ledger,
                job=job.name,
                eid=person.eid,
                field=field,
                kind="flip",
                body=body,
                run=run.run_id,
                now=run.stamp(),
            )
            _without(outcome, sid, field, run)


def _without(outcome: Outcome, sid: int, field: str, run: Run) -> None:
    """Takes a parked field out of the rows to that side."""
    mapping = run.mappings[sid]
    codec = mapping.fields.get(field) or mapping.fields.get("full_name")
    for row in outcome.rows:
        if row.sid == sid and not row.consent and codec is not None and codec.vendor in row.after:
            row.after.pop(codec.vendor)
            row.before.pop(codec.vendor, None)
            row.fields = [f for f in row.fields if f != field]
            row.values.pop(field, None)
            row.marks = [mark for mark in row.marks if mark[1] != field]
    outcome.rows = [row for row in outcome.rows if row.after or row.op != "update"]


def settle_local(run: Run, job: JobRun, settled: list[tuple[Person, Outcome]]) -> None:
    notes = []
    tell_other_jobs(run, job.name, ((job.rules.entity, p.eid) for p, o in settled if o.local_why))
    was = [(person.agreed, {**person.agreed, **outcome.local_values}) for person, outcome in settled]
    absent.estrange(run, ((p.eid, p.agreed, o.local_values) for p, o in settled))
    for person, outcome in settled:
        before = {f: person.agreed.get(f) for f in outcome.local_why}
        if outcome.local_whole:
            person.agreed = {**person.agreed, **outcome.local_values}
            person.sides[0].settle_whole(person.agreed)
            notes.append((person.eid, {"op": "agreed", "fields": outcome.local_why}))
            continue
        settle_locally(run, person, outcome.local_values, outcome.local_taken, outcome.outside)
        if outcome.local_why:
            fields = {
                f: {"before": before[f], "after": outcome.local_values[f], **why}
                for f, why in outcome.local_why.items()
            }
            if not any(v["before"] is not None for v in fields.values()):
                fields = {
                    f: {k: v for k, v in one.items() if k not in ("before", "after")} for f, one in fields.items()
                }
            notes.append((person.eid, {"op": "agreed", "fields": fields}))
    rekey(
        run,
        (
            Rekeyed(job.rules.entity, person.eid, before, after, outcome.local_fields, person.sides)
            for (person, outcome), (before, after) in zip(settled, was, strict=True)
        ),
    )
    if notes:
        audit.add(run.ledger, run.run_id, run.stamp(), notes)


def store_memos(run: Run, people: list[Person]) -> None:
    people = list({p.eid: p for p in people}.values())
    if not people:
        return
    entities.save_agreed(run.ledger, ((p.eid, p.agreed) for p in people))
    links.remember(run.ledger, ((links.pack(s.memo), s.sid, s.rid) for p in people for s in p.sides))
