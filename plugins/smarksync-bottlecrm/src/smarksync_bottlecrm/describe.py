"""The live schema: what streams.py knows, joined with the account's pick lists and custom fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smarksync.model import Field as Canonical
from smarksync.plugin import Choice, FieldInfo, FieldType, PermissionDenied

from .client import Api
from .rows import CUSTOM
from .streams import CUSTOM_FIELDS, STREAMS, Field, Stream

#: field_type of a custom field → ours (custom-fields API, 1.35.0)
_CUSTOM_TYPES = {
    "text": FieldType.TEXT,
    "textarea": FieldType.TEXT,
    "number": FieldType.DECIMAL,
    "dropdown": FieldType.CHOICE,
    "date": FieldType.DATE,
    "checkbox": FieldType.BOOL,
}
#: canonical type → field_type of a new custom field
_MADE_AS: Mapping[str, str] = {
    "text": "text", "email": "text", "phone": "text", "url": "text", "country": "text", "instant": "text", "enum": "text",
    "bool": "checkbox", "int": "number", "decimal": "number", "money": "number", "date": "date",
}  # fmt: skip
_FIXED: Mapping[str, tuple[Choice, ...]] = {
    "rating": (Choice("HOT", "Hot"), Choice("WARM", "Warm"), Choice("COLD", "Cold")),
    "stage_kinds": (Choice("open", "Open"), Choice("won", "Won"), Choice("lost", "Lost")),
}
#: Shown by the server, never written: converting makes an account, a contact and a deal, which people decide.
CONVERTED = "converted"


def describe(api: Api, name: str) -> Sequence[FieldInfo]:
    """Every field of a stream: built-in ones, then custom ones."""
    stream = STREAMS[name]
    choices = _choices(api, stream)
    infos = [_built_in(field_name, field, choices) for field_name, field in stream.fields.items()]
    return [*infos, *_custom(api, stream)]


def _built_in(name: str, field: Field, choices: Mapping[str, tuple[Choice, ...]]) -> FieldInfo:
    return FieldInfo(
        name,
        field.type,
        writable=field.writable,
        required=field.required,
        choices=choices.get(field.choices) if field.choices else None,
        max_length=field.max_length,
        unique=field.unique,
    )


def _choices(api: Api, stream: Stream) -> dict[str, tuple[Choice, ...]]:
    wanted = {field.choices for field in stream.fields.values() if field.choices}
    found = {name: _FIXED[name] for name in wanted & _FIXED.keys()}
    if wanted & {"status", "countries", "industries"}:
        answer = api.list(stream, {"limit": 1}, kind="schema")
        for name in wanted & {"status", "countries", "industries"}:
            found[name] = tuple(_pair(entry) for entry in answer.get(name) or ())
    if "sources" in wanted:
        # the list's own `source` is a fixed one of seven; the account's is here
        sources = api.get("/api/leads/sources/", kind="schema")["sources"]
        found["sources"] = tuple(Choice(s["key"], s["label"], active=bool(s["is_active"])) for s in sources)
    if "stages" in wanted:
        pipelines = api.get("/api/opportunities/pipelines/", kind="schema")["pipelines"]
        found["pipelines"] = tuple(Choice(str(p["id"]), p["name"]) for p in pipelines)
        stages = {stage["code"]: stage["label"] for p in pipelines for stage in p["stages"]}
        found["stages"] = tuple(Choice(code, label) for code, label in stages.items())
    return found


def _pair(entry: Any) -> Choice:
    value, label = entry
    return Choice(value, label, active=value != CONVERTED)


def _definitions(api: Api, stream: Stream) -> list[Mapping[str, Any]]:
    # the counts that come by default cost the server a look at every row per field
    params = {"target_model": stream.custom_target, "include_counts": "false"}
    found: list[Mapping[str, Any]] = api.get("/api/custom-fields/", params=params, kind="schema")["definitions"]
    return found


def _custom(api: Api, stream: Stream) -> list[FieldInfo]:
    if stream.custom_target is None:
        return []
    return [
        FieldInfo(
            CUSTOM + d["key"],
            _CUSTOM_TYPES.get(d["field_type"], FieldType.JSON),
            writable=d["field_type"] in _CUSTOM_TYPES,
            required=bool(d["is_required"]),
            choices=tuple(Choice(o["value"], o["label"]) for o in d["options"] or ())
            if d["field_type"] == "dropdown"
            else None,
            label=d["label"],
            custom=True,
        )
        for d in _definitions(api, stream)
        # a field that was switched off still shows old values and silently drops new ones
        if d["is_active"]
    ]


def definitions(fields: Mapping[str, Canonical]) -> dict[str, tuple[str, str]]:
    """Type and label of each field of a config's own that a custom field can hold; a list of words is none of them."""
    return {
        name: (
            "dropdown"
            if one.values and not one.open
            else "textarea"
            if one.type == "text" and (one.length or 0) > 255
            else _MADE_AS[one.type],
            one.name.replace("_", " ").capitalize(),
        )
        for name, one in fields.items()
        if one.type in _MADE_AS
    }


def create_fields(
    api: Api, name: str, names: Sequence[str], ours: Mapping[str, tuple[str, str]] = CUSTOM_FIELDS,
    words: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:  # fmt: skip
    """Makes those of ``names`` that are ``ours``; one sentence each. ``words`` are the options of drop-down fields. Needs the
    token of an administrator."""
    stream = STREAMS[name]
    said = []
    known = {CUSTOM + d["key"]: d for d in _definitions(api, stream)} if stream.custom_target else {}
    for field in names:
        if field not in ours or stream.custom_target is None:
            said.append(f"{name}: {field} is none of the fields that SmarkSync makes in BottleCRM; make it by hand.")
            continue
        kind, label = ours[field]
        there = known.get(field)
        if there is None:
            body: dict[str, Any] = {
                "target_model": stream.custom_target,
                "key": field.removeprefix(CUSTOM),
                "label": label,
                "field_type": kind,
            }
            if kind == "dropdown":  # {value, label} each, and at least one (bottlecrm 1.35.0, common/custom_fields.py)
                body["options"] = [{"value": word, "label": word} for word in (words or {})[field]]
            answer = api.schema_write("POST", "/api/custom-fields/", body)
            done = "made"
        elif there["field_type"] != kind:
            said.append(
                f"{name}: {field} is a {there['field_type']} field, a {kind} field is needed; rename or remove it."
            )
            continue
        elif there["is_active"]:
            said.append(f"{name}: {field} is there already.")
            continue
        else:
            answer = api.schema_write("PUT", f"/api/custom-fields/{there['id']}/", {"is_active": True})
            done = "switched on again"
        if answer.status >= 300:
            raise PermissionDenied(
                f"BottleCRM did not make {field} on {name}.", hint="Make it by hand in its settings."
            )
        said.append(f"{name}: {field} was {done} ({kind}).")
    return said
