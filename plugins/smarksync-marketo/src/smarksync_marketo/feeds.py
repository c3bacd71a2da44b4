"""Activity feeds: what happened since a bookmark. Facts: docs (rest/activities, rest/paging-tokens).

* A feed goes by paging tokens. Each answer carries one, the last, too: it is the bookmark for the next run. A page may
  hold fewer than 300 rows, or none, while ``moreResult`` is true.
* Activities turn up late: what a mail server or a batch campaign tells of 10:00 may be visible at 10:04 only, behind
  the bookmark. So a run does not begin at its last bookmark but at the newest one that is ``look_back`` old. Bookmarks
  are kept for that: it costs no call, only some rows read twice.
* Nothing later than ``until`` is delivered, and the bookmark stays before the first page that shows such a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .client import PAGE, Api, Row, instant, stamp

#: ``[[time, token], …]``, oldest first: everything up to that time was delivered before that token.
Marks = Sequence[Sequence[str]]
#: Runs every few seconds would otherwise pile bookmarks up.
_MOST = 12


class Seen(NamedTuple):
    """A page of a feed: its rows, the token behind them, and whether there is more to come."""

    rows: list[Row]
    token: str
    more: bool


def token_for(api: Api, since: datetime) -> str:
    """A token that begins at that time."""
    body = api.get("/rest/v1/activities/pagingtoken.json", {"sinceDatetime": stamp(since)}, kind="schema")
    return str(body["nextPageToken"])


def first_marks(api: Api, since: datetime) -> Marks:
    """Bookmarks for a feed that begins at that time."""
    return [[since.isoformat(), token_for(api, since)]]


def start(marks: Marks, until: datetime, look_back: timedelta) -> str:
    """The token to begin with: of the newest bookmark that is ``look_back`` old, or of the oldest there is."""
    return _kept(marks, until, look_back)[0][1]


def moved(marks: Marks, until: datetime, look_back: timedelta, token: str) -> Marks:
    """The bookmarks after a read up to ``until``; those that no later read can begin with are dropped."""
    kept = [mark for mark in _kept(marks, until, look_back) if mark[1] != token]
    if len(kept) > _MOST:
        kept = [kept[0], *kept[2:]]
    return [*kept, [until.isoformat(), token]]


def _kept(marks: Marks, until: datetime, look_back: timedelta) -> list[Sequence[str]]:
    old = [place for place, (at, _) in enumerate(marks) if datetime.fromisoformat(at) <= until - look_back]
    return list(marks[old[-1] :] if old else marks)


def feed(api: Api, path: str, params: Mapping[str, Any], token: str, until: datetime | None) -> Iterator[Seen]:
    """The pages of a feed from a token on, up to ``until``."""
    before = token
    for rows, following, more in api.pages(path, {**params, "batchSize": PAGE}, token=token):
        if until is not None:
            inside = [row for row in rows if (at := instant(row.get("activityDate"))) is None or at <= until]
            if len(inside) < len(rows):
                yield Seen(inside, before, False)
                return
        before = following or before
        yield Seen(rows, before, more)


def attributes(row: Row) -> dict[str, Any]:
    """The attributes of an activity by name; empty ones are not among them."""
    return {str(entry.get("name")): entry.get("value") for entry in row.get("attributes") or ()}


def key(row: Row) -> str:
    """What names an activity: the GUID, which replaces the number (docs, rest/activities)."""
    return str(row.get("marketoGUID") or row["id"])
