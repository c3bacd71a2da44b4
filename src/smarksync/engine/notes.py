"""The audit row of a write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.ledger.plans import PlanRow
from smarksync.plan.rows import Row
from smarksync.plugin import Receipt

from .context import Lane, Run


def note(run: Run, row: PlanRow, receipt: Receipt) -> dict[str, Any]:
    """One audit row: creates store no before-image, everything else does."""
    lane = run.lanes[row.sid]
    body = row.body
    if row.op == "create":
        told = _head(lane, row.op, row.rid or receipt.id, row.job, body.get("reason", ""))
        told["result"] = str(receipt.result)
        told["fields"] = {f: why for f, why in body.get("why", {}).items() if why.get("beaten")}
        return told
    told = _head(lane, row.op, row.rid or receipt.id, row.job, body.get("reason", ""))
    return _changes(told, row.after, body.get("before", {}), row.values, body.get("why", {}))


def planned(lane: Lane, job: str, row: Row) -> dict[str, Any]:
    """The same of an update, before it is sent: nothing of it comes from the receipt."""
    told = _head(lane, row.op, row.rid, job, row.reason)
    return _changes(told, row.after, row.before, row.values, row.why)


def _head(lane: Lane, op: str, rid: str | None, job: str, reason: str) -> dict[str, Any]:
    stream = lane.stream
    return {"op": op, "connection": stream.connection, "object": stream.object, "id": rid, "job": job, "reason": reason}


def _changes(
    told: dict[str, Any], after: Mapping[str, Any], before: Mapping[str, Any], values: Mapping[str, Any],
    why: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    told["vendor"] = {v: {"before": before.get(v), "after": a} for v, a in after.items()}
    told["fields"] = {f: {"after": values.get(f), **one} for f, one in why.items()}
    return told
