"""Search told page by page: seams between queries, and answers that lead nowhere (crm.md 2.5)."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot_account import Account

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
