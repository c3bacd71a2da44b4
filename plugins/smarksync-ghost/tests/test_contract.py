"""The contract, clause by clause, on what a real Ghost 6.65 answered. To record anew, see conftest.py."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from smarksync_ghost import SPEC
from smarksync_ghost.client import GhostApi

from smarksync.kit.session import OpenSession
from smarksync.testing.cassettes import ADDRESS, OnTape

PEER = os.environ.get("GHOST_PEER")
KEY = "6b02388c56215a431c9fb1ea:" + "ab" * 32


class TestGhost(OnTape):
    spec = SPEC
    streams = ("members",)
    fields = {"members": ("name", "note")}
    cassettes = str(Path(__file__).parent / "cassettes" / "contract")
    recording = bool(PEER)
    scrub = ((rb"(unsubscribe/\?uuid=[0-9a-f-]+&key=)[0-9a-f]+", rb"\1none"),)

    def start(self) -> Mapping[str, Any]:
        if not PEER:
            return {"base_url": ADDRESS, "admin_key": KEY}
        peer = json.loads(Path(PEER).read_text())
        settings = {"base_url": peer["url"], "admin_key": peer["admin_key"]}
        with closing(OpenSession("wipe")) as session:
            site = GhostApi(SPEC.settings.model_validate(settings), session)
            site.http.request("DELETE", "/members/?all=true", expect="any")
        return settings
