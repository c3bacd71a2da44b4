"""The conversation between the engine and one opened connector.

``Connector`` is what each must offer; the others are abilities, each declared in ``StreamSpec.can``.
Failures of a whole call are raised as the exceptions of :mod:`smarksync.errors` that
:mod:`smarksync.plugin` re-exports; what happens to one row is said in its receipt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from smarksync.model import Field

from .records import Cursor, GonePages, Page, Receipt, Record, Write
from .spec import CheckReport, FieldInfo


@runtime_checkable
class Connector(Protocol):
    """An opened system."""

    def check(self) -> CheckReport:
        """Credentials, permissions and quota, by a call that writes nothing."""
        ...

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """The live schema of a stream."""
        ...

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        """All rows changed since ``cursor`` (None = all rows), up to ``until`` in the server's own time."""
        ...

    def close(self) -> None:
        """Lets go of everything; may be called twice."""
        ...


@runtime_checkable
class DescribesMany(Protocol):
    """Can show the live schemas of several streams in fewer calls than one each."""

    def describe_many(self, streams: Sequence[str]) -> Mapping[str, Sequence[FieldInfo]]:
        """What ``describe`` gives for each of them; one that is left out is asked for alone, and says there what is wrong."""
        ...


@runtime_checkable
class TellsTime(Protocol):
    """A connector that knows the server's clock (its ``Date`` header)."""

    def server_time(self) -> datetime:
        """The server's time now, aware."""
        ...


@runtime_checkable
class Writes(Protocol):
    """Can write rows."""

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """One receipt per ref, in any order. ``batch`` is at most ``StreamSpec.max_batch`` rows of one op."""
        ...


@runtime_checkable
class Finds(Protocol):
    """Can look rows up by a natural key."""

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """Every row whose ``key`` is one of ``values`` — all matches, never the first."""
        ...


@runtime_checkable
class Fetches(Protocol):
    """Can read rows by id."""

    def fetch(self, stream: str, ids: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """The rows of those ids that exist; a missing one is simply not yielded."""
        ...


@runtime_checkable
class TellsGone(Protocol):
    """Can tell which rows left."""

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        """Rows deleted, merged or converted since ``cursor``; without one, in the last days, unless this session's read
        began without a cursor, too."""
        ...


@runtime_checkable
class Sweeps(Protocol):
    """For vendors that hide deletes: count rows cheaply, and list all ids when the count fell."""

    def count(self, stream: str) -> int | None:
        """How many rows the system has now, or None when it cannot say cheaply."""
        ...

    def ids(self, stream: str) -> Iterator[str]:
        """Every id of the stream."""
        ...


@runtime_checkable
class Explains(Protocol):
    """Can say what became of rows that a read no longer shows (converted, merged), by id."""

    def whereabouts(self, stream: str, ids: Sequence[str]) -> GonePages:
        """One :class:`Gone` for each id that left; ids that still exist are not named."""
        ...


@runtime_checkable
class Fixes(Protocol):
    """Can create the fields that SmarkSync needs."""

    def create_fields(self, stream: str, names: Sequence[str]) -> Sequence[str]:
        """Creates those of ``names`` that it knows; returns one sentence each, for people."""
        ...


@runtime_checkable
class Defines(Protocol):
    """Can create fields that only the user's config knows (``entities.<entity>.fields``)."""

    def define_fields(self, stream: str, fields: Mapping[str, Field]) -> Sequence[str]:
        """Creates ``{vendor name: canonical field}`` with a type that holds it; returns one sentence each, for people."""
        ...
