"""A connector whose faults stay its own: an answer that it did not expect fails the call, and nothing else.

Connectors say what is wrong with an answer themselves (``Malformed``). Where one stumbles over it instead — a number that
is none, a key or a list that is not there — that is told as the malformed answer that it is, with the call, the connector
and the line, without what the answer held. So is whatever else it raises by itself, such as the errors of a vendor's own
library. Written records whose receipts were lost that way are looked up before they are sent again.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pluggy

import smarksync
from smarksync.errors import SmarkSyncError
from smarksync.kit import latest
from smarksync.plugin import Connector, Malformed

#: what Python raises about data that is not as expected
_STUMBLES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
#: where our own files are, and those of the libraries through which a plugin is imported
_NOT_THEIRS = tuple(
    f"{Path(file).parent}{os.sep}" for file in (smarksync.__file__, pluggy.__file__, importlib.__file__)
)
_ELSEWHERE = "Check that base_url is the vendor's address and not something else that answers there."
_THEIRS = "The vendor has changed its answers, or the connector has a fault: please report it to its authors."
_ASKED = (
    "check", "count", "create_fields", "define_fields", "describe", "describe_many", "fetch", "find", "gone", "ids",
    "read", "server_time", "whereabouts", "write",
)  # fmt: skip


def contain(connector: Connector, kind: str) -> Connector:
    """The same connector, with the same abilities; ``kind`` is its name as configs write it."""
    methods = {name: _guarded(name, kind) for name in _ASKED if hasattr(connector, name)}
    return cast(Connector, type(f"Contained{type(connector).__name__}", (_Contained,), methods)(connector))


class _Contained:
    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def close(self) -> None:
        """Lets go of everything."""
        self._connector.close()


def _guarded(name: str, kind: str) -> Callable[..., Any]:
    def asked(self: _Contained, *args: Any, **more: Any) -> Any:
        latest.note("")
        try:
            found = getattr(self._connector, name)(*args, **more)
        except Exception as error:
            raise _said(error, kind, name) from error
        return _each(found, kind, name) if isinstance(found, Iterator) else found

    asked.__name__ = name
    return asked


def _each(found: Iterator[Any], kind: str, name: str) -> Iterator[Any]:
    try:
        yield from found
    except Exception as error:
        raise _said(error, kind, name) from error


def _said(error: Exception, kind: str, name: str) -> Exception:
    """What a connector's error is told as; itself where it says what is wrong, or where this machine is at fault."""
    if isinstance(error, (SmarkSyncError, MemoryError, sqlite3.Error)) or _of_this_machine(error):
        return error
    where = f"({name}: {type(error).__name__} at {_place(error)})"
    if not isinstance(error, _STUMBLES):
        return Malformed(f"The connector {kind} failed, and does not say why {where}.", hint=_THEIRS)
    if call := latest.call():
        return Malformed(
            f"The connector {kind} did not expect what {call} answered {where}.", hint=f"{_ELSEWHERE} {_THEIRS}"
        )
    return Malformed(f"The connector {kind} did not expect what was answered {where}.", hint=_THEIRS)


def _of_this_machine(error: Exception) -> bool:
    """A full disk, a file that may not be read: not the connection errors of whichever library a connector uses."""
    return (
        isinstance(error, OSError)
        and error.errno is not None
        and not isinstance(error, (ConnectionError, TimeoutError))
    )


def _place(error: Exception) -> str:
    """As ``members.py:129``; of a connector that is a part of SmarkSync, whatever line raised it."""
    frame = plugin_frame(error) or next(reversed(traceback.extract_tb(error.__traceback__)), None)
    return f"{Path(frame.filename).name}:{frame.lineno}" if frame is not None else "no known line"


def plugin_frame(error: Exception) -> traceback.FrameSummary | None:
    """The last line of a plugin itself on the way to an error; None when it is in none of a plugin's files."""
    found = traceback.extract_tb(error.__traceback__)
    return next((frame for frame in reversed(found) if not frame.filename.startswith(("<", *_NOT_THEIRS))), None)
