"""Search: an index that lags, filters, one order, offsets up to a cap (crm.md 2.5)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smarksync.simulator import Answer, Request, route

from .records import Records
from .schema import STAMP
from .store import Row
from .values import error, refuse, ticks

_OPERATORS = {
    "BETWEEN", "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN",
    "NOT_CONTAINS_TOKEN",
}  # fmt: skip
_KEYS = {"filterGroups", "sorts", "properties", "limit", "after", "query"}
Properties = Mapping[str, str | None]
#: where a filter on the stamp begins and ends in a list of stamps
_BOUNDS: Mapping[str, tuple[Callable[[list[int], int], int] | None, Callable[[list[int], int], int] | None]] = {
    "GTE": (bisect_left, None),
    "GT": (bisect_right, None),
    "LTE": (None, bisect_right),
    "LT": (None, bisect_left),
    "EQ": (bisect_left, bisect_right),
}


class Search(Records):
    """The search route."""

    _searches = 0

    @route("POST", "/crm/v3/objects/{kind}/search", query=(), write=False)
    def search_records(self, request: Request) -> Answer:
        """Matching rows as the index shows them."""
        kind, body = self.kind(request), request.json()
        if not isinstance(body, dict) or body.keys() - _KEYS:
            return error(400, f"Invalid input JSON: unknown fields {sorted(set(body) - _KEYS)}")
        limit = self._limit(str(body.get("limit", 10)), 200)
        after = str(body.get("after") or "0")
        if not after.isdigit() or int(after) > 100_000_000:  # a token of the list endpoint
            return error(400, f'Cannot deserialize value of type `int` from String "{after}"')
        start = int(after)
        if start + limit > self.quirks.search_cap and start >= self.quirks.search_cap:
            return error(400, f"The `after` parameter must be less than {self.quirks.search_cap}")
        groups, sorts = body.get("filterGroups") or [], body.get("sorts") or []
        test = self._test(kind, groups)
        found = self._in_window(kind, groups, sorts)
        if found is None:
            found = [pair for pair in self.store.indexed(kind) if test(pair[1])]
            self._sort(kind, found, sorts)
        self._searches += 1
        length = limit
        if self.quirks.empty_pages and self._searches % self.quirks.empty_pages == 0 and start + limit < len(found):
            length = 0
        page = found[start : min(start + length, self.quirks.search_cap)]
        wanted = self._wanted(kind, body.get("properties") or ())
        results = [self._shown(kind, row, wanted, (), (), shown) for row, shown in page]
        answer: dict[str, Any] = {"total": len(found), "results": results}
        if start + len(page) < len(found):
            # an empty page leads on, too, with the same rows behind it
            answer["paging"] = {"next": {"after": str(start + len(page)) if page else f"0{start}"}}
        return Answer(200, answer)

    def _in_window(
        self, kind: str, groups: Sequence[Mapping[str, Any]], sorts: Sequence[Any]
    ) -> list[tuple[Row, Properties]] | None:
        """The same for a window of stamps in their order, or of one stamp by id, without a look at every row there is:
        who reads an account page by page asks that of each page. None: the query is no such one."""
        stamp = STAMP[kind]
        sort = sorts[0] if len(sorts) == 1 and isinstance(sorts[0], dict) else {}
        if len(groups) != 1 or sort.get("direction") == "DESCENDING":
            return None
        filters = groups[0].get("filters") or []
        bounds = [one for one in filters if one.get("propertyName") == stamp and one.get("operator") in _BOUNDS]
        one_stamp = any(one["operator"] == "EQ" for one in bounds)
        if sort.get("propertyName") != stamp and not (one_stamp and sort.get("propertyName") == "hs_object_id"):
            return None
        stamps, rows = self.store.by_stamp(kind)
        low, high = 0, len(rows)
        for one in bounds:
            begin, end = _BOUNDS[one["operator"]]
            at = ticks(str(one.get("value")))
            low = max(low, begin(stamps, at)) if begin else low
            high = min(high, end(stamps, at)) if end else high
        rest = [one for one in filters if one not in bounds]
        test = self._test(kind, [{"filters": rest}]) if rest else None
        found: list[tuple[Row, Properties]] = [pair for pair in rows[low:high] if test is None or test(pair[1])]
        if sort["propertyName"] != stamp:
            self._sort(kind, found, sorts)
        return found

    def _test(self, kind: str, groups: Sequence[Mapping[str, Any]]) -> Callable[[Properties], bool]:
        if len(groups) > 5 or any(len(g.get("filters") or ()) > 6 for g in groups):
            raise refuse(error(400, "too many filters: at most 5 groups of 6"))
        built = [[self._filter(kind, one) for one in group.get("filters") or ()] for group in groups]
        if not built:
            return lambda shown: True
        return lambda shown: any(all(one(shown) for one in group) for group in built)

    def _filter(self, kind: str, one: Mapping[str, Any]) -> Callable[[Properties], bool]:
        name, operator = str(one.get("propertyName")), str(one.get("operator"))
        definition = self.store.properties[kind].get(name)
        if definition is None or operator not in _OPERATORS:
            raise refuse(error(400, f"There was a problem with the request: {name} {operator} is no filter"))
        order = self._order(name, str(definition["type"]))
        value = order(str(one.get("value"))) if one.get("value") is not None else None
        many = {order(str(v)) for v in one.get("values") or ()}
        high = order(str(one.get("highValue"))) if one.get("highValue") is not None else None

        def test(shown: Properties) -> bool:
            raw = shown.get(name)
            if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
                return (raw is not None) == (operator == "HAS_PROPERTY")
            if raw is None:
                return operator in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN")
            have = order(raw)
            match operator:
                case "EQ":
                    return bool(have == value)
                case "NEQ":
                    return bool(have != value)
                case "IN":
                    return have in many
                case "NOT_IN":
                    return have not in many
                case "LT":
                    return bool(have < value)
                case "LTE":
                    return bool(have <= value)
                case "GT":
                    return bool(have > value)
                case "GTE":
                    return bool(have >= value)
                case "BETWEEN":
                    return bool(value <= have <= high)
                case _:
                    return (str(value) in str(have)) == (operator == "CONTAINS_TOKEN")

        return test

    def _sort(self, kind: str, found: list[tuple[Row, Properties]], sorts: Sequence[Any]) -> None:
        if len(sorts) > 1:
            raise refuse(error(400, "only one sort is allowed"))
        if not sorts:
            return
        one = sorts[0] if isinstance(sorts[0], dict) else {"propertyName": str(sorts[0])}
        name = str(one.get("propertyName"))
        definition = self.store.properties[kind].get(name)
        if definition is None:
            raise refuse(error(400, f"{name} is no property to sort by"))
        order = self._order(name, str(definition["type"]))
        down = one.get("direction") == "DESCENDING"
        found.sort(key=lambda pair: (pair[1].get(name) is not None, order(pair[1].get(name) or "0")), reverse=down)

    def _order(self, name: str, shape: str) -> Callable[[str], Any]:
        if shape == "datetime":
            return ticks
        if name == "hs_object_id" and self.quirks.lexicographic_ids:
            return str
        if shape == "number":
            return _number
        return str.lower


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise refuse(error(400, f"{text} is no number")) from None
