"""Marketo as a connector: what the engine talks to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from smarksync.kit.response import whole
from smarksync.model import Field
from smarksync.plugin import (
    CheckReport,
    Cursor,
    FieldInfo,
    GonePages,
    Invalid,
    Page,
    Receipt,
    Record,
    Session,
    Write,
)

from .activities import FIELDS as ACTIVITY_FIELDS
from .changes import Types
from .client import PAGE, Api, Row, askable, error, rows_of
from .fields import create_fields, definitions, describe_leads, leads_by, record
from .leads import Leads
from .members import Enroller
from .membership import FIELDS as MEMBERSHIP_FIELDS
from .membership import read as read_memberships
from .objects import (
    ASSET_FIELDS,
    OBJECTS,
    UNAVAILABLE,
    describe_object,
    found_objects,
    read_assets,
    read_companies,
)
from .settings import MarketoSettings
from .timeline import Timeline, written
from .writes import Writer

_CURSOR: Cursor = {"v": 1}


class Marketo:
    """One instance. Opens no connection before the first call."""

    def __init__(self, settings: MarketoSettings, session: Session) -> None:
        self._settings = settings
        self._api = Api(settings, session)
        self._types = Types(self._api)
        self._described: dict[str, Sequence[FieldInfo]] = {}
        self._leads = Leads(self._api, settings, self._types, self._infos)
        self._writer = Writer(self._api, settings, self._infos)
        self._enroller = Enroller(self._api, settings, self._infos)

    def check(self) -> CheckReport:
        """Token, permissions and today's calls, by calls that write nothing."""
        used = self._used()
        describe = self._api.get("/rest/v1/leads/describe2.json", kind="schema", tolerate=("603", "610"))
        problems = []
        if error(describe)[0] == "603":
            problems.append("The API user's role may not read leads (Read-Only Lead or Read-Write Lead is missing).")
        warnings = []
        feed = self._api.get("/rest/v1/activities/types.json", kind="schema", tolerate=("603",))
        if error(feed)[0] == "603":
            problems.append(
                "The API user's role may not read activities (Read-Only Activity): changes cannot be found."
            )
        if used is None:
            warnings.append("Today's number of calls cannot be asked for (Read-Only Usage is missing).")
        elif used > self._settings.daily_quota * 9 // 10:
            warnings.append(f"{used} of {self._settings.daily_quota} calls of today are used up.")
        for stream in OBJECTS:
            if not self._objects(stream):
                warnings.append(
                    f"{stream} cannot be reached by the API: with a native CRM sync that is as it should be."
                )
        left = None if used is None else max(0, self._settings.daily_quota - used)
        user = self._api.auth.user or "API user"
        return CheckReport(not problems, f"{self._api.http.host} as {user}", tuple(problems), tuple(warnings), left)

    def _used(self) -> int | None:
        """Calls that all integrations together made today."""
        body = self._api.get("/rest/v1/stats/usage.json", kind="schema", tolerate=("603", "610"))
        rows = rows_of(body)
        if not rows:
            return 0 if error(body)[0] is None else None
        told = str(rows[0].get("total"))
        return int(told) if told.isdecimal() else None  # a figure beside the work: nothing stops for want of it

    def server_time(self) -> datetime:
        """Marketo's clock, by its ``Date`` header; asks a small thing when there was no answer yet."""
        known = self._api.http.server_time()
        if known is None:
            self.describe("leads")
            known = self._api.now()
        return known

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """The live schema; activities, lists and programs have a fixed one."""
        if stream == "activities":
            return ACTIVITY_FIELDS
        if stream == "memberships":
            return MEMBERSHIP_FIELDS
        if stream in ASSET_FIELDS:
            return ASSET_FIELDS[stream]
        if stream == "leads":
            key = self._settings.lookup_field  # without it, a lead would be made anew each time
            found = describe_leads(self._api)
            self._described[stream] = [replace(one, required=True) if one.name == key else one for one in found]
            used = self._used()
            if used is not None:
                self._api.left_today(max(0, self._settings.daily_quota - used))
        else:
            self._described[stream] = describe_object(self._api, stream)
        return self._described[stream]

    def create_fields(self, stream: str, names: Sequence[str]) -> Sequence[str]:
        """Makes our own fields on leads; one sentence each."""
        self._described.pop(stream, None)
        return create_fields(self._api, stream, names)

    def define_fields(self, stream: str, fields: Mapping[str, Field]) -> Sequence[str]:
        """Makes fields on leads for those of the config's own; one sentence each."""
        self._described.pop(stream, None)
        return create_fields(self._api, stream, tuple(fields), definitions(fields))

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        """Leads and activities: what changed since the cursor. Companies, programs and lists: all of them."""
        if stream == "leads":
            yield from self._leads.read(cursor, until, fields)
        elif stream == "activities":
            own = self._own_number()
            yield from Timeline(self._api, self._settings, self._types, cursor, until, fields, own).pages()
        elif stream == "memberships":
            yield from read_memberships(self._api, self._settings, self._types, cursor, until, fields)
        elif stream in ASSET_FIELDS:
            yield from read_assets(self._api, stream, fields)
        elif stream == "companies" and self._objects(stream):
            yield from read_companies(self._api, fields)
        else:
            yield Page([], _CURSOR, False)  # nothing lists opportunities; what is not there shows nothing

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        """Leads deleted, or merged into others."""
        if stream != "leads":
            raise Invalid(f"Marketo does not tell which {stream} were deleted.")
        return self._leads.gone(cursor, until)

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """Every row whose ``key`` is one of ``values``; Marketo compares without regard to case.

        Activities by the lead, those of the type that is written. Leads by a value with a comma cannot be asked for: the log says so, and ``write`` makes none that could be a
        second one (see writes.py)."""
        wanted = list(dict.fromkeys(v.strip() for v in values if v and v.strip()))
        if stream in OBJECTS:
            if self._objects(stream):
                yield from found_objects(self._api, stream, key, wanted, fields)
            return
        if stream == "activities":
            own = self._own_number()
            if own is not None:
                yield from written(self._api, self._settings, self._types, own, wanted, fields)
            return
        self._only_leads(stream)
        if unknown := sum(not askable(value) for value in wanted):
            self._api.log.warning("marketo.comma", stream=stream, field=key, values=unknown)
            wanted = [value for value in wanted if askable(value)]
        for start in range(0, len(wanted), PAGE):
            # asked for although not wanted: what came is checked against what was asked
            for row in leads_by(self._api, key, wanted[start : start + PAGE], (*fields, key)):
                yield record(row, fields)

    def fetch(self, stream: str, ids: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """Rows by id; one that is gone is not yielded."""
        wanted = list(dict.fromkeys(ids))
        if stream in OBJECTS:
            if self._objects(stream):
                yield from found_objects(self._api, stream, OBJECTS[stream][1], wanted, fields)
            return
        self._only_leads(stream)
        numbers = [rid for rid in wanted if rid.isdigit()]
        for start in range(0, len(numbers), PAGE):
            for row in leads_by(self._api, "id", numbers[start : start + PAGE], fields):
                yield record(row, fields)

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """Full batches, one call at a time; see writes.py and members.py."""
        if stream == "leads":
            return self._writer.leads(batch)
        if stream == "companies":
            return self._writer.companies(batch)
        if stream in ("lists", "programs"):
            return self._enroller.members(stream, batch)
        if stream == "activities":
            return self._enroller.activities(batch, self._own_type())
        raise Invalid(f"Marketo's {stream} are read only here.")

    def close(self) -> None:
        """Lets go of the connections; may be called twice."""
        self._api.close()

    # --- what is asked once ------------------------------------------------------------------------------

    def _infos(self) -> Mapping[str, FieldInfo]:
        known = self._described.get("leads") or self.describe("leads")
        return {info.name: info for info in known}

    def _objects(self, stream: str) -> bool:
        """Whether this instance shows that object to us at all."""
        if stream not in self._described:
            self.describe(stream)
        return bool(self._described[stream])

    def _own_type(self) -> Row | None:
        """The custom activity type of the settings, by name, API name or id."""
        wanted = self._settings.activity_type
        if wanted is None:
            return None
        for name, row in self._types.all().items():
            if wanted.strip().lower() in (name, str(row["id"]), str(row.get("apiName", "")).lower()):
                return row
        return None

    def _own_number(self) -> int | None:
        own = self._own_type()
        return whole(own, "id") if own is not None else None

    @staticmethod
    def _only_leads(stream: str) -> None:
        if stream != "leads":
            raise Invalid(f"Marketo's {stream} cannot be looked up.")


__all__ = ["UNAVAILABLE", "Marketo"]
