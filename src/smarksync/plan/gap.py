"""What was agreed while a record took no part, because it was outside `where` or its system was not in the config.

A field that it still shows as it did is no edit and gets what was agreed meanwhile. One that was changed on both sides of
the gap is adopted: neither change knew of the other one, so that none of them is the only edit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from smarksync.model import ValueProblem

from .side import PER_SIDE, Side


def missed(side: Side, before: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Fields move from ``before`` to ``values`` without the record, which is outside `where`."""
    moved = [
        f for f, value in values.items() if before.get(f) != value and f not in PER_SIDE and side.codec(f) is not None
    ]
    if moved:
        side._put("o", sorted({*(side.memo.get("o") or ()), *moved}))


def met_again(side: Side, key: str, agreed: Mapping[str, Any], names: Collection[str] | None = None) -> set[str]:
    """The record takes part again: of the fields under ``key`` of its memo (``names``: of these) those that were changed on
    both sides of the gap lose their base. Returns them."""
    noted = {name for name in side.memo.get(key) or () if names is None or name in names}
    apart = {name for name in noted if changed(side, name, agreed)}
    side._put("b", {name: value for name, value in (side.memo.get("b") or {}).items() if name not in apart})
    side._put("a", sorted({*(side.memo.get("a") or ()), *apart}))
    side._put(key, sorted({*side.memo[key]} - noted))
    return apart


def changed(side: Side, name: str, agreed: Mapping[str, Any]) -> bool:
    """Whether the record shows something else than when the field was settled there."""
    try:
        return bool(side.observed(name, agreed) != side.base(name, agreed))
    except ValueProblem:
        return True  # whatever it is, it is not what it was
