"""The live schema: Salesforce's own fields as its describe shows them to our user, and those worked out of a row.

A field that field-level security hides is simply absent (vendors/crm.md 1.3, 1.4), and selecting it would be refused.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from smarksync.kit.response import Answered
from smarksync.plugin import Choice, FieldInfo, FieldType

from .client import AT_ONCE, Api
from .worked_out import PSEUDO

_T = FieldType
LOSS_REASON = "Loss_Reason__c"
_TYPES: Mapping[str, FieldType] = {
    "string": _T.TEXT, "textarea": _T.TEXT, "encryptedstring": _T.TEXT, "email": _T.EMAIL, "phone": _T.PHONE,
    "url": _T.URL, "boolean": _T.BOOL, "int": _T.INT, "long": _T.INT, "double": _T.DECIMAL, "currency": _T.DECIMAL,
    "percent": _T.DECIMAL, "date": _T.DATE, "datetime": _T.INSTANT, "picklist": _T.CHOICE, "combobox": _T.TEXT,
    "multipicklist": _T.CHOICES, "reference": _T.REFERENCE, "id": _T.REFERENCE, "address": _T.JSON, "location": _T.JSON,
}  # fmt: skip
#: pick lists that the preset gives words to
_MEANT = frozenset({"Lead.Status", "Account.Type", "Campaign.Status", "Opportunity.StageName"})
_SIZED = frozenset({_T.TEXT, _T.EMAIL, _T.PHONE, _T.URL})


class Schema:
    """Describes, each asked for once."""

    def __init__(self, api: Api, *, loss_reason: str) -> None:
        self._api = api
        #: names of the preset → the org's own, by object
        self._called = {"Opportunity": {LOSS_REASON: loss_reason}} if loss_reason != LOSS_REASON else {}
        self._lock = threading.Lock()
        self._raw: dict[str, dict[str, Mapping[str, Any]]] = {}

    def raw(self, name: str) -> Mapping[str, Mapping[str, Any]]:
        """The fields of an object as described, by name."""
        with self._lock:
            if name not in self._raw:
                body = self._api.get(f"/sobjects/{name}/describe", kind="schema")
                self._raw[name] = _by_name(name, body)
            return self._raw[name]

    def together(self, names: Sequence[str]) -> dict[str, Sequence[FieldInfo]]:
        """The fields of several streams, in calls of 25; one that is refused is left out."""
        with self._lock:
            lacking = [name for name in names if name not in self._raw]
            for start in range(0, len(lacking), AT_ONCE):
                part = lacking[start : start + AT_ONCE]
                bodies = self._api.get_many([f"/sobjects/{name}/describe" for name in part], kind="schema")
                for name, body in zip(part, bodies, strict=True):
                    if body is not None:
                        self._raw[name] = _by_name(name, body)
            known = [name for name in names if name in self._raw]
        return {name: self.fields(name) for name in known}

    def has(self, name: str, field: str) -> bool:
        """Whether an object has that field and our user sees it."""
        return field in self.raw(name)

    def called(self, name: str) -> Mapping[str, str]:
        """Fields that a setting gives another name, as the preset calls them → as the org does."""
        return {ours: theirs for ours, theirs in self._called.get(name, {}).items() if self.has(name, theirs)}

    def fields(self, name: str) -> Sequence[FieldInfo]:
        """Every field of a stream."""
        raw = self.raw(name)
        own = [_info(name, one) for one in raw.values()]
        own += [replace(_info(name, raw[theirs]), name=ours) for ours, theirs in self.called(name).items()]
        return [*own, *(p.info for p in PSEUDO.get(name, {}).values() if all(need in raw for need in p.must))]


def _by_name(name: str, body: Any) -> dict[str, Mapping[str, Any]]:
    """The fields of a describe by their names. Raises Malformed."""
    return {str(one["name"]): one for one in Answered(body, f"Salesforce's describe of {name}").rows("fields")}


def _info(name: str, one: Mapping[str, Any]) -> FieldInfo:
    kind = _TYPES.get(one["type"], _T.TEXT)
    writable = bool(one["createable"] or one["updateable"]) and kind is not _T.JSON
    # an unrestricted pick list takes anything (vendors/crm.md 1.10, trap 8), so its values are a proposal;
    # but where words have a meaning, a new one would have none
    listed = bool(one.get("restrictedPicklist")) or not one["nillable"] or f"{name}.{one['name']}" in _MEANT
    choices = tuple(
        Choice(v["value"], v.get("label") or "", bool(v.get("active", True))) for v in one.get("picklistValues") or ()
    )
    return FieldInfo(
        str(one["name"]),
        _T.TEXT if kind is _T.CHOICE and not listed else kind,
        writable=writable,
        required=writable and bool(one["createable"]) and not one["nillable"] and not one["defaultedOnCreate"],
        choices=choices if listed and kind in (_T.CHOICE, _T.CHOICES) else None,
        max_length=(one.get("length") or None) if kind in _SIZED else None,
        unique=bool(one.get("unique")),
        label=str(one.get("label") or ""),
        custom=bool(one.get("custom")),
        create_only=writable and not one["updateable"],
    )
