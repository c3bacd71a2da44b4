"""What people do in a simulated system can be asked for by HTTP: without it, nobody could rehearse a lead's way."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from smarksync_hubspot.simulator import HubSpotSimulator
from smarksync_marketo.simulator import MarketoSimulator
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.simulator import Simulator


@pytest.fixture
def playing() -> Iterator[Callable[..., Any]]:
    with ExitStack() as stack:

        def start(kind: type[Simulator]) -> Any:
            simulator = kind(people=0)
            simulator.by_hand = True
            return stack.enter_context(simulator)

        yield start


def do(simulator: Simulator, name: str, /, **fields: str) -> tuple[int, str]:
    """One deed: the status and the sentence."""
    body = urllib.parse.urlencode(fields).encode() if name else None
    try:
        with urllib.request.urlopen(f"{simulator.url}/by-hand/{name}", data=body, timeout=10) as answer:
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode().strip()


MARY = "mary@holloway.example"


def test_a_visitor_of_marketo(playing: Any) -> None:
    marketo = playing(MarketoSimulator)
    assert do(marketo, "person", email=MARY, firstName="Mary", lastName="Beck") == (200, "Mary Beck is lead 1001.")
    assert do(marketo, "program", name="Guide")[0] == do(marketo, "list", name="Nurture")[0] == 200
    assert do(marketo, "visit", email=MARY, page="/guide", times="2")[0] == 200
    assert do(marketo, "download", email=MARY, file="guide.pdf", program="Guide")[0] == 200
    assert do(marketo, "mail", email=MARY, subject="Hello")[0] == 200
    assert do(marketo, "edit", email=MARY, title="CFO", leadScore="7")[0] == 200
    assert do(marketo, "unsubscribe", email=MARY)[0] == 200
    _, shown = do(marketo, "show", email=MARY)
    assert {"title: CFO", "leadScore: 7", "unsubscribed: True", "programs: Guide (Member)"} <= set(shown.splitlines())
    names = [activity.type for activity in marketo.world.activities]
    assert [names.count(kind) for kind in (1, 3, 11)] == [2, 1, 1]
    assert do(marketo, "person", email=MARY) == (400, f"{MARY} is a lead already.")
    assert do(marketo, "visit", email="nobody@x.example", page="/") == (400, "There is no lead nobody@x.example.")
    assert do(marketo, "edit", email=MARY, shoes="42")[1].startswith("Leads have no field shoes")
    told = len(marketo.world.activities)
    assert do(marketo, "download", email=MARY, file="x.pdf", program="Gide")[1].startswith("There is no program Gide")
    assert len(marketo.world.activities) == told, "what cannot be done is not half done"
    for status, said in (
        do(marketo, "visit", email=MARY, page="/", times="often"),
        do(marketo, "edit", email=MARY, leadScore="high"),
    ):
        assert (status, said.partition(":")[0]) in ((400, "visit"), (400, "edit")) and "invalid literal" in said


def test_a_seller_in_salesforce(playing: Any) -> None:
    crm = playing(SalesforceSimulator)
    assert do(crm, "user", email="anna@acme.example", first="Anna", last="Lang")[0] == 200
    anna = crm.find("User", Email="anna@acme.example")["Id"]
    crm.add("Lead", LastName="Beck", FirstName="Mary", Company="Holloway", Email=MARY, OwnerId=anna)
    assert do(crm, "call", email=MARY) == (200, "Anna Lang calls Mary Beck.")
    assert do(crm, "edit", email=MARY, Status="Working - Contacted")[0] == 200
    assert do(crm, "deal", email=MARY, Amount="1") == (400, "Mary Beck has no opportunity.")
    assert do(crm, "convert", email=MARY)[0] == 200
    assert do(crm, "deal", email=MARY, StageName="Closed Won", Amount="24000") == (200, "Holloway-: Closed Won, 24000.")
    assert crm.rows("Opportunity")[0]["OwnerId"] == anna, "who converts a lead owns what becomes of it"
    assert do(crm, "convert", email=MARY) == (400, "Mary Beck is a contact already.")
    assert "Task: Call (Completed" in do(crm, "show", email=MARY)[1]
    assert do(crm, "queue", name="inbound")[0] == do(crm, "campaign", name="Guide")[0] == 200
    assert do(crm, "edit", email=MARY, Shoes="42")[1].startswith("Contact has no field Shoes")
    assert do(crm, "edit", email=MARY, Email="no address")[0] == 400, "what Salesforce refuses is refused here, too"
    assert do(crm, "deal", email=MARY, Amount="much")[0] == 400


def test_a_visitor_of_hubspot(playing: Any) -> None:
    hub = playing(HubSpotSimulator)
    assert do(hub, "person", email=MARY, firstname="Mary")[0] == 200
    assert do(hub, "submit", email=MARY, form="Newsletter")[0] == 200
    assert do(hub, "edit", email=MARY, jobtitle="CFO")[0] == 200
    assert do(hub, "unsubscribe", email=MARY)[0] == 200
    assert {"jobtitle: CFO", "hs_email_optout: true"} <= set(do(hub, "show", email=MARY)[1].splitlines())
    assert do(hub, "submit", email=MARY, form="Nothing")[1].startswith("There is no form Nothing")
    assert do(hub, "edit", email=MARY, lifecyclestage="asleep")[0] == 400


def test_what_there_is_to_do_is_told(playing: Any) -> None:
    marketo = playing(MarketoSimulator)
    status, told = do(marketo, "")
    assert status == 200
    assert "visit email= page= [times=1]: the person reads a page" in told.splitlines()
    assert do(marketo, "dance", x="1")[0] == 404
    assert do(marketo, "visit", email=MARY)[0] == 400, "a page is missing"


def test_no_vendor_has_such_an_address() -> None:
    with MarketoSimulator(people=0) as marketo:
        assert "by-hand" not in do(marketo, "")[1]
        assert marketo.calls[0].path == "/by-hand/", "it went to the vendor's own routes"
