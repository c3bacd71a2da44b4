"""Guards: a whole plan is weighed before its first write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Limit(Protocol):
    """count and share must both be passed, or the cap alone; None = no such limit."""

    @property
    def count(self) -> int | None: ...
    @property
    def share(self) -> float | None: ...
    @property
    def cap(self) -> int | None: ...


@dataclass(slots=True)
class Load:
    """What a plan would do to one side. ``linked`` is that side's linked records, ``records`` those touched."""

    name: str  # connection:object
    linked: int
    creates: int = 0
    updates: int = 0
    deletes: int = 0
    adoption: int = 0
    records: int = 0
    owner_changes: int = 0
    lifecycle_regressions: int = 0
    blanks: dict[str, int] = field(default_factory=dict)
    shown_before: int | None = None
    shown_now: int | None = None
    calls: int = 0
    budget_left: int | None = None  # of the whole connection, without the reserve
    reserve: int = 0


@dataclass(frozen=True, slots=True)
class Trip:
    """A guard that stops the job, with the figures and the words for people."""

    guard: str
    side: str
    count: int
    text: str


def weigh(
    loads: Iterable[Load], limits: Mapping[str, Limit], *, first_run: bool, allowed: Iterable[str] = ()
) -> list[Trip]:
    """All guards that trip and are not allowed, worst first per side."""
    allowed, loads = set(allowed), list(loads)
    trips = [trip for load in loads for trip in _side(load, limits, first_run)]
    trips += _quota(loads, limits.get("quota"))
    return [trip for trip in trips if trip.guard not in allowed]


def _side(load: Load, limits: Mapping[str, Limit], first_run: bool) -> list[Trip]:
    trips: list[Trip] = []

    def check(guard: str, count: int, what: str) -> None:
        limit = limits.get(guard)
        if limit is not None and count and _exceeds(limit, count, load.linked):
            trips.append(
                Trip(
                    guard, load.name, count, f"{guard}: {count:,} {what} in {load.name}{_of(count, load.linked, limit)}"
                )
            )

    if first_run:
        check("first_run", load.creates, "new records in the first run")
    else:
        check("creates", load.creates, "new records")
        check("share", load.records, "records touched")
        check("updates", load.updates, "updates")
    check("adoption", load.adoption, "adopted records overwritten")
    check("deletes", load.deletes, "records deleted or archived")
    for name, count in sorted(load.blanks.items()):
        check("blanks", count, f"values of {name} emptied")
    check("owner_changes", load.owner_changes, "owners changed")
    check("lifecycle_regressions", load.lifecycle_regressions, "lifecycle moves backwards")
    trips += _emptied(load, limits.get("emptied_side"))
    return trips


def _exceeds(limit: Limit, count: int, linked: int) -> bool:
    if limit.cap is not None and count >= limit.cap:
        return True
    if limit.count is None or count <= limit.count:
        return False
    return limit.share is None or count > limit.share * linked


def _of(count: int, linked: int, limit: Limit) -> str:
    parts = []
    if limit.count is not None:
        parts.append(f"more than {limit.count:,}")
    if limit.share is not None:
        of = f"{count / linked:.0%} of {linked:,} linked records" if linked else "and none is linked yet"
        parts.append(f"{of} (limit {limit.share:.0%})")
    if limit.cap is not None and count >= limit.cap:
        parts.append(f"the cap is {limit.cap:,}")
    return " — " + ", ".join(parts) if parts else ""


def emptied(before: int | None, now: int | None, limit: Limit | None) -> bool:
    """A side that had more than N rows shows less than P of them, or one that had any shows none at all."""
    if before is None or now is None or limit is None:
        return False
    if now == 0:
        return before > 0
    return before > (limit.count or 0) and now < (limit.share if limit.share is not None else 0.5) * before


def _emptied(load: Load, limit: Limit | None) -> list[Trip]:
    if not emptied(load.shown_before, load.shown_now, limit):
        return []
    text = f"emptied_side: {load.name} shows {load.shown_now:,} rows and had {load.shown_before:,}; nothing is taken for deleted"
    return [Trip("emptied_side", load.name, load.shown_now or 0, text)]


def _quota(loads: Iterable[Load], limit: Limit | None) -> list[Trip]:
    """Objects of one connection draw on one budget, so their calls are weighed together."""
    by_connection: dict[str, list[Load]] = {}
    for load in loads:
        by_connection.setdefault(load.name.partition(":")[0], []).append(load)
    trips = []
    for name, together in by_connection.items():
        calls, left = sum(load.calls for load in together), together[0].budget_left
        if limit is None or left is None or limit.share is None or calls <= limit.share * left:
            continue
        kept = f" ({together[0].reserve:,} more are kept for hand-offs)" if together[0].reserve else ""
        what = together[0].name if len(together) == 1 else name
        text = (
            f"quota: about {calls:,} calls to {what} are more than {limit.share:.0%} of the {left:,} left today{kept}"
        )
        trips.append(Trip("quota", what, calls, text))
    return trips
