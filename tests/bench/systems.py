"""Two systems that cost next to nothing: rows from numbers, writes counted. What is left is our own work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from smarksync.plugin import (
    Can,
    CheckReport,
    ConnectorSpec,
    Cursor,
    FieldInfo,
    FieldType,
    Page,
    Receipt,
    Record,
    StreamSpec,
    Write,
    WriteResult,
    hookimpl,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = (
    "first_name", "last_name", "job_title", "company", "street", "city", "state", "postal_code", "description",
    "salutation", "language", "time_zone", "industry", "lead_source", "source_detail", "grade", "persona", "website",
)  # fmt: skip
FIELDS = ("email", "phone", "mobile_phone", "country", "score", "fit_score", "engagement_score", *TEXTS)
assert len(FIELDS) == 25


def lead(n: int, edition: int) -> dict[str, Any]:
    """Row n; an edition changes its title, score and phone."""
    row: dict[str, Any] = {name: f"{name} {n}" for name in TEXTS}
    row.update(
        email=f"person{n}@company{n % 5000}.example.com", phone=f"+4930{10_000_000 + n % 9_000_000 + edition}",
        mobile_phone=f"+49151{10_000_000 + n % 9_000_000}", country="DE", score=str(n % 100 + edition), fit_score=str(n % 50),
        engagement_score=str(n % 40), website=f"https://www.company{n % 5000}.example.com/{n}", language="de",
        time_zone="Europe/Berlin", industry="Machinery", lead_source="Web", postal_code=f"{10000 + n % 80000}",
        job_title=f"Engineer {edition}", description=f"Met at the fair in hall {n % 30}, asked for the catalogue and a price list.",
    )  # fmt: skip
    return row


class Settings(BaseModel):
    """The bench hands its systems over by name."""

    system: str


class BenchSystem:
    """``size`` rows of edition ``edition``; ``spent`` is the time inside it (to be taken off)."""

    def __init__(self, size: int = 0, page: int = 1000) -> None:
        self.size, self.page = size, page
        self.edition = 0
        self.everything = True  # shows every row at each read, as a full-scan vendor does
        self.changed_from = 0
        self.created = self.updated = self.reads = self.calls = 0
        self.spent = 0.0

    def at(self, edition: int) -> datetime:
        """The record time of an edition."""
        return START + timedelta(hours=edition)


SYSTEMS: dict[str, BenchSystem] = {}


class Lean:
    """What the leanest connector that keeps the contract says of itself."""

    def check(self) -> CheckReport:
        """Fine."""
        return CheckReport(ok=True)

    def close(self) -> None:
        """Nothing is held."""


class BenchConnector(Lean):
    """Rows as their numbers say; what is written is counted."""

    def __init__(self, system: BenchSystem) -> None:
        self.system = system

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """25 fields of text, as a CRM would show them."""
        return [FieldInfo(name, FieldType.TEXT, max_length=4000) for name in FIELDS]

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        """All rows, or none when nothing is new since the cursor."""
        system = self.system
        begin = time.process_time()
        system.calls += 1
        system.reads += 1
        known = cursor["e"] if cursor else -1
        size = system.size if system.everything or known < system.edition else 0
        stamp = system.at(system.edition)
        for first in range(0, max(size, 1), system.page):
            rows = [
                Record(f"c{n:09d}", lead(n, system.edition), stamp, str(system.edition))
                for n in range(first, min(size, first + system.page))
            ]
            more = first + system.page < size
            system.spent += time.process_time() - begin
            yield Page(rows, {"e": known if more else system.edition}, more)
            begin = time.process_time()
        system.spent += time.process_time() - begin

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """Counts and echoes."""
        system = self.system
        begin = time.process_time()
        system.calls += 1
        receipts = []
        for write in batch:
            if write.id is None:
                system.created += 1
                receipts.append(
                    Receipt(write.ref, WriteResult.CREATED, f"s{system.created:09d}", "1", write.fields, START)
                )
            else:
                system.updated += 1
                receipts.append(Receipt(write.ref, WriteResult.UPDATED, write.id, "2", write.fields, START))
        system.spent += time.process_time() - begin
        yield from receipts


def _open(settings: Settings, session: Any) -> BenchConnector:
    return BenchConnector(SYSTEMS[settings.system])


def _discover(settings: Settings) -> tuple[StreamSpec, ...]:
    system = SYSTEMS[settings.system]
    can = frozenset({Can.CREATE, Can.UPDATE})
    return (StreamSpec("leads", "lead", can, max_batch=200, full_scan=False, overlap=timedelta(0)),) if system else ()


SPEC = ConnectorSpec("bench", (), Settings, _open, discover=_discover)


class Plugin:
    """Registers a connector."""

    def __init__(self, spec: ConnectorSpec) -> None:
        self._spec = spec

    @hookimpl
    def smarksync_connectors(self) -> list[ConnectorSpec]:
        """The one."""
        return [self._spec]
