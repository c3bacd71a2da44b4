"""Personas have an id in the config and a name that people use: pick lists of systems hold the one or the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from smarksync.plugin import FieldInfo

from .choices import Matcher
from .spec import ObjectMapping, Pair


def with_personas(mapping: ObjectMapping, names: Mapping[str, str], live: Sequence[FieldInfo]) -> ObjectMapping:
    """The mapping with a value table for ``persona``, where it has none and the system offers a pick list.

    ``names``: id → name, of the config. The option of a persona is the one whose value or label is its id or its name.
    """
    field = mapping.fields.get("persona")
    info = next((one for one in live if field is not None and one.name == field.vendor), None)
    if field is None or field.values or info is None or info.choices is None:
        return mapping
    matcher = Matcher(info.choices)
    found = {id: matcher.find(id) or matcher.find(name) for id, name in names.items()}
    pairs = tuple(Pair(id, value, (value,)) for id, value in found.items() if value is not None)
    return replace(mapping, fields={**mapping.fields, "persona": replace(field, values=pairs)}) if pairs else mapping
