"""Three systems, killed at each I/O point in turn: calls, pages, rows of a batch, commits, and single statements.

What would break for whom: a duplicate lead in the CRM, an edit that never arrives, an opt-out that is forgotten,
because a machine was restarted at the wrong moment.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from smarksync.plugin import Can
from smarksync.testing import FaultPlan

from .place import folder
from .world import JobPlan, Kind, Profile, World

#: our id with upsert and an echo; a silent system that can only be searched; one that is read whole and sends rows one by one
SYSTEMS = {
    "able": (Kind("m", external_id=True), Kind("s", streams=("people", "contacts")), Kind("g", full_scan=True, max_batch=1)),
    "silent": (
        Kind("m", echo="none", tells_user=False, without=frozenset({Can.UPSERT_BY_KEY})),
        Kind("s", echo="some", lowers=frozenset({"company"}), without=frozenset({Can.UPSERT_BY_KEY, Can.CONDITIONAL})),
        Kind("g", full_scan=True, echo="none", without=frozenset({Can.UPSERT_BY_KEY, Can.FIND})),
    ),
}  # fmt: skip


def profile(kinds: tuple[Kind, ...]) -> Profile:
    rules = (("*", "{direction: both, merge: newest}"), ("score", "{direction: both, merge: max}"))
    return Profile(kinds, (JobPlan("people", ("m", "s", "g"), rules, deletes=(("g", "delete"), ("s", "archive"))),))


def first_day(world: World) -> None:
    """Two systems know Ann, and differ about her company; one has Bea, Cyd is a duplicate, Dot is nowhere but in marketing,
    and Fay is there twice."""
    insert(world, "m", email="ann@x.org", first_name="Ann", company="Old")
    insert(world, "m", email="fay@x.org", last_name="Pit")
    insert(world, "m", email="fay@y.org", score=5)
    world.clock.advance(60)
    insert(world, "s", email="ann@x.org", last_name="Ore", score=3, company="Corp")
    insert(world, "s", email="bea@x.org", company="Acme")
    insert(world, "g", email="cyd@x.org")
    insert(world, "g", email="cyd@x.org", first_name="Cyd")
    insert(world, "m", email="dot@x.org", email_opt_out=True)


def second_day(world: World) -> None:
    """Edits on every side, an opt-out, a deletion, a merge, a conversion, a newcomer."""
    rows = {
        k: {r["m_email"] if k == "m" else r[f"{k}_email"]: i for i, r in world.systems[k].rows("people").items()}
        for k in "msg"
    }
    edit(world, "m", rows["m"]["ann@x.org"], last_name="Oreson", email_opt_out=True)
    edit(world, "s", rows["s"]["ann@x.org"], score=9)
    edit(world, "g", rows["g"]["bea@x.org"], company="Bolt")
    world.systems["m"].delete("people", rows["m"]["dot@x.org"])
    world.systems["m"].merge("people", rows["m"]["fay@x.org"], rows["m"]["fay@y.org"])
    insert(world, "m", email="eve@x.org", first_name="Eve")
    if "contacts" in world.systems["s"].streams:
        world.systems["s"].convert("people", rows["s"]["bea@x.org"], "contacts")


def insert(world: World, system: str, **fields: Any) -> None:
    kind = world.profile.kind(system)
    world.systems[system].insert("people", {kind.vendor(f): v for f, v in fields.items() if f not in kind.lacks})


def edit(world: World, system: str, rid: str, **fields: Any) -> None:
    kind = world.profile.kind(system)
    world.systems[system].edit("people", rid, {kind.vendor(f): v for f, v in fields.items()})


def state(world: World) -> Counter[tuple[Any, ...]]:
    """Everything that the systems hold, without ids and without our own stamps."""
    return Counter(
        (system, stream, *sorted((f, repr(v)) for f, v in row.items() if not f.endswith("external_id")))
        for (system, stream, _), row in world.true_rows().items()
    )


def play(world: World, crash_at: int | None, day: int) -> int:
    """Two days; the run of one of them is killed at a point and followed by the next. Returns the points of that run."""
    points = 0
    for number, happens in enumerate((first_day, second_day), 1):
        happens(world)
        world.clock.advance(300)
        if number == day:
            before = world.faults.points
            if crash_at is not None:
                world.faults.crash_in(crash_at)
            seen = world.run()
            points = world.faults.points - before
            assert (seen.exit_code is None) == (crash_at is not None), (seen.crash, seen.sentences)
            world.clock.advance(30)
        last = world.run()
        world.clock.advance(300)
    if crash_at is None or crash_at % 5 == 0:
        world.run()
        world.clock.advance(300)
        last = world.run()
        assert not last.writes(), f"not at rest: {last.writes()}"
    return points


def creates(world: World) -> Counter[tuple[str, Any]]:
    """How many records each person has in each system."""
    return Counter((k, row[f"{k}_email"]) for (k, _, _), row in world.true_rows().items())


@pytest.mark.parametrize("day", [1, 2])
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_run_killed_anywhere_ends_as_if_it_had_not_been(name: str, day: int) -> None:
    with folder() as place:
        wanted, points = _without_a_death(name, day, place)
        assert points > 40, "the history does too little to prove anything"
        for crash_at in range(1, points + 1):
            world = _world(name, place)
            play(world, crash_at, day)
            got = state(world)
            assert got == wanted, f"killed at point {crash_at} of {points} on day {day}: {_diff(got, wanted)}"
            assert max(n for (k, who), n in creates(world).items() if who != "cyd@x.org") == 1


def _world(name: str, place: Path) -> World:
    world = World(profile(SYSTEMS[name]), place)
    world.faults = FaultPlan(keep_trail=False)
    world.between_statements = True
    for system in world.systems.values():
        system.faults = world.faults
        system.record_calls = True
    return world


def _without_a_death(name: str, day: int, place: Path) -> tuple[Counter[tuple[Any, ...]], int]:
    world = _world(name, place)
    points = play(world, None, day)
    return state(world), points


def _diff(got: Counter[tuple[Any, ...]], wanted: Counter[tuple[Any, ...]]) -> str:
    return f"has {[*(got - wanted)]}, should have {[*(wanted - got)]}"
