"""What the oracle knows of people: their records, the rules of their fields, what a run must do for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Key = tuple[str, str, str]  # system, stream, id
ROLES = ("info", "sales", "office")
UNSETTLED = object()
CONSENT = "email_opt_out"
#: what a record may say beside its flag: when the person acted, and how
BASIS = ("consent_at", "consent_basis")
NOW = "<as this run heard of it>"


@dataclass(slots=True)
class Law:
    """One field's rule, as a config says it."""

    merge: str = "newest"
    source: str | None = None
    owner: str | None = None
    leave: bool = False
    tie: str | None = None
    clear: bool = False
    prefer: str | None = None


@dataclass(slots=True)
class Seat:
    """One record of a person: what it last showed, and what it showed when each field was last settled."""

    key: Key
    base: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    edited: dict[str, tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    at: datetime | None = None  # the record's own time, as last noticed
    kept: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # field: (sent, stored in its place)
    silent: dict[str, Any] = field(default_factory=dict)  # sent, and no echo came: a folding of it is no edit
    passed: set[str] = field(default_factory=set)  # agreed anew while the config did not name its system
    missed: set[str] = field(default_factory=set)  # agreed anew while the record was outside `where`
    primary: bool = True

    @property
    def system(self) -> str:
        return self.key[0]


@dataclass(slots=True)
class Human:
    """One person. ``places``: connections where a record is or was, so that none is created there; ``gone``: those where it
    was deleted and nothing followed from that yet, with what it showed."""

    number: int
    agreed: dict[str, Any] = field(default_factory=dict)
    seats: dict[Key, Seat] = field(default_factory=dict)
    keys: dict[str, bool] = field(default_factory=dict)  # key: strong?
    places: set[str] = field(default_factory=set)
    gone: dict[str, dict[str, Any]] = field(default_factory=dict)
    bin: dict[Key, Seat] = field(default_factory=dict)  # records that were deleted, and may be taken back
    heard: dict[Key, dict[str, datetime]] = field(
        default_factory=dict
    )  # records that left: when they were last edited, by settled field
    out: str | None = None  # standing consent: None, "in", "out"
    out_at: datetime | None = None  # when they said so, or when it was first seen
    basis: str | None = None
    said_again: bool = (
        False  # of several who became one, one said no before: when that was heard depends on who is kept
    )

    def say(self, out: str | None, at: datetime | None, basis: str | None = None) -> None:
        """What is known of their consent from somewhere else: an opt-in counts only if it is later than every opt-out."""
        if out is None or at is None:
            return
        mine, stays = self.out_at, self.out == "out"
        if mine is None or at > mine or (at == mine and out == "out" and not stays):
            self.out, self.out_at, self.basis = out, at, basis

    def leave(self, seat: Seat, bin: bool) -> None:
        """A record of theirs leaves: what it had a say in was said no earlier than its last edit."""
        del self.seats[seat.key]
        if seat.at is not None:
            self.heard[seat.key] = dict.fromkeys(seat.base, seat.at)
        if bin:
            self.bin[seat.key] = seat

    def heard_of(self, name: str) -> datetime | None:
        """Up to when records that have left had a say in what is agreed of a field."""
        return max((at[name] for at in self.heard.values() if name in at), default=None)

    def former(self) -> set[str]:
        """Keys that were the person's by way of records that were merged into theirs, and that no record shows now."""
        return {key for key, strong in self.keys.items() if not strong}


@dataclass(slots=True)
class Job:
    name: str
    between: tuple[str, ...]
    laws: Mapping[str, Law]
    deletes: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, Callable[[Mapping[str, Any]], bool]] = field(default_factory=dict)  # by a side's own values
    guards: Mapping[str, int] = field(default_factory=dict)  # how many are let pass; shares are nought
    never: frozenset[str] = frozenset()  # where it makes no records, whatever the system's kind says
    settled: bool = False  # a run has settled its whole plan


@dataclass(slots=True)
class Foreseen:
    """What a run must do. ``writes``: {record: {field: canonical}}; ``creates``: [(human, system, {field: value})];
    ``removed``: records that it deletes or archives."""

    writes: dict[Key, dict[str, Any]] = field(default_factory=dict)
    creates: list[tuple[Human, str, dict[str, Any]]] = field(default_factory=list)
    asked: set[tuple[int, str]] = field(default_factory=set)
    beaten: list[tuple[int, str, str, Any]] = field(default_factory=list)
    removed: set[Key] = field(default_factory=set)
    stopped: dict[str, set[str]] = field(default_factory=dict)  # job: the guards that trip
    at: datetime | None = None  # when the run began


class Wrong(AssertionError):
    """The engine did something else than engine.md says."""


def blank(value: Any) -> bool:
    return value is None or value == "" or value == []


def canonical(name: str, raw: Any) -> Any:
    """A vendor value in canonical terms (schema.md), for the few types that the machine uses."""
    if raw is None:
        return None
    if name == "tags":
        return sorted(set(raw))
    if name == CONSENT:
        return True if raw else None  # a bare flag that says false says nothing
    if name == "email":
        return raw.strip().lower() or None
    return (raw.strip() or None) if isinstance(raw, str) else raw


def folded(sent: Any, shown: Any) -> bool:
    """White space and case are declared foldings; whoever wants to tell them from an edit must echo."""
    return (
        isinstance(sent, str)
        and isinstance(shown, str)
        and sent.split()
        and sent.casefold().split() == shown.casefold().split()
    )


def key_of(values: Mapping[str, Any], match: str = "email") -> str | None:
    """The match key: the address; a role address, or where the config says so any, only together with the last name."""
    email = values.get("email")
    if not email:
        return None
    if match != "email" or email.split("@")[0] in ROLES:
        last = values.get("last_name")
        return f"{email}/{last.casefold()}" if last else None
    return str(email)
