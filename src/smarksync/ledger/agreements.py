"""The agreement as it stood, version by version, for the change log between versions."""

from __future__ import annotations

from typing import Any, NamedTuple

from .db import Ledger, dumps, loads


class Kept(NamedTuple):
    """A version: its hash, the word that the config gives it, when it was first in force (microseconds), its terms."""

    hash: str
    version: str | None
    at: int
    body: dict[str, Any]


def keep(ledger: Ledger, one: Kept) -> bool:
    """Remembers a version; False when it is known already. One that comes back later counts from its first day."""
    return bool(
        ledger.run(
            "INSERT OR IGNORE INTO agreements (hash, version, at, body) VALUES (?, ?, ?, ?)",
            (one.hash, one.version, one.at, dumps(one.body).decode()),
        )
    )


def every(ledger: Ledger) -> list[Kept]:
    """All versions, oldest first."""
    rows = ledger.rows("SELECT hash, version, at, body FROM agreements ORDER BY at, hash")
    return [Kept(hash, version, at, loads(body)) for hash, version, at, body in rows]
