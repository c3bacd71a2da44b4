"""Random histories, made from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from .histories import History, Step
from .people import CONSENT
from .terms import ANY, FITTING, PLAIN, Extras, draw_change
from .world import FIELDS, Kind

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
        if steps[-1][0] == "delete" and dice.random() < 0.4:  # and taken back once that is known
            between = [_step(dice, names, people) for _ in range(dice.randrange(2))]
            steps += [("run",), *between, ("restore", dice.randrange(3))]
    if acts := [
        k.name for k in kinds if k.acts
    ]:  # and somebody opts out here and there, so that there is something to come back from
        for _ in range(6):
            step = (
                _act(dice, dice.choice(acts))
                if dice.random() < 0.6
                else ("edit", dice.choice(names), dice.randrange(3), {CONSENT: True})
            )
            place = dice.randrange(2, len(steps) + 1)
            steps[place:place] = [step, ("run",)][: dice.choice((1, 2))]
    if any(k.titles for k in kinds):  # titles that a side has no word for, and then another one
        for title in ("CTO", "CTO", dice.choice(("CEO", "CTO")), "CEO", dice.choice(("CEO", "CTO", None))):
            step = ("edit", dice.choice(names), dice.randrange(3), {"job_title": title})
            place = dice.randrange(2, len(steps) + 1)
            steps[place:place] = [step, ("run",)][: dice.choice((1, 2, 2))]
    if extras.where:
        for _ in range(1 if extras.deletes else 3):
            place = dice.randrange(2, len(steps) + 1)
            steps[place:place] = _gap(dice, dice.choice(sorted(extras.where)), names)
    if faults:
        steps = [_fault(dice) if step == ("run",) and dice.random() < 0.8 else step for step in steps]
        steps.append(_fault(dice))
    if extras.guards:
        steps = [(*step, *extras.guards) if step == ("run",) and dice.random() < 0.4 else step for step in steps]
    if any(len(k.streams) > 1 for k in kinds):  # some are contacts from the beginning
        steps = [(*step, dice.choice((0, 0, 1))) if step[0] == "insert" else step for step in steps]
    several = bool(changes) and len(names) == 3 and seed % 3 == 2
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
        change = draw_change(dice, kinds, several, bool(extras.deletes))
        if change[1] in ("connection", "map") and dice.random() < 0.7:  # what left mostly comes back
            back = dice.randrange(place, len(steps) + 1)
            steps[back:back] = [change]
        steps[place:place] = [change, ("run",)][: dice.choice((1, 2))]
    adopt = names[0] if seed % 3 == 0 else ""
    return History(seed, kinds, jobs, steps, adopt=adopt, extras=extras)


def _gap(dice: random.Random, system: str, names: Sequence[str]) -> list[Step]:
    """A record leaves `where` and comes back; meanwhile it is edited there, the person elsewhere, or both."""
    name = dice.choice(("company", "last_name", "tags"))
    there: list[Step] = [("edit", system, dice.randrange(2), {name: dice.choice(VALUES[name])})]
    other = dice.choice([one for one in names if one != system])
    elsewhere: list[Step] = [("edit", other, dice.randrange(2), {name: dice.choice(VALUES[name])})]
    row = dice.randrange(2)
    return [
        ("edit", system, row, {"score": 9}), ("run",), *dice.choice((there, [])), *elsewhere, ("run",),
        *dice.choice((there, [])), ("edit", system, row, {"score": 0}), ("run",),
    ]  # fmt: skip


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


def _act(dice: random.Random, system: str) -> Step:
    """The person ticks a box of their own, mostly just now; some say what proves nothing."""
    basis = dice.choice(("own_act", "double_opt_in", "checkbox", "own_act", "legal", None))
    return ("act", system, dice.randrange(3), basis, dice.choice((0, 0, 0, 4000)))


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
    if kind == "convert":
        return (kind, system, place, dice.choice((0, 1, 2)))
    if kind in ("touch", "delete"):
        return (kind, system, place)
    return ("run",)
