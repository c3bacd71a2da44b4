"""Writing SOQL: literals that cannot break out, conditions that fit into a URL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

#: Bytes of values in one query: URI and headers together may have 16,384 (vendors/crm.md 1.8).
_ROOM = 9_000
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class Place(NamedTuple):
    """A place in a reading ordered by time and id: everything behind it is still to come."""

    at: datetime
    id: str


def text(value: str) -> str:
    """A string literal (vendors/crm.md 1.10, trap 10)."""
    return f"'{value.translate(_ESCAPES)}'"


def moment(at: datetime) -> str:
    """A datetime literal: no quotes, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def select(columns: Iterable[str], name: str, where: Iterable[str | None] = (), *, order: bool = False) -> str:
    """A query; the conditions are joined by AND."""
    conditions = [f"({one})" if " OR " in one else one for one in where if one]
    said = f"SELECT {', '.join(columns)} FROM {name}"
    said += f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return said + (" ORDER BY SystemModstamp, Id" if order else "")


def behind(place: Place) -> str:
    """Rows behind a place; at the very start of a second, that second, too."""
    at = moment(place.at)
    if not place.id:
        return f"SystemModstamp >= {at}"
    return f"SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {text(place.id)})"


def one_of(field: str, values: Sequence[str]) -> Iterator[str]:
    """``field IN (…)`` conditions, each short enough for a URL."""
    group: list[str] = []
    size = 0
    for value in values:
        literal = text(value)
        own = len(quote(literal)) + 3
        if group and size + own > _ROOM:
            yield f"{field} IN ({','.join(group)})"
            group, size = [], 0
        group.append(literal)
        size += own
    if group:
        yield f"{field} IN ({','.join(group)})"
