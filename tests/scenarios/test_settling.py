"""Plain rows are settled without being read. What that leaves in the ledger is what the long way leaves.

Salesforce answers for its new leads when all contacts have our id: what a new lead rests on was written to meanwhile.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import smarksync_hubspot
import smarksync_salesforce
from smarksync_hubspot.simulator import HubSpotSimulator, Quirks
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.config import load
from smarksync.engine import settle
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.ledger.db import Ledger, loads

from .accounts import ALLOW, CONFIG

_LINKS = (
    "SELECT s.connection || ':' || l.rid, e.ref, l.state, l.rank, l.fp IS NULL, m.memo FROM links l "
    "JOIN streams s ON s.sid = l.sid JOIN entities e ON e.eid = l.eid LEFT JOIN memos m ON m.lid = l.lid"
)


def _history(root: Path, monkeypatch: pytest.MonkeyPatch, *, plain: bool) -> tuple[Any, ...]:
    """A first load and a day of edits, one call after the other; what the ledger and both systems hold after each run."""
    root.mkdir()
    (root / "smarksync.yaml").write_text(CONFIG, "utf-8")
    went: list[int] = []
    short_way = settle.settle_plain

    def taken(run: Any, done: Any) -> Any:
        left = short_way(run, done) if plain else list(done)
        went.append(len(done) - len(left))
        if any(row.stamp for row, _ in done):
            stamped.set()
        return left

    monkeypatch.setattr(settle, "settle_plain", taken)
    told: list[Any] = []
    stamped = threading.Event()
    in_time: list[bool] = []
    clock = ManualClock()
    with (
        HubSpotSimulator(people=120, limits=False, quirks=Quirks(index_lag=0), now=clock.now) as hub,
        SalesforceSimulator(people=0, limits=False, now=clock.now) as crm,
    ):
        hub.add_our_properties()
        known = [row for row in hub.rows().values() if (row.properties.get("phone") or "").startswith("+")][-10:]
        for row in known:  # the CRM writes their numbers in its own way
            of = row.properties
            crm.add(
                "Lead",
                Email=of["email"],
                LastName=of["lastname"],
                Company=of["company"],
                Phone=of["phone"].replace(" ", "-"),
            )
        leads = crm.handle

        def answer(request: Any) -> Any:
            if request.path.endswith("SmarkSync_Id__c") and not in_time:
                in_time.append(stamped.wait(60))
            return leads(request)

        monkeypatch.setattr(crm, "handle", answer)
        environ = {**hub.environment, **crm.environment}

        def run() -> None:
            clock.sleep(300)
            result = execute(
                load(root / "smarksync.yaml", environ=environ), Options(allow=ALLOW),
                registry=Registry([smarksync_hubspot, smarksync_salesforce]), now=clock.now,
                make_session=lambda name, _settings: OpenSession(name, root=str(root), clock=clock),
            )  # fmt: skip
            assert result.exit_code in (0, 3), result.sentences
            result.run.ledger.close()
            told.append(_state(root))

        run()
        for row in list(hub.store.rows["contacts"].values())[:40]:
            if row.archived is None:
                hub.edit("contacts", row.id, jobtitle="Head of Change", country="Austria", phone="+43 1 5861212")
        for lead in crm.rows("Lead")[20:60]:
            crm.edit("Lead", lead["Id"], Status="Working - Contacted", City="Graz", Phone="+43 1 5861299")
        run()
        for row in known:
            hub.edit("contacts", row.id, jobtitle="Head of Telephony")
        run()
        writes = [[call.path for call in sim.calls if call.write] for sim in (hub, crm)]
        rows = [dict(row.properties) for row in hub.store.rows["contacts"].values()], crm.rows("Lead")
    assert in_time == [True] and (sum(went) > 200) is plain
    return told, writes, rows


def _state(root: Path) -> dict[str, Any]:
    ledger = Ledger(f"sqlite:///{root}/pair.db", create=False)
    try:
        return {
            "agreed": {ref: loads(agreed) for ref, agreed in ledger.rows("SELECT ref, agreed FROM entities")},
            "links": {row[0]: (*row[1:5], loads(row[5]) if row[5] else {}) for row in ledger.rows(_LINKS)},
            "keys": sorted(
                ledger.rows("SELECT k.kind, k.value, e.ref, k.weak FROM keys k JOIN entities e ON e.eid = k.eid")
            ),
            "plan": ledger.rows("SELECT op, status FROM plan"),
            "audit": sorted(
                (ref, {**loads(body), "reason": ""}.__repr__())
                for ref, body in ledger.rows("SELECT e.ref, a.body FROM audit a JOIN entities e ON e.eid = a.eid")
            ),
        }
    finally:
        ledger.close()


def test_the_short_way_leaves_what_the_long_one_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = _history(tmp_path / "short", monkeypatch, plain=True)
    long = _history(tmp_path / "long", monkeypatch, plain=False)
    for ours, theirs in zip(short[0], long[0], strict=True):
        for part in ours:
            assert ours[part] == theirs[part], part
    assert short[1:] == long[1:]
