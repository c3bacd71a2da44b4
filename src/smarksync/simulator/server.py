"""The server: routes, the order of a call, and a loopback port that can go away and come back."""

from __future__ import annotations

import re
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple, Self, TypeVar
from urllib.parse import unquote

from . import hands
from .faults import Faults
from .http import Answer, BadBody, Query, Refused, Request

Handler = TypeVar("Handler", bound=Callable[..., Answer])


class Call(NamedTuple):
    """One request that arrived: the path decoded, the query as sent, the status answered (0 = none was)."""

    method: str
    path: str
    query: str
    status: int
    write: bool


class _Route(NamedTuple):
    method: str
    pattern: re.Pattern[str]
    query: frozenset[str] | None
    write: bool
    name: str


def route(
    method: str, path: str, *, query: Sequence[str] | None = None, write: bool | None = None
) -> Callable[[Handler], Handler]:
    """Marks a method as the handler of a path; several may stand over one.

    ``query``: the parameters that may be given, None = any. ``write``: does it count as a write (default: every
    method but GET and HEAD).
    """
    parts = re.split(r"\{(\w+)(:path)?\}", path)
    text = "".join(
        re.escape(parts[at])
        + (f"(?P<{parts[at + 1]}>{'.+' if parts[at + 2] else '[^/]+'})" if at + 1 < len(parts) else "")
        for at in range(0, len(parts), 3)
    )
    entry = (method, re.compile(text), None if query is None else frozenset(query), write)

    def mark(handler: Handler) -> Handler:
        vars(handler).setdefault("_routes", []).append(entry)
        return handler

    return mark


class Simulator:
    """One vendor's API. ``people`` says how many of the shared population it may draw on; ``now`` is its clock."""

    vendor: ClassVar[str] = ""

    def __init__(
        self,
        *,
        seed: int = 1,
        people: int = 200,
        now: Callable[[], datetime] | None = None,
        latency: float = 0.0,
        limits: bool = True,
        port: int = 0,
    ) -> None:
        self.seed = seed
        self.size = people
        self.limits = limits
        self.faults = Faults(latency=latency)
        self.calls: list[Call] = []
        self.problems: list[str] = []
        self.lock = threading.RLock()
        self.by_hand = False  # answer what people do by HTTP, too: an address that no vendor has
        self._clock = now or (lambda: datetime.now(UTC))
        self._ahead = timedelta(0)
        self._port = port
        self._server: _Server | None = None
        self._routes = [
            _Route(method, pattern, query, method not in ("GET", "HEAD") if write is None else write, name)
            for name in dir(type(self))
            for method, pattern, query, write in getattr(getattr(type(self), name), "_routes", ())
        ]

    # ---- what a vendor defines

    @property
    def settings(self) -> Mapping[str, Any]:
        """The connector's settings for this server."""
        raise NotImplementedError

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that the example configs name, for this server."""
        raise NotImplementedError

    @property
    def hands(self) -> Any:
        """What people do there: each public method takes texts by name and gives a sentence (``hands.py``)."""
        return None

    def before(self, request: Request) -> Answer | None:
        """Credentials and limits: an answer here ends the call."""
        return None

    def after(self, request: Request, answer: Answer) -> Answer:
        """Headers that every answer carries."""
        return answer

    def not_found(self, request: Request) -> Answer:
        """Nothing is at that path."""
        return Answer(404, {"error": "not found"})

    def wrong_method(self, request: Request, allowed: Sequence[str]) -> Answer:
        """The path takes other methods."""
        return Answer(405, {"error": "method not allowed"}, {"Allow": ", ".join(allowed)})

    def bad_body(self, request: Request, said: str) -> Answer:
        """The body cannot be read."""
        return Answer(400, {"error": said})

    def unknown_query(self, request: Request, names: Sequence[str]) -> Answer:
        """The query names parameters that the path does not take."""
        return Answer(400, {"error": f"unknown parameters: {', '.join(names)}"})

    def broken(self, request: Request) -> Answer:
        """A bug of the simulator itself, also kept in ``problems``."""
        return Answer(500, {"error": "the simulator broke"})

    # ---- its life

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``; known once it was started."""
        if not self._port:
            raise RuntimeError("the simulator was not started yet")
        return f"http://127.0.0.1:{self._port}"

    def now(self) -> datetime:
        """The server's time, aware UTC."""
        return self._clock() + self._ahead

    def elapse(self, seconds: float) -> None:
        """Moves the server's clock forward."""
        self._ahead += timedelta(seconds=seconds)

    def start(self) -> Self:
        """Listens, at the same port as before when it was stopped."""
        if self._server is None:
            self._server = _Server(self._port, self)
            self._port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True, name=self.vendor).start()
        return self

    def stop(self) -> None:
        """Closes every connection and the port; may be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.hang_up()
            server.server_close()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Refuses connections for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def count(self, *, write: bool | None = None, path: str = "") -> int:
        """How many calls arrived: all, the writes or the others; ``path`` must be part of theirs."""
        return sum(1 for call in self.calls if (write is None or call.write == write) and path in call.path)

    # ---- one call

    def handle(self, request: Request) -> tuple[Answer, bool]:
        """The answer to a request, and whether it counts as a write."""
        fitting, allowed = self._fitting(request)
        write = fitting[0].write if fitting else request.method not in ("GET", "HEAD")
        with self.lock:
            try:
                answer = self.before(request) or self._answer(request, fitting, allowed)
            except Refused as refused:
                answer = refused.answer
            except BadBody as problem:
                answer = self.bad_body(request, str(problem))
            except Exception:
                self.problems.append(traceback.format_exc())
                answer = self.broken(request)
            return self.after(request, answer), write

    def within(self, request: Request) -> Answer:
        """The answer to a request that came inside another one: credentials and limits were that one's."""
        try:
            return self._answer(request, *self._fitting(request))
        except Refused as refused:
            return refused.answer

    def _fitting(self, request: Request) -> tuple[tuple[_Route, re.Match[str]] | None, Sequence[str]]:
        """The route of a request, the most literal one first, and the methods that its path takes."""
        found = [(r, m) for r in self._routes if (m := r.pattern.fullmatch(request.raw))]
        found.sort(key=lambda one: len(one[1].groupdict()))
        return next(((r, m) for r, m in found if r.method == request.method), None), sorted(
            {r.method for r, _ in found}
        )

    def _answer(self, request: Request, fitting: tuple[_Route, re.Match[str]] | None, allowed: Sequence[str]) -> Answer:
        if fitting is None:
            return self.wrong_method(request, allowed) if allowed else self.not_found(request)
        entry, match = fitting
        strange = [name for name in request.query if entry.query is not None and name not in entry.query]
        if strange:
            return self.unknown_query(request, strange)
        params = {name: unquote(text) for name, text in match.groupdict().items()}  # only now: %2F is no border
        answer: Answer = getattr(self, entry.name)(replace(request, params=params))
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, simulator: Simulator) -> None:
        self.simulator = simulator
        self._open: set[Any] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is no news."""

    def hang_up(self) -> None:
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it is closed already


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "SmarkSyncSimulator"
    sys_version = ""
    disable_nagle_algorithm = True  # else small answers wait 40 ms for the caller's delayed ACK
    wbufsize = -1
    server: _Server

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(self.server.simulator.now().astimezone(UTC), usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing on stderr."""

    def _serve(self) -> None:
        simulator = self.server.simulator
        raw, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, unquote(raw), Query(query), headers, self._body(), raw)
        if simulator.by_hand and request.path.startswith(hands.PATH):
            self._send(hands.perform(simulator.hands, simulator.lock, request), cut=False)
            return
        if simulator.faults.latency:
            time.sleep(simulator.faults.latency)
        fault = simulator.faults.take(request)
        if fault is not None and fault.what in ("answer", "drop"):
            reply = fault.reply if fault.what == "answer" else None
            write = request.method not in ("GET", "HEAD")
        else:
            reply, write = simulator.handle(request)
            if fault is not None:
                reply = None if fault.what == "drop_after" else fault.reply or reply
        if fault is not None and fault.then is not None:
            fault.then()
        simulator.calls.append(Call(request.method, request.path, query, reply.status if reply else 0, write))
        if reply is None:
            self.close_connection = True
            return
        self._send(reply, cut=fault is not None and fault.what == "cut")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, answer: Answer, *, cut: bool) -> None:
        body, kind = answer.encoded()
        body = body[: len(body) // 2] if cut else body
        self.send_response(answer.status)
        headers = {"Content-Type": kind, **answer.headers} if kind else answer.headers
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and answer.status not in (204, 304):
            self.wfile.write(body)
        self.wfile.flush()
