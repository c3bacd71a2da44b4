"""What HubSpot does when it is written to. Each test names its line of the fact sheet and fails when we stop caring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hubspot_account import Account
from smarksync_hubspot.simulator import Quirks

from smarksync.plugin import Op, Unknown, WriteResult

Make = Callable[..., Account]


def quirky(**switches: Any) -> Quirks:
    return Quirks(index_lag=0, has_our_properties=True, **switches)


def people(hub: Account, count: int) -> list[str]:
    return sorted(hub.sim.rows())[:count]


def new(number: int, **more: Any) -> dict[str, Any]:
    return {"email": f"new{number}@acme.example", "lastname": f"New {number}", "key": f"e{number}", **more}


# -- values (crm.md 2.3, 2.7) ------------------------------------------------------------------------------------


def test_every_value_goes_out_as_text(hub: Account) -> None:
    rid = people(hub, 1)[0]
    receipt = hub.update(
        "contacts",
        {
            "id": rid,
            "smarksync_attempts": 3,
            "smarksync_opportunity_amount": 12.5,
            "smarksync_handoff_at": "2026-11-22T08:00:00.000Z",
        },
    )[0]
    assert receipt.result is WriteResult.UPDATED
    assert receipt.stored == {
        "smarksync_attempts": "3",
        "smarksync_opportunity_amount": "12.5",
        "smarksync_handoff_at": "2026-11-22T08:00:00.000Z",
    }


def test_empty_clears_where_null_would_be_passed_over(hub: Account) -> None:
    rid = people(hub, 1)[0]
    hub.update("contacts", {"id": rid, "jobtitle": "CFO"})
    hub.update("contacts", {"id": rid, "jobtitle": None})
    assert hub.sim.rows()[rid].properties["jobtitle"] is None


def test_a_write_leaves_other_fields_alone_and_says_when(hub: Account) -> None:
    rid = people(hub, 1)[0]
    before = dict(hub.sim.rows()[rid].properties)
    hub.wait(10)
    receipt = hub.update("contacts", {"id": rid, "jobtitle": "CFO"})[0]
    after = hub.sim.rows()[rid].properties
    assert {name for name in after if after[name] != before.get(name)} == {"jobtitle", "lastmodifieddate"}
    assert receipt.changed_at == hub.clock.now()


# -- creates (crm.md 2.7) ----------------------------------------------------------------------------------------


def test_the_same_create_twice_makes_one_record(hub: Account) -> None:
    for kind, fields in (
        ("contacts", new(1)),
        ("companies", {"name": "Acme", "key": "c1"}),
        ("deals", {"dealname": "D", "key": "d1"}),
    ):
        before = len(hub.sim.rows(kind))
        first, second = hub.create(kind, fields)[0], hub.create(kind, fields)[0]
        assert first.result is WriteResult.CREATED and second.result is WriteResult.UPDATED
        assert first.id == second.id and len(hub.sim.rows(kind)) == before + 1


def test_a_lost_answer_to_a_create_is_asked_for_again(hub: Account) -> None:
    before = len(hub.sim.rows())
    hub.sim.faults.drop(after=True, path="*/batch/upsert")
    receipts = hub.create("contacts", new(1), new(2))
    assert [receipt.result for receipt in receipts] == [WriteResult.UPDATED, WriteResult.UPDATED]  # they are there
    assert len(hub.sim.rows()) == before + 2


def test_without_our_id_a_lost_answer_to_a_create_is_in_doubt(account: Make) -> None:
    hub = account(Quirks(index_lag=0))
    hub.sim.faults.drop(after=True, path="*/batch/create")
    (receipt,) = hub.create("contacts", new(1))
    assert receipt.result is WriteResult.UNKNOWN and receipt.code == Unknown.code
    (again,) = hub.create("contacts", new(1))  # the address is unique: it cannot be made twice
    assert again.code == "SMK-DUPLICATE" and again.duplicate_of == (hub.sim.contact("new1@acme.example").id,)


def test_without_our_id_companies_and_deals_are_not_made(account: Make) -> None:
    hub = account(Quirks(index_lag=0))
    (company,) = hub.create("companies", {"name": "Acme", "key": "c1"})
    (nobody,) = hub.create("contacts", {"lastname": "No address", "key": "e1"})
    assert {company.result, nobody.result} == {WriteResult.REJECTED}
    assert "check --fix" in str(company.message)
    assert hub.calls(write=True) == 0


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("shuffled", [True, False])
def test_results_are_paired_by_name_and_not_by_place(account: Make, traced: bool, shuffled: bool) -> None:
    hub = account(quirky(echoes_trace=traced, shuffles_results=shuffled))
    receipts = hub.create("contacts", *(new(number) for number in range(20)))
    for number, receipt in enumerate(receipts):
        assert hub.sim.rows()[str(receipt.id)].properties["email"] == f"new{number}@acme.example"


def test_without_trace_and_our_id_the_address_pairs_results(account: Make) -> None:
    hub = account(Quirks(index_lag=0, echoes_trace=False))
    receipts = hub.create("contacts", *(new(number) for number in range(10)))
    for number, receipt in enumerate(receipts):
        assert hub.sim.rows()[str(receipt.id)].properties["email"] == f"new{number}@acme.example"


def test_several_values_are_joined(hub: Account) -> None:
    options = [{"label": word, "value": word} for word in ("a", "b", "c")]
    own = {"name": "topics", "label": "Topics", "type": "enumeration", "fieldType": "checkbox", "options": options}
    hub.sim.add_property("contacts", own)
    rid = people(hub, 1)[0]
    (receipt,) = hub.update("contacts", {"id": rid, "topics": ["a", "c"]})
    assert receipt.stored == {"topics": "a;c"}


# -- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("multi", [True, False])
def test_one_bad_row_spoils_no_other(account: Make, multi: bool) -> None:
    """207 with trace ids, or 400 for the whole batch, which is halved (crm.md 2.7)."""
    hub = account(quirky(multi_status=multi, multi_status_updates=multi))
    rows = [new(number) for number in range(20)]
    rows[13]["email"] = "no address"
    receipts = hub.create("contacts", *rows)
    assert [receipt.result for receipt in receipts].count(WriteResult.CREATED) == 19
    bad = receipts[13]
    assert (bad.result, bad.code, bad.field) == (WriteResult.REJECTED, "SMK-VALUE-TYPE", "email")
    assert "no address" not in str(bad.message) and "INVALID_EMAIL" in str(bad.message)
    assert hub.calls(write=True) == (1 if multi else 11)


@pytest.mark.parametrize("multi", [True, False])
def test_a_duplicate_names_who_is_there_already(account: Make, multi: bool) -> None:
    """The id stands in the context, or in the sentence only (crm.md 2.9)."""
    hub = account(quirky(multi_status=multi, multi_status_updates=multi))
    rid = people(hub, 1)[0]
    held = hub.sim.rows()[rid].properties["email"]
    receipts = hub.create("contacts", new(1), new(2, email=held), new(3))
    assert [receipt.result for receipt in receipts] == [WriteResult.CREATED, WriteResult.REJECTED, WriteResult.CREATED]
    assert (receipts[1].code, receipts[1].duplicate_of) == ("SMK-DUPLICATE", (rid,))
    other = people(hub, 2)[1]
    (update,) = hub.update("contacts", {"id": other, "email": held})
    assert (update.code, update.duplicate_of) == ("SMK-DUPLICATE", (rid,))


def test_a_further_address_is_a_duplicate_too(hub: Account) -> None:
    one, two = people(hub, 2)
    held = hub.sim.rows()[two].properties["email"]
    remains = hub.sim.merge("contacts", one, two)
    (receipt,) = hub.create("contacts", new(1, email=held))
    assert (receipt.code, receipt.duplicate_of) == ("SMK-DUPLICATE", (remains,))


def test_our_id_on_two_records_is_refused_with_the_other_one(hub: Account) -> None:
    one, two = people(hub, 2)
    hub.update("contacts", {"id": one, "smarksync_id": "e1"})
    (receipt,) = hub.update("contacts", {"id": two, "smarksync_id": "e1"})
    assert (receipt.code, receipt.field, receipt.duplicate_of) == ("SMK-DUPLICATE", "smarksync_id", (one,))


@pytest.mark.parametrize("multi", [True, False])
def test_a_property_that_no_row_may_carry_is_told_from_one_answer(account: Make, multi: bool) -> None:
    """No halving: what does not exist or is read only (crm.md 2.9) is so for every row."""
    hub = account(quirky(multi_status=multi, multi_status_updates=multi))
    rows: list[dict[str, Any]] = [{"id": rid, "jobtitle": "CFO"} for rid in people(hub, 20)]
    for row in rows[:15]:
        row["gone_property"] = "x"
    receipts = hub.update("contacts", *rows)
    assert [receipt.result for receipt in receipts] == [WriteResult.REJECTED] * 15 + [WriteResult.UPDATED] * 5
    assert {receipt.field for receipt in receipts[:15]} == {"gone_property"}
    assert hub.calls(write=True) == (1 if multi else 2)


def test_records_that_left_are_told_by_their_ids(hub: Account) -> None:
    """207 without trace ids: `context.ids` (recorded)."""
    one, *left = people(hub, 3)
    for rid in left:
        hub.sim.archive("contacts", rid)
    receipts = hub.update("contacts", *({"id": rid, "jobtitle": "CTO"} for rid in (one, *left)))
    assert [(receipt.result, receipt.code) for receipt in receipts] == [
        (WriteResult.UPDATED, None),
        (WriteResult.CONFLICT, "SMK-GONE"),
        (WriteResult.CONFLICT, "SMK-GONE"),
    ]


def test_an_unknown_option_and_a_former_owner_are_refused_with_their_field(hub: Account) -> None:
    one, two = people(hub, 2)
    left = next(rid for rid, owner in hub.sim.owners.items() if owner["archived"])
    receipts = hub.update("contacts", {"id": one, "hs_lead_status": "Hot"}, {"id": two, "hubspot_owner_id": left})
    assert [(receipt.code, receipt.field) for receipt in receipts] == [
        ("SMK-PICKLIST-UNMAPPED", "hs_lead_status"),
        ("SMK-REFUSED", "hubspot_owner_id"),
    ]


def test_a_batch_over_the_limit_goes_in_several(hub: Account) -> None:
    receipts = hub.create("contacts", *(new(number) for number in range(250)))
    assert {receipt.result for receipt in receipts} == {WriteResult.CREATED}
    assert hub.calls("batch/upsert") == 3


# -- the lifecycle stage (crm.md 2.10 trap 1) -----------------------------------------------------------------------


def test_a_stage_goes_back_in_two_steps(hub: Account) -> None:
    one, two = people(hub, 2)
    for rid in (one, two):
        hub.sim.edit("contacts", rid, lifecyclestage="customer")
    receipts = hub.update(
        "contacts",
        {"id": one, "lifecyclestage": "lead", "jobtitle": "CFO"},
        {"id": two, "lifecyclestage": "evangelist"},
    )
    assert [receipt.result for receipt in receipts] == [WriteResult.UPDATED] * 2
    assert (receipts[0].stored or {})["lifecyclestage"] == "lead"
    assert [hub.sim.rows()[rid].properties["lifecyclestage"] for rid in (one, two)] == ["lead", "evangelist"]
    assert hub.calls(write=True) == 3


def test_a_stage_that_was_emptied_and_not_set_again_is_looked_at(hub: Account) -> None:
    rid = people(hub, 1)[0]
    hub.sim.edit("contacts", rid, lifecyclestage="customer")
    hub.sim.faults.drop(after=False, path="*/batch/update", skip=2, times=None)
    (receipt,) = hub.update("contacts", {"id": rid, "lifecyclestage": "lead"})
    assert receipt.result is WriteResult.UNKNOWN


# -- associations (crm.md 2.7) ---------------------------------------------------------------------------------------


def companies(hub: Account) -> list[str]:
    return sorted(hub.sim.rows("companies"))


def test_a_contact_is_given_another_primary_company(hub: Account) -> None:
    rid = people(hub, 1)[0]
    for company in companies(hub)[:2]:
        (receipt,) = hub.update("contacts", {"id": rid, "associations.company": company})
        assert (receipt.result, receipt.stored) == (WriteResult.UPDATED, {"associations.company": company})
        records, _ = hub.read("contacts", ("associations.company",))
        assert {record.id: record.fields["associations.company"] for record in records}[rid] == company
    hub.update("contacts", {"id": rid, "associations.company": None})
    assert hub.sim.rows()[rid].properties["associatedcompanyid"] is None


def test_the_contacts_of_a_deal_become_those_that_are_named(hub: Account) -> None:
    one, two, three = people(hub, 3)
    (made,) = hub.create(
        "deals", {"dealname": "D", "dealstage": "qualifiedtobuy", "associations.contacts": [one, two], "key": "d1"}
    )
    assert set(hub.sim.store.linked("deals", str(made.id), "contacts")) == {one, two}
    hub.update("deals", {"id": made.id, "associations.contacts": [two, three]})
    assert set(hub.sim.store.linked("deals", str(made.id), "contacts")) == {two, three}


def test_an_association_with_nobody_refuses_an_update_and_not_a_create(hub: Account) -> None:
    rid = people(hub, 1)[0]
    (update,) = hub.update("contacts", {"id": rid, "associations.company": "999"})
    assert (update.result, update.field) == (WriteResult.REJECTED, "associations.company")
    (create,) = hub.create("contacts", new(1, **{"associations.company": "999"}))
    assert create.result is WriteResult.CREATED and "associations.company" not in (create.stored or {})
    assert create.message


def test_a_task_for_people_is_made_once_with_whom_it_is_about(hub: Account) -> None:
    rid = people(hub, 1)[0]
    task = {
        "hs_task_subject": "Call Ada", "hs_timestamp": "2026-11-22T12:00:00.000Z", "hs_task_status": "NOT_STARTED",
        "hubspot_owner_id": next(iter(hub.sim.owner_ids())), "associations.contact": rid, "key": "case-1",
    }  # fmt: skip
    first, second = hub.create("tasks", task)[0], hub.create("tasks", task)[0]
    assert first.id == second.id and len(hub.sim.rows("tasks")) == 1
    records, _ = hub.read("tasks", ("hs_task_subject", "associations.contact", "smarksync.type", "smarksync.actor"))
    assert records[0].fields == {
        "hs_task_subject": "Call Ada",
        "associations.contact": rid,
        "smarksync.type": "task",
        "smarksync.actor": "sales",
    }


# -- consent (addendum of marketing.md) --------------------------------------------------------------------------------


def test_an_opt_out_goes_through_communication_preferences(hub: Account) -> None:
    rid = next(rid for rid, row in hub.sim.rows().items() if row.properties["hs_email_optout"] is None)
    (receipt,) = hub.update("contacts", {"id": rid, "hs_email_optout": True})
    assert (receipt.result, receipt.stored) == (WriteResult.UPDATED, {"hs_email_optout": "true"})
    row = hub.sim.rows()[rid]
    assert row.properties["hs_email_optout"] == "true"
    assert {hub.sim.statuses[str(row.properties["email"]), one] for one in hub.sim.subscriptions} == {"UNSUBSCRIBED"}


def test_a_new_contact_is_opted_out_at_once_and_a_bare_no_claims_nothing(hub: Account) -> None:
    out, plain = hub.create("contacts", new(1, hs_email_optout=True), new(2, hs_email_optout=False))
    assert (out.stored or {})["hs_email_optout"] == "true" and out.result is WriteResult.CREATED
    assert plain.result is WriteResult.CREATED
    assert hub.sim.contact("new1@acme.example").properties["hs_email_optout"] == "true"
    assert not any("new2@" in address for address, _ in hub.sim.statuses)


def test_an_opt_in_restores_the_types_that_the_settings_name(account: Make) -> None:
    hub = account(quirky(data_privacy=True))
    connector = hub.connector
    rid = people(hub, 1)[0]
    email = str(hub.sim.rows()[rid].properties["email"])
    hub.sim.opt_out(email)
    hub.connector = hub.open(resubscribe=[10112], legal_basis="CONSENT_WITH_NOTICE")
    (receipt,) = hub.update("contacts", {"id": rid, "hs_email_optout": False})
    assert receipt.result is WriteResult.UPDATED
    assert hub.sim.rows()[rid].properties["hs_email_optout"] == "false"
    assert [hub.sim.statuses[email, one] for one in (10112, 10113)] == ["SUBSCRIBED", "UNSUBSCRIBED"]
    hub.connector = connector  # without a legal basis, such an account refuses
    hub.sim.opt_out(email)
    (refused,) = hub.update("contacts", {"id": rid, "hs_email_optout": False})
    assert (refused.result, refused.field) == (WriteResult.REJECTED, "hs_email_optout")


def test_a_missing_scope_for_consent_is_told_for_that_row(account: Make) -> None:
    hub = account(quirky(missing_scopes={"consent"}))
    rid = people(hub, 1)[0]
    (receipt,) = hub.update("contacts", {"id": rid, "hs_email_optout": True})
    assert (receipt.result, receipt.code) == (WriteResult.REJECTED, "SMK-PERMISSION")
    (create,) = hub.create("contacts", new(1, hs_email_optout=True))
    assert create.result is WriteResult.CREATED and "hs_email_optout" not in (create.stored or {})


# -- archive -------------------------------------------------------------------------------------------------------


def test_archiving_is_the_bin_and_may_be_repeated(hub: Account) -> None:
    one, two = people(hub, 2)
    assert {r.result for r in hub.write("contacts", Op.ARCHIVE, {"id": one}, {"id": two})} == {WriteResult.UPDATED}
    assert {r.result for r in hub.write("contacts", Op.ARCHIVE, {"id": one})} == {WriteResult.UPDATED}
    assert one not in hub.sim.rows() and hub.sim.store.rows["contacts"][one].archived


def test_new_rows_that_nothing_else_names_are_told_apart_by_their_trace(hub: Account) -> None:
    # marketing.md 4.5: results come in another order than their inputs; a task has no address, and no id of ours
    made = hub.create(
        "tasks", *({"hs_task_subject": f"Call {n}", "hs_timestamp": "2026-11-22T07:00:00Z"} for n in range(9))
    )
    there = hub.sim.rows("tasks")
    assert [there[str(receipt.id)].properties["hs_task_subject"] for receipt in made] == [f"Call {n}" for n in range(9)]


def test_yes_and_no_are_sent_in_hubspots_spelling(hub: Account) -> None:
    # crm.md 2.3: every value is text, and a checkbox knows "true" and "false" alone
    made = {
        "name": "likes_tea", "label": "Likes tea", "type": "bool", "fieldType": "booleancheckbox",
        "groupName": "tea", "options": [],
    }  # fmt: skip
    api = hub.connector._api
    api.call("POST", "/crm/v3/properties/contacts/groups", json={"name": "tea", "label": "Tea"}, kind="schema")
    api.call("POST", "/crm/v3/properties/contacts", json=made, kind="schema")
    rid = hub.sim.create("contacts", email="ada@example.com")
    for value, shown in ((True, "true"), (False, "false")):
        (receipt,) = hub.write("contacts", Op.UPDATE, {"id": rid, "likes_tea": value})
        assert receipt.result is WriteResult.UPDATED
        assert hub.sim.rows("contacts")[rid].properties["likes_tea"] == shown
