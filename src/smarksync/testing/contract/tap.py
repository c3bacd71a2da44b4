"""A tap on the wire: sees every request that leaves a connector, and does to some of them what networks and vendors do.

It stands where httpx's transport stands, so it works with every connector that takes its client from the session,
whatever the vendor: an answer is lost after the server has done the work, credentials are refused, a limit is named.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from smarksync.kit.http import httpx
from smarksync.kit.wire import Trace

#: answer: given instead, nothing is done · lost: done, the answer never comes · replaced: done, another answer comes ·
#: unsent: the connection cannot be made
Act = Literal["answer", "lost", "replaced", "unsent"]


class Answer(NamedTuple):
    """What a system says: status, JSON body, headers."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = {}  # a NamedTuple's default, never changed


class Event(NamedTuple):
    """One thing that happened, in order: ``request``, ``answer``, ``token`` (a token's answer) or ``saved``.

    ``kind`` is what the request counts as (``token`` for a token fetch); ``at`` the clock's seconds.
    """

    what: str
    kind: str
    path: str
    at: float
    status: int = 0
    text: str = ""


@dataclass
class Plan:
    """What happens to the requests that ``when`` fits, ``times`` times (None = always)."""

    act: Act
    when: Callable[[httpx.Request, str], bool]
    times: int | None = 1
    answer: Callable[[httpx.Request], Answer] | None = None
    hits: int = field(default=0)


class Tap(httpx.BaseTransport):
    """``inner`` None = the network. ``monotonic`` is the clock that waits are measured by."""

    def __init__(self, inner: httpx.BaseTransport | None, monotonic: Callable[[], float]) -> None:
        self._inner = inner
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self.events: list[Event] = []
        self.plans: list[Plan] = []
        self.credentials: set[str] = set()

    def plan(
        self,
        act: Act,
        *,
        kinds: tuple[str, ...] = (),
        times: int | None = 1,
        answer: Answer | Callable[[httpx.Request], Answer] | None = None,
    ) -> Plan:
        """From now on. ``kinds``: read, reread, write, schema, auth; none = every call but token fetches."""
        give = answer if callable(answer) else (lambda _: answer) if answer is not None else None
        made = Plan(act, lambda _, kind: kind in kinds if kinds else kind != "token", times, give)
        self.plans.append(made)
        return made

    def calm(self) -> None:
        """Nothing is planned any more."""
        self.plans.clear()

    def mark(self) -> int:
        """A place in the events."""
        return len(self.events)

    def since(self, mark: int, what: str = "request", *, token: bool | None = None) -> list[Event]:
        """Events behind a mark; ``token`` None = all, True = token fetches, False = all others."""
        return [
            e for e in self.events[mark:] if e.what == what and (token is None or (e.kind == "token") == token)
        ]  # fmt: skip

    def saved(self, value: str) -> None:
        """The connector stored a token."""
        self._note("saved", "token", "", text=value)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request on its way."""
        request.read()
        trace = request.extensions.get("smarksync")
        kind = trace.kind if isinstance(trace, Trace) else "token"
        self._remember(request)
        self._note("request", kind, request.url.path)
        plan = self._fitting(request, kind)
        if plan is not None and plan.act == "unsent":
            raise httpx.ConnectError("the tap is shut", request=request)
        if plan is not None and plan.act == "answer":
            return self._give(plan, request, kind)
        response = self._send(request)
        if plan is not None and plan.act == "lost":
            raise httpx.ReadError("the tap kept the answer", request=request)
        if plan is not None:
            return self._give(plan, request, kind)
        self._note("token" if kind == "token" else "answer", kind, request.url.path, response.status_code, response)
        return response

    def close(self) -> None:
        """Closes the network's side."""
        if self._inner is not None:
            self._inner.close()

    def _send(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            if self._inner is None:
                self._inner = httpx.HTTPTransport()
        got = self._inner.handle_request(request)
        try:
            raw = b"".join(got.stream)  # type: ignore[arg-type]  # a sync transport's stream is iterable
        finally:
            got.close()
        return httpx.Response(got.status_code, headers=got.headers, stream=httpx.ByteStream(raw), request=request)

    def _give(self, plan: Plan, request: httpx.Request, kind: str) -> httpx.Response:
        told = plan.answer(request) if plan.answer else Answer(500, {"message": "the tap says so"})
        self._note("answer", kind, request.url.path, told.status)
        if isinstance(told.body, str):
            return httpx.Response(told.status, headers=dict(told.headers), text=told.body, request=request)
        return httpx.Response(told.status, headers=dict(told.headers), json=told.body, request=request)

    def _fitting(self, request: httpx.Request, kind: str) -> Plan | None:
        with self._lock:
            for plan in self.plans:
                if (plan.times is None or plan.hits < plan.times) and plan.when(request, kind):
                    plan.hits += 1
                    return plan
        return None

    def _remember(self, request: httpx.Request) -> None:
        told = request.headers.get("authorization", "")
        if told:
            self.credentials.add(told.split(" ", 1)[-1])

    def _note(
        self, what: str, kind: str, path: str, status: int = 0, response: httpx.Response | None = None, text: str = ""
    ) -> None:
        if what == "token" and response is not None:
            response.read()
            text = response.text
            response = None
        with self._lock:
            self.events.append(Event(what, kind, path, self._monotonic(), status, text))
