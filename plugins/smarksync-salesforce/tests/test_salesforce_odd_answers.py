"""Answers that are none: an error in words, nothing taken for deleted, no row taken for another, no write taken for done."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_org import NAMES, Org

from smarksync.plugin import Malformed, Op, Transient, WriteResult


def row(rid: Any, **more: Any) -> dict[str, Any]:
    return {"Id": rid, "FirstName": "Ada", "LastName": "Lovelace", "SystemModstamp": "2026-01-12T09:00:00.000+0000",
            "LastModifiedById": "0055g0000000001AAA", "IsDeleted": False, "IsConverted": False, "MasterRecordId": None,
            "ConvertedContactId": None, "ConvertedAccountId": None, "ConvertedOpportunityId": None, **more}  # fmt: skip


ODD: tuple[tuple[str, Any], ...] = (
    ("rows are null", {"totalSize": 0, "done": True, "records": None}),
    ("rows are an object", {"totalSize": 0, "done": True, "records": {}}),
    ("no rows", {"totalSize": 0, "done": True}),
    ("a row is null", {"totalSize": 1, "done": True, "records": [None]}),
    ("a row is a list", {"totalSize": 1, "done": True, "records": [[]]}),
    ("an id is an object", {"totalSize": 1, "done": True, "records": [row({"x": 1})]}),
    ("an id is empty", {"totalSize": 1, "done": True, "records": [row("")]}),
    ("an id is null", {"totalSize": 1, "done": True, "records": [row(None)]}),
    ("fewer rows than there are", {"totalSize": 2, "done": True, "records": []}),
    ("no number of rows", {"totalSize": "x", "done": True, "records": []}),
    ("no end", {"totalSize": 0, "records": []}),
    ("more, and not where", {"totalSize": 0, "done": False, "records": []}),
    ("a list", []),
)


@pytest.mark.parametrize("body", [body for _, body in ODD], ids=[name for name, _ in ODD])
def test_an_answer_to_a_query_that_is_none(org: Org, body: Any) -> None:
    """Neither a reading nor a question for what left goes on behind it, and nobody is called gone because of it."""
    rid, cursor = org.lead(), org.now()
    for ask in (
        lambda: org.pages(cursor=cursor),
        lambda: list(org.connector.find("Lead", "Email", ["a@b.example"], fields=NAMES)),
        lambda: list(org.connector.whereabouts("Lead", [rid])),
    ):
        org.sim.faults.answer(200, body, path="*/query*")
        with pytest.raises(Malformed):
            ask()
    assert rid in org.read(cursor=cursor)


@pytest.mark.parametrize("body", [{}, [], [7], [{}], [[]], [{"Id": ""}], [row("nobody")]], ids=str)
def test_an_answer_about_records_asked_for_by_id_that_is_none(org: Org, body: Any) -> None:
    rid = org.lead()
    org.sim.faults.answer(200, body, path="*/composite/sobjects/Lead")
    with pytest.raises(Malformed):
        list(org.connector.fetch("Lead", [rid], fields=NAMES))


@pytest.mark.parametrize(
    "result",
    [None, 7, [], {}, {"success": "false"}, {"success": "true"}, {"success": True, "id": {"x": 1}}, {"success": True, "id": "x"}],
    ids=str,
)  # fmt: skip
def test_a_result_that_does_not_say_whether_it_was_written_is_looked_at(org: Org, result: Any) -> None:
    rid = org.lead()
    org.sim.faults.answer(200, [result], method="PATCH")
    assert org.update(rid, City="Bath").result is WriteResult.UNKNOWN


def test_a_new_record_without_an_id_is_looked_at(org: Org) -> None:
    org.connector.describe("Lead")
    org.sim.faults.answer(200, [{"success": True, "errors": []}], method="PATCH")
    assert org.create().result is WriteResult.UNKNOWN


NO_OBJECT: tuple[Any, ...] = (None, 7, "x", [], {}, [None], {"fields": None}, {"fields": [None]}, {"fields": [{}]})


@pytest.mark.parametrize("body", NO_OBJECT, ids=str)
def test_a_describe_that_is_none(org: Org, body: Any) -> None:
    org.sim.faults.answer(200, body, path="*/describe", times=None)
    with pytest.raises(Malformed):
        org.connector.describe("Lead")


@pytest.mark.parametrize("body", [7, {"fields": [{}]}, {"fields": None}], ids=str)
def test_a_describe_among_others_that_is_none(org: Org, body: Any) -> None:
    told = [{"referenceId": "n0", "httpStatusCode": 200, "body": body}]
    org.sim.faults.answer(200, {"compositeResponse": told}, path="*/composite", times=None)
    with pytest.raises(Malformed):
        org.connector.describe_many(["Lead", "Contact"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *(("*/limits", body) for body in (7, [], "x")),
        *(("*/sobjects", body) for body in (7, [], "x", {}, {"sobjects": None}, {"sobjects": [None]}, {"sobjects": [{"queryable": True}]})),
    ],
    ids=str,
)  # fmt: skip
def test_a_check_whose_answers_are_none(org: Org, path: str, body: Any) -> None:
    org.sim.faults.answer(200, body, path=path, times=None)
    with pytest.raises(Malformed):
        org.connector.check()


@pytest.mark.parametrize("limits", [7, {"Max": "x", "Remaining": "y"}, {}], ids=str)
def test_limits_that_are_no_numbers_stop_nothing(org: Org, limits: Any) -> None:
    org.sim.faults.answer(200, {"DailyApiRequests": limits}, path="*/limits", times=None)
    assert org.connector.check().ok


def test_a_login_that_leads_nowhere(org: Org) -> None:
    org.sim.faults.answer(200, {"access_token": "x", "instance_url": "http://[bad"}, path="/services/oauth2/token")
    with pytest.raises(Malformed):
        org.connector.describe("Lead")


@pytest.mark.parametrize("stamp", [7, "nonsense", None], ids=str)
def test_a_row_that_left_at_no_time(org: Org, stamp: Any) -> None:
    gone = row("00Q5g00000AAAAAEA4", IsDeleted=True)
    gone = {**gone, "SystemModstamp": stamp} if stamp else {k: v for k, v in gone.items() if k != "SystemModstamp"}
    cursor = org.now()
    org.sim.faults.answer(200, {"totalSize": 1, "done": True, "records": [gone]}, path="*/queryAll")
    with pytest.raises(Malformed):
        org.gone("Lead", cursor)


@pytest.mark.parametrize("body", [7, [], "x"], ids=str)
def test_a_job_whose_word_is_none(org: Org, body: Any) -> None:
    """A reading says so; rows of a job that was sent are looked at before anything else."""
    ids = org.leads(4)
    org.open(bulk_read_above=3, bulk_write_above=3)
    org.connector.describe("Lead")
    org.sim.faults.answer(200, body, method="GET", path="*/jobs/*", times=None)
    with pytest.raises(Malformed):
        org.pages()
    receipts = org.write(Op.UPDATE, *({"City": "Bath"} for _ in ids), ids=ids)
    assert {r.result for r in receipts} == {WriteResult.UNKNOWN}


def test_results_of_a_job_that_are_none(org: Org) -> None:
    ids = org.leads(4)
    org.open(bulk_read_above=3, bulk_write_above=3)
    org.connector.describe("Lead")
    org.sim.faults.answer(200, "Id,FirstName\n1\n", path="*/results", times=None)
    with pytest.raises(Malformed):
        org.pages()
    org.sim.faults.answer(200, "a,b\n1,2\n", path="*/successfulResults*", times=None)
    receipts = org.write(Op.UPDATE, *({"City": "Bath"} for _ in ids), ids=ids)
    assert {r.result for r in receipts} == {WriteResult.UNKNOWN}


def test_a_job_that_nobody_knows_any_more(org: Org) -> None:
    org.leads(4)
    org.open(bulk_read_above=3)
    org.sim.faults.answer(200, {"id": "7505g00000ZZZZZEA3"}, method="POST", path="*/jobs/query")
    with pytest.raises(Transient, match="job"):
        org.pages()
