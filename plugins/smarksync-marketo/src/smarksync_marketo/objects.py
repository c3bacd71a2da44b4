"""Companies, opportunities, programs and static lists.

* Companies (docs, rest/companies) have no list and no feed: by id, 300 a call, every time. They are known by
  ``externalCompanyId``, which is what leads point with; those without one cannot be pointed at and are left out.
* Opportunities are found by their external id only: there is nothing that lists them.
* ``filterValues`` is a comma-separated list and names no way to write a comma inside a value (docs,
  rest/lead-database/lead-database, "Query"): a company by such a value ("Example, Inc.") is found by reading them all.
* With a native CRM sync both are read only or not there at all (1018, 603, 610, 703): that is no failure.
* Programs are assets (pages by offset, times as ``…Z+0000``); lists are read from the lead database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smarksync.kit.counts import Kind as CallKind
from smarksync.kit.response import whole
from smarksync.plugin import Cursor, FieldInfo, FieldType, Page, Record

from .client import PAGE, Api, Row, askable, error, instant, rows_of
from .fields import field_info

#: What "not for you" looks like where a native CRM sync owns the records, or a subscription has no such object.
UNAVAILABLE = ("603", "610", "703", "1018", "616")

#: stream → (path, the field that names a row, what it can be looked up by)
OBJECTS: Mapping[str, tuple[str, str]] = {
    "companies": ("/rest/v1/companies", "externalCompanyId"),
    "opportunities": ("/rest/v1/opportunities", "externalOpportunityId"),
}
_CURSOR: Cursor = {"v": 1}

_T = FieldType
_LIST = {
    "id": _T.INT,
    "name": _T.TEXT,
    "description": _T.TEXT,
    "programName": _T.TEXT,
    "workspaceName": _T.TEXT,
    "smarksync.type": _T.TEXT,
    "createdAt": _T.INSTANT,
    "updatedAt": _T.INSTANT,
}
_PROGRAM = {
    "id": _T.INT,
    "name": _T.TEXT,
    "description": _T.TEXT,
    "type": _T.TEXT,
    "channel": _T.TEXT,
    "status": _T.TEXT,
    "smarksync.status": _T.TEXT,
    "workspace": _T.TEXT,
    "folder": _T.TEXT,
    "url": _T.URL,
    "startDate": _T.INSTANT,
    "endDate": _T.INSTANT,
    "createdAt": _T.INSTANT,
    "updatedAt": _T.INSTANT,
}
ASSET_FIELDS: Mapping[str, tuple[FieldInfo, ...]] = {
    name: tuple(FieldInfo(field, kind, writable=False) for field, kind in fields.items())
    for name, fields in (("lists", _LIST), ("programs", _PROGRAM))
}
#: `status` of engagement and e-mail programs; other programs have none: they are simply there.
_STATUS = {"on": "active", "off": "aborted", "locked": "active", "unlocked": "planned", "": "active"}


def describe_object(api: Api, stream: str) -> list[FieldInfo]:
    """The live fields of companies or opportunities; none when this instance keeps them to itself."""
    path, own = OBJECTS[stream]
    body = api.get(f"{path}/describe.json", kind="schema", tolerate=UNAVAILABLE)
    if error(body)[0] is not None or not rows_of(body):
        return []
    return [
        info if info.name != own else FieldInfo(own, info.type, True, True, None, info.max_length, True, info.label)
        for info in (field_info(entry) for entry in rows_of(body)[0].get("fields") or ())
    ]


def found_objects(
    api: Api, stream: str, key: str, values: Sequence[str], fields: Sequence[str], *, kind: CallKind = "reread"
) -> Iterator[Record]:
    """Rows whose ``key`` is one of ``values``. Those with a comma cannot be asked for: they are sought among all companies;
    of opportunities, which nothing lists, they are not found, and the log says so."""
    yield from _asked_for(api, stream, key, [value for value in values if askable(value)], fields, kind)
    others = {value.casefold() for value in values if not askable(value)}
    if others and stream == "companies":
        for page in read_companies(api, tuple(dict.fromkeys((*fields, key)))):
            for found in page.records:
                if str(found.fields.get(key) or "").strip().casefold() in others:
                    yield found._replace(fields={name: found.fields[name] for name in fields})
    elif others:
        api.log.warning("marketo.comma", stream=stream, field=key, values=len(others))


def _asked_for(
    api: Api, stream: str, key: str, values: Sequence[str], fields: Sequence[str], kind: CallKind
) -> Iterator[Record]:
    path, own = OBJECTS[stream]
    asked = ",".join(dict.fromkeys((own, "updatedAt", *fields)))
    for start in range(0, len(values), PAGE):
        params: dict[str, Any] = {
            "filterType": key, "filterValues": ",".join(values[start : start + PAGE]), "fields": asked, "batchSize": PAGE,
        }  # fmt: skip
        token: str | None = None
        while True:
            page = {**params, "nextPageToken": token} if token else params
            body = api.get(f"{path}.json", page, kind=kind, tolerate=(*UNAVAILABLE, "702"))
            for row in rows_of(body):
                if row.get(own):
                    yield _record(row, str(row[own]), fields)
            following = body.get("nextPageToken")
            if not following or body.get("moreResult") is False or following == token:
                break
            token = following


def read_companies(api: Api, fields: Sequence[str]) -> Iterator[Page]:
    """Every company that leads can point at."""
    first, empty = 1, 0
    high = _highest_company(api)
    while first <= high or (high and empty < 1):
        numbers = [str(number) for number in range(first, first + PAGE)]
        records = list(found_objects(api, "companies", "id", numbers, fields, kind="read"))
        first += PAGE
        empty = 0 if records or first <= high else empty + 1
        yield Page(records, _CURSOR, True)
    yield Page([], _CURSOR, False)


def _highest_company(api: Api) -> int:
    """About the highest id, by samples: of each power of two, then beyond."""

    def there(ids: Sequence[int]) -> list[int]:
        asked = [str(number) for number in sorted(set(ids))][:PAGE]
        found = found_objects(api, "companies", "id", asked, ("id",), kind="schema")
        return [whole(row.fields, "id") for row in found if row.fields["id"]]

    hits = there([2**k + j * 2**k // 9 for k in range(31) for j in range(9)])
    high = max(hits, default=0)
    while high and (above := there(range(high + 1, high * 4 + 900, max(1, (high * 3 + 899) // PAGE)))):
        high = max(above)
    return high


def read_assets(api: Api, stream: str, fields: Sequence[str]) -> Iterator[Page]:
    """Every program or static list."""
    if stream == "programs":
        pages: Iterator[tuple[list[Row], bool]] = api.assets("/rest/asset/v1/programs.json")
    else:
        pages = ((rows, more) for rows, _, more in api.pages("/rest/v1/lists.json", {"batchSize": PAGE}))
    for rows, more in pages:
        yield Page([_asset(stream, row, fields) for row in rows], _CURSOR, more)


def _asset(stream: str, row: Row, fields: Sequence[str]) -> Record:
    shown = dict(row)
    for name in ("createdAt", "updatedAt", "startDate", "endDate"):
        at = instant(row.get(name))
        shown[name] = at.isoformat() if at else None
    folder = row.get("folder")
    shown["folder"] = folder.get("folderName") if isinstance(folder, Mapping) else folder
    shown["smarksync.status"] = _STATUS.get(str(row.get("status") or "").lower(), "active")
    shown["smarksync.type"] = "List"
    # lists and programs are numbered apart: a bare number would not say which of them a membership means
    return _record(shown, str(row["id"]), fields)


def _record(row: Row, rid: str, fields: Sequence[str]) -> Record:
    return Record(rid, {name: row.get(name) for name in fields}, changed_at=instant(row.get("updatedAt")))
