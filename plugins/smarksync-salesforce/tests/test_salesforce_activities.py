"""Tasks, events, campaign members, opportunities with their contacts (vendors/crm.md 1.3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from salesforce_org import Org
from smarksync_salesforce import SPEC

from smarksync.plugin import Op, WriteResult

WORDS = ("smarksync.type", "smarksync.result", "smarksync.direction", "smarksync.automated", "smarksync.actor")
MEMBER = ("CampaignId", "smarksync.lead", "smarksync.status", "Status")


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ({}, ("task", "planned", "none", False, "sales")),
        ({"Status": "Completed"}, ("task", "done", "none", False, "sales")),
        (
            {"TaskSubtype": "Call", "Status": "Completed", "CallType": "Outbound"},
            ("call", "done", "outbound", False, "sales"),
        ),
        (
            {"Type": "Call", "Status": "Completed", "CallDisposition": "No Answer"},
            ("call", "no_answer", "outbound", False, "sales"),
        ),
        (
            {"TaskSubtype": "Call", "Status": "Completed", "CallDisposition": "Left Voicemail"},
            ("call", "left_message", "outbound", False, "sales"),
        ),
        (
            {"TaskSubtype": "Call", "Status": "Completed", "CallType": "Inbound"},
            ("call", "done", "inbound", False, "lead"),
        ),
        ({"TaskSubtype": "Email", "Status": "Completed"}, ("email", "done", "outbound", False, "sales")),
        ({"TaskSubtype": "ListEmail", "Status": "Completed"}, ("email", "done", "outbound", True, "sales")),
        ({"Status": "Deferred"}, ("task", "cancelled", "none", False, "sales")),
    ],
)
def test_task_is_told_in_canonical_words(org: Org, task: dict[str, Any], told: tuple[Any, ...]) -> None:
    rid = org.sim.add("Task", WhoId=org.lead(), Subject="x", **task)
    assert tuple(org.read("Task", fields=WORDS)[rid].fields.values()) == told


def test_time_of_a_task_is_when_it_was_done_or_is_due(org: Org) -> None:
    due = org.sim.add("Task", Subject="a", ActivityDate="2026-11-25")
    org.clock.move(60)
    done = org.sim.add("Task", Subject="b", ActivityDate="2026-11-20", Status="Completed")
    rows = org.read("Task", fields=["smarksync.at"])
    assert rows[due].fields["smarksync.at"] == "2026-11-25T00:00:00Z"
    assert rows[done].fields["smarksync.at"] == "2026-11-22T09:01:00.000+0000"


def test_what_a_task_is_about(org: Org) -> None:
    account = org.sim.add("Account", Name="Engines")
    rid = org.sim.add("Task", Subject="x", WhatId=account)
    fields = ("smarksync.account", "smarksync.opportunity", "smarksync.campaign")
    assert org.read("Task", fields=fields)[rid].fields == {fields[0]: account, fields[1]: None, fields[2]: None}


def test_event_that_took_place_meanwhile_is_read_again_without_an_edit(org: Org) -> None:
    rid = org.sim.add("Event", Subject="Demo", StartDateTime="2026-11-22T12:00:00Z", EndDateTime="2026-11-22T13:00:00Z")
    fields = ("smarksync.type", "smarksync.at", "smarksync.result")
    org.clock.move(3600)  # out of the look-back's reach
    pages = org.pages("Event", fields=fields)
    assert tuple(pages[-1].records[0].fields.values()) == ("meeting", "2026-11-22T12:00:00.000+0000", "planned")
    org.clock.move(timedelta(hours=5).total_seconds())
    assert org.read("Event", pages[-1].cursor, fields)[rid].fields["smarksync.result"] == "done"


def _task(org: Org, **more: Any) -> dict[str, Any]:
    return {
        "smarksync.type": "task", "smarksync.at": "2026-11-23T15:30:00Z", "smarksync.result": "planned",
        "Subject": "First call: Ada [#1234]", "OwnerId": org.sim.person, **more,
    }  # fmt: skip


def test_task_for_a_hand_off(org: Org) -> None:
    # 1.3: WhoId is a lead or a contact; the reminder is what people see
    rid = org.lead()
    receipt = org.create("Task", **_task(org, WhoId=rid, **{"smarksync.direction": "outbound"}))
    row = org.sim.get("Task", str(receipt.id))
    assert (row["WhoId"], row["OwnerId"], row["Status"], row["ActivityDate"]) == (
        rid,
        org.sim.person,
        "Not Started",
        "2026-11-23",
    )
    assert (row["ReminderDateTime"], row["IsReminderSet"]) == ("2026-11-23T15:30:00.000+0000", True)


def test_task_whose_answer_is_lost_is_not_made_twice(org: Org) -> None:
    rid = org.lead()
    org.connector.describe("Task")
    org.sim.faults.drop(after=True, path="*/composite/sobjects")
    first = org.create("Task", **_task(org, WhoId=rid))
    assert first.result == "unknown" and len(org.sim.rows("Task")) == 1
    again = org.create("Task", **_task(org, WhoId=rid))
    assert (again.result, again.id) == ("created", org.sim.find("Task")["Id"])
    other = org.create("Task", **_task(org, WhoId=org.lead("Other")))
    assert other.result == "created" and len(org.sim.rows("Task")) == 2


@pytest.mark.parametrize("name", ["Task", "Event"])
def test_two_facts_that_read_alike_are_two(org: Org, name: str) -> None:
    # somebody fills in one form twice: each is told
    fact = {"WhoId": org.lead(), "Subject": "form submitted: Demo", "smarksync.at": "2026-11-22T08:00:00Z"}
    receipts = [org.create(name, key=f"marketing:forms:{n}", **fact) for n in (1, 2)]
    assert [one.result for one in receipts] == ["created", "created"] and len(org.sim.rows(name)) == 2
    again = org.create(name, key="marketing:forms:1", **fact)
    assert (again.result, again.id) == ("created", receipts[0].id) and len(org.sim.rows(name)) == 2


@pytest.mark.parametrize("name", ["Task", "Event"])
def test_a_fact_is_made_once_however_long_ago_that_was(org: Org, name: str) -> None:
    # after a lost ledger everything within the activity window is offered again
    fact = {"WhoId": org.lead(), "Subject": "form submitted: Demo", "smarksync.at": "2026-11-22T08:00:00Z"}
    first = org.create(name, key="marketing:forms:1", Description="asked for a demo", **fact)
    org.clock.move(90 * 86_400)
    again = org.create(name, key="marketing:forms:1", **fact)
    assert (again.result, again.id) == ("created", first.id) and len(org.sim.rows(name)) == 1
    assert str(org.sim.find(name)["Description"]).startswith("asked for a demo\n")


def test_looking_for_facts_costs_one_call_a_batch(org: Org) -> None:
    people = [org.lead(f"Nr {n}") for n in range(200)]
    org.connector.describe("Task")
    rows = [{"WhoId": rid, "Subject": f"form submitted: {n}"} for n, rid in enumerate(people)]
    before = len(org.asked("/query"))
    org.write(Op.CREATE, *rows, stream="Task", keys=[f"marketing:forms:{n}" for n in range(200)])
    assert len(org.asked("/query")) - before == 1


def test_task_of_a_person_with_our_subject_is_not_ours(org: Org) -> None:
    rid = org.lead()
    org.sim.add("Task", WhoId=rid, Subject=_task(org)["Subject"])
    org.create("Task", **_task(org, WhoId=rid))
    assert len(org.sim.rows("Task")) == 2


def test_task_about_a_lead_names_no_account(org: Org) -> None:
    # 1.3: WhatId cannot be set when WhoId is a lead
    account = org.sim.add("Account", Name="Engines")
    receipt = org.create("Task", **_task(org, WhoId=org.lead(), **{"smarksync.account": account}))
    assert receipt.result == "created" and org.sim.find("Task")["WhatId"] is None
    receipt = org.create("Task", key="k", **_task(org, WhoId=org.contact(), **{"smarksync.account": account}))
    assert org.sim.get("Task", str(receipt.id))["WhatId"] == account


def test_task_that_was_done_is_closed(org: Org) -> None:
    rid = org.sim.add("Task", Subject="x")
    org.update(rid, "Task", **{"smarksync.result": "done"})
    assert org.sim.get("Task", rid)["IsClosed"]


# ---- campaigns


def test_member_is_a_contact_or_a_lead(org: Org) -> None:
    # 1.3: exactly one of LeadId and ContactId
    campaign = org.sim.add("Campaign", Name="Fair")
    lead, contact = org.lead(), org.contact()
    rows = [{"CampaignId": campaign, "smarksync.lead": who, "smarksync.status": "responded"} for who in (lead, contact)]
    receipts = org.write(Op.CREATE, *rows, stream="CampaignMember")
    shown = org.read("CampaignMember", fields=MEMBER)
    assert [tuple(shown[str(r.id)].fields[name] for name in MEMBER) for r in receipts] == [
        (campaign, lead, "responded", "Responded"), (campaign, contact, "responded", "Responded"),
    ]  # fmt: skip


def test_member_twice_is_the_same_member(org: Org) -> None:
    # 1.3: DUPLICATE_VALUE "already a member of this campaign"
    campaign, lead = org.sim.add("Campaign", Name="Fair"), org.lead()
    rid = org.sim.add("CampaignMember", CampaignId=campaign, LeadId=lead)
    receipt = org.create("CampaignMember", CampaignId=campaign, **{"smarksync.lead": lead, "Status": "Attended"})
    assert (receipt.result, receipt.id) == ("created", rid)
    assert org.sim.get("CampaignMember", rid)["Status"] == "Attended"


def test_member_who_was_taken_out_is_told_as_removed(org: Org) -> None:
    campaign, lead = org.sim.add("Campaign", Name="Fair"), org.lead()
    rid = org.sim.add("CampaignMember", CampaignId=campaign, LeadId=lead)
    cursor = org.now("CampaignMember", MEMBER)
    org.clock.move(60)
    org.sim.delete("CampaignMember", rid)
    assert org.read("CampaignMember", cursor, MEMBER)[rid].fields["smarksync.status"] == "removed"
    assert org.read("CampaignMember", fields=MEMBER) == {}


# ---- opportunities


def test_contacts_of_an_opportunity_come_with_it_and_are_written_after_it(org: Org) -> None:
    one, two, three = org.contact("A"), org.contact("B"), org.contact("C")
    receipt = org.create(
        "Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2027-01-31", ContactRoles=[one, two]
    )
    rid = str(receipt.id)
    assert receipt.stored == {"ContactRoles": sorted([one, two])}
    fields = ("ContactRoles", "PrimaryContact", "smarksync.stage_kind")
    assert org.read("Opportunity", fields=fields)[rid].fields["ContactRoles"] == sorted([one, two])
    receipt = org.update(rid, "Opportunity", ContactRoles=[two, three], StageName="Closed Won")
    assert receipt.stored == {"ContactRoles": sorted([two, three])}
    assert org.read("Opportunity", fields=fields)[rid].fields["smarksync.stage_kind"] == "won"
    assert {r["ContactId"] for r in org.sim.rows("OpportunityContactRole")} == {two, three}


def test_role_alone_brings_its_opportunity_again(org: Org) -> None:
    # roles do not touch the opportunity's own stamp
    contact = org.contact()
    deal = org.sim.add("Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2027-01-31")
    org.clock.move(3600)
    cursor = org.now("Opportunity", ["Name", "ContactRoles"])
    org.clock.move(60)
    role = org.sim.add("OpportunityContactRole", OpportunityId=deal, ContactId=contact, IsPrimary=True)
    assert org.read("Opportunity", cursor, ["ContactRoles", "PrimaryContact"])[deal].fields == {
        "ContactRoles": [contact],
        "PrimaryContact": contact,
    }
    org.clock.move(3600)
    cursor = org.now("Opportunity", ["Name", "ContactRoles"])
    org.clock.move(60)
    org.sim.delete("OpportunityContactRole", role)
    assert org.read("Opportunity", cursor, ["ContactRoles"])[deal].fields == {"ContactRoles": []}


@pytest.mark.parametrize("whole", [True, False])
def test_role_that_changed_before_a_reading_broke_off_is_not_forgotten(org: Org, whole: bool) -> None:
    org.sim.quirks.page = 200
    fields = ("Name", "ContactRoles")
    deals = [
        org.sim.add("Opportunity", Name=f"D{n}", StageName="Prospecting", CloseDate="2027-01-31") for n in range(401)
    ]
    org.clock.move(3600)
    cursor = None if whole else org.now("Opportunity", fields)
    org.clock.move(60)
    if not whole:
        org.sim.add("OpportunityContactRole", OpportunityId=deals[0], ContactId=org.contact())
        org.clock.move(60)
        for deal in deals[1:]:
            org.sim.edit("Opportunity", deal, StageName="Qualification")
        org.clock.move(3600)
    first = org.pages("Opportunity", cursor, fields=fields)[0]
    if whole:
        org.clock.move(60)
        org.sim.add("OpportunityContactRole", OpportunityId=deals[0], ContactId=org.contact())
    shown = org.read("Opportunity", first.cursor, fields)
    assert len(shown[deals[0]].fields["ContactRoles"]) == 1


def test_event_that_ended_before_a_reading_broke_off_is_not_forgotten(org: Org) -> None:
    org.sim.quirks.page = 200
    fields = ("smarksync.result",)
    rid = org.sim.add("Event", Subject="Demo", StartDateTime="2026-11-22T12:00:00Z", EndDateTime="2026-11-22T13:00:00Z")
    org.clock.move(3600)
    cursor = org.now("Event", fields)
    org.clock.move(4 * 3600)
    for n in range(401):
        org.sim.add("Event", Subject=f"E{n}", StartDateTime="2026-12-01T12:00:00Z", EndDateTime="2026-12-01T13:00:00Z")
    org.clock.move(3600)
    second = org.pages("Event", cursor, fields=fields)[1]
    assert org.read("Event", second.cursor, fields)[rid].fields == {"smarksync.result": "done"}


def test_failed_role_does_not_hide_that_the_deal_was_written(org: Org) -> None:
    org.connector.describe("Opportunity")
    org.sim.faults.answer(500, "<html></html>", times=None, when=lambda r: b"OpportunityContactRole" in r.body)
    receipt = org.create(
        "Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2027-01-31", ContactRoles=[org.contact()]
    )
    assert receipt.result is WriteResult.CREATED and receipt.stored == {"ContactRoles": []}


def test_reason_of_a_loss_may_have_another_name(org: Org) -> None:
    # 1.3: no standard field
    from smarksync_salesforce.simulator.schema import field

    org.sim.lack("Opportunity", "Loss_Reason__c")
    org.sim.store.objects["Opportunity"].fields["Why_Lost__c"] = field("Why_Lost__c string(80) custom")
    org.open(loss_reason_field="Why_Lost__c")
    assert "Loss_Reason__c" in {info.name for info in org.connector.describe("Opportunity")}
    made = org.create("Opportunity", Name="D", StageName="Closed Lost", CloseDate="2026-11-01", Loss_Reason__c="price")
    assert org.sim.get("Opportunity", str(made.id))["Why_Lost__c"] == "price"
    assert org.read("Opportunity", fields=["Loss_Reason__c"])[str(made.id)].fields == {"Loss_Reason__c": "price"}


def test_currency_field_is_there_where_the_org_has_several(org: Org) -> None:
    # 1.10, trap 9
    from smarksync_salesforce.simulator import Quirks, SalesforceSimulator

    assert "CurrencyIsoCode" not in {info.name for info in org.connector.describe("Opportunity")}
    with SalesforceSimulator(people=0, quirks=Quirks(multi_currency=True)) as other:
        org.open(login_url=other.url)
        assert "CurrencyIsoCode" in {info.name for info in org.connector.describe("Opportunity")}


def test_preset_names_only_what_an_org_has(org: Org) -> None:
    from ruamel.yaml import YAML

    preset = YAML(typ="safe").load(SPEC.preset)
    for stream, told in preset["streams"].items():
        known = {info.name for info in org.connector.describe(stream)}
        for name, vendor in told["fields"].items():
            field = vendor if isinstance(vendor, str) else vendor["field"]
            assert field.partition(" + ")[0] in known, (stream, name)
