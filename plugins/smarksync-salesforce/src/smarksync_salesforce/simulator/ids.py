"""Record ids: 15 characters, and three more that tell the case of each (vendors/crm.md 1.10, trap 2)."""

from __future__ import annotations

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def make_id(prefix: str, number: int) -> str:
    """The 18-character id of record ``number`` of an object."""
    text = ""
    for _ in range(12):
        number, digit = divmod(number, 62)
        text = _DIGITS[digit] + text
    return full(prefix + "5g" + text[2:])


def full(record_id: str) -> str:
    """18 characters from 15; anything else as it is."""
    if len(record_id) != 15:
        return record_id
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << at for at, char in enumerate(record_id[start : start + 5]) if "A" <= char <= "Z")
        suffix += _SUFFIX[bits]
    return record_id + suffix


def well_formed(record_id: object) -> bool:
    """Whether that may be an id at all."""
    return isinstance(record_id, str) and len(record_id) in (15, 18) and record_id.isalnum() and record_id.isascii()
