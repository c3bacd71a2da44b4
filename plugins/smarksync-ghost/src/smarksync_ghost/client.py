"""Ghost's Admin API: signing, lists, logs, one member a call.

Sources: recordings of Ghost 6.65.0 (tests/cassettes), and its own code where named. Times are whole seconds.

* The token is a JWT that we sign with the secret half of the Admin API key (HS256, ``kid`` = the other half,
  ``aud`` /admin/). Ghost takes five minutes of life at most; a wrong or late one answers 401, none at all 403.
* Pages hold 100 rows at most, whatever ``limit`` says, and past the end ``next`` is still set: lists are read by
  keyset, and the end is told by ``total`` (of what the filter leaves), not by ``next``.
* NQL texts stand in single quotes; backslash and both kinds of quotes must be escaped (a bare " is a parse error).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

import jwt

from smarksync.kit.auth import SignedToken
from smarksync.kit.client import Client
from smarksync.kit.counts import Kind
from smarksync.kit.pages import KeysetPages
from smarksync.kit.response import Response
from smarksync.plugin import Malformed, Session

from .fields import instant, second
from .settings import GhostSettings

#: Ghost's cap on rows per page.
PAGE = 100
_LIFE = timedelta(minutes=5)
_VERSION = "v6.0"

Row = Mapping[str, Any]


class Refused(NamedTuple):
    """A row that Ghost refused (404, 422), in its own words."""

    status: int
    type: str
    words: str
    property: str | None
    too_long: bool


class Sight(NamedTuple):
    """A log names a member: when, and for its subscription what it became and who did it."""

    member: str
    at: datetime
    subscribed: bool | None = None
    by: str | None = None


def quoted(text: str) -> str:
    """A text as an NQL literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"')
    return f"'{escaped}'"


def one_of(name: str, values: Sequence[str]) -> str:
    """The filter for rows whose field is one of the values."""
    return f"{name}:[{','.join(quoted(v) for v in values)}]"


class GhostApi:
    """One Ghost site."""

    def __init__(self, settings: GhostSettings, session: Session) -> None:
        key_id, _, secret = settings.admin_key.get_secret_value().partition(":")

        def sign(now: datetime, until: datetime) -> str:
            claims = {"iat": int(now.timestamp()), "exp": int(until.timestamp()), "aud": "/admin/"}
            return jwt.encode(claims, bytes.fromhex(secret), algorithm="HS256", headers={"kid": key_id})

        auth = SignedToken(sign, life=_LIFE, now=session.now, prefix="Ghost ", secrets=(secret,))
        headers = {"Accept-Version": _VERSION}
        self.http: Client = settings.connect(session, auth=auth, headers=headers, base_url=settings.api_url)

    def probe(self) -> tuple[int, datetime | None]:
        """How many members there are, and the server's time: one small call that also tries the key."""
        answer = self.http.get("/members/", params={"limit": 1, "fields": "id"}, kind="schema")
        return total(answer), self.http.server_time()

    def site(self) -> Row:
        """Title and version of the site."""
        body = self.http.get("/site/", kind="schema").json
        return body["site"] if isinstance(body, Mapping) and isinstance(body.get("site"), Mapping) else {}

    def mails(self) -> bool:
        """True when the site has an active newsletter, so that ``subscribed`` means something."""
        return bool(self._page("newsletters", "status:active", "id asc", "schema", 1)[0])

    def by_id(
        self, stream: str, where: str = "", *, after: str | None = None, kind: Kind = "read", limit: int = PAGE
    ) -> Iterator[tuple[list[Row], bool, int]]:
        """All rows that pass the filter in the order of their ids, as (rows, more, total left)."""
        last = after or "0"
        while True:
            narrow = "+".join(filter(None, (f"id:>{quoted(last)}", where)))
            rows, left = self._page(stream, narrow, "id asc", kind, limit)
            more = left > len(rows)
            if (more and not rows) or (rows and rows[-1]["id"] <= last):
                raise Malformed("Ghost's list does not move on: its pages cannot be trusted.")
            yield rows, more, left
            if not more:
                return
            last = rows[-1]["id"]

    def by_time(
        self, since: datetime, until: datetime | None, *, at: datetime | None = None
    ) -> Iterator[tuple[list[Row], bool]]:
        """Members whose own columns changed from ``since`` to ``until``, oldest first, as (rows, more).

        ``at`` continues an earlier reading from that second. Within one second the order is by id, and each page
        asks for what lies behind the last row: more rows than a page in one second are read once each.
        """
        end = f"+updated_at:<={quoted(second(until))}" if until else ""
        keys = KeysetPages(second(at or since))
        while keys.more:
            begin = quoted(keys.at or "")
            where = f"updated_at:>={begin}"
            if keys.id is not None:
                where = f"(updated_at:>{begin},(updated_at:{begin}+id:>{quoted(keys.id)}))"
            rows, left = self._page("members", where + end, "updated_at asc,id asc", "read", PAGE)
            keys.turn(((_second_of(row), row["id"]) for row in rows), more=left > len(rows))
            yield rows, keys.more

    def subscriptions(self, since: datetime) -> tuple[list[Sight], bool]:
        """The newest changes of subscriptions since then, and whether the log told them all.

        The members' activity feed has no pages (``page`` is ignored) and ends at 100 events.
        """
        where = f"type:newsletter_event+data.created_at:>={quoted(second(since))}"
        answer = self.http.get("/members/events/", params={"filter": where, "limit": PAGE}, accept=(403, 404))
        if answer.status != 200:  # a key without that right, or a Ghost without that log
            return [], False
        events = rows_of(answer, "events")
        sights = [
            Sight(data["member_id"], at, bool(data["subscribed"]), data.get("source"))
            for data in (event["data"] for event in events)
            if data.get("member_id") and (at := instant(data["created_at"]))
        ]
        return sights, total(answer) <= len(events)

    def edits(self, since: datetime, most: int) -> tuple[list[Sight], bool]:
        """Members edited through the API or by staff since then, and whether that is all (at most ``most`` pages)."""
        sights: list[Sight] = []
        where = f"resource_type:member+event:edited+created_at:>={quoted(second(since))}"
        for page in range(1, most + 1):
            answer = self.http.get(
                "/actions/",
                params={"filter": where, "limit": PAGE, "page": page, "order": "created_at asc,id asc"},
                accept=(403, 404),
            )
            if answer.status != 200:  # a key without that right, or a Ghost without that log
                return sights, False
            actions = rows_of(answer, "actions")
            sights += [Sight(a["resource_id"], at) for a in actions if (at := instant(a["created_at"]))]
            if page * PAGE >= total(answer):
                return sights, True
        return sights, False

    def write(self, method: str, member: str | None, body: Mapping[str, Any] | None) -> Row | Refused | None:
        """Creates, changes or deletes one member (Ghost takes one a call); None = done, without an answer."""
        path = f"/members/{quote(member, safe='')}/" if member else "/members/"
        answer = self.http.request(
            method,
            path,
            json=None if body is None else {"members": [body]},
            idempotent=method != "POST",
            accept=(404, 422),
        )
        if answer.status in (404, 422):
            return refused(answer)
        return rows_of(answer, "members")[0] if answer.json is not None else None

    def _page(self, stream: str, where: str, order: str, kind: Kind, limit: int) -> tuple[list[Row], int]:
        answer = self.http.get(f"/{stream}/", params={"filter": where, "order": order, "limit": limit}, kind=kind)
        return rows_of(answer, stream), total(answer)


def _second_of(row: Row) -> str:
    at = instant(row["updated_at"])
    return second(at) if at else ""


def rows_of(answer: Response, name: str) -> list[Row]:
    """The rows of a list; raises Malformed when the answer holds none."""
    rows = answer.json.get(name) if isinstance(answer.json, Mapping) else None
    if not isinstance(rows, list):
        raise Malformed(f"Ghost's answer holds no {name}.", hint="Check base_url.")
    return rows


def total(answer: Response) -> int:
    """How many rows pass the filter, from ``meta.pagination``."""
    try:
        return int(answer.json["meta"]["pagination"]["total"])
    except (KeyError, TypeError, ValueError):
        raise Malformed("Ghost's answer does not say how many rows there are.", hint="Check base_url.") from None


def refused(answer: Response) -> Refused:
    """Ghost's first error; raises Malformed for a 404 or 422 that is not Ghost's own."""
    errors = answer.json.get("errors") if isinstance(answer.json, Mapping) else None
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], Mapping):
        raise Malformed(f"An answer {answer.status} that is not Ghost's own.", hint="Check base_url.")
    error = errors[0]
    details = [d for d in error.get("details") or () if isinstance(d, Mapping)]
    where = str(details[0].get("instancePath", "")).split("/") if details else []
    return Refused(
        answer.status,
        str(error.get("type")),
        str(error.get("context") or error.get("message") or ""),
        where[3] if len(where) > 3 else error.get("property"),
        any(detail.get("keyword") == "maxLength" for detail in details),
    )
