"""Calls to BottleCRM: its errors read, its lists and rows taken out of their wrappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from smarksync.kit.auth import HeaderToken
from smarksync.kit.client import Client
from smarksync.kit.counts import Kind as CallKind
from smarksync.kit.resolve import Kind, Verdict
from smarksync.kit.response import NotJson, Response
from smarksync.plugin import Malformed, Session

from .rows import Row
from .settings import BottleCRMSettings
from .streams import STREAMS, Stream

#: What a missing, wrong, revoked or expired token gets: 403 where others say 401 (recorded).
_NO_TOKEN = "Organization context is required"
_ABOUT_THE_ROW = (400, 404)


class Api:
    """One opened BottleCRM. Opens no connection before the first call."""

    def __init__(self, settings: BottleCRMSettings, session: Session) -> None:
        self.http: Client = settings.connect(session, auth=HeaderToken(settings.token.get_secret_value()))
        self.log = session.log

    def close(self) -> None:
        """Lets go of the connections; may be called twice."""
        self.http.close()

    def get(self, path: str, *, params: Mapping[str, Any] | None = None, kind: CallKind = "read") -> Any:
        """The JSON at a path that must be there."""
        return self.http.request("GET", path, params=params, kind=kind, resolve=_verdict).json

    def list(self, stream: Stream, params: Mapping[str, Any], *, kind: CallKind = "read") -> Mapping[str, Any]:
        """One answer of a list, whole."""
        answer = self.get(stream.path, params={**stream.params, **params}, kind=kind)
        if not isinstance(answer, Mapping):
            raise Malformed(f"BottleCRM's list at {stream.path} is no object.", hint="Check base_url.")
        return answer

    def row(self, stream: Stream, rid: str, *, kind: CallKind = "read") -> Row | None:
        """The row of that id, None when there is none (any more).

        An id that is no UUID cannot exist; asked for, it would get a web page instead of an answer.
        """
        if not _is_uuid(rid):
            return None
        answer = self.http.request("GET", f"{stream.path}{rid}/", kind=kind, accept=(404,), resolve=_verdict)
        if answer.status == 404:
            return None
        row = answer.json.get(stream.detail) if isinstance(answer.json, Mapping) else None
        if not isinstance(row, Mapping):
            raise Malformed(f"BottleCRM's answer for one row of {stream.path} has no {stream.detail}.")
        return row

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, idempotent: bool = False
    ) -> Response:
        """A write. Gives back 2xx, and what the row itself was refused with (400, 404, 403 about the row)."""
        own = _verdict_on_delete if method == "DELETE" else _verdict
        return self.http.request(
            method, path, json=body, kind="write", idempotent=idempotent, accept=_ABOUT_THE_ROW, resolve=own
        )

    def schema_write(self, method: str, path: str, body: Mapping[str, Any]) -> Response:
        """A change of the account's own schema, counted as such; 400 is for the caller to read."""
        return self.http.request(
            method, path, json=body, kind="schema", idempotent=False, accept=_ABOUT_THE_ROW, resolve=_verdict
        )


def _verdict(response: Response) -> Verdict | None:
    """403 says that a scope or a role is missing, or, in one sentence of its own, that the token is no good."""
    if response.status == 403 and _NO_TOKEN in str(_body(response).get("detail")):
        return Verdict(
            Kind.AUTH,
            "does not take the token",
            hint="Make a new personal access token in BottleCRM and set it in the config (settings.token).",
            applied=False,
        )
    return None


def _verdict_on_delete(response: Response) -> Verdict | None:
    """Who may read a row need not be allowed to delete it: that refusal is about this row, not about us."""
    if response.status == 403 and _body(response).get("error") is True:
        return Verdict(Kind.OK)
    return _verdict(response)


def _body(response: Response) -> Mapping[str, Any]:
    try:
        body = response.json
    except NotJson:
        return {}
    return body if isinstance(body, Mapping) else {}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def parts_of(stream: Stream, answer: Mapping[str, Any]) -> list[tuple[list[Row], int]]:
    """The rows of each list inside an answer, with how many the server says there are on all pages."""
    found = []
    for part in stream.parts:
        rows, count = _at(answer, part.rows), _at(answer, part.total)
        if not isinstance(rows, list) or not isinstance(count, int):
            raise Malformed(
                f"BottleCRM's list at {stream.path} has no {'.'.join(part.rows)} with a count.",
                hint="This connector knows version 1.35; a newer server may show its lists in another shape.",
            )
        found.append((rows, count))
    return found


def _at(answer: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        answer = answer.get(key) if isinstance(answer, Mapping) else None
    return answer


def stream_named(name: str) -> Stream:
    """What is known of a stream; KeyError for a name that the spec does not list."""
    return STREAMS[name]
