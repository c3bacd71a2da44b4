"""Records that leave: deleted, merged, converted, restored. Links follow, and nobody is deleted by surprise."""

from __future__ import annotations

from typing import Any

import pytest

NOTICE = [
    pytest.param({}, id="the vendor tells"),
    pytest.param({"full_scan": True}, id="a complete scan"),
    pytest.param({"hard_deletes": True}, id="nobody tells"),
]


def told(world: Any, **options: Any) -> Any:
    return world(**options)


def test_a_delete_is_ignored_and_reported_by_default(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.delete(ada, "marketing")
    ran = w.run()
    assert ran.exit_code == 0
    assert w.count("sales") == 1
    assert any("deleted in marketing" in reason for _, _, reason in ran.left)
    assert w.count("marketing") == 0  # and it is not created again
    w.quiet()


@pytest.mark.parametrize("policy", ["delete", "archive"])
@pytest.mark.parametrize("marketing", [{}, {"full_scan": True}], ids=["the vendor tells", "a complete scan shows"])
def test_a_delete_is_passed_on_where_the_policy_says_so(world: Any, policy: str, marketing: dict[str, Any]) -> None:
    w = world(deletes={"sales": policy}, marketing=marketing)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.person("Bob Noyce", "marketing sales")
    w.run()
    w.delete(ada, "marketing")
    ran = w.run()
    assert ran["sales"]["deleted" if policy == "delete" else "archived"] == 1
    assert (w.count("marketing"), w.count("sales")) == (1, 1)
    w.quiet()


def test_whoever_takes_our_deletion_back_keeps_the_record(world: Any) -> None:
    """Before the next run, too: what it followed from was dealt with when it was done."""
    w = world(deletes={"sales": "archive"})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.person("Bob Noyce", "marketing sales")
    w.run()
    w.delete(ada, "marketing")
    assert w.run()["sales"]["archived"] == 1
    obj, id = w.place(ada, "sales")
    w.systems["sales"].restore(obj, id, email="ada.lovelace@example.com", first_name="Ada", last_name="Lovelace")
    w.run()
    assert w.count("sales") == 2
    w.run()
    assert w.count("sales") == 2
    w.quiet()


def test_unlink_lets_the_other_record_go_its_own_way(world: Any) -> None:
    w = world(deletes={"sales": "unlink"})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.delete(ada, "marketing")
    ran = w.run()
    assert w.count("sales") == 1
    assert not any(ran.sent.values())
    w.edit(ada, "sales", company="Analytical Engines")
    w.run()
    assert (w.count("marketing"), w.count("sales")) == (0, 1)


def test_an_edit_on_the_other_side_beats_the_delete(world: Any) -> None:
    w = world(deletes={"sales": "delete"})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.delete(ada, "marketing")
    w.edit(ada, "sales", company="Analytical Engines")
    ran = w.run()
    assert w.count("sales") == 1
    assert w.count("marketing") == 0
    assert any("edited" in reason for _, _, reason in ran.left)
    w.quiet()
    assert w.count("sales") == 1


def test_our_own_deletion_is_no_event(world: Any) -> None:
    w = world("marketing", "sales", "support", deletes={"sales": "delete", "support": "ignore", "marketing": "delete"})
    ada = w.person("Ada Lovelace", "marketing sales support")
    w.run()
    w.delete(ada, "marketing")
    w.run()
    assert (w.count("sales"), w.count("support")) == (0, 1)
    w.quiet()
    assert w.count("support") == 1


def test_a_record_absent_from_a_scan_counts_as_deleted_only_when_its_id_is_gone_too(world: Any) -> None:
    """Another reader may shift the pages: what a scan misses is asked for by id first."""
    w = world(marketing={"full_scan": True}, deletes={"sales": "delete"})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    from datetime import timedelta

    w.systems["marketing"].streams["people"].late = timedelta(hours=2)
    w.touch(ada, "marketing")  # reads do not show it for two hours
    store = w.systems["marketing"].stores["people"].rows[w.place(ada, "marketing")[1]]
    store.versions[:] = store.versions[-1:]
    ran = w.run()
    assert ran["marketing"]["read"] == 0
    assert w.count("sales") == 1
    assert "deleted" not in str(ran.left)


def test_a_system_that_hides_its_deletes_is_swept_when_it_has_fewer_records_than_we_know(world: Any) -> None:
    from smarksync.plugin import Can
    from smarksync.testing.memory_stream import EVERYTHING

    w = world(deletes={"sales": "delete"}, marketing={"can": EVERYTHING - {Can.GONE}})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.delete(ada, "marketing")
    assert w.run()["sales"]["deleted"] == 1


def test_a_restored_record_is_the_same_person_again(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales", company="Analytical Engines")
    w.run()
    w.delete(ada, "marketing")
    w.run()
    w.edit(ada, "sales", company="Difference Engines")
    w.run()
    obj, id = w.place(ada, "marketing")
    w.systems["marketing"].restore(obj, id, email="ada.lovelace@example.com", first_name="Ada", last_name="Lovelace",
                                   company="Analytical Engines")  # fmt: skip
    ran = w.run()
    assert ran.exit_code in (0, 3)
    assert (w.count("marketing"), w.count("sales")) == (1, 1)
    w.edit(ada, "sales", phone="+442079460000")
    w.run()
    assert w.shows(ada, "marketing", phone="+442079460000")
    w.quiet()


def test_a_deleted_person_entered_anew_gets_no_second_record_elsewhere(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.delete(ada, "marketing")
    w.run()
    again = w.person("Ada Lovelace", "marketing")
    w.run()
    assert w.count("sales") == 1
    assert w.eid(again) == w.eid(ada)


# -- merges ------------------------------------------------------------------------------------------------------


def test_a_vendor_merge_makes_one_person_of_two_and_the_survivor_keeps_its_id(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    twin = w.person("Ada King", "marketing sales", phone="+442079460000")
    w.run()
    survivor = w.eid(ada)
    w.systems["sales"].merge("people", w.place(ada, "sales")[1], w.place(twin, "sales")[1])
    w.run()
    assert w.eid(ada) == survivor
    assert w.shows(ada, "sales", phone="+442079460000")
    assert w.query("SELECT into_eid FROM entities WHERE state = 'alias'") == [(survivor,)]
    assert w.eid(twin) == survivor  # marketing still has two records: one primary, one secondary
    w.run()
    w.edit(ada, "sales", company="Analytical Engines")
    w.run()
    assert w.shows(ada, "marketing", company="Analytical Engines")


def test_merging_both_systems_ends_in_one_record_each_and_no_ghost(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    twin = w.person("Ada King", "marketing sales")
    w.run()
    for system in w.names:
        w.systems[system].merge("people", w.place(ada, system)[1], w.place(twin, system)[1])
    w.run()
    assert {system: len(places) for system, places in w.links(ada).items()} == {"marketing": 1, "sales": 1}
    w.edit(ada, "marketing", company="Analytical Engines")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", company="Analytical Engines")
    w.quiet()


def test_a_merge_into_a_record_never_seen_is_followed(world: Any) -> None:
    w = world(create={"marketing": "always", "sales": "never"})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    winner = w.systems["sales"].insert("people", email="countess@example.com", first_name="Ada", last_name="King")
    w.systems["sales"].merge("people", winner, w.place(ada, "sales")[1])
    w.run()
    assert w.links(ada)["sales"] == [("people", winner)]
    assert w.count("marketing") == 1
    ada.places["sales"] = ("people", winner)
    w.edit(ada, "marketing", company="Analytical Engines")
    w.run()
    assert w.shows(ada, "sales", company="Analytical Engines")


def test_a_merge_into_a_record_that_no_page_shows_is_fetched(world: Any) -> None:
    from datetime import timedelta

    w = world(create={"marketing": "never", "sales": "never"})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    sales = w.systems["sales"]
    sales.streams["people"].overlap = timedelta(0)
    winner = sales.insert("people", email="countess@example.com", last_name="King", at=w.clock() - timedelta(days=9))
    loser = sales.stores["people"].rows[w.place(ada, "sales")[1]]
    assert loser
    sales.merge("people", winner, w.place(ada, "sales")[1])
    w.run()
    assert w.links(ada)["sales"] == [("people", winner)]


def test_an_opt_out_survives_a_merge(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    twin = w.person("Ada King", "marketing sales", email_opt_out=True)
    w.run()
    w.systems["sales"].merge("people", w.place(ada, "sales")[1], w.place(twin, "sales")[1], email_opt_out=False)
    w.run()
    w.run()
    assert w.consent(ada) == "opted_out"
    assert w.shows(ada, "sales", email_opt_out=True)
    assert w.shows(ada, "marketing", email_opt_out=True)


# -- conversion --------------------------------------------------------------------------------------------------


def crm(world: Any, **options: Any) -> Any:
    """Sales keeps leads and contacts; a contact, once there, is the primary record."""
    return world(objects={"sales": ("leads", "contacts")}, **options)


def test_a_converted_lead_takes_its_link_along_and_is_never_written_again(world: Any) -> None:
    w = crm(world)
    ada = w.person("Ada Lovelace", "marketing")
    w.run()
    lead = w.place(ada, "sales")
    assert lead[0] == "leads"  # the first object gets the new records
    contact = w.systems["sales"].convert("leads", lead[1], "contacts")
    w.run()
    assert w.links(ada)["sales"] == [("contacts", contact)]
    w.edit(ada, "marketing", company="Analytical Engines")
    ran = w.run()
    assert w.systems["sales"].row("contacts", contact)["company"] == "Analytical Engines"
    assert [write.id for write in ran.sent["sales"]] == [contact]
    assert w.count("marketing") == 1
    w.quiet()


def test_a_conversion_into_a_contact_that_was_there_keeps_one_person(world: Any) -> None:
    w = crm(world)
    ada = w.person("Ada Lovelace", "marketing")
    w.run()
    lead = w.place(ada, "sales")
    contact = w.systems["sales"].convert(
        "leads", lead[1], "contacts", {"email": "countess@example.com", "last_name": "King"}
    )
    w.run()
    w.run()
    assert (w.count("marketing"), w.count("sales")) == (1, 1)
    assert w.links(ada)["sales"] == [("contacts", contact)]


def test_a_lead_beside_a_contact_is_a_secondary_link_that_receives_consent_only(world: Any) -> None:
    w = crm(world, create={"marketing": "always"})
    ada = w.person("Ada Lovelace", "marketing")
    w.enter(ada, "sales", "leads", email="ada.lovelace@example.com", last_name="Lovelace")
    lead = ada.places.pop("sales")
    w.enter(ada, "sales", "contacts", email="ada.lovelace@example.com", last_name="Lovelace")
    contact = ada.places["sales"]
    w.run()
    assert sorted(w.links(ada)["sales"]) == sorted([lead, contact])
    w.edit(ada, "marketing", company="Analytical Engines", email_opt_out=True)
    w.run()
    sales = w.systems["sales"]
    primary, secondary = w.links(ada)["sales"]
    assert sales.row(*primary)["company"] == "Analytical Engines"
    assert sales.row(*secondary)["company"] is None
    assert sales.row(*primary)["email_opt_out"] is True
    assert sales.row(*secondary)["email_opt_out"] is True
    sales.edit(*secondary, phone="+442079460000")
    w.run()
    assert w.shows(ada, "marketing", phone=None)


@pytest.mark.parametrize("how", ["delete", "merge"])
def test_an_opt_out_that_was_read_and_not_taken_outlives_its_record(world: Any, how: str) -> None:
    w = world()
    ada, bob = w.person("Ada Lovelace", "marketing sales"), w.person("Bob Noyce", "marketing sales")
    w.run()
    w.edit(ada, "sales", email_opt_out=True)
    w.killed("ledger.committed", nth=4)  # the page is stored, and nothing was decided yet
    if how == "delete":
        w.delete(ada, "sales")
    else:
        w.systems["sales"].merge("people", w.place(bob, "sales")[1], w.place(ada, "sales")[1], email_opt_out=False)
    assert w.run().exit_code == 0
    assert w.shows(ada, "marketing", email_opt_out=True)
    assert how == "delete" or w.shows(bob, "sales", email_opt_out=True)
    w.quiet()
