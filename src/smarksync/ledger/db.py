"""The ledger's connection: opening, migrating, transactions, and what can go wrong with a file.

SQLite with a write-ahead log, one writer. Statements are literal SQL with tuples, because the hot
paths run them by the hundred thousand; SQLAlchemy gives the engine, Alembic the migrations.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from smarksync.errors import LeaseLost, LedgerError, UsageError

#: the newest migration; a ledger that names a later one was written by a newer SmarkSync
HEAD = "0003"
#: seconds that one process waits for another that begins the same file
WAL_PATIENCE = 20.0
SETTINGS = {
    "page_size": "8192",  # of a file that is begun now: half as many writes as with SQLite's 4096; older ones keep theirs
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "foreign_keys": "OFF",
    "cache_size": "-32768",  # KiB: 32 MiB; beyond it the system's own cache serves as well
    "busy_timeout": "20000",
    "temp_store": "FILE",
    "wal_autocheckpoint": "4000",  # pages, 32 MiB: a page that many rows touch is copied once, not at every 4 MiB
    "journal_size_limit": "67108864",
    "secure_delete": "FAST",
}


# sqlite3 looks for an adapter of each parameter that is null or bytes, and raises and drops an exception where there is
# none: half a microsecond each, thirty times a record. These two give back what they are given.
_nothing: Any = {}.get
sqlite3.register_adapter(bytes, bytes)
sqlite3.register_adapter(type(None), _nothing)

#: of the numbers that it holds
LARGEST = 2**63 - 1
#: rows of one INSERT; with eleven columns still below the 999 parameters that any SQLite takes
AT_ONCE = 50


@cache
def _wide(sql: str) -> str:
    """The statement with its one group of values written fifty times."""
    return re.sub(r"(?<=VALUES )\([^)]*\)", lambda group: ", ".join([group[0]] * AT_ONCE), _whole(sql), count=1)


def _whole(sql: str) -> str:
    """The statement such that its failure ends the transaction, as every failure here does.

    Of one that may fail alone SQLite copies each page aside before it is touched, a file's worth in a large transaction
    (sqlite.org/tempfiles.html, "Statement Journal Files").
    """
    return re.sub(r"^(INSERT|UPDATE)(?! OR)", r"\1 OR ROLLBACK", sql)


def dumps(value: Any) -> bytes:
    """JSON with sorted keys, so that equal values are equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


#: JSON with the keys as they come, in a third of the time: for what nobody compares byte by byte
packed = orjson.dumps
loads = orjson.loads


def among(column: str, numbers: Iterable[int]) -> tuple[str, tuple[Any, ...]]:
    """(condition, parameters) for a column being one of ``numbers``.

    Rows are mostly made and used in order: numbers without a gap are one range, which costs nothing per number.
    """
    found = sorted(set(numbers))
    if found and found[-1] - found[0] == len(found) - 1:
        return f"{column} BETWEEN ? AND ?", (found[0], found[-1])
    return f"{column} IN (SELECT value FROM json_each(?))", (dumps(found).decode(),)


class Ledger:
    """An open ledger. Not shared between threads; open a second one for that."""

    def __init__(self, url: str, *, root: str = ".", create: bool = True) -> None:
        self.url = url
        self.path = ledger_path(url, root)
        self.io: Callable[[str], None] | None = None  # tests put a fault here; called at each I/O point
        self._epochs: dict[str, int] = {}
        self._depth = self._undone = 0
        fresh = not os.path.exists(self.path)
        if fresh and not create:
            raise LedgerError(
                f"There is no ledger at {self.path} yet.", hint="`smarksync run` makes it; a plan leaves none."
            )
        with self._explained("opened"):
            private_file(self.path)
            self._con = _connect(self.path)
            with closed_on_failure(self):
                self._migrate()

    # -- statements ------------------------------------------------------------------------------
    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._explained("read"):
            return self._con.execute(sql, params).fetchall()

    def one(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        with self._explained("read"):
            row: tuple[Any, ...] | None = self._con.execute(sql, params).fetchone()
            return row

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, params)
        return row[0] if row else None

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """One statement; returns the number of rows it touched."""
        with self._explained("written"):
            return self._con.execute(sql, params).rowcount

    def insert(self, sql: str, params: Sequence[Any] = ()) -> int:
        """One insert; returns its row id."""
        with self._explained("written"):
            return int(self._con.execute(sql, params).lastrowid or 0)

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """One statement for many rows."""
        with self._explained("written"):
            self._con.executemany(sql, rows)

    def add(self, sql: str, rows: Iterable[Sequence[Any]], shared: tuple[Any, ...] = ()) -> None:
        """``INSERT … VALUES (?, …)`` for many rows, fifty to a statement: half the cost of one statement a row.

        ``shared``: values that all rows have; they are bound once a statement. They stand first in the statement's one
        group of values, as ``?1``, ``?2``, …
        """
        rows = rows if isinstance(rows, list) else list(rows)
        many = len(rows) - len(rows) % AT_ONCE
        with self._explained("written"):
            if many:
                wide = _wide(sql)
                for start in range(0, many, AT_ONCE):
                    self._con.execute(wide, [*shared, *chain.from_iterable(rows[start : start + AT_ONCE])])
            if many < len(rows):
                rest = rows[many:] if many else rows
                self._con.executemany(sql, [(*shared, *row) for row in rest] if shared else rest)

    @property
    def written(self) -> int:
        """Rows written, and transactions undone, since the ledger was opened: while the number stands still, what was
        read is still true."""
        return self._con.total_changes + self._undone

    # -- transactions ----------------------------------------------------------------------------
    @contextlib.contextmanager
    def tx(self) -> Iterator[None]:
        """All or nothing; nested use joins the outer transaction. Never hold one over a network call."""
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        self._point("begin")
        with self._explained("written"):
            self._con.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            self._check_epochs()
            yield
            self._point("commit")
            with self._explained("written"):
                self._con.execute("COMMIT")
        except BaseException:
            self._undone += 1
            with contextlib.suppress(sqlite3.Error):
                self._con.execute("ROLLBACK")
            raise
        finally:
            self._depth = 0
        self._point("committed")

    def hold(self, epochs: dict[str, int]) -> None:
        """The leases (by name, with their epochs) that every later commit must still own."""
        self._epochs = dict(epochs)

    @property
    def held(self) -> dict[str, int]:
        """The leases that this run holds, with their epochs."""
        return self._epochs

    def _check_epochs(self) -> None:
        if not self._epochs:
            return
        found = dict(self.rows("SELECT name, epoch FROM leases"))  # one a stream: cheaper than to look for them by name
        for name, epoch in self._epochs.items():
            if found.get(name) != epoch:
                raise LeaseLost(
                    f"The lease of {name} was taken over by another run while this one worked.",
                    hint="Nothing more was written by this run; the other one goes on. Was this machine suspended?",
                )

    def _point(self, what: str) -> None:
        if self.io is not None:
            self.io(f"ledger.{what}")

    # -- upkeep ----------------------------------------------------------------------------------
    def copy_to(self, path: str) -> None:
        """A consistent copy, for plans that must change nothing here."""
        private_file(path)
        target = sqlite3.connect(path)
        try:
            with self._explained("copied"):
                self._con.backup(target)
        finally:
            target.close()

    def bytes_per_table(self) -> dict[str, int]:
        """Bytes on disk by table, indexes counted to their table; empty when SQLite cannot tell."""
        try:
            found = self._con.execute(
                "SELECT s.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name "
                "GROUP BY 1 ORDER BY 2 DESC"
            ).fetchall()
        except sqlite3.OperationalError:
            return {}
        return {str(name): int(size) for name, size in found}

    def close(self) -> None:
        """Lets the file go; may be called twice."""
        with contextlib.suppress(sqlite3.Error):
            self._con.close()

    def _migrate(self) -> None:
        found = self._con.execute("SELECT name FROM sqlite_schema WHERE name = 'alembic_version'").fetchone()
        version = self._con.execute("SELECT version_num FROM alembic_version").fetchone() if found else None
        if version and version[0] == HEAD:
            return
        from .migrate import upgrade  # Alembic costs 100 ms: only when there is something to do

        if version and version[0] > HEAD:
            raise LedgerError(
                f"The ledger {self.path} was written by a newer SmarkSync (format {version[0]}, this one knows {HEAD}).",
                hint="Install that version again; ledgers are not taken back.",
            )
        self._con.close()
        upgrade(self.path)
        self._con = _connect(self.path)

    @contextlib.contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _explain(error, self.path, verb) from error
        except OverflowError as error:
            if verb != "read" or "SQLite" not in str(error):
                raise
            raise UsageError(f"No number here is larger than {LARGEST:,}.", hint="Give a smaller one.") from error


def _connect(path: str) -> sqlite3.Connection:
    con = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    with closed_on_failure(con):
        for name, value in SETTINGS.items():  # in order: the log writes the first page, which fixes the size of all
            begin_wal(con, WAL_PATIENCE) if name == "journal_mode" else con.execute(f"PRAGMA {name} = {value}")
    return con


@contextlib.contextmanager
def closed_on_failure(opened: sqlite3.Connection | Ledger) -> Iterator[None]:
    """Lets a file go again that could be opened and not be got ready."""
    try:
        yield
    except BaseException:
        opened.close()
        raise


def ledger_path(url: str, root: str) -> str:
    """The file that a ledger URL names; a relative one counts from ``root``."""
    prefix = "sqlite:///"
    if not url.startswith(prefix):
        raise LedgerError(
            f"This version keeps its ledger in SQLite only, and the config says {url.split(':')[0]!r}.",
            hint="Write `ledger: sqlite:///NAME.db`.",
        )
    name = url[len(prefix) :]
    return name if os.path.isabs(name) else str(Path(root) / name)


def begin_wal(con: sqlite3.Connection, patience: float) -> None:
    """Turns the write-ahead log on. Two processes that do it to one new file meet, and SQLite makes neither wait."""
    deadline = time.monotonic() + patience
    while True:
        try:
            con.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def private_file(path: str) -> None:
    """The ledger holds people's data: readable by its owner only, from its first byte on."""
    try:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            # never opened by us: closing a file drops every lock that this process has on it, SQLite's own among them
            if os.path.isdir(path):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
            if not os.access(path, os.R_OK | os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None
            found = os.stat(path)
            if found.st_uid == os.geteuid() and found.st_mode & 0o077:
                os.chmod(path, 0o600)
    except OSError as error:
        hint = "Check that the folder exists and that this user may write there, or change `ledger:` in the config."
        if isinstance(error, PermissionError) and os.path.exists(path):
            hint = "It belongs to another user, or is read-only: run SmarkSync as the user that made it, or give this one the right to read and write it."
        raise LedgerError(f"The ledger {path} cannot be opened: {error.strerror}.", hint=hint) from error


def _no_room(path: str) -> bool:
    """Whether the disk has less room than the 32 KB that SQLite shares with other processes: it reports that as an I/O
    error, and only what it writes itself as a full disk (sqlite.org/rescode.html, SQLITE_IOERR_SHMSIZE)."""
    try:
        return shutil.disk_usage(Path(path).parent).free < 64 * 1024
    except OSError:
        return False


def _explain(error: sqlite3.DatabaseError, path: str, verb: str) -> LedgerError:
    text = str(error)
    if "full" in text or ("disk I/O" in text and _no_room(path)):
        hint = "The disk is full. Nothing is half-written: free some space and run again, it goes on where it stopped."
    elif "readonly" in text or "read-only" in text:
        hint = "The file or its folder is read-only for this user."
    elif "locked" in text:
        hint = "Another program holds it. `smarksync status` names a running run; a backup tool may be copying it."
    elif "not a database" in text or "malformed" in text:
        hint = "The file is damaged or is something else. Restore it from a backup, or move it away to begin anew."
    else:
        hint = "Is there room on the disk, and is it sound? The last committed step is safe."
    return LedgerError(f"The ledger {path} could not be {verb}: {text}.", hint=hint)
