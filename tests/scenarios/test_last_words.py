"""What a record said of consent before it left: taken once, as of then, and never against what the person did since."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from smarksync.plugin import Gone, GoneKind, Transient

EVIDENCE = ["consent_at", "consent_source", "consent_basis"]


def shows(w: Any, system: str = "sales") -> None:
    """The system still shows that the row which left last was opted out."""
    log = w.systems[system].left["people"]
    log[-1] = log[-1]._replace(gone=log[-1].gone._replace(shows={"email_opt_out": True}, at=w.clock()))


def told_again(w: Any, gone: Gone | None = None, system: str = "sales") -> None:
    """Windows overlap: what left last is told once more, or as something else."""
    log = w.systems[system].left["people"]
    log.append(log[-1]._replace(gone=gone or log[-1].gone, at=w.clock()))


def opts_in(w: Any, someone: Any, system: str, at: datetime) -> None:
    """The person's own act."""
    w.edit(someone, system, email_opt_out=False, consent_basis="own_act", consent_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"))


def merged(w: Any, winner: Any, loser: Any, **values: Any) -> None:
    w.systems["sales"].merge(
        "people", w.place(winner, "sales")[1], w.place(loser, "sales")[1], email_opt_out=False, **values
    )


@pytest.mark.parametrize("taken", [True, False])
def test_a_stranger_who_is_told_twice_undoes_no_later_opt_in(world: Any, taken: bool) -> None:
    w = world(also=EVIDENCE)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    twin = w.person("Ada Twin", "sales")
    merged(w, ada, twin)
    shows(w)
    w.run()
    assert w.consent(ada) == "opted_out"
    w.later(hours=1)
    opts_in(w, ada, "marketing", w.clock())
    w.later(minutes=5)
    if taken:
        w.run()
        assert w.consent(ada) == "opted_in"
    told_again(w)
    w.run()
    w.run()
    assert w.consent(ada) == "opted_in"
    w.quiet()


def test_who_was_merged_and_is_told_as_deleted_later_says_nothing_new(world: Any) -> None:
    w = world(also=EVIDENCE)
    ada, bob = w.person("Ada Lovelace", "marketing sales"), w.person("Bob Noyce", "marketing sales")
    w.run()
    merged(w, bob, ada)
    shows(w)
    w.run()
    assert w.consent(bob) == "opted_out"
    w.later(hours=1)
    opts_in(w, bob, "marketing", w.clock())
    w.later(minutes=5)
    w.run()
    left = w.systems["sales"].left["people"][-1].gone
    told_again(w, Gone(left.id, GoneKind.DELETED, at=w.clock(), shows={"email_opt_out": True}))
    w.run()
    w.run()
    assert w.consent(bob) == "opted_in"


@pytest.mark.parametrize("how", ["shown", "read"])
@pytest.mark.parametrize("then", ["merged", "restored"])
def test_what_was_taken_when_a_record_was_deleted_is_no_news_later(world: Any, how: str, then: str) -> None:
    w = world(also=EVIDENCE)
    ada, bob = w.person("Ada Lovelace", "marketing sales"), w.person("Bob Noyce", "marketing sales")
    w.run()
    if how == "read":
        w.edit(ada, "sales", email_opt_out=True)
        w.killed("ledger.committed", nth=4)
    obj, rid = w.place(ada, "sales")
    row = w.systems["sales"].row(obj, rid)
    w.delete(ada, "sales")
    if how == "shown":
        shows(w)
    w.run()
    w.run()
    assert w.consent(ada) == "opted_out"
    w.later(hours=1)
    opts_in(w, ada, "marketing", w.clock())
    w.later(minutes=5)
    w.run()
    assert w.consent(ada) == "opted_in"
    if then == "restored":
        w.systems["sales"].restore(obj, rid, {**row, "email_opt_out": True})
    else:
        told_again(w, Gone(rid, GoneKind.MERGED, w.place(bob, "sales")[1], at=w.clock(), shows={"email_opt_out": True}))
    w.run()
    w.run()
    assert w.consent(ada) == "opted_in"


def test_an_act_after_the_record_left_outweighs_what_it_said_when_both_are_heard_together(world: Any) -> None:
    w = world(also=EVIDENCE)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.delete(ada, "sales")
    shows(w)
    w.later(hours=48)
    opts_in(w, ada, "marketing", w.clock())
    w.later(hours=48)
    w.run()
    w.run()
    assert w.consent(ada) == "opted_in"


@pytest.mark.parametrize("how", ["lived", "shown", "read"])
def test_a_doubtful_record_that_said_no_and_left_is_heard_by_who_has_its_address(world: Any, how: str) -> None:
    w = world()
    ada = w.person("Ada Byron", "marketing sales")
    w.run()
    twin = w.person("Zoe Else", "sales", email="ada.byron@example.com")
    w.run()
    assert [entry.kind for entry in w.quarantine()] == ["duplicate"]
    w.edit(twin, "sales", email_opt_out=True)
    if how == "lived":
        w.run()
    elif how == "read":
        w.killed("ledger.committed", nth=4)
    w.delete(twin, "sales")
    if how == "shown":
        shows(w)
    w.run()
    assert w.consent(ada) == "opted_out"
    assert w.shows(ada, "marketing", email_opt_out=True) and w.shows(ada, "sales", email_opt_out=True)
    w.quiet()


def test_a_record_that_took_no_part_speaks_for_who_it_was_merged_into(world: Any) -> None:
    w = world(where={"sales": "lead.company != 'Out'"})
    ada = w.person("Ada Lovelace", "marketing sales", company="In")
    w.run()
    twin = w.person("Ada Twin", "sales", company="Out")
    w.run()
    merged(w, ada, twin, company="In")
    shows(w)
    w.run()
    assert w.consent(ada) == "opted_out" and w.shows(ada, "marketing", email_opt_out=True)


def both_unread(w: Any) -> Any:
    """Two records of sales become one before anybody read either; only what left shows the opt-out."""
    w.run()
    ada, twin = w.person("Ada Lovelace", "sales"), w.person("Ada Twin", "sales")
    merged(w, ada, twin)
    shows(w)
    return ada


def test_a_record_nobody_read_speaks_for_one_that_is_read_in_the_same_run(world: Any) -> None:
    w = world()
    ada = both_unread(w)
    ran = w.run()
    assert w.consent(ada) == "opted_out"
    assert w.shows(ada, "marketing", email_opt_out=True) and w.shows(ada, "sales", email_opt_out=True)
    assert len(ran.sent["marketing"]) == 1  # nobody is made known as one who may be written to
    w.quiet()


@pytest.mark.parametrize("nth", [3, 4, 5, 6])
def test_a_run_that_dies_between_what_left_and_who_it_went_into_loses_no_word(world: Any, nth: int) -> None:
    w = world()
    ada = both_unread(w)
    w.killed("ledger.committed", nth=nth)
    w.run()
    assert w.consent(ada) == "opted_out" and w.shows(ada, "marketing", email_opt_out=True)
    assert not w.query("SELECT 1 FROM departed")


def test_what_a_record_nobody_read_said_waits_for_one_that_cannot_be_read_now(world: Any) -> None:
    w = world(objects={"sales": ("leads", "contacts")})
    w.run()
    ada = w.person("Ada Lovelace", "sales")
    contact = w.systems["sales"].convert("leads", ada.places.pop("sales")[1], "contacts")
    ada.places["sales"] = ("contacts", contact)
    log = w.systems["sales"].left["leads"]
    log[-1] = log[-1]._replace(gone=log[-1].gone._replace(shows={"email_opt_out": True}, at=w.clock()))
    w.faults.fail(Transient("503"), system="sales", kind="read", stream="contacts")
    w.run()
    w.run()
    assert w.consent(ada) == "opted_out" and w.shows(ada, "marketing", email_opt_out=True)
    w.quiet()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("page", [True, False])
def test_what_a_record_nobody_read_said_follows_from_merge_to_merge(world: Any, known: bool, page: bool) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales") if known else None
    w.run()
    ada = ada or w.person("Ada Lovelace", "sales")
    middle, twin = w.person("Ada Middle", "sales"), w.person("Ada Twin", "sales")
    merged(w, middle, twin)
    shows(w)
    w.later(minutes=1)
    if page:  # the middle one was read, and nothing was decided of it yet
        w.killed("ledger.committed", nth=4)
    merged(w, ada, middle)
    w.run()
    assert w.consent(ada) == "opted_out" and w.shows(ada, "marketing", email_opt_out=True)
    assert not w.query("SELECT 1 FROM departed")
    w.quiet()
