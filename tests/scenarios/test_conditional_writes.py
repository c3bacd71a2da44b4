"""Systems that take a version with a write and refuse to write over another one: nobody's edit is lost, no call is spent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smarksync.plugin import Can
from smarksync.testing import EVERYTHING

UNCONDITIONAL = EVERYTHING - {Can.CONDITIONAL}


def once_at(w: Any, name: str, act: Callable[[], None]) -> None:
    """Something happens at the first passing of an I/O point."""
    passed, done = w.faults.point, []

    def point(where: str) -> None:
        passed(where)
        if where == name and not done:
            done.append(where)
            act()

    w.faults.point = point


def rereads(w: Any) -> int:
    return len([call for call in w.systems["sales"].calls if call.kind == "fetch"])


def test_a_write_says_which_version_it_rests_on(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    for company in ("Engines", "Looms"):
        w.edit(ada, "marketing", company=company)
        (write,) = w.run().sent["sales"]
        stored = w.systems["sales"].stores["people"].rows[write.id].now
        assert write.if_version == str(stored.number - 1)
    w.touch(ada, "sales")
    w.edit(ada, "marketing", company="Mills")
    assert len(w.run().sent["sales"]) == 1, "a new version that changes nothing is no surprise"


def test_an_edit_made_while_we_run_is_not_written_over(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Engines", phone="+442079460000")
    once_at(w, "sales.people.write", lambda: w.edit(ada, "sales", company="Looms"))
    ran = w.run()
    assert w.shows(ada, "sales", company="Looms", phone="+442079460000")
    assert rereads(w) == 1 and ran["sales"]["stale"] == 1
    assert [question.field for question in w.conflicts()] == ["company"], "two edits at about one time: a person says"


def test_an_edit_of_another_field_made_meanwhile_costs_one_look_and_holds_nothing(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Engines")
    once_at(w, "sales.people.write", lambda: w.edit(ada, "sales", score=7))
    ran = w.run()
    assert w.shows(ada, "sales", company="Engines", score=7) and w.shows(ada, "marketing", score=7)
    assert rereads(w) == 1 and ran.exit_code == 0
    w.quiet()


def test_targets_are_not_read_again_before_the_write(world: Any) -> None:
    for can, expected in ((EVERYTHING, 0), (UNCONDITIONAL, 1)):
        w = world(sales={"can": can})
        ada = w.person("Ada Lovelace", "marketing sales")
        w.run()
        w.edit(ada, "marketing", company="Engines")
        once_at(w, "sales.people.gone", lambda w=w: w.later(minutes=10))
        w.run()
        assert w.shows(ada, "sales", company="Engines")
        assert rereads(w) == expected


def test_a_system_that_does_not_tell_the_new_version_is_read_again_when_it_was_seen_too_long_ago(world: Any) -> None:
    w = world(sales={"echo": "none"})
    sales = w.systems["sales"]
    tell = sales._receipt
    sales._receipt = lambda *args: tell(*args)._replace(version=None)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Engines")
    w.run()
    w.edit(ada, "marketing", company="Looms")
    ran = w.run()
    assert w.shows(ada, "sales", company="Looms") and not ran["sales"]["stale"]


def test_an_opt_out_waits_for_no_version(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", email_opt_out=True)
    once_at(w, "sales.people.write", lambda: w.edit(ada, "sales", company="Looms"))
    ran = w.run()
    assert ran.sent["sales"][0].if_version is None and w.shows(ada, "sales", email_opt_out=True, company="Looms")


def test_what_else_was_planned_for_a_record_that_changed_is_decided_anew(world: Any) -> None:
    w = world(sales={"max_batch": 1})
    people = w.people(3, "marketing sales")
    w.run()
    for someone in people:
        w.edit(someone, "marketing", company="Engines")
    once_at(w, "sales.people.write", lambda: w.edit(people[1], "sales", company="Looms"))
    w.run()
    assert w.shows(people[0], "sales", company="Engines") and w.shows(people[2], "sales", company="Engines")
    assert w.shows(people[1], "sales", company="Looms")
