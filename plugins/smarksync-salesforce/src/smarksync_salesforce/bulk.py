"""Bulk API 2.0: jobs that give or take CSV, polled until they are done (vendors/crm.md 1.7).

Rows of a job come in any order, so each is known by its own key column. "JobComplete" says nothing about rows that
failed. In CSV an empty cell means "leave alone" and ``#N/A`` means null.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from smarksync.kit.counts import Kind as CallKind
from smarksync.kit.resolve import OK, Verdict, vendor_words
from smarksync.kit.response import Answered, Response
from smarksync.plugin import Cursor, Malformed, Transient, Unknown

from .client import Api, error_code, verdict

#: rows of one answer, and of one page that is handed on: a row is many times larger than its line
_PAGE, _PART = 10_000, 1_000
#: seconds between two looks at a job: at first, at most; and how long a job may take in all
_FIRST, _LONGEST, _LIMIT = 0.5, 20.0, 3600.0
_CSV = {"Accept": "text/csv"}
NULL = "#N/A"
Row = Mapping[str, Any]


class JobGone(Transient):
    """The org does not know a job, or no longer (results are kept for 7 days)."""

    def __init__(self) -> None:
        super().__init__("Salesforce does not know a bulk job any more.")


class JobRefused(Exception):
    """No job is to be had for this: queries and collections are still there."""


class BulkReader:
    """The results of one query job."""

    def __init__(self, api: Api, job: str, locator: str | None, until: str | None, done: bool) -> None:
        self._api, self._job, self._locator, self._until, self._done = api, job, locator, until, done

    @classmethod
    def start(cls, api: Api, soql: str) -> BulkReader:
        """A new job. Raises :class:`JobRefused`."""
        body = {"operation": "query", "query": soql, "contentType": "CSV", "lineEnding": "LF"}
        return cls(api, _begun(api, "/jobs/query", body, "read"), None, None, False)

    @classmethod
    def resume(cls, api: Api, cursor: Mapping[str, Any]) -> BulkReader:
        """The rest of a job that an earlier run began."""
        return cls(api, str(cursor["job"]), cursor.get("locator"), cursor.get("until"), False)

    def pages(self, kinds: Mapping[str, str]) -> Iterator[tuple[list[Row], Cursor, bool]]:
        """Rows, the cursor behind them, and whether more follow. ``kinds``: the vendor's type of each column."""
        path = f"/jobs/query/{self._job}"
        if not self._done:
            state = _finished(self._api, path, _gone)
            if state.get("state") != "JobComplete":
                raise Transient(f"Salesforce did not complete a query job: {state.get('state')}.")
        while True:
            params: dict[str, Any] = {"maxRecords": _PAGE, **({"locator": self._locator} if self._locator else {})}
            answer = self._api.request(
                "GET", f"{path}/results", params=params, kind="read", expect="any", headers=_CSV, resolve=_gone
            )
            if answer.status >= 400:
                raise JobGone
            before, self._locator = self._locator, answer.headers.get("sforce-locator", "null")
            more = self._locator not in ("null", "")
            if more and self._locator == before:
                raise Malformed("Salesforce leads a query job in a circle: a locator came twice.")
            rows = _typed_rows(answer.text, kinds)
            del answer
            part = list(islice(rows, _PART))
            while following := list(islice(rows, _PART)):
                yield part, self._behind(before), True  # half an answer is no place to go on from
                part = following
            yield part, self._behind(self._locator), more
            if not more:
                return

    def _behind(self, locator: str | None) -> Cursor:
        return {
            "job": self._job,
            **({"locator": locator} if locator else {}),
            **({"until": self._until} if self._until else {}),
        }


def _gone(response: Response) -> Verdict | None:
    if response.status in (400, 404) and error_code(response) in ("NOT_FOUND", "INVALIDJOBID"):
        return OK
    return verdict(response)


def _typed_rows(text: str, kinds: Mapping[str, str]) -> Iterator[Row]:
    """The rows as a query would show them: numbers, booleans, nulls, and parents in objects of their own."""
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    for cells in reader:
        row: dict[str, Any] = {}
        try:
            for name, cell in zip(header, cells, strict=True):
                relation, dot, inner = name.partition(".")
                if dot:
                    row[relation] = {inner: cell} if cell else row.get(relation)
                else:
                    row[name] = _typed(kinds.get(name, "string"), cell)
        except ValueError:  # another number of cells than the header, or a number that is none
            raise Malformed("Salesforce's results of a bulk job have a line that is none.") from None
        yield row


def _typed(kind: str, cell: str) -> Any:
    if cell == "":
        return None
    if kind == "boolean":
        return cell.lower() == "true"
    if kind == "int":
        return int(float(cell))
    if kind in ("double", "currency", "percent"):
        return float(cell)
    if kind == "datetime" and cell.endswith("Z"):
        return cell[:-1] + "+0000"
    return cell


def _begun(api: Api, path: str, body: Row, kind: CallKind) -> str:
    """The id of a new job. Raises :class:`JobRefused`."""
    answer = api.request("POST", path, json=body, kind=kind, idempotent=True, resolve=_of_a_beginning)
    if answer.status >= 400:
        api.log.warning("salesforce.no_bulk", object=str(body.get("object", "")), reason=vendor_words(answer))
        raise JobRefused
    told = answer.json
    if not isinstance(told, Mapping) or not told.get("id"):
        raise Malformed("Salesforce made a bulk job and does not say which.")
    return str(told["id"])


def _of_a_beginning(response: Response) -> Verdict | None:
    """Some objects and columns are not the Bulk API's, and a day has so many jobs and batches (vendors/crm.md 1.7, 1.8):
    a limit of their own, since that of requests has another code (REQUEST_LIMIT_EXCEEDED)."""
    own = verdict(response)
    refused = response.status == 400 and own is None
    return OK if refused or error_code(response) == "LIMIT_EXCEEDED" else own


def _finished(api: Api, path: str, resolve: Any = verdict) -> Mapping[str, Any]:
    """The job's last word; waits between looks, longer each time."""
    wait, waited = _FIRST, 0.0
    while True:
        answer = api.request("GET", path, kind="read", resolve=resolve)
        if answer.status >= 400:
            raise JobGone
        told = Answered(answer.json, "Salesforce's word on a bulk job")
        if told.get("state") in ("JobComplete", "Failed", "Aborted"):
            return told
        if waited > _LIMIT:
            raise Transient(f"Salesforce did not finish a bulk job within {_LIMIT / 60:.0f} minutes.")
        api.http.wait(wait)
        waited += wait
        wait = min(wait * 1.6, _LONGEST)


class Ingested:
    """What became of the rows of an ingest job, by their key: ids of the good ones, words for the bad ones."""

    def __init__(self, state: str, error: str) -> None:
        self.state, self.error = state, error
        self.good: dict[str, tuple[str, bool]] = {}
        self.bad: dict[str, tuple[str, str]] = {}


def ingest(api: Api, name: str, rows: Sequence[Mapping[str, Any]], key: str, *, upsert: bool) -> Ingested:
    """Writes rows by one job. ``key`` is the column that names each: our id, or the record's.

    Raises :class:`JobRefused`, and :class:`Unknown` when the job was begun and its end cannot be seen.
    """
    columns = list(dict.fromkeys([key, *(column for row in rows for column in row)]))
    body = {"object": name, "operation": "upsert" if upsert else "update", "contentType": "CSV", "lineEnding": "LF"}
    if upsert:
        body["externalIdFieldName"] = key
    path = f"/jobs/ingest/{_begun(api, '/jobs/ingest', body, 'write')}"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[c]) if c in row else "" for c in columns] for row in rows)
    api.upload(f"{path}/batches", text.getvalue())
    try:
        api.request("PATCH", path, json={"state": "UploadComplete"}, kind="write", idempotent=True, resolve=_closed)
        told = _finished(api, path)
        done = Ingested(str(told["state"]), str(told.get("errorMessage") or ""))
        for row in _results(api, f"{path}/successfulResults"):
            done.good[row[key] or row["sf__Id"]] = (row["sf__Id"], row["sf__Created"] == "true")
        for row in _results(api, f"{path}/failedResults"):
            done.bad[row[key]] = (row["sf__Id"], row["sf__Error"])
    except (Transient, Malformed) as problem:
        raise Unknown(f"Salesforce took a bulk job, and what became of it cannot be seen: {problem}") from None
    return done


def _closed(response: Response) -> Verdict | None:
    """An upload that was closed by a request whose answer was lost cannot be closed again."""
    if response.status == 400 and error_code(response) in ("INVALIDJOBSTATE", "INVALIDJOB"):
        return OK
    return verdict(response)


def _results(api: Api, path: str) -> Iterator[dict[str, str]]:
    answer = api.request("GET", path, kind="read", expect="any", headers=_CSV)
    for row in csv.DictReader(io.StringIO(answer.text, newline="")):
        yield Answered(row, "Salesforce's results of a bulk job")


def _cell(value: Any) -> str:
    if value is None or value == "":
        return NULL
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
