"""Facts about Ghost 6.65.0, as a real server answered, and that the connector copes with each.

Every test replays its cassette and matches method, path, query and body: a connector that asks otherwise fails.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from smarksync.kit.clock import ManualClock
from smarksync.plugin import AuthFailed, Op, WriteResult


def read(connector, cursor=None, until=None, fields=("email",)):
    """All pages of one read: the records by e-mail, and the cursor to go on from."""
    pages = list(connector.read("members", cursor=cursor, until=until or connector.server_time(), fields=fields))
    assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]
    records = [record for page in pages for record in page.records]
    assert len({record.id for record in records}) == len(records), "a row came twice"
    return {record.fields.get("email", record.id): record for record in records}, pages[-1].cursor


def many(ghost):
    for number in range(103):
        ghost.create(f"m{number:03}@example.com")
    ghost.sql("update members set updated_at='2026-11-20 08:00:00', created_at='2026-11-20 08:00:00'")


def test_more_rows_than_a_page_in_one_second_are_read_once_each(ghost):
    """A page holds 100 rows whatever is asked; 103 of one second need the id beside the time.

    Without the id the second page would begin behind that second (three rows lost) or repeat the first for ever."""
    ghost.outside(many)
    cursor = {"v": 1, "since": "2026-11-20T08:00:03+00:00", "full": ghost.now().isoformat()}
    connector = ghost.open(small=0)
    until = connector.server_time()
    found, after = read(connector, cursor, until)
    assert sorted(found) == [f"m{number:03}@example.com" for number in range(103)]
    assert after["since"] == until.isoformat()


def test_lists_are_read_whole_by_id(ghost):
    """Past its end Ghost's list still names a next page, so ``next`` cannot tell the end; the total can."""
    ghost.outside(many)
    past = ghost.raw("/members/", page=99, limit=100)
    assert (past["members"], past["meta"]["pagination"]["next"]) == ([], 100)
    capped = ghost.raw("/members/", limit=500, fields="id")
    assert (len(capped["members"]), capped["meta"]["pagination"]["total"]) == (100, 103)
    found, _ = read(ghost.connector)
    assert len(found) == 103
    assert len(list(ghost.connector.ids("members"))) == ghost.connector.count("members") == 103


def test_labels_and_newsletters_do_not_move_updated_at(ghost):
    """Both are relations, not columns (core/server/models/base/plugins/events.js keeps the old time), so
    ``updated_at`` alone would never show them: an opt-out would be missed."""
    labelled = ghost.create("labelled@example.com", labels=["old"])
    unsubscribed = ghost.create("unsubscribed@example.com", unsubscribed=False)
    ghost.create("untouched@example.com")
    ghost.pass_overlap()
    connector = ghost.open(small=0)
    connector._probe()
    cursor = {"v": 1, "since": connector.server_time().isoformat(), "full": connector.server_time().isoformat()}
    assert ghost.write(Op.UPDATE, labelled.id, labels=["new"]).changed_at == labelled.changed_at
    assert ghost.write(Op.UPDATE, unsubscribed.id, unsubscribed=True).changed_at == unsubscribed.changed_at
    connector._probe()
    found, _ = read(connector, cursor, fields=("email", "labels", "unsubscribed"))
    assert found.keys() == {"labelled@example.com", "unsubscribed@example.com"}
    assert found["labelled@example.com"].fields["labels"] == ["new"]
    assert found["unsubscribed@example.com"].fields["unsubscribed"] is True
    assert found["labelled@example.com"].changed_at > labelled.changed_at, "the log's time is the better one"


def leave(ghost):
    """The unsubscribe link of an e-mail, as the reader's browser follows it."""
    (row,) = ghost.raw("/members/", filter="email:'reader@example.com'")["members"]
    link = parse_qs(urlsplit(row["unsubscribe_url"]).query)
    http = ghost.connector._api.http
    path = f"{ghost.peer['url']}/members/api/member/newsletters/?uuid={link['uuid'][0]}&key={link['key'][0]}"
    http.request("PUT", path, json={"newsletters": []})


def test_a_reader_who_unsubscribes_is_seen_with_proof(ghost):
    """The reader's own act moves no ``updated_at`` and is in no audit log; the activity feed has it, with source
    ``member``. It is evidence that consent rests on."""
    ghost.create("reader@example.com", unsubscribed=False)
    _, cursor = read(ghost.connector)
    ghost.outside(leave)
    ghost.now()
    for connector, place in ((ghost.connector, cursor), (ghost.open(small=0), {"v": 1, **cursor})):
        connector._probe()
        found, _ = read(connector, place, fields=("email", "unsubscribed"))
        (act, *_) = found["reader@example.com"].history["unsubscribed"]
        assert (act.value, act.by, act.own_act) == (True, "member", True)
        assert act.at > found["reader@example.com"].changed_at - timedelta(seconds=1)


def test_a_quiet_read_of_a_small_list_is_one_call(ghost):
    """Whom to ask about subscriptions is decided by a hash of them: nothing changed, nothing asked."""
    ghost.create("reader@example.com", unsubscribed=False)
    _, cursor = read(ghost.connector)
    before = ghost.session.counts["total"]
    found, _ = read(ghost.connector, cursor)
    assert found.keys() == {"reader@example.com"}
    assert ghost.session.counts["total"] - before == 1


def bulk(ghost):
    http = ghost.connector._api.http
    http.request("PUT", "/members/bulk/?all=true", json={"bulk": {"action": "unsubscribe", "meta": {}}})


def test_bulk_edits_are_in_no_log_so_everything_is_read_once_a_day(ghost):
    """Staff can unsubscribe many at once. Neither ``updated_at`` nor the feed nor the audit log tells."""
    ghost.create("reader@example.com", unsubscribed=False)
    connector = ghost.open(small=0)
    connector._probe()
    _, cursor = read(connector)
    assert cursor["full"] == cursor["since"]
    ghost.pass_overlap()
    ghost.outside(bulk)
    connector._probe()
    late = {**cursor, "since": (connector.server_time() + timedelta(seconds=5)).isoformat()}
    found, after = read(connector, late, fields=("email", "unsubscribed"))
    assert found == {}, "no log has it"
    day_old = {**late, "full": (connector.server_time() - timedelta(hours=24)).isoformat()}
    until = connector.server_time()
    found, after = read(connector, day_old, until, fields=("email", "unsubscribed"))
    assert found["reader@example.com"].fields["unsubscribed"] is True
    assert after["full"] == until.isoformat()


def test_a_delete_shows_in_the_count_and_the_ids(ghost):
    """The audit log names edits, not deletes."""
    gone, stays = ghost.create("gone@example.com"), ghost.create("stays@example.com")
    assert ghost.connector.count("members") == 2
    assert ghost.write(Op.DELETE, gone.id).result is WriteResult.UPDATED
    assert ghost.connector.count("members") == 1
    assert list(ghost.connector.ids("members")) == [stays.id]
    assert ghost.raw("/actions/", filter=f"resource_id:'{gone.id}'+event:deleted")["actions"] == []


def test_a_member_that_is_gone(ghost):
    """404 on a write, nothing on a fetch; deleting twice is no failure."""
    gone, stays = ghost.create("gone@example.com"), ghost.create("stays@example.com")
    ghost.write(Op.DELETE, gone.id)
    again = ghost.write(Op.UPDATE, gone.id, name="x")
    assert (again.result, again.code) == (WriteResult.CONFLICT, "SMK-GONE")
    assert ghost.write(Op.DELETE, gone.id).result is WriteResult.UNCHANGED
    fetched = ghost.connector.fetch("members", [gone.id, stays.id, "zzz'"], fields=("email",))
    assert [record.id for record in fetched] == [stays.id]


def test_new_members_are_subscribed_only_when_told(ghost):
    """Ghost subscribes every new member to its default newsletters unless ``newsletters`` says otherwise."""
    plain = ghost.connector._api.write("POST", None, {"email": "default@example.com"})
    assert plain["subscribed"] is True
    for email, told, unsubscribed in (
        ("quiet@example.com", {}, True),
        ("unknown@example.com", {"unsubscribed": None}, True),
        ("out@example.com", {"unsubscribed": True}, True),
        ("in@example.com", {"unsubscribed": False}, False),
    ):
        receipt = ghost.create(email, **told)
        assert receipt.result is WriteResult.CREATED
        assert receipt.stored["unsubscribed"] is unsubscribed


def test_opting_out_and_in_again(ghost):
    """``newsletters: []`` ends mail, ``subscribed: true`` brings the default newsletters back; a field that is not
    sent stays."""
    member = ghost.create("reader@example.com", unsubscribed=False, labels=["vip"], name="Mara Quill")
    letters = member.stored["newsletters"]
    out = ghost.write(Op.UPDATE, member.id, unsubscribed=True)
    assert (out.stored["unsubscribed"], out.stored["newsletters"]) == (True, [])
    back = ghost.write(Op.UPDATE, member.id, unsubscribed=False)
    assert (back.stored["unsubscribed"], back.stored["newsletters"]) == (False, letters)
    assert (back.stored["labels"], back.stored["name"]) == (["vip"], "Mara Quill")
    assert "unsubscribed" not in ghost.write(Op.UPDATE, member.id, name="Mara").stored
    before = ghost.session.counts["write"]
    assert ghost.write(Op.UPDATE, member.id, unsubscribed=None).result is WriteResult.UNCHANGED
    assert ghost.session.counts["write"] == before, "no claim is nothing to write"


def archive(ghost):
    ghost.sql("update newsletters set status='archived'")


def restore(ghost):
    ghost.sql("update newsletters set status='active'")


def test_a_site_without_an_active_newsletter_opts_nobody_out(ghost):
    """Ghost then shows every member as not subscribed; when the newsletter is back, they are subscribed as before."""
    member = ghost.create("reader@example.com", unsubscribed=False)
    ghost.outside(archive)
    connector = ghost.open()
    assert ghost.raw(f"/members/{member.id}/")["members"][0]["subscribed"] is False
    found, _ = read(connector, fields=("email", "unsubscribed", "subscribed"))
    assert found["reader@example.com"].fields["unsubscribed"] is None
    assert [r.fields["unsubscribed"] for r in connector.fetch("members", [member.id], fields=("unsubscribed",))] == [
        None
    ]
    assert "no active newsletter" in connector.check().warnings[0]
    ghost.outside(restore)
    found, _ = read(ghost.open(), fields=("email", "unsubscribed"))
    assert found["reader@example.com"].fields["unsubscribed"] is False


def test_labels_are_replaced_whole_and_folded(ghost):
    """Ghost trims label names and takes an existing label of another case instead; the echo shows what it kept."""
    member = ghost.create("reader@example.com", labels=["Vip", " sync "])
    assert member.stored["labels"] == ["Vip", "sync"]
    assert ghost.write(Op.UPDATE, member.id, labels=["VIP"]).stored["labels"] == ["Vip"]
    assert ghost.write(Op.UPDATE, member.id, name="x").stored["labels"] == ["Vip"]
    assert ghost.write(Op.UPDATE, member.id, labels=None).stored["labels"] == []


def test_clearing(ghost):
    """Null is refused (422 "must be string"); an empty text is stored as null."""
    member = ghost.create("reader@example.com", name="Mara Quill", note="n")
    refused = ghost.connector._api.write("PUT", member.id, {"name": None})
    assert (refused.status, refused.property) == (422, "name")
    cleared = ghost.write(Op.UPDATE, member.id, name=None, note=None)
    assert (cleared.stored["name"], cleared.stored["note"]) == (None, None)
    assert ghost.create("other@example.com", name=None, note=None).result is WriteResult.CREATED


def test_an_address_that_another_member_has(ghost):
    """Addresses are unique whatever their case and accents; the row in the way is named."""
    first = ghost.create("Mara@Example.com")
    for email in ("mara@example.com", "mará@example.com"):
        clash = ghost.create(email)
        assert (clash.result, clash.code, clash.field) == (WriteResult.REJECTED, "SMK-DUPLICATE", "email")
        assert clash.duplicate_of == [first.id]
        assert "mar" not in (clash.message or "").lower()
    second = ghost.create("second@example.com")
    assert ghost.write(Op.UPDATE, second.id, email="MARA@example.com").duplicate_of == [first.id]
    same = ghost.write(Op.UPDATE, first.id, email="mara@example.com")
    assert (same.result, same.stored["email"]) == (WriteResult.UPDATED, "mara@example.com")


def test_finding_by_address_is_exact_but_for_case(ghost):
    """Quotes need escaping in NQL (a bare " is a parse error); Ghost's own comparison also ignores accents."""
    plain, quoted = ghost.create("Cafe@Example.com"), ghost.create("o'neil@example.com")
    assert "errors" in ghost.raw("/members/", filter="email:'a\"b@example.com'")

    def find(*emails):
        return [record.id for record in ghost.connector.find("members", "email", emails, fields=("email",))]

    assert find("café@example.com") == []
    assert find("cafe@example.com", "O'Neil@Example.com", 'a"b@example.com', "a\\b'c@example.com") == [
        plain.id,
        quoted.id,
    ]


@pytest.mark.parametrize(
    ("field", "fits", "too_long"), [("name", 191, 192), ("note", 2000, 2001), ("labels", 191, 192)]
)
def test_lengths(ghost, field, fits, too_long):
    """As described: name and label 191, note 2000 characters; one more is refused, nothing is cut."""

    def text(length):
        return ["x" * length] if field == "labels" else "x" * length

    member = ghost.create("reader@example.com", **{field: text(fits)})
    assert member.stored[field] == text(fits)
    refused = ghost.write(Op.UPDATE, member.id, **{field: text(too_long)})
    assert (refused.result, refused.code, refused.field) == (WriteResult.REJECTED, "SMK-TOO-LONG", field)
    info = next(info for info in ghost.connector.describe("members") if info.name == field)
    assert info.max_length in (fits, None)


def test_bad_addresses(ghost):
    """A wrong or missing address is refused as such."""
    wrong = ghost.create("not-an-address")
    assert (wrong.result, wrong.code, wrong.field) == (WriteResult.REJECTED, "SMK-INVALID", "email")
    assert "not-an-address" not in (wrong.message or "")
    missing = ghost.write(Op.CREATE, name="Mara Quill")
    assert (missing.result, missing.code) == (WriteResult.REJECTED, "SMK-INVALID")


def test_unknown_fields_are_never_sent(ghost):
    """Ghost answers 201 and ignores them: a mapping to a wrong name would look fine for ever."""
    member = ghost.connector._api.write("POST", None, {"email": "reader@example.com", "nosuch": 1, "newsletters": []})
    assert "nosuch" not in member
    before = ghost.session.counts["write"]
    for name in ("nosuch", "subscribed", "status", "updated_at"):
        refused = ghost.write(Op.UPDATE, member["id"], **{name: "x"})
        assert (refused.result, refused.field) == (WriteResult.REJECTED, name)
    assert ghost.session.counts["write"] == before


def test_until_and_whole_seconds(ghost):
    """What changed after ``until`` waits for the next read, and is then there."""
    early = ghost.create("early@example.com")
    ghost.next_second()
    late = ghost.create("late@example.com")
    assert early.changed_at.microsecond == late.changed_at.microsecond == 0
    for small in (3, 0):
        connector = ghost.open(small=small)
        connector._probe()
        found, cursor = read(connector, until=late.changed_at - timedelta(seconds=1))
        assert found.keys() == {"early@example.com"}
        found, _ = read(connector, cursor)
        assert "late@example.com" in found


def test_a_token_that_is_too_old_or_signed_wrongly(ghost):
    """401 "jwt expired" and "invalid signature": tried once more with a new token, then told as what it is."""
    slow = ManualClock(ghost.clock.now() - timedelta(minutes=10))
    for connector in (ghost.open(clock=slow), ghost.open(key=ghost.peer["admin_key"].split(":")[0] + ":" + "00" * 32)):
        before = ghost.session.counts["total"]
        with pytest.raises(AuthFailed, match="Check the credentials"):
            connector.server_time()
        assert ghost.session.counts["total"] - before == 2
        report = connector.check()
        assert not report.ok
        assert "401" in report.problems[0]


def test_check_names_the_site(ghost):
    """Without writing anything."""
    report = ghost.connector.check()
    assert (report.ok, report.account, report.warnings) == (True, "Peer (Ghost 6.65)", ())
    assert ghost.session.counts["write"] == 0


def test_newsletters_and_labels(ghost):
    """Both lists read whole."""
    ghost.create("reader@example.com", labels=["vip"])
    names = {}
    for stream in ("newsletters", "labels"):
        (page,) = ghost.connector.read(stream, cursor=None, until=None, fields=("name", "slug"))
        names[stream] = {record.fields["name"] for record in page.records}
    assert "vip" in names["labels"]
    assert names["newsletters"] == {"Peer"}


def test_the_activity_feed_has_no_pages(ghost):
    """``page`` is ignored: what does not fit cannot be asked for, so the connector then reads all members."""
    for number in range(3):
        ghost.create(f"m{number}@example.com", unsubscribed=False)
    pages = [
        [
            event["data"]["id"]
            for event in ghost.raw("/members/events/", filter="type:newsletter_event", limit=1, page=n)["events"]
        ]
        for n in (1, 2)
    ]
    assert pages[0] == pages[1]


def test_no_cassette_holds_a_credential_or_a_port():
    for path in (Path(__file__).parent / "cassettes").glob("*.yaml"):
        text = path.read_text()
        for private in ("authorization", "Ghost ey", "127.0.0.1:", "set-cookie"):
            assert private.lower() not in text.lower(), path.name
        assert not re.search(r"key=[0-9a-f]{8}", text), path.name
