"""The simulator is strict: what HubSpot does not know is refused, wherever it stands. Asked without our client."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot_account import Account

from smarksync.kit.http import httpx

PEOPLE = "/crm/v3/objects/contacts"
LINKS = "/crm/v4/associations/contacts/companies/batch"
STATUS = "/communication-preferences/v4/statuses/p@strict.example"
OUT = {"subscriptionId": 10112, "statusState": "UNSUBSCRIBED", "channel": "EMAIL"}
PAIR = {"from": {"id": "1"}, "to": {"id": "2"}}
ODD = {"nonsense": 1}


def ask(hub: Account, method: str, path: str, body: Any = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {hub.sim.settings['access_token']}"}
    return httpx.request(method, hub.sim.url + path, json=body, headers=headers, trust_env=False)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PEOPLE, {"properties": {}, **ODD}),
        (f"{PEOPLE}/batch/read", {"inputs": [], **ODD}),
        (f"{PEOPLE}/batch/read", {"inputs": [{"id": "1", **ODD}]}),
        (f"{PEOPLE}/batch/create", {"inputs": [], **ODD}),
        (f"{PEOPLE}/batch/update", {"inputs": [{"id": "1", "properties": {}, **ODD}]}),
        (f"{PEOPLE}/batch/upsert", {"inputs": [{"id": "1", "idProperty": "email", "properties": {}, **ODD}]}),
        (f"{PEOPLE}/batch/archive", {"inputs": [{"id": "1", **ODD}]}),
        (f"{PEOPLE}/merge", {"primaryObjectId": "1", "objectIdToMerge": "2", **ODD}),
        (f"{LINKS}/read", {"inputs": [], **ODD}),
        (f"{LINKS}/create", {"inputs": [{**PAIR, "types": [], **ODD}]}),
        (f"{LINKS}/associate/default", {"inputs": [{**PAIR, **ODD}]}),
        (f"{LINKS}/archive", {"inputs": [], **ODD}),
        ("/crm/v3/lists/search", ODD),
        ("/crm/v3/properties/contacts", ODD),
        ("/crm/v3/properties/contacts/groups", {"name": "x", **ODD}),
        (STATUS, {**OUT, **ODD}),
        (STATUS, {**OUT, "channel": "PIGEON"}),
        (STATUS, {**OUT, "legalBasis": "BOGUS"}),
    ],
)  # fmt: skip
def test_a_body_with_something_unknown_in_it_is_refused(hub: Account, path: str, body: Any) -> None:
    answer = ask(hub, "POST", path, body)
    assert answer.status_code == 400, answer.text
    said = answer.json()["message"]
    assert "unknown fields ['nonsense']" in said or "channel must be EMAIL" in said
    assert not hub.sim.statuses.get(("p@strict.example", 10112))


def test_what_is_known_passes(hub: Account) -> None:
    assert ask(hub, "POST", STATUS, {**OUT, "legalBasis": "PROCESS_AND_STORE"}).status_code == 200
    assert hub.sim.statuses["p@strict.example", 10112] == "UNSUBSCRIBED"


def test_forms_are_of_known_types(hub: Account) -> None:
    assert ask(hub, "GET", "/marketing/v3/forms?formTypes=nonsense").status_code == 400
    assert ask(hub, "GET", "/marketing/v3/forms?formTypes=hubspot").status_code == 200
