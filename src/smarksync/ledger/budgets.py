"""What was sent lately to each vendor account, shared by the processes of one workspace.

A file of its own beside the ledger: it is asked before every call, while others hold the ledger, and worth nothing a
day later. Who counts and who adds do so in one transaction, so all processes together keep an account's limit
(``kit/slots.py`` says why). A slot is taken with the moment until which its call may arrive, and so a process that is
killed while it waits for an answer keeps its slot just as long as its call may still be counted.

Its time is that of the machine's uptime, which no correction of the clock moves and all processes share; the clock is
asked only when the file is new or the machine was started anew, and never believed when it goes back. (One that was set
ahead while the machine was down takes as much from a window that had not ended then: nothing else tells the time.)
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from smarksync.errors import LedgerError
from smarksync.kit.slots import Full, Rate, Slots, room

from .db import begin_wal, closed_on_failure, private_file

#: How long one process waits for another that writes here, in seconds.
_PATIENCE = 30.0
#: Seconds for which a vendor's word on what is left of the day counts: the day may be renewed meanwhile.
_FRESH = 600.0
_TABLES = (
    "CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY CHECK (one = 1), uptime REAL, ahead REAL)",
    "CREATE TABLE IF NOT EXISTS slots (slot INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT, moment REAL)",
    "CREATE INDEX IF NOT EXISTS slots_by_moment ON slots (account, moment)",
    "CREATE TABLE IF NOT EXISTS pauses (account TEXT PRIMARY KEY, until REAL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS told (account TEXT PRIMARY KEY, calls INTEGER, at REAL) WITHOUT ROWID",
)


def _uptime() -> float:
    """Seconds since the machine was started, its sleep included where the system tells."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class SharedBudgets:
    """The slots and pauses of all accounts (:class:`smarksync.kit.budget.Shared`); ``path`` is their file.

    ``uptime`` and ``clock`` tell seconds: since the machine was started, and since 1970.
    """

    def __init__(
        self, path: str, *, uptime: Callable[[], float] = _uptime, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._uptime, self._clock = uptime, clock
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None

    def slots(self, account: str, rates: Sequence[Rate]) -> Slots:
        """What one account was sent."""
        return _Slots(self, _name(account), rates)

    def pause(self, account: str, seconds: float) -> None:
        """The vendor asks everybody on that account to stay away for so long."""
        sql = "INSERT INTO pauses VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET until = max(until, excluded.until)"
        with self.at_once() as (db, now):
            db.execute(sql, (_name(account), now + seconds))

    def paused(self, account: str) -> float:
        """Seconds that the vendor's pause still lasts; 0 when there is none."""
        found, now = self._look("SELECT until FROM pauses WHERE account = ?", account)
        return max(0.0, float(found[0]) - now) if found else 0.0

    def tell(self, account: str, left: int) -> None:
        """So many calls are left to the account today, as the vendor says."""
        sql = "INSERT INTO told VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE SET calls = excluded.calls, at = excluded.at"
        with self.at_once() as (db, now):
            db.execute(sql, (_name(account), left, now))

    def left(self, account: str) -> int | None:
        """What was said last, to any process; None when that is longer ago than a few minutes."""
        found, now = self._look("SELECT calls, at FROM told WHERE account = ?", account)
        return int(found[0]) if found and found[1] > now - _FRESH else None

    def close(self) -> None:
        """Lets the file go; may be called twice."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextmanager
    def at_once(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        """The file and its time, while no other process writes there."""
        with self._lock, self._said():
            db = self._open()
            db.execute("BEGIN IMMEDIATE")
            try:
                now, uptime = self._now(db)
                db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?, ?)", (uptime, now - uptime))
                yield db, now
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.rollback()

    def _look(self, sql: str, account: str) -> tuple[Any, float]:
        """The row and the file's time; looking makes no file."""
        with self._lock, self._said():
            if self._db is None and not os.path.exists(self._path):
                return None, 0.0
            db = self._open()
            return db.execute(sql, (_name(account),)).fetchone(), self._now(db)[0]

    def _now(self, db: sqlite3.Connection) -> tuple[float, float]:
        """The file's time and the machine's uptime, in seconds. An uptime below the last one began anew: the clock
        tells how long that took."""
        before = db.execute("SELECT uptime, ahead FROM clock").fetchone()
        uptime = self._uptime()
        if before is not None and uptime >= before[0]:
            return uptime + before[1], uptime
        return max(self._clock(), sum(before) if before else 0.0), uptime

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            private_file(self._path)
            db = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
            with closed_on_failure(db):
                begin_wal(db, _PATIENCE)
                db.execute("PRAGMA synchronous = OFF")  # what a power cut loses is older than any window afterwards
                for table in _TABLES:
                    db.execute(table)
            self._db = db
        return self._db

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            raise LedgerError(
                f"{self._path} cannot be used: {problem}.",
                hint="Remove it, it is made anew; or check the folder's rights.",
            ) from None


class _Slots:
    """The slots of one account, in the file."""

    def __init__(self, shared: SharedBudgets, account: str, rates: Sequence[Rate]) -> None:
        self._shared, self._account, self._rates = shared, account, rates
        self._longest = max(rate.window for rate in rates)

    def take(self, lasts: float) -> int | Full:
        """See :class:`smarksync.kit.slots.Slots`."""
        with self._shared.at_once() as (db, now):
            db.execute("DELETE FROM slots WHERE account = ? AND moment < ?", (self._account, now - self._longest))

            def newest(before: int) -> float | None:
                sql = "SELECT moment FROM slots WHERE account = ? ORDER BY moment DESC LIMIT 1 OFFSET ?"
                found = db.execute(sql, (self._account, before)).fetchone()
                return float(found[0]) if found else None

            wait = room(self._rates, now, newest)
            if wait > 0:
                return Full(wait)
            added = db.execute("INSERT INTO slots (account, moment) VALUES (?, ?)", (self._account, now + lasts))
            assert added.lastrowid is not None
            return added.lastrowid

    def answered(self, slot: int) -> None:
        """See :class:`smarksync.kit.slots.Slots`."""
        with self._shared.at_once() as (db, now):
            db.execute("UPDATE slots SET moment = ? WHERE slot = ?", (now, slot))


def budgets_path(ledger_path: str) -> str:
    """The file of the budgets: beside the ledger."""
    return ledger_path + ".budgets"


def _name(account: str) -> str:
    return hashlib.sha256(account.encode()).hexdigest()[:24]
