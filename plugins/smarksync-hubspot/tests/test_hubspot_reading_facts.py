"""What HubSpot does when it is read. Each test names its line of the fact sheet and fails when we stop caring for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hubspot_account import Account
from smarksync_hubspot.simulator import Quirks

from smarksync.plugin import FieldType, GoneKind, Invalid, Page

Make = Callable[..., Account]
FIELDS = ("email", "firstname", "hs_email_optout")


def ids(records: Any) -> list[str]:
    return [record.id for record in records]


def everybody(hub: Account, kind: str = "contacts") -> set[str]:
    return set(hub.sim.rows(kind))


# -- the list endpoint (crm.md 2.5) ----------------------------------------------------------------------------


def test_the_last_page_is_the_one_without_paging(account: Make) -> None:
    hub = account(people=400)
    pages = hub.pages("contacts", FIELDS)
    assert [len(page.records) for page in pages[:-1]] == [100] * (len(pages) - 1)
    assert {record.id for page in pages for record in page.records} == everybody(hub)
    assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]


def test_a_row_changed_during_a_full_load_is_left_to_the_next_reading(account: Make) -> None:
    hub = account(Quirks(index_lag=0), people=400)
    pages = hub.connector.read("contacts", cursor=None, until=hub.clock.now(), fields=FIELDS)
    first = {record.id for record in next(pages).records}
    late = sorted(everybody(hub) - first)[0]
    hub.wait(5)
    hub.sim.edit("contacts", late, firstname="Meanwhile")
    rest = list(pages)
    assert late not in {record.id for page in rest for record in page.records}, "it would be older than it looks"
    hub.wait(5)
    records, _ = hub.read("contacts", FIELDS, rest[-1].cursor)
    assert [record.fields["firstname"] for record in records if record.id == late] == ["Meanwhile"]


def test_rows_by_id_come_a_hundred_a_call_and_fifty_with_their_history(account: Make) -> None:
    hub = account(Quirks(index_lag=0), people=500)
    everyone = sorted(everybody(hub))
    assert len(everyone) > 250
    before = hub.calls("batch/read")
    assert len(ids(hub.connector.fetch("contacts", everyone, fields=FIELDS))) == len(everyone)
    assert hub.calls("batch/read") - before == -(-len(everyone) // 100)
    connector = hub.open(history=True)
    cursor = changed_from_here(hub)
    for rid in everyone[:120]:
        hub.sim.edit("contacts", rid, firstname="Again")
    hub.wait(5)
    records, _ = hub.read("contacts", FIELDS, cursor, connector)
    assert {record.id for record in records if record.history} >= set(everyone[:120])


def test_only_the_fields_asked_for_are_shown_and_null_is_a_value(hub: Account) -> None:
    records, _ = hub.read("contacts", FIELDS)
    assert all(set(record.fields) == set(FIELDS) for record in records)
    assert {record.fields["hs_email_optout"] for record in records} == {None, "true"}


def test_a_killed_load_goes_on_behind_its_last_page(account: Make) -> None:
    hub = account(people=400)
    first = hub.pages("contacts", FIELDS)[0]
    before = hub.calls("/objects/contacts")
    rest, cursor = hub.read("contacts", FIELDS, first.cursor)
    assert set(ids(first.records)) | set(ids(rest)) == everybody(hub)
    assert not set(ids(first.records)) & set(ids(rest))
    assert hub.calls("/objects/contacts") - before == (len(everybody(hub)) - 100 + 99) // 100
    assert "full" not in cursor


def test_what_changed_while_everything_was_listed_is_read_next(account: Make) -> None:
    hub = account(people=400)
    pages = hub.connector.read("contacts", cursor=None, until=hub.clock.now(), fields=FIELDS)
    first = next(pages)
    hub.wait(5)
    hub.sim.edit("contacts", first.records[0].id, firstname="Edited")
    last: Page = list(pages)[-1]
    hub.wait(5)
    again, _ = hub.read("contacts", FIELDS, last.cursor)
    assert [record.fields["firstname"] for record in again] == ["Edited"]


def test_a_token_that_the_list_does_not_know_begins_anew(hub: Account) -> None:
    begun = {"v": 1, "full": {"since": hub.clock.now().isoformat(), "after": "NTI1Cg=="}}
    records, _ = hub.read("contacts", FIELDS, begun)
    assert set(ids(records)) == everybody(hub)


def test_a_query_that_is_too_long_is_asked_in_two_steps(account: Make) -> None:
    hub = account(Quirks(index_lag=0, longest_query=60))
    records, _ = hub.read("contacts", ("email", "firstname", "associations.company"))
    assert set(ids(records)) == everybody(hub)
    assert all(record.fields["email"] for record in records)
    assert hub.calls("batch/read") == 1


def test_associations_come_beside_a_list_once_per_label(hub: Account) -> None:
    deal = next(iter(hub.sim.rows("deals")))
    company = next(iter(everybody(hub, "companies")))
    other = sorted(everybody(hub, "companies"))[-1]
    hub.sim.store.link("deals", deal, "companies", company, 5)
    hub.sim.store.link("deals", deal, "companies", other)
    records, _ = hub.read("deals", ("dealname", "associations.company", "associations.contacts"))
    found = next(record for record in records if record.id == deal)
    assert found.fields["associations.company"] == company  # the primary one
    assert found.fields["associations.contacts"] == sorted(hub.sim.store.linked("deals", deal, "contacts"))
    assert hub.calls("/crm/v4/associations") == 0


# -- search (crm.md 2.5) -----------------------------------------------------------------------------------------


def changed_from_here(hub: Account) -> Any:
    _, cursor = hub.read("contacts", FIELDS)
    hub.wait(300)
    return cursor


def test_what_the_index_shows_late_is_read_all_the_same(account: Make) -> None:
    hub = account(Quirks(index_lag=30))
    cursor = changed_from_here(hub)
    rid = sorted(everybody(hub))[0]
    hub.sim.edit("contacts", rid, firstname="Late")
    hub.wait(5)
    none_yet, cursor = hub.read("contacts", FIELDS, cursor)
    assert none_yet == []
    hub.wait(60)
    records, cursor = hub.read("contacts", FIELDS, cursor)
    assert ids(records) == [rid]
    hub.wait(300)
    _, cursor = hub.read("contacts", FIELDS, cursor)  # once more, for what else the index may have been late with
    hub.wait(300)
    assert hub.read("contacts", FIELDS, cursor)[0] == []


def test_more_changes_than_search_shows_of_one_query(account: Make) -> None:
    hub = account(Quirks(index_lag=0, search_cap=400), people=1500)
    cursor = changed_from_here(hub)
    for rid in everybody(hub):
        hub.wait(0.002)
        hub.sim.edit("contacts", rid, firstname="Changed")
    before = hub.calls("search")
    records, _ = hub.read("contacts", FIELDS, cursor)
    assert set(ids(records)) == everybody(hub)
    assert hub.calls("search") - before == -(-len(everybody(hub)) // 199)


@pytest.mark.parametrize("lexicographic", [True, False])
def test_more_rows_at_one_stamp_than_search_shows_of_one_query(account: Make, lexicographic: bool) -> None:
    hub = account(Quirks(index_lag=0, search_cap=400, lexicographic_ids=lexicographic), people=1500)
    cursor = changed_from_here(hub)
    for rid in everybody(hub):
        hub.sim.edit("contacts", rid, firstname="At once")
    hub.wait(1)
    late = sorted(everybody(hub))[5]
    hub.sim.edit("contacts", late, firstname="Later")
    records, _ = hub.read("contacts", FIELDS, cursor)
    assert set(ids(records)) == everybody(hub)
    assert {record.id: record.fields["firstname"] for record in records}[late] == "Later"


def test_an_edit_while_we_read_shifts_no_row_out_of_sight(account: Make) -> None:
    hub = account(people=800)
    cursor = changed_from_here(hub)
    order = sorted(everybody(hub))
    for rid in order:
        hub.wait(0.002)
        hub.sim.edit("contacts", rid, firstname="Changed")
    pages = hub.connector.read("contacts", cursor=cursor, until=hub.clock.now(), fields=FIELDS)
    first = next(pages)
    hub.wait(60)
    for rid in order[:20]:  # they leave the window: by offsets, the next page would begin twenty rows too late
        hub.sim.edit("contacts", rid, firstname="Again")
    seen = set(ids(first.records)) | {record.id for page in pages for record in page.records}
    assert seen == everybody(hub)


def test_an_empty_page_is_no_end(account: Make) -> None:
    hub = account(Quirks(index_lag=0, empty_pages=2), people=1200)
    cursor = changed_from_here(hub)
    for rid in everybody(hub):
        hub.wait(0.002)
        hub.sim.edit("contacts", rid, firstname="Changed")
    records, _ = hub.read("contacts", FIELDS, cursor)
    assert set(ids(records)) == everybody(hub)


def test_nothing_after_until_is_shown_and_the_cursor_ends_there(hub: Account) -> None:
    cursor = changed_from_here(hub)
    one, two = sorted(everybody(hub))[:2]
    hub.sim.edit("contacts", one, firstname="Before")
    hub.wait(1)
    until = hub.clock.now()
    hub.wait(1)
    hub.sim.edit("contacts", two, firstname="After")
    pages = list(hub.connector.read("contacts", cursor=cursor, until=until, fields=FIELDS))
    assert [record.id for page in pages for record in page.records] == [one]
    assert pages[-1].cursor == {"v": 1, "at": until.isoformat()}
    assert two in ids(hub.read("contacts", FIELDS, pages[-1].cursor)[0])


def test_searches_keep_to_their_own_limit(account: Make) -> None:
    hub = account(people=1500)
    cursor = changed_from_here(hub)
    for rid in everybody(hub):
        hub.wait(0.002)
        hub.sim.edit("contacts", rid, firstname="Changed")
    before = hub.clock.now()
    hub.read("contacts", FIELDS, cursor)
    assert all(call.status == 200 for call in hub.sim.calls)  # no 429: five a second (crm.md 2.5)
    assert hub.clock.now() - before >= timedelta(seconds=0.9)


def test_history_is_read_by_id_where_it_is_wanted(hub: Account) -> None:
    connector = hub.open(history=True)
    cursor = changed_from_here(hub)
    rid = sorted(everybody(hub))[0]
    hub.sim.edit("contacts", rid, firstname="Once")
    hub.wait(5)
    hub.sim.edit("contacts", rid, firstname="Twice")
    records, _ = hub.read("contacts", FIELDS, cursor, connector)
    assert records[0].history is not None
    told = records[0].history["firstname"]
    assert [(past.value, past.by) for past in told] == [
        ("Twice", "CRM_UI:userId:2506000"),
        ("Once", "CRM_UI:userId:2506000"),
    ]
    assert told[0].at - told[1].at == timedelta(seconds=5)


def test_associations_of_changed_rows_are_asked_for_in_one_call(hub: Account) -> None:
    _, cursor = hub.read("deals", ("dealname", "associations.contacts"))
    hub.wait(300)
    deals = sorted(everybody(hub, "deals"))
    for rid in deals:
        hub.sim.edit("deals", rid, description="Looked at")
    alone = hub.sim.create("deals", dealname="Alone")  # a row without any makes it a 207 (recorded)
    hub.wait(1)
    records, _ = hub.read("deals", ("dealname", "associations.contacts"), cursor)
    found = {record.id: record.fields["associations.contacts"] for record in records}
    assert set(found) == {*deals, alone} and found[alone] == []
    assert all(found[rid] == sorted(hub.sim.store.linked("deals", rid, "contacts")) for rid in deals)
    assert hub.calls("/crm/v4/associations") == 1


def test_of_several_companies_the_primary_one_is_meant(hub: Account) -> None:
    _, cursor = hub.read("deals", ("associations.company",))
    hub.wait(300)
    one, two = sorted(everybody(hub, "companies"))[:2]
    deal = hub.sim.create("deals", dealname="With two companies")
    hub.sim.store.link("deals", deal, "companies", one)
    hub.sim.store.link("deals", deal, "companies", two, 5)
    hub.wait(1)
    records, _ = hub.read("deals", ("associations.company",), cursor)
    assert {record.id: record.fields["associations.company"] for record in records}[deal] == two
    found = list(hub.connector.fetch("deals", [deal], fields=("associations.company",)))
    assert found[0].fields["associations.company"] == two


# -- what left (crm.md 2.6) --------------------------------------------------------------------------------------


def test_archived_rows_are_told_and_then_no_more(hub: Account) -> None:
    _, cursor = hub.read("contacts", FIELDS)
    _, left = hub.gone("contacts")
    hub.wait(3600)
    rid = sorted(everybody(hub))[0]
    hub.sim.archive("contacts", rid)
    hub.wait(900)
    hub.read("contacts", FIELDS, cursor)
    gone, left = hub.gone("contacts", left)
    assert [(one.id, one.kind, one.into) for one in gone] == [(rid, GoneKind.DELETED, None)]
    hub.wait(3600)
    assert hub.gone("contacts", left)[0] == []


@pytest.mark.parametrize("new_id", [True, False])
def test_a_merge_tells_where_both_went(account: Make, new_id: bool) -> None:
    hub = account(Quirks(index_lag=0, merge_makes_new_id=new_id))
    _, cursor = hub.read("contacts", FIELDS)
    _, left = hub.gone("contacts")
    hub.wait(300)
    one, two = sorted(everybody(hub))[:2]
    remains = hub.sim.merge("contacts", one, two)
    hub.wait(1)
    records, _ = hub.read("contacts", FIELDS, cursor)
    assert ids(records) == [remains]
    calls = hub.calls()
    gone, _ = hub.gone("contacts", left)
    assert {(entry.id, entry.into) for entry in gone} == {(rid, remains) for rid in (one, two) if rid != remains}
    assert hub.calls() - calls == 1  # the read had shown the merge: only the bin was looked at


def test_a_merge_is_found_when_the_run_that_read_it_was_killed(hub: Account) -> None:
    _, left = hub.gone("contacts")
    hub.wait(300)
    one, two = sorted(everybody(hub))[:2]
    remains = hub.sim.merge("contacts", one, two)
    hub.wait(300)
    gone, _ = hub.gone("contacts", left)
    assert {(entry.id, entry.into) for entry in gone} == {(one, remains), (two, remains)}


def test_the_id_of_a_merged_record_shows_nobody_else(hub: Account) -> None:
    one, two = sorted(everybody(hub))[:2]
    remains = hub.sim.merge("contacts", one, two)
    assert ids(hub.connector.fetch("contacts", [one, two, "none"], fields=FIELDS)) == []
    assert ids(hub.connector.fetch("contacts", [one, remains], fields=FIELDS)) == [remains]


# -- by key (crm.md 2.10) ----------------------------------------------------------------------------------------


def test_an_address_finds_who_has_it_as_a_further_one(hub: Account) -> None:
    one, two = (row.properties["email"] for row in list(hub.sim.rows().values())[:2])
    remains = hub.sim.merge("contacts", hub.sim.contact(str(one)).id, hub.sim.contact(str(two)).id)
    found = list(
        hub.connector.find("contacts", "email", [f" {str(two).upper()} ", "nobody@acme.example"], fields=("email",))
    )
    assert [(record.id, record.fields) for record in found] == [(remains, {"email": one})]


def test_what_is_not_unique_finds_all_through_search(hub: Account) -> None:
    company = next(iter(hub.sim.rows("companies").values()))
    twin = hub.sim.create("companies", name="Twin", domain=company.properties["domain"])
    found = hub.connector.find("companies", "domain", [str(company.properties["domain"])], fields=("name",))
    assert set(ids(found)) == {company.id, twin}


def test_our_own_id_is_read_directly_where_it_is_unique(hub: Account) -> None:
    hub.create("companies", {"name": "Acme", "key": "e1"})
    before = hub.calls("search")
    assert len(list(hub.connector.find("companies", "smarksync_id", ["e1", "e2"], fields=("name",)))) == 1
    assert hub.calls("search") == before


# -- the schema (crm.md 2.4) --------------------------------------------------------------------------------------


def test_types_choices_and_what_may_be_written(hub: Account) -> None:
    contacts = {info.name: info for info in hub.connector.describe("contacts")}
    deals = {info.name: info for info in hub.connector.describe("deals")}
    assert contacts["hubspot_owner_id"].type is FieldType.REFERENCE
    assert contacts["lifecyclestage"].choices is not None
    assert "marketingqualifiedlead" in {choice.value for choice in contacts["lifecyclestage"].choices}
    assert not contacts["lastmodifieddate"].writable and not contacts["hubspotscore"].writable
    assert contacts["hs_email_optout"].writable  # by communication preferences
    assert contacts["email"].unique and contacts["email"].required and contacts["smarksync_id"].unique
    # the properties call leaves stages empty (externalOptions): the pipelines know them
    assert {choice.value for choice in deals["dealstage"].choices or ()} >= {"closedwon", "closedlost"}
    assert deals["associations.contacts"].type is FieldType.CHOICES
    assert hub.calls("/properties/contacts") == 1


def test_the_score_property_has_the_name_that_the_settings_give(hub: Account) -> None:
    hub.sim.add_property(
        "contacts", {"name": "our_score", "label": "Our score", "type": "number", "fieldType": "number"}
    )
    rid = sorted(everybody(hub))[0]
    hub.sim.edit("contacts", rid, our_score="88")
    connector = hub.open(score_property="our_score")
    described = {info.name: info for info in connector.describe("contacts")}
    assert described["hubspotscore"].writable and described["hubspotscore"].type is FieldType.DECIMAL
    records, _ = hub.read("contacts", ("hubspotscore",), connector=connector)
    assert {record.id: record.fields["hubspotscore"] for record in records}[rid] == "88"


def test_a_mapped_property_that_is_gone_is_named_in_the_refusal(hub: Account) -> None:
    hub.sim.faults.answer(400, {"status": "error", "message": "no such thing"}, path="*/objects/contacts")
    with pytest.raises(Invalid, match="reading contacts was refused: no such thing"):
        hub.read("contacts", FIELDS)


def test_dated_paths_are_the_same_calls(hub: Account) -> None:
    connector = hub.open(api_version="2026-03")
    records, cursor = hub.read("contacts", FIELDS, connector=connector)
    assert set(ids(records)) == everybody(hub)
    hub.wait(10)
    hub.read("contacts", FIELDS, cursor, connector)
    assert connector.check().ok
    asked = {call.path for call in hub.sim.calls}
    assert {
        "/crm/objects/2026-03/contacts",
        "/crm/objects/2026-03/contacts/search",
        "/account-info/2026-03/details",
    } <= asked
