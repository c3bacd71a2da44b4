"""One qualified lead through Salesforce: record and task in, acceptance, first call, deal and amount back.

People work in the org as they do: they take the lead over, tick the task, convert, win. Nobody fills in a field of ours.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import smarksync_files
import smarksync_salesforce
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession

CONFIG = """
version: 1
workspace: acme
ledger: sqlite:///acme.db
connections:
  marketing: {{connector: files, role: marketing, settings: {{path: data, format: csv}}}}
  sales: {{connector: salesforce, settings: {{login_url: "{login_url}", client_id: {client_id}, client_secret: {client_secret}}}}}
mappings:
  marketing:
    people:
      entity: lead
      fields: {{email: email, first_name: first, last_name: last, company: company, score: score, lifecycle: stage,
               handoff_state: state, accepted_at: accepted, first_attempt_at: called, opportunity_kind: kind,
               opportunity_amount: amount}}
  sales: preset
definitions:
  mql: {{when: lead.score >= 60, require: [email, last_name, company]}}
routing:
  - fallback: "queue:Inbound leads"
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {{marketing: never, sales: never}}
    fields:
      "*": {{direction: both, merge: newest, tie: sales}}
      score: {{direction: from marketing}}
  handoff: {{handoff: lead, from: marketing, to: sales, when: definitions.mql}}
  outcomes: {{outcomes: [lead, opportunity], from: sales, to: marketing}}
"""
COLUMNS = (
    "id",
    "updated_at",
    "email",
    "first",
    "last",
    "company",
    "score",
    "stage",
    "state",
    "accepted",
    "called",
    "kind",
    "amount",
)


class Story:
    def __init__(self, sim: SalesforceSimulator, clock: ManualClock, root: Path) -> None:
        self.sim, self.clock, self.root = sim, clock, root
        (root / "data").mkdir()
        (root / "c.yaml").write_text(CONFIG.format(**sim.settings))
        self.registry = Registry([smarksync_files, smarksync_salesforce])

    def marketing(self, **values: str) -> None:
        """What marketing's file says of Ada."""
        self.clock.move(60)
        ada = {"id": "p1", "email": "ada@engines.example", "first": "Ada", "last": "Lovelace", "company": "Engines"}
        with (self.root / "data" / "people.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerow({**ada, "updated_at": self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"), **values})

    def shows(self) -> dict[str, str]:
        """A run, and a second one that must write nothing; then the file's row."""
        for _ in range(2):
            self.clock.move(300)
            self.sim.calls.clear()
            done = execute(
                load(self.root / "c.yaml"), Options(threads=False), registry=self.registry, now=self.clock.now,
                make_session=lambda name, settings: OpenSession(name, root=str(self.root), clock=self.clock),
            )  # fmt: skip
            done.run.ledger.close()
            assert done.exit_code == 0, done.sentences
        assert self.sim.count(write=True) == 0
        with (self.root / "data" / "people.csv").open(newline="") as file:
            return next(csv.DictReader(file))

    def only(self, name: str) -> dict[str, Any]:
        (row,) = self.sim.rows(name)
        return row


def test_a_lead_from_score_to_won_deal(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 23, 8, tzinfo=UTC))
    with SalesforceSimulator(people=0, now=clock.now) as sim:
        story = Story(sim, clock, tmp_path)
        story.marketing(score="10")
        assert story.shows()["state"] == "" and sim.rows("Lead") == []

        story.marketing(score="80")
        assert (story.shows()["state"], story.shows()["stage"]) == ("offered", "mql")
        lead, task = story.only("Lead"), story.only("Task")
        assert lead["OwnerId"] == task["OwnerId"] == sim.queue  # and no assignment rule took it away
        assert (lead["SmarkSync_Handoff_State__c"], lead["SmarkSync_Score__c"]) == ("offered", 80.0)
        assert task["WhoId"] == lead["Id"] and "Ada Lovelace" in task["Subject"] and not task["IsClosed"]

        clock.move(60)
        sim.edit("Lead", lead["Id"], Status="Working - Contacted", OwnerId=sim.person)
        sim.edit("Task", task["Id"], Status="Completed")
        row = story.shows()
        assert row["state"] == "working" and row["accepted"] and row["called"]

        clock.move(60)
        contact, _, deal = sim.convert(lead["Id"])
        row = story.shows()
        assert (row["state"], row["stage"], row["kind"]) == ("opportunity", "opportunity", "open")

        clock.move(60)
        sim.edit("Opportunity", str(deal), StageName="Closed Won", Amount=12000.0)
        row = story.shows()
        assert (row["state"], row["stage"], row["kind"], row["amount"]) == ("won", "customer", "won", "12000")
        assert sim.get("Contact", contact)["SmarkSync_Handoff_State__c"] == "won"
        assert len(sim.rows("Lead")) == 1 and len(sim.rows("Task")) == 1  # and nobody was made twice
        assert sim.problems == []
