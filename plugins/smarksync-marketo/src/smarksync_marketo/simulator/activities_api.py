"""Activities: feeds by paging token, types, custom ones. Facts: docs (rest/activities, rest/paging-tokens)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from smarksync.simulator import Answer, Query, Request, route

from . import schema
from .base import Base, stamp
from .world import Activity

_FEED = ("nextPageToken", "listId", "leadIds", "batchSize")
#: a custom activity; ``apiName`` and ``status`` may be there besides
_ROW = ("leadId", "activityDate", "activityTypeId", "primaryAttributeValue", "attributes")


class ActivitiesApi(Base):
    """The activity endpoints."""

    @route("GET", "/rest/v1/activities/types.json", query=())
    def types(self, request: Request) -> Answer:
        """All activity types."""
        return self.good(schema.described_types())

    @route("GET", "/rest/v1/activities/pagingtoken.json", query=("sinceDatetime",))
    def paging_token(self, request: Request) -> Answer:
        """A token that begins at a time."""
        text = request.query.get("sinceDatetime")
        if not text:
            return self.fail("1002", "Missing value for required parameter 'sinceDatetime'")
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return self.fail("704", "Invalid date format")
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return self.good(nextPageToken=self._token(at, 0))

    @route("GET", "/rest/v1/activities.json", query=(*_FEED, "activityTypeIds", "assetIds"))
    def activities(self, request: Request) -> Answer:
        """Activities of up to ten types."""
        ids = [one for text in request.query.all("activityTypeIds") for one in text.split(",") if one]
        if not ids:
            return self.fail("1002", "Missing value for required parameter 'activityTypeIds'")
        if len(ids) > 10 or not all(one.isdigit() for one in ids):
            return self.fail("1003", "Invalid value for parameter 'activityTypeIds': at most 10 ids")
        wanted = {int(one) for one in ids}
        return self._feed(request.query, lambda activity: activity.type in wanted)

    @route("GET", "/rest/v1/activities/leadchanges.json", query=(*_FEED, "fields"))
    def lead_changes(self, request: Request) -> Answer:
        """New leads, and data value changes of the fields asked for."""
        names = {name.strip() for name in request.query.get("fields").split(",") if name.strip()}
        if not names:
            return self.fail("1002", "Missing value for required parameter 'fields'")
        unknown = sorted(names - self.world.lead_fields.keys())
        if unknown:
            return self.fail("1006", f"Field '{unknown[0]}' not found")

        def wanted(activity: Activity) -> bool:
            if activity.type == schema.NEW_LEAD:
                return True
            return activity.type == schema.CHANGE and any(entry["name"] in names for entry in activity.fields)

        return self._feed(request.query, wanted, changes=True)

    @route("GET", "/rest/v1/activities/deletedleads.json", query=("nextPageToken", "batchSize"))
    def deleted_leads(self, request: Request) -> Answer:
        """Deleted leads."""
        return self._feed(request.query, lambda activity: activity.type == schema.DELETE)

    @route("POST", "/rest/v1/activities/external.json", query=())
    def add(self, request: Request) -> Answer:
        """Custom activities."""
        answers: list[dict[str, Any]] = []
        for row in self.rows(self.members(request, ("input",))):
            kind = schema.TYPES.get(int(row.get("activityTypeId") or 0))
            missing = [name for name in _ROW if row.get(name) is None]
            strange = sorted(row.keys() - {*_ROW, "apiName", "status"})
            told = {str(a.get("name") or a.get("apiName")): a.get("value") for a in row.get("attributes") or ()}
            if missing:
                answers.append(_skipped("1002", f"Missing value for required parameter '{missing[0]}'"))
            elif strange:
                answers.append(_skipped("1006", f"Field '{strange[0]}' not found"))
            elif (at := _moment(row["activityDate"])) is None:
                answers.append(_skipped("1003", "Value for field 'activityDate' is no date and time"))
            elif kind is None or int(row["activityTypeId"]) < 100_000:
                answers.append(_skipped("1003", "Invalid activity type"))
            elif set(told) - set(kind[2]):
                answers.append(_skipped("1006", f"Field '{sorted(set(told) - set(kind[2]))[0]}' not found"))
            elif int(row["leadId"]) not in self.world.leads:
                answers.append(_skipped("1004", "Lead not found"))
            else:
                made = self.world.log_of(
                    at, int(row["leadId"]), int(row["activityTypeId"]), str(row["primaryAttributeValue"]), told
                )
                answers.append({"id": made.number, "marketoGUID": str(made.number), "status": "added"})
        return self.good(answers)

    def _feed(self, query: Query, wanted: Callable[[Activity], bool], *, changes: bool = False) -> Answer:
        """A page: what was found among the activities looked at, and always a token behind them."""
        if not query.get("nextPageToken"):
            return self.fail("1002", "Missing value for required parameter 'nextPageToken'")
        text, _, number = self.opened(query.get("nextPageToken"), "at").rpartition(",")
        behind = (datetime.fromisoformat(text), int(number))
        size, now = self.batch_size(query), self.now()
        leads = self._narrowed(query)
        log = self.world.activities
        start = _first_behind(log, behind)
        found: list[Activity] = []
        looked = start
        # only what can be seen by now counts as looked at; what is late stays behind the token that is given
        while looked < len(log) and len(found) < size and looked - start < self.quirks.scan:
            activity = log[looked]
            looked += 1
            if (activity.seen_from or activity.at) <= now and activity.at <= now:
                behind = (activity.at, activity.number)
                if wanted(activity) and (leads is None or activity.lead in leads):
                    found.append(activity)
        more = looked < len(log)
        return self.good(
            [_shown(activity, changes) for activity in found], nextPageToken=self._token(*behind), moreResult=more
        )

    def _narrowed(self, query: Query) -> set[int] | None:
        if query.get("leadIds"):
            ids = query.get("leadIds").split(",")
            if len(ids) > 30:
                raise self.refuse("1003", "Maximum number of lead ids allowed is 30")
            return {int(one) for one in ids}
        if query.get("listId"):
            members = self.world.members.get(int(query.get("listId")), {})
            if len(members) >= 10_000:
                raise self.refuse("1003", "The list has too many leads")
            return set(members)
        return None

    def _token(self, at: datetime, number: int) -> str:
        return self.sealed("at", f"{at.isoformat()},{number}")


def _first_behind(log: Sequence[Activity], behind: tuple[datetime, int]) -> int:
    low, high = 0, len(log)
    while low < high:
        middle = (low + high) // 2
        if (log[middle].at, log[middle].number) <= behind:
            low = middle + 1
        else:
            high = middle
    return low


def _shown(activity: Activity, changes: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": activity.number,
        "marketoGUID": str(activity.number),
        "leadId": activity.lead,
        "activityDate": stamp(activity.at),
        "activityTypeId": activity.type,
    }
    if changes:
        row["fields"] = activity.fields
    elif activity.primary is not None:
        row["primaryAttributeValueId"] = activity.primary_id
        row["primaryAttributeValue"] = activity.primary
    row["attributes"] = [{"name": name, "value": value} for name, value in activity.attributes.items()]
    return row


def _skipped(code: str, message: str) -> dict[str, Any]:
    return {"status": "skipped", "errors": [{"code": code, "message": message}]}


def _moment(text: Any) -> datetime | None:
    """A date with its time, read in UTC where it names no zone; None where it is none."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) and "T" in text else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)
