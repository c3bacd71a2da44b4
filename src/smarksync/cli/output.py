"""The way out for words: tables, colours and one JSON object on stdout; progress and logs go elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

_STYLES = {
    "good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1", "head": "1;36",
}  # fmt: skip


class Output:
    """Human words on stdout, or, with ``json``, one object there and nothing else.

    ``quiet`` silences everything but problems, which go to stderr.
    """

    def __init__(self, *, color: bool = True, json: bool = False, quiet: bool = False) -> None:
        self.stream: TextIO = sys.stdout
        self.color = color and _is_terminal(self.stream)
        self.json = json
        self.quiet = quiet

    def line(self, text: str = "") -> None:
        """One line for people."""
        if not self.json and not self.quiet:
            self._write(text + "\n")

    def problem(self, text: str) -> None:
        """What somebody should read even when all else is silent: to stderr."""
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            pass

    def style(self, name: str, text: str) -> str:
        """The text in a style (good, bad, warn, dim, bold, head) where the terminal shows them."""
        return f"\x1b[{_STYLES[name]}m{text}\x1b[0m" if self.color and text else text

    def table(
        self, head: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Iterable[int] = (), indent: int = 0
    ) -> None:
        """Columns under a heading; those in ``right`` are set flush right. Widths are cut to the terminal."""
        if self.json or self.quiet:
            return
        texts = [[_cell(value) for value in row] for row in rows]
        for text in table(head, texts, right=right, width=_width(self.stream) - indent):
            heading = text is not None and text.startswith("\x00")
            shown = text[1:] if heading else text
            self._write(" " * indent + (self.style("dim", shown) if heading else shown) + "\n")

    def object(self, value: Mapping[str, Any]) -> None:
        """The one JSON object of ``--json``."""
        import orjson

        self._write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")

    def text(self, text: str) -> None:
        """Machine-readable text that was asked for (a schema, CSV, a page): as it is, whatever the mode."""
        self._write(text if text.endswith("\n") else text + "\n")

    def part(self, text: str) -> None:
        """A part of such text."""
        self._write(text)

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except BrokenPipeError:
            # the reader (`head`, a pager) has seen enough: not our failure, and not a reason to stop half-way
            self._close()
        except OSError:  # a full disk under `> file`: what was to be said is lost, which is a failure, told once
            self._close()
            raise
        except UnicodeEncodeError:
            self.stream.write(text.encode("ascii", "replace").decode("ascii"))

    def _close(self) -> None:
        """Nothing more is said there, not by what is still buffered at the end of the process either."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Iterable[int] = (), width: int = 200
) -> list[str]:
    """The lines of a table; the first begins with a NUL, so that the caller can tell the heading."""
    flush = set(right)
    widths = [max([len(h), *(len(row[i]) for row in rows)]) for i, h in enumerate(head)]
    over = sum(widths) + 2 * (len(widths) - 1) - width
    while over > 0 and max(widths) > 12:
        widest = widths.index(max(widths))
        cut = min(over, widths[widest] - 12)
        widths[widest] -= cut
        over -= cut

    def line(cells: Sequence[str]) -> str:
        parts = []
        for i, cell in enumerate(cells):
            text = cell if len(cell) <= widths[i] else cell[: widths[i] - 1] + "…"
            parts.append(text.rjust(widths[i]) if i in flush else text.ljust(widths[i]))
        return "  ".join(parts).rstrip()

    return ["\x00" + line(head), *(line(row) for row in rows)]


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return " ".join(str(value).split())


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _width(stream: TextIO) -> int:
    return shutil.get_terminal_size((100, 24)).columns if _is_terminal(stream) else 1000
