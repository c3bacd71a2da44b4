"""T3 of plain rows: one side's word was written to the only other record, which took it as it was sent, or said nothing.

An edit (plan/edited.py), a new person or our id on a record (plan/first.py). What :func:`.settle.settle` would store is
known since planning, so the rows are settled where they lie, by their numbers: the values become agreed, the side that
had them forgets that they were news, and the written record remembers no more than before but what it has not echoed.
It holds while the links show the fingerprints that were planned on and are the only ones, be it on systems that the
config no longer names; everything that is not plain is left to settle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from smarksync.ledger import audit, links, plans, quarantine, streams
from smarksync.ledger.db import loads
from smarksync.ledger.links import LIVE, Link
from smarksync.ledger.plans import PlanRow, Settled
from smarksync.plugin import Can, Receipt, WriteResult

from .context import Run, instant
from .notes import note
from .shared import tell_other_jobs

Pair = tuple[PlanRow, Receipt]


def settle_plain(run: Run, done: Sequence[Pair]) -> list[Pair]:
    """Settles the plain ones among the applied rows (in the caller's transaction); returns the others."""
    taken = {row.seq: (row, receipt) for row, receipt in done if row.source is not None and _as_sent(row, receipt)}
    if not taken:
        return list(done)
    ledger, now = run.ledger, run.stamp()
    stamped = _stamp(run, taken) if any(row.stamp for row, _ in taken.values()) else []
    settled = plans.undisturbed(ledger, taken, run.run_id) if len(stamped) < len(taken) else []
    created = _new_there(run, [(one, *taken[one.seq]) for one in settled if one.target is None])
    updated = [one for one in settled if one.target is not None]
    if created:
        _place(run, [(*taken[one.seq], one.changed_at) for one in created], now)
        plans.settle(ledger, created, whole=True)
    if updated:
        links.written(ledger, _written(run, ((one.target, taken[one.seq]) for one in updated)))
        silent = [(one, taken[one.seq][0]) for one in updated if taken[one.seq][1].stored is None]
        links.memorise(
            ledger,
            [(one.target, links.pack(_awaited(run, row, loads(one.held) if one.held else {}))) for one, row in silent],
        )
        plans.settle(ledger, updated, whole=False)
    plans.note(ledger, [*stamped, *(one.seq for one in updated)], run.run_id, now)
    over = {*stamped, *(one.seq for one in (*created, *updated))}
    if over:
        rows = [taken[seq][0] for seq in over]
        tell_other_jobs(
            run, rows[0].job, ((run.lanes[row.sid].stream.entity, row.eid) for row in rows if not row.stamp)
        )
        quarantine.taken(ledger, rows[0].job, [(row.eid, row.sid) for row in rows])
        plans.remove(ledger, over)
    return [pair for pair in done if pair[0].seq not in over]


def _as_sent(row: PlanRow, receipt: Receipt) -> bool:
    """Whether the system says that it stored just what it was sent, or leaves that to be seen."""
    told = receipt.stored is None or receipt.stored == row.after
    return told and (row.op == "update" or bool(receipt.id))


def _awaited(run: Run, row: PlanRow, memo: dict[str, Any]) -> dict[str, Any]:
    """What is remembered of a written record besides: the fields of which no echo is known yet."""
    codecs = run.lanes[row.sid].mapping.codecs_by_vendor
    return {**memo, "w": sorted({*memo.get("w", ()), *(vendor for vendor in row.after if vendor in codecs)})}


def _stamp(run: Run, taken: dict[int, Pair]) -> list[int]:
    """Records that carry our id now. Nothing else of them moved."""
    known = plans.stamped(run.ledger, [seq for seq, (row, _) in taken.items() if row.stamp], run.run_id)
    memos = []
    for seq, lid, memo in known:
        row, receipt = taken[seq]
        memo.pop("x", None)
        memos.append((lid, links.pack(_awaited(run, row, memo) if receipt.stored is None else memo)))
    if known:
        links.memorise(run.ledger, memos)
        links.written(run.ledger, _written(run, ((lid, taken[seq]) for seq, lid, _ in known)))
    return [seq for seq, _, _ in known]


def _new_there(run: Run, rows: Sequence[tuple[Settled, PlanRow, Receipt]]) -> list[Settled]:
    """Those of one stream whose new record nobody is linked to, and no other row was answered with."""
    if not rows:
        return []
    sid = rows[0][1].sid
    ids = Counter(receipt.id for _, row, receipt in rows if row.sid == sid)
    known = links.known(run.ledger, sid, [str(one) for one in ids])
    return [one for one, row, answer in rows if row.sid == sid and ids[answer.id] == 1 and answer.id not in known]


def _place(run: Run, rows: Sequence[tuple[PlanRow, Receipt, str | None]], now: str) -> None:
    """Links of new records, each as old as the record that it was made of: our writing it down makes nothing that was said
    newer. Without a fingerprint a written record is looked at once more."""
    new = []
    for row, receipt, since in rows:
        own_at = instant(receipt.changed_at) if receipt.changed_at is not None else None
        changed_at = since or run.lanes[row.sid].ours(own_at)
        memo = None if receipt.stored is not None else links.pack(_awaited(run, row, {}))
        new.append(
            Link(row.sid, str(receipt.id), row.eid, 0, LIVE, None, memo, now, changed_at, own_at, receipt.version)
        )
    links.place(run.ledger, new)
    audit.add(run.ledger, run.run_id, now, [(row.eid, note(run, row, receipt)) for row, receipt, _ in rows])
    streams.add_live(run.ledger, rows[0][0].sid, len(rows))


def _written(run: Run, rows: Iterable[tuple[int | None, Pair]]) -> list[links.Written]:
    """Of records by the numbers of their links."""
    # a version that the system did not tell is not the one that the record had before
    told = {sid for sid, lane in run.lanes.items() if Can.CONDITIONAL in lane.spec.can}
    same, found = WriteResult.UNCHANGED, list[links.Written]()
    for lid, (row, receipt) in rows:
        own_at = instant(receipt.changed_at) if receipt.changed_at is not None else None
        keeps = row.sid not in told or receipt.result is same
        found.append((own_at, run.lanes[row.sid].ours(own_at), receipt.version or None, keeps, lid))
    return found
