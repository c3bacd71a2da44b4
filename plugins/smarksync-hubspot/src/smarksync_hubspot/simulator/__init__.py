"""HubSpot as a server on this machine: the calls that the connector makes, and those of HubSpot's own client library.

::

    with HubSpotSimulator(people=200) as sim:
        sim.settings                                    # for `connector: hubspot`
        sim.edit("contacts", rid, jobtitle="CFO")       # as somebody does it in HubSpot
        sim.opt_out("ada@acme.example")                 # the person's own act
        sim.merge("contacts", winner, loser)            # gives the id that remains
        sim.quirks.index_lag = 0                        # one switch per peculiarity (quirks.py)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from smarksync.simulator import Answer, Request, Window

from ..rows import sent
from .account import Account
from .hands import Hands
from .quirks import Quirks
from .schema import TYPES
from .seed import fill, submission
from .store import Row, Store
from .values import correlation, error

__all__ = ["HubSpotSimulator", "Quirks"]

TOKEN = "pat-na1-00000000-0000-4000-8000-000000000001"
_DATED = re.compile(r"/(?:crm/)?([a-z-]+)/\d{4}-\d{2}(/.*|$)")
_NUMBERED = {
    "objects": "/crm/v3/objects", "properties": "/crm/v3/properties", "pipelines": "/crm/v3/pipelines",
    "associations": "/crm/v4/associations", "owners": "/crm/v3/owners", "lists": "/crm/v3/lists",
    "account-info": "/account-info/v3", "communication-preferences": "/communication-preferences/v4",
    "oauth": "/oauth/v1",
}  # fmt: skip
#: part of a path → the family of scopes that it wants
_SCOPES = {
    "/objects/contacts": "contacts", "/objects/companies": "companies", "/objects/deals": "deals", "/crm/v3/owners": "owners",
    "/crm/v3/lists": "lists", "/communication-preferences": "consent", "/form": "forms", "/crm/v3/properties": "schema",
}  # fmt: skip


class HubSpotSimulator(Account):
    """One account. ``quirks`` holds the switches; ``daily`` is what its token may call in a day."""

    vendor: ClassVar[str] = "hubspot"
    portal = 147_893_286
    #: so many rows fill more than a page of every read
    contract_page_rows = 201

    def __init__(self, *, quirks: Quirks | None = None, per_ten_seconds: int = 100, **how: Any) -> None:
        super().__init__(**how)
        # without people it is an account for tests: prepared, and with nothing to wait for
        self.quirks = quirks or (Quirks() if self.size else Quirks(index_lag=0, has_our_properties=True))
        self.store = Store(self.now, self.quirks)
        self.owners, self.lists, self.members, self.counts = {}, {}, {}, {}
        self.subscriptions, self.statuses = {}, {}
        self.forms, self.submissions, self.events, self.campaigns = {}, {}, [], []
        self.tokens = {}
        self.access_token = TOKEN
        self.daily = self.daily_left = 250_000
        self._burst, self._searching = Window(per_ten_seconds, 10), Window(5, 1)
        self._day = self.now().date()
        if self.quirks.has_our_properties:
            self.add_our_properties()
        fill(self)

    @property
    def settings(self) -> Mapping[str, Any]:
        """For ``connector: hubspot``."""
        return {"base_url": self.url, "access_token": self.access_token}

    @property
    def oauth_settings(self) -> Mapping[str, Any]:
        """The same with a refresh token instead of a token."""
        own = {"client_id": self.client_id, "client_secret": self.client_secret, "refresh_token": self.refresh_token}
        return {"base_url": self.url, **own}

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that configs name."""
        return {"HUBSPOT_URL": self.url, "HUBSPOT_TOKEN": self.access_token}

    @property
    def hands(self) -> Hands:
        """What visitors and marketing's people do."""
        return Hands(self)

    def owner_ids(self) -> set[str]:
        """Owners that records can be given to: those who left cannot (crm.md 2.10 trap 6)."""
        return {rid for rid, owner in self.owners.items() if not owner["archived"]}

    def add_our_properties(self) -> None:
        """What `check --fix` would make."""
        from ..properties import GROUP, definition, ours

        for kind in TYPES:
            self.store.groups[kind].add(GROUP)
            for name in ours(kind):
                made = definition(kind, name)
                if made is not None:
                    self.add_property(kind, made)

    # ---- what people do in HubSpot

    def rows(self, kind: str = "contacts") -> dict[str, Row]:
        """Live records by id."""
        return {rid: row for rid, row in self.store.rows[kind].items() if row.archived is None}

    def contact(self, email: str) -> Row:
        """The contact with that address; KeyError when there is none."""
        row = self.store.holder("contacts", "email", email)
        if row is None:
            raise KeyError(email)
        return row

    def create(self, kind: str = "contacts", **properties: str | None) -> str:
        """A new record, made by a person; its id."""
        with self.lock:
            return self.store.add(kind, {k: v for k, v in properties.items() if v is not None}).id

    def edit(self, kind: str, rid: str, **properties: str | None) -> None:
        """An edit by a person, who may also take a stage back."""
        with self.lock:
            self.store.change(kind, self.store.rows[kind][rid], dict(properties), "CRM_UI", "userId:2506000")

    def opt_out(self, email: str, out: bool = True) -> None:
        """The person unsubscribes from everything, or comes back."""
        with self.lock:
            for one in self.subscriptions:
                self.statuses[email.lower(), one] = "UNSUBSCRIBED" if out else "SUBSCRIBED"
            self._opted(email.lower(), out)

    def archive(self, kind: str, rid: str) -> None:
        """Deleted by a person, into the bin."""
        with self.lock:
            self.store.archive(kind, self.store.rows[kind][rid])

    def restore(self, kind: str, rid: str) -> None:
        """Brought back from the bin."""
        with self.lock:
            self.store.restore(kind, self.store.rows[kind][rid])

    def merge(self, kind: str, winner: str, loser: str) -> str:
        """Merged by a person; the id that remains."""
        with self.lock:
            rows = self.store.rows[kind]
            return self.join(kind, rows[winner], rows[loser]).id

    def submit(self, email: str, form: str | None = None) -> None:
        """Somebody fills in a form."""
        with self.lock:
            guid = form or next(iter(self.forms))
            found = self.submissions.setdefault(guid, [])
            found.append(submission(email, len(found), int(self.now().timestamp() * 1000)))

    # ---- the hooks of the conformance kit

    def contract_seed(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Somebody enters rows."""
        return [self.create(kind, **{name: sent(value) or None for name, value in row.items()}) for row in rows]

    def contract_edit(self, kind: str, rid: str, fields: Mapping[str, Any]) -> None:
        """Somebody changes a row."""
        self.edit(kind, rid, **{name: sent(value) or None for name, value in fields.items()})

    contract_delete = archive
    contract_merge = merge

    def contract_opted_out(self, kind: str, rid: str) -> bool | None:
        """What the subscriptions of a contact's address say, whatever its properties show."""
        address = str(self.store.rows[kind][rid].properties.get("email") or "").lower()
        told = [self.statuses.get((address, one), "NOT_SPECIFIED") for one in self.subscriptions]
        if told and all(one == "UNSUBSCRIBED" for one in told):
            return True
        return False if "SUBSCRIBED" in told else None

    def contract_empty_pages(self, kind: str) -> None:
        """Every second page is empty."""
        self.quirks.empty_pages = 2

    def contract_late(self, kind: str, row: Mapping[str, Any]) -> str:
        """A row that was entered a minute ago, and that search shows only now."""
        (rid,) = self.contract_seed(kind, [row])
        found = self.store.rows[kind][rid]
        self.store.set_stamp(kind, found, found.updated - timedelta(minutes=1))
        return rid

    # ---- each call

    def handle(self, request: Request) -> tuple[Answer, bool]:
        """Dated paths are the same calls under other names (crm.md 2.1)."""
        raw = request.raw.rstrip("/")  # HubSpot's own library asks for /crm/v3/owners/
        found = _DATED.fullmatch(raw)
        if found and found[1] in _NUMBERED:
            raw = _NUMBERED[found[1]] + found[2]
        if raw != request.raw:
            request = replace(request, raw=raw)
        return super().handle(request)

    def before(self, request: Request) -> Answer | None:
        """Token, scopes, limits."""
        if request.raw.startswith("/oauth/"):
            return None
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if token != self.access_token:
            until = self.tokens.get(token)
            if until is None:
                said = "Authentication credentials not found. This API supports OAuth 2.0 authentication"
                return error(401, said, "INVALID_AUTHENTICATION")
            late = self.now().timestamp() - until
            if late >= 0:
                said = f"The OAuth token used to make this call expired {late:.0f} second(s) ago."
                return error(401, said, "EXPIRED_AUTHENTICATION")
        for part, family in _SCOPES.items():
            if part in request.raw and family in self.quirks.missing_scopes:
                links = ["https://developers.hubspot.com/scopes"]
                context = {"requiredGranularScopes": [f"crm.objects.{family}.read"], "links": links}
                said = "One or more of the following scopes are required."
                return error(403, said, "MISSING_SCOPES", context=context)
        return self._throttle(request) if self.limits else None

    def _throttle(self, request: Request) -> Answer | None:
        now = self.now()
        if now.date() != self._day:
            self._day, self.daily_left = now.date(), self.daily
        if self.daily_left <= 0:
            return _limited("You have reached your daily limit.", policyName="DAILY", errorType="RATE_LIMIT")
        if request.raw.endswith("/search") and "/objects/" in request.raw:
            if not self._searching.take(now):
                return _limited("You have reached your secondly limit.", category="RATE_LIMITS")
        elif not self._burst.take(now):
            if self.quirks.throttle_body == "crm":
                return _limited("You have reached your ten secondly limit.", category="RATE_LIMITS")
            group = f"publicapi:private_app-api-calls-ten-secondly:{self.portal}:1"
            said = "You have reached your ten_secondly_rolling limit."
            return _limited(said, policyName="TEN_SECONDLY_ROLLING", errorType="RATE_LIMIT", groupName=group)
        self.daily_left -= 1
        return None

    def after(self, request: Request, answer: Answer) -> Answer:
        """Limits in headers: search has none of the burst (crm.md 2.5, 2.8)."""
        headers = answer.headers
        headers.setdefault("X-HubSpot-Correlation-Id", correlation(request.raw, len(self.calls)))
        if request.raw.startswith("/oauth/") or answer.status == 401:
            return answer
        headers["X-HubSpot-RateLimit-Daily"] = str(self.daily)
        headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(self.daily_left)
        if not (request.raw.endswith("/search") and "/objects/" in request.raw):
            headers["X-HubSpot-RateLimit-Max"] = str(self._burst.count)
            headers["X-HubSpot-RateLimit-Remaining"] = str(max(self._burst.left(self.now()), 0))
            headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = "10000"
        return answer

    # ---- its ways to say no

    def not_found(self, request: Request) -> Answer:
        """No such address: a web page."""
        return self.missing()

    def wrong_method(self, request: Request, allowed: Any) -> Answer:
        """The address takes other methods."""
        return Answer(405, "<html><head><title>Error 405 Method Not Allowed</title></head></html>")

    def bad_body(self, request: Request, said: str) -> Answer:
        """Unreadable JSON."""
        return error(400, f"Invalid input JSON on line 1, column 1: {said}")

    def unknown_query(self, request: Request, names: Any) -> Answer:
        """Parameters that the call does not take. HubSpot passes most over; here they are a caller's mistake."""
        return error(400, f"Unknown parameters: {', '.join(names)}")

    def broken(self, request: Request) -> Answer:
        """A bug in here."""
        return error(500, "internal error", "INTERNAL_ERROR")


def _limited(message: str, **more: str) -> Answer:
    body = {"status": "error", "message": message, "correlationId": correlation(message), **more}
    return Answer(429, body)
