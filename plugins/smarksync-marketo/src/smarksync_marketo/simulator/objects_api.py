"""Companies, opportunities, programs, lists and their members, usage. Facts: docs (rest/companies, rest/program-members)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from smarksync.simulator import Answer, Request, route

from . import schema
from .base import Base, asset_stamp, stamp
from .leads_api import LeadsApi
from .schema import Field

_FIND = ("filterType", "filterValues", "fields", "batchSize", "nextPageToken")


class ObjectsApi(LeadsApi):
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

    # ---- programs and lists

    @route("GET", "/rest/asset/v1/programs.json", query=("offset", "maxReturn", "earliestUpdatedAt", "latestUpdatedAt"))
    def programs(self, request: Request) -> Answer:
        """Programs, as the asset API shows them."""
        offset, most = int(request.query.get("offset", "0")), int(request.query.get("maxReturn", "20"))
        if not 1 <= most <= 200:
            return self.fail("701", "maxReturn must be between 1 and 200")
        rows = [self.world.programs[number] for number in sorted(self.world.programs)][offset : offset + most]
        shown = []
        for row in rows:
            at = asset_stamp(row["created"]) if self.quirks.asset_oddities else stamp(row["created"])
            shown.append({**{k: v for k, v in row.items() if k != "created"}, "createdAt": at, "updatedAt": at})
        if not shown and self.quirks.asset_oddities:
            return self.good(errors=[], warnings=["No assets found for the given search criteria."])
        return self.good(shown, errors=[], warnings=[])

    @route(
        "GET", "/rest/v1/lists.json", query=("id", "name", "programName", "workspaceName", "batchSize", "nextPageToken")
    )
    def lists(self, request: Request) -> Answer:
        """Static lists."""
        rows = [
            {
                "id": number,
                "name": row["name"],
                "workspaceName": "Default",
                "createdAt": stamp(row["created"]),
                "updatedAt": stamp(row["created"]),
            }
            for number, row in sorted(self.world.lists.items())
        ]
        page, told = self.page(rows, request.query)
        return self.good(page, **told)

    @route("GET", "/rest/v1/list/{id}/leads.json", query=("fields", "batchSize", "nextPageToken", "listId"))
    @route("GET", "/rest/v1/lists/{id}/leads.json", query=("fields", "batchSize", "nextPageToken", "listId"))
    def list_leads(self, request: Request) -> Answer:
        """Leads of a list."""
        members = [n for n in self._members(request) if n in self.world.leads]
        asked = self.asked(request.query)
        page, told = self.page(sorted(members), request.query)
        return self.good([self.row(number, asked) for number in page], **told)

    @route("POST", "/rest/v1/lists/{id}/leads.json", query=())
    def list_add(self, request: Request) -> Answer:
        """Puts leads on a list."""
        members = self._members(request)
        answers: list[dict[str, Any]] = []
        for row in self.rows(self.members(request, ("input",))):
            number = int(row.get("id") or 0)
            if number not in self.world.leads:
                answers.append({"status": "skipped", "reasons": [{"code": "1004", "message": "Lead not found"}]})
                continue
            if number not in members:
                members[number] = self.now()
                self._list_log(number, schema.LIST_ADD, request)
            answers.append({"id": number, "status": "added"})
        return self.good(answers)

    @route("DELETE", "/rest/v1/lists/{id}/leads.json", query=("id",))
    def list_remove(self, request: Request) -> Answer:
        """Takes leads off a list; a skipped row names its id here."""
        members = self._members(request)
        ids = [int(text) for text in request.query.all("id")]
        if not ids:
            ids = [int(row["id"]) for row in self.rows(self.members(request, ("input",)))]
        answers: list[dict[str, Any]] = []
        for number in ids:
            if members.pop(number, None) is None:
                reasons = [{"code": "1015", "message": "Lead not in list"}]
                answers.append({"id": number, "status": "skipped", "reasons": reasons})
            else:
                self._list_log(number, schema.LIST_REMOVE, request)
                answers.append({"id": number, "status": "removed"})
        return self.good(answers)

    @route("POST", "/rest/v1/programs/{id}/members/status.json", query=())
    def program_status(self, request: Request) -> Answer:
        """Puts leads into a program, or further in it."""
        number = int(request.params["id"])
        if number not in self.world.programs:
            return self.fail("1013", "Object not found")
        body = self.members(request, ("statusName", "input"))
        status = body.get("statusName")
        if status not in schema.STATUSES:
            return self.fail("1025", f"Program status '{status}' not found")
        progress = self.world.progress[number]
        answers: list[dict[str, Any]] = []
        for seq, row in enumerate(self.rows(body)):
            lead = int(row.get("leadId") or 0)
            before = progress.get(lead)
            if lead not in self.world.leads:
                answers.append(_skipped(seq, "1004", "Lead not found"))
            elif before and schema.STATUSES.index(before) >= schema.STATUSES.index(status):
                said = "Lead skipped because it is already in or past this status"
                answers.append(_skipped(seq, "1037", said))
            else:
                progress[lead] = status
                self.world.log(
                    lead, schema.PROGRAM_STATUS, number, self.world.programs[number]["name"],
                    {"New Status": status, "Old Status": before, "Reason": "Web service API"},
                )  # fmt: skip
                answers.append({"seq": seq, "status": "updated" if before else "created", "leadId": lead})
        return self.good(answers)

    @route("GET", "/rest/v1/leads/programs/{id}.json", query=("fields", "batchSize", "nextPageToken"))
    def program_leads(self, request: Request) -> Answer:
        """Leads of a program with their membership."""
        number = int(request.params["id"])
        if number not in self.world.programs:
            return self.fail("1013", "Object not found")
        asked = self.asked(request.query)
        progress = self.world.progress[number]
        page, told = self.page(sorted(n for n in progress if n in self.world.leads), request.query)
        rows = []
        for lead in page:
            success = progress[lead] == schema.STATUSES[-1]
            membership = {
                "id": lead * 10, "progressionStatus": progress[lead], "progressionStatusType": "Normal",
                "isExhausted": False, "acquiredBy": False, "reachedSuccess": success,
                "membershipDate": stamp(self.now()), "updatedAt": stamp(self.now()),
            }  # fmt: skip
            rows.append({**self.row(lead, asked), "membership": membership})
        return self.good(rows, **told)

    def _members(self, request: Request) -> dict[int, datetime]:
        number = request.params["id"]
        if not number.isdigit() or int(number) not in self.world.members:
            raise self.refuse("1013", f"List '{number}' not found")
        return self.world.members[int(number)]

    def _list_log(self, lead: int, kind: int, request: Request) -> None:
        number = int(request.params["id"])
        self.world.log(lead, kind, number, self.world.lists[number]["name"], {"Source": "Web service API"})

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
