"""Where a simulated system keeps its rows: an ordered store, a generated one, and a counting sink."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from smarksync.plugin import Past

#: A place in the order of reading: record time, then id.
Place = tuple[datetime, str]


class Version(NamedTuple):
    """A row as it stood after one change. ``ready`` is when reads begin to show it (late indexing)."""

    fields: dict[str, Any]
    at: datetime
    number: int
    by: str | None
    ready: datetime


class Row:
    """One row: its versions (older ones only while a newer one is not indexed) and its history."""

    __slots__ = ("history", "id", "versions")

    def __init__(self, id: str, version: Version) -> None:
        self.id = id
        self.versions: list[Version] = [version]
        self.history: dict[str, list[Past]] | None = None

    @property
    def now(self) -> Version:
        """The row as it truly stands."""
        return self.versions[-1]

    def shown(self, time: datetime) -> Version | None:
        """The row as reads show it at a time, or None while nothing of it is indexed."""
        versions = self.versions
        if len(versions) > 1 and versions[-1].ready <= time:
            del versions[:-1]
        return next((version for version in reversed(versions) if version.ready <= time), None)


class Shown(NamedTuple):
    """A row as a page shows it."""

    id: str
    version: Version
    history: Mapping[str, list[Past]] | None = None


class RowStore:
    """Rows by id, ordered by (record time, id), and indexes over the fields that lookups use.

    The order is a list that changes are appended to and reads sort and thin out, so that a change
    costs O(1) and a page costs its own length; entries of older versions are skipped on the way.
    """

    def __init__(self, indexed: frozenset[str]) -> None:
        self.rows: dict[str, Row] = {}
        self._order: list[Place] = []
        self._sorted = True
        self._index: dict[str, dict[str, dict[str, None]]] = {name: {} for name in indexed}

    def put(self, id: str, version: Version) -> Row:
        """A new row, or a new version of one."""
        row = self.rows.get(id)
        if row is None:
            row = self.rows[id] = Row(id, version)
        else:
            self._unindex(id, row.now.fields)
            if version.ready <= version.at:
                row.versions[:] = [version]
            else:
                row.versions.append(version)
        self._index_fields(id, version.fields)
        place = (version.at, id)
        if self._order and self._order[-1] >= place:
            self._sorted = False
        self._order.append(place)
        return row

    def remove(self, id: str) -> Row:
        """Takes a row out. Its places in the order are skipped from now on."""
        row = self.rows.pop(id)
        self._unindex(id, row.now.fields)
        return row

    def page(
        self, after: Place | None, until: datetime | None, limit: int, time: datetime
    ) -> tuple[list[Shown], Place | None, bool]:
        """Up to ``limit`` rows behind ``after``, the place of the last one, and whether there are more."""
        self._tidy()
        order = self._order
        index = bisect_right(order, after) if after is not None else 0
        found: list[Shown] = []
        last = previous = after
        while index < len(order):
            place = order[index]
            index += 1
            if until is not None and place[0] > until:
                break
            if place == previous:
                continue
            previous = place
            row = self.rows.get(place[1])
            version = row.shown(time) if row is not None else None
            if row is None or version is None or version.at != place[0]:
                continue
            if len(found) == limit:
                return found, last, True
            found.append(Shown(row.id, version, row.history))
            last = place
        return found, last, False

    def lookup(self, field: str, value: Any) -> list[str]:
        """Ids of all rows whose ``field`` is that value, without regard to case and outer space."""
        index = self._index.get(field)
        folded = fold(value)
        if index is None:
            return [id for id, row in self.rows.items() if folded and fold(row.now.fields.get(field)) == folded]
        return list(index.get(folded, ())) if folded else []

    def _tidy(self) -> None:
        if len(self._order) > 2 * len(self.rows) + 64:
            self._order = [(v.at, row.id) for row in self.rows.values() for v in row.versions]
            self._sorted = False
        if not self._sorted:
            self._order.sort()
            self._sorted = True

    def _index_fields(self, id: str, fields: Mapping[str, Any]) -> None:
        for name, index in self._index.items():
            folded = fold(fields.get(name))
            if folded:
                index.setdefault(folded, {})[id] = None

    def _unindex(self, id: str, fields: Mapping[str, Any]) -> None:
        for name, index in self._index.items():
            folded = fold(fields.get(name))
            ids = index.get(folded)
            if ids is not None:
                ids.pop(id, None)
                if not ids:
                    del index[folded]


class GeneratedRows:
    """Rows made on demand and never kept: a read-only system of any size.

    ``make(n)`` gives the fields of row n (0-based), always the same ones. Ids are ``prefix`` and n with
    leading zeros; row n was changed n ``step`` after ``start``.
    """

    def __init__(
        self,
        size: int,
        make: Callable[[int], dict[str, Any]],
        *,
        prefix: str = "g",
        start: datetime = datetime(2026, 1, 1, tzinfo=UTC),
        step: timedelta = timedelta(milliseconds=1),
    ) -> None:
        self.size = size
        self._make = make
        self._prefix = prefix
        self._start = start
        self._step = step

    def page(
        self, after: Place | None, until: datetime | None, limit: int, time: datetime
    ) -> tuple[list[Shown], Place | None, bool]:
        """As :meth:`RowStore.page`, made from the numbers alone."""
        first = 0
        if after is not None:
            first = max(0, (after[0] - self._start) // self._step)
            while first < self.size and self._place(first) <= after:
                first += 1
        end = self.size if until is None else min(self.size, max(0, (until - self._start) // self._step + 1))
        stop = min(first + limit, end)
        rows = [self._row(n) for n in range(first, stop)]
        return rows, self._place(stop - 1) if rows else after, stop < end

    def get(self, id: str) -> Shown | None:
        """The row of that id, or None."""
        number = id.removeprefix(self._prefix)
        if not number.isdecimal() or int(number) >= self.size or self._id(int(number)) != id:
            return None
        return self._row(int(number))

    def ids(self) -> Iterator[str]:
        """Every id."""
        return (self._id(n) for n in range(self.size))

    def _id(self, n: int) -> str:
        return f"{self._prefix}{n:09d}"

    def _place(self, n: int) -> Place:
        return self._start + n * self._step, self._id(n)

    def _row(self, n: int) -> Shown:
        at, id = self._place(n)
        return Shown(id, Version(self._make(n), at, 1, None, at))


class CountingSink:
    """Takes writes, counts them and keeps nothing; shows no rows. Creates by a seen key are not known again."""

    def __init__(self, prefix: str = "s") -> None:
        self.created = 0
        self.updated = 0
        self.removed = 0
        self._prefix = prefix

    def new_id(self) -> str:
        """Counts a create and names it."""
        self.created += 1
        return f"{self._prefix}{self.created:09d}"


def fold(value: Any) -> str:
    """A value as key lookups compare it: no case, no outer space; empty when there is nothing to compare."""
    return "" if value is None else str(value).strip().casefold()
