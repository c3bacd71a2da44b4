"""What holds a hand-off up and what lets it pass: refusals, waits, guards, the fast lane; and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from smarksync.errors import AuthFailed


def test_a_refused_lead_stays_qualified_and_is_not_sent_again(office: Any) -> None:
    o = office()
    ada = o.ready()
    rule = o.faults.reject(lambda write: "handoff_state" in write.fields and write.id is None, times=None)
    assert o.run().exit_code == 3
    (case,) = o.cases()
    assert case.state == "qualified" and not o.sales_rows() and not o.sales_rows("tasks")
    ran = o.run()
    assert not ran.sent["sales"], "nothing changed: it is not tried again"
    (told,) = [job["handoffs"] for job in ran.report["jobs"] if "handoffs" in job]
    assert (told["offered"], told["qualified_not_offered"]) == (0, 1)
    o.faults.clear()
    assert rule is not None
    o.systems["marketing"].edit("people", ada, {"job_title": "Head of IT"})
    assert o.run().exit_code == 0
    assert o.cases()[0].state == "offered" and len(o.sales_rows("tasks")) == 1
    o.quiet()


REASONS = {"handoff": {"handoff": "lead", "from": "marketing", "to": "sales",
                       "reasons": {"bad_timing": "90 days", "not_a_fit": "1 day", "no_need": "disqualify"}}}  # fmt: skip


def test_a_recycled_lead_waits_as_long_as_its_reason_says(office: Any) -> None:
    o = office(jobs=REASONS)
    ada = o.ready()
    o.run()
    o.status(o.sales_rows()[0]["id"], "unqualified", rejection_reason="bad_timing")
    o.run()
    assert [case.state for case in o.cases()] == ["recycled"]
    o.later(days=30)
    o.did(ada, "content_downloaded")  # news, which would make a new cycle otherwise
    o.run()
    assert len(o.cases()) == 1, "sixty days are left"
    o.later(days=61)
    o.run()
    assert [case.state for case in o.cases()] == ["recycled", "offered"], "nothing else happened: the wait is over"
    assert o.sales_rows()[0]["sales_status"] == "new", "what sales said of the last case is no answer to this one"
    o.quiet()
    assert [case.state for case in o.cases()] == ["recycled", "offered"]


def test_marketing_may_put_a_waiting_lead_forward_by_hand(office: Any) -> None:
    o = office(jobs=REASONS)
    ada = o.ready()
    o.run()
    o.status(o.sales_rows()[0]["id"], "unqualified", rejection_reason="bad_timing")
    o.run()
    o.run()
    o.systems["marketing"].edit("people", ada, {"lifecycle": "mql"})
    o.run()
    assert [case.state for case in o.cases()] == ["recycled", "offered"]


def test_reasons_of_the_config_say_who_comes_back(office: Any) -> None:
    o = office(jobs=REASONS)
    people = {name: o.ready(name) for name in ("Ada Lovelace", "Bob Noyce", "Cleo Noyce")}
    o.run()
    reasons = {"Ada": "no_need", "Bob": "not_a_fit", "Cleo": "unreachable"}
    for row in o.sales_rows():
        o.status(row["id"], "unqualified", rejection_reason=reasons[row["first_name"]])
    o.run()
    words = {name.split()[0]: o.person(id)["lifecycle"] for name, id in people.items()}
    assert words == {"Ada": "disqualified", "Bob": "recycled", "Cleo": "recycled"}, "what is not named is as ever"


def test_a_refused_lead_is_not_sent_again_because_its_offer_would_be_later_now(office: Any) -> None:
    """Whatever else happens to the lead: only the offer's time, its due time and the digest of activities differ."""
    o = office()
    ada = o.ready()
    o.faults.reject(lambda write: "handoff_state" in write.fields and write.id is None, times=None)
    assert o.run().exit_code == 3
    o.did(ada, "page_viewed")
    o.later(hours=3)
    assert not o.run().sent["sales"], "her visit is no reason to send the same record again"
    o.systems["marketing"].edit("people", ada, {"company": "Lovelace AG"})
    assert len(o.run().sent["sales"]) == 1, "another company is"


def test_a_refused_task_is_not_sent_again(office: Any) -> None:
    o = office()
    o.ready()
    o.faults.reject(lambda write: str(write.fields.get("subject")).startswith("First call"), times=None)
    assert o.run().exit_code == 3
    assert o.cases()[0].state == "offered" and not o.sales_rows("tasks")
    record = o.sales_rows()[0]["id"]
    o.systems["sales"].edit("leads", record, {"job_title": "Head of IT"})
    ran = o.run()
    assert not any("subject" in write.fields for write in ran.sent["sales"]) and ran.exit_code == 3
    o.status(record, "working")  # nobody needs the task any more
    o.run()
    assert o.run().exit_code == 0


def test_hand_offs_flow_past_a_stopped_sync_job_unless_they_are_told_to_wait(office: Any) -> None:
    guards: dict[str, Any] = {"updates": {"count": 0, "share": 0}, "share": {"count": 0, "share": 0}}
    o = office()
    ada, record = o.ready(), None
    o.run()
    record = o.sales_rows()[0]["id"]
    for handoffs, expected in (("hold", 1), ("flow", 2)):
        o.config["jobs"]["people"]["guards"] = {**guards, "handoffs": handoffs}
        o.config["jobs"]["handoff"]["guards"] = {"updates": {"count": 100, "share": 1}, "creates": {"count": 100, "share": 1},
                                                 "share": {"count": 100, "share": 1}, "lifecycle_regressions": {"count": 9, "share": 1}}  # fmt: skip
        o.systems["marketing"].edit("people", ada, {"job_title": f"Head of {handoffs}"})
        if expected == 1:
            o.ready("Bob Noyce")
        ran = o.run()
        assert ran.report["jobs"][0]["stopped_by"] is not None
        assert len(o.sales_rows()) == expected
    assert record


def test_a_hand_off_carries_nothing_of_what_a_guard_holds(office: Any) -> None:
    o = office(personas={"boss": {"name": "Boss", "when": 'matches(lead.job_title, "Head")'}})
    o.config["jobs"]["people"]["guards"] = {"adoption": {"count": 0, "share": 0}}
    people = [o.lead(f"Ada{n} Lovelace", job_title="Head of IT") for n in range(3)]
    o.later(minutes=5)
    for id in people:
        row = o.person(id)
        told = {"company": "Another", "sales_status": "working", "owner": o.anna}
        o.systems["sales"].insert(
            "leads", {"email": row["email"], "last_name": "Lovelace", "job_title": "Head of IT", **told}
        )
    for _ in range(2):  # the second time, nothing of it has slipped below the limit either
        assert o.run().report["jobs"][0]["stopped_by"] == "adoption"
        assert [o.person(id)["persona"] for id in people] == ["boss"] * 3, "its own finding is told"
        assert [o.person(id)["sales_status"] for id in people] == [None] * 3, (
            "what sales says waits with the job that carries it"
        )
    o.run(allow="adoption")
    assert [o.person(id)["sales_status"] for id in people] == ["working"] * 3
    o.quiet()


def test_a_hand_off_does_not_answer_what_the_sync_job_asks(office: Any) -> None:
    o = office(personas={"boss": {"name": "Boss", "when": 'matches(lead.job_title, "Head")'}})
    o.config["jobs"]["people"]["fields"]["sales_status"] = {"merge": "ask"}
    ada = o.lead(sales_status="new")
    email = o.person(ada)["email"]
    o.systems["sales"].insert("leads", {"email": email, "last_name": "Lovelace", "sales_status": "working"})
    assert o.run().exit_code == 3
    o.systems["marketing"].edit("people", ada, {"job_title": "Head of IT"})
    assert o.run().exit_code == 3
    assert o.person(ada)["persona"] == "boss"
    assert (o.person(ada)["sales_status"], o.sales_rows()[0]["sales_status"]) == ("new", "working")


@pytest.mark.parametrize("held_by", ["a guard", "a limit"])
def test_who_qualifies_by_what_was_held_is_handed_over_when_it_is_let_through(office: Any, held_by: str) -> None:
    o = office()
    ada = o.lead(country="FR")
    o.run()
    record = o.systems["sales"].insert("leads", {"email": o.person(ada)["email"], "last_name": "Lovelace"})
    o.run()
    o.systems["marketing"].edit("people", ada, {"score": 80, "journey": "decision_early"})
    if held_by == "a guard":
        o.config["jobs"]["people"]["guards"] = {"updates": {"count": 0, "share": 0}, "share": {"count": 0, "share": 0}}
        assert o.run().report["jobs"][0]["stopped_by"] is not None
    else:
        o.run(limit=0)
    assert o.cases() == [], "marketing's word is not agreed yet"
    o.run(allow="updates share")
    assert [case.state for case in o.cases()] == ["offered"]
    assert [row["id"] for row in o.sales_rows()] == [record]
    o.config["jobs"]["people"].pop("guards", None)
    o.quiet()


def test_the_fast_lane_hands_over_and_leaves_the_rest(office: Any) -> None:
    o = office()
    ada = o.ready()
    ran = o.run(only_handoffs=True)
    assert [job["job"] for job in ran.report["jobs"]] == ["people", "handoff"]
    assert len(o.sales_rows()) == 1 and o.person(ada)["handoff_state"] == "offered"


def test_who_is_outside_where_is_not_handed_over(office: Any) -> None:
    o = office()
    o.config["jobs"]["people"]["where"] = {"marketing": 'lead.country != "FR"'}
    o.ready("Jean Dupont", country="FR")
    o.ready("Ada Lovelace")
    o.run()
    assert [lead["last_name"] for lead in o.sales_rows()] == ["Lovelace"]


def test_one_open_case_per_product(office: Any) -> None:
    o = office(
        entities={"lead": {"fields": {"product": {"type": "enum", "values": ["scanner", "printer"]}}}},
        agreement={"segments": {"product": {"of": "lead.persona", "values": ["scanner", "printer"]}}},
    )
    ada = o.ready(persona="scanner")
    o.run()
    o.systems["marketing"].edit("people", ada, {"persona": "printer"})
    o.run()
    assert [(case.product, case.state) for case in o.cases()] == [("scanner", "offered"), ("printer", "offered")]
    assert len(o.sales_rows()) == 1
    o.quiet()


def test_scores_are_computed_and_fade_once_a_day(office: Any) -> None:
    o = office(scoring=[
        {"when": 'lead.job_title == "Head of IT"', "points": 25, "why": "seniority"},
        {"when": 'count(activities, type="content_downloaded", within_days=90) >= 1', "points": 40, "why": "eBook", "decay": {"half_life_days": 30}},
    ])  # fmt: skip
    ada = o.ready(score=None, job_title="Head of IT")
    o.did(ada, "content_downloaded")
    o.run()
    assert o.person(ada)["score"] == 65 and o.sales_rows()[0]["score"] == 65
    o.quiet()
    o.later(days=30)
    o.run()
    assert o.person(ada)["score"] == 45 and o.sales_rows()[0]["score"] == 45
    assert o.cases()[0].state == "offered", "an offered lead stays with sales when its score falls"
    o.quiet()


def test_explain_tells_it_all(office: Any) -> None:
    from smarksync.config import load
    from smarksync.engine.explain import explain
    from smarksync.engine.offline import Desk

    o = office()
    ada = o.ready()
    o.did(ada, "content_downloaded", subject="The eBook")
    o.lead("Bob Noyce")
    o.run()
    o.status(o.sales_rows()[0]["id"], "working")
    o.run()
    desk = Desk(load(o.root / "smarksync.yaml"), o.registry, o.reading, o.clock)
    (person,) = explain(desk, "ada@lovelace.example")["people"]
    told = person["agreement"]
    assert told["definitions"][0]["definition"] == "mql@3" and told["definitions"][0]["passes"] is True
    assert [move["state"] for move in told["cases"][0]["moves"] if move["state"] != "note"] == [
        "qualified",
        "offered",
        "accepted",
    ]
    assert told["cases"][0]["owner"] == "anna" and told["activities"][-1]["subject"] == "The eBook"
    (person,) = explain(desk, "bob@noyce.example")["people"]
    (told,) = person["agreement"]["definitions"]
    assert told["passes"] is False and "lead.score >= 60: no  (lead.score = 20)" in str(told["parts"])
    assert person["agreement"]["route"]["owner"] == "ben"


@pytest.mark.parametrize("system", ["marketing", "sales", None])
def test_a_system_that_is_down_from_the_start_is_no_mistake_of_the_config(office: Any, system: str | None) -> None:
    o = office()
    o.ready()
    o.faults.fail(lambda: AuthFailed("the token was refused"), system=system, times=None)
    assert o.run().exit_code == 5
    o.faults.clear()
    assert o.run().exit_code == 0
    assert len(o.sales_rows()) == 1


def test_an_offer_that_was_held_of_a_lead_that_sales_knows_is_made_by_the_next_run(office: Any) -> None:
    people = {"sync": "lead", "between": ["marketing", "sales"], "match": ["email"],
              "create": {"marketing": "always", "sales": "always"}, "fields": {"*": {"direction": "from marketing"}}}  # fmt: skip
    o = office(jobs={"people": people})
    o.team()
    ada = o.lead()
    o.run()
    o.systems["marketing"].edit("people", ada, {"score": 80, "journey": "decision_early"})
    o.run("people")
    o.run("handoff", limit=0)
    (case,) = o.cases()
    assert case.state == "qualified"
    o.run()
    (case,) = o.cases()
    assert case.state == "offered"
