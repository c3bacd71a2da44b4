"""What left: deletes, merges and conversions, told apart, in one query with what changed; and what came back."""

from __future__ import annotations

from datetime import timedelta

from salesforce_org import NAMES, Org

from smarksync.plugin import Cursor, GoneKind


def test_first_look_of_a_session_that_read_from_the_beginning_tells_nothing(org: Org) -> None:
    rid = org.lead()
    org.sim.delete("Lead", rid)
    org.now()
    assert org.gone("Lead", None)[0] == []


def test_first_look_after_a_run_that_died_tells_what_left_since_it_read(org: Org) -> None:
    old, deleted, converted = (org.lead() for _ in range(3))
    org.sim.delete("Lead", old)
    org.clock.move(8 * 86_400)
    cursor = org.now()  # and the run died before it asked what left
    org.sim.delete("Lead", deleted)
    contact, _, _ = org.sim.convert(converted)
    org.clock.move(86_400)
    org.open()
    org.pages(cursor=cursor)
    told, left = org.gone("Lead", None)
    assert {g.id: g.into for g in told} == {deleted: None, converted: contact}
    org.clock.move(3600)
    assert org.gone("Lead", left)[0] == []


def test_what_left_says_whether_it_was_opted_out(org: Org) -> None:
    deleted, winner, loser, converted, plain = (org.lead() for _ in range(5))
    cursor, (_, left) = org.now(), org.gone("Lead", None)
    org.clock.move(60)
    for rid in (deleted, loser, converted):
        org.sim.edit("Lead", rid, HasOptedOutOfEmail=True)
    org.sim.edit("Lead", deleted, DoNotCall=True)
    org.sim.delete("Lead", deleted)
    org.sim.delete("Lead", plain)
    org.sim.merge("Lead", winner, loser)
    org.sim.convert(converted)
    both = {"HasOptedOutOfEmail": True, "DoNotCall": True}
    said = {deleted: both, loser: {"HasOptedOutOfEmail": True}, converted: {"HasOptedOutOfEmail": True}, plain: None}
    alone, _ = org.gone("Lead", left)
    assert {g.id: g.shows for g in alone} == said
    org.pages(cursor=cursor)  # what left comes with what changed, and says the same
    assert {g.id: g.shows for g in org.gone("Lead", left)[0]} == said


def test_deletes_merges_and_conversions_are_told_apart(org: Org) -> None:
    # 1.6: IsDeleted, MasterRecordId; 1.10: IsConverted with what it became
    deleted, winner, loser, converted = (org.lead() for _ in range(4))
    _, cursor = org.gone("Lead", None)
    org.clock.move(60)
    org.sim.delete("Lead", deleted)
    org.sim.merge("Lead", winner, loser)
    contact, account, deal = org.sim.convert(converted)
    told = {g.id: g for g in org.gone("Lead", cursor)[0]}
    assert set(told) == {deleted, loser, converted}
    assert (told[deleted].kind, told[deleted].into) == (GoneKind.DELETED, None)
    assert (told[loser].kind, told[loser].into, told[loser].into_stream) == (GoneKind.MERGED, winner, "Lead")
    assert (told[converted].kind, told[converted].into, told[converted].into_stream) == (
        GoneKind.CONVERTED,
        contact,
        "Contact",
    )
    assert told[converted].also == {"Account": account, "Opportunity": deal}
    assert {winner} == set(org.read(cursor=org.now()))


def changed_and_gone(org: Org, stream: str, cursor: Cursor, gone_cursor: Cursor) -> tuple[set[str], set[str]]:
    """What a run sees: the rows that changed, then those that left, both up to one moment."""
    until = org.clock.now()
    pages = list(org.connector.read(stream, cursor=cursor, until=until, fields=NAMES))
    told = list(org.connector.gone(stream, cursor=gone_cursor, until=until))
    assert told[-1][1] == pages[-1].cursor
    return {r.id for page in pages for r in page.records}, {g.id for group, _ in told for g in group}


def test_what_changed_and_what_left_come_in_one_query(org: Org) -> None:
    kept, deleted, winner, loser, converted, back = (org.lead() for _ in range(6))
    contact = org.contact()
    org.clock.move(60)
    cursors = {name: (org.now(name), org.gone(name, None)[1]) for name in ("Lead", "Contact")}
    org.clock.move(60)
    org.sim.edit("Lead", kept, City="Leeds")
    org.sim.delete("Lead", deleted)
    org.sim.merge("Lead", winner, loser)
    org.sim.convert(converted, opportunity=None)
    org.sim.delete("Lead", back)
    org.sim.undelete("Lead", back)
    org.sim.delete("Contact", contact)
    org.clock.move(60)
    org.sim.calls.clear()
    changed, left = changed_and_gone(org, "Lead", *cursors["Lead"])
    assert changed == {kept, winner, back}
    assert left == {deleted, loser, converted}
    assert changed_and_gone(org, "Contact", *cursors["Contact"])[1] == {contact}
    assert org.asked("/query") == ["GET /queryAll"] * 2


def test_what_left_is_asked_for_when_no_reading_of_that_span_came_before(org: Org) -> None:
    rids = [org.contact() for _ in range(3)]
    org.clock.move(60)
    cursor, gone_cursor = org.now("Contact"), org.gone("Contact", None)[1]
    for rid in rids:
        org.clock.move(60)
        org.sim.delete("Contact", rid)
    org.clock.move(60)
    _, left = changed_and_gone(org, "Contact", {**cursor, "at": org.clock.now().isoformat()}, gone_cursor)
    assert left == set(rids), "the reading began later than what is asked for"
    until = org.clock.now()
    pages = org.connector.read("Contact", cursor=cursor, until=until, fields=NAMES)
    next(pages)  # and then the reading broke off
    told = list(org.connector.gone("Contact", cursor=gone_cursor, until=until + timedelta(seconds=1)))
    assert {g.id for group, _ in told for g in group} == set(rids)


def test_a_row_that_comes_back_while_a_query_is_asked_anew_has_not_left(org: Org) -> None:
    made = org.leads(450)
    cursor, gone_cursor = org.now(), org.gone("Lead", None)[1]
    org.clock.move(60)
    for rid in made:
        org.sim.edit("Lead", rid, City="Leeds")
    org.sim.delete("Lead", made[0])
    org.clock.move(60)
    org.sim.quirks.page = 200
    until = org.clock.now()
    pages = org.connector.read("Lead", cursor=cursor, until=until, fields=NAMES)
    shown = [r.id for r in next(pages).records]
    org.sim.undelete("Lead", made[0])
    org.sim.expire_locators()
    shown += [r.id for page in pages for r in page.records]
    assert set(shown) == set(made)
    told = list(org.connector.gone("Lead", cursor=gone_cursor, until=until))
    assert [g for group, _ in told for g in group] == []


def test_row_out_of_the_recycle_bin_is_read_again(org: Org) -> None:
    rid = org.contact()
    org.clock.move(60)
    cursor = org.now("Contact")
    org.sim.delete("Contact", rid)
    org.clock.move(60)
    org.sim.undelete("Contact", rid)
    assert set(org.read("Contact", cursor)) == {rid}


def test_delete_that_was_committed_late_is_seen(org: Org) -> None:
    rid = org.contact()
    org.clock.move(3600)
    _, cursor = org.gone("Contact", None)
    org.clock.move(5)
    org.sim.delete("Contact", rid)
    org.sim.store.tables["Contact"][rid]["SystemModstamp"] = "2026-11-22T09:59:50.000+0000"
    assert [g.id for g in org.gone("Contact", cursor)[0]] == [rid]


def test_where_a_row_is_when_even_the_bin_was_emptied(org: Org) -> None:
    there, purged, converted = org.lead(), org.lead(), org.lead()
    org.sim.delete("Lead", purged)
    org.sim.purge("Lead", purged)
    contact, _, _ = org.sim.convert(converted, opportunity=None)
    told = {g.id: g for group, _ in org.connector.whereabouts("Lead", [there, purged, converted]) for g in group}
    assert set(told) == {purged, converted}
    assert told[purged].kind is GoneKind.DELETED and told[converted].into == contact


def test_converted_leads_are_in_no_reading(org: Org) -> None:
    rid = org.lead(Email="ada@example.com")
    org.sim.convert(rid)
    assert org.read() == {}
    assert list(org.connector.fetch("Lead", [rid], fields=NAMES)) == []
    assert list(org.connector.find("Lead", "Email", ["ada@example.com"], fields=NAMES)) == []
