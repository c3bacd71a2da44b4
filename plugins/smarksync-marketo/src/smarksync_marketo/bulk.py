"""Bulk extract: jobs of leads, activities or program members, their queue, their files. Facts: docs (rest/bulk-extract,
rest/bulk-lead-extract, rest/bulk-activity-extract, rest/bulk-program-member-extract).

A job is created, enqueued, polled (its status moves once a minute) and its file fetched in parts (``Range``). A filter
by time spans at most 31 days, told without fractions. Two jobs run at once and ten wait, for all kinds and all
integrations together; beyond that, and when the day's 500 MB are used up, 1029 is the answer. "Canceled" is spelled
"Cancelled" by the server. A file is kept for 7 days; no cursor names one, so a reading that goes on later asks anew.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from smarksync.kit.resolve import Kind, Verdict
from smarksync.kit.response import Answered, Response
from smarksync.plugin import FieldInfo, Malformed, Record, Throttled, Transient

from .client import PAGE, Api, Row, error, rows_of, stamp
from .fields import ALWAYS, csv_reader, record, there_by
from .settings import MarketoSettings

WINDOW = timedelta(days=31)
#: Seconds between two looks at a job: its status is renewed that often.
POLL = 60.0
#: Jobs that we have waiting at once; the queue of ten belongs to everybody.
AHEAD = 3
#: Rows of one page that is handed on.
ROWS = 1000
#: Calls that a job takes at least: made, enqueued, looked at, fetched.
_CALLS_A_JOB = 4
#: Longest time that one job may take, in polls.
_PATIENCE = 240
_PART = 4 * 1024 * 1024
_OVER = frozenset({"completed", "failed", "cancelled", "canceled"})


class NoBulk(Exception):
    """This instance, or this day, has no bulk extract: another way must be taken."""


class Ask(NamedTuple):
    """A job to be made: of which kind (``leads``, ``activities``, ``program/members``), what is asked, and the caller's own key."""

    kind: str
    body: Mapping[str, Any]
    key: Any


def worth(settings: MarketoSettings, rows: float, jobs: int, calls: float | None = None) -> bool:
    """Whether so many rows (an estimate) are read by so many jobs rather than by ``calls`` of pages (default: full ones)."""
    if settings.bulk != "auto":
        return settings.bulk == "always"
    return rows >= settings.bulk_from and jobs * _CALLS_A_JOB < (rows / PAGE if calls is None else calls)


def windows(first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
    """The times between, in pieces that a job takes; neighbours share a second, which both then show."""
    found = []
    at = first.replace(microsecond=0)
    while at < last:
        end = min(at + WINDOW, last.replace(microsecond=0) + timedelta(seconds=1))
        found.append((at, end))
        at = end
    return found


def by_bulk(
    api: Api, infos: Mapping[str, FieldInfo], fields: Sequence[str], first: datetime, last: datetime
) -> Iterator[tuple[list[Record], datetime, bool]]:
    """Leads created between two times, as (records, start of the window that is not finished, more).

    Raises :class:`NoBulk` when the jobs are refused for good."""
    asked = [name for name in dict.fromkeys((*ALWAYS, *fields)) if name in infos or name in ALWAYS]
    asks = [Ask("leads", {"fields": asked, "filter": {"createdAt": span(*one)}}, one) for one in windows(first, last)]
    for ask, lines in extracts(api, asks):
        header = next(lines, None)
        page: list[Record] = []
        if header is not None:
            read = csv_reader(infos, header)
            for line in lines:
                page += [record(row, fields) for row in there_by([read(line)], last)]
                if len(page) >= ROWS:
                    yield page, ask.key[0], True
                    page = []
        yield page, ask.key[1], ask is not asks[-1]


def span(first: datetime, last: datetime) -> Mapping[str, str]:
    """A time range as filters take it."""
    return {"startAt": stamp(first), "endAt": stamp(last)}


def extracts(api: Api, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Iterator[list[str]]]]:
    """Each job with the lines of its file, the header first (none at all when the file is empty), in the order asked.

    Raises :class:`NoBulk` when one is refused for good, or does not end well."""
    waiting = deque(asks)
    under_way: deque[tuple[Ask, str]] = deque()
    try:
        while waiting or under_way:
            while waiting and len(under_way) < AHEAD:
                job = _begin(api, waiting[0], must=not under_way)
                if job is None:
                    break  # the queue is full: ours come first
                under_way.append((waiting.popleft(), job))
            ask, job = under_way.popleft()
            yield ask, csv.reader(_text(api, ask.kind, job, _done(api, ask.kind, job)))
    except NoBulk:
        for ask, job in under_way:  # nobody will fetch them, and others wait
            _cancel(api, ask.kind, job)
        raise


def rows(lines: Iterator[list[str]]) -> Iterator[dict[str, str | None]]:
    """The lines of a file by column; ``null`` is Marketo's word for nothing."""
    header = next(lines, [])
    for line in lines:
        if len(line) != len(header):
            raise Malformed("A line of Marketo's bulk file has another number of columns than its header.")
        cells = {name: None if cell == "null" else cell for name, cell in zip(header, line, strict=True)}
        yield Answered(cells, "Marketo's bulk file")


def _begin(api: Api, ask: Ask, *, must: bool) -> str | None:
    """Creates and enqueues a job; None when the queue is full and we have others in it."""
    job = ""
    for _ in range(_PATIENCE):
        if not job:
            body = {"format": "CSV", **ask.body}
            made = api.call(
                "POST", f"{_path(ask.kind)}/create.json", json=body, kind="read", about_rows=True, idempotent=False
            )
            code, words = error(made)
            if code is None:
                job = str(_only(made)["exportId"])
        if job:
            where = f"{_path(ask.kind)}/{job}/enqueue.json"
            queued = api.call("POST", where, kind="read", about_rows=True, idempotent=False)
            code, words = error(queued)
            if code is None:
                return job
        if code != "1029" or "quota" in words.lower():
            raise NoBulk(f"bulk extract is refused ({code})")
        if not must:
            _cancel(api, ask.kind, job)
            return None
        api.http.wait(POLL)
    raise Throttled("Marketo's queue for bulk extracts stays full.", retry_after=POLL)


def _only(body: Mapping[str, Any]) -> Row:
    """The one row of an answer about a job. Raises Malformed."""
    found = rows_of(body)
    if not found:
        raise Malformed("Marketo's answer about a bulk extract does not say which it means.")
    return found[0]


def _path(kind: str) -> str:
    return f"/bulk/v1/{kind}/export"


def _cancel(api: Api, kind: str, job: str) -> None:
    if job:
        api.call("POST", f"{_path(kind)}/{job}/cancel.json", kind="read", about_rows=True)


def _done(api: Api, kind: str, job: str) -> Mapping[str, Any]:
    """The job once it is over; polls it."""
    for _ in range(_PATIENCE):
        status = _only(api.get(f"{_path(kind)}/{job}/status.json"))
        word = str(status.get("status", "")).lower()
        if word == "completed":
            return status
        if word in _OVER:
            raise NoBulk(f"the bulk extract was {word}")
        api.http.wait(POLL)
    raise Transient(
        "A bulk extract of Marketo's does not come to its end.",
        hint="The next run begins it anew; `bulk: never` reads in pages.",
    )


def _text(api: Api, kind: str, job: str, status: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a job's file, fetched in parts and checked against its checksum."""
    size = int(status.get("fileSize") or 0)
    if not int(status.get("numberOfRecords") or 0) and not size:
        return  # a job without rows has no file
    digest = hashlib.sha256()
    rest = b""
    at = 0
    while at < size or not size:
        part = _part(api, kind, job, at, min(at + _PART, size) - 1 if size else None)
        digest.update(part)
        at += len(part)
        cut = (rest + part).rfind(b"\n") + 1
        whole, rest = (rest + part)[:cut], (rest + part)[cut:]
        # a field may hold a line break: the reader above puts such lines together again
        yield from io.StringIO(whole.decode("utf-8-sig" if at == len(part) else "utf-8"), newline="")
        if not size:
            break
        if not part:
            raise Transient("Marketo's bulk file is shorter than its job says.")
    if rest:
        yield rest.decode()
    said = str(status.get("fileChecksum") or "").removeprefix("sha256:")
    if said and said != digest.hexdigest():
        raise Malformed("Marketo's bulk file is not the one that its job describes (checksum).")


def _part(api: Api, kind: str, job: str, first: int, last: int | None) -> bytes:
    def not_there(response: Response) -> Verdict | None:
        if response.status == 404:  # text/plain: the file is not ready, or kept no longer (docs, rest/bulk-extract)
            return Verdict(Kind.TRANSIENT, "has no such bulk file (404)", again=False)
        return None

    headers = None if last is None else {"Range": f"bytes={first}-{last}"}
    answer = api.http.request("GET", f"{_path(kind)}/{job}/file.json", headers=headers, resolve=not_there, expect="any")
    return answer.content if answer.status == 206 or last is None else answer.content[first : last + 1]
