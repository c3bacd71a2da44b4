"""The other example as it is shipped: from Marketo to Salesforce and back, over HTTP."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import smarksync_marketo
import smarksync_salesforce
from smarksync_marketo.simulator import MarketoSimulator
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.config import load
from smarksync.engine.check import check
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession

CONFIGS = Path(__file__).parents[2] / "configs"


def test_from_an_mql_to_revenue_and_back(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 1, 12, 9, tzinfo=UTC))
    registry = Registry([smarksync_marketo, smarksync_salesforce])
    with MarketoSimulator(people=0, now=clock.now) as marketo, SalesforceSimulator(people=0, now=clock.now) as crm:
        shutil.copy(CONFIGS / "marketo-salesforce.yaml", tmp_path / "smarksync.yaml")
        config = load(tmp_path / "smarksync.yaml", environ={**marketo.environment, **crm.environment})

        def session(name: str, _settings: object) -> OpenSession:
            return OpenSession(name, root=str(tmp_path), clock=clock)

        def run() -> int:
            clock.move(300)
            before = len(marketo.calls), len(crm.calls)
            result = execute(config, Options(threads=False), registry=registry, make_session=session, now=clock.now)
            result.run.ledger.close()
            assert result.exit_code == 0, result.sentences
            return sum(call.write for call in (*marketo.calls[before[0] :], *crm.calls[before[1] :]))

        assert check(config, registry, session, None, clock.now, fix=True)["ok"]
        ada = marketo.world.add(
            email="ada@lovelace.example", firstName="Ada", lastName="Lovelace", company="Lovelace GmbH", leadScore=80,
            smarkSyncJourney="decision_early",
        )  # fmt: skip
        clock.move(700)  # Marketo tells of changes some minutes later
        run()
        (lead,) = crm.rows("Lead")
        assert len(crm.rows("Task")) == 1 and run() == 0
        crm.edit("Lead", lead["Id"], Status="Working - Contacted")
        run()
        _, _, deal = crm.convert(lead["Id"])
        assert deal is not None
        run()
        crm.edit("Opportunity", deal, StageName="Closed Won", Amount=12000.0)
        run()
        row = marketo.world.leads[ada]
        assert (row["smarkSyncLifecycle"], row["smarkSyncHandoffState"], row["smarkSyncOpportunityKind"]) == (
            "customer",
            "won",
            "won",
        )
        assert float(row["smarkSyncOpportunityAmount"]) == 12000
        assert run() == 0 and marketo.problems == []
