"""Histories: printed as a script, run against the oracle, shrunk when they fail (drawing.py makes random ones)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from smarksync.errors import AuthFailed, Throttled, Transient
from smarksync.plugin import WriteResult
from smarksync.testing import Refused

from .checks import after_repair, after_run, eids_of, figures, quiet, settled
from .opting import wire
from .oracle import Oracle
from .people import BASIS, CONSENT, Foreseen, Wrong
from .terms import PLAIN, Extras, Rules, Terms
from .world import Kind, World

Step = tuple[Any, ...]


class History:
    """A profile, rules by job, and steps. Running it raises :class:`Wrong` with what went wrong."""

    def __init__(
        self, seed: int, kinds: Sequence[Kind], jobs: Sequence[tuple[str, tuple[str, ...], Rules]],
        steps: Sequence[Step], *, adopt: str = "", extras: Extras = PLAIN,
    ) -> None:  # fmt: skip
        self.extras = extras
        self.seed, self.kinds, self.jobs, self.steps, self.adopt = seed, tuple(kinds), list(jobs), list(steps), adopt
        self.counts: Counter[str] = Counter()

    def run(self, folder: Path, *, order: int = 0) -> World:
        terms = Terms(self.kinds, self.jobs, self.adopt, self.extras)
        world = World(terms.profile(), folder, order=order)
        world.match_at_once = (1, 2, 500)[(self.seed + bool(order)) % 3]
        world.plan_at_once = (500, 1, 2)[(self.seed + bool(order)) % 3]
        oracle = Oracle(terms.kinds, terms.laws(), world.systems)
        player = Player(world, oracle, terms)
        try:
            for number, step in enumerate(self.steps):
                try:
                    player.play(step)
                except Wrong as wrong:
                    raise Wrong(f"{wrong}\n  at step {number + 1}: {_say(step)}") from None
            player.calm()
        except Enough:
            player.counts["cut short"] += 1
        self.counts = player.counts + oracle.done
        return world

    def script(self) -> str:
        """What to read when it fails."""
        lines = [f"seed {self.seed}"]
        for kind in self.kinds:
            odd = {
                s: getattr(kind, s)
                for s in kind.__dataclass_fields__
                if getattr(kind, s) != kind.__dataclass_fields__[s].default
            }
            lines.append("  system " + ", ".join(f"{k}={v}" for k, v in odd.items()))
        for name, between, rules in self.jobs:
            lines.append(
                f"  job {name} between {', '.join(between)}: "
                + ", ".join(f"{f} {r} {x}" for f, (r, x) in rules.items())
            )
        if self.extras != PLAIN:
            lines.append(f"  {self.extras}")
        if self.adopt:
            lines.append(f"  adopt: prefer {self.adopt}")
        return "\n".join([*lines, *(f"  {n + 1:>2} {_say(s)}" for n, s in enumerate(self.steps))])


def _say(step: Step) -> str:
    return " ".join(str(part) for part in step)


class Enough(Exception):
    """The history goes no further: from here on more than one outcome is right."""


class Player:
    """Plays steps on a world and asks the oracle after each run."""

    def __init__(self, world: World, oracle: Oracle, terms: Terms) -> None:
        self.world, self.oracle, self.terms = world, oracle, terms
        self.counts: Counter[str] = Counter()

    def play(self, step: Step) -> None:
        getattr(self, "do_" + step[0])(*step[1:])
        self.counts[step[0]] += 1

    def _row(self, system: str, place: int) -> tuple[str, str] | None:
        """By what it shows and not by its id, so that histories in another order name the same rows."""
        stores = self.world.systems[system].stores
        rows = sorted(
            (s, repr(sorted(row.now.fields.items())), r) for s, store in stores.items() for r, row in store.rows.items()
        )
        return (rows[place % len(rows)][0], rows[place % len(rows)][2]) if rows else None

    def _vendor(self, system: str, fields: dict[str, Any]) -> dict[str, Any]:
        kind = self.world.profile.kind(system)
        return {kind.vendor(f): v for f, v in fields.items() if f not in kind.lacks}

    def do_insert(self, system: str, fields: dict[str, Any], place: int = 0) -> None:
        streams = self.world.profile.kind(system).streams
        try:
            self.world.systems[system].insert(streams[place % len(streams)], self._vendor(system, fields))
        except Refused:
            self.counts["refused"] += 1

    def do_edit(self, system: str, place: int, fields: dict[str, Any]) -> None:
        row = self._row(system, place)
        if row is None:
            return
        try:
            self.world.systems[system].edit(*row, self._vendor(system, fields))
        except Refused:
            self.counts["refused"] += 1

    def do_act(self, system: str, place: int, basis: str | None, age: float) -> None:
        """A person opts in by themselves: the box unticked, with the time and how they did it."""
        said = wire(self.world.clock() - timedelta(seconds=age))
        self.do_edit(system, place, {CONSENT: False, BASIS[0]: said, BASIS[1]: basis})

    def do_touch(self, system: str, place: int) -> None:
        row = self._row(system, place)
        if row is not None:
            self.world.systems[system].touch(*row)

    def do_delete(self, system: str, place: int) -> None:
        row = self._row(system, place)
        if row is not None:
            self.world.systems[system].delete(*row)

    def do_restore(self, place: int) -> None:
        """Somebody takes a record back that was deleted, and known to be, as it was."""
        bins = [(key, seat.raw) for human in self.oracle.humans for key, seat in human.bin.items()]
        bins = [(key, raw) for key, raw in bins if key[0] in self.oracle.read()]
        if bins:
            key, raw = sorted(bins, key=lambda one: (one[0][:2], repr(sorted(one[1].items())), one[0][2]))[
                place % len(bins)
            ]
            if key not in self.world.true_rows():
                self.world.systems[key[0]].restore(key[1], key[2], self._vendor(key[0], raw))

    def do_merge(self, system: str, winner: int, loser: int) -> None:
        first, second = self._row(system, winner), self._row(system, loser)
        if first and second and first != second and first[0] == second[0]:
            self.world.systems[system].merge(first[0], first[1], second[1])

    def do_convert(self, system: str, place: int, into: int = 0) -> None:
        """To a new record, or to one that is there already."""
        row, streams = self._row(system, place), self.world.profile.kind(system).streams
        if row is None or len(streams) == 1 or row[0] != streams[0] or (system, *row) in self.oracle.doubts:
            return
        there = self._row(system, into - 1) if into else None
        if there is None or there[0] != streams[1]:
            self.world.systems[system].convert(row[0], row[1], streams[1])
        elif (system, *there) not in self.oracle.doubts:
            self.world.systems[system].convert(row[0], row[1], streams[1], into=there[1])

    def do_wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    def do_change(self, what: str, *words: Any) -> None:
        """Somebody edits the config."""
        leaves = {"connection": words[:1], "second": ("g",)}.get(what, ())
        if any(key[0] in leaves for key in self.oracle.doubts):
            return  # who waits on a connection that leaves: nobody's promise
        if self.terms.change(what, *words):
            self.world.reconfigure(self.terms.profile())
            self.oracle.reconfigure(self.terms.kinds, self.terms.laws(), self.terms.absent, self.terms.match)
            self.counts[f"change {what}"] += 1

    def do_answer(self, place: int, choice: int) -> None:
        """A person answers an open question with one of its values."""
        waiting = sorted((eid, f, body) for eid, f, kind, body in self.world.questions() if kind == "field")
        if not waiting:
            return
        eid, name, body = sorted(waiting, key=lambda w: w[:2])[place % len(waiting)]
        values = [body["values"][c]["value"] for c in sorted(body["values"])]
        human = eids_of(self.world, self.oracle)[eid]
        asked = {c: body["values"][c]["value"] for c in body["values"]}
        self.oracle.answers[(human.number, name)] = (values[choice % len(values)], asked)
        self.world.answer(eid, name, values[choice % len(values)])

    def do_run(self, *allow: str) -> None:
        """A run in which nothing goes wrong: exactly what the oracle foresaw."""
        self.world.clock.tick()
        rows = set(self.world.true_rows())
        foreseen = self.oracle.foresee(self.world.clock(), allow)
        seen = self.world.run(allow=allow)
        self._settled(foreseen)
        after_run(self.world, self.oracle, foreseen, seen, rows)
        self.counts["writes"] += len(foreseen.writes)
        self.counts["asked"] += len(foreseen.asked)

    def do_faulty(self, fault: str, number: int, word: str) -> None:
        """A run that something happens to, and what comes after it: together they do what one clean run does."""
        world = self.world
        world.clock.tick()
        rows = set(world.true_rows())
        guards, known = tuple(self.oracle.guards()), self._known()
        foreseen = self.oracle.foresee(world.clock(), guards)
        self.oracle.next_runs(foreseen, world.clock(), guards)
        limit = _arm(world, fault, number, word)
        dirty = world.run(limit=limit, allow=guards)
        if dirty.exit_code is None:
            self.counts["killed"] += 1
        else:
            figures(dirty)
            self.counts[f"exit {dirty.exit_code}"] += 1
        world.faults.clear()
        for _ in range(2):
            world.clock.advance(7)
            self.oracle.look_at(world.clock())
            seen = world.run(allow=guards)
        self._settled(foreseen)
        if fault == "fail" and any(self.oracle.kinds[system].once for _, system, _ in foreseen.creates):
            raise Enough  # what one side could not tell yet, the new record is never told
        doubts, addresses = self._known()
        if fault == "fail" and (doubts - known[0] or {**addresses, **known[1]} != addresses):
            raise Enough  # who came in alone, or after an address changed, because one side could not be read, is another
        after_repair(world, self.oracle, foreseen, seen, rows)
        self.counts["repaired"] += 1

    def _settled(self, foreseen: Foreseen) -> None:
        """Whether one outcome alone is right."""
        if self.oracle.cut or (foreseen.removed and self.oracle.doubts):
            raise Enough  # the rival of a doubt may have left: it dissolves in this run or in the next
        moved = {(key[0], fields["email"]) for key, fields in foreseen.writes.items() if fields.get("email")}
        if any((system, fields.get("email")) in moved for _, system, fields in foreseen.creates):
            raise Enough  # the look-up before the create may find the other one, who gets the same address in this run

    def _known(self) -> tuple[set[Any], dict[int, Any]]:
        """Who is in doubt, and the addresses of those who are not, as far as they had one."""
        doubts = set(self.oracle.doubts)
        return doubts, {h.number: h.agreed["email"] for h in self.oracle.humans if h.agreed.get("email")}

    def calm(self) -> None:
        """Edits have stopped: two runs later everything agrees, and the third is silent."""
        for _ in range(2):
            self.world.clock.advance(400)
            self.do_run(*self.oracle.guards())
        settled(self.world, self.oracle)
        self.world.clock.advance(400)
        quiet(self.world, self.world.run())


def _arm(world: World, fault: str, number: int, word: str) -> int | None:
    """Plans one fault; returns the limit of the run where that is the fault."""
    faults = world.faults
    if fault == "limit":
        return number % 4
    if fault == "crash":
        faults.crash_in(number)
    elif fault == "lost":
        faults.lose(word.split("-")[0], applied=word.endswith("applied"), skip=number % 3, times=2)
    elif fault == "row":
        faults.answer(WriteResult(word.split("-")[0]), applied=word.endswith("applied"), skip=number % 3, times=2)
    else:
        error = {"throttled": Throttled, "transient": Transient, "auth": AuthFailed}[word]
        faults.fail(
            lambda: error("as planned"), system=sorted(world.systems)[number % len(world.systems)], skip=number % 7
        )
    return None


TRIES = int(os.environ.get("SMARKSYNC_SHRINK", "250"))


def shrunk(history: History, folder: Path, tries: int = TRIES) -> tuple[History, str]:
    """The shortest script found that still fails, and how it fails."""
    best, said = history, _failure(history, folder)
    left = tries
    size = max(1, len(best.steps) // 2)
    while size and left > 0:
        for start in range(0, len(best.steps), size):
            fewer = History(
                best.seed,
                best.kinds,
                best.jobs,
                best.steps[:start] + best.steps[start + size :],
                adopt=best.adopt,
                extras=best.extras,
            )
            left -= 1
            found = _failure(fewer, folder)
            if found is not None and found.split(":")[0] == (said or "").split(":")[0]:
                best, said = fewer, found
                break
            if left <= 0:
                break
        else:
            size //= 2
    return best, said or ""


def _failure(history: History, folder: Path) -> str | None:
    try:
        history.run(folder)
    except Wrong as wrong:
        return str(wrong)
    except Exception as error:  # an engine that falls over is a finding like any other
        return f"{type(error).__name__}: {error}"
    return None


def prove(history: History, folder: Path) -> Counter[str]:
    """Runs a history; a failure is shrunk and told as a script. Returns what was done."""
    try:
        history.run(folder)
    except Exception as error:
        if not isinstance(error, Wrong) and isinstance(error, AssertionError):
            raise
        best, said = shrunk(history, folder)
        raise Wrong(f"{said or error}\n{best.script()}") from error
    return history.counts


Prove = Callable[[History, Path], Counter[str]]
