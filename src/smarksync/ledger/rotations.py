"""Whose turn it is in each round robin. Positions advance when a hand-off is settled (T3), never while planning."""

from __future__ import annotations

from collections.abc import Mapping

from .db import Ledger


def positions(ledger: Ledger) -> dict[str, int]:
    """{rule: how many turns were taken}."""
    return dict(ledger.rows("SELECT rule, position FROM rotations"))


def advance(ledger: Ledger, turns: Mapping[str, int]) -> None:
    """Moves each rule on by the turns that were taken."""
    ledger.many(
        "INSERT INTO rotations (rule, position) VALUES (?, ?) ON CONFLICT (rule) DO UPDATE SET position = position + excluded.position",
        turns.items(),
    )
