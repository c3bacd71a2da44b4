"""A file as rows whose own text is kept, so that what we do not change stays as it was, byte for byte."""

from __future__ import annotations

import codecs
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from smarksync.plugin import FieldInfo, FieldType, Malformed

_MARKS = (
    (codecs.BOM_UTF8, "utf-8", ("utf-8", "utf-8-sig")),
    (codecs.BOM_UTF16_LE, "utf-16-le", ("utf-16", "utf-16-le")),
    (codecs.BOM_UTF16_BE, "utf-16-be", ("utf-16", "utf-16-be")),
)
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BARE = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}


def _guess(data: bytes) -> str:
    """What a file that is not what it should be probably is: its mark says so, or most of its characters have a NUL."""
    return "utf-16" if data.startswith(_WIDE) or data[:200].count(0) > 40 else "cp1252"


class Unfit(ValueError):
    """A value that the file cannot hold: ``code``, and the column at fault."""

    def __init__(self, message: str, column: str, code: str = "SMK-INVALID") -> None:
        super().__init__(message)
        self.column = column
        self.code = code


@dataclass(slots=True)
class Row:
    """One row: the line it begins at, its id, its values, and its text (``lead``: blank lines before it)."""

    line: int
    id: str
    values: Any
    raw: str
    end: str
    lead: str = ""


class Text:
    """A decoded file that knows how to become bytes again: its byte order mark, its encoding."""

    def __init__(self, data: bytes, encoding: str, name: str) -> None:
        self.mark = b""
        self.encoding = _BARE.get(encoding, encoding)
        for mark, bare, fitting in _MARKS:
            if encoding in fitting and data.startswith(mark):
                self.mark, self.encoding = mark, bare
        body = data[len(self.mark) :]
        try:
            self.text = body.decode(self.encoding)
        except UnicodeDecodeError as error:
            line = body[: error.start].decode(self.encoding, "replace").count("\n") + 1
            byte = f"0x{body[error.start]:02X}"
            raise Malformed(
                f"{name}, line {line}: byte {byte} is not {encoding}.",
                hint=f"Whoever writes the file: save it as {encoding}, or set `encoding` to what it is ({_guess(data)}?).",
            ) from None
        at = self.text.find("\0")
        if at >= 0:
            line = self.text.count("\n", 0, at) + 1
            raise Malformed(
                f"{name}, line {line}: a NUL character.",
                hint="The file is damaged or in another encoding (utf-16?): save it anew, or set `encoding`.",
            )

    def encode(self, text: str) -> bytes:
        """Bytes of a changed text."""
        return self.mark + text.encode(self.encoding)

    def fits(self, text: str) -> bool:
        """Whether the encoding has all these characters, and text files can hold them."""
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return "\0" not in text


class Table(ABC):
    """The rows of one file. ``name`` is what messages call it; nothing of a row's content goes into them."""

    suffix: ClassVar[str]

    def __init__(self, data: bytes, *, name: str, id: str, updated_at: str, encoding: str) -> None:
        self.source = Text(data, encoding, name)
        self.name = name
        self.id = id
        self.updated_at = updated_at
        self.newline = "\n"
        self.preamble = ""
        self.tail = ""

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """The rows, parsed on the way; raises Malformed. ``tail`` is known at the end."""

    @abstractmethod
    def describe(self) -> list[FieldInfo]:
        """The columns; reads all rows."""

    @abstractmethod
    def has(self, column: str) -> bool:
        """Whether a row may hold this column."""

    @abstractmethod
    def value(self, row: Row, column: str) -> Any:
        """A row's value as it is read; None when empty."""

    @abstractmethod
    def picker(self, columns: Sequence[str]) -> Callable[[Row], dict[str, Any]]:
        """A function that takes these columns out of a row; columns that no row may hold are left out."""

    @abstractmethod
    def change(self, row: Row, values: Mapping[str, Any]) -> Row:
        """The row with other values in these columns. Raises :class:`Unfit`."""

    @abstractmethod
    def new(self, id: str, values: Mapping[str, Any], like: Row | None) -> Row:
        """A new row, quoted as its neighbour ``like`` is. Raises :class:`Unfit`."""

    @abstractmethod
    def widened(self, columns: Sequence[str]) -> bytes:
        """The file with these columns more, empty in every row. Raises Malformed when it has no place for their names."""

    def column(self, name: str, kind: FieldType) -> FieldInfo:
        """A column whose values look like ``kind``; the id and the time are text, and kept by SmarkSync itself."""
        if name in (self.id, self.updated_at):
            return FieldInfo(name, FieldType.TEXT, writable=False, unique=name == self.id)
        return FieldInfo(name, kind, inferred=True)

    def unique_rows(self) -> Iterator[Row]:
        """The rows; raises Malformed at an empty id or at one that stands there twice."""
        lines: dict[str, int] = {}
        for row in self.rows():
            if not row.id:
                hint = f"Whoever writes the file: give each row an id of its own in column `{self.id}`."
                raise Malformed(f"{self.name}, line {row.line}, column {self.id}: the id is empty.", hint=hint)
            first = lines.setdefault(row.id, row.line)
            if first != row.line:
                raise Malformed(
                    f"{self.name}, line {row.line}, column {self.id}: the id already stands in line {first}.",
                    hint="Whoever writes the file: keep one of the two rows, or give one a new id.",
                )
            yield row

    def render(self, rows: Iterable[Row]) -> bytes:
        """The file with these rows: its byte order mark, its line ends, its last line ended or not."""
        original = self.source.text
        parts = [self.preamble]
        if self.preamble and not self.preamble.endswith(("\n", "\r")):
            parts.append(self.newline)
        for row in rows:
            parts += (row.lead, row.raw, row.end or self.newline)
        text = "".join((*parts, self.tail))
        if original and not original.endswith(("\n", "\r")) and not self.tail:
            text = text.removesuffix(self.newline)
        return self.source.encode(text)

    def version(self, row: Row) -> str:
        """A token of the row's content, all columns."""
        return hashlib.blake2b(self.content(row).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()

    def content(self, row: Row) -> str:
        """What the version stands for."""
        return row.raw
