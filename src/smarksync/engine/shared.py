"""What one job agreed or wrote, or one person claimed, told to those whom it concerns; and what was wanted of a record,
as a short hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from smarksync.ledger import consent, keys, states
from smarksync.ledger.plans import PlanRow
from smarksync.mapping import CompiledMapping
from smarksync.plan.match import ADDRESS
from smarksync.plan.reasons import wanted_hash

from .context import Run

ADDRESSES = ("email", ADDRESS)

#: what a hand-off says anew each time it is tried; the record is refused for something else
_EACH_TIME = ("handoff_at", "handoff_due_at", "handoff_note")
_OF_FACT = ("lead",)  # whom it is about is filled in just before it is sent


def wanted_of(mapping: CompiledMapping, after: Mapping[str, Any], *, fact: bool = False) -> str:
    """What was wanted of a record, or of a fact, as a hash: a refusal is retried only when it changes."""
    names = _OF_FACT if fact else _EACH_TIME
    each_time = {codec.vendor for name in names if (codec := mapping.fields.get(name)) is not None}
    lasting = {name: value for name, value in after.items() if name not in each_time}
    return wanted_hash(lasting or after)


def tell_other_jobs(run: Run, job: str, moved: Iterable[tuple[str, int]]) -> None:
    """(kind, entity): what ``job`` agreed may be owed to the systems of another, or qualify a lead; both have looked already.

    A hand-off looks before that where the sync job was held: by a guard, a limit, a question, a system that was down.
    """
    handing = [name for name in run.handing if name != job]
    if not run.shared and not handing:
        return
    told = sorted(set(moved))
    if run.shared:
        states.changed(run.ledger, [(eid, None, None, run.run_id) for kind, eid in told if kind in run.shared])
    for name in handing:
        leads = [eid for kind, eid in told if kind == "lead"]
        states.owe_unseen(run.ledger, name, leads, f"{job} agreed on it later", run.stamp())


def tell_where(run: Run, written: Iterable[PlanRow]) -> None:
    """Our own write may let a record in or out of a job's `where`: that job looks at the person once more in its next run.

    What was in question between its value and another one may be none any more, or one of others.
    """
    due: dict[str, set[int]] = {}
    for row in written:
        lane = run.lanes[row.sid]
        if not lane.asked or row.op not in ("create", "update"):
            continue
        names = lane.mapping.names_by_vendor
        for vendor in row.after:
            for name in names.get(vendor, ()):
                for job in lane.asked.get(name, ()):
                    due.setdefault(job, set()).add(row.eid)
    for job, eids in due.items():
        reason = "a write may have let a record in or out of `where`"
        states.set_due(run.ledger, job, [(eid, reason) for eid in sorted(eids)], run.stamp())


def wake_namesakes(run: Run, held: Iterable[tuple[str, str, int]]) -> None:
    """Everybody else with one of the addresses is looked at again, once anybody has said anything about consent."""
    if not consent.anyone(run.ledger):
        return
    owner = {(ADDRESS if kind == "email" else kind, value): eid for kind, value, eid in held if kind in ADDRESSES}
    found = keys.holders(run.ledger, [(kind, value) for _, value in owner for kind in ADDRESSES])
    news = [
        (eid, None, None, run.run_id)
        for (_, value), group in found.items()
        for eid, _ in group
        if eid != owner[(ADDRESS, value)]
    ]
    states.changed(run.ledger, news)
