"""Leases: one run at a time for each (connection, object), with an epoch that every commit checks."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from smarksync.errors import LeaseHeld
from smarksync.log import at

from . import process
from .db import Ledger

PATIENCE = timedelta(seconds=60)


def take(ledger: Ledger, names: Sequence[str], run: str, now: datetime) -> None:
    """Takes all leases in name order, or none. Raises LeaseHeld, naming the holder.

    A lease whose process died on this host is taken over at once, one from elsewhere after 60 s of silence.
    """
    host, pid, started = socket.gethostname(), os.getpid(), process.mark(os.getpid())
    held: dict[str, int] = {}
    with ledger.tx():
        for name in sorted(set(names)):
            row = ledger.one(
                "SELECT epoch, holder, host, pid, started, heartbeat, run FROM leases WHERE name = ?", (name,)
            )
            if row is not None and row[1] is not None and not _free(row, host, now):
                raise LeaseHeld(
                    f"Another run ({row[6]}, process {row[3]} on {row[2]}) is working on {name}; last heard of {at(row[5])}.",
                    hint=_hint(_lives(row, host)),
                )
            epoch = (row[0] if row else 0) + 1
            ledger.run(
                "INSERT OR REPLACE INTO leases (name, epoch, holder, host, pid, started, run, heartbeat) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (name, epoch, f"{host}:{pid}:{run}", host, pid, started, run, now.isoformat()),
            )
            held[name] = epoch
    ledger.hold({**ledger.held, **held})


class Holder(NamedTuple):
    """Who holds a lease. ``alive`` False = its process is gone, and the next run takes over."""

    name: str
    run: str
    host: str
    pid: int
    heartbeat: str
    alive: bool


def holders(ledger: Ledger, now: datetime) -> list[Holder]:
    """Every lease that somebody holds."""
    host = socket.gethostname()
    rows = ledger.rows(
        "SELECT epoch, holder, host, pid, started, heartbeat, run, name FROM leases WHERE holder IS NOT NULL ORDER BY name"
    )
    return [Holder(r[7], r[6], r[2], r[3], r[5], not _free(r[:7], host, now)) for r in rows]


def beat(ledger: Ledger, now: datetime) -> None:
    """Says that this run is alive."""
    for name, epoch in ledger.held.items():
        ledger.run("UPDATE leases SET heartbeat = ? WHERE name = ? AND epoch = ?", (now.isoformat(), name, epoch))


def give_back(ledger: Ledger) -> None:
    """Frees what this run still holds; a lease that another run took over is left to it."""
    for name, epoch in ledger.held.items():
        ledger.run("UPDATE leases SET holder = NULL WHERE name = ? AND epoch = ?", (name, epoch))
    ledger.hold({})


def _hint(lives: bool | None) -> str:
    """What to do about it. A holder here is known to live, one elsewhere is only believed to."""
    if lives:
        return "Nothing was done here; run again when that one has finished."
    return "Nothing was done here; run again when that one has finished, or a minute after it died."


def _free(row: tuple[object, ...], host: str, now: datetime) -> bool:
    lives = _lives(row, host)
    if lives is not None:
        return not lives
    return abs(now - datetime.fromisoformat(str(row[5]))) > PATIENCE  # one from the future: the clock was set back


def _lives(row: tuple[object, ...], host: str) -> bool | None:
    """Whether the holder's process lives; None = not to be seen from here."""
    _, _, holder_host, pid, started, _, _ = row
    return process.lives(int(str(pid)), str(started)) if holder_host == host else None
