"""The C library's memory during a run.

glibc gives threads arenas of their own, and what one arena let go of serves no other: a run whose threads read and write
beside the one that decides would keep the largest moment of each. Python's threads take turns with their objects, so
one arena serves all as well (mallopt(3), M_ARENA_MAX). Other C libraries know nothing of it.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

#: of glibc's malloc.h
_M_ARENA_MAX = -8


def share_one_arena() -> None:
    """Threads begun from here on share one arena, unless the environment says how many there are."""
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
