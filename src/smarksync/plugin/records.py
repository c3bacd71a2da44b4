"""What connectors and the engine hand each other: rows, writes and receipts.

They are named tuples, because a run makes millions of them: cheap to build, impossible to change.
Vendor names and vendor values throughout; translation to canonical fields happens elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

#: A cursor is the connector's own JSON object. Keep its own version in it (`{"v": 1, …}`).
Cursor = Mapping[str, Any]

#: ``Record.changed_by`` when the vendor says that the last edit was made by our own user.
OWN_USER = "self"


class Past(NamedTuple):
    """One step of a field's history, as the vendor tells it."""

    value: Any
    at: datetime
    by: str | None = None
    #: True when the person concerned did it themselves (unsubscribed, confirmed an opt-in).
    own_act: bool = False


class Record(NamedTuple):
    """One row of a system.

    ``fields`` holds vendor values by vendor name: a missing name was not read, None was read and is
    empty. ``changed_at`` is the vendor's own last-modified time, aware. ``version`` is the vendor's
    version token where writes can be conditional. ``changed_by`` is :data:`OWN_USER`, another
    user's name, or None when the vendor does not tell. ``history`` is newest first, per field.
    """

    id: str
    fields: Mapping[str, Any]
    changed_at: datetime | None = None
    version: str | None = None
    changed_by: str | None = None
    history: Mapping[str, Sequence[Past]] | None = None


class Page(NamedTuple):
    """A page of a read. It may be empty while ``more`` is true; ``cursor`` resumes after it.

    ``cursor`` is what to store once these records are stored: reading again from it re-delivers or
    continues, and never skips. ``total`` is the vendor's own count of the whole read, if it says one.
    ``complete``, of memberships: campaigns (as the rows name them) all of whose members this read has shown by now;
    whoever it did not show there has left. Beside it nothing is inferred from what a read does not show.
    """

    records: Sequence[Record]
    cursor: Cursor
    more: bool
    total: int | None = None
    complete: tuple[str, ...] = ()


class Op(StrEnum):
    """What a write does."""

    CREATE = "create"
    UPDATE = "update"
    ARCHIVE = "archive"
    DELETE = "delete"
    ASSOCIATE = "associate"


class Write(NamedTuple):
    """One row to write. ``ref`` names it in the receipt; ``id`` is None for a create.

    ``fields`` holds only what changes: None clears, a missing name is left alone. ``key`` is our own
    entity id, for systems that can upsert by it. ``if_version`` asks for a conditional write.
    """

    ref: str
    op: Op
    fields: Mapping[str, Any]
    id: str | None = None
    key: str | None = None
    if_version: str | None = None


class WriteResult(StrEnum):
    """What became of one write."""

    CREATED = "created"
    UPDATED = "updated"  # archived, deleted and associated rows answer with this, too
    UNCHANGED = "unchanged"
    REJECTED = "rejected"  # the vendor refused this row, and will refuse it again
    CONFLICT = "conflict"  # `if_version` did not hold, or the target is no longer as we think
    RETRY = "retry"  # known not to be applied: may be sent again
    UNKNOWN = "unknown"  # may have been applied: look before writing again


class Receipt(NamedTuple):
    """The answer to one write, by ``ref`` and never by position.

    ``stored`` is the vendor's echo of what it now holds, by vendor name (any subset of the mapped
    fields; None = the vendor does not echo). ``changed_at`` is the record's new last-modified time.
    ``code`` is a stable ``SMK-…`` code for a refusal (see errors.py), ``message`` the vendor's words
    without personal data, ``field`` the vendor field at fault when known, ``duplicate_of`` the ids of
    the existing rows that a uniqueness refusal names. ``retry_after`` is in seconds.
    """

    ref: str
    result: WriteResult
    id: str | None = None
    version: str | None = None
    stored: Mapping[str, Any] | None = None
    changed_at: datetime | None = None
    code: str | None = None
    message: str | None = None
    field: str | None = None
    duplicate_of: Sequence[str] = ()
    retry_after: float | None = None


class GoneKind(StrEnum):
    """Why a row is no longer where it was."""

    DELETED = "deleted"
    MERGED = "merged"
    CONVERTED = "converted"


class Gone(NamedTuple):
    """A row that left: deleted (``into`` None), merged into or converted to another row.

    ``into_stream`` is the stream of ``into`` when it is another one (a lead became a contact).
    ``also`` names further rows that the conversion made, by stream (account, opportunity).
    ``shows``: what the row showed in the end, where the system tells it still; of consent at least, by vendor names.
    """

    id: str
    kind: GoneKind = GoneKind.DELETED
    into: str | None = None
    into_stream: str | None = None
    at: datetime | None = None
    also: Mapping[str, str] | None = None
    shows: Mapping[str, Any] | None = None


GonePages = Iterator[tuple[tuple[Gone, ...], Cursor]]
