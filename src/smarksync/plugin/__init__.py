"""The public contract for connector plugins. Import from here, and nothing deeper.

Whole-call failures are raised as the exceptions below, one per error class; rows answer in receipts.
"""

from smarksync.errors import (
    AuthFailed,
    Invalid,
    Malformed,
    PermissionDenied,
    SystemFailure,
    Throttled,
    Transient,
    Unknown,
)

from .hookspecs import hookimpl
from .protocol import Connector, Defines, Explains, Fetches, Finds, Fixes, Sweeps, TellsGone, TellsTime, Writes
from .records import (
    OWN_USER,
    Cursor,
    Gone,
    GoneKind,
    GonePages,
    Op,
    Page,
    Past,
    Receipt,
    Record,
    Write,
    WriteResult,
)
from .session import Session, Tokens
from .spec import (
    CONTRACT,
    SUPPORTED_CONTRACTS,
    Can,
    CheckReport,
    Choice,
    ConnectorSpec,
    FieldInfo,
    FieldType,
    StreamSpec,
    Transform,
)

__all__ = [
    "CONTRACT",
    "OWN_USER",
    "SUPPORTED_CONTRACTS",
    "AuthFailed",
    "Can",
    "CheckReport",
    "Choice",
    "Connector",
    "ConnectorSpec",
    "Cursor",
    "Defines",
    "Explains",
    "Fetches",
    "FieldInfo",
    "FieldType",
    "Finds",
    "Fixes",
    "Gone",
    "GoneKind",
    "GonePages",
    "Invalid",
    "Malformed",
    "Op",
    "Page",
    "Past",
    "PermissionDenied",
    "Receipt",
    "Record",
    "Session",
    "StreamSpec",
    "Sweeps",
    "SystemFailure",
    "TellsGone",
    "TellsTime",
    "Throttled",
    "Tokens",
    "Transform",
    "Transient",
    "Unknown",
    "Write",
    "WriteResult",
    "Writes",
    "hookimpl",
]
