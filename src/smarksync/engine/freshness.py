"""Just before rows are sent: links that appeared meanwhile, look-ups before creates, targets seen too long ago read again.

A re-read protects what somebody else did since the last look: an edit of a field that the row would write over, a record
that was deleted or merged. It is due for every row whose `before` may be out of date, which is any but these: a create has
no target, a system that knows versions refuses by itself, and our own id goes into a field that nobody else writes. A value
that only fills a blank is not among them: by now somebody may have filled it.

A look is the pull, a read by id, a record that we made ourselves, or an answer that shows every mapped field. The answer to
a write that shows what was sent is none: it says nothing of what others did to the rest of the record before. So in a first
load of more than `freshness` the second round of writes to one system reads its targets again, a call to each batch: with
a hundred thousand people that is a third of HubSpot's calls, and what it protects is whoever worked there meanwhile.
What spares re-reads otherwise is to write soon after looking, and so the next round is planned while the last one is
sent (engine/foresight.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from smarksync.errors import SystemFailure
from smarksync.ledger import links
from smarksync.ledger.plans import PlanRow
from smarksync.model import ValueProblem, blank
from smarksync.plugin import Can, Op, Record

from . import facts, refusals, rivals
from .context import JobRun, Lane, Run, instant
from .observe import observe_again


def still_wanted(run: Run, job: JobRun, lane: Lane, op: Op, rows: list[PlanRow]) -> list[PlanRow]:
    """The rows that still hold."""
    if op is Op.CREATE:
        return rivals.before_creates(run, job, lane, rows)
    if facts.are(lane) or op is Op.ASSOCIATE:
        return rows
    if Can.FETCH not in lane.spec.can:
        return rows
    known = versions(run, lane, op, rows) if Can.CONDITIONAL in lane.spec.can else {}
    # a system that knows the version refuses by itself to write over what we have not seen
    loose = [row for row in rows if known.get(row.rid or "") is None and not _own_field_alone(lane, row)]
    old = _seen_too_long_ago(run, lane, loose)
    return reread(run, job, lane, rows, old) if old else rows


def versions(run: Run, lane: Lane, op: Op, rows: Iterable[PlanRow]) -> dict[str, str | None]:
    """{record: the version that the decision rests on}, for systems that refuse to write over any other.

    An opt-out goes out whatever the record looks like by now.
    """
    if op is Op.CREATE or Can.CONDITIONAL not in lane.spec.can:
        return {}
    return links.versions(run.ledger, lane.sid, [row.rid for row in rows if row.rid and not row.consent])


def _own_field_alone(lane: Lane, row: PlanRow) -> bool:
    """Our id goes into a field that nobody else writes: whatever changed meanwhile, it takes nothing away."""
    codec = lane.mapping.external_id
    return bool(row.stamp) and codec is not None and row.after.keys() == {codec.vendor}


def _seen_too_long_ago(run: Run, lane: Lane, rows: list[PlanRow]) -> set[str]:
    limit = instant(run.now() - timedelta(seconds=run.freshness))
    if not rows or lane.moment >= limit:
        return set()  # the pull of this run saw them all
    return links.seen_before(run.ledger, lane.sid, [row.rid for row in rows if row.rid], limit)


def reread(run: Run, job: JobRun, lane: Lane, rows: list[PlanRow], old: set[str]) -> list[PlanRow]:
    """Reads targets again by id; one that changed where we would write goes back to be decided anew."""
    ids = sorted(old)
    found: dict[str, Record] = {}
    step = max(100, lane.spec.max_batch)  # full calls where a vendor takes more at once
    for start in range(0, len(ids), step):
        part = ids[start : start + step]
        try:
            found.update((record.id, record) for record in lane.fetch(part))
        except SystemFailure as error:
            run.connections[lane.stream.connection].fail(error)
            return []
    kept, stale = [], []
    for row in rows:
        if row.rid in old and row.rid is not None:
            record = found.get(row.rid)
            before = row.body.get("before", {})
            if record is None or any(
                v in record.fields and not same_raw(lane, v, record.fields[v], b) for v, b in before.items()
            ):
                stale.append(row)
                continue
        kept.append(row)
    with run.ledger.tx():
        observe_again(run, lane, found.values())
        for row in stale:
            refusals.stale(run, job, lane, row, "it changed since it was planned")
    return kept


def same_raw(lane: Lane, vendor: str, shown: Any, before: Any) -> bool:
    """Whether two vendor values of one field are one: the same, both empty, or the same in canonical terms."""
    if shown == before or (blank(shown) and blank(before)):
        return True
    codec = lane.mapping.codecs_by_vendor.get(vendor)
    try:
        return codec is not None and bool(codec.inward(shown) == codec.inward(before))
    except ValueProblem:
        return False


__all__ = ["reread", "same_raw", "still_wanted", "versions"]
