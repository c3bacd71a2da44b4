"""Reading a whole list that moves under the reader.

BottleCRM pages by offset only, and cannot be asked for what changed. Contacts come newest first; leads,
accounts and deals come in the order of their random ids, so that a new row turns up anywhere. Each insert
before the reader moves the rest one place on, each delete one place back: the second would skip a row.

*Pages overlap.* Each begins ``OVERLAP`` rows early and must show one of the last rows already read; then
everything behind that row follows without a hole. If it shows none, more rows left than the overlap holds,
and the reader steps back until it finds its place. Rows seen before are dropped by id and time of change.

*Lists in two parts.* Leads come as open and closed, in one answer, and a lead closed or re-opened in
mid-scan may pass from the part not yet read to the part already read. The parts' counts tell of it: if
they moved in a way that new rows alone do not explain, the list is read again, until it held still
(at most ``PASSES`` times; a list that never does is read once more by the next run anyway).

The ``offset`` that answers carry is no place to go on from (recorded), and is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from smarksync.plugin import Malformed

from .client import parts_of
from .rows import Row
from .streams import Stream

#: New rows per page, rows read twice at each seam, and full readings of a list that does not hold still.
PAGE = 1000
OVERLAP = 20
PASSES = 3

Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Chunk(NamedTuple):
    """Rows not shown before, whether more follow, and the server's count of all."""

    rows: list[Row]
    more: bool
    total: int


def scan(stream: Stream, ask: Ask, *, page: int = PAGE, overlap: int = OVERLAP) -> Iterator[Chunk]:
    """Every row of a list, each once (again only if it changed while we read); may yield empty chunks."""
    seen: set[int] = set()  # hashes, not ids: 60 bytes a row for the length of one scan
    for turn in range(1, PASSES + 1):
        first: list[int] | None = None
        last: list[int] = []
        for parts, more in _one_pass(stream, ask, page, overlap):
            last = [count for _, count in parts]
            first = last if first is None else first
            again = not more and turn < PASSES and _moved(first, last)
            yield Chunk([row for rows, _ in parts for row in rows if _is_new(row, seen)], more or again, sum(last))
        if not (turn < PASSES and _moved(first or [], last)):
            return


def _moved(first: list[int], last: list[int]) -> bool:
    """Whether rows may have changed from one part into another: any count fell, or another than the main one rose."""
    return len(first) > 1 and (last[1:] != first[1:] or last[0] < first[0])


def _is_new(row: Row, seen: set[int]) -> bool:
    mark = hash((row.get("id"), row.get("updated_at")))
    if mark in seen:
        return False
    seen.add(mark)
    return True


def _one_pass(stream: Stream, ask: Ask, page: int, overlap: int) -> Iterator[tuple[list[tuple[list[Row], int]], bool]]:
    """The list from its first row to its last: per answer, the rows and count of each part, and whether more follow."""
    place = _Place(len(stream.parts), overlap)
    offset, back = 0, overlap
    while True:
        start = max(offset - back, 0)
        parts = parts_of(stream, ask({"limit": offset - start + page, "offset": start}))
        if start and not place.found_in(parts):
            # more rows left than the overlap holds: go back for those that moved to before `start`
            back = back * 2 + page
            continue
        reached = place.take(parts, start)
        yield parts, not place.finished
        if place.finished:
            return
        if reached <= offset and start == max(offset - overlap, 0):
            raise Malformed(f"BottleCRM's list at {stream.path} counts more rows than it shows.")
        offset, back = reached, overlap


class _Place:
    """Where we are in each part: the last rows read, and whether its end was reached."""

    def __init__(self, parts: int, overlap: int) -> None:
        self._tails: list[list[Any]] = [[] for _ in range(parts)]
        self._ended = [False] * parts
        self._overlap = overlap

    @property
    def finished(self) -> bool:
        """Whether every part was read to its end."""
        return all(self._ended)

    def found_in(self, parts: list[tuple[list[Row], int]]) -> bool:
        """Whether every part not yet ended shows one of the rows that we read last."""
        return all(
            ended or any(row.get("id") in tail for row in rows)
            for ended, tail, (rows, _) in zip(self._ended, self._tails, parts, strict=True)
        )

    def take(self, parts: list[tuple[list[Row], int]], start: int) -> int:
        """Remembers the end of what an answer showed; the offset behind it, for the parts that go on.

        The end is told by the count and by nothing else: a server that caps ``limit`` shows a short page
        although more rows follow.
        """
        reached = []
        for index, (rows, count) in enumerate(parts):
            if self._ended[index]:
                continue
            self._tails[index] = [row.get("id") for row in rows[-self._overlap :]]
            self._ended[index] = start + len(rows) >= count
            if not self._ended[index]:
                reached.append(start + len(rows))
        return min(reached, default=start)
