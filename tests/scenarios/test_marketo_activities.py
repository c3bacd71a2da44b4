"""What sales did, written to Marketo as custom activities: dated when it happened, and there once whatever becomes of an answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from smarksync.plugin import FieldInfo, FieldType
from smarksync.testing import SYSTEMS, MemoryStream, MemorySystem, text_fields

from .test_marketo import CONFIG, Pair, pair, wrote

__all__ = ["pair"]
CALLS = (
    CONFIG.replace("      rate_limit", "      activity_type: Sales Touch\n      rate_limit")
    + """
  calls: {activities: [call], from: sales, to: marketing}
"""
)
TASKS = """
    tasks:
      entity: activity
      fields: {type: type, at: at, lead: lead, actor: actor, result: result, subject: subject}
jobs:"""


@pytest.fixture
def called(pair: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Ada is in both; sales called her yesterday, and says so today."""
    p = pair(people=5, own_fields=True)
    infos = (*text_fields("type", "actor", "result", "subject", "lead"), FieldInfo("at", FieldType.INSTANT))
    people = p.crm.streams["people"]
    crm = MemorySystem("crm", [people, MemoryStream("tasks", entity="activity", fields=infos)], p.clock)
    monkeypatch.setitem(SYSTEMS, "crm", crm)
    p.crm = crm
    p.path.write_text(CALLS.replace("\njobs:", TASKS))
    ada = crm.insert("people", email="ada@example.com", first="Ada", last="Byron")
    p.run()
    p.run()
    at = p.clock() - timedelta(days=1)
    crm.insert("tasks", type="call", actor="sales", result="done", subject="Called her", lead=ada, at=at)
    return p


def touches(p: Pair) -> list[Any]:
    return [one for one in p.sim.world.activities if one.type == 100001]


def test_a_call_stands_there_on_its_day(called: Pair) -> None:
    called.run()
    (one,) = touches(called)
    assert one.primary == "Called her" and called.clock() - one.at > timedelta(hours=23)
    for _ in range(3):
        called.run()
    assert len(touches(called)) == 1


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_answer_makes_no_second_one(called: Pair, after: bool) -> None:
    """Marketo's feed goes by the day that an activity has: one of yesterday is behind every bookmark, and must be asked for."""
    called.sim.faults.drop(after=after, method="POST", path="/rest/v1/activities/external.json")
    called.run()
    for _ in range(4):
        called.run()
    assert [one.primary for one in touches(called)] == ["Called her"]
    last = called.run()
    assert last.exit_code == 0 and wrote(last) == 0
