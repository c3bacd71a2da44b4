"""The ledger is lost, and the systems are not: what was settled between them is settled still, without a question."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import smarksync_hubspot
import smarksync_salesforce
from smarksync_hubspot.simulator import HubSpotSimulator
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.ledger import conflicts

CONFIGS = Path(__file__).parents[2] / "configs"
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
ALLOW = frozenset({"first_run", "adoption", "updates", "creates", "share"})


class Accounts:
    """A believable HubSpot and Salesforce, and runs between them by the example config."""

    def __init__(self, hub: HubSpotSimulator, crm: SalesforceSimulator, clock: ManualClock, root: Path) -> None:
        self.hub, self.crm, self.clock, self.root = hub, crm, clock, root
        self.registry = Registry([smarksync_hubspot, smarksync_salesforce])
        self.asked: list[dict[str, Any]] = []
        shutil.copy(CONFIGS / "hubspot-salesforce.yaml", root / "smarksync.yaml")

    def run(self) -> tuple[int, int]:
        """One run, a quarter of an hour later: its exit code, and how many rows it wrote."""
        self.clock.move(900)
        result = execute(
            load(self.root / "smarksync.yaml", environ={**self.hub.environment, **self.crm.environment}),
            Options(threads=False, allow=ALLOW), registry=self.registry, now=self.clock.now,
            make_session=lambda name, _settings: OpenSession(name, root=str(self.root), clock=self.clock),
        )  # fmt: skip
        ledger = result.run.ledger
        self.asked = [one.body for one in conflicts.listed(ledger, "state = 'open'")]
        ledger.close()
        sides = [counts for job in result.report["jobs"] for side in job["sides"].values() for counts in side.values()]
        return result.exit_code, sum(counts["written"] for counts in sides)

    def settle(self) -> None:
        """Runs until there is nothing to do, and puts the time of every record behind."""
        self.run()
        assert self.run()[0] == 0 and self.run() == (0, 0)
        self.clock.move(3600)

    def lose(self) -> None:
        """Somebody deletes the file, and what stands beside it."""
        for path in self.root.glob("acme.db*"):
            path.unlink()

    def sources(self) -> dict[str, Any]:
        """Where sales heard of everybody."""
        return {row["Id"]: row["LeadSource"] for kind in ("Lead", "Contact") for row in self.crm.rows(kind)}


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    clock = ManualClock(MONDAY)
    with (
        HubSpotSimulator(now=clock.now, people=60) as hub,
        SalesforceSimulator(now=clock.now, people=60) as crm,
    ):
        hub.add_our_properties()
        clock.move(600)
        yield Accounts(hub, crm, clock, tmp_path)
        assert hub.problems == []


def test_what_a_system_has_no_word_for_is_not_asked_again(accounts: Accounts) -> None:
    """HubSpot's traffic source is a list of its own: sales' "Trade Show" was left out of it, and both records have been
    written in the same second, so that no time tells them apart."""
    accounts.settle()
    apart = [source for source in accounts.sources().values() if source not in (None, "DIRECT_TRAFFIC")]
    assert len(apart) > 20
    accounts.lose()
    assert accounts.run() == (0, 0), accounts.asked
    assert accounts.run() == (0, 0)


def test_what_marketing_edits_meanwhile_costs_sales_nothing(accounts: Accounts) -> None:
    """A newer record on one side is news of the field that was edited, and no reason to overwrite sales' own word."""
    accounts.settle()
    before = accounts.sources()
    for rid in accounts.hub.rows("contacts"):
        accounts.hub.edit("contacts", rid, jobtitle="Head of everything")
    accounts.clock.move(3600)
    accounts.lose()
    assert accounts.run()[0] == 0, accounts.asked
    assert accounts.sources() == before
    titles = {row["Title"] for kind in ("Lead", "Contact") for row in accounts.crm.rows(kind)}
    assert titles == {"Head of everything"}
    assert accounts.run() == (0, 0)


def test_an_edit_that_both_can_hold_is_decided_as_at_the_first_link(accounts: Accounts) -> None:
    """Only what cannot be written is left: of two phone numbers the owner's stands, of two titles the newer."""
    accounts.settle()
    row = next(row for row in accounts.crm.rows("Lead") if row["Email"])
    contact = accounts.hub.contact(row["Email"])
    accounts.crm.edit("Lead", row["Id"], Title="Older")
    accounts.clock.move(600)
    accounts.hub.edit("contacts", contact.id, jobtitle="Newer")
    accounts.clock.move(3600)
    accounts.lose()
    assert accounts.run()[0] == 0, accounts.asked
    assert next(one for one in accounts.crm.rows("Lead") if one["Id"] == row["Id"])["Title"] == "Newer"
