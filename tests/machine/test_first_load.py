"""A first load links the new people of a full page as it comes in, and leaves those of a small one in the inbox.

What would break for whom: an edit made between two runs is undone by an older look at the record, because a first load
was cut off at the wrong moment.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .by_hand import edit, go, insert, row, world
from .world import Kind


def test_an_older_look_never_comes_after_a_newer_one(place: Path) -> None:
    """The first run leaves rows in the inbox and dies; Ann and Cyd are edited; the next one links what it can at once."""
    left = 0
    for point in range(1, 400):
        w = world(place, Kind("m", page_size=2), Kind("s"))
        for name in ("ann", "bea", "cyd"):
            insert(w, "m", email=f"{name}@x.org", company="Acme")
        w.match_at_once = 500
        w.clock.advance(300)
        w.faults.crash_in(point)
        if w.run().exit_code is not None:
            break
        left += w.sql("SELECT count(*) FROM inbox") != [(0,)]
        for rid in ("p1", "p3"):
            edit(w, "m", rid, company="Bolt")
        w.match_at_once = 1
        go(w)
        go(w)
        found = sorted((r["s_email"], r["s_company"]) for r in w.systems["s"].rows("people").values())
        assert found == [("ann@x.org", "Bolt"), ("bea@x.org", "Acme"), ("cyd@x.org", "Bolt")], (
            f"killed at point {point}"
        )
    assert point > 20
    assert left > 3, "no death left anybody in the inbox"


def test_pages_of_both_sizes_in_one_load(place: Path) -> None:
    """Two are linked at once, the third waits, and the other system knows all of them: nobody is made twice."""
    w = world(place, Kind("m", page_size=2), Kind("s", page_size=3))
    w.match_at_once = 2
    for name in ("ann", "bea", "cyd"):
        insert(w, "m", email=f"{name}@x.org", first_name=name)
        insert(w, "s", email=f"{name}@x.org", last_name="Ore")
    go(w)
    go(w)
    assert [len(w.systems[k].rows("people")) for k in "ms"] == [3, 3]
    assert [row(w, k, "p3")["first_name"] for k in "ms"] == ["cyd", "cyd"]


@pytest.mark.parametrize("at_once", [1, 2, 500])
def test_a_duplicate_of_somebody_who_was_joined_a_moment_ago(place: Path, at_once: int) -> None:
    """Bea of m was linked with her page; the next page has another Bea, and s has one, too: nobody knows who is who."""
    w = world(place, Kind("m", page_size=3), Kind("s"))
    w.match_at_once = at_once
    for name in ("cyd", "ann", "bea"):
        insert(w, "m", email=f"{name}@x.org")
    insert(w, "s", email="bea@x.org", last_name="Ore")
    insert(w, "m", email="bea@x.org", first_name="Bea")
    assert go(w).exit_code == 3
    go(w)
    assert [len(w.systems[k].rows("people")) for k in "ms"] == [4, 3], "nobody is made for a Bea"
    held = w.sql("SELECT count(*) FROM entities WHERE state = 'provisional'")
    assert held == [(3,)]
