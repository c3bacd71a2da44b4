"""The simulator against what Marketo documents and recorded answers show: shapes, strictness. Asked without our client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smarksync.kit.http import httpx

from .conftest import Instance

Make = Callable[..., Instance]


class Caller:
    """Somebody else's client."""

    def __init__(self, m: Instance) -> None:
        self.m = m
        self.http = httpx.Client(base_url=m.sim.url, trust_env=False)
        told = self.http.get(
            "/identity/oauth/token",
            params={
                "grant_type": "client_credentials",
                **{k: m.sim.settings[k] for k in ("client_id", "client_secret")},
            },
        )
        self.token = told.json()
        self.http.headers["Authorization"] = f"Bearer {self.token['access_token']}"

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = self.http.get(path, params=params)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json;charset=UTF-8")
        body: dict[str, Any] = answer.json()
        return body

    def post(self, path: str, body: Any, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.post(path, json=body, params=params).json()
        return answer


@pytest.fixture
def caller(marketo: Make) -> Iterator[Caller]:
    one = Caller(marketo(people=60))
    yield one
    one.http.close()


def code(body: dict[str, Any]) -> str:
    assert body["success"] is False and set(body) == {"requestId", "success", "errors"}
    assert isinstance(body["errors"][0]["code"], str)
    return str(body["errors"][0]["code"])


def test_token_has_its_four_parts(caller: Caller) -> None:
    assert set(caller.token) == {"access_token", "token_type", "expires_in", "scope"}
    assert caller.token["token_type"] == "bearer" and "@" in caller.token["scope"]


def test_lead_answers_have_the_recorded_shape(caller: Caller) -> None:
    number = min(caller.m.world.leads)
    body = caller.get("/rest/v1/leads.json", filterType="id", filterValues=str(number))
    assert set(body) == {"requestId", "result", "success"}
    assert set(body["result"][0]) == {"id", "updatedAt", "lastName", "email", "createdAt", "firstName"}
    assert body["result"][0]["createdAt"].endswith("Z") and "." not in body["result"][0]["createdAt"]
    none = caller.get("/rest/v1/leads.json", filterType="email", filterValues="nobody@example.com")
    assert (none["result"], none["success"]) == ([], True)


def test_feed_answers_have_the_documented_shape(caller: Caller) -> None:
    token = caller.get("/rest/v1/activities/pagingtoken.json", sinceDatetime="2023-01-16T00:00:00Z")
    assert set(token) == {"requestId", "success", "nextPageToken"}
    caller.m.world.edit(min(caller.m.world.leads), lastName="X")
    body = caller.get("/rest/v1/activities/leadchanges.json", nextPageToken=token["nextPageToken"], fields="lastName")
    assert set(body) == {"requestId", "success", "result", "nextPageToken", "moreResult"}
    row = body["result"][-1]
    assert set(row) == {"id", "marketoGUID", "leadId", "activityDate", "activityTypeId", "fields", "attributes"}
    assert set(row["fields"][0]) == {"id", "name", "newValue", "oldValue"}
    assert body["nextPageToken"].endswith("=") or body["nextPageToken"].isalnum()
    last = caller.get("/rest/v1/activities/deletedleads.json", nextPageToken=body["nextPageToken"])
    assert (last["result"], last["moreResult"], bool(last["nextPageToken"])) == ([], False, True)


def test_assets_have_warnings_and_odd_times_and_at_their_end_no_result(caller: Caller) -> None:
    body = caller.get("/rest/asset/v1/programs.json")
    assert {"success", "warnings", "errors", "requestId", "result"} == set(body)
    assert body["result"][0]["createdAt"].endswith("Z+0000")
    assert len(body["result"]) <= 20
    end = caller.get("/rest/asset/v1/programs.json", offset=500)
    assert "result" not in end and end["warnings"] == ["No assets found for the given search criteria."]


def test_sync_answers_row_by_row(caller: Caller) -> None:
    body = caller.post(
        "/rest/v1/leads.json",
        {"action": "createOrUpdate", "lookupField": "email", "input": [{"email": "n@example.com"}, {"email": "n@example.com", "doNotCall": "other"}]},
    )  # fmt: skip
    said = "Invalid value for field 'doNotCall' and value 'other'"
    assert body["result"][0].keys() == {"id", "status"}
    assert body["result"][1] == {"status": "skipped", "reasons": [{"code": "1003", "message": said}]}


def test_job_goes_through_its_states(caller: Caller) -> None:
    span = {"startAt": "2026-11-01T00:00:00Z", "endAt": "2026-11-22T00:00:00Z"}
    made = caller.post("/bulk/v1/leads/export/create.json", {"fields": ["id", "email"], "filter": {"createdAt": span}})
    job = made["result"][0]
    assert (job["status"], job["format"]) == ("Created", "CSV")
    path = f"/bulk/v1/leads/export/{job['exportId']}"
    early = caller.http.get(f"{path}/file.json")
    assert (early.status_code, early.headers["content-type"]) == (404, "text/plain;charset=UTF-8")
    assert caller.post(f"{path}/enqueue.json", {})["result"][0]["status"] == "Queued"
    seen = []
    for _ in range(4):
        seen.append(caller.get(f"{path}/status.json")["result"][0]["status"])
        caller.m.clock.move(60)
    assert seen == ["Queued", "Processing", "Completed", "Completed"]
    part = caller.http.get(f"{path}/file.json", headers={"Range": "bytes=0-7"})
    assert (part.status_code, part.text) == (206, "id,email")


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        ("/rest/v1/nothing.json", {}, "610"),
        ("/rest/v1/leads.json", {}, "1002"),
        ("/rest/v1/leads.json", {"filterType": "city", "filterValues": "x"}, "1003"),
        ("/rest/v1/leads.json", {"filterType": "id", "filterValues": ",".join(map(str, range(301)))}, "1003"),
        ("/rest/v1/leads.json", {"filterType": "id", "filterValues": "1", "fields": "noField"}, "1006"),
        ("/rest/v1/leads.json", {"filterType": "id", "filterValues": "1", "limit": "5"}, "1003"),
        ("/rest/v1/leads.json", {"filterType": "id", "filterValues": "1", "batchSize": "301"}, "1003"),
        ("/rest/v1/activities.json", {"nextPageToken": "x"}, "1002"),
        ("/rest/v1/activities.json", {"nextPageToken": "not ours", "activityTypeIds": "1"}, "1003"),
        ("/rest/v1/activities.json", {"nextPageToken": "x", "activityTypeIds": ",".join(map(str, range(11)))}, "1003"),
        ("/rest/v1/activities/leadchanges.json", {"nextPageToken": "x"}, "1002"),
        ("/rest/v1/activities/pagingtoken.json", {"sinceDatetime": "yesterday"}, "704"),
    ],
)
def test_wrong_questions_are_refused(caller: Caller, path: str, params: dict[str, str], expected: str) -> None:
    assert code(caller.get(path, **params)) == expected


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/rest/v1/leads.json", {"action": "upsert", "input": [{}]}, "1003"),
        ("/rest/v1/leads.json", {"input": []}, "1002"),
        ("/rest/v1/leads.json", {"rows": []}, "1003"),
        ("/rest/v1/leads.json", {"input": [{"email": f"{n}@example.com"} for n in range(301)]}, "1003"),
        ("/rest/v1/leads.json", {"lookupField": "id", "input": [{"id": 1}]}, "1011"),
        ("/rest/v1/leads.json", {"partitionName": "Closed", "input": [{"email": "a@example.com"}]}, "1008"),
        ("/bulk/v1/leads/export/create.json", {"fields": ["id"], "filter": {"updatedAt": {}}}, "1035"),
        ("/bulk/v1/leads/export/create.json", {"fields": ["id"], "filter": {"createdAt": {"startAt": "2026-01-01T00:00:00Z", "endAt": "2026-03-01T00:00:00Z"}}}, "1003"),
        ("/bulk/v1/leads/export/create.json", {"fields": ["id"], "filter": {"createdAt": {"startAt": "2026-01-01T00:00:00.5Z", "endAt": "2026-01-02T00:00:00Z"}}}, "704"),
    ],
)  # fmt: skip
def test_wrong_wishes_are_refused(caller: Caller, path: str, body: dict[str, Any], expected: str) -> None:
    assert code(caller.post(path, body)) == expected


def test_token_counts_in_the_header_only(caller: Caller) -> None:
    token = caller.http.headers.pop("Authorization").removeprefix("Bearer ")
    assert code(caller.get("/rest/v1/stats/usage.json")) == "600"
    assert code(caller.get("/rest/v1/stats/usage.json", access_token=token)) == "601"


def test_transport_says_no_by_status(caller: Caller) -> None:
    assert (
        caller.http.get("/rest/v1/leads.json", params={"filterType": "email", "filterValues": "x" * 9000}).status_code
        == 414
    )
    long = caller.http.post(
        "/rest/v1/leads.json", json={"input": [{"email": "a@example.com", "address": "x" * 1_100_000}]}
    )
    assert long.status_code == 413
    assert (
        code(caller.http.post("/rest/v1/leads.json", content=b"{", headers={"Content-Type": "application/json"}).json())
        == "609"
    )
    assert (
        code(caller.http.post("/rest/v1/leads.json", content=b"{}", headers={"Content-Type": "text/plain"}).json())
        == "612"
    )
    assert code(caller.http.put("/rest/v1/leads.json", json={}).json()) == "605"


def test_limits_answer_200_and_costly_answers_cost(caller: Caller) -> None:
    sim = caller.m.sim
    before = sim.used_today()
    assert code(caller.get("/rest/v1/nothing.json")) == "610"
    assert sim.used_today() == before + 1
    assert code(caller.http.put("/rest/v1/leads.json", json={}).json()) == "605"
    assert sim.used_today() == before + 1  # a starred code is free
    codes = [caller.get("/rest/v1/nothing.json")["errors"][0]["code"] for _ in range(sim.quirks.rate)]
    assert codes[-1] == "606"
    caller.m.clock.move(20)
    sim.use_up(sim.quirks.daily)
    assert code(caller.get("/rest/v1/stats/usage.json")) == "607"
    caller.m.clock.move(86_400)
    tomorrow = Caller(caller.m)
    assert tomorrow.get("/rest/v1/stats/usage.json")["success"] is True
    tomorrow.http.close()


def test_merge_keeps_the_winners_values_and_takes_at_most_25(caller: Caller) -> None:
    winner, loser, *others = sorted(caller.m.world.leads)[:30]
    too_many = ",".join(map(str, [loser, *others]))
    assert code(caller.post(f"/rest/v1/leads/{winner}/merge.json", {}, leadIds=too_many)) == "1080"
    name = caller.m.world.leads[winner]["lastName"]
    assert caller.post(f"/rest/v1/leads/{winner}/merge.json", {}, leadId=loser)["success"] is True
    assert caller.m.world.leads[winner]["lastName"] == name and loser not in caller.m.world.leads


def test_an_independent_client_gets_along(caller: Caller) -> None:
    """``marketorestpython`` (if installed): an older client, which sends its token in the query."""
    client = pytest.importorskip("marketorestpython.client").MarketoClient("x", "id", "secret")
    caller.m.sim.quirks.header_only = False
    client.host = caller.m.sim.url
    client.client_id, client.client_secret = (caller.m.sim.settings[k] for k in ("client_id", "client_secret"))
    number = min(caller.m.world.leads)
    (row,) = client.execute(method="get_lead_by_id", id=number, fields=["email"])
    assert row["id"] == number
    made = client.execute(
        method="create_update_leads", leads=[{"email": "i@example.com"}], action="createOrUpdate", lookupField="email"
    )
    assert made[0]["status"] == "created"
    changes = client.execute(method="get_lead_changes", fields=["lastName"], sinceDatetime="2026-11-01")
    assert made[0]["id"] in {change["leadId"] for change in changes}
    assert client.execute(method="describe_company")[0]["idField"] == "id"


def test_custom_activities_stand_where_they_are_dated_and_say_nothing_unknown(caller: Caller) -> None:
    lead = min(caller.m.sim.world.leads)
    row = {
        "leadId": lead, "activityDate": "2026-11-20T08:00:00Z", "activityTypeId": 100001,
        "primaryAttributeValue": "x", "attributes": [],
    }  # fmt: skip
    odd = [{**row, "nonsense": 1}, {**row, "activityDate": "not a date"}, {**row, "activityDate": "2026-11-20"}]
    answer = caller.post("/rest/v1/activities/external.json", {"input": [*odd, row]})
    assert [one["status"] for one in answer["result"]] == ["skipped", "skipped", "skipped", "added"]
    assert [one["errors"][0]["code"] for one in answer["result"][:3]] == ["1006", "1003", "1003"]
    since = caller.get("/rest/v1/activities/pagingtoken.json", sinceDatetime="2026-11-20T07:59:00Z")["nextPageToken"]
    found = caller.get("/rest/v1/activities.json", nextPageToken=since, activityTypeIds="100001")
    (shown,) = [one for one in found["result"] if one["leadId"] == lead]
    assert shown["activityDate"] == "2026-11-20T08:00:00Z"
