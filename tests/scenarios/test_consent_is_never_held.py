"""Consent (f): never held by guards, limits, parking, other conflicts or a side that is down."""

from __future__ import annotations

from typing import Any

import pytest

from smarksync.config import load
from smarksync.engine.status import status
from smarksync.errors import Transient

# -- (f) consent writes are never held -----------------------------------------------------------------------------


def test_f_an_opt_out_reaches_those_within_reach_and_the_rest_later(world: Any) -> None:
    w = world("marketing", "sales", "support")
    ada = w.person("Ada Lovelace", "marketing sales support")
    w.run()
    w.edit(ada, "marketing", email_opt_out=True, company="Analytical Engines")
    w.faults.fail(lambda: Transient("503"), system="sales", times=None)
    ran = w.run()
    assert ran.exit_code == 5
    assert w.shows(ada, "support", email_opt_out=True, company=None)
    assert w.shows(ada, "sales", email_opt_out=None)
    w.faults.clear()
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", email_opt_out=True, company="Analytical Engines")
    w.quiet()


def test_f_an_opt_out_seen_while_the_only_other_side_is_down_is_not_lost(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", email_opt_out=True)
    w.faults.fail(lambda: Transient("503"), system="sales", times=None)
    for _ in range(3):
        assert w.run().exit_code == 5
    assert w.consent(ada) == "opted_out"
    w.faults.clear()
    w.run()
    assert w.shows(ada, "sales", email_opt_out=True)


def test_f_an_opt_out_whose_write_fails_is_sent_again(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", email_opt_out=True)
    w.faults.fail(Transient("503"), system="sales", kind="write")
    assert w.run().exit_code == 5
    w.run()
    assert w.shows(ada, "sales", email_opt_out=True)


@pytest.mark.parametrize("applied", [True, False], ids=["applied", "not applied"])
def test_f_an_opt_out_whose_answer_is_lost_arrives(world: Any, applied: bool) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", email_opt_out=True)
    w.faults.lose(applied=applied, system="sales")
    w.run()
    w.run()
    assert w.shows(ada, "sales", email_opt_out=True)
    w.quiet()


def test_f_an_opt_out_passes_another_fields_conflict(world: Any) -> None:
    w = world(fields={"company": {"merge": "ask"}})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="One", email_opt_out=True)
    w.edit(ada, "sales", company="Two")
    assert w.run().exit_code == 3
    assert w.shows(ada, "sales", email_opt_out=True, company="Two")


def test_f_an_opt_out_passes_a_record_that_is_refused_for_another_field(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.faults.reject(lambda write: "company" in write.fields)
    w.edit(ada, "marketing", company="Bad", email_opt_out=True)
    assert w.run().exit_code == 3
    assert w.shows(ada, "sales", email_opt_out=True, company=None)


def test_f_an_opt_out_passes_a_full_limit_and_a_first_run(world: Any) -> None:
    w = world()
    everyone = w.people(3, "marketing sales")
    w.people(150, "marketing", start=100)
    for someone in everyone:
        w.edit(someone, "sales", email_opt_out=True)
    ran = w.run()
    assert ran.stopped_by == "first_run"
    for someone in everyone:
        assert w.shows(someone, "marketing", email_opt_out=True)
    w2 = world()
    bob = w2.person("Bob Noyce", "marketing sales")
    w2.run()
    w2.edit(bob, "marketing", email_opt_out=True)
    w2.run(limit=0)
    assert w2.shows(bob, "sales", email_opt_out=True)


def test_f_the_consent_of_a_record_that_left_where_still_counts(world: Any) -> None:
    w = world(where={"sales": "lead.company != 'Test'"})
    ada = w.person("Ada Lovelace", "marketing sales", company="Engines")
    w.run()
    w.edit(ada, "sales", company="Test")
    w.run()
    w.edit(ada, "sales", email_opt_out=True)
    w.run()
    assert w.shows(ada, "marketing", email_opt_out=True)
    w.edit(ada, "marketing", phone="+442079460000")
    w.run()
    assert w.shows(ada, "sales", phone=None)


def test_f_an_opt_out_that_was_refused_is_sent_with_every_run(world: Any) -> None:
    w = world()
    ada, bob = w.person("Ada Lovelace", "marketing sales"), w.person("Bob Noyce", "marketing sales")
    w.run()
    w.faults.reject(lambda write: "email_opt_out" in write.fields)
    w.edit(ada, "marketing", email_opt_out=True)
    assert w.run().exit_code == 3
    for _ in range(3):  # nobody edits anything, and nothing else is news
        ran = w.run()
        assert ran.exit_code == 3 and [len(ran.sent[name]) for name in w.names] == [0, 1]
    assert [held.field for held in w.quarantine()] == [f"consent:{w.place(ada, 'sales')[1]}"]
    w.faults.clear()
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", email_opt_out=True) and w.shows(bob, "sales", email_opt_out=None)
    assert w.quarantine() == []
    w.quiet()


def test_f_a_refused_opt_out_is_sent_by_a_run_that_may_write_nothing_else(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.faults.reject(lambda write: "email_opt_out" in write.fields, times=1)
    w.edit(ada, "marketing", email_opt_out=True)
    w.run()
    w.run(limit=0)
    assert w.shows(ada, "sales", email_opt_out=True)
    w.quiet()


def test_status_counts_the_opt_outs_that_are_not_written_yet(world: Any) -> None:
    w = world()
    ada, bob = w.person("Ada Lovelace", "marketing sales"), w.person("Bob Noyce", "marketing sales")
    w.run()
    assert status(load(w.root / "smarksync.yaml"), w.reading, w.clock())["opt_outs_owed"] == []
    w.faults.reject(lambda write: "email_opt_out" in write.fields)
    w.edit(ada, "marketing", email_opt_out=True)
    w.run()
    w.faults.clear()
    w.faults.fail(Transient("503"), system="sales", kind="write")
    w.edit(bob, "marketing", email_opt_out=True)
    w.run()
    owed = status(load(w.root / "smarksync.yaml"), w.reading, w.clock())["opt_outs_owed"]
    assert owed == [{"to": "sales:people", "records": 2, "refused": 1}]
    w.run()
    assert status(load(w.root / "smarksync.yaml"), w.reading, w.clock())["opt_outs_owed"] == []
