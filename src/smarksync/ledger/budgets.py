"""What was sent lately to each vendor account, shared by the processes of one workspace.

A file of its own beside the ledger: it is asked before every call, while others hold the ledger, and worth nothing a
day later. Who counts and who adds do so in one transaction, so two processes together keep an account's limit.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time

from pyrate_limiter import AbstractBucket, Rate, RateItem, SQLiteBucket

from smarksync.errors import LedgerError

from .db import begin_wal, private_file

#: How long one process waits for another that writes here, in seconds.
_PATIENCE = 30.0
#: Seconds for which a vendor's word on what is left of the day counts: the day may be renewed meanwhile.
_FRESH = 600.0


class SharedBucket(SQLiteBucket):
    """pyrate-limiter's bucket in SQLite, with counting and adding in one transaction, by the machine's clock."""

    def put(self, item: RateItem) -> bool:
        """One more call, if it fits now."""
        with self.lock:
            self.conn.execute("BEGIN IMMEDIATE")
            try:
                item.timestamp = time.time_ns() // 1_000_000  # we may have waited for the other process
                super().leak(item.timestamp)
                if not self.conn.in_transaction:
                    self.conn.execute("BEGIN IMMEDIATE")
                return bool(super().put(item))
            finally:
                if self.conn.in_transaction:
                    self.conn.rollback()

    def leak(self, current_timestamp: int | None = None) -> int:
        """Done with every :meth:`put`."""
        return 0


class SharedBudgets:
    """The buckets and pauses of all accounts (:class:`smarksync.kit.budget.Shared`); ``path`` is their file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None

    def bucket(self, account: str, rates: list[Rate]) -> AbstractBucket:
        """What one account was sent."""
        table = f"calls_{_name(account)}"
        with self._lock:
            db = self._open()
            db.execute(f"CREATE TABLE IF NOT EXISTS {table} (name VARCHAR, item_timestamp INTEGER)")
            db.execute(f"CREATE INDEX IF NOT EXISTS {table}_at ON {table} (item_timestamp)")
            return SharedBucket(rates, db, table, lock=self._lock)

    def pause(self, account: str, seconds: float) -> None:
        """The vendor asks everybody on that account to stay away for so long."""
        until = time.time() + seconds
        sql = "INSERT INTO pauses VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET until = max(until, excluded.until)"
        with self._lock:
            self._open().execute(sql, (_name(account), until))

    def paused(self, account: str) -> float:
        """Seconds that the vendor's pause still lasts; 0 when there is none."""
        with self._lock:
            if self._db is None and not os.path.exists(self._path):
                return 0.0  # looking must not make a file
            found = self._open().execute("SELECT until FROM pauses WHERE account = ?", (_name(account),)).fetchone()
        return max(0.0, float(found[0]) - time.time()) if found else 0.0

    def tell(self, account: str, left: int) -> None:
        """So many calls are left to the account today, as the vendor says."""
        sql = "INSERT INTO told VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE SET calls = excluded.calls, at = excluded.at"
        with self._lock:
            self._open().execute(sql, (_name(account), left, time.time()))

    def left(self, account: str) -> int | None:
        """What was said last, to any process; None when that is longer ago than a few minutes."""
        sql = "SELECT calls FROM told WHERE account = ? AND at > ?"
        with self._lock:
            if self._db is None and not os.path.exists(self._path):
                return None
            found = self._open().execute(sql, (_name(account), time.time() - _FRESH)).fetchone()
        return int(found[0]) if found else None

    def close(self) -> None:
        """Lets the file go; may be called twice."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            try:
                private_file(self._path)
                db = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
                begin_wal(db, _PATIENCE)
                db.execute("PRAGMA synchronous = OFF")  # what a power cut loses is older than any window afterwards
                db.execute("CREATE TABLE IF NOT EXISTS pauses (account TEXT PRIMARY KEY, until REAL) WITHOUT ROWID")
                db.execute(
                    "CREATE TABLE IF NOT EXISTS told (account TEXT PRIMARY KEY, calls INTEGER, at REAL) WITHOUT ROWID"
                )
            except sqlite3.Error as problem:
                raise LedgerError(
                    f"{self._path} cannot be used: {problem}.",
                    hint="Remove it, it is made anew; or check the folder's rights.",
                ) from None
            self._db = db
        return self._db


def budgets_path(ledger_path: str) -> str:
    """The file of the budgets: beside the ledger."""
    return ledger_path + ".budgets"


def _name(account: str) -> str:
    return hashlib.sha256(account.encode()).hexdigest()[:24]
