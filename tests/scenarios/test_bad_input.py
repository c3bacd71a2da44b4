"""Every write path of the three vendors against every way in which an answer goes wrong: what the receipt may say.

Whatever happens on the wire, there is one receipt a row or one failure for all; what is said to be done is done, what is
said not to be applied is not, what nobody knows is UNKNOWN; nothing is done twice; and no limit is answered by a storm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import smarksync_hubspot
import smarksync_marketo
import smarksync_salesforce
from smarksync_hubspot.simulator import HubSpotSimulator
from smarksync_hubspot.simulator import Quirks as HubSpotQuirks
from smarksync_marketo.simulator import MarketoSimulator
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.plugin import Op, SystemFailure, Write, WriteResult

DONE = (WriteResult.CREATED, WriteResult.UPDATED, WriteResult.UNCHANGED)
MAIL = "ada@lovelace.example"


@dataclass
class Path:
    """One way of writing one row. ``called`` is the path that does it; ``done`` counts what came of it."""

    sim: Any
    connector: Any
    stream: str
    write: Write
    called: str
    done: Callable[[], int]
    clock: ManualClock

    def run(self) -> WriteResult | SystemFailure:
        """What the only receipt says, or the failure that concerns the whole system."""
        found, failed = [], None
        try:
            for receipt in self.connector.write(self.stream, [self.write]):
                found.append(receipt)
        except SystemFailure as failure:
            failed = failure
        assert [one.ref for one in found] in ([self.write.ref], [] if failed else [self.write.ref])
        assert MAIL not in f"{failed} {[one.message for one in found]}"
        if failed is not None and found:
            assert found[0].result in (WriteResult.RETRY, WriteResult.UNKNOWN), failed
        return found[0].result if found else failed or WriteResult.REJECTED


def hubspot(sim: HubSpotSimulator, name: str) -> tuple[str, Write, str, Callable[[], int]]:
    ada = sim.create(email=MAIL, firstname="Ada", lifecyclestage="opportunity")
    company = sim.create("companies", name="Engines", domain="engines.example")
    sim.lists["7"] = {**sim.lists["2"], "listId": "7"}
    row = sim.store.rows["contacts"][ada]
    objects = "/crm/v3/objects/contacts/batch/"
    return {
        "upsert": ("contacts", Write("r", Op.CREATE, {"email": "bob@noyce.example"}, None, "K1"), objects + "upsert",
                   lambda: sum(r.properties["email"] == "bob@noyce.example" for r in sim.rows().values())),
        "create": ("contacts", Write("r", Op.CREATE, {"email": "bob@noyce.example"}), objects + "create",
                   lambda: sum(r.properties["email"] == "bob@noyce.example" for r in sim.rows().values())),
        "update": ("contacts", Write("r", Op.UPDATE, {"firstname": "Augusta"}, ada), objects + "update",
                   lambda: row.properties["firstname"] == "Augusta"),
        "stage back": ("contacts", Write("r", Op.UPDATE, {"lifecyclestage": "lead"}, ada), objects + "update",
                       lambda: row.properties["lifecyclestage"] == "lead"),
        "archive": ("contacts", Write("r", Op.ARCHIVE, {}, ada), objects + "archive", lambda: row.archived is not None),
        "association": ("contacts", Write("r", Op.UPDATE, {"associations.company": company}, ada), "/crm/v4/*",
                        lambda: company in sim.store.links.get(("contacts", ada, "companies"), {})),
        "opt-out": ("contacts", Write("r", Op.UPDATE, {"hs_email_optout": True}, ada), "*/unsubscribe-all",
                    lambda: row.properties.get("hs_email_optout") == "true"),
        "list": ("lists", Write("r", Op.ASSOCIATE, {"lead": ada, "status": "member"}, "7"), "*/memberships/add",
                 lambda: ada in sim.members.get("7", {})),
        "off a list": ("lists", Write("r", Op.ASSOCIATE, {"lead": ada, "status": "removed"}, "2"), "*/memberships/remove",
                       lambda: ada not in sim.members["2"]),
    }[name]  # fmt: skip


def salesforce(sim: SalesforceSimulator, name: str) -> tuple[str, Write, str, Callable[[], int]]:
    ada = sim.add("Lead", LastName="Lovelace", Company="Engines", Email=MAIL)
    campaign = sim.add("Campaign", Name="Fair")
    contact = sim.add("Contact", LastName="Noyce")
    deal = sim.add("Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-12-31")
    new = {"LastName": "Noyce", "Company": "Chips"}
    collections = "/services/data/v*/composite/sobjects*"
    return {
        "upsert": ("Lead", Write("r", Op.CREATE, new, None, "K1"), collections,
                   lambda: len(sim.rows("Lead", LastName="Noyce"))),
        "bulk": ("Lead", Write("r", Op.CREATE, new, None, "K1"), "*/jobs/ingest*",
                 lambda: len(sim.rows("Lead", LastName="Noyce"))),
        "update": ("Lead", Write("r", Op.UPDATE, {"Title": "Countess"}, ada), collections,
                   lambda: len(sim.rows("Lead", Title="Countess"))),
        "delete": ("Lead", Write("r", Op.DELETE, {}, ada), collections, lambda: not sim.rows("Lead")),
        "member": ("CampaignMember", Write("r", Op.CREATE, {"CampaignId": campaign, "smarksync.lead": ada,
                                                            "smarksync.status": "sent"}), collections,
                   lambda: len(sim.rows("CampaignMember"))),
        "task": ("Task", Write("r", Op.CREATE, {"Subject": "Call [#1]", "WhoId": ada}, None, "K1"), collections,
                 lambda: len(sim.rows("Task"))),
        "roles": ("Opportunity", Write("r", Op.UPDATE, {"ContactRoles": [contact]}, deal), collections,
                  lambda: len(sim.rows("OpportunityContactRole"))),
    }[name]  # fmt: skip


def marketo(sim: MarketoSimulator, name: str) -> tuple[str, Write, str, Callable[[], int]]:
    world = sim.world
    world.seed(1, 0)
    ada = world.add(email=MAIL, firstName="Ada")
    program = min(world.programs)
    calls = len(world.activities)
    touch = {"leadId": str(ada), "activityDate": "2026-01-12T09:00:00Z", "smarksync.subject": "Called"}
    return {
        "create": ("leads", Write("r", Op.CREATE, {"email": "bob@noyce.example"}), "/rest/v1/leads.json",
                   lambda: sum(r.get("email") == "bob@noyce.example" for r in world.leads.values())),
        "update": ("leads", Write("r", Op.UPDATE, {"firstName": "Augusta"}, str(ada)), "/rest/v1/leads.json",
                   lambda: world.leads[ada]["firstName"] == "Augusta"),
        "delete": ("leads", Write("r", Op.DELETE, {}, str(ada)), "/rest/v1/leads*", lambda: ada not in world.leads),
        "company": ("companies", Write("r", Op.CREATE, {"company": "Engines"}, None, "E1"), "/rest/v1/companies.json",
                    lambda: "E1" in world.companies),
        "list": ("lists", Write("r", Op.ASSOCIATE, {"lead": str(ada), "status": "member"}, "1021"), "*/lists/1021/*",
                 lambda: ada in world.members[1021]),
        "program": ("programs", Write("r", Op.ASSOCIATE, {"lead": str(ada), "status": "member"}, str(program)),
                    "*/members/status.json", lambda: ada in world.progress[program]),
        "activity": ("activities", Write("r", Op.CREATE, touch), "*/activities/external.json",
                     lambda: len(world.activities) - calls),
    }[name]  # fmt: skip


PATHS = [
    *(f"hubspot {one}" for one in ("upsert", "create", "update", "stage back", "archive", "association", "opt-out", "list", "off a list")),
    *(f"salesforce {one}" for one in ("upsert", "bulk", "update", "delete", "member", "task", "roles")),
    *(f"marketo {one}" for one in ("create", "update", "delete", "company", "list", "program", "activity")),
]  # fmt: skip
#: what each says at its limit
LIMITS: dict[str, tuple[int, Any]] = {
    "hubspot": (429, {"status": "error", "message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}),
    "salesforce": (403, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]),
    "marketo": (200, {"requestId": "1", "success": False, "errors": [
        {"code": "606", "message": "Max rate limit '100' exceeded with in '20' secs"}]}),
}  # fmt: skip


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest) -> Iterator[Path]:
    vendor, _, name = request.param.partition(" ")
    clock = ManualClock()
    more: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        if vendor == "hubspot":
            quirks = HubSpotQuirks(index_lag=0, has_our_properties=True)
            sim: Any = stack.enter_context(HubSpotSimulator(people=0, now=clock.now, quirks=quirks))
            spec, prepare = smarksync_hubspot.SPEC, hubspot
            if name == "off a list":
                sim.members["2"] = {}
        elif vendor == "salesforce":
            sim = stack.enter_context(SalesforceSimulator(people=0, now=clock.now))
            spec, prepare, more = (
                smarksync_salesforce.SPEC,
                salesforce,
                {"bulk_write_above": 1 if name == "bulk" else 0},
            )
        else:
            sim = stack.enter_context(MarketoSimulator(people=0, now=clock.now))
            spec, prepare, more = smarksync_marketo.SPEC, marketo, {"activity_type": "Sales Touch"}
        session = OpenSession("x", clock=clock)
        stack.callback(session.close)
        connector = spec.open(spec.settings(**{**sim.settings, **more}), session)
        stream, write, called, done = prepare(sim, name)
        if name == "off a list":
            sim.members["2"][write.fields["lead"]] = "2026-01-01T00:00:00.000Z"
        yield Path(sim, connector, stream, write, called, done, clock)


def honest(path: Path, said: WriteResult | SystemFailure) -> None:
    """Nothing twice; done is done, not applied is not there."""
    done = int(path.done())
    assert done <= 1
    if said in DONE:
        assert done == 1
    if said is WriteResult.RETRY:
        assert done == 0
    assert said is not WriteResult.REJECTED, "nothing was wrong with the row"


def test_without_trouble(path: Path) -> None:
    assert path.run() in DONE and path.done() == 1


@pytest.mark.parametrize("times", [1, None])
@pytest.mark.parametrize("what", ["before", "after", "cut", "empty", "page"])
def test_answers_that_never_come_or_are_none(path: Path, what: str, times: int | None) -> None:
    how: dict[str, Any] = {"path": path.called, "times": times, "when": lambda request: request.method != "GET"}
    faults = path.sim.faults
    if what in ("before", "after"):
        faults.drop(after=what == "after", **how)
    elif what == "cut":
        faults.cut(**how)
    else:
        faults.garble("" if what == "empty" else "<html><body>Bad gateway</body></html>", **how)
    said = path.run()
    honest(path, said)
    if times is None and what != "before" and path.done():
        # it is done, and no answer ever said so: nobody may say that it is not
        assert not isinstance(said, WriteResult) or said is WriteResult.UNKNOWN or said in DONE
    if said is WriteResult.UNKNOWN or isinstance(said, SystemFailure) or said is WriteResult.RETRY:
        faults.clear()
        if path.write.op is not Op.CREATE or path.write.key or path.stream == "CampaignMember":
            assert path.run() in DONE, "the same once more does no harm"
        assert path.done() <= 1


@pytest.mark.parametrize("storm", ["limit", "503"])
def test_no_storm_of_calls_while_the_vendor_asks_for_rest(
    path: Path, storm: str, request: pytest.FixtureRequest
) -> None:
    vendor = str(request.node.callspec.params["path"]).partition(" ")[0]
    status, body = LIMITS[vendor] if storm == "limit" else (503, "<html><body>Service Unavailable</body></html>")
    fault = path.sim.faults.answer(status, body, path=path.called, times=None)
    said = path.run()
    assert path.done() == 0 and said not in DONE
    assert 1 <= fault.seen <= 10, "a few tries, further and further apart"
    path.sim.faults.clear()
    path.clock.move(7200)
    assert path.run() in DONE and path.done() == 1
