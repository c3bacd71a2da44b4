"""Why a row is written, what becomes agreed with it, and what was wanted, as a short hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from smarksync.model import ABSENT
from smarksync.model.names import join_name

from .reconcile import Verdict, View
from .rows import Row
from .side import Side


def join_of(values: Mapping[str, Any]) -> Any:
    """First and last name as one text."""

    return join_name(values.get("first_name"), values.get("last_name"))


def explain(row: Row, decided: Mapping[str, Verdict], views: Mapping[str, list[View]], sides: list[Side]) -> None:
    """What becomes agreed with this row, and why."""
    reasons = []
    for name in row.fields:
        verdict = decided[name]
        row.values[name] = verdict.value
        why = {"from": verdict.winner, "how": verdict.how, "at": verdict.at, "by": verdict.by, "beaten": verdict.beaten}
        row.why[name] = {k: v for k, v in why.items() if v}
        for view in views[name]:
            if view.observed is ABSENT or view.side in verdict.left:
                continue
            if view.edited or view.new:
                key = sides[view.side].key
                if view.observed != verdict.value:
                    row.taken.setdefault(key, {})[name] = view.observed
                elif not row.whole:
                    row.won.setdefault(key, []).append(name)
        reasons.append(f"{name}: {verdict.how}" + (f" ({verdict.winner})" if verdict.winner else ""))
    row.reason = reason_of(reasons)


def reason_of(reasons: list[str]) -> str:
    """One line for a row: its fields' reasons, or how many and the first three."""
    return "; ".join(reasons) if len(reasons) <= 4 else f"{len(reasons)} fields; " + "; ".join(reasons[:3]) + "; …"


def hash_of(value: Any) -> str:
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str), digest_size=8).hexdigest()


def wanted_hash(after: Mapping[str, Any]) -> str:
    """What was wanted of a record, as a short hash: a refusal is retried only when it changes."""
    return hash_of(after)
