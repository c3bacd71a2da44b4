"""Fields that point at other records: entity ids on our side, the vendor's own ids on each of theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from smarksync.model import ABSENT, ValueProblem

from .compiled import CompiledField


class References(Protocol):
    """Exchanges ids on one connection. Both raise ValueProblem ``SMK-PARENT`` while the other record is not there yet."""

    def entity_of(self, entity: str, record: str) -> str:
        """The entity id of a record."""
        ...

    def record_of(self, entity: str, ref: str) -> str:
        """The record of an entity."""
        ...


def as_reference(field: CompiledField, references: References) -> CompiledField:
    """The field with entity ids inward and record ids outward."""
    entity = str(field.field.ref)
    read, write = field.inward, field.outward

    def inward(raw: Any) -> Any:
        return _each(read(raw), lambda one: references.entity_of(entity, one))

    def outward(wire: Any) -> Any:
        return write(_each(wire, lambda one: references.record_of(entity, one)))

    def agrees(raw: Any, wire: Any) -> bool:
        try:
            return bool(inward(raw) == wire)
        except ValueProblem:
            return False

    return replace(field, inward=inward, outward=outward, agrees=agrees, identity=False)


def _each(value: Any, exchange: Callable[[str], str]) -> Any:
    if value is None or value is ABSENT or value == "":
        return value
    return sorted({exchange(one) for one in value}) if isinstance(value, list) else exchange(str(value))
