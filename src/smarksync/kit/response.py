"""What a server answered, read once and with its times told in its own clock."""

from __future__ import annotations

import contextlib
import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from smarksync.errors import Malformed


class NotJson(ValueError):
    """The body is no JSON; ``cut`` when it began like JSON, so that asking again may help."""

    def __init__(self, message: str, *, cut: bool) -> None:
        super().__init__(message)
        self.cut = cut


@dataclass(frozen=True)
class Response:
    """An answer: status, headers (any case), body. ``sent`` is the JSON that was asked with."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str = ""
    sent: Any = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are replaced. Never log it."""
        return self.content.decode("utf-8", "replace")

    @functools.cached_property
    def json(self) -> Any:
        """The body as JSON, None when it is empty; raises :class:`NotJson`, which says what came instead."""
        body = self.content.strip()
        if not body:
            return None
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            with contextlib.suppress(ValueError, RecursionError):
                return _lenient(body)
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if body[:1] == b"<" or kind == "text/html":
            raise NotJson("a web page", cut=False)
        if body[:1] in b'{["':
            raise NotJson(f"JSON that breaks off or is damaged ({len(self.content)} bytes)", cut=True)
        raise NotJson(f"{kind or 'data of no stated type'} instead of JSON", cut=False)

    @functools.cached_property
    def date(self) -> datetime | None:
        """The server's own time (``Date`` plus ``Age`` of a cached answer), aware; None when it does not say."""
        at = http_date(self.headers.get("date"))
        age = self.headers.get("age", "")
        return at + timedelta(seconds=int(age)) if at and age.isdigit() else at

    def retry_after(self, header: str = "retry-after") -> float | None:
        """Seconds to stay away, from ``Retry-After`` in either form (RFC 9110, 10.2.3); None when not said."""
        text = self.headers.get(header, "").strip()
        try:
            seconds = float(text)
        except ValueError:
            until = http_date(text)
            if until is None or self.date is None:
                return None
            seconds = (until - self.date).total_seconds()
        return max(seconds, 0.0) if seconds < float("inf") else None


class Answered(dict[str, Any]):
    """An object of an answer. A key that is not there, though the vendor documents it, is a malformed answer: the error names
    the vendor, the endpoint and the key. ``get`` is for what may be missing."""

    __slots__ = ("where",)

    def __init__(self, found: Any, where: str) -> None:
        """``where``: of whom and which call, such as "HubSpot's answer of /crm/v3/lists/7". Raises Malformed for what is
        no object."""
        if not isinstance(found, Mapping):
            raise Malformed(f"{where} has {_kind(found)} where an object is documented.", hint=_HINT)
        super().__init__(found)
        self.where = where

    def __missing__(self, key: str) -> Any:
        raise Malformed(f"{self.where} has an object without `{key}`, which is documented.", hint=_HINT)

    def rows(self, key: str) -> list[Answered]:
        """The list of objects under a key. Raises Malformed when it is no such list."""
        found = self.get(key)
        if not isinstance(found, list):
            raise Malformed(f"{self.where} has no list `{key}`.", hint="Check the address in the config.")
        return [Answered(one, self.where) for one in found]


def whole(row: Mapping[str, Any], key: str) -> int:
    """The whole number under a key of an object of an answer, also one that is written as text. Raises Malformed."""
    found = row[key]
    try:
        if isinstance(found, bool) or not isinstance(found, int | str):
            raise ValueError
        return int(found)
    except ValueError:
        where = getattr(row, "where", "An answer")
        raise Malformed(f"{where} has an object whose `{key}` is no whole number.", hint=_HINT) from None


_HINT = "Check the address in the config; if that is right, the vendor has changed its answers: please report it."


def _kind(found: Any) -> str:
    return "nothing" if found is None else "a list" if isinstance(found, list) else "a plain value"


def _lenient(body: bytes) -> Any:
    """JSON with half a character in a text: an emoji that a vendor's own limit has cut in two.

    RFC 8259 (8.2) lets it be written and says that what readers make of it is unpredictable. It is read as U+FFFD, which
    is how people see it on every screen; otherwise one such text in one record would make the whole object unreadable.
    """
    found = json.loads(body.decode("utf-8", "replace"), parse_constant=_no_constant, parse_float=_number)
    return json.loads(
        json.dumps(found, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def _number(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text  # too large for any field: said there, by the field's own type


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def http_date(text: str | None) -> datetime | None:
    """An HTTP date as an aware time; None when it is missing or wrong."""
    try:
        at = parsedate_to_datetime(text or "")
    except (TypeError, ValueError, IndexError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
