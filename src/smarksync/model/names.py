"""Full names: one field where a system has one, first and last where it has two.

``full_name`` is compared and never merged (schema.md, "Composite fields").
"""

from __future__ import annotations


def join_name(first: str | None, last: str | None) -> str | None:
    """``first last``, missing parts left out; None when both are missing."""
    return " ".join(part for part in (first, last) if part) or None


def split_full_name(text: str | None, first: str | None, last: str | None) -> tuple[str | None, str | None] | None:
    """(first, last) that ``text`` says, given the agreed ones; None = conflict kind ``name``: a person decides.

    Spaces between words do not count. A blank text says that there is no name.
    """
    words = (text or "").split()
    if not words:
        return None, None
    agreed_first, agreed_last = (first or "").split(), (last or "").split()
    if words == agreed_first + agreed_last:
        return first, last
    if agreed_last and words[-len(agreed_last) :] == agreed_last:
        return " ".join(words[: -len(agreed_last)]) or None, last
    if agreed_first and words[: len(agreed_first)] == agreed_first:
        return first, " ".join(words[len(agreed_first) :]) or None
    if len(words) == 2:
        return words[0], words[1]
    if not agreed_first and not agreed_last:
        return None, " ".join(words)
    return None
