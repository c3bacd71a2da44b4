"""The live schema of a CRM object: its properties as fields, and the properties of ours that `check --fix` makes."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from smarksync.kit.resolve import modest, vendor_words
from smarksync.model import ENTITIES, Field
from smarksync.plugin import Choice, FieldInfo, FieldType, PermissionDenied

from .client import Api, Json, results_of
from .streams import BY_NAME, KINDS, OPT_OUT, OUR_ID

#: Prefix of the properties that are ours, and the group that they are made in.
OURS = "smarksync_"
GROUP = "smarksync"
SCORE = "hubspotscore"

T = FieldType
_TYPES = {
    "string": T.TEXT, "number": T.DECIMAL, "bool": T.BOOL, "date": T.DATE, "datetime": T.INSTANT,
    "enumeration": T.CHOICE, "phone_number": T.PHONE, "json": T.JSON, "object_coordinates": T.JSON,
}  # fmt: skip
#: pick lists that the properties call leaves empty although they are short: the pipelines know them (crm.md 2.4)
_FROM_PIPELINES = {("deals", "pipeline"), ("deals", "dealstage")}


_NONE: Mapping[str, Field] = {}


class Schema:
    """The properties of one account, asked for once per run and object. Thread safe."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Json]] = {}

    def properties(self, kind: str) -> dict[str, Json]:
        """name → definition, as HubSpot gives it."""
        with self._lock:
            if kind not in self._known:
                answer = self._api.get(self._api.at("properties", f"/{kind}"), {"archived": "false"}, kind="schema")
                self._known[kind] = {str(one["name"]): one for one in results_of(answer)}
            return self._known[kind]

    def unique(self, kind: str, name: str) -> bool:
        """Whether records can be named by that property: ``email`` and those with ``hasUniqueValue`` (crm.md 2.7)."""
        if name in KINDS[kind].unique:
            return True
        return bool((self.properties(kind).get(name) or {}).get("hasUniqueValue"))

    def real(self, kind: str, name: str) -> str:
        """The property that a field stands for: the portal's score property has a name of its own."""
        return self._api.settings.score_property if kind == "contacts" and name == SCORE else name

    def describe(self, kind: str) -> list[FieldInfo]:
        """Every field of an object: properties, then associations and what we work out."""
        found = self.properties(kind)
        pipelines = self._pipelines(kind) if kind == "deals" else {}
        infos = [self._info(kind, one, pipelines) for one in found.values()]
        real = self.real(kind, SCORE)
        if real != SCORE and real in found:
            infos = [info for info in infos if info.name != SCORE]
            infos.append(_renamed(self._info(kind, found[real], {}), SCORE))
        writable = "create" in {str(can) for can in BY_NAME[kind].can}
        for name, link in KINDS[kind].links.items():
            infos.append(FieldInfo(name, T.CHOICES if link.many else T.REFERENCE, writable=writable))
        for one in KINDS[kind].computed:
            words = tuple(Choice(word, word) for word in one.words) or None
            infos.append(FieldInfo(one.name, one.type, writable=False, choices=words))
        return infos

    def create(self, kind: str, names: Sequence[str], own: Mapping[str, Field] = _NONE) -> list[str]:
        """Makes those of ``names`` that are ours, or in ``own``; one sentence each. Needs the scope to edit the object's schema."""
        said, grouped = [], False
        for name in names:
            there = self.properties(kind).get(name)
            wanted = definition(kind, name, own.get(name))
            if wanted is None:
                said.append(f"{name} is none of the properties that SmarkSync makes in HubSpot; make it by hand.")
            elif there is not None:
                said.append(f"{name} is there already.")
            else:
                if not grouped:
                    self._group(kind)
                    grouped = True
                said.append(self._make(kind, wanted))
        with self._lock:
            self._known.pop(kind, None)
        return said

    def _group(self, kind: str) -> None:
        body = {"name": GROUP, "label": "SmarkSync", "displayOrder": -1}
        path = self._api.at("properties", f"/{kind}/groups")
        self._api.call("POST", path, json=body, kind="schema", idempotent=False, accept=(400, 409))  # there already

    def _make(self, kind: str, wanted: Json) -> str:
        path = self._api.at("properties", f"/{kind}")
        answer = self._api.call("POST", path, json=wanted, kind="schema", idempotent=False, accept=(400, 409))
        name = wanted["name"]
        if answer.status == 409:
            return f"{name} is there already."
        if answer.status >= 300:
            words = modest(vendor_words(answer), wanted)
            raise PermissionDenied(f"HubSpot did not make {name} on {kind}: {words}", hint="Make it in its settings.")
        return f"{name} was made ({wanted['type']}{', unique' if wanted['hasUniqueValue'] else ''})."

    def _pipelines(self, kind: str) -> dict[str, tuple[Choice, ...]]:
        found = results_of(self._api.get(self._api.at("pipelines", f"/{kind}"), kind="schema"))
        stages = {
            str(stage["id"]): Choice(str(stage["id"]), str(stage.get("label") or ""), not stage.get("archived"))
            for pipeline in found
            for stage in pipeline.get("stages") or ()
        }
        pipelines = tuple(Choice(str(one["id"]), str(one.get("label") or ""), not one.get("archived")) for one in found)
        return {"pipeline": pipelines, "dealstage": tuple(stages.values())}

    def _info(self, kind: str, one: Json, pipelines: Mapping[str, tuple[Choice, ...]]) -> FieldInfo:
        name = str(one["name"])
        vendor_type = _type_of(one)
        choices: tuple[Choice, ...] | None = None
        if vendor_type in (T.CHOICE, T.CHOICES):
            choices = tuple(
                Choice(str(option["value"]), str(option.get("label") or ""), not option.get("hidden"))
                for option in one.get("options") or ()
            )
            if (kind, name) in _FROM_PIPELINES and name in pipelines:
                choices = pipelines[name]
            elif not choices and one.get("externalOptions"):
                choices = None  # kept elsewhere (business units, currencies …): any value may be right
        allowed = one.get("modificationMetadata")
        read_only = bool(allowed.get("readOnlyValue")) if isinstance(allowed, Mapping) else False
        return FieldInfo(
            name,
            vendor_type,
            writable=not read_only or (kind == "contacts" and name == OPT_OUT),
            required=kind == "contacts" and name == "email" and not self._api.settings.allow_without_email,
            choices=choices,
            unique=self.unique(kind, name),
            label=str(one.get("label") or ""),
            custom=not one.get("hubspotDefined", False),
        )


def _type_of(one: Json) -> FieldType:
    shape, look = str(one.get("type")), str(one.get("fieldType"))
    if shape == "enumeration":
        if one.get("referencedObjectType") == "OWNER" or str(one["name"]).endswith("_owner_id"):
            return T.REFERENCE
        if look == "booleancheckbox":
            return T.BOOL
        return T.CHOICES if look == "checkbox" else T.CHOICE
    if shape == "string" and look == "phonenumber":
        return T.PHONE
    return _TYPES.get(shape, T.TEXT)


def _renamed(info: FieldInfo, name: str) -> FieldInfo:
    return FieldInfo(
        name, info.type, info.writable, info.required, info.choices, info.max_length, info.unique, info.label
    )


# -- the properties that are ours -------------------------------------------------------------------------------

_SHAPES: Mapping[str, tuple[str, str]] = {
    "int": ("number", "number"), "decimal": ("number", "number"), "money": ("number", "number"), "date": ("date", "date"),
    "instant": ("datetime", "date"), "bool": ("enumeration", "booleancheckbox"), "url": ("string", "text"),
}  # fmt: skip
_LABELS = {"id": "id", "handoff_due_at": "hand-off due at", "handoff_at": "handed off at"}


#: what the preset maps of ours on contacts, beside our id
_ON_CONTACTS = (
    "journey", "handoff_state", "handoff_at", "handoff_due_at", "handoff_note", "accepted_at", "rejected_at",
    "rejection_reason", "first_attempt_at", "attempts", "opportunity_stage", "opportunity_kind", "opportunity_amount",
    "opportunity_close_date", "loss_reason",
)  # fmt: skip


def ours(kind: str) -> tuple[str, ...]:
    """The properties of ours that an object has once `check --fix` was there."""
    return (OUR_ID, *(OURS + name for name in (_ON_CONTACTS if kind == "contacts" else ())))


def definition(kind: str, name: str, own: Field | None = None) -> dict[str, Any] | None:
    """What to send to make a property of ours on an object; None for a name that is not ours. ``own``: what it holds, where
    only the config knows."""
    if not name.startswith(OURS):
        return None
    if name == OUR_ID:
        return _property(name, "string", "text", "Id of this record in SmarkSync.", unique=True)
    field = own or ENTITIES[BY_NAME[kind].entity].fields.get(name.removeprefix(OURS))
    if field is None:
        return None
    shape, look = _shape(field)
    options = [
        {"label": word.replace("_", " ").capitalize(), "value": word, "displayOrder": place, "hidden": False}
        for place, word in enumerate(field.values if shape == "enumeration" and field.values else ())
    ]
    if look == "booleancheckbox":
        options = [
            {"label": "Yes", "value": "true", "displayOrder": 0, "hidden": False},
            {"label": "No", "value": "false", "displayOrder": 1, "hidden": False},
        ]
    return _property(name, shape, look, "Written by SmarkSync.", options=options)


def _shape(field: Field) -> tuple[str, str]:
    if field.type == "enum":
        return ("string", "text") if field.open else ("enumeration", "select")
    if field.type == "text" and (field.length or 0) > 255:
        return "string", "textarea"
    return _SHAPES.get(field.type, ("string", "text"))


def _property(
    name: str, shape: str, look: str, description: str, *, unique: bool = False, options: Sequence[Json] = ()
) -> dict[str, Any]:
    own = name.removeprefix(OURS)
    return {
        "name": name,
        "label": "SmarkSync " + _LABELS.get(own, own.replace("_", " ")),
        "type": shape,
        "fieldType": look,
        "groupName": GROUP,
        "description": description,
        "hasUniqueValue": unique,
        "options": list(options),
    }
