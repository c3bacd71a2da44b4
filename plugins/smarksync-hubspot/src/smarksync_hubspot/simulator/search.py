"""Search: an index that lags, filters, one order, offsets up to a cap (crm.md 2.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from smarksync.simulator import Answer, Request, route

from .records import Records
from .store import Row
from .values import error, refuse

_OPERATORS = {
    "BETWEEN", "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN",
    "NOT_CONTAINS_TOKEN",
}  # fmt: skip
_KEYS = {"filterGroups", "sorts", "properties", "limit", "after", "query"}
Properties = Mapping[str, str | None]


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
        test = self._test(kind, body.get("filterGroups") or [])
        found: list[tuple[Row, Properties]] = [pair for pair in self.store.indexed(kind) if test(pair[1])]
        self._sort(kind, found, body.get("sorts") or [])
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
            return _ticks
        if name == "hs_object_id" and self.quirks.lexicographic_ids:
            return str
        if shape == "number":
            return _number
        return str.lower


@lru_cache(maxsize=1 << 18)
def _ticks(text: str) -> int:
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        at = datetime.fromisoformat(text)
        return round((at.replace(tzinfo=UTC) if at.tzinfo is None else at).timestamp() * 1000)
    except ValueError:
        raise refuse(error(400, f"{text} is no time")) from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise refuse(error(400, f"{text} is no number")) from None
