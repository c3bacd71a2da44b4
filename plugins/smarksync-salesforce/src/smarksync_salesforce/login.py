"""Logging in: three grants, one token for all threads, a new one when the org calls it expired.

A token answer has no ``expires_in``; a session lasts as long as the org's policy says, so that only 401
``INVALID_SESSION_ID`` tells (vendors/crm.md 1.2). Where the org is, the answer tells, too (``instance_url``).
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from smarksync.kit.auth import ClientCredentials, JwtGrant, RefreshToken, TokenEndpoint
from smarksync.kit.client import Client
from smarksync.kit.http import httpx
from smarksync.kit.resolve import Kind, Verdict, vendor_words
from smarksync.kit.response import Response
from smarksync.kit.urls import Trust
from smarksync.plugin import AuthFailed, Malformed, Session, Transient

from .settings import SalesforceSettings

TOKEN_PATH = "/services/oauth2/token"
#: life of an assertion; more than five minutes are refused (vendors/crm.md 1.2)
_ASSERTION = timedelta(minutes=3)


class Grant(NamedTuple):
    """What a login brought: the token, where the org is, and who we are there."""

    token: str
    instance_url: str
    user_id: str
    org_id: str


class Login(httpx.Auth):
    """Signs requests; logs in when needed, and once more when a session has expired."""

    requires_response_body = True

    def __init__(self, settings: SalesforceSettings, session: Session) -> None:
        self._settings = settings
        self._endpoint = _endpoint(settings, session)
        self.http: Client = settings.connect(session, base_url=settings.login_url, setting="login_url")
        self._lock = threading.Lock()
        self._grant: Grant | None = None

    def secrets(self) -> tuple[str, ...]:
        """What must not appear in messages."""
        found = (self._settings.client_secret, self._settings.refresh_token, self._settings.private_key)
        kept = tuple(secret.get_secret_value() for secret in found if secret is not None)
        return (*kept, *self._endpoint.secrets(), *((self._grant.token,) if self._grant else ()))

    def grant(self, refused: Grant | None = None) -> Grant:
        """The login in use; a new one when there is none, or when it is the one just refused."""
        with self._lock:
            if self._grant is None or self._grant is refused:
                self._grant = self._ask()
            return self._grant

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Signs, sends, and on a 401 logs in anew once."""
        grant = self.grant()
        request.headers["Authorization"] = f"Bearer {grant.token}"
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = f"Bearer {self.grant(refused=grant).token}"
            yield request

    def _ask(self) -> Grant:
        try:
            return self._log_in()
        except Transient:
            if self._settings.refresh_token is None:
                raise
            return self._log_in()  # another run may have put a newer refresh token in the place of ours

    def _log_in(self) -> Grant:
        settings, secret = self._settings, self._settings.client_secret
        form = {**self._endpoint.grant()}
        if settings.private_key is None:
            form["client_id"] = settings.client_id
            form |= {"client_secret": secret.get_secret_value()} if secret is not None else {}
        answer = self.http.request("POST", TOKEN_PATH, form=form, kind="auth", resolve=self._verdict)
        body = answer.json
        if not isinstance(body, Mapping) or not body.get("access_token"):
            raise Malformed(f"{self.http.host} answers a login without a token.", hint="Check login_url.")
        self._endpoint.arrived(body)  # a rotated refresh token is safe before the session is used
        return Grant(str(body["access_token"]), self._instance(body), *_identity(body))

    def _instance(self, body: Mapping[str, Any]) -> str:
        told = str(body.get("instance_url") or "")
        if self._settings.base_url:
            return self._settings.base_url
        if not told:
            raise Malformed(f"{self.http.host} does not tell where the org is.", hint="Set base_url.")
        trust = Trust(self._settings.login_url, hosts=self._settings.hosts, allow_http=self._settings.allow_http)
        return trust.url(told, handed=True)

    def _verdict(self, response: Response) -> Verdict | None:
        if response.status != 400:
            return None
        words = vendor_words(response)
        if not isinstance(self._endpoint.refused(self.http.host, response, words), AuthFailed):
            return Verdict(
                Kind.TRANSIENT, "refused a refresh token that another run has replaced", applied=False, again=False
            )
        return Verdict(Kind.AUTH, "gives no token (400)", words, "Check the credentials in the config.", False)


def _identity(body: Mapping[str, Any]) -> tuple[str, str]:
    """User and org id, from ``https://…/id/<org>/<user>``."""
    parts = urlsplit(str(body.get("id") or "")).path.strip("/").split("/")
    return (parts[2], parts[1]) if len(parts) == 3 and parts[0] == "id" else ("", "")


def _endpoint(settings: SalesforceSettings, session: Session) -> TokenEndpoint:
    url = settings.login_url + TOKEN_PATH
    if settings.private_key is not None:
        return JwtGrant(url, sign=_signer(settings), now=session.now)
    if settings.refresh_token is not None:
        token = settings.refresh_token.get_secret_value()
        return RefreshToken(url, refresh_token=token, tokens=session.tokens, now=session.now)
    return ClientCredentials(url, client_id="", client_secret="", now=session.now)


def _signer(settings: SalesforceSettings) -> Any:
    """A function from a time to a signed assertion."""
    import jwt

    assert settings.private_key is not None
    key = settings.private_key.get_secret_value()
    host = urlsplit(settings.login_url).hostname or ""
    usual = (
        "https://test.salesforce.com"
        if host.startswith("test.") or ".sandbox." in host
        else "https://login.salesforce.com"
    )

    def sign(now: datetime) -> str:
        claims = {
            "iss": settings.client_id,
            "sub": settings.username,
            "aud": settings.audience or usual,
            "exp": int((now + _ASSERTION).timestamp()),
        }
        try:
            return jwt.encode(claims, key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise AuthFailed("private_key is no RSA key in PEM form.", hint="Give the text of the file.") from None

    return sign
