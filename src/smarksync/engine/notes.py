"""The audit row of a write."""

from __future__ import annotations

from typing import Any

from smarksync.ledger.plans import PlanRow
from smarksync.plugin import Receipt

from .context import Run


def note(run: Run, row: PlanRow, receipt: Receipt) -> dict[str, Any]:
    """One audit row: creates store no before-image, everything else does."""
    lane = run.lanes[row.sid]
    body = row.body
    note: dict[str, Any] = {
        "op": row.op, "connection": lane.stream.connection, "object": lane.stream.object, "id": row.rid or receipt.id,
        "job": row.job, "reason": body.get("reason", ""),
    }  # fmt: skip
    if row.op == "create":
        note["result"] = str(receipt.result)
        note["fields"] = {f: why for f, why in body.get("why", {}).items() if why.get("beaten")}
    else:
        values = row.values
        note["vendor"] = {
            v: {"before": body.get("before", {}).get(v), "after": a} for v, a in body.get("after", {}).items()
        }
        note["fields"] = {f: {"after": values.get(f), **why} for f, why in body.get("why", {}).items()}
    return note
