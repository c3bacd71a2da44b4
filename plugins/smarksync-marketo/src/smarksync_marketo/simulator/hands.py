"""What visitors and marketing's people do in the simulated Marketo, for rehearsals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smarksync.simulator import NotDone

from . import schema

if TYPE_CHECKING:
    from . import MarketoSimulator


class Hands:
    """Each public method is one thing that somebody does; people are named by their address."""

    def __init__(self, sim: MarketoSimulator) -> None:
        self._sim, self._world = sim, sim.world

    def person(self, email: str, **fields: str) -> str:
        """somebody fills in a form for the first time, and is a lead from then on"""
        if email in self._by_address():
            raise NotDone(f"{email} is a lead already.")
        number = self._world.add(email=email, **self._typed(fields))
        self._world.act(number, "Fill Out Form", "Newsletter", 901)
        return f"{self._name(number)} is lead {number}."

    def visit(self, email: str, page: str, times: str = "1") -> str:
        """the person reads a page"""
        number = self._number(email)
        for _ in range(int(times)):
            self._world.act(number, "Visit Webpage", page, 902, Webpage_URL=f"https://www.vendor.example{page}")
        return f"{self._name(number)} reads {page}{f', {times} times' if times != '1' else ''}."

    def download(self, email: str, file: str, program: str = "") -> str:
        """the person downloads a file; a program that offers it counts them as a member"""
        number = self._number(email)
        if program:
            self._join(number, program, "Member")
        self._world.act(number, "Click Link", f"https://www.vendor.example/{file}", 903)
        return f"{self._name(number)} downloads {file}{f', offered by {program}' if program else ''}."

    def mail(self, email: str, subject: str, link: str = "/") -> str:
        """marketing sends a mail, and the person follows its link"""
        number = self._number(email)
        for what in ("Send Email", "Email Delivered"):
            self._world.act(number, what, subject, 904)
        self._world.act(number, "Click Email", subject, 904, Link=f"https://www.vendor.example{link}")
        return f"{self._name(number)} gets “{subject}” and follows its link."

    def edit(self, email: str, **fields: str) -> str:
        """somebody in marketing, or a smart campaign of theirs, changes fields of a lead"""
        number = self._number(email)
        self._world.edit(number, **self._typed(fields))
        return f"{self._name(number)}: {', '.join(f'{name} is {text}' for name, text in fields.items())}."

    def unsubscribe(self, email: str) -> str:
        """the person follows the link at the end of a mail"""
        number = self._number(email)
        self._world.unsubscribe(number)
        return f"{self._name(number)} unsubscribes."

    def program(self, name: str) -> str:
        """marketing sets up a program"""
        number = max(self._world.programs, default=1039) + 1
        made = {"id": number, "name": name, "description": "", "type": "Default", "channel": "Content", "status": "",
                "workspace": "Default", "folder": {"type": "Folder", "value": 28, "folderName": "Demand"},
                "url": f"https://app.marketo.example/#PG{number}A1", "headStart": False, "created": self._sim.now()}  # fmt: skip
        self._world.programs[number], self._world.progress[number] = made, {}
        return f"Program {number}: {name}."

    def list(self, name: str) -> str:
        """marketing makes a static list"""
        number = max(self._world.lists, default=1020) + 1
        self._world.lists[number] = {"id": number, "name": name, "created": self._sim.now()}
        self._world.members[number] = {}
        return f"List {number}: {name}."

    def show(self, email: str) -> str:
        """what the lead's record, lists and programs say"""
        number = self._number(email)
        row = self._world.shown(number)
        shown = [f"{name}: {row[name]}" for name in self._world.lead_fields if row.get(name) not in (None, "", False)]
        lists = [self._world.lists[one]["name"] for one, people in self._world.members.items() if number in people]
        programs = [
            f"{self._world.programs[one]['name']} ({people[number]})"
            for one, people in self._world.progress.items()
            if number in people
        ]
        return "\n".join([*shown, f"lists: {', '.join(lists) or '–'}", f"programs: {', '.join(programs) or '–'}"])

    # ---- how

    def _by_address(self) -> dict[str, int]:
        return {str(row.get("email")).lower(): number for number, row in self._world.leads.items()}

    def _number(self, email: str) -> int:
        number = self._by_address().get(email.lower())
        if number is None:
            raise NotDone(f"There is no lead {email}.")
        return number

    def _name(self, number: int) -> str:
        row = self._world.leads[number]
        return f"{row.get('firstName') or ''} {row.get('lastName') or ''}".strip() or str(row.get("email"))

    def _typed(self, fields: dict[str, str]) -> dict[str, Any]:
        known = self._world.lead_fields
        for name in fields:
            if name not in known:
                raise NotDone(f"Leads have no field {name}; there is: {', '.join(known)}.")
        whole = {"integer", "score"}
        return {name: int(text) if known[name].type in whole else text or None for name, text in fields.items()}

    def _join(self, number: int, program: str, status: str) -> None:
        ids = {one["name"]: pid for pid, one in self._world.programs.items()}
        if program not in ids:
            raise NotDone(f"There is no program {program}; there is: {', '.join(ids) or 'none'}.")
        before = self._world.progress[ids[program]].get(number, schema.STATUSES[0])
        self._world.progress[ids[program]][number] = status
        self._world.log(
            number, schema.PROGRAM_STATUS, ids[program], program, {"New Status": status, "Old Status": before}
        )
