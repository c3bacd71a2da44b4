"""Modesty: e-mail addresses, phone numbers, tokens and known secrets leave every text before it goes out.

Used at the exits (log, errors, reports, cassettes). It would rather hide too much than too little, but it keeps
times, UUIDs, versions, plain record ids and ``connection:object:id`` references, without which a log is useless.
Patterns catch what looks like a secret or an address wherever it stands; ``secrets`` and ``echoes`` catch what
only the caller knows: credentials of any form, and values that we sent and a vendor repeats in its refusal
("Ada Lovelace already exists").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

#: What stands in the place of something taken out.
GONE, EMAIL, PHONE, ECHO = "[redacted]", "[e-mail]", "[phone]", "[value]"
#: Longest vendor text that an error repeats, in characters.
LONGEST = 300

# Alternatives are tried in this order at each place; what `keep` takes, nothing below it sees. Repeats are bounded
# or start at a word's start only, so that a long blob costs time in proportion to its length.
_PATTERN = re.compile(
    r"""
      (?P<login>(?<=://)[^\s/@:]+:[^\s/@]+(?=@))                                   # https://user:password@host
    | (?P<jwt>(?<![\w-])(?:eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(?=[\w-]*\d)[\w-]{16,}\.[\w-]{16,}\.[\w-]{16,}))
    | (?P<key>(?<![\w-])(?:[\w-]{0,40}?(?:token|secret|password|passwd|pwd|api_?key|admin_?key|client_?key|private_?key|
          authorization|signature|assertion|session_?id|cookie)[\w-]{0,40})["']?\s*[:=]\s*)
      (?P<value>"[^"]*"|'[^']*'|(?:(?:Bearer|Basic|Ghost|Token)\s+)?(?!\d{1,5}\b|\[redacted)[^\s,;&"'}\])]+)
    | (?P<auth>\b(?:Bearer|Basic|Ghost|Token)\s+)(?!--[a-z])(?=\S*[\d._-])[\w.~+/=:-]{8,}
    | (?P<token>\bbcrm_\w{8,}|\b[0-9a-f]{40,}\b
          | \bpat-[a-z0-9]{2,4}-[0-9a-f-]{20,}|\b[0-9a-f]{24}:[0-9a-f]{32,}|\b00D\w{12,15}![\w.]{10,})
    | (?P<email>(?<![^\s@<>"'`,;:()\[\]{}|=/\\?&])(?:[^\s@<>"'`,;:()\[\]{}|=/\\?&]|(?<=\w)'(?=\w)){1,320}?(?:@|%40)
          (?:[^\s@<>"'`,;:()\[\]{}|=/\\?&.]+\.)+[^\s@<>"'`,;:()\[\]{}|=/\\?&.]+)
    | (?P<keep>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d[\d:.,]*(?:Z|[+-]\d\d:?\d\d)?)?         # times
          | \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b             # UUIDs
          | \b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b                                         # addresses of hosts
          | \b[a-z_][\w-]{0,60}:[a-z_][\w-]{0,60}:[\w-]{1,80}(?![\w@%-]|\.\w))              # references
    | (?P<phone>\+\(?[1-9][\d\s()./-]{5,20}\d(?:;ext=\d+)?                               # international
          | \b00[1-9][\d\s()./-]{5,20}\d(?!\w)
          | (?<![\w.,-])(?<!\d:)\(?0\d[\d\s()./-]{5,18}\d(?![\w:])                        # trunk prefix
          | (?<![\w.,-])\(\d{2,4}\)\s?\d[\d\s.-]{4,12}\d(?![\w:])                         # (415) 555-0100
          | (?<![\w.,-])\d{3}[\s.-]\d{3}[\s.-]\d{4}(?![\w:]))                             # 415-555-0100
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: Text without any of these holds nothing that the pattern could find; most log words do not.
_SUSPECT = re.compile(
    r"[@%=:]|\d\D{0,2}\d\D{0,2}\d|\beyJ|\bbcrm_|\S{40}|bearer|basic|ghost|token", re.IGNORECASE
).search

#: Keys of structured facts whose values never go out, whatever they look like.
_SECRET_KEY = re.compile(
    r"token|secret|password|passwd|\bpwd\b|api_?key|admin_?key|authorization|signature|assertion|cookie|private_?key",
    re.IGNORECASE,
)
_PERSONAL_KEYS = frozenset(
    """
    email emails other_emails first_name firstname last_name lastname full_name fullname salutation phone mobile_phone
    mobilephone mobile street address postal_code postcode zip city linkedin_url description note handoff_note subject
    """.split()  # noqa: SIM905  # a word list reads better as text
)

_known: set[str] = set()
_known_pattern: re.Pattern[str] | None = None


def hide(*secrets: str) -> None:
    """Makes texts that are secret (as config loaded them) vanish from everything that goes out from now on.

    Words of fewer than six characters are left alone: hiding them would eat ordinary text.
    """
    global _known_pattern
    _known.update(secret for secret in secrets if len(secret) >= 6)
    if _known:
        _known_pattern = re.compile("|".join(re.escape(one) for one in sorted(_known, key=len, reverse=True)))


def forget_hidden() -> None:
    """Lets go of all secrets that :func:`hide` was told."""
    global _known_pattern
    _known.clear()
    _known_pattern = None


def redact(text: str, *, secrets: Iterable[str] = (), echoes: Iterable[str] = (), typed: Sequence[str] = ()) -> str:
    """``text`` without secrets and personal data, as far as patterns and the given values tell.

    ``echoes`` of fewer than three characters are left: hiding them would eat ordinary words. ``typed`` are the words that
    the reader has just typed: addresses and numbers in them are shown, for they hide nothing from whoever wrote them.
    """
    if _known_pattern is not None:
        text = _known_pattern.sub(GONE, text)
    for secret in secrets:
        if secret:
            text = text.replace(secret, GONE)
    for value in sorted({echo for echo in echoes if len(echo) >= 3}, key=len, reverse=True):
        text = re.sub(re.escape(value), ECHO, text, flags=re.IGNORECASE)
    if not _SUSPECT(text):
        return text
    if not typed:
        return _PATTERN.sub(_replace, text)

    def replace(match: re.Match[str]) -> str:
        shown = match.lastgroup in ("email", "phone") and any(match[0].casefold() in word.casefold() for word in typed)
        return match[0] if shown else _replace(match)

    return _PATTERN.sub(replace, text)


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
    """The facts of a log line, redacted by name and by what their texts look like."""
    known = tuple(secrets)
    return {name: redact_value(value, name, secrets=known) for name, value in facts.items()}


def redact_value(value: Any, key: str = "", *, secrets: tuple[str, ...] = ()) -> Any:
    """A value of any shape with its texts redacted; ``key`` is the name it goes by.

    Mappings and lists are copied, other objects go by their redacted ``str``; numbers, truth and None stay.
    """
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 10**6):
        return value  # counts by field name ("email": 12) are no personal data
    if key and (_SECRET_KEY.search(key) or key.lower() in _PERSONAL_KEYS):
        if isinstance(value, Mapping):  # counts by kind, or a record: numbers stay, all else goes
            return {redact(str(name), secrets=secrets): redact_value(one, key) for name, one in value.items()}
        return GONE
    if isinstance(value, str):
        return redact(value, secrets=secrets)
    if isinstance(value, int):
        return value
    if isinstance(value, Mapping):
        return {
            redact(str(name), secrets=secrets): redact_value(one, str(name), secrets=secrets)
            for name, one in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact_value(one, secrets=secrets) for one in value]
    return redact(str(value), secrets=secrets)


def _replace(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "keep":
        return match[0]
    if kind == "email":
        return EMAIL
    if kind == "phone":
        return PHONE if sum(char.isdigit() for char in match[0]) >= 7 else match[0]
    if kind == "value":
        quote = match["value"][0] if match["value"][0] in "\"'" else ""  # JSON stays JSON
        return f"{match['key']}{quote}{GONE}{quote}"
    return match["auth"] + GONE if kind == "auth" else GONE
