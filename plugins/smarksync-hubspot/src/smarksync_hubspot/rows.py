"""Rows as HubSpot prints them, and as the engine wants them: one flat mapping by field name, values untouched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from smarksync.plugin import Malformed, Past, Record

from .client import Json, is_number
from .properties import Schema
from .streams import KINDS, Link

#: row id → ids of the associated records, per pseudo field
Linked = Mapping[str, Mapping[str, Sequence[str]]]


class Shape:
    """What to ask for to fill certain fields of an object, and how to fill them."""

    def __init__(self, kind: str, fields: Sequence[str], schema: Schema) -> None:
        known = KINDS[kind]
        computed = {one.name: one for one in known.computed}
        self.kind, self._stamp = kind, known.stamp
        #: pseudo fields whose ids must be read by the association API
        self.links: dict[str, Link] = {}
        self._filled: list[tuple[str, Callable[[Json], Any]]] = []
        self._plain: list[tuple[str, str]] = []
        wanted: dict[str, None] = {known.stamp: None}
        for name in fields:
            link = known.links.get(name)
            if link is not None and link.shortcut and not link.many:
                self._plain.append((name, link.shortcut))
                wanted[link.shortcut] = None
            elif link is not None:
                self.links[name] = link
            elif name in computed:
                self._filled.append((name, computed[name].value))
                wanted.update(dict.fromkeys(computed[name].needs))
            else:
                real = schema.real(kind, name)
                self._plain.append((name, real))
                wanted[real] = None
        if known.merges:
            wanted["hs_merged_object_ids"] = None
            if kind == "contacts":
                wanted["hs_calculated_merged_vids"] = None
        #: properties to ask for
        self.properties = tuple(wanted)

    def history_of(self) -> tuple[str, ...]:
        """The properties whose history can tell which of two edits is newer."""
        return tuple(dict.fromkeys(real for _, real in self._plain))

    def record(self, row: Json, linked: Linked | None = None) -> Record:
        """One row as a record with exactly the fields that were asked for."""
        try:
            properties = row["properties"]
            rid = str(row["id"])
            if not is_number(row["id"]):
                raise ValueError(rid)
            if (
                properties.get(self._stamp) is None
            ):  # every object has one: without it nothing of the row is shown, not nothing in it
                raise ValueError(self._stamp)
            shown = {name: properties.get(real) for name, real in self._plain}
            for name, value in self._filled:
                shown[name] = value(properties)
            for name, link in self.links.items():
                ids = (linked or {}).get(name, {}).get(rid, ())
                shown[name] = sorted(ids) if link.many else (ids[0] if ids else None)
            return Record(rid, shown, instant(row.get("updatedAt")), history=self._history(row))
        except (KeyError, TypeError, AttributeError, ValueError) as problem:
            raise Malformed(
                f"HubSpot shows a row of {self.kind} in a shape that this connector does not know."
            ) from problem

    def _history(self, row: Json) -> Mapping[str, Sequence[Past]] | None:
        told = row.get("propertiesWithHistory")
        if not isinstance(told, Mapping):
            return None
        return {name: [_past(step) for step in told[real]] for name, real in self._plain if told.get(real)}


def _past(step: Json) -> Past:
    at = instant(step["timestamp"])
    assert at is not None
    by = ":".join(str(step[part]) for part in ("sourceType", "sourceId") if step.get(part))
    return Past(step.get("value"), at, by or None)


def instant(text: Any) -> datetime | None:
    """A time of HubSpot's, aware; None when there is none. Raises Malformed for what is no time."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Malformed("HubSpot shows a time in a shape that this connector does not know.")
    return at


def ticks(at: datetime) -> int:
    """Milliseconds since 1970, cut: the grain of HubSpot's stamps."""
    return int(at.timestamp() * 1000)


def sent(value: Any) -> str:
    """A value as HubSpot takes it: all are text, and the empty text clears (crm.md 2.3, 2.7)."""
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return ";".join(str(item) for item in value)
    return repr(value) if isinstance(value, float) else str(value)
