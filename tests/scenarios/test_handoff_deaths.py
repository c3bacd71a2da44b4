"""A hand-off killed at any moment: sales gets each lead once, with one task, and nobody is forgotten."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smarksync.engine.registry import Registry
from smarksync.plugin import Can
from smarksync.testing import registered

from .office import Office

EVERY = int(os.environ.get("SMARKSYNC_HISTORIES", "0")) > 100
#: our key is honoured and answers tell what was stored; or neither, so that only looking can tell
SYSTEMS: dict[str, dict[str, Any]] = {
    "able": {},
    "silent": {
        "sales:leads": {"can": frozenset(Can) - {Can.UPSERT_BY_KEY}, "echo": "none"},
        "sales:tasks": {"can": frozenset(Can) - {Can.UPSERT_BY_KEY, Can.FIND}, "echo": "none"},
    },
}


def play(root: Path, registry: Registry, kind: str, crash_at: int | None) -> int:
    """Two leads are handed over; the run dies at a point, and others follow. Returns the points of that run."""
    root.mkdir()
    with closing(Office(root, registry, switches=SYSTEMS[kind])) as office, registered(*office.systems.values()):
        office.team()
        people = [office.ready("Ada Lovelace"), office.ready("Bob Noyce", country="FR")]
        points = office.dies(crash_at)
        for _ in range(2):
            office.run()
        where = f"killed at point {crash_at}"
        leads = office.sales_rows()
        assert sorted(lead["email"] for lead in leads) == ["ada@lovelace.example", "bob@noyce.example"], where
        assert sorted(task["lead"] for task in office.sales_rows("tasks")) == sorted(lead["id"] for lead in leads), (
            where
        )
        assert sorted(lead["owner"] for lead in leads) == sorted([office.anna, office.inbound]), where
        found = office.cases()
        assert [case.state for case in found] == ["offered", "offered"], where
        assert all(case.body["record"] and case.body["task"] for case in found), where
        assert {office.person(person)["handoff_state"] for person in people} == {"offered"}, where
        office.quiet()
    return points


@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_hand_off_killed_anywhere_ends_as_if_it_had_not_been(kind: str, tmp_path: Path, registry: Registry) -> None:
    points = play(tmp_path / "whole", registry, kind, None)
    assert points > 40
    for crash_at in range(1, points + 1, 1 if EVERY else 13):
        play(tmp_path / str(crash_at), registry, kind, crash_at)


def test_an_answer_lost_after_the_task_was_made(tmp_path: Path, registry: Registry) -> None:
    with (
        closing(Office(tmp_path, registry, switches=SYSTEMS["silent"])) as office,
        registered(*office.systems.values()),
    ):
        office.team()
        office.ready()
        office.faults.lose(stream="tasks")
        office.run()
        office.run()
        assert len(office.sales_rows("tasks")) == 1
        assert office.cases()[0].body["task"] == f"sales:tasks:{office.sales_rows('tasks')[0]['id']}"
        office.quiet()
