"""Our own id on the records of connected systems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.plan.side import Side


def mark_stamp(side: Side, raw: Mapping[str, Any], ref: str) -> None:
    """Remembers when our id is not on the record: it is stamped once."""
    codec = side.mapping.fields.get("external_id")
    if codec is None or not codec.write or codec.vendor not in raw:
        return
    shown = raw[codec.vendor]
    side._put("x", None if shown == ref else [shown])
