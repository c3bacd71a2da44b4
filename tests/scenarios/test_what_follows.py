"""What follows from hand-offs: revenue on the day of the win, plans that show what their changes bring, pages for people."""

from __future__ import annotations

from typing import Any

from smarksync.config import load
from smarksync.engine.figures import sales
from smarksync.engine.figures.period import parse
from smarksync.engine.offline import Desk
from smarksync.model.moments import micros, moment
from smarksync.web import queries
from smarksync.web.clocks import Clocks

from .office import Office


def test_a_sale_won_before_its_close_date_is_revenue_of_the_day_on_which_it_was_won(office: Any) -> None:
    o = office()
    o.ready()
    o.run()
    (lead,) = o.sales_rows()
    o.status(lead["id"], "working")
    o.run()
    contact = o.convert(lead["id"])
    deal = o.systems["sales"].insert("deals", {"name": "Scanners", "leads": [contact], "stage": "Proposal", "stage_kind": "open",
                                               "amount": "24000", "close_date": "2026-03-31", "created_at": o.clock()})  # fmt: skip
    o.run()
    assert _revenue(o) == {}
    o.later(days=9)
    o.systems["sales"].edit(
        "deals", deal, {"stage": "Closed", "stage_kind": "won"}
    )  # in January, and nobody mends the date
    o.run()
    assert _revenue(o) == {"2026-01-21": 24000}
    o.later(days=20)
    o.systems["sales"].edit("deals", deal, {"name": "Twelve scanners"})  # a later edit is no later sale
    o.run()
    assert _revenue(o) == {"2026-01-21": 24000}
    o.systems["sales"].edit("deals", deal, {"close_date": "2026-01-16"})  # an earlier date is a correction
    o.run()
    assert _revenue(o) == {"2026-01-16": 24000}
    o.systems["sales"].edit("deals", deal, {"stage": "Proposal", "stage_kind": "open", "close_date": "2026-12-31"})
    o.run()
    assert _revenue(o) == {}
    o.later(days=3)
    o.systems["sales"].edit("deals", deal, {"stage": "Closed", "stage_kind": "won"})  # reopened, and won again
    o.run()
    assert list(_revenue(o)) == [o.clock().date().isoformat()]


def _revenue(o: Office) -> dict[str, int]:
    """{day: revenue} as reports count it."""
    config = load(o.root / "smarksync.yaml")
    when = parse("2026", config.time_zone, o.clock())
    return {
        moment(one.at).date().isoformat(): int(one.amount or 0)
        for one in sales.won(config, o.reading, when)
        if one.at <= micros(o.clock())
    }


def test_a_plan_shows_the_hand_offs_that_follow_from_what_it_changes_and_apply_makes_them(office: Any) -> None:
    """A score that rises travels to sales, who know the lead already; it is handed over in the same run, and in its plan."""
    o = office()
    ada = o.lead(lifecycle="lead")
    o.systems["sales"].insert(
        "leads", {"email": "ada@lovelace.example", "last_name": "Lovelace", "company": "Lovelace GmbH"}
    )
    o.run()
    o.quiet()
    o.systems["marketing"].edit("people", ada, {"score": 80, "journey": "decision_early"})
    planned = o.plan(wait=0)
    shown = {(change["job"], change["connection"], change["object"], change["op"]) for change in planned.changes}
    assert {("people", "sales", "leads", "update"), ("handoff", "sales", "leads", "update"), ("handoff", "sales", "tasks", "create"),
            ("handoff", "marketing", "people", "update")} <= shown  # fmt: skip
    (offer,) = [c for c in planned.changes if (c["job"], c["object"]) == ("handoff", "leads")]
    assert offer["fields"]["handoff_state"]["after"] == "offered" and offer["reason"].startswith("hand-off: mql@3")
    assert "not in it" not in planned.text
    assert not o.cases(), "a plan hands nobody over"
    ran = o.applied(planned)
    assert ran.exit_code == 0 and o.sales_rows()[0]["handoff_state"] == "offered" and len(o.sales_rows("tasks")) == 1
    o.quiet()


def test_a_plan_says_what_it_leaves_to_the_run_that_makes_new_records(office: Any) -> None:
    o = office(jobs={"people": {"sync": "lead", "between": ["marketing", "sales"], "match": ["email"],
                                "create": {"marketing": "always", "sales": "always"}}})  # fmt: skip
    o.lead()
    assert "What handoff, outcomes would do about records that this plan creates is not in it" in o.plan(wait=0).text


def test_the_dashboard_shows_the_owner_of_a_lead_by_name(office: Any) -> None:
    o = office()
    o.ready()
    o.run()
    desk = Desk(load(o.root / "smarksync.yaml"), o.registry, o.reading, o.clock)
    found = queries.lead(Clocks(desk.config), desk, "ada@lovelace.example", o.clock())
    (owner,) = [field for field in found["person"]["fields"] if field["field"] == "owner"]
    assert owner["agreed"] == "anna" and [side["shows"] for side in owner["sides"] if side["shows"]] == ["anna"]
