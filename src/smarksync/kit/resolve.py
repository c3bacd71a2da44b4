"""From a response to what to do next: one function, one verdict, one error class.

A verdict says what happened (``kind``), whether the call is known not to have been applied (``applied``
False) and how long the vendor asks us to stay away. The client acts on it: it gives back ``OK``, sends
again what may be sent again, and raises the error class for the rest. A connector that knows more (an
error inside HTTP 200, a 500 that means "no such field") passes its own ``Resolver``, which is asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from smarksync.errors import (
    AuthFailed,
    Invalid,
    Malformed,
    PermissionDenied,
    SystemFailure,
    Throttled,
    Transient,
    Unknown,
)
from smarksync.redact import redact, shorten, texts_in

from .response import NotJson, Response


class Kind(StrEnum):
    """What an answer amounts to."""

    OK = "ok"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    AUTH = "auth"
    PERMISSION = "permission"
    INVALID = "invalid"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"


class Verdict(NamedTuple):
    """``applied``: False = known not applied, None = cannot be told (a read, or the server may have done it).

    ``again`` False stops retries of something that would answer the same. ``message`` is a clause for
    people ("answers 503"); ``words`` are the vendor's, still to be redacted; ``retry_after`` is in seconds.
    """

    kind: Kind
    message: str = ""
    words: str = ""
    hint: str = ""
    applied: bool | None = None
    retry_after: float | None = None
    again: bool = True


#: A connector's own reading of an answer; None leaves it to :func:`resolve`.
Resolver = Callable[[Response], Verdict | None]

#: What the body of a good answer must be: JSON, JSON or nothing, or anything at all.
Expect = Literal["json", "json?", "any"]

ERRORS: Mapping[Kind, type[SystemFailure]] = {
    Kind.TRANSIENT: Transient,
    Kind.THROTTLED: Throttled,
    Kind.AUTH: AuthFailed,
    Kind.PERMISSION: PermissionDenied,
    Kind.INVALID: Invalid,
    Kind.MALFORMED: Malformed,
    Kind.UNKNOWN: Unknown,
}

OK = Verdict(Kind.OK)

_HINTS = {
    401: "Check the credentials in the config.",
    403: "Check what these credentials may do in that system.",
    404: "Check base_url: there is nothing at that address.",
    405: "Check base_url: that address does not take this call.",
    407: "The proxy asks for credentials: check the proxy setting.",
    413: "The request is too big for that server: a smaller batch may pass.",
}


def resolve(
    response: Response,
    *,
    own: Resolver | None = None,
    accept: Collection[int] = (),
    expect: Expect = "json",
) -> Verdict:
    """The verdict on one answer. ``accept``: statuses that the caller reads itself, when their body is JSON."""
    if own is not None and (verdict := own(response)) is not None:
        return verdict
    status = response.status
    if status in accept:
        return _body(response, "json") or OK
    if 200 <= status < 300:
        return _body(response, "json?" if status in (204, 205) and expect == "json" else expect) or OK
    words = vendor_words(response)
    said = f"answers {status}"
    hint = _HINTS.get(status, "")
    if status == 429:
        return Verdict(Kind.THROTTLED, "asks us to slow down (429)", words, hint, False, response.retry_after())
    if status == 503 and response.retry_after() is not None:
        return Verdict(Kind.THROTTLED, "is closed for a while (503)", words, hint, False, response.retry_after())
    if status >= 500 or status == 408:
        return Verdict(Kind.TRANSIENT, said, words, "That is trouble on its side; the next run tries again.")
    if status == 425:
        return Verdict(Kind.TRANSIENT, said, words, hint, False)
    if status in (401, 407):
        return Verdict(Kind.AUTH, f"refused the credentials ({status})", words, hint, False)
    if status == 403:
        return Verdict(Kind.PERMISSION, "refused the call (403)", words, hint, False)
    if 300 <= status < 400:
        return Verdict(
            Kind.MALFORMED, f"sends us elsewhere ({status})", "", "Check the address in the config.", False, None, False
        )
    return Verdict(Kind.INVALID, f"refused the request as wrong ({status})", words, hint, False)


def _body(response: Response, expect: Expect) -> Verdict | None:
    if expect == "any":
        return None
    try:
        empty = response.json is None and not response.content.strip()
    except NotJson as problem:
        hint = "Check the address in the config." if not problem.cut else ""
        return Verdict(Kind.MALFORMED, f"answers {response.status} with {problem}", hint=hint, again=problem.cut)
    if empty and expect == "json":
        return Verdict(Kind.MALFORMED, f"answers {response.status} with nothing", again=True)
    return None


def errors_in_body(
    code_of: Callable[[Any], str | None],
    kinds: Mapping[str, Kind],
    *,
    otherwise: Kind = Kind.INVALID,
) -> Resolver:
    """A resolver for vendors that hide errors inside HTTP 200.

    ``code_of`` gets the JSON and names its error code, or None when there is none; ``kinds`` says what
    the codes mean. All of them mean that the call was not applied.
    """

    def own(response: Response) -> Verdict | None:
        if not 200 <= response.status < 300:
            return None
        try:
            code = code_of(response.json)
        except (NotJson, LookupError, TypeError, AttributeError):
            return None
        if code is None:
            return None
        kind = kinds.get(code, otherwise)
        return Verdict(
            kind,
            f"answers with error {code}",
            vendor_words(response),
            applied=False,
            retry_after=response.retry_after(),
        )

    return own


def modest(words: str, sent: Any = None) -> str:
    """A vendor's words as an error or receipt may repeat them: short, without secrets and without what we sent."""
    return shorten(redact(words, echoes=texts_in(sent)))


def vendor_words(response: Response) -> str:
    """The sentence in which an error body says what is wrong, or "" — found in the shapes that vendors use."""
    try:
        return words_in(response.json)
    except NotJson:
        return ""


def words_in(body: Any) -> str:
    """The human sentence inside a JSON error: ``message``, ``detail``, ``errors`` and their like."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(filter(None, (words_in(inner) for inner in body[:3])))
    if not isinstance(body, Mapping):
        return ""
    said = [body[name] for name in ("message", "context", "error_description", "detail", "title") if body.get(name)]
    words = ". ".join(text.rstrip(".") for text in said if isinstance(text, str))
    if words:
        return words
    for name in ("errors", "error", "detail", "result"):
        inner = body.get(name)
        if isinstance(inner, Mapping) and not words_in(inner):
            return "; ".join(f"{k}: {words_in(v)}" for k, v in list(inner.items())[:3])
        if inner and not isinstance(inner, bool):
            return words_in(inner)
    return ""
