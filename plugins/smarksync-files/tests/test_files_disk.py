"""A rewrite that fails at any step leaves the old file, and nothing beside it."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading

import pytest
from smarksync_files import disk

from smarksync.plugin import Op, PermissionDenied, Transient, Unknown, Write, WriteResult

OLD = "id,name\n1,A\n"


class Death(BaseException):
    """The process is gone."""


def beside(folder):
    return sorted(name for name in os.listdir(folder.path) if name not in ("leads.csv", disk.LOCK))


@pytest.mark.parametrize("step", ["mkstemp", "fsync", "fchmod", "replace"])
@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, Transient), (errno.EDQUOT, Transient), (errno.EROFS, PermissionDenied), (errno.EIO, Transient)],
)
def test_a_step_that_fails(folder, monkeypatch, step, number, error):
    path = folder.file(OLD)

    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(disk.tempfile if step == "mkstemp" else disk.os, step, fail)
    with pytest.raises(error, match=os.strerror(number)) as raised:
        folder.update("1", name="B")
    assert raised.value.hint
    assert path.read_text() == OLD and beside(folder) == []


def test_a_disk_that_fills_up_while_writing(folder, monkeypatch):
    path = folder.file(OLD)
    real = os.fdopen

    class Full:
        def __init__(self, handle):
            self._file = real(handle, "wb")

        def __enter__(self):
            return self

        def __exit__(self, *rest):
            self._file.close()

        def write(self, data):
            self._file.write(data[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    reading = open
    monkeypatch.setattr(
        disk, "open", lambda file, mode: Full(file) if isinstance(file, int) else reading(file, mode), raising=False
    )
    with pytest.raises(Transient, match=r"No space left.*old file is intact"):
        folder.update("1", name="B")
    assert path.read_text() == OLD and beside(folder) == []


@pytest.mark.parametrize(("step", "name"), [("fsync", "A"), ("replace", "A")])
def test_a_death_at_a_step_leaves_the_old_file_and_the_next_write_works(folder, monkeypatch, step, name):
    path = folder.file(OLD)
    with monkeypatch.context() as patched:

        def die(*args, **kwargs):
            raise Death

        patched.setattr(disk.os, step, die)
        patched.setattr(disk, "_discard", lambda name: None)  # the dead clean nothing up
        with pytest.raises(Death):
            folder.update("1", name="B")
    assert path.read_text() == f"id,name\n1,{name}\n" and len(beside(folder)) == 1
    assert folder.update("1", name="C").result is WriteResult.UPDATED
    assert path.read_text() == "id,name\n1,C\n" and beside(folder) == []


def test_a_disk_that_does_not_confirm_the_new_file_is_no_success(folder, monkeypatch):
    path = folder.file(OLD)
    calls = []
    real = os.fsync

    def second_fails(handle):
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(handle)

    monkeypatch.setattr(disk.os, "fsync", second_fails)
    with pytest.raises(Unknown):
        folder.update("1", name="B")
    assert path.read_text() == "id,name\n1,B\n"


def test_an_edit_in_the_last_moment_is_kept(folder, monkeypatch):
    path = folder.file(OLD + "2,X\n")
    real = os.fsync
    edits = ["id,name\n1,A\n2,theirs\n"]

    def edit_then_sync(handle):
        if edits:
            path.write_text(edits.pop())
        real(handle)

    monkeypatch.setattr(disk.os, "fsync", edit_then_sync)
    assert folder.update("1", name="B").result is WriteResult.UPDATED
    assert path.read_text() == "id,name\n1,B\n2,theirs\n" and beside(folder) == []


def test_a_file_that_never_stands_still_is_given_up_unharmed(folder, monkeypatch):
    path = folder.file(OLD)
    real, count = os.fsync, iter(range(100))

    def edit_then_sync(handle):
        path.write_text(OLD + f"2,edit {next(count)}\n")
        real(handle)

    monkeypatch.setattr(disk.os, "fsync", edit_then_sync)
    with pytest.raises(Transient, match="being edited"):
        folder.update("1", name="B")
    assert path.read_text() == OLD + "2,edit 2\n" and beside(folder) == []


def test_the_lock_is_held_against_others_and_free_after_their_death(folder):
    folder.file(OLD)
    lock = folder.path / disk.LOCK
    code = "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.flock(f,fcntl.LOCK_EX); print('held',flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Transient, match="Another run is writing"), disk.locked(folder.path, wait=0):
            pass
        holder.kill()
        holder.wait()
    with disk.locked(folder.path, wait=0), open(lock) as again, pytest.raises(BlockingIOError):
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_writers_at_once_lose_nothing(folder):
    folder.file("id,name\n")
    threads = [
        threading.Thread(
            target=lambda n=n: [
                folder.write(Write("c", Op.CREATE, {"name": f"{n}-{m}"}, key=f"{n}-{m}")) for m in range(5)
            ]
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(r.fields["name"] for r in folder.read("name")) == sorted(
        f"{n}-{m}" for n in range(4) for m in range(5)
    )
