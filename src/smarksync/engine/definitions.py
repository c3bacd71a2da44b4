"""Fields of connected systems in words: what to add by hand, and what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from smarksync.config import Config
from smarksync.mapping import ObjectMapping
from smarksync.model import Entity
from smarksync.plugin import Defines, FieldInfo, Fixes

from .context import Opened

#: canonical type → what administrators of vendors call it
_CALLED = {
    "text": "text", "email": "e-mail (or text)", "phone": "phone (or text)", "url": "URL (or text)", "country": "text",
    "bool": "checkbox", "int": "whole number", "decimal": "number", "money": "currency", "date": "date",
    "instant": "date and time", "enum": "pick list", "set": "multi-select pick list", "ref": "text",
}  # fmt: skip
_SCORES = frozenset(("score", "fit_score", "engagement_score"))
_OURS = frozenset(("persona", "qualified_at", "qualified_by", "external_id", "full_name"))


def sentence(vendor: str, mapping: ObjectMapping, entity: Entity) -> str:
    """The exact definition of a vendor field that the mapping wants: name, type, length, words."""
    name = next((n for n, m in mapping.fields.items() if vendor in (m.vendor, m.currency)), "external_id")
    field = entity.fields[name]
    words = [str(pair.writes) for pair in mapping.fields[name].values if pair.writes] if name in mapping.fields else []
    words = list(dict.fromkeys(words or field.values))
    parts = [f"name `{vendor}`", f"type {_CALLED[field.type]}"]
    if name == "external_id":
        parts = [f"name `{vendor}`", "type text, length 64, unique, an external id where the system has such"]
    elif field.type == "text" and field.length:
        parts.append(f"length {field.length}")
    if words:
        parts.append(f"values {', '.join(words)}")
    return f"{'; '.join(parts)} (holds {name})."


def made(opened: Opened, obj: str, mapping: ObjectMapping, entity: Entity, missing: Sequence[str]) -> list[str]:
    """Asks the connector for the missing fields, ours and the config's own; one that cannot gets the definitions printed."""
    connector, connection = opened.connector, opened.name
    if opened.spec.closed:
        return [f"{connection}:{obj} gets no field {vendor}. {opened.spec.closed}" for vendor in missing]
    if not isinstance(connector, Fixes):
        return [
            f"{connection}:{obj} cannot be changed by SmarkSync. Add by hand: {sentence(vendor, mapping, entity)}"
            for vendor in missing
        ]
    offered = {m.vendor: entity.fields[m.name] for m in mapping.fields.values() if m.offered}
    ours = [vendor for vendor in missing if vendor not in offered]
    theirs = {vendor: offered[vendor] for vendor in missing if vendor in offered}
    said = list(connector.create_fields(obj, ours)) if ours else []
    if theirs and isinstance(connector, Defines):
        said += connector.define_fields(obj, theirs)
    elif theirs:
        said += [f"Add by hand: {sentence(vendor, mapping, entity)}" for vendor in theirs]
    return [f"{connection}:{obj}: {text}" for text in said]


def way_to(
    written: Mapping[str, Mapping[str, ObjectMapping]], closed: Mapping[str, str], entity: str, field: str
) -> str:
    """How an expression comes to see a field that no connection maps: what `--fix` makes, else where it can be mapped.

    ``closed``: by connection, why nobody can add fields there.
    """
    here = [(c, obj, m) for c, objects in written.items() for obj, m in objects.items() if m.entity == entity]
    offered = sorted({c for c, _, m in here if getattr(m.fields.get(field), "offered", False)})
    if offered:
        where = " and ".join(offered)
        return f"Map it where a system has it, or `smarksync check --fix` makes it in {where} where it can."
    places = " or ".join(f"`mappings.{c}.{obj}.fields: {{{field}: …}}`" for c, obj, _ in here if not closed[c])
    way = f"Map it ({places}), or leave it out of the expression." if places else "Leave it out of the expression."
    return " ".join((way, *dict.fromkeys(closed[c] for c, _, _ in here if closed[c])))


def changes(before: Iterable[FieldInfo], now: Iterable[FieldInfo], mapped: Collection[str]) -> Iterator[str]:
    """What became of the mapped fields; new fields count only when they are mapped."""
    old, new = {i.name: i for i in before}, {i.name: i for i in now}
    for name in sorted(mapped):
        was, is_ = old.get(name), new.get(name)
        if was is None or is_ is None:
            if was is not None:
                yield f"the field {name} is gone or hidden."
            elif is_ is not None:
                yield f"the field {name} is new there."
            continue
        if was.type != is_.type and not (was.inferred or is_.inferred):
            yield f"{name} was {was.type} and is {is_.type}."
        if was.max_length != is_.max_length:
            yield f"{name} held {was.max_length or 'any number of'} characters and holds {is_.max_length or 'any number'}."
        if was.writable != is_.writable:
            yield f"{name} is {'writable' if is_.writable else 'read only'} now."
        if was.create_only != is_.create_only:
            yield f"{name} {'is taken with new records only' if is_.create_only else 'can be changed'} now."
        if was.required != is_.required:
            yield f"{name} is {'required' if is_.required else 'no longer required'} now."
        yield from _choices(name, was, is_)


def _choices(name: str, was: FieldInfo, is_: FieldInfo) -> Iterator[str]:
    before = {c.value for c in was.choices or () if c.active}
    now = {c.value for c in is_.choices or () if c.active}
    if gone := sorted(before - now):
        yield f"the pick list {name} lost {', '.join(gone)}."
    if added := sorted(now - before):
        yield f"the pick list {name} got {', '.join(added)}."


def set_by_us(config: Config, entity: str, name: str) -> bool:
    """Whether SmarkSync computes the field itself, so that no connection need map it."""
    field = config.schema_[entity].fields.get(name)
    if field is None:
        return False
    return name in _OURS or field.group == "handoff" or (name in _SCORES and bool(config.scoring))


__all__ = ["changes", "made", "sentence", "set_by_us", "way_to"]
