"""From an MQL at HubSpot to revenue in Salesforce and back, by the example config as it is shipped, over HTTP."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from smarksync.config import load
from smarksync.engine.check import check
from smarksync.errors import ConfigError
from smarksync.kit.session import OpenSession
from smarksync.ledger.db import Ledger
from smarksync.testing.faults import Crash

from .pair import ADA, Pair, accounts
from .world import disown


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with accounts(tmp_path) as made:
        made.hub.add_our_properties()
        made.hub.create(email=ADA, firstname="Ada", lastname="Lovelace", company="Lovelace GmbH", jobtitle="Head of IT", country="DE",
                        hubspotscore="80", smarksync_journey="decision_early")  # fmt: skip
        made.hub.create(email="bob@noyce.example", firstname="Bob", lastname="Noyce", company="Noyce Ltd", hubspotscore="90",
                        smarksync_journey="consideration_early")  # fmt: skip
        made.hub.submit(ADA)
        made.clock.move(10)
        yield made


def test_from_an_mql_to_revenue_and_back(pair: Pair) -> None:
    pair.run()
    lead = pair.lead()  # Bob is in consideration still: marketing keeps him
    assert (lead["LastName"], lead["Company"], lead["SmarkSync_Lifecycle__c"], lead["SmarkSync_Score__c"]) == (
        "Lovelace",
        "Lovelace GmbH",
        "mql",
        80,
    )
    assert "form submitted: Demo request" in lead["SmarkSync_Handoff_Note__c"]
    (task,) = pair.crm.rows("Task")
    assert task["WhoId"] == lead["Id"] and task["Subject"].startswith(
        "First call: Ada Lovelace (Lovelace GmbH), mql, score 80"
    )
    assert (
        pair.contact()["smarksync_handoff_state"] == "offered"
        and pair.contact()["lifecyclestage"] == "marketingqualifiedlead"
    )
    assert pair.run()["writes"] == []

    pair.clock.move(3600)
    pair.crm.add("Task", WhoId=lead["Id"], Subject="Call", TaskSubtype="Call", Status="Completed")
    pair.crm.edit("Lead", lead["Id"], Status="Working - Contacted")
    pair.run()
    told = pair.contact()
    assert (told["smarksync_handoff_state"], told["smarksync_attempts"], told["hs_lead_status"]) == (
        "working",
        "1",
        "IN_PROGRESS",
    )
    assert told["smarksync_accepted_at"] and told["smarksync_first_attempt_at"]
    assert pair.lead()["SmarkSync_Lifecycle__c"] == "sal"

    _, _, opportunity = pair.crm.convert(lead["Id"])
    assert opportunity is not None
    pair.run()
    told = pair.contact()
    assert (told["lifecyclestage"], told["smarksync_opportunity_stage"]) == ("opportunity", "Prospecting")
    pair.clock.move(86_400)
    pair.crm.edit("Opportunity", opportunity, StageName="Closed Won", Amount=12000.0)
    report = pair.run()
    told = pair.contact()
    assert (told["lifecyclestage"], told["smarksync_opportunity_kind"], told["smarksync_opportunity_amount"]) == (
        "customer",
        "won",
        "12000",
    )
    (handoffs,) = [job["handoffs"] for job in report["jobs"] if "handoffs" in job]
    assert (handoffs["offered"], handoffs["accepted"]) == (1, 1)
    assert pair.run()["writes"] == [] and len(pair.crm.rows("Task")) == 2


def test_with_the_agreement_the_task_is_due_by_the_promise(pair: Pair) -> None:
    pair.include_agreement(without="scoring")
    pair.crm.add("Group", Name="inbound", DeveloperName="inbound", Type="Queue")
    report = pair.run()
    lead = pair.lead()
    assert lead["SmarkSync_Handoff_Due_At__c"].startswith("2026-01-12T14:05"), "five business hours after ten past ten"
    (queue,) = [row["Id"] for row in pair.crm.rows("Group") if row["Name"] == "inbound"]
    assert lead["OwnerId"] == queue
    (handoffs,) = [job["handoffs"] for job in report["jobs"] if "handoffs" in job]
    assert "rule 2: anna@acme.example is not known there" in handoffs["passed_over"]
    assert pair.run()["writes"] == []


def test_computed_scores_stand_in_for_the_vendors_own(pair: Pair) -> None:
    pair.include_agreement()
    pair.run()
    assert pair.crm.rows("Lead") == [], "a head of IT has 25 points; reading the eBook and coming back are missing"
    ledger = Ledger("sqlite:///acme.db", root=str(pair.root))
    assert (
        ledger.value(
            "SELECT json_extract(CAST(agreed AS TEXT), '$.score') FROM entities WHERE kind = 'lead' ORDER BY 1 DESC LIMIT 1"
        )
        == 25
    )
    ledger.close()


def test_check_says_that_nobody_can_reach_the_threshold_here(pair: Pair) -> None:
    """HubSpot tells neither of page views nor of downloads: of the agreement's points a quarter can be had."""
    pair.include_agreement()
    config = load(pair.root / "smarksync.yaml", environ={**pair.hub.environment, **pair.crm.environment})

    def session(name: str, _settings: object) -> OpenSession:
        return OpenSession(name, root=str(pair.root), clock=pair.clock)

    found = check(config, pair.registry, session, None, pair.clock.now)
    said = [one["say"] for one in found["findings"] if one["about"] == "agreement"]
    lines = (pair.root / "smarksync.yaml").read_text("utf-8").splitlines()
    assert [text.split(":")[0].rpartition("/")[2] for text in said] == ["agreement.yaml"] * 2 + ["smarksync.yaml"]
    assert "content_downloaded, which no connected system tells of" in said[0] and "page_viewed" in said[1]
    assert (
        "no lead can ever pass `mql`: `lead.score >= 60` cannot be" in said[2] and "lies between -20 and 25" in said[2]
    )
    assert lines[int(said[2].split(":")[1]) - 1].strip().startswith("when: lead.score >= 60")
    assert found["ok"], "it is a warning: the agreement may be ahead of the systems"


@pytest.mark.parametrize("nth", [3, 9, 14, 19, 24, 29])
def test_killed_in_the_middle_leaves_no_duplicate(pair: Pair, nth: int) -> None:
    pair.faults.crash_in(nth)
    with pytest.raises(Crash):
        pair.run()
    pair.faults.revive()
    ledger = Ledger("sqlite:///acme.db", root=str(pair.root))
    disown(ledger)
    ledger.close()
    pair.run()
    pair.run()
    assert len(pair.crm.rows("Lead")) == 1 and len(pair.crm.rows("Task")) == 1
    assert pair.contact()["smarksync_handoff_state"] == "offered"
    assert pair.run()["writes"] == []


def test_a_lead_that_sales_turns_down_joins_the_list(pair: Pair) -> None:
    text = (pair.root / "smarksync.yaml").read_text("utf-8")
    rules = '    lists: [{when: \'lead.lifecycle == "recycled"\', join: "Hand-off: recycled"}]\n'
    (pair.root / "smarksync.yaml").write_text(text.rstrip("\n") + "\n" + rules, "utf-8")
    pair.run()
    pair.crm.edit("Lead", pair.lead()["Id"], Status="Closed - Not Converted")
    pair.run()
    assert pair.contact()["smarksync_handoff_state"] == "rejected"
    (ada,) = [row.id for row in pair.hub.rows().values() if row.properties["email"] == ADA]
    assert list(pair.hub.members["2"]) == [ada]
    assert pair.run()["writes"] == []


def test_the_reserve_lets_hand_offs_through_and_nobody_else(pair: Pair) -> None:
    """Salesforce's day is nearly used up: the next MQL still reaches sales, an edit waits until tomorrow."""
    text = (pair.root / "smarksync.yaml").read_text("utf-8")
    (pair.root / "smarksync.yaml").write_text(
        text.replace("    role: sales\n", "    role: sales\n    reserve: 2000\n"), "utf-8"
    )
    pair.run()
    (bob,) = [row.id for row in pair.hub.rows().values() if row.properties["email"] == "bob@noyce.example"]
    (ada,) = [row.id for row in pair.hub.rows().values() if row.properties["email"] == ADA]
    pair.hub.edit("contacts", bob, smarksync_journey="decision_early")
    pair.hub.edit("contacts", ada, jobtitle="CIO")
    pair.crm.quirks.daily_requests = pair.crm.used + 1000
    with pytest.raises(AssertionError, match="kept for hand-offs"):
        pair.run(allow=("quota",))
    titles = {row["LastName"]: row["Title"] for row in pair.crm.rows("Lead")}
    assert titles["Lovelace"] == "Head of IT" and "Noyce" in titles
    pair.crm.quirks.daily_requests = pair.crm.used + 10_000
    pair.run()
    assert {row["LastName"]: row["Title"] for row in pair.crm.rows("Lead")}["Lovelace"] == "CIO"


def test_a_quiet_run_asks_salesforce_for_all_schemas_at_once_and_for_each_object_once(pair: Pair) -> None:
    """What left comes with what changed; only deals need more, whose contact roles come and go without a trace on them."""
    pair.run()
    pair.run()
    before = len(pair.crm.calls)
    pair.run()
    calls = pair.crm.calls[before:]
    names = [call.path.rpartition("/")[2] for call in calls]
    assert [name for name in names if not name.startswith("query")] == ["token", "composite"]
    asked = Counter(re.findall(r"FROM\+(\w+)\+WHERE\+", call.query)[-1] for call in calls if "query" in call.path)
    once = ("Lead", "Contact", "Account", "User", "Group", "Task", "Event", "CampaignMember", "OpportunityContactRole")
    assert asked == {**dict.fromkeys(once, 1), "Opportunity": 2}


def test_two_jobs_that_would_write_one_field_are_refused_before_anything_is_written(pair: Pair) -> None:
    """Only the accounts tell which fields the presets and `*` are: a second job overwrote what an open question was about."""
    config = pair.root / "smarksync.yaml"
    text = config.read_text("utf-8")
    second = 'jobs:\n  again: {sync: lead, between: [marketing, sales], match: [email], fields: {"*": {direction: from sales}}}\n'
    config.write_text(text.replace("jobs:\n", second, 1), "utf-8")
    loaded = load(config, environ={**pair.hub.environment, **pair.crm.environment})
    with pytest.raises(ConfigError, match="from two jobs, `again`") as refused:
        pair.run()
    assert "smarksync.yaml:" in str(refused.value)
    assert not [call for call in (*pair.hub.calls, *pair.crm.calls) if call.write]
    found = check(
        loaded,
        pair.registry,
        lambda name, _settings: OpenSession(name, root=str(pair.root), clock=pair.clock),
        None,
        pair.clock.now,
    )
    assert [one for one in found["findings"] if "from two jobs" in one["say"]]
