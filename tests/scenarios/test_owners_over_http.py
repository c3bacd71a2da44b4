"""The owner of a person between a HubSpot portal and a Salesforce org, by their own presets, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import smarksync_hubspot
import smarksync_salesforce
from smarksync_hubspot.simulator import HubSpotSimulator, Quirks
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession

from .accounts import CONNECTIONS

CONFIG = (
    CONNECTIONS
    + """
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {marketing: always, sales: always}
    fields: {"*": {}}
"""
)
MONDAY = datetime(2026, 1, 12, 9, tzinfo=UTC)
ADA = "ada@lovelace.example"


def test_the_owner_travels_both_ways_by_each_systems_own_ids(tmp_path: Path) -> None:
    clock = ManualClock(MONDAY)
    (tmp_path / "smarksync.yaml").write_text(CONFIG, "utf-8")
    with (
        HubSpotSimulator(now=clock.now, people=0, quirks=Quirks(index_lag=0)) as hub,
        SalesforceSimulator(now=clock.now, people=0) as crm,
    ):
        hub.add_our_properties()
        users = {row["Email"]: row["Id"] for row in crm.rows("User") if row["IsActive"]}
        first, second = [rid for rid, one in hub.owners.items() if not one["archived"] and one["email"] in users][:2]
        jane, joe = (users[hub.owners[rid]["email"]] for rid in (first, second))
        hub.owners["73"] = {**hub.owners[first], "id": "73", "email": "only.here@acme.example"}
        hub.create(email=ADA, firstname="Ada", lastname="Lovelace", company="Lovelace GmbH", hubspot_owner_id=first)

        def run() -> Any:
            clock.move(300)
            before = len(hub.calls), len(crm.calls)
            result = execute(
                load(tmp_path / "smarksync.yaml", environ={**hub.environment, **crm.environment}), Options(threads=False),
                registry=Registry([smarksync_hubspot, smarksync_salesforce]), now=clock.now,
                make_session=lambda name, _settings: OpenSession(name, root=str(tmp_path), clock=clock),
            )  # fmt: skip
            result.run.ledger.close()
            assert result.exit_code == 0, result.sentences
            calls = [*hub.calls[before[0] :], *crm.calls[before[1] :]]
            return result, [call for call in calls if call.write]

        run()
        (lead,) = crm.rows("Lead")
        assert lead["OwnerId"] == jane
        run()  # the status that Salesforce gives to every new lead is news
        assert hub.contact(ADA).properties["hubspot_owner_id"] == first
        assert run()[1] == []

        crm.edit("Lead", lead["Id"], OwnerId=joe)
        run()
        assert hub.contact(ADA).properties["hubspot_owner_id"] == second
        assert run()[1] == []

        hub.edit("contacts", hub.contact(ADA).id, hubspot_owner_id="73")
        result, _ = run()
        (lead,) = crm.rows("Lead")
        assert lead["OwnerId"] == joe and any("no user there" in said for said in result.sentences)
        assert run()[1] == []
        assert hub.problems == []
