"""The contract, clause by clause, against the simulated account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from smarksync_hubspot import SPEC
from smarksync_hubspot.simulator import HubSpotSimulator, Quirks

from smarksync.testing import ConnectorContract
from smarksync.testing.contract import Answer


class OnHubSpot(ConnectorContract):
    spec = SPEC

    def start(self) -> Mapping[str, Any]:
        quirks = Quirks(index_lag=0, has_our_properties=True)
        self.simulator = HubSpotSimulator(people=0, now=self.clock.now, quirks=quirks)
        self.stack.enter_context(self.simulator)
        return dict(self.simulator.settings)

    def limit(self, seconds: int) -> Answer:
        said = {"status": "error", "message": "You have reached your ten_secondly_rolling limit."}
        return Answer(429, said, {"Retry-After": str(seconds)})


class TestContacts(OnHubSpot):
    streams = ("contacts",)
    fields: ClassVar[Mapping[str, Sequence[str]]] = {"contacts": ("firstname", "jobtitle")}


class TestCompanies(OnHubSpot):
    streams = ("companies",)


class TestDeals(OnHubSpot):
    streams = ("deals",)


class TestTasks(OnHubSpot):
    streams = ("tasks",)


class TestWithATokenThatIsRenewed(OnHubSpot):
    streams = ("contacts",)

    def start(self) -> Mapping[str, Any]:
        super().start()
        self.simulator.rotates = True
        return dict(self.simulator.oauth_settings)
