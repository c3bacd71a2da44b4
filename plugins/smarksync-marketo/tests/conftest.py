"""A simulated Marketo and a connector on it, by one clock that moves only when told or when somebody waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from smarksync_marketo.connector import Marketo
from smarksync_marketo.settings import MarketoSettings
from smarksync_marketo.simulator import MarketoSimulator, Quirks

from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.plugin import Cursor, Gone, Op, Receipt, Record, Write

FIELDS = ("email", "firstName", "lastName", "phone", "leadScore", "unsubscribed")


class Instance:
    """A simulator, its clock, and one connector at a time (``again`` opens a fresh one, as each run does)."""

    def __init__(self, *, people: int = 0, **quirks: Any) -> None:
        self.clock = ManualClock()
        self.sim = MarketoSimulator(people=people, now=self.clock.now, quirks=Quirks(**quirks)).start()
        self.world = self.sim.world
        self.more: dict[str, Any] = {"rate_limit": None}
        self.connector: Marketo
        self.session: OpenSession
        self._refs = 0
        self.again()

    def again(self, **settings: Any) -> Marketo:
        """A fresh connector, as of the next run."""
        if hasattr(self, "connector"):
            self.connector.close()
        self.more |= settings
        self.session = OpenSession("marketing", clock=self.clock)
        made = MarketoSettings(**{**self.sim.settings, **self.more})
        self.connector = Marketo(made, self.session)
        return self.connector

    def read(
        self,
        cursor: Cursor | None = None,
        *,
        fields: Sequence[str] = FIELDS,
        stream: str = "leads",
        lead_time: float = 1.0,
    ) -> tuple[dict[str, Record], Cursor]:
        """Everything that a read shows, by id, and the last cursor. ``until`` is a second later than what happened."""
        self.clock.move(lead_time)
        rows: dict[str, Record] = {}
        pages = list(self.connector.read(stream, cursor=cursor, until=self.sim.now(), fields=fields))
        assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]
        for page in pages:
            rows.update((record.id, record) for record in page.records)
        return rows, pages[-1].cursor

    def gone(self, cursor: Cursor | None = None) -> tuple[list[Gone], Cursor]:
        """What left since the cursor."""
        found = list(self.connector.gone("leads", cursor=cursor, until=self.sim.now()))
        return [gone for group, _ in found for gone in group], found[-1][1]

    def write(self, op: Op, *rows: dict[str, Any], ids: Sequence[str] = (), stream: str = "leads") -> list[Receipt]:
        """Receipts in the order of the rows."""
        batch = []
        for place, fields in enumerate(rows):
            self._refs += 1
            batch.append(Write(str(self._refs), op, fields, ids[place] if ids else None))
        answers = {receipt.ref: receipt for receipt in self.connector.write(stream, batch)}
        return [answers[write.ref] for write in batch]

    def calls(self, path: str = "/rest/") -> int:
        """Calls so far below that path."""
        return self.sim.count(path=path)

    def close(self) -> None:
        """Ends both."""
        self.connector.close()
        self.sim.stop()
        assert self.sim.problems == []


@pytest.fixture
def marketo() -> Iterator[Callable[..., Instance]]:
    """Makes instances, and ends them."""
    made: list[Instance] = []

    def make(**how: Any) -> Instance:
        made.append(Instance(**how))
        return made[-1]

    yield make
    for one in made:
        one.close()
