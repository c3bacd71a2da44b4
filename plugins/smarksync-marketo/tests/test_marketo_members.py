"""Who is on which list and in which program: written, and read by what activities tell (rest/program-members)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from smarksync_marketo.membership import meaning

from smarksync.plugin import Cursor, Op, Record, WriteResult

from .conftest import Instance

Make = Callable[..., Instance]
FIELDS = ("campaign", "lead", "smarksync.status", "status", "responded")


def member(m: Instance, stream: str, owner: str, *leads: int, status: str = "member") -> list[WriteResult]:
    rows = [{"lead": str(lead), "status": status} for lead in leads]
    return [r.result for r in m.write(Op.ASSOCIATE, *rows, ids=[owner] * len(rows), stream=stream)]


def test_leads_join_and_leave_a_list(marketo: Make) -> None:
    m = marketo()
    m.world.seed(1, 0)
    first, second = m.world.add(email="1@example.com"), m.world.add(email="2@example.com")
    assert member(m, "lists", "1021", first, second) == [WriteResult.UPDATED] * 2
    assert m.world.members[1021].keys() >= {first, second}
    assert member(m, "lists", "1021", first, 99999, status="removed") == [WriteResult.UPDATED, WriteResult.UNCHANGED]
    assert member(m, "lists", "1021", 99999) == [WriteResult.CONFLICT]
    assert first not in m.world.members[1021]


def test_list_that_is_gone_is_refused_in_one_call(marketo: Make) -> None:
    m = marketo()
    leads = [m.world.add(email=f"{n}@example.com") for n in range(20)]
    assert set(member(m, "lists", "4711", *leads)) == {WriteResult.REJECTED}
    assert m.sim.count(path="/lists/4711/") == 1


def test_program_status_moves_forward_and_never_back(marketo: Make) -> None:
    m = marketo(people=5)
    program = str(min(m.world.programs))
    lead = min(m.world.leads)
    assert member(m, "programs", program, lead, status="Registered") == [WriteResult.CREATED]
    assert member(m, "programs", program, lead, status="Attended") == [WriteResult.UPDATED]
    assert member(m, "programs", program, lead, status="Registered") == [WriteResult.UNCHANGED]
    assert m.world.progress[int(program)][lead] == "Attended"
    assert member(m, "programs", program, lead, status="No such status") == [WriteResult.REJECTED]


def test_leads_leave_a_program(marketo: Make) -> None:
    m = marketo(people=5)
    program, lead = min(m.world.programs), min(m.world.leads)
    member(m, "programs", str(program), lead, status="registered")
    assert member(m, "programs", str(program), lead, 99999, status="removed") == [
        WriteResult.UPDATED,
        WriteResult.UNCHANGED,
    ]
    assert m.world.progress[program] == {}


def test_canonical_statuses_become_those_of_the_programs_channel(marketo: Make) -> None:
    m = marketo(people=5)
    program, lead = min(m.world.programs), min(m.world.leads)
    steps = (("Not in Program", 0), ("Invited", 10), ("Registered", 20), ("No Show", 30), ("Attended", 40))
    m.world.channels[m.world.programs[program]["channel"]] = tuple((n, s, n == "Attended") for n, s in steps)
    assert member(m, "programs", str(program), lead) == [WriteResult.CREATED]
    assert m.world.progress[program][lead] == "Invited", "somewhere in it"
    assert member(m, "programs", str(program), lead, status="registered") == [WriteResult.UPDATED]
    assert member(m, "programs", str(program), lead, status="attended") == [WriteResult.UPDATED]
    assert m.world.progress[program][lead] == "Attended"
    (refused,) = m.write(
        Op.ASSOCIATE, {"lead": str(lead), "status": "influenced"}, ids=[str(program)], stream="programs"
    )
    assert (refused.result, refused.field) == (WriteResult.REJECTED, "status") and "influenced" in str(refused.message)
    assert m.calls("/asset/v1/channels") == 2, "channels are asked for once: a page, and that there is no other"


def read(m: Instance, cursor: Cursor | None = None) -> tuple[dict[str, Record], Cursor]:
    return m.read(cursor, stream="memberships", fields=FIELDS)


def statuses(rows: dict[str, Record]) -> dict[str, Any]:
    return {rid: row.fields["smarksync.status"] for rid, row in rows.items()}


def small(m: Instance) -> tuple[int, int, int]:
    """(program, lead, lead) of an instance with nobody else on any list."""
    for members in m.world.members.values():
        members.clear()
    first, second = sorted(m.world.leads)[:2]
    return min(m.world.programs), first, second


def test_everybody_is_read_at_first_with_the_time_where_there_is_one(marketo: Make) -> None:
    m = marketo(people=10)
    program, one, two = small(m)
    m.world.join(1021, one)
    m.world.advance(program, two, "Attended")
    rows, _ = read(m)
    assert statuses(rows) == {f"lists:1021:{one}": "member", f"programs:{program}:{two}": "attended"}
    listed, enrolled = rows[f"lists:1021:{one}"], rows[f"programs:{program}:{two}"]
    assert listed.changed_at is None and enrolled.changed_at is not None, "a list does not say since when"
    assert enrolled.fields == {
        "campaign": f"programs:{program}", "lead": str(two), "smarksync.status": "attended", "status": "Attended",
        "responded": True,
    }  # fmt: skip


def test_joining_leaving_and_moving_are_told_by_one_call(marketo: Make) -> None:
    m = marketo(people=10)
    program, one, two = small(m)
    m.world.join(1021, one)
    _, cursor = read(m)
    m.clock.move(3600)
    m.world.leave(1021, one)
    m.world.join(1022, two)
    m.world.advance(program, two, "Member")
    m.clock.move(5)
    m.world.advance(program, two, "Registered")
    before = m.calls("activities.json")
    rows, cursor = read(m, cursor)
    assert statuses(rows) == {
        f"lists:1021:{one}": "removed", f"lists:1022:{two}": "member", f"programs:{program}:{two}": "registered",
    }  # fmt: skip
    assert m.calls("activities.json") == before + 1
    m.clock.move(3600)
    assert read(m, cursor)[0] == {}


@pytest.mark.parametrize("told", [True, False])
def test_leaving_a_program_is_an_activity_where_marketo_tells_it(marketo: Make, told: bool) -> None:
    m = marketo(people=10, leaving_is_told=told)
    program, one, _ = small(m)
    m.world.advance(program, one, "Member")
    _, cursor = read(m)
    m.clock.move(3600)
    m.world.withdraw(program, one)
    rows, _ = read(m, cursor)
    assert statuses(rows) == ({f"programs:{program}:{one}": "removed"} if told else {})


def test_first_reading_that_was_cut_off_goes_on_behind_the_last_whole_list(marketo: Make) -> None:
    m = marketo(people=10)
    program, one, two = small(m)
    m.world.join(1021, one)
    m.world.join(1022, two)
    m.world.advance(program, one, "Member")
    m.clock.move(1)
    pages = list(m.connector.read("memberships", cursor=None, until=m.sim.now(), fields=FIELDS))
    place = next(page.cursor for page in pages if page.records)
    m.world.leave(
        1022, two
    )  # told by no activity behind the cursor's own bookmark? It is: the bookmark is the beginning
    rows, cursor = read(m, place)
    assert f"lists:1021:{one}" not in rows and f"programs:{program}:{one}" in rows
    assert statuses(read(m, cursor)[0])[f"lists:1022:{two}"] == "removed"


def test_late_activities_of_members_are_noticed_within_the_look_back(marketo: Make) -> None:
    m = marketo(people=10, late=300)
    _, one, _ = small(m)
    _, cursor = read(m)
    m.clock.move(600)
    m.world.join(1021, one)
    m.clock.move(60)
    rows, cursor = read(m, cursor)
    assert rows == {}
    m.clock.move(300)
    assert statuses(read(m, cursor)[0]) == {f"lists:1021:{one}": "member"}


def test_who_may_not_see_lists_reads_nothing_of_them(marketo: Make) -> None:
    m = marketo(people=10)
    denied = {"requestId": "1", "success": False, "errors": [{"code": "603", "message": "Access denied"}]}
    m.sim.faults.answer(200, denied, path="/rest/v1/lists.json", times=None)
    m.sim.faults.answer(200, denied, path="/rest/asset/v1/programs.json", times=None)
    assert read(m)[0] == {}


def test_lists_that_are_shown_later_are_read_then(marketo: Make) -> None:
    m = marketo(people=10)
    program, one, two = small(m)
    m.world.join(1021, one)
    m.world.advance(program, two, "Attended")
    denied = {"requestId": "1", "success": False, "errors": [{"code": "603", "message": "Access denied"}]}
    m.sim.faults.answer(200, denied, path="/rest/v1/lists.json", times=None)
    rows, cursor = read(m)
    assert statuses(rows) == {f"programs:{program}:{two}": "attended"}, "what is hidden hides nothing else"
    m.clock.move(3600)
    m.world.advance(program, one, "Registered")
    m.clock.move(5)
    rows, cursor = read(m, cursor)
    assert statuses(rows) == {f"programs:{program}:{one}": "registered"}, "and changes are told all the same"
    asked = m.calls(f"/rest/v1/leads/programs/{program}")
    m.sim.faults.clear()
    rows, cursor = read(m, cursor)
    assert statuses(rows)[f"lists:1021:{one}"] == "member"
    assert m.calls(f"/rest/v1/leads/programs/{program}") == asked, "only what was hidden is read again"
    lists = m.calls("/rest/v1/lists.json")
    m.clock.move(3600)
    read(m, cursor)
    assert m.calls("/rest/v1/lists.json") == lists


@pytest.mark.parametrize(
    ("name", "success", "expected"),
    [
        ("Not in Program", False, "removed"), ("Invited", False, "sent"), ("No Show", False, "registered"),
        ("Not Attended", False, "registered"), ("Registered", False, "registered"), ("Attended On-demand", True, "attended"), ("Visited Booth", False, "attended"),
        ("Filled-out Form", True, "responded"), ("Influenced", True, "influenced"), ("Won a prize", True, "responded"),
        ("On the way", False, "member"),
    ],
)  # fmt: skip
def test_statuses_are_known_by_their_words(name: str, success: bool, expected: str) -> None:
    assert meaning(name, success) == expected
