"""The shape of a config: connections, mappings, jobs and the small sections. interface.md is the promise.

The working agreement's sections are in :mod:`.agreement`. What one value may look like is in :mod:`.values`, what
must fit together across sections in :mod:`.checks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    SecretStr,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from smarksync.model import TYPES

from .agreement import Agreement, Definition, Goals, Lifecycle, Persona, Route, Score
from .expressions import Expression
from .guards import GuardLimit, Guards, handoffs_flow, limits
from .jobs import KINDS, Job
from .problems import Path, Place, Problem, error, shown
from .section import Section
from .values import Also, Currency, Day, Duration, Identifier, Name, PlainDuration, TimeZone, wrong

__all__ = ["Config", "ConnectionConfig", "ConnectionMapping", "FieldMapping", "MappingConfig"]


class ConnectionConfig(Section):
    """One system. ``settings`` are raw; :func:`.settings.read_settings` validates them by the plugin's own model."""

    connector: Name
    role: Literal["marketing", "sales", "other"] | None = None
    #: values that came from ``${…}`` are SecretStr, at any depth
    settings: dict[str, Any] = Field(default_factory=dict, repr=False)
    #: calls of the day's budget that are kept for hand-offs
    reserve: int = Field(default=0, ge=0)


def _long_form(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


class FieldMapping(Section):
    """Where one canonical field lives in a system. ``values`` maps canonical to vendor values."""

    field: Annotated[str, Field(min_length=1)]
    direction: Literal["both", "read", "write"] = "both"
    values: dict[str, Any] = Field(default_factory=dict)
    unknown: Literal["quarantine", "keep", "default"] = "quarantine"
    default: str | int | float | bool | None = None
    transform: list[str] = Field(default_factory=list)
    required: bool = False

    @model_validator(mode="after")
    def _default_has_a_use(self) -> FieldMapping:
        if self.unknown == "default" and "default" not in self.model_fields_set:
            raise wrong("`unknown: default` needs a `default`.", "Add `default: VALUE`, or write `unknown: keep`.")
        if "default" in self.model_fields_set and self.unknown != "default":
            raise wrong("`default` is used only with `unknown: default`.", "Add `unknown: default`.")
        return self


ShortOrLong = Annotated[FieldMapping | None, BeforeValidator(_long_form), Also({"type": "string"})]


class MappingConfig(Section):
    """The mapping of one object. A field that is null takes the preset's line for it away."""

    entity: str | None = None
    extends: Literal["preset"] | None = None
    fields: dict[str, Annotated[FieldMapping | None, BeforeValidator(_long_form), Also({"type": "string"})]] = Field(
        default_factory=dict
    )


def _object_maps(value: Any) -> Any:
    if value == "preset":
        return {"extends": "preset", "objects": {}}
    if isinstance(value, str):
        raise wrong(f"{shown(value)} is not a mapping.", "Write `preset`, or a map of objects.")
    if isinstance(value, dict):
        return {"extends": value.get("extends"), "objects": {k: v for k, v in value.items() if k != "extends"}}
    return value


class ConnectionMapping(Section):
    """The mappings of one connection by object; ``extends`` says that they overlay the connector's preset."""

    inline: ClassVar[str] = "objects"

    extends: Literal["preset"] | None = None
    objects: dict[str, MappingConfig] = Field(default_factory=dict)

    @property
    def preset(self) -> bool:
        """Whether the connector's preset takes part."""
        return self.extends == "preset" or any(m.extends for m in self.objects.values())

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        real = handler.resolve_ref_schema(schema)  # in the file, objects stand beside `extends`
        real["additionalProperties"] = real["properties"].pop("objects")["additionalProperties"]
        return schema


class CustomFieldConfig(Section):
    """A canonical field of the user's own: a type of schema.md, and the words of an enum or of a set of them."""

    type: Annotated[
        str,
        Field(min_length=1),
        WithJsonSchema({"type": "string", "pattern": rf"^\s*(open\s*enum|{'|'.join(TYPES)})\s*(\(.*\))?\s*$"}),
    ]
    values: list[str] | None = None


class EntityConfig(Section):
    """What the config adds to an entity."""

    fields: dict[Identifier, CustomFieldConfig] = Field(default_factory=dict)


class Defaults(Section):
    """Workspace-wide defaults. ``skew`` None = 2 s or the coarser resolution."""

    country: Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$"})] | None = None
    activity_window: PlainDuration = Duration(180, "days")
    freshness: PlainDuration = Duration(120, "seconds")
    skew: PlainDuration = Duration(2, "seconds")


class Channel(Section):
    """A place to send notices to. Its URL usually is a secret."""

    url: SecretStr
    on: list[Literal["failed", "recovered", "guard", "quarantine", "late"]] = Field(default_factory=list)


class CurrencyRate(Section):
    """What one unit of a currency is worth in the config's ``currency``, and on which day; for reports alone."""

    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    date: Day


class Logging(Section):
    """How we speak; None = the command line's choice."""

    level: Literal["debug", "info", "warning", "error"] | None = None
    format: Literal["console", "json"] | None = None


class Retention(Section):
    """How long the ledger keeps things."""

    plans: PlainDuration = Duration(30, "days")
    before_images: PlainDuration = Duration(90, "days")
    audit: PlainDuration = Duration(400, "days")


def _format_version(value: Any) -> Any:
    if value != 1 or isinstance(value, (bool, float)):
        if value == "1":
            raise wrong("the version is a number, and this is text.", "Write it without quotes: `version: 1`.")
        raise wrong(f"version {shown(value)} of the config format is not known.", "This SmarkSync reads `version: 1`.")
    return value


class Config(Section):
    """A whole config, validated. Ask :meth:`where` for the place of anything in it."""

    version: Annotated[Literal[1], BeforeValidator(_format_version)]
    workspace: Name
    ledger: str = Field(default="", repr=False)
    include: list[str] = Field(default_factory=list)
    time_zone: TimeZone = "UTC"
    currency: Currency | None = None
    rates: dict[Currency, CurrencyRate] = Field(default_factory=dict)
    defaults: Defaults = Defaults()
    connections: Annotated[dict[Name, ConnectionConfig], Field(min_length=1)]
    mappings: dict[str, Annotated[ConnectionMapping, BeforeValidator(_object_maps), Also({"const": "preset"})]] = Field(
        default_factory=dict
    )
    entities: dict[str, EntityConfig] = Field(default_factory=dict)
    jobs: dict[Name, Job] = Field(default_factory=dict)
    personas: dict[str, Persona] = Field(default_factory=dict)
    definitions: dict[Identifier, Definition] = Field(default_factory=dict)
    scoring: list[Score] = Field(default_factory=list)
    routing: list[Route] = Field(default_factory=list)
    lifecycle: Lifecycle = Lifecycle()
    agreement: Agreement | None = None
    goals: Goals | None = None
    guards: Guards = Guards()
    notify: dict[str, Channel] = Field(default_factory=dict)
    logging: Logging = Logging()
    retention: Retention = Retention()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        real = handler.resolve_ref_schema(schema)
        del real["required"]  # an included file is a part: it needs nothing, and says neither version nor workspace
        elsewhere = [{"required": ["connections"]}, {"required": ["include"]}]
        part = {"not": {"anyOf": [{"required": ["version"]}, {"required": ["workspace"]}]}, "minProperties": 1}
        real["anyOf"] = [{"required": ["version", "workspace"], "anyOf": elsewhere}, part]
        return schema

    _file: FilePath = PrivateAttr(default=FilePath("smarksync.yaml"))
    _files: tuple[FilePath, ...] = PrivateAttr(default=())
    _secrets: frozenset[str] = PrivateAttr(default=frozenset())
    _warnings: tuple[Problem, ...] = PrivateAttr(default=())
    _unset: tuple[Problem, ...] = PrivateAttr(default=())
    _digest: str = PrivateAttr(default="")
    _schema: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def root(self) -> FilePath:
        """The directory of the config file: what relative paths in it are relative to."""
        return self._file.parent

    @property
    def files(self) -> tuple[FilePath, ...]:
        """The config file and everything it includes."""
        return self._files

    @property
    def secrets(self) -> frozenset[str]:
        """Values that logs must never show, for the redactor."""
        return self._secrets

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is legal and probably not meant; ``check`` prints it."""
        return self._warnings

    def unset(self, *, connections: Iterable[str] = (), channels: Iterable[str] = ()) -> list[Problem]:
        """The secrets of these connections and channels that are not there: a problem for whoever opens them."""
        opened = {("connections", name) for name in connections} | {("notify", name) for name in channels}
        return [problem for problem in self._unset if problem.path[:2] in opened]

    def require(self, *, connections: Iterable[str] = (), channels: Iterable[str] = ()) -> None:
        """Raises ConfigError that names every secret of theirs that is not there, with file and line."""
        if problems := self.unset(connections=connections, channels=channels):
            raise error(problems)

    @property
    def digest(self) -> str:
        """A hash of everything written in the config, secrets by their reference and not their value."""
        return self._digest

    @property
    def schema_(self) -> Mapping[str, Any]:
        """The canonical schema with this config's own fields: entity name → ``model.Entity``."""
        return self._schema

    @property
    def ledger_url(self) -> str:
        """Where the ledger is (default ``sqlite:///WORKSPACE.db``); a SQLite file is relative to the config file."""
        url = self.ledger or f"sqlite:///{self.workspace}.db"
        name = url.removeprefix("sqlite:///")
        if name == url or not name or name.startswith((":memory:", "file:")):
            return url
        return f"sqlite:///{self.root.resolve() / name}"

    def where(self, path: Path) -> Place:
        """Where the value at ``path`` was written, or the nearest part above it that was."""
        return self.place(*path)

    def mapping_of(self, connection: str) -> ConnectionMapping:
        """The mappings of a connection; one without any uses its connector's preset."""
        return self.mappings.get(connection) or ConnectionMapping(extends="preset")

    def jobs_in_order(self) -> list[Job]:
        """The jobs in the order in which a run does them: sync, hand-off, outcomes, activities, memberships."""
        return sorted(self.jobs.values(), key=lambda job: KINDS.index(job.kind))

    def match_of(self, job: str) -> tuple[tuple[str, ...], ...]:
        """The match keys of a job in order, each one field or several together; the entity's when it names none."""
        one = self.jobs[job]
        if one.match is None:
            return tuple(self._schema[one.entity].match)
        return tuple(one.match)

    def guards_for(self, job: str) -> dict[str, GuardLimit]:
        """Every guard's limit in that job."""
        return limits(self.guards, self.jobs[job].guards)

    def handoffs_flow(self, job: str) -> bool:
        """Whether hand-offs still flow when a guard stops that job."""
        return handoffs_flow(self.guards, self.jobs[job].guards)

    def expressions(self) -> list[tuple[Path, Expression]]:
        """Every expression of the config with its path."""
        found: list[tuple[Path, Expression]] = []
        _collect(self, found)
        return found


def _collect(value: Any, found: list[tuple[Path, Expression]], path: Path = ()) -> None:
    if isinstance(value, Expression):
        found.append((path, value))
    elif isinstance(value, Section):
        for name, info in type(value).model_fields.items():
            _collect(getattr(value, name), found, (*path, info.alias or name))
    elif isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            _collect(item, found, (*path, key))
