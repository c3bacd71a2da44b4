"""Values of all other types than text: written through the connector, and read again as what they were. (Clause 14.)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from smarksync.mapping.vendor_types import READ
from smarksync.model import ValueProblem
from smarksync.plugin import Can, FieldInfo, FieldType, Op, StreamSpec, Write, WriteResult

from .clause import Failed
from .rows import mapped
from .stage import Stage

#: two values of each type, as mappings send them
_VALUES: dict[FieldType, tuple[Any, Any]] = {
    FieldType.BOOL: (True, False),
    FieldType.INT: (12, 7),
    FieldType.DECIMAL: (12.5, 7),
    FieldType.DATE: ("2026-11-20", "2026-02-28"),
    FieldType.INSTANT: ("2026-11-20T09:30:00Z", "2026-02-28T23:59:00Z"),
    FieldType.CHOICES: (["Kit one", "Kit two"], ["Kit two"]),
}
#: fields of one type that are tried (a system may refuse values for reasons of its own)
_MOST = 3


def types_come_back(stage: Stage, stream: StreamSpec) -> None:
    """Fails when a value that the system took is shown as another one, and the receipt did not say so."""
    if Can.UPDATE not in stream.can:
        return
    fields = list(_fields(stage, stream))
    if fields:
        (id,) = stage.seeded(stream.name, 1)
        for info in fields:
            if not info.create_only:
                _comes_back(stage, stream, id, info)
            elif not _set_on_create(stage, stream, info):
                said = "is said to be taken with new records only, and new rows do not show what they were made with"
                raise Failed(f"{stream.name}: {info.name} ({info.type}) {said}.")


def same(info: FieldInfo, one: Any, other: Any) -> bool:
    """Whether two vendor values are one, however they are spelled: "true" is true, and 7.0 is 7."""
    return bool(_meaning(info, one) == _meaning(info, other))


def _meaning(info: FieldInfo, raw: Any) -> Any:
    if raw is None or raw == "" or raw == []:
        return None
    try:
        found = READ[info.type](raw)
    except (ValueProblem, ValueError, TypeError):
        return raw
    return frozenset(found) if info.type is FieldType.CHOICES else found


def _fields(stage: Stage, stream: StreamSpec) -> Iterator[FieldInfo]:
    """Writable fields of each type, first those that the preset maps."""
    ours = set(mapped(stage.spec.preset, stream.name).values())
    apart = {stream.external_id, stream.email_field, *stream.natural_keys}
    tried: Counter[FieldType] = Counter()
    for info in sorted(stage.describe(stream.name), key=lambda info: info.name not in ours):
        if info.writable and not info.unique and info.name not in apart and _values(info) and tried[info.type] < _MOST:
            tried[info.type] += 1
            yield info


def _values(info: FieldInfo) -> tuple[Any, Any] | None:
    if info.choices:
        taken = [choice.value for choice in info.choices if choice.active]
        if len(taken) < 2 or info.type not in (FieldType.CHOICE, FieldType.CHOICES):
            return None
        return (taken[0], taken[1]) if info.type is FieldType.CHOICE else (taken[:2], taken[1:2])
    return _VALUES.get(info.type)


def _comes_back(stage: Stage, stream: StreamSpec, id: str, info: FieldInfo) -> None:
    """Two values in turn, so that a field which shows the one for the other is told from one that keeps its own."""
    values = _values(info)
    assert values is not None  # such fields alone are tried
    more = stage.together(stream.name, info.name)
    at_first = _shown(stage, stream, id, info)
    shown: list[Any] = []
    wrong: list[str] = []
    for value in values:
        receipts = stage.write(stream.name, [Write("t1", Op.UPDATE, {info.name: value, **more}, id)])
        receipt = next((one for one in receipts if one.ref == "t1"), None)
        if receipt is None or receipt.result not in (WriteResult.UPDATED, WriteResult.UNCHANGED):
            return  # refused, and said so
        shown.append(_shown(stage, stream, id, info))
        told = receipt.stored or {}
        if not same(info, shown[-1], value) and not (info.name in told and same(info, told[info.name], shown[-1])):
            wrong.append(f"written as {value!r}, answered {receipt.result}, and is shown as {shown[-1]!r}")
    stays = all(same(info, seen, at_first) for seen in shown)
    if wrong:
        advice = (
            "; `create_only` says that new rows alone take it" if stays and _set_on_create(stage, stream, info) else ""
        )
        raise Failed(f"{stream.name}: {info.name} ({info.type}) was {wrong[0]}{advice}.")
    if all(same(info, seen, value) for seen, value in zip(shown, reversed(values), strict=True)):
        raise Failed(
            f"{stream.name}: {info.name} ({info.type}) is shown as {shown[0]!r} when it was written as {values[0]!r}, and "
            f"as {shown[1]!r} when it was written as {values[1]!r}: what is read is not what is written."
        )


def _shown(stage: Stage, stream: StreamSpec, id: str, info: FieldInfo) -> Any:
    return stage.look(stream.name, [id], (info.name,)).get(id, {}).get(info.name)


def _set_on_create(stage: Stage, stream: StreamSpec, info: FieldInfo) -> bool:
    """Whether new rows take each of two values: some fields are settled when a row is made (what kind of task it is)."""
    values = _values(info)
    assert values is not None  # such fields alone are tried
    if Can.CREATE not in stream.can:
        return False
    new = [{**row, info.name: value} for row, value in zip(stage.rows(stream.name, 2), values, strict=True)]
    return all(
        same(info, _shown(stage, stream, id, info), value)
        for id, value in zip(stage.create(stream.name, new), values, strict=True)
    )
