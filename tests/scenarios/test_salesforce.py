"""A folder of a marketing team and a Salesforce org agree: run by the engine, over HTTP, with the vendor's ways on."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import smarksync_files
import smarksync_salesforce
from smarksync_salesforce.simulator import Quirks, SalesforceSimulator

from smarksync.config import load
from smarksync.engine.check import check
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.simulator import in_vendor, people, spelled

CONFIG = """
version: 1
workspace: acme
ledger: sqlite:///acme.db
connections:
  marketing: {{connector: files, role: marketing, settings: {{path: data, format: csv}}}}
  sales:
    connector: salesforce
    settings: {{login_url: "{url}", client_id: {id}, client_secret: {secret}}}
mappings:
  marketing:
    people:
      entity: lead
      fields: {{email: email, first_name: first, last_name: last, company: company, phone: phone, city: city,
               country: country, job_title: title, email_opt_out: opted_out, score: score}}
  sales: preset
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {{marketing: always, sales: always}}
    fields:
      "*": {{direction: both, merge: newest, tie: sales}}
      score: {{direction: from marketing}}
      email_opt_out: {{direction: both, merge: most_restrictive}}
"""
COLUMNS = (
    "id",
    "updated_at",
    "email",
    "first",
    "last",
    "company",
    "phone",
    "city",
    "country",
    "title",
    "opted_out",
    "score",
)
GUARDS = frozenset({"first_run", "adoption", "updates", "creates", "share"})


class Pair:
    """The two systems, and runs between them."""

    def __init__(self, sim: SalesforceSimulator, clock: ManualClock, root: Path) -> None:
        self.sim, self.clock, self.root = sim, clock, root
        (root / "data").mkdir()
        self.table = root / "data" / "people.csv"
        mine = [spelled(p, "files") for p in people(1, 40) if in_vendor(p, "files")]
        self.put([
            dict(zip(COLUMNS, (f"p{p.number}", "2026-11-01T00:00:00Z", p.email, p.first_name, p.last_name, p.company,
                               p.phone or "", p.city, p.country, p.job_title, str(p.opted_out).lower(), str(p.score)), strict=True))
            for p in mine
        ])  # fmt: skip
        self.file = root / "smarksync.yaml"
        given = sim.settings
        self.file.write_text(CONFIG.format(url=sim.url, id=given["client_id"], secret=given["client_secret"]))
        self.registry = Registry([smarksync_files, smarksync_salesforce])

    def session(self, name: str, settings: Any) -> OpenSession:
        return OpenSession(name, root=str(self.root), clock=self.clock)

    def run(self, *, code: int = 0) -> dict[str, dict[str, int]]:
        """One run, five minutes later: the counts of each object."""
        self.clock.move(300)
        self.sim.calls.clear()
        options = Options(threads=False, allow=GUARDS)
        done = execute(load(self.file), options, registry=self.registry, make_session=self.session, now=self.clock.now)
        done.run.ledger.close()
        assert done.exit_code == code, done.sentences
        return {
            name: {fate: number for fate, number in counts.items() if number}
            for job in done.report["jobs"]
            for streams in job["sides"].values()
            for name, counts in streams.items()
        }

    def settled(self) -> None:
        """The next run writes nothing, and asks Salesforce for what changed and what left in one call an object."""
        counts = self.run()
        assert all("written" not in side and "planned" not in side for side in counts.values()), counts
        assert self.sim.count(write=True) == 0
        assert self.sim.count(path="/query") == 2, [c.query for c in self.sim.calls]

    # the folder
    def rows(self) -> list[dict[str, str]]:
        with self.table.open(newline="") as file:
            return list(csv.DictReader(file))

    def put(self, rows: list[dict[str, str]]) -> None:
        with self.table.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

    def row(self, email: str) -> dict[str, str]:
        (found,) = (row for row in self.rows() if row["email"].lower() == email.lower())
        return found

    def edit(self, email: str, **values: str) -> None:
        self.clock.move(60)
        at = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        rows = [{**r, **values, "updated_at": at} if r["email"].lower() == email.lower() else r for r in self.rows()]
        self.put(rows)

    # the org
    def known(self, kind: str = "Lead") -> dict[str, Any]:
        """Somebody of the org whom the folder has, too."""
        mine = {row["email"].lower() for row in self.rows()}
        return next(
            r
            for r in self.sim.rows(kind)
            if r["Email"].lower() in mine and not r["IsConverted" if kind == "Lead" else "IsDeleted"]
        )


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    clock = ManualClock(datetime(2026, 11, 22, 8, tzinfo=UTC))
    with SalesforceSimulator(people=40, now=clock.now, quirks=Quirks()) as sim:
        yield Pair(sim, clock, tmp_path)
        assert sim.problems == []


def test_first_run_second_run_and_edits_of_both_sides(pair: Pair) -> None:
    before = len(pair.rows()), len(pair.sim.rows("Lead")), len(pair.sim.rows("Contact"))
    counts = pair.run()
    assert counts["Lead"]["created"] > 0 and counts["people"]["created"] > 0
    everyone = {r["Email"].lower() for kind in ("Lead", "Contact") for r in pair.sim.rows(kind)}
    assert everyone == {r["email"].lower() for r in pair.rows()}
    assert len(pair.sim.rows("Contact")) == before[2] and len(pair.rows()) > before[0]
    pair.settled()
    lead = pair.known()
    pair.clock.move(10)
    pair.sim.edit("Lead", lead["Id"], City="Newtown")
    assert pair.run()["people"]["updated"] == 1 and pair.row(lead["Email"])["city"] == "Newtown"
    pair.settled()
    pair.edit(lead["Email"], title="Countess", score="77")
    assert pair.run()["Lead"]["updated"] == 1
    shown = pair.sim.get("Lead", lead["Id"])
    assert (shown["Title"], shown["SmarkSync_Score__c"], shown["City"]) == ("Countess", 77.0, "Newtown")
    assert shown["OwnerId"] == lead["OwnerId"]  # no assignment rule ran
    pair.settled()


def test_conversion_takes_the_link_along(pair: Pair) -> None:
    pair.run()
    pair.settled()
    lead = pair.known()
    pair.clock.move(10)
    contact, _, _ = pair.sim.convert(lead["Id"])
    pair.run()
    pair.settled()
    assert len(pair.sim.rows("Lead", Email=lead["Email"])) == 1  # the converted one, and no new one
    pair.clock.move(10)
    pair.sim.edit("Contact", contact, MailingCity="Oldtown")
    pair.run()
    assert pair.row(lead["Email"])["city"] == "Oldtown"
    pair.edit(lead["Email"], title="Countess")
    pair.run()
    assert pair.sim.get("Contact", contact)["Title"] == "Countess"
    assert pair.sim.get("Lead", lead["Id"])["Title"] == lead["Title"]
    pair.settled()


def test_merge_goes_to_the_winner_and_a_delete_brings_nobody_back(pair: Pair) -> None:
    pair.run()
    pair.settled()
    leads = [r for r in pair.sim.rows("Lead") if not r["IsConverted"]]
    winner, loser, deleted = leads[:3]
    pair.clock.move(10)
    pair.sim.merge("Lead", winner["Id"], loser["Id"])
    pair.sim.delete("Lead", deleted["Id"])
    pair.run(code=0)
    pair.run(code=0)
    assert len(pair.sim.rows("Lead")) == len(leads) - 2
    pair.edit(deleted["Email"], title="Countess")
    pair.run()
    assert len(pair.sim.rows("Lead")) == len(leads) - 2
    assert pair.sim.get("Lead", deleted["Id"])["IsDeleted"]


def test_opt_outs_go_both_ways_and_never_back(pair: Pair) -> None:
    pair.run()
    one = next(r for r in pair.sim.rows("Lead") if not r["HasOptedOutOfEmail"])
    pair.clock.move(10)
    pair.sim.edit("Lead", one["Id"], HasOptedOutOfEmail=True)
    pair.run()
    assert pair.row(one["Email"])["opted_out"] == "true"
    other = next(r for r in pair.sim.rows("Contact") if not r["HasOptedOutOfEmail"])
    pair.edit(other["Email"], opted_out="true")
    pair.run()
    assert pair.sim.get("Contact", other["Id"])["HasOptedOutOfEmail"] is True
    pair.clock.move(10)
    pair.sim.edit("Contact", other["Id"], HasOptedOutOfEmail=False)
    pair.run()
    pair.run()
    assert pair.sim.get("Contact", other["Id"])["HasOptedOutOfEmail"] is True


@pytest.mark.parametrize("after", [True, False])
def test_answers_that_are_lost_make_nobody_twice(pair: Pair, after: bool) -> None:
    fault = pair.sim.faults.drop(after=after, times=None, when=lambda request: b'"records"' in request.body)
    pair.run()
    assert fault.seen >= 8  # each of the writes, as often as it is tried
    pair.sim.faults.clear()
    pair.run()
    pair.run()
    pair.settled()
    emails = [r["Email"].lower() for kind in ("Lead", "Contact") for r in pair.sim.rows(kind)]
    assert len(emails) == len(set(emails)) == len(pair.rows())


def test_kill_9_and_a_rerun_make_nobody_twice(tmp_path: Path) -> None:
    with SalesforceSimulator(people=40) as sim:
        pair = Pair(sim, ManualClock(), tmp_path)
        words = [sys.executable, "-m", "smarksync", "--config", str(pair.file), "run"]
        words += [word for guard in sorted(GUARDS) for word in ("--allow", guard)]
        run = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # the call is done, and whoever asked for it is dead before the answer leaves
        fault = sim.faults.drop(after=True, skip=1, when=lambda request: b'"records"' in request.body)
        fault.then = run.kill
        assert run.wait(60) == -9 and fault.seen == 1
        again = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert again.returncode == 0, again.stdout + again.stderr
        emails = [r["Email"].lower() for kind in ("Lead", "Contact") for r in sim.rows(kind)]
        assert len(emails) == len(set(emails)) == len(pair.rows())
        assert sim.problems == []


def test_missing_fields_are_printed_with_their_definitions(pair: Pair) -> None:
    pair.sim.lack("Lead", "SmarkSync_Score__c", "SmarkSync_Id__c", "HasOptedOutOfEmail")
    found = check(load(pair.file), pair.registry, pair.session, None, pair.clock.now)
    (sales,) = (one for one in found["connections"] if one["name"] == "sales")
    said = " ".join(f"{f['say']} {f['do']}" for f in sales["findings"])
    assert found["exit_code"] == 2 and sales["budget_left"] > 14_000
    assert "name `SmarkSync_Score__c`; type whole number" in said
    assert "name `SmarkSync_Id__c`; type text, length 64, unique, an external id" in said
    assert "name `HasOptedOutOfEmail`; type checkbox" in said


def test_opt_out_reaches_the_lead_beside_the_contact(pair: Pair) -> None:
    """One person, a contact and an open lead: two records of one object are a question, these two are not."""
    contact = pair.known("Contact")
    beside = pair.sim.add("Lead", LastName=contact["LastName"], Company="Elsewhere", Email=contact["Email"])
    pair.run()
    pair.settled()
    assert pair.sim.get("Lead", beside)["Company"] == "Elsewhere"
    pair.edit(contact["Email"], opted_out="true", title="Countess")
    pair.run()
    assert pair.sim.get("Contact", contact["Id"])["HasOptedOutOfEmail"] is True
    assert pair.sim.get("Lead", beside)["HasOptedOutOfEmail"] is True
    assert pair.sim.get("Contact", contact["Id"])["Title"] == "Countess" != pair.sim.get("Lead", beside)["Title"]
    pair.settled()
