"""Reading everything: the list endpoint, which shows the rows themselves and no lagging index.

It cannot be narrowed by time and its order is its own, so the next read looks at everything changed since this one
began. A run that was killed goes on behind the last page that was stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from smarksync.kit.pages import TokenPages

from .client import Api, Json, after_of, body_of, results_of
from .rows import Shape

PAGE = 100  # crm.md 2.5
#: longer queries than that are answered with 414 (crm.md 2.5): then ids are listed and rows read in batches
_LONGEST = 6000
#: what a token of another call (search) or age is answered with (crm.md 2.5)
_NO_CURSOR = "Cannot deserialize"


class Listed:
    """A page: its rows and the token behind it, None at the end."""

    def __init__(self, rows: Sequence[Json], after: str | None) -> None:
        self.rows = rows
        self.after = after


def pages(api: Api, shape: Shape, *, after: str | None = None) -> Iterator[Listed]:
    """Every row of an object, from ``after`` on; from the first when HubSpot does not know that token any more."""
    turn = TokenPages("after", after)
    long = sum(len(name) + 3 for name in shape.properties) > _LONGEST  # a comma is three characters in a query
    targets = sorted({link.to for link in shape.links.values()})
    while turn.more:
        params: dict[str, Any] = {"limit": PAGE, "archived": "false", **turn.params}
        params["properties"] = "hs_object_id" if long else ",".join(shape.properties)
        if targets:
            params["associations"] = ",".join(targets)
        answer = api.call("GET", api.at("objects", f"/{shape.kind}"), params=params, accept=(400, 414))
        if answer.status == 414 and not long:
            long = True
            continue
        body = body_of(answer)
        if answer.status >= 400:
            if turn.token is not None and _NO_CURSOR in str(body.get("message")):
                turn = TokenPages("after")
                continue
            raise_for(api, shape.kind, body)
        rows = results_of(body)
        if long and rows:
            rows = _whole(api, shape, rows)
        turn.turn(after_of(body))
        yield Listed(rows, turn.token if turn.more else None)


def _whole(api: Api, shape: Shape, rows: Sequence[Json]) -> list[Json]:
    """Rows that were listed without their properties, with them; what left meanwhile is told by `gone`."""
    read = {str(row["id"]): row for row in batch(api, shape.kind, [str(row["id"]) for row in rows], shape.properties)}
    return [{**read[str(row["id"])], "associations": row.get("associations")} for row in rows if str(row["id"]) in read]


def batch(
    api: Api,
    kind: str,
    ids: Sequence[str],
    properties: Sequence[str],
    *,
    key: str | None = None,
    history: Sequence[str] = (),
) -> Iterator[Json]:
    """Rows by id, or by a unique property (``email`` finds secondary addresses, too); missing ones are left out."""
    size = 50 if history else 100
    for start in range(0, len(ids), size):
        body: dict[str, Any] = {
            "properties": list(properties),
            "propertiesWithHistory": list(history),
            "inputs": [{"id": one} for one in ids[start : start + size]],
        }
        if key is not None:
            body["idProperty"] = key
        # missing ids make it a 207, which is no failure (crm.md 2.5)
        answer = api.call("POST", api.at("objects", f"/{kind}/batch/read"), json=body, kind="reread", accept=(400,))
        if answer.status == 400:
            raise_for(api, kind, body_of(answer))
        yield from results_of(body_of(answer))


def raise_for(api: Api, kind: str, body: Json) -> None:
    """A read that HubSpot refuses is a mapping that does not fit the account."""
    from smarksync.kit.resolve import modest
    from smarksync.plugin import Invalid

    words = modest(str(body.get("message") or "it does not say why"))
    raise Invalid(
        f"{api.http.connection or 'HubSpot'}: reading {kind} was refused: {words}",
        hint="Run `smarksync check`: a mapped property may be gone.",
    )
