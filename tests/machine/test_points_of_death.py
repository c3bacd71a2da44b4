"""That a run can be killed wherever it does something that lasts: the points of test_kill.py miss no commit and no call.

What would break for whom: a gap in them would be a moment at which nobody has ever tried what a restart does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from smarksync.ledger.db import Ledger

from . import world as worlds
from .place import folder
from .test_kill import SYSTEMS, _world, play

#: what a run keeps for itself, and loses without harm
_TEMPORARY = re.compile(r"\s*CREATE TEMP(?:ORARY)? TABLE (?:IF NOT EXISTS )?(\w+)", re.I)
#: the borders of engine.md, by what one transaction does
BORDERS = {
    "T1, rows with their cursor": ("INSERT INTO inbox", "UPDATE streams SET cursor"),
    "T1, departures with their cursor": ("INSERT INTO departed", "UPDATE streams SET gone_cursor"),
    "matching": ("INSERT INTO links", "DELETE FROM inbox"),
    "T2": ("SET status = 'released'", "INSERT INTO marks"),
    "what is about to be sent": ("SET status = 'sending'", ""),
    "T3": ("INSERT INTO audit", "DELETE FROM plan"),
}


class Event(NamedTuple):
    """A point of death (``sql`` empty), or a statement that lasts once it is done."""

    point: str
    op: str = ""  # of a write call
    sql: str = ""


class Watch:
    """Everything of one history, in order."""

    def __init__(self, name: str, place: Any, patch: pytest.MonkeyPatch) -> None:
        self.events: list[Event] = []
        self.temporary: set[str] = set()
        watch = self

        class Watched(Ledger):
            def __init__(self, *args: Any, **how: Any) -> None:
                super().__init__(*args, **how)
                self._con.set_trace_callback(watch.statement)

        patch.setattr(worlds, "Ledger", Watched)
        world = _world(name, place)
        plain = world.faults.point

        def point(name: str) -> None:
            calls = world.systems[name.split(".")[0]].calls if ".write" in name else ()
            self.events.append(Event(name, str(calls[-1].op) if calls else ""))
            plain(name)

        world.faults.point = point  # type: ignore[method-assign]
        play(world, None, 1)

    def statement(self, sql: str) -> None:
        found = _TEMPORARY.match(sql)
        if found:
            self.temporary.add(found[1].casefold())
            return
        self.events.append(Event("", sql=" ".join(sql.split())))

    def transactions(self) -> Iterator[tuple[str, list[str], str]]:
        """(the event before, the statements, the event after) of each; a statement on its own is one, too."""
        inside: list[str] | None = None
        before = ""
        for number, event in enumerate(self.events):
            if event.sql.startswith("BEGIN"):
                inside, before = [], self.events[number - 1].point
            elif event.sql == "COMMIT":
                assert inside is not None
                assert self.events[number - 1].point == "ledger.commit", f"no death before the commit of {inside}"
                yield before, inside, self.events[number + 1].point
                inside = None
            elif event.sql == "ROLLBACK":
                inside = None
            elif event.sql and self._lasts(event.sql):
                if inside is not None:
                    inside.append(event.sql)
                else:
                    yield self.events[number - 1].point, [event.sql], ""

    def _lasts(self, sql: str) -> bool:
        words = sql.upper().split()
        if words[0] not in ("INSERT", "UPDATE", "DELETE", "REPLACE"):
            return False
        table = next(w for w in sql.split()[1:] if w.upper() not in ("OR", "IGNORE", "REPLACE", "INTO", "FROM"))
        return table.casefold() not in self.temporary


@pytest.fixture(params=SYSTEMS)
def watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    with folder() as place:
        yield Watch(request.param, place, monkeypatch)


def test_every_commit_lies_between_two_points(watch: Watch) -> None:
    count = 0
    for before, statements, after in watch.transactions():
        count += 1
        if after:
            assert (before, after) == ("ledger.begin", "ledger.committed"), statements
        else:
            assert before == "ledger.statement", f"nobody dies before {statements[0][:200]}"
    assert count > 150, "the history does too little to prove anything"


def test_each_border_of_the_engine_is_one_transaction(watch: Watch) -> None:
    """What must be true together is: a run may die before its commit, and after it."""
    done = [" ; ".join(statements) for _, statements, after in watch.transactions() if after]
    for border, (first, second) in BORDERS.items():
        assert any(first in text and second in text for text in done), border
        if second:
            alone = [text for text in done if second in text and first not in text]
            assert not any("status = 'released'" in text for text in alone), f"{border}: half of it commits alone"


def test_each_kind_of_write_may_die_on_the_way_out_and_before_its_answer(watch: Watch) -> None:
    points = {(event.point.partition(".write")[2], event.op) for event in watch.events if ".write" in event.point}
    for op in ("create", "update", "delete", "archive"):
        assert ("", op) in points, f"no death before {op}"
        assert (".answer", op) in points, f"no death between the commit of {op} there and its answer"
    planned = [event.sql for event in watch.events if event.sql.startswith("INSERT INTO plan (")]
    assert any(re.search(r"'update', 'planned', \d, 1, \d\)", sql) for sql in planned), (
        "nothing was overwritten by adoption"
    )
    assert (".row", "create") in points and (".row", "update") in points, "no death between two rows of a call"
