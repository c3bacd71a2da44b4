"""Rows that a system takes, made up from what its connector tells of the live schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from smarksync.plugin import Can, FieldInfo, FieldType, StreamSpec

#: canonical fields that every system has in some form and that may be empty, most ordinary first
_ORDINARY = ("first_name", "last_name", "job_title", "company", "city", "street", "description", "name", "website")
_SHORTEST = 20


def plain_fields(infos: Sequence[FieldInfo], stream: StreamSpec, preset: str | None) -> list[str]:
    """Text fields that may be empty and take any text: those that the preset maps first, then the rest of the schema."""
    fit = [
        info.name
        for info in infos
        if info.type is FieldType.TEXT
        and info.writable
        and not info.create_only
        and not info.required
        and not info.unique
        and info.choices is None
        and (info.max_length is None or info.max_length >= _SHORTEST)
        and info.name not in (stream.external_id, stream.email_field, *stream.natural_keys)
    ]
    ours = mapped(preset, stream.name)
    first = [ours[name] for name in _ORDINARY if ours.get(name) in fit]
    return list(dict.fromkeys([*first, *fit]))[:3]


def example(infos: Sequence[FieldInfo], texts: Sequence[str], stream: StreamSpec, n: int, label: str) -> dict[str, Any]:
    """A row: what is required, the address, and the plain text fields."""
    row: dict[str, Any] = {}
    for info in infos:
        if info.writable and (info.required or info.name == stream.email_field):
            row[info.name] = _value(info, n, label)
    if Can.FIND in stream.can:
        known = {info.name: info for info in infos}
        for key in stream.natural_keys[:1]:
            if key in known and known[key].writable:
                row.setdefault(key, _value(known[key], n, label))
    for place, name in enumerate(texts):
        row.setdefault(name, f"{label.title()} O'Neill-Ünal {n}.{place}")
    return row


def _value(info: FieldInfo, n: int, label: str) -> Any:
    if info.choices:
        return next((choice.value for choice in info.choices if choice.active), info.choices[0].value)
    match info.type:
        case FieldType.EMAIL:
            return f"{label}{n:05}@conformance.example.com"
        case FieldType.PHONE:
            return f"+4930{n:07}"
        case FieldType.URL:
            return f"https://{label}{n:05}.example.com"
        case FieldType.BOOL:
            return False
        case FieldType.INT | FieldType.DECIMAL:
            return n
        case FieldType.DATE:
            return "2026-11-22"
        case FieldType.INSTANT:
            return "2026-11-22T00:00:00Z"
        case FieldType.CHOICES:
            return []
    if "mail" in info.name.lower():
        return f"{label}{n:05}@conformance.example.com"
    text = f"{label} {info.name} {n:05}"
    return text[: info.max_length] if info.max_length else text


@lru_cache(maxsize=64)
def mapped(preset: str | None, stream: str) -> Mapping[str, str]:
    """canonical name → vendor name, as the preset has it."""
    if not preset:
        return {}
    from ruamel.yaml import YAML

    found = (YAML(typ="safe").load(preset) or {}).get("streams", {}).get(stream, {}).get("fields", {})
    return {
        name: told if isinstance(told, str) else str(told.get("field", ""))
        for name, told in found.items()
        if isinstance(told, (str, dict))
    }
