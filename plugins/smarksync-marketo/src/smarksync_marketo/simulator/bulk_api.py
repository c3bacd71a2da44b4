"""Bulk extract: jobs, their queue, their files. Facts: docs (rest/bulk-extract, rest/bulk-lead-extract,
rest/bulk-activity-extract, rest/bulk-program-member-extract).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from smarksync.simulator import Answer, Request, route

from .base import stamp
from .objects_api import ObjectsApi
from .schema import DELETE, TYPES

_PATH = "/bulk/v1/{kind:path}/export"
#: columns of an activity file, all of them where none are asked for (rest/bulk-activity-extract)
_ACTIVITY = (
    "marketoGUID", "leadId", "activityDate", "activityTypeId", "campaignId", "primaryAttributeValueId",
    "primaryAttributeValue", "attributes",
)  # fmt: skip
#: columns of a member file besides those of the lead (rest/bulk-program-member-extract)
_MEMBER = (
    "leadId", "program", "programId", "statusName", "reachedSuccess", "membershipDate", "updatedAt", "acquiredBy",
    "isExhausted",
)  # fmt: skip
Row = Mapping[str, Any]


@dataclass
class Job:
    """One export. ``began`` is when a slot was free; ``fails`` lets it fail."""

    id: str
    kind: str
    fields: Sequence[str]
    filter: Mapping[str, Any]
    created: datetime
    queued: datetime | None = None
    began: datetime | None = None
    finished: datetime | None = None
    cancelled: bool = False
    file: bytes | None = None
    rows: int = 0


class BulkApi(ObjectsApi):
    """The export endpoints."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.jobs: dict[str, Job] = {}
        self.failing_jobs = 0
        self._bytes: tuple[str, int] = ("", 0)

    @route("POST", f"{_PATH}/create.json", query=(), write=False)
    def create_job(self, request: Request) -> Answer:
        """Describes a job."""
        kind = request.params["kind"]
        if kind not in ("leads", "activities", "program/members"):
            return self.not_found(request)
        body = self.members(request, ("fields", "format", "columnHeaderNames", "filter"))
        names, narrowed = body.get("fields"), body.get("filter")
        if kind == "activities" and names is None:
            names = list(_ACTIVITY)
        if not isinstance(names, list) or not names:
            return self.fail("1002", "Missing value for required parameter 'fields'")
        known = {"activities": (*_ACTIVITY, "actionResult"), "program/members": (*_MEMBER, *self.world.lead_fields)}
        unknown = [name for name in names if name not in known.get(kind, self.world.lead_fields)]
        if unknown:
            return self.fail("1006", f"Field '{unknown[0]}' not found")
        if not isinstance(narrowed, dict) or not narrowed:
            return self.fail("1002", "Missing value for required parameter 'filter'")
        for name in narrowed:
            if name not in self.quirks.bulk_filters:
                return self.fail("1035", "Unsupported filter type for target subscription")
        self._check_filter(kind, narrowed)
        if self._bytes_today() >= self.quirks.bulk_bytes:
            return self.fail("1029", "Export daily quota 500MB exceeded")
        if kind == "program/members" and "programIds" in narrowed:
            names = ["programId", *(name for name in names if name != "programId")]
        job = Job(str(uuid.UUID(int=len(self.jobs) + 1)), kind, names, narrowed, self.now())
        self.jobs[job.id] = job
        return self.good([self._shown(job)])

    def _check_filter(self, kind: str, narrowed: Row) -> None:
        """Raises the refusal of a filter that this kind of job does not take, or not like that."""
        if "createdAt" in narrowed:
            span = narrowed["createdAt"]
            since, until = (_time(span.get(name)) for name in ("startAt", "endAt"))
            if since is None or until is None or "." in str(span):
                raise self.refuse("704", "Invalid date format")
            if not timedelta(0) < until - since <= timedelta(days=31):
                raise self.refuse("1003", "The date range must be 31 days or fewer")
        if kind == "leads":
            if len(narrowed) != 1:
                raise self.refuse("1003", "Only one filter type may be specified")
            if not narrowed.keys() <= {"createdAt", "staticListId"}:
                raise self.refuse("1003", f"Filter '{next(iter(narrowed))}' is not part of this simulator")
            if "staticListId" in narrowed and narrowed["staticListId"] not in self.world.members:
                raise self.refuse("1003", "Invalid value for filter 'staticListId'")
        elif kind == "activities":
            ids = narrowed.get("activityTypeIds", [])
            if "createdAt" not in narrowed or not narrowed.keys() <= {"createdAt", "activityTypeIds"}:
                raise self.refuse("1003", "Exactly one createdAt filter, and at most activityTypeIds besides")
            if (
                not isinstance(ids, list)
                or not all(isinstance(one, int) and one in TYPES for one in ids)
                or DELETE in ids
            ):
                raise self.refuse("1003", "Invalid value for filter 'activityTypeIds'")
        else:
            ids = narrowed.get("programIds", [narrowed.get("programId")])
            if len(narrowed) != 1 or not narrowed.keys() <= {"programId", "programIds"}:
                raise self.refuse("1003", "Either programId or programIds must be specified")
            if (
                not isinstance(ids, list)
                or not 0 < len(ids) <= 10
                or any(one not in self.world.programs for one in ids)
            ):
                raise self.refuse("1003", "Invalid value for filter 'programIds'")

    @route("POST", f"{_PATH}/{{id}}/enqueue.json", query=(), write=False)
    def enqueue_job(self, request: Request) -> Answer:
        """Puts a job into the queue."""
        job = self._job(request)
        self._work()
        waiting = [j for j in self.jobs.values() if j.queued and j.file is None and not j.cancelled]
        if job.queued:
            return self.fail("1029", "Export job already queued")
        if len(waiting) >= self.quirks.bulk_running + self.quirks.bulk_queue:
            return self.fail("1029", f"Too many jobs ({len(waiting)}) in queue")
        if self._bytes_today() >= self.quirks.bulk_bytes:
            return self.fail("1029", "Export daily quota 500MB exceeded")
        job.queued = self.now()
        self._work()
        return self.good([self._shown(job)])

    @route("GET", f"{_PATH}/{{id}}/status.json", query=())
    def job_status(self, request: Request) -> Answer:
        """How far a job is, as of the last full minute."""
        job = self._job(request)
        self._work()
        return self.good([self._shown(job)])

    @route("POST", f"{_PATH}/{{id}}/cancel.json", query=(), write=False)
    def cancel_job(self, request: Request) -> Answer:
        """Cancels a job."""
        job = self._job(request)
        job.cancelled = True
        return self.good([self._shown(job)])

    @route("GET", f"{_PATH}/{{id}}/file.json", query=())
    def job_file(self, request: Request) -> Answer:
        """The file, or the part of it that ``Range`` asks for. None yet: 404, in plain text."""
        job = self._job(request)
        self._work()
        over = job.finished is not None and self.now() - job.finished >= timedelta(days=self.quirks.bulk_kept_days)
        if job.file is None or self._word(job) != "Completed" or over:
            return Answer(404, "Not Found")
        asked = request.headers.get("range", "")
        kind = {"Content-Type": "text/csv;charset=UTF-8"}
        self._count()
        if not asked.startswith("bytes="):
            return Answer(200, job.file, kind)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(job.file)), len(job.file) - 1)
        if start >= len(job.file):
            return Answer(416, "Range Not Satisfiable")
        return Answer(206, job.file[start : end + 1], {**kind, "Content-Range": f"bytes {start}-{end}/{len(job.file)}"})

    # ---- the machine behind it

    def _job(self, request: Request) -> Job:
        job = self.jobs.get(request.params["id"])
        if job is None or job.kind != request.params["kind"]:
            raise self.refuse("1013", "Export job not found")
        return job

    def _work(self) -> None:
        """Begins and ends jobs as the clock says; a slot that gets free is taken at that moment."""
        now, each = self.now(), timedelta(seconds=self.quirks.bulk_seconds)
        slots = [datetime.fromtimestamp(0, now.tzinfo)] * self.quirks.bulk_running
        for job in sorted((j for j in self.jobs.values() if j.queued), key=lambda j: j.queued or now):
            if job.cancelled:
                continue
            slots.sort()
            began = max(job.queued or now, slots[0])
            slots[0] = began + each
            job.began = began if began <= now else None
            if began + each <= now and job.file is None:
                job.file, job.finished = self._file(job), began + each
                today, used = self._bytes
                used = used if today == self._today() else 0
                self._bytes = (self._today(), used + len(job.file))

    def _word(self, job: Job, at: datetime | None = None) -> str:
        each = timedelta(seconds=self.quirks.bulk_seconds)
        if job.cancelled:
            return self.quirks.cancelled
        if job.queued is None:
            return "Created"
        # what is shown is as old as the last renewal
        step = self.quirks.bulk_status_seconds
        age = (self.now() - job.queued).total_seconds()
        seen = job.queued + timedelta(seconds=age - age % step)
        if job.began is None or job.began >= seen:
            return "Queued"
        if job.began + each > seen or job.file is None:
            return "Processing"
        if self.failing_jobs > 0:
            self.failing_jobs -= 1
            job.cancelled = True
            return "Failed"
        return "Completed"

    def _shown(self, job: Job) -> dict[str, Any]:
        word = self._word(job)
        shown: dict[str, Any] = {
            "exportId": job.id, "status": word, "createdAt": stamp(job.created), "format": "CSV",
        }  # fmt: skip
        if job.queued:
            shown["queuedAt"] = stamp(job.queued)
        if word in ("Processing", "Completed") and job.began:
            shown["startedAt"] = stamp(job.began)
        if word == "Completed" and job.file is not None:
            shown["finishedAt"] = stamp(self.now())
            shown["numberOfRecords"] = job.rows
            shown["fileSize"] = len(job.file)
            shown["fileChecksum"] = "sha256:" + hashlib.sha256(job.file).hexdigest()
        return shown

    def _file(self, job: Job) -> bytes:
        out = io.StringIO()
        lines = csv.writer(out, lineterminator="\n")
        lines.writerow(job.fields)
        rows = {"leads": self._leads, "activities": self._activities, "program/members": self._members}
        for row in rows[job.kind](job):
            lines.writerow([_cell(row.get(name)) for name in job.fields])
            job.rows += 1
        return out.getvalue().encode()

    def _leads(self, job: Job) -> Iterator[Row]:
        if "staticListId" in job.filter:
            yield from (
                self.row(n, job.fields) for n in self.world.members[job.filter["staticListId"]] if n in self.world.leads
            )
            return
        inside = _inside(job.filter["createdAt"])
        yield from (self.row(n, job.fields) for n, row in self.world.leads.items() if inside(row["createdAt"]))

    def _activities(self, job: Job) -> Iterator[Row]:
        inside, types = _inside(job.filter["createdAt"]), job.filter.get("activityTypeIds")
        for one in self.world.activities:
            seen = (one.seen_from or one.at) <= self.now() and one.type != DELETE
            if seen and inside(one.at) and (not types or one.type in types):
                yield {
                    "marketoGUID": one.number, "leadId": one.lead, "activityDate": stamp(one.at), "activityTypeId": one.type,
                    "primaryAttributeValueId": one.primary_id, "primaryAttributeValue": one.primary,
                    "attributes": json.dumps(one.attributes), "actionResult": "succeeded",
                }  # fmt: skip

    def _members(self, job: Job) -> Iterator[Row]:
        for number in job.filter.get("programIds", [job.filter.get("programId")]):
            program, progress = self.world.programs[number], self.world.progress[number]
            success = {name: won for name, _, won in self.world.statuses(program["channel"])}
            for lead in sorted(n for n in progress if n in self.world.leads):
                joined, moved = self.world.since[number, lead]
                yield {
                    **self.row(lead, [name for name in job.fields if name not in _MEMBER]), "leadId": lead,
                    "programId": number, "program": program["name"], "statusName": progress[lead],
                    "reachedSuccess": success[progress[lead]], "membershipDate": stamp(joined), "updatedAt": stamp(moved),
                    "acquiredBy": False, "isExhausted": False,
                }  # fmt: skip

    def _bytes_today(self) -> int:
        return self._bytes[1] if self._bytes[0] == self._today() else 0


def _cell(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inside(span: Mapping[str, str]) -> Callable[[datetime], bool]:
    """Whether a time, in whole seconds, is in the range of a filter."""
    since, until = (datetime.fromisoformat(span[name]) for name in ("startAt", "endAt"))
    return lambda at: since <= at.replace(microsecond=0) <= until


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
