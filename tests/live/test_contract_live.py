"""The contract, clause by clause, on real servers: what the cassettes of the plugins were recorded from, as it is today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest
from peers import Peer

from smarksync.testing import ConnectorContract
from smarksync.testing.contract import Answer

bottle = pytest.importorskip("smarksync_bottlecrm")
ghosts = pytest.importorskip("smarksync_ghost")


class TestBottleCRM(ConnectorContract):
    spec = bottle.SPEC
    live = True
    streams = ("leads",)
    fields: ClassVar[Mapping[str, Sequence[str]]] = {"leads": ("first_name", "job_title", "last_name")}
    expired = Answer(403, {"detail": "Organization context is required"})

    @pytest.fixture(autouse=True)
    def _server(self, bottlecrm: Peer) -> None:
        type(self).settings = {"base_url": bottlecrm.url, "token": bottlecrm.token}


class TestGhost(ConnectorContract):
    spec = ghosts.SPEC
    live = True
    streams = ("members",)
    page_rows = 101
    fields: ClassVar[Mapping[str, Sequence[str]]] = {"members": ("name", "note")}

    @pytest.fixture(autouse=True)
    def _server(self, ghost: Peer) -> None:
        settings: dict[str, Any] = {"base_url": ghost.url, "admin_key": ghost.admin_key}
        type(self).settings = settings
