"""Both systems are written at the same time, over HTTP: neither waits for the other, and a death in between costs nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import smarksync_hubspot
import smarksync_salesforce
from smarksync_hubspot.simulator import HubSpotSimulator, Quirks
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.config import load
from smarksync.engine import matching
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.clock import ManualClock, SystemClock
from smarksync.kit.session import OpenSession

from .accounts import ALLOW, CONFIG

PEOPLE = 450
#: what a child process does that is to be killed
CHILD = """
import sys
from scenarios.test_side_by_side import run
run(__import__("pathlib").Path(sys.argv[1]))
"""


def run(root: Path, later: float = 0.0, progress: Any = None) -> dict[str, Any]:
    """One run as users have it, with calls side by side; ``later``: so many seconds after now."""
    clock = ManualClock(datetime.now(UTC) + timedelta(seconds=later)) if later else SystemClock()
    registry = Registry([smarksync_hubspot, smarksync_salesforce])
    result = execute(
        load(root / "smarksync.yaml", environ=dict(os.environ)), Options(allow=ALLOW), registry=registry,
        make_session=lambda name, _settings: OpenSession(name, root=str(root), clock=clock), now=clock.now, progress=progress,
    )  # fmt: skip
    result.run.ledger.close()
    assert result.exit_code in (0, 3), result.sentences  # 3: something waits for a person
    return result.report


class Pair:
    """Both accounts: many people here, nobody there."""

    def __init__(self, hub: HubSpotSimulator, crm: SalesforceSimulator, root: Path) -> None:
        self.hub, self.crm, self.root = hub, crm, root
        self._ahead = 0
        (root / "smarksync.yaml").write_text(CONFIG, "utf-8")

    def writes(self) -> list[str]:
        return [call.path for sim in (self.hub, self.crm) for call in sim.calls if call.write]

    def forget(self) -> None:
        self.hub.calls.clear()
        self.crm.calls.clear()

    def run_later(self) -> dict[str, Any]:
        """Five minutes later, when what was sent is shown wherever it arrived."""
        for sim in (self.hub, self.crm):
            sim.elapse(300)
        self._ahead += 300
        return run(self.root, self._ahead)

    def everybody_is_there_once(self) -> None:
        leads = self.crm.rows("Lead")
        contacts = [row for row in self.hub.store.rows["contacts"].values() if row.archived is None]
        assert Counter(row["Email"] for row in leads) == Counter(row.properties["email"] for row in contacts)
        ours = {row.properties["email"]: row.properties.get("smarksync_id") for row in contacts}
        assert {row["Email"]: row["SmarkSync_Id__c"] for row in leads} == ours and None not in ours.values()
        # what Salesforce chose for new leads is known at HubSpot, too
        assert {row.properties.get("hs_lead_status") for row in contacts} == {"NEW"}


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    with (
        HubSpotSimulator(people=0, limits=False, quirks=Quirks(index_lag=0)) as hub,
        SalesforceSimulator(people=0, limits=False) as crm,
    ):
        hub.add_our_properties()
        for number in range(PEOPLE):
            hub.create(email=f"p{number}@acme.example", firstname="Pat", lastname=f"Person {number}", company="Acme")
        for sim in (hub, crm):
            sim.elapse(10)  # a vendor tells its time in whole seconds: rows of this second belong to the next reading
        for name, value in {**hub.environment, **crm.environment}.items():
            monkeypatch.setenv(name, value)
        yield Pair(hub, crm, tmp_path)
        assert hub.problems == [] and crm.problems == []


def test_one_system_is_written_while_the_other_is(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """HubSpot takes our id while Salesforce still works on its first new leads, and several batches at once."""
    met, three = threading.Event(), threading.Barrier(3)
    waited: list[bool] = []
    leads, contacts = pair.crm.handle, pair.hub.handle

    def hold(request: Any) -> Any:
        if request.path.endswith("SmarkSync_Id__c") and not waited:
            waited.append(met.wait(30))
        return leads(request)

    def meet(request: Any) -> Any:
        if request.path.endswith("contacts/batch/update") and not met.is_set():
            three.wait(30)
            met.set()
        return contacts(request)

    monkeypatch.setattr(pair.crm, "handle", hold)
    monkeypatch.setattr(pair.hub, "handle", meet)
    run(pair.root)
    assert waited == [True]
    pair.everybody_is_there_once()


def test_a_first_load_is_matched_while_it_is_read(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two contacts with one address stand chunks and pages apart: both wait for a person, whoever was matched first."""
    monkeypatch.setattr(matching, "CHUNK", 50)
    next(iter(pair.hub.store.rows["contacts"].values())).properties["email"] = f"p{PEOPLE - 1}@acme.example"
    matched = threading.Event()
    in_time: list[bool] = []
    # the fourth page waits until somebody was matched, breaks off and is asked for again
    pair.hub.faults.drop(after=False, method="GET", path="*/objects/contacts", skip=3,
                         then=lambda: in_time.append(matched.wait(60)))  # fmt: skip
    run(pair.root, progress=lambda stage, *_: matched.set() if stage == "match" else None)
    assert in_time == [True]
    there = {row["Email"] for row in pair.crm.rows("Lead")}
    assert there == {f"p{number}@acme.example" for number in range(1, PEOPLE - 1)}


def test_what_a_system_fills_in_is_settled_in_the_same_run(pair: Pair) -> None:
    """Salesforce does not say what it made of a new lead: it is asked once, in full calls, and the next run is silent."""
    report = run(pair.root)
    assert report["calls"]["sales"]["reread"] == 1
    pair.everybody_is_there_once()
    pair.forget()
    report = run(pair.root)
    assert pair.writes() == []
    assert report["jobs"][0]["sides"]["sales"]["Lead"]["written"] == 0


@pytest.mark.parametrize(
    ("where", "call", "skip"),
    [("crm", "*/composite/sobjects/Lead/*", 1), ("hub", "*/contacts/batch/update", 1), ("hub", "*/contacts/batch/update", 6)],
)  # fmt: skip
def test_killed_while_both_are_written(pair: Pair, where: str, call: str, skip: int) -> None:
    """Some batches are settled, some were taken and not answered, some are still to go: the next run finds that out."""
    child: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        child[0].send_signal(signal.SIGKILL)
        child[0].wait(30)

    getattr(pair, where).faults.drop(after=True, path=call, skip=skip, then=kill)
    child.append(
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(pair.root)], cwd=Path(__file__).parents[1], env=dict(os.environ)
        )
    )
    assert child[0].wait(120) == -signal.SIGKILL
    pair.run_later()
    pair.run_later()  # what was in doubt and is found now may still have had something to say
    pair.everybody_is_there_once()
    pair.forget()
    pair.run_later()
    assert pair.writes() == []
