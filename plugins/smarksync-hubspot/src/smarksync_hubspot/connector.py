"""HubSpot as a connector: what the engine talks to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from smarksync.model import Field
from smarksync.plugin import (
    CheckReport,
    Cursor,
    FieldInfo,
    GonePages,
    Invalid,
    Op,
    Page,
    PermissionDenied,
    Receipt,
    Record,
    Session,
    Write,
    WriteResult,
)

from . import changes, departures, events, links, listing, members, people
from .client import Api, Json
from .properties import Schema
from .refusals import REFUSED
from .rows import Linked, Shape, instant, ticks
from .settings import HubSpotSettings
from .streams import KINDS
from .writes import Writer

_WHOLE = {"owners": people.owners, "lists": people.lists, "campaigns": people.campaigns}
_VERSION = 1


class HubSpot:
    """One opened HubSpot account. Opens no connection before the first call."""

    def __init__(self, settings: HubSpotSettings, session: Session) -> None:
        self._api = Api(settings, session)
        self._schema = Schema(self._api)
        self._writer = Writer(self._api, self._schema)
        self._merges = departures.Merges()
        self._lag = timedelta(seconds=settings.index_lag)
        self._history = settings.history
        self._active_lists = settings.active_lists
        self._now = session.now

    def close(self) -> None:
        """Lets go of the connections; may be called twice."""
        self._api.close()

    def check(self) -> CheckReport:
        """Which account it is, and whether the token may read what a sync needs; writes nothing."""
        account = self._api.account()
        problems: list[str] = []
        warnings: list[str] = []
        for kind in ("contacts", "companies", "deals"):
            try:
                self._api.get(self._api.at("objects", f"/{kind}"), {"limit": 1})
            except PermissionDenied as refused:
                (problems if kind == "contacts" else warnings).append(f"{kind} cannot be read: {refused}")
        try:
            self._api.get(self._api.at("owners"), {"limit": 1})
        except PermissionDenied as refused:
            warnings.append(f"owners cannot be read: {refused}")
        name = f"HubSpot {account.get('portalId', '')} ({account.get('accountType', 'unknown type')})"
        return CheckReport(
            not problems, name, tuple(problems), tuple(warnings), budget_left=self._api.http.counts.budget_left
        )

    def server_time(self) -> datetime:
        """The server's time, from its last answer; asks for the account when there was none yet."""
        known = self._api.http.server_time()
        if known is None:
            self._api.account()
            known = self._api.http.server_time()
        return known or self._now()

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """The live schema of a stream: properties, associations, what we work out."""
        if stream in KINDS:
            return self._schema.describe(stream)
        return [*people.FIELDS.get(stream, ()), *events.FIELDS.get(stream, ())]

    def create_fields(self, stream: str, names: Sequence[str]) -> Sequence[str]:
        """Makes our properties, in a group of their own; one sentence each."""
        return self._schema.create(stream, names) if stream in KINDS else []

    def define_fields(self, stream: str, fields: Mapping[str, Field]) -> Sequence[str]:
        """Makes properties for fields of the config's own, in the same group; one sentence each."""
        return self._schema.create(stream, tuple(fields), fields) if stream in KINDS else []

    # --- reading ----------------------------------------------------------------------------------------

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        """Rows changed since the cursor: all by the list endpoint, later ones by search (a while back, since its
        index lags behind)."""
        if cursor is not None and cursor.get("v") != _VERSION:
            cursor = None
        if stream in _WHOLE:
            yield from self._read_whole(stream, fields)
        elif stream == "memberships":
            yield from members.read(self._api, cursor, fields, self._active_lists)
        elif stream == "form_submissions":
            yield from events.submissions(self._api, cursor, until, fields, self._lag)
        elif stream == "email_events":
            yield from events.email_events(self._api, cursor, until, fields, self._lag)
        elif cursor is None or "full" in cursor:
            yield from self._read_list(stream, cursor, until, fields)
        else:
            yield from self._read_changes(stream, datetime.fromisoformat(cursor["at"]), until, fields)

    def _read_whole(self, stream: str, fields: Sequence[str]) -> Iterator[Page]:
        for records in _WHOLE[stream](self._api, fields):
            yield Page(records, {"v": _VERSION}, True)
        yield Page((), {"v": _VERSION}, False)

    def _read_list(
        self, stream: str, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        shape = Shape(stream, fields, self._schema)
        begun = dict(cursor["full"]) if cursor else {"since": (until or self.server_time()).isoformat(), "after": None}
        since = datetime.fromisoformat(str(begun["since"]))
        for page in listing.pages(self._api, shape, after=begun["after"]):
            # a row changed meanwhile is left for the next read, which begins at `since`
            rows = [row for row in page.rows if until is None or _changed(row) <= until]
            linked = links.inline(self._api, stream, shape.links, rows)
            records = [self._noted(stream, shape, row, linked) for row in rows]
            if page.after is None:
                self._merges.looked(stream, None if cursor is None else since)
                yield Page(records, {"v": _VERSION, "at": since.isoformat()}, False)
                return
            yield Page(records, {"v": _VERSION, "full": {**begun, "after": page.after}}, True)

    def _read_changes(
        self, stream: str, mark: datetime, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        shape = Shape(stream, fields, self._schema)
        high = mark
        last = ticks(until) if until is not None else None
        for page in changes.pages(self._api, shape, ticks(mark - self._lag), last):
            records = self._linked(stream, shape, self._with_history(shape, page.rows))
            high = max(high, datetime.fromtimestamp(page.reached / 1000, UTC))
            if not page.more:
                high = until if until is not None else high
                self._merges.looked(stream, mark)
            yield Page(records, {"v": _VERSION, "at": high.isoformat()}, page.more, page.total)

    def _with_history(self, shape: Shape, rows: Sequence[Json]) -> Sequence[Json]:
        """Search shows no history; where it is wanted, the rows are read once more by id."""
        if not self._history or not rows:
            return rows
        ids = [str(row["id"]) for row in rows]
        told = listing.batch(self._api, shape.kind, ids, shape.properties, history=shape.history_of())
        whole = {str(row["id"]): row for row in told}
        return [whole.get(str(row["id"]), row) for row in rows]

    def _linked(self, stream: str, shape: Shape, rows: Sequence[Json], reread: bool = False) -> list[Record]:
        """Records with their associations, which neither search nor a batch read shows."""
        ids = [str(row["id"]) for row in rows]
        linked = {
            name: links.read(self._api, stream, link, ids, count_as="reread" if reread else "read") if ids else {}
            for name, link in shape.links.items()
        }
        return [self._noted(stream, shape, row, linked, note=not reread) for row in rows]

    def _noted(self, stream: str, shape: Shape, row: Json, linked: Linked, note: bool = True) -> Record:
        if note and KINDS[stream].merges:
            self._merges.note(stream, row)
        return shape.record(row, linked)

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        """Rows merged into others, and archived rows."""
        return departures.gone(self._api, self._schema, self._merges, stream, cursor, until, self._lag)

    # --- by key and by id -------------------------------------------------------------------------------

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """Every row whose ``key`` is one of ``values``. Unique properties are read directly (an address also finds
        the contact that has it as a further one), others through search, which lags."""
        wanted = list(dict.fromkeys(value.strip() for value in values if value and value.strip()))
        if stream == "owners":
            keys = {value.casefold() for value in wanted}
            for records in people.owners(self._api, [*fields, key]):
                for record in records:
                    if str(record.fields.get(key) or "").casefold() in keys:
                        yield Record(record.id, {name: record.fields.get(name) for name in fields}, record.changed_at)
            return
        shape = Shape(stream, fields, self._schema)
        if key not in self._schema.properties(stream):
            return
        if self._schema.unique(stream, key):
            rows = listing.batch(self._api, stream, wanted, shape.properties, key=key)
        else:
            rows = changes.matching(self._api, shape, key, wanted)
        yield from self._once(stream, shape, rows)

    def fetch(self, stream: str, ids: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """The rows of those ids. An id that was merged away would show the winner, who is somebody else: left out."""
        wanted = list(dict.fromkeys(ids))
        if stream == "owners":
            for records in people.owners(self._api, fields):
                yield from (record for record in records if record.id in wanted)
            return
        shape = Shape(stream, fields, self._schema)
        possible = [rid for rid in wanted if rid.isdigit()]  # another id would spoil its whole batch
        asked = set(possible)
        rows = listing.batch(self._api, stream, possible, shape.properties)
        yield from self._once(stream, shape, (row for row in rows if str(row["id"]) in asked))

    def _once(self, stream: str, shape: Shape, rows: Iterator[Json]) -> Iterator[Record]:
        group: dict[str, Json] = {}
        for row in rows:
            group.setdefault(str(row["id"]), row)
        part = list(group.values())
        for start in range(0, len(part), 1000):
            yield from self._linked(stream, shape, part[start : start + 1000], reread=True)

    # --- writing ----------------------------------------------------------------------------------------

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """Batches of 100; memberships of lists one call per list."""
        if not batch:
            return
        if len({row.op for row in batch}) > 1:
            raise Invalid("One batch mixes operations.")
        if stream == "lists" and batch[0].op is Op.ASSOCIATE:
            yield from people.associate(self._api, batch)
        elif stream in KINDS:
            yield from self._writer.write(stream, batch)
        else:
            for row in batch:
                yield Receipt(row.ref, WriteResult.REJECTED, row.id, code=REFUSED, message=f"{stream} are only read")


def _changed(row: Json) -> datetime:
    return instant(row.get("updatedAt")) or datetime.min.replace(tzinfo=UTC)
