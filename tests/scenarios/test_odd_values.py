"""Values that no vendor should show, and some do: one record waits or is brought into form, and all others go on."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from smarksync.engine.registry import Registry
from smarksync.plugin import FieldType
from smarksync.testing import registered

from .office import Office

#: what has no plain form, or no meaning as a number
NO_TEXT: list[Any] = ["\ud800", b"\xff", {"a": 1}, 10**30]
NO_NUMBER: list[Any] = [*NO_TEXT, "9" * 5_000, "9" * 25, "1e30", 2**63, "1e400", "1e-400", "one", 1.5]
NO_ADDRESS: list[Any] = ["\ud800@example.com", b"\xff", {"a": 1}, 10**30, "a\x00b", "x" * 10_000]


@pytest.mark.parametrize(
    ("field", "odd"),
    [("company", v) for v in NO_TEXT] + [("score", v) for v in NO_NUMBER] + [("email", v) for v in NO_ADDRESS],
    ids=lambda v: repr(v)[:20],
)
def test_a_value_without_a_meaning_holds_its_own_field_and_nobody_else(world: Any, field: str, odd: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales", score=7, company="Analytical Engines")
    w.run()
    before = w.row(ada, "sales")
    w.edit(ada, "marketing", **{field: odd, "last_name": "King"})
    w.person("Bob Noyce", "marketing", **({} if field == "email" else {field: odd}))
    w.person("Eve Kidd", "sales")
    ran = w.run()
    assert ran.exit_code == 3
    assert w.count("marketing") == 3
    assert w.count("sales") == 3  # the new one without that field
    assert w.shows(ada, "sales", **{field: before[field], "last_name": "King"})
    assert any(field in held.message for held in w.quarantine())
    w.quiet()
    w.edit(ada, "marketing", **{field: before[field]})
    w.run()
    assert not any(held.eid == w.eid(ada) for held in w.quarantine())


@pytest.mark.parametrize(
    ("odd", "plain"),
    [
        (Decimal("10.50"), "10.50"),
        (date(2026, 2, 3), "2026-02-03"),
        (datetime(2026, 2, 3, 4, 5, tzinfo=UTC), "2026-02-03T04:05:00+00:00"),
        ("x" * 100_000, "x" * 100_000),
        ("😀 \u202eabc e\u0301", "😀 \u202eabc \u00e9"),
        ("a\x00b", "a\x00b"),
    ],
    ids=lambda v: repr(v)[:20],
)
def test_what_has_a_plain_form_travels_in_it(world: Any, odd: Any, plain: str) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company=odd)
    bob = w.person("Bob Noyce", "marketing", company=odd)
    w.run()
    assert w.shows(ada, "sales", company=plain)
    assert w.shows(bob, "sales", company=plain)
    w.quiet()


def test_somebody_whose_name_is_half_an_emoji_stops_nobody(world: Any) -> None:
    w = world()
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.systems["marketing"].edit(*w.place(ada, "marketing"), company="Engines", by="J\ud83d")
    w.systems["marketing"].insert("people", email="bob@example.com", last_name="Noyce", by="J\ud83d")
    w.run()
    assert w.shows(ada, "sales", company="Engines")
    assert w.count("sales") == 2


def test_an_echo_that_json_cannot_hold_is_no_end_of_the_run(world: Any) -> None:
    w = world(sales={"folds": {"company": {"Engines": b"\xff"}}})
    ada = w.person("Ada Lovelace", "marketing sales")
    w.run()
    w.edit(ada, "marketing", company="Engines")
    bob = w.person("Bob Noyce", "marketing", company="Engines")
    w.run()
    w.edit(ada, "marketing", phone="+442079460000")
    w.run()
    assert w.shows(ada, "sales", phone="+442079460000")
    assert w.count("sales") == 2
    assert w.shows(bob, "marketing", company="Engines")


PRODUCTS = {"products": {"type": "set(enum)", "values": ["looms", "mills"]}}
CHOICES = {"products": {"type": FieldType.CHOICES}}


def test_a_set_of_words_travels_and_a_word_that_nobody_knows_holds_it(world: Any) -> None:
    w = world(also=("products",), entities={"lead": {"fields": PRODUCTS}}, infos={"marketing": CHOICES, "sales": CHOICES},
              maps={"sales": {"products": {"field": "products", "values": {"looms": "L", "mills": "M"}}}})  # fmt: skip
    ada = w.person("Ada Lovelace", "marketing", products=["mills", "looms"])
    w.run()
    assert w.shows(ada, "sales", products=["L", "M"])
    w.edit(ada, "sales", products=["M"])
    w.run()
    assert w.shows(ada, "marketing", products=["mills"])
    w.edit(ada, "marketing", products=["mills", "ships"], company="Engines")
    assert w.run().exit_code == 3
    assert w.shows(ada, "sales", products=["M"], company="Engines")
    assert any("products" in held.message for held in w.quarantine())
    w.edit(ada, "marketing", products=["looms"])
    w.run()
    assert w.shows(ada, "sales", products=["L"])
    w.quiet()


@pytest.mark.parametrize("odd", ["-1", "101", "140.0"])
def test_a_chance_of_more_than_all_waits(tmp_path: Path, registry: Registry, odd: Any) -> None:
    """A deal's probability lies from 0 to 100: one that does not goes nowhere, and the deal's other fields do."""
    deals = ("name", "probability", "stage", "created_at")
    objects = {"marketing": {"deals": ("opportunity", deals)}, "sales": {"deals": ("opportunity", deals)}}
    jobs = {
        "deals": {"sync": "opportunity", "between": ["marketing", "sales"], "match": ["name"], "fields": {"*": {}},
                  "create": {"marketing": "always"}},
        "people": None, "handoff": None, "outcomes": None,
    }  # fmt: skip
    o = Office(tmp_path, registry, objects=objects, jobs=jobs)
    with registered(*o.systems.values()):
        loom = o.systems["sales"].insert("deals", {"name": "Loom", "probability": "100"})
        o.run()
        there = o.systems["marketing"].rows("deals")
        assert [row["probability"] for row in there.values()] == ["100"]
        o.systems["sales"].edit("deals", loom, {"probability": odd, "stage": "Signed"})
        assert o.run().exit_code == 3
        assert [(row["probability"], row["stage"]) for row in o.systems["marketing"].rows("deals").values()] == [
            ("100", "Signed")
        ]
