"""The live schema of each stream as last seen: to compile a mapping without its system, and to notice drift."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict

from smarksync.plugin import Choice, FieldInfo, FieldType

from .db import Ledger, dumps, loads


def save(ledger: Ledger, sid: int, live: Sequence[FieldInfo], at: str) -> bool:
    """Stores the schema; True when it differs from the last one."""
    body = dumps([asdict(info) for info in live])
    digest = hashlib.blake2b(body, digest_size=12).hexdigest()
    if ledger.value("SELECT hash FROM schemas WHERE sid = ?", (sid,)) == digest:
        return False
    ledger.run(
        "INSERT OR REPLACE INTO schemas (sid, hash, body, at) VALUES (?, ?, ?, ?)", (sid, digest, body.decode(), at)
    )
    return True


def last(ledger: Ledger, sid: int) -> list[FieldInfo] | None:
    """The schema as last seen, or None."""
    body = ledger.value("SELECT body FROM schemas WHERE sid = ?", (sid,))
    if body is None:
        return None
    found = []
    for one in loads(body):
        choices = one.pop("choices")
        kind = FieldType(one.pop("type"))
        found.append(
            FieldInfo(type=kind, choices=tuple(Choice(**c) for c in choices) if choices is not None else None, **one)
        )
    return found
