"""Reading and replacing one file so that nothing is ever half there."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from smarksync.plugin import Invalid, PermissionDenied, SystemFailure, Transient, Unknown

#: Held while a file of the folder is rewritten. It stays there; the kernel frees the lock of a dead process.
LOCK = ".smarksync.lock"
_UNFINISHED = ".smarksync-unfinished"
_LOCK_WAIT = 10.0  # seconds; a rewrite takes far less
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class Snapshot(NamedTuple):
    """A file as it was read: its bytes, and what tells whether somebody has touched it since."""

    data: bytes
    state: os.stat_result

    def differs(self, now: os.stat_result) -> bool:
        """Whether the file is another one by now."""
        was = self.state
        return (was.st_ino, was.st_size, was.st_mtime_ns) != (now.st_ino, now.st_size, now.st_mtime_ns)


def read(path: Path) -> Snapshot:
    """The whole file. Raises Invalid (missing), PermissionDenied, Transient (being written just now)."""
    try:
        for _ in range(3):
            with open(path, "rb") as file:
                before = os.fstat(file.fileno())
                snapshot = Snapshot(file.read(), before)
                if not snapshot.differs(os.fstat(file.fileno())) and len(snapshot.data) == before.st_size:
                    return snapshot
    except OSError as error:
        raise failure(error, path, "read") from error
    raise Transient(f"{path} is being written by another program.", hint="Run again when it has finished.")


@contextmanager
def locked(folder: Path, wait: float = _LOCK_WAIT) -> Iterator[None]:
    """Alone with the folder among all runs on this machine. Raises Transient after ``wait`` seconds."""
    lock = folder / LOCK
    try:
        # made by another user it may be ours to read only, which is enough to lock it
        shared = lock.exists() and not os.access(lock, os.W_OK)
        handle = os.open(lock, os.O_CLOEXEC | (os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT), 0o666)
    except OSError as error:
        raise failure(error, folder, "written to") from error
    try:
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    message = f"Another run is writing to {folder}; nothing was changed."
                    raise Transient(message, hint="Run again when it has finished.") from None
                time.sleep(0.02)
            except OSError as error:
                raise failure(error, folder, "locked") from error
        yield
    finally:
        os.close(handle)


def replace(path: Path, data: bytes, seen: Snapshot) -> bool:
    """Puts ``data`` in the place of the file that was seen; call under :func:`locked`.

    Returns False, having changed nothing, when somebody has edited the file since ``seen``. Raises
    Transient (disk full) or PermissionDenied with the old file intact, Unknown when the new file is in
    place but may not survive a power cut. A symbolic link stays one; mode and, where we may, owner are kept.
    """
    target = Path(os.path.realpath(path))
    if not seen.state.st_mode & 0o222:
        raise PermissionDenied(
            f"{path} is marked read-only; nothing was changed.",
            hint="Allow its owner to write to it, or set `read_only: true`.",
        )
    name = ""
    try:
        _sweep(target)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=_UNFINISHED, dir=target.parent)
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            _keep_owner(file.fileno(), seen.state)
            os.fsync(file.fileno())
        if seen.differs(os.stat(target)):
            _discard(name)
            return False
        os.replace(name, target)
    except OSError as error:
        _discard(name)
        raise failure(error, path, "written") from error
    except BaseException:
        _discard(name)
        raise
    try:
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        message = f"{path} was rewritten, but the disk did not confirm it ({error.strerror})."
        raise Unknown(message, hint="Check the disk, then run again.") from error
    return True


def failure(error: OSError, path: Path, done: str) -> SystemFailure:
    """The error to raise for an operating system's refusal, in words for people."""
    reason = error.strerror or type(error).__name__
    kept = " The old file is intact." if done == "written" else ""
    if error.errno in _FULL:
        return Transient(f"{path} could not be {done}: {reason}.{kept}", hint="Free some space, then run again.")
    if error.errno in _FORBIDDEN:
        message = f"{path} could not be {done}: {reason}.{kept}"
        return PermissionDenied(message, hint="Give the user that runs SmarkSync the right to it (folder included).")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        return Invalid(f"{path} could not be {done}: {reason}.", hint="Check `path`, and that the file is there.")
    return Transient(f"{path} could not be {done}: {reason}.{kept}", hint="Check the disk, then run again.")


def _keep_owner(handle: int, state: os.stat_result) -> None:
    os.fchmod(handle, stat.S_IMODE(state.st_mode))
    try:
        os.fchown(handle, state.st_uid, state.st_gid)
    except PermissionError:
        pass  # only root may give files away; the mode is kept, and the file is ours


def _discard(name: str) -> None:
    if name:
        try:
            os.unlink(name)
        except OSError:
            pass  # the next rewrite sweeps it away


def _sweep(target: Path) -> None:
    """Removes what a killed run left behind. Nobody else is writing: we hold the lock."""
    for name in os.listdir(target.parent):
        if name.startswith(f".{target.name}.") and name.endswith(_UNFINISHED):
            _discard(str(target.parent / name))
