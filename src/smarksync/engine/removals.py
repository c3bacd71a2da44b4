"""Deletes: what a record that left means for the others. Default: nothing but a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smarksync.config import Config, Job, Place
from smarksync.ledger import links, streams
from smarksync.plan.build import takes_part
from smarksync.plan.job import Person
from smarksync.plan.rows import Outcome, Row
from smarksync.plan.side import Side
from smarksync.plugin import Can, StreamSpec

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


def impossible(config: Config, job: Job, streams: Mapping[str, Sequence[StreamSpec]]) -> list[tuple[Place, str, str]]:
    """(place, what is wrong, what would be right) of creates and delete policies that a system cannot carry out.

    ``streams`` are those of the job's entity, by connection; one that could not be asked is not judged.
    """
    found = []
    for side, when in job.create.items() if job.kind == "sync" else ():
        if when.never or not streams.get(side) or any(Can.CREATE in spec.can for spec in streams[side]):
            continue
        names = ", ".join(f"{side}:{spec.name}" for spec in streams[side])
        found.append(
            (
                job.place("create", side),
                f"`create: {'always' if when.always else when.text}`: {names} takes no new records.",
                f"Write `never` there, or allow the connection {side!r} to write.",
            )
        )
    for side, policy in job.deletes.items():
        if policy not in (Can.ARCHIVE, Can.DELETE) or not streams.get(side):
            continue
        able = [can for can in (Can.ARCHIVE, Can.DELETE) if all(can in spec.can for spec in streams[side])]
        if policy in able:
            continue
        names = ", ".join(f"{side}:{spec.name}" for spec in streams[side])
        words = " or ".join(f"`{word}`" for word in (*able, "unlink", "ignore"))
        found.append(
            (
                job.place("deletes", side),
                f"`deletes: {policy}`: {names} cannot {policy} records.",
                f"Write {words} there.",
            )
        )
    return found


def _edited(side: Side, outcome: Outcome) -> bool:
    """Whether something that this side brought was taken."""
    rows = (row for row in outcome.rows if not row.consent)
    return side.key in outcome.local_taken or any(side.key in row.taken or side.key in row.won for row in rows)
