"""A small factory: one field, its mapping and its live schema, compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from smarksync.mapping import (
    CompiledField,
    CompiledMapping,
    FieldMapping,
    ObjectMapping,
    Pair,
    Place,
    catalogue,
    compile_mapping,
)
from smarksync.model import ENTITIES, CustomField, schema
from smarksync.plugin import Can, Choice, FieldInfo, FieldType, StreamSpec

WRITABLE = frozenset({Can.CREATE, Can.UPDATE})


def stream(name: str = "Lead", entity: str = "lead", **more: Any) -> StreamSpec:
    return StreamSpec(name, entity, **{"can": WRITABLE, **more})


def table(values: Mapping[Any, Any]) -> tuple[Pair, ...]:
    """``{"word": "value"}``, ``{"word": [written, also read]}`` as the config has it."""
    pairs = []
    for word, vendor in values.items():
        reads = tuple(vendor) if isinstance(vendor, list) else (vendor,)
        pairs.append(Pair(word, reads[0], reads))
    return tuple(pairs)


@pytest.fixture
def whole() -> Callable[..., CompiledMapping]:
    """Compiles ``{canonical: FieldMapping or vendor name}`` against live fields."""

    def build(fields: Mapping[str, Any], live: list[FieldInfo], **more: Any) -> CompiledMapping:
        spec = more.pop("stream", stream())
        entity = more.pop("schema", ENTITIES)[spec.entity]
        mapped = {
            name: one if isinstance(one, FieldMapping) else FieldMapping(name, one, place=Place("smarksync.yaml", 7))
            for name, one in fields.items()
        }
        return compile_mapping("sales", spec, ObjectMapping(entity.name, mapped), live, entity, **more)

    return build


@pytest.fixture
def one(whole: Callable[..., CompiledMapping]) -> Callable[..., CompiledField]:
    """One custom lead field ``x`` of a canonical type in one vendor field ``X``."""

    def build(
        kind: str,
        vendor: FieldType = FieldType.TEXT,
        *,
        values: Mapping[Any, Any] | None = None,
        choices: list[str] | None = None,
        words: tuple[str, ...] = (),
        transform: tuple[str, ...] = (),
        max_length: int | None = None,
        blank_is_null: bool = True,
        resolution: timedelta = timedelta(microseconds=1),
        plugins: tuple[Any, ...] = (),
        country: str | None = None,
        currency: str | None = None,
        **more: Any,
    ) -> CompiledField:
        known = schema({"lead": {"x": CustomField(kind, words)}})
        picks = None if choices is None else tuple(Choice(*pick.split("=")) for pick in choices)
        info = FieldInfo("X", vendor, choices=picks, max_length=max_length)
        mapping = FieldMapping("x", "X", values=table(values or {}), transform=transform, **more)
        compiled = whole(
            {"x": mapping},
            [info],
            schema=known,
            stream=stream(blank_is_null=blank_is_null, resolution=resolution),
            transforms=catalogue(plugins),
            country=country,
            currency=currency,
        )
        return compiled.fields["x"]

    return build
