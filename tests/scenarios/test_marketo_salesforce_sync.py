"""configs/marketo-salesforce.yaml, unchanged, between a simulated Marketo and a simulated Salesforce: its sync job."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import smarksync_marketo
import smarksync_salesforce
from smarksync_marketo.simulator import MarketoSimulator
from smarksync_marketo.simulator import Quirks as MarketoQuirks
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.config import load
from smarksync.engine.check import check
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, Result, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.ledger.db import Ledger
from smarksync.simulator import Answer, Request

EXAMPLE = Path(__file__).parents[2] / "configs" / "marketo-salesforce.yaml"


class Office:
    """Marketing at Marketo, sales at Salesforce, and the config between them."""

    def __init__(
        self, root: Path, marketo: MarketoSimulator, salesforce: SalesforceSimulator, clock: ManualClock
    ) -> None:
        self.root, self.marketo, self.salesforce, self.clock = root, marketo, salesforce, clock
        self.file = root / EXAMPLE.name
        shutil.copy(EXAMPLE, self.file)
        self.registry = Registry([smarksync_marketo, smarksync_salesforce])

    def session(self, name: str, settings: Any) -> OpenSession:
        return OpenSession(name, root=str(self.root), clock=self.clock)

    def check(self, fix: bool = False) -> dict[str, Any]:
        config = load(self.file)
        ledger = Ledger(config.ledger_url, root=str(self.root))
        try:
            return check(config, self.registry, self.session, ledger, self.clock.now, fix=fix)
        finally:
            ledger.close()

    def run(self) -> Result:
        self.clock.move(900)
        result = execute(
            load(self.file), Options(jobs=("people",), allow=frozenset({"first_run"}), threads=False),
            registry=self.registry, make_session=self.session, now=self.clock.now,
        )  # fmt: skip
        result.run.ledger.close()
        assert (self.marketo.problems, self.salesforce.problems) == ([], [])
        assert result.exit_code == 0, result.sentences
        return result

    def settle(self) -> None:
        """Until a run writes nothing: two at most."""
        for _ in range(2):
            if not written(self.run()):
                return
        assert not written(self.run())

    def both(self, sobject: str = "Lead") -> tuple[int, dict[str, Any]]:
        """Somebody who is in both systems, and may be mailed: the lead's number, and the record in Salesforce."""
        rows = {str(row["Email"]).lower(): row for row in self.salesforce.rows(sobject) if row["Email"]}
        for number, lead in sorted(self.marketo.world.leads.items()):
            row = rows.get(str(lead.get("email", "")).lower())
            if row is not None and not lead["unsubscribed"] and not row["HasOptedOutOfEmail"]:
                return number, row
        raise AssertionError("nobody is in both")

    def lead(self, number: int) -> dict[str, Any]:
        return self.marketo.world.shown(number)

    def record(self, row: dict[str, Any], sobject: str = "Lead") -> dict[str, Any]:
        return self.salesforce.find(sobject, Id=row["Id"])


def written(result: Result) -> int:
    return sum(f["written"] for job in result.report["jobs"] for side in job["sides"].values() for f in side.values())


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    clock = ManualClock()
    with (
        MarketoSimulator(people=60, now=clock.now) as marketo,
        SalesforceSimulator(people=60, now=clock.now) as salesforce,
    ):
        for name, value in {**marketo.environment, **salesforce.environment}.items():
            monkeypatch.setenv(name, value)
        office = Office(tmp_path, marketo, salesforce, clock)
        assert not office.check()["ok"]  # our own fields are not there yet
        assert office.check(fix=True)["ok"]
        yield office


def test_people_meet_and_the_third_run_is_silent_within_its_calls(office: Office) -> None:
    marketing = {str(row["email"]).lower() for row in office.marketo.world.leads.values()}
    crm = {
        str(row["Email"]).lower()
        for kind in ("Lead", "Contact")
        for row in office.salesforce.rows(kind)
        if row["Email"]
    }
    office.run()
    emails = [str(row["email"]).lower() for row in office.marketo.world.leads.values()]
    assert sorted(emails) == sorted(marketing | crm)  # everybody of the CRM is in Marketo now, once
    assert not written(office.run())
    third = office.run()
    assert not written(third)
    calls = third.report["calls"]
    assert calls["marketing"]["read"] == 3 and calls["marketing"]["write"] == 0
    assert calls["sales"]["read"] <= 4 and calls["sales"]["write"] == 0


def test_edits_go_both_ways_and_rules_hold(office: Office) -> None:
    office.run()
    office.settle()
    number, row = office.both()
    office.marketo.world.edit(number, lastName="Renamed", leadScore=91, phone="+12125550111")
    office.run()
    shown = office.record(row)
    assert (shown["LastName"], shown["SmarkSync_Score__c"]) == ("Renamed", 91)
    office.settle()
    office.salesforce.edit("Lead", row["Id"], City="Leeds", Phone="+44 20 7946 0123", SmarkSync_Score__c=3)
    office.run()
    assert (office.lead(number)["city"], office.lead(number)["phone"]) == ("Leeds", "+442079460123")
    assert office.lead(number)["leadScore"] == 91  # the score flows from marketing only
    office.settle()


def test_opt_out_goes_both_ways_and_is_not_taken_back_by_a_flag(office: Office) -> None:
    office.run()
    office.settle()
    number, row = office.both()
    office.marketo.world.unsubscribe(number)
    office.run()
    assert office.record(row)["HasOptedOutOfEmail"] is True
    office.salesforce.edit("Lead", row["Id"], HasOptedOutOfEmail=False)
    office.run()
    assert office.record(row)["HasOptedOutOfEmail"] is True and office.lead(number)["unsubscribed"] is True
    office.settle()
    other, contact = office.both("Contact")
    office.salesforce.edit("Contact", contact["Id"], HasOptedOutOfEmail=True)
    office.run()
    assert office.lead(other)["unsubscribed"] is True
    office.settle()


def test_new_people_are_created_where_the_config_says(office: Office) -> None:
    office.run()
    office.settle()
    office.marketo.world.add(email="only.marketing@example.com", lastName="Only", company="One Ltd")
    office.salesforce.add("Lead", Email="from.sales@example.com", LastName="Sales", Company="Two Ltd")
    office.run()
    assert not office.salesforce.rows("Lead", Email="only.marketing@example.com")  # `create: {sales: never}`
    (made,) = [r for r in office.marketo.world.leads.values() if r["email"] == "from.sales@example.com"]
    assert (made["lastName"], made["company"]) == ("Sales", "Two Ltd")
    office.settle()


def test_merge_in_marketo_and_conversion_in_salesforce_make_nobody_twice(office: Office) -> None:
    office.run()
    office.settle()
    number, row = office.both()
    loser = office.marketo.world.add(email="alias@example.com", lastName=office.lead(number)["lastName"])
    office.settle()
    office.marketo.world.merge(number, [loser])
    office.salesforce.convert(row["Id"])
    many = len(office.marketo.world.leads)
    office.run()
    office.settle()
    assert len(office.marketo.world.leads) == many
    office.marketo.world.edit(number, title="After the conversion")
    office.run()
    contacts = office.salesforce.rows("Contact", Email=row["Email"])
    assert [contact["Title"] for contact in contacts] == ["After the conversion"]


@pytest.mark.parametrize("how", ["merged", "deleted", "stranger"])
def test_an_opt_out_that_only_the_bin_shows_any_more_counts(office: Office, how: str) -> None:
    office.run()
    office.settle()
    number, row = office.both("Contact")
    other = office.salesforce.add("Contact", Email="twin@example.com", LastName=row["LastName"])
    if how == "merged":
        office.settle()
    out, stays = (other, row["Id"]) if how != "deleted" else (row["Id"], other)
    office.salesforce.edit("Contact", out, HasOptedOutOfEmail=True)
    if how == "deleted":
        office.salesforce.delete("Contact", out)
    else:
        office.salesforce.merge("Contact", stays, out)
    office.run()
    assert office.lead(number)["unsubscribed"] is True
    if how != "deleted":
        assert office.record(row, "Contact")["HasOptedOutOfEmail"] is True
    office.settle()


def test_our_id_that_a_converted_lead_keeps_bars_nothing_from_the_persons_other_record(office: Office) -> None:
    office.run()
    office.settle()
    one, other = [row for row in office.salesforce.rows("Lead") if row["Email"] and not row["IsConverted"]][:2]
    numbers = [
        next(n for n, lead in office.marketo.world.leads.items() if str(lead["email"]).lower() == row["Email"].lower())
        for row in (one, other)
    ]
    office.marketo.world.merge(numbers[0], [numbers[1]])
    office.settle()
    contact, _, _ = office.salesforce.convert(one["Id"])
    office.settle()
    office.salesforce.delete("Contact", contact)
    office.run()
    office.marketo.world.edit(numbers[0], title="Speaks for both")
    office.run()
    left = office.record(other)
    assert left["Title"] == "Speaks for both"
    # the unique id stands on the converted lead for ever, which nobody may write to
    assert (
        left["SmarkSync_Id__c"]
        and left["SmarkSync_Id__c"] != office.salesforce.get("Lead", one["Id"])["SmarkSync_Id__c"]
    )
    office.settle()


def test_deletes_are_reported_and_nobody_comes_back(office: Office) -> None:
    office.run()
    office.settle()
    number, row = office.both()
    office.marketo.world.remove(number)
    office.run()
    office.salesforce.edit("Lead", row["Id"], City="Leeds")
    office.settle()
    email = str(row["Email"]).lower()
    assert email not in {str(lead["email"]).lower() for lead in office.marketo.world.leads.values()}
    assert office.record(row)["City"] == "Leeds"


def test_lost_answers_on_either_side_make_nobody_twice(office: Office) -> None:
    office.marketo.faults.drop(after=True, method="POST", path="/rest/v1/leads.json", times=1)
    office.salesforce.faults.drop(after=True, method="PATCH", times=1)
    office.run()
    office.settle()
    emails = [str(lead["email"]).lower() for lead in office.marketo.world.leads.values()]
    assert len(emails) == len(set(emails))


class Killer(MarketoSimulator):
    """Kills whoever talks to it, right after the n-th call of a kind was done and before it is answered."""

    victim: subprocess.Popen[bytes] | None = None
    moments: tuple[tuple[str, str, int], ...] = ()

    def handle(self, request: Request) -> tuple[Answer, bool]:
        done = super().handle(request)
        with self.lock:
            if self.victim is not None and self.moments:
                method, path, left = self.moments[0]
                if (request.method, request.path) == (method, path):
                    self.moments = ((method, path, left - 1), *self.moments[1:])
                    if left == 1:
                        self.moments = self.moments[1:]
                        self.victim.kill()
                        self.victim = None
        return done


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_makes_nobody_twice(tmp_path: Path) -> None:
    leads = "/rest/v1/leads.json"
    with (
        Killer(people=40, limits=False, quirks=MarketoQuirks(own_fields=True)) as marketo,
        SalesforceSimulator(people=40, limits=False) as salesforce,
    ):
        marketo.moments = (("POST", leads, 1), ("POST", leads, 1))  # creates; then our ids on those that were there
        environment = {**os.environ, **marketo.environment, **salesforce.environment}
        shutil.copy(EXAMPLE, tmp_path / EXAMPLE.name)
        command = [sys.executable, "-m", "smarksync", "--config", str(tmp_path / EXAMPLE.name), "run", "people"]
        codes = []
        for _ in range(6):
            with marketo.lock:  # nobody is served before we know whom to kill
                marketo.victim = subprocess.Popen(
                    [*command, "--allow", "first_run"],
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                )
                running = marketo.victim
            said = running.communicate(timeout=120)[1].decode()
            codes.append(running.returncode)
            assert running.returncode in (0, -signal.SIGKILL), said
            if codes[-2:] == [0, 0]:
                break
        assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0, 0]
        emails = [str(lead["email"]).lower() for lead in marketo.world.leads.values()]
        assert len(emails) == len(set(emails))
        crm = {
            str(row["Email"]).lower() for kind in ("Lead", "Contact") for row in salesforce.rows(kind) if row["Email"]
        }
        assert crm <= set(emails)
        assert (marketo.problems, salesforce.problems) == ([], [])
