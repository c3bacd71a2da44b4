"""Translation between a system's own fields and the canonical schema: pure, compiled once, both ways."""

from .compile import compile_mapping
from .compiled import CompiledField, CompiledMapping, FieldProblem, Inactive
from .personas import with_personas
from .presets import connection_mappings, load_preset, object_mapping
from .spec import FieldMapping, ObjectMapping, Pair, Place, Preset
from .transforms import catalogue

__all__ = [
    "CompiledField",
    "CompiledMapping",
    "FieldMapping",
    "FieldProblem",
    "Inactive",
    "ObjectMapping",
    "Pair",
    "Place",
    "Preset",
    "catalogue",
    "compile_mapping",
    "connection_mappings",
    "load_preset",
    "object_mapping",
    "with_personas",
]
