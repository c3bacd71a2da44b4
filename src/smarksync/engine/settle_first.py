"""T3 of plain creates: somebody new was known on one side only, and another system took the record as it was sent.

What :func:`.settle.settle` would store is known since planning (plan/first.py): the values become agreed as they stand
in the plan, the source forgets what it looked different in, and the new record has nothing to remember. It holds while
the source is still the only link and shows the fingerprint that was planned on; everything else is left to settle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from smarksync.ledger import audit, conflicts, entities, links, plans, quarantine, streams
from smarksync.ledger.links import Link
from smarksync.ledger.plans import PlanRow
from smarksync.plugin import Receipt

from .context import Run, instant
from .notes import note
from .shared import tell_other_jobs

Pair = tuple[PlanRow, Receipt]


def settle_first(run: Run, done: Sequence[Pair]) -> list[Pair]:
    """Settles the plain ones among the applied rows (in the caller's transaction); returns the others."""
    plain = [pair for pair in done if _is_plain(run, *pair)]
    if not plain:
        return list(done)
    ledger = run.ledger
    sid = plain[0][0].sid
    ids = Counter(receipt.id for _, receipt in plain)
    linked = links.heads(ledger, [row.eid for row, _ in plain])
    known = links.known(ledger, sid, [str(one) for one in ids])
    asked = conflicts.of_entities(ledger, plain[0][0].job, [row.eid for row, _ in plain])
    settled: list[Pair] = []
    new: list[Link] = []
    memos: list[tuple[int | None, bytes | None]] = []
    now = run.stamp()
    for row, receipt in plain:
        group, alone = linked.get(row.eid, []), row.body["alone"]
        if len(group) != 1 or row.sid != sid or receipt.id in known or ids[receipt.id] > 1 or row.eid in asked:
            continue
        source = group[0]
        if not source.showed(alone["seen"]) or f"{source.sid}:{source.rid}" not in row.body["won"]:
            continue
        own_at = changed_at = None
        if receipt.changed_at is not None:
            own_at = instant(receipt.changed_at)
            changed_at = run.lanes[sid].ours(own_at)
        # without a fingerprint a written record is looked at once more
        new.append(
            Link(sid, str(receipt.id), row.eid, 0, links.LIVE, None, None, now, changed_at, own_at, receipt.version)
        )
        memos.append((source.lid, links.pack(alone["memo"])))
        settled.append((row, receipt))
    if not settled:
        return list(done)
    links.place(ledger, new)
    links.memorise(ledger, memos)
    entities.agree(ledger, [(row.agreed or "{}", row.eid) for row, _ in settled])
    audit.add(ledger, run.run_id, now, [(row.eid, note(run, row, receipt)) for row, receipt in settled])
    streams.add_live(ledger, sid, len(settled))
    tell_other_jobs(run, ((run.lanes[sid].stream.entity, row.eid) for row, _ in settled))
    quarantine.taken(ledger, settled[0][0].job, [(row.eid, row.sid) for row, _ in settled])
    plans.remove(ledger, [row.seq for row, _ in settled])
    over = {row.seq for row, _ in settled}
    return [pair for pair in done if pair[0].seq not in over]


def _is_plain(run: Run, row: PlanRow, receipt: Receipt) -> bool:
    """Planned in this run, so that whatever would change what the row rests on is seen by the caller."""
    return (
        row.op == "create"
        and "alone" in row.body
        and row.run == run.run_id
        and receipt.stored is not None
        and receipt.stored == row.body["after"]
        and bool(receipt.id)
    )
