"""The contract, clause by clause, on a folder of CSV files and on one of JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from smarksync_files.connector import SPEC

from smarksync.testing import ConnectorContract
from smarksync.testing.contract import NotTested


class OnFiles(ConnectorContract):
    spec = SPEC
    streams = ("leads",)
    page_rows = 1001

    def empty_pages(self, stream: str) -> None:
        raise NotTested("trait", "a page of a file is empty only when the file is")


class TestCsv(OnFiles):
    def start(self) -> Mapping[str, Any]:
        (self.root / "crm").mkdir()
        (self.root / "crm" / "leads.csv").write_text("id,email,first,last,updated_at\n", "utf-8")
        return {"path": "crm"}


class TestJsonLines(OnFiles):
    def start(self) -> Mapping[str, Any]:
        (self.root / "crm").mkdir()
        line = '{"id": "l0", "email": "first@example.com", "first": "A", "last": "B", "updated_at": null}\n'
        (self.root / "crm" / "leads.jsonl").write_text(line, "utf-8")
        return {"path": "crm", "format": "jsonl"}

    def refused(self, stream: str, n: int) -> Iterator[Mapping[str, Any]]:
        raise NotTested("trait", "a line of JSON takes any field and any value")
