"""The contract, clause by clause, against the simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from smarksync_marketo import SPEC

from smarksync.testing import ConnectorContract
from smarksync.testing.contract import Answer


class TestMarketo(ConnectorContract):
    spec = SPEC
    fields: ClassVar[Mapping[str, Sequence[str]]] = {"leads": ("firstName", "lastName")}
    expired = Answer(
        200, {"requestId": "1#1", "success": False, "errors": [{"code": "602", "message": "Access token expired"}]}
    )

    def limit(self, seconds: int) -> Answer:
        said = "Max rate limit '100' exceeded with in '20' secs"
        return Answer(200, {"requestId": "1#1", "success": False, "errors": [{"code": "606", "message": said}]})
