"""The tasks of hand-offs on their way: filled in just before they are sent, looked for when an answer was lost."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from smarksync.alignment.reassign import counted
from smarksync.ledger import cases, entities, plans, states
from smarksync.ledger.db import loads
from smarksync.ledger.plans import PlanRow
from smarksync.model import ValueProblem
from smarksync.plan.rows import Row
from smarksync.plugin import Receipt, WriteResult

from . import refusals
from .context import JobRun, Lane, Run
from .settle import settle


def still_wanted(run: Run, job: JobRun, lane: Lane, rows: list[PlanRow], to: str) -> list[PlanRow]:
    """Rows that wait for an offer go when it is made; a task gets the record that it is for, once a case."""
    kept: list[PlanRow] = []
    with run.ledger.tx():
        for row in rows:
            told = row.body.get("case") or {}
            case = cases.get(run.ledger, told["cid"]) if told.get("cid") else None
            if case is None or told.get("needs") != "offered":
                kept.append(row)
            elif case.offered_at is None or not case.open:
                _give_up(run, job, row)  # the receipt of the offer brings it back
            elif not row.body.get("task"):
                kept.append(row)
            elif counted(case) < told.get("turn_of", 0):
                _give_up(run, job, row)  # it is for an owner who has not got the lead
            elif case.body.get("task") and case.body.get("task_of", 0) >= told.get("turn_of", 0):
                refusals.stale(run, job, lane, row, "the case has its task")
            elif (filled := _filled(run, lane, row)) is not None:
                kept.append(filled)
            else:
                refusals.defer(run, job, row, "the record that it is for is not there")
    return kept


def _give_up(run: Run, job: JobRun, row: PlanRow) -> None:
    plans.remove(run.ledger, [row.seq])
    job.count(row.sid, "held")


def _filled(run: Run, lane: Lane, row: PlanRow) -> PlanRow | None:
    """With the record that the task is about."""
    codec = lane.mapping.fields.get("lead")
    if codec is None or not codec.write:
        return row
    ref = entities.refs(run.ledger, [row.eid]).get(row.eid)
    try:
        value = codec.outward(ref)
    except ValueProblem:
        return None
    return row._replace(after={**row.after, codec.vendor: value}, told=[])


def recover(run: Run, job: JobRun, lane: Lane) -> None:
    """Tasks whose answer was lost: found among what the system shows, or known never to have arrived and sent again."""
    rows = plans.load(run.ledger, "sid = ? AND status IN ('sending', 'unknown')", (lane.sid,))
    if not rows or lane.failed is not None:
        return
    sent = plans.sent_times(run.ledger, [row.seq for row in rows])
    with run.ledger.tx():
        for row in rows:
            rid = _found(run, lane, row)
            if rid is not None:
                settle(run, [(row, Receipt(str(row.seq), WriteResult.CREATED, rid))])
            elif row.seq not in sent or run.now() - datetime.fromisoformat(sent[row.seq]) >= lane.spec.overlap:
                plans.set_status(run.ledger, [row.seq], "released")
            else:
                states.set_due(run.ledger, job.name, [(row.eid, "a task is in doubt")], run.stamp())


def _found(run: Run, lane: Lane, row: PlanRow) -> str | None:
    """The record of a task of ours: it carries the mark of its case. Its person may not be known there yet."""
    sql = "SELECT rid, body FROM activities WHERE sid = ? AND (eid = ? OR eid IS NULL) ORDER BY aid DESC"
    return _marked(run.ledger.rows(sql, (lane.sid, row.eid)), str(row.body["task"].get("subject", "")))


def there_already(run: Run, eid: int, row: Row) -> str | None:
    """The task of that very case, where sales shows one: an earlier ledger made it, or a run whose answer was lost."""
    if row.task is None:
        return None
    sql = "SELECT rid, body FROM activities WHERE eid = ? AND sid = ? ORDER BY aid DESC"
    return _marked(run.ledger.rows(sql, (eid, row.sid)), str(row.task["subject"]))


def _marked(rows: Iterable[tuple[str, bytes]], subject: str) -> str | None:
    """The first of these activities whose subject ends with the same mark of a case."""
    mark = subject.rpartition("[#")[2]
    for rid, body in rows:
        if mark and f"[#{mark}" in str(loads(body).get("subject", "")):
            return str(rid)
    return None
