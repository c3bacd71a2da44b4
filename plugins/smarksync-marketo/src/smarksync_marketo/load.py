"""The first load: there is no call that lists all leads (docs, rest/leads), so they are asked for by id, 300 a call.

Ids are numbers given in order, with holes. The highest is found by asking for samples: some of each power of two, then
more beyond what was found until nothing is. The way ends after several empty calls behind it. A lead that this should
miss is still met later: when it changes, and before anything is created (new leads are looked up by their key, and
Marketo refuses to create one that it has).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smarksync.plugin import Record

from .client import PAGE, Api
from .fields import leads_by, record

#: Empty calls in a row behind the highest id known that end the way.
_EMPTY = 3
_OCTAVES = 31


class Extent:
    """Lowest and highest id that samples found; both 0 when there is no lead at all."""

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high

    @property
    def leads(self) -> int:
        """How many there may be at most."""
        return self.high - self.low + 1 if self.high else 0


def extent(api: Api, path: str = "leads") -> Extent:
    """Samples ids until lowest and highest are known about; a few calls."""
    per = (PAGE - 1) // _OCTAVES
    hits = _existing(api, (2**k + j * 2**k // per for k in range(_OCTAVES) for j in range(per)))
    if not hits:
        return Extent(0, 0)
    low, high = min(hits), max(hits)
    while above := _existing(api, _spread(high + 1, high * 4 + 3 * PAGE)):
        high = max(above)
    while low > PAGE and (below := _existing(api, _spread(max(1, low // 4), low - 1))):
        low = min(below)
    return Extent(max(1, low - PAGE) if low > PAGE else 1, high)


def by_ids(
    api: Api, fields: Sequence[str], first: int, high: int
) -> Iterator[tuple[list[Record], int, bool]]:
    """Leads by id from ``first`` on, as (records, next id, more)."""
    empty = 0
    while True:
        rows = leads_by(api, "id", [str(number) for number in range(first, first + PAGE)], fields, kind="read")
        first += PAGE
        empty = 0 if rows or first <= high else empty + 1
        more = first <= high or empty < _EMPTY
        yield [record(row, fields) for row in rows], first, more
        if not more:
            return


def _existing(api: Api, ids: Iterator[int] | Sequence[int]) -> list[int]:
    asked = [str(number) for number in sorted(set(ids))][:PAGE]
    return [int(row["id"]) for row in leads_by(api, "id", asked, (), kind="schema")] if asked else []


def _spread(low: int, high: int) -> list[int]:
    step = max(1, (high - low + 1) // PAGE)
    return list(range(low, high + 1, step))[:PAGE]
