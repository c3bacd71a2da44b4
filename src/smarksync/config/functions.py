"""The functions of expressions: pure, of their arguments and the run's start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from smarksync.model import Entity, is_free_mail, registrable_domain

from .patterns import PatternProblem, compile_pattern
from .problems import shown, suggest
from .types import BOOL, INSTANT, NUMBER, ExpressionProblem, Type, Typed

Build = Callable[[list[Typed], Mapping[str, Typed], Mapping[str, Entity]], Typed]
_LOWER = Type("text", "text", fix=str.lower)


@dataclass(frozen=True)
class Function:
    """A function: how it is written, how many values it takes, which by name, and how it is compiled."""

    usage: str
    positional: int
    build: Build
    named: tuple[str, ...] = ()
    now: bool = False

    def uses_now(self, named: Mapping[str, Typed]) -> bool:
        """Whether a call with those named values measures time."""
        return self.now or "within_days" in named


def _need(typed: Typed, *kinds: str, usage: str, word: str) -> None:
    if typed.type.kind not in (*kinds, "null"):
        raise ExpressionProblem(f"`{typed.said}` is {typed.type.word}, not {word}.", f"Write `{usage}`.")


def _on_text(usage: str, result: Type, apply: Callable[[str], Any]) -> Function:
    def build(arguments: list[Typed], named: Mapping[str, Typed], schema: Mapping[str, Entity]) -> Typed:
        _need(arguments[0], "text", usage=usage, word="text")
        inner = arguments[0].run

        def run(scope: Mapping[str, Any]) -> Any:
            value = inner(scope)
            return None if value is None else apply(value)

        return Typed(result, run)

    return Function(usage, 1, build)


@lru_cache(maxsize=4096)
def _domain(email: str) -> str | None:
    return registrable_domain(email) if "@" in email else None


def parse_time(wire: str) -> datetime:
    """A date or instant in wire form as an aware time."""
    time = datetime.fromisoformat(wire)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _since(usage: str, period: timedelta) -> Function:
    def build(arguments: list[Typed], named: Mapping[str, Typed], schema: Mapping[str, Entity]) -> Typed:
        _need(arguments[0], "date", "instant", usage=usage, word="a date or time")
        inner = arguments[0].run

        def run(scope: Mapping[str, Any]) -> Any:
            value = inner(scope)
            return None if value is None else (scope["now"] - parse_time(value)) // period

        return Typed(NUMBER, run)

    return Function(usage, 1, build, now=True)


def _matches(arguments: list[Typed], named: Mapping[str, Typed], schema: Mapping[str, Entity]) -> Typed:
    usage = FUNCTIONS["matches"].usage
    _need(arguments[0], "text", usage=usage, word="text")
    pattern = arguments[1].run({}) if arguments[1].literal else None
    if not isinstance(pattern, str):
        raise ExpressionProblem(f"`{arguments[1].said}` is not a pattern.", f"Write it as text: `{usage}`.")
    if "\b" in pattern:
        raise ExpressionProblem(
            "the pattern holds a backspace: `\\b` means that in plain text.", 'Write r"…" before the pattern.'
        )
    try:
        search = compile_pattern(pattern)
    except PatternProblem as e:
        raise ExpressionProblem(f"{shown(pattern)}: {e}.") from None
    inner = arguments[0].run

    def run(scope: Mapping[str, Any]) -> Any:
        value = inner(scope)
        return None if value is None else search(value)

    return Typed(BOOL, run)


def _any_of(arguments: list[Typed], named: Mapping[str, Typed], schema: Mapping[str, Entity]) -> Typed:
    usage = FUNCTIONS["any_of"].usage
    _need(arguments[0], "set", usage=usage, word="a set")
    if arguments[1].type.kind != "list" or not all(i.literal for i in arguments[1].items):
        raise ExpressionProblem(f"`{arguments[1].said}` is not a list of values.", f"Write `{usage}`.")
    item = arguments[0].type.item
    values = [i.run({}) for i in arguments[1].items]
    if item is not None:
        values = [item.literal(v, arguments[0].said) if isinstance(v, str) else v for v in values]
    wanted = frozenset(v for v in values if v is not None)
    inner = arguments[0].run

    def run(scope: Mapping[str, Any]) -> Any:
        value = inner(scope)
        return None if value is None else not wanted.isdisjoint(value)

    return Typed(BOOL, run)


def _types(named: Mapping[str, Typed], schema: Mapping[str, Entity], usage: str) -> frozenset[str] | None:
    if "type" not in named:
        return None
    typed = named["type"]
    parts: Sequence[Typed] = typed.items if typed.type.kind == "list" else [typed]
    words = [p.run({}) if p.literal else None for p in parts]
    known = schema["activity"].fields["type"].values
    for word in words:
        if not isinstance(word, str):
            raise ExpressionProblem("`type` is one word or a list of words.", f"Write `{usage}`.")
        if word not in known:
            raise ExpressionProblem(f"{shown(word)} is not a type of activity.", suggest(word, known))
    return frozenset(str(w) for w in words)


def _count(arguments: list[Typed], named: Mapping[str, Typed], schema: Mapping[str, Entity]) -> Typed:
    usage = FUNCTIONS["count"].usage
    if arguments[0].type.kind == "set":
        inner = arguments[0].run

        def size(scope: Mapping[str, Any]) -> Any:
            value = inner(scope)
            return None if value is None else len(value)

        if named:
            raise ExpressionProblem("only activities have a type and a time.", f"Write `{usage}`.")
        return Typed(NUMBER, size)
    _need(arguments[0], "activities", usage=usage, word="the list of activities")
    types = _types(named, schema, usage)
    window: timedelta | None = None
    if "within_days" in named:
        days = named["within_days"].run({}) if named["within_days"].literal else None
        if not isinstance(days, int) or isinstance(days, bool) or not 0 < days <= 36_500:
            raise ExpressionProblem("`within_days` is a whole number of days.", f"Write `{usage}`.")
        window = timedelta(days=days)

    def run(scope: Mapping[str, Any]) -> Any:
        since = None if window is None else _cut(scope["now"], window)
        return sum(
            1
            for one in scope["activities"] or ()
            if (types is None or one.get("type") in types) and (since is None or (one.get("at") or "") >= since)
        )

    return Typed(NUMBER, run)


@lru_cache(maxsize=256)
def _cut(now: datetime, window: timedelta) -> str:
    """The earliest instant of a window in wire form, which sorts as text."""
    return (now - window).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _latest(arguments: list[Typed], named: Mapping[str, Typed], schema: Mapping[str, Entity]) -> Typed:
    usage = FUNCTIONS["latest"].usage
    _need(arguments[0], "activities", usage=usage, word="the list of activities")
    types = _types(named, schema, usage)

    def run(scope: Mapping[str, Any]) -> Any:
        times = [
            one["at"]
            for one in scope["activities"] or ()
            if one.get("at") and (types is None or one.get("type") in types)
        ]
        return max(times, default=None)

    return Typed(INSTANT, run)


FUNCTIONS: dict[str, Function] = {
    "days_since": _since("days_since(x)", timedelta(days=1)),
    "hours_since": _since("hours_since(x)", timedelta(hours=1)),
    "matches": Function('matches(text, "regex")', 2, _matches),
    "domain": _on_text("domain(email)", _LOWER, _domain),
    "lower": _on_text("lower(text)", _LOWER, str.lower),
    "is_free_mail": _on_text("is_free_mail(email)", BOOL, is_free_mail),
    "count": Function('count(activities, type="call", within_days=30)', 1, _count, ("type", "within_days")),
    "latest": Function('latest(activities, type="call")', 1, _latest, ("type",)),
    "any_of": Function('any_of(set, ["a", "b"])', 2, _any_of),
}
