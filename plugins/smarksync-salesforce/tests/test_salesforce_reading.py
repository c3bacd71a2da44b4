"""Reading (vendors/crm.md 1.4 to 1.6): pages, places, stamps, and what is hidden."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from salesforce_org import NAMES, Org
from smarksync_salesforce.simulator.schema import field

from smarksync.plugin import OWN_USER, FieldType, Invalid, Malformed


def test_pages_follow_the_vendors_word_and_not_the_number_of_rows(org: Org) -> None:
    # 1.5: a page may be smaller than asked for
    org.sim.quirks.page = 200
    made = org.leads(401)
    pages = org.pages()
    assert [len(p.records) for p in pages] == [200, 200, 1] and [p.more for p in pages] == [True, True, False]
    assert [r.id for p in pages for r in p.records] == made and pages[0].total == 401


def test_two_long_texts_of_their_own_make_small_pages(org: Org) -> None:
    # 1.5: 200 rows when two custom fields that are long texts are selected; those that Salesforce brings do not count
    shape = org.sim.store.objects["Lead"]
    shape.fields["Remarks__c"] = field("Remarks__c textarea(32000) custom")
    org.leads(250)
    own = "SmarkSync_Handoff_Note__c"
    assert [len(p.records) for p in org.pages(fields=["Description", own])] == [250]
    assert [len(p.records) for p in org.pages(fields=["Remarks__c", own])] == [200, 50]


def test_more_rows_than_a_page_in_one_second_are_neither_lost_nor_repeated(org: Org) -> None:
    # 1.5: stamps have whole seconds, and a load stamps thousands of rows with one
    org.sim.quirks.page = 200
    made = org.leads(700)
    org.clock.move(120)
    for stop in (1, 2, 3):
        pages = org.pages()[:stop]
        seen = [r.id for p in pages for r in p.records]
        rest = [r.id for p in org.pages(cursor=pages[-1].cursor) for r in p.records]
        assert seen + rest == made


def test_reading_that_broke_off_near_its_end_looks_back(org: Org) -> None:
    # 1.6, Lag: rows with an earlier stamp may be committed behind the place where it broke off
    org.sim.quirks.page = 200
    made = org.leads(300)
    first = org.pages()[0]
    org.clock.move(20)
    org.sim.commit_late("Lead", made[0], behind=25, City="Late")
    assert made[0] in {r.id for p in org.pages(cursor=first.cursor, fields=["City"]) for r in p.records}


def test_forgotten_locator_is_no_loss(org: Org) -> None:
    # 1.5: INVALID_QUERY_LOCATOR
    org.sim.quirks.page = 200
    made = org.leads(500)
    org.clock.move(120)
    pages = org.connector.read("Lead", cursor=None, until=None, fields=NAMES)
    rows = [r.id for r in next(pages).records]
    org.sim.expire_locators()
    rows += [r.id for page in pages for r in page.records]
    assert rows == made


def test_locator_that_is_forgotten_every_time_ends_in_words(org: Org) -> None:
    org.sim.quirks.page = 200
    org.leads(300)
    org.fails(400, "INVALID_QUERY_LOCATOR", times=None, path="*/query/*")
    with pytest.raises(Malformed, match="forgets"):
        org.pages()


def test_change_that_was_committed_late_is_seen_by_the_look_back(org: Org) -> None:
    # 1.6, Lag
    rid = org.lead()
    org.clock.move(3600)
    cursor = org.now()
    org.clock.move(5)
    org.sim.commit_late("Lead", rid, behind=20, City="Bath")
    assert set(org.read(cursor=cursor)) == {rid}


def test_quiet_reading_shows_nothing_and_costs_one_call(org: Org) -> None:
    org.leads(3)
    org.clock.move(3600)
    cursor = org.now()
    org.clock.move(3600)
    org.sim.calls.clear()
    assert org.read(cursor=cursor) == {}
    assert org.gone("Lead", {"v": 1, "at": org.clock.now().isoformat()})[0] == []
    assert len(org.sim.calls) == 2


def test_rows_changed_after_the_moment_are_left_to_the_next_reading(org: Org) -> None:
    until = org.clock.now()
    org.clock.move(60)
    rid = org.lead()
    assert [r for p in org.pages(until=until) for r in p.records] == []
    assert [r.id for p in org.pages(until=org.clock.now()) for r in p.records] == [rid]


def test_row_edited_while_we_read_moves_no_place_past_others(org: Org) -> None:
    org.sim.quirks.page = 200
    made = org.leads(450)
    org.clock.move(120)
    pages = org.connector.read("Lead", cursor=None, until=org.clock.now(), fields=NAMES)
    next(pages)
    org.clock.move(60)
    org.sim.edit("Lead", made[399], City="Bath")  # the last row of the second page now has a later stamp
    second = next(pages)
    rest = org.pages(cursor=second.cursor)
    assert set(made[400:]) <= {r.id for p in rest for r in p.records}


def test_hidden_field_is_absent_and_never_selected(org: Org) -> None:
    # 1.3, 1.4: describe shows what our user may see; selecting more is INVALID_FIELD
    org.sim.lack("Lead", "HasOptedOutOfEmail")
    names = {info.name for info in org.connector.describe("Lead")}
    assert "HasOptedOutOfEmail" not in names and "Email" in names
    org.lead()
    with pytest.raises(Invalid, match="No such column"):
        org.pages(fields=["HasOptedOutOfEmail"])


def test_describe_tells_types_lengths_and_what_is_required(org: Org) -> None:
    # 1.3, 1.4: required = createable, not nillable, not defaulted
    infos = {info.name: info for info in org.connector.describe("Lead")}
    assert {n for n, i in infos.items() if i.required} == {"LastName", "Company"}
    assert (infos["City"].max_length, infos["Email"].type, infos["SmarkSync_Score__c"].type) == (40, "email", "decimal")
    assert infos["SmarkSync_Id__c"].unique and infos["SmarkSync_Id__c"].custom
    assert not any(infos[n].writable for n in ("Name", "Address", "IsConverted", "MasterRecordId", "SystemModstamp"))
    assert {c.value for c in infos["Status"].choices or ()} >= {"Open - Not Contacted", "Closed - Converted"}


def test_what_is_createable_and_not_updateable_is_taken_with_new_records_only(org: Org) -> None:
    # 1.4: CampaignMember's campaign and person, a task's kind
    once = {
        name: {i.name for i in org.connector.describe(name) if i.create_only}
        for name in ("CampaignMember", "Task", "Lead")
    }
    assert once["CampaignMember"] >= {"CampaignId", "LeadId", "ContactId"} and "Status" not in once["CampaignMember"]
    assert once["Task"] == {"TaskSubtype", "smarksync.type"} and not once["Lead"]


def test_unrestricted_pick_list_takes_any_text(org: Org) -> None:
    # 1.10, trap 8
    infos = {info.name: info for info in org.connector.describe("Lead")}
    assert infos["LeadSource"].choices is None and infos["SmarkSync_Journey__c"].choices
    assert infos["LeadSource"].type is FieldType.TEXT and infos["SmarkSync_Journey__c"].type is FieldType.CHOICE
    assert org.create(LeadSource="ORGANIC_SEARCH").result == "created"


def test_schema_is_asked_for_once_a_run(org: Org) -> None:
    org.connector.describe("Lead")
    org.pages()
    org.pages()
    org.connector.describe("Lead")
    assert org.sim.count(path="/describe") == 1


def test_several_schemas_come_in_one_call(org: Org) -> None:
    # 1.7: a composite of 25 requests counts as one call
    names = ["Lead", "Contact", "User", "Group", "Account"]
    shown = org.connector.describe_many(names)
    assert org.asked() == ["POST /services/oauth2/token", "POST /composite"]
    again = org.open()
    assert shown == {name: again.describe(name) for name in names}
    org.connector.describe_many(["Lead", "Campaign"])
    assert org.asked("/composite") == ["POST /composite"], "what is known is not asked for again"


def test_a_schema_that_is_refused_among_others_says_so_alone(org: Org) -> None:
    del org.sim.store.objects["Group"]
    shown = org.connector.describe_many(["Lead", "Group"])
    assert set(shown) == {"Lead"}
    with pytest.raises(Invalid, match="Group/describe"):
        org.connector.describe("Group")


@pytest.mark.parametrize("body", [{}, [], {"compositeResponse": None}])
def test_an_answer_that_is_no_composite(org: Org, body: object) -> None:
    org.sim.faults.answer(200, body, path="*/composite", times=None)
    with pytest.raises(Malformed, match="several requests"):
        org.connector.describe_many(["Lead", "Contact"])


def test_times_are_aware_and_values_untouched(org: Org) -> None:
    # 1.5: offsets without a colon
    rid = org.lead(Email="Ada@Example.com", SmarkSync_Score__c=41.0)
    row = org.read(fields=["Email", "SmarkSync_Score__c", "CreatedDate", "HasOptedOutOfEmail"])[rid]
    assert row.changed_at == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    assert row.fields == {
        "Email": "Ada@Example.com", "SmarkSync_Score__c": 41.0, "CreatedDate": "2026-11-22T09:00:00.000+0000",
        "HasOptedOutOfEmail": False,
    }  # fmt: skip


def test_our_own_edits_are_told_from_other_peoples(org: Org) -> None:
    theirs, ours = org.lead(), str(org.create().id)
    rows = org.read()
    assert rows[ours].changed_by == OWN_USER and rows[theirs].changed_by == org.sim.person


def test_server_tells_its_time(org: Org) -> None:
    org.sim.elapse(90)
    assert org.connector.server_time() == org.clock.now() + timedelta(seconds=90)
    assert org.asked() == ["POST /services/oauth2/token"]


def test_find_is_without_case_and_gives_every_match(org: Org) -> None:
    # 1.10, trap 6: addresses are not unique
    org.sim.quirks.duplicate_rules = None
    one, two = org.lead("A", Email="ada@example.com"), org.lead("B", Email="ADA@example.com")
    org.lead("C", Email="bob@example.com")
    found = list(org.connector.find("Lead", "Email", [" Ada@Example.com ", "nobody@example.com"], fields=["Email"]))
    assert {r.id for r in found} == {one, two}


def test_value_cannot_break_out_of_a_query(org: Org) -> None:
    # 1.10, trap 10
    rid = org.lead(Email="o'brien@example.com")
    org.lead("B", Email="bob@example.com")
    found = list(org.connector.find("Lead", "Email", ["o'brien@example.com"], fields=["Email"]))
    assert [r.id for r in found] == [rid]
    evil = ["x') OR (Email != '", "back\\", "two\nlines"]
    assert list(org.connector.find("Lead", "Email", evil, fields=["Email"])) == []


def test_many_values_are_asked_for_in_urls_that_fit(org: Org) -> None:
    # 1.8: URI and headers together 16,384 bytes
    org.lead(Email="p499@a-rather-long-domain-name.example")
    values = [f"p{n}@a-rather-long-domain-name.example" for n in range(500)]
    assert len(list(org.connector.find("Lead", "Email", values, fields=["Email"]))) == 1
    asked = [c for c in org.sim.calls if c.path.endswith("/query")]
    assert len(asked) == 3 and all(len(c.query) < 15_000 for c in asked)


def test_rows_by_id_come_in_one_call_and_missing_ones_not_at_all(org: Org) -> None:
    # 1.5: collections retrieve, null for what is not there
    one, two = org.lead(), org.lead()
    org.sim.delete("Lead", two)
    org.connector.describe("Lead")
    org.sim.calls.clear()
    found = list(org.connector.fetch("Lead", [one, two, "00Q000000000000AAA", "no id"], fields=NAMES))
    assert [r.id for r in found] == [one]
    assert org.asked() == ["POST /composite/sobjects/Lead"]


def test_ids_of_15_characters_mean_the_same_row(org: Org) -> None:
    # 1.10, trap 2
    rid = org.lead()
    assert [r.id for r in org.connector.fetch("Lead", [rid[:15]], fields=NAMES)] == [rid]
    assert org.update(rid[:15], City="Bath").id == rid
    assert [g.id for group, _ in org.connector.whereabouts("Lead", [rid[:15]]) for g in group] == []


def test_company_of_a_contact_is_that_of_its_account(org: Org) -> None:
    account = org.sim.add("Account", Name="Engines")
    with_, without = org.contact(AccountId=account), org.contact()
    rows = org.read("Contact", fields=["Account.Name"])
    assert (rows[with_].fields, rows[without].fields) == ({"Account.Name": "Engines"}, {"Account.Name": None})
    assert next(iter(org.connector.fetch("Contact", [with_], fields=["Account.Name"]))).fields == {
        "Account.Name": "Engines"
    }


@pytest.mark.parametrize("body", ["<html>Down for maintenance</html>", {"records": "none"}, [], {"records": []}])
def test_page_that_is_none_ends_in_words(org: Org, body: object) -> None:
    org.connector.describe("Lead")
    org.sim.faults.garble(body, times=None, path="*/query")
    with pytest.raises(Malformed):
        org.pages()


def test_page_that_breaks_off_is_asked_for_again(org: Org) -> None:
    rid = org.lead()
    org.connector.describe("Lead")
    org.sim.faults.cut(path="*/query")
    org.sim.faults.drop(after=True, path="*/query")
    assert set(org.read()) == {rid}
