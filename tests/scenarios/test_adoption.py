"""The first meeting of two records, and fields that rest because two writers never did."""

from __future__ import annotations

from typing import Any

import pytest

from smarksync.plugin import FieldInfo

# -- adoption ----------------------------------------------------------------------------------------------------


def two_known(world: Any, **options: Any) -> Any:
    """Both systems know Ada before the first run; the record in sales is ten seconds younger."""
    w = world(**options)
    w.ada = w.person("Ada Lovelace", "marketing", company="Marketing's", phone="+442079460000")
    w.later(seconds=10)
    w.enter(w.ada, "sales", email="ada.lovelace@example.com", first_name="Ada", last_name="Lovelace", company="Sales's")
    return w


def test_adoption_equal_is_agreed_empty_is_filled_and_the_newer_record_stands(world: Any) -> None:
    w = two_known(world)
    assert w.run().exit_code == 0
    assert {w.row(w.ada, system)["company"] for system in w.names} == {"Sales's"}
    assert w.shows(w.ada, "sales", phone="+442079460000")
    assert "Marketing's" in str(w.audit(w.ada))
    w.quiet()


def test_adopt_prefer_stands_instead_of_time(world: Any) -> None:
    w = two_known(world, adopt={"prefer": "marketing"})
    w.run()
    assert {w.row(w.ada, system)["company"] for system in w.names} == {"Marketing's"}


def test_adoption_without_an_order_in_time_asks(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing", company="Marketing's")
    w.enter(ada, "sales", email="ada.lovelace@example.com", last_name="Lovelace", company="Sales's")
    assert w.run().exit_code == 3
    assert [q.field for q in w.conflicts()] == ["company"]


def test_adoption_follows_owner_direction_and_merge(world: Any) -> None:
    w = world(
        fields={"company": {"owner": "marketing"}, "phone": {"direction": "from sales"}, "score": {"merge": "max"}}
    )
    ada = w.person("Ada Lovelace", "marketing", company="Marketing's", phone="+442079460000", score=9)
    w.later(minutes=1)
    w.enter(ada, "sales", email="ada.lovelace@example.com", first_name="Ada", last_name="Lovelace", company="Sales's",
            phone="+442079460001", score=3)  # fmt: skip
    w.run()
    for system in w.names:
        assert w.shows(ada, system, company="Marketing's", phone="+442079460001", score=9)


@pytest.mark.parametrize("order", [("marketing", "sales", "support"), ("support", "sales", "marketing")])
def test_adoption_is_one_decision_over_all_sides_whatever_their_order(world: Any, order: tuple[str, ...]) -> None:
    w = world(*order)
    ada = w.person("Ada Lovelace", "marketing", company="First")
    for system, company in (("sales", "Second"), ("support", "Third")):
        w.later(minutes=1)
        w.enter(ada, system, email="ada.lovelace@example.com", first_name="Ada", last_name="Lovelace", company=company)
    w.run()
    assert {w.row(ada, system)["company"] for system in order} == {"Third"}


def test_a_newly_mapped_field_is_adopted_by_the_people_who_are_there_already(world: Any) -> None:
    """A mapping change reaches history: nobody has to touch a record."""
    w = world(also=["job_title"])
    later = {name: dict(m) for name, m in w.maps.items()}
    for m in w.maps.values():
        m.pop("job_title")
    w.config["mappings"] = {n: {"people": {"entity": "lead", "fields": w.maps[n]}} for n in w.names}
    ada = w.person("Ada Lovelace", "marketing sales")
    w.systems["marketing"].edit(*w.place(ada, "marketing"), job_title="Analyst")
    w.run()
    assert w.systems["sales"].row(*w.place(ada, "sales"))["job_title"] is None
    w.config["mappings"] = {n: {"people": {"entity": "lead", "fields": later[n]}} for n in w.names}
    w.run()
    assert w.systems["sales"].row(*w.place(ada, "sales"))["job_title"] == "Analyst"
    w.quiet()


def _mapped_later(world: Any, **options: Any) -> tuple[Any, Any]:
    """Ada is known; her title, another one on each side, is mapped only from the next run on."""
    w = world(also=["job_title"], **options)
    for n in w.names:
        w.config["mappings"][n]["people"]["fields"] = {k: v for k, v in w.maps[n].items() if k != "job_title"}
    ada = w.person("Ada Lovelace", "marketing sales", job_title="Countess")
    w.later(minutes=1)
    w.edit(ada, "marketing", job_title="Analyst")
    w.run()
    w.quiet()
    for n in w.names:
        w.config["mappings"][n]["people"]["fields"] = w.maps[n]
    return w, ada


def test_a_newly_mapped_field_is_decided_as_at_the_first_meeting(world: Any) -> None:
    """Not by the times of edits, which nobody saw: otherwise every record would ask a question."""
    w, ada = _mapped_later(world)
    assert w.run().exit_code == 0
    assert w.shows(ada, "sales", job_title="Analyst")  # the newer record
    w.quiet()
    w.edit(ada, "sales", job_title="Programmer")
    w.run()
    assert w.shows(ada, "marketing", job_title="Programmer")


def test_a_newly_mapped_field_follows_adopt_prefer(world: Any) -> None:
    w, ada = _mapped_later(world, adopt={"prefer": "sales"})
    w.run()
    assert w.shows(ada, "marketing", job_title="Countess")


def test_overwrites_of_a_newly_mapped_field_are_counted_as_adoption(world: Any) -> None:
    w, ada = _mapped_later(world, guards={"adoption": {"count": 0, "share": 0}})
    assert w.run().stopped_by == "adoption"
    assert w.shows(ada, "sales", job_title="Countess")
    assert w.run().stopped_by == "adoption"
    w.run(allow="adoption")
    assert w.shows(ada, "sales", job_title="Analyst")


def test_a_field_that_moves_to_another_place_is_adopted_from_there(world: Any) -> None:
    """What had stood in the other column for years is no fresh edit of the whole system."""
    w = world(also=["job_title"], adopt={"prefer": "marketing"}, maps={"sales": {"job_title": "title"}})
    w.systems["sales"].redefine("people", FieldInfo("position"))
    ada = w.person("Ada Lovelace", "marketing sales", job_title="Analyst")
    w.systems["sales"].edit(*w.place(ada, "sales"), position="Countess")
    w.run()
    w.config["mappings"]["sales"]["people"]["fields"]["job_title"] = "position"
    w.run()
    assert w.shows(ada, "marketing", job_title="Analyst")
    assert w.systems["sales"].row(*w.place(ada, "sales"))["position"] == "Analyst"
    w.quiet()


# -- two writers that never rest ---------------------------------------------------------------------------------


def test_a_field_put_back_three_times_in_seven_days_is_parked_and_consent_never(world: Any) -> None:
    w = world(fields={"phone": {"owner": "sales"}})
    ada = w.person("Ada Lovelace", "marketing sales", phone="+442079460000")
    w.run()
    for _ in range(3):
        w.edit(ada, "marketing", phone="+442079460001")
        w.run()
        assert w.shows(ada, "marketing", phone="+442079460000")
    w.edit(ada, "marketing", phone="+442079460001", email_opt_out=True)
    ran = w.run()
    assert ran.exit_code == 3
    assert [q.kind for q in w.conflicts()] == ["flip"]
    assert w.shows(ada, "marketing", phone="+442079460001")  # it rests
    assert w.shows(ada, "sales", email_opt_out=True)
    w.edit(ada, "marketing", company="Analytical Engines")
    w.run()
    assert w.shows(ada, "sales", company="Analytical Engines")


def test_a_parked_field_is_taken_up_again_after_seven_quiet_days(world: Any) -> None:
    w = world(fields={"phone": {"owner": "sales"}})
    ada = w.person("Ada Lovelace", "marketing sales", phone="+442079460000")
    w.run()
    for _ in range(4):
        w.edit(ada, "marketing", phone="+442079460001")
        w.run()
    assert [q.kind for q in w.conflicts()] == ["flip"]
    w.later(days=8)
    assert w.run().exit_code == 0
    assert w.shows(ada, "marketing", phone="+442079460000")
