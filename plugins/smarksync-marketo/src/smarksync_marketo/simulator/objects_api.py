"""Companies, opportunities, usage. Facts: docs (rest/companies)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from smarksync.simulator import Answer, Request, route

from . import schema
from .base import Base, stamp
from .members_api import MembersApi
from .schema import Field

_FIND = ("filterType", "filterValues", "fields", "batchSize", "nextPageToken")


class ObjectsApi(MembersApi):
    """Everything that is neither a lead nor an activity."""

    # ---- companies and opportunities

    @route("GET", "/rest/v1/companies/describe.json", query=())
    def describe_companies(self, request: Request) -> Answer:
        """Fields of companies."""
        return self._described("Company", "id", "externalCompanyId", schema.COMPANY)

    @route("GET", "/rest/v1/opportunities/describe.json", query=())
    def describe_opportunities(self, request: Request) -> Answer:
        """Fields of opportunities."""
        return self._described("opportunity", "marketoGUID", "externalOpportunityId", schema.OPPORTUNITY)

    @route("GET", "/rest/v1/companies.json", query=_FIND)
    def companies(self, request: Request) -> Answer:
        """Companies by a searchable field."""
        return self._found(request, schema.COMPANY, self.world.companies.values(), "externalCompanyId")

    @route("GET", "/rest/v1/opportunities.json", query=_FIND)
    def opportunities(self, request: Request) -> Answer:
        """Opportunities by a searchable field."""
        return self._found(request, schema.OPPORTUNITY, self.world.opportunities.values(), "externalOpportunityId")

    @route("POST", "/rest/v1/companies.json", query=())
    def sync_companies(self, request: Request) -> Answer:
        """Creates and updates companies."""
        if self.quirks.native_crm != "no":
            return self.fail("1018", "CRM Enabled")
        body = self.members(request, ("action", "dedupeBy", "input"))
        action, by = body.get("action", "createOrUpdate"), body.get("dedupeBy", "dedupeFields")
        if by not in ("dedupeFields", "idField") or action not in ("createOnly", "updateOnly", "createOrUpdate"):
            return self.fail("1003", "Invalid value for parameter 'action'")
        known = {f.name: f for f in schema.COMPANY}
        answers: list[dict[str, Any]] = []
        for seq, row in enumerate(self.rows(body)):
            external = str(row.get("externalCompanyId") or "")
            unknown = [name for name in row if name not in known]
            there = external in self.world.companies
            if unknown:
                answers.append(_skipped(seq, "1006", f"Field '{unknown[0]}' not found"))
            elif not external:
                answers.append(_skipped(seq, "1002", "Missing value for required parameter 'externalCompanyId'"))
            elif there and action == "createOnly":
                answers.append(_skipped(seq, "1005", "Record already exists"))
            elif not there and action == "updateOnly":
                answers.append(_skipped(seq, "1013", "Record not found"))
            else:
                values = {name: value for name, value in row.items() if name != "externalCompanyId"}
                made, created = self.world.put_company(external, values)
                answers.append({"seq": seq, "status": "created" if created else "updated", "id": made["id"]})
        return self.good(answers)

    def _described(self, name: str, own: str, key: str, fields: Sequence[Field]) -> Answer:
        if self.quirks.native_crm == "hidden":
            return self.fail("610", "Requested resource not found")
        return self.good(
            [
                {
                    "name": name,
                    "displayName": name.title(),
                    "createdAt": "2015-05-11T17:11:32Z",
                    "updatedAt": "2015-05-11T17:11:32Z",
                    "idField": own,
                    "dedupeFields": [key],
                    "searchableFields": [[f.name] for f in fields if f.searchable],
                    "fields": [f.described() for f in fields],
                }
            ]
        )

    def _found(self, request: Request, fields: Sequence[Field], rows: Iterable[Mapping[str, Any]], key: str) -> Answer:
        if self.quirks.native_crm == "hidden":
            return self.fail("610", "Requested resource not found")
        known = {f.name: f for f in fields}
        name, texts = request.query.get("filterType"), request.query.get("filterValues")
        if not name or not texts:
            return self.fail("1002", "Missing value for required parameter 'filterType'")
        if name not in known or not known[name].searchable:
            return self.fail("1003", f"Invalid filterType '{name}'")
        values = {text.strip().lower() for text in texts.split(",")}
        if len(values) > 300:
            return self.fail("1003", "Maximum number of filter values allowed is 300")
        asked = [n.strip() for n in request.query.get("fields").split(",") if n.strip()]
        unknown = [n for n in asked if n not in known]
        if unknown:
            return self.fail("1006", f"Field '{unknown[0]}' not found")
        asked = asked or ["id", key, "updatedAt", "createdAt"]
        found, told = self.page([row for row in rows if str(row.get(name, "")).lower() in values], request.query)
        shown = [{"seq": seq, **_plain(row, asked)} for seq, row in enumerate(found)]
        return self.good(shown, **told)

    # ---- usage

    @route("GET", "/rest/v1/stats/usage.json", query=())
    def usage(self, request: Request) -> Answer:
        """Today's calls, of everybody."""
        used = self.used_today()
        day = {"date": self._today(), "total": used, "users": [{"userId": "other@ourselves.example", "count": used}]}
        return self.good([day])


def _skipped(seq: int, code: str, message: str) -> dict[str, Any]:
    return {"seq": seq, "status": "skipped", "reasons": [{"code": code, "message": message}]}


def _plain(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {n: stamp(row[n]) if isinstance(row[n], datetime) else row[n] for n in names if row.get(n) is not None}


__all__ = ["Base", "ObjectsApi"]
