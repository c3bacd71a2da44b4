"""What the tests of this plugin share: an org, a connector on it, and short words for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from smarksync_salesforce import SPEC, SalesforceSettings
from smarksync_salesforce.connector import Salesforce
from smarksync_salesforce.simulator import Quirks, SalesforceSimulator

from smarksync.kit.clock import ManualClock
from smarksync.kit.session import MemoryTokens, OpenSession
from smarksync.plugin import Cursor, Gone, Op, Page, Receipt, Record, Write

NAMES = ("FirstName", "LastName")


class Org:
    """A simulator, a clock that stands still, and a connector."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        self.sim = SalesforceSimulator(people=0, now=self.clock.now, quirks=Quirks()).start()
        self.tokens = MemoryTokens()
        self.open(**settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()
        self.sim.stop()

    def open(self, **settings: Any) -> Salesforce:
        """A connector of a new run, with other settings where named (None takes one away)."""
        if hasattr(self, "session"):
            self.session.close()
        given = {k: v for k, v in {**self.sim.settings, **settings}.items() if v is not None}
        self.session = OpenSession("sales", clock=self.clock, tokens=self.tokens)
        made = SPEC.open(SalesforceSettings.model_validate(given), self.session)
        assert isinstance(made, Salesforce)
        self.connector = made
        self.sim.calls.clear()
        return made

    # ---- in Salesforce
    def lead(self, last: str = "Lovelace", **more: Any) -> str:
        return self.sim.add("Lead", LastName=last, Company="Engines", **more)

    def contact(self, last: str = "Lovelace", **more: Any) -> str:
        return self.sim.add("Contact", LastName=last, **more)

    def leads(self, count: int, **more: Any) -> list[str]:
        return [self.lead(f"L{n:05}", **more) for n in range(count)]

    # ---- through the connector
    def pages(
        self,
        stream: str = "Lead",
        cursor: Cursor | None = None,
        until: datetime | None = None,
        fields: Sequence[str] = NAMES,
    ) -> list[Page]:
        return list(self.connector.read(stream, cursor=cursor, until=until, fields=fields))

    def read(
        self, stream: str = "Lead", cursor: Cursor | None = None, fields: Sequence[str] = NAMES
    ) -> dict[str, Record]:
        return {r.id: r for page in self.pages(stream, cursor, fields=fields) for r in page.records}

    def now(self, stream: str = "Lead", fields: Sequence[str] = NAMES) -> Cursor:
        """The cursor after everything was read."""
        return self.pages(stream, fields=fields)[-1].cursor

    def gone(self, stream: str, cursor: Cursor | None) -> tuple[list[Gone], Cursor]:
        pages = list(self.connector.gone(stream, cursor=cursor, until=None))
        return [gone for group, _ in pages for gone in group], pages[-1][1]

    def write(
        self, op: Op, *rows: Mapping[str, Any], stream: str = "Lead", ids: Sequence[str] = (), keys: Sequence[str] = ()
    ) -> list[Receipt]:
        """Receipts in the order of the rows."""
        writes = [
            Write(
                f"r{n}",
                op,
                fields,
                ids[n] if ids else None,
                keys[n] if keys else (f"key{n}" if op is Op.CREATE else None),
            )
            for n, fields in enumerate(rows)
        ]
        by_ref = {r.ref: r for r in self.connector.write(stream, writes)}
        assert set(by_ref) == {w.ref for w in writes}
        return [by_ref[w.ref] for w in writes]

    def update(self, rid: str, stream: str = "Lead", **fields: Any) -> Receipt:
        return self.write(Op.UPDATE, fields, stream=stream, ids=[rid])[0]

    def create(self, stream: str = "Lead", key: str = "key0", **fields: Any) -> Receipt:
        row = {"LastName": "Lovelace", "Company": "Engines", **fields} if stream == "Lead" else fields
        return self.write(Op.CREATE, row, stream=stream, keys=[key])[0]

    def fails(self, status: int, code: str, message: str = "said", **how: Any) -> None:
        """The next fitting call gets this error instead of an answer."""
        self.sim.faults.answer(status, [{"message": message, "errorCode": code}], **how)

    def asked(self, path: str = "") -> list[str]:
        """Method and path of the calls that arrived, without the version."""
        return [f"{c.method} {c.path.removeprefix('/services/data/v61.0')}" for c in self.sim.calls if path in c.path]
