"""Leads: described, looked up, written, merged, deleted. Facts: docs (rest/leads), recorded answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from smarksync.simulator import Answer, Query, Refused, Request, route

from . import schema
from .base import Base, stamp
from .schema import Field

_DEFAULT = ("id", "email", "updatedAt", "createdAt", "firstName", "lastName")
_EMAIL = re.compile(r"[\x21-\x7e]+@[\x21-\x7e]+\.[\x21-\x7e]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LABEL = re.compile(r"[A-Za-z0-9 _-]+")
_TYPES = {"string", "text", "email", "phone", "url", "boolean", "integer", "score", "percent", "float", "currency", "date", "datetime"}  # fmt: skip
_PERSON = ("filterType", "filterValues", "fields", "batchSize", "nextPageToken")


class LeadsApi(Base):
    """The lead endpoints."""

    @route("GET", "/rest/v1/leads/describe.json", query=())
    def describe(self, request: Request) -> Answer:
        """The older description."""
        rows = []
        for number, known in enumerate(self.world.lead_fields.values(), 1):
            entry: dict[str, Any] = {"id": number, "displayName": known.label, "dataType": known.type}
            if known.length:
                entry["length"] = known.length
            names = {"name": known.name, "readOnly": not known.writable}
            rows.append({**entry, "rest": names, "soap": {**names, "name": known.label.replace(" ", "")}})
        return self.good(rows)

    @route("GET", "/rest/v1/leads/describe2.json", query=())
    def describe2(self, request: Request) -> Answer:
        """The newer one."""
        known = self.world.lead_fields.values()
        searchable = [[f.name] for f in known if f.searchable]
        fields = [f.described() for f in known]
        return self.good([{"name": "API Lead", "searchableFields": searchable, "fields": fields}])

    @route("GET", "/rest/v1/leads/schema/fields.json", query=("batchSize", "nextPageToken"))
    def fields(self, request: Request) -> Answer:
        """Fields with what administrators see."""
        rows, told = self.page([f.described(custom=True) for f in self.world.lead_fields.values()], request.query)
        return self.good(rows, **{"moreResult": False, **told})

    @route("POST", "/rest/v1/leads/schema/fields.json", query=())
    def create_fields(self, request: Request) -> Answer:
        """Custom fields; never to be deleted."""
        answers = []
        for row in self.rows(self.members(request, ("input",))):
            name, label = str(row.get("name", "")), str(row.get("displayName", ""))
            known = self.world.lead_fields
            made = sum(1 for f in known.values() if f.custom)
            if set(row) - {
                "displayName",
                "name",
                "dataType",
                "description",
                "isHidden",
                "isHtmlEncodingInEmail",
                "isSensitive",
            }:
                raise self.refuse("1003", "Invalid value for parameter 'input'")
            if not _NAME.fullmatch(name) or not _LABEL.fullmatch(label) or row.get("dataType") not in _TYPES:
                answers.append(_skipped("1003", f"Invalid value for field '{name}'", name=name))
            elif name in known or label in {f.label for f in known.values()}:
                answers.append(_skipped("1017", "Object already exists", name=name))
            elif made >= self.quirks.creatable_fields:
                answers.append(_skipped("709", "Maximum number of custom fields reached", name=name))
            else:
                kind = str(row["dataType"])
                known[name] = Field(
                    name, label, kind, 255 if kind == "string" else None, custom=True,
                    searchable=kind in ("string", "email", "integer"),
                )  # fmt: skip
                answers.append({"name": name, "status": "created"})
        return self.good(answers)

    @route("GET", "/rest/v1/lead/{id}.json", query=("fields",))
    def one(self, request: Request) -> Answer:
        """One lead by id."""
        number = request.params["id"]
        if not number.isdigit() or int(number) not in self.world.leads:
            return self.fail("1004", f"Lead '{number}' not found")
        return self.good([self.row(int(number), self.asked(request.query))])

    @route("GET", "/rest/v1/leads.json", query=_PERSON)
    def find(self, request: Request) -> Answer:
        """Leads by a searchable field."""
        name = request.query.get("filterType")
        if not name or not request.query.get("filterValues"):
            return self.fail(
                "1002", f"Missing value for required parameter '{'filterValues' if name else 'filterType'}'"
            )
        known = self.world.lead_fields.get(name)
        if known is None or not known.searchable:
            return self.fail("1003", f"Invalid filterType '{name}'")
        values = [text.strip().lower() for text in request.query.get("filterValues").split(",")]
        if len(values) > 300:
            return self.fail("1003", "Maximum number of filter values allowed is 300")
        asked = self.asked(request.query)
        ids = self._matching(name, values)
        if len(ids) > self.quirks.most_matches:
            return self.fail("1003", "Too many results match the filter")
        page, told = self.page(ids, request.query)
        return self.good([self.row(number, asked) for number in page], **told)

    def _matching(self, name: str, values: Sequence[str]) -> list[int]:
        if name == "id":
            return sorted({int(v) for v in values if v.isdigit() and int(v) in self.world.leads})
        wanted = set(values)
        return [number for number, row in sorted(self.world.leads.items()) if str(row.get(name, "")).lower() in wanted]

    @route("POST", "/rest/v1/leads.json", query=())
    def sync(self, request: Request) -> Answer:
        """Creates and updates, each row for itself."""
        body = self.members(request, ("action", "lookupField", "partitionName", "asyncProcessing", "input"))
        action, lookup = body.get("action", "createOrUpdate"), body.get("lookupField", "email")
        if action not in ("createOnly", "updateOnly", "createOrUpdate", "createDuplicate"):
            return self.fail("1003", f"Invalid value for parameter 'action': {action}")
        known = self.world.lead_fields.get(lookup)
        if known is None or not known.searchable or (lookup == "id" and action != "updateOnly"):
            return self.fail("1011", f"Field '{lookup}' is not supported as a lookup field")
        if body.get("partitionName") not in (None, "Default"):
            return self.fail("1008", "Access denied to partition")
        return self.good([self._synced(row, action, lookup) for row in self.rows(body)])

    def _synced(self, row: Mapping[str, Any], action: str, lookup: str) -> dict[str, Any]:
        wrong = self._wrong(row, action)
        if wrong is not None:
            return wrong
        value = row.get(lookup)
        if value in (None, "") and action != "createDuplicate":
            return _skipped("1002", f"Missing value for required parameter '{lookup}'")
        found = [] if action == "createDuplicate" else self._matching(lookup, [str(value).strip().lower()])
        twin = f"{lookup}={str(value).lower()}"
        if found and twin in self._twins and action == "createOrUpdate":
            self._twins.discard(twin)
            found = []
        values = {name: _stored(self.world.lead_fields[name], raw) for name, raw in row.items() if name != "id"}
        if not found:
            if action == "updateOnly":
                return _skipped("1004", "Lead not found")
            return {"id": self.world.add(api="syncLead", **values), "status": "created"}
        if action == "createOnly":
            return _skipped(
                "1005", "Lead already exists", **({} if self.quirks.skipped_without_id else {"id": found[0]})
            )
        if len(found) > 1:
            return _skipped("1007", "Multiple lead match lookup criteria")
        owned = [name for name in values if self.world.lead_fields[name].company]
        if owned and self.quirks.company_updates == "refused":
            return _skipped("1021", f"Company field '{owned[0]}' cannot be updated by syncLead")
        if self.quirks.company_updates == "ignored":
            values = {name: raw for name, raw in values.items() if name not in owned}
        self.world.edit(found[0], api="syncLead", **values)
        return {"id": found[0], "status": "updated"}

    def _wrong(self, row: Mapping[str, Any], action: str) -> dict[str, Any] | None:
        for name, raw in row.items():
            known = self.world.lead_fields.get(name)
            if known is None:
                return _skipped("1006", f"Field '{name}' not found")
            if name == "id" and action != "updateOnly":
                return _skipped("1003", "Invalid value for field 'id': it is managed by the system")
            if not known.writable and name != "id":
                return _skipped("1003", f"Field '{name}' is not updateable")
            if raw is not None and not _fits(known, raw):
                return _skipped("1003", f"Invalid value for field '{name}' and value '{raw}'")
        return None

    @route("POST", "/rest/v1/leads/delete.json", query=("id",))
    @route("DELETE", "/rest/v1/leads.json", query=("id",))
    def delete(self, request: Request) -> Answer:
        """Deletes leads by id."""
        answers = []
        for row in self.rows(self.members(request, ("input",))):
            number = int(row.get("id") or 0)
            if number in self.world.leads:
                self.world.remove(number)
                answers.append({"id": number, "status": "deleted"})
            else:
                answers.append(_skipped("1004", "Lead not found"))
        return self.good(answers)

    @route("POST", "/rest/v1/leads/{id}/merge.json", query=("leadId", "leadIds", "mergeInCRM"))
    def merge(self, request: Request) -> Answer:
        """Merges leads into one."""
        texts = [request.query.get("leadId"), *request.query.get("leadIds").split(",")]
        losers = [int(text) for text in texts if text.isdigit()]
        winner = int(request.params["id"])
        if len(losers) > 25:
            return self.fail("1080", "A maximum of 25 leads can be merged")
        if not losers or winner in losers or not {winner, *losers} <= self.world.leads.keys():
            return self.fail("1004", "Lead not found")
        self.world.merge(winner, losers)
        return self.good()

    # ---- rows

    def asked(self, query: Query) -> Sequence[str]:
        """The fields asked for; an unknown one is refused."""
        if not query.get("fields"):
            return _DEFAULT
        names = [name.strip() for name in query.get("fields").split(",")]
        unknown = [name for name in names if name not in self.world.lead_fields]
        if unknown:
            raise Refused(self.fail("1006", f"Field '{unknown[0]}' not found"))
        return names

    def row(self, number: int, names: Sequence[str]) -> dict[str, Any]:
        """A lead with those fields; recorded answers show the empty ones as null."""
        values = self.world.shown(number)
        shown = {name: values.get(name) for name in names}
        shown["id"] = number
        return {name: stamp(value) if isinstance(value, datetime) else value for name, value in shown.items()}


def _skipped(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {**more, "status": "skipped", "reasons": [{"code": code, "message": message}]}


def _fits(known: Field, raw: Any) -> bool:
    if known.type == "boolean":
        return isinstance(raw, bool) or str(raw).lower() in ("true", "false", "1", "0")
    if known.type in ("integer", "score", "percent"):
        return not isinstance(raw, bool) and re.fullmatch(r"-?\d+", str(raw)) is not None
    if known.type in ("float", "currency"):
        return not isinstance(raw, bool) and re.fullmatch(r"-?\d+(\.\d+)?", str(raw)) is not None
    if isinstance(raw, bool | list | dict):
        return False
    if known.type == "email" and raw:
        return _EMAIL.fullmatch(str(raw)) is not None
    if known.type in ("date", "datetime") and raw:
        try:
            datetime.fromisoformat(str(raw))
        except ValueError:
            return False
    return not known.length or len(str(raw)) <= known.length


def _stored(known: Field, raw: Any) -> Any:
    if raw is None or raw == "":
        return None
    if known.type == "boolean":
        return raw if isinstance(raw, bool) else str(raw).lower() in ("true", "1")
    if known.type in ("integer", "score", "percent"):
        return int(raw)
    if known.type in ("float", "currency"):
        return float(raw)
    if known.type == "datetime":
        at = datetime.fromisoformat(str(raw))
        return stamp(at)
    if known.type == "date":
        return str(raw)[:10]
    return str(raw)


__all__ = ["LeadsApi", "schema"]
