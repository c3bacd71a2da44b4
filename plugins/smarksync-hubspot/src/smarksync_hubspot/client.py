"""Calls to HubSpot: credentials, paths of both API styles, its errors read, its limits kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from smarksync.kit.auth import HeaderToken, RefreshToken
from smarksync.kit.client import Client
from smarksync.kit.counts import Kind as CallKind
from smarksync.kit.resolve import Expect, Kind, Verdict, vendor_words
from smarksync.kit.response import Answered, NotJson, Response
from smarksync.plugin import Malformed, Session

from .settings import HubSpotSettings

Json = Mapping[str, Any]
Params = Mapping[str, Any] | Sequence[tuple[str, Any]]

#: family → (its place with numbers, its place with dates); one setting chooses (crm.md 2.1, marketing.md 4.1)
_PLACES = {
    "objects": ("/crm/v3/objects", "/crm/objects/{}"),
    "properties": ("/crm/v3/properties", "/crm/properties/{}"),
    "pipelines": ("/crm/v3/pipelines", "/crm/pipelines/{}"),
    "associations": ("/crm/v4/associations", "/crm/associations/{}"),
    "owners": ("/crm/v3/owners", "/crm/owners/{}"),
    "lists": ("/crm/v3/lists", "/crm/lists/{}"),
    "account": ("/account-info/v3/details", "/account-info/{}/details"),
    "consent": ("/communication-preferences/v4", "/communication-preferences/{}"),
}
#: how long to stay away after each limit, in seconds: HubSpot sends API clients no Retry-After (crm.md 2.8)
_SECONDLY, _TEN_SECONDLY, _LOCKED = 1.0, 10.0, 2.0


class Api:
    """One opened HubSpot account. Opens no connection before the first call."""

    def __init__(self, settings: HubSpotSettings, session: Session) -> None:
        auth = _auth(settings, session)
        self.settings = settings
        self.http: Client = settings.connect(session, auth=auth)
        #: search has a limit of its own for the whole account (crm.md 2.5)
        slower = settings.model_copy(update={"rate_limit": settings.search_rate_limit})
        self._search: Client = slower.connect(session, auth=auth)
        self.log = session.log
        self._now = session.now
        #: the portal's offset from UTC, once the account was asked: its day ends there (crm.md 2.8)
        self._offset: timedelta | None = None

    def close(self) -> None:
        """Lets go of the connections; may be called twice."""
        self.http.close()
        self._search.close()

    def at(self, family: str, rest: str = "") -> str:
        """The path of a call, in the style that the settings name."""
        numbered, dated = _PLACES[family]
        version = self.settings.api_version
        return (numbered if version == "v3" else dated.format(version)) + rest

    def get(self, path: str, params: Params | None = None, *, kind: CallKind = "read") -> Json:
        """The object at a path that must be there."""
        return self._object(self.call("GET", path, params=params, kind=kind))

    def post(
        self, path: str, body: Any, *, kind: CallKind = "reread", params: Params | None = None, search: bool = False
    ) -> Json:
        """The answer to a post that changes nothing (search, batch read)."""
        return self._object(self.call("POST", path, json=body, params=params, kind=kind, search=search))

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        kind: CallKind = "read",
        idempotent: bool | None = None,
        accept: Collection[int] = (),
        search: bool = False,
        expect: Expect = "json",
    ) -> Response:
        """One call; statuses in ``accept`` come back to be read by the caller, web pages (404) among them."""

        def own(response: Response) -> Verdict | None:
            if response.status in accept:
                return Verdict(Kind.OK)
            return self._verdict(response)

        client = self._search if search else self.http
        response = client.request(
            method, path, params=params, json=json, kind=kind, idempotent=idempotent, resolve=own, expect=expect
        )
        left = response.headers.get("x-hubspot-ratelimit-daily-remaining", "")
        if left.isdigit():
            client.counts.budget_left = int(left)
        return response

    def account(self) -> Json:
        """Which account this is: portalId, accountType, timeZone, companyCurrency …"""
        found = self.get(self.at("account"), kind="schema")
        shift = found.get("utcOffsetMilliseconds")
        if isinstance(shift, int):
            self._offset = timedelta(milliseconds=shift)
        return found

    def _object(self, response: Response) -> Json:
        if not isinstance(response.json, Mapping):
            raise Malformed(f"{self.http.host} answers with something that is no object.", hint="Check base_url.")
        return _answered(response)

    def _verdict(self, response: Response) -> Verdict | None:
        status, body = response.status, body_of(response)
        words = vendor_words(response)
        if status == 429:
            return Verdict(
                Kind.THROTTLED,
                "asks us to slow down (429)",
                words,
                applied=False,
                retry_after=self._wait(response, body),
            )
        if status == 423:
            return Verdict(Kind.TRANSIENT, "has a record locked (423)", words, applied=False, retry_after=_LOCKED)
        if status == 477:
            wait = response.retry_after()
            hint = "HubSpot moves the account to another data centre; that takes hours."
            return Verdict(
                Kind.THROTTLED,
                "is closed while the account moves (477)",
                words,
                hint,
                False,
                3600.0 if wait is None else wait,
            )
        if status == 403 and body.get("category") == "MISSING_SCOPES":
            context = body.get("context")
            scopes = context.get("requiredGranularScopes") if isinstance(context, Mapping) else None
            named = ", ".join(str(scope) for scope in scopes) if isinstance(scopes, list) else ""
            hint = f"Give the app one of these scopes: {named}." if named else "Give the app the scope for that."
            return Verdict(Kind.PERMISSION, "misses a scope (403)", words, hint, False)
        if status == 401:
            hint = "Make a new token in HubSpot (private app or service key) and set it in the config."
            if self.settings.access_token is None:
                hint = "Connect the app again and set the new refresh_token in the config."
            return Verdict(Kind.AUTH, "refused the credentials (401)", words, hint, False)
        if status == 404 and not body:  # a web page, even from the API itself (crm.md 2.9)
            return Verdict(Kind.INVALID, "has nothing at that address (404)", hint="Check base_url.", applied=False)
        return None

    def _wait(self, response: Response, body: Json) -> float:
        told = response.retry_after()
        if told is not None:
            return told
        # two shapes, with `policyName` or with words only (crm.md 2.8)
        policy = f"{body.get('policyName', '')} {body.get('message', '')}".lower()
        if "daily" in policy:
            return self._until_midnight()
        return _TEN_SECONDLY if "ten_secondly" in policy or "ten secondly" in policy else _SECONDLY

    def _until_midnight(self) -> float:
        """Seconds until the day ends in the portal's time zone; an hour when we were never told which that is."""
        if self._offset is None:
            return 3600.0
        there = self._now() + self._offset
        tomorrow = (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (tomorrow - there).total_seconds()


def _auth(settings: HubSpotSettings, session: Session) -> HeaderToken | RefreshToken:
    if settings.access_token is not None:
        return HeaderToken(settings.access_token.get_secret_value())
    assert settings.client_secret is not None and settings.refresh_token is not None
    return RefreshToken(
        settings.base_url.rstrip("/") + "/" + settings.token_path.lstrip("/"),
        refresh_token=settings.refresh_token.get_secret_value(),
        client_id=settings.client_id or "",
        client_secret=settings.client_secret.get_secret_value(),
        tokens=session.tokens,
        now=session.now,
    )


def body_of(response: Response) -> Json:
    """The JSON object of an answer, {} when it is something else."""
    try:
        body = response.json
    except NotJson:
        return {}
    return _answered(response) if isinstance(body, Mapping) else {}


def _answered(response: Response) -> Answered:
    return Answered(response.json, f"HubSpot's answer of {urlsplit(response.url).path}")


def after_of(answer: Json) -> str | None:
    """The token for the next page; None at the end, where ``paging`` is missing (crm.md 2.5).

    Raises Malformed for anything else than a token where there is more: taken for the end, it would hide rows for good.
    """
    paging = answer.get("paging")
    following = paging.get("next") if isinstance(paging, Mapping) else paging
    if following is None:
        return None
    token = following.get("after") if isinstance(following, Mapping) else None
    if isinstance(token, bool) or not isinstance(token, str | int) or token == "":
        raise Malformed("HubSpot says that there are more rows, and not where.")
    return str(token)


def results_of(answer: Json) -> list[Json]:
    """The rows of an answer. Raises Malformed also for one whose ``id`` is none: it would be taken for another record."""
    told = answer if isinstance(answer, Answered) else Answered(answer, "HubSpot's answer")
    rows = told.rows("results")
    if any("id" in row and not is_id(row["id"]) for row in rows):
        raise Malformed(f"{told.where} has a row whose `id` is no id.")
    return [*rows]


def objects_of(told: Any) -> list[Json]:
    """The objects of a list that may be missing; what is none says nothing of any row."""
    return [one for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []


def is_id(found: object) -> bool:
    """Whether that can name something: a number, or text without blanks (owners, pipelines and events have words)."""
    if isinstance(found, str):
        return found != "" and not any(one.isspace() for one in found)
    return isinstance(found, int) and not isinstance(found, bool)


def is_number(found: object) -> bool:
    """Whether that can name an object of the CRM: those have whole numbers, as text or not (recorded: crm.md)."""
    return is_id(found) and str(found).isascii() and str(found).isdigit()
