"""A run in which nothing happened costs the same after a short and after a long history: counted in SQLite's own steps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, Result, execute
from smarksync.kit.session import OpenSession
from smarksync.ledger.db import Ledger, dumps
from smarksync.plugin import FieldInfo, FieldType
from smarksync.testing import Clock, MemoryPlugin, MemoryStream, MemorySystem, registered
from smarksync.testing.history import Team
from smarksync.testing.history_ledger import fill

NOW = datetime(2027, 6, 1, 9, tzinfo=UTC)
PERSON = ("email", "last_name", "company", "score", "lifecycle", "owner", "product")
ACTIVITY = ("type", "at", "lead", "actor", "owner", "result", "subject", "automated")
MEMBER = ("campaign", "lead", "status", "responded_at")
OBJECTS = {
    "marketing": {"contacts": ("lead", PERSON), "events": ("activity", ACTIVITY), "campaigns": ("campaign", ("name",)),
                  "members": ("membership", MEMBER)},
    "sales": {"leads": ("lead", (*PERSON, "handoff_state", "sales_status")), "users": ("owner", ("email", "name", "active")),
              "opportunities": ("opportunity", ("name", "leads", "stage", "stage_kind")), "tasks": ("activity", ACTIVITY)},
}  # fmt: skip
TYPES = {"score": FieldType.INT, "automated": FieldType.BOOL, "active": FieldType.BOOL, "at": FieldType.INSTANT,
         "responded_at": FieldType.INSTANT, "leads": FieldType.CHOICES}  # fmt: skip
CONFIG = {
    "version": 1, "workspace": "idle", "ledger": "sqlite:///idle.db",
    "entities": {"lead": {"fields": {"product": {"type": "enum", "values": ["scanner", "printer"]}}}},
    "connections": {name: {"connector": "memory", "role": name, "settings": {"system": name}} for name in OBJECTS},
    "mappings": {
        name: {o: {"entity": e, "fields": {f: f for f in fields}} for o, (e, fields) in objects.items()}
        for name, objects in OBJECTS.items()
    },
    "definitions": {"mql": {"when": "lead.score >= 1000", "version": "1"}},
    "routing": [{"fallback": "anna@acme.example"}],
    "agreement": {"sales": [{"promise": "first_attempt", "id": "speed", "within": "5 hours"}]},
    "jobs": {
        "people": {"sync": "lead", "between": ["marketing", "sales"], "match": ["email"], "fields": {"*": {"direction": "from marketing"}}},
        "handoff": {"handoff": "lead", "from": "marketing", "to": "sales"},
        "outcomes": {"outcomes": ["lead", "opportunity"], "from": "sales", "to": "marketing"},
        "acts": {"activities": ["form_submitted"], "from": "marketing", "to": "sales"},
        "members": {"memberships": "campaign", "between": ["marketing", "sales"]},
    },
}  # fmt: skip


class Office:
    """A ledger full of a year that is long over, and two systems in which nothing happens any more."""

    def __init__(self, root: Path, leads: int, under_way: bool = False) -> None:
        root.mkdir()
        self.root, self.clock, self.steps = root, Clock(NOW), 0
        self.systems = [
            MemorySystem(name, [MemoryStream(o, fields=tuple(FieldInfo(f, type=TYPES.get(f, FieldType.TEXT)) for f in fields))
                                for o, (_, fields) in objects.items()], self.clock)
            for name, objects in OBJECTS.items()
        ]  # fmt: skip
        (root / "smarksync.yaml").write_text(json.dumps(CONFIG))
        ledger = self.ledger()
        fill(ledger, Team(year=2026, touches=2), leads)
        ledger.run("UPDATE cases SET closed_at = opened_at + 1000000, state = 'withdrawn' WHERE closed_at IS NULL")
        # everybody is in their campaign on both sides
        ledger.run("INSERT INTO streams (connection, object, entity) VALUES ('sales', 'members', 'membership')")
        ledger.run(
            "INSERT INTO memberships (sid, rid, campaign, eid, status, at, body, seq) "
            "SELECT (SELECT max(sid) FROM streams), rid, campaign, eid, status, at, body, 1 FROM memberships"
        )
        place = dumps({"at": NOW.isoformat(), "id": "0"}).decode()
        ledger.run(
            "UPDATE streams SET cursor = ?, gone_cursor = ?, live = (SELECT count(*) FROM links l WHERE l.sid = streams.sid)",
            (place, dumps({"n": 0}).decode()),
        )
        ledger.close()
        # the first runs look at everybody; what they would write is nobody's business here
        with registered(*self.systems):
            self.run(limit=1)
            ledger = self.ledger()
            for table in ("due", "plan", "plan_bodies", "unequal"):
                ledger.run(f"DELETE FROM {table}")
            ledger.run("UPDATE marks SET seq = max(seq, COALESCE((SELECT max(seq) FROM changes), 0)), settled = 1")
            ledger.close()
            self.run()
            ledger = self.ledger()
            if under_way:  # sales said yes to all of them, and works on them still
                newest = "SELECT max(cid) FROM cases GROUP BY eid, product"
                ledger.run(f"UPDATE cases SET closed_at = NULL, state = 'working' WHERE cid IN ({newest})")
            ledger.close()

    def ledger(self) -> Ledger:
        return Ledger("sqlite:///idle.db", root=str(self.root))

    def run(self, **options: object) -> Result:
        """A run, five minutes later; its steps are counted, in tens."""
        self.clock.advance(timedelta(minutes=5))
        ledger, self.steps = self.ledger(), 0
        ledger._con.set_progress_handler(self._step, 10)
        result = execute(
            load(self.root / "smarksync.yaml"), Options(threads=False, **options), registry=Registry([MemoryPlugin()]),
            make_session=lambda name, _: OpenSession(name, root=str(self.root)), now=self.clock, ledger=ledger,
        )  # fmt: skip
        ledger.close()
        return result

    def _step(self) -> int:
        self.steps += 1
        return 0


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory) -> tuple[Office, Office]:
    root = tmp_path_factory.mktemp("idle")
    return Office(root / "short", 150), Office(root / "long", 900)


@pytest.mark.parametrize("options", [{}, {"only_handoffs": True}], ids=["all jobs", "hand-offs alone"])
def test_an_idle_run_costs_the_same_whatever_history_there_is(
    offices: tuple[Office, Office], options: dict[str, bool]
) -> None:
    costs: list[int] = []
    for office in offices:
        with registered(*office.systems):
            assert office.run(**options).exit_code == 0
            costs.append(office.steps)
    assert costs[0] > 100, "nothing was counted"
    assert costs[1] < costs[0] * 1.1 + 50


def test_an_idle_run_goes_through_none_of_the_cases_that_are_under_way(tmp_path: Path) -> None:
    """They are counted in an index, by state and owner; no case, lead or clock of theirs is read."""
    costs, cases = [], []
    for name, leads in (("few", 150), ("many", 900)):
        office = Office(tmp_path / name, leads, under_way=True)
        with registered(*office.systems):
            assert office.run(only_handoffs=True).exit_code == 0
        ledger = office.ledger()
        costs.append(office.steps)
        cases.append(int(ledger.value("SELECT count(*) FROM cases WHERE closed_at IS NULL")))
        ledger.close()
    assert cases[1] > cases[0] + 100
    assert (costs[1] - costs[0]) / (cases[1] - cases[0]) < 6, (costs, cases)  # tens of steps for each case
