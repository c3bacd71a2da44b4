"""Named histories of records that took no part for a while, or were merged away before anybody knew who they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from .by_hand import edit, go, insert, row, world
from .world import Kind, World


def _left(place: Path) -> World:
    """Ann is in both, in agreement; then she leaves `where` of m."""
    w = world(place, Kind("m", reads=frozenset({"score"})), Kind("s"), where=(("m", "lead.score < 5"),))
    insert(w, "m", email="ann@x.org", company="Acme", job_title="CEO", score=1)
    go(w)
    edit(w, "m", "p1", score=9)
    go(w)
    return w


def _back(w: World) -> None:
    """The config asks nothing of her any more."""
    w.reconfigure(replace(w.profile, jobs=(replace(w.profile.jobs[0], where=()),)))
    go(w)


@pytest.mark.parametrize("order", ["ms", "sm"])
def test_what_was_edited_on_both_sides_of_a_gap_is_weighed_anew(place: Path, order: str) -> None:
    """The company is changed in m, outside `where`, and in s. When m is back the newer record wins, as on a first link: what m
    shows is no lone edit, for it knew nothing of the other one."""
    w = _left(place)
    for system in order:
        edit(w, system, "p1", company=f"of {system}")
        go(w)
    _back(w)
    assert row(w, "m")["company"] == row(w, "s")["company"] == f"of {order[-1]}"
    assert not go(w).writes()


def test_who_comes_back_as_they_left_is_told_what_was_agreed(place: Path) -> None:
    """Nobody touched the record in m meanwhile, or only another field of it: each edit is the only one of its field."""
    w = _left(place)
    edit(w, "s", "p1", company="Bolt")
    go(w)
    edit(w, "m", "p1", job_title="CTO")
    go(w)
    _back(w)
    assert [(row(w, k)["company"], row(w, k)["job_title"]) for k in "ms"] == [("Bolt", "CTO")] * 2
    edit(w, "m", "p1", company="Corp")  # and what is edited after that is an edit like any other
    go(w)
    assert row(w, "s")["company"] == "Corp"


def test_the_address_of_a_doubtful_record_that_was_merged_stays_a_former_one(place: Path) -> None:
    """Two records with Ann's old address wait. One is merged into a record that was never read, and which shares its address
    with another: the other one of the two may still be the same person, and nobody is created for it."""
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "s", email="ann@x.org", company="Acme")
    insert(w, "s", email="ann@x.org", company="Bolt")
    go(w)
    into = insert(w, "s", email="bea@x.org", company="Corp")
    insert(w, "s", email="bea@x.org", company="Dent")
    w.systems["s"].merge("people", into, "p1")
    go(w)
    assert not w.systems["m"].rows("people")
