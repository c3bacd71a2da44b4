"""Jobs: their marks, their rules, and what a plan shows of them."""

from __future__ import annotations

from typing import Any

import pytest

# -- jobs --------------------------------------------------------------------------------------------------------

CHAIN: dict[str, Any] = {
    "people": {"between": ["marketing", "sales"]},
    "tickets": {"between": ["sales", "support"], "fields": {"*": {"direction": "from sales"}}},
}


def test_two_jobs_over_three_systems_each_see_every_change(world: Any) -> None:
    w = world("marketing", "sales", "support", jobs={k: dict(v) for k, v in CHAIN.items()})
    ada = w.person("Ada Lovelace", "marketing", company="Analytical Engines")
    w.run()
    w.run()
    assert w.shows(ada, "support", company="Analytical Engines")
    w.edit(ada, "marketing", company="Difference Engines")
    w.run()
    w.run()
    assert w.shows(ada, "sales", company="Difference Engines")
    assert w.shows(ada, "support", company="Difference Engines")
    w.quiet()


def test_each_job_keeps_its_own_mark(world: Any) -> None:
    w = world("marketing", "sales", "support", jobs={k: dict(v) for k, v in CHAIN.items()})
    ada = w.person("Ada Lovelace", "marketing sales support")
    w.run()
    w.edit(ada, "sales", company="Analytical Engines")
    w.run("people")
    w.run("people")
    assert w.shows(ada, "marketing", company="Analytical Engines")
    assert w.shows(ada, "support", company=None)
    w.run("tickets")  # the other job did not use the change up
    assert w.shows(ada, "support", company="Analytical Engines")
    w.quiet()


def test_two_jobs_that_would_write_one_field_to_one_system_are_a_config_error(world: Any) -> None:
    from smarksync.errors import ConfigError

    w = world("marketing", "sales", "support",
              jobs={"people": {"between": ["marketing", "sales"]}, "tickets": {"between": ["sales", "support"]}})  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        w.run()
    assert caught.value.exit_code == 2


def test_a_changed_rule_is_applied_to_people_who_are_there_already(world: Any) -> None:
    w = world(fields={"phone": {"owner": "sales", "enforce": "leave"}})
    ada = w.person("Ada Lovelace", "marketing sales", phone="+442079460000")
    w.run()
    w.edit(ada, "marketing", phone="+442079460001")
    w.run()
    assert w.shows(ada, "marketing", phone="+442079460001")
    w.job["fields"]["phone"] = {"owner": "sales"}
    w.run()
    assert w.shows(ada, "marketing", phone="+442079460000")


def test_a_changed_value_table_is_applied_to_people_who_are_there_already(world: Any) -> None:
    table = {"field": "status", "values": {"new": "Open", "working": "Working"}}
    w = world(also=["sales_status"], maps={"sales": {"sales_status": table}})
    ada = w.person("Ada Lovelace", "marketing sales", sales_status=None)
    w.edit(ada, "sales", sales_status="Warm")
    assert w.run().exit_code == 3
    table["values"]["attempted"] = "Warm"
    assert w.run().exit_code == 0
    assert w.shows(ada, "marketing", sales_status="attempted")
    w.quiet()


def test_a_create_that_is_allowed_later_reaches_people_who_are_there_already(world: Any) -> None:
    w = world(create={"sales": "never"})
    ada = w.person("Ada Lovelace")
    w.run()
    w.job["create"] = {"sales": "always"}
    w.run()
    assert w.shows(ada, "sales", last_name="Lovelace")


def test_only_one_person_when_only_one_is_named(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    bob = w.person("Bob Noyce", "marketing sales")
    w.run()
    for someone in (ada, bob):
        w.edit(someone, "marketing", company="Analytical Engines")
    ref = w.query("SELECT ref FROM entities WHERE eid = ?", w.eid(ada))[0][0]
    w.run(only=ref)
    assert w.shows(ada, "sales", company="Analytical Engines")
    assert w.shows(bob, "sales", company=None)
    w.run()
    assert w.shows(bob, "sales", company="Analytical Engines")


# -- what a plan shows is what a run does ------------------------------------------------------------------------


def test_a_run_sends_exactly_what_the_plan_showed(world: Any) -> None:
    w = world(fields={"phone": {"owner": "sales"}})
    ada = w.person("Ada Lovelace", "marketing sales", phone="+442079460000")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines", phone="+442079460001")
    w.person("Bob Noyce", "sales", phone="+442079460002")
    planned = w.plan(wait=0).fields
    ran = w.run(wait=0)
    sent = [(system, str(write.op), write.id, dict(write.fields)) for system in w.names for write in ran.sent[system]]
    assert sorted(planned, key=str) == sorted(sent, key=str)


def test_pages_and_the_order_of_connections_do_not_change_the_result(world: Any) -> None:
    results = []
    for order in (("marketing", "sales"), ("sales", "marketing")):
        for page in (1, 2, 7):
            w = world(*order, marketing={"page_size": page}, sales={"page_size": 3})
            for number, someone in enumerate(w.people(4, "marketing", company="Marketing's")):
                w.later(minutes=1)
                w.enter(someone, "sales", email=f"person{number}.doe@example.com", last_name=f"Doe{number}")
            w.person("Person1 Doe", "marketing")  # a duplicate
            w.people(3, "sales", start=50)
            w.run()
            rows = [row for name in ("marketing", "sales") for row in w.systems[name].rows("people").values()]
            results.append(sorted(str(sorted(row.items())) for row in rows))
    assert all(result == results[0] for result in results)


def test_no_two_rules_rewrite_each_other_for_ever(world: Any) -> None:
    """Two vendors that each keep the same company in their own way: it ends."""
    w = world(
        marketing={"folds": {"company": {"Engines Ltd": "Engines Limited"}}},
        sales={"folds": {"company": {"Engines Limited": "Engines Ltd"}}},
    )
    ada = w.person("Ada Lovelace", "marketing sales", company="Start")
    w.run()
    w.edit(ada, "marketing", company="Engines Limited")
    for _ in range(8):
        w.run()
    assert w.run().wrote == 0
    w.quiet()


# -- a job under another name -----------------------------------------------------------------------------------


def _rename(w: Any) -> None:
    w.config["jobs"]["persons"] = w.config["jobs"].pop("people")


@pytest.mark.parametrize("point", ["sales.people.write", "sales.people.write.answer"])
def test_what_a_renamed_job_had_under_way_is_finished_by_its_successor(world: Any, point: str) -> None:
    w = world()
    bob = w.person("Bob Noyce", "marketing sales")
    w.run()
    w.edit(bob, "marketing", company="Intel")
    w.person("Eve Kidd", "marketing")
    w.killed(point)
    _rename(w)
    w.run()
    assert w.count("sales") == 2
    assert w.shows(bob, "sales", company="Intel")
    assert w.query("SELECT * FROM plan") == []
    w.quiet()


def test_what_was_under_way_to_a_system_that_left_the_config_holds_nobody_up(world: Any) -> None:
    w = world("marketing", "sales", "support")
    bob = w.person("Bob Noyce", "marketing sales support")
    w.run()
    w.edit(bob, "marketing", company="Intel")
    w.killed("support.people.write.answer")
    for section in ("connections", "mappings"):
        del w.config[section]["support"]
    w.job["between"].remove("support")
    del w.job["create"]["support"]
    w.run()
    w.edit(bob, "marketing", phone="+442079460000")
    w.run()
    assert w.shows(bob, "sales", company="Intel", phone="+442079460000")
    assert w.query("SELECT * FROM plan") == []


def test_what_a_guard_held_of_a_renamed_job_is_held_no_more(world: Any) -> None:
    w = world(guards={"updates": {"count": 0, "share": 0}})
    bob = w.person("Bob Noyce", "marketing sales")
    w.run()
    w.edit(bob, "marketing", company="Intel")
    assert w.run().stopped_by == "updates"
    _rename(w)
    w.run(allow="updates")
    assert w.shows(bob, "sales", company="Intel")
    assert w.query("SELECT job FROM plan") == [], "nothing waits under the name that no job has"
    assert w.query("SELECT key FROM meta WHERE key LIKE 'held:%'") == []


def test_a_renamed_job_asks_once(world: Any) -> None:
    w = world(fields={"company": {"merge": "ask"}})
    bob = w.person("Bob Noyce", "marketing sales")
    w.run()
    w.edit(bob, "marketing", company="Intel")
    w.edit(bob, "sales", company="Fairchild", score="many")
    assert w.run().exit_code == 3
    _rename(w)
    w.run()
    assert [one.job for one in w.conflicts()] == ["persons"]
    assert {one.job for one in w.quarantine()} == {"persons"}
    w.answer(w.conflicts()[0], "Intel")
    w.edit(bob, "sales", score=1)
    assert w.run().exit_code == 0
    assert w.shows(bob, "sales", company="Intel")
