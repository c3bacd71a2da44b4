"""The first load, by id and by bulk extract (rest/leads, rest/bulk-extract, rest/bulk-lead-extract)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from smarksync_marketo.simulator.bulk_api import Job

from smarksync.plugin import Malformed, Transient

from .conftest import FIELDS, Instance

Make = Callable[..., Instance]


def created(m: Instance) -> list[dict[str, str]]:
    """The windows of the jobs so far."""
    return [job.filter["createdAt"] for job in m.sim.jobs.values()]


# --- the first load (rest/leads: nothing lists all leads) -------------------------------------------------


@pytest.mark.parametrize("first", [1, 950, 40_000, 1_000_003])
@pytest.mark.parametrize("many", [1, 7, 650])
def test_every_lead_is_found_wherever_ids_begin(marketo: Make, first: int, many: int) -> None:
    m = marketo()
    m.world.skip_ids(first - 1001)
    m.clock.move(-86_400 * 200)
    ids = [str(m.world.add(email=f"p{n}@example.com")) for n in range(many)]
    m.clock.move(86_400 * 200)
    rows, _ = m.read()
    assert sorted(rows, key=int) == ids
    assert m.calls("/rest/v1/leads.json") <= -(-many // 300) + 15


def test_holes_in_the_ids_end_no_load(marketo: Make) -> None:
    m = marketo()
    ids = []
    for _ in range(4):
        ids += [str(m.world.add(email=f"h{len(ids)}@example.com")) for _ in range(50)]
        m.world.skip_ids(2000)
    rows, _ = m.read()
    assert set(ids) == set(rows)


def test_calls_of_a_load_are_a_page_of_300_each(marketo: Make) -> None:
    m = marketo(people=4000)
    rows, _ = m.read()
    assert len(rows) == len(m.world.leads)
    reads = m.session.counts["read"]
    assert reads <= 1.05 * (4000 / 300) + 5


def test_what_changes_while_we_load_is_told_by_the_next_read(marketo: Make) -> None:
    m = marketo(people=1500)
    number = min(m.world.leads)
    m.clock.move(1)
    pages = m.connector.read("leads", cursor=None, until=m.sim.now(), fields=FIELDS)
    page = next(pages)
    m.clock.move(5)
    m.world.edit(number, lastName="Meanwhile")
    late = m.world.add(email="meanwhile@example.com")
    for page in pages:
        assert str(late) not in {record.id for record in page.records}
    rows, _ = m.read(page.cursor)
    assert rows[str(number)].fields["lastName"] == "Meanwhile"
    assert str(late) in rows


def test_load_that_was_cut_off_goes_on_where_it_was(marketo: Make) -> None:
    m = marketo(people=1500)
    pages = m.connector.read("leads", cursor=None, until=m.sim.now(), fields=FIELDS)
    first = next(pages)
    while not first.records:
        first = next(pages)
    m.again()
    rows, _ = m.read(first.cursor)
    assert {r.id for r in first.records} | rows.keys() == {str(n) for n in m.world.leads}
    assert not {r.id for r in first.records} & rows.keys()


# --- bulk extract (rest/bulk-extract, rest/bulk-lead-extract) ----------------------------------------------


def test_bulk_rows_look_exactly_like_those_of_the_api(marketo: Make) -> None:
    m = marketo(people=300)
    m.world.edit(min(m.world.leads), address='12, "The Mews"\nBack yard', lastName="Größe")
    names = (*FIELDS, "address", "annualRevenue", "doNotCall", "createdAt")
    by_id, _ = m.read(fields=names)
    m.again(bulk="always")
    by_bulk, cursor = m.read(fields=names)
    assert {i: r.fields for i, r in by_bulk.items()} == {i: r.fields for i, r in by_id.items()}
    assert "changes" in cursor
    assert m.sim.count(path="/file.json") > 0


def test_bulk_is_chosen_by_size(marketo: Make) -> None:
    m = marketo(people=600)
    m.again(bulk_from=100_000)
    m.read()
    assert m.sim.count(path="/bulk/") == 0
    m.again(bulk_from=300)
    m.read()
    assert m.sim.count(path="/bulk/") == 0  # thirty windows of a month cost more calls than two pages
    m.world.skip_ids(100_000)
    m.world.add(email="far@example.com")
    m.clock.move(1)
    rows, _ = m.read()
    assert str(max(m.world.leads)) in rows
    assert m.sim.count(path="/create.json") >= 20


def test_jobs_are_waited_for_a_minute_at_a_time_and_windows_are_31_days_at_most(marketo: Make) -> None:
    m = marketo(people=200)
    m.again(bulk="always")
    m.read()
    assert set(m.clock.slept) == {60.0}
    spans = [(datetime.fromisoformat(one["startAt"]), datetime.fromisoformat(one["endAt"])) for one in created(m)]
    assert all(last - first <= timedelta(days=31) for first, last in spans)
    assert m.sim.count(path="/status.json") <= 4 * len(m.sim.jobs)


def test_full_queue_is_waited_for(marketo: Make) -> None:
    m = marketo(people=200, bulk_running=1, bulk_queue=0)
    now = m.sim.now()
    span = {"startAt": now.isoformat(), "endAt": now.isoformat()}
    # somebody else's, first in the queue
    m.sim.jobs["theirs"] = Job("theirs", "leads", ["id"], {"createdAt": span}, now, queued=now)
    m.again(bulk="always")
    rows, _ = m.read()
    assert len(rows) == len(m.world.leads)
    assert m.sim.count(path="/cancel.json") > 0  # a job that found no place is not left behind


def test_failed_jobs_end_in_the_other_way(marketo: Make) -> None:
    m = marketo(people=200)
    m.again(bulk="always")
    m.sim.failing_jobs = 1
    rows, _ = m.read()
    assert len(rows) == len(m.world.leads)
    assert m.calls("/rest/v1/leads.json") > 3


@pytest.mark.parametrize("word", ["Cancelled", "Canceled"])
def test_somebody_cancels_our_job(marketo: Make, word: str) -> None:
    m = marketo(people=200, cancelled=word)
    m.again(bulk="always")
    pages = m.connector.read("leads", cursor=None, until=m.sim.now(), fields=FIELDS)
    seen = {record.id for record in next(pages).records}
    for job in m.sim.jobs.values():
        job.cancelled = job.file is None
    seen |= {record.id for page in pages for record in page.records}
    assert seen == {str(n) for n in m.world.leads}


def test_export_quota_of_the_day_ends_in_the_other_way(marketo: Make) -> None:
    m = marketo(people=200, bulk_bytes=100)
    m.again(bulk="always")
    rows, _ = m.read()
    assert len(rows) == len(m.world.leads)


def test_subscription_without_bulk_extract_is_read_by_id(marketo: Make) -> None:
    m = marketo(people=200, bulk_filters=())
    m.again(bulk="always")
    rows, _ = m.read()
    assert len(rows) == len(m.world.leads)


def test_bulk_file_comes_in_parts_and_is_checked(marketo: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from smarksync_marketo import bulk

    monkeypatch.setattr(bulk, "_PART", 1000)
    m = marketo(people=300)
    m.again(bulk="always")
    rows, _ = m.read()
    assert len(rows) == len(m.world.leads)
    files = [call.status for call in m.sim.calls if call.path.endswith("/file.json")]
    assert len(files) > len(m.sim.jobs) and set(files) == {206}, "a part is asked for, not the whole file each time"
    m.again()
    other = {"exportId": "x", "status": "Completed", "numberOfRecords": 1, "fileChecksum": "sha256:00"}
    body = {"requestId": "1", "success": True, "result": [other]}
    m.sim.faults.answer(200, body, path="*/status.json", times=None)
    m.sim.faults.answer(200, "id,email\n1001,other@example.com\n", path="*/file.json", times=None)
    with pytest.raises(Malformed, match="checksum"):
        m.read()


def test_reading_that_goes_on_when_the_files_are_kept_no_longer_asks_anew(marketo: Make) -> None:
    m = marketo(people=300)
    m.again(bulk="always")
    pages = m.connector.read("leads", cursor=None, until=m.sim.now(), fields=FIELDS)
    first = next(page for page in pages if page.records)
    jobs = len(m.sim.jobs)
    m.clock.move(8 * 86_400)
    m.again()
    rows, _ = m.read(first.cursor)
    assert {r.id for r in first.records} | rows.keys() == {str(n) for n in m.world.leads}
    assert len(m.sim.jobs) > jobs, "jobs of its own"


@pytest.mark.parametrize(("days", "there"), [(7.0, True), (0.0, False)])
def test_a_file_that_is_kept_no_longer_is_no_empty_one(marketo: Make, days: float, there: bool) -> None:
    m = marketo(people=100, bulk_kept_days=days)
    m.again(bulk="always")
    if there:
        assert len(m.read()[0]) == len(m.world.leads)
        return
    with pytest.raises(Transient, match="no such bulk file"):
        m.read()


def test_missing_bulk_file_is_404_in_plain_text(marketo: Make) -> None:
    m = marketo(people=200)
    m.again(bulk="always")
    m.sim.faults.answer(404, "Not Found", path="*/file.json", times=None)
    with pytest.raises(Transient, match="bulk file"):
        m.read()


@pytest.mark.parametrize("path", ["*/export/create.json", "*/status.json"])
@pytest.mark.parametrize("result", [[], None], ids=str)
def test_an_answer_about_a_job_that_names_none(marketo: Make, path: str, result: list[object] | None) -> None:
    m = marketo()
    m.world.add(email="ada@example.com")
    m.again(bulk="always")
    m.sim.faults.answer(200, {"requestId": "1", "success": True, "result": result}, path=path, times=None)
    with pytest.raises(Malformed, match="bulk extract"):
        m.read()
