"""What happened with people: engagements, form submissions, e-mail events; and who works here, lists and campaigns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from hubspot_account import Account
from smarksync_hubspot.computed import CALL, DEAL, EMAIL, MEETING, NOTE, TASK, Computed
from smarksync_hubspot.simulator import Quirks
from smarksync_hubspot.simulator.seed import submission

from smarksync.plugin import WriteResult

KIND = ("smarksync.type", "smarksync.actor", "smarksync.automated", "smarksync.direction", "smarksync.result")


def person(hub: Account, place: int = 0) -> tuple[str, str]:
    rid = sorted(hub.sim.rows())[place]
    return rid, str(hub.sim.rows()[rid].properties["email"])


# -- engagements (crm.md 2.3) -------------------------------------------------------------------------------------


def worked_out(fields: tuple[Computed, ...], **row: Any) -> dict[str, Any]:
    return {one.name.removeprefix("smarksync."): one.value(row) for one in fields}


@pytest.mark.parametrize(
    ("fields", "row", "wanted"),
    [
        (CALL, {"hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7", "hs_call_direction": "OUTBOUND", "hs_call_duration": "90500"},
         {"type": "call", "actor": "sales", "automated": False, "direction": "outbound", "result": "connected", "duration": 90}),
        (CALL, {"hs_call_disposition": "73a0d17f-1163-4015-bdd5-ec830791da20"}, {"result": "no_answer", "duration": None, "direction": "none"}),
        (CALL, {"hs_call_disposition": "an account's own", "hs_call_status": "COMPLETED", "hs_call_direction": "INBOUND"},
         {"result": "done", "actor": "lead", "direction": "inbound"}),
        (CALL, {"hs_call_status": "QUEUED"}, {"result": "planned"}),
        (EMAIL, {"hs_email_direction": "EMAIL", "hs_email_status": "SENT"}, {"actor": "sales", "direction": "outbound", "result": "done"}),
        (EMAIL, {"hs_email_direction": "EMAIL", "hs_email_status": "SENT", "hs_object_source": "SEQUENCES"}, {"actor": "marketing", "automated": True}),
        (EMAIL, {"hs_email_direction": "INCOMING_EMAIL"}, {"actor": "lead", "direction": "inbound"}),
        (EMAIL, {"hs_email_status": "BOUNCED"}, {"result": "bounced"}),
        (MEETING, {"hs_meeting_outcome": "NO_SHOW"}, {"type": "meeting", "result": "no_answer", "duration": None}),
        (MEETING, {"hs_meeting_outcome": "COMPLETED", "hs_meeting_start_time": "2026-11-22T08:00:00Z", "hs_meeting_end_time": "2026-11-22T08:30:00Z"},
         {"result": "done", "duration": 1800}),
        (MEETING, {}, {"result": "planned"}),
        (TASK, {"hs_object_source": "AUTOMATION_PLATFORM"}, {"type": "task", "actor": "marketing", "automated": True}),
        (NOTE, {"hs_note_body": "<p>Met <b>Ada</b></p>"}, {"type": "note", "result": "none", "subject": "Met Ada"}),
        (DEAL, {"hs_is_closed": "true", "hs_is_closed_won": "true"}, {"stage_kind": "won"}),
        (DEAL, {"hs_is_closed": "true", "hs_is_closed_won": "false"}, {"stage_kind": "lost"}),
        (DEAL, {"hs_is_closed": "false"}, {"stage_kind": "open"}),
    ],
)  # fmt: skip
def test_what_a_row_amounts_to(fields: tuple[Computed, ...], row: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    assert worked_out(fields, **row).items() >= wanted.items()


@pytest.mark.parametrize(
    ("kind", "title"), [("calls", "hs_call_title"), ("emails", "hs_email_subject"), ("meetings", "hs_meeting_title")]
)
def test_engagements_name_person_company_and_deal(hub: Account, kind: str, title: str) -> None:
    rid, _ = person(hub)
    deal = sorted(hub.sim.rows("deals"))[0]
    _, cursor = hub.read(kind, (title,))
    made = hub.sim.create(kind, **{title: "Hello", "hs_timestamp": "2026-11-22T07:00:00.000Z"})
    hub.sim.store.link(kind, made, "contacts", rid)
    hub.sim.store.link(kind, made, "deals", deal)
    hub.wait(1)
    about = ("associations.contact", "associations.company", "associations.deal")
    for start in (None, cursor):  # listed, and found by search
        records, _ = hub.read(kind, (title, *about, *KIND), start)
        assert [record.id for record in records] == [made]
        assert [records[0].fields[name] for name in (title, *about)] == ["Hello", rid, None, deal]


# -- form submissions (developers.hubspot.com, forms v1) ---------------------------------------------------------------

FORM = ("at", "contact", "form", "pageUrl", *KIND)


def test_submissions_are_read_newest_first_until_the_last_read(hub: Account) -> None:
    rid, email = person(hub)
    form = next(iter(hub.sim.forms))
    hub.sim.submissions[form] += [submission(email, number, 1_700_000_000_000 + number) for number in range(200)]
    first, cursor = hub.read("form_submissions", FORM)
    assert len(first) == sum(len(found) for found in hub.sim.submissions.values())
    ticks = int((hub.clock.now() + timedelta(seconds=200)).timestamp() * 1000)
    hub.sim.submissions[form] += [submission(email.upper(), number, ticks + number) for number in range(60)]
    hub.wait(400)
    before = hub.calls("/submissions/")
    again, cursor = hub.read("form_submissions", FORM, cursor)
    assert len(again) == 60
    assert hub.calls("/submissions/") - before == 2 + 1  # two pages of the one form, and a look at the other
    assert again[0].fields == {
        "at": again[0].changed_at.isoformat(),
        "contact": rid,
        "form": "Demo request",
        "pageUrl": "https://ourselves.example/demo",
        "smarksync.type": "form_submitted",
        "smarksync.actor": "lead",
        "smarksync.automated": False,
        "smarksync.direction": "inbound",
        "smarksync.result": "done",
    }
    hub.wait(400)
    hub.read("form_submissions", FORM, cursor)


def test_an_old_submission_without_an_id_keeps_the_id_that_we_give_it(hub: Account) -> None:
    form = next(iter(hub.sim.forms))
    old = {
        name: value
        for name, value in submission("gone@acme.example", 1, 1_700_000_000_000).items()
        if name != "conversionId"
    }
    hub.sim.submissions[form] = [old]
    (one,) = [record for record in hub.read("form_submissions", FORM)[0] if record.fields["contact"] is None]
    (two,) = [record for record in hub.read("form_submissions", FORM)[0] if record.fields["contact"] is None]
    assert one.id == two.id and "gone" not in one.id


# -- e-mail events (marketing.md 4.5) -------------------------------------------------------------------------------------

EVENT = ("type", "at", "contact", "subject", "url", *KIND)


def test_events_name_their_person_and_robots_are_no_people(hub: Account) -> None:
    records, cursor = hub.read("email_events", EVENT)
    told = [event for event in hub.sim.events if event["type"] != "PROCESSED"]
    assert len(records) == len(told) and len({record.id for record in records}) == len(told)
    opened = [record for record in records if record.fields["type"] == "OPEN"]
    robots = {event["recipient"] for event in told if event.get("filteredEvent")}
    assert robots and {record.fields["smarksync.actor"] for record in opened} == {"lead", "system"}
    assert sum(record.fields["smarksync.actor"] == "system" for record in opened) == len(robots)
    assert all(record.fields["contact"] in hub.sim.rows() for record in records)
    hub.wait(600)
    assert hub.read("email_events", EVENT, cursor)[0] == []


def test_events_that_say_nothing_of_a_person_are_passed_over(hub: Account) -> None:
    _, cursor = hub.read("email_events", EVENT)
    _, email = person(hub)
    now = int(hub.clock.now().timestamp() * 1000)
    for number, kind in enumerate(("PROCESSED", "DEFERRED", "BOUNCE", "STATUSCHANGE")):
        hub.sim.events.append({"id": f"x{number}", "created": now + 1000, "type": kind, "recipient": email})
    hub.wait(60)
    records, _ = hub.read("email_events", EVENT, cursor)
    assert sorted(record.fields["smarksync.type"] for record in records) == ["email_bounced", "unsubscribed"]


def test_many_events_come_in_pages(account: Any) -> None:
    hub = account(people=600)
    assert len(hub.sim.events) > 1000
    records, _ = hub.read("email_events", EVENT)
    assert len(records) == len(hub.sim.events)
    assert hub.calls("/email/public/") == -(-len(hub.sim.events) // 1000)


# -- owners, lists, campaigns ------------------------------------------------------------------------------------------


def test_owners_who_left_are_read_as_inactive(hub: Account) -> None:
    records, _ = hub.read("owners", ("email", "name", "type", "active", "team"))
    assert {record.id for record in records} == set(hub.sim.owners)
    assert [record.fields["active"] for record in records].count(False) == 1
    one = records[0]
    found = list(hub.connector.find("owners", "email", [str(one.fields["email"]).upper()], fields=("name",)))
    assert [(record.id, record.fields) for record in found] == [(one.id, {"name": one.fields["name"]})]
    assert [record.id for record in hub.connector.fetch("owners", [one.id, "1"], fields=("name",))] == [one.id]


def test_lists_and_campaigns_are_read_whole(hub: Account) -> None:
    lists, _ = hub.read("lists", ("name", "type"))
    assert {(record.id, record.fields["type"]) for record in lists} == {("1", "DYNAMIC"), ("2", "MANUAL")}
    campaigns, _ = hub.read("campaigns", ("hs_name", "hs_campaign_status", "hs_budget_items_sum_amount"))
    assert len(campaigns) == len(hub.sim.campaigns) and all(record.fields["hs_name"] for record in campaigns)


def test_every_stream_can_be_described_and_read(hub: Account) -> None:
    from smarksync_hubspot import SPEC

    for stream in SPEC.streams:
        names = [info.name for info in hub.connector.describe(stream.name)]
        records, _ = hub.read(stream.name, names)
        assert all(set(record.fields) == set(names) for record in records)


@pytest.mark.parametrize("kind", ["calls", "emails", "meetings", "notes", "tasks"])
def test_an_activity_whose_answer_is_lost_is_its_persons_all_the_same(
    account: Callable[..., Account], kind: str
) -> None:
    """Without a key of ours it is known again by whose it is, so that goes out with it (crm.md 2.7)."""
    hub = account(Quirks(index_lag=0, has_our_properties=False))
    rid, _ = person(hub)
    before = set(hub.sim.rows(kind))
    hub.sim.faults.drop(after=True, path="*/batch/create")
    (receipt,) = hub.create(kind, {"hs_timestamp": "2026-11-21T08:00:00Z", "associations.contact": rid})
    assert receipt.result is WriteResult.UNKNOWN
    (made,) = set(hub.sim.rows(kind)) - before
    assert list(hub.sim.store.linked(kind, made, "contacts")) == [rid]
