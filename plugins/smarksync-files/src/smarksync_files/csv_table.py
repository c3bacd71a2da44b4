"""A csv file. The standard library's reader decides what a row is; cells that stay keep their own text."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from smarksync.plugin import FieldInfo, FieldType, Malformed

from .booleans import Spelling, is_boolean
from .table import Row, Table, Unfit

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_END = re.compile(r"(?:\r\n|\n|\r)\Z")
#: The reader refuses longer cells, so we never write one.
_LARGEST = csv.field_size_limit()


class CsvTable(Table):
    """Rows of cells under a header. A file without any text has no columns and no rows."""

    suffix = ".csv"

    def __init__(
        self, data: bytes, *, name: str, id: str, updated_at: str, encoding: str, delimiter: str = ","
    ) -> None:
        super().__init__(data, name=name, id=id, updated_at=updated_at, encoding=encoding)
        self.delimiter = delimiter
        self.columns: list[str] = []
        self._places: dict[str, int] = {}
        self._spellings: dict[str, Spelling] = {}
        self._header_line = 0
        self._header = ""
        for line, cells, lead, raw in self._records():
            end = _END.search(raw)
            self.newline = end[0] if end else "\n"
            self.preamble = lead + raw
            self._header = raw.removesuffix(end[0]) if end else raw
            self._header_line = line
            self._take_header(line, cells)
            break

    def rows(self) -> Iterator[Row]:
        """The rows below the header, each with as many cells as it has."""
        width, place, names = len(self.columns), self._places.get(self.id, 0), self.name
        records = self._records()
        next(records, None)
        for line, cells, lead, raw in records:
            if len(cells) != width:
                raise Malformed(
                    f"{names}, line {line}: {len(cells)} cells, but the header names {width} columns.",
                    hint="Whoever writes the file: put values that contain the delimiter in double quotes; "
                    "if all lines are wrong, check `delimiter`.",
                )
            end = _END.search(raw)
            body, close = (raw[: end.start()], end[0]) if end else (raw, "")
            yield Row(line, cells[place].strip(), cells, body, close, lead)

    def describe(self) -> list[FieldInfo]:
        """The columns: text, or boolean where that is beyond doubt; all writable but id and time."""
        seen: list[set[str]] = [set() for _ in self.columns]
        for row in self.rows():
            for values, cell in zip(seen, row.values, strict=True):
                if len(values) < 8:  # more different words than a boolean column can have
                    values.add(cell.strip().lower())
        fields = []
        for name, place in self._places.items():
            kind = FieldType.BOOL if is_boolean(seen[place]) and len(seen[place]) < 8 else FieldType.TEXT
            fields.append(self.column(name, kind))
        return fields

    def has(self, column: str) -> bool:
        """Whether the header names the column."""
        return column in self._places

    def value(self, row: Row, column: str) -> Any:
        """The cell's text; None when empty or when there is no such column."""
        place = self._places.get(column)
        return None if place is None else row.values[place] or None

    def picker(self, columns: Sequence[str]) -> Callable[[Row], dict[str, Any]]:
        """Takes the cells of those columns that exist out of a row."""
        places = [(column, self._places[column]) for column in columns if column in self._places]
        return lambda row: {column: row.values[place] or None for column, place in places}

    def change(self, row: Row, values: Mapping[str, Any]) -> Row:
        """Puts new cells in; the others keep their quotes and spaces."""
        parts = _split(row.raw, self.delimiter)
        cells = list(row.values)
        for column, value in values.items():
            place = self._places[column]
            cell = self._cell(column, value)
            if cell != cells[place]:
                parts[place] = self._quote(cell, parts[place].startswith('"'))
                cells[place] = cell
        return Row(row.line, row.id, cells, self.delimiter.join(parts), row.end, row.lead)

    def new(self, id: str, values: Mapping[str, Any], like: Row | None) -> Row:
        """A row with a cell for each column."""
        header = [part.startswith('"') for part in _split(self._header, self.delimiter)]
        pattern = header
        if like is not None:  # quotes that a neighbour needs say nothing of the style
            parts = _split(like.raw, self.delimiter)
            pattern = [
                part.startswith('"') and (named or not self._needs_quotes(cell))
                for part, cell, named in zip(parts, like.values, header, strict=True)
            ]
        cells = [""] * len(self.columns)
        for column, value in {**values, self.id: id}.items():
            cells[self._places[column]] = self._cell(column, value)
        raw = self.delimiter.join(map(self._quote, cells, pattern))
        return Row(0, id, cells, raw, self.newline)

    def widened(self, columns: Sequence[str]) -> bytes:
        """The header with these names at its end, and an empty cell for each in every row."""
        if not self.columns:
            raise Malformed(
                f"{self.name} is empty: even the line with the names of the columns is missing.",
                hint="Write the names of the columns into its first line.",
            )
        quoted = self._header.startswith('"')
        names = "".join(self.delimiter + self._quote(column, quoted) for column in columns)
        empty = self.delimiter * len(columns)
        rows = [Row(r.line, r.id, [*r.values, *[""] * len(columns)], r.raw + empty, r.end, r.lead) for r in self.rows()]
        end = self.preamble.rindex(self._header) + len(self._header)
        self.preamble = self.preamble[:end] + names + self.preamble[end:]
        return self.render(rows)

    def content(self, row: Row) -> str:
        """The cells: quoting alone makes no new version."""
        return "\x1f".join(row.values)

    def _cell(self, column: str, value: Any) -> str:
        text = _plain(self._spelling(column, value))
        if not self.source.fits(text):
            raise Unfit(f"The value has characters that {self.source.encoding} cannot hold.", column)
        if len(text) > _LARGEST:
            raise Unfit(f"The value is longer than {_LARGEST} characters.", column, "SMK-TOO-LONG")
        return text

    def _spelling(self, column: str, value: Any) -> Any:
        if not isinstance(value, bool) and value not in ("true", "false"):
            return value
        if column not in self._spellings:
            place = self._places[column]
            self._spellings[column] = Spelling(row.values[place] for row in self.rows())
        return self._spellings[column].spell(value)

    def _quote(self, cell: str, quoted: bool) -> str:
        if quoted or self._needs_quotes(cell):
            return '"' + cell.replace('"', '""') + '"'
        return cell

    def _needs_quotes(self, cell: str) -> bool:
        return any(sign in cell for sign in (self.delimiter, '"', "\r", "\n"))

    def _records(self) -> Iterator[tuple[int, list[str], str, str]]:
        """First line, cells, blank lines before it and whole text of each record; blank lines are none."""
        taken: list[str] = []

        def lines() -> Iterator[str]:
            for found in _LINES.finditer(self.source.text):
                taken.append(found[0])
                yield found[0]

        reader = csv.reader(lines(), delimiter=self.delimiter, strict=True)
        lead, line = "", 1
        self.tail = ""
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise self._broken(line, str(error)) from None
            raw = "".join(taken)
            taken.clear()
            if cells is None:
                break
            if cells:
                yield line, cells, lead, raw
                lead = ""
            else:
                lead += raw
            line = reader.line_num + 1
        self.tail = lead

    def _take_header(self, line: int, cells: list[str]) -> None:
        self.columns = [cell.strip() for cell in cells]
        for place, column in enumerate(self.columns):
            if not column:
                continue  # spreadsheets leave unnamed columns behind; nobody can map them
            if column in self._places:
                raise Malformed(
                    f"{self.name}, line {line}: column {place + 1} has the name of column {self._places[column] + 1}.",
                    hint="Whoever writes the file: give every column its own name.",
                )
            self._places[column] = place
        if self.id not in self._places:
            raise Malformed(
                f"{self.name}, line {line}: there is no column `{self.id}`.",
                hint="The first line must name the columns, one of them the id: add it, or set `id` to its name "
                "(and check `delimiter`).",
            )

    def _broken(self, line: int, reason: str) -> Malformed:
        if "field limit" in reason:
            what = f"a cell is longer than {_LARGEST} characters"
        elif "unexpected end" in reason:
            what = "a double quote is opened and never closed"
        else:
            what = "a double quote stands in the wrong place"
        hint = "Whoever writes the file: close quotes, and write a quote inside a quoted cell twice."
        if "field limit" in reason:
            hint += " A cell that is really so long must be shortened."
        return Malformed(f"{self.name}, line {line}: {what}.", hint=hint)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return ";".join(map(_plain, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, bool)) else str(value)


def _split(raw: str, delimiter: str) -> list[str]:
    """The text of each cell, quotes included. The strict reader has accepted the record before."""
    parts: list[str] = []
    start = at = 0
    while True:
        if raw.startswith('"', at):
            at += 1
            while True:
                at = raw.index('"', at) + 1
                if not raw.startswith('"', at):
                    break
                at += 1
        found = raw.find(delimiter, at)
        if found < 0:
            parts.append(raw[start:])
            return parts
        parts.append(raw[start:found])
        start = at = found + 1
