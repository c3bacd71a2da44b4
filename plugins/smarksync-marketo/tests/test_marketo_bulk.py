"""First readings of activities and of members by bulk extract (rest/bulk-activity-extract, rest/bulk-program-member-extract)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from smarksync_marketo.simulator.bulk_api import Job

from smarksync.plugin import Cursor, Malformed, Record

from .conftest import Instance

Make = Callable[..., Instance]
FIELDS = (
    "marketoGUID", "leadId", "activityDate", "activityTypeId", "campaignId", "primaryAttributeValueId",
    "primaryAttributeValue", "smarksync.type", "smarksync.actor", "smarksync.automated", "smarksync.subject",
    "smarksync.url", "smarksync.campaign", "attributes.Webpage URL",
)  # fmt: skip
MEMBER_FIELDS = ("campaign", "lead", "smarksync.status", "status", "responded")
STREAMS = {"activities": FIELDS, "memberships": MEMBER_FIELDS}


def read(m: Instance, stream: str, cursor: Cursor | None = None) -> tuple[dict[str, Record], Cursor]:
    return m.read(cursor, stream=stream, fields=STREAMS[stream])


def plain(rows: Mapping[str, Record]) -> dict[str, Any]:
    return {rid: (row.fields, row.changed_at) for rid, row in rows.items()}


def kinds(m: Instance) -> dict[str, list[Job]]:
    found: dict[str, list[Job]] = {}
    for job in m.sim.jobs.values():
        found.setdefault(job.kind, []).append(job)
    return found


def enrolled(m: Instance, each: int = 30) -> None:
    """So many members in every program."""
    for program in m.world.programs:
        for place, lead in enumerate(sorted(m.world.leads)[:each]):
            m.world.advance(program, lead, "Attended" if place % 2 else "Member")


@pytest.mark.parametrize("stream", STREAMS)
def test_bulk_rows_look_exactly_like_those_of_the_pages(marketo: Make, stream: str) -> None:
    m = marketo(people=60)
    enrolled(m)
    lead = min(m.world.leads)
    m.world.act(lead, "Visit Webpage", 'x, "y"\nz', 7, Webpage_URL="https://www.example.com/")
    m.world.act(lead, "Open Email", "Newsletter", 8, Is_Bot_Activity="true")
    m.again(bulk="never")
    by_page, _ = read(m, stream)
    assert m.sim.count(path="/bulk/") == 0 and by_page
    m.again(bulk="always")
    by_bulk, cursor = read(m, stream)
    assert plain(by_bulk) == plain(by_page)
    assert kinds(m).keys() == ({"activities"} if stream == "activities" else {"leads", "program/members"})
    m.clock.move(3600)
    m.again(bulk="always")
    jobs = len(m.sim.jobs)
    rows, cursor = read(m, stream, cursor)
    assert rows.keys() <= by_bulk.keys() and len(m.sim.jobs) == jobs, "later runs go by the feed"


def test_jobs_of_activities_ask_for_the_wanted_types_in_windows_of_31_days(marketo: Make) -> None:
    m = marketo(people=60)
    m.again(bulk="always", activity_days=100)
    read(m, "activities")
    jobs = kinds(m)["activities"]
    spans = [[datetime.fromisoformat(job.filter["createdAt"][end]) for end in ("startAt", "endAt")] for job in jobs]
    assert all(last - first <= timedelta(days=31) for first, last in spans)
    assert min(first for first, _ in spans) <= m.sim.now() - timedelta(days=99)
    assert all(0 < len(job.filter["activityTypeIds"]) <= 10 for job in jobs), "what means nothing here is not asked for"


def test_jobs_of_members_take_ten_programs_each_and_a_list_is_one(marketo: Make) -> None:
    m = marketo(people=30)
    for number in range(2000, 2025):
        m.world.programs[number] = {**m.world.programs[min(m.world.programs)], "id": number}
        m.world.progress[number] = {}
    enrolled(m, 5)
    m.again(bulk="always")
    rows, _ = read(m, "memberships")
    assert sum(rid.startswith("programs:") for rid in rows) == 5 * len(m.world.programs)
    jobs = kinds(m)
    assert [len(job.filter["programIds"]) for job in jobs["program/members"]][:-1] == [10] * (
        len(m.world.programs) // 10
    )
    assert [job.filter["staticListId"] for job in jobs["leads"]] == sorted(m.world.lists)


def past(m: Instance, many: int, days: float) -> None:
    """So many mails opened, one after the other, over so many days until now."""
    lead = m.world.add(email="reader@example.com")
    m.clock.move(-days * 86_400)
    for _ in range(many):
        m.clock.move(days * 86_400 / many)
        m.world.act(lead, "Open Email", "Newsletter", 8)


def test_bulk_is_chosen_by_the_estimated_number_of_activities(marketo: Make) -> None:
    m = marketo()
    past(m, 9000, 60)
    m.again(bulk_from=50_000)
    whole, _ = read(m, "activities")
    assert m.sim.count(path="/bulk/") == 0, "nine thousand are not fifty thousand"
    m.again(bulk_from=4000, activity_days=60)
    before = m.calls("/rest/v1/activities.json")
    rows, cursor = read(m, "activities")
    assert rows.keys() == whole.keys()
    assert m.calls("/rest/v1/activities.json") - before < 15, "ten pages told how dense they are"
    assert 1 <= len(kinds(m)["activities"]) <= 2, "only what was left of the time"
    assert read(m, "activities", cursor)[0].keys() <= whole.keys()


def test_few_activities_over_a_long_time_are_not_worth_jobs(marketo: Make) -> None:
    m = marketo()
    past(m, 3500, 170)
    m.again(bulk_from=100)
    read(m, "activities")
    assert m.sim.count(path="/bulk/") == 0, "six windows cost more calls than the two pages left"


def test_bulk_is_chosen_by_the_estimated_number_of_members(marketo: Make) -> None:
    m = marketo(people=900)
    for members in m.world.members.values():
        members.clear()
    for number in range(2000, 2030):
        m.world.programs[number] = {**m.world.programs[min(m.world.programs)], "id": number}
        m.world.progress[number] = {}
    enrolled(m, 400)
    m.again(bulk_from=10**6)
    whole, _ = read(m, "memberships")
    assert m.sim.count(path="/bulk/") == 0
    m.again(bulk_from=2000)
    before = m.calls("/rest/v1/leads/programs/")
    rows, _ = read(m, "memberships")
    assert plain(rows) == plain(whole)
    assert m.calls("/rest/v1/leads/programs/") - before <= 4, "one or two programs told how large they are"
    assert "leads" not in kinds(m), "the lists were read by then"


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("how", ["quota", "filter", "fails", "cancelled"])
def test_refused_and_failed_jobs_end_in_pages(marketo: Make, stream: str, how: str) -> None:
    m = marketo(people=60, **({"bulk_bytes": 0} if how == "quota" else {"bulk_filters": ()} if how == "filter" else {}))
    enrolled(m)
    m.again(bulk="never")
    whole, _ = read(m, stream)
    m.again(bulk="always")
    if how == "fails":
        m.sim.failing_jobs = 1
    if how == "cancelled":
        m.clock.move(1)
        pages = m.connector.read(stream, cursor=None, until=m.sim.now(), fields=STREAMS[stream])
        seen = {record.id for record in next(pages).records}
        for job in m.sim.jobs.values():
            job.cancelled = job.file is None
        assert seen | {record.id for page in pages for record in page.records} == whole.keys()
        return
    rows, _ = read(m, stream)
    assert plain(rows) == plain(whole)
    assert all(job.cancelled or job.file is not None or not job.queued for job in m.sim.jobs.values()), (
        "none is left behind"
    )


@pytest.mark.parametrize("stream", STREAMS)
def test_reading_that_was_cut_off_goes_on_behind_the_last_whole_job(marketo: Make, stream: str) -> None:
    m = marketo(people=60)
    enrolled(m)
    m.again(bulk="always")
    whole, _ = read(m, stream)
    m.clock.move(1)
    shown: dict[str, Record] = {}
    place: Cursor | None = None
    for page in m.connector.read(stream, cursor=None, until=m.sim.now(), fields=STREAMS[stream]):
        shown.update((record.id, record) for record in page.records)
        place = page.cursor
        if page.records:
            break
    jobs = len(m.sim.jobs)
    m.clock.move(8 * 86_400)  # its files are kept no longer
    m.again(bulk="always")
    rows, _ = read(m, stream, place)
    assert shown.keys() | rows.keys() == whole.keys()
    assert 0 < len(m.sim.jobs) - jobs <= jobs


def exported(m: Any, text: str) -> None:
    """Every job is done at once, and this is its file."""
    status = {"exportId": "x", "status": "Completed", "numberOfRecords": 1}
    m.sim.faults.answer(200, {"requestId": "1", "success": True, "result": [status]}, path="*/status.json", times=None)
    m.sim.faults.answer(200, text, path="*/file.json", times=None)


@pytest.mark.parametrize("attributes", ["not JSON", "[1]"])
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(marketo: Make, attributes: str) -> None:
    m = marketo(people=5)
    m.again(bulk="always")
    header = "marketoGUID,leadId,activityDate,activityTypeId,campaignId,primaryAttributeValueId,primaryAttributeValue,attributes"
    text = f"{header}\n1,1001,2026-01-01T00:00:00Z,1,null,7,Home,{attributes}\n"
    exported(m, text)
    with pytest.raises(Malformed, match="cannot be read"):
        read(m, "activities")


def test_a_line_with_a_column_less_is_refused(marketo: Make) -> None:
    m = marketo(people=5)
    m.again(bulk="always")
    text = "marketoGUID,leadId,activityDate,activityTypeId\n1,1001,2026-01-01T00:00:00Z\n"
    exported(m, text)
    with pytest.raises(Malformed, match="number of columns"):
        read(m, "activities")


def test_a_first_reading_is_not_read_again_by_a_run_soon_after(marketo: Make) -> None:
    m = marketo(people=60)
    enrolled(m)
    m.clock.move(3600)
    rows, cursor = read(m, "activities")
    assert rows
    m.clock.move(60)
    m.again()
    assert read(m, "activities", cursor)[0] == {}, "the look-back is of ten minutes, not of half a year"


def test_what_happens_after_the_end_of_a_reading_comes_with_the_next(marketo: Make) -> None:
    m = marketo(people=20)
    m.again(look_back_minutes=0)
    m.clock.move(3600)
    _, cursor = read(m, "activities")
    lead = min(m.world.leads)
    m.clock.move(60)
    m.world.act(lead, "Open Email", "early", 1)
    end = m.sim.now()
    m.clock.move(5)
    m.world.act(lead, "Open Email", "late", 2)
    pages = list(m.connector.read("activities", cursor=cursor, until=end, fields=FIELDS))
    assert [r.fields["primaryAttributeValue"] for page in pages for r in page.records] == ["early"]
    rows, _ = read(m, "activities", pages[-1].cursor)
    assert "late" in {r.fields["primaryAttributeValue"] for r in rows.values()}
