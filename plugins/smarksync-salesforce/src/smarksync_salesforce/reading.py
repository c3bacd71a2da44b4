"""Reading what changed: ordered by ``SystemModstamp, Id``, from a little before where the last reading ended.

More rows than a page share one second as soon as anybody loads data, so the place is the pair. A reading that broke
off goes on behind its last row, unless that row is so near its end that rows with an earlier stamp may have been
committed since (vendors/crm.md 1.6, "Lag"): then it looks back, too.

A large first reading is a Bulk API 2.0 job; its pages are remembered by job and locator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from smarksync.kit.pages import position
from smarksync.plugin import Can, Cursor, Malformed, Page, Record

from .bulk import BulkReader, JobGone, JobRefused
from .client import Api, LocatorGone, Row
from .leaving import Seen, columns, has_left
from .person_accounts import where
from .rows import Shape
from .soql import Place, behind, moment, one_of, select
from .streams import BY_NAME, LOOK_BACK, NOT_IN_BULK

_VERSION = 1
#: how often a reading begins again because its locator was forgotten
_PATIENCE = 20


class _WorthAJob(Exception):
    """The first answer of a reading says that there are too many rows for queries."""


class Reader:
    """One reading of one stream."""

    def __init__(
        self, api: Api, shape: Shape, now: datetime, until: datetime | None, bulk_above: int, seen: dict[str, Seen]
    ) -> None:
        self._api, self._shape, self._seen = api, shape, seen
        # rows that are edited while we read get a later stamp and are left to the next reading
        self._until = min(until, now) if until is not None else now
        self._asked = until
        self._bulk_above = bulk_above
        self._may_be_a_job = shape.stream not in NOT_IN_BULK and not shape.has_roles
        #: from when on changes are shown that leave no stamp on the row; None: all rows are read, as they are now
        self._since: datetime | None = None
        #: rows that left, by id, when they are asked for, too
        self._left: dict[str, Row] | None = None

    def pages(self, cursor: Cursor | None) -> Iterator[Page]:
        """Every page from the cursor on."""
        start = position(cursor, _VERSION)
        if "job" in start:
            try:
                yield from self._bulk(BulkReader.resume(self._api, start))
                return
            except JobGone:
                start = {}
        try:
            yield from self._ordered(start)
        except _WorthAJob:
            soql = select(self._shape.columns, self._shape.stream, self._where(None))
            try:
                reader = BulkReader.start(self._api, soql)
            except JobRefused:
                self._may_be_a_job = False
                yield from self._ordered(start)
            else:
                yield from self._bulk(reader)

    # ---- by query
    def _ordered(self, start: Mapping[str, Any]) -> Iterator[Page]:
        place = _place(start)
        self._since = _since(start)
        reached = place.at if place is not None else None
        stream, asked = self._shape.stream, list(self._shape.columns)
        if place is not None and "id" not in start and self._tells_what_left():
            self._left, begin = {}, place.at
            asked = list(dict.fromkeys([*asked, *columns(self._shape.schema, stream)]))
        for _ in range(_PATIENCE):
            soql = select(asked, stream, self._where(place), order=True)
            try:
                for rows, more, total in self._api.query(soql, everything=self._with_deleted()):
                    if place is None and total > self._bulk_above and self._may_be_a_job:
                        raise _WorthAJob
                    records = [self._shape.record(row, self._until) for row in self._still_there(rows)]
                    place, reached = self._behind(records, place, reached)
                    if not more:
                        break
                    yield Page(records, self._resume_at(place), True, total)
                else:
                    records = []
                extra = self._with_changed_roles()
                if extra:
                    yield Page(records, self._resume_at(place), True)
                    records = extra
                if self._left is not None:
                    self._seen[stream] = Seen(begin, self._until, self._asked, list(self._left.values()))
                yield Page(records, {"v": _VERSION, "at": self._until.isoformat()}, False)
                return
            except LocatorGone:
                place = _place(self._resume_at(place))
        raise _circle(stream)

    def _behind(
        self, records: Sequence[Record], place: Place | None, reached: datetime | None
    ) -> tuple[Place | None, datetime | None]:
        """The last row whose stamp is no later than the reading's end: one edited meanwhile says nothing of the order."""
        for record in reversed(records):
            at = record.changed_at
            if at is not None and at <= self._until and (reached is None or at >= reached):
                return Place(at, record.id), at
        return place, reached

    def _resume_at(self, place: Place | None) -> Cursor:
        if place is None:
            return {"v": _VERSION}
        late = self._until - LOOK_BACK
        place = place if place.at < late else Place(late, "")
        since = self._since or self._until - LOOK_BACK  # a first reading shows what was so when it began
        return {"v": _VERSION, "at": place.at.isoformat(), "id": place.id or "0", "since": since.isoformat()}

    def _where(self, place: Place | None) -> list[str | None]:
        found: list[str | None] = []
        if self._left is None or self._shape.stream != "Lead":  # converted leads are among those that left
            found.append(where(self._shape.schema, self._shape.stream))
        if place is not None:
            later = behind(place)
            if self._shape.stream == "Event" and self._since is not None:
                # an event's result changes as time passes, without an edit
                later += f" OR (EndDateTime >= {moment(self._since)} AND EndDateTime <= {moment(self._until)})"
            found.append(later)
        found.append(f"SystemModstamp <= {moment(self._until)}")
        return found

    def _with_deleted(self) -> bool:
        """Members taken out of a campaign are shown as removed; in a first reading they are no news."""
        return self._left is not None or (self._shape.stream == "CampaignMember" and self._since is not None)

    def _tells_what_left(self) -> bool:
        """Where departures are told at all; a query for everything would show contact roles that were taken away, too."""
        return Can.GONE in BY_NAME[self._shape.stream].can and not self._shape.has_roles

    def _still_there(self, rows: Sequence[Row]) -> Iterator[Row]:
        """The rows that take part; those that left are kept for :func:`leaving.gone`."""
        for row in rows:
            if self._left is not None and has_left(row):
                self._left[str(row["Id"])] = row
            else:
                if self._left is not None:
                    self._left.pop(str(row["Id"]), None)  # it came back while a query was asked anew
                yield row

    def _with_changed_roles(self) -> list[Record]:
        """Opportunities whose contact roles came or went: that does not touch the opportunity's own stamp."""
        if not self._shape.has_roles or self._since is None:
            return []
        soql = select(("OpportunityId",), "OpportunityContactRole", [behind(Place(self._since, ""))])
        ids = sorted({row["OpportunityId"] for row in self._api.rows(soql, everything=True, kind="read")})
        found: list[Record] = []
        for condition in one_of("Id", ids):
            query = select(self._shape.columns, self._shape.stream, [condition])
            found += [self._shape.record(row, self._until) for row in self._api.rows(query, kind="read")]
        return found

    # ---- by job
    def _bulk(self, reader: BulkReader) -> Iterator[Page]:
        kinds = {name: str(one["type"]) for name, one in self._shape.schema.raw(self._shape.stream).items()}
        for rows, cursor, more in reader.pages(kinds):
            records = [self._shape.record(row, self._until) for row in rows]
            until = cursor.get("until") or self._until.isoformat()
            if more:
                yield Page(records, {"v": _VERSION, **cursor, "until": until}, True)
            else:
                yield Page(records, {"v": _VERSION, "at": until}, False)


def _place(start: Mapping[str, Any]) -> Place | None:
    """Where to begin: behind a row (a reading goes on), or a look back before the end of the last one."""
    if "at" not in start:
        return None
    at = datetime.fromisoformat(start["at"]).astimezone(UTC)
    if start.get("id"):
        return Place(at, "" if start["id"] == "0" else str(start["id"]))
    return Place(at - LOOK_BACK, "")


def _since(start: Mapping[str, Any]) -> datetime | None:
    """Where the whole reading began: a reading that goes on keeps the beginning of the one that broke off."""
    if "since" in start:
        return datetime.fromisoformat(start["since"]).astimezone(UTC)
    return datetime.fromisoformat(start["at"]).astimezone(UTC) - LOOK_BACK if "at" in start else None


def _circle(stream: str) -> Malformed:
    return Malformed(f"Salesforce forgets the rest of every query for {stream} before it can be asked for.")
