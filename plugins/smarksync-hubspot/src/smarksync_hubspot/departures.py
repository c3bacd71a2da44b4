"""What left: archived rows and merges.

Archived rows are listed whole, without a filter by time (crm.md 2.6): one call per hundred of the last 90 days.
Merges leave no such trace: the winner, which may have an id of its own that nobody has seen yet, names those that
went into it. It was edited by the merge, so the read that comes first shows it; only what no read of this run
covers (a run that was killed) is asked for again.

Whether those that were merged away stand in the archive, too, is nowhere documented, and the archive may be ahead of
the search that shows their winner. So rows that are new in it are read by their ids before they are called deleted: the
id of a merged row shows who remains (community.hubspot.com, "Question about using batch read API", 2025).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from smarksync.kit.pages import TokenPages
from smarksync.plugin import Cursor, Gone, GoneKind, GonePages

from . import changes, listing
from .client import Api, Json, after_of, results_of
from .properties import Schema
from .rows import Shape, instant, ticks
from .streams import KINDS, OPT_OUT

_MERGED = "hs_merged_object_ids"
_VIDS = "hs_calculated_merged_vids"
#: what is read of archived rows
_TOLD = f"hs_object_id,{_MERGED},{_VIDS},{OPT_OUT}"
_PAGE = 100
#: how far a look at the archive goes back behind the last one
_OVERLAP = timedelta(minutes=10)
#: so many that left lately are remembered, and not told again within that time
_REMEMBERED = 5000


class Merges:
    """What the reads of one run showed of merges, per object, and from which moment on they looked. Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, dict[str, Gone]] = {}
        self._since: dict[str, datetime | None] = {}

    def looked(self, kind: str, since: datetime | None) -> None:
        """A read was complete, for rows changed from ``since`` on (None: all)."""
        with self._lock:
            self._since[kind] = since

    def note(self, kind: str, row: Json) -> None:
        """Takes note of what went into a row."""
        for gone in _merged_into(row):
            with self._lock:
                self._seen.setdefault(kind, {})[gone.id] = gone

    def since(self, kind: str, mark: datetime | None) -> list[Gone] | None:
        """Merges since ``mark``, or None when no read of this run covers that time."""
        with self._lock:
            if kind not in self._since:
                return None
            since = self._since[kind]
            if since is not None and (mark is None or since > mark):
                return None
            return list(self._seen.get(kind, {}).values())


def gone(
    api: Api, schema: Schema, merges: Merges, kind: str, cursor: Cursor | None, until: datetime | None, lag: timedelta
) -> GonePages:
    """Archived rows page by page, then merges; the cursor moves when all was seen."""
    mark, told = _mark(cursor), _told(cursor)
    high = until or api.http.server_time() or datetime.now(UTC)
    keep: Cursor = {**cursor} if cursor and mark else {"v": 1}
    lately = {rid: at for rid, at in told.items() if at >= high - _OVERLAP}
    merged: dict[str, Gone] = {}
    if KINDS[kind].merges:
        known = merges.since(kind, mark)
        found = _merges(api, schema, kind, mark, until, lag) if known is None else known
        found = [one for one in found if mark is None or one.at is None or one.at >= mark - _OVERLAP]
        merged = {one.id: one for one in found if one.id not in told}
        _remember(lately, merged.values(), high)
    said: dict[str, dict[str, str]] = {}  # what the archive shows of consent, by id
    for group in _archived(api, kind):
        said.update((str(row["id"]), no) for row in group if (no := _said_no(row)))
        new = [
            (row, at)
            for row in group
            if (at := instant(row.get("archivedAt"))) is not None
            and (mark is None or at >= mark - _OVERLAP)
            and (until is None or at <= until)
            and not any(str(row["id"]) in known and known[str(row["id"])] >= at for known in (lately, told))
        ]
        left = [Gone(str(row["id"]), at=at, shows=said.get(str(row["id"]))) for row, at in new]
        if left and KINDS[kind].merges:
            left = _followed(api, schema, kind, left)
            # somebody who remained of a merge, and was deleted before anybody looked, names here alone what went into them
            deleted = {one.id for one in left if one.into is None}
            names = [(one, at) for row, at in new if str(row["id"]) in deleted for one in _merged_into(row)]
            for one, at in names:
                merged.setdefault(one.id, one._replace(at=one.at or at - timedelta(milliseconds=1)))
        _remember(lately, left, high)
        yield tuple(one for one in left if one.id not in merged), keep
    _remember(lately, merged.values(), high)
    yield tuple(one._replace(shows=said.get(one.id)) for one in merged.values()), keep
    remembered = {rid: at.isoformat() for rid, at in lately.items()}
    yield (), {"v": 1, "at": high.isoformat(), **({"told": remembered} if remembered else {})}


def _remember(lately: dict[str, datetime], told: Iterable[Gone], high: datetime) -> None:
    """Takes note of those whom the next look would tell again: deleted ones with their time, for they may be restored and
    deleted once more; merged ones, who do not come back, with the time of this look."""
    for one in told:
        if len(lately) < _REMEMBERED and (one.at is None or one.at >= high - _OVERLAP):
            lately[one.id] = one.at if one.at and one.kind is GoneKind.DELETED else high


def _followed(api: Api, schema: Schema, kind: str, left: Sequence[Gone]) -> list[Gone]:
    """The same, those that were merged away with who remains."""
    rows = listing.batch(api, kind, [one.id for one in left], Shape(kind, (), schema).properties)
    into = {one.id: one.into for row in rows for one in _merged_into(row)}
    return [one._replace(kind=GoneKind.MERGED, into=into[one.id]) if one.id in into else one for one in left]


def _said_no(row: Json) -> dict[str, str] | None:
    """What the archive still says of consent, when that is no."""
    properties = row.get("properties") or {}
    return {OPT_OUT: "true"} if properties.get(OPT_OUT) == "true" else None


def _archived(api: Api, kind: str) -> Iterator[list[Json]]:
    turn = TokenPages("after")
    while turn.more:
        params = {"limit": _PAGE, "archived": "true", "properties": _TOLD, **turn.params}
        answer = api.get(api.at("objects", f"/{kind}"), params)
        turn.turn(after_of(answer))
        yield results_of(answer)


def _merges(
    api: Api, schema: Schema, kind: str, mark: datetime | None, until: datetime | None, lag: timedelta
) -> list[Gone]:
    shape = Shape(kind, (), schema)
    filters = [{"propertyName": _MERGED, "operator": "HAS_PROPERTY"}]
    since = ticks(mark - lag) if mark else 0
    rows = changes.pages(api, shape, since, ticks(until) if until else None, extra=filters)
    return [one for page in rows for row in page.rows for one in _merged_into(row)]


def _merged_into(row: Json) -> Iterator[Gone]:
    """``hs_merged_object_ids`` is "id;id"; contacts also tell when: "id:epoch_ms;…" (crm.md 2.6)."""
    properties = row.get("properties") or {}
    told = properties.get(_MERGED)
    if not told:
        return
    times: dict[str, datetime] = {}
    for part in str(properties.get(_VIDS) or "").split(";"):
        rid, _, at = part.strip().partition(":")
        if at.isdigit():
            times[rid] = datetime.fromtimestamp(int(at) / 1000, UTC)
    winner = str(row["id"])
    for rid in (part.strip() for part in str(told).split(";")):
        if rid and rid != winner:
            yield Gone(rid, GoneKind.MERGED, winner, at=times.get(rid))


def _told(cursor: Cursor | None) -> dict[str, datetime]:
    told = (cursor or {}).get("told") or {}
    return {str(rid): datetime.fromisoformat(at) for rid, at in told.items()}


def _mark(cursor: Cursor | None) -> datetime | None:
    return datetime.fromisoformat(cursor["at"]) if cursor and cursor.get("v") == 1 and "at" in cursor else None
