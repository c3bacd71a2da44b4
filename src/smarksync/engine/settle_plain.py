"""T3 of plain updates: an edit of one side was written to the only other one, which echoed what it was sent.

What :func:`.settle.settle` would store is known since planning (plan/edited.py), without reading what is agreed: the
edited values become agreed, the side that made the edit forgets it, and the written side has nothing to remember. It
holds while both still show the fingerprints that were planned on; everything that is not plain is left to settle.
"""

from __future__ import annotations

from collections.abc import Sequence

from smarksync.ledger import audit, conflicts, entities, links, plans, quarantine
from smarksync.ledger.links import Head
from smarksync.ledger.plans import PlanRow
from smarksync.plan.consent import CONSENT_FIELDS
from smarksync.plan.match import parts_of
from smarksync.plugin import Can, Receipt

from .context import Run, instant
from .notes import note
from .shared import tell_other_jobs

Pair = tuple[PlanRow, Receipt]


def settle_plain(run: Run, done: Sequence[Pair]) -> list[Pair]:
    """Settles the plain ones among the applied rows (in the caller's transaction); returns the others."""
    special = _special(run)
    plain = [pair for pair in done if _is_plain(run, *pair, special)]
    if not plain:
        return list(done)
    eids = [row.eid for row, _ in plain]
    asked = conflicts.of_entities(run.ledger, plain[0][0].job, eids)
    linked = links.heads(run.ledger, eids)
    now = run.stamp()
    settled: list[Pair] = []
    written: list[links.News] = []
    memos: list[tuple[int | None, bytes | None]] = []
    for row, receipt in plain:
        found = _pair(row, linked.get(row.eid, [])) if row.eid not in asked else None
        if found is None:
            continue
        target, mover = found
        changed_at, own_at = target.changed_at, target.own_at
        if receipt.changed_at is not None:
            own_at = instant(receipt.changed_at)
            changed_at = changed_at or run.lanes[row.sid].ours(own_at)
        version = receipt.version or (None if Can.CONDITIONAL in run.lanes[row.sid].spec.can else target.version)
        # without a fingerprint a written record is looked at once more
        written.append((None, now, changed_at, own_at, version, target.lid))
        memos.append((mover.lid, links.pack(row.body["alone"]["memo"])))
        settled.append((row, receipt))
    if not settled:
        return list(done)
    _store(run, settled, written, memos)
    over = {row.seq for row, _ in settled}
    return [pair for pair in done if pair[0].seq not in over]


def _special(run: Run) -> set[str]:
    """Fields that settle has more to do for: match keys follow them, names may be one text, consent has its rules."""
    parts = {part for match in run.match.values() for one in match for part in parts_of(one)}
    return {*parts, "email", "first_name", "last_name", *CONSENT_FIELDS}


def _is_plain(run: Run, row: PlanRow, receipt: Receipt, special: set[str]) -> bool:
    """Planned in this run as the entity's only row, and taken by the system as it was sent."""
    body = row.body
    return (
        row.op == "update"
        and "alone" in body
        and row.run == run.run_id
        and receipt.stored is not None
        and receipt.stored == body["after"]
        and special.isdisjoint(body["fields"])
    )


def _pair(row: PlanRow, group: list[Head]) -> tuple[Head, Head] | None:
    """The written link and the one whose edit it was, when there are no more and both are as they were."""
    if len(group) != 2:
        return None
    target, mover = group if (group[0].sid, group[0].rid) == (row.sid, row.rid) else group[::-1]
    if (target.sid, target.rid) != (row.sid, row.rid) or f"{mover.sid}:{mover.rid}" not in row.body["won"]:
        return None
    alone = row.body["alone"]
    return (target, mover) if target.showed(alone["target"]) and mover.showed(alone["seen"]) else None


def _store(
    run: Run, settled: Sequence[Pair], written: list[links.News], memos: list[tuple[int | None, bytes | None]]
) -> None:
    ledger = run.ledger
    links.update(ledger, written)
    links.memorise(ledger, memos)
    entities.change_agreed(ledger, [(row.agreed, row.eid) for row, _ in settled])
    audit.add(ledger, run.run_id, run.stamp(), [(row.eid, note(run, row, receipt)) for row, receipt in settled])
    tell_other_jobs(run, ((run.lanes[row.sid].stream.entity, row.eid) for row, _ in settled))
    quarantine.taken(ledger, settled[0][0].job, [(row.eid, row.sid) for row, _ in settled])
    plans.remove(ledger, [row.seq for row, _ in settled])
