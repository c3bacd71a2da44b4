"""The simulated org as an independent caller sees it: simple-salesforce, which knows nothing of our connector.

A connector and a simulator by one hand agree too easily. This client was written against the real service: what it
reads out of answers (shapes, statuses, headers) must be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from salesforce_org import Org
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)


class Plain(HTTPAdapter):
    """It speaks https only; the simulator does not."""

    def send(self, request: Any, *args: Any, **how: Any) -> Any:
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **how)


@pytest.fixture
def caller(org: Org) -> Iterator[Any]:
    form = {
        "grant_type": "client_credentials",
        "client_id": org.sim.settings["client_id"],
        "client_secret": org.sim.settings["client_secret"],
    }
    with requests.Session() as http:
        http.mount("https://", Plain())
        told = http.post(f"{org.sim.url}/services/oauth2/token", data=form).json()
        yield Salesforce(
            instance_url=told["instance_url"].replace("http:", "https:"),
            session_id=told["access_token"],
            session=http,
            version="61.0",
        )


def test_rows_one_by_one(org: Org, caller: Any) -> None:
    made = caller.Lead.create({"LastName": "Lovelace", "Company": "Engines"})
    assert made["success"] is True and made["errors"] == [] and len(made["id"]) == 18
    assert caller.Lead.update(made["id"], {"City": "Bath"}) == 204
    shown = caller.Lead.get(made["id"])
    assert shown["City"] == "Bath" and shown["attributes"]["type"] == "Lead"
    assert caller.Lead.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        caller.Lead.get(made["id"])


def test_upsert_by_our_id(org: Org, caller: Any) -> None:
    path = "SmarkSync_Id__c/key0"
    assert caller.Lead.upsert(path, {"LastName": "Lovelace", "Company": "Engines"}) == 201
    assert caller.Lead.upsert(path, {"City": "Bath"}) == 200
    assert org.sim.find("Lead")["City"] == "Bath"
    with pytest.raises(SalesforceResourceNotFound):
        caller.Lead.upsert("Nonsense__c/1", {"City": "Bath"})


def test_ambiguous_upsert_is_300_with_a_list_of_addresses(org: Org, caller: Any) -> None:
    org.sim.quirks.duplicate_rules = None
    both = {org.lead("A", Email="ada@example.com"), org.lead("B", Email="ada@example.com")}
    with pytest.raises(SalesforceMoreThanOneRecord) as caught:
        caller.Lead.upsert("Email/ada@example.com", {"City": "Bath"})
    assert {url.rpartition("/")[2] for url in caught.value.content} == both


def test_queries_in_pages(org: Org, caller: Any) -> None:
    org.sim.quirks.page = 200
    made = org.leads(450)
    shown = caller.query("SELECT Id, LastName FROM Lead ORDER BY Id")
    assert (shown["totalSize"], shown["done"], len(shown["records"])) == (450, False, 200)
    assert [r["Id"] for r in caller.query_all_iter("SELECT Id FROM Lead ORDER BY Id")] == made
    org.sim.delete("Lead", made[0])
    every = caller.query_all("SELECT Id FROM Lead WHERE IsDeleted = true", include_deleted=True)
    assert [r["Id"] for r in every["records"]] == [made[0]]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Nonsense__c FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Nonsense", "INVALID_TYPE"),
        ("SELECT Id FROM Lead WHERE City = 'a' AND Email = 'b' OR Phone = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id, Id FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead LIMIT", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT Id FROM Lead WHERE Id IN ('nonsense')", "INVALID_QUERY_FILTER_OPERATOR"),
    ],
)
def test_queries_that_are_refused(caller: Any, soql: str, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        caller.query(soql)
    assert caught.value.content[0]["errorCode"] == code


def test_errors_have_the_shapes_that_clients_read(org: Org, caller: Any) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        caller.Lead.create({"Company": "Engines"})
    assert caught.value.content == [
        {
            "message": "Required fields are missing: [LastName]",
            "errorCode": "REQUIRED_FIELD_MISSING",
            "fields": ["LastName"],
        }
    ]
    org.sim.expire_sessions()
    with pytest.raises(SalesforceExpiredSession):
        caller.limits()


def test_limit_is_told_and_kept(org: Org, caller: Any) -> None:
    assert caller.limits()["DailyApiRequests"]["Max"] == 15000
    caller.query("SELECT Id FROM Lead")
    assert caller.api_usage["api-usage"].total == 15000 and caller.api_usage["api-usage"].used >= 2
    org.sim.quirks.daily_requests = 0
    with pytest.raises(SalesforceRefusedRequest):
        caller.limits()


def test_describes(caller: Any) -> None:
    every = caller.describe()
    assert every["maxBatchSize"] == 200 and {o["name"] for o in every["sobjects"]} >= {
        "Lead",
        "Contact",
        "Task",
        "User",
    }
    lead = caller.Lead.describe()
    email = next(f for f in lead["fields"] if f["name"] == "Email")
    assert (email["type"], email["length"], email["idLookup"], email["unique"]) == ("email", 80, True, False)


def test_what_changed_and_what_was_deleted(org: Org, caller: Any) -> None:
    kept, gone = org.lead(), org.lead()
    org.sim.delete("Lead", gone)
    org.clock.move(120)
    span = (org.clock.now().replace(hour=8), org.clock.now())
    assert [r["id"] for r in caller.Lead.deleted(*span)["deletedRecords"]] == [gone]
    told = caller.Lead.updated(*span)
    assert told["ids"] == [kept] and told["latestDateCovered"] == "2026-11-22T09:02:00.000+0000"


def test_bulk_jobs(org: Org, caller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simple_salesforce.bulk2.sleep", lambda seconds: None)  # its own patience is 5 s a look
    rows = [{"LastName": f"L{n}", "Company": "Engines" if n else "", "SmarkSync_Id__c": f"k{n}"} for n in range(5)]
    (job,) = caller.bulk2.Lead.upsert(records=rows, external_id_field="SmarkSync_Id__c")
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"], job["numberRecordsTotal"]) == (5, 1, 5)
    failed = caller.bulk2.Lead.get_failed_records(job["job_id"])
    assert "REQUIRED_FIELD_MISSING" in failed and failed.startswith('"sf__Id","sf__Error"')
    assert caller.bulk2.Lead.get_successful_records(job["job_id"]).count("\n") == 5
    pages = list(caller.bulk2.Lead.query("SELECT Id, LastName FROM Lead", max_records=3))
    assert sum(page.count("\n") - 1 for page in pages) == 4 and len(pages) == 2
