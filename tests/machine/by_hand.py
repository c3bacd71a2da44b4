"""Named histories, written by hand: a world, and what people do in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .world import JobPlan, Kind, Profile, World

NEWEST = ("*", "{direction: both, merge: newest}")


def world(place: Path, *kinds: Kind, rules: tuple[tuple[str, str], ...] = (NEWEST,), **job: Any) -> World:
    return World(Profile(kinds, (JobPlan("people", tuple(k.name for k in kinds), rules, **job),)), place)


def without(w: World, system: str) -> None:
    """A connection leaves the config, with all that names it."""
    jobs = (replace(j, between=tuple(c for c in j.between if c != system)) for j in w.profile.jobs)
    w.reconfigure(replace(w.profile, jobs=tuple(jobs), absent=frozenset({system})))


def insert(w: World, system: str, **fields: Any) -> str:
    return w.systems[system].insert("people", {f"{system}_{f}": v for f, v in fields.items()})


def edit(w: World, system: str, rid: str, **fields: Any) -> None:
    w.systems[system].edit("people", rid, {f"{system}_{f}": v for f, v in fields.items()})


def row(w: World, system: str, rid: str = "p1") -> dict[str, Any]:
    found = w.systems[system].row("people", rid)
    assert found is not None
    return {f.removeprefix(f"{system}_"): v for f, v in found.items()}


def meanwhile(w: World, point: str, act: Callable[[], None]) -> list[str]:
    """What a person does when the next run comes to that point for the first time; the point, once it has been there."""
    plain, hit = w.faults.point, []

    def reached(name: str) -> None:
        if name == point and not hit:
            hit.append(name)
            act()
        plain(name)

    w.faults.point = reached  # of this world alone
    return hit


def go(w: World, **how: Any) -> Any:
    w.clock.advance(300)
    return w.run(*how.pop("jobs", ()), **how)
