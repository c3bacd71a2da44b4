"""A job: what is kept in agreement between which systems, and by which rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from smarksync.model import ENTITIES

from .expressions import Expression
from .guards import Guards
from .problems import near, shown, suggest
from .section import Section
from .values import ReasonEnd, wrong

JobKind = Literal["sync", "handoff", "outcomes", "activities", "memberships"]
#: Every kind, in the order in which a run does them.
KINDS: tuple[JobKind, ...] = ("sync", "handoff", "outcomes", "activities", "memberships")
#: The keys that have a meaning in a job of each kind, beside the kind's own.
KEYS: dict[JobKind, tuple[str, ...]] = {
    "sync": ("between", "match", "create", "where", "fields", "deletes", "guards", "adopt", "subscribe"),
    "handoff": ("from", "to", "when", "signals", "reasons", "where", "guards", "subscribe"),
    "outcomes": ("from", "to", "where", "lists", "guards"),
    "activities": ("from", "to", "where", "guards"),
    "memberships": ("between", "match", "create", "where", "fields", "deletes", "guards", "adopt"),
}
#: Entities that a sync job can keep in agreement; owners match by e-mail by themselves.
SYNCED = ("lead", "account", "opportunity", "campaign")
#: Entities that have outcomes.
REPORTED = ("lead", "account", "opportunity", "activity")
ACTIVITY_TYPES = ENTITIES["activity"].fields["type"].values
SIGNALS = ("accepted", "rejected", "working", "sql", "opportunity", "won", "lost", "recycled", "disqualified")
MERGES = ("newest", "min", "max", "earliest", "latest", "union", "lifecycle", "ask", "most_restrictive")


def _direction(value: Any) -> Any:
    if isinstance(value, str):
        words = value.split()
        if words == ["both"] or (len(words) == 2 and words[0] == "from"):
            return " ".join(words)
        if words == ["from"]:
            raise wrong("`direction: from` names no connection.", "Write `direction: from CONNECTION`.")
        if len(words) == 2 and (near(words[0], ("from", "to")) or words[0] == "to"):
            raise wrong(
                f"{shown(value)} is not a direction.", f"Write `both`, or `from {words[1]}` naming whose edits flow."
            )
    raise wrong(f"{shown(value)} is not a direction.", "Write `both`, or `from CONNECTION`.")


class FieldRule(Section):
    """How one field is kept in agreement (engine.md, "Rules per field")."""

    #: ``both`` or ``from CONNECTION``; :attr:`source` has the connection
    direction: Annotated[
        str,
        BeforeValidator(_direction),
        WithJsonSchema({"type": "string", "pattern": r"^\s*(both|from\s+\S+)\s*$"}),
    ] = "both"
    owner: str | None = None
    enforce: Literal["restore", "leave"] = "restore"
    merge: Literal["newest", "min", "max", "earliest", "latest", "union", "lifecycle", "ask", "most_restrictive"] = (
        "newest"
    )
    #: ``ask`` or a connection
    tie: str = "ask"
    blank: Literal["keep", "clear"] = "keep"

    @property
    def source(self) -> str | None:
        """The only connection whose edits flow, or None when all do."""
        return self.direction.removeprefix("from ") if self.direction != "both" else None

    def writes(self, connection: str) -> bool:
        """Whether this rule may write the field to that connection of its job."""
        return self.source != connection


def _create(value: Any) -> Any:
    if isinstance(value, str) and value.isidentifier() and value not in ("always", "never"):
        raise wrong(
            f"{shown(value)} is not known here.", suggest(value, ("always", "never")) + " Or write an expression."
        )
    return {"always": True, "never": False}.get(value, value) if isinstance(value, str) else value


def _match(value: Any) -> list[tuple[str, ...]]:
    if not isinstance(value, list):
        raise wrong(f"must be a list, not {shown(value)}.", f"Write `match: [{shown(value)[1:-1]}]`.")
    keys = [(one,) if isinstance(one, str) else tuple(one) if isinstance(one, list) else () for one in value]
    if not keys or not all(key and all(isinstance(name, str) and name for name in key) for key in keys):
        hint = "Write `[email]`; keys that match together: `[[name, country]]`."
        raise wrong(f"{shown(value)} are no match keys.", hint)
    return keys


MatchKeys = Annotated[
    list[tuple[str, ...]],
    PlainValidator(_match),
    WithJsonSchema(
        {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}}
    ),
]


class Adopt(Section):
    """How a first link settles differing values: by time, or by the connection preferred."""

    prefer: str | None = None


class ListRule(Section):
    """Joins or leaves a marketing list when ``when`` is true."""

    when: Expression
    join: str | None = None
    leave: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> ListRule:
        if (self.join is None) == (self.leave is None):
            raise wrong("a list rule has exactly one of `join` and `leave`.", "Write two rules for two lists.")
        return self


Synced = Annotated[str, WithJsonSchema({"type": "string", "enum": list(SYNCED)})]
Connections = Annotated[
    list[str],
    WithJsonSchema({"type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": "string"}}),
]
Outcomes = Annotated[
    list[str],
    Field(min_length=1),
    WithJsonSchema({"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(REPORTED)}}),
]
Activities = Annotated[
    list[str],
    Field(min_length=1),
    WithJsonSchema({"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(ACTIVITY_TYPES)}}),
]


class Job(Section):
    """One job of exactly one kind; :data:`KEYS` says which keys each kind takes."""

    sync: Synced | None = None
    handoff: Literal["lead"] | None = None
    outcomes: Outcomes | None = None
    activities: Activities | None = None
    memberships: Literal["campaign"] | None = None
    between: Connections | None = None
    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    match: MatchKeys | None = None
    create: dict[
        str, Annotated[Expression, BeforeValidator(_create), WithJsonSchema({"type": ["string", "boolean"]})]
    ] = Field(default_factory=dict)
    where: dict[str, Expression] = Field(default_factory=dict)
    fields: dict[str, FieldRule] = Field(default_factory=dict)
    deletes: dict[str, Literal["ignore", "unlink", "archive", "delete"]] = Field(default_factory=dict)
    guards: Guards | None = None
    adopt: Adopt = Adopt()
    subscribe: Literal["opted_in", "not_opted_out"] = "opted_in"
    when: Expression | None = None
    signals: dict[
        Literal["accepted", "rejected", "working", "sql", "opportunity", "won", "lost", "recycled", "disqualified"],
        Expression,
    ] = Field(default_factory=dict)
    #: reason of sales → how long the lead waits until it may come again; None = it is disqualified
    reasons: dict[str, ReasonEnd] = Field(default_factory=dict)
    lists: list[ListRule] = Field(default_factory=list)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        real = handler.resolve_ref_schema(schema)  # editors are told of each kind's own keys, as _one_kind tells people
        sides = {kind: ["between"] if "between" in KEYS[kind] else ["from", "to"] for kind in KINDS}
        real["oneOf"] = [
            {"required": [kind, *sides[kind]], "propertyNames": {"enum": [kind, *KEYS[kind]]}} for kind in KINDS
        ]
        return schema

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, data: Any) -> Any:
        if isinstance(data, dict) and "handoff" in data and "when" not in data:
            return {**data, "when": "definitions.mql"}
        if isinstance(data, dict) and "sync" in data and "fields" not in data:
            return {**data, "fields": {"*": {}}}  # without any rule it would create people of whom it says nothing
        return data

    @model_validator(mode="after")
    def _one_kind(self) -> Job:
        kinds = [k for k in KINDS if k in self.model_fields_set]
        if len(kinds) != 1:
            said = (
                f"this job has {' and '.join(f'`{k}`' for k in kinds)}."
                if kinds
                else "this job does not say what it does."
            )
            raise wrong(said, "A job has exactly one of `sync`, `handoff`, `outcomes`, `activities`, `memberships`.")
        kind = kinds[0]
        allowed = {kind, *KEYS[kind]}
        for key in sorted(self.model_fields_set, key=list(type(self).model_fields).index):
            if key.rstrip("_") not in allowed:
                keys = ", ".join(f"`{k}`" for k in KEYS[kind])
                raise wrong(f"`{key.rstrip('_')}` has no meaning in a job of kind `{kind}`.", f"It takes {keys}.")
        if "between" in allowed:
            if not self.between:
                raise wrong("this job does not say between which connections.", "Add `between: [A, B]`.")
            if len(self.between) < 2 or len(set(self.between)) != len(self.between):
                raise wrong("`between` needs two or more different connections.", "Write `between: [A, B]`.")
        elif not self.from_ or not self.to:
            missing = "to" if self.from_ else "from"
            raise wrong(f"this job has no `{missing}`.", "Write `from: CONNECTION` and `to: CONNECTION`.")
        elif self.from_ == self.to:
            raise wrong(f"`from` and `to` are both `{self.to}`.", "Name two connections.")
        return self

    @property
    def name(self) -> str:
        """The job's name."""
        return self.key

    @property
    def kind(self) -> JobKind:
        """What the job does."""
        return next(k for k in KINDS if getattr(self, k) is not None)

    @property
    def entity(self) -> str:
        """The entity that the job is about; the first of several."""
        value = getattr(self, self.kind)
        if self.kind == "activities":
            return "activity"
        if self.kind == "memberships":
            return "membership"
        return str(value[0] if isinstance(value, list) else value)

    @property
    def connections(self) -> tuple[str, ...]:
        """The connections of the job, in the order written (``from`` before ``to``)."""
        return tuple(self.between or (c for c in (self.from_, self.to) if c))

    def creates(self, connection: str) -> Expression | None:
        """When a record may be created there; None = never."""
        return self.create.get(connection)

    def rule_name(self, field: str) -> str:
        """How plans name the rule of a field: ``job.field`` when named, else ``job.*``."""
        return f"{self.name}.{field if field in self.fields else '*'}"
