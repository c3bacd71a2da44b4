"""A request as a handler sees it, and the answer that it gives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


class BadBody(Exception):
    """The body is not what its caller says it is; the server answers in the vendor's form."""


class Query:
    """The query of a URL: names may repeat, blank values are kept."""

    def __init__(self, text: str = "") -> None:
        self.items: list[tuple[str, str]] = parse_qsl(text, keep_blank_values=True)

    def get(self, name: str, default: str = "") -> str:
        """The first value of that name."""
        return next((value for key, value in self.items if key == name), default)

    def all(self, name: str) -> list[str]:
        """Every value of that name."""
        return [value for key, value in self.items if key == name]

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.items)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key for key, _ in self.items))

    def __bool__(self) -> bool:
        return bool(self.items)


@dataclass(frozen=True)
class Request:
    """``path`` is decoded, ``raw`` as it was sent; ``params`` holds the decoded segments that the route names; headers
    go by lower-case name."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    body: bytes = b""
    raw: str = ""
    params: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body as JSON; raises :class:`BadBody` when it is none, or not called so."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise BadBody(f"the content type is {kind or 'missing'}, not application/json")
        try:
            return json.loads(self.body)
        except ValueError as problem:
            raise BadBody(str(problem)) from None

    def form(self) -> dict[str, str]:
        """The body as a form; raises :class:`BadBody` when it is none, not called so, or names a field twice."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise BadBody(f"the content type is {kind or 'missing'}, not application/x-www-form-urlencoded")
        try:
            pairs = parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body))
        except ValueError as problem:
            raise BadBody(str(problem)) from None
        if len(dict(pairs)) < len(pairs):
            raise BadBody("a field is given twice")
        return dict(pairs)


@dataclass
class Answer:
    """What the server sends. ``body`` None = no body; ``headers`` may replace ``Content-Type``."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> tuple[bytes, str]:
        """The body in bytes and its content type ("" = no body)."""
        if self.body is None:
            return b"", ""
        if isinstance(self.body, bytes):
            return self.body, "application/octet-stream"
        if isinstance(self.body, str):
            kind = "text/html" if self.body.lstrip().startswith("<") else "text/plain"
            return self.body.encode(), f"{kind};charset=UTF-8"
        return json.dumps(
            self.body, ensure_ascii=False, separators=(",", ":")
        ).encode(), "application/json;charset=UTF-8"


class Refused(Exception):
    """Raised in a handler: the call ends with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}")
        self.answer = answer
