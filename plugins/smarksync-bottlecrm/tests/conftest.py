"""The fixture of a recorded BottleCRM."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package: this is how they share modules

from bottlecrm_recorded import CASSETTES, PORT, RECORDER, SCRIPT, URL, Crm


@pytest.fixture
def crm(request: pytest.FixtureRequest) -> Iterator[Crm]:
    """A BottleCRM without any data but its administrator."""
    cassette = CASSETTES / f"{request.node.name.removeprefix('test_')}.yaml"
    url, keys = URL, {"token": "bcrm_pat_recorded", "token_leads_read": "bcrm_pat_reads", "session": "recorded"}
    if PORT:
        cassette.unlink(missing_ok=True)
        shown = subprocess.run(["bash", SCRIPT, "up", PORT], check=True, capture_output=True, text=True).stdout
        keys = json.loads(Path(shown.strip()).read_text())
        url = keys["url"]
    with RECORDER.use_cassette(str(cassette), record_mode="all" if PORT else "none") as tape:
        opened = Crm(url, keys)
        try:
            yield opened
        finally:
            opened.close()
        if not PORT:
            assert tape.all_played, "the test asks for less than was recorded"
