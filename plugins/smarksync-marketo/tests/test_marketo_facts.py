"""How Marketo is read: feeds, the first load, bulk extract, what left. Each fact has its switch in the simulator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from smarksync_marketo.fields import COMPANY_FIELDS

from smarksync.plugin import OWN_USER, FieldType, GoneKind, Invalid, Malformed, Op

from .conftest import FIELDS, Instance

Make = Callable[..., Instance]


def started(m: Instance, **settings: object) -> tuple[Instance, dict[str, object], object]:
    """An instance that was read once, and whose deletes were asked for once."""
    m.again(**settings)
    _, cursor = m.read()
    _, gone = m.gone()
    m.clock.move(3600)
    m.again()
    return m, dict(cursor), gone


# --- the schema (rest/leads) ------------------------------------------------------------------------------


def test_describe_tells_types_lengths_and_what_may_be_written(marketo: Make) -> None:
    infos = {info.name: info for info in marketo().connector.describe("leads")}
    assert infos["email"].type is FieldType.EMAIL and infos["email"].max_length == 255
    assert infos["leadScore"].type is FieldType.INT and infos["unsubscribed"].type is FieldType.BOOL
    assert infos["address"].max_length == 30_000
    assert not infos["createdAt"].writable and not infos["originalSourceInfo"].writable
    once = {name for name, info in infos.items() if info.create_only}
    assert once == COMPANY_FIELDS & infos.keys() and once >= {"company", "website", "industry", "annualRevenue"}
    assert infos["company"].writable


def test_fields_of_companies_can_be_changed_in_a_company(marketo: Make) -> None:
    assert not any(info.create_only for info in marketo().connector.describe("companies"))


def test_lookup_field_is_required_for_new_leads(marketo: Make) -> None:
    m = marketo(own_fields=True)
    assert [info.name for info in m.connector.describe("leads") if info.required] == ["email"]
    m.again(lookup_field="smarkSyncId")
    assert [info.name for info in m.connector.describe("leads") if info.required] == ["smarkSyncId"]
    receipt, *_ = m.write(Op.CREATE, {"smarkSyncId": "E-1", "lastName": "No Address"})
    assert receipt.id is not None
    (again,) = m.write(Op.CREATE, {"smarkSyncId": "E-1", "lastName": "No Address"})
    assert again.duplicate_of == (receipt.id,)


def test_describe_falls_back_on_the_older_call_where_the_newer_is_not_allowed(marketo: Make) -> None:
    m = marketo()
    body = {"requestId": "1", "success": False, "errors": [{"code": "603", "message": "Access denied"}]}
    m.sim.faults.answer(200, body, times=None, path="/rest/v1/leads/describe2.json")
    infos = {info.name: info for info in m.connector.describe("leads")}
    assert infos["email"].type is FieldType.EMAIL and not infos["createdAt"].writable
    assert infos["company"].create_only and not infos["address"].create_only


def test_fields_of_ours_are_made_in_one_call_and_only_those_that_are_missing(marketo: Make) -> None:
    m = marketo()
    said = m.connector.create_fields("leads", ["smarkSyncId", "smarkSyncHandoffNote", "somethingElse"])
    assert [text.split()[0] for text in said] == ["somethingElse", "smarkSyncId", "smarkSyncHandoffNote"], (
        "the stream is said around it"
    )
    assert [text.partition(" was made")[1] != "" for text in said] == [False, True, True]
    infos = {info.name: info for info in m.connector.describe("leads")}
    assert infos["smarkSyncHandoffNote"].max_length == 30_000
    before = m.sim.count(write=True)
    assert any("there already" in text for text in m.connector.create_fields("leads", ["smarkSyncId"]))
    assert m.sim.count(write=True) == before


def test_subscription_without_room_for_a_field_says_so(marketo: Make) -> None:
    m = marketo(creatable_fields=1)
    said = m.connector.create_fields("leads", ["smarkSyncId", "smarkSyncJourney"])
    assert [("was made" in text, "not made" in text) for text in said] == [(True, False), (False, True)]


# --- what changed (rest/activities) -----------------------------------------------------------------------


def test_idle_read_takes_three_calls_with_its_deletes(marketo: Make) -> None:
    m, cursor, gone = started(marketo(people=50))
    _, cursor = m.read(cursor)
    m.gone(gone)
    m.clock.move(3600)
    m.again()
    before = m.session.counts["read"]
    rows, _ = m.read(cursor)
    found, _ = m.gone(gone)
    assert (rows, found) == ({}, [])
    assert m.session.counts["read"] - before == 3


def test_changed_leads_are_read_by_id_with_old_and_new_values_as_history(marketo: Make) -> None:
    m, cursor, _ = started(marketo(people=50))
    number = min(m.world.leads)
    m.world.edit(number, lastName="Once")
    m.clock.move(60)
    m.world.edit(number, lastName="Twice")
    at = m.sim.now()
    rows, _ = m.read(cursor)
    assert rows.keys() == {str(number)}
    past = (rows[str(number)].history or {})["lastName"]
    assert [p.value for p in past] == ["Twice", "Once"]
    assert past[0].at == at.replace(microsecond=0) and past[0].at.tzinfo is UTC


def test_empty_pages_with_more_are_no_end(marketo: Make) -> None:
    m, cursor, gone = started(marketo(people=50, scan=3))
    numbers = sorted(m.world.leads)
    for number in numbers[:20]:
        m.world.act(number, "Visit Webpage", "www.vendor.example")
    m.world.edit(numbers[30], lastName="Behind")
    m.world.remove(numbers[31])
    rows, _ = m.read(cursor)
    assert str(numbers[30]) in rows
    assert [g.id for g in m.gone(gone)[0]] == [str(numbers[31])]


def test_full_pages_of_changes_are_fetched_in_full_calls(marketo: Make) -> None:
    m, cursor, _ = started(marketo(people=1000))
    for number in list(m.world.leads)[:600]:
        m.world.edit(number, lastName="All", firstName="Of", title="Them")
    before = m.calls("/rest/v1/leads.json")
    rows, _ = m.read(cursor)
    assert len(rows) == 600
    assert m.calls("/rest/v1/leads.json") - before == 2


def test_token_feed_that_turns_in_a_circle_is_noticed(marketo: Make) -> None:
    m, cursor, _ = started(marketo(people=5))
    body = {"requestId": "1", "success": True, "result": [], "nextPageToken": "SAME====", "moreResult": True}
    m.sim.faults.answer(200, body, times=None, path="/rest/v1/activities/leadchanges.json")
    with pytest.raises(Malformed, match="circle"):
        m.read(cursor)


def test_score_changes_are_no_data_changes_and_still_noticed(marketo: Make) -> None:
    m, cursor, _ = started(marketo(people=50))
    number = min(m.world.leads)
    m.world.edit(number, leadScore=99)
    rows, _ = m.read(cursor)
    assert rows[str(number)].fields["leadScore"] == 99


def test_scores_that_nobody_maps_are_not_asked_for(marketo: Make) -> None:
    m, cursor, _ = started(marketo(people=50))
    m.world.edit(min(m.world.leads), leadScore=99)
    rows, _ = m.read(cursor, fields=("email", "firstName"))
    assert rows == {}


def test_late_activities_are_noticed_within_the_look_back(marketo: Make) -> None:
    m, cursor, gone = started(marketo(people=50))
    numbers = sorted(m.world.leads)
    m.sim.quirks.late = 300.0
    m.world.edit(numbers[0], lastName="Late")
    m.world.remove(numbers[1])
    m.sim.quirks.late = 0.0
    m.clock.move(1)
    m.world.edit(numbers[2], lastName="Prompt")
    rows, cursor2 = m.read(cursor)
    assert rows.keys() == {str(numbers[2])}
    gone_ids, gone = m.gone(gone)
    m.clock.move(360)
    m.again()
    rows, _ = m.read(cursor2)
    assert str(numbers[0]) in rows
    assert str(numbers[1]) in {g.id for g in (*gone_ids, *m.gone(gone)[0])}


def test_bookmarks_do_not_pile_up(marketo: Make) -> None:
    m, cursor, gone = started(marketo(people=5))
    for _ in range(40):
        m.world.edit(min(m.world.leads), lastName=f"N{m.clock.monotonic()}")
        m.clock.move(10)
        _, cursor = m.read(cursor)
        _, gone = m.gone(gone)
    assert all(len(cursor[name]) <= 15 for name in ("changes", "others"))


def test_nothing_behind_until_is_told_and_nothing_is_lost(marketo: Make) -> None:
    m, cursor, _ = started(marketo(people=50))
    first, second = sorted(m.world.leads)[:2]
    m.world.edit(first, lastName="Before")
    until = m.sim.now() + timedelta(seconds=1)
    m.clock.move(5)
    m.world.edit(second, lastName="After")
    pages = list(m.connector.read("leads", cursor=cursor, until=until, fields=FIELDS))
    assert {r.id for p in pages for r in p.records} == {str(first)}
    rows, _ = m.read(pages[-1].cursor)
    assert str(second) in rows


def test_changed_at_is_the_activitys_since_updated_at_knows_standard_fields_only(marketo: Make) -> None:
    m, cursor, _ = started(marketo(people=50, own_fields=True))
    number = min(m.world.leads)
    m.world.edit(number, smarkSyncPersona="executive")
    at = m.sim.now().replace(microsecond=0)
    rows, _ = m.read(cursor, fields=(*FIELDS, "smarkSyncPersona"))
    assert rows[str(number)].changed_at == at
    assert m.world.leads[number]["updatedAt"] < at


def test_our_own_writes_are_known_by_their_user(marketo: Make) -> None:
    m, cursor, _ = started(marketo(people=50))
    ours, theirs = sorted(m.world.leads)[:2]
    m.write(Op.UPDATE, {"lastName": "Ours"}, ids=[str(ours)])
    m.world.edit(theirs, lastName="Theirs")
    rows, _ = m.read(cursor)
    assert rows[str(ours)].changed_by == OWN_USER
    assert rows[str(theirs)].changed_by is None


def test_activities_without_a_user_are_nobodys_and_never_ours(marketo: Make) -> None:
    m, cursor, _ = started(marketo(people=50, modifying_user=False))
    number = min(m.world.leads)
    m.write(Op.UPDATE, {"lastName": "Ours"}, ids=[str(number)])
    rows, _ = m.read(cursor)
    assert rows[str(number)].changed_by is None


def test_unsubscribing_through_a_page_is_the_persons_own_act(marketo: Make) -> None:
    m, cursor, _ = started(marketo(people=50))
    first, second = [n for n, row in sorted(m.world.leads.items()) if not row["unsubscribed"]][:2]
    m.world.unsubscribe(first)
    m.world.edit(second, unsubscribed=True)
    rows, _ = m.read(cursor)
    assert [(rows[str(n)].history or {})["unsubscribed"][0].own_act for n in (first, second)] == [True, False]
    assert (rows[str(first)].history or {})["unsubscribed"][0].value is True


# --- what left --------------------------------------------------------------------------------------------


def test_deleted_leads_are_told(marketo: Make) -> None:
    m, cursor, gone = started(marketo(people=50))
    number = min(m.world.leads)
    m.world.remove(number)
    m.read(cursor)
    (told,), _ = m.gone(gone)
    assert (told.id, told.kind, told.into) == (str(number), GoneKind.DELETED, None)
    assert told.at is not None


@pytest.mark.parametrize("also_deleted", [True, False])
def test_merged_leads_are_told_as_merged_and_not_as_deleted(marketo: Make, also_deleted: bool) -> None:
    m, cursor, gone = started(marketo(people=50, merge_deletes=also_deleted))
    winner, first, second = sorted(m.world.leads)[:3]
    m.world.merge(winner, [first, second])
    m.read(cursor)
    told, _ = m.gone(gone)
    assert [(g.id, g.kind, g.into) for g in told] == [
        (str(first), GoneKind.MERGED, str(winner)),
        (str(second), GoneKind.MERGED, str(winner)),
    ]


def test_winner_of_a_merge_is_read_again_although_no_change_of_it_is_told(marketo: Make) -> None:
    m, cursor, _ = started(marketo(people=50))
    winner, loser = sorted(m.world.leads)[:2]
    m.world.leads[winner].pop("phone", None)
    m.world.leads[loser]["phone"] = "+12125550123"
    m.world.merge(winner, [loser])
    rows, _ = m.read(cursor)
    assert rows[str(winner)].fields["phone"] == "+12125550123"


def test_merges_are_asked_for_by_gone_itself_where_no_read_told_them(marketo: Make) -> None:
    m, _, gone = started(marketo(people=50))
    winner, loser = sorted(m.world.leads)[:2]
    m.world.merge(winner, [loser])
    m.clock.move(1)
    told, _ = m.gone(gone)  # the read of this session did not come
    assert [(g.id, g.into) for g in told] == [(str(loser), str(winner))]


def test_merges_missed_by_a_broken_run_are_told_by_the_next(marketo: Make) -> None:
    m, cursor, gone = started(marketo(people=50))
    winner, loser = sorted(m.world.leads)[:2]
    m.world.merge(winner, [loser])
    _, cursor = m.read(cursor)  # and the run dies before it asks what left
    m.clock.move(3600)
    m.again()
    m.read(cursor)
    told, _ = m.gone(gone)
    assert [(g.id, g.into) for g in told] == [(str(loser), str(winner))]


def test_first_look_after_a_run_that_died_tells_what_left_since_it_read(marketo: Make) -> None:
    m = marketo(people=50)
    winner, loser, deleted = sorted(m.world.leads)[:3]
    _, cursor = m.read()  # and the run died before it asked what left
    m.world.merge(winner, [loser])
    m.world.remove(deleted)
    m.clock.move(3600)
    m.again()
    m.read(cursor)
    told, gone = m.gone()
    assert {(g.id, g.into) for g in told} == {(str(loser), str(winner)), (str(deleted), None)}
    m.clock.move(86_400)
    assert m.gone(gone)[0] == []


# --- looking up -------------------------------------------------------------------------------------------


def test_all_matches_are_found_whatever_their_case(marketo: Make) -> None:
    m = marketo()
    ids = {str(m.world.add(email=email)) for email in ("Twin@Example.com", "twin@example.com")}
    found = list(m.connector.find("leads", "email", ["TWIN@example.com", "nobody@example.com"], fields=["lastName"]))
    assert {record.id for record in found} == ids


def test_too_many_matches_are_asked_for_in_halves(marketo: Make) -> None:
    m = marketo(most_matches=40)
    emails = [f"m{n}@example.com" for n in range(200)]
    for email in emails:
        m.world.add(email=email)
    assert len(list(m.connector.find("leads", "email", emails, fields=["email"]))) == 200
    for _ in range(50):
        m.world.add(email="same@example.com")
    with pytest.raises(Invalid, match=r"1,000"):
        list(m.connector.find("leads", "email", ["same@example.com"], fields=["email"]))


def test_more_matches_than_a_page_are_paged(marketo: Make) -> None:
    m = marketo()
    for _ in range(650):
        m.world.add(email="same@example.com")
    assert len(list(m.connector.find("leads", "email", ["same@example.com"], fields=["email"]))) == 650


def test_field_that_is_not_named_in_a_row_is_empty(marketo: Make) -> None:
    m = marketo()
    number = m.world.add(email="bare@example.com")
    (row,) = m.connector.fetch("leads", [str(number)], fields=["email", "phone", "leadScore"])
    assert row.fields == {"email": "bare@example.com", "phone": None, "leadScore": None}
    assert list(m.connector.fetch("leads", ["999999", "no-number"], fields=["email"])) == []


# --- the day's budget (no answer names it: rest/marketo-integration-best-practices) -------------------------


def test_what_is_left_of_the_day_is_asked_for_once_and_counted_down(marketo: Make) -> None:
    m = marketo(people=5)
    m.again(daily_quota=1000)
    m.connector.describe("leads")
    counts = m.session.counts
    left = 1000 - m.sim.used_today()
    m.read()
    m.read()
    assert m.calls("stats/usage") == 1 and counts.budget_left is not None
    assert left > counts.budget_left >= 1000 - m.sim.used_today()
