"""What sales did, written to HubSpot as engagements: dated when it happened, and there once whatever becomes of an answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from smarksync_hubspot.simulator import HubSpotSimulator, Quirks

from smarksync.kit.clock import ManualClock
from smarksync.plugin import FieldInfo, FieldType
from smarksync.testing import MemoryStream, MemorySystem, registered, text_fields

from .test_hubspot import CONFIG, OneClock, Pair

CALLS = CONFIG.replace("\njobs:", """
    tasks:
      entity: activity
      fields: {{type: type, at: at, lead: lead, actor: actor, subject: subject}}
jobs:""") + """
  calls: {{activities: [call], from: sales, to: marketing}}
"""  # fmt: skip


@pytest.mark.parametrize("after", [True, False, None])
@pytest.mark.parametrize("path", [f"/crm/v3/objects/calls/batch/{how}" for how in ("upsert", "create")])
def test_a_call_of_yesterday_stands_there_once(tmp_path: Path, after: bool | None, path: str) -> None:
    """By our key, and in an account that has no place for it. ``after``: the answer is lost, and the call is there or not;
    None = it arrives."""
    clock = ManualClock(datetime(2026, 11, 22, 8, tzinfo=UTC))
    with HubSpotSimulator(
        now=clock.now, people=5, quirks=Quirks(index_lag=3, has_our_properties=path.endswith("upsert"))
    ) as sim:
        p = Pair(sim, clock, tmp_path)
        infos = (*text_fields("type", "actor", "subject", "lead"), FieldInfo("at", FieldType.INSTANT))
        p.crm = MemorySystem(
            "crm", [p.crm.streams["leads"], MemoryStream("tasks", entity="activity", fields=infos)], OneClock(clock)
        )
        p.file.write_text(CALLS.format(url=sim.url, token=sim.access_token))
        with registered(p.crm):
            ada = p.crm.insert("leads", Email="ada@example.com", FirstName="Ada", LastName="Byron")
            p.run("first_run")
            p.run()
            p.crm.insert(
                "tasks", type="call", actor="sales", subject="Called her", lead=ada, at=clock.now() - timedelta(days=1)
            )
            clock.move(10)
            if after is not None:
                sim.faults.drop(after=after, method="POST", path=path)
            for _ in range(5):
                p.run()
            sent = sim.count(write=True, path=path)
        found = [str(row.properties.get("hs_call_title")) for row in sim.rows("calls").values()]
        assert [one for one in found if "Called her" in one] == ["call: Called her"]
        assert sent == (
            2 if after is False or (after and path.endswith("upsert")) else 1
        )  # by key it is safe to repeat
