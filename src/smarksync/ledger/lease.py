"""Leases: one run at a time for each (connection, object), with an epoch that every commit checks."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from smarksync.errors import LeaseHeld
from smarksync.log import at

from .db import Ledger

PATIENCE = timedelta(seconds=60)


def take(ledger: Ledger, names: Sequence[str], run: str, now: datetime) -> None:
    """Takes all leases in name order, or none. Raises LeaseHeld, naming the holder.

    A lease whose process died on this host is taken over at once, one from elsewhere after 60 s of silence.
    """
    host, pid, started = socket.gethostname(), os.getpid(), _started(os.getpid())
    held: dict[str, int] = {}
    with ledger.tx():
        for name in sorted(set(names)):
            row = ledger.one(
                "SELECT epoch, holder, host, pid, started, heartbeat, run FROM leases WHERE name = ?", (name,)
            )
            if row is not None and row[1] is not None and not _free(row, host, now):
                raise LeaseHeld(
                    f"Another run ({row[6]}, process {row[3]} on {row[2]}) is working on {name}; last heard of {at(row[5])}.",
                    hint="Nothing was done. It is safe to try again when that one has finished.",
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


def _free(row: tuple[object, ...], host: str, now: datetime) -> bool:
    _, _, holder_host, pid, started, heartbeat, _ = row
    if holder_host == host:
        return not _alive(int(str(pid)), str(started))
    return now - datetime.fromisoformat(str(heartbeat)) > PATIENCE


def _alive(pid: int, started: str) -> bool:
    """The process lives, and is the same one: numbers are used again."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not started or _started(pid) == started


def _started(pid: int) -> str:
    """When the process began, as the kernel counts it; empty where /proc is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
