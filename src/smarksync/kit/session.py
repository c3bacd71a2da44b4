"""What the engine hands to a connector that it opens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from smarksync.log import get as get_logger
from smarksync.plugin.session import Log, Tokens
from smarksync.redact import redact, redact_facts

from .budget import Budgets
from .client import Client
from .clock import Clock, SystemClock
from .counts import Counts
from .http import httpx


class MemoryTokens:
    """Tokens that last as long as the process: for systems without rotating tokens, and for tests."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> str | None:
        """The stored token, or None."""
        return self._kept.get(name)

    def set(self, name: str, value: str) -> None:
        """Stores the token."""
        with self._lock:
            self._kept[name] = value


class ModestLog:
    """Passes lines on with addresses and secrets taken out, whoever wrote them."""

    def __init__(self, log: Log, secrets: Collection[str] = ()) -> None:
        self._log = log
        self._secrets = secrets

    def info(self, event: str, **facts: Any) -> None:
        """One line."""
        self._log.info(redact(event, secrets=self._secrets), **redact_facts(facts, secrets=self._secrets))

    def warning(self, event: str, **facts: Any) -> None:
        """One line."""
        self._log.warning(redact(event, secrets=self._secrets), **redact_facts(facts, secrets=self._secrets))


class OpenSession:
    """The session of one connection in one run (:class:`smarksync.plugin.Session`).

    ``counts`` collects the calls of all its clients. ``budgets`` is shared by all sessions of a process; those with one
    ``account`` (default: the connection's name) draw on one budget;
    ``transport`` replaces the network (tests, simulators in the same process), ``secrets`` are texts that
    must never appear anywhere (the values of the connection's secret settings).
    """

    def __init__(
        self,
        connection: str,
        *,
        root: str = ".",
        tokens: Tokens | None = None,
        log: Log | None = None,
        clock: Clock | None = None,
        counts: Counts | None = None,
        budgets: Budgets | None = None,
        account: str = "",
        secrets: Collection[str] = (),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.connection = connection
        self.root = root
        self.tokens: Tokens = tokens or MemoryTokens()
        self.log: Log = ModestLog(log or get_logger(connection=connection), secrets)
        self.clock: Clock = clock or SystemClock()
        self.counts = counts or Counts()
        self._budgets = budgets or Budgets(clock=self.clock)
        self._secrets = tuple(secrets)
        self._account = account or connection
        self._transport = transport
        self._clients: list[Client] = []

    @property
    def now(self) -> Callable[[], datetime]:
        """Our own clock, aware UTC."""
        return self.clock.now

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
        """A client with retries, rate budget, redaction and call counting inside."""
        client = Client(
            base_url,
            connection=self.connection,
            auth=auth,
            headers=headers,
            timeout=timeout,
            proxy=proxy,
            ca_file=ca_file,
            hosts=hosts,
            allow_http=allow_http,
            setting=setting,
            counts=self.counts,
            budget=self._budgets.get(self._account, rate_limit, name=self.connection),
            clock=self.clock,
            log=self.log,
            secrets=self._secrets,
            transport=self._transport,
        )
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Closes every client that was handed out; may be called twice."""
        for client in self._clients:
            client.close()
