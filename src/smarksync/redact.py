"""Modesty: what may leave this program in a log line, an error or a report.

Patterns catch what looks like a secret or an address wherever it stands; ``secrets`` and ``echoes`` catch
what only the caller knows: credentials of any form, and values that we sent and a vendor repeats in
its refusal ("Ada Lovelace already exists").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

#: What stands in the place of something taken out.
GONE = "[redacted]"
#: Longest vendor text that an error repeats, in characters.
LONGEST = 300

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\b"), GONE),  # a JWT
    # user:password@ in a URL
    (re.compile(r"(?<=://)[^/\s@:]+:[^/\s@]+@"), GONE + "@"),
    (
        re.compile(r"[^\s@<>\"'(),;:=\[\]]+@[^\s@<>\"'(),;:=\[\]]+\.[^\s@<>\"'(),;:=\[\]]*[^\s@<>\"'(),;:=\[\].!?]"),
        "[e-mail]",
    ),
    (re.compile(r"%40[\w.-]+\.\w+"), "[e-mail]"),  # the rest of an address in a query string
    (re.compile(r"(?i)\b(bearer|token|ghost|basic|bcrm)([ _])(?=\S*\d)[\w.~+/=-]{12,}"), r"\1 " + GONE),
    (
        re.compile(
            r"(?i)\b([\w-]*(?:password|passwd|secret|token|api[_-]?key|admin_key|authorization|assertion|signature)"
            r"[\w-]*[\"']?\s*[=:]\s*[\"']?)(?!\[redacted)[^\s\"'&,;}]+"
        ),
        r"\1" + GONE,
    ),
    (re.compile(r"\b[0-9a-fA-F]{40,}\b"), GONE),  # keys and digests; vendors' record ids are shorter
    (re.compile(r"\+\d[\d ().-]{6,}\d"), "[phone]"),
)


def redact(text: str, *, secrets: Iterable[str] = (), echoes: Iterable[str] = ()) -> str:
    """``text`` without secrets and personal data, as far as patterns and the given values tell."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, GONE)
    for value in sorted({e for e in echoes if len(e) >= 3}, key=len, reverse=True):
        text = re.sub(re.escape(value), "[value]", text, flags=re.IGNORECASE)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def shorten(text: str, longest: int = LONGEST) -> str:
    """One line of at most ``longest`` characters."""
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def texts_in(value: Any) -> Iterator[str]:
    """Every text value inside a JSON value (no keys): what a refusal might repeat."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from texts_in(inner)


def redact_facts(facts: Mapping[str, Any], *, secrets: Iterable[str] = ()) -> dict[str, Any]:
    """The facts of a log line, each text in them redacted."""
    known = tuple(secrets)
    return {name: _inner(value, known) for name, value in facts.items()}


def _inner(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return redact(value, secrets=secrets)
    if isinstance(value, Mapping):
        return {k: _inner(v, secrets) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_inner(v, secrets) for v in value]
    if isinstance(value, BaseException):
        return redact(str(value), secrets=secrets)
    return value
