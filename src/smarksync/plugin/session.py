"""What the engine lends an opened connector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from smarksync.kit.client import Client
    from smarksync.kit.http import httpx


class Tokens(Protocol):
    """A small encrypted store for rotating tokens; ``set`` returns once the token is safe on disk."""

    def get(self, name: str) -> str | None:
        """The stored token, or None."""
        ...

    def set(self, name: str, value: str) -> None:
        """Stores the token."""
        ...


class Log(Protocol):
    """A bound structured logger (redacting)."""

    def info(self, event: str, **facts: Any) -> None:
        """One line."""
        ...

    def warning(self, event: str, **facts: Any) -> None:
        """One line."""
        ...


class Session(Protocol):
    """Clock, HTTP client, tokens and log of one connection in one run."""

    connection: str
    tokens: Tokens
    log: Log
    #: the directory of the config file, for settings that are relative paths
    root: str

    @property
    def now(self) -> Callable[[], datetime]:
        """Our own clock, aware UTC."""
        ...

    def client(
        self,
        base_url: str,
        *,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        rate_limit: str | None = None,
        proxy: str | None = None,
        ca_file: str | None = None,
        hosts: tuple[str, ...] = (),
        allow_http: bool = False,
        setting: str = "base_url",
    ) -> Client:
        """A client with retries, rate budget, redaction and call counting inside. ``setting`` names where the config has the
        address, for messages."""
        ...
