"""A marketing account at HubSpot and a sales system agree: run by the engine, over HTTP, with the vendor's ways on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import smarksync_hubspot
from smarksync_hubspot.simulator import HubSpotSimulator, Quirks

from smarksync.config import load
from smarksync.engine.check import check
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.plugin import FieldInfo, FieldType
from smarksync.testing import Clock, MemoryPlugin, MemoryStream, MemorySystem, registered, text_fields

CONFIG = """
version: 1
workspace: acme
ledger: sqlite:///acme.db
connections:
  marketing: {{connector: hubspot, role: marketing, settings: {{base_url: "{url}", access_token: {token}}}}}
  sales: {{connector: memory, role: sales, settings: {{system: crm}}}}
mappings:
  marketing: preset
  sales:
    leads:
      entity: lead
      fields: {{email: Email, first_name: FirstName, last_name: LastName, phone: Phone, company: Company,
               lifecycle: Stage, email_opt_out: OptOut, external_id: Key}}
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {{marketing: always, sales: always}}
    deletes: {{sales: archive}}
    fields:
      "*": {{direction: both, merge: newest}}
      lifecycle: {{direction: both, merge: lifecycle}}
      email_opt_out: {{direction: both, merge: most_restrictive}}
"""


class OneClock(Clock):
    """The sales system on the clock of the account."""

    def __init__(self, inner: ManualClock) -> None:
        super().__init__(inner.now())
        self.inner = inner

    def __call__(self) -> datetime:
        return self.inner.now()

    def tick(self) -> datetime:
        self.inner.move(0.001)
        return self.inner.now()

    def advance(self, by: timedelta | float) -> datetime:
        self.inner.move(by.total_seconds() if isinstance(by, timedelta) else by)
        return self.inner.now()


class Pair:
    """The two systems, and runs between them."""

    def __init__(self, sim: HubSpotSimulator, clock: ManualClock, root: Path) -> None:
        self.sim, self.clock, self.root = sim, clock, root
        fields = (
            *text_fields("Email", "FirstName", "LastName", "Phone", "Company", "Stage", "Key"),
            FieldInfo("OptOut", FieldType.BOOL),
        )
        leads = MemoryStream("leads", entity="lead", fields=fields, external_id="Key")
        self.crm = MemorySystem("crm", [leads], OneClock(clock))
        self.file = root / "smarksync.yaml"
        self.file.write_text(CONFIG.format(url=self.sim.url, token=self.sim.access_token))
        self.registry = Registry([MemoryPlugin(), smarksync_hubspot])

    def session(self, name: str, settings: Any) -> OpenSession:
        return OpenSession(name, root=str(self.root), clock=self.clock)

    def run(self, *allow: str) -> dict[str, dict[str, int]]:
        """One run, five minutes later: the counts of each side."""
        before = len(self.sim.calls)
        options = Options(threads=False, allow=allow)
        result = execute(
            load(self.file), options, registry=self.registry, make_session=self.session, now=self.clock.now
        )
        result.run.ledger.close()
        assert result.exit_code == 0, result.sentences
        self.calls = self.sim.calls[before:]
        self.clock.move(300)
        return {
            name: {fate: number for fate, number in counts.items() if number}
            for job in result.report["jobs"]
            for name, streams in job["sides"].items()
            for counts in streams.values()
        }

    def settled(self) -> None:
        """Nothing is written by the next run, and HubSpot is asked twice: what changed, and what left."""
        counts = self.run()
        assert all("written" not in side and "planned" not in side for side in counts.values()), counts
        assert [call for call in self.calls if call.write] == []
        assert [call.path.rpartition("/")[2] for call in self.calls if "/objects/" in call.path] == [
            "search",
            "contacts",
        ]

    def lead(self, email: str) -> dict[str, Any]:
        return dict(next(fields for fields in self.leads() if str(fields["Email"]).lower() == email))

    def leads(self) -> list[dict[str, Any]]:
        return [dict(row.now.fields) for row in self.crm.stores["leads"].rows.values() if row.now is not None]

    def edit(self, email: str, **values: Any) -> None:
        rows = self.crm.stores["leads"].rows.items()
        rid = next(rid for rid, row in rows if row.now and str(row.now.fields["Email"]).lower() == email)
        self.crm.edit("leads", rid, **values)
        self.clock.move(10)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    clock = ManualClock(datetime(2026, 11, 22, 8, tzinfo=UTC))
    with HubSpotSimulator(now=clock.now, people=60, quirks=Quirks(index_lag=3, empty_pages=3)) as sim:
        pair = Pair(sim, clock, tmp_path)
        with registered(pair.crm):
            yield pair
        assert sim.problems == []


def somebody(pair: Pair, place: int = 0) -> str:
    rows = sorted(pair.sim.rows().values(), key=lambda row: row.id)
    return str([row for row in rows if row.properties["hs_email_optout"] is None][place].properties["email"])


def test_a_pair_comes_into_agreement_and_stays_there(pair: Pair) -> None:
    checked = check(load(pair.file), pair.registry, pair.session, None, pair.clock.now, fix=True)
    assert checked["ok"], checked
    made = next(one["fixed"] for one in checked["connections"] if one["name"] == "marketing")
    assert any("smarksync_id was made (string, unique)" in said for said in made)
    again = check(load(pair.file), pair.registry, pair.session, None, pair.clock.now, fix=True)
    assert all(not one["fixed"] for one in again["connections"])

    contacts = len(pair.sim.rows())
    assert pair.run("first_run") == {
        "marketing": {
            "read": contacts,
            "settled": contacts,
            "planned": contacts,
            "written": contacts,
            "updated": contacts,
        },
        "sales": {"planned": contacts, "written": contacts, "created": contacts},
    }
    keys = {row.properties["smarksync_id"] for row in pair.sim.rows().values()}
    assert len(keys) == contacts and keys == {fields["Key"] for fields in pair.leads()}
    pair.settled()
    pair.settled()


def begun(pair: Pair) -> None:
    check(load(pair.file), pair.registry, pair.session, None, pair.clock.now, fix=True)
    pair.run("first_run")
    pair.settled()


def test_edits_flow_both_ways(pair: Pair) -> None:
    begun(pair)
    one, two = somebody(pair), somebody(pair, 1)
    pair.sim.edit("contacts", pair.sim.contact(one).id, phone="+44 20 7946 0999")
    pair.edit(two, LastName="Zed", Stage="mql")
    pair.run()
    assert pair.lead(one)["Phone"] == "+442079460999"
    assert pair.sim.contact(two).properties["lastname"] == "Zed"
    pair.settled()


def test_people_made_on_either_side_are_made_on_the_other_once(pair: Pair) -> None:
    begun(pair)
    before = len(pair.sim.rows())
    pair.sim.create(email="neu@acme.example", lastname="Neu")
    pair.crm.insert("leads", Email="Alt@acme.example", FirstName="Al", LastName="T", Company="Acme")
    pair.clock.move(10)
    pair.run()
    made = pair.sim.contact("alt@acme.example")
    assert made.properties["smarksync_id"] == pair.lead("alt@acme.example")["Key"]
    assert pair.lead("neu@acme.example")["LastName"] == "Neu"
    assert len(pair.sim.rows()) == before + 2
    pair.settled()


def test_opt_outs_reach_the_other_side_and_are_never_taken_back(pair: Pair) -> None:
    begun(pair)
    one, two = somebody(pair), somebody(pair, 1)
    pair.edit(one, OptOut=True)
    pair.sim.opt_out(two)
    pair.clock.move(10)
    pair.run()
    assert pair.sim.contact(one).properties["hs_email_optout"] == "true"
    assert pair.lead(two)["OptOut"] is True
    assert [call.path for call in pair.calls if call.write] == [
        f"/communication-preferences/v4/statuses/{one}/unsubscribe-all"
    ]
    pair.settled()
    # a flag that says no more is no act of the person: it is put back
    pair.edit(two, OptOut=False)
    pair.run()
    assert pair.lead(two)["OptOut"] is True
    assert pair.sim.contact(two).properties["hs_email_optout"] == "true"
    pair.settled()


def test_an_opt_out_outlives_every_change_of_address(pair: Pair) -> None:
    begun(pair)
    one = somebody(pair)
    pair.sim.opt_out(one)
    pair.clock.move(10)
    pair.run()
    pair.edit(one, Email="moved@acme.example")  # by sales: it goes along with the new address, at once
    pair.run()
    assert pair.sim.contact("moved@acme.example").properties["hs_email_optout"] == "true"
    pair.settled()
    contact = pair.sim.contact("moved@acme.example")
    pair.sim.edit("contacts", contact.id, email="again@acme.example")  # by marketing: HubSpot forgets it, we do not
    assert contact.properties["hs_email_optout"] is None
    pair.clock.move(10)
    pair.run()
    assert contact.properties["hs_email_optout"] == "true"
    assert pair.lead("again@acme.example")["OptOut"] is True
    pair.settled()


def test_a_stage_that_sales_takes_back_goes_back(pair: Pair) -> None:
    begun(pair)
    one = somebody(pair)
    pair.sim.edit("contacts", pair.sim.contact(one).id, lifecyclestage="marketingqualifiedlead")
    pair.clock.move(10)
    pair.run()
    assert pair.lead(one)["Stage"] == "mql"
    pair.edit(one, Stage="recycled")
    pair.run()
    assert pair.sim.contact(one).properties["lifecyclestage"] == "lead"  # two words, one stage (folded)
    assert len([call for call in pair.calls if call.write]) == 3
    pair.settled()
    assert pair.lead(one)["Stage"] == "recycled"


def test_a_merge_is_followed_to_its_new_record(pair: Pair) -> None:
    begun(pair)
    one, two = pair.sim.contact(somebody(pair)), pair.sim.contact(somebody(pair, 1))
    email, leads = str(one.properties["email"]), len(pair.leads())
    remains = pair.sim.merge("contacts", one.id, two.id)
    assert remains not in (one.id, two.id)
    pair.clock.move(10)
    pair.run()
    pair.settled()
    pair.edit(email, Company="Merged Ltd")
    pair.run()
    assert pair.sim.rows()[remains].properties["company"] == "Merged Ltd"
    assert len(pair.leads()) == leads and len(pair.sim.rows()) == leads - 1


def test_what_people_delete_is_archived_on_the_other_side(pair: Pair) -> None:
    begun(pair)
    one = somebody(pair)
    leads = len(pair.leads())
    pair.sim.archive("contacts", pair.sim.contact(one).id)
    pair.clock.move(10)
    pair.run()
    assert len(pair.leads()) == leads - 1
    pair.settled()
    assert one not in {row.properties["email"] for row in pair.sim.rows().values()}
