"""T3 of plain updates: an edit of one side was written to the only other one, which echoed what it was sent.

What :func:`.settle.settle` would store is known here without reading what is agreed: the edited values become
agreed, the edit is forgotten by the side that made it, and the written side has nothing to remember. Everything
that is not plain is left to settle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from smarksync.ledger import audit, conflicts, entities, links, plans, quarantine
from smarksync.ledger.links import Link
from smarksync.ledger.plans import PlanRow
from smarksync.mapping import CompiledMapping
from smarksync.plan.consent import CONSENT_FIELDS
from smarksync.plan.match import parts_of
from smarksync.plugin import Receipt

from .context import Run, instant
from .notes import note

Pair = tuple[PlanRow, Receipt]
_EDIT = {"s", "e"}


def settle_plain(run: Run, done: Sequence[Pair]) -> list[Pair]:
    """Settles the plain ones among the applied rows (in the caller's transaction); returns the others."""
    often = Counter(row.eid for row, _ in done)
    special = _special(run)
    rest: list[Pair] = []
    plain: list[Pair] = []
    for pair in done:
        (plain if often[pair[0].eid] == 1 and _is_plain(*pair, special) else rest).append(pair)
    if not plain:
        return rest
    eids = [row.eid for row, _ in plain]
    asked = conflicts.of_entities(run.ledger, plain[0][0].job, eids)
    linked = links.of_entities(run.ledger, eids)
    now = run.stamp()
    settled: list[Pair] = []
    written: list[links.News] = []
    memos: list[tuple[int | None, bytes | None]] = []
    for row, receipt in plain:
        found = _pair(row, linked.get(row.eid, [])) if row.eid not in asked else None
        memo = _after(run.mappings.get(found[1].sid), found[1], row) if found is not None else None
        if found is None or memo is None:
            rest.append((row, receipt))
            continue
        target, mover = found
        settled.append((row, receipt))
        changed_at, own_at = target.changed_at, target.own_at
        if receipt.changed_at is not None:
            own_at = instant(receipt.changed_at)
            changed_at = changed_at or run.lanes[row.sid].ours(own_at)
        # without a fingerprint a written record is looked at once more
        written.append((None, now, changed_at, own_at, receipt.version or target.version, target.lid))
        memos.append((mover.lid, links.pack(memo)))
    _store(run, settled, written, memos)
    return rest


def _special(run: Run) -> set[str]:
    """Fields that settle has more to do for: match keys follow them, names may be one text, consent has its rules."""
    parts = {part for match in run.match.values() for alternative in match for part in parts_of(alternative)}
    return {*parts, "email", "first_name", "last_name", *CONSENT_FIELDS}


def _is_plain(row: PlanRow, receipt: Receipt, special: set[str]) -> bool:
    body = row.body
    return (
        row.op == "update"
        and not row.consent
        and row.agreed is not None
        and not body.get("whole")
        and not body.get("taken")
        and receipt.stored is not None
        and receipt.stored == body.get("after")
        and special.isdisjoint(body.get("fields", ()))
    )


def _pair(row: PlanRow, group: list[Link]) -> tuple[Link, Link] | None:
    """The written link and the one whose edit it was, when there are no more."""
    if len(group) != 2:
        return None
    target, mover = group if group[0].rid == row.rid and group[0].sid == row.sid else group[::-1]
    if (target.sid, target.rid) != (row.sid, row.rid) or target.memo is not None:
        return None
    won = row.body.get("won", {})
    return (target, mover) if won == {f"{mover.sid}:{mover.rid}": row.body["fields"]} else None


def _after(mapping: CompiledMapping | None, mover: Link, row: PlanRow) -> dict[str, Any] | None:
    """The mover's memo once its edits are agreed; None when it does not show them as they were planned."""
    memo = mover.memory()
    if mapping is None or not _EDIT.issuperset(memo):
        return None
    seen = dict(memo.get("s") or {})
    for name, value in row.values.items():
        codec = mapping.fields.get(name)
        if codec is None or codec.currency_vendor is not None or codec.vendor not in seen:
            return None
        if codec.agrees(seen[codec.vendor], value):
            del seen[codec.vendor]
    if not seen:
        return {}
    return {"s": seen, "e": {v: e for v, e in (memo.get("e") or {}).items() if v in seen}}


def _store(
    run: Run, settled: Sequence[Pair], written: list[links.News], memos: list[tuple[int | None, bytes | None]]
) -> None:
    if not settled:
        return
    ledger = run.ledger
    links.update(ledger, written)
    links.memorise(ledger, memos)
    entities.change_agreed(ledger, [(row.agreed, row.eid) for row, _ in settled])
    audit.add(ledger, run.run_id, run.stamp(), [(row.eid, note(run, row, receipt)) for row, receipt in settled])
    quarantine.taken(ledger, settled[0][0].job, [(row.eid, row.sid) for row, _ in settled])
    plans.remove(ledger, [row.seq for row, _ in settled])
