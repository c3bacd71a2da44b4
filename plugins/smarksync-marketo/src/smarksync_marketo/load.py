"""The first load: there is no call that lists all leads (docs, rest/leads), so they are asked for by id, 300 a call.

Ids are numbers given in order, with holes. Where they begin and end is found by hints: samples of each power of two, and
leads that activities of long ago, of last month and of yesterday name; then by more samples beyond, and by walking on
until several calls in a row show nothing. A lead that this should miss is still met later: when it changes, and before
anything is created (new leads are looked up by their key, and Marketo refuses to create one that it has).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from smarksync.kit.response import whole
from smarksync.plugin import Record

from .client import PAGE, Api, error, instant, rows_of
from .feeds import token_for
from .fields import leads_by, record, there_by

#: Empty calls in a row that end the way.
_EMPTY = 3
_OCTAVES = 31
#: How long ago activities are asked for hints: the oldest that are kept, and recent ones (days).
_HINTS = (730, 30, 1)


class Extent:
    """Lowest and highest id to ask for; both 0 when there is no lead at all. ``earliest``: of all creations seen."""

    def __init__(self, low: int, high: int, earliest: datetime | None = None) -> None:
        self.low = low
        self.high = high
        self.earliest = earliest

    @property
    def leads(self) -> int:
        """How many there may be at most."""
        return self.high - self.low + 1 if self.high else 0


def extent(api: Api, until: datetime) -> Extent:
    """Where ids begin and end, about; a few calls, once."""
    seen = _Seen(api)
    per = (PAGE - 1) // _OCTAVES
    hits = seen.among(2**k + j * 2**k // per for k in range(_OCTAVES) for j in range(per))
    hits += _named(api, until)
    if not hits:
        return Extent(0, 0)
    low, high = min(hits), max(hits)
    while above := seen.among(_spread(high + 1, high * 4 + 3 * PAGE)):
        high = max(above)
    while low > PAGE and (below := seen.among(_spread(max(1, low // 4), low - 1))):
        low = min(below)
    down, empty = low, 0
    while down > 1 and empty < _EMPTY:
        nearer = seen.among(range(max(1, down - PAGE), down))
        down, empty = max(1, down - PAGE), 0 if nearer else empty + 1
        low = min(nearer, default=low)
    return Extent(low, high, seen.earliest)


class _Seen:
    """Which of some ids exist; remembers the earliest creation on the way."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.earliest: datetime | None = None

    def among(self, ids: Iterable[int]) -> list[int]:
        asked = [str(number) for number in sorted(set(ids))][:PAGE]
        rows = leads_by(self._api, "id", asked, (), kind="schema") if asked else []
        times = [made for row in rows if (made := instant(row.get("createdAt")))]
        self.earliest = min([*times, *([self.earliest] if self.earliest else [])], default=None)
        return [whole(row, "id") for row in rows]


def _named(api: Api, until: datetime) -> list[int]:
    """Ids of leads that activities name, from different times."""
    found = []
    for days in _HINTS:
        token = token_for(api, until - timedelta(days=days))
        params = {"fields": "email", "nextPageToken": token, "batchSize": PAGE}
        body = api.get("/rest/v1/activities/leadchanges.json", params, kind="schema", about_rows=True)
        found += [whole(row, "leadId") for row in rows_of(body)] if error(body)[0] is None else []
    return found


def by_ids(
    api: Api, fields: Sequence[str], first: int, high: int, until: datetime
) -> Iterator[tuple[list[Record], int, bool]]:
    """Leads by id from ``first`` on, as (records, next id, more)."""
    empty = 0
    while True:
        rows = leads_by(api, "id", [str(number) for number in range(first, first + PAGE)], fields, kind="read")
        first += PAGE
        empty = 0 if rows or first <= high else empty + 1
        more = first <= high or empty < _EMPTY
        yield [record(row, fields) for row in there_by(rows, until)], first, more
        if not more:
            return


def _spread(low: int, high: int) -> list[int]:
    # the nearest are left out: walking finds them, and finding them here would move on by one each time
    step = max(1, (high - low + 1) // PAGE)
    return list(range(low + step - 1, high + 1, step))[:PAGE]
