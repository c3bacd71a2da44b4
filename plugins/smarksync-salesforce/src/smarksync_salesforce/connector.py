"""Salesforce as a connector: what the engine talks to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from smarksync.plugin import (
    CheckReport,
    Cursor,
    FieldInfo,
    GonePages,
    Malformed,
    Page,
    Receipt,
    Record,
    Session,
    Write,
)

from .client import Api
from .describe import Schema
from .ids import full_id, is_id
from .leaving import Seen, gone, whereabouts
from .person_accounts import IS_PERSON, where
from .reading import Reader
from .rows import Shape
from .settings import SalesforceSettings
from .soql import one_of, select
from .writing import Writer

#: ids in one call for rows by id (vendors/crm.md 1.5)
_BY_ID = 2_000


class Salesforce:
    """One opened org. Opens no connection before the first call."""

    def __init__(self, settings: SalesforceSettings, session: Session) -> None:
        self._api = Api(settings, session)
        self._schema = Schema(self._api, loss_reason=settings.loss_reason_field)
        self._settings = settings
        self._now = session.now
        self._fresh: set[str] = set()  # streams that are read from the beginning on
        self._seen: dict[str, Seen] = {}  # what left, by stream, as the last reading came across it
        self._writer = Writer(
            self._api,
            self._schema,
            bulk_above=settings.bulk_write_above,
            allow_duplicates=settings.save_duplicates,
        )

    def close(self) -> None:
        """Lets go of the connections; may be called twice."""
        self._api.close()

    def server_time(self) -> datetime:
        """The server's time, from its last answer; the login's counts, too."""
        if self._api.server_time() is None:
            _ = self._api.grant
        return self._api.server_time() or self._now()

    def check(self) -> CheckReport:
        """Logs in, asks what is left of the day's requests, and whether leads and contacts can be seen."""
        limits = self._api.get("/limits", kind="schema").get("DailyApiRequests")
        told = [limits.get(one) for one in ("Remaining", "Max")] if isinstance(limits, Mapping) else [None, None]
        left, most = (one if isinstance(one, int) else None for one in told)
        problems, warnings = [], []
        if left is not None and most and left < most // 10:
            warnings.append(f"{left} of {most} requests of the last 24 hours are left.")
        shown = self._api.get("/sobjects", kind="schema").rows("sobjects")
        seen = {one["name"]: one for one in shown if one.get("queryable")}
        for name in ("Lead", "Contact"):
            if name not in seen:
                problems.append(f"Our user cannot read {name}: give it read access to that object.")
            elif not seen[name].get("createable"):
                warnings.append(f"Our user cannot create {name} records.")
        if self._api.http.counts.budget_left is None and left is not None:
            self._api.http.counts.budget_left = int(left)
        account = (
            f"{self._api.http.host} (org {self._api.grant.org_id})" if self._api.grant.org_id else self._api.http.host
        )
        return CheckReport(not problems, account, tuple(problems), tuple(warnings), left)

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """The live schema of a stream as our user sees it, and the fields worked out of its rows."""
        return self._schema.fields(stream)

    def describe_many(self, streams: Sequence[str]) -> Mapping[str, Sequence[FieldInfo]]:
        """What :meth:`describe` gives for each of them, in one call."""
        return self._schema.together(streams)

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        """Rows changed since the cursor, in the order of their stamps; a large first reading by bulk job."""
        shape = self._shape(stream, fields)
        self._seen.pop(stream, None)
        if not cursor:
            self._fresh.add(stream)
        reader = Reader(self._api, shape, self.server_time(), until, self._settings.bulk_read_above, self._seen)
        return reader.pages(cursor)

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        """Deleted, merged and converted rows since the cursor."""
        seen = self._seen.pop(stream, None)
        return gone(self._api, self._schema, stream, cursor, self.server_time(), until, seen, stream in self._fresh)

    def whereabouts(self, stream: str, ids: Sequence[str]) -> GonePages:
        """What became of rows that a reading no longer shows."""
        return whereabouts(self._api, self._schema, stream, ids)

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """Every row whose ``key`` is one of ``values``; Salesforce compares text without regard to case."""
        shape, now = self._shape(stream, fields), self.server_time()
        wanted = list(dict.fromkeys(stripped for value in values if (stripped := value.strip())))
        for condition in one_of(key, wanted):
            for row in self._api.rows(select(shape.columns, stream, [where(self._schema, stream), condition])):
                yield shape.record(row, now)

    def fetch(self, stream: str, ids: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """The rows of those ids, as they are now. Converted leads are not among them: they left (``gone``)."""
        shape, now = self._shape(stream, fields), self.server_time()
        wanted = list(dict.fromkeys(full_id(one) for one in ids if is_id(one)))
        if not shape.flat:
            for condition in one_of("Id", wanted):
                for row in self._api.rows(select(shape.columns, stream, [where(self._schema, stream), condition])):
                    yield shape.record(row, now)
            return
        converted = stream == "Lead" and self._schema.has("Lead", "IsConverted")
        persons = stream == "Account" and self._schema.has("Account", IS_PERSON)
        beside = [*(["IsConverted"] if converted else []), *([IS_PERSON] if persons else [])]
        columns = list(dict.fromkeys([*shape.columns, *beside]))
        for start in range(0, len(wanted), _BY_ID):
            body = {"ids": wanted[start : start + _BY_ID], "fields": columns}
            found = self._api.request("POST", f"/composite/sobjects/{stream}", json=body, kind="reread").json
            # rows that are not there, or not ours to see, come as null; silence about one is no word of it
            if not isinstance(found, list) or len(found) != len(body["ids"]):
                raise Malformed(f"Salesforce answers a question for {len(body['ids'])} records with something else.")
            if not all(row is None or isinstance(row, Mapping) for row in found):
                raise Malformed("Salesforce shows a record that is none.")
            here = (row for row in found if row is not None)
            left = (row for row in here if not row.get("IsConverted") and not (persons and row[IS_PERSON]))
            yield from (shape.record(row, now) for row in left)

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """One receipt a row; see writing.py."""
        return self._writer.write(stream, batch)

    def _shape(self, stream: str, fields: Sequence[str]) -> Shape:
        return Shape(self._schema, stream, fields, self._api.grant.user_id)
