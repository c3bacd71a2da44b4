"""Rotating tokens of the connected systems, encrypted at rest.

A refresh token that was rotated and not kept is a connection lost, so ``set`` returns once the token is on disk, and tokens go
to the real ledger even when a plan works on a copy of it. The key lies beside the ledger (mode 0600) or comes
from SMARKSYNC_KEY; a ledger that is copied somewhere without it gives no access to anybody's system.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from smarksync.errors import LedgerError

from .db import Ledger

ENVIRONMENT = "SMARKSYNC_KEY"


class TokenStore:
    """The tokens of one workspace. ``open_ledger`` is called on first need; safe to use from several threads."""

    def __init__(
        self,
        path: str,
        open_ledger: Callable[[], Ledger],
        *,
        environ: Mapping[str, str] = os.environ,
        warn: Callable[..., None] | None = None,
    ) -> None:
        self._path = path
        self._open = open_ledger
        self._environ = environ
        self._warn = warn
        self._ledger: Ledger | None = None
        self._cipher: Any = None
        self._lock = threading.Lock()

    def of(self, connection: str) -> Tokens:
        """The tokens of one connection."""
        return Tokens(self, connection)

    def get(self, connection: str, name: str) -> str | None:
        """The stored token, or None; one that another key encrypted counts as none, and is warned of."""
        with self._lock:
            if self._ledger is None and not os.path.exists(self._path):
                return None
            found = self._db().value("SELECT value FROM tokens WHERE connection = ? AND name = ?", (connection, name))
            if found is None:
                return None
            from cryptography.fernet import InvalidToken

            try:
                return str(self._key(create=False).decrypt(found).decode())
            except (InvalidToken, FileNotFoundError):
                if self._warn is not None:
                    self._warn("the stored token cannot be read: the key is another one", connection=connection,
                               where=f"{key_path(self._path)} or {ENVIRONMENT}")  # fmt: skip
                return None

    def set(self, connection: str, name: str, value: str) -> None:
        """Stores the token; returns once it is safe on disk."""
        with self._lock:
            secret = self._key(create=True).encrypt(value.encode())
            self._db().run(
                "INSERT OR REPLACE INTO tokens (connection, name, value) VALUES (?, ?, ?)", (connection, name, secret)
            )

    def close(self) -> None:
        """Lets the ledger go; may be called twice."""
        with self._lock:
            if self._ledger is not None:
                self._ledger.close()
                self._ledger = None

    def _db(self) -> Ledger:
        if self._ledger is None:
            self._ledger = self._open()
            self._ledger.run("PRAGMA synchronous = FULL")  # a token must survive a power cut
        return self._ledger

    def _key(self, *, create: bool) -> Any:
        if self._cipher is None:
            from cryptography.fernet import Fernet

            told = self._environ.get(ENVIRONMENT)
            secret = told.encode() if told else _key_file(key_path(self._path), create)
            try:
                self._cipher = Fernet(secret)
            except ValueError:
                where = ENVIRONMENT if told else key_path(self._path)
                raise LedgerError(
                    f"The key in {where} is none: 32 bytes in URL-safe base64 are needed.",
                    hint="Make one with `openssl rand -base64 32 | tr +/ -_`, or put the former one back.",
                ) from None
        return self._cipher


class Tokens:
    """One connection's tokens (:class:`smarksync.plugin.session.Tokens`)."""

    def __init__(self, store: TokenStore, connection: str) -> None:
        self._store, self._connection = store, connection

    def get(self, name: str) -> str | None:
        """The stored token, or None."""
        return self._store.get(self._connection, name)

    def set(self, name: str, value: str) -> None:
        """Stores the token; returns once it is safe on disk."""
        self._store.set(self._connection, name, value)


def key_path(ledger_path: str) -> str:
    """The key's file: beside the ledger."""
    return ledger_path + ".key"


def _key_file(path: str, create: bool) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read().strip()
    except FileNotFoundError:
        if not create:
            raise
    from cryptography.fernet import Fernet

    secret = Fernet.generate_key()
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:  # another process was first
        return _key_file(path, create=False)
    with os.fdopen(handle, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return secret
