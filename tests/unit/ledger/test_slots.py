"""However long calls wait on their way, in whatever order they arrive and whoever dies meanwhile: no window of the
vendor's sees more than its limit. Time is drawn, not waited for."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarksync.kit.slots import Full, OwnSlots, Rate, Slots
from smarksync.ledger.budgets import SharedBudgets

#: seconds in which every call of these tests arrives, if it does
LASTS = 4.0


@dataclass
class Trip:
    """A call: seconds before it is wanted, to the vendor, and back. ``fate``: "answered", "lost" (nobody waits for it
    any longer), or the process is "killed"; the vendor counts it all the same."""

    pause: float
    there: float
    back: float
    fate: str = "answered"


@dataclass
class Machine:
    """The time that all processes share: the real one, when the machine was started, and how far its clock is off."""

    at: float = 1000.0
    started: float = 0.0
    off: float = 0.0

    def uptime(self) -> float:
        return self.at - self.started

    def clock(self) -> float:
        return 1.7e9 + self.at + self.off


@dataclass
class World:
    """Senders, each with its trips one after the other, and the door of the vendor that notes who arrives when."""

    machine: Machine
    slots: list[Slots]
    reopen: Callable[[int], Slots]
    arrived: list[float] = field(default_factory=list)
    jolts: list[tuple[float, str, float]] = field(default_factory=list)

    def play(self, trips: list[tuple[int, list[Trip]]]) -> None:
        """All trips of (process, trips of one of its threads)."""
        events: list[tuple[float, int, Any]] = []
        order = 0

        def plan(at: float, what: Any) -> None:
            nonlocal order
            order += 1
            heapq.heappush(events, (at, order, what))

        epoch, behind = 0, 0.0
        for process, line in trips:
            if line:
                plan(self.machine.at + line[0].pause, ("send", process, list(line), epoch))
        for after, kind, amount in self.jolts:
            plan(self.machine.at + after, (kind, amount))
        while events:
            self.machine.at, _, what = heapq.heappop(events)
            if what[0] == "clock":
                self.machine.off += what[1]
            elif what[0] == "start":  # nothing but the clock tells how long: it was not set ahead since the last start
                behind += abs(what[1])
                self.machine.started, self.machine.off = self.machine.at, -behind
                self.slots = [self.reopen(process) for process in range(len(self.slots))]
                epoch += 1
            elif what[0] == "answer":
                if what[3] == epoch:
                    self.slots[what[1]].answered(what[2])
            else:
                _, process, line, _ = what
                found = self.slots[process].take(LASTS)
                if isinstance(found, Full):
                    plan(self.machine.at + max(found.seconds, 0.001), what)
                    continue
                trip, *rest = line
                self.arrived.append(self.machine.at + trip.there)
                back = self.machine.at + trip.there + trip.back
                if trip.fate == "answered":
                    plan(back, ("answer", process, found, epoch))
                elif trip.fate == "killed":
                    self.slots[process] = self.reopen(process)
                if rest:
                    plan(back + rest[0].pause, ("send", process, rest, epoch))

    def busiest(self, seconds: float) -> int:
        """The most calls that arrived within so many seconds."""
        return max(sum(last - seconds < at <= last for at in self.arrived) for last in self.arrived)


short = st.floats(0, 0.3)
trips = st.builds(
    Trip,
    pause=st.one_of(st.just(0.0), short, st.floats(0, 6)),
    there=st.one_of(st.just(0.0), short, st.floats(0, LASTS)),
    back=st.one_of(st.just(0.0), short, st.floats(0, 9)),
    fate=st.sampled_from(["answered"] * 6 + ["lost"]),
)
mortal = st.builds(
    Trip,
    pause=short,
    there=st.floats(0, LASTS),
    back=short,
    fate=st.sampled_from(["answered"] * 3 + ["lost", "killed"]),
)
rates = st.one_of(
    st.builds(lambda limit, seconds: [Rate(limit, seconds)], st.integers(1, 6), st.sampled_from([0.4, 1.0, 10.0])),
    st.just([Rate(2, 1.0), Rate(5, 10.0)]),
)
lines = st.lists(st.tuples(st.integers(0, 2), st.lists(trips, max_size=12)), min_size=1, max_size=6)
mortals = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.one_of(trips, mortal), max_size=10)), min_size=1, max_size=6
)
jolts = st.lists(st.tuples(st.floats(0, 40), st.sampled_from(["clock", "start"]), st.floats(-7200, 7200)), max_size=4)


def kept(world: World, rates: list[Rate]) -> None:
    """Each limit, for a vendor whose clock is corrected meanwhile and runs a little slower."""
    for rate in rates:
        assert world.busiest(rate.seconds * 1.0009) <= rate.limit


@settings(max_examples=200)
@given(rates, lines)
def test_threads_of_one_process(rates: list[Rate], lines: list[tuple[int, list[Trip]]]) -> None:
    machine = Machine()
    own = OwnSlots(rates, machine.uptime)
    world = World(machine, [own] * 3, lambda _: own)
    world.play(lines)
    assert len(world.arrived) == sum(len(line) for _, line in lines)
    if world.arrived:
        kept(world, rates)


@settings(max_examples=100)
@given(rates, mortals, jolts)
def test_processes_that_are_killed_and_a_clock_that_jumps(
    rates: list[Rate], lines: list[tuple[int, list[Trip]]], jolts: list[tuple[float, str, float]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine()
        opened: list[SharedBudgets] = []

        def reopen(_: int) -> Slots:
            opened.append(SharedBudgets(str(Path(folder) / "b"), uptime=machine.uptime, clock=machine.clock))
            opened[-1].tell("another account", 1)  # the file's time begins while the clock is right
            return opened[-1].slots("account", rates)

        world = World(machine, [reopen(n) for n in range(3)], reopen, jolts=jolts)
        world.play(lines)
        for one in opened:
            one.close()
    assert len(world.arrived) == sum(len(line) for _, line in lines), "nobody waits for ever"
    if world.arrived:
        kept(world, rates)


@pytest.mark.parametrize("shared", [False, True])
def test_what_fits_is_used(shared: bool, tmp_path: Path) -> None:
    """A thousand calls by four threads at 100 in 10 s, 50 ms each way: nine full windows, a trip more each, and the last hundred calls."""
    machine = Machine()
    rates = [Rate(100, 10.0)]
    file = SharedBudgets(str(tmp_path / "b"), uptime=machine.uptime, clock=machine.clock)
    slots = file.slots("account", rates) if shared else OwnSlots(rates, machine.uptime)
    world = World(machine, [slots], lambda _: slots)
    world.play([(0, [Trip(0, 0.05, 0.05)] * 250)] * 4)
    file.close()
    assert len(world.arrived) == 1000
    assert world.busiest(10.0) == 100
    assert 90.0 <= world.arrived[-1] - world.arrived[0] <= 9 * (10.01 + 0.1) + 25 * 0.1


def test_a_killed_process_holds_its_slots_no_longer_than_they_may_count(tmp_path: Path) -> None:
    machine = Machine()
    rates = [Rate(3, 10.0)]
    dead, alive = (SharedBudgets(str(tmp_path / "b"), uptime=machine.uptime, clock=machine.clock) for _ in range(2))
    for _ in range(3):
        assert not isinstance(dead.slots("account", rates).take(LASTS), Full)
    dead.close()
    slots = alive.slots("account", rates)
    waited = 0.0
    while isinstance(found := slots.take(LASTS), Full):
        machine.at += found.seconds
        waited += found.seconds
    alive.close()
    assert LASTS + 10 <= waited <= LASTS + 10.1


def test_an_answer_to_a_call_that_is_long_forgotten_frees_nobody_elses(tmp_path: Path) -> None:
    machine = Machine()
    rates = [Rate(2, 1.0)]
    file = SharedBudgets(str(tmp_path / "b"), uptime=machine.uptime, clock=machine.clock)
    for slots in (file.slots("account", rates), OwnSlots(rates, machine.uptime)):
        late = slots.take(LASTS)
        assert isinstance(late, int)
        machine.at += 60
        assert [isinstance(slots.take(LASTS), int) for _ in range(3)] == [True, True, False]
        slots.answered(late)
        machine.at += 1.5
        assert isinstance(slots.take(LASTS), Full), "both of the others are still under way"
    file.close()
