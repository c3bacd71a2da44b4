"""HTTP for connectors: what may be sent again is, what may not is told apart, nothing private leaks.

* Sent again: what is known not to have been applied (connect errors, 429, 503 with ``Retry-After``) and what
  is idempotent (reads; writes that the connector calls idempotent). The vendor's own wait is kept when it is
  at most ``longest_wait``; a longer one ends the call with :class:`Throttled`.
* From a write, every error but :class:`Unknown` means *not applied*. ``Unknown`` means: look before sending again.
* Errors name connection, host, method and path; never a query, a body, a secret or an address.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from smarksync.errors import Invalid, SystemFailure, Throttled, Transient, Unknown
from smarksync.plugin.session import Log
from smarksync.redact import redact, shorten, texts_in

from . import latest
from .budget import Budget
from .clock import Clock, SystemClock
from .counts import Counts
from .counts import Kind as CallKind
from .http import httpx
from .resolve import ERRORS, Expect, Kind, Resolver, Verdict, resolve
from .response import Response
from .trouble import known_unsent, sentence
from .urls import Trust
from .wire import SAFE, Trace, Wire

#: How often one call is sent at most, and the longest single wait between two times, in seconds.
ATTEMPTS = 4
LONGEST_WAIT = 60.0


class _Failed(Exception):
    """One attempt failed; ``again`` says whether another makes sense, ``wait`` is the vendor's word in seconds."""

    def __init__(self, error: SystemFailure, *, again: bool, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again
        self.wait = wait


class Client:
    """A client of one system. Thread safe. Opens nothing before the first request; ``close`` may come twice."""

    def __init__(
        self,
        base_url: str,
        *,
        connection: str = "",
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        proxy: str | None = None,
        ca_file: str | None = None,
        hosts: Sequence[str] = (),
        allow_http: bool = False,
        setting: str = "base_url",
        counts: Counts | None = None,
        budget: Budget | None = None,
        clock: Clock | None = None,
        log: Log | None = None,
        secrets: Collection[str] = (),
        transport: httpx.BaseTransport | None = None,
        attempts: int = ATTEMPTS,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        self.connection = connection
        self.counts = counts or Counts()
        self._clock = clock or SystemClock()
        self._budget = budget or Budget(clock=self._clock)
        self._wire = Wire(
            Trust(base_url, hosts=hosts, allow_http=allow_http, proxied=proxy is not None, setting=setting),
            auth=auth,
            headers={"User-Agent": "SmarkSync", "Accept": "application/json", **(headers or {})},
            timeout=timeout,
            proxy=proxy,
            ca_file=ca_file,
            counts=self.counts,
            budget=self._budget,
            clock=self._clock,
            patience=longest_wait,
            transport=transport,
        )
        self._log = log
        self._secrets = tuple(secrets)
        self._longest_wait = longest_wait
        self._backoff = wait_random_exponential(multiplier=0.5, max=min(longest_wait, 20.0))
        # one for all calls (threads have their own state in it): one a call would hold itself, and with it what was sent,
        # until the cycle collector comes
        self._retrying = Retrying(
            stop=stop_after_attempt(attempts),
            retry=retry_if_exception(lambda problem: isinstance(problem, _Failed) and problem.again),
            wait=self._wait,
            sleep=self._clock.sleep,
            before_sleep=self._say_retry,
            reraise=True,
        )

    @property
    def host(self) -> str:
        """The host that the config names, for messages."""
        return self._wire.trust.host

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        kind: CallKind | None = None,
        idempotent: bool | None = None,
        accept: Collection[int] = (),
        resolve: Resolver | None = None,
        expect: Expect = "json",
        handed: bool = False,
    ) -> Response:
        """Sends one call and gives back its answer; raises the error classes of :mod:`smarksync.errors`.

        The body is one of ``json``, ``form`` and ``content`` (bytes; name its type in ``headers``).
        ``path`` is below base_url; an absolute URL (and any path with ``handed``) is one that a server gave
        us and must pass the URL rules. ``kind`` is what it counts as (GET: read, others: write).
        ``idempotent`` (default: True for all but writes) allows to send again what may have been applied.
        ``accept`` lists error statuses that the caller reads itself (404, 422); ``resolve`` looks at every
        answer before the common rules do; ``expect`` "json?" also takes an empty body, "any" takes all.
        """
        method = method.upper()
        kind = kind or ("read" if method in SAFE else "write")
        repeatable = kind != "write" if idempotent is None else idempotent
        url = self._wire.trust.url(path, handed=handed)
        trace = Trace(method, url, kind, params, json, form, headers, content)
        latest.note(trace.name)
        try:
            return self._retrying(self._once, trace, repeatable, accept, resolve, expect)
        except _Failed as failed:
            raise self._final(failed.error, trace) from None

    def get(self, path: str, **how: Any) -> Response:
        """``request("GET", …)``."""
        return self.request("GET", path, **how)

    def wait(self, seconds: float) -> None:
        """Waits by the clock that this client was given: between two looks at a job that a vendor works on."""
        self._clock.sleep(seconds)

    def server_time(self) -> datetime | None:
        """The server's clock now, by the ``Date`` of its last answer (never ahead of it); None before the first."""
        return self._wire.server_time()

    def close(self) -> None:
        """Lets go of the connections; may be called twice."""
        self._wire.close()

    def _once(
        self, trace: Trace, repeatable: bool, accept: Collection[int], own: Resolver | None, expect: Expect
    ) -> Response:
        try:
            response = self._wire.exchange(trace)
        except httpx.InvalidURL:
            raise _Failed(
                self._error(Invalid, f"cannot be asked that: no valid URL ({trace.name})"), again=False
            ) from None
        except httpx.HTTPError as problem:
            lost = trace.under_way and not known_unsent(problem)
            trace.maybe_applied |= lost and trace.kind == "write"
            said, hint = sentence(problem, self._wire.proxy is not None, self._wire.timeout, self._wire.trust.setting)
            error = self._error(Transient, f"{said} ({trace.name})", hint)
            raise _Failed(error, again=repeatable or not lost) from None
        except SystemFailure as problem:  # from the token fetch, or a redirect that must not be followed
            problem.connection = problem.connection or self.connection
            wait = problem.retry_after if isinstance(problem, Throttled) else None
            raise _Failed(problem, again=isinstance(problem, Transient) or self._bearable(problem), wait=wait) from None
        verdict = resolve(response, own=own, accept=accept, expect=expect)
        if verdict.kind is Kind.OK:
            return response
        raise self._failed(verdict, response, trace, repeatable)

    def _failed(self, verdict: Verdict, response: Response, trace: Trace, repeatable: bool) -> _Failed:
        if verdict.applied is None and trace.kind == "write" and verdict.kind is not Kind.INVALID:
            trace.maybe_applied = True
        words = shorten(redact(verdict.words, secrets=self._known_secrets(), echoes=texts_in(response.sent))).rstrip(
            "."
        )
        said = f"{verdict.message or verdict.kind} ({trace.name})" + (f": {words}" if words else "")
        error = self._error(ERRORS[verdict.kind], said, verdict.hint)
        if isinstance(error, Throttled):
            error.retry_after = verdict.retry_after
            self.counts.throttled()
            if verdict.retry_after is not None:  # every thread on this account waits, not only the one that was told
                self._budget.pause(verdict.retry_after)
            return _Failed(error, again=self._bearable(error), wait=verdict.retry_after)
        passing = verdict.kind in (Kind.TRANSIENT, Kind.MALFORMED) and verdict.again
        return _Failed(error, again=passing and (repeatable or verdict.applied is False), wait=verdict.retry_after)

    def _final(self, error: SystemFailure, trace: Trace) -> SystemFailure:
        if not trace.maybe_applied or isinstance(error, Unknown):
            return error
        unknown = Unknown(f"{error.message} The write may have been applied.", hint="It is looked up before a resend.")
        unknown.connection = self.connection
        return unknown

    def _bearable(self, problem: SystemFailure) -> bool:
        return isinstance(problem, Throttled) and (problem.retry_after or 0.0) <= self._longest_wait

    def _wait(self, state: RetryCallState) -> float:
        problem = state.outcome.exception() if state.outcome else None
        if isinstance(problem, _Failed) and problem.wait is not None:
            return min(problem.wait, self._longest_wait)
        return self._backoff(state)

    def _say_retry(self, state: RetryCallState) -> None:
        problem = state.outcome.exception() if state.outcome else None
        trace: Trace = state.args[0]
        if self._log is not None and isinstance(problem, _Failed):
            self._log.warning(
                "http.retry",
                call=redact(trace.name, secrets=self._known_secrets()),
                code=problem.error.code,
                wait=round(state.upcoming_sleep, 1),
                attempt=state.attempt_number,
            )

    def _error(self, kind: type[SystemFailure], said: str, hint: str = "") -> SystemFailure:
        who = f"{self.connection}: " if self.connection else ""
        error = kind(who + redact(f"{self.host} {said}.", secrets=self._known_secrets()), hint=hint)
        error.connection = self.connection
        return error

    def _known_secrets(self) -> tuple[str, ...]:
        told: Callable[[], Collection[str]] | None = getattr(self._wire.auth, "secrets", None)
        return (*self._secrets, *(told() if told else ()))
