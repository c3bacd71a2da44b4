"""A system refuses one field: that field waits, with the reason, and the rest of the record goes on in the same run."""

from __future__ import annotations

from typing import Any

import pytest

from smarksync.engine.offline import Desk
from smarksync.engine.refs import one as entity_of
from smarksync.plugin import WriteResult

REJECTED = WriteResult.REJECTED
BAD = "+442079460099"


def refuses(w: Any, system: str = "sales", field: str = "phone", bad: Any = BAD) -> None:
    w.faults.answer(REJECTED, lambda write: write.fields.get(field) == bad, field=field, system=system,
                    code="SMK-INVALID", message="not a number there")  # fmt: skip


def test_an_update_goes_on_without_the_refused_field(world: Any) -> None:
    w = world()
    refuses(w)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", phone=BAD, company="Engines", score=7)
    ran = w.run()
    assert ran.exit_code == 3
    assert w.shows(ada, "sales", company="Engines", score=7, phone=None)
    assert (ran["sales"]["planned"], ran["sales"]["rejected"], ran["sales"]["written"]) == (2, 1, 1)
    (held,) = w.quarantine()
    assert (held.kind, held.field, held.code) == ("refused", "phone", "SMK-INVALID")
    assert "field phone: refused — not a number there" in held.message and BAD not in held.message


def test_it_is_not_sent_again_and_other_edits_pass(world: Any) -> None:
    w = world()
    refuses(w)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", phone=BAD)
    w.run()
    w.quiet()
    w.edit(ada, "marketing", company="Engines")
    w.edit(ada, "sales", score=3)
    ran = w.run()
    assert [dict(write.fields) for write in ran.sent["sales"]] == [{"company": "Engines"}]
    assert w.shows(ada, "marketing", score=3, phone=BAD)
    assert len(w.quarantine()) == 1 and ran.exit_code == 3


def test_another_value_is_sent_and_ends_it(world: Any) -> None:
    w = world()
    refuses(w)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", phone=BAD, company="Engines")
    w.run()
    w.edit(ada, "marketing", phone="+442079460000")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", phone="+442079460000") and w.quarantine() == []
    w.quiet()


def test_taking_the_edit_back_ends_it(world: Any) -> None:
    w = world()
    refuses(w)
    ada = w.person("Ada Lovelace", "marketing sales", phone="+442079460000")
    w.run()
    w.edit(ada, "marketing", phone=BAD)
    assert w.run().exit_code == 3
    w.edit(ada, "marketing", phone="+442079460000")
    assert w.run().exit_code == 0 and w.quarantine() == []


def test_retried_by_hand_it_is_sent_once_more(world: Any) -> None:
    from smarksync.config import load
    from smarksync.engine import answers

    w = world()
    refuses(w)
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", phone=BAD)
    w.run()
    w.faults.clear()
    desk = Desk(load(w.root / "smarksync.yaml"), w.registry, w.reading, w.clock)
    answers.retry(desk, [w.quarantine()[0].id])
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", phone=BAD)


def test_a_new_record_is_made_without_it(world: Any) -> None:
    w = world()
    refuses(w)
    ada = w.person("Ada Lovelace", "marketing", phone=BAD, company="Engines")
    ran = w.run()
    assert ran.exit_code == 3 and w.count("sales") == 1
    assert w.shows(ada, "sales", company="Engines", phone=None)
    assert w.shows(ada, "marketing", phone=BAD)
    w.quiet()
    w.edit(ada, "marketing", phone="+442079460000")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", phone="+442079460000")
    w.quiet()


def test_nobody_is_made_without_the_address_they_are_known_by(world: Any) -> None:
    w = world()
    refuses(w, field="email", bad="ada.lovelace@example.com")
    w.person("Ada Lovelace", "marketing")
    ran = w.run()
    assert ran.exit_code == 3 and w.count("sales") == 0
    assert [held.field for held in w.quarantine()] == [""]


def test_what_one_system_refuses_the_third_gets(world: Any) -> None:
    w = world("marketing", "sales", "support")
    refuses(w)
    ada = w.person("Ada Lovelace", "marketing sales support")
    w.run()
    w.edit(ada, "marketing", phone=BAD)
    w.run()
    assert w.shows(ada, "support", phone=BAD) and w.shows(ada, "sales", phone=None)
    w.quiet()
    w.edit(ada, "support", phone="+442079460000")
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", phone="+442079460000") and w.shows(ada, "marketing", phone="+442079460000")


def test_a_full_name_that_is_refused_holds_both_parts_and_nothing_else(world: Any) -> None:
    w = world(maps={"sales": {"first_name": None, "last_name": None, "full_name": "name"}})
    refuses(w, field="name", bad="Ada King")
    ada = w.person("Ada Lovelace", "marketing")
    w.run()
    w.edit(ada, "marketing", last_name="King", company="Engines")
    w.run()
    assert w.shows(ada, "sales", full_name="Ada Lovelace", company="Engines")
    w.quiet()


@pytest.mark.parametrize("told", ["email", None])
def test_an_address_that_somebody_else_has_asks_who_is_who_and_the_rest_goes_on(world: Any, told: str | None) -> None:
    w = world(infos={"sales": {"email": {"unique": True}}}, create={"sales": "always", "marketing": "never"})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    bob = w.person("Bob Noyce", "sales")
    w.run()
    if told is None:  # a vendor that does not name the field
        held = w.place(bob, "sales")[1]
        w.faults.answer(
            REJECTED, lambda write: "email" in write.fields, code="SMK-DUPLICATE", duplicate_of=[held], times=1
        )
    w.edit(ada, "marketing", company="Engines", email="bob.noyce@example.com")
    ran = w.run()
    assert ran.exit_code == 3
    assert w.shows(ada, "sales", email="ada.lovelace@example.com", company="Engines")
    (question,) = w.conflicts()
    assert (question.kind, question.field) == ("identity", "identity:email")
    assert {record.rpartition(":")[2] for record in question.body["records"]} == {
        w.place(ada, "sales")[1], w.place(bob, "sales")[1],
    }  # fmt: skip
    w.quiet()
    w.edit(ada, "marketing", email="countess@example.com")
    assert w.run().exit_code == 0
    assert w.conflicts() == [] and w.quarantine() == []
    assert entity_of(w.reading, "countess@example.com") == w.eid(ada)


def test_an_address_that_the_persons_other_record_has_asks_nobody_who_is_who(world: Any) -> None:
    w = world(infos={"sales": {"email": {"unique": True}}}, create={"sales": "always", "marketing": "never"})
    ada, bob = w.person("Ada Lovelace", "marketing sales"), w.person("Bob Noyce", "marketing sales")
    w.run()
    held = w.place(bob, "sales")
    w.systems["marketing"].merge("people", w.place(ada, "marketing")[1], w.place(bob, "marketing")[1])
    w.run()  # sales has two records of one person now
    w.edit(ada, "marketing", email="bob.noyce@example.com", company="Engines")
    assert w.run().exit_code == 3
    assert w.conflicts() == []
    (entry,) = w.quarantine()
    assert f"has it already: sales:people:{held[1]}, the same person's; merge them there" in entry.message
    assert w.shows(ada, "sales", email="ada.lovelace@example.com", company="Engines")
    w.quiet()
    w.systems["sales"].merge("people", w.place(ada, "sales")[1], held[1])
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", email="bob.noyce@example.com") and w.quarantine() == []
    w.quiet()


def test_people_who_look_at_the_entry_see_what_each_record_shows(world: Any) -> None:
    from smarksync.config import load
    from smarksync.engine.queues import values_of

    w = world()
    refuses(w)
    ada = w.person("Ada Lovelace", "marketing sales", phone="+442079460000")
    w.run()
    w.edit(ada, "marketing", phone=BAD)
    w.run()
    desk = Desk(load(w.root / "smarksync.yaml"), w.registry, w.reading, w.clock)
    assert values_of(desk.open(), w.quarantine()[0]) == {
        f"marketing:people:{w.place(ada, 'marketing')[1]}": BAD,
        f"sales:people:{w.place(ada, 'sales')[1]}": "+442079460000",
    }


def locked(w: Any, when: Any = lambda write: True) -> None:
    """Sales takes no write to a record, and does not say which field it is about."""
    w.faults.answer(REJECTED, when, system="sales", code="SMK-REFUSED", message="the record is locked")


def test_a_refused_opt_out_is_told_beside_what_else_was_refused(world: Any) -> None:
    """Of two rows to one record each is remembered by itself: the opt-out is tried again, the edit is not."""
    w = world(also=("email_opt_out",))
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    locked(w)
    w.edit(ada, "marketing", company="Engines", email_opt_out=True)
    ran = w.run()
    assert (ran["sales"]["planned"], ran["sales"]["rejected"]) == (2, 2)
    assert len(w.quarantine()) == 2 and any("email_opt_out" in h.message for h in w.quarantine())
    w.edit(ada, "sales", phone="+442079460000")  # somebody looks at her again
    ran = w.run()
    assert [dict(write.fields) for write in ran.sent["sales"]] == [{"email_opt_out": True}]
    assert len(w.quarantine()) == 2
    w.faults.clear()
    locked(w, lambda write: "company" in write.fields)
    w.edit(ada, "sales", score=3)
    assert w.run().exit_code == 3 and w.shows(ada, "sales", email_opt_out=True, company=None)
    assert len(w.quarantine()) == 1, "the opt-out has arrived; the edit waits"
    w.faults.clear()
    w.edit(ada, "marketing", company="Engines Ltd")
    assert w.run().exit_code == 0 and w.quarantine() == []
    assert w.shows(ada, "sales", company="Engines Ltd")
    w.quiet()


def test_an_edit_that_is_taken_back_waits_no_more_whatever_else_goes_to_the_record(world: Any) -> None:
    w = world(also=("email_opt_out",))
    ada = w.person("Ada Lovelace", "marketing sales", company="Looms")
    w.run()
    locked(w, lambda write: write.fields.get("company") == "Engines")
    w.edit(ada, "marketing", company="Engines")
    assert w.run().exit_code == 3 and len(w.quarantine()) == 1
    w.edit(ada, "marketing", company="Looms", email_opt_out=True)
    ran = w.run()
    assert w.quarantine() == [] and ran.exit_code == 0, "counted although nothing waits"
    assert w.shows(ada, "sales", email_opt_out=True, company="Looms")


def test_an_opt_out_that_is_taken_back_before_it_arrived_waits_no_more(world: Any) -> None:
    w = world(also=("email_opt_out",))
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    locked(w)
    w.edit(ada, "marketing", email_opt_out=True)
    assert w.run().exit_code == 3 and len(w.quarantine()) == 1
    w.edit(ada, "sales", email_opt_out=True)  # somebody ticks it there by hand
    assert w.run().exit_code == 0 and w.quarantine() == []
