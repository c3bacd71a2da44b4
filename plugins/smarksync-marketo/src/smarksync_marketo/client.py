"""Calls to Marketo: tokens, errors inside HTTP 200, limits. Facts: docs (rest/error-codes, authentication).

* Nearly every answer is HTTP 200; ``success: false`` with ``errors: [{code, message}]`` is a call that failed. The code
  is text. 6xx: not executed; 7xx and 1xxx: bad request, no data. HTTP itself speaks only for 401 of the identity
  service, 413, 414 and gateways.
* A token lives 3,600 s; asking again before that brings the same one with the seconds that it has left. Expired (602)
  or invalid (601) comes as HTTP 200. It travels in the header only: the query parameter is gone since August 2026.
* Limits are shared by all integrations: 606 (rate), 615 (at once), 607 (today's quota, until midnight CST).
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from smarksync.kit.auth import ClientCredentials
from smarksync.kit.client import Client
from smarksync.kit.counts import Kind as CallKind
from smarksync.kit.pages import OffsetPages, TokenPages
from smarksync.kit.resolve import Kind, Resolver, Verdict, vendor_words
from smarksync.kit.response import Answered, NotJson, Response
from smarksync.plugin import Malformed, Session

from .settings import MarketoSettings

Row = Mapping[str, Any]

#: Rows and values per call of the lead database; rows per page of the asset API.
PAGE = 300
ASSETS = 200
#: Longer addresses answer 414: such a query goes as a form (8 KB less the path and the host).
_LONGEST_QUERY = 7000
_CST = timezone(timedelta(hours=-6))
_RATE_WINDOW = 20.0
_A_MOMENT = 2.0

#: What an error code means, and whether the call is known not to be applied.
_CODES: Mapping[str, tuple[Kind, bool | None]] = {
    "600": (Kind.AUTH, False),
    "601": (Kind.AUTH, False),
    "602": (Kind.AUTH, False),
    "603": (Kind.PERMISSION, False),
    "604": (Kind.TRANSIENT, None),  # it ran for too long: what it did by then, it did
    "606": (Kind.THROTTLED, False),
    "607": (Kind.THROTTLED, False),
    "608": (Kind.TRANSIENT, False),
    "611": (Kind.TRANSIENT, None),  # an exception nobody expected
    "614": (Kind.TRANSIENT, False),
    "615": (Kind.THROTTLED, False),
    "616": (Kind.PERMISSION, False),
    "703": (Kind.PERMISSION, False),
    "713": (Kind.TRANSIENT, False),
    "719": (Kind.TRANSIENT, False),
    "500": (Kind.TRANSIENT, None),
    "502": (Kind.TRANSIENT, None),
    "1018": (Kind.PERMISSION, False),
}
_HINTS = {
    "600": "Check identity_url: tokens come from /identity, never from below /rest.",
    "601": "Check client_id and client_secret.",
    "602": "The token expires at once: is this machine's clock right?",
    "603": "The API user's role lacks a permission, or an IP allow-list keeps us out.",
    "607": "The subscription's calls for today are used up; they are renewed at midnight, US Central time.",
    "616": "This subscription has no such API.",
    "703": "That feature is not enabled in this subscription.",
    "1018": "A native CRM sync owns these records: they are read only here.",
}
#: Codes that speak about this request alone; ``about_rows`` hands them to the caller.
NO_DATA = "702"


class MarketoAuth(ClientCredentials):
    """Client credentials; ``user`` is the API user whom the token belongs to, once there is one."""

    user: str | None = None

    def arrived(self, answer: Mapping[str, object]) -> None:
        """The scope of a token is the API user's address."""
        scope = answer.get("scope")
        self.user = scope if isinstance(scope, str) else None

    def refuses(self, answer: Response) -> bool:
        """601 and 602 come inside HTTP 200."""
        if super().refuses(answer):
            return True
        # looked for as text first: pages of leads need not be parsed twice
        return answer.status == 200 and b'"60' in answer.content[:2000] and error(_json(answer))[0] in ("601", "602")


class Api:
    """One Marketo instance. Opens no connection before the first call."""

    def __init__(self, settings: MarketoSettings, session: Session) -> None:
        self.auth = MarketoAuth(
            settings.token_url,
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            now=session.now,
        )
        self.http: Client = settings.connect(session, auth=self.auth, base_url=settings.root)
        self.log = session.log
        self._now = session.now
        #: calls that were left today when Marketo was asked, and how many we had made by then
        self._left: tuple[int, int] | None = None

    def now(self) -> datetime:
        """Marketo's clock, by its last answer; ours before the first."""
        return self.http.server_time() or self._now()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        json: Any = None,
        kind: CallKind | None = None,
        idempotent: bool | None = None,
        tolerate: Collection[str] = (),
        about_rows: bool = False,
    ) -> Mapping[str, Any]:
        """The body of an answer. Errors whose code is in ``tolerate`` come back to be read with :func:`error`; so do,
        with ``about_rows``, all that call the request itself wrong."""
        form: Mapping[str, str] | None = None
        if method == "GET" and isinstance(params, Mapping) and _length(params) > _LONGEST_QUERY:
            method, form, params = "POST", {name: str(value) for name, value in params.items()}, {"_method": "GET"}
            kind, idempotent = kind or "read", True
        self._count_down()
        answer = self.http.request(
            method,
            path,
            params=params,
            json=json,
            form=form,
            kind=kind,
            idempotent=idempotent,
            resolve=_resolver(frozenset(tolerate), about_rows, self._now),
        )
        body = answer.json
        if not isinstance(body, Mapping) or not isinstance(body.get("success"), bool):
            raise Malformed(f"The answer of {path} is not Marketo's own.", hint="Check base_url.")
        return Answered(body, f"Marketo's answer of {path}")

    def left_today(self, calls: int) -> None:
        """So many calls are left of the day; no answer says so, so from here on they are counted."""
        self._left = (calls, self.http.counts["total"])
        self._count_down()

    def _count_down(self) -> None:
        if self._left is not None:
            self.http.counts.budget_left = max(0, self._left[0] - (self.http.counts["total"] - self._left[1]))

    def get(self, path: str, params: Mapping[str, Any] | None = None, **how: Any) -> Mapping[str, Any]:
        """``call("GET", …)``."""
        return self.call("GET", path, params=params, **how)

    def pages(
        self, path: str, params: Mapping[str, Any], *, token: str | None = None, kind: CallKind = "read"
    ) -> Iterator[tuple[list[Row], str | None, bool]]:
        """Pages of a list that goes by token, as (rows, token to go on with, more). A page may be empty while more is
        true, and the last one carries a token, too (feeds): ``moreResult`` alone says whether to go on where it is."""
        turn = TokenPages("nextPageToken", token)
        while turn.more:
            body = self.get(path, {**params, **turn.params}, kind=kind, tolerate=(NO_DATA,))
            following = body.get("nextPageToken") or None
            turn.turn(following, more=body.get("moreResult"))
            yield rows_of(body), following, turn.more

    def assets(
        self, path: str, *, kind: CallKind = "read", tolerate: Collection[str] = ()
    ) -> Iterator[tuple[list[Row], bool]]:
        """Pages of an asset list, as (rows, more). Past the end there is no ``result`` at all, but a warning."""
        turn = OffsetPages(ASSETS, params=("offset", "maxReturn"))
        while turn.more:
            rows = rows_of(self.get(path, turn.params, kind=kind, tolerate=tolerate))
            turn.turn(len(rows))  # only an empty page is known to be the last
            yield rows, turn.more

    def close(self) -> None:
        """Lets go of the connections; may be called twice."""
        self.http.close()


def rows_of(body: Mapping[str, Any]) -> list[Row]:
    """The rows of an answer; none when it has no ``result`` (asset API without a match, 702)."""
    if not body.get("result"):
        return []
    told = body if isinstance(body, Answered) else Answered(body, "Marketo's answer")
    return [*told.rows("result")]


def askable(value: str) -> bool:
    """Whether ``filterValues`` can name it: commas separate its values, and no way is told to write one inside a value
    (docs, rest/lead-database/lead-database, "Query")."""
    return "," not in value


def error(body: Any) -> tuple[str | None, str]:
    """Code and words of the error inside an answer; (None, "") when the call succeeded."""
    if not isinstance(body, Mapping) or body.get("success") is not False:
        return None, ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else {}
    return str(first.get("code", "")), str(first.get("message", ""))


def midnight(at: datetime) -> float:
    """Seconds until the quota is renewed (12:00 AM CST)."""
    there = at.astimezone(_CST)
    following = (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (following - there).total_seconds()


@functools.lru_cache(maxsize=32)
def _resolver(tolerated: frozenset[str], about_rows: bool, now: Any) -> Resolver:
    def own(response: Response) -> Verdict | None:
        if not 200 <= response.status < 300:
            return None
        code, _ = error(_json(response))
        if code is None:
            return None
        if code in tolerated:
            return Verdict(Kind.OK)
        kind, applied = _CODES.get(code, (Kind.INVALID, False))
        if about_rows and kind is Kind.INVALID:
            return Verdict(Kind.OK)
        said = f"answers with error {code or 'without a code'}"
        return Verdict(
            kind, said, vendor_words(response), _HINTS.get(code, ""), applied, _wait(code, response.date or now())
        )

    return own


def _wait(code: str, at: datetime) -> float | None:
    """The rate is counted in windows of 20 s; one call less at once takes a moment; the quota takes until midnight."""
    waits = {"606": _RATE_WINDOW, "615": _A_MOMENT}
    return midnight(at) if code == "607" else waits.get(code)


def _json(response: Response) -> Any:
    try:
        return response.json
    except NotJson:
        return None


def _length(params: Mapping[str, Any]) -> int:
    """What the query comes to at most when it is encoded (an address: @ and , take three characters)."""
    return sum(
        len(str(value)) + 2 * sum(c in ",@+:/ " for c in str(value)) + len(name) for name, value in params.items()
    )


def instant(text: Any) -> datetime | None:
    """A time of Marketo's, aware UTC: ``…Z``, ``…-0500``, and the asset API's ``…Z+0000``."""
    if not isinstance(text, str) or not text:
        return None
    text = text.removesuffix("+0000") if text.endswith("Z+0000") else text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed("Marketo shows a time in a form that this connector does not know.") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def stamp(at: datetime) -> str:
    """A time as Marketo takes it: whole seconds, UTC (bulk filters refuse milliseconds)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
