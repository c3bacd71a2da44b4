"""The JSON Schema takes what loads and refuses what does not, so that editors say so while somebody types."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smarksync.config import json_schema, read_yaml

CONFIGS = Path(__file__).parents[3] / "configs"
SCHEMA: Any = json_schema()
TYPES: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None),
}  # fmt: skip
WORDS = ("$schema", "$defs", "title", "description", "default", "examples", "format", "writeOnly")


def fits(schema: Any, value: Any) -> bool:
    """Whether a value fits a schema. Raises KeyError for a word of JSON Schema that is not known here."""
    if isinstance(schema, bool):
        return schema
    return all(ONE[word](told, value, schema) for word, told in schema.items() if word not in WORDS)


def _is(names: Any, value: Any) -> bool:
    kinds = [names] if isinstance(names, str) else names
    if isinstance(value, bool):
        return "boolean" in kinds
    return any(isinstance(value, TYPES[kind]) for kind in kinds)


def _properties(told: Any, value: Any, schema: Any) -> bool:
    return not isinstance(value, dict) or all(fits(told[k], v) for k, v in value.items() if k in told)


def _others(told: Any, value: Any, schema: Any) -> bool:
    known = schema.get("properties", {})
    return not isinstance(value, dict) or all(fits(told, v) for k, v in value.items() if k not in known)


def _patterns(told: Any, value: Any, schema: Any) -> bool:
    rows = value.items() if isinstance(value, dict) else ()
    return all(fits(one, v) for pattern, one in told.items() for k, v in rows if re.search(pattern, k))


ONE: dict[str, Any] = {
    "if": lambda told, value, schema: not fits(told, value) or fits(schema["then"], value),
    "then": lambda _, __, ___: True,  # read with "if"
    "patternProperties": _patterns,
    "type": lambda told, value, _: _is(told, value),
    "enum": lambda told, value, _: value in told,
    "const": lambda told, value, _: value == told and type(value) is type(told),
    "pattern": lambda told, value, _: not isinstance(value, str) or re.search(told, value) is not None,
    "minLength": lambda told, value, _: not isinstance(value, str) or len(value) >= told,
    "minimum": lambda told, value, _: not _is("number", value) or value >= told,
    "maximum": lambda told, value, _: not _is("number", value) or value <= told,
    "exclusiveMinimum": lambda told, value, _: not _is("number", value) or value > told,
    "anyOf": lambda told, value, _: any(fits(one, value) for one in told),
    "oneOf": lambda told, value, _: sum(fits(one, value) for one in told) == 1,
    "not": lambda told, value, _: not fits(told, value),
    "required": lambda told, value, _: not isinstance(value, dict) or set(told) <= set(value),
    "properties": _properties,
    "additionalProperties": _others,
    "propertyNames": lambda told, value, _: not isinstance(value, dict) or all(fits(told, k) for k in value),
    "minProperties": lambda told, value, _: not isinstance(value, dict) or len(value) >= told,
    "items": lambda told, value, _: not isinstance(value, list) or all(fits(told, one) for one in value),
    "minItems": lambda told, value, _: not isinstance(value, list) or len(value) >= told,
    "uniqueItems": lambda told, value, _: not isinstance(value, list) or all(value.count(one) == 1 for one in value),
    "$ref": lambda told, value, _: fits(SCHEMA["$defs"][told.removeprefix("#/$defs/")], value),
}


def alone(name: str) -> Any:
    """An example as it stands in its file, as an editor sees it."""
    path = CONFIGS / f"{name}.yaml"
    return read_yaml(path.read_text(), str(path))[0]


def example(name: str) -> Any:
    """An example with the files that it includes."""
    found = alone(name)
    for part in found.pop("include", ()):
        found = _joined(found, example(part.removesuffix(".yaml")))
    return found


def _joined(one: Any, more: Any) -> Any:
    both = {name: _joined(one[name], more[name]) for name in one.keys() & more.keys()}
    return {**one, **more, **both}


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
@pytest.mark.parametrize("read", [alone, example])
def test_every_example_fits_alone_and_with_what_it_includes(name: str, read: Any) -> None:
    assert fits(SCHEMA, read(name))


@pytest.mark.parametrize(
    ("path", "left_out"),
    [
        ("connections.marketing", "connector"),
        ("jobs.people", "between"),
        ("jobs.handoff", "to"),
        ("definitions.mql", "when"),
    ],
)
def test_what_an_entry_needs_may_stand_in_another_file(path: str, left_out: str) -> None:
    config = {**example("hubspot-salesforce"), **example("agreement")}
    config["definitions"] = {"mql": {"when": "lead.score > 5"}}
    kind, name = path.split(".")
    entry = copy.deepcopy(config[kind][name])
    del entry[left_out]
    parts: list[Any] = [{kind: {name: entry}}, {**config, "include": ["more.yaml"], kind: {name: entry}}]
    assert all(fits(SCHEMA, part) for part in parts)
    assert not fits(SCHEMA, {**config, kind: {name: entry}})
    assert not fits(SCHEMA, {kind: {name: {**entry, "nonsense": 1}}})


def _wrong() -> Iterator[tuple[str, Any]]:
    people, handoff = ("jobs", "people"), ("jobs", "handoff")
    yield from {
        "jbos": {}, "version": 2, "workspace": 5, "currency": "euro", "defaults.country": "Germany", "include": "x.yaml",
        "connections.marketing.conector": "x", "connections.marketing.role": "crm", "mappings.marketing": "presets",
        "entities.lead.fields.product.type": "string", "goals.season.march": 1, "goals.mix.scanner": "700%",
        "agreement.calendars.office.hours.moon": "09:00-17:00", "agreement.calendars.office.hours.sat": "nine to five",
        "agreement.sales.0.within": "five hours", "retention.plans": "30", "guards.create": {}, "guards.creates.count": -1,
        "lifecycle.moves": "normal", "notify.x": {"url": "https://x.example", "on": ["boom"]},
    }.items()  # fmt: skip
    for key, value in {
        "sync": "leads", "between": ["marketing"], "handoff": "lead", "fields.phone.merge": "newst", "lists": [],
        "fields.phone.direction": "form sales", "deletes.sales": "remove", "create.sales": 5,
    }.items():  # fmt: skip
        yield ".".join((*people, key)), value
    yield ".".join((*handoff, "signals.wn")), "lead.score > 1"
    yield "jobs.calls", {"activities": ["phone"], "from": "sales", "to": "marketing"}
    yield "jobs.empty", {}
    yield "jobs.nowhere", {"outcomes": ["lead"], "from": "sales"}


WRONG = list(_wrong())


def _with(path: str, value: Any) -> Any:
    config = copy.deepcopy({**example("hubspot-salesforce"), **example("agreement")})
    *way, last = path.split(".")
    place: Any = config
    for key in way:
        place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
    place[last] = value
    return config


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[path for path, _ in WRONG])
def test_what_does_not_load_does_not_fit(path: str, value: Any) -> None:
    assert fits(SCHEMA, _with("workspace", "acme"))
    assert not fits(SCHEMA, _with(path, value))


@pytest.mark.parametrize("key", ["version", "workspace", "connections"])
def test_a_whole_config_needs_its_first_keys(key: str) -> None:
    config = example("files")
    del config[key]
    assert not fits(SCHEMA, config)


def test_connections_may_stand_in_an_included_file() -> None:
    config = example("files")
    connections = config.pop("connections")
    assert fits(SCHEMA, {**config, "include": ["connections.yaml"]}) and fits(SCHEMA, {"connections": connections})
