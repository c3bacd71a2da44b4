"""Programs, static lists, who is in them. Facts: docs (rest/programs, rest/channels, rest/program-members, rest/leads)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.simulator import Answer, Request, route

from .base import asset_stamp, stamp
from .leads_api import LeadsApi


class MembersApi(LeadsApi):
    """Lists and programs with their members."""

    # ---- programs

    @route("GET", "/rest/asset/v1/programs.json", query=("offset", "maxReturn", "earliestUpdatedAt", "latestUpdatedAt"))
    def programs(self, request: Request) -> Answer:
        """Programs, as the asset API shows them."""
        rows = [self.world.programs[number] for number in sorted(self.world.programs)]
        return self._assets(request, [self._program(row) for row in rows])

    @route("GET", "/rest/asset/v1/program/{id}.json", query=())
    def program(self, request: Request) -> Answer:
        """One program, in a list of one."""
        row = self.world.programs.get(int(request.params["id"]))
        return self.good([self._program(row)] if row else [], errors=[], warnings=[])

    @route("GET", "/rest/asset/v1/channels.json", query=("offset", "maxReturn"))
    def channels(self, request: Request) -> Answer:
        """Channels with the statuses that members of their programs can have."""
        names = sorted({str(row["channel"]) for row in self.world.programs.values()})
        at = asset_stamp(self.now())
        rows = [
            {
                "id": place, "name": name, "applicableProgramType": "program", "createdAt": at, "updatedAt": at,
                "progressionStatuses": [
                    {"name": status, "step": step, "description": None, "hidden": False, "success": success}
                    for status, step, success in self.world.statuses(name)
                ],
            }
            for place, name in enumerate(names, 1)
        ]  # fmt: skip
        return self._assets(request, rows)

    def _program(self, row: Mapping[str, Any]) -> dict[str, Any]:
        at = asset_stamp(row["created"]) if self.quirks.asset_oddities else stamp(row["created"])
        return {**{k: v for k, v in row.items() if k != "created"}, "createdAt": at, "updatedAt": at}

    def _assets(self, request: Request, rows: list[dict[str, Any]]) -> Answer:
        offset, most = int(request.query.get("offset", "0")), int(request.query.get("maxReturn", "20"))
        if not 1 <= most <= 200:
            return self.fail("701", "maxReturn must be between 1 and 200")
        shown = rows[offset : offset + most]
        if not shown and self.quirks.asset_oddities:
            return self.good(errors=[], warnings=["No assets found for the given search criteria."])
        return self.good(shown, errors=[], warnings=[])

    @route("POST", "/rest/v1/programs/{id}/members/status.json", query=())
    def program_status(self, request: Request) -> Answer:
        """Puts leads into a program, or further in it."""
        number = self._program_id(request)
        body = self.members(request, ("statusName", "input"))
        status = str(body.get("statusName"))
        steps = {name: step for name, step, _ in self.world.statuses(self.world.programs[number]["channel"])}
        if status not in steps:
            return self.fail("1025", f"Program status '{status}' not found")
        progress = self.world.progress[number]
        answers: list[dict[str, Any]] = []
        for seq, row in enumerate(self.rows(body)):
            lead = int(row.get("leadId") or 0)
            before = progress.get(lead)
            if lead not in self.world.leads:
                answers.append(_skipped(seq, "1004", "Lead not found"))
            elif before and steps[before] >= steps[status]:
                said = "Lead skipped because it is already in or past this status"
                answers.append(_skipped(seq, "1037", said))
            else:
                self.world.advance(number, lead, status)
                answers.append({"seq": seq, "status": "updated" if before else "created", "leadId": lead})
        return self.good(answers)

    @route("POST", "/rest/v1/programs/{id}/members/delete.json", query=())
    def program_leave(self, request: Request) -> Answer:
        """Takes leads out of a program; who is not in it is 1037, too."""
        number = self._program_id(request)
        answers: list[dict[str, Any]] = []
        for seq, row in enumerate(self.rows(self.members(request, ("input",)))):
            lead = int(row.get("leadId") or 0)
            if lead not in self.world.progress[number]:
                answers.append(_skipped(seq, "1037", "Lead not in program"))
            else:
                self.world.withdraw(number, lead)
                answers.append({"seq": seq, "status": "deleted", "leadId": lead})
        return self.good(answers)

    @route("GET", "/rest/v1/leads/programs/{id}.json", query=("fields", "batchSize", "nextPageToken"))
    def program_leads(self, request: Request) -> Answer:
        """Leads of a program with their membership."""
        number = self._program_id(request)
        asked = self.asked(request.query)
        progress = self.world.progress[number]
        success = {name: won for name, _, won in self.world.statuses(self.world.programs[number]["channel"])}
        page, told = self.page(sorted(n for n in progress if n in self.world.leads), request.query)
        rows = []
        for lead in page:
            joined, moved = self.world.since[number, lead]
            membership = {
                "id": lead * 10, "progressionStatus": progress[lead], "progressionStatusType": "Normal",
                "isExhausted": False, "acquiredBy": False, "reachedSuccess": success[progress[lead]],
                "membershipDate": stamp(joined), "updatedAt": stamp(moved),
            }  # fmt: skip
            rows.append({**self.row(lead, asked), "membership": membership})
        return self.good(rows, **told)

    def _program_id(self, request: Request) -> int:
        number = request.params["id"]
        if not number.isdigit() or int(number) not in self.world.programs:
            raise self.refuse("1013", "Object not found")
        return int(number)

    # ---- static lists

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
        """Leads of a list: nothing says since when they are on it."""
        members = [n for n in self.world.members[self._list_id(request)] if n in self.world.leads]
        asked = self.asked(request.query)
        page, told = self.page(sorted(members), request.query)
        return self.good([self.row(number, asked) for number in page], **told)

    @route("POST", "/rest/v1/lists/{id}/leads.json", query=())
    def list_add(self, request: Request) -> Answer:
        """Puts leads on a list."""
        owner = self._list_id(request)
        answers: list[dict[str, Any]] = []
        for row in self.rows(self.members(request, ("input",))):
            number = int(row.get("id") or 0)
            if number not in self.world.leads:
                answers.append({"status": "skipped", "reasons": [{"code": "1004", "message": "Lead not found"}]})
                continue
            if number not in self.world.members[owner]:
                self.world.join(owner, number, source="Web service API")
            answers.append({"id": number, "status": "added"})
        return self.good(answers)

    @route("DELETE", "/rest/v1/lists/{id}/leads.json", query=("id",))
    def list_remove(self, request: Request) -> Answer:
        """Takes leads off a list; a skipped row names its id here."""
        owner = self._list_id(request)
        ids = [int(text) for text in request.query.all("id")]
        if not ids:
            ids = [int(row["id"]) for row in self.rows(self.members(request, ("input",)))]
        answers: list[dict[str, Any]] = []
        for number in ids:
            if number not in self.world.members[owner]:
                reasons = [{"code": "1015", "message": "Lead not in list"}]
                answers.append({"id": number, "status": "skipped", "reasons": reasons})
            else:
                self.world.leave(owner, number, source="Web service API")
                answers.append({"id": number, "status": "removed"})
        return self.good(answers)

    def _list_id(self, request: Request) -> int:
        number = request.params["id"]
        if not number.isdigit() or int(number) not in self.world.members:
            raise self.refuse("1013", f"List '{number}' not found")
        return int(number)


def _skipped(seq: int, code: str, message: str) -> dict[str, Any]:
    return {"seq": seq, "status": "skipped", "reasons": [{"code": code, "message": message}]}
