"""The REST resources: describe, query, rows, collections, deleted and updated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from smarksync.simulator import Answer, Refused, Request, route

from .base import DATA, Org, error
from .ids import full
from .soql import Query, QueryError, normal_time, parse
from .store import Row, RowError


class Rest(Org):
    """What simple callers use."""

    # ---- discovery
    @route("GET", "/services/data", query=())
    @route("GET", "/services/data/", query=())
    def versions(self, request: Request) -> Answer:
        return Answer(
            200,
            [{"label": f"Release {n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in range(41, 69)],
        )

    @route("GET", DATA + "/limits", query=())
    @route("GET", DATA + "/limits/", query=())
    def limits_(self, request: Request) -> Answer:
        left = max(self.quirks.daily_requests - self.used, 0)
        return Answer(
            200,
            {
                "DailyApiRequests": {"Max": self.quirks.daily_requests, "Remaining": left},
                "DailyBulkV2QueryJobs": {"Max": self.quirks.daily_bulk_jobs, "Remaining": self.jobs_left()},
                "DailyBulkApiBatches": {"Max": 15000, "Remaining": 15000},
            },
        )

    @route("GET", DATA + "/sobjects", query=())
    def all_objects(self, request: Request) -> Answer:
        shown = [
            {key: value for key, value in o.described(request.params["version"]).items() if key != "fields"}
            for o in self.store.objects.values()
        ]
        return Answer(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shown})

    @route("GET", DATA + "/sobjects/{object}/describe", query=())
    def describe(self, request: Request) -> Answer:
        return Answer(200, self.store.objects[self.object(request)].described(request.params["version"]))

    # ---- queries
    @route("GET", DATA + "/query", query=("q",))
    @route("GET", DATA + "/query/", query=("q",))
    def query(self, request: Request) -> Answer:
        return self._query(request, everything=False)

    @route("GET", DATA + "/queryAll", query=("q",))
    @route("GET", DATA + "/queryAll/", query=("q",))
    def query_all(self, request: Request) -> Answer:
        return self._query(request, everything=True)

    @route("GET", DATA + "/query/{locator}", query=())
    @route("GET", DATA + "/queryAll/{locator}", query=())
    def more(self, request: Request) -> Answer:
        name, _, offset = request.params["locator"].rpartition("-")
        if name not in self.locators or not offset.isdigit():
            raise Refused(error(400, "INVALID_QUERY_LOCATOR", "invalid query locator"))
        return self._page(name, int(offset), request)

    def _query(self, request: Request, *, everything: bool) -> Answer:
        text = request.query.get("q")
        if not text:
            return error(400, "MALFORMED_QUERY", "SOQL is missing")
        query = self.parsed(text)
        rows = self.store.select(query, everything=everything)
        if query.count:
            return Answer(200, {"totalSize": len(rows), "done": True, "records": []})
        self.locators_made += 1
        name = f"0r8xx{self.locators_made:06d}AAA"
        self.locators[name] = (query, rows)
        answer = self._page(name, 0, request)
        if answer.body["done"]:
            del self.locators[name]
        return answer

    def _page(self, name: str, offset: int, request: Request) -> Answer:
        query, rows = self.locators[name]
        size = self.page_size(query, request)
        page, end = rows[offset : offset + size], offset + size
        self.pages_shown += 1
        if self.quirks.empty_pages and self.pages_shown % self.quirks.empty_pages == 0 and end < len(rows):
            page, end = [], offset
            self.locators_made += 1
            name = f"0r8xx{self.locators_made:06d}AAA"  # the same place under the same name would be a circle
            self.locators[name] = (query, rows)
        version = request.params["version"]
        body: dict[str, Any] = {"totalSize": len(rows), "done": end >= len(rows)}
        if not body["done"]:
            body["nextRecordsUrl"] = f"/services/data/v{version}/query/{name}-{end}"
        body["records"] = [self.shown(query, row, version) for row in page]
        return Answer(200, body)

    def page_size(self, query: Query, request: Request) -> int:
        """Rows of a page: fewer where two long texts are asked for that are custom fields (1.5; "Change the Batch Size in
        Queries", SOQL and SOSL Reference), or where the caller wishes so."""
        size = self.quirks.page
        if sum(1 for one, inner in query.columns if inner is None and one.long and "custom" in one.flags) >= 2:
            size = min(size, 200)
        wish = request.headers.get("sforce-query-options", "").partition("batchSize=")[2]
        return min(size, max(200, int(wish))) if wish.isdigit() else size

    def parsed(self, text: str) -> Query:
        """A query, or the refusal of it."""
        if len(text) > 100_000:
            raise Refused(error(400, "QUERY_TOO_COMPLICATED", "SOQL statement is too long"))
        try:
            return parse(text, self.store.objects)
        except QueryError as problem:
            raise Refused(error(400, problem.code, str(problem))) from None

    def shown(self, query: Query, row: Row, version: str) -> Row:
        """A row as a query shows it."""
        out: Row = {"attributes": self.attributes(query.object, row["Id"], version)}
        for one, inner in query.columns:
            if inner is None:
                out[one.name] = self.compound(query.object, row) if one.type == "address" else row[one.name]
                continue
            parent_name = self.store.object_of(row[one.name]) if row[one.name] else None
            parent = self.store.row(parent_name, row[one.name], deleted=True) if parent_name else None
            relation = str(one.relationship)
            if parent is None or parent_name is None:
                out[relation] = None
                continue
            out.setdefault(relation, {"attributes": self.attributes(parent_name, parent["Id"], version)})
            out[relation][inner] = parent[inner]
        for relation, fields in query.children:
            out[relation] = self._children(query.object, relation, [f.name for f in fields], row["Id"], version)
        return out

    def compound(self, name: str, row: Row) -> Row | None:
        """An address in one piece, read only."""
        prefix = {"Contact": "Mailing", "Account": "Billing"}.get(name, "")
        parts = {
            key[0].lower() + key[1:]: row[prefix + key] for key in ("Street", "City", "State", "PostalCode", "Country")
        }
        return parts if any(parts.values()) else None

    def _children(self, name: str, relation: str, fields: Sequence[str], parent: str, version: str) -> Row | None:
        from .schema import CHILDREN

        child, field = CHILDREN[name][relation]
        found = [r for r in self.store.tables[child].values() if r[field] == parent and not r["IsDeleted"]]
        if not found:
            return None
        records = [{"attributes": self.attributes(child, r["Id"], version), **{f: r[f] for f in fields}} for r in found]
        return {"totalSize": len(records), "done": True, "records": records}

    # ---- one row
    @route("POST", DATA + "/sobjects/{object}", query=())
    @route("POST", DATA + "/sobjects/{object}/", query=())
    def create_one(self, request: Request) -> Answer:
        name = self.object(request)
        try:
            row = self.make(name, self.body(request), request)
        except RowError as problem:
            return self.refusal(problem)
        where = f"/services/data/v{request.params['version']}/sobjects/{name}/{row['Id']}"
        return Answer(201, {"id": row["Id"], "success": True, "errors": []}, {"Location": where})

    @route("GET", DATA + "/sobjects/{object}/{id}", query=("fields",))
    def read_one(self, request: Request) -> Answer:
        name = self.object(request)
        row = self.store.row(name, request.params["id"])
        if row is None:
            return error(404, "NOT_FOUND", "The requested resource does not exist")
        wanted = [f for f in request.query.get("fields").split(",") if f] or list(self.store.objects[name].fields)
        query = self.parsed(f"SELECT {', '.join(wanted)} FROM {name}")
        return Answer(200, self.shown(query, row, request.params["version"]))

    @route("PATCH", DATA + "/sobjects/{object}/{id}", query=())
    def update_one(self, request: Request) -> Answer:
        try:
            self.change(self.object(request), request.params["id"], self.body(request), request)
        except RowError as problem:
            return self.refusal(problem)
        return Answer(204)

    @route("DELETE", DATA + "/sobjects/{object}/{id}", query=())
    def delete_one(self, request: Request) -> Answer:
        try:
            self.store.delete(self.object(request), request.params["id"], by=self.me)
        except RowError as problem:
            return self.refusal(problem)
        return Answer(204)

    @route("PATCH", DATA + "/sobjects/{object}/{field}/{value}", query=("updateOnly",))
    def upsert_one(self, request: Request) -> Answer:
        name, field, value = self.object(request), request.params["field"], request.params["value"]
        known = self.store.objects[name].find(field)
        if known is None or not known.flags & {"externalid", "idlookup"}:
            return error(404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {field}")
        body = self.body(request)
        if field in body:
            return error(400, "INVALID_FIELD", f"The {field} field should not be specified in the sobject data.")
        held = self.holders(name, known.name, value)
        if len(held) > 1:
            base = f"/services/data/v{request.params['version']}/sobjects/{name}/"
            return Answer(300, [base + one for one in held])
        try:
            if held:
                self.change(name, held[0], body, request)
                return Answer(200, {"id": held[0], "success": True, "errors": [], "created": False})
            if request.query.get("updateOnly") == "true":
                return error(404, "NOT_FOUND", "The requested resource does not exist")
            row = self.make(name, {**body, known.name: value}, request)
        except RowError as problem:
            return self.refusal(problem)
        return Answer(201, {"id": row["Id"], "success": True, "errors": [], "created": True})

    # ---- collections
    @route("POST", DATA + "/composite/sobjects", query=())
    def create_many(self, request: Request) -> Answer:
        def act(name: str, values: Row) -> Row:
            if "id" in values or "Id" in values:
                raise RowError("INVALID_FIELD", "cannot specify Id in an insert call", ["Id"])
            return {"id": self.make(name, values, request)["Id"], "success": True, "errors": []}

        return self._collection(request, act)

    @route("PATCH", DATA + "/composite/sobjects", query=())
    def update_many(self, request: Request) -> Answer:
        def act(name: str, values: Row) -> Row:
            record_id = values.pop("id", None) or values.pop("Id", None)
            if not record_id:
                raise RowError("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
            return {"id": self.change(name, record_id, values, request)["Id"], "success": True, "errors": []}

        return self._collection(request, act)

    @route("PATCH", DATA + "/composite/sobjects/{object}/{field}", query=())
    def upsert_many(self, request: Request) -> Answer:
        name, field = self.object(request), request.params["field"]
        known = self.store.objects[name].find(field)
        if known is None or "externalid" not in known.flags:
            return error(
                400,
                "INVALID_FIELD",
                f"{field} does not match an External ID, Salesforce Id, or indexed field for {name}",
            )

        def act(kind: str, values: Row) -> Row:
            if kind != name:
                raise RowError("INVALID_TYPE", f"Record type {kind} does not match {name}")
            if "id" in values or "Id" in values:
                raise RowError("INVALID_FIELD", "Id field should not be specified in the sobject data.", ["Id"])
            row, created = self.upsert(name, field, values, request)
            return {"id": row["Id"], "success": True, "errors": [], "created": created}

        return self._collection(request, act, upsert=True)

    @route("DELETE", DATA + "/composite/sobjects", query=("ids", "allOrNone"))
    def delete_many(self, request: Request) -> Answer:
        results = []
        for one in [part for part in request.query.get("ids").split(",") if part]:
            name = self.store.object_of(one)
            try:
                if name is None:
                    raise RowError("MALFORMED_ID", f"malformed id {one}", ["Id"])
                results.append({"id": self.store.delete(name, one, by=self.me)["Id"], "success": True, "errors": []})
            except RowError as problem:
                results.append({"id": full(one), "success": False, "errors": [self.row_error(problem)]})
        if not 0 < len(results) <= 200:
            return error(400, "INVALID_NUMBER_OF_RECORDS", "1 to 200 ids are taken")
        return Answer(200, results)

    @route("POST", DATA + "/composite/sobjects/{object}", query=(), write=False)
    @route("GET", DATA + "/composite/sobjects/{object}", query=("ids", "fields"))
    def retrieve_many(self, request: Request) -> Answer:
        name = self.object(request)
        if request.method == "GET":
            body: Mapping[str, Any] = {key: request.query.get(key).split(",") for key in ("ids", "fields")}
        else:
            body = self.body(request)
        if set(body) != {"ids", "fields"}:
            return error(400, "JSON_PARSER_ERROR", "ids and fields are taken, and nothing else")
        if not 0 < len(body["ids"]) <= 2000:
            return error(400, "INVALID_NUMBER_OF_RECORDS", "1 to 2000 ids are taken")
        if any("." in f for f in body["fields"]):
            raise Refused(
                error(400, "INVALID_FIELD", f"No such column '{body['fields'][0]}' on sobject of type {name}")
            )
        query = self.parsed(f"SELECT {', '.join(body['fields'])} FROM {name}")
        rows = (self.store.row(name, one) for one in body["ids"])
        return Answer(200, [row and self.shown(query, row, request.params["version"]) for row in rows])

    def _collection(self, request: Request, act: Any, *, upsert: bool = False) -> Answer:
        body = self.body(request)
        if set(body) - {"allOrNone", "records"}:
            return error(400, "JSON_PARSER_ERROR", f"Unrecognized field {sorted(body)}")
        records = body.get("records") or []
        if not records:
            return error(400, "REQUIRED_FIELD_MISSING", "At least 1 record is required")
        if len(records) > 200:
            return error(400, "INVALID_BATCH_SIZE", "record count must not exceed 200")
        self.batch = len(records)
        results: list[Row] = []
        for record in records:
            try:
                kind = (record.get("attributes") or {}).get("type") if next(iter(record), "") == "attributes" else None
                if kind is None:
                    raise RowError(
                        "JSON_PARSER_ERROR",
                        "Nested object for polymorphic foreign key must have an attributes field before any other fields.",
                    )
                if kind not in self.store.objects:
                    raise RowError("INVALID_TYPE", f"sObject type '{kind}' is not supported.")
                results.append(act(kind, {k: v for k, v in record.items() if k != "attributes"}))
            except RowError as problem:
                failed: Row = {"success": False, "errors": [self.row_error(problem)]}
                results.append({**failed, "created": False} if upsert else failed)
        self.batch = 1
        if body.get("allOrNone"):
            return error(400, "NOT_SIMULATED", "allOrNone is not simulated")
        return Answer(200, results)

    # ---- what changed, what left
    @route("GET", DATA + "/sobjects/{object}/deleted", query=("start", "end"))
    @route("GET", DATA + "/sobjects/{object}/deleted/", query=("start", "end"))
    def deleted(self, request: Request) -> Answer:
        start, end = self._span(request, 15)
        rows = self.store.tables[self.object(request)].values()
        left = [
            {"id": row["Id"], "deletedDate": row["SystemModstamp"]}
            for row in rows
            if row["IsDeleted"] and start <= row["SystemModstamp"] <= end
        ]
        earliest = normal_time((self.now() - timedelta(days=15)).isoformat())
        return Answer(200, {"deletedRecords": left, "earliestDateAvailable": earliest, "latestDateCovered": end})

    @route("GET", DATA + "/sobjects/{object}/updated", query=("start", "end"))
    @route("GET", DATA + "/sobjects/{object}/updated/", query=("start", "end"))
    def updated(self, request: Request) -> Answer:
        start, end = self._span(request, 30)
        rows = self.store.tables[self.object(request)].values()
        ids = [row["Id"] for row in rows if not row["IsDeleted"] and start <= row["SystemModstamp"] <= end]
        return Answer(200, {"ids": ids, "latestDateCovered": end})

    def _span(self, request: Request, days: int) -> tuple[str, str]:
        try:
            start, end = (normal_time(request.query.get(name)) for name in ("start", "end"))
        except ValueError:
            raise Refused(error(400, "INVALID_FIELD", "start and end must be times")) from None
        if datetime.fromisoformat(start) < self.now() - timedelta(days=days):
            raise Refused(error(400, "INVALID_REPLICATION_DATE", "startDate before org replication enabled date"))
        # seconds are ignored, and the newest minute is not covered yet (1.6)
        return start[:17] + "00.000+0000", min(end, normal_time(self.now().isoformat()))[:17] + "00.000+0000"

    # ---- identity
    @route("GET", "/services/oauth2/userinfo", query=())
    def userinfo(self, request: Request) -> Answer:
        from .access import ORG, USERNAME

        return Answer(200, {"user_id": self.me, "organization_id": ORG, "preferred_username": USERNAME})
