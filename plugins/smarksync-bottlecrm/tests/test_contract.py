"""The contract, clause by clause, on what a real BottleCRM 1.35.0 answered.

To record anew: ``SMARKSYNC_RECORD=8791 pytest plugins/smarksync-bottlecrm/tests/test_contract.py`` (bottlecrm_recorded.py).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bottlecrm_recorded import CASSETTES, PORT, SCRIPT
from smarksync_bottlecrm import SPEC

from smarksync.testing.cassettes import ADDRESS, OnTape
from smarksync.testing.contract import Answer, NotTested


class TestBottleCRM(OnTape):
    spec = SPEC
    streams = ("leads",)
    fields = {"leads": ("first_name", "job_title", "last_name")}
    page_rows = 8
    cassettes = str(CASSETTES / "contract")
    recording = bool(PORT)
    expired = Answer(403, {"detail": "Organization context is required"})

    def start(self) -> Mapping[str, Any]:
        if not PORT:
            return {"base_url": ADDRESS, "token": "bcrm_pat_recorded"}
        shown = subprocess.run(["bash", SCRIPT, "up", PORT], check=True, capture_output=True, text=True).stdout
        keys = json.loads(Path(shown.strip()).read_text())
        return {"base_url": keys["url"], "token": keys["token"]}

    def kept(self, body: bytes) -> bytes:
        """Not 8 kB of countries with every list."""
        if body.startswith(b"{"):
            answer = json.loads(super().kept(body))
            for name in {"countries", "industries"} & answer.keys():
                answer[name] = answer[name][:4]
            return json.dumps(answer).encode()
        return super().kept(body)

    def open(self, **other: Any) -> Any:
        connector = super().open(**other)
        connector.page_size = 5
        return connector

    def same_time(self, stream: str, rows: Any) -> list[str]:
        raise NotTested("trait", "its times have microseconds, and lists are read whole")

    def empty_pages(self, stream: str) -> None:
        raise NotTested("trait", "its lists have no empty pages")
