"""A small vocabulary for histories that an operator can read.

::

    w = world(fields={"phone": {"owner": "sales"}})     # two systems, one job `people` between them
    ada = w.person("Ada Lovelace", "marketing sales")    # in both of them
    w.edit(ada, "marketing", phone="+442079460000")
    run = w.run()                                        # five minutes later; every run must conserve (I8)
    assert w.shows(ada, "sales", phone="+442079460000")

Systems are simulated vendors (smarksync.testing), the engine, the ledger and the config loader are the real ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smarksync.config import load
from smarksync.engine.changes import changes
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.session import OpenSession
from smarksync.ledger import conflicts, quarantine, states
from smarksync.ledger.db import Ledger
from smarksync.plugin import FieldInfo, FieldType
from smarksync.testing import Clock, FaultPlan, MemoryStream, MemorySystem
from smarksync.testing.faults import Crash

from .ran import Ran, conserved

FIELDS = ("email", "first_name", "last_name", "company", "phone", "score", "email_opt_out")
TYPES = {
    "score": FieldType.INT,
    "email_opt_out": FieldType.BOOL,
    "phone_opt_out": FieldType.BOOL,
    "tags": FieldType.CHOICES,
    "other_emails": FieldType.CHOICES,
    "consent_at": FieldType.INSTANT,
}
DEAD: list[int] = []


@dataclass
class Someone:
    """A person of the story, with the place of their record in each system: {system: (object, id)}."""

    name: str
    places: dict[str, tuple[str, str]] = field(default_factory=dict)


class Killable(FaultPlan):
    """A fault plan that can also die at the n-th passing of a named I/O point."""

    def __init__(self) -> None:
        super().__init__()
        self._at: tuple[str, int] | None = None

    def kill_at(self, name: str, nth: int = 1) -> None:
        self._at = (name, nth)

    def point(self, name: str) -> None:
        if self._at is not None and self._at[0] == name:
            self._at = (name, self._at[1] - 1) if self._at[1] > 1 else None
            if self._at is None:
                self.crash_in(1)
        super().point(name)


class Mortal(Ledger):
    """A ledger whose process may die: afterwards it writes nothing any more, not even a farewell."""

    faults: FaultPlan

    def run(self, sql: str, params: Any = ()) -> int:
        self._alive()
        return super().run(sql, params)

    def many(self, sql: str, rows: Any) -> None:
        self._alive()
        super().many(sql, rows)

    def _alive(self) -> None:
        if self.faults.dead:
            raise self.faults.dead


class World:
    """Systems, a config and a clock; see the module's text."""

    def __init__(self, root: Path, names: tuple[str, ...], options: dict[str, Any], registry: Registry) -> None:
        self.root, self.names, self.registry = root, names, registry
        self._reading: Ledger | None = None
        self.clock, self.faults = Clock(), Killable()
        self.budgets: dict[str, int] = {}
        objects = options.pop("objects", {})
        self.objects: dict[str, tuple[str, ...]] = {n: objects.get(n, ("people",)) for n in names}
        also = tuple(options.pop("also", ()))
        maps, infos = options.pop("maps", {}), options.pop("infos", {})
        fields = {f: f for f in (*FIELDS, *also)}
        self.maps = {n: {**fields, **maps.get("*", {}), **maps.get(n, {})} for n in names}
        self.maps = {n: {k: v for k, v in m.items() if v is not None} for n, m in self.maps.items()}
        self.systems: dict[str, MemorySystem] = {}
        for name in names:
            switches = dict(options.pop(name, {}))
            skew = switches.pop("skew", timedelta(0))
            live = self._live(name, infos.get(name, {}))
            streams = [MemoryStream(o, fields=live, **switches) for o in self.objects[name]]
            self.systems[name] = MemorySystem(name, streams, self.clock, faults=self.faults, skew=skew)
        self.config = self._config(options)
        self.job = self.config["jobs"]["people"]

    def _live(self, name: str, special: Mapping[str, Mapping[str, Any]]) -> tuple[FieldInfo, ...]:
        vendor = {f if isinstance(f, str) else f["field"]: c for c, f in self.maps[name].items()}
        return tuple(
            FieldInfo(v, **{"type": TYPES.get(c, FieldType.TEXT), **special.get(v, {})}) for v, c in vendor.items()
        )

    def _config(self, options: dict[str, Any]) -> dict[str, Any]:
        roles = {"marketing": "marketing", "sales": "sales"}
        top: dict[str, Any] = {
            key: options.pop(key) for key in ("defaults", "guards", "lifecycle", "entities") if key in options
        }
        jobs = options.pop("jobs", None) or {"people": {}}
        first = jobs.setdefault("people", {})
        first.update(options)
        for job in jobs.values():
            job.setdefault("sync", "lead")
            job.setdefault("between", list(self.names))
            job.setdefault("match", ["email"])
            job.setdefault("create", dict.fromkeys(job["between"], "always"))
            job["fields"] = {"*": {}, **job.get("fields", {})}
            job["fields"] = {name: rule for name, rule in job["fields"].items() if rule is not None}
        return {
            "version": 1,
            "workspace": "story",
            "ledger": "sqlite:///story.db",
            "connections": {
                n: {"connector": "memory", "role": roles.get(n, "other"), "settings": {"system": n}} for n in self.names
            },
            "mappings": {
                n: {o: {"entity": "lead", "fields": self.maps[n]} for o in self.objects[n]} for n in self.names
            },
            "jobs": jobs,
            **top,
        }

    # What people do

    def person(self, name: str, systems: str = "marketing", **values: Any) -> Someone:
        """Somebody enters a person, with an address made of the name, into each of the systems."""
        first, _, last = name.partition(" ")
        someone = Someone(name)
        values = {
            "email": f"{name.replace(' ', '.').lower()}@example.com",
            "first_name": first,
            "last_name": last or None,
        } | values
        for system in systems.split():
            self.enter(someone, system, **values)
        return someone

    def people(self, count: int, systems: str = "marketing", start: int = 0, **values: Any) -> list[Someone]:
        """Many persons, numbered."""
        return [self.person(f"Person{n} Doe", systems, **values) for n in range(start, start + count)]

    def enter(self, someone: Someone, system: str, obj: str | None = None, **values: Any) -> None:
        """Somebody enters the person's record into one more system."""
        obj = obj or self.objects[system][0]
        someone.places[system] = (obj, self.systems[system].insert(obj, self._vendor(system, values)))

    def _vendor(self, system: str, values: Mapping[str, Any]) -> dict[str, Any]:
        mapped = self.maps[system]
        known = {c: f if isinstance(f, str) else f["field"] for c, f in mapped.items()}
        return {known.get(name, name): value for name, value in values.items() if name in known or name not in FIELDS}

    def edit(self, someone: Someone, system: str, **values: Any) -> None:
        """Somebody edits the person's record there."""
        self.systems[system].edit(*self.place(someone, system), self._vendor(system, values))

    def touch(self, someone: Someone, system: str) -> None:
        """Somebody saves the record without changing it."""
        self.systems[system].touch(*self.place(someone, system))

    def delete(self, someone: Someone, system: str) -> None:
        """Somebody deletes the person's record there."""
        self.systems[system].delete(*self.place(someone, system))

    def answer(self, question: Any, value: Any) -> None:
        """A person decides an open question."""
        conflicts.answer(self.reading, question.id, value)
        states.changed(self.reading, [(question.eid, None, None, "")])

    def later(self, **time: float) -> None:
        """Time passes."""
        self.clock.advance(timedelta(**time))

    # What can be seen

    def place(self, someone: Someone, system: str) -> tuple[str, str]:
        """Where the person's record is in a system: as it was entered, or as our link says."""
        if system not in someone.places:
            found = self.links(someone).get(system)
            assert found, f"{someone.name} has no record in {system}"
            someone.places[system] = found[0]
        return someone.places[system]

    def links(self, someone: Someone) -> dict[str, list[tuple[str, str]]]:
        """{system: [(object, id)]} of the person's live links, the primary one first."""
        found: dict[str, list[tuple[str, str]]] = {}
        for system, obj, rid in self.query(
            "SELECT s.connection, s.object, l.rid FROM links l JOIN streams s USING (sid) WHERE l.eid = ? AND l.state = 'live' "
            "ORDER BY l.rank, s.sid, l.rid", self.eid(someone),
        ):  # fmt: skip
            found.setdefault(system, []).append((obj, rid))
        return found

    def eid(self, someone: Someone) -> int:
        """The entity that the person's first record is linked to, aliases followed."""
        system, (obj, rid) = next(iter(someone.places.items()))
        rows = self.query(
            "SELECT l.eid FROM links l JOIN streams s USING (sid) WHERE s.connection = ? AND s.object = ? AND l.rid = ?",
            system, obj, rid,
        )  # fmt: skip
        assert rows, f"{someone.name} is not linked"
        return int(rows[0][0])

    def row(self, someone: Someone, system: str) -> dict[str, Any]:
        """The person's record there, in canonical names, as it truly stands."""
        obj, id = self.place(someone, system)
        row = self.systems[system].row(obj, id)
        assert row is not None, f"{someone.name} is no longer in {system}"
        names = {f if isinstance(f, str) else f["field"]: c for c, f in self.maps[system].items()}
        return {names.get(vendor, vendor): value for vendor, value in row.items()}

    def shows(self, someone: Someone, system: str, **values: Any) -> bool:
        """Whether the record shows these values; where it does not, the difference is the message."""
        row = self.row(someone, system)
        assert {name: row[name] for name in values} == values
        return True

    def count(self, system: str) -> int:
        """How many records a system has."""
        return sum(len(self.systems[system].rows(o)) for o in self.objects[system])

    def query(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Rows of the ledger."""
        return self.reading.rows(sql, params)

    @property
    def reading(self) -> Ledger:
        """The story's ledger, to look into; it stays open beside the runs, which open it anew."""
        if self._reading is None:
            self._reading = self.ledger()
        return self._reading

    def ledger(self) -> Ledger:
        """The story's ledger, opened once more; the caller closes it."""
        return Ledger("sqlite:///story.db", root=str(self.root))

    def close(self) -> None:
        """The story is over."""
        if self._reading is not None:
            self._reading.close()

    def conflicts(self) -> list[Any]:
        """The questions that wait for people."""
        return conflicts.listed(self.reading)

    def quarantine(self) -> list[Any]:
        """What waits in quarantine."""
        return quarantine.listed(self.reading)

    def audit(self, someone: Someone) -> list[dict[str, Any]]:
        """The person's history, oldest first."""
        rows = self.query("SELECT body FROM audit WHERE eid = ? ORDER BY id", self.eid(someone))
        return [json.loads(body) for (body,) in rows]

    def consent(self, someone: Someone, channel: str = "email") -> str | None:
        """Where the person stands on a channel; None = no claim."""
        rows = self.query("SELECT status FROM consent WHERE eid = ? AND channel = ?", self.eid(someone), channel)
        return rows[0][0] if rows else None

    # Runs

    def run(self, *jobs: str, wait: float = 300, check: bool = True, **options: Any) -> Ran:
        """A run, five minutes later unless ``wait`` (seconds) says else. Its figures must add up."""
        self.clock.advance(wait)
        (self.root / "smarksync.yaml").write_text(json.dumps(self.config))
        before = {name: len(system.calls) for name, system in self.systems.items()}
        ledger = Mortal(f"sqlite:///{options.pop('ledger', 'story.db')}", root=str(self.root))
        ledger.faults, ledger.io = self.faults, self.faults.point
        allow = options.pop("allow", ())
        options["allow"] = frozenset(allow.split() if isinstance(allow, str) else allow)
        after_plan = options.pop("after_plan", None)
        options.setdefault("threads", False)
        try:
            result = execute(
                load(self.root / "smarksync.yaml"), Options(jobs=jobs, **options),
                registry=self.registry, make_session=self._session, now=self.clock, ledger=ledger,
                after_plan=after_plan,
            )  # fmt: skip
        finally:
            ledger.close()
        sent = {n: [w for c in s.calls[before[n] :] for w in c.writes] for n, s in self.systems.items()}
        ran = Ran(result, sent)
        if check:
            conserved(ran.report)
        return ran

    def plan(self, **options: Any) -> Ran:
        """A dry run; ``changes`` are the lines of the plan, readable (see golden/)."""
        return self.run(dry_run=True, after_plan=lambda run: list(changes(run)), **options)

    def killed(self, point: str = "", nth: int = 1, **options: Any) -> None:
        """A run whose process dies at an I/O point; the next one finds its leases and its intents."""
        if point:
            self.faults.kill_at(point, nth)
        with pytest.raises(Crash):
            self.run(**options)
        bury(self)

    def quiet(self) -> None:
        """With nothing edited runs write nothing; the second asks each object for changes and departures only (I2)."""
        for once in (False, True):
            before = {n: s.counted["read"] + s.counted["gone"] for n, s in self.systems.items()}
            ran = self.run()
            assert not any(ran.sent.values())
            assert ran.wrote == 0
            for name, system in self.systems.items() if once else ():
                calls = system.counted["read"] + system.counted["gone"] - before[name]
                assert all(stream.full_scan for stream in system.streams.values()) or calls <= 2 * len(system.streams)

    def _session(self, name: str, _settings: Any) -> OpenSession:
        session = OpenSession(name, root=str(self.root))
        session.counts.budget_left = self.budgets.get(name)
        return session


def bury(office: Any) -> None:
    """The process whose run died is gone: its faults are over, and its leases are a dead one's."""
    office.faults.revive()
    disown(office.reading)


def disown(ledger: Ledger) -> None:
    """Whoever holds a lease has ended."""
    ledger.run("UPDATE leases SET pid = ?, started = '' WHERE holder IS NOT NULL", (_dead_process(),))


def _dead_process() -> int:
    """The number of a process that has ended."""
    if not DEAD:
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        DEAD.append(child.pid)
    return DEAD[0]
