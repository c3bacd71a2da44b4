"""A reverse proxy on loopback that counts calls, loses answers and holds requests back, for tests.

A test points a connector at ``proxy.url`` instead of the server's own address. What the server did is then
known from outside of our code: which writes arrived, and that one whose answer got lost was made all the same.
"""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple
from urllib.parse import urlsplit

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"})
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Seconds that a held request waits for its release at most.
_LONGEST_HOLD = 60


class Call(NamedTuple):
    """One request that reached the server; ``status`` 0 when it was dropped before."""

    method: str
    path: str
    status: int
    body: bytes


class Held:
    """A request that waits: ``arrived`` once it is here, on to the server (or back to the caller) on ``release()``."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self._released = threading.Event()

    def release(self) -> None:
        """Lets it go on."""
        self._released.set()

    def wait(self) -> None:
        """For the proxy: says that it is here and waits."""
        self.arrived.set()
        self._released.wait(_LONGEST_HOLD)


class Proxy:
    """Use as a context manager. Switches apply to the next matching request only, in the order they were set."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.calls: list[Call] = []
        self._rules: list[tuple[str, str, str, Held | None]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def writes(self) -> list[Call]:
        """The calls that were not mere reads."""
        return [call for call in self.calls if call.method not in _READS]

    def forget(self) -> None:
        """Begins to count anew."""
        self.calls.clear()

    def drop_answer(self, method: str, path: str = "") -> None:
        """The next such request reaches the server; its answer never comes back."""
        self._set("drop_answer", method, path, None)

    def drop_request(self, method: str, path: str = "") -> None:
        """The next such request is lost before the server."""
        self._set("drop_request", method, path, None)

    def hold_request(self, method: str, path: str = "") -> Held:
        """The next such request waits before it goes to the server."""
        return self._set("hold_request", method, path, Held())

    def hold_answer(self, method: str, path: str = "") -> Held:
        """The answer to the next such request waits, after the server did its work."""
        return self._set("hold_answer", method, path, Held())

    def _set(self, what: str, method: str, path: str, held: Held | None) -> Held:
        with self._lock:
            self._rules.append((what, method, path, held))
        return held or Held()

    def take(self, method: str, path: str) -> tuple[str, Held | None]:
        """For the handler: the switch for this request, used up by it."""
        with self._lock:
            for index, (what, wanted, part, held) in enumerate(self._rules):
                if wanted == method and part in path:
                    del self._rules[index]
                    return what, held
        return "", None


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    target = urlsplit(proxy.upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 120

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            what, held = proxy.take(self.command, self.path)
            if what == "drop_request":
                proxy.calls.append(Call(self.command, self.path, 0, body))
                self.close_connection = True
                return
            if what == "hold_request" and held:
                held.wait()
            upstream = http.client.HTTPConnection(target.hostname or "", target.port, timeout=120)
            try:
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
                headers["Host"] = target.netloc
                upstream.request(self.command, self.path, body or None, headers)
                answer = upstream.getresponse()
                content = answer.read()
            finally:
                upstream.close()
            proxy.calls.append(Call(self.command, self.path, answer.status, body))
            if what == "drop_answer":
                self.close_connection = True
                return
            if what == "hold_answer" and held:
                held.wait()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _forward

    return Handler
