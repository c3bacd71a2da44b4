"""Our own id on the records of connected systems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.plan.side import Side, Translation


def mark_stamp(side: Side, raw: Mapping[str, Any], ref: str, *, new: bool) -> None:
    """Remembers when our id is not on the record. It is stamped once: one that was there and is another now was
    changed by somebody else, such as a second workspace on the same system, and two who stamp would never rest.

    ``new`` says that the stream's mapping has only just got a place for it.
    """
    codec = side.mapping.fields.get("external_id")
    if codec is not None and side.can_write("external_id") and codec.vendor in raw and (new or "x" in side.memo):
        side._put("x", stamp_lacking(side.mapping, raw, ref))


def stamp_lacking(mapping: Translation, raw: Mapping[str, Any], ref: str) -> list[Any] | None:
    """What the record shows in place of our id, in a list; None when it has our id, or no place for it."""
    codec = mapping.fields.get("external_id")
    if codec is None or not codec.write or codec.create_only or codec.vendor not in raw:
        return None
    shown = raw[codec.vendor]
    return None if shown == ref else [shown]
