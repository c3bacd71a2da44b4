"""The plugin contract, clause by clause, against the simulated org."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync_salesforce import SPEC
from smarksync_salesforce.simulator import Quirks, SalesforceSimulator

from smarksync.testing import ConnectorContract
from smarksync.testing.contract import Answer


class TestSalesforce(ConnectorContract):
    spec = SPEC
    streams = ("Lead",)
    page_rows = 201
    expired = Answer(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])

    def start(self) -> Mapping[str, Any]:
        """Small pages, so that few rows fill more than one; and collections only, so that few fill a batch."""
        quirks = Quirks(page=200)
        self.simulator = self.stack.enter_context(SalesforceSimulator(people=0, now=self.clock.now, quirks=quirks))
        return {**self.simulator.settings, "bulk_write_above": 0}


class TestOtherObjects(TestSalesforce):
    streams = ("Contact", "Account", "Opportunity", "Campaign", "Task")
