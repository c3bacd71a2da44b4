"""The last call of this thread, to name it where a connector stumbles over its answer."""

from __future__ import annotations

import threading

_here = threading.local()


def note(call: str) -> None:
    """This thread asks that now; an empty text forgets what it asked before."""
    _here.call = call


def call() -> str:
    """As noted last, such as ``GET /people``; empty where nothing was asked."""
    return getattr(_here, "call", "")
