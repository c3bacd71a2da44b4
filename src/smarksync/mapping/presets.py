"""Reading mappings: a connector's ``preset.yaml``, a user's ``mappings:``, and one laid over the other.

::

    streams:
      Lead:
        entity: lead
        fields:
          email: Email                                  # short form: the vendor's field
          amount: Amount + CurrencyIsoCode              # money in two fields
          sales_status:
            field: Status
            values:
              new: Open - Not Contacted                 # several words may share one value (folded): the first
              working: [Working - Contacted, Nurturing] # listed is the one read; of several values the first is written
              qualified: {read: Closed - Converted}     # the vendor sets it by itself
            keep: [Imported]                            # says nothing: the agreed value stands
    creates: {lead: Lead}
    primary: {lead: [Contact, Lead]}                    # best first
    own: SmarkSync_{Title}__c                           # what a field of a config's own is called ({snake}, {Pascal})

``values:`` may also stand beside ``fields:``, per canonical field.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from smarksync.errors import ConfigError

from .spec import FieldMapping, ObjectMapping, Pair, Place, Preset, overlay

_KEYS = ("field", "direction", "values", "unknown", "default", "transform", "required", "keep")
_WORDS = {"direction": ("both", "read", "write"), "unknown": ("quarantine", "keep", "default")}
Where = Callable[[tuple[str, ...]], Any]


class WrittenMapping(Protocol):
    """``mappings.<connection>.<object>`` of config/schema.py."""

    @property
    def entity(self) -> str | None: ...
    @property
    def extends(self) -> str | None: ...
    @property
    def fields(self) -> Mapping[str, Any]: ...


class WrittenConnection(Protocol):
    """``mappings.<connection>`` of config/schema.py."""

    @property
    def extends(self) -> str | None: ...
    @property
    def objects(self) -> Mapping[str, Any]: ...


def load_preset(text: str, file: str) -> Preset:
    """The preset in ``text``; ``file`` names it in errors. Raises ConfigError with all problems at once."""
    return _load_preset(text, file)


@lru_cache(maxsize=64)
def _load_preset(text: str, file: str) -> Preset:
    from ruamel.yaml import YAML  # not needed by a config without presets
    from ruamel.yaml.error import MarkedYAMLError

    problems: list[str] = []
    try:
        data = YAML(typ="rt").load(text) or {}
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigError(f"not readable as YAML: {error.problem}", file=file, line=line) from None
    for key in data:
        if key not in ("streams", "creates", "primary", "own"):
            problems.append(f"{_place(data, key, file)}: {key} is not known here: streams, creates, primary, own")
    streams = {
        name: _object(body, Place(file, _line(data["streams"], name)), file, problems)
        for name, body in data.get("streams", {}).items()
    }
    primary = {entity: _names(names) for entity, names in data.get("primary", {}).items()}
    creates = {str(entity): str(stream) for entity, stream in data.get("creates", {}).items()}
    for named in (*creates.values(), *(stream for names in primary.values() for stream in names)):
        if named not in streams:
            problems.append(f"{file}: {named} is named by creates or primary and is no stream of the preset")
    _raise(problems, file)
    return Preset(streams, creates, primary, str(data.get("own", "")))


def connection_mappings(
    written: WrittenConnection | None, preset: Preset | None, where: Where
) -> Mapping[str, ObjectMapping]:
    """Every mapped object of a connection, by stream name: the user's in their order, then the preset's others.

    ``written`` None means the preset alone. The preset takes part when the connection or one of its objects extends
    it; objects that only it names are then mapped as it says. ``where`` gives the place of a path below
    ``mappings.<connection>``, such as ``("contacts", "fields", "phone")``. An ``entity`` that nobody wrote is "": the
    stream's own holds. Raises ConfigError.
    """
    streams = preset.streams if preset else {}
    if written is None:
        return dict(streams)
    extends = written.extends == "preset"
    found = {
        name: object_mapping(one, streams.get(name), lambda path, name=name: where((name, *path)),  # type: ignore[misc]
                             extends=extends and name in streams)
        for name, one in written.objects.items()
    }  # fmt: skip
    if extends or any(one.extends == "preset" for one in written.objects.values()):
        found.update((name, one) for name, one in streams.items() if name not in found)
    return found


def object_mapping(
    written: WrittenMapping | None, preset: ObjectMapping | None, where: Where, *, extends: bool = False
) -> ObjectMapping:
    """What holds for one object: the preset, a user's own lines, or these over the preset.

    ``written`` None means ``preset`` alone. ``where`` gives the place of a path below the mapping, such as
    ``("fields", "phone")``; anything with ``file`` and ``line`` will do. ``extends``: the whole connection extends
    its preset. A field set to null is taken out of the preset. Raises ConfigError.
    """
    here = _at(where, ())
    if written is None:
        if preset is None:
            raise ConfigError("the connector brings no preset for this object", file=here.file, line=here.line)
        return preset
    extends = extends or written.extends == "preset"
    if extends and preset is None:
        raise ConfigError("extends: preset, but the connector brings none here", file=here.file, line=here.line)
    problems: list[str] = []
    fields: dict[str, FieldMapping] = {}
    removed: set[str] = set()
    for name, value in written.fields.items():
        if value is None:
            removed.add(name)
            continue
        inherited = preset.fields[name].vendor if extends and preset and name in preset.fields else None
        found = field_mapping(name, _plain(value), _at(where, ("fields", name)), True, problems, inherited)
        if found is not None:
            fields[name] = found
    _raise(problems, here.file)
    own = ObjectMapping(written.entity or (preset.entity if preset else ""), fields, here)
    return overlay(preset, own, frozenset(removed)) if extends and preset else own


def field_mapping(
    name: str, written: Any, place: Place, own: bool, problems: list[str], inherited: str | None = None
) -> FieldMapping | None:
    """One entry of ``fields:``, short or long; appends sentences to ``problems``, None when it cannot be used.

    ``inherited`` is the preset's vendor field, for a long form that only adds to it.
    """
    if isinstance(written, str):
        written = {"field": written}
    if not isinstance(written, Mapping):
        problems.append(f"{place}: {name} wants the vendor's field name, or the long form with field:")
        return None
    before = len(problems)
    for key in written:
        if key not in _KEYS:
            near = difflib.get_close_matches(str(key), _KEYS, 1)
            problems.append(f"{place}: {name}: {key} is not known" + (f"; did you mean {near[0]}?" if near else ""))
    vendor = written.get("field") or inherited
    if not vendor:
        problems.append(f"{place}: {name} does not say which field of the system it is (field: NAME)")
    for key, words in _WORDS.items():
        if written.get(key) is not None and str(written[key]) not in words:
            problems.append(f"{place}: {name}: {key} is one of {', '.join(words)}")
    if written.get("unknown") == "default" and written.get("default") is None:
        problems.append(f"{place}: {name}: unknown: default wants a default:")
    if written.get("default") is not None and written.get("unknown") != "default":
        problems.append(f"{place}: {name}: default: is the value for unknown ones; add unknown: default")
    if len(problems) > before:
        return None
    amount, _, currency = str(vendor).partition(" + ")
    return FieldMapping(
        name=name,
        vendor=amount.strip(),
        currency=currency.strip() or None,
        direction=written.get("direction") or "both",
        values=tuple(_pairs(written.get("values") or {})),
        unknown=written.get("unknown") or "quarantine",
        default=written.get("default"),
        transform=_names(written.get("transform") or ()),
        required=bool(written.get("required") or False),
        keep=tuple(written.get("keep") or ()),
        own=own,
        place=place,
        stated=frozenset(written),
    )


def _pairs(values: Mapping[Any, Any]) -> list[Pair]:
    pairs = []
    for canonical, vendor in values.items():
        if isinstance(vendor, Mapping):
            reads = vendor.get("read", ())
            reads = tuple(reads) if isinstance(reads, list | tuple) else (reads,)
            pairs.append(Pair(canonical, vendor.get("write"), reads))
        elif isinstance(vendor, list | tuple):
            pairs.append(Pair(canonical, vendor[0] if vendor else None, tuple(vendor)))
        else:
            pairs.append(Pair(canonical, vendor, (vendor,)))
    return pairs


def _object(body: Any, place: Place, file: str, problems: list[str]) -> ObjectMapping:
    if not isinstance(body, Mapping):
        problems.append(f"{place}: a stream wants entity: and fields:")
        return ObjectMapping("", {}, place)
    for key in body:
        if key not in ("entity", "fields", "values"):
            problems.append(f"{_place(body, key, file)}: {key} is not known here: entity, fields, values")
    if not body.get("entity"):
        problems.append(f"{place}: the stream does not say which entity it holds (entity: NAME)")
    written = body.get("fields", {})
    tables = body.get("values", {})
    fields: dict[str, FieldMapping] = {}
    for name, value in written.items():
        if name in tables:
            value = {**({"field": value} if isinstance(value, str) else value), "values": tables[name]}
        found = field_mapping(name, value, Place(file, _line(written, name)), False, problems)
        if found is not None:
            fields[name] = found
    for name in tables:
        if name not in written:
            problems.append(f"{_place(tables, name, file)}: values for {name}, which fields does not map")
    return ObjectMapping(str(body.get("entity", "")), fields, place)


def _plain(value: Any) -> Any:
    """A config node as plain data: text stays, a model becomes the keys that were written."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        return value
    return {key: item for key, item in dump(exclude_unset=True).items() if item is not None}


def _at(where: Where, path: tuple[str, ...]) -> Place:
    place = where(path)
    return place if isinstance(place, Place) else Place(str(place.file), int(place.line or 0))


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


def _line(data: Any, key: Any) -> int:
    """The line of a key in ruamel's round-trip data, counted from 1; 0 for plain data."""
    marks = getattr(data, "lc", None)
    position = marks.data.get(key) if marks is not None and marks.data else None
    return position[0] + 1 if position else 0


def _place(data: Any, key: Any, file: str) -> Place:
    return Place(file, _line(data, key))


def _raise(problems: Sequence[str], file: str) -> None:
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ConfigError(problems[0] + more, problems=tuple(problems))
