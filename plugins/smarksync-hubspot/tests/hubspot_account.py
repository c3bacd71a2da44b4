"""The connector against its simulator, both on one clock that only tests move."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from itertools import count
from typing import Any

from smarksync_hubspot import SPEC
from smarksync_hubspot.connector import HubSpot
from smarksync_hubspot.simulator import HubSpotSimulator, Quirks

from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.plugin import Gone, Op, Page, Receipt, Record, Write


class Account:
    """A simulated account, and connectors to it."""

    def __init__(self, quirks: Quirks | None = None, **how: Any) -> None:
        self.clock = ManualClock(datetime(2026, 11, 22, 8, tzinfo=UTC))
        quirks = quirks or Quirks(index_lag=0, has_our_properties=True)
        self.sim = HubSpotSimulator(now=self.clock.now, quirks=quirks, **{"people": 40, **how}).start()
        self._open = ExitStack()
        self._refs = count(1)
        self.sessions: list[OpenSession] = []
        self.connector = self.open()

    def open(self, **settings: Any) -> HubSpot:
        """Another connector to the same account, in a session of its own."""
        session = OpenSession("hub", clock=self.clock)
        self.sessions.append(session)
        base = self.sim.oauth_settings if "refresh_token" in settings else self.sim.settings
        connector = SPEC.open(SPEC.settings(**{**base, **settings}), session)
        assert isinstance(connector, HubSpot)
        self._open.enter_context(closing(connector))
        return connector

    def close(self) -> None:
        self._open.close()
        self.sim.stop()
        assert self.sim.problems == []

    def read(
        self, stream: str, fields: Sequence[str], cursor: Any = None, connector: Any = None
    ) -> tuple[list[Record], Any]:
        """Everything since the cursor, and the cursor behind it."""
        pages = list((connector or self.connector).read(stream, cursor=cursor, until=self.clock.now(), fields=fields))
        assert not pages[-1].more
        return [record for page in pages for record in page.records], pages[-1].cursor

    def pages(self, stream: str, fields: Sequence[str], cursor: Any = None) -> list[Page]:
        return list(self.connector.read(stream, cursor=cursor, until=self.clock.now(), fields=fields))

    def gone(self, stream: str, cursor: Any = None) -> tuple[list[Gone], Any]:
        found = list(self.connector.gone(stream, cursor=cursor, until=self.clock.now()))
        return [gone for group, _ in found for gone in group], found[-1][1]

    def write(self, stream: str, op: Op, *rows: dict[str, Any]) -> list[Receipt]:
        """Receipts in the order of the rows; ``id`` and ``key`` of a row are its own, the rest are its fields."""
        batch = [
            Write(
                f"r{next(self._refs)}",
                op,
                {name: value for name, value in row.items() if name not in ("id", "key")},
                row.get("id"),
                row.get("key"),
            )
            for row in rows
        ]
        by_ref = {receipt.ref: receipt for receipt in self.connector.write(stream, batch)}
        assert set(by_ref) == {row.ref for row in batch}
        return [by_ref[row.ref] for row in batch]

    def create(self, stream: str, *rows: dict[str, Any]) -> list[Receipt]:
        return self.write(stream, Op.CREATE, *rows)

    def update(self, stream: str, *rows: dict[str, Any]) -> list[Receipt]:
        return self.write(stream, Op.UPDATE, *rows)

    def calls(self, part: str = "", *, write: bool | None = None) -> int:
        return self.sim.count(path=part, write=write)

    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)
