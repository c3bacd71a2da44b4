"""How requests are signed: ``httpx.Auth`` generators, safe for many threads.

::

    HeaderToken            a fixed token or API key in a header
    SignedToken            a token that we sign ourselves and renew before it runs out (JWT)
    TokenEndpoint          a token fetched from the vendor:
    ├── ClientCredentials  OAuth 2, RFC 6749 4.4
    ├── RefreshToken       OAuth 2, RFC 6749 6; a rotated token is saved before it is used
    └── JwtGrant           OAuth 2, RFC 7523 2.1

One thread fetches, the others wait for what it brings. A 401 (or what ``refuses`` takes for one) leads to one new token
and one more try; the second is handed back, and the client raises :class:`AuthFailed`.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from smarksync.errors import AuthFailed, SystemFailure, Throttled, Transient
from smarksync.plugin.session import Tokens
from smarksync.redact import redact, shorten

from .http import httpx
from .resolve import vendor_words
from .response import NotJson, Response

Flow = Generator[httpx.Request, httpx.Response, None]
Now = Callable[[], datetime]

#: A token counts as expired this long before it is, at most a tenth of its life: clocks and wires are slow.
_MARGIN = timedelta(seconds=60)
#: Life of a fetched token whose answer does not say.
_LIFE = timedelta(minutes=30)


class HeaderToken(httpx.Auth):
    """A fixed token: ``Authorization: Bearer …`` by default, or any header and prefix (``prefix=""``: a bare key)."""

    def __init__(self, token: str, *, header: str = "Authorization", prefix: str = "Bearer ") -> None:
        self._token = token
        self._header = header
        self._prefix = prefix

    def secrets(self) -> tuple[str, ...]:
        """What must not appear in messages."""
        return (self._token,)

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Signs the request."""
        request.headers[self._header] = self._prefix + self._token
        yield request


class Token(NamedTuple):
    """A token in use, from when to when."""

    text: str
    made: datetime
    until: datetime

    def fresh(self, now: datetime) -> bool:
        """True while it may be used."""
        return now < self.until - min(_MARGIN, (self.until - self.made) / 10)


class _Renewed(httpx.Auth):
    """What signed and fetched tokens share: keep one, renew it under a lock, once more on a 401."""

    requires_response_body = True
    header = "Authorization"
    prefix = "Bearer "

    def __init__(self, now: Now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._token: Token | None = None

    def secrets(self) -> tuple[str, ...]:
        """What must not appear in messages."""
        token = self._token
        return (token.text,) if token else ()

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Signs, sends, and on a 401 signs anew once."""
        token = yield from self._get(None)
        request.headers[self.header] = self.prefix + token.text
        response = yield request
        if self.refuses(Response(response.status_code, response.headers, response.content)):
            token = yield from self._get(token)
            request.headers[self.header] = self.prefix + token.text
            yield request

    def refuses(self, answer: Response) -> bool:
        """Whether the answer says that the token is no good: 401, unless a vendor says it otherwise."""
        return answer.status == 401

    def _get(self, refused: Token | None) -> Generator[httpx.Request, httpx.Response, Token]:
        """The token to use; a new one when there is none, it is old, or it is the one just refused."""
        with self._lock:
            token = self._token
            if token is None or token is refused or not token.fresh(self._now()):
                token = yield from self._renew()
                self._token = token
            return token

    def _renew(self) -> Generator[httpx.Request, httpx.Response, Token]:
        raise NotImplementedError


class SignedToken(_Renewed):
    """A token that we sign: ``sign(now, until)`` makes its text. Nothing is fetched."""

    def __init__(
        self,
        sign: Callable[[datetime, datetime], str],
        *,
        life: timedelta,
        now: Now,
        prefix: str = "Bearer ",
        secrets: tuple[str, ...] = (),
    ) -> None:
        super().__init__(now)
        self.prefix = prefix
        self._sign = sign
        self._life = life
        self._hidden = secrets

    def secrets(self) -> tuple[str, ...]:
        """What must not appear in messages."""
        return (*super().secrets(), *self._hidden)

    def _renew(self) -> Generator[httpx.Request, httpx.Response, Token]:
        made = self._now()
        until = made + self._life
        return Token(self._sign(made, until), made, until)
        yield  # a generator like its sisters, though it asks nobody


class TokenEndpoint(_Renewed):
    """A token fetched by a form post; subclasses say which grant."""

    def __init__(self, token_url: str, *, now: Now, client_id: str = "", client_secret: str = "") -> None:
        super().__init__(now)
        self._url = token_url
        self._id = client_id
        self._secret = client_secret

    def secrets(self) -> tuple[str, ...]:
        """What must not appear in messages."""
        return (*super().secrets(), *filter(None, (self._secret,)))

    def grant(self) -> Mapping[str, str]:
        """The form that asks for a token."""
        raise NotImplementedError

    def arrived(self, answer: Mapping[str, object]) -> None:
        """Called with the token answer before anything uses it."""

    def _renew(self) -> Generator[httpx.Request, httpx.Response, Token]:
        made = self._now()
        answer = yield self._request()
        body = self._read(answer)
        self.arrived(body)
        life = body.get("expires_in")
        seconds = float(life) if isinstance(life, (int, float, str)) and str(life).isdigit() else _LIFE.total_seconds()
        return Token(str(body["access_token"]), made, made + timedelta(seconds=seconds))

    def _request(self) -> httpx.Request:
        own = {"client_id": self._id, "client_secret": self._secret}
        form = {**self.grant(), **{name: value for name, value in own.items() if value}}
        return httpx.Request("POST", self._url, data=form, headers={"Accept": "application/json"})

    def _read(self, answer: httpx.Response) -> Mapping[str, object]:
        response = Response(answer.status_code, answer.headers, answer.content)
        host = answer.request.url.netloc.decode("ascii")
        if response.status == 429:
            raise Throttled(f"{host} asks us to slow down with new tokens (429).", retry_after=response.retry_after())
        if response.status >= 500:
            raise Transient(f"{host} answers {response.status} when asked for a token.")
        try:
            body = response.json
        except NotJson as problem:
            raise AuthFailed(f"{host} answers {response.status} with {problem} when asked for a token.") from None
        if response.status < 300 and isinstance(body, Mapping) and body.get("access_token"):
            return body
        words = shorten(redact(vendor_words(response), secrets=self.secrets()))
        raise self.refused(host, response, words)

    def refused(self, host: str, response: Response, words: str) -> SystemFailure:
        """The error for a refusal."""
        return AuthFailed(
            f"{host} gives no token ({response.status}){': ' + words if words else ''}.",
            hint="Check the credentials in the config.",
        )


class ClientCredentials(TokenEndpoint):
    """``client_id`` and ``client_secret`` for a token; ``extra`` holds what a vendor adds (scope, audience)."""

    def __init__(
        self, token_url: str, *, client_id: str, client_secret: str, now: Now, extra: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(token_url, now=now, client_id=client_id, client_secret=client_secret)
        self._extra = extra or {}

    def grant(self) -> Mapping[str, str]:
        """The form that asks for a token."""
        return {"grant_type": "client_credentials", **self._extra}


class RefreshToken(TokenEndpoint):
    """A refresh token for an access token.

    Vendors may rotate: the answer brings the next refresh token and the old one dies. It is therefore in
    ``tokens`` (which returns once it is on disk) before the access token is used. What is stored belongs to the
    token in the config: a new one there starts afresh.
    """

    def __init__(
        self,
        token_url: str,
        *,
        refresh_token: str,
        tokens: Tokens,
        now: Now,
        client_id: str = "",
        client_secret: str = "",
    ) -> None:
        super().__init__(token_url, now=now, client_id=client_id, client_secret=client_secret)
        self._first = refresh_token
        self._tokens = tokens
        self._name = "refresh:" + hashlib.sha256(refresh_token.encode()).hexdigest()[:16]
        self._used = refresh_token

    def secrets(self) -> tuple[str, ...]:
        """What must not appear in messages."""
        return (*super().secrets(), self._first, self._used)

    def grant(self) -> Mapping[str, str]:
        """The form that asks for a token."""
        self._used = self._tokens.get(self._name) or self._first
        return {"grant_type": "refresh_token", "refresh_token": self._used}

    def arrived(self, answer: Mapping[str, object]) -> None:
        """Saves a rotated refresh token; raises when it cannot be saved, and then the answer is not used."""
        rotated = answer.get("refresh_token")
        if isinstance(rotated, str) and rotated and rotated != self._used:
            self._tokens.set(self._name, rotated)

    def refused(self, host: str, response: Response, words: str) -> SystemFailure:
        """Another process may have rotated the token while we asked: then asking again uses the new one."""
        if (self._tokens.get(self._name) or self._first) != self._used:
            return Transient(f"{host} refused a refresh token that another run has replaced meanwhile.")
        return super().refused(host, response, words)


class JwtGrant(TokenEndpoint):
    """A signed assertion for a token: ``sign(now)`` makes the JWT."""

    def __init__(self, token_url: str, *, sign: Callable[[datetime], str], now: Now) -> None:
        super().__init__(token_url, now=now)
        self._sign = sign

    def grant(self) -> Mapping[str, str]:
        """The form that asks for a token."""
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": self._sign(self._now()),
        }
