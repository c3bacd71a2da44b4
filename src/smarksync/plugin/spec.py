"""What a connector says of itself, before anything is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from .protocol import Connector
    from .session import Session

#: The version of this contract. A plugin states the one it was written for.
CONTRACT = 1
#: The contract versions that this engine can work with.
SUPPORTED_CONTRACTS = frozenset({1})


class Can(StrEnum):
    """Abilities of a stream. Each must agree with the protocols that the connector implements."""

    CREATE = "create"
    UPDATE = "update"
    ARCHIVE = "archive"
    DELETE = "delete"
    ASSOCIATE = "associate"
    FIND = "find"
    FETCH = "fetch"
    GONE = "gone"
    SWEEP = "sweep"
    CONDITIONAL = "conditional"  # honours Write.if_version
    UPSERT_BY_KEY = "upsert_by_key"  # create with Write.key is idempotent


class FieldType(StrEnum):
    """The vendor's type of a field, as far as a mapping needs to know it."""

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    BOOL = "bool"
    INT = "int"
    DECIMAL = "decimal"
    DATE = "date"
    INSTANT = "instant"
    CHOICE = "choice"
    CHOICES = "choices"  # several of a list, or free tags
    REFERENCE = "reference"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a pick list: what the API takes, and what people read."""

    value: str
    label: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One field of the live schema. ``choices`` None = any text; ``max_length`` in characters. ``inferred``: no schema says
    the type, it is read off the values and may change with them. ``create_only``, with ``writable``: new records take it,
    and no update may carry it; the engine sends none that does."""

    name: str
    type: FieldType = FieldType.TEXT
    writable: bool = True
    required: bool = False
    choices: tuple[Choice, ...] | None = None
    max_length: int | None = None
    unique: bool = False
    label: str = ""
    custom: bool = False
    inferred: bool = False
    create_only: bool = False


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One kind of row that a connector can read or write.

    ``overlap`` is how far an incremental read looks back behind its cursor. ``resolution`` is the
    grain of the vendor's record times. ``natural_keys`` are vendor fields that ``find`` takes.
    """

    name: str
    entity: str
    can: frozenset[Can] = frozenset()
    natural_keys: tuple[str, ...] = ()
    max_batch: int = 1
    overlap: timedelta = timedelta(0)
    resolution: timedelta = timedelta(microseconds=1)
    writes_serially: bool = False  # one write call at a time for the whole stream
    one_write_per_record: bool = True  # never two writes to one record under way at once
    blank_is_null: bool = True  # the vendor cannot tell "" from null
    full_scan: bool = False  # reading always shows every row; absence may then mean deletion
    subscribes_on_create: bool = False  # a new row may be mailed unless told otherwise
    external_id: str | None = None  # the vendor field that stores our entity id, by default
    email_field: str | None = None
    events: bool = False  # memberships: rows tell what happened, perhaps twice: an older one never replaces a newer one
    statuses: tuple[str, ...] = ()  # of a campaign's members, where it knows not every status (a list: member, or not)


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """A connector: its name in configs, its streams, its settings model and how to open it.

    ``open`` must do no I/O. ``preset`` is the text of the plugin's ``preset.yaml``.
    """

    name: str
    streams: tuple[StreamSpec, ...]
    settings: type[BaseModel]
    open: Callable[[Any, Session], Connector]
    contract: int = CONTRACT
    role: str = "other"
    docs_url: str = ""
    preset: str | None = None
    #: for connectors whose streams depend on the settings (files): the real streams, no I/O beyond a listing
    discover: Callable[[Any], tuple[StreamSpec, ...]] | None = None
    #: ``module:Class`` of the plugin's simulator (:class:`smarksync.simulator.Simulator`), imported only when asked for
    simulator: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    #: why nobody can add fields there, and what to do instead, in a sentence for people; empty = somebody can
    closed: str = ""

    def stream(self, name: str) -> StreamSpec | None:
        """The stream of that name, or None."""
        return next((s for s in self.streams if s.name == name), None)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What ``check`` found, in sentences for people.

    ``problems`` keep the whole connection from working. ``unreadable`` is of single objects, by name: which of them
    matter, the config says, of which a connector knows nothing.
    """

    ok: bool
    account: str = ""
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    budget_left: int | None = None
    unreadable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transform:
    """A named value change for mappings. ``inverse`` None = inward only.

    ``inward(outward(x)) == x`` must hold where both are given; ``accepts`` names the canonical types.
    """

    name: str
    inward: Callable[[Any], Any]
    outward: Callable[[Any], Any] | None = None
    accepts: tuple[str, ...] = ("text",)
    doc: str = ""
