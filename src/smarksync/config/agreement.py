"""What marketing and sales agreed on: personas, definitions, scoring, routing, promises and goals."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from .expressions import Expression
from .problems import shown, suggest
from .section import Section
from .values import (
    MONTHS,
    Also,
    AnyDuration,
    Day,
    Holidays,
    Owner,
    OwnerName,
    OwnerOrField,
    Share,
    TimeZone,
    Version,
    Week,
    parse_owner,
    parse_share,
    wrong,
)

Text = Annotated[str, Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Whole = Annotated[int, Field(gt=0, le=1_000_000_000)]


class Persona(Section):
    """An agreed picture of a buyer and how to recognise one."""

    name: Text
    when: Expression | None = None
    pains: list[str] = Field(default_factory=list)
    titles: list[str] = Field(default_factory=list)
    industries: list[str] = Field(default_factory=list)
    company_size: str | None = None


class Definition(Section):
    """A definition that both teams own. ``require`` are lead fields, ``never`` excludes only on true."""

    when: Expression
    require: list[str] = Field(default_factory=list)
    never: list[Expression] = Field(default_factory=list)
    version: Version | None = None


class Decay(Section):
    """Points halve every so many days."""

    half_life_days: Positive


class Score(Section):
    """Points for what is true: to ``engagement_score`` when it names activities, else to ``fit_score``."""

    when: Expression
    points: Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
    why: str = ""
    decay: Decay | None = None

    @property
    def field(self) -> str:
        """The score that the points are added to."""
        return "engagement_score" if "activities" in self.when.names else "fit_score"


class Route(Section):
    """One routing rule: ``to`` an owner, ``round_robin`` among owners, or the ``fallback``."""

    when: Expression | None = None
    to: OwnerOrField | None = None
    round_robin: Annotated[list[OwnerName], Field(min_length=1)] | None = None
    weights: list[Whole] | None = None
    capacity: Whole | None = None
    fallback: OwnerName | None = None

    @model_validator(mode="after")
    def _one_target(self) -> Route:
        targets = [k for k in ("to", "round_robin", "fallback") if getattr(self, k) is not None]
        if len(targets) != 1:
            raise wrong("a routing rule has exactly one of `to`, `round_robin`, `fallback`.", "Write `to: OWNER`.")
        if self.fallback and self.when:
            raise wrong("a `fallback` takes no `when`.", "It is for what no other rule took.")
        if not self.fallback and self.when is None:
            raise wrong("this routing rule has no `when`.", "Add `when: EXPRESSION`, or write `fallback: OWNER`.")
        if self.weights is not None and len(self.weights) != len(self.round_robin or ()):
            raise wrong(
                "`weights` gives one number for each owner of `round_robin`.", f"Write {len(self.round_robin or ())}."
            )
        if self.capacity is not None and self.round_robin is None:
            raise wrong("`capacity` belongs to `round_robin`.")
        if self.round_robin and len(set(self.round_robin)) != len(self.round_robin):
            raise wrong("`round_robin` names an owner twice.", "Give the owner a larger weight.")
        return self


def _words(value: Any) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        raise wrong(f"{shown(value)} is not a lifecycle word.", "Write one word, or a list of words.")
    return tuple(words)


LifecycleWords = Annotated[
    tuple[str, ...],
    PlainValidator(_words),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Move(Section):
    """Legal lifecycle moves: from each of ``from`` to each of ``to``, by ``who``; ``back`` allows a step down."""

    from_: LifecycleWords = Field(alias="from")
    to: LifecycleWords
    who: Annotated[list[Literal["marketing", "sales", "rule", "person", "any"]], Field(min_length=1)]
    back: bool = False


def _moves(value: Any) -> Any:
    if isinstance(value, str):
        if value != "default":
            raise wrong(f"{shown(value)} are no moves.", "Write `default`, or a list of `{from, to, who, back}`.")
        return None
    return value


class Lifecycle(Section):
    """Which moves are legal; ``moves`` None = the default table of schema.md."""

    moves: Annotated[
        list[Move] | None,
        BeforeValidator(_moves),
        Also({"const": "default"}),
    ] = None

    def table(self) -> list[dict[str, Any]] | None:
        """The moves as ``model.Moves.from_config`` takes them; None = the default table."""
        return None if self.moves is None else [move.model_dump(by_alias=True) for move in self.moves]


class Calendar(Section):
    """Working hours. ``hours``: day of the week (Monday 0) → spans in minutes of the day."""

    hours: Week
    time_zone: TimeZone | None = None
    holidays: Holidays | None = None
    closed: list[Day] = Field(default_factory=list)


class Segment(Section):
    """A cut through the leads: a promise per value of ``of``."""

    of: Expression
    values: list[str] = Field(default_factory=list)


#: promise → (keys it needs, keys it may have), beside `promise`, `id` and `per`
PROMISES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "volume": (("count", "of"), ()),
    "quality": (("share", "at_least"), ()),
    "complete": (("fields", "at_least"), ()),
    "first_attempt": (("within",), ("calendar", "from", "reassign")),
    "attempts": (("within",), ("at_least", "at_most")),
    "decision": (("within",), ("calendar", "reason_required", "reassign")),
}


def _next_or_owner(value: Any) -> Owner | None:
    return None if value == "next" else parse_owner(value)


def _next_as_text(owner: Owner | None) -> str:
    return "next" if owner is None else str(owner)


class Reassign(Section):
    """Who gets a lead when its owner has let the time of a promise run out. ``to`` None = whom routing gives next."""

    to: Annotated[
        Owner | None,
        PlainValidator(_next_or_owner),
        PlainSerializer(_next_as_text, return_type=str),
        WithJsonSchema({"type": "string"}),
    ] = None
    at_most: Whole = 1


class Promise(Section):
    """One promise; :data:`PROMISES` says which keys each kind takes. ``at_least`` is a share or a count of attempts."""

    promise: Literal["volume", "quality", "complete", "first_attempt", "attempts", "decision"]
    id: Text
    per: list[str] = Field(default_factory=list)
    count: Whole | None = None
    of: str | None = None
    share: Literal["accepted"] | None = None
    at_least: Annotated[
        float | None, PlainValidator(lambda v: v), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})
    ] = None
    at_most: Whole | None = None
    fields: Annotated[list[str], Field(min_length=1)] | None = None
    within: AnyDuration | None = None
    calendar: str | None = None
    from_: str = Field(default="offered", alias="from")
    reason_required: bool = False
    reassign: Reassign | None = None

    @model_validator(mode="before")
    @classmethod
    def _own_keys(cls, data: Any) -> Any:
        kind = data.get("promise") if isinstance(data, dict) else None
        if not isinstance(kind, str) or kind not in PROMISES:
            return data
        needs, may = PROMISES[kind]
        own = ("promise", "id", "per", *needs, *may)
        keys = {f.alias or n for n, f in cls.model_fields.items()}
        for key in data:
            if key in keys and key not in own:
                raise wrong(
                    f"`{key}` is no key of a `{kind}` promise.", f"It takes {', '.join(f'`{k}`' for k in own)}."
                )
        for key in needs:
            if key not in data:
                raise wrong(f"a `{kind}` promise needs `{key}`.", f"It takes {', '.join(f'`{k}`' for k in own)}.")
        if "at_least" in data:
            data = {**data, "at_least": _at_least(kind, data["at_least"])}
        return data

    @model_validator(mode="after")
    def _fits(self) -> Promise:
        if self.promise == "attempts" and self.at_least is None and self.at_most is None:
            raise wrong("an `attempts` promise needs `at_least` or `at_most`.")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise wrong(f"`at_least` {self.at_least:g} is more than `at_most` {self.at_most}.")
        if self.within and self.within.business and not self.calendar:
            raise wrong(f"`{self.within}` is counted on a calendar.", "Add `calendar: NAME`.")
        if self.within and self.calendar and not self.within.business:
            raise wrong(
                f"`{self.within}` is not counted on a calendar.",
                f"Write `{self.within.amount} business {self.within.unit}`, or leave `calendar` out.",
            )
        return self


def _at_least(kind: str, value: Any) -> float:
    if kind != "attempts":
        return parse_share(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise wrong(f"`at_least: {value}` is not a number of attempts.", "Write a whole number.")


class PromiseNotices(Section):
    """The channels that hear of a promise."""

    at_risk: str | None = None
    breached: str | None = None
    reassigned: str | None = None


class Parties(Section):
    """The two teams' names, as printed."""

    marketing: Text = "Marketing"
    sales: Text = "Sales"


class Agreement(Section):
    """The working agreement of the two teams."""

    version: Version | None = None
    between: Parties = Parties()
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    segments: dict[str, Segment] = Field(default_factory=dict)
    marketing: list[Promise] = Field(default_factory=list)
    sales: list[Promise] = Field(default_factory=list)
    pause: dict[str, Expression] = Field(default_factory=dict)
    at_risk: Share = 0.75
    notify: PromiseNotices = PromiseNotices()


def _rate(value: Any) -> float | None:
    if value == "measured":
        return None
    if isinstance(value, str) and not value.strip().endswith("%"):
        raise wrong(f"{shown(value)} is not a conversion.", "Write `measured`, or a share such as `22%`.")
    return parse_share(value)


Rate = Annotated[
    float | None,
    PlainValidator(_rate),
    WithJsonSchema({"anyOf": [{"const": "measured"}, {"type": "number"}, {"type": "string"}]}),
]


def _months(value: Any) -> Any:
    for month in value if isinstance(value, dict) else ():
        if month not in MONTHS:
            raise wrong(f"`{month}` is not a month.", suggest(str(month), MONTHS))
    return value


_MONTHS: dict[str, Any] = {"propertyNames": {"enum": list(MONTHS)}}


class Quota(Section):
    """Whose leads make the revenue."""

    marketing_sourced: Share | None = None


class Goals(Section):
    """A year's revenue goal. A conversion of None is measured from the ledger."""

    year: Annotated[int, Field(ge=2000, le=2200)]
    revenue: Positive
    deal_size: dict[str, Positive] = Field(default_factory=dict)
    mix: dict[str, Share] = Field(default_factory=dict)
    conversion: dict[str, Rate] = Field(default_factory=dict)
    season: Annotated[dict[str, Weight], BeforeValidator(_months), Field(json_schema_extra=_MONTHS)] = Field(
        default_factory=dict
    )
    quota: Quota = Quota()

    @model_validator(mode="after")
    def _products_fit(self) -> Goals:
        if self.mix and abs(sum(self.mix.values()) - 1) > 0.005:
            raise wrong(f"the shares of `mix` add up to {sum(self.mix.values()):.0%}.", "They must make 100%.")
        for product in self.mix:
            if self.deal_size and product not in self.deal_size:
                raise wrong(f"`mix` names {product}, `deal_size` does not.", suggest(product, self.deal_size))
        return self
