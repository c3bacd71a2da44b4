"""The in-memory system behind HTTP: with an access token that expires and a refresh token that rotates.

Every call of its connector is a request that the server answers, and a write is done while it is answered. So all
that happens to real connectors on the wire happens to this one: answers get lost, credentials run out, limits are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from pydantic import Field, SecretStr

from smarksync.kit.auth import RefreshToken
from smarksync.kit.batch import failed
from smarksync.kit.http import httpx
from smarksync.kit.settings import HttpSettings
from smarksync.plugin import ConnectorSpec, Receipt, Session, StreamSpec, SystemFailure, Write
from smarksync.testing import Call, MemoryConnector, MemorySystem

FIRST_TOKEN = "refresh-token-of-the-config"


class WebSettings(HttpSettings):
    """The address, a refresh token, and which system."""

    refresh_token: SecretStr = Field(description="Where it begins.")
    system: str


class Server(httpx.BaseTransport):
    """Stands where the network stands. ``work`` holds what the requests under way are to do."""

    def __init__(self, system: MemorySystem) -> None:
        self.system = system
        self.refresh = FIRST_TOKEN
        self.made = 0
        self.work: dict[str, Callable[[], Any]] = {}
        self.done: dict[str, Any] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request, answered at once."""
        if request.url.path == "/token":
            return self._token({name: values[0] for name, values in parse_qs(request.content.decode()).items()})
        if request.headers.get("authorization") != f"Bearer access-token-{self.made}":
            return httpx.Response(401, json={"message": "Who are you?"})
        number = request.url.path.rsplit("/", 1)[1]
        if number in self.work:
            self.done[number] = self.work[number]()
        return httpx.Response(200, json={"done": number})

    def _token(self, form: Mapping[str, str]) -> httpx.Response:
        if form.get("refresh_token") != self.refresh:
            return httpx.Response(400, json={"error": "invalid_grant"})
        self.made += 1
        self.refresh = f"rotated-token-{self.made}"
        return httpx.Response(
            200, json={"access_token": f"access-token-{self.made}", "refresh_token": self.refresh, "expires_in": 3600}
        )


#: the servers that configs can name
SERVERS: dict[str, Server] = {}


class WebMemory(MemoryConnector):
    """The in-memory connector, each call of it over HTTP."""

    def __init__(self, settings: WebSettings, session: Session) -> None:
        self.server = SERVERS[settings.system]
        super().__init__(self.server.system)
        self.settings = settings
        self.log = session.log
        self.http = settings.connect(session, auth=self.auth(settings, session))
        self._sent = 0

    def auth(self, settings: WebSettings, session: Session) -> httpx.Auth:
        """How calls are signed."""
        return RefreshToken(
            f"{settings.base_url}/token",
            refresh_token=settings.refresh_token.get_secret_value(),
            tokens=session.tokens,
            now=session.now,
        )

    def close(self) -> None:
        """Lets go of the connections."""
        self.http.close()

    def _call(self, kind: str, stream: str = "", **how: Any) -> Call:
        if kind != "write":
            self.ask(kind)
        return super()._call(kind, stream, **how)

    def ask(self, kind: str) -> None:
        """A call that changes nothing."""
        assert "done" in self.http.request("GET", f"/{kind}/0").json

    def _commit(self, call: Call, part: Sequence[Write]) -> list[Receipt]:
        try:
            return self.send(lambda: super(WebMemory, self)._commit(call, part), part)
        except SystemFailure as failure:
            return [failed(write, failure) for write in part]

    def send(self, work: Callable[[], list[Receipt]], part: Sequence[Write]) -> list[Receipt]:
        """A call that writes; what is keyed may be sent again."""
        self._sent += 1
        number = f"{id(self)}-{self._sent}"
        self.server.work[number] = work
        self.http.request("POST", f"/write/{number}", json={"rows": [dict(w.fields) for w in part]}, kind="write")
        receipts: list[Receipt] = self.server.done.pop(number)
        return receipts


def discover(settings: WebSettings) -> tuple[StreamSpec, ...]:
    """The streams of the system that the settings name."""
    return tuple(stream.spec for stream in SERVERS[settings.system].system.streams.values())


PRESET = """
streams:
  leads:
    entity: lead
    fields: {email: email, last_name: name, company: company, city: city, external_id: smark_id, email_opt_out: no_mail}
"""
WEB = ConnectorSpec(
    name="web-memory", streams=(), settings=WebSettings, open=WebMemory, discover=discover, preset=PRESET
)


def serving(system: MemorySystem) -> Iterator[Server]:
    """Makes a system known by its name for a while."""
    server = SERVERS[system.name] = Server(system)
    try:
        yield server
    finally:
        del SERVERS[system.name]
