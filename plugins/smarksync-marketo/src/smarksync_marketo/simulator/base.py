"""The envelope, tokens and limits of the simulated Marketo. Facts: docs (rest/authentication, rest/error-codes)."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from smarksync.simulator import Answer, BadBody, Query, Refused, Request, Simulator, Window, route

from .quirks import Quirks
from .world import API_USER, World

#: codes that cost no quota (starred in rest/error-codes)
_FREE = frozenset({"600", "601", "602", "604", "605", "608", "611"})
_CST = timezone(timedelta(hours=-6))
CLIENT_ID = "e7f1c2d4-simulated-client"
CLIENT_SECRET = "simulated-client-secret"  # of a server on loopback that holds nobody's data


class Base(Simulator):
    """What every endpoint shares."""

    vendor: ClassVar[str] = "marketo"

    def __init__(
        self,
        *,
        seed: int = 1,
        people: int = 200,
        now: Callable[[], datetime] | None = None,
        latency: float = 0.0,
        limits: bool = True,
        port: int = 0,
        quirks: Quirks | None = None,
    ) -> None:
        super().__init__(seed=seed, people=people, now=now, latency=latency, limits=limits, port=port)
        self.quirks = quirks or Quirks()
        self.world = World(self.now, self.quirks)
        self.world.seed(seed, people)
        self.tokens: dict[str, datetime] = {}
        self._window = Window(self.quirks.rate, 20.0)
        self._day: tuple[str, int] = ("", 0)
        self._requests = 0
        self._flying = 0
        self._keys_flying: dict[str, int] = {}
        self._flight = threading.Lock()
        self._twins: set[str] = set()

    @property
    def settings(self) -> Mapping[str, Any]:
        """The connector's settings for this server."""
        return {"base_url": self.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of configs/marketo-salesforce.yaml."""
        return {"MARKETO_URL": self.url, "MARKETO_CLIENT_ID": CLIENT_ID, "MARKETO_CLIENT_SECRET": CLIENT_SECRET}

    # ---- the envelope

    def good(self, result: Sequence[Any] | None = None, **more: Any) -> Answer:
        """Success."""
        body: dict[str, Any] = {"requestId": self._request_id()}
        if result is not None:
            body["result"] = list(result)
        return Answer(200, {**body, "success": True, **more})

    def fail(self, code: str, message: str) -> Answer:
        """Failure: HTTP 200 all the same."""
        if code not in _FREE:
            self._count()
        body = {"requestId": self._request_id(), "success": False, "errors": [{"code": code, "message": message}]}
        return Answer(200, body)

    def refuse(self, code: str, message: str) -> Refused:
        """Failure, to raise."""
        return Refused(self.fail(code, message))

    def not_found(self, request: Request) -> Answer:
        """610, also for addresses that do not exist."""
        return self.fail("610", "Requested resource not found")

    def wrong_method(self, request: Request, allowed: Sequence[str]) -> Answer:
        """605."""
        return self.fail("605", "HTTP Method not supported")

    def bad_body(self, request: Request, said: str) -> Answer:
        """609 for JSON that is none, 612 for another content type."""
        if "content type" in said:
            return self.fail("612", "Invalid Content Type")
        return self.fail("609", "Invalid JSON")

    def unknown_query(self, request: Request, names: Sequence[str]) -> Answer:
        """Stricter than the real one, which ignores them."""
        return self.fail("1003", f"Invalid parameter '{names[0]}'")

    def broken(self, request: Request) -> Answer:
        """611: an exception nobody expected."""
        return self.fail("611", "System error")

    # ---- one call

    def handle(self, request: Request) -> tuple[Answer, bool]:
        """Counts what is under way before the lock is taken: limits and twins are about that."""
        keys = self._upserted(request)
        with self._flight:
            self._flying += 1
            crowd = self._flying
            twins = {key for key in keys if self._keys_flying.get(key)}
            for key in keys:
                self._keys_flying[key] = self._keys_flying.get(key, 0) + 1
        try:
            if self.limits and crowd > self.quirks.at_once and not request.path.startswith("/identity"):
                return self.fail("615", "Concurrent access limit reached"), False
            self._twins |= twins
            return super().handle(self._rewritten(request))
        finally:
            with self._flight:
                self._flying -= 1
                for key in keys:
                    self._keys_flying[key] -= 1

    def before(self, request: Request) -> Answer | None:
        """Sizes, token, limits."""
        if request.path.startswith("/identity/"):
            return None
        inside = isinstance(request.query, _Long)
        asked = len(request.raw) + (0 if inside else len(urlencode(request.query.items)))
        if asked > self.quirks.longest_url:
            return Answer(414, "<html><body>414 Request-URI Too Large</body></html>")
        if len(request.body) > self.quirks.largest_body:
            return Answer(413, "<html><body>413 Request Entity Too Large</body></html>")
        refused = self._token_refused(request)
        if refused is not None:
            return refused
        if self.limits and not self._window.take(self.now()):
            return self.fail("606", f"Max rate limit '{self.quirks.rate}' exceeded with in '20' secs")
        if self.limits and self.used_today() >= self.quirks.daily:
            return self.fail("607", f"Daily API request limit '{self.quirks.daily}' reached")
        return None

    def after(self, request: Request, answer: Answer) -> Answer:
        """Successful calls count; no header tells of limits."""
        if isinstance(answer.body, dict) and answer.body.get("success") is True:
            self._count()
        return replace(answer, headers={"Server": "nginx", **answer.headers})

    def used_today(self) -> int:
        """Calls of the day, which begins at midnight CST."""
        return self._day[1] if self._day[0] == self._today() else 0

    def use_up(self, calls: int) -> None:
        """Other integrations used that many calls today."""
        self._day = (self._today(), calls)

    @route("GET", "/identity/oauth/token", query=("grant_type", "client_id", "client_secret"))
    @route("POST", "/identity/oauth/token", query=("grant_type", "client_id", "client_secret"), write=False)
    def token(self, request: Request) -> Answer:
        """A token; the one there is, while it lives."""
        told = dict(request.query.items)
        if request.body:
            told.update(request.form())
        if told.get("grant_type") != "client_credentials":
            said = "Unsupported grant type"
            return Answer(400, {"error": "unsupported_grant_type", "error_description": said})
        if (told.get("client_id"), told.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return Answer(401, {"error": "unauthorized", "error_description": "Bad client credentials"})
        now = self.now()
        alive = [(text, end) for text, end in self.tokens.items() if end > now]
        if not alive or not self.quirks.same_token:
            self._requests += 1
            text = f"{self._requests:08x}-110d-4155-99a7-f986b2ff13a0:int"
            alive = [(text, now + timedelta(seconds=self.quirks.token_seconds))]
            self.tokens[text] = alive[0][1]
        text, end = alive[-1]
        left = int((end - now).total_seconds())
        return Answer(200, {"access_token": text, "token_type": "bearer", "expires_in": left, "scope": API_USER})

    def _token_refused(self, request: Request) -> Answer | None:
        text = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not text and "access_token" in request.query:
            if self.quirks.header_only:
                return self.fail("601", "Access token invalid")
            text = request.query.get("access_token")
        if not text:
            return self.fail("600", "Empty access token")
        if text not in self.tokens:
            return self.fail("601", "Access token invalid")
        return self.fail("602", "Access token expired") if self.tokens[text] <= self.now() else None

    def expire_tokens(self) -> None:
        """Every token is over."""
        self.tokens = dict.fromkeys(self.tokens, self.now())

    # ---- what endpoints share

    def members(self, request: Request, known: Sequence[str]) -> dict[str, Any]:
        """The body, an object of known members."""
        body = request.json()
        if not isinstance(body, dict):
            raise BadBody("no object")
        strange = [name for name in body if name not in known]
        if strange:
            raise self.refuse("1003", f"Invalid parameter '{strange[0]}'")
        return body

    def rows(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """``input``: 1 to 300 objects."""
        rows = body.get("input")
        if not isinstance(rows, list) or not rows:
            raise self.refuse("1002", "Missing value for required parameter 'input'")
        if len(rows) > 300:
            raise self.refuse("1003", "Maximum number of records allowed is 300")
        if not all(isinstance(row, dict) for row in rows):
            raise self.refuse("1003", "Invalid value for parameter 'input'")
        return rows

    def batch_size(self, query: Query) -> int:
        """``batchSize``: 1 to 300."""
        text = query.get("batchSize", "300")
        if not text.isdigit() or not 1 <= int(text) <= 300:
            raise self.refuse("1003", f"Invalid value for parameter 'batchSize': {text}")
        return int(text)

    def page(self, rows: Sequence[Any], query: Query) -> tuple[list[Any], dict[str, Any]]:
        """A page of a list by opaque token."""
        size = self.batch_size(query)
        start = 0
        if query.get("nextPageToken"):
            start = int(self.opened(query.get("nextPageToken"), "list"))
        more = start + size < len(rows)
        told: dict[str, Any] = (
            {"nextPageToken": self.sealed("list", str(start + size)), "moreResult": True} if more else {}
        )
        return list(rows[start : start + size]), told

    def sealed(self, kind: str, text: str) -> str:
        """A token for callers: opaque, and in need of URL encoding."""
        return base64.b32encode(f"{kind}|{text}".encode()).decode()

    def opened(self, token: str, kind: str) -> str:
        """What a token says; one that is not ours is refused."""
        try:
            told, _, text = base64.b32decode(token).decode().partition("|")
        except ValueError:
            told, text = "", ""
        if told != kind:
            raise self.refuse("1003", "Invalid nextPageToken")
        return text

    def _rewritten(self, request: Request) -> Request:
        """``_method`` in query or form says what a POST really is."""
        if request.method != "POST":
            return request
        kind = request.headers.get("content-type", "").partition(";")[0]
        form = (
            parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
            if kind.endswith("urlencoded")
            else []
        )
        method = request.query.get("_method") or dict(form).get("_method", "")
        if not method:
            return request
        query = Query()
        query.items = [pair for pair in request.query.items + form if pair[0] != "_method"]
        if method == "GET":
            # the address is as short as it was sent; what it says stands in the body
            return replace(request, method="GET", query=_Long(query.items), body=b"")
        return replace(request, method=method, query=query)

    def _upserted(self, request: Request) -> set[str]:
        if request.method != "POST" or request.path != "/rest/v1/leads.json" or not self.quirks.concurrent_duplicates:
            return set()
        try:
            body = request.json()
            if body.get("action", "createOrUpdate") != "createOrUpdate":
                return set()
            key = body.get("lookupField", "email")
            return {f"{key}={str(row.get(key)).lower()}" for row in body["input"]}
        except (BadBody, AttributeError, KeyError, TypeError):
            return set()

    def _count(self) -> None:
        self._day = (self._today(), self.used_today() + 1)

    def _today(self) -> str:
        return f"{self.now().astimezone(_CST):%Y-%m-%d}"

    def _request_id(self) -> str:
        self._requests += 1
        return f"{self._requests:x}#{int(self.now().timestamp()) & 0xFFFFFFFFFF:x}"


class _Long(Query):
    """A query that came in the body: it is not part of the address."""

    def __init__(self, items: list[tuple[str, str]]) -> None:
        super().__init__()
        self.items = items


def stamp(at: datetime) -> str:
    """A time as the lead database shows it: whole seconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def asset_stamp(at: datetime) -> str:
    """A time as the asset API shows it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ+0000")
