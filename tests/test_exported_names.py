"""What plugins are written against, name by name. A change here is a change of the contract: it belongs in the
changelog under "Plugin contract", and within one contract only additions that old plugins need not know.
"""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

from smarksync import plugin, simulator, testing
from smarksync.plugin import hookspecs

PLUGIN = {
    "CONTRACT", "OWN_USER", "SUPPORTED_CONTRACTS",
    "Can", "CheckReport", "Choice", "Connector", "ConnectorSpec", "Cursor", "Defines", "DescribesMany", "Explains", "Fetches", "FieldInfo",
    "FieldType", "Finds", "Fixes", "Gone", "GoneKind", "GonePages", "Op", "Page", "Past", "Receipt", "Record",
    "Session", "StreamSpec", "Sweeps", "TellsGone", "TellsTime", "Tokens", "Transform", "Write", "WriteResult",
    "Writes", "hookimpl",
    "AuthFailed", "Invalid", "Malformed", "PermissionDenied", "SystemFailure", "Throttled", "Transient", "Unknown",
}  # fmt: skip

TESTING = {
    "EVERYTHING", "MEMORY", "START", "SYSTEMS", "Call", "Clock", "ConnectorContract", "CountingSink", "Crash", "FaultPlan",
    "GeneratedRows", "MemoryConnector", "MemoryPlugin", "MemorySettings", "MemoryStream", "MemorySystem",
    "PlainConnector", "Refused", "calls_of", "register_memory", "registered", "text_fields",
}  # fmt: skip

SIMULATOR = {
    "Answer", "BadBody", "Call", "Campaign", "Colleague", "Company", "Deal", "Fault", "Faults", "NotDone", "Person", "Query",
    "Refused", "Request", "Simulator", "Window", "campaigns", "colleagues", "companies", "deals", "in_vendor", "people",
    "route", "spelled",
}  # fmt: skip

HOOKS = {
    "smarksync_connectors": [],
    "smarksync_transforms": [],
    "smarksync_run_finished": ["report"],
}

PROTOCOLS = {
    "Connector": {
        "check": "(self)",
        "describe": "(self, stream)",
        "read": "(self, stream, *, cursor, until, fields)",
        "close": "(self)",
    },
    "Writes": {"write": "(self, stream, batch)"},
    "Finds": {"find": "(self, stream, key, values, *, fields)"},
    "Fetches": {"fetch": "(self, stream, ids, *, fields)"},
    "TellsGone": {"gone": "(self, stream, *, cursor, until)"},
    "DescribesMany": {"describe_many": "(self, streams)"},
    "TellsTime": {"server_time": "(self)"},
    "Sweeps": {"count": "(self, stream)", "ids": "(self, stream)"},
    "Explains": {"whereabouts": "(self, stream, ids)"},
    "Fixes": {"create_fields": "(self, stream, names)"},
    "Defines": {"define_fields": "(self, stream, fields)"},
}

RECORDS = {
    "Past": ("value", "at", "by", "own_act"),
    "Record": ("id", "fields", "changed_at", "version", "changed_by", "history"),
    "Page": ("records", "cursor", "more", "total", "complete"),
    "Write": ("ref", "op", "fields", "id", "key", "if_version"),
    "Receipt": (
        "ref", "result", "id", "version", "stored", "changed_at", "code", "message", "field", "duplicate_of",
        "retry_after",
    ),
    "Gone": ("id", "kind", "into", "into_stream", "at", "also", "shows"),
}  # fmt: skip

SPECS = {
    "ConnectorSpec": (
        "name", "streams", "settings", "open", "contract", "role", "docs_url", "preset", "discover", "simulator",
        "extra",
        "closed",
    ),
    "StreamSpec": (
        "name", "entity", "can", "natural_keys", "max_batch", "overlap", "resolution", "writes_serially",
        "one_write_per_record", "blank_is_null", "full_scan", "subscribes_on_create", "external_id", "email_field",
        "events", "statuses",
    ),
    "FieldInfo": ("name", "type", "writable", "required", "choices", "max_length", "unique", "label", "custom", "inferred",
                  "create_only"),
    "Choice": ("value", "label", "active"),
    "CheckReport": ("ok", "account", "problems", "warnings", "budget_left", "unreadable"),
    "Transform": ("name", "inward", "outward", "accepts", "doc"),
}  # fmt: skip

WORDS = {
    "Can": {
        "create", "update", "archive", "delete", "associate", "find", "fetch", "gone", "sweep", "conditional",
        "upsert_by_key",
    },
    "FieldType": {
        "text", "email", "phone", "url", "bool", "int", "decimal", "date", "instant", "choice", "choices", "reference",
        "json",
    },
    "Op": {"create", "update", "archive", "delete", "associate"},
    "WriteResult": {"created", "updated", "unchanged", "rejected", "conflict", "retry", "unknown"},
    "GoneKind": {"deleted", "merged", "converted"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "names"),
    [(plugin, PLUGIN), (simulator, SIMULATOR), (testing, TESTING)],
    ids=["plugin", "simulator", "testing"],
)
def test_names(module: Any, names: set[str]) -> None:
    assert set(module.__all__) == names
    assert [name for name in names if not hasattr(module, name)] == []


def test_contract_number() -> None:
    assert plugin.CONTRACT == 1
    assert frozenset({1}) == plugin.SUPPORTED_CONTRACTS


def test_hooks() -> None:
    specs = {name: hook for name, hook in vars(hookspecs).items() if hasattr(hook, "smarksync_spec")}
    assert {name: list(inspect.signature(hook).parameters) for name, hook in specs.items()} == HOOKS


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols(name: str) -> None:
    protocol = getattr(plugin, name)
    methods = {
        method: "("
        + ", ".join(
            ("*, " if first_keyword else "") + parameter.name
            for parameter, first_keyword in _parameters(inspect.signature(getattr(protocol, method)))
        )
        + ")"
        for method in PROTOCOLS[name]
    }
    assert methods == PROTOCOLS[name]
    assert {m for m in vars(protocol) if not m.startswith("_")} == set(PROTOCOLS[name])


def _parameters(signature: inspect.Signature) -> list[tuple[inspect.Parameter, bool]]:
    """Each parameter, and whether it is the first that is given by name only."""
    found: list[tuple[inspect.Parameter, bool]] = []
    for parameter in signature.parameters.values():
        keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        found.append((parameter, keyword and all(p.kind is not p.KEYWORD_ONLY for p, _ in found)))
    return found


@pytest.mark.parametrize("name", RECORDS)
def test_records(name: str) -> None:
    assert getattr(plugin, name)._fields == RECORDS[name]


@pytest.mark.parametrize("name", SPECS)
def test_specs(name: str) -> None:
    assert tuple(f.name for f in fields(getattr(plugin, name))) == SPECS[name]


@pytest.mark.parametrize("name", WORDS)
def test_words(name: str) -> None:
    assert {str(word) for word in getattr(plugin, name)} == WORDS[name]


NEEDED = {
    "StreamSpec": ["name", "entity"],
    "ConnectorSpec": ["name", "streams", "settings", "open"],
    "FieldInfo": ["name"],
    "CheckReport": ["ok"],
    "Transform": ["name", "inward"],
}


@pytest.mark.parametrize("name", NEEDED)
def test_what_a_plugin_leaves_out_has_a_default(name: str) -> None:
    """So a plugin written today still loads after additions."""
    parameters = inspect.signature(getattr(plugin, name)).parameters.values()
    assert [p.name for p in parameters if p.default is p.empty] == NEEDED[name]
