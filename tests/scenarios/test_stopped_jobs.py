"""What a job that a guard stopped still does, and does not."""

from __future__ import annotations

from typing import Any

# -- what a stopped job still does, and does not -----------------------------------------------------------------


def test_an_opt_out_passes_a_tripped_guard(world: Any) -> None:
    w = world(guards={"creates": {"count": 0, "share": 0}})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.person("Bob Noyce")
    w.edit(ada, "marketing", email_opt_out=True, company="Analytical Engines")
    ran = w.run()
    assert (ran.exit_code, ran.stopped_by) == (4, "creates")
    assert w.shows(ada, "sales", email_opt_out=True, company=None)
    assert ran["sales"]["updated"] == 1
    again = w.run()
    assert not any(again.sent.values())  # it is not sent twice
    w.run(allow="creates")
    assert w.shows(ada, "sales", email_opt_out=True, company="Analytical Engines")


def test_a_thousand_opt_outs_never_count(world: Any) -> None:
    w = world()
    everyone = w.people(600, "marketing sales")
    w.run()
    for someone in everyone:
        w.edit(someone, "sales", email_opt_out=True)
    ran = w.run()
    assert (ran.exit_code, ran["marketing"]["updated"]) == (0, 600)


def test_rows_of_a_stopped_job_are_computed_anew_and_not_sent_as_they_were(world: Any) -> None:
    w = world(guards={"updates": {"count": 0, "share": 0}})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")
    assert w.run().stopped_by == "updates"
    w.edit(ada, "marketing", company="Difference Engines")
    ran = w.run(allow="updates")
    assert [write.fields for write in ran.sent["sales"]] == [{"company": "Difference Engines"}]
    w.edit(ada, "marketing", company="Third name")
    assert w.run().stopped_by == "updates"
    w.edit(ada, "marketing", company="Difference Engines")  # taken back: nothing is left to do
    ran = w.run()
    assert (ran.exit_code, ran.wrote) == (0, 0)


def test_a_stopped_job_goes_on_pulling(world: Any) -> None:
    w = world(guards={"updates": {"count": 0, "share": 0}})
    ada = w.person("Ada Lovelace", "marketing sales")
    bob = w.person("Bob Noyce", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")
    w.run()
    w.edit(bob, "marketing", company="Shockley")
    ran = w.run()
    assert ran["marketing"]["read"] == ran["marketing"]["deferred"] == 1
    assert ran["sales"]["held"] == 2
    w.run(allow="updates")
    assert w.shows(ada, "sales", company="Analytical Engines")
    assert w.shows(bob, "sales", company="Shockley")


def test_one_stopped_job_does_not_stop_the_others(world: Any) -> None:
    w = world(
        "marketing", "sales", "support",
        jobs={
            "people": {"between": ["marketing", "sales"], "guards": {"first_run": {"count": 0}}},
            "tickets": {"between": ["marketing", "support"], "fields": {"*": None, "company": {"direction": "from marketing"}, "email": {"direction": "from marketing"}}},
        },
    )  # fmt: skip
    w.person("Ada Lovelace", company="Analytical Engines")
    ran = w.run()
    assert ran.exit_code == 4
    assert [job["stopped_by"] for job in ran.report["jobs"]] == ["first_run", None]
    assert (w.count("sales"), w.count("support")) == (0, 1)


def test_a_limit_defers_the_rest_and_lets_opt_outs_pass(world: Any) -> None:
    w = world()
    everyone = w.people(5, "marketing sales")
    w.run()
    for someone in everyone:
        w.edit(someone, "marketing", company="Analytical Engines", email_opt_out=True)
    ran = w.run(limit=2)
    assert [w.row(someone, "sales")["email_opt_out"] for someone in everyone] == [True] * 5
    assert sum(w.row(someone, "sales")["company"] is not None for someone in everyone) == 2
    assert ran["sales"]["held"] == 3
    w.run()
    assert all(w.shows(someone, "sales", company="Analytical Engines") for someone in everyone)


def test_what_a_limit_deferred_is_not_forgotten_by_a_run_that_a_guard_stops(world: Any) -> None:
    w = world()
    everyone = w.people(5, "marketing sales")
    bob = w.person("Bob Noyce", "marketing sales")
    w.run()
    for someone in everyone:
        w.edit(someone, "marketing", company="Analytical Engines")
    assert w.run(limit=2).wrote == 2
    w.job["guards"] = {"updates": {"count": 0, "share": 0}}
    w.edit(bob, "marketing", company="Shockley")
    assert w.run().stopped_by == "updates"
    w.edit(bob, "marketing", phone="+442079460000")
    assert w.run(allow="updates").wrote == 4
    assert all(w.shows(someone, "sales", company="Analytical Engines") for someone in everyone)


def test_what_a_dead_system_left_undone_is_not_forgotten_by_a_run_that_a_guard_stops(world: Any) -> None:
    from smarksync.errors import Transient

    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Analytical Engines")
    w.faults.fail(Transient("503"), system="sales", kind="write")
    assert w.run().exit_code == 5
    w.job["guards"] = {"updates": {"count": 0, "share": 0}}
    w.edit(w.person("Bob Noyce", "marketing sales"), "marketing", company="Shockley")
    assert w.run().stopped_by == "updates"
    w.run(allow="updates")
    assert w.shows(ada, "sales", company="Analytical Engines")
