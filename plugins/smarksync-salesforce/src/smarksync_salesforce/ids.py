"""Record ids: the API says 18 characters, reports, formulas and some of its own messages say 15.

The three more tell which of the first 15 are upper case (vendors/crm.md 1.10, trap 2).
"""

from __future__ import annotations

import re

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?")
#: key prefix → object, for fields that may point at several (WhoId, WhatId, OwnerId)
PREFIXES = {
    "00Q": "Lead", "003": "Contact", "001": "Account", "006": "Opportunity", "701": "Campaign", "005": "User", "00G": "Group",
}  # fmt: skip


def full_id(text: str) -> str:
    """The 18-character form; what is no id stays as it is."""
    if len(text) != 15 or not is_id(text):
        return text
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << at for at, char in enumerate(text[start : start + 5]) if "A" <= char <= "Z")
        suffix += _SUFFIX[bits]
    return text + suffix


def is_id(text: object) -> bool:
    """Whether that has the form of a record id."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def ids_in(words: str, prefix: str) -> tuple[str, ...]:
    """The ids of an object that a message names, in full, each once."""
    found = (full_id(word) for word in re.findall(r"\b[a-zA-Z0-9]{15,18}\b", words) if word.startswith(prefix))
    return tuple(dict.fromkeys(one for one in found if is_id(one)))


def kind_of(record_id: object) -> str | None:
    """The object that an id belongs to, by its first three characters."""
    return PREFIXES.get(record_id[:3]) if isinstance(record_id, str) else None
