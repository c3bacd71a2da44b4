"""Search told page by page: seams between queries, and answers that lead nowhere (crm.md 2.5)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hubspot_account import Account
from smarksync_hubspot.simulator import Quirks

from smarksync.plugin import Malformed

FIELDS = ("email", "firstname")


def test_a_row_at_the_seam_of_two_queries_is_told_once(hub: Account) -> None:
    _, cursor = hub.read("contacts", FIELDS)
    hub.wait(600)
    for n in range(250):  # more than a page, each with a stamp of its own
        hub.wait(1)
        hub.sim.create(email=f"seam{n}@acme.example")
    told = [record.id for record in hub.read("contacts", FIELDS, cursor)[0]]
    assert len(told) == len(set(told)) >= 250


def _search_says(hub: Account, after: str, *rows: dict[str, Any]) -> None:
    body = {"total": 9, "results": list(rows), "paging": {"next": {"after": after}}}
    hub.sim.faults.answer(200, body, path="*/contacts/search", times=12)


def test_a_search_that_leads_in_a_circle_ends_in_words(hub: Account) -> None:
    _, cursor = hub.read("contacts", FIELDS)
    stamp = "2026-11-22T08:00:00.000Z"
    _search_says(hub, "1", {"id": "5", "properties": {"lastmodifieddate": stamp}, "updatedAt": stamp})
    with pytest.raises(Malformed, match="circle"):
        hub.read("contacts", FIELDS, cursor)


def test_an_empty_page_that_leads_to_itself_is_asked_for_no_more(hub: Account) -> None:
    _, cursor = hub.read("contacts", FIELDS)
    _search_says(hub, "7")
    before = hub.calls("/search")
    with pytest.raises(Malformed, match="shows nothing"):
        hub.read("contacts", FIELDS, cursor)
    assert hub.calls("/search") - before == 2


def _asked(hub: Account, sort: str, *filters: tuple[str, str, str], twice: bool) -> list[tuple[str, Any]]:
    """What one query shows, as (id, properties); said twice, as two groups of which one is to hold, it means the same."""
    group = {"filters": [{"propertyName": n, "operator": o, "value": v} for n, o, v in filters]}
    body = {
        "filterGroups": [group, group] if twice else [group],
        "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
        "properties": ["email", "jobtitle"],
        "limit": 30,
    }
    headers = {"Authorization": f"Bearer {hub.sim.settings['access_token']}"}
    answer = httpx.post(f"{hub.sim.url}/crm/v3/objects/contacts/search", json=body, headers=headers).json()
    return [(row["id"], row["properties"]) for row in answer["results"]] + [("total", answer["total"])]


def test_the_simulators_window_of_stamps_shows_what_a_look_at_every_row_shows() -> None:
    hub = Account(Quirks(index_lag=3, has_our_properties=True), people=60, limits=False)
    try:
        ids = sorted(hub.sim.rows())
        begin = int(hub.clock.now().timestamp() * 1000)
        shown = set()
        for turn in range(12):
            hub.sim.create(email=f"window{turn}@acme.example")
            hub.sim.edit("contacts", ids[turn], jobtitle=f"Head {turn}")
            if turn % 3 == 0:
                hub.sim.archive("contacts", ids[20 + turn])
            hub.wait(turn % 3)  # some share a stamp, some are not indexed yet
            at = str(begin + turn * 500)
            for sort, filters in (
                ("lastmodifieddate", [("lastmodifieddate", "GTE", at)]),
                ("lastmodifieddate", [("lastmodifieddate", "GT", at), ("lastmodifieddate", "LTE", str(begin + 9000))]),
                ("lastmodifieddate", [("lastmodifieddate", "LT", at), ("email", "HAS_PROPERTY", "")]),
                ("hs_object_id", [("lastmodifieddate", "EQ", str(begin)), ("hs_object_id", "GT", ids[turn])]),
            ):
                found = _asked(hub, sort, *filters, twice=False)
                assert found == _asked(hub, sort, *filters, twice=True)
                shown.add(len(found))
        assert max(shown) > 10
    finally:
        hub.close()
