"""The rooms of the working agreement: nothing is entered twice, and a case is no more than its moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smarksync.alignment import handoff
from smarksync.alignment.handoff import Signal
from smarksync.ledger import (
    activities,
    cases,
    entities,
    links,
    memberships,
    reading,
    rotations,
    stages,
    states,
    streams,
)
from smarksync.ledger.activities import Activity
from smarksync.ledger.db import Ledger
from smarksync.ledger.links import Link
from smarksync.ledger.memberships import Membership
from smarksync.ledger.stages import Stage


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(f"sqlite:///{tmp_path}/l.db")) as opened:
        yield opened


def entered(ledger: Ledger, cid: int, eid: int, *signals: Signal) -> None:
    """A case with these signals, as the engine stores it: moves first, then what they come to."""
    moves = [
        handoff.opened(cid=cid, job="h", eid=eid, product="", cycle=1, definition="mql@1", at=10, run="r", body={})
    ]
    moves += handoff.advance(moves, signals, entered_at=1_000, run="r")
    with ledger.tx():
        cases.add_moves(ledger, moves)
        cases.put(ledger, [handoff.replay(moves)])


def test_cases_are_rebuilt_from_their_moves_alone(ledger: Ledger) -> None:
    told = [
        Signal("offered", 20, "rule", "r", None, {"owner": "ann", "due_at": 90}),
        Signal("accepted", 30, "sales", "c:l:1"),
    ]
    entered(ledger, 1, 5, *told)
    entered(ledger, 2, 6, *told, Signal("sql", 50, "sales", "c:l:2"), Signal("lost", 60, "sales", "c:o:2", "price"))
    entered(ledger, 3, 6)
    stored = {case.cid: case for chunk in cases.every(ledger) for case, _ in chunk}
    rebuilt = {case.cid: handoff.replay(moves) for chunk in cases.every(ledger) for case, moves in chunk}
    assert rebuilt == stored and len(stored) == 3
    assert stored[1].owner == "ann" and stored[1].due_at == 90
    assert [case.cid for case in cases.of_entities(ledger, [6])[6]] == [2, 3]
    assert cases.open_eids(ledger, 0, 10) == [5, 6] and cases.open_eids(ledger, 5, 10, "h") == [6]
    assert cases.open_by_owner(ledger) == {"ann": 1} and cases.next_cid(ledger) == 4
    assert cases.get(ledger, 1) == stored[1] and cases.get(ledger, 9) is None


def test_one_open_case_per_person_and_product(ledger: Ledger) -> None:
    entered(ledger, 1, 5)
    with pytest.raises(Exception, match="UNIQUE"):
        entered(ledger, 2, 5)


def activity(rid: str, at: int, *, eid: int | None = 1, of: str | None = None, **body: str) -> Activity:
    return Activity(0, 1, rid, eid, 3, of, "call", at, "sales", True, dict(body))


def test_activities_come_in_once_and_newest_first(ledger: Ledger) -> None:
    assert activities.put(ledger, [activity("a", 10), activity("b", 30), activity("c", 20, eid=2, owner="ann")]) == 3
    assert activities.put(ledger, [activity("a", 10)]) == 0, "the same again is nothing new"
    assert activities.put(ledger, [activity("a", 10, result="done")]) == 1, "a task that is done now says so"
    assert [a.rid for a in activities.of(ledger, [1])[1]] == ["b", "a"]
    assert activities.of(ledger, [1], since=20)[1][0].body == {} and activities.of(ledger, [1], types=["email"]) == {}
    assert activities.attempts(ledger, [1, 2]) == {
        1: [(10, "call", None), (30, "call", None)],
        2: [(20, "call", "ann")],
    }
    assert [a.rid for a in activities.after(ledger, 1)] == ["b", "c"]


def test_activities_wait_for_their_person(ledger: Ledger) -> None:
    tasks, contacts = streams.get(ledger, "crm", "Task", "activity"), streams.get(ledger, "crm", "Contact", "lead")
    activities.put(ledger, [Activity(0, tasks.sid, "t", None, contacts.sid, "003", "call", 5, "sales", True, {})])
    seen = links.gather_new(ledger, 0, 0)
    assert activities.waiting(ledger) and activities.resolve(ledger) == []
    entities.add(ledger, [(1, "ref", "lead", "live", "{}", "r")])
    links.put(ledger, [Link(contacts.sid, "003", 1, 0, "live", None, None, None, None, None, None)])
    links.gather_new(ledger, *seen)
    assert activities.resolve(ledger) == [1] and [a.rid for a in activities.of(ledger, [1])[1]] == ["t"]
    assert not activities.waiting(ledger)


def test_a_record_that_took_no_part_until_now_gets_its_facts_although_its_link_is_old(ledger: Ledger) -> None:
    tasks, contacts = streams.get(ledger, "crm", "Task", "activity"), streams.get(ledger, "crm", "Contact", "lead")
    activities.put(ledger, [Activity(0, tasks.sid, "t", None, contacts.sid, "003", "call", 5, "sales", True, {})])
    filtered = Link(contacts.sid, "003", None, 0, "filtered", None, None, None, None, None, None)
    links.put(ledger, [filtered])
    seen = links.gather_new(ledger, 0, 0)
    assert activities.resolve(ledger) == []
    entities.add(ledger, [(1, "ref", "lead", "live", "{}", "r")])
    links.put(ledger, [filtered._replace(eid=1, state="live")])
    states.changed(ledger, [(1, contacts.sid, "003", "r")])  # as the linker tells it
    links.gather_new(ledger, *seen)
    assert activities.resolve(ledger) == [1]


def test_facts_follow_when_two_people_are_one(ledger: Ledger) -> None:
    entities.add(ledger, [(1, "one", "lead", "live", "{}", "r"), (2, "two", "lead", "live", "{}", "r")])
    activities.put(ledger, [activity("a", 10, eid=2)])
    memberships.put(ledger, [Membership(0, 1, "m", 9, 2, None, "x", "member", 5, {})])
    stages.put(ledger, [Stage(2, "mql", 5, "rule"), Stage(1, "mql", 5, "rule")])
    entities.join(ledger, 2, 1)
    assert activities.of(ledger, [1])[1] and memberships.of(ledger, [1])[1]
    assert stages.of(ledger, [1, 2]) == {1: [Stage(1, "mql", 5, "rule")]}
    assert [row for chunk in reading.climbs(ledger, reading.EVERYBODY) for row in chunk] == [(1, 1, 0, 5, 0, 0, 0, 0)]


def test_falling_back_does_not_undo_what_was_reached_and_the_first_time_counts(ledger: Ledger) -> None:
    told = [("lead", 1), ("mql", 3), ("recycled", 5), ("mql", 8), ("sal", 9)]
    stages.put(ledger, [Stage(7, stage, at, "rule") for stage, at in told])
    reading.touched(ledger, 8, 9)
    for some in (reading.EVERYBODY, reading.Some("temp.touched")):
        assert [row for chunk in reading.climbs(ledger, some) for row in chunk] == [(7, 5, 1, 3, 9, 0, 0, 0)]


def test_memberships_find_person_and_campaign_and_remember_removals(ledger: Ledger) -> None:
    members, leads, programs = (
        streams.get(ledger, "crm", n, e) for n, e in (("M", "membership"), ("L", "lead"), ("P", "campaign"))
    )
    memberships.put(
        ledger, [Membership(0, members.sid, "m", None, None, leads.sid, "l1", "member", None, {"campaign": "p1"})]
    )
    entities.add(ledger, [(1, "one", "lead", "live", "{}", "r"), (2, "camp", "campaign", "live", "{}", "r")])
    links.put(
        ledger, [Link(leads.sid, "l1", 1, 0, "live", *[None] * 6), Link(programs.sid, "p1", 2, 0, "live", *[None] * 6)]
    )
    links.gather_new(ledger, 0, 0)
    memberships.resolve(ledger)
    assert [(m.eid, m.status) for m in memberships.where(ledger, "campaign = 2")] == [(1, "member")]
    memberships.remove(ledger, members.sid, ["m"], 50)
    assert [(m.status, m.at) for m in memberships.where(ledger, "sid = ?", (members.sid,))] == [("removed", 50)]


def test_turns_add_up(ledger: Ledger) -> None:
    rotations.advance(ledger, {"dach": 2})
    rotations.advance(ledger, {"dach": 1, "rest": 1})
    assert rotations.positions(ledger) == {"dach": 3, "rest": 1}
