"""What the two teams sign, as plain data: definitions, promises, clocks, owners; its hash, and what changed between two.

The data is what the hash is taken of, so a comment or another order of keys in the config is no new version. Nothing in
it depends on the day or on the ledger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smarksync.config import Config
from smarksync.config.agreement import Calendar, Definition, Promise, Route
from smarksync.config.values import DAYS
from smarksync.ledger.db import dumps

from .periods import PERIODS


def terms_as_data(config: Config) -> dict[str, Any]:
    """Everything that is agreed on: sections of the config in words, promises by their id."""
    agreement = config.agreement
    assert agreement is not None
    return {
        "between": {"marketing": agreement.between.marketing, "sales": agreement.between.sales},
        "definitions": {name: _written(one) for name, one in config.definitions.items()},
        "personas": {name: _written(one) for name, one in config.personas.items()},
        "scoring": [_written(one) for one in config.scoring],
        "marketing": {one.id: _written(one) for one in agreement.marketing},
        "sales": {one.id: _written(one) for one in agreement.sales},
        "calendars": {name: _calendar(one, config.time_zone) for name, one in agreement.calendars.items()},
        "segments": {name: _written(one) for name, one in agreement.segments.items()},
        "pause": {reason: _tidy(one.text) for reason, one in agreement.pause.items()},
        "at_risk": f"{agreement.at_risk:.4g}",
        "routing": [_written(one) for one in config.routing],
        "lifecycle": config.lifecycle.table() or "default",
        "time_zone": config.time_zone,
    }  # fmt: skip


def _written(section: Any) -> dict[str, Any]:
    """A section without what it leaves out."""
    data: dict[str, Any] = section.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {key: _tidy(value) for key, value in data.items() if value not in (None, [], {})}


def _tidy(value: Any) -> Any:
    """White space in expressions says nothing."""
    if isinstance(value, dict):
        return {key: _tidy(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_tidy(one) for one in value]
    return " ".join(value.split()) if isinstance(value, str) else value


def _calendar(calendar: Calendar, zone: str) -> dict[str, Any]:
    return {
        "hours": hours_in_words(calendar), "time_zone": calendar.time_zone or zone, "holidays": calendar.holidays or "none",
        "closed": [str(day) for day in sorted(calendar.closed)],
    }  # fmt: skip


def digest(data: Mapping[str, Any]) -> str:
    """The version hash, twelve letters: equal terms have equal ones."""
    return hashlib.blake2b(dumps(data), digest_size=6).hexdigest()


def definition_version(definition: Definition) -> str:
    """Your own word for it, else the hash of what it says: as each hand-off records it."""
    if definition.version:
        return definition.version
    said = [definition.when.text, *definition.require, *(never.text for never in definition.never)]
    return hashlib.blake2b("\x1f".join(" ".join(one.split()) for one in said).encode(), digest_size=4).hexdigest()


def version_of(config: Config) -> tuple[str | None, str]:
    """(the config's own word for the version, the hash)."""
    assert config.agreement is not None
    return config.agreement.version, digest(terms_as_data(config))


# -- in words -------------------------------------------------------------------------------------------------------


def promise_in_words(promise: Promise) -> str:
    """One promise as a sentence."""
    said = _promised(promise)
    if promise.reassign is None:
        return said
    to = "whom routing gives next" if promise.reassign.to is None else str(promise.reassign.to)
    times = "once" if promise.reassign.at_most == 1 else f"{promise.reassign.at_most} times"
    return f"{said}; a lead whose owner lets that time run out goes to {to}, at most {times}"


def _promised(promise: Promise) -> str:
    within = promise.within
    share = None if promise.at_least is None else f"{promise.at_least * 100:g} %"
    if promise.promise == "volume":
        return f"At least {promise.count:,} leads become {(promise.of or '').upper()}"
    if promise.promise == "quality":
        return f"At least {share} of the decided hand-offs are {promise.share}"
    if promise.promise == "complete":
        return f"At least {share} of the hand-offs have {_and(promise.fields or [])}"
    if promise.promise == "first_attempt":
        return f"The first attempt is made within {within} after the case is {promise.from_}"
    if promise.promise == "attempts":
        bounds = [
            f"at least {promise.at_least:g}" if promise.at_least else "",
            f"at most {promise.at_most}" if promise.at_most else "",
        ]
        said = " and ".join(part for part in bounds if part)
        return f"{said[0].upper()}{said[1:]} attempts within {within} after the offer, until they have talked"
    reason = ", and a rejection has a reason" if promise.reason_required else ""
    return f"Accepted or rejected within {within} after the offer{reason}"


def per_in_words(promise: Promise, segments: Mapping[str, Sequence[str]]) -> str:
    """What it is judged by: each product (scanner, printer), each month."""
    parts = []
    for cut in promise.per:
        values = f" ({', '.join(segments[cut])})" if segments.get(cut) else ""
        parts.append(f"each {cut}{values}")
    if not any(cut in PERIODS for cut in promise.per):
        parts.append("each month")
    return ", ".join(parts)


def hours_in_words(calendar: Calendar) -> str:
    """``mon-fri 09:00-17:00``: days that are alike together."""
    runs: list[tuple[list[int], tuple[tuple[int, int], ...]]] = []
    for day in range(7):
        spans = calendar.hours.get(day, ())
        if runs and runs[-1][1] == spans and runs[-1][0][-1] == day - 1:
            runs[-1][0].append(day)
        else:
            runs.append(([day], spans))
    said = [
        f"{DAYS[days[0]]}{'-' + DAYS[days[-1]] if len(days) > 1 else ''} {', '.join(f'{_clock(a)}-{_clock(b)}' for a, b in spans)}"
        for days, spans in runs
        if spans
    ]
    return "; ".join(said) or "never open"


def route_in_words(route: Route) -> tuple[str, str]:
    """(when, to whom)."""
    when = route.when.text if route.when else "nobody else took it"
    if route.round_robin:
        weights = route.weights or [1] * len(route.round_robin)
        names = [
            f"{owner}{f' (x{weight})' if weight != 1 else ''}"
            for owner, weight in zip(route.round_robin, weights, strict=True)
        ]
        room = f", at most {route.capacity} open cases each" if route.capacity else ""
        return when, f"in turn: {', '.join(names)}{room}"
    return when, str(route.to or route.fallback)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# -- between two versions ---------------------------------------------------------------------------------------------


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What is different, one sentence each, in the order of the document."""
    return [*_changes(old, new, "")]


def _changes(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            below = f"{path}.{key}" if path else str(key)
            if key not in old:
                yield f"{below}: new, {_said(new[key])}"
            elif key not in new:
                yield f"{below}: no longer there, was {_said(old[key])}"
            else:
                yield from _changes(old[key], new[key], below)
    elif old != new:
        yield f"{path}: {_said(old)} → {_said(new)}"


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {_said(one)}" for key, one in value.items())
    return ", ".join(_said(one) for one in value) if isinstance(value, list) else str(value)


__all__ = [
    "changes",
    "definition_version",
    "digest",
    "hours_in_words",
    "per_in_words",
    "promise_in_words",
    "route_in_words",
    "terms_as_data",
    "version_of",
]
