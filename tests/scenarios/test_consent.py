"""Consent stands above every rule: an opt-out is never lost, and silence is never consent. Clauses (a) to (f)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

EVIDENCE = ["consent_at", "consent_source", "consent_basis"]


def opted_out(world: Any, systems: str = "marketing sales", **options: Any) -> Any:
    """Ada, known to the systems, has opted out in marketing and everybody knows it."""
    w = world(**options)
    w.ada = w.person("Ada Lovelace", systems)
    w.run()
    w.edit(w.ada, "marketing", email_opt_out=True)
    w.run()
    assert w.consent(w.ada) == "opted_out"
    return w


# -- (a) a move up is taken at once, on any evidence, from any side ----------------------------------------------


@pytest.mark.parametrize("source", ["marketing", "sales"])
def test_a_an_opt_out_is_taken_from_any_side_on_a_bare_flag(world: Any, source: str) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, source, email_opt_out=True)
    w.run()
    for system in w.names:
        assert w.shows(ada, system, email_opt_out=True)
    assert w.consent(ada) == "opted_out"
    w.quiet()


def test_a_an_opt_out_at_the_first_meeting_is_taken_whatever_the_rules_say(world: Any) -> None:
    w = world(adopt={"prefer": "marketing"})
    ada = w.person("Ada Lovelace", "marketing", email_opt_out=False)
    w.enter(ada, "sales", email="ada.lovelace@example.com", last_name="Lovelace", email_opt_out=True)
    w.run()
    assert w.shows(ada, "marketing", email_opt_out=True)


def test_a_an_opt_out_on_one_side_and_an_opt_in_on_the_other_is_an_opt_out(world: Any) -> None:
    w = opted_out(world)
    bob = w.person("Bob Noyce", "marketing sales")
    w.run()
    w.edit(bob, "marketing", email_opt_out=False)
    w.edit(bob, "sales", email_opt_out=True)
    w.run()
    assert w.shows(bob, "marketing", email_opt_out=True)


def test_a_channels_are_kept_apart(world: Any) -> None:
    w = world(also=["phone_opt_out"])
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "sales", phone_opt_out=True)
    w.run()
    assert w.shows(ada, "marketing", phone_opt_out=True, email_opt_out=None)
    assert (w.consent(ada, "phone"), w.consent(ada)) == ("opted_out", None)


def test_a_works_without_any_rule_and_where_star_is_missing(world: Any) -> None:
    w = world(fields={"*": None, "email": {}})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "sales", email_opt_out=True)
    w.run()
    assert w.shows(ada, "marketing", email_opt_out=True)


# -- (b) a move down only by the person's own act, later than the standing act ------------------------------------


def own_act(w: Any, system: str, basis: str, at: Any) -> None:
    stamp = at.isoformat().replace("+00:00", "Z")
    w.edit(w.ada, system, email_opt_out=False, consent_basis=basis, consent_at=stamp)


@pytest.mark.parametrize("basis", ["own_act", "double_opt_in", "checkbox"])
def test_b_the_persons_own_later_act_opts_in_again_everywhere(world: Any, basis: str) -> None:
    w = opted_out(world, also=EVIDENCE)
    w.later(hours=1)
    own_act(w, "marketing", basis, w.clock())
    w.run()
    assert w.consent(w.ada) == "opted_in"
    assert w.shows(w.ada, "marketing", email_opt_out=False)
    assert w.shows(w.ada, "sales", email_opt_out=False)
    assert any(note["op"] == "consent" and note["fields"]["email"]["basis"] == basis for note in w.audit(w.ada))
    w.quiet()


@pytest.mark.parametrize("basis", [None, "none", "legitimate_interest", "contract", "legal"])
def test_b_weaker_evidence_is_put_back(world: Any, basis: str | None) -> None:
    w = opted_out(world, also=EVIDENCE)
    w.later(hours=1)
    own_act(w, "marketing", basis, w.clock())
    w.run()
    assert w.consent(w.ada) == "opted_out"
    assert w.shows(w.ada, "marketing", email_opt_out=True)
    assert w.shows(w.ada, "sales", email_opt_out=True)


def test_b_an_own_act_that_is_earlier_than_the_opt_out_is_put_back(world: Any) -> None:
    w = opted_out(world, also=EVIDENCE)
    own_act(w, "marketing", "double_opt_in", w.clock() - timedelta(days=1))
    w.run()
    assert w.consent(w.ada) == "opted_out"
    assert w.shows(w.ada, "marketing", email_opt_out=True)


def test_b_an_own_act_without_a_time_is_put_back(world: Any) -> None:
    """The basis stayed behind from an earlier opt-in: without its time it outweighs nothing."""
    w = world(also=["consent_basis"])
    w.ada = w.person("Ada Lovelace", "marketing sales", consent_basis="double_opt_in")
    w.run()
    w.edit(w.ada, "marketing", email_opt_out=True)
    w.run()
    w.edit(w.ada, "marketing", email_opt_out=False)
    w.run()
    assert w.consent(w.ada) == "opted_out"
    assert w.shows(w.ada, "marketing", email_opt_out=True)


def test_b_the_basis_of_an_earlier_opt_in_does_not_serve_again(world: Any) -> None:
    w = world(also=EVIDENCE)
    w.ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    own_act(w, "marketing", "double_opt_in", w.clock())
    w.run()
    w.edit(w.ada, "sales", email_opt_out=True)
    w.run()
    for system in w.names:
        w.edit(w.ada, system, email_opt_out=False)
        w.run()
        assert w.consent(w.ada) == "opted_out"
        assert w.shows(w.ada, system, email_opt_out=True)


def test_b_after_an_opt_in_the_next_opt_out_is_taken_again(world: Any) -> None:
    w = opted_out(world, also=EVIDENCE)
    w.later(hours=1)
    own_act(w, "marketing", "double_opt_in", w.clock())
    w.run()
    w.edit(w.ada, "sales", email_opt_out=True)
    w.run()
    assert w.consent(w.ada) == "opted_out"
    assert w.shows(w.ada, "marketing", email_opt_out=True)
    w.quiet()


def test_b_suppressed_is_never_left(world: Any) -> None:
    from smarksync.ledger import consent

    w = opted_out(world, also=EVIDENCE)
    at = w.clock().isoformat(timespec="microseconds").replace("+00:00", "Z")
    consent.save(w.reading, [consent.Standing(w.eid(w.ada), "email", "suppressed", at, "sales", "legal", 2)])
    w.later(hours=1)
    own_act(w, "marketing", "double_opt_in", w.clock())
    w.run()
    assert w.consent(w.ada) == "suppressed"
    assert w.shows(w.ada, "marketing", email_opt_out=True)


# -- (c) any other move down is put back and reported --------------------------------------------------------------


@pytest.mark.parametrize("system", ["marketing", "sales"])
@pytest.mark.parametrize("value", [False, None], ids=["unticked", "emptied"])
def test_c_an_unticked_box_is_put_back_and_reported(world: Any, system: str, value: Any) -> None:
    w = opted_out(world)
    w.edit(w.ada, system, email_opt_out=value)
    ran = w.run()
    assert w.consent(w.ada) == "opted_out"
    assert w.shows(w.ada, system, email_opt_out=True)
    assert any("put back" in reason for _, _, reason in ran.left)
    w.quiet()


def test_c_it_is_put_back_however_often_it_is_unticked(world: Any) -> None:
    w = opted_out(world)
    for _ in range(6):
        w.edit(w.ada, "sales", email_opt_out=False)
        w.run()
        assert w.shows(w.ada, "sales", email_opt_out=True)
    assert w.conflicts() == []  # consent is never parked


# -- (d) no claim never becomes opted_in ---------------------------------------------------------------------------


def test_d_silence_is_no_consent(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing", email_opt_out=False)
    w.run()
    assert w.consent(ada) is None
    assert w.shows(ada, "sales", email_opt_out=False) or w.shows(ada, "sales", email_opt_out=None)


SUBSCRIBES = {"subscribes_on_create": True}


def test_d_a_create_into_a_system_that_subscribes_by_default_sends_the_unsubscribed_state(world: Any) -> None:
    w = world(marketing=SUBSCRIBES)
    ada = w.person("Ada Lovelace", "sales")
    ran = w.run()
    assert [write.fields.get("email_opt_out") for write in ran.sent["marketing"]] == [True]
    assert w.shows(ada, "marketing", email_opt_out=True)
    w.run()
    assert w.consent(ada) is None  # and that is not read back as an opt-out
    assert w.row(ada, "sales")["email_opt_out"] is not True
    w.quiet()


def test_d_a_silent_system_that_subscribes_by_default_is_not_read_back_either(world: Any) -> None:
    w = world(marketing={**SUBSCRIBES, "echo": "none"})
    ada = w.person("Ada Lovelace", "sales")
    w.run()
    w.run()
    assert w.consent(ada) is None
    assert w.row(ada, "sales")["email_opt_out"] is not True
    w.quiet()


def test_d_somebody_who_opted_in_is_created_as_subscribed(world: Any) -> None:
    w = world(marketing=SUBSCRIBES, also=EVIDENCE)
    ada = w.person("Ada Lovelace", "sales", email_opt_out=False, consent_basis="double_opt_in",
                   consent_at="2026-02-01T10:00:00Z")  # fmt: skip
    w.run()
    assert w.consent(ada) == "opted_in"
    assert w.shows(ada, "marketing", email_opt_out=False)


def test_d_subscribe_not_opted_out_lets_the_silent_ones_in(world: Any) -> None:
    w = world(marketing=SUBSCRIBES, subscribe="not_opted_out")
    ada = w.person("Ada Lovelace", "sales")
    bob = w.person("Bob Noyce", "sales", email_opt_out=True)
    w.run()
    assert w.row(ada, "marketing")["email_opt_out"] is not True
    assert w.shows(bob, "marketing", email_opt_out=True)


def test_d_a_real_opt_out_there_is_heard_although_the_record_began_unsubscribed(world: Any) -> None:
    w = world(marketing={**SUBSCRIBES}, also=EVIDENCE)
    w.ada = w.person("Ada Lovelace", "sales")
    w.run()
    w.later(hours=1)
    own_act(w, "marketing", "double_opt_in", w.clock())
    w.run()
    assert w.consent(w.ada) == "opted_in"
    w.edit(w.ada, "marketing", email_opt_out=True)
    w.run()
    assert w.consent(w.ada) == "opted_out"
    assert w.shows(w.ada, "sales", email_opt_out=True)


# -- (e) an opt-out reaches everything with the address ------------------------------------------------------------


def test_e_an_opt_out_reaches_every_system(world: Any) -> None:
    w = world("marketing", "sales", "support", "events")
    ada = w.person("Ada Lovelace", "marketing sales support events")
    w.run()
    w.edit(ada, "support", email_opt_out=True)
    w.run()
    for system in w.names:
        assert w.shows(ada, system, email_opt_out=True)


def test_e_it_reaches_every_person_with_the_address(world: Any) -> None:
    """A shared box: two persons, one address; the one who says no speaks for the address."""
    w = world(create={})
    ada = w.person("Ada Lovelace", "marketing", email="info@example.com")
    w.enter(ada, "sales", email="info@example.com", last_name="Lovelace")
    bob = w.person("Bob Noyce", "marketing", email="info@example.com")
    w.enter(bob, "sales", email="info@example.com", last_name="Noyce")
    w.run()
    assert w.eid(ada) != w.eid(bob)
    w.edit(ada, "sales", email_opt_out=True)
    w.run()
    w.run()
    for someone in (ada, bob):
        for system in w.names:
            assert w.shows(someone, system, email_opt_out=True)


def test_e_it_reaches_duplicates_that_wait_in_quarantine(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    twin = w.person("Ada Lovelace", "marketing")
    w.run()
    w.edit(ada, "sales", email_opt_out=True)
    w.run()
    w.run()
    assert w.shows(ada, "marketing", email_opt_out=True)
    assert w.shows(twin, "marketing", email_opt_out=True)


def test_e_it_follows_the_person_when_the_address_changes(world: Any) -> None:
    w = opted_out(world)
    w.edit(w.ada, "marketing", email="countess@example.com")
    w.run()
    assert w.consent(w.ada) == "opted_out"
    assert w.shows(w.ada, "sales", email="countess@example.com", email_opt_out=True)
    assert w.shows(w.ada, "marketing", email_opt_out=True)


def test_e_a_new_record_of_somebody_who_opted_out_is_created_opted_out(world: Any) -> None:
    w = world("marketing", "sales", "support", create={"support": "lead.score >= 50"})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "sales", email_opt_out=True)
    w.run()
    w.edit(ada, "marketing", score=80)
    ran = w.run()
    assert [write.fields["email_opt_out"] for write in ran.sent["support"]] == [True]


def test_e_a_record_that_joins_later_is_told(world: Any) -> None:
    w = world("marketing", "sales", "support", create={})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "sales", email_opt_out=True)
    w.run()
    w.enter(ada, "support", email="ada.lovelace@example.com", last_name="Lovelace")
    w.run()
    assert w.shows(ada, "support", email_opt_out=True)
