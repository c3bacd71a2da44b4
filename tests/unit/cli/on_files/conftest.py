"""A workspace of two folders of CSV files, as configs/files.yaml describes it, and the command line run on it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from smarksync import log
from smarksync.cli.main import invoke
from smarksync.redact import forget_hidden

REPOSITORY = Path(__file__).parents[4]
CONTACTS = "id,email,first_name,last_name,company,phone,score,unsubscribed,updated_at\n"
LEADS = "id,Email,FirstName,LastName,Company,Phone,Score,OptedOut,updated_at\n"
ADA = "1,ada@example.com,Ada,Lovelace,Analytical,+44 20 7946 0000,41,false,2026-11-01T10:00:00Z\n"
BOB = "2,bob@example.com,Bob,Noyce,,,10,true,2026-11-02T10:00:00Z\n"
ADA_LEAD = "a1,ADA@example.com,Ada,King,Analytical Engines,+44 20 7946 0001,,no,2026-11-03T10:00:00Z\n"
CARL_LEAD = "a2,carl@example.org,Carl,Sagan,Cosmos,,,no,2026-11-03T10:00:00Z\n"


class Said(NamedTuple):
    """What a command line said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as the one object that it must be."""
        return json.loads(self.out)


class Workspace:
    """A folder with a config and two systems; ``run`` calls the command line in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        shutil.copy(REPOSITORY / "configs" / "files.yaml", folder / "smarksync.yaml")
        (folder / "marketing").mkdir()
        (folder / "sales").mkdir()
        self.contacts, self.leads = folder / "marketing" / "contacts.csv", folder / "sales" / "leads.csv"
        self.fill(ADA + BOB, ADA_LEAD + CARL_LEAD)

    def fill(self, contacts: str, leads: str) -> None:
        """The rows of both systems."""
        self.contacts.write_text(CONTACTS + contacts)
        self.leads.write_text(LEADS + leads)

    def replace(self, path: Path, old: str, new: str) -> None:
        """Somebody edits a file."""
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def config(self, text: str) -> None:
        """Another config."""
        (self.folder / "smarksync.yaml").write_text(text)

    @property
    def config_text(self) -> str:
        return (self.folder / "smarksync.yaml").read_text()

    def files(self) -> dict[str, bytes]:
        """Every file with its bytes."""
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in sorted(self.folder.rglob("*")) if p.is_file()}

    def run(self, *args: str) -> Said:
        """One command line."""
        self._capsys.readouterr()
        code = invoke(["--config", str(self.folder / "smarksync.yaml"), *args])
        return Said(code, *self._capsys.readouterr())

    def start(self, *args: str, env: Mapping[str, str] | None = None, **more: Any) -> subprocess.Popen[str]:
        """The same in a process of its own, for signals and limits."""
        command = [sys.executable, "-c", "from smarksync.cli import main; main()", *args]
        return subprocess.Popen(command, cwd=self.folder, env={**os.environ, **(env or {})}, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)  # fmt: skip

    def many(self, count: int) -> None:
        """So many people, all of them in marketing only."""
        rows = (
            f"m{n},p{n}@example.com,First{n},Last{n},Company {n},,{n % 100},false,2026-11-01T10:00:00Z\n"
            for n in range(count)
        )
        self.fill("".join(rows), "")


@pytest.fixture
def workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    for name in ("SMARKSYNC_CONFIG", "SMARKSYNC_KEY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)
    before = signal.getsignal(signal.SIGTERM)
    folder = tmp_path / "workspace"
    folder.mkdir()
    yield Workspace(folder, capsys)
    signal.signal(signal.SIGTERM, before)
    log.configure()
    forget_hidden()


@pytest.fixture
def until() -> Callable[[subprocess.Popen[str], str], Sequence[str]]:
    """Reads a process's log until a text appears."""

    def read(process: subprocess.Popen[str], text: str) -> Sequence[str]:
        lines = []
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            if text in line:
                return lines
        raise AssertionError(f"{text!r} never appeared:\n{''.join(lines)}")

    return read
