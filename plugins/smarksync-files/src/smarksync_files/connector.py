"""The connector: each file of a folder is an object, read whole and rewritten whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from smarksync.plugin import (
    Can,
    CheckReport,
    ConnectorSpec,
    Cursor,
    FieldInfo,
    Invalid,
    Malformed,
    Page,
    PermissionDenied,
    Receipt,
    Record,
    Session,
    StreamSpec,
    SystemFailure,
    Transient,
    Write,
)

from . import disk
from .csv_table import CsvTable
from .edit import Edit
from .jsonl_table import JsonlTable
from .settings import FilesSettings
from .table import Row, Table

_PAGE = 1000  # rows handed over at once; the file itself is read in one go
_READS = frozenset({Can.FIND, Can.FETCH})
_WRITES = frozenset({Can.CREATE, Can.UPDATE, Can.DELETE, Can.CONDITIONAL, Can.UPSERT_BY_KEY})
_CURSOR: Cursor = {"v": 1}
_SUFFIX = {"csv": CsvTable.suffix, "jsonl": JsonlTable.suffix}


class FilesConnector:
    """An opened folder. Opening does no I/O; every call reads its file anew, so nothing goes stale."""

    def __init__(self, settings: FilesSettings, session: Session) -> None:
        self._settings = settings
        self._now = session.now
        self.folder = Path(session.root, settings.path)

    def check(self) -> CheckReport:
        """Reads every file and tries the right to write. Times that cannot be read are warnings.

        A file that is broken is said by its object: a folder may hold files that no mapping names.
        """
        problems: list[str] = []
        warnings: list[str] = []
        unreadable: dict[str, str] = {}
        try:
            streams = listing(self.folder, self._settings)
        except SystemFailure as error:
            return CheckReport(False, str(self.folder), (str(error),))
        if not streams:
            problems.append(f"{self.folder} has no {_SUFFIX[self._settings.format]} files.")
        if not self._settings.read_only and not os.access(self.folder, os.W_OK):
            problems.append(f"{self.folder} is not writable for this user. Allow it, or set `read_only: true`.")
        for stream in streams:
            try:
                table = self._table(stream)
                odd = sum(1 for row in table.unique_rows() if _odd_time(table, row))
            except SystemFailure as error:
                unreadable[stream] = str(error)
                continue
            if odd:
                some, it = (f"{odd} time", "it") if odd == 1 else (f"{odd} times", "them")
                warnings.append(
                    f"{table.name}: {some} in column {table.updated_at} cannot be read; write {it} as 2026-11-22T09:30:00Z."
                )
        return CheckReport(not problems, str(self.folder), tuple(problems), tuple(warnings), unreadable=unreadable)

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """The columns of the file as it is now."""
        return self._table(stream).describe()

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        """Every row, whatever ``cursor`` and ``until`` say; nothing at all of a file that is broken anywhere.

        The time column is evidence of when a row was edited (``Record.changed_at``), never a filter: a
        hand that edits a row rarely edits its time.
        """
        table = self._table(stream)
        total = sum(1 for _ in table.unique_rows())
        if not total and cursor is None and self._settings.format == "csv" and not table.has(table.id):
            # nothing is known of its columns, so nothing could be written either; a file that had rows when it was
            # read before is empty now, which is for the guard `emptied_side` to judge
            raise Malformed(
                f"{self._path(stream)} is empty: even the line with the names of the columns is missing.",
                hint="Put the file back; a file without rows still has its first line.",
            )
        pick, rows = table.picker(fields), table.rows()
        left = total
        while True:
            page = [_record(table, row, pick(row)) for row in islice(rows, _PAGE)]
            left -= len(page)
            yield Page(page, _CURSOR, left > 0, total)
            if left <= 0:
                return

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """Every row whose column ``key`` has one of the values, without regard to case and outer space."""
        table = self._table(stream)
        if not table.has(key):
            raise Invalid(f"{table.name} has no column {key}.", hint="Check the mapping's match key.")
        wanted = {_fold(value) for value in values} - {""}
        pick = table.picker(fields)
        for row in table.unique_rows():
            if _fold(table.value(row, key)) in wanted:
                yield _record(table, row, pick(row))

    def fetch(self, stream: str, ids: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """The rows of those ids that are in the file."""
        table = self._table(stream)
        wanted = set(ids)
        pick = table.picker(fields)
        for row in table.unique_rows():
            if row.id in wanted:
                yield _record(table, row, pick(row))

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """All writes of the batch in one rewrite, over the rows as they are at that moment.

        Either the file is replaced and each receipt holds, or an error is raised and nothing has changed
        (errors.Unknown: replaced, but not confirmed by the disk).
        """
        if self._settings.read_only:
            raise PermissionDenied(f"{self.folder} is set to `read_only`.", hint="Remove it to allow writing.")
        return iter(self._rewrite(stream, batch))

    def create_fields(self, stream: str, names: Sequence[str]) -> Sequence[str]:
        """Adds columns that the mapping names to the end of the file; one sentence each."""
        if self._settings.read_only:
            return [f"{name} is not added: the folder is set to `read_only`. Add the column by hand." for name in names]
        path = self._path(stream)
        with disk.locked(self.folder):
            for _ in range(3):
                seen = disk.read(path)
                table = self._parse(path, seen)
                there = {info.name for info in table.describe()}
                missing = [name for name in names if name not in there]
                self._survives(table, seen)
                if odd := [name for name in missing if not table.source.fits(name)]:
                    raise Invalid(f"{table.name}: {table.source.encoding} cannot hold the name {', '.join(odd)}.")
                if not missing or disk.replace(path, table.widened(missing), seen):
                    return [f"{n} was added as a column." if n in missing else f"{n} is there already." for n in names]
        raise self._edited(path)

    def close(self) -> None:
        """Nothing is held between calls."""

    def _rewrite(self, stream: str, batch: Sequence[Write]) -> list[Receipt]:
        path = self._path(stream)
        with disk.locked(self.folder):
            for _ in range(3):
                seen = disk.read(path)
                table = self._parse(path, seen)
                edit = Edit(table, self._now())
                receipts = [edit.apply(write) for write in batch]
                if not edit.changed:
                    return receipts
                self._survives(table, seen)
                if disk.replace(path, table.render(edit.rows.values()), seen):
                    return receipts
        raise self._edited(path)

    def _survives(self, table: Table, seen: disk.Snapshot) -> None:
        if table.source.encode(table.source.text) != seen.data:
            message = f"{table.name} would not survive a rewrite in {self._settings.encoding}."
            raise Invalid(message, hint="Set `encoding` to what the file is, or save it as utf-8.")

    def _edited(self, path: Path) -> Transient:
        message = f"{path} is being edited by another program; nothing was changed."
        return Transient(message, hint="Run again when it has finished.")

    def _table(self, stream: str) -> Table:
        path = self._path(stream)
        return self._parse(path, disk.read(path))

    def _parse(self, path: Path, seen: disk.Snapshot) -> Table:
        kept = self._settings
        name = f"{kept.path.rstrip('/')}/{path.name}"
        if kept.format == "jsonl":
            return JsonlTable(seen.data, name=name, id=kept.id, updated_at=kept.updated_at, encoding=kept.encoding)
        return CsvTable(
            seen.data,
            name=name,
            id=kept.id,
            updated_at=kept.updated_at,
            encoding=kept.encoding,
            delimiter=kept.delimiter,
        )

    def _path(self, stream: str) -> Path:
        if stream != os.path.basename(stream) or stream.startswith("."):
            raise Invalid(f"{stream!r} cannot be the name of a file in {self.folder}.")
        path = self.folder / (stream + _SUFFIX[self._settings.format])
        if not os.path.exists(path) and os.path.isdir(self.folder):
            there = ", ".join(sorted(listing(self.folder, self._settings))) or "none"
            message = f"There is no file {path}."
            raise Invalid(message, hint=f"Put it back, or correct the mapping's object (objects there: {there}).")
        return path


def listing(folder: Path, settings: FilesSettings) -> list[str]:
    """The objects of a folder: its files of the format, without suffix. Raises Invalid, PermissionDenied."""
    suffix = _SUFFIX[settings.format]
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise disk.failure(error, folder, "listed") from error
    return sorted(name.removesuffix(suffix) for name in names if name.endswith(suffix) and not name.startswith("."))


def discover(settings: FilesSettings, root: str = ".") -> tuple[StreamSpec, ...]:
    """The streams of a folder, by a listing alone; what entity each holds is the mapping's to say."""
    can = _READS if settings.read_only else _READS | _WRITES
    return tuple(
        StreamSpec(
            name,
            entity="",
            can=can,
            max_batch=5000,
            resolution=timedelta(seconds=1),
            writes_serially=True,
            full_scan=True,
        )
        for name in listing(Path(root, settings.path), settings)
    )


def _record(table: Table, row: Row, fields: dict[str, Any]) -> Record:
    return Record(row.id, fields, _time(table.value(row, table.updated_at)), table.version(row))


def _time(value: Any) -> datetime | None:
    """A time in ISO form, UTC where it names no zone; None when it cannot be read: no evidence, no harm."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _odd_time(table: Table, row: Row) -> bool:
    value = table.value(row, table.updated_at)
    return value is not None and _time(value) is None


def _fold(value: Any) -> str:
    return "" if value is None else str(value).strip().casefold()


#: The connector ``files``. It has no streams of its own: the folder says which there are.
SPEC = ConnectorSpec(
    name="files", streams=(), settings=FilesSettings, open=FilesConnector, role="other", discover=discover
)
