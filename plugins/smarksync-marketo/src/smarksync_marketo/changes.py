"""Leads that changed or left, from three feeds: data changes, score changes and merges, deletes.

* ``leadchanges`` tells new leads and changes of the fields that are asked for, old and new value, by whom.
* Scores move by "Change Score", which is an activity of its own and no data change; a merge changes the winner without
  a word in ``leadchanges``. One more feed brings both. (So an idle run takes three calls.)
* The types' ids differ by instance, so they are found by name.
* Merged leads vanish: "Merge Leads" on the winner names them; "Delete Lead" may name them, too. Merges are told first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from smarksync.kit.response import whole
from smarksync.plugin import OWN_USER, Gone, GoneKind, Past, Record

from .client import PAGE, Api, Row, instant, rows_of
from .feeds import Seen, attributes, feed
from .fields import ALWAYS, leads_by, record

#: Changes are gathered so far before their leads are fetched, 300 a call.
_GATHER = 10 * PAGE
#: How "Source" and "Reason" of a change name an act of the person (seen in the activity log of Marketo's own pages).
_OWN_ACT = re.compile(r"form|unsubscribe|subscription (center|page)|list-unsubscribe", re.IGNORECASE)
_NEW_LEAD = "new lead"
_SCORE = "change score"
_MERGE = "merge leads"
_DIGITS = re.compile(r"\d+")


class Types:
    """The instance's activity types, asked for once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, Row] | None = None

    def all(self) -> Mapping[str, Row]:
        """Every type by its name in lower case."""
        if self._known is None:
            rows = rows_of(self._api.get("/rest/v1/activities/types.json", kind="schema"))
            self._known = {str(row["name"]).strip().lower(): row for row in rows}
        return self._known

    def id_of(self, name: str) -> int | None:
        """The id of a type, None when the instance has none of that name."""
        row = self.all().get(name)
        return whole(row, "id") if row else None

    def by_id(self) -> Mapping[int, Row]:
        """Every type by its id."""
        return {whole(row, "id"): row for row in self.all().values()}


@dataclass
class Touched:
    """What a feed told of one lead: when last, by whom, and per field its values, newest first."""

    at: datetime | None = None
    by: str | None = None
    history: dict[str, list[Past]] = field(default_factory=dict)


def changed_leads(
    api: Api, types: Types, fields: Sequence[str], tokens: tuple[str, str], until: datetime, scores: bool
) -> Iterator[tuple[list[Record], tuple[str, str], bool, list[Gone]]]:
    """Records of the leads that changed, as (records, tokens of both feeds, more, merges told on the way)."""
    changes, others = tokens
    watched = ",".join(name for name in fields if name not in ALWAYS) or "email"
    for pages in _chunks(feed(api, "/rest/v1/activities/leadchanges.json", {"fields": watched}, changes, until)):
        changes = pages[-1].token
        yield _fetched(api, fields, _touched(api, pages)), (changes, others), True, []
    wanted = [types.id_of(_MERGE), types.id_of(_SCORE) if scores else None]
    ids = ",".join(str(number) for number in wanted if number is not None)
    if not ids:
        yield [], (changes, others), False, []
        return
    for pages in _chunks(feed(api, "/rest/v1/activities.json", {"activityTypeIds": ids}, others, until)):
        others = pages[-1].token
        rows = [row for page in pages for row in page.rows]
        merges = merged(types, rows)
        touched = _touched(api, pages)
        more = pages[-1].more
        yield _fetched(api, fields, touched), (changes, others), more, merges
        if not more:
            return
    yield [], (changes, others), False, []


def _chunks(pages: Iterable[Seen]) -> Iterator[list[Seen]]:
    """Pages in groups that hold enough leads for full calls."""
    group: list[Seen] = []
    for page in pages:
        group.append(page)
        if not page.more or sum(len(p.rows) for p in group) >= _GATHER or len(group) >= 50:
            yield group
            group = []
    if group:
        yield group


def _touched(api: Api, pages: Sequence[Seen]) -> dict[int, Touched]:
    found: dict[int, Touched] = {}
    rows = (row for page in pages for row in page.rows)
    for row in sorted(rows, key=lambda row: instant(row.get("activityDate")) or _NEVER):
        touched = found.setdefault(whole(row, "leadId"), Touched())
        told = attributes(row)
        at, by = instant(row.get("activityDate")), _author(api, told)
        touched.at, touched.by = at or touched.at, by
        own = _is_own_act(told)
        for change in row.get("fields") or ():
            if at is not None and change.get("name"):
                past = Past(change.get("newValue"), at, by, own_act=own)
                touched.history.setdefault(str(change["name"]), []).insert(0, past)
    return found


def _author(api: Api, told: Mapping[str, Any]) -> str | None:
    """Who made a change: our own API user, where the activity names its user; else what its source is called."""
    user = told.get("Modifying User") or told.get("User")
    if isinstance(user, str) and user:
        return OWN_USER if api.auth.user and user.casefold() == api.auth.user.casefold() else "user"
    source = told.get("Source")
    return str(source) if source and source != "Web service API" else None


def _is_own_act(told: Mapping[str, Any]) -> bool:
    return any(_OWN_ACT.search(str(told.get(name) or "")) for name in ("Source", "Reason"))


def _fetched(api: Api, fields: Sequence[str], touched: Mapping[int, Touched]) -> list[Record]:
    """The leads as they are now, with what the feeds say of them. Those that are gone are not among them."""
    found = []
    ids = sorted(touched)
    for start in range(0, len(ids), PAGE):
        part = [str(number) for number in ids[start : start + PAGE]]
        for row in leads_by(api, "id", part, fields, kind="read"):
            shown = record(row, fields)
            news = touched.get(whole(row, "id"), Touched())
            # `updatedAt` speaks of standard fields only (docs, rest/bulk-lead-extract)
            times = [at for at in (shown.changed_at, news.at) if at is not None]
            found.append(
                shown._replace(
                    changed_at=max(times, default=None),
                    changed_by=news.by if news.by == OWN_USER else None,
                    history=_consistent(shown, news.history) or None,
                )
            )
    return found


def _consistent(shown: Record, history: Mapping[str, Sequence[Past]]) -> dict[str, Sequence[Past]]:
    """Histories that end in what the lead shows; feeds tell values as text."""
    return {
        name: tuple(
            past._replace(value=shown.fields[name] if place == 0 else past.value) for place, past in enumerate(pasts)
        )
        for name, pasts in history.items()
        if name in shown.fields and _same(pasts[0].value, shown.fields[name])
    }


def _same(told: Any, shown: Any) -> bool:
    def plain(value: Any) -> str:
        if value is None:
            return ""
        return str(value).strip().lower() if not isinstance(value, bool) else ("true" if value else "false")

    return plain(told) == plain(shown) or (plain(told), plain(shown)) in (("1", "true"), ("0", "false"), ("", "false"))


def merged(types: Types, rows: Iterable[Row]) -> list[Gone]:
    """Who was merged into whom, by the "Merge Leads" activities among the rows."""
    number = types.id_of(_MERGE)
    found = []
    for row in rows:
        if row.get("activityTypeId") != number:
            continue
        winner = str(row["leadId"])
        told = attributes(row)
        losers: list[str] = []
        for name, value in told.items():
            if "merge" in name.lower() and "id" in name.lower():
                losers += _DIGITS.findall(str(value))
        if not losers and row.get("primaryAttributeValueId") and str(row["primaryAttributeValueId"]) != winner:
            losers = [str(row["primaryAttributeValueId"])]
        found += [
            Gone(loser, GoneKind.MERGED, winner, at=instant(row.get("activityDate")))
            for loser in dict.fromkeys(losers)
            if loser != winner
        ]
    return found


def merges_since(api: Api, types: Types, token: str, until: datetime | None) -> Iterator[tuple[list[Gone], str]]:
    """Merges from a token on, as (merges, token behind them)."""
    number = types.id_of(_MERGE)
    if number is None:
        yield [], token
        return
    for page in feed(api, "/rest/v1/activities.json", {"activityTypeIds": str(number)}, token, until):
        yield merged(types, page.rows), page.token


def deleted_since(api: Api, token: str, until: datetime | None) -> Iterator[tuple[list[Gone], str]]:
    """Deleted leads from a token on, as (deletes, token behind them)."""
    for page in feed(api, "/rest/v1/activities/deletedleads.json", {}, token, until):
        yield [Gone(str(row["leadId"]), at=instant(row.get("activityDate"))) for row in page.rows], page.token


_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
