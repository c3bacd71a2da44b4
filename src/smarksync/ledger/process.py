"""Whether the process that holds a lease still works, and is the same one: numbers are used again."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

#: states of /proc/PID/stat in which nothing runs any more: killed and not yet waited for by its parent
_GONE = frozenset("ZXx")


def mark(pid: int) -> str:
    """What tells this process from another one of the same number: ``began boot namespace``; empty = nobody knows.

    ``began`` counts clock ticks since the machine started (proc(5), stat, field 22), so the boot belongs to it; the
    namespace says in which container the number counts. Where there is no /proc, the beginning as ``ps`` tells it.
    """
    found = _look(pid)
    if found is None or not found[1]:
        return ""
    return " ".join((found[1], _boot(), _namespace())).strip()


def lives(pid: int, marked: str) -> bool | None:
    """Whether the process with that number and mark still runs; None = not to be seen from here.

    ``marked`` is empty where the holder could not tell. A process that was killed and whose parent has not asked for
    its end (a zombie) does not run.
    """
    began, _, place = marked.partition(" ")
    boot, _, namespace = place.partition(" ")
    if boot and _boot() and boot != _boot():
        return False  # the machine was started anew since
    if (namespace and namespace != _namespace()) or os.name != "posix":
        return None  # another container with our host's name
    found = _look(pid)
    if found is None:
        return _answers(pid)
    state, now_began = found
    if not state or state in _GONE:
        return False
    return not began or not now_began or began == now_began


def _look(pid: int) -> tuple[str, str] | None:
    """(state letter, when it began); the letter is empty when there is no such process. None = nobody can tell."""
    if _boot():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            return fields[0], fields[19]
        except FileNotFoundError:
            return ("", "") if not _answers(pid) else None  # hidden from us by how /proc is mounted
        except (OSError, IndexError):
            return None
    return _asked(pid)


def _asked(pid: int) -> tuple[str, str] | None:
    """The same from ``ps``, which every other Unix has."""
    try:
        said = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=10, check=False,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    state, _, began = said.stdout.strip().partition(" ")
    if not state:
        return ("", "") if not _answers(pid) else None
    return state[0], "-".join(began.split())


def _answers(pid: int) -> bool:
    """Whether there is such a process, a dead one that waits to be buried included."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


@cache
def _boot() -> str:
    """This start of the machine; empty where the kernel does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@cache
def _namespace() -> str:
    """Where process numbers count; empty where the kernel does not say."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


__all__ = ["lives", "mark"]
