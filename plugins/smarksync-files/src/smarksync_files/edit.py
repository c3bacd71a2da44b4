"""Writes laid over the rows of a table that was just read."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from smarksync.plugin import Invalid, Malformed, Op, Receipt, Write, WriteResult

from .table import Row, Table, Unfit


def new_id(key: str) -> str:
    """The id of the row that is created for an entity: always the same one.

    A letter comes first, so that a spreadsheet does not take it for a number and rewrite it.
    """
    return "s" + hashlib.sha256(key.encode()).hexdigest()[:16]


class Edit:
    """The rows of a file on the way to their next state. ``changed`` says whether a rewrite is due."""

    def __init__(self, table: Table, now: datetime) -> None:
        self.table = table
        self.rows: dict[str, Row] = {row.id: row for row in table.unique_rows()}
        self.changed = False
        self._like = next(reversed(self.rows.values()), None)
        self._at = now.astimezone(UTC).replace(microsecond=0)

    def apply(self, write: Write) -> Receipt:
        """One write; the others stand whatever becomes of it."""
        if write.op is Op.CREATE and not self.table.has(self.table.id):
            raise Malformed(
                f"{self.table.name}: the file is empty, so no row can be added.",
                hint="Write the names of the columns into its first line.",
            )
        try:
            if write.op is Op.CREATE:
                return self._create(write)
            if write.op in (Op.UPDATE, Op.DELETE):
                return self._touch(write)
        except Unfit as error:
            return Receipt(
                write.ref, WriteResult.REJECTED, id=write.id, code=error.code, message=str(error), field=error.column
            )
        raise Invalid(f"{self.table.name}: files cannot {write.op}.")

    def _create(self, write: Write) -> Receipt:
        table = self.table
        self._refuse_columns(write)
        id = new_id(write.key or write.ref)
        if id in self.rows:
            return self._update(write, self.rows[id])
        values = {column: value for column, value in write.fields.items() if value is not None}
        row = table.new(id, values | self._stamp(), self._like)
        return self._store(write, row, WriteResult.CREATED)

    def _touch(self, write: Write) -> Receipt:
        row = self.rows.get(write.id or "")
        if row is None:
            message = "The row is no longer in the file."
            return Receipt(write.ref, WriteResult.CONFLICT, id=write.id, code="SMK-GONE", message=message)
        if write.if_version is not None and write.if_version != self.table.version(row):
            message = "The row was edited since it was read."
            return Receipt(write.ref, WriteResult.CONFLICT, id=row.id, code="SMK-CONFLICT", message=message)
        if write.op is Op.UPDATE:
            self._refuse_columns(write)
            return self._update(write, row)
        del self.rows[row.id]
        self.changed = True
        return Receipt(write.ref, WriteResult.UPDATED, id=row.id)

    def _update(self, write: Write, row: Row) -> Receipt:
        table = self.table
        # null into an empty place is no edit, although jsonl could tell a null from a missing key
        values = {c: v for c, v in write.fields.items() if not (v is None and table.value(row, c) is None)}
        edited = table.change(row, values)
        if edited.raw == row.raw:
            return self._receipt(write, row, WriteResult.UNCHANGED)
        return self._store(write, table.change(edited, self._stamp()), WriteResult.UPDATED)

    def _store(self, write: Write, row: Row, result: WriteResult) -> Receipt:
        self.rows[row.id] = row
        self.changed = True
        receipt = self._receipt(write, row, result)
        return receipt._replace(changed_at=self._at) if self._stamp() else receipt

    def _receipt(self, write: Write, row: Row, result: WriteResult) -> Receipt:
        stored = {column: self.table.value(row, column) for column in write.fields}
        return Receipt(write.ref, result, id=row.id, version=self.table.version(row), stored=stored)

    def _stamp(self) -> dict[str, Any]:
        if not self.table.has(self.table.updated_at):
            return {}
        return {self.table.updated_at: self._at.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _refuse_columns(self, write: Write) -> None:
        table = self.table
        for column in write.fields:
            if column in (table.id, table.updated_at):
                raise Unfit("SmarkSync keeps this column itself.", column, "SMK-READ-ONLY")
            if not table.has(column):
                raise Unfit("The file has no such column.", column)
