"""A disk that fills while a run is at work: ledger and files lie on a real file system of a few hundred kilobytes.

What would break for whom: a ledger that cannot be opened any more, half a CSV file in the shared folder, a person created
twice once there is room again. Needs the right to mount (root on Linux); elsewhere a file-size limit stands in for it
(test_interrupted.py).
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import LEADS, Workspace

COUNT = 300
Disk = Callable[[int], None]


def mount(folder: Path, *words: str) -> str:
    """What `mount` complains of; nothing when it worked."""
    try:
        done = subprocess.run(["mount", *words, str(folder)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no mount command"
    return done.stderr if done.returncode else ""


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Disk]:
    """The folder as a disk of that size with what was in it; yields how to give it another size."""
    before = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    if why := mount(folder, "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs"):
        pytest.skip(f"a small disk cannot be mounted here: {why.strip()}")
    try:
        for name, content in before.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        yield lambda size: _resize(folder, size)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _resize(folder: Path, kib: int) -> None:
    assert not mount(folder, "-o", f"remount,size={kib}k")


def rows(workspace: Workspace) -> list[str]:
    """The leads, each a whole line."""
    text = workspace.leads.read_text()
    assert text.startswith(LEADS) and text.endswith("\n"), "half a file"
    lines = text.splitlines()[1:]
    assert all(line.count(",") == LEADS.count(",") for line in lines), "half a line"
    return lines


@pytest.mark.parametrize("kib", [60, 150, 400, 700, 1000])
def test_a_run_that_fills_the_disk_says_so_and_goes_on_when_there_is_room(workspace: Workspace, kib: int) -> None:
    workspace.many(COUNT)
    with small_disk(workspace.folder, kib) as resize:
        process = workspace.start("run", "--allow", "first_run")
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in out + err
        rows(workspace)
        strangers = {p.name for p in workspace.leads.parent.iterdir()} - {workspace.leads.name}
        assert not {name for name in strangers if not name.endswith(".lock")}, strangers
        assert process.returncode in (2, 5), err
        assert "disk is full" in err or "No space left" in out + err, err
        assert workspace.run("status").code in (0, 2)  # whoever looks why is told, and nothing falls over
        resize(64_000)
        said = workspace.run("run", "--allow", "first_run")
        assert said.code == 0, said
        lines = rows(workspace)
        assert len(lines) == len({line.split(",")[1] for line in lines}) == COUNT
        assert "nothing to write" in workspace.run("run").out


@pytest.mark.parametrize("kib", [4, 40, 200])
@pytest.mark.parametrize("ledger", [True, False])
def test_a_plan_that_fills_the_temporary_folder_leaves_nobodys_data_there(
    workspace: Workspace, tmp_path: Path, kib: int, ledger: bool
) -> None:
    workspace.many(COUNT)
    if ledger:
        assert workspace.run("run", "--allow", "first_run").code == 0
    place = tmp_path / "temporary"
    place.mkdir()
    with small_disk(place, kib):
        process = workspace.start("plan", env={"TMPDIR": str(place), "SQLITE_TMPDIR": str(place)})
        out, err = process.communicate(timeout=120)
        assert (process.returncode, "Traceback" in out + err) == (2, False), (out, err)
        assert "disk is full" in err or "No space left" in err, err
        assert list(place.iterdir()) == []
