"""Deletes: what a record that left means for the others. Default: nothing but a report."""

from __future__ import annotations

from smarksync.ledger import links, streams
from smarksync.plan.build import takes_part
from smarksync.plan.job import Person
from smarksync.plan.rows import Outcome, Row
from smarksync.plan.side import Side

from .context import JobRun, Run


def add(run: Run, job: JobRun, person: Person, outcome: Outcome) -> None:
    """Adds the writes that the job's `deletes` policy asks for. An edit elsewhere beats the delete."""
    left = [
        s
        for s in person.sides
        if s.state == links.GONE and not s.memo.get("d") and s.connection in job.rules.connections
    ]
    if not left:
        return
    alive = [s for s in person.sides if s.state == links.LIVE and s.rank == 0 and s.connection in job.rules.connections]
    same_place = {s.connection for s in alive}
    left = [s for s in left if s.connection not in same_place]  # another record took its place there
    left = [s for s in left if takes_part(job.rules, s, person)]  # what had left `where` left nothing behind
    names = ", ".join(sorted(s.connection for s in left))
    wanted = [side.connection for side in alive if _edited(side, outcome)] or outcome.questions
    for side in alive:
        policy = job.deletes.get(side.connection, "ignore")
        if not left or policy == "ignore" or side.sid in outcome.outside:
            if left:
                why = "outside `where`" if side.sid in outcome.outside else "`deletes` says ignore"
                job.left[(side.connection, "record", f"deleted in {names}; kept here, {why}")] += 1
            continue
        if wanted:
            job.left[
                (side.connection, "record", f"deleted in {names}; kept here, somebody has edited the person since")
            ] += 1
            continue
        if policy == "unlink":
            links.set_state(run.ledger, side.sid, side.rid, "unlinked")
            streams.add_live(run.ledger, side.sid, -1)
            job.left[(side.connection, "record", f"deleted in {names}: unlinked")] += 1
            continue
        outcome.rows = [row for row in outcome.rows if row.consent or (row.sid, row.rid) != (side.sid, side.rid)]
        outcome.rows.append(Row(policy, side.sid, side.rid, {}, reason=f"deleted in {names}"))
    if any(row.op in ("delete", "archive") for row in outcome.rows):
        return  # not dealt with before it is written: a guard or a limit may hold it
    for side in left:
        side.memo["d"] = 1
        links.remember(run.ledger, [(links.pack(side.memo), side.sid, side.rid)])


def _edited(side: Side, outcome: Outcome) -> bool:
    """Whether something that this side brought was taken."""
    rows = (row for row in outcome.rows if not row.consent)
    return side.key in outcome.local_taken or any(side.key in row.taken or side.key in row.won for row in rows)
