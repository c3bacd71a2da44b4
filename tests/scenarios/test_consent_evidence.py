"""Evidence of consent: it travels with the standing consent, and what cannot be read or is dated wrong opens no door."""

from __future__ import annotations

from typing import Any

import pytest

from smarksync.plugin import FieldType


def test_the_evidence_of_the_standing_consent_goes_where_there_is_a_place_for_it(world: Any) -> None:
    w = world(also=["consent_at", "consent_source", "consent_basis"])
    ada = w.person("Ada Lovelace", "marketing", email_opt_out=False, consent_basis="double_opt_in",
                   consent_at="2026-02-01T10:00:00Z", consent_source="web form")  # fmt: skip
    w.run()
    assert w.shows(ada, "sales", email_opt_out=False, consent_basis="double_opt_in")
    assert w.row(ada, "sales")["consent_at"].startswith("2026-02-01T10:00:00")
    w.quiet()


def test_a_rule_that_would_bend_consent_is_a_config_error(world: Any) -> None:
    from smarksync.errors import ConfigError

    for rule in ({"owner": "sales"}, {"merge": "newest"}, {"direction": "from sales"}):
        w = world(fields={"email_opt_out": rule})
        with pytest.raises(ConfigError):
            w.run()
    w = world(fields={"email_opt_out": {"merge": "most_restrictive"}})
    w.run()


def test_a_flag_in_words_that_nobody_explained_is_told_and_nobody_is_created_on_its_silence(world: Any) -> None:
    w = world(infos={"marketing": {"email_opt_out": {"type": FieldType.TEXT}}})
    bob = w.person("Bob Noyce", "marketing", email_opt_out="Ja")
    assert w.run().exit_code == 3
    assert [(held.code, held.field) for held in w.quarantine()] == [("SMK-VALUE-TYPE", "email_opt_out")]
    assert "sales" not in bob.places and w.count("sales") == 0
    w.edit(bob, "marketing", email_opt_out="yes")
    assert w.run().exit_code == 0
    assert w.quarantine() == []
    assert w.shows(bob, "sales", email_opt_out=True)


def test_a_flag_that_can_no_longer_be_read_holds_nothing_but_itself(world: Any) -> None:
    w = world(infos={"marketing": {"email_opt_out": {"type": FieldType.TEXT}}})
    bob = w.person("Bob Noyce", "marketing sales", company="Old")
    w.run()
    w.edit(bob, "marketing", email_opt_out="Ja", company="New")
    assert w.run().exit_code == 3
    assert w.shows(bob, "sales", company="New")
    assert w.run().exit_code == 3, "it waits for as long as it stands there"
    w.edit(bob, "marketing", company="Newer")
    w.run()
    assert [held.field for held in w.quarantine()] == ["email_opt_out"] and w.shows(bob, "sales", company="Newer")


def test_b_an_act_dated_in_the_future_is_not_later_than_the_opt_outs_to_come(world: Any) -> None:
    """A form with a wrong clock must not silence everything that the person says afterwards."""
    w = world(also=["consent_at", "consent_basis"])
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "sales", consent_basis="double_opt_in", consent_at="2999-01-01T00:00:00Z", email_opt_out=False)
    w.run()
    assert w.consent(ada) == "opted_in"
    w.quiet()
    w.edit(ada, "marketing", email_opt_out=True)
    w.run()
    assert w.consent(ada) == "opted_out"
    assert w.shows(ada, "sales", email_opt_out=True)
    w.edit(ada, "sales", phone="+442079460000")  # looked at again, with its old evidence
    w.run()
    w.edit(ada, "sales", email_opt_out=False)  # an untick is no act, whatever stands beside it
    w.run()
    assert w.consent(ada) == "opted_out"
    assert w.shows(ada, "sales", email_opt_out=True)
    w.quiet()


def test_a_an_opt_out_stands_beside_a_future_act_that_is_seen_with_it(world: Any) -> None:
    w = world(also=["consent_at", "consent_basis"])
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "sales", consent_basis="double_opt_in", consent_at="2999-01-01T00:00:00Z", email_opt_out=False)
    w.edit(ada, "marketing", email_opt_out=True)
    w.run()
    assert w.consent(ada) == "opted_out"
    assert w.shows(ada, "sales", email_opt_out=True)
