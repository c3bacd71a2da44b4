"""HubSpot and Salesforce side by side, simulated, and runs of the example config between them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
from smarksync.testing.faults import FaultPlan

from .world import Mortal

CONFIGS = Path(__file__).parents[2] / "configs"
#: Monday, 12 January 2026, ten o'clock in Berlin
MONDAY = datetime(2026, 1, 12, 9, tzinfo=UTC)
ADA = "ada@lovelace.example"


class Pair:
    """Both accounts, and runs between them."""

    def __init__(self, hub: HubSpotSimulator, crm: SalesforceSimulator, clock: ManualClock, root: Path) -> None:
        self.hub, self.crm, self.clock, self.root = hub, crm, clock, root
        self.registry = Registry([smarksync_hubspot, smarksync_salesforce])
        self.faults = FaultPlan()
        shutil.copy(CONFIGS / "hubspot-salesforce.yaml", root / "smarksync.yaml")

    def include_agreement(self, *, without: str | None = None) -> None:
        """The example of an agreement beside it; ``without`` one of its sections."""
        text = (CONFIGS / "agreement.yaml").read_text("utf-8")
        if without is not None:
            start = text.index(f"\n{without}:")
            text = text[:start] + text[text.index("\n\n", start) :]
        (self.root / "agreement.yaml").write_text(text, "utf-8")
        with (self.root / "smarksync.yaml").open("a", encoding="utf-8") as file:
            file.write("\ninclude: [agreement.yaml]\n")

    def run(self, **options: Any) -> dict[str, Any]:
        """One run, five minutes later; its report, with the writes that either account saw."""
        self.clock.move(300)
        before = len(self.hub.calls), len(self.crm.calls)
        ledger = Mortal("sqlite:///acme.db", root=str(self.root))
        ledger.faults, ledger.io = self.faults, self.faults.point
        try:
            result = execute(
                load(self.root / "smarksync.yaml", environ={**self.hub.environment, **self.crm.environment}),
                Options(threads=False, **options), registry=self.registry, now=self.clock.now, ledger=ledger,
                make_session=lambda name, _settings: OpenSession(name, root=str(self.root), clock=self.clock),
            )  # fmt: skip
        finally:
            ledger.close()
        assert result.exit_code == 0, result.sentences
        calls = [*self.hub.calls[before[0] :], *self.crm.calls[before[1] :]]
        return {**result.report, "writes": [call for call in calls if call.write]}

    def contact(self) -> dict[str, Any]:
        return dict(self.hub.contact(ADA).properties)

    def lead(self) -> dict[str, Any]:
        (row,) = self.crm.rows("Lead")
        return dict(row)


@contextmanager
def accounts(root: Path) -> Iterator[Pair]:
    """Both, on a Monday, with nobody in them; in the end neither was asked for what it does not have."""
    clock = ManualClock(MONDAY)
    with (
        HubSpotSimulator(now=clock.now, people=0, quirks=Quirks(index_lag=0)) as hub,
        SalesforceSimulator(now=clock.now, people=0) as crm,
    ):
        yield Pair(hub, crm, clock, root)
        assert hub.problems == []
