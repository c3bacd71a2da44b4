"""The exchange itself: one httpx client, opened late, with counting, the rate budget and the server's clock in it.

httpx's event hooks see every request that leaves, those of a token fetch inside an ``httpx.Auth`` too; a
request of ours carries its :class:`Trace`, one without is counted as ``auth``.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from smarksync.errors import ConfigError, Malformed

from .budget import Budget
from .clock import Clock
from .counts import Counts, Kind
from .http import httpx
from .response import Response
from .urls import Trust

_REDIRECTS = 5
# Node closes idle connections after 5 s, gunicorn after 2: let go first, or a write meets a closed door.
_IDLE = 1.5

#: The stream of an answer that was read.
_READ = httpx.ByteStream(b"")

#: Methods that change nothing (RFC 9110, 9.2.1).
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass
class Trace:
    """One call and what became of it so far."""

    method: str
    url: str
    kind: Kind
    params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    content: bytes | None = None
    times: int = 0  # how often it left
    under_way: bool = False  # it left, and no answer came yet
    maybe_applied: bool = False

    @property
    def name(self) -> str:
        """Method and path, without the query."""
        return f"{self.method} {httpx.URL(self.url).path}"


#: calls that the reserve of an account is kept from: a token and a look at the schema are what shows that there is more
_SPENT = frozenset(("read", "write", "reread"))


class Wire:
    """Sends requests; knows nothing of retries or of what an answer means."""

    def __init__(
        self,
        trust: Trust,
        *,
        auth: httpx.Auth | None,
        headers: Mapping[str, str],
        timeout: float,
        proxy: str | None,
        ca_file: str | None,
        counts: Counts,
        budget: Budget,
        clock: Clock,
        patience: float,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self.trust = trust
        self.auth = auth
        self.timeout = timeout
        self.proxy = proxy
        self._headers = dict(headers)
        self._ca_file = ca_file
        self._counts = counts
        self._budget = budget
        self._clock = clock
        self._patience = patience
        self._transport = transport
        self._lock = threading.Lock()
        self._http: httpx.Client | None = None
        self._closed = False
        self._offset: timedelta | None = None
        self._connect = min(timeout, 10.0)
        self._own = threading.local()  # `slot`: that of the request which this thread has under way

    def exchange(self, trace: Trace) -> Response:
        """Sends the call, follows redirects that the URL rules allow; raises httpx's errors."""
        http = self._open()
        trace.under_way = False
        request = http.build_request(
            trace.method,
            trace.url,
            params=trace.params if trace.params is None else httpx.QueryParams(trace.params),  # type: ignore[arg-type]
            json=trace.json,
            data=trace.form,
            content=trace.content,
            headers=trace.headers,
            extensions={"smarksync": trace},
        )
        for _ in range(_REDIRECTS):
            answer = self._send(http, request)
            trace.under_way = False
            safe = trace.method in SAFE
            if not answer.has_redirect_location or not (safe or answer.status_code in (307, 308)):
                return Response(answer.status_code, answer.headers, answer.content, str(answer.url), trace.json)
            target = self.trust.redirect(str(answer.url), answer.headers["location"])
            request = http.build_request(
                trace.method,
                target,
                content=None if safe else request.content,
                headers={
                    **(trace.headers or {}),
                    **({} if safe else {"Content-Type": request.headers["content-type"]}),
                },
                extensions={"smarksync": trace},
            )
        raise Malformed(
            f"{self.trust.host} sends us round in circles (redirects).", hint=f"Check {self.trust.setting}."
        )

    def _send(self, http: httpx.Client, request: httpx.Request) -> httpx.Response:
        try:
            answer = http.send(request)
        except httpx.HTTPError as problem:
            if not isinstance(problem, (httpx.ReadTimeout, httpx.WriteTimeout)):
                self._free()
            raise
        finally:
            self._own.slot = None  # a request that nobody waits for any longer may still arrive: its slot says how long
        # httpx lets an answer and its stream hold each other: the body, read long ago, would stay until the cycle collector
        # comes, which in a run is hardly ever (engine/collector.py)
        answer.stream = _READ
        return answer

    def _free(self) -> None:
        """The request that this thread had under way has an answer, or will not arrive any more."""
        slot, self._own.slot = getattr(self._own, "slot", None), None
        if slot is not None:
            self._budget.answered(slot)

    def server_time(self) -> datetime | None:
        """The server's clock now, by the ``Date`` of its last answer; None before the first."""
        return None if self._offset is None else self._clock.now() + self._offset

    def close(self) -> None:
        """Lets go of the connections."""
        with self._lock:
            self._closed = True
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def _open(self) -> httpx.Client:
        with self._lock:
            if self._closed:
                raise RuntimeError(f"the client of {self.trust.host} is closed")
            if self._http is None:
                self._http = httpx.Client(
                    auth=self.auth,
                    headers=self._headers,
                    # a session cookie would stand beside the credentials, and some servers then want CSRF tokens
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                    timeout=httpx.Timeout(self.timeout, connect=self._connect),
                    verify=_tls(self._ca_file),
                    proxy=self.proxy,
                    # proxies of the environment are for the world outside, and only without a setting of ours
                    trust_env=self.proxy is None and not self.trust.is_loopback,
                    follow_redirects=False,
                    limits=httpx.Limits(max_connections=32, max_keepalive_connections=16, keepalive_expiry=_IDLE),
                    transport=self._transport,
                    event_hooks={"request": [self._before], "response": [self._after]},
                )
            return self._http

    def _before(self, request: httpx.Request) -> None:
        trace = request.extensions.get("smarksync")
        if isinstance(trace, Trace) and trace.kind in _SPENT:
            counts = self._counts
            self._budget.keep(0 if counts.may_use_reserve else counts.reserve, told=counts.budget_left)
        # what httpx waits at most for a connection, its opening, the sending and the answer
        self._own.slot = self._budget.take(self._patience, lasts=self._connect + 3 * self.timeout)
        if isinstance(trace, Trace):
            if trace.times:
                self._counts.retried()
            trace.times += 1
            trace.under_way = True
            self._counts.call(trace.kind)
        else:
            self._counts.call("auth")

    def _after(self, response: httpx.Response) -> None:
        self._free()
        trace = response.request.extensions.get("smarksync")
        if not isinstance(trace, Trace):
            return
        if response.status_code == 401:  # what fails from here on is the token fetch, not this call
            trace.under_way = False
        date = Response(response.status_code, response.headers, b"").date
        if date is not None:
            self._offset = date - self._clock.now()


def _tls(ca_file: str | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as problem:
        raise ConfigError(f"ca_file {ca_file!r} cannot be read as certificates.", hint=type(problem).__name__) from None
