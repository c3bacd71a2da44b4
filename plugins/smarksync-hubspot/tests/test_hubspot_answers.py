"""Answers that name nobody, and what left told for the right time (crm.md 2.6, 2.7)."""

from __future__ import annotations

import pytest
from hubspot_account import Account

from smarksync.plugin import GoneKind, WriteResult


def someone(hub: Account) -> str:
    return hub.sim.create(email="one@answers.example", firstname="One")


def test_an_error_inside_a_good_answer_of_consent_is_a_refusal(hub: Account) -> None:
    rid = someone(hub)
    body = {"status": "COMPLETE", "results": [], "errors": [{"message": "no such channel"}], "numErrors": 1}
    hub.sim.faults.answer(200, body, path="*/unsubscribe-all")
    (receipt,) = hub.update("contacts", {"id": rid, "hs_email_optout": True})
    assert (receipt.result, receipt.field) == (WriteResult.REJECTED, "hs_email_optout")


def test_an_error_that_names_nobody_means_the_only_row(hub: Account) -> None:
    rid = someone(hub)
    error = {"status": "error", "category": "VALIDATION_ERROR", "message": "that is not valid"}
    hub.sim.faults.answer(
        207, {"status": "COMPLETE", "results": [], "errors": [error], "numErrors": 1}, path="*/batch/update"
    )
    (receipt,) = hub.update("contacts", {"id": rid, "firstname": "Two"})
    assert receipt.result is WriteResult.REJECTED and "not valid" in str(receipt.message)


def test_an_association_that_is_refused_in_words_alone_means_its_row(hub: Account) -> None:
    one, two = someone(hub), hub.sim.create(email="two@answers.example")
    company = hub.sim.create("companies", name="Engines", domain="engines.example")
    error = {"status": "error", "category": "VALIDATION_ERROR", "message": f"CONTACT={one} is not valid"}
    body = {"status": "COMPLETE", "results": [], "errors": [error], "numErrors": 1}
    hub.sim.faults.answer(207, body, path="/crm/v4/*")
    rows = ({"id": rid, "associations.company": company} for rid in (one, two))
    assert [r.result for r in hub.update("contacts", *rows)] == [WriteResult.REJECTED, WriteResult.UPDATED]


def test_what_was_deleted_behind_until_is_told_by_the_next_look(hub: Account) -> None:
    rid = someone(hub)
    hub.read("contacts", ("email",))
    _, cursor = hub.gone("contacts")
    hub.wait(3600)
    until = hub.clock.now()
    hub.wait(60)
    hub.sim.archive("contacts", rid)
    told = [gone.id for group, _ in hub.connector.gone("contacts", cursor=cursor, until=until) for gone in group]
    assert told == [] and [gone.id for gone in hub.gone("contacts", cursor)[0]] == [rid]


def test_a_winner_that_names_itself_did_not_leave(hub: Account) -> None:
    rid = someone(hub)
    _, cursor = hub.gone("contacts")
    hub.wait(600)
    hub.sim.edit("contacts", rid, firstname="Two")
    hub.sim.store.rows["contacts"][rid].properties["hs_merged_object_ids"] = f"{rid};4711"
    hub.read("contacts", ("email",))
    assert [gone.id for gone in hub.gone("contacts", cursor)[0]] == ["4711"]


def test_a_merge_that_an_earlier_run_read_and_did_not_tell_is_asked_for(hub: Account) -> None:
    one, two = someone(hub), hub.sim.create(email="two@answers.example")
    _, cursor = hub.read("contacts", ("email",))
    _, gone = hub.gone("contacts")
    hub.wait(600)
    hub.sim.merge("contacts", one, two)
    hub.wait(600)
    _, cursor = hub.read("contacts", ("email",), cursor)  # and the run dies before it asks what left
    hub.wait(600)
    hub.connector = hub.open()
    hub.read("contacts", ("email",), cursor)
    left = {one.id: one.kind for one in hub.gone("contacts", gone)[0]}
    assert left.get(two) is GoneKind.MERGED


def test_associations_of_one_row_come_in_pages(hub: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    # 2.7: one row may have thousands
    monkeypatch.setattr("smarksync_hubspot.simulator.relations._PART", 2)
    deal = hub.sim.create("deals", dealname="Engines")
    people = [hub.sim.create(email=f"p{n}@answers.example") for n in range(5)]
    for one in people:
        hub.sim.store.link("deals", deal, "contacts", one)
    (record,) = hub.connector.fetch("deals", [deal], fields=("dealname", "associations.contacts"))
    assert record.fields["associations.contacts"] == sorted(people)
