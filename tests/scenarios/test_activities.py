"""What sales tried is told to marketing, what people did is told to sales: each once, and never back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smarksync.ledger import quarantine, states
from smarksync.plugin import Can

from .office import Office

JOBS = {
    "calls": {"activities": ["call", "email", "task"], "from": "sales", "to": "marketing"},
    "deeds": {"activities": ["content_downloaded", "form_submitted"], "from": "marketing", "to": "sales"},
}
NO_KEYS: dict[str, Any] = {"marketing:events": {"can": frozenset(Can) - {Can.UPSERT_BY_KEY, Can.FIND}, "echo": "none"}}


@pytest.fixture
def office(office: Callable[..., Office]) -> Callable[..., Office]:
    """The two teams, who tell each other of deeds."""
    return lambda **top: office(jobs=JOBS, **top)


def handed_over(o: Office) -> tuple[str, str]:
    """Ada, in both systems: (marketing's id, sales' id)."""
    ada = o.ready()
    o.run()
    return ada, o.sales_rows()[0]["id"]


def test_each_is_told_once_in_the_other_system(office: Any) -> None:
    o = office()
    ada, record = handed_over(o)
    o.did(ada, "content_downloaded", subject="The eBook")
    o.did(ada, "page_viewed", subject="Prices")
    o.tried(record, subject="Called her")
    o.tried(record, result="planned", subject="Call again")
    o.run()
    events = list(o.systems["marketing"].rows("events").values())
    (copy,) = [one for one in events if one["type"] == "call"]
    assert (copy["lead"], copy["subject"], copy["actor"], copy["result"]) == (ada, "Called her", "sales", "no_answer")
    tasks = o.sales_rows("tasks")
    (deed,) = [one for one in tasks if one["type"] == "content_downloaded"]
    assert (deed["lead"], deed["subject"], deed["actor"]) == (record, "The eBook", "lead")
    assert o.person(ada)["attempts"] == 1, "a copy is no second attempt"
    o.quiet()
    assert len(o.systems["marketing"].rows("events")) == 3 and len(o.sales_rows("tasks")) == len(tasks)
    assert o.person(ada)["attempts"] == 1


def test_several_of_one_person_go_in_one_run(office: Any) -> None:
    o = office()
    _, record = handed_over(o)
    for number in range(4):
        o.tried(record, subject=f"Call {number}")
        o.later(hours=1)
    o.run()
    assert sum(one["type"] == "call" for one in o.systems["marketing"].rows("events").values()) == 4
    o.quiet()


@pytest.mark.parametrize("applied", [True, False])
def test_a_lost_answer_makes_no_second_one(office: Any, applied: bool) -> None:
    o = office(switches=NO_KEYS)
    ada, record = handed_over(o)
    o.tried(record, subject="Called her")
    o.faults.lose(stream="events", applied=applied)
    o.run()
    o.run()
    assert [one["subject"] for one in o.systems["marketing"].rows("events").values()] == ["Called her"]
    assert o.person(ada)["attempts"] == 1
    o.quiet()


def test_a_task_of_ours_is_told_when_it_is_done(office: Any) -> None:
    o = office()
    ada, _ = handed_over(o)
    (task,) = o.sales_rows("tasks")
    assert not o.systems["marketing"].rows("events")
    o.systems["sales"].edit("tasks", task["id"], {"result": "connected"})
    o.run()
    (copy,) = o.systems["marketing"].rows("events").values()
    assert copy["type"] == "task" and copy["result"] == "connected"
    assert o.person(ada)["attempts"] == 1
    o.quiet()


def test_each_refused_activity_of_a_person_is_remembered_and_not_sent_again(office: Any) -> None:
    o = office()
    _, record = handed_over(o)
    o.faults.reject(lambda write: str(write.fields.get("subject")).startswith("Bad"), times=None)
    for subject in ("Bad line", "Good talk", "Bad weather"):
        o.tried(record, subject=subject)
    assert o.run().exit_code == 3
    assert o.reading.value("SELECT count(*) FROM quarantine WHERE kind = 'refused'") == 2
    for _ in range(2):
        ran = o.run()
        assert ran.exit_code == 3 and not any(ran.sent.values()), "neither goes again, whichever was refused last"
    o.faults.clear()
    held = quarantine.listed(o.reading)
    quarantine.remove(o.reading, [one.id for one in held])  # what `quarantine retry` of both does
    states.set_due(o.reading, "calls", [(held[0].eid, "retry by hand")], "2026-01-12T10:00:00Z")
    assert o.run().exit_code == 0
    calls = [one["subject"] for one in o.systems["marketing"].rows("events").values() if one["type"] == "call"]
    assert sorted(calls) == ["Bad line", "Bad weather", "Good talk"]
    o.quiet()


def test_a_refusal_of_an_activity_that_is_wanted_no_more_is_over(office: Any) -> None:
    o = office()
    _, record = handed_over(o)
    o.faults.reject(lambda write: write.fields.get("subject") == "Bad line", times=None)
    o.tried(record, subject="Bad line")
    assert o.run().exit_code == 3
    o.later(days=200)  # older than the activity window by now
    assert o.run().exit_code == 0
    assert o.reading.value("SELECT count(*) FROM quarantine") == 0
