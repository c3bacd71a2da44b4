"""What the resources of the simulated org share: how it says no, writes by the API user, locks, duplicate rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.simulator import Answer, Refused, Request, Simulator

from .access import Access
from .ids import full
from .quirks import Quirks
from .soql import Query
from .store import Row, RowError, Store

DATA = "/services/data/v{version}"


def error(status: int, code: str, message: str, **more: Any) -> Answer:
    """An error of a single call: always a list, with ``errorCode`` (1.9)."""
    return Answer(status, [{"message": message, "errorCode": code, **more}])


class Org(Simulator):
    """State and manners of the org; the resources are in rest.py and bulk.py."""

    store: Store
    quirks: Quirks
    access: Access
    me: str
    person: str
    used: int
    batch: int
    locators: dict[str, tuple[Query, list[Row]]]
    locators_made: int
    pages_shown: int
    locked: dict[str, tuple[int, int]]
    queue: str
    jobs: Mapping[str, Any]

    def jobs_left(self) -> int:
        """Bulk jobs that may still be begun (1.8)."""
        return max(self.quirks.daily_bulk_jobs - len(self.jobs), 0)

    def object(self, request: Request) -> str:
        """The object that a path names."""
        name = request.params["object"]
        if name not in self.store.objects:
            raise Refused(error(404, "NOT_FOUND", "The requested resource does not exist"))
        return name

    def body(self, request: Request) -> dict[str, Any]:
        """The body, which must be an object."""
        body = request.json()
        if not isinstance(body, dict):
            raise Refused(error(400, "JSON_PARSER_ERROR", "an object is expected"))
        return body

    def attributes(self, name: str, record_id: str, version: str) -> Row:
        """What each shown row begins with."""
        return {"type": name, "url": f"/services/data/v{version}/sobjects/{name}/{record_id}"}

    def refusal(self, problem: RowError) -> Answer:
        """A refused row as a single call shows it."""
        told = {"fields": problem.fields} if problem.fields or problem.code == "ENTITY_IS_DELETED" else {}
        return error(problem.status, problem.code, problem.message, **told, **problem.more)

    def row_error(self, problem: RowError) -> Row:
        """A refused row as collections show it: ``statusCode`` instead of ``errorCode`` (1.7, TRAP)."""
        more = {} if self.quirks.collections_hide_duplicates else problem.more
        return {"statusCode": problem.code, "message": problem.message, "fields": problem.fields, **more}

    # ---- writes of the API user
    def make(self, name: str, values: Mapping[str, Any], request: Request) -> Row:
        """A new row by the API user; raises RowError."""
        self._duplicates(name, None, values, request)
        self._locked(values.get("AccountId"))
        row = self.store.create(name, values, by=self.me)
        self._assign(name, row, request)
        return row

    def change(self, name: str, record_id: str, values: Mapping[str, Any], request: Request) -> Row:
        """A changed row by the API user; raises RowError."""
        self._locked(record_id)
        row = self.store.row(name, record_id)
        self._locked(row.get("AccountId") if row else None)
        if "Email" in values:
            self._duplicates(name, row, values, request)
        row = self.store.update(name, record_id, values, by=self.me)
        self._assign(name, row, request)
        return row

    def upsert(self, name: str, field: str, values: Row, request: Request) -> tuple[Row, bool]:
        """A row by its external id, and whether it is new; raises RowError."""
        value = values.pop(field, None)
        if value in (None, ""):
            raise RowError("MISSING_ARGUMENT", f"{field} not specified", [field])
        held = self.store.by_key(name, field, value)
        if len(held) > 1:
            ids = ", ".join(one[:15] for one in held)
            raise RowError(
                "DUPLICATE_EXTERNAL_ID", f"{field}: more than one record found for external id field: [{ids}]"
            )
        if self.quirks.racing_upserts > 0 and held:
            self.quirks.racing_upserts -= 1
            said = f"duplicate value found: {field} duplicates value on record with id: {held[0][:15]}"
            raise RowError("DUPLICATE_VALUE", said)
        if held:
            return self.change(name, held[0], values, request), False
        return self.make(name, {**values, field: value}, request), True

    def holders(self, name: str, field: str, value: str) -> list[str]:
        """Ids of living rows whose field has that value (an external id, or an address, which need not be unique)."""
        return self.store.by_key(name, field, value.strip())

    # ---- manners
    def _assign(self, name: str, row: Row, request: Request) -> None:
        rule = request.headers.get("sforce-auto-assign", "TRUE").upper()
        if name == "Lead" and self.quirks.assignment_rules and rule != "FALSE":
            row["OwnerId"] = self.queue

    def _locked(self, record_id: str | None) -> None:
        key = full(record_id or "")
        times, fits = self.locked.get(key, (0, 0))
        if times > 0 and self.batch > fits:
            self.locked[key] = (times - 1, fits)
            raise RowError(
                "UNABLE_TO_LOCK_ROW", f"unable to obtain exclusive access to this record or 1 records: {key}"
            )

    def _duplicates(self, name: str, before: Row | None, values: Mapping[str, Any], request: Request) -> None:
        rule = self.quirks.duplicate_rules
        if rule is None or name not in ("Lead", "Contact") or not values.get("Email"):
            return
        allowed = "allowsave=true" in request.headers.get("sforce-duplicate-rule-header", "").lower().replace(" ", "")
        if allowed and rule == "alert":
            return
        own = before["Id"] if before else None
        found = [
            (kind, one)
            for kind in dict.fromkeys((name, "Contact"))
            for one in self.holders(kind, "Email", str(values["Email"]))
            if one != own and not self.store.tables[kind][one].get("IsConverted")
        ]
        if not found:
            return
        said = "Use one of these records?"
        matches = [
            {
                "additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100,
                "record": {"attributes": self.attributes(kind, one, "61.0"), "Id": one},
            }
            for kind, one in found
        ]  # fmt: skip
        result = {
            "allowSave": rule == "alert", "duplicateRule": f"Standard_{name}_Duplicate_Rule",
            "duplicateRuleEntityType": name, "errorMessage": said,
            "matchResults": [{
                "entityType": found[0][0], "errors": [], "matchEngine": "FuzzyMatchEngine", "matchRecords": matches,
                "rule": f"Standard_{name}_Match_Rule_v1_0", "size": len(matches), "success": True,
            }],
        }  # fmt: skip
        key = "duplicateResut" if self.quirks.misspelt_duplicate_result else "duplicateResult"
        more: dict[str, Any] = {key: result}
        raise RowError("DUPLICATES_DETECTED", said, **more)
