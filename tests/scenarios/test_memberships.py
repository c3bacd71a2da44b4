"""The same people are in a campaign on both sides, and whoever is taken out on one is taken out on the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smarksync.engine.registry import Registry
from smarksync.testing import registered

from .office import Office

CAMPAIGN = ("campaign", ("name",))
MEMBER = ("membership", ("campaign", "lead", "status", "responded_at"))
OBJECTS = {name: {"campaigns": CAMPAIGN, "members": MEMBER} for name in ("marketing", "sales")}
JOB = {
    "memberships": "campaign",
    "between": ["marketing", "sales"],
    "create": {"marketing": "always", "sales": "always"},
}


@pytest.fixture
def office(office: Callable[..., Office]) -> Callable[..., Office]:
    """The two teams with campaigns and members on both sides."""
    return lambda jobs=(), **top: office(objects=OBJECTS, jobs={"events": JOB, **dict(jobs)}, **top)


def members(o: Office, system: str) -> list[tuple[str, str, str]]:
    """(campaign, person, status) as the system shows them."""
    rows = o.systems[system].rows("members").values()
    return sorted((row["campaign"], row["lead"], row["status"]) for row in rows)


def test_both_ways_with_removal(office: Any) -> None:
    o = office()
    ada, bob = o.ready("Ada Lovelace"), o.ready("Bob Noyce")
    fair = {name: system.insert("campaigns", {"name": "Spring fair"}) for name, system in o.systems.items()}
    o.systems["sales"].insert("campaigns", {"name": "Sales only"})
    o.run()
    record = {row["email"]: row["id"] for row in o.sales_rows()}
    first = o.systems["marketing"].insert(
        "members", {"campaign": fair["marketing"], "lead": ada, "status": "registered"}
    )
    o.systems["sales"].insert(
        "members", {"campaign": fair["sales"], "lead": record["bob@noyce.example"], "status": "sent"}
    )
    o.run()
    assert members(o, "marketing") == sorted([(fair["marketing"], ada, "registered"), (fair["marketing"], bob, "sent")])
    assert members(o, "sales") == sorted(
        [
            (fair["sales"], record["ada@lovelace.example"], "registered"),
            (fair["sales"], record["bob@noyce.example"], "sent"),
        ]
    )
    o.quiet()
    o.later(hours=1)
    o.systems["marketing"].edit("members", first, {"status": "attended"})
    o.run()
    assert (fair["sales"], record["ada@lovelace.example"], "attended") in members(o, "sales")
    o.quiet()
    o.systems["marketing"].delete("members", first)
    o.run()
    assert [lead for _, lead, _ in members(o, "sales")] == [record["bob@noyce.example"]]
    o.quiet()


def test_nobody_is_put_into_a_campaign_where_that_is_not_allowed(office: Any) -> None:
    o = office(jobs={"events": {**JOB, "create": {"sales": "always"}}})
    o.ready()
    fair = {name: system.insert("campaigns", {"name": "Spring fair"}) for name, system in o.systems.items()}
    o.run()
    (lead,) = o.sales_rows()
    o.systems["sales"].insert("members", {"campaign": fair["sales"], "lead": lead["id"], "status": "sent"})
    o.run()
    assert members(o, "marketing") == []


def test_recycled_leads_join_the_nurture_list_and_customers_leave_it(office: Any) -> None:
    rules = [
        {"when": 'lead.lifecycle == "customer"', "leave": "Nurture"},
        {"when": 'lead.lifecycle == "recycled"', "join": "Nurture"},
    ]
    o = office(
        jobs={
            "events": None,
            "outcomes": {"outcomes": ["lead", "opportunity"], "from": "sales", "to": "marketing", "lists": rules},
        }
    )
    ada = o.ready()
    nurture = o.systems["marketing"].insert("campaigns", {"name": "Nurture"})
    o.run()
    record = o.sales_rows()[0]["id"]
    o.status(record, "recycled", rejection_reason="bad_timing")
    o.run()
    assert members(o, "marketing") == [(nurture, ada, "member")]
    o.quiet()
    o.systems["sales"].edit("leads", record, {"sales_status": "new"})
    o.did(ada, "form_submitted")
    o.run()
    contact = o.convert(record)
    o.systems["sales"].insert("deals", {"name": "D", "leads": [contact], "stage_kind": "won", "closed_at": o.clock()})
    o.run()
    assert o.person(ada)["lifecycle"] == "customer" and members(o, "marketing") == []
    o.quiet()


def test_a_run_that_looks_at_what_changed_plans_what_a_look_at_everybody_plans(office: Any) -> None:
    o = office(jobs={"events": {**JOB, "create": {"marketing": "always", "sales": 'lead.country == "DE"'}}})
    people = [
        o.ready(f"{name} Noyce", country=country) for name, country in (("Ada", "DE"), ("Bea", "FR"), ("Cleo", "FR"))
    ]
    fair = {name: system.insert("campaigns", {"name": "Spring fair"}) for name, system in o.systems.items()}
    o.run()
    rows = [
        o.systems["marketing"].insert("members", {"campaign": fair["marketing"], "lead": one, "status": "sent"})
        for one in people
    ]

    def both() -> tuple[Any, Any]:
        """What is planned, and what is left: of what changed, and of everybody."""
        found = []
        for everybody in (False, True):
            if everybody:
                o.reading.run("DELETE FROM meta WHERE key LIKE 'members:%'")
            plan = o.plan()
            changed = [(c["op"], c["connection"], c["object"], c["id"]) for c in plan.changes]
            found.append((changed, plan.text))
        return found[0], found[1]

    changed, everybody = both()
    assert changed == everybody and changed[0], "the first look"
    o.run()
    changed, everybody = both()
    assert changed == everybody and not changed[0], "two are in France, and stay out"
    o.later(hours=1)
    o.systems["marketing"].edit("people", people[1], {"country": "DE"})  # no membership changed
    o.systems["marketing"].delete("members", rows[0])
    changed, everybody = both()
    assert changed == everybody and len(changed[0]) >= 2
    o.run()
    assert len(members(o, "sales")) == 1
    o.quiet()


# -- another word for the same ------------------------------------------------------------------------------------


def test_another_word_for_what_we_wrote_is_no_news(tmp_path: Path, registry: Registry) -> None:
    switches = {"sales:members": {"folds": {"status": {"member": "sent"}}, "echo": "none"}}
    o = Office(tmp_path, registry, objects=OBJECTS, jobs={"events": JOB}, switches=switches)
    with registered(*o.systems.values()):
        o.team()
        ada = o.ready()
        fair = {name: o.systems[name].insert("campaigns", {"name": "Spring fair"}) for name in o.systems}
        o.run()
        o.systems["marketing"].insert("members", {"campaign": fair["marketing"], "lead": ada, "status": "member"})
        o.run()
        assert [status for _, _, status in members(o, "sales")] == ["sent"], "that is what sales makes of a member"
        o.quiet()
        assert [status for _, _, status in members(o, "marketing")] == ["member"]
        o.later(hours=1)
        (member,) = o.systems["sales"].rows("members")
        o.systems["sales"].edit("members", member, {"status": "responded"})
        o.run()
        assert [status for _, _, status in members(o, "marketing")] == ["responded"], "an edit is one"
        o.quiet()


def test_a_campaign_that_comes_to_be_known_on_the_other_side_gets_its_people_although_they_joined_long_ago(
    office: Any,
) -> None:
    o = office()
    ada = o.ready("Ada Lovelace")
    fair = o.systems["marketing"].insert("campaigns", {"name": "Spring fair"})
    o.systems["marketing"].insert("members", {"campaign": fair, "lead": ada, "status": "sent"})
    o.run()
    o.run()
    assert not members(o, "sales") and not o.reading.rows("SELECT * FROM unequal"), "sales has no such campaign"
    there = o.systems["sales"].insert("campaigns", {"name": "Spring fair"})
    o.run()
    o.run()
    assert [(campaign, status) for campaign, _, status in members(o, "sales")] == [(there, "sent")]
    o.quiet()


def test_a_campaign_that_comes_back_while_another_goes_gets_who_joined_meanwhile(office: Any) -> None:
    o = office()
    ada = o.ready("Ada Lovelace")
    fair, other = (
        {name: system.insert("campaigns", {"name": title}) for name, system in o.systems.items()}
        for title in ("Spring fair", "Autumn fair")
    )
    o.run()
    o.later(hours=1)
    o.systems["sales"].delete("campaigns", fair["sales"])
    o.systems["marketing"].insert("members", {"campaign": fair["marketing"], "lead": ada, "status": "sent"})
    o.run()
    o.run()
    assert members(o, "sales") == [], "sales has no such campaign now"
    o.later(hours=1)
    o.systems["sales"].restore("campaigns", fair["sales"])
    o.systems["sales"].delete("campaigns", other["sales"])
    o.run()
    o.run()
    assert [(campaign, status) for campaign, _, status in members(o, "sales")] == [(fair["sales"], "sent")]
    o.quiet()
