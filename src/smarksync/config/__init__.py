"""What we were told: the config file, its shape, its secrets, its expressions. interface.md is the promise."""

from typing import Any

from .bindings import fields_read
from .compiler import Scope
from .expressions import Clause, Expression, compile_expression
from .guards import DEFAULT_GUARDS, GUARD_NAMES, GuardLimit, Guards
from .jobs import FieldRule, Job
from .load import load, read_part, read_yaml
from .problems import Place, Problem, near, suggest
from .rules import check_writers, resolve_rules, useless_rules
from .schema import Config, ConnectionConfig, ConnectionMapping, FieldMapping, MappingConfig
from .settings import read_settings, reveal

__all__ = [
    "DEFAULT_GUARDS",
    "GUARD_NAMES",
    "Clause",
    "Config",
    "ConnectionConfig",
    "ConnectionMapping",
    "Expression",
    "FieldMapping",
    "FieldRule",
    "GuardLimit",
    "Guards",
    "Job",
    "MappingConfig",
    "Place",
    "Problem",
    "Scope",
    "check_writers",
    "compile_expression",
    "fields_read",
    "json_schema",
    "load",
    "near",
    "read_part",
    "read_settings",
    "read_yaml",
    "resolve_rules",
    "reveal",
    "suggest",
    "useless_rules",
]


#: maps that files join by name: what one file leaves out another one says
_JOINED = {
    "connections": "ConnectionConfig", "jobs": "Job", "personas": "Persona", "definitions": "Definition", "notify": "Channel",
    "rates": "CurrencyRate",
}  # fmt: skip


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a config, for editors. A file that includes others, or is included, may give a part of an entry."""
    schema = Config.model_json_schema(by_alias=True)
    whole = {}
    for name, kind in _JOINED.items():
        entry = schema["$defs"][kind]
        if kind == "Job":  # by which keys it is of which kind
            kinds = entry.pop("oneOf")
            entry["anyOf"] = [{"propertyNames": one["propertyNames"]} for one in kinds]
            whole[name] = {"additionalProperties": {"oneOf": kinds}}
        else:
            whole[name] = {"additionalProperties": {"required": entry.pop("required")}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "if": {"required": ["version"], "not": {"required": ["include"]}},
        "then": {"properties": whole},
        "title": "SmarkSync config",
    }
