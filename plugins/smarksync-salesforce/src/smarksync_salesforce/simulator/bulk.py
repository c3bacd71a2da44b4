"""Bulk API 2.0: jobs that take or give CSV (vendors/crm.md 1.7)."""

from __future__ import annotations

import csv
import io
from typing import Any

from smarksync.simulator import Answer, Refused, Request, route

from .base import DATA, error
from .ids import make_id
from .rest import Rest
from .soql import normal_time
from .store import Row, RowError

_TRUE = {"true": True, "1": True, "false": False, "0": False}


class Job(dict[str, Any]):
    """A job as the API shows it; what it holds is beside it."""

    data: bytes = b""
    polls: int = 0
    rows: list[Row]
    good: list[tuple[str, bool, dict[str, str]]]
    bad: list[tuple[str, str, dict[str, str]]]


class Bulk(Rest):
    """Ingest and query jobs."""

    jobs: dict[str, Job]

    def _job(self, kind: str, request: Request, body: Row) -> Job:
        job = Job(
            id=make_id("750", len(self.jobs) + 1), **body, createdById=self.me,
            createdDate=normal_time(self.now().isoformat()), systemModstamp=normal_time(self.now().isoformat()),
            concurrencyMode="Parallel", contentType="CSV", apiVersion=float(request.params["version"]),
            lineEnding="LF", columnDelimiter="COMMA", jobType=kind,
        )  # fmt: skip
        job.rows, job.good, job.bad = [], [], []
        self.jobs[job["id"]] = job
        return job

    def _refuse_job(self, name: object) -> None:
        if name in self.quirks.not_in_bulk or name not in self.store.objects:
            raise Refused(error(400, "INVALIDENTITY", f"{name} is not supported by the Bulk API"))
        if not self.jobs_left():
            raise Refused(error(403, "LIMIT_EXCEEDED", "Max number of jobs exceeded for today."))

    def _found(self, request: Request, kind: str) -> Job:
        job = self.jobs.get(request.params["id"])
        if job is None or job["jobType"] != kind:
            raise Refused(error(404, "NOT_FOUND", "The requested resource does not exist"))
        return job

    # ---- ingest
    @route("POST", DATA + "/jobs/ingest", query=())
    def open_ingest(self, request: Request) -> Answer:
        body = self.body(request)
        known = {"object", "operation", "externalIdFieldName", "contentType", "lineEnding", "columnDelimiter"}
        if set(body) - known or body.get("operation") not in ("insert", "update", "upsert", "delete"):
            return error(400, "INVALIDJOB", f"a job takes {', '.join(sorted(known))}")
        self._refuse_job(body.get("object"))
        if body["operation"] == "upsert" and not body.get("externalIdFieldName"):
            return error(400, "INVALIDJOB", "External ID was blank for an upsert.")
        own: Row = {k: body[k] for k in ("object", "operation", "externalIdFieldName") if k in body}
        job = self._job("V2Ingest", request, {**own, "state": "Open"})
        job["contentUrl"] = f"services/data/v{request.params['version']}/jobs/ingest/{job['id']}/batches"
        return Answer(200, job)

    @route("PUT", DATA + "/jobs/ingest/{id}/batches", query=())
    def upload(self, request: Request) -> Answer:
        job = self._found(request, "V2Ingest")
        if job["state"] != "Open" or job.data:
            return error(400, "INVALIDJOBSTATE", "the job takes one upload while it is open")
        if not request.headers.get("content-type", "").startswith("text/csv"):
            return error(415, "UNSUPPORTED_MEDIA_TYPE", "text/csv is taken")
        if len(request.body) > 150_000_000:
            return error(400, "EXCEEDED_MAX_SIZE", "150 MB is the most")
        job.data = request.body
        return Answer(201)

    @route("PATCH", DATA + "/jobs/ingest/{id}", query=())
    def close_ingest(self, request: Request) -> Answer:
        job, body = self._found(request, "V2Ingest"), self.body(request)
        if body not in ({"state": "UploadComplete"}, {"state": "Aborted"}) or job["state"] != "Open":
            return error(400, "INVALIDJOBSTATE", "the state can be UploadComplete or Aborted, once")
        job["state"] = body["state"]
        if job["state"] == "UploadComplete":
            self._ingest(job, request)
        return Answer(200, job)

    @route("GET", DATA + "/jobs/ingest/{id}", query=())
    def ingest_state(self, request: Request) -> Answer:
        return Answer(200, self._polled(self._found(request, "V2Ingest")))

    def _polled(self, job: Job) -> Row:
        job.polls += 1
        running = job["state"] in ("UploadComplete", "InProgress")
        if running and job.polls <= self.quirks.bulk_polls:
            job["state"] = "InProgress"
        elif running:
            job["state"] = "Failed" if "errorMessage" in job else "JobComplete"
        return job

    @route("GET", DATA + "/jobs/ingest/{id}/successfulResults", query=())
    @route("GET", DATA + "/jobs/ingest/{id}/successfulResults/", query=())
    def successes(self, request: Request) -> Answer:
        job = self._found(request, "V2Ingest")
        rows = [{"sf__Id": i, "sf__Created": str(new).lower(), **row} for i, new, row in job.good]
        return self._csv(rows, ["sf__Id", "sf__Created", *self._header(job)])

    @route("GET", DATA + "/jobs/ingest/{id}/failedResults", query=())
    @route("GET", DATA + "/jobs/ingest/{id}/failedResults/", query=())
    def failures(self, request: Request) -> Answer:
        job = self._found(request, "V2Ingest")
        rows = [{"sf__Id": i, "sf__Error": said, **row} for i, said, row in job.bad]
        return self._csv(rows, ["sf__Id", "sf__Error", *self._header(job)])

    @route("GET", DATA + "/jobs/ingest/{id}/unprocessedrecords", query=())
    @route("GET", DATA + "/jobs/ingest/{id}/unprocessedrecords/", query=())
    def unprocessed(self, request: Request) -> Answer:
        job = self._found(request, "V2Ingest")
        whole = list(csv.DictReader(io.StringIO(job.data.decode()))) if job["state"] in ("Failed", "Aborted") else []
        return self._csv(whole, self._header(job))

    def _header(self, job: Job) -> list[str]:
        return next(csv.reader(io.StringIO(job.data.decode())), [])

    def _ingest(self, job: Job, request: Request) -> None:
        shape = self.store.objects[job["object"]]
        header = self._header(job)
        strange = [name for name in header if name not in shape.fields]
        job.update(numberRecordsProcessed=0, numberRecordsFailed=0, retries=0, totalProcessingTime=100)
        if strange:
            job["errorMessage"] = f"InvalidBatch : Field name not found : {strange[0]}"
            return
        for row in csv.DictReader(io.StringIO(job.data.decode())):
            try:
                self._row(job, dict(row), request)
            except RowError as problem:
                fields = ", ".join(problem.fields) or "--"
                job.bad.append((row.get("Id", "") or "", f"{problem.code}:{problem.message}:{fields}", dict(row)))
        job["numberRecordsProcessed"] = len(job.good) + len(job.bad)
        job["numberRecordsFailed"] = len(job.bad)
        if self.quirks.bulk_unordered:
            job.good.reverse()
            job.bad.reverse()

    def _row(self, job: Job, row: dict[str, str], request: Request) -> None:
        shape = self.store.objects[job["object"]]
        values = {n: self._typed(shape.fields[n].type, t) for n, t in row.items() if t != ""}
        operation, name = job["operation"], job["object"]
        if operation == "insert":
            job.good.append((self.make(name, values, request)["Id"], True, row))
        elif operation == "upsert":
            done, created = self.upsert(name, job["externalIdFieldName"], values, request)
            job.good.append((done["Id"], created, row))
        else:
            record_id = values.pop("Id", None)
            if record_id is None:
                raise RowError("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
            if operation == "update":
                self.change(name, record_id, values, request)
            else:
                self.store.delete(name, record_id, by=self.me)
            job.good.append((record_id, False, row))

    def _typed(self, kind: str, text: str) -> Any:
        if text == "#N/A":
            return None
        if kind == "boolean":
            return _TRUE.get(text.lower(), text)
        try:
            return int(text) if kind == "int" else float(text) if kind in ("double", "currency", "percent") else text
        except ValueError:
            raise RowError(
                "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{text} is not a valid value for the type xsd:{kind}"
            ) from None

    # ---- query
    @route("POST", DATA + "/jobs/query", query=(), write=False)
    def open_query(self, request: Request) -> Answer:
        body = self.body(request)
        known = {"operation", "query", "contentType", "lineEnding", "columnDelimiter"}
        if set(body) - known or body.get("operation") not in ("query", "queryAll"):
            return error(400, "INVALIDJOB", f"a job takes {', '.join(sorted(known))}")
        query = self.parsed(str(body.get("query")))
        if any(one.type == "address" for one, _ in query.columns):
            return error(400, "FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query")
        if query.children or query.count:
            return error(400, "INVALIDENTITY", f"{query.object} is not supported by the Bulk API")
        self._refuse_job(query.object)
        job = self._job(
            "V2Query", request, {"operation": body["operation"], "object": query.object, "state": "UploadComplete"}
        )
        for row in self.store.select(query, everything=body["operation"] == "queryAll"):
            shown = self.shown(query, row, request.params["version"])
            flat: Row = {}
            for one, inner in query.columns:
                parent = shown.get(str(one.relationship)) if inner else None
                value = (parent or {}).get(inner) if inner else shown[one.name]
                flat[f"{one.relationship}.{inner}" if inner else one.name] = _text(value)
            job.rows.append(flat)
        if self.quirks.bulk_unordered:
            job.rows.reverse()
        job["header"] = [f"{one.relationship}.{inner}" if inner else one.name for one, inner in query.columns]
        return Answer(200, {k: v for k, v in job.items() if k != "header"})

    @route("GET", DATA + "/jobs/query/{id}", query=())
    def query_state(self, request: Request) -> Answer:
        job = self._polled(self._found(request, "V2Query"))
        return Answer(
            200,
            {
                **{k: v for k, v in job.items() if k != "header"},
                "numberRecordsProcessed": len(self.jobs[job["id"]].rows),
            },
        )

    @route("GET", DATA + "/jobs/query/{id}/results", query=("maxRecords", "locator"))
    def query_results(self, request: Request) -> Answer:
        job = self._found(request, "V2Query")
        if job["state"] != "JobComplete":
            return error(400, "INVALIDJOBSTATE", "the job is not complete")
        start = int(request.query.get("locator") or 0)
        size = int(request.query.get("maxRecords") or 50_000)
        page = job.rows[start : start + size]
        end = start + len(page)
        answer = self._csv(page, job["header"])
        answer.headers["Sforce-Locator"] = str(end) if end < len(job.rows) else "null"
        answer.headers["Sforce-NumberOfRecords"] = str(len(page))
        return answer

    def _csv(self, rows: list[Row], header: list[str]) -> Answer:
        out = io.StringIO()
        writer = csv.DictWriter(out, header, lineterminator="\n", quoting=csv.QUOTE_ALL, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        return Answer(200, out.getvalue().encode(), {"Content-Type": "text/csv"})


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text[:-5] + "Z" if text.endswith(".000+0000") else text
