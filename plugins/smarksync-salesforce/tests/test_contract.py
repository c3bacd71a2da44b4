"""The plugin contract, clause by clause, against the simulated org."""

from __future__ import annotations

from smarksync_salesforce import SPEC

from smarksync.testing import ConnectorContract
from smarksync.testing.contract import Answer


class TestSalesforce(ConnectorContract):
    spec = SPEC
    streams = ("Lead",)
    page_rows = 201
    expired = Answer(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
