"""Calls to one org: the version in every path, headers of every call, errors read, the day's limit told on."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from smarksync.kit.client import Client
from smarksync.kit.counts import Kind as CallKind
from smarksync.kit.pages import LinkPages
from smarksync.kit.resolve import OK, Kind, Verdict, vendor_words
from smarksync.kit.response import Answered, NotJson, Response
from smarksync.plugin import Malformed, Session

from .ids import is_id
from .login import Grant, Login
from .settings import SalesforceSettings

Row = Mapping[str, Any]
#: one answer of a query: its rows, whether more follow, and how many there are in all
Chunk = tuple[list[Row], bool, int]
#: newer builds tell the share of single apps, too (per-app-api-usage, vendors/crm.md 1.8), in an order that nobody promises
_USAGE = re.compile(r"(?<![\w-])api-usage=(\d+)/(\d+)")
#: requests in one composite (vendors/crm.md 1.7)
AT_ONCE = 25
#: seconds to stay away when too many long requests run at once; and when the day's requests are used up
_BUSY, _USED_UP = 5.0, 3600.0
_HEADERS = {
    # absent means TRUE: assignment rules would take records away from the owner that we set (vendors/crm.md 1.7)
    "Sforce-Auto-Assign": "FALSE",
    "Sforce-Call-Options": "client=SmarkSync",
}


class LocatorGone(Exception):
    """The rest of a query is not kept any longer: ask again from where it was."""


class Api:
    """One opened org. Opens no connection before the first call."""

    def __init__(self, settings: SalesforceSettings, session: Session) -> None:
        self.login = Login(settings, session)
        self.version = settings.api_version
        self.log = session.log
        self._settings, self._session = settings, session
        self._lock = threading.Lock()
        self._http: Client | None = None

    @property
    def grant(self) -> Grant:
        """The login; logs in when nobody did yet."""
        return self.login.grant()

    @property
    def http(self) -> Client:
        """The client of the org that the login named."""
        instance = self.grant.instance_url
        with self._lock:
            if self._http is None:
                self._http = self._settings.connect(self._session, auth=self.login, headers=_HEADERS, base_url=instance)
            return self._http

    def close(self) -> None:
        """Lets go of the connections; may be called twice."""
        self.login.http.close()
        if self._http is not None:
            self._http.close()

    def server_time(self) -> datetime | None:
        """The server's clock, by its last answer; the login's counts, too."""
        return (self._http.server_time() if self._http else None) or self.login.http.server_time()

    def request(self, method: str, path: str, **how: Any) -> Response:
        """One call below ``/services/data/vXX.X``; raises the error classes."""
        if not how.get("handed"):
            path = f"/services/data/v{self.version}{path}"
        response = self.http.request(method, path, resolve=how.pop("resolve", verdict), **how)
        usage = _USAGE.search(response.headers.get("sforce-limit-info", ""))
        if usage:
            self.http.counts.budget_left = max(int(usage[2]) - int(usage[1]), 0)
        return response

    def get(self, path: str, *, params: Mapping[str, Any] | None = None, kind: CallKind = "read") -> Answered:
        """The object at a path that must be there."""
        return Answered(self.request("GET", path, params=params, kind=kind).json, f"Salesforce's answer of {path}")

    def get_many(self, paths: Sequence[str], *, kind: CallKind = "read") -> list[Any]:
        """The JSON at several paths, at most 25, in one call; None where one was refused.

        It counts as one of the day's requests (REST API guide, "Send Multiple Requests Using Composite").
        """
        base = f"/services/data/v{self.version}"
        wanted = [{"method": "GET", "url": base + path, "referenceId": f"n{n}"} for n, path in enumerate(paths)]
        body = {"allOrNone": False, "compositeRequest": wanted}
        answer = self.request("POST", "/composite", json=body, kind=kind).json
        told = answer.get("compositeResponse") if isinstance(answer, Mapping) else None
        if not isinstance(told, list):
            raise Malformed(f"{self.http.host} answers several requests with something else than answers.")
        found = {
            str(one.get("referenceId")): one.get("body")
            for one in told
            if isinstance(one, Mapping) and one.get("httpStatusCode") == 200
        }
        return [found.get(one["referenceId"]) for one in wanted]

    def query(self, soql: str, *, everything: bool = False, kind: CallKind = "read") -> Iterator[Chunk]:
        """The answers to a query, page by page; ``everything``: deleted rows too.

        Raises :class:`LocatorGone` when the rest of it is not kept any longer.
        """
        how: dict[str, Any] = {"params": {"q": soql}}
        pages = LinkPages("/queryAll" if everything else "/query")
        while pages.more:
            response = self.request("GET", pages.link, kind=kind, **how)
            if response.status >= 400:
                raise LocatorGone
            body = response.json
            if not isinstance(body, Mapping) or not isinstance(body.get("records"), list) or "done" not in body:
                raise Malformed(f"{self.http.host} answers a query with something else than rows.")
            pages.turn(None if body["done"] else str(body.get("nextRecordsUrl") or ""))
            if not body["done"] and not pages.more:
                raise Malformed(f"{self.http.host} says that a query has more rows, and not where.")
            total = body.get("totalSize")
            if isinstance(total, bool) or not isinstance(total, int):
                raise Malformed(f"{self.http.host} answers a query without a number of rows.")
            if "handed" not in how and body["done"] and len(body["records"]) < total:
                raise Malformed(f"{self.http.host} speaks of {total:,} rows and shows {len(body['records']):,}.")
            for row in body["records"]:
                if not isinstance(row, Mapping) or ("Id" in row and not is_id(row["Id"])):
                    raise Malformed(f"{self.http.host} shows a row that is none, or whose Id is no id.")
            yield body["records"], pages.more, total
            how = {"handed": True, "resolve": _of_the_rest}

    def rows(self, soql: str, *, everything: bool = False, kind: CallKind = "reread") -> Iterator[Row]:
        """Every row of a query that is small enough to be asked for again as a whole."""
        for attempt in (1, 2):
            try:
                found = [row for chunk, _, _ in self.query(soql, everything=everything, kind=kind) for row in chunk]
            except LocatorGone:
                if attempt == 2:
                    raise Malformed(
                        f"{self.http.host} forgets the rest of a query as soon as it is asked for."
                    ) from None
                continue
            yield from found
            return

    def upload(self, path: str, text: str) -> None:
        """The rows of a bulk job, as CSV."""
        self.request(
            "PUT",
            path,
            content=text.encode(),
            headers={"Content-Type": "text/csv"},
            kind="write",
            idempotent=True,
            expect="any",
            resolve=_of_an_upload,
        )

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
    ) -> list[Row]:
        """A write of a collection: one result a record, in their order."""
        results = self.request(
            method, path, json=body, params=params, headers=headers, kind="write", idempotent=idempotent
        ).json
        if not isinstance(results, list):
            raise Malformed(f"{self.http.host} answers a collection without results.")
        return results


def verdict(response: Response) -> Verdict | None:
    """Limits answer 403 without a Retry-After, and so do missing rights (vendors/crm.md 1.8, 1.9)."""
    if response.status < 400:
        return None
    code = error_code(response)
    words = vendor_words(response)
    if code in ("REQUEST_LIMIT_EXCEEDED", "LIMIT_EXCEEDED"):
        busy = "concurrent" in words.lower()
        said = "has too many long requests at once" if busy else "has no requests left for today"
        hint = "" if busy else "Wait until some of the last 24 hours' requests are forgotten, or buy more."
        return Verdict(Kind.THROTTLED, said, words, hint, False, _BUSY if busy else _USED_UP)
    if code in (
        "API_DISABLED_FOR_ORG",
        "API_CURRENTLY_DISABLED",
        "INSUFFICIENT_ACCESS",
        "INSUFFICIENT_ACCESS_OR_READONLY",
    ):
        return Verdict(Kind.PERMISSION, "refuses for want of a right", words, "Check the profile of our user.", False)
    if code in ("SERVER_UNAVAILABLE", "TXN_SECURITY_METERING_ERROR", "UNABLE_TO_LOCK_ROW") and response.status < 500:
        return Verdict(Kind.TRANSIENT, f"is busy ({code})", words, applied=False)
    return None


def _of_an_upload(response: Response) -> Verdict | None:
    """A job takes one upload: the second refusal says that the first one arrived."""
    return OK if response.status == 400 and error_code(response) == "INVALIDJOBSTATE" else verdict(response)


def _of_the_rest(response: Response) -> Verdict | None:
    if response.status in (400, 404) and error_code(response) == "INVALID_QUERY_LOCATOR":
        return OK
    return verdict(response)


def error_code(response: Response) -> str:
    """``errorCode`` of an error, which is a list of one or more (or one object, of the login)."""
    try:
        body = response.json
    except NotJson:
        return ""
    first = body[0] if isinstance(body, Sequence) and body and not isinstance(body, str) else body
    return str(first.get("errorCode") or "") if isinstance(first, Mapping) else ""
