"""URLs: scheme and host in lower case, no ``/`` after a bare host. The rest means what its server says."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from .values import wrong_type

_SETTLED = re.compile(r"https?://[a-z0-9.-]+(?:/[!-~]+)?", re.ASCII).fullmatch
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)?([^/?#]*@)?([^/?#]*)(.*)", re.DOTALL).fullmatch
#: Without a scheme only what looks like a host is one: "n/a" stays as it is.
_HOST = re.compile(r"[^\s/:]+\.[^\s/:.]+(:\d+)?").fullmatch


def parse_url(value: Any) -> str | None:
    """The canonical URL; None for null and blank. Raises ValueProblem SMK-VALUE-TYPE for what is no text."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type("a URL is text")
    if _SETTLED(value):
        return value
    text = unicodedata.normalize("NFC", value.strip())
    match = _PARTS(text)
    if not text or match is None:
        return None
    scheme, user, host, rest = match.groups()
    if scheme is None and (user or not _HOST(host)):
        return text
    host = unicodedata.normalize("NFC", host.lower())
    return f"{(scheme or '').lower()}{user or ''}{host}{'' if rest == '/' else rest}"
