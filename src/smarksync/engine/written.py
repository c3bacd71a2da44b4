"""What configs and presets say of a connection's objects, laid over each other, before any system is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from smarksync.config import Config
from smarksync.config.problems import Path
from smarksync.errors import ConfigError
from smarksync.mapping import FieldMapping, ObjectMapping, Preset, load_preset, object_mapping
from smarksync.mapping.lint import nearest
from smarksync.plugin import ConnectorSpec, StreamSpec


def written_mappings(
    config: Config, name: str, spec: ConnectorSpec, available: Sequence[StreamSpec]
) -> tuple[dict[str, ObjectMapping], Preset | None]:
    """The mappings of one connection by object, preset and own lines laid over each other."""
    preset = load_preset(spec.preset, f"{spec.name} preset") if spec.preset else None
    for obj, one in preset.streams.items() if preset is not None else ():
        if one.entity not in config.schema_:
            raise ConfigError(f"{obj}: there is no entity {one.entity!r}{nearest(one.entity, config.schema_)}", file=one.place.file,
                              line=one.place.line, hint=f"The preset comes with the plugin of {spec.name}.")  # fmt: skip
    written = config.mapping_of(name)
    if written.preset and preset is None:
        place = config.where(("connections", name))
        raise ConfigError(f"connection {name!r}: the connector {spec.name!r} has no preset.", file=str(place.file), line=place.line,
                          hint=f"Write `mappings.{name}.OBJECT` with `entity` and `fields`.")  # fmt: skip
    out: dict[str, ObjectMapping] = {}

    def where(obj: str, path: Path) -> Any:
        return config.where(("mappings", name, obj, *path))

    for obj, own in written.objects.items():
        base = preset.streams.get(obj) if preset is not None and (own.extends or written.extends) else None
        extends = bool(own.extends or written.extends)
        out[obj] = object_mapping(own, base, partial(where, obj), extends=extends)
        if available and obj not in {s.name for s in available}:
            place = where(obj, ())
            names = ", ".join(s.name for s in available)
            raise ConfigError(
                f"mappings.{name}: {spec.name} has no object {obj!r}.",
                file=str(place.file),
                line=place.line,
                hint=f"It has: {names}.",
            )
    if written.extends == "preset" and preset is not None:
        for obj, base in preset.streams.items():
            out.setdefault(obj, base)
    if preset is not None and preset.own:
        for obj in out.keys() & preset.streams.keys():
            out[obj] = _with_own_fields(config, out[obj], preset)
    return out, preset


def _with_own_fields(config: Config, mapping: ObjectMapping, preset: Preset) -> ObjectMapping:
    """Fields of the config's own that no mapping names, under the name that `check --fix` makes them by."""
    own = config.entities.get(mapping.entity)
    mapped = {
        name
        for connection in config.connections
        for written in config.mapping_of(connection).objects.values()
        for name in written.fields
    }
    known = config.schema_[mapping.entity].fields
    more = {
        name: FieldMapping(name, preset.own_name(name), own=False, offered=True, place=mapping.place)
        for name in (own.fields if own is not None else ())
        if name not in mapped and name not in mapping.fields and known[name].ref is None
    }
    return replace(mapping, fields={**mapping.fields, **more}) if more else mapping


__all__ = ["written_mappings"]
