"""Suites of the in-memory system: as it is, and behind HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from web_memory import FIRST_TOKEN, SERVERS, WEB, serving

from smarksync.plugin import Choice, FieldInfo, FieldType
from smarksync.testing import MEMORY, ConnectorContract, MemoryStream, MemorySystem, registered

OVERLAP = timedelta(seconds=5)
FIELDS = (
    FieldInfo("email", FieldType.EMAIL),
    FieldInfo("name", required=True, max_length=60),
    FieldInfo("company", max_length=60),
    FieldInfo("city"),
    FieldInfo("smark_id"),
    FieldInfo("no_mail", FieldType.BOOL),
    FieldInfo("employees", FieldType.INT),
    FieldInfo("met_on", FieldType.DATE),
    FieldInfo("stage", FieldType.CHOICE, choices=(Choice("new"), Choice("won"), Choice("lost"))),
    FieldInfo("interests", FieldType.CHOICES, choices=(Choice("scanners"), Choice("printers"))),
    FieldInfo("tags", FieldType.CHOICES),
)


def make_system(name: str) -> MemorySystem:
    """Leads that turn into contacts."""
    how: dict[str, Any] = {
        "fields": FIELDS, "page_size": 5, "max_batch": 3, "overlap": OVERLAP, "truncates": False, "external_id": "smark_id",
    }  # fmt: skip
    return MemorySystem(name, [MemoryStream("leads", **how), MemoryStream("contacts", **how)])


class OnMemory(ConnectorContract):
    """What people do to the in-memory system."""

    page_rows = 12
    streams = ("leads",)
    fields = {"leads": ("company", "city"), "contacts": ("company", "city")}  # noqa: RUF012  # as suites write it
    system: MemorySystem

    def seed(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        ids = []
        for row in rows:
            self.system.clock.advance(10)
            ids.append(self.system.insert(stream, row))
        return ids

    def edit(self, stream: str, id: str, fields: Mapping[str, Any]) -> None:
        self.system.edit(stream, id, fields)

    def delete(self, stream: str, id: str) -> None:
        self.system.delete(stream, id)

    def merge(self, stream: str, winner: str, loser: str) -> str:
        self.system.merge(stream, winner, loser)
        return winner

    def convert(self, stream: str, id: str) -> tuple[str, str]:
        return "contacts", self.system.convert(stream, id, "contacts")

    def empty_pages(self, stream: str) -> None:
        self.system.streams[stream].empty_every = 1

    def late(self, stream: str, row: Mapping[str, Any]) -> str:
        return self.system.insert(stream, row, at=self.system.server_time() - OVERLAP / 2)

    def same_time(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        self.system.clock.advance(10)
        at = self.system.server_time()
        return [self.system.insert(stream, row, at=at) for row in rows]

    def opted_out(self, stream: str, id: str) -> bool | None:
        told: bool | None = (self.system.row(stream, id) or {}).get("no_mail")
        return told

    def pass_time(self, seconds: float) -> None:
        super().pass_time(seconds)
        self.system.clock.advance(seconds)


class PlainMemory(OnMemory):
    """As it is."""

    spec = MEMORY

    def start(self) -> Mapping[str, Any]:
        self.system = make_system("plain")
        self.stack.enter_context(registered(self.system))
        return {"system": "plain"}


class WebMemorySuite(OnMemory):
    """Behind HTTP."""

    spec = WEB

    def start(self) -> Mapping[str, Any]:
        self.system = make_system("web")
        self.stack.enter_context(contextmanager(serving)(self.system))
        return {"base_url": "http://127.0.0.1:9", "refresh_token": FIRST_TOKEN, "system": "web"}

    def transport(self) -> Any:
        return SERVERS["web"]
