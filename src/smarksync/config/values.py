"""The small languages of single values: durations, shares, owners, working hours, names.

Each is a pydantic type: it parses once, refuses with a sentence that says what would be right, and tells the JSON
Schema what it takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, GetJsonSchemaHandler, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from .problems import near, shown, suggest


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """A refusal for pydantic to carry: ``message`` and ``hint`` reach the user as they are."""
    return PydanticCustomError("smk", "{message}", {"message": message, "hint": hint})


@dataclass(frozen=True, slots=True)
class Duration:
    """``amount`` of ``unit`` (seconds, minutes, hours, days, weeks); ``business`` ones count on a calendar."""

    amount: int
    unit: str
    business: bool = False

    @property
    def timedelta(self) -> timedelta:
        """The plain length. Raises ValueError for business time, which has a length only on a calendar."""
        if self.business:
            raise ValueError(f"{self} has a length only on a calendar")
        return timedelta(**{self.unit: self.amount})

    def __str__(self) -> str:
        unit = self.unit[:-1] if self.amount == 1 else self.unit
        return f"{self.amount} {'business ' if self.business else ''}{unit}"


_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "seconds"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("h", "hour", "hours"), "hours"),
    **dict.fromkeys(("d", "day", "days"), "days"),
    **dict.fromkeys(("w", "week", "weeks"), "weeks"),
}
_DURATION = re.compile(r"([0-9]{1,6})\s*(business\s+|working\s+)?([A-Za-z]+)")


def parse_duration(value: Any) -> Duration:
    """``5 minutes``, ``2 business days`` → :class:`Duration`."""
    if isinstance(value, Duration):
        return value
    form = "Write a number and a unit: `5 minutes`, `16 days`, `5 business hours`."
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise wrong(f"{shown(value)} is not a duration.", form)
    unit = _UNITS.get(match[3].lower())
    if unit is None:
        raise wrong(
            f"`{match[3]}` is not a unit of time.", suggest(match[3], ("seconds", "minutes", "hours", "days", "weeks"))
        )
    if match[2] and unit not in ("minutes", "hours", "days"):
        raise wrong(f"business {unit} cannot be counted on a calendar.", "Use business minutes, hours or days.")
    duration = Duration(int(match[1]), unit, bool(match[2]))
    if not duration.business and duration.timedelta > timedelta(days=36_500):
        raise wrong(f"{shown(value)} is longer than a century.", form)
    return duration


def parse_plain_duration(value: Any) -> Duration:
    """As :func:`parse_duration`, but calendar time is refused."""
    duration = parse_duration(value)
    if duration.business:
        raise wrong("business time has no meaning here.", f"Write `{duration.amount} {duration.unit}`.")
    return duration


def parse_reason(value: Any) -> Duration | None:
    """What a reason of sales comes to: a wait until the lead may come again, or ``disqualify`` (None)."""
    if isinstance(value, str) and value.strip() == "disqualify":
        return None
    try:
        return parse_plain_duration(value)
    except ValueError as refused:
        hint = "Write a wait (`90 days`), or `disqualify`."
        raise wrong(f"{shown(value)} is neither a wait nor `disqualify`.", hint) from refused


def parse_share(value: Any) -> float:
    """``60%`` or ``0.6`` → 0.6; from 0 to 1."""
    number: float | None = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        if 1 < number <= 100:
            raise wrong(f"{shown(value)} is not a share.", f"Write `{value}%`, or a number from 0 to 1.")
    elif isinstance(value, str) and (match := re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%", value.strip())):
        number = float(Decimal(match[1]) / 100)
    if number is None or not 0 <= number <= 1:
        raise wrong(f"{shown(value)} is not a share.", "Write `60%` or `0.6`; from 0 to 100 %.")
    return number


@dataclass(frozen=True, slots=True)
class Owner:
    """Who gets a lead: kind ``email``, ``queue`` or ``field`` (then ``entity.field`` holding an owner)."""

    kind: Literal["email", "queue", "field"]
    name: str

    def __str__(self) -> str:
        return f"queue:{self.name}" if self.kind == "queue" else self.name


_EMAIL = re.compile(r"[^@\s:]+@[^@\s:]+\.[^@\s:]+")
OWNER_FIELDS = ("lead.owner", "account.owner", "opportunity.owner")


def parse_owner(value: Any) -> Owner:
    """``anna@acme.example`` or ``queue:inbound`` → :class:`Owner`."""
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("queue:") and text[6:].strip():
            return Owner("queue", text[6:].strip())
        if _EMAIL.fullmatch(text):
            return Owner("email", text.lower())
    raise wrong(f"{shown(value)} is not an owner.", "Write an e-mail address or `queue:NAME`.")


def parse_owner_or_field(value: Any) -> Owner:
    """As :func:`parse_owner`, and the owner fields ``lead.owner``, ``account.owner``."""
    if isinstance(value, str) and re.fullmatch(r"[a-z_]+\.[a-z_]+", value.strip()):
        text = value.strip()
        if text not in OWNER_FIELDS[:2]:
            raise wrong(f"{shown(text)} is not an owner field.", suggest(text, OWNER_FIELDS[:2]))
        return Owner("field", text)
    return parse_owner(value)


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HOURS = re.compile(r"([0-2]?[0-9]):([0-5][0-9])\s*-\s*([0-2]?[0-9]):([0-5][0-9])")


def parse_days(text: str) -> tuple[int, ...]:
    """``mon-fri`` or ``sat,sun`` → days of the week, Monday 0."""
    days: list[int] = []
    for part in text.lower().split(","):
        first, dash, last = (p.strip() for p in part.partition("-"))
        for name in (first, last) if dash else (first,):
            if name not in DAYS:
                raise wrong(f"`{name}` is not a day of the week.", suggest(name, DAYS))
        a = DAYS.index(first)
        b = DAYS.index(last) if dash else a
        days += [(a + i) % 7 for i in range((b - a) % 7 + 1)]
    if len(set(days)) != len(days):
        raise wrong(f"`{text}` names a day twice.")
    return tuple(days)


def parse_hours(value: Any) -> tuple[tuple[int, int], ...]:
    """``09:00-17:00`` (several with commas or as a list) → minutes of the day, from and to, in order."""
    parts = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else [value]
    spans: list[tuple[int, int]] = []
    for part in parts:
        match = _HOURS.fullmatch(part.strip()) if isinstance(part, str) else None
        if not match:
            raise wrong(f"{shown(part)} are no opening hours.", 'Write `"09:00-17:00"`.')
        start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        if not start < end <= 24 * 60:
            raise wrong(f"{shown(part)} does not end after it starts, on the same day.", 'Write `"09:00-17:00"`.')
        spans.append((start, end))
    spans.sort()
    if any(a[1] > b[0] for a, b in pairwise(spans)):
        raise wrong(f"{shown(value)}: these hours overlap.")
    return tuple(spans)


def parse_week(value: Any) -> dict[int, tuple[tuple[int, int], ...]]:
    """``{mon-fri: "09:00-17:00"}`` → day of the week (Monday 0) to its spans in minutes."""
    if not isinstance(value, dict) or not value:
        raise wrong("`hours` is a map of days to hours.", 'Write `{mon-fri: "09:00-17:00"}`.')
    week: dict[int, tuple[tuple[int, int], ...]] = {}
    for days, hours in value.items():
        if isinstance(days, int):
            week[days] = hours
            continue
        for day in parse_days(days):
            if day in week:
                raise wrong(
                    f"`{DAYS[day]}` is given twice in `hours`.", "Write several spans as `09:00-12:00, 13:00-17:00`."
                )
            week[day] = parse_hours(hours)
    return week


def parse_date(value: Any) -> date:
    """``2026-12-24`` → a date."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise wrong(f"{shown(value)} is not a date.", "Write `YYYY-MM-DD`.")


def parse_time_zone(value: Any) -> str:
    """An IANA time zone that this machine knows."""
    if isinstance(value, str) and value:
        try:
            ZoneInfo(value)
            return value
        except (ValueError, OSError, KeyError):
            pass
        from zoneinfo import available_timezones

        if best := near(value, sorted(available_timezones())):
            raise wrong(f"{shown(value)} is no known time zone.", f"Did you mean `{best}`?")
    raise wrong(f"{shown(value)} is no known time zone.", "Write an IANA name such as `Europe/Berlin`.")


def parse_currency(value: Any) -> str:
    """An ISO 4217 code, by its form."""
    if isinstance(value, str) and re.fullmatch(r"[A-Z]{3}", value):
        return value
    raise wrong(f"{shown(value)} is not a currency.", "Write its ISO 4217 code: `EUR`, `USD`.")


def parse_holidays(value: Any) -> str:
    """``DE-BE``: country and subdivision, by their form."""
    if isinstance(value, str) and re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", value):
        return value
    raise wrong(f"{shown(value)} names no holidays.", "Write the country, or country and subdivision: `DE-BE`.")


def parse_version(value: Any) -> str:
    """A version is text; a number is taken as written."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise wrong(f"{shown(value)} is not a version.", 'Write text: `"2026-Q4"`.')


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


def parse_name(value: Any) -> str:
    """A name that can stand in commands and references: letters, digits, `_` and `-`."""
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise wrong(
        f"{shown(value)} cannot be a name here.", "A name starts with a letter and holds letters, digits, `_` and `-`."
    )


def parse_identifier(value: Any) -> str:
    """A name that can stand in an expression: letters, digits and `_`."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", value):
        return value
    better = re.sub(r"[^A-Za-z0-9_]+", "_", str(value)).strip("_0123456789")
    raise wrong(
        f"{shown(value)} cannot be used in expressions.", f"Write `{better or 'my_name'}`: letters, digits and `_`."
    )


_DURATION_SCHEMA = {
    "type": "string",
    "pattern": rf"^\s*[0-9]{{1,6}}\s*((business|working)\s+)?({'|'.join(_UNITS)})\s*$",
    "examples": ["5 minutes", "5 business hours"],
}
_SHARE_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "pattern": r"^\s*(100(\.0+)?|[0-9]{1,2}(\.[0-9]{1,6})?)\s*%\s*$"},
    ]
}
_TEXT = {"type": "string"}
_DAY = "|".join(DAYS)
_SPAN = r"[0-2]?[0-9]:[0-5][0-9]\s*-\s*[0-2]?[0-9]:[0-5][0-9]"
_SPANS = {"type": "string", "pattern": rf"^\s*{_SPAN}(\s*,\s*{_SPAN})*\s*$", "examples": ["09:00-17:00"]}


@dataclass(frozen=True, slots=True)
class Also:
    """For the JSON Schema: besides what the type says, this is taken, too."""

    schema: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [self.schema, handler(core)]}


_AS_TEXT = PlainSerializer(str)
AnyDuration = Annotated[Duration, PlainValidator(parse_duration), _AS_TEXT, WithJsonSchema(_DURATION_SCHEMA)]
ReasonEnd = Annotated[
    Duration | None,
    PlainValidator(parse_reason),
    PlainSerializer(lambda wait: "disqualify" if wait is None else str(wait)),
    WithJsonSchema({"type": "string", "description": "A wait such as `90 days`, or `disqualify`."}),
]
PlainDuration = Annotated[Duration, PlainValidator(parse_plain_duration), _AS_TEXT, WithJsonSchema(_DURATION_SCHEMA)]
Share = Annotated[float, PlainValidator(parse_share), WithJsonSchema(_SHARE_SCHEMA)]
OwnerName = Annotated[Owner, PlainValidator(parse_owner), _AS_TEXT, WithJsonSchema(_TEXT)]
OwnerOrField = Annotated[Owner, PlainValidator(parse_owner_or_field), _AS_TEXT, WithJsonSchema(_TEXT)]
Week = Annotated[
    dict[int, tuple[tuple[int, int], ...]],
    PlainValidator(parse_week),
    WithJsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": rf"^({_DAY})(\s*[-,]\s*({_DAY}))*$"},
            "additionalProperties": {"anyOf": [_SPANS, {"type": "array", "minItems": 1, "items": _SPANS}]},
        }
    ),
]
Day = Annotated[date, PlainValidator(parse_date), WithJsonSchema({"type": "string", "format": "date"})]
TimeZone = Annotated[str, BeforeValidator(parse_time_zone)]
Currency = Annotated[str, BeforeValidator(parse_currency), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"})]
Holidays = Annotated[str, BeforeValidator(parse_holidays)]
Version = Annotated[
    str, BeforeValidator(parse_version), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}]})
]
Name = Annotated[str, BeforeValidator(parse_name), WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})]
Identifier = Annotated[str, BeforeValidator(parse_identifier)]
