"""Reading what changed: search by the last-modified stamp, in windows that begin behind the last row shown.

HubSpot's search shows at most 10,000 rows of one query, by offsets that shift when a row is edited meanwhile, some
of them a while late (crm.md 2.5). So no offset is used where rows tell where to go on: each query begins at the
stamp of the last row. Rows that share one stamp (batch updates give one to thousands) are walked by their id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from smarksync.plugin import Malformed

from .client import Api, Json, after_of, results_of
from .rows import Shape, instant, ticks
from .streams import KINDS

PAGE = 200  # crm.md 2.5
#: empty pages in a row that still say that there is more (seen in the wild: a few)
_PATIENCE = 25


class Found:
    """A page: its rows, the stamp (ms) that everything before was shown for, whether more follow, the whole count."""

    def __init__(self, rows: Sequence[Json], reached: int, more: bool, total: int | None) -> None:
        self.rows = rows
        self.reached = reached
        self.more = more
        self.total = total


def pages(api: Api, shape: Shape, since: int, until: int | None, *, extra: Sequence[Json] = ()) -> Iterator[Found]:
    """Rows with ``since`` ≤ stamp ≤ ``until`` (milliseconds), by stamp; ``extra`` filters narrow further.

    A row may come twice at a seam; none is left out, however many share a stamp and whatever is edited meanwhile.
    """
    stamp = KINDS[shape.kind].stamp
    upper = [] if until is None else [_filter(stamp, "LTE", str(until))]
    total: int | None = None
    low = since
    shown_at_low: set[str] = set()
    while True:
        window = [_filter(stamp, "GTE", str(low)), *upper, *extra]
        rows, more, count = _page(api, shape, window, stamp)
        total = count if total is None else total
        fresh = [row for row in rows if not (str(row["id"]) in shown_at_low and _stamp(row, stamp) == low)]
        if not more:
            yield Found(fresh, _stamp(rows[-1], stamp) if rows else low, False, total)
            return
        last = _stamp(rows[-1], stamp)
        if last > low:
            shown_at_low = {str(row["id"]) for row in rows if _stamp(row, stamp) == last}
            low = last
            yield Found(fresh, low, True, total)
            continue
        yield Found(fresh, low, True, total)
        for group in _at_one_stamp(api, shape, [_filter(stamp, "EQ", str(low)), *extra]):
            yield Found(group, low, True, total)
        low, shown_at_low = low + 1, set()
        if until is not None and low > until:
            yield Found((), low - 1, False, total)
            return


def _at_one_stamp(api: Api, shape: Shape, window: Sequence[Json]) -> Iterator[Sequence[Json]]:
    """All rows of one stamp, by id. The next query asks for ids greater than the last one in HubSpot's own order,
    be that of numbers or of texts (crm.md 2.5), so none is skipped in either."""
    last: str | None = None
    while True:
        behind = [_filter("hs_object_id", "GT", last)] if last is not None else []
        rows, more, _ = _page(api, shape, [*window, *behind], "hs_object_id")
        if rows and str(rows[-1]["id"]) == last:
            raise Malformed("HubSpot's search leads in a circle: a row came again behind itself.")
        yield rows
        if not more:
            return
        last = str(rows[-1]["id"])


def _page(api: Api, shape: Shape, filters: Sequence[Json], order: str) -> tuple[list[Json], bool, int | None]:
    """The first rows of a query, whether more follow, how many there are. Empty pages that lead on are followed."""
    body: dict[str, Any] = {
        "filterGroups": [{"filters": list(filters)}],
        "sorts": [{"propertyName": order, "direction": "ASCENDING"}],
        "properties": list(shape.properties),
        "limit": PAGE,
    }
    for _ in range(_PATIENCE):
        answer = api.post(api.at("objects", f"/{shape.kind}/search"), body, kind="read", search=True)
        rows, after = results_of(answer), after_of(answer)
        if rows or after is None:
            total = answer.get("total")
            return rows, after is not None, total if isinstance(total, int) else None
        if after == body.get("after"):
            break
        body["after"] = after
    raise Malformed("HubSpot's search says again and again that there is more, and shows nothing.")


def matching(api: Api, shape: Shape, key: str, values: Sequence[str]) -> Iterator[Json]:
    """Rows whose property is one of ``values``, as far as the index knows them. One call per 100 values and page."""
    for start in range(0, len(values), 100):
        filters = [{"propertyName": key, "operator": "IN", "values": list(values[start : start + 100])}]
        last: str | None = None
        while True:
            behind = [_filter("hs_object_id", "GT", last)] if last is not None else []
            rows, more, _ = _page(api, shape, [*filters, *behind], "hs_object_id")
            yield from rows
            if not more:
                break
            last = str(rows[-1]["id"])


def _filter(name: str, operator: str, value: str) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": value}


def _stamp(row: Json, name: str) -> int:
    at = instant((row.get("properties") or {}).get(name) or row.get("updatedAt"))
    if at is None:
        raise Malformed(f"HubSpot's search shows a row without {name}.")
    return ticks(at)
