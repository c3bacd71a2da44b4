"""Bulk API 2.0 (vendors/crm.md 1.7): jobs read and written so that nobody can tell, but by the calls."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_org import NAMES, Org

from smarksync.plugin import Op, Transient, WriteResult

EVERY = (
    "FirstName",
    "Email",
    "SmarkSync_Score__c",
    "HasOptedOutOfEmail",
    "NumberOfEmployees",
    "SmarkSync_Handoff_At__c",
    "Description",
)


def _fill(org: Org, count: int) -> list[str]:
    made = org.leads(count - 1)
    return [*made, org.lead("Last", Email="ada@example.com", SmarkSync_Score__c=41.0, HasOptedOutOfEmail=True,
                            NumberOfEmployees=3, SmarkSync_Handoff_At__c="2026-11-22T10:00:00Z", Description='two\n"lines"')]  # fmt: skip


def test_large_first_reading_is_a_job_with_the_same_rows(org: Org) -> None:
    _fill(org, 60)
    by_query = org.read(fields=EVERY)
    org.open(bulk_read_above=50)
    assert org.read(fields=EVERY) == by_query
    assert org.sim.count(path="/jobs/query") > 0
    org.open(bulk_read_above=60)
    org.read(fields=EVERY)
    assert org.sim.count(path="/jobs/query") == 0  # the estimate decides


def test_parents_come_with_a_job_too(org: Org) -> None:
    account = org.sim.add("Account", Name="Engines")
    org.contact(AccountId=account)
    org.contact("Alone")
    by_query = org.read("Contact", fields=["LastName", "Account.Name"])
    org.open(bulk_read_above=1)
    assert org.read("Contact", fields=["LastName", "Account.Name"]) == by_query
    assert org.sim.count(path="/jobs/query") > 0


def test_reading_by_job_goes_on_where_it_broke_off(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smarksync_salesforce.bulk._PAGE", 20)
    made = set(org.leads(50))
    org.open(bulk_read_above=10)
    first = org.pages()[0]
    org.open(bulk_read_above=10)
    rest = org.pages(cursor=first.cursor)
    assert {r.id for r in first.records} | {r.id for p in rest for r in p.records} == made
    assert org.asked("/jobs/query").count("POST /jobs/query") == 0 and sum(len(p.records) for p in rest) == 30


def test_changes_during_a_job_are_seen_by_the_next_reading(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smarksync_salesforce.bulk._PAGE", 20)
    made = org.leads(50)
    org.open(bulk_read_above=10)
    first = org.pages()[0]
    org.clock.move(3600)
    org.sim.edit("Lead", made[0], City="Bath")
    org.clock.move(3600)
    last = org.pages(cursor=first.cursor)[-1]
    assert made[0] in org.read(cursor=last.cursor)


def test_job_whose_results_are_gone_is_read_anew(org: Org) -> None:
    made = set(org.leads(30))
    org.open(bulk_read_above=10)
    assert (
        set(
            org.read(
                cursor={"v": 1, "job": "7505g00000ZZZZZEA3", "locator": "20", "until": "2026-11-22T09:00:00+00:00"}
            )
        )
        == made
    )


def test_job_that_fails_is_told(org: Org) -> None:
    org.leads(30)
    org.open(bulk_read_above=10)
    org.sim.faults.garble(
        {"id": "750", "state": "Failed", "errorMessage": "InternalServerError"}, path="*/jobs/query/*"
    )
    with pytest.raises(Transient, match="Failed"):
        org.pages()


def test_objects_that_jobs_do_not_hand_out_are_queried(org: Org) -> None:
    org.open(bulk_read_above=0)
    assert len(org.read("Group", fields=["Name"])) == 2
    assert org.sim.count(path="/jobs/query") == 0


def _rows(count: int) -> list[dict[str, Any]]:
    return [{"LastName": f"L{n}", "Company": "Engines", "HasOptedOutOfEmail": n % 2 == 0} for n in range(count)]


def test_many_creates_are_a_job(org: Org) -> None:
    # 1.7: results in any order, so that each row is known by its key
    org.open(bulk_write_above=50)
    rows = _rows(60)
    rows[7]["Company"] = None
    rows[8]["City"] = "private" * 9
    receipts = org.write(Op.CREATE, *rows)
    assert [n for n, r in enumerate(receipts) if r.result is not WriteResult.CREATED] == [7, 8]
    assert (receipts[7].code, receipts[7].field) == ("SMK-REQUIRED", "Company")
    assert (receipts[8].code, receipts[8].field) == ("SMK-TOO-LONG", "City") and "private" not in str(
        receipts[8].message
    )
    for n in (0, 1, 59):
        row = org.sim.get("Lead", str(receipts[n].id))
        assert (row["LastName"], row["SmarkSync_Id__c"], row["HasOptedOutOfEmail"]) == (f"L{n}", f"key{n}", n % 2 == 0)
    assert org.sim.count(path="/composite") == 0
    assert {r.id for r in org.write(Op.CREATE, *_rows(60)) if r.result == "created"} >= {r.id for r in receipts if r.id}


def test_many_updates_are_a_job_and_null_clears(org: Org) -> None:
    # 1.7: #N/A is null, an empty cell leaves alone
    org.open(bulk_write_above=5)
    ids = [org.lead(f"L{n}", City="Bath", Title="Countess") for n in range(6)]
    receipts = org.write(Op.UPDATE, *({"City": None} if n else {"FirstName": "Ada"} for n in range(6)), ids=ids)
    assert {r.result for r in receipts} == {WriteResult.UPDATED}
    rows = [org.sim.get("Lead", rid) for rid in ids]
    assert [r["City"] for r in rows] == ["Bath", None, None, None, None, None] and rows[0]["FirstName"] == "Ada"
    assert {r["Title"] for r in rows} == {"Countess"} and org.sim.count(path="/composite") == 0


def test_duplicates_that_a_job_finds_are_looked_up_by_address(org: Org) -> None:
    org.open(bulk_write_above=2)
    rid = org.lead(Email="ada@example.com")
    receipts = org.write(
        Op.CREATE,
        *({**row, "Email": f"{name}@example.com"} for name, row in zip(("ada", "bob"), _rows(2), strict=True)),
    )
    assert [r.result for r in receipts] == ["rejected", "created"] and receipts[0].duplicate_of == (rid,)


def test_text_that_means_null_in_a_job_goes_another_way(org: Org) -> None:
    org.open(bulk_write_above=2)
    ids = org.leads(3)
    org.write(Op.UPDATE, {"City": "#N/A"}, {"City": "Bath"}, {"City": "Leeds"}, ids=ids)
    assert [org.sim.get("Lead", rid)["City"] for rid in ids] == ["#N/A", "Bath", "Leeds"]


def test_rows_that_a_job_found_locked_go_by_collection(org: Org) -> None:
    org.open(bulk_write_above=3)
    ids = org.leads(4)
    org.sim.lock_row(ids[2], times=1)
    receipts = org.write(Op.UPDATE, *({"City": "Bath"} for _ in ids), ids=ids)
    assert {r.result for r in receipts} == {WriteResult.UPDATED}


def test_job_that_fails_as_a_whole_leaves_its_rows_to_collections(org: Org) -> None:
    # 1.7, REAL: "InvalidBatch : Field name not found"
    org.open(bulk_write_above=3)
    ids = org.leads(4)
    receipts = org.write(
        Op.UPDATE, *({"City": "Bath", **({"Nonsense__c": 1} if n == 1 else {})} for n in range(4)), ids=ids
    )
    assert [r.result for r in receipts] == ["updated", "rejected", "updated", "updated"]
    assert receipts[1].code == "SMK-INVALID"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "GET"])
@pytest.mark.parametrize("after", [True, False])
def test_lost_answers_make_nobody_twice(org: Org, method: str, after: bool) -> None:
    org.open(bulk_write_above=3)
    org.connector.describe("Lead")
    fault = org.sim.faults.drop(after=after, method=method, path="*/jobs/ingest*")
    receipts = org.write(Op.CREATE, *_rows(4))
    assert {r.result for r in receipts} == {WriteResult.CREATED} and len(org.sim.rows("Lead")) == 4
    assert fault.seen == 1


def test_job_whose_end_is_not_seen_is_in_doubt(org: Org) -> None:
    org.open(bulk_write_above=3)
    org.connector.describe("Lead")
    org.sim.faults.drop(after=True, times=None, method="GET", path="*/jobs/ingest/*")
    assert {r.result for r in org.write(Op.CREATE, *_rows(4))} == {WriteResult.UNKNOWN}
    org.sim.faults.clear()
    assert {r.result for r in org.write(Op.CREATE, *_rows(4))} == {WriteResult.CREATED}
    assert len(org.sim.rows("Lead")) == 4


def test_job_is_waited_for_by_the_sessions_clock(org: Org) -> None:
    org.sim.quirks.bulk_polls = 4
    org.open(bulk_write_above=3)
    org.write(Op.CREATE, *_rows(4))
    assert len(org.clock.slept) == 4 and org.clock.slept == sorted(org.clock.slept)


def test_batches_grow_only_where_jobs_may_take_them() -> None:
    from smarksync_salesforce import SPEC, SalesforceSettings

    given = {"client_id": "x", "client_secret": "y"}
    assert SPEC.discover is not None
    large = {s.name: s.max_batch for s in SPEC.discover(SalesforceSettings.model_validate(given))}
    small = {
        s.name: s.max_batch for s in SPEC.discover(SalesforceSettings.model_validate({**given, "bulk_write_above": 0}))
    }
    assert large["Lead"] == 5000 and large["Task"] == 200 and small["Lead"] == 200
    assert NAMES


def test_reading_goes_by_queries_where_a_job_is_refused(org: Org) -> None:
    # 1.7: "X is not supported by the Bulk API": fall back to REST
    made = set(org.leads(30))
    org.sim.quirks.not_in_bulk = ("Lead",)
    org.open(bulk_read_above=10)
    pages = org.pages()
    assert {r.id for page in pages for r in page.records} == made and not pages[-1].more
    assert org.sim.count(path="/jobs/query") == 1, "asked for once, not with every page"


@pytest.mark.parametrize("op", [Op.CREATE, Op.UPDATE])
def test_rows_go_by_collections_where_a_job_is_refused(org: Org, op: Op) -> None:
    org.sim.quirks.not_in_bulk = ("Lead",)
    org.open(bulk_write_above=3)
    ids = org.leads(4) if op is Op.UPDATE else []
    receipts = org.write(op, *_rows(4), ids=ids)
    assert {r.result for r in receipts} == {WriteResult.CREATED if op is Op.CREATE else WriteResult.UPDATED}
    assert len(org.sim.rows("Lead")) == 4 and org.sim.count(path="/jobs/ingest") == 1


def test_when_the_days_jobs_are_used_up_queries_and_collections_go_on(org: Org) -> None:
    # 1.8: the day's requests are another limit, so there is no hour to wait
    made = org.leads(30)
    org.sim.quirks.daily_bulk_jobs = 0
    org.open(bulk_read_above=10, bulk_write_above=3)
    assert set(org.read()) == set(made)
    receipts = org.write(Op.UPDATE, *({"City": "Bath"} for _ in made), ids=made)
    assert {r.result for r in receipts} == {WriteResult.UPDATED} and org.clock.slept == []


def test_a_job_that_cannot_begin_just_now_is_not_given_up_for_good(org: Org) -> None:
    org.leads(30)
    org.open(bulk_read_above=10)
    org.fails(400, "TXN_SECURITY_METERING_ERROR", "took too long", path="*/jobs/query", times=1)
    assert len(org.read()) == 30 and org.asked("/jobs/query").count("POST /jobs/query") == 2
