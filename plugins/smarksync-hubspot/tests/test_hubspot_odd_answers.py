"""Answers that are none: an error in words, no row taken for another, no end where there are more, no write taken for done."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot_account import Account

from smarksync.plugin import Malformed, WriteResult

ROW = {"properties": {"email": "a@b.example", "lastmodifieddate": "2026-11-22T08:00:00.000Z"}, "updatedAt": "2026-11-22T08:00:00.000Z",
       "createdAt": "2026-11-22T08:00:00.000Z", "archived": False}  # fmt: skip
MORE = (
    "x",
    [],
    {"next": "x"},
    {"next": {}},
    {"next": {"after": None}},
    {"next": {"after": {}}},
    {"next": {"after": ""}},
)
ODD: tuple[tuple[str, Any], ...] = (
    ("rows are null", {"total": 0, "results": None}),
    ("rows are an object", {"total": 0, "results": {}}),
    ("no rows", {"total": 0}),
    ("a row is null", {"total": 1, "results": [None]}),
    *((f"an id is {odd!r}", {"total": 1, "results": [{**ROW, "id": odd}]}) for odd in ({"x": 1}, "", None, True, [], "not it", "abc")),
    ("no id", {"total": 1, "results": [ROW]}),
    ("nothing of a row is shown", {"total": 1, "results": [{**ROW, "id": "1", "properties": {}}]}),
    ("properties are a list", {"total": 1, "results": [{**ROW, "id": "1", "properties": []}]}),
    *((f"paging is {odd!r}", {"total": 1, "results": [{**ROW, "id": "1"}], "paging": odd}) for odd in MORE),
    ("a list", []),
)  # fmt: skip


@pytest.mark.parametrize("body", [body for _, body in ODD], ids=[name for name, _ in ODD])
def test_a_page_that_is_none(hub: Account, body: Any) -> None:
    """Neither a listing nor a search goes on behind it; the same question once more finds everybody."""
    rid = hub.sim.create(email="one@odd.example")
    hub.sim.faults.answer(200, body, path="/crm/v3/objects/contacts", method="GET")
    with pytest.raises(Malformed):
        hub.read("contacts", ("email",))
    hub.connector = hub.open()
    _, cursor = hub.read("contacts", ("email",))
    hub.wait(600)
    hub.sim.edit("contacts", rid, email="two@odd.example")
    hub.wait(600)
    hub.sim.faults.answer(200, body, path="*/search")
    with pytest.raises(Malformed):
        hub.read("contacts", ("email",), cursor)
    hub.connector = hub.open()
    assert rid in {one.id for one in hub.read("contacts", ("email",), cursor)[0]}


@pytest.mark.parametrize("odd", [{"x": 1}, "", None, True, []], ids=repr)
def test_a_result_whose_id_is_none_is_looked_at(hub: Account, odd: Any) -> None:
    rid = hub.sim.create(email="one@odd.example")
    result = {**ROW, "id": odd, "properties": {"email": "one@odd.example"}}
    hub.sim.faults.answer(200, {"status": "COMPLETE", "results": [result]}, path="*/batch/update")
    (receipt,) = hub.update("contacts", {"id": rid, "email": "one@odd.example"})
    assert receipt.result is WriteResult.UNKNOWN


@pytest.mark.parametrize("results", [None, {}, "x", 7, [None], [[]], [7]], ids=repr)
def test_results_that_are_none_are_looked_at(hub: Account, results: Any) -> None:
    rid = hub.sim.create(email="one@odd.example")
    hub.sim.faults.answer(200, {"status": "COMPLETE", "results": results}, path="*/batch/update")
    (receipt,) = hub.update("contacts", {"id": rid, "email": "one@odd.example"})
    assert receipt.result is WriteResult.UNKNOWN


@pytest.mark.parametrize("odd", [["x"], 7, "yesterday", "2026-01-12", "2026-01-12T09:00:00"], ids=repr)
def test_a_time_that_is_none_tells_nobody_gone(hub: Account, odd: Any) -> None:
    rid = hub.sim.create(email="one@odd.example")
    hub.read("contacts", ("email",))
    _, cursor = hub.gone("contacts")
    hub.wait(600)
    hub.sim.archive("contacts", rid)
    hub.wait(600)
    body = {"results": [{**ROW, "id": rid, "archived": True, "archivedAt": odd}]}
    hub.sim.faults.answer(200, body, path="/crm/v3/objects/contacts", method="GET")
    with pytest.raises(Malformed):
        hub.gone("contacts", cursor)
    assert rid in [one.id for one in hub.gone("contacts", cursor)[0]]


@pytest.mark.parametrize("odd", ["-1", "abc", "1.5", "١", -1], ids=repr)
@pytest.mark.parametrize("what", ["upsert", "update"])
def test_a_written_row_with_an_id_that_is_no_number_is_looked_at(hub: Account, what: str, odd: Any) -> None:
    """Believed, the person would be linked to a record that nobody has, and every later write would fail.

    Every recorded id of an object is a number (crm.md, HubSpot: the recorded create and the traps); no page was looked up for it.
    """
    rid = hub.sim.create(email="one@odd.example")
    key = "0190b6e0-0000-7000-8000-000000000001"
    result = {**ROW, "id": odd, "new": True, "properties": {"email": "two@odd.example", "smarksync_id": key}}
    hub.sim.faults.garble(
        {"status": "COMPLETE", "results": [{**result, "objectWriteTraceId": "r1"}]}, path=f"*/batch/{what}"
    )
    if what == "upsert":
        (receipt,) = hub.create("contacts", {"email": "two@odd.example", "smarksync_id": key})
    else:
        (receipt,) = hub.update("contacts", {"id": rid, "email": "two@odd.example"})
    assert receipt.result is WriteResult.UNKNOWN
    assert receipt.id != str(odd)
