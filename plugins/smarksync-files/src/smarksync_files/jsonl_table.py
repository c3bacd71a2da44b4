"""A JSON Lines file: one object a line. What we do not change keeps its own text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from json.decoder import JSONDecodeError
from typing import Any

from smarksync.plugin import FieldInfo, FieldType, Malformed

from .booleans import Spelling, is_boolean
from .table import Row, Table, Unfit

_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_SPACE = re.compile(r"[ \t\r]*")


class JsonlTable(Table):
    """Rows of named values, with their JSON types and any keys we do not know."""

    suffix = ".jsonl"

    def __init__(self, data: bytes, *, name: str, id: str, updated_at: str, encoding: str) -> None:
        super().__init__(data, name=name, id=id, updated_at=updated_at, encoding=encoding)
        first = _LINES.match(self.source.text)
        if first and first[0].endswith("\r\n"):
            self.newline = "\r\n"
        self._spellings: dict[str, Spelling] = {}
        self._stamped: bool | None = None

    def rows(self) -> Iterator[Row]:
        """The objects, one a line; blank lines are none."""
        lead = self.tail = ""
        for number, found in enumerate(_LINES.finditer(self.source.text), 1):
            line = found[0]
            body = line.rstrip("\r\n")
            if not body.strip():
                lead += line
                continue
            values = self._object(number, body)
            yield Row(number, self._id(number, values), values, body, line[len(body) :], lead)
            lead = ""
        self.tail = lead

    def describe(self) -> list[FieldInfo]:
        """The keys of all rows, with the type that their values have in common."""
        seen: dict[str, set[FieldType]] = {}
        words: dict[str, set[str]] = {}
        for row in self.rows():
            for key, value in row.values.items():
                kinds = seen.setdefault(key, set())
                if value is not None:
                    kinds.add(_kind(value))
                if isinstance(value, str) and len(words.setdefault(key, set())) < 8:
                    words[key].add(value.strip().lower())
        fields = []
        for key, kinds in seen.items():
            kind = _common(kinds)
            if kind is FieldType.TEXT and kinds and len(words[key]) < 8 and is_boolean(words[key]):
                kind = FieldType.BOOL
            fields.append(self.column(key, kind))
        return fields

    def has(self, column: str) -> bool:
        """Any row may get any key; the time is stamped only where some row has one."""
        if column != self.updated_at:
            return True
        if self._stamped is None:
            self._stamped = any(column in row.values for row in self.rows())
        return self._stamped

    def value(self, row: Row, column: str) -> Any:
        """The value with its JSON type; a missing key is read as null."""
        return row.values.get(column)

    def picker(self, columns: Sequence[str]) -> Callable[[Row], dict[str, Any]]:
        """Takes the keys out of a row, null for those that it lacks."""
        return lambda row: {column: row.values.get(column) for column in columns}

    def change(self, row: Row, values: Mapping[str, Any]) -> Row:
        """Puts new values in the places of the old ones, and new keys at the end."""
        fresh = {column: self._spelt(column, value) for column, value in values.items()}
        raw, spans = row.raw, _spans(row.raw)
        ascii_only = raw.isascii() and "\\u" in raw
        comma, colon = (",", ":") if _is_compact(raw) else (", ", ": ")
        edits = [
            (*spans[column], text)
            for column, text in ((c, _dump(v, ascii_only)) for c, v in fresh.items() if c in spans)
            if text != _dump(row.values[column], ascii_only)  # 1, 1.0 and true are equal to Python, not to JSON
        ]
        added = "".join(
            f"{comma}{json.dumps(c)}{colon}{_dump(v, ascii_only)}" for c, v in fresh.items() if c not in spans
        )
        if added:  # a row is never without keys: it has an id
            last = max(end for _, end in spans.values())
            edits.append((last, last, added))
        for start, end, text in sorted(edits, reverse=True):
            raw = raw[:start] + text + raw[end:]
        return Row(row.line, row.id, {**row.values, **fresh}, raw, row.end, row.lead)

    def new(self, id: str, values: Mapping[str, Any], like: Row | None) -> Row:
        """A row with the id first, and the keys in the neighbour's order."""
        order = [c for c in (like.values if like else ()) if c in values and c != self.id]
        names = (*order, *(c for c in values if c not in order and c != self.id))
        fresh = {self.id: id, **{column: self._spelt(column, values[column]) for column in names}}
        separators = (",", ":") if like is not None and _is_compact(like.raw) else (", ", ": ")
        return Row(0, id, fresh, json.dumps(fresh, ensure_ascii=False, separators=separators), self.newline)

    def widened(self, columns: Sequence[str]) -> bytes:
        """The first row shows them, as null: a line is its own header."""
        rows = list(self.rows())
        if not rows:
            raise Malformed(
                f"{self.name} has no rows that could show a key.", hint="Nothing is to be made: rows bring their keys."
            )
        rows[0] = self.change(rows[0], dict.fromkeys(columns))
        return self.render(rows)

    def _spelt(self, column: str, value: Any) -> Any:
        if isinstance(value, Decimal):
            value = str(value)
        if isinstance(value, bool) or value in ("true", "false"):
            if column not in self._spellings:
                self._spellings[column] = Spelling(row.values.get(column) for row in self.rows())
            # a column of JSON's own booleans, or an empty one, takes them as they are
            if self._spellings[column].boolean:
                value = self._spellings[column].spell(value)
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError):
            raise Unfit("The value is nothing that JSON can hold.", column) from None
        if not self.source.fits(text):
            raise Unfit(f"The value has characters that {self.source.encoding} cannot hold.", column)
        return value

    def _object(self, line: int, body: str) -> dict[str, Any]:
        try:
            values = _DECODER.decode(body)
        except _Twice:
            raise self._broken(line, "a key stands there twice") from None
        except JSONDecodeError as error:
            raise self._broken(line, f"no JSON ({error.msg.lower()}, column {error.colno})") from None
        except (ValueError, RecursionError):
            raise self._broken(line, "a value that JSON does not have, or one nested too deep") from None
        if not isinstance(values, dict):
            raise self._broken(line, "a JSON object is expected")
        return values

    def _id(self, line: int, values: Mapping[str, Any]) -> str:
        if self.id not in values:
            raise self._broken(line, f"there is no key `{self.id}`")
        id = values[self.id]
        if isinstance(id, bool) or not isinstance(id, (str, int)):
            raise self._broken(line, f"the value of `{self.id}` is neither text nor a whole number")
        return str(id).strip()

    def _broken(self, line: int, what: str) -> Malformed:
        hint = "Whoever writes the file: one JSON object a line, each with an id of its own."
        return Malformed(f"{self.name}, line {line}: {what}.", hint=hint)


class _Twice(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _Twice
    return values


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite, parse_constant=_no_constant)


def _spans(raw: str) -> dict[str, tuple[int, int]]:
    """Where the value of each key stands. The line has been parsed before."""
    spans: dict[str, tuple[int, int]] = {}
    at = _skip(raw, raw.index("{") + 1)
    while raw[at] != "}":
        key, at = _DECODER.raw_decode(raw, at)
        start = _skip(raw, _skip(raw, at) + 1)
        _, at = _DECODER.raw_decode(raw, start)
        spans[key] = (start, at)
        at = _skip(raw, at)
        if raw[at] == ",":
            at = _skip(raw, at + 1)
    return spans


def _skip(raw: str, at: int) -> int:
    found = _SPACE.match(raw, at)
    return found.end() if found else at


def _dump(value: Any, ascii_only: bool) -> str:
    return json.dumps(value, ensure_ascii=ascii_only, allow_nan=False)


def _is_compact(raw: str) -> bool:
    return '": ' not in raw


def _kind(value: Any) -> FieldType:
    if isinstance(value, bool):
        return FieldType.BOOL
    if isinstance(value, int):
        return FieldType.INT
    if isinstance(value, float):
        return FieldType.DECIMAL
    if isinstance(value, list):
        return FieldType.CHOICES if all(isinstance(item, str) for item in value) else FieldType.JSON
    return FieldType.JSON if isinstance(value, dict) else FieldType.TEXT


def _common(kinds: set[FieldType]) -> FieldType:
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds == {FieldType.INT, FieldType.DECIMAL}:
        return FieldType.DECIMAL
    return FieldType.TEXT if FieldType.JSON not in kinds else FieldType.JSON
