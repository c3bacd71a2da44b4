"""What was told about promises and runs, so that nobody hears it twice. Instants in microseconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from . import clocks
from .db import Ledger


class Notice(NamedTuple):
    """A status of a promise in a case; case 0: of a segment and period, which ``promise`` names, too."""

    cid: int
    promise: str
    status: str
    at: int


def new(ledger: Ledger, wanted: Iterable[Notice]) -> list[Notice]:
    """Enters those that were never told before, and returns them: whoever tells them, tells them once."""
    fresh = []
    with ledger.tx():
        for one in wanted:
            if ledger.run("INSERT OR IGNORE INTO notices (cid, promise, status, at) VALUES (?, ?, ?, ?)", one):
                fresh.append(one)
    return fresh


def forget(ledger: Ledger, untold: Iterable[Notice]) -> None:
    """Takes back what could not be told: the next run tries again."""
    untold = list(untold)
    ledger.many("DELETE FROM notices WHERE cid = ? AND promise = ? AND status = ?", (one[:3] for one in untold))
    clocks.forget(ledger, (one.cid for one in untold))
