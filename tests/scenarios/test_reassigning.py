"""A lead whose owner has let the promised time run out goes to somebody else: off by default, once unless told otherwise."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from smarksync.config import load
from smarksync.engine import scorecard
from smarksync.engine.registry import Registry
from smarksync.engine.status import status
from smarksync.ledger import cases
from smarksync.plugin import Choice, FieldInfo, Op, WriteResult
from smarksync.testing import registered

from .office import Office

EVERY = int(os.environ.get("SMARKSYNC_HISTORIES", "0")) > 100
HOUR = 3600
ROBIN = [
    {"when": 'lead.country == "DE"', "round_robin": ["anna@acme.example", "ben@acme.example"], "capacity": 40},
    {"fallback": "queue:inbound"},
]


def agreement(promise: str = "first_attempt", **more: Any) -> dict[str, Any]:
    return {
        "calendars": {"office": {"hours": {"mon-fri": "09:00-17:00"}, "time_zone": "Europe/Berlin"}},
        "sales": [{"promise": promise, "id": "speed", "within": "2 business hours", "calendar": "office", **more}],
        "pause": {"on_leave": 'lead.job_title == "on leave"'},
    }


@pytest.fixture
def office(tmp_path: Path, registry: Registry) -> Iterator[Callable[..., Office]]:
    with ExitStack() as stack:

        def make(reassign: dict[str, Any] | None = None, **top: Any) -> Office:
            told = {"reassign": reassign} if reassign is not None else {}
            one = Office(tmp_path, registry, **{"agreement": agreement(**told), "routing": ROBIN, **top})
            stack.callback(one.close)
            stack.enter_context(registered(*one.systems.values()))
            one.team()
            return one

        yield make


def owner(o: Office) -> Any:
    (row,) = o.sales_rows()
    return row["owner"]


def speed(o: Office) -> dict[str, Any]:
    found = scorecard.check(load(o.root / "smarksync.yaml"), o.reading, o.clock())
    return next(line for line in found["promises"] if line["promise"] == "speed")


def test_it_is_off_unless_the_agreement_says_so(office: Any) -> None:
    o = office()
    o.ready()
    o.run()
    o.run(wait=30 * HOUR)
    assert owner(o) == o.anna and o.cases()[0].body.get("reassigned") is None


def test_the_next_in_turn_gets_it_with_a_task_of_their_own_and_the_breach_stays(office: Any) -> None:
    o = office({})
    ada = o.ready()
    o.run()  # Monday 10:05 in Berlin: Anna has until 12:05
    due = o.person(ada)["handoff_due_at"]
    o.run(wait=2 * HOUR - 60)
    assert owner(o) == o.anna
    o.run(wait=120)
    assert owner(o) == o.ben
    (case,) = o.cases()
    (moved,) = [m for m in cases.moves(o.reading, case.cid) if "reassigned" in m.body]
    assert (moved.state, moved.actor, moved.body["reassigned"]) == ("note", "rule", {"speed": 1})
    assert moved.reason == "speed ran out: to somebody else" and "ben@acme.example" in moved.body["route"]
    assert (
        case.state == "offered"
        and case.owner == moved.body["owner"]
        and case.due_at == case.offered_at + 2 * HOUR * 1_000_000
    )
    assert o.person(ada)["handoff_due_at"] == due  # the promise was made to marketing, and its clock goes on
    assert speed(o)["status"] == "breached" and speed(o)["counts"]["breached"] == 1
    tasks = sorted(o.sales_rows("tasks"), key=lambda row: str(row["at"]))
    assert [(row["owner"], str(row["at"])[11:16]) for row in tasks] == [(o.anna, "11:05"), (o.ben, "13:06")]
    assert tasks[0]["subject"] != tasks[1]["subject"]
    o.run(wait=40 * HOUR)  # at most once, and nobody called: it stays with Ben
    assert owner(o) == o.ben and len(o.sales_rows("tasks")) == 2
    o.quiet()


def test_at_most_twice_goes_round_and_ends_with_the_fallback(office: Any) -> None:
    o = office({"at_most": 2})
    o.ready()
    o.run()
    o.run(wait=2 * HOUR + 60)
    assert owner(o) == o.ben
    o.run(wait=2 * HOUR - 60)  # Ben has two hours of his own
    assert owner(o) == o.ben
    ran = o.run(wait=120)
    assert owner(o) == o.inbound and ran.report["jobs"][1]["handoffs"]["reassigned"] == 1
    assert any("fallback" in text for text in ran.report["jobs"][1]["handoffs"]["passed_over"])
    assert o.cases()[0].body["reassigned"] == {"speed": 2}
    o.run(wait=40 * HOUR)
    assert owner(o) == o.inbound
    o.quiet()


def test_to_a_queue_by_name(office: Any) -> None:
    o = office({"to": "queue:inbound", "at_most": 5})
    o.ready()
    o.run()
    o.run(wait=2 * HOUR + 60)
    assert owner(o) == o.inbound
    o.run(wait=40 * HOUR)  # who had it does not get it again
    assert o.cases()[0].body["reassigned"] == {"speed": 1}


def test_a_lead_that_was_called_however_late_stays_with_whoever_called(office: Any) -> None:
    o = office({})
    o.ready()
    o.run()
    o.later(hours=3)
    o.tried(o.sales_rows()[0]["id"])
    o.run()
    o.run(wait=40 * HOUR)
    assert owner(o) == o.anna and speed(o)["status"] == "breached"


def test_a_decision_that_is_owed_counts_as_well_and_an_accepted_lead_stays(office: Any) -> None:
    o = office(agreement=agreement("decision", reassign={}))
    o.ready()
    o.ready("Bo Svensson")
    o.run()
    mine = {row["last_name"]: row for row in o.sales_rows()}
    o.status(mine["Lovelace"]["id"], "working")
    o.run()
    o.run(wait=2 * HOUR + 60)
    after = {row["last_name"]: row["owner"] for row in o.sales_rows()}
    assert after["Lovelace"] == mine["Lovelace"]["owner"] and after["Svensson"] != mine["Svensson"]["owner"]


def test_who_was_given_it_by_hand_has_the_whole_time(office: Any) -> None:
    o = office({})
    o.ready()
    o.run()
    o.later(hours=1, minutes=50)
    o.systems["sales"].edit("leads", o.sales_rows()[0]["id"], {"owner": o.ben})
    o.run()
    o.run(wait=HOUR)
    assert owner(o) == o.ben
    o.run(wait=HOUR + 60)
    assert owner(o) == o.inbound  # Anna had it, and so had Ben


def test_a_clock_that_stands_still_gives_nobody_elses_lead_away(office: Any) -> None:
    o = office({})
    ada = o.ready()
    o.run()
    o.systems["marketing"].edit("people", ada, job_title="on leave")
    o.run()
    o.run(wait=24 * HOUR)
    assert owner(o) == o.anna
    o.systems["marketing"].edit("people", ada, job_title="back")
    o.run()
    o.run(wait=HOUR)
    assert owner(o) == o.anna
    o.run(wait=HOUR)
    assert owner(o) == o.ben


def test_nobody_has_room_so_it_stays_and_is_told_and_tried_again(office: Any) -> None:
    only = [{"when": "True", "round_robin": ["anna@acme.example", "ben@acme.example"], "capacity": 1}]
    o = office({}, routing=only)
    o.ready()
    o.ready("Bo Svensson")
    o.run()
    before = {row["last_name"]: row["owner"] for row in o.sales_rows()}
    ran = o.run(wait=2 * HOUR + 60)
    told = ran.report["jobs"][1]["handoffs"]["passed_over"]
    assert any(text.startswith("stays with its owner: rule 1: ben@acme.example has 1 open") for text in told), told
    assert {row["last_name"]: row["owner"] for row in o.sales_rows()} == before
    bo = next(row["id"] for row in o.sales_rows() if row["last_name"] == "Svensson")
    o.status(bo, "unqualified", rejection_reason="not_a_fit")  # Ben has room again
    o.run()
    o.run(wait=20 * 60)
    assert next(row["owner"] for row in o.sales_rows() if row["last_name"] == "Lovelace") == o.ben


def test_an_inactive_colleague_is_passed_over(office: Any) -> None:
    o = office({})
    o.ready()
    o.run()
    o.systems["sales"].edit("users", o.ben, {"active": False})
    ran = o.run(wait=2 * HOUR + 60)
    assert owner(o) == o.inbound
    assert any("ben@acme.example is not active" in text for text in ran.report["jobs"][1]["handoffs"]["passed_over"])


def test_a_plan_shows_it_and_the_guard_on_owners_holds_it(office: Any) -> None:
    o = office({}, guards={"owner_changes": {"count": 0, "share": "0%"}})
    o.ready()
    o.run(allow="owner_changes")
    planned = o.plan(wait=2 * HOUR + 60)
    (change,) = [c for c in planned.changes if c["object"] == "leads"]
    assert list(change["fields"]) == ["owner"] and change["reason"].startswith("speed ran out (1 of 1): rule 1: ben@")
    held = o.run()
    assert held.exit_code == 4 and owner(o) == o.anna
    assert o.cases()[0].body.get("reassigned") is None
    o.run(allow="owner_changes")
    assert owner(o) == o.ben


def play(root: Path, registry: Registry, crash_at: int | None) -> int:
    """A lead goes to somebody else; that run dies at a point, and others follow. Returns the points of that run."""
    root.mkdir()
    told = agreement(reassign={"at_most": 5})
    with closing(Office(root, registry, agreement=told, routing=ROBIN)) as o, registered(*o.systems.values()):
        o.team()
        o.ready()
        o.run()
        o.later(hours=2, minutes=1)
        points = o.dies(crash_at)
        for _ in range(2):
            o.run()
        (case,) = o.cases()
        where = f"killed at point {crash_at}"
        assert owner(o) == o.ben and case.body["reassigned"] == {"speed": 1}, where
        assert sorted(task["owner"] for task in o.sales_rows("tasks")) == [o.anna, o.ben], where
        o.quiet()
    return points


def test_a_run_that_dies_gives_it_once_and_makes_one_task(tmp_path: Path, registry: Registry) -> None:
    points = play(tmp_path / "whole", registry, None)
    assert points > 30
    for at in range(1, points + 1, 1 if EVERY else 7):
        play(tmp_path / f"at{at}", registry, at)


def test_what_sales_refuses_leaves_the_lead_where_it_is(office: Any) -> None:
    o = office({})
    o.ready()
    o.run()
    o.systems["sales"].redefine("leads", FieldInfo("owner", choices=(Choice(o.anna),)))
    ran = o.run(wait=2 * HOUR + 60)
    assert ran.exit_code == 3 and owner(o) == o.anna
    assert ran.report["jobs"][1]["handoffs"]["reassigned"] == 0
    (case,) = o.cases()
    assert case.body.get("reassigned") is None and len(o.sales_rows("tasks")) == 1


def refuses(o: Office, rid: str, *, names: bool = False) -> None:
    """Sales takes nobody's record with this user as its owner, though the user is listed as active."""
    o.faults.answer(WriteResult.REJECTED, when=lambda write: write.fields.get("owner") == rid, stream="leads", code="SMK-REFUSED",
                    message="operation performed with inactive user", field="owner" if names else None, times=None)  # fmt: skip


def asked(o: Office) -> int:
    """How often sales was sent another owner for a lead that it has."""
    calls = [call for call in o.systems["sales"].calls if call.kind == "write" and call.stream == "leads"]
    return sum("owner" in write.fields for call in calls for write in call.writes if write.op is Op.UPDATE)


@pytest.mark.parametrize("names", [True, False], ids=["names the field", "names nothing"])
def test_a_refused_owner_is_not_sent_again_until_something_changes(office: Any, names: bool) -> None:
    o = office({})
    ada = o.ready()
    o.run()
    refuses(o, o.ben, names=names)
    ran = o.run(wait=2 * HOUR + 60)
    assert ran.exit_code == 3 and owner(o) == o.anna and asked(o) == 1
    for _ in range(4):
        ran = o.run(wait=900)
        told = ran.report["jobs"][1]["handoffs"]["passed_over"]
        assert any(text.startswith("stays with its owner: sales refused ben (rule 1: ben@") for text in told), told
    assert asked(o) == 1 and ran.exit_code == 3, "asked once in an hour, and not forgotten"
    o.systems["marketing"].edit("people", ada, job_title="CTO")
    o.run(wait=900)
    assert o.sales_rows()[0]["job_title"] == "CTO" and asked(o) == 2, "the record is another: once more"
    o.run(wait=900)
    o.run(wait=900)
    assert asked(o) == 2
    o.systems["sales"].edit("users", o.ben, {"name": "Ben B."})  # whoever mends it touches the user
    o.run(wait=900)
    assert asked(o) == 3
    o.run(wait=900)
    del o.config["mappings"]["sales"]["leads"]["fields"]["rejection_reason"]
    o.run(wait=900)
    o.run(wait=900)
    assert asked(o) == 4, "another config"
    o.faults.clear()
    o.run(wait=900)
    assert asked(o) == 4, "nobody told us"
    o.systems["sales"].edit("users", o.ben, {"name": "Ben"})
    ran = o.run(wait=900)
    assert owner(o) == o.ben and ran.exit_code == 0
    o.quiet()


def test_a_refused_owner_is_told_by_status_and_sla_check(office: Any) -> None:
    o = office({})
    o.ready()
    o.run()
    refuses(o, o.ben)
    o.run(wait=2 * HOUR + 60)
    config = load(o.root / "smarksync.yaml")
    for found in (scorecard.check(config, o.reading, o.clock()), status(config, o.reading, o.clock())):
        (one,) = found["owners_refused"]
        assert (one["who"], one["to"], one["why"]) == (
            "ada@lovelace.example",
            "ben@acme.example",
            "operation performed with inactive user",
        )
        assert one["record"].startswith("sales:leads:") and one["next"] == f"smarksync quarantine show {one['id']}"
    o.faults.clear()
    o.systems["sales"].edit("users", o.ben, {"name": "Ben"})
    o.run(wait=900)
    assert scorecard.check(config, o.reading, o.clock())["owners_refused"] == []


def test_leads_that_nobody_owns_are_told_by_status_and_sla_check_as_long_as_they_are(office: Any) -> None:
    o = office({})
    routing, o.config["routing"] = o.config["routing"], [{"fallback": "queue:nowhere"}]
    o.ready()
    o.run()
    o.run(wait=60)
    for count in (1, 0):
        config = load(o.root / "smarksync.yaml")
        found = (scorecard.check(config, o.reading, o.clock()), status(config, o.reading, o.clock()))
        assert [one["without_owner"] for one in found] == [count, count]
        o.config["routing"] = routing
        o.systems["sales"].edit("leads", o.sales_rows()[0]["id"], owner=o.ben)
        o.run(wait=60)


def test_without_an_owner_in_the_mapping_it_stays_and_that_is_said(office: Any) -> None:
    o = office({})
    del o.config["mappings"]["sales"]["leads"]["fields"]["owner"]
    o.ready()
    o.run()
    told = o.run(wait=2 * HOUR + 60).report["jobs"][1]["handoffs"]
    assert told["reassigned"] == 0 and o.cases()[0].body.get("reassigned") is None
    assert any("stays with its owner: sales does not take another owner" in text for text in told["passed_over"]), told
