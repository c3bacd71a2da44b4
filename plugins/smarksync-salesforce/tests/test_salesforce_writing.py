"""Writing (vendors/crm.md 1.7 to 1.10): collections, our id, owners, duplicates, locks, lost answers."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_org import Org

from smarksync.plugin import AuthFailed, Op, Throttled, Transient, WriteResult

COLLECTION = "*/composite/sobjects*"


def test_two_hundred_rows_a_call_each_for_itself(org: Org) -> None:
    # 1.7: at most 200, allOrNone false, results in the order of the request
    rows: list[dict[str, Any]] = [{"LastName": f"L{n}", "Company": "Engines"} for n in range(250)]
    rows[3]["Company"] = None
    rows[240]["City"] = "x" * 41
    receipts = org.write(Op.CREATE, *rows)
    assert [n for n, r in enumerate(receipts) if r.result is not WriteResult.CREATED] == [3, 240]
    assert len({r.id for r in receipts}) == 249 and len(org.sim.rows("Lead")) == 248
    assert org.sim.count(write=True) == 2
    ids = {r["SmarkSync_Id__c"]: r["LastName"] for r in org.sim.rows("Lead")}
    assert ids["key7"] == "L7"


def test_create_is_safe_to_repeat(org: Org) -> None:
    # 1.7, Idempotency: only an upsert by external id is
    first, again = org.create(City="Bath"), org.create(City="Leeds")
    assert (first.result, again.result, first.id) == ("created", "created", again.id)
    assert org.sim.find("Lead")["City"] == "Leeds"


@pytest.mark.parametrize("after", [True, False])
def test_create_whose_answer_is_lost_makes_nobody_twice(org: Org, after: bool) -> None:
    org.connector.describe("Lead")
    org.sim.faults.drop(after=after, path=COLLECTION)
    receipt = org.create()
    assert receipt.result == "created" and org.sim.find("Lead")["Id"] == receipt.id


def test_create_whose_answers_are_all_lost_is_in_doubt(org: Org) -> None:
    org.connector.describe("Lead")
    org.sim.faults.drop(after=True, times=None, path=COLLECTION)
    assert org.create().result == "unknown"
    org.sim.faults.clear()
    assert org.create().id == org.sim.find("Lead")["Id"]


def test_without_a_field_for_our_id_nothing_is_created(org: Org) -> None:
    # 1.7: a create that may be repeated needs it
    org.sim.lack("Lead", "SmarkSync_Id__c")
    receipt = org.create()
    assert (receipt.result, receipt.code, receipt.field) == ("rejected", "SMK-REFUSED", "SmarkSync_Id__c")
    assert org.sim.rows("Lead") == [] and org.sim.count(write=True) == 0
    rid = org.lead()
    assert org.update(rid, City="Bath").result == "updated"


def test_upserts_that_race_name_the_row_that_won(org: Org) -> None:
    # salesforce.stackexchange 197382: the second of two upserts of one key at once is a DUPLICATE_VALUE;
    # 1.10, trap 2: its words name the row by 15 characters
    rid = str(org.create().id)
    org.sim.quirks.racing_upserts = 1
    receipt = org.create()
    assert (receipt.result, receipt.code, receipt.duplicate_of) == ("rejected", "SMK-DUPLICATE", (rid,))


def test_key_that_two_rows_have_is_a_question_and_no_guess(org: Org) -> None:
    # 1.7: an ambiguous upsert is refused
    org.sim.store.objects["Lead"].fields["SmarkSync_Id__c"].flags -= {"unique"}
    both = {org.lead(SmarkSync_Id__c="key0"), org.lead(SmarkSync_Id__c="key0")}
    receipt = org.create()
    assert (receipt.result, receipt.code, set(receipt.duplicate_of)) == ("rejected", "SMK-DUPLICATE", both)


def test_update_changes_what_it_names_and_null_clears(org: Org) -> None:
    rid = org.lead(City="Bath", Title="Countess")
    assert org.update(rid, City=None, FirstName="Ada").result == "updated"
    row = org.sim.get("Lead", rid)
    assert (row["City"], row["FirstName"], row["Title"]) == (None, "Ada", "Countess")


def test_owner_that_was_chosen_stays(org: Org) -> None:
    # 1.7: without the header assignment rules give the lead to somebody else
    seller = org.sim.rows("User")[1]["Id"]
    made = org.create(OwnerId=seller)
    assert org.sim.get("Lead", str(made.id))["OwnerId"] == seller
    org.update(str(made.id), City="Bath")
    assert org.sim.get("Lead", str(made.id))["OwnerId"] == seller


def test_owner_may_be_a_queue(org: Org) -> None:
    # 1.10, trap 3: a queue is no User row
    queues = org.read("Group", fields=["Name", "smarksync.kind", "smarksync.active"])
    users = org.read("User", fields=["Email", "smarksync.kind", "IsActive"])
    assert {r.fields["Name"] for r in queues.values()} == {"Inbound leads", "Partners"}
    assert {r.fields["smarksync.kind"] for r in queues.values()} == {"queue"}
    assert {r.fields["smarksync.kind"] for r in users.values()} == {"user"}
    assert org.create(OwnerId=next(iter(queues))).result == "created"


def test_duplicate_that_a_collection_does_not_name_is_looked_up_by_address(org: Org) -> None:
    # 1.9 and jetstream#482: collections say DUPLICATES_DETECTED and not of whom
    rid = org.lead(Email="ada@example.com")
    receipt = org.create(Email="Ada@Example.com")
    assert (receipt.result, receipt.code, receipt.duplicate_of) == ("rejected", "SMK-DUPLICATE", (rid,))
    assert "ada" not in str(receipt.message).lower()


@pytest.mark.parametrize("misspelt", [True, False])
def test_duplicate_that_is_named_in_either_spelling(org: Org, misspelt: bool) -> None:
    # 1.9: the key is written duplicateResut
    org.sim.quirks.collections_hide_duplicates = False
    org.sim.quirks.misspelt_duplicate_result = misspelt
    rid = org.lead(Email="ada@example.com")
    org.connector.describe("Lead")
    org.sim.calls.clear()
    assert org.create(Email="ada@example.com").duplicate_of == (rid,)
    assert org.asked() == ["PATCH /composite/sobjects/Lead/SmarkSync_Id__c"]


def test_update_that_makes_a_duplicate_names_the_other_and_not_itself(org: Org) -> None:
    rid = org.lead(Email="ada@example.com")
    other = org.lead(Email="bob@example.com")
    assert org.update(other, Email="ada@example.com").duplicate_of == (rid,)
    org.sim.edit("Lead", other, Email="ada@example.com")  # as people may
    assert org.update(other, Email="Ada@example.com").duplicate_of == (rid,)


def test_unique_value_that_another_row_has_names_its_field_and_that_row(org: Org) -> None:
    # 1.9: DUPLICATE_VALUE names the field in its words alone; a converted lead keeps its values (1.10)
    converted, other = org.lead(SmarkSync_Id__c="abc"), org.lead()
    org.sim.convert(converted)
    refused = org.update(other, SmarkSync_Id__c="abc", Title="CTO")
    assert (refused.result, refused.code, refused.field) == (WriteResult.REJECTED, "SMK-DUPLICATE", "SmarkSync_Id__c")
    assert refused.duplicate_of == (converted,)


def test_duplicate_in_another_object_is_no_candidate_here(org: Org) -> None:
    org.contact(Email="ada@example.com")
    receipt = org.create(Email="ada@example.com")
    assert (receipt.code, receipt.duplicate_of) == ("SMK-DUPLICATE", ())


def test_warning_rule_may_be_overruled_by_a_setting_and_a_blocking_one_not(org: Org) -> None:
    # 1.7, Write headers; 1.9, allowSave
    org.lead(Email="ada@example.com")
    org.open(save_duplicates=True)
    assert org.create(Email="ada@example.com").result == "created"
    org.sim.quirks.duplicate_rules = "block"
    assert org.create(key="key1", Email="ada@example.com").code == "SMK-DUPLICATE"


def test_locked_rows_are_tried_again_in_smaller_batches(org: Org) -> None:
    # 1.9: UNABLE_TO_LOCK_ROW
    account = org.sim.add("Account", Name="Engines")
    ids = [org.contact(f"C{n}", AccountId=account) for n in range(8)]
    org.sim.lock_row(account, times=100, fits=2)
    receipts = org.write(Op.UPDATE, *({"Title": f"T{n}"} for n in range(8)), stream="Contact", ids=ids)
    assert {r.result for r in receipts} == {WriteResult.UPDATED}
    assert org.clock.slept and max(org.clock.slept) < 10
    assert {r["Title"] for r in org.sim.rows("Contact")} == {f"T{n}" for n in range(8)}


def test_lock_that_stays_is_known_not_to_be_applied(org: Org) -> None:
    rid = org.lead()
    org.sim.lock_row(rid, times=99)
    receipt = org.update(rid, City="Bath")
    assert (receipt.result, receipt.code) == ("retry", "SMK-TRANSIENT")
    assert org.sim.count(write=True) == 4


def test_used_up_day_is_no_missing_right_and_no_storm(org: Org) -> None:
    # 1.8: 403 REQUEST_LIMIT_EXCEEDED, without Retry-After
    rid = org.lead()
    org.connector.describe("Lead")
    org.sim.quirks.daily_requests = org.sim.used
    with pytest.raises(Throttled) as caught:
        org.update(rid, City="Bath")
    assert caught.value.retry_after and caught.value.retry_after >= 600
    assert org.sim.count(write=True) == 1
    with pytest.raises(Throttled):
        org.pages()
    assert len(org.sim.calls) == 3 and org.session.counts["throttled"] == 1


def test_rows_not_sent_are_said_to_be_not_applied(org: Org) -> None:
    ids = org.leads(450)
    org.connector.describe("Lead")
    org.sim.faults.answer(
        403,
        [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
        skip=1,
        method="PATCH",
    )
    from smarksync.plugin import Receipt, Write

    receipts: list[Receipt] = []
    answers = org.connector.write("Lead", [Write(i, Op.UPDATE, {"City": "Bath"}, i) for i in ids])
    with pytest.raises(Throttled):
        receipts.extend(answers)
    assert [r.result for r in receipts].count(WriteResult.UPDATED) == 200
    assert [r.result for r in receipts].count(WriteResult.RETRY) == 250


def test_too_many_long_requests_are_waited_for(org: Org) -> None:
    # 1.8: the same code for concurrency
    rid = org.lead()
    org.fails(
        403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", method="PATCH"
    )
    assert org.update(rid, City="Bath").result == "updated"
    assert 5.0 in org.clock.slept


@pytest.mark.parametrize(
    "header",
    [
        "api-usage=14990/15000",
        "api-usage=14990/15000; per-app-api-usage=17/250(appName=x)",
        "api-bursts=1/750; api-usage=14990/15000",
        "per-app-api-usage=17/250(appName=x); api-usage=14990/15000",
    ],
)
def test_what_is_left_of_the_day_is_told(org: Org, header: str) -> None:
    # 1.8: builds append to the header
    org.sim.after = lambda request, answer: answer.headers.update({"Sforce-Limit-Info": header}) or answer
    org.pages()
    assert org.session.counts.budget_left == 10


def test_check_tells_quota_and_account(org: Org) -> None:
    # 1.8: /limits
    org.sim.quirks.daily_requests = 100
    report = org.connector.check()
    assert report.ok and report.budget_left == 99 and "00D" in report.account and report.warnings == ()
    for _ in range(90):
        org.sim.use_up_a_request()
    assert any("of 100 requests" in said for said in org.open().check().warnings)
    org.sim.quirks.daily_requests = 1000
    del org.sim.store.objects["Contact"]
    assert "Contact" in org.open().check().problems[0]


def test_converted_lead_is_a_conflict_and_never_changed(org: Org) -> None:
    # 1.9, 1.10: CANNOT_UPDATE_CONVERTED_LEAD
    rid = org.lead()
    org.sim.convert(rid)
    receipt = org.update(rid, City="Bath")
    assert (receipt.result, receipt.code) == ("conflict", "SMK-CONVERTED")
    assert org.sim.get("Lead", rid)["City"] is None


def test_deleted_row_is_a_conflict_and_deleting_it_again_is_nothing(org: Org) -> None:
    # 1.9: ENTITY_IS_DELETED
    rid, never = org.lead(), "00Q5g00000ZZZZZEA3"
    org.sim.delete("Lead", rid)
    assert [(r.result, r.code) for r in (org.update(rid, City="Bath"), org.update(never, City="Bath"))] == [
        ("conflict", "SMK-GONE")
    ] * 2
    one = org.lead()
    receipts = org.write(Op.DELETE, {}, {}, ids=[rid, one])
    assert [r.result for r in receipts] == ["unchanged", "updated"]
    assert org.sim.get("Lead", one)["IsDeleted"]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"LastName": None}, "SMK-REQUIRED", "LastName"),
        ({"City": "somebody's very private address " * 3}, "SMK-TOO-LONG", "City"),
        ({"Email": "private-at-example"}, "SMK-VALUE-TYPE", "Email"),
        ({"SmarkSync_Journey__c": "private"}, "SMK-PICKLIST-UNMAPPED", "SmarkSync_Journey__c"),
        ({"IsConverted": True}, "SMK-READ-ONLY", "IsConverted"),
        ({"OwnerId": "0055g00000ZZZZZEA3"}, "SMK-PARENT", "OwnerId"),
        ({"OwnerId": "private"}, "SMK-VALUE-TYPE", "OwnerId"),
        ({"Nonsense__c": "private"}, "SMK-INVALID", None),
        ({"SmarkSync_Score__c": "private"}, "SMK-VALUE-TYPE", None),
    ],
)  # fmt: skip
def test_refusals_have_our_codes_name_the_field_and_repeat_no_value(
    org: Org, fields: dict[str, Any], code: str, field: str | None
) -> None:
    # 1.9
    rid = org.lead()
    receipt = org.update(rid, **fields)
    assert (receipt.result, receipt.code, receipt.field) == ("rejected", code, field)
    assert "private" not in str(receipt.message) and receipt.message


def test_owner_who_left_is_refused(org: Org) -> None:
    # 1.3: INACTIVE_OWNER_OR_USER
    left = org.sim.find("User", IsActive=False)["Id"]
    assert org.update(org.lead(), OwnerId=left).result == "rejected"


def test_administrators_own_rule_is_said_in_his_words(org: Org) -> None:
    # 1.9: FIELD_CUSTOM_VALIDATION_EXCEPTION
    org.sim.validations.append(("Lead", lambda row: row["City"] == "Bath", "No leads from spas."))
    receipt = org.update(org.lead(), City="Bath")
    assert (receipt.code, receipt.message) == ("SMK-REFUSED", "FIELD_CUSTOM_VALIDATION_EXCEPTION: No leads from spas.")


def test_collection_that_is_refused_as_a_whole_is_halved(org: Org) -> None:
    # 1.7: 400 when the request itself is malformed
    ids = org.leads(9)
    said = [{"message": "Unexpected character", "errorCode": "JSON_PARSER_ERROR"}]
    org.sim.faults.answer(400, said, times=None, when=lambda r: b'"cursed"' in r.body)
    rows = [{"City": "cursed" if n == 5 else "Bath"} for n in range(9)]
    receipts = org.write(Op.UPDATE, *rows, ids=ids)
    assert [n for n, r in enumerate(receipts) if r.result == "rejected"] == [5]
    assert org.sim.count(write=True) <= 9


def test_results_that_do_not_fit_their_rows_are_in_doubt(org: Org) -> None:
    ids = org.leads(2)
    org.connector.describe("Lead")
    org.sim.faults.garble([{"id": ids[0], "success": True, "errors": []}], method="PATCH")
    receipts = org.write(Op.UPDATE, {"City": "A"}, {"City": "B"}, ids=ids)
    assert {r.result for r in receipts} == {WriteResult.UNKNOWN}


@pytest.mark.parametrize("body", ["<html>Down for maintenance</html>", "", '[{"id":'])
def test_page_instead_of_results_is_in_doubt(org: Org, body: str) -> None:
    rid = org.lead()
    org.connector.describe("Lead")
    org.sim.faults.garble(body, times=None, method="PATCH")
    assert org.update(rid, City="Bath").result == "unknown"


def test_server_trouble_on_a_write_is_tried_again_or_raised(org: Org) -> None:
    rid = org.lead()
    org.sim.faults.answer(503, "<html></html>", times=2, method="PATCH")
    assert org.update(rid, City="Bath").result == "updated"
    with org.sim.down(), pytest.raises((Transient, AuthFailed)):
        org.update(rid, City="Leeds")
    assert org.sim.get("Lead", rid)["City"] == "Bath"


def test_missing_right_is_said_as_such(org: Org) -> None:
    # 1.9: API_DISABLED_FOR_ORG
    from smarksync.plugin import PermissionDenied

    org.fails(403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization", path="*/describe")
    with pytest.raises(PermissionDenied, match="not enabled"):
        org.pages()


def test_opt_out_is_written_as_it_is_sent(org: Org) -> None:
    rid = org.lead()
    org.update(rid, HasOptedOutOfEmail=True)
    assert org.sim.get("Lead", rid)["HasOptedOutOfEmail"] is True
