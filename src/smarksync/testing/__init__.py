"""What tests of the core and of plugins build on: the conformance kit, a simulated system, faults, a clock."""

from .clock import START, Clock
from .contract import ConnectorContract
from .faults import Call, Crash, FaultPlan
from .memory import MemorySystem, calls_of
from .memory_connector import (
    MEMORY,
    SYSTEMS,
    MemoryConnector,
    MemoryPlugin,
    MemorySettings,
    PlainConnector,
    register_memory,
    registered,
)
from .memory_rows import CountingSink, GeneratedRows
from .memory_stream import EVERYTHING, MemoryStream, Refused, text_fields

__all__ = [
    "EVERYTHING",
    "MEMORY",
    "START",
    "SYSTEMS",
    "Call",
    "Clock",
    "ConnectorContract",
    "CountingSink",
    "Crash",
    "FaultPlan",
    "GeneratedRows",
    "MemoryConnector",
    "MemoryPlugin",
    "MemorySettings",
    "MemoryStream",
    "MemorySystem",
    "PlainConnector",
    "Refused",
    "calls_of",
    "register_memory",
    "registered",
    "text_fields",
]
