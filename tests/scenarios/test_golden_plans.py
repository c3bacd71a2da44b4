"""Plans as people read them. Each is compared, line by line, with a text in golden/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Golden = Callable[[str, list[str]], None]


def test_a_first_load(world: Any, golden: Golden) -> None:
    """Known here, known there, known on both sides with something to fill and something to overwrite."""
    w = world(also=["external_id"])
    w.person("Ada Lovelace", "marketing", company="Analytical Engines", phone="+442079460000", score=87)
    w.person("Bob Noyce", "sales", company="Fairchild")
    grace = w.person("Grace Hopper", "marketing", company="Navy", phone="+12025550100")
    w.later(minutes=10)
    w.enter(grace, "sales", email="GRACE.HOPPER@example.com", last_name="Hopper", company="Eckert-Mauchly")
    golden("first_load", w.plan().lines)


def test_an_ordinary_day(world: Any, golden: Golden) -> None:
    """An edit each way, one that its owner takes back, one that empties, a score that only marketing may say."""
    w = world(
        fields={"phone": {"owner": "sales"}, "score": {"direction": "from marketing"}, "company": {"blank": "clear"}}
    )
    ada = w.person("Ada Lovelace", "marketing sales", company="Analytical Engines", phone="+442079460000", score=41)
    bob = w.person("Bob Noyce", "marketing sales", company="Fairchild", score=10)
    w.run()
    w.edit(ada, "marketing", phone="+442079460001", score=87)
    w.edit(ada, "sales", last_name="King")
    w.edit(bob, "sales", company=None, score=99)
    golden("ordinary_day", w.plan().lines)


def test_an_opt_out_and_an_untick(world: Any, golden: Golden) -> None:
    """Consent rows stand by themselves, before everything else."""
    w = world("marketing", "sales", "support")
    ada = w.person("Ada Lovelace", "marketing sales support")
    bob = w.person("Bob Noyce", "marketing sales support")
    w.edit(bob, "marketing", email_opt_out=True)
    w.run()
    w.edit(ada, "support", email_opt_out=True, company="Analytical Engines")
    w.edit(bob, "sales", email_opt_out=False)
    golden("opt_out", w.plan().lines)


def test_departures(world: Any, golden: Golden) -> None:
    """A delete that is passed on, one that an edit beats, and a merge whose survivor takes over."""
    w = world(deletes={"sales": "archive"})
    ada = w.person("Ada Lovelace", "marketing sales")
    bob = w.person("Bob Noyce", "marketing sales")
    grace = w.person("Grace Hopper", "marketing sales")
    twin = w.person("Grace Murray", "marketing sales", phone="+12025550100")
    w.run()
    w.delete(ada, "marketing")
    w.delete(bob, "marketing")
    w.edit(bob, "sales", company="Fairchild")
    w.systems["sales"].merge("people", w.place(grace, "sales")[1], w.place(twin, "sales")[1])
    golden("departures", w.plan().lines)


def test_folds_and_names(world: Any, golden: Golden) -> None:
    """Vendor names and vendor values: one name field there, a pick list of its own here."""
    w = world(
        also=["lifecycle"],
        maps={
            "marketing": {
                "lifecycle": {
                    "field": "lifecyclestage",
                    "values": {
                        "mql": "marketingqualifiedlead",
                        "sal": "marketingqualifiedlead",
                        "sql": "salesqualifiedlead",
                    },
                }
            },
            "sales": {"first_name": None, "last_name": None, "full_name": "Name", "lifecycle": "Stage__c"},
        },
    )
    ada = w.person("Ada Byron", "marketing")
    w.edit(ada, "marketing", lifecycle="marketingqualifiedlead")
    bob = w.person("Bob Noyce", "marketing")
    w.edit(bob, "marketing", lifecycle="marketingqualifiedlead")
    w.run()
    w.edit(ada, "marketing", last_name="Lovelace")
    w.edit(ada, "sales", lifecycle="sql")
    w.edit(bob, "sales", lifecycle="sal", full_name="Robert Norton Noyce")
    golden("folds_and_names", w.plan().lines)
