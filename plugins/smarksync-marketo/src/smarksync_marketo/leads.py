"""Leads: read in full or by what changed, told when gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from smarksync.kit.pages import position
from smarksync.plugin import Cursor, FieldInfo, FieldType, Gone, GonePages, Page

from . import bulk
from .changes import Types, changed_leads, deleted_since, merges_since
from .client import Api, instant
from .feeds import Marks, first_marks, moved, start
from .fields import leads_by
from .load import Extent, by_ids, extent
from .settings import MarketoSettings

#: The version of our cursors.
V = 1


class Leads:
    """The reading side of the stream ``leads``."""

    def __init__(
        self, api: Api, settings: MarketoSettings, types: Types, infos: Callable[[], Mapping[str, FieldInfo]]
    ) -> None:
        self._api = api
        self._settings = settings
        self._types = types
        self._infos = infos
        self._look_back = timedelta(minutes=settings.look_back_minutes)
        #: merges that this session's read told on its way: (token it began with, merges, bookmarks behind them)
        self._told: tuple[str, list[Gone], Marks] | None = None
        self._fresh: Marks | None = None

    def read(self, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]) -> Iterator[Page]:
        """Every lead, or those that changed since the cursor."""
        end = until or self._api.now()
        place = position(cursor, V)
        if "changes" in place:
            yield from self._read_changes(place, end, fields)
            return
        if "load" not in place:
            # the bookmark comes first: what changes while we load is told by the next run
            self._fresh = first_marks(self._api, end - self._look_back)
            place = {"v": V, "marks": self._fresh, "until": end.isoformat(), "load": self._plan(end)}
        yield from self._load(place, fields)

    # --- the first load ---------------------------------------------------------------------------------

    def _plan(self, end: datetime) -> dict[str, Any]:
        """By id or by bulk extract, whichever is asked for or cheaper."""
        there = extent(self._api, end)
        plan: dict[str, Any] = {"next": there.low, "high": there.high}
        if not there.high or self._settings.bulk == "never":
            return plan
        if self._settings.bulk == "auto" and there.leads < self._settings.bulk_from:
            return plan
        first = self._first_created(there)
        if first is None:
            return plan
        jobs = len(bulk.windows(first, end))
        if bulk.worth(self._settings, there.leads, jobs):
            plan["bulk"] = [first.isoformat(), end.isoformat()]
        return plan

    def _first_created(self, there: Extent) -> datetime | None:
        """When the first lead came; ids and creation go together, but a day more costs nothing."""
        at = there.low
        while at <= there.high:
            rows = leads_by(self._api, "id", [str(n) for n in range(at, at + 300)], (), kind="schema")
            times = [made for row in rows if (made := instant(row.get("createdAt")))]
            if times:
                return min([*times, there.earliest or times[0]]) - timedelta(days=1)
            at += 300
        return None

    def _load(self, place: Cursor, fields: Sequence[str]) -> Iterator[Page]:
        plan = dict(place["load"])
        until = datetime.fromisoformat(place["until"])
        done = {"v": V, "changes": place["marks"], "others": place["marks"]}
        if not plan["high"]:
            yield Page([], done, False)
            return
        if "bulk" in plan:
            first, last = (datetime.fromisoformat(text) for text in plan["bulk"])
            try:
                for records, reached, more in bulk.by_bulk(self._api, self._infos(), fields, first, last):
                    plan = {**plan, "bulk": [reached.isoformat(), last.isoformat()]}
                    yield Page(records, {**place, "load": plan} if more else done, more)
                return
            except bulk.NoBulk as why:
                self._api.log.warning("marketo.no_bulk", reason=str(why))
                del plan["bulk"]
        for records, following, more in by_ids(self._api, fields, plan["next"], plan["high"], until):
            here = {**place, "load": {"next": following, "high": plan["high"]}}
            yield Page(records, here if more else done, more)

    # --- what changed -----------------------------------------------------------------------------------

    def _read_changes(self, place: Cursor, end: datetime, fields: Sequence[str]) -> Iterator[Page]:
        began = start(place["changes"], end, self._look_back), start(place["others"], end, self._look_back)
        infos = self._infos()
        scores = any(name in infos and infos[name].type is FieldType.INT for name in fields if name != "id")
        merges: list[Gone] = []
        for records, (changes, others), more, told in changed_leads(self._api, self._types, fields, began, end, scores):
            merges += told
            if more:
                # half a feed is no bookmark for a look back, only a place to go on from
                yield Page(records, {**place, "changes": [[_LONG_AGO, changes]], "others": [[_LONG_AGO, others]]}, True)
                continue
            others_marks = moved(place["others"], end, self._look_back, others)
            changes_marks = moved(place["changes"], end, self._look_back, changes)
            self._told = (began[1], merges, others_marks)
            yield Page(records, {"v": V, "changes": changes_marks, "others": others_marks}, False)

    # --- what left --------------------------------------------------------------------------------------

    def gone(self, cursor: Cursor | None, until: datetime | None) -> GonePages:
        """Merged leads, then deleted ones. Merges are not asked for again where this run's read told them."""
        end = until or self._api.now()
        place = position(cursor, V)
        if "deleted" not in place:
            marks = self._fresh or first_marks(self._api, end - _FIRST_LOOK)
            place = {"v": V, "deleted": marks, "merged": marks}
            if self._fresh is not None:  # nobody knows yet what was there before
                yield (), place
                return
        merged_marks, deleted_marks = place["merged"], place["deleted"]
        followed: set[str] = set()  # the deleted ones may be told as merged, too
        began = start(merged_marks, end, self._look_back)
        if self._told is not None and self._told[0] == began:
            merged_marks = self._told[2]
            followed.update(gone.id for gone in self._told[1])
            yield tuple(self._told[1]), {**place, "merged": merged_marks}
        else:
            token = began
            for merges, following in merges_since(self._api, self._types, began, end):
                token = following
                followed.update(gone.id for gone in merges)
                yield tuple(merges), place
            # the read's own bookmarks, when it has got as far: from then on both go together again
            merged_marks = self._told[2] if self._told else moved(merged_marks, end, self._look_back, token)
            yield (), {**place, "merged": merged_marks}
        token = start(deleted_marks, end, self._look_back)
        for deletes, behind in deleted_since(self._api, token, end):
            token = behind
            yield tuple(gone for gone in deletes if gone.id not in followed), {**place, "merged": merged_marks}
        yield (), {"v": V, "merged": merged_marks, "deleted": moved(deleted_marks, end, self._look_back, token)}


#: how far the first look goes back where an earlier run may have read leads, and died before it asked what left
_FIRST_LOOK = timedelta(days=7)
_LONG_AGO = "1970-01-01T00:00:00+00:00"
