"""Random histories: made from a seed, printed as a script, run against the oracle, shrunk when they fail."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from smarksync.errors import AuthFailed, Throttled, Transient
from smarksync.plugin import WriteResult
from smarksync.testing import Refused

from .checks import after_repair, after_run, eids_of, figures, quiet, settled
from .oracle import Oracle
from .people import CONSENT, Wrong
from .terms import ANY, FITTING, PLAIN, Extras, Rules, Terms, draw_change
from .world import FIELDS, Kind, World

Step = tuple[Any, ...]

#: few values, so that histories collide
VALUES: dict[str, tuple[Any, ...]] = {
    "email": ("ann@x.org", "bea@x.org", "cyd@x.org", "dot@x.org", "info@x.org"),
    "first_name": ("Ann", "Bea", "Cyd"),
    "last_name": ("Ore", "Pit"),
    "company": ("Acme", "Bolt", "Corp"),
    "job_title": ("CEO", "CTO"),
    "score": (0, 5, 9),
    "tags": (["a"], ["b"], ["a", "b"]),
    CONSENT: (True, False),
}


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

    def do_touch(self, system: str, place: int) -> None:
        row = self._row(system, place)
        if row is not None:
            self.world.systems[system].touch(*row)

    def do_delete(self, system: str, place: int) -> None:
        row = self._row(system, place)
        if row is not None:
            self.world.systems[system].delete(*row)

    def do_merge(self, system: str, winner: int, loser: int) -> None:
        first, second = self._row(system, winner), self._row(system, loser)
        if first and second and first != second and first[0] == second[0]:
            self.world.systems[system].merge(first[0], first[1], second[1])

    def do_convert(self, system: str, place: int) -> None:
        row, streams = self._row(system, place), self.world.profile.kind(system).streams
        if row is not None and len(streams) > 1 and row[0] == streams[0] and (system, *row) not in self.oracle.doubts:
            self.world.systems[system].convert(row[0], row[1], streams[1])

    def do_wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    def do_change(self, what: str, *words: Any) -> None:
        """Somebody edits the config."""
        if what == "connection" and any(key[0] == words[0] for key in self.oracle.doubts):
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
        if self.oracle.cut or (foreseen.removed and self.oracle.doubts):
            raise Enough  # the rival of a doubt may have left: it dissolves in this run or in the next, and both are right
        after_run(self.world, self.oracle, foreseen, seen, rows)
        self.counts["writes"] += len(foreseen.writes)
        self.counts["asked"] += len(foreseen.asked)

    def do_faulty(self, fault: str, number: int, word: str) -> None:
        """A run that something happens to, and what comes after it: together they do what one clean run does."""
        world = self.world
        world.clock.tick()
        rows = set(world.true_rows())
        guards = tuple(self.oracle.guards())
        foreseen = self.oracle.foresee(world.clock(), guards)
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
            seen = world.run(allow=guards)
        if self.oracle.cut or (foreseen.removed and self.oracle.doubts):
            raise Enough
        after_repair(world, self.oracle, foreseen, seen, rows)
        self.counts["repaired"] += 1

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


FAULTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("crash", ("",)),
    ("limit", ("",)),
    ("lost", ("raise-applied", "raise-", "receipt-applied", "receipt-")),
    ("row", ("retry-", "conflict-", "unknown-", "unknown-applied")),
    ("fail", ("throttled", "transient", "auth")),
)


def draw(
    seed: int,
    kinds: Sequence[Kind],
    size: int = 14,
    faults: bool = False,
    extras: Extras = PLAIN,
    people: int = 2,
    changes: int = 0,
) -> History:
    """A random history over these systems; with ``faults`` most of its runs meet one, with ``changes`` the config is edited."""
    dice = random.Random(seed)
    names = [k.name for k in kinds]
    jobs = [("people", tuple(names), _rules(random.Random(seed % 12), names))]  # few sets: each config is loaded once
    steps: list[Step] = []
    for _ in range(dice.randint(2, 4)):
        steps.append(_insert(dice, dice.choice(names), people))
    for _ in range(size):
        steps.append(_step(dice, names, people))
    if faults:
        steps = [_fault(dice) if step == ("run",) and dice.random() < 0.8 else step for step in steps]
        steps.append(_fault(dice))
    if extras.guards:
        steps = [(*step, *extras.guards) if step == ("run",) and dice.random() < 0.4 else step for step in steps]
    if any(len(k.streams) > 1 for k in kinds):  # some are contacts from the beginning
        steps = [(*step, dice.choice((0, 0, 1))) if step[0] == "insert" else step for step in steps]
    # what one job agrees reaches the systems of another a run later, so that a fault and its repair are not one run
    several = bool(changes) and not faults and len(names) == 3 and seed % 3 == 2
    if several:
        jobs = [
            (
                "people",
                ("m", "s"),
                {
                    f: ("newest", "m") if f == "email" else r
                    for f, r in _rules(random.Random(seed % 12), names[:2]).items()
                    if f != "company"
                },
            )
        ]
    for _ in range(changes):  # after a first run, else it is just another config
        place = dice.randrange(len(steps) // 3, len(steps) + 1)
        change = draw_change(dice, kinds, several)
        if change[1] in ("connection", "map") and dice.random() < 0.7:  # what left mostly comes back
            back = dice.randrange(place, len(steps) + 1)
            steps[back:back] = [change]
        steps[place:place] = [change, ("run",)][: dice.choice((1, 2))]
    adopt = names[0] if seed % 3 == 0 else ""
    return History(seed, kinds, jobs, steps, adopt=adopt, extras=extras)


def _fault(dice: random.Random) -> Step:
    fault, words = dice.choice(FAULTS)
    return ("faulty", fault, dice.randint(1, 90), dice.choice(words))


def _rules(dice: random.Random, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    return {f: (dice.choice(FITTING.get(f, ANY)), dice.choice(names)) for f in FIELDS if f != CONSENT}


def _insert(dice: random.Random, system: str, people: int) -> Step:
    fields = {"email": dice.choice(VALUES["email"][: people + 1])}
    for name in ("first_name", "last_name", "company", "score", "tags"):
        if dice.random() < 0.5:
            fields[name] = dice.choice(VALUES[name])
    if dice.random() < 0.15:
        fields[CONSENT] = True
    return ("insert", system, fields)


def _step(dice: random.Random, names: Sequence[str], people: int) -> Step:
    system = dice.choice(names)
    place = dice.randrange(3)
    kind = dice.choices(
        ("run", "edit", "blank", "insert", "touch", "wait", "answer", "email", "delete", "merge", "convert", "consent"),
        (30, 40, 8, 6, 3, 10, 6, 3, 3, 2, 2, 4),
    )[0]
    if kind == "edit":
        chosen = dice.sample([f for f in FIELDS if f not in ("email", CONSENT)], dice.choice((1, 1, 2)))
        return ("edit", system, place, {f: dice.choice(VALUES[f]) for f in chosen})
    if kind == "blank":
        name = dice.choice(("first_name", "company", "job_title", "tags", "score"))
        return ("edit", system, place, {name: None})
    if kind == "email":
        return ("edit", system, place, {"email": dice.choice(VALUES["email"])})
    if kind == "consent":
        return ("edit", system, place, {CONSENT: dice.random() < 0.6})
    if kind == "insert":
        return _insert(dice, system, people)
    if kind == "wait":
        return ("wait", dice.choice((1, 5, 130, 400)))
    if kind == "answer":
        return ("answer", dice.randrange(3), dice.randrange(3))
    if kind == "merge":
        return ("merge", system, place, place + 1)
    if kind in ("touch", "delete", "convert"):
        return (kind, system, place)
    return ("run",)


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
