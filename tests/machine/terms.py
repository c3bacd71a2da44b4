"""What the config of a history says, for the config file and for the oracle, and how people change it between two runs."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from .people import CONSENT, Job, Law
from .world import FIELDS, JobPlan, Kind, Profile

Rules = dict[str, tuple[str, str]]

#: rule name → (config words, the same as a law); {x} is one of the job's connections
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "newest": ("{{direction: both, merge: newest}}", {}),
    "tie": ("{{direction: both, merge: newest, tie: {x}}}", {"tie": "x"}),
    "owner": ("{{direction: both, owner: {x}}}", {"owner": "x"}),
    "leave": ("{{direction: both, owner: {x}, enforce: leave}}", {"owner": "x", "leave": True}),
    "from": ("{{direction: from {x}}}", {"source": "x"}),
    "clear": ("{{direction: both, merge: newest, blank: clear, tie: {x}}}", {"clear": True, "tie": "x"}),
    "ask": ("{{direction: both, merge: ask}}", {"merge": "ask"}),
    "max": ("{{direction: both, merge: max}}", {"merge": "max"}),
    "min": ("{{direction: both, merge: min}}", {"merge": "min"}),
    "union": ("{{direction: both, merge: union}}", {"merge": "union"}),
}
FITTING = {
    "score": ("newest", "max", "min", "owner", "tie"),
    "tags": ("union", "newest", "tie"),
    "email": ("newest", "tie"),
}
ANY = ("newest", "newest", "tie", "owner", "leave", "from", "clear", "ask")


@dataclass(frozen=True, slots=True)
class Extras:
    """What the jobs have beside their rules: policies by side, who takes part (up to which score), and tight guards."""

    deletes: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, int] = field(default_factory=dict)
    guards: Mapping[str, int] = field(default_factory=dict)

    def plan(self, between: Sequence[str]) -> dict[str, Any]:
        """For the config."""
        shares = {"first_run": ""}
        limits = (f"{name}: {{count: {count}{shares.get(name, ', share: 0')}}}" for name, count in self.guards.items())
        return {
            "deletes": tuple((c, p) for c, p in self.deletes.items() if c in between),
            "where": tuple(
                (c, f"lead.score is None or lead.score < {n}") for c, n in self.where.items() if c in between
            ),
            "guards": "{" + ", ".join(limits) + "}" if self.guards else "",
        }

    def laws(self) -> dict[str, Any]:
        """For the oracle."""
        where = {c: partial(_below, limit) for c, limit in self.where.items()}
        return {"deletes": self.deletes, "where": where, "guards": self.guards}


PLAIN = Extras()


def _below(limit: int, values: Mapping[str, Any]) -> bool:
    return values.get("score") is None or values["score"] < limit


def job_of(name: str, between: Sequence[str], chosen: dict[str, tuple[str, str]], **more: Any) -> JobPlan:
    """A job plan from {field: (rule name, its connection)}."""
    rules = tuple((f, RULES[rule][0].format(x=x)) for f, (rule, x) in chosen.items())
    return JobPlan(name, tuple(between), rules, **more)


def law_of(rule: str, x: str, prefer: str | None = None) -> Law:
    """The same rule for the oracle."""
    return Law(**{k: x if v == "x" else v for k, v in RULES[rule][1].items()}, prefer=prefer)


class Terms:
    """A config in the making: systems by name, jobs, what the jobs say beside their rules. It may change between runs."""

    def __init__(
        self, kinds: Sequence[Kind], jobs: Sequence[tuple[str, tuple[str, ...], Rules]], adopt: str, extras: Extras
    ) -> None:
        self.kinds = {k.name: k for k in kinds}
        self.jobs = [(name, between, dict(rules)) for name, between, rules in jobs]
        self.adopt, self.extras = adopt, extras
        self.match = "email"
        self.absent: set[str] = set()  # connections that somebody has taken out of the config

    def between(self, connections: Sequence[str]) -> tuple[str, ...]:
        """Those of a job's connections that the config names."""
        return tuple(c for c in connections if c not in self.absent)

    def profile(self) -> Profile:
        """For the config file."""
        plans = []
        for name, connections, rules in self.jobs:
            between = self.between(connections)
            create = (("s", "never"),) if name == SECOND else ()
            more = {"match": self.match, "create": create, **self.extras.plan(between)}
            plans.append(job_of(name, between, rules, adopt=self.adopt if self.adopt in between else "", **more))
        return Profile(tuple(self.kinds.values()), tuple(plans), frozenset(self.absent))

    def laws(self) -> list[Job]:
        """For the oracle: fields that two of a job's systems map have their rule. What one alone maps is only known."""
        jobs = []
        for name, connections, rules in self.jobs:
            between = self.between(connections)
            laws = {}
            for f in FIELDS:
                sides = sum(f not in self.kinds[c].unmapped for c in between)
                if sides == 1 and f != CONSENT:
                    laws[f] = Law()
                elif sides >= 2 and f in rules:
                    laws[f] = law_of(*rules[f], self.adopt if self.adopt in between else None)
            never = frozenset({"s"} if name == SECOND else ())
            jobs.append(Job(name, between, laws, never=never, **self.extras.laws()))
        return jobs

    # What people do to a config

    def change(self, what: str, *words: Any) -> bool:
        """Whether it is another config now."""
        before = self.profile()
        getattr(self, "_" + what)(*words)
        return before != self.profile()

    def _rule(self, name: str, rule: str, x: str) -> None:
        if x not in self.absent:
            self._all_rules(lambda field, old: (rule, x) if field == name else old)

    def _all_rules(self, new: Any) -> None:
        """The first job's; a second one only follows."""
        name, between, rules = self.jobs[0]
        self.jobs[0] = (name, between, {f: new(f, old) for f, old in rules.items()})

    def _map(self, system: str, name: str) -> None:
        """A line of the mapping goes, or comes back."""
        kind = self.kinds[system]
        if name not in kind.lacks and not (name == "score" and system in self.extras.where):
            self.kinds[system] = replace(kind, skips=kind.skips ^ {name})

    def _read_only(self, system: str, name: str) -> None:
        """Only read there from now on, or written as well."""
        kind = self.kinds[system]
        self.kinds[system] = replace(kind, reads=kind.reads ^ {name})

    def _create(self, system: str, policy: str) -> None:
        self.kinds[system] = replace(self.kinds[system], create=policy)

    def _words(self, system: str, turned: bool) -> None:
        """The table of titles: each means the other."""
        table = (("CEO", "CTO"), ("CTO", "CEO")) if turned else ()
        self.kinds[system] = replace(self.kinds[system], words=table)

    def _where(self, system: str, limit: int | None) -> None:
        if "score" in self.kinds[system].unmapped:
            return
        where = {c: n for c, n in self.extras.where.items() if c != system}
        self.extras = replace(self.extras, where=where if limit is None else {**where, system: limit})

    def _deletes(self, system: str, policy: str) -> None:
        self.extras = replace(self.extras, deletes={**self.extras.deletes, system: policy})

    def _rename(self, name: str) -> None:
        if name not in [n for n, _, _ in self.jobs]:
            self.jobs[0] = (name, *self.jobs[0][1:])

    def _match(self, key: str) -> None:
        self.match = key

    def _adopt(self, system: str) -> None:
        self.adopt = system

    def _connection(self, system: str) -> None:
        """It leaves the config with all that names it, or comes back."""
        if system in self.absent:
            self.absent.remove(system)
            return
        left = [c for c in self.jobs[0][1] if c not in (*self.absent, system)]
        if len(left) < 2 or len(self.jobs) > 1:
            return
        self.absent.add(system)
        self._all_rules(lambda _field, old: (old[0], left[0]) if old[1] == system else old)

    def _second(self) -> None:
        """Another job over one of the connections comes, or goes: it follows all but the company, which is its own."""
        if len(self.jobs) > 1:
            del self.jobs[1]
            return
        rules: Rules = {f: ("from", "s") for f in FIELDS if f != CONSENT}
        self.jobs.append((SECOND, ("s", "g"), {**rules, "company": ("tie", "g")}))


SECOND = "second"


def draw_change(dice: random.Random, kinds: Sequence[Kind], several: bool, policies: bool) -> tuple[Any, ...]:
    """One step: somebody edits the config. ``several``: another job may come, too. ``policies``: deletes are passed on."""
    names = [k.name for k in kinds]
    system = dice.choice(names)
    ordinary = [f for f in FIELDS if f not in ("email", CONSENT)]
    what = dice.choices(
        ("rule", "map", "read_only", "create", "words", "where", "deletes", "rename", "match", "adopt", "connection", "second"),
        (8, 8, 4, 3, 0 if any(k.titles for k in kinds) else 3, 4, 6 if policies else 2, 2, 2, 1, 0 if several else 5, 6 if several else 0),
    )[0]  # fmt: skip
    name = dice.choice(ordinary)
    words: tuple[Any, ...] = {
        "rule": (name, dice.choice(FITTING.get(name, ANY)), dice.choice(names[:2] if several else names)),
        "map": (system, dice.choice([*ordinary, CONSENT])),
        "read_only": (system, name),
        "create": (system, dice.choice(("always", "never"))),
        "words": (system, dice.random() < 0.6),
        "where": (system, dice.choice((None, 5, 9))),
        "deletes": (system, dice.choice(("ignore", "unlink", "archive", "delete"))),
        "rename": (dice.choice(("people", "leads")),),
        "match": (dice.choice(("email", "[email, last_name]")),),
        "adopt": (system if not several else "",),
        "connection": (system,),
        "second": (),
    }[what]
    return ("change", what, *words)
