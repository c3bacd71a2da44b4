"""What a settled write makes true of a case: moves, turns and tasks, entered with the receipt (T3), once.

A plan row carries in ``case`` what is to be entered when it is settled::

    {"cid": 7, "moves": [[state, at, actor, source, reason, body], …], "turn": [round robin, turns]}

and in ``task`` that it is the task of a case. Both may be settled twice, after a death: the second time says nothing new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from smarksync.alignment import handoff, reassign
from smarksync.config import Job
from smarksync.ledger import activities, audit, cases, memberships, plans, quarantine, rotations, stages, states
from smarksync.ledger.activities import Activity
from smarksync.ledger.cases import NOTE, Case, Move
from smarksync.ledger.plans import PlanRow
from smarksync.ledger.stages import Stage
from smarksync.model.moments import micros
from smarksync.plugin import Receipt

from . import members
from .context import Run
from .notes import note
from .queues import label

Pair = tuple[PlanRow, Receipt]


def settle(run: Run, done: Sequence[Pair]) -> list[Pair]:
    """Enters what the rows carry (in the caller's transaction); returns the rows that are records of people."""
    people: list[Pair] = []
    tasks: list[Pair] = []
    for row, receipt in done:
        if row.source is not None:  # nothing is told but what one record says
            people.append((row, receipt))
            continue
        (tasks if row.body.get("task") else people).append((row, receipt))
        told = row.body.get("case")
        if told:
            rid = receipt.id or row.rid
            _enter(run, told, f"{run.lanes[row.sid].name}:{rid}", task=bool(row.body.get("task")))
    if tasks:
        _tasks(run, tasks)
    return people


def _enter(run: Run, told: dict[str, Any], record: str, *, task: bool) -> None:
    ledger = run.ledger
    have = cases.moves(ledger, told["cid"])
    if not have:
        return
    moves = []
    for state, at, actor, source, reason, body in told["moves"]:
        if task:
            body = {**body, "task": record}
        elif state == "offered":
            settled = micros(run.now())
            body = {
                **body,
                "record": record,
                "written_at": settled,
                "assigned_at": settled if body.get("owner") else None,
            }
        moves.append(
            Move(0, told["cid"], state, at, micros(run.now()), actor, source or record, run.run_id, reason, False, body)
        )
    new = [move for move in moves if not _known(have, move)]
    if new:
        case = enter(run, have, new)
        # what rests on the offer, or on another owner, is planned when it stands
        if any(move.state == "offered" or reassign.KEY in move.body for move in new):
            states.changed(ledger, [(case.eid, None, None, run.run_id)])
        if told.get("turn"):
            rotations.advance(ledger, {told["turn"][0]: told["turn"][1]})


def _known(have: Iterable[Move], move: Move) -> bool:
    if move.state == NOTE:
        return any(m.state == NOTE and all(m.body.get(k) == v for k, v in move.body.items()) for m in have)
    return any(m.state == move.state and not m.skipped for m in have)


def enter(run: Run, have: Sequence[Move], new: Sequence[Move]) -> Case:
    """Appends moves to a case, and stores what it comes to; the case as it stands then."""
    if new:
        cases.add_moves(run.ledger, new)
    case = handoff.replay([*have, *new])
    cases.put(run.ledger, [case])
    for move in new:
        word = move.body.get("lifecycle")
        if word and not move.body.get("refused"):
            at = case.body["at"].get(case.state, move.at)
            stages.put(
                run.ledger,
                [Stage(case.eid, word, case.opened_at if word == "mql" else at, "rule" if word == "mql" else "sales")],
            )
    return case


def _tasks(run: Run, done: Sequence[Pair]) -> None:
    """A task is a fact: it is known from now on by its own record, and never matched with people."""
    rows, notes, copied, joined = [], [], [], []
    for row, receipt in done:
        lane = run.lanes[row.sid]
        rid = str(receipt.id)
        values = dict(row.body["task"])
        notes.append((row.eid, note(run, row._replace(rid=rid), receipt)))
        if "member" in values:
            joined.append(members.settled(run, row, receipt))
            continue
        if "copy_of" in values:
            copied.append((lane.sid, rid, int(values["copy_of"])))
            continue
        at = values.pop("at", None)
        values.pop("key", None)
        moment = micros(at) if at else micros(run.now())
        rows.append(Activity(0, lane.sid, rid, row.eid, None, None, "task", moment, "sales", False, values))
    facts = [(row.job, (row.eid, row.sid, str(row.body["task"].get("key")))) for row, _ in done]
    for job in {name for name, _ in facts}:
        quarantine.facts_taken(run.ledger, job, [fact for name, fact in facts if name == job])
    activities.put_copies(run.ledger, copied)
    memberships.put(run.ledger, joined)
    known = _there(run, rows)
    activities.put(run.ledger, [one for one in rows if (one.sid, one.rid) not in known])
    audit.add(run.ledger, run.run_id, run.stamp(), notes)
    plans.remove(run.ledger, [row.seq for row, _ in done])


def _there(run: Run, rows: Iterable[Activity]) -> set[tuple[int, str]]:
    """Tasks that a page brought already: what the system says of them counts."""
    sql = "SELECT 1 FROM activities WHERE sid = ? AND rid = ?"
    return {(one.sid, one.rid) for one in rows if run.ledger.one(sql, (one.sid, one.rid))}


def reached(run: Run, rows: Iterable[tuple[int, str, int, str]]) -> None:
    """(eid, lifecycle word, at, who): rungs that leads stand on now, where that is news."""
    rows = list(rows)
    last = {eid: group[-1].stage for eid, group in stages.of(run.ledger, {row[0] for row in rows}).items()}
    stages.put(run.ledger, [Stage(*row) for row in rows if last.get(row[0]) != row[1]])


def conservation(run: Run, job: Job) -> dict[str, Any]:
    """Every MQL that was ever offered by this job, accounted for: and by name, those that sales no longer has."""
    ledger = run.ledger
    told = cases.fates(ledger, job.name)
    # only what is offered and undecided can have lost its record: that many links are looked for, not one a case
    sql = (
        "SELECT c.eid FROM cases c INDEXED BY cases_board WHERE c.closed_at IS NULL AND c.state = 'offered' AND c.job = ? "
        "AND NOT EXISTS (SELECT 1 FROM links l CROSS JOIN streams s WHERE l.eid = c.eid AND l.state = 'live' "
        "AND s.sid = l.sid AND s.connection = ?) ORDER BY c.offered_at"
    )
    missing = [eid for (eid,) in ledger.rows(sql, (job.name, job.to))]
    found = {name: told.get(name, 0) for name in ("accepted", "rejected", "open", "merged", "withdrawn")}
    found["open"] -= len(missing)
    return {
        "offered": sum(found.values()) + len(missing), **found, "missing": len(missing),
        "qualified_not_offered": told.get("qualified", 0), "missing_leads": [label(ledger, eid) for eid in missing[:100]],
    }  # fmt: skip
