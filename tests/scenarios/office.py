"""Two teams and their two systems, simulated: marketing's people and what they do; sales' leads, contacts, accounts,
opportunities, tasks and colleagues. The engine, the ledger and the config loader are the real ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smarksync.alignment import handoff
from smarksync.config import load
from smarksync.engine.changes import changes, terms
from smarksync.engine.registry import Registry
from smarksync.engine.reviewed import Reviewed
from smarksync.engine.run import Options, execute
from smarksync.kit.session import OpenSession
from smarksync.ledger import cases
from smarksync.ledger.cases import Case, Move
from smarksync.ledger.db import Ledger
from smarksync.plugin import FieldInfo, FieldType
from smarksync.testing import Clock, MemoryStream, MemorySystem
from smarksync.testing.faults import Crash

from .ran import Ran, conserved
from .world import Killable, Mortal, bury

#: Monday, 12 January 2026, ten o'clock in Berlin
MONDAY = datetime.fromisoformat("2026-01-12T09:00:00+00:00")

PERSON = ("email", "first_name", "last_name", "job_title", "company", "country", "score", "journey", "lifecycle", "persona",
          "sales_status", "owner", "email_opt_out", "handoff_state", "handoff_at", "handoff_due_at", "handoff_note",
          "qualified_at", "qualified_by", "rejection_reason")  # fmt: skip
OUTCOME = ("accepted_at", "rejected_at", "first_attempt_at", "attempts", "opportunity_stage", "opportunity_kind",
           "opportunity_amount", "opportunity_close_date", "loss_reason")  # fmt: skip
ACTIVITY = ("type", "at", "lead", "actor", "owner", "direction", "automated", "result", "subject", "asset")
TYPES = {
    "score": FieldType.INT, "attempts": FieldType.INT, "email_opt_out": FieldType.BOOL, "automated": FieldType.BOOL, "active": FieldType.BOOL,
    "handoff_at": FieldType.INSTANT, "handoff_due_at": FieldType.INSTANT, "qualified_at": FieldType.INSTANT, "accepted_at": FieldType.INSTANT,
    "rejected_at": FieldType.INSTANT, "first_attempt_at": FieldType.INSTANT, "at": FieldType.INSTANT, "closed_at": FieldType.INSTANT,
    "created_at": FieldType.INSTANT, "responded_at": FieldType.INSTANT, "responded": FieldType.BOOL, "opportunity_amount": FieldType.DECIMAL,
    "amount": FieldType.DECIMAL, "opportunity_close_date": FieldType.DATE, "close_date": FieldType.DATE, "leads": FieldType.CHOICES,
}  # fmt: skip
OBJECTS: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {
    "marketing": {
        "people": ("lead", tuple(n for n in (*PERSON, *OUTCOME))),
        "events": ("activity", ACTIVITY),
        "users": ("owner", ("email", "name", "kind", "active")),
    },
    "sales": {
        "leads": ("lead", PERSON),
        "contacts": ("lead", (*PERSON, "account")),
        "accounts": ("account", ("name", "domain", "owner")),
        "deals": ("opportunity", ("name", "account", "leads", "stage", "stage_kind", "amount", "close_date", "closed_at",
                                  "loss_reason", "owner", "created_at")),
        "tasks": ("activity", ACTIVITY),
        "users": ("owner", ("email", "name", "kind", "active")),
    },
}  # fmt: skip


class Office:
    """Both teams; see the module's text. ``top``: sections of the config laid over the usual ones."""

    def __init__(self, root: Path, registry: Registry, **top: Any) -> None:
        self.root, self.registry, self.clock, self.faults = root, registry, Clock(MONDAY), Killable()
        switches: dict[str, dict[str, Any]] = top.pop("switches", {})
        self.objects = {name: dict(objects) for name, objects in OBJECTS.items()}
        for name, objects in top.pop("objects", {}).items():
            self.objects[name].update(objects)
        self.systems = {
            name: MemorySystem(name, [self._stream(n, f, switches.get(f"{name}:{n}", {})) for n, (_, f) in objects.items()], self.clock,
                               faults=self.faults)
            for name, objects in self.objects.items()
        }  # fmt: skip
        self.config = self._config(top)
        self._reading: Ledger | None = None

    def _stream(self, name: str, fields: tuple[str, ...], switches: Mapping[str, Any]) -> MemoryStream:
        infos = tuple(FieldInfo(f, type=TYPES.get(f, FieldType.TEXT)) for f in fields)
        return MemoryStream(name, fields=infos, **switches)

    def _config(self, top: dict[str, Any]) -> dict[str, Any]:
        jobs = {
            "people": {
                "sync": "lead", "between": ["marketing", "sales"], "match": ["email"], "create": {"marketing": "always", "sales": "never"},
                "fields": {"*": {}, "score": {"direction": "from marketing"}, "journey": {"direction": "from marketing"}},
            },
            "handoff": {"handoff": "lead", "from": "marketing", "to": "sales"},
            "outcomes": {"outcomes": ["lead", "opportunity"], "from": "sales", "to": "marketing"},
            **top.pop("jobs", {}),
        }  # fmt: skip
        return {
            "version": 1, "workspace": "office", "ledger": "sqlite:///office.db", "time_zone": "Europe/Berlin", "currency": "EUR",
            "connections": {n: {"connector": "memory", "role": n, "settings": {"system": n}} for n in self.objects},
            "mappings": {
                name: {o: {"entity": e, "fields": {f: f for f in fields}} for o, (e, fields) in objects.items()}
                for name, objects in self.objects.items()
            },
            "definitions": {"mql": {
                "when": 'lead.score >= 60 and lead.journey in ["consideration_late", "decision_early", "decision_late"]',
                "require": ["email", "last_name", "company"], "never": ["lead.email_opt_out"], "version": "3",
            }},
            "routing": [
                {"when": "account is not None and account.owner is not None", "to": "account.owner"},
                {"when": 'lead.country in ["DE", "AT"]', "round_robin": ["anna@acme.example", "ben@acme.example"], "weights": [2, 1]},
                {"fallback": "queue:inbound"},
            ],
            "jobs": {name: job for name, job in jobs.items() if job is not None}, **top,
        }  # fmt: skip

    # What people do

    def colleague(self, email: str, *, kind: str = "user", active: bool = True, systems: str = "sales") -> str:
        """Somebody in sales; the id there."""
        row = {"email": email if "@" in email else None, "name": email.split("@")[0], "kind": kind, "active": active}
        return next(self.systems[system].insert("users", row) for system in systems.split())

    def team(self) -> None:
        """Anna, Ben, and the queue for what nobody else takes."""
        self.anna, self.ben = self.colleague("anna@acme.example"), self.colleague("ben@acme.example")
        self.inbound = self.colleague("inbound", kind="queue")

    def lead(self, name: str = "Ada Lovelace", **values: Any) -> str:
        """A person whom marketing found; the id there."""
        first, _, last = name.partition(" ")
        row = {"email": f"{first.lower()}@{(last or 'nobody').lower()}.example", "first_name": first, "last_name": last or None,
               "company": f"{last} GmbH", "country": "DE", "score": 20, "journey": "consideration_early"}  # fmt: skip
        return self.systems["marketing"].insert("people", {**row, **values})

    def ready(self, name: str = "Ada Lovelace", **values: Any) -> str:
        """A person whom marketing would hand over."""
        return self.lead(name, **{"score": 80, "journey": "decision_early", **values})

    def did(self, person: str, type: str, **values: Any) -> str:
        """A person did something, now unless ``at`` says else."""
        row = {"type": type, "at": self.clock(), "lead": person, "actor": "lead", "automated": False, "result": "done"}
        return self.systems["marketing"].insert("events", {**row, **values})

    def tried(self, record: str, type: str = "call", **values: Any) -> str:
        """Somebody in sales tried to reach a person."""
        row = {"type": type, "at": self.clock(), "lead": record, "actor": "sales", "automated": False, "result": "no_answer",
               "direction": "outbound", "owner": self.anna}  # fmt: skip
        return self.systems["sales"].insert("tasks", {**row, **values})

    def status(self, record: str, word: str, **more: Any) -> None:
        """Sales sets the status of a lead."""
        self.systems["sales"].edit("leads", record, {"sales_status": word, **more})

    def convert(self, record: str, **more: Any) -> str:
        """Sales makes a contact of a lead; the contact's id."""
        row = self.systems["sales"].row("leads", record)
        assert row is not None
        return self.systems["sales"].convert("leads", record, "contacts", {**row, **more})

    def later(self, **time: float) -> None:
        """Time passes."""
        self.clock.advance(timedelta(**time))

    # What can be seen

    def sales_rows(self, stream: str = "leads") -> list[dict[str, Any]]:
        """The records of sales, each with its id."""
        return [{"id": id, **row} for id, row in self.systems["sales"].rows(stream).items()]

    def person(self, id: str) -> dict[str, Any]:
        """The record of a person in marketing, as it truly stands."""
        row = self.systems["marketing"].row("people", id)
        assert row is not None
        return row

    @property
    def reading(self) -> Ledger:
        """The ledger, to look into."""
        if self._reading is None:
            self._reading = Ledger("sqlite:///office.db", root=str(self.root))
        return self._reading

    def close(self) -> None:
        """Lets go of the ledger; a later look opens it again."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def cases(self) -> list[Case]:
        """Every case; each is what its moves alone come to."""
        found = [pair for chunk in cases.every(self.reading) for pair in chunk]
        for case, moves in found:
            assert handoff.replay(moves) == case
        told = Counter((case.job, fate) for case, _ in found if (fate := cases.fate(case)) is not None)
        kept = {
            (job, fate): count for job, fate, count in self.reading.rows("SELECT * FROM case_counts WHERE count <> 0")
        }
        assert kept == told  # what a run accounts for is what a look at every case gives
        return [case for case, _ in found]

    def moves(self, case: Case) -> list[Move]:
        """The moves of a case in the order of events, remarks left out."""
        return [move for move in cases.moves(self.reading, case.cid) if move.state != cases.NOTE]

    # Runs

    def run(self, *jobs: str, wait: float = 300, **options: Any) -> Ran:
        """A run, five minutes later unless ``wait`` says else. Its figures must add up."""
        self.clock.advance(wait)
        (self.root / "smarksync.yaml").write_text(json.dumps(self.config))
        before = {name: len(system.calls) for name, system in self.systems.items()}
        ledger = Mortal("sqlite:///office.db", root=str(self.root))
        ledger.faults, ledger.io = self.faults, self.faults.point
        options["allow"] = frozenset(str(options.pop("allow", "")).split())
        after_plan, review = options.pop("after_plan", None), options.pop("review", None)
        try:
            result = execute(
                load(self.root / "smarksync.yaml"), Options(jobs=jobs, threads=False, **options), registry=self.registry,
                make_session=lambda name, _settings: OpenSession(name, root=str(self.root)), now=self.clock, ledger=ledger,
                after_plan=after_plan, review=review,
            )  # fmt: skip
        finally:
            ledger.close()
        sent = {n: [w for c in s.calls[before[n] :] for w in c.writes] for n, s in self.systems.items()}
        ran = Ran(result, sent)
        conserved(ran.report)
        return ran

    def plan(self, **options: Any) -> Ran:
        """A dry run."""

        def look(run: Any) -> list[Any]:
            self.terms = terms(run, load(self.root / "smarksync.yaml"))
            return list(changes(run))

        return self.run(dry_run=True, after_plan=look, **options)

    def applied(self, planned: Ran) -> Ran:
        """A plan that was reviewed in a file, and is applied a minute later."""
        file = json.loads(json.dumps({"plan": self.terms, "changes": planned.changes}))
        return self.run(wait=60, review=Reviewed(file))

    def killed(self, point: str = "", nth: int = 1) -> None:
        """A run whose process dies at an I/O point."""
        if point:
            self.faults.kill_at(point, nth)
        with pytest.raises(Crash):
            self.run()
        bury(self)

    def dies(self, at: int | None) -> int:
        """A run that dies at that I/O point, or does not (None); the points that it passed."""
        before = self.faults.points
        if at is None:
            self.run()
        else:
            self.faults.crash_in(at)
            with pytest.raises(Crash):
                self.run()
            bury(self)
        return self.faults.points - before

    def quiet(self) -> None:
        """With nothing edited two runs write nothing."""
        for _ in range(2):
            ran = self.run()
            assert not any(ran.sent.values()), ran.sent
