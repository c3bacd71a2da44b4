"""What is read beside leads: companies, opportunities, programs, lists, activities."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from .conftest import Instance

Make = Callable[..., Instance]


# --- companies, programs, lists ---------------------------------------------------------------------------


def test_companies_are_known_by_the_id_that_leads_point_with(marketo: Make) -> None:
    m = marketo(people=200)
    rows, _ = m.read(stream="companies", fields=("company", "annualRevenue", "externalCompanyId"))
    assert rows.keys() == m.world.companies.keys()
    one = next(iter(rows.values()))
    assert one.id == one.fields["externalCompanyId"]
    pointed = {row["externalCompanyId"] for row in m.world.leads.values() if row.get("externalCompanyId")}
    assert pointed <= rows.keys()


@pytest.mark.parametrize("stream", ["companies", "opportunities"])
def test_native_crm_sync_hides_objects_and_nothing_breaks(marketo: Make, stream: str) -> None:
    m = marketo(people=20, native_crm="hidden")
    assert m.connector.describe(stream) == []
    assert m.read(stream=stream, fields=("name",))[0] == {}
    assert list(m.connector.find(stream, "company", ["x"], fields=["company"])) == []
    report = m.connector.check()
    assert report.ok and any(stream in warning for warning in report.warnings)


def test_opportunities_are_listed_nowhere_and_found_by_id(marketo: Make) -> None:
    m = marketo()
    m.world.opportunities["O-1"] = {"marketoGUID": "g1", "externalOpportunityId": "O-1", "name": "Chairs"}
    assert m.read(stream="opportunities", fields=("name",))[0] == {}
    (row,) = m.connector.fetch("opportunities", ["O-1"], fields=["name"])
    assert (row.id, row.fields) == ("O-1", {"name": "Chairs"})


def test_programs_are_assets_with_times_of_their_own_and_no_result_at_the_end(marketo: Make) -> None:
    m = marketo(people=20)
    rows, _ = m.read(stream="programs", fields=("name", "createdAt", "smarksync.status", "folder"))
    assert len(rows) == len(m.world.programs)
    one = next(iter(rows.values()))
    assert str(one.fields["createdAt"]).endswith("+00:00") and one.changed_at is not None
    m.world.programs.clear()
    assert m.read(stream="programs", fields=("name",))[0] == {}


def test_lists_are_read(marketo: Make) -> None:
    rows, _ = marketo(people=20).read(stream="lists", fields=("name", "smarksync.type"))
    assert {r.fields["name"] for r in rows.values()} == {"Newsletter", "Webinar guests", "Do not mail"}


# --- activities -------------------------------------------------------------------------------------------

ACTIVITY = (
    "leadId", "activityDate", "smarksync.type", "smarksync.actor", "smarksync.automated", "smarksync.campaign",
    "smarksync.subject", "smarksync.url", "attributes.New Value",
)  # fmt: skip


def test_activities_are_told_by_name_of_type_with_machines_apart(marketo: Make) -> None:
    m = marketo()
    number = m.world.add(email="a@example.com")
    _, cursor = m.read(stream="activities", fields=ACTIVITY)
    m.clock.move(60)
    m.world.act(number, "Fill Out Form", "Whitepaper", Referrer_URL="https://www.vendor.example/whitepaper")
    m.world.act(number, "Open Email", "News", Is_Bot_Activity=True)
    m.world.act(number, "Open Email", "News", Is_Bot_Activity=False)
    m.world.act(number, "Visit Webpage", "www.vendor.example/pricing")
    m.world.edit(number, leadScore=40)
    m.world.act(number, "Add to List", "Newsletter", primary_id=1021)
    m.world.act(number, "Sales Touch", "Called")
    rows, _ = m.read(cursor, stream="activities", fields=ACTIVITY)
    told = [(r.fields["smarksync.type"], r.fields["smarksync.actor"]) for r in rows.values()]
    assert told == [
        ("form_submitted", "lead"),
        ("email_opened", "system"),
        ("email_opened", "lead"),
        ("page_viewed", "lead"),
        ("score_changed", "marketing"),
        ("list_joined", "marketing"),
        ("other", "marketing"),
    ]
    by_type = {str(r.fields["smarksync.type"]): r.fields for r in rows.values()}
    assert by_type["list_joined"]["smarksync.campaign"] == "lists:1021"
    assert by_type["form_submitted"]["smarksync.url"] == "https://www.vendor.example/whitepaper"
    assert by_type["score_changed"]["attributes.New Value"] == 40
    assert all(f["leadId"] == str(number) for f in by_type.values())


def test_first_read_of_activities_goes_back_so_many_days_and_types_go_ten_a_call(marketo: Make) -> None:
    m = marketo(people=40)
    m.again(activity_days=20)
    rows, _ = m.read(stream="activities", fields=ACTIVITY)
    assert rows and all(r.changed_at and r.changed_at >= m.sim.now() - timedelta(days=21) for r in rows.values())
    for call in m.sim.calls:
        if call.path == "/rest/v1/activities.json":
            assert call.query.split("activityTypeIds=")[1].split("&")[0].count("%2C") < 10


def test_idle_read_of_activities_is_a_call_for_each_ten_types(marketo: Make) -> None:
    m = marketo(people=20)
    _, cursor = m.read(stream="activities", fields=ACTIVITY)
    m.clock.move(3600)
    m.again()
    rows, _ = m.read(cursor, stream="activities", fields=ACTIVITY)
    assert (rows, m.session.counts["read"]) == ({}, 2)
