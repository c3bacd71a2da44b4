"""A folder, a session with a clock that stands still, and short words for reading and writing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from smarksync_files.connector import FilesConnector
from smarksync_files.settings import FilesSettings

from smarksync.plugin import Op, Write

NOW = datetime(2026, 11, 22, 9, 30, 15, 500000, tzinfo=UTC)


class Folder:
    """A files connection on a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "crm"
        self.path.mkdir()
        self.connection = "crm"

    @property
    def now(self):
        return lambda: NOW

    def file(self, data: bytes | str, name: str = "leads.csv") -> Path:
        path = self.path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def open(self, **settings) -> FilesConnector:
        return FilesConnector(FilesSettings(path="crm", **settings), self)

    def read(self, *fields: str, stream: str = "leads", **settings):
        pages = self.open(**settings).read(stream, cursor=None, until=None, fields=fields)
        return [record for page in pages for record in page.records]

    def write(self, *batch: Write, stream: str = "leads", **settings):
        return {r.ref: r for r in self.open(**settings).write(stream, list(batch))}

    def update(self, id: str, version: str | None = None, /, settings=None, **fields):
        return self.write(Write("u", Op.UPDATE, fields, id=id, if_version=version), **(settings or {}))["u"]

    def create(self, key: str, /, settings=None, **fields):
        return self.write(Write("c", Op.CREATE, fields, key=key), **(settings or {}))["c"]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
