"""One name in two fields, or in one: joined outward, told apart inward, and asked about where that is not certain."""

from __future__ import annotations

from typing import Any

import pytest

ONE_NAME = {"sales": {"first_name": None, "last_name": None, "full_name": "name"}}


def one_name(world: Any, **options: Any) -> Any:
    """Marketing has two name fields, sales has one."""
    return world(maps=ONE_NAME, **options)


def named(w: Any, someone: Any) -> tuple[Any, Any]:
    row = w.row(someone, "marketing")
    return row["first_name"], row["last_name"]


def test_names_are_joined_outward_and_what_equals_them_is_no_change(world: Any) -> None:
    w = one_name(world)
    ada = w.person("Ada King Lovelace", "marketing", first_name="Ada King", last_name="Lovelace")
    w.run()
    assert w.shows(ada, "sales", full_name="Ada King Lovelace")
    w.touch(ada, "sales")
    w.quiet()
    assert named(w, ada) == ("Ada King", "Lovelace")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Augusta Ada Lovelace", ("Augusta Ada", "Lovelace")),  # ends with the agreed last name
        ("Ada Byron King", ("Ada", "Byron King")),  # begins with the agreed first name
        ("Grace Hopper", ("Grace", "Hopper")),  # exactly two words
    ],
    ids=["ends with last name", "begins with first name", "two words"],
)
def test_a_full_name_is_told_apart_by_what_is_agreed(world: Any, typed: str, expected: tuple[str, str]) -> None:
    w = one_name(world)
    ada = w.person("Ada Lovelace", "marketing")
    w.run()
    w.edit(ada, "sales", full_name=typed)
    w.run()
    assert named(w, ada) == expected
    assert w.shows(ada, "sales", full_name=typed)
    w.quiet()


def test_a_full_name_of_someone_without_names_is_the_last_name(world: Any) -> None:
    w = one_name(world)
    ada = w.person("Ada", "sales", full_name="Augusta Ada King Lovelace")
    w.run()
    assert named(w, ada) == (None, "Augusta Ada King Lovelace")
    w.quiet()


def test_a_full_name_that_says_what_the_other_side_tells_apart_agrees_from_the_start(world: Any) -> None:
    w = one_name(world)
    eva = w.person("Eva Stein", "marketing", first_name="Eva Maria", last_name="Stein")
    w.enter(eva, "sales", email="eva.stein@example.com", full_name="Eva Maria Stein")
    assert w.run().exit_code == 0
    assert w.conflicts() == [] and w.shows(eva, "sales", full_name="Eva Maria Stein")
    assert named(w, eva) == ("Eva Maria", "Stein")
    w.quiet()


def test_a_full_name_is_told_apart_by_the_names_of_the_other_side(world: Any) -> None:
    w = one_name(world, adopt={"prefer": "sales"})
    eva = w.person("Eva Stein", "marketing", first_name="Eva", last_name="Stein")
    w.enter(eva, "sales", email="eva.stein@example.com", full_name="Eva Maria Stein")
    w.run()
    assert named(w, eva) == ("Eva Maria", "Stein")


def test_nobodys_full_name_is_cut_to_the_part_that_is_certain(world: Any) -> None:
    w = one_name(world, fields={"*": {"merge": "ask"}})
    eva = w.person("Eva Stein", "marketing", first_name="Eva", last_name="Stein")
    w.enter(eva, "sales", email="eva.stein@example.com", full_name="Eva Maria Steiner")
    assert w.run().exit_code == 3
    assert w.shows(eva, "sales", full_name="Eva Maria Steiner")


def test_a_full_name_that_cannot_be_told_apart_is_a_conflict_of_kind_name(world: Any) -> None:
    w = one_name(world)
    ada = w.person("Ada Lovelace", "marketing", phone="+442079460000")
    w.run()
    w.edit(ada, "sales", full_name="Rear Admiral Grace Hopper", phone="+442079460001")
    ran = w.run()
    assert ran.exit_code == 3
    assert [question.kind for question in w.conflicts()] == ["name"]
    assert named(w, ada) == ("Ada", "Lovelace")
    assert w.shows(ada, "sales", full_name="Rear Admiral Grace Hopper")
    assert w.shows(ada, "marketing", phone="+442079460001")


@pytest.mark.parametrize("split", ["where there are two fields", "in both"])
def test_a_name_conflict_ends_when_a_person_splits_the_name(world: Any, split: str) -> None:
    w = one_name(world)
    ada = w.person("Ada Lovelace", "marketing")
    w.run()
    w.edit(ada, "sales", full_name="Rear Admiral Grace Hopper")
    assert w.run().exit_code == 3
    if split == "in both":
        w.edit(ada, "marketing", first_name="Grace", last_name="Hopper")
        w.edit(ada, "sales", full_name="Grace Hopper")
    else:
        w.edit(ada, "marketing", first_name="Rear Admiral Grace", last_name="Hopper")
    assert w.run().exit_code == 0
    assert w.conflicts() == []
    w.quiet()
    whole = " ".join(named(w, ada))
    assert w.shows(ada, "sales", full_name=whole)
    w.edit(ada, "sales", full_name="Grace Brewster Hopper")
    w.run()
    assert named(w, ada)[1] == "Hopper"


def test_an_edit_of_one_name_part_changes_the_one_name(world: Any) -> None:
    w = one_name(world)
    ada = w.person("Ada Byron", "marketing")
    w.run()
    w.edit(ada, "marketing", last_name="Lovelace")
    ran = w.run()
    assert [write.fields for write in ran.sent["sales"]] == [{"name": "Ada Lovelace"}]
    w.quiet()
