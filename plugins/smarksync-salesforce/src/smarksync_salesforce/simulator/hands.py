"""What sales' people do in the simulated Salesforce, for rehearsals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smarksync.simulator import NotDone

from .store import Row, RowError

if TYPE_CHECKING:
    from .server import SalesforceSimulator

_QUIET = {"Id", "IsDeleted", "SystemModstamp", "CreatedById", "LastModifiedById", "CreatedDate", "LastModifiedDate"}


class Hands:
    """Each public method is one thing that somebody does; people are named by their address."""

    def __init__(self, sim: SalesforceSimulator) -> None:
        self._sim = sim

    def user(self, email: str, first: str, last: str) -> str:
        """a colleague starts"""
        self._add(
            "User", FirstName=first, LastName=last, Email=email, Username=email, IsActive=True, TimeZoneSidKey="UTC"
        )
        return f"{first} {last} works here now."

    def queue(self, name: str) -> str:
        """an administrator makes a queue"""
        self._add("Group", Name=name, DeveloperName=name.title().replace(" ", "_"), Type="Queue")
        return f"The queue {name} is there."

    def campaign(self, name: str) -> str:
        """somebody sets up a campaign"""
        self._add("Campaign", Name=name, Status="In Progress", IsActive=True)
        return f"The campaign {name} is there."

    def edit(self, email: str, **fields: str) -> str:
        """the owner of a lead or contact changes fields of it"""
        kind, row = self._person(email)
        with self._sim.as_person(self._owner(row)):
            self._edit(kind, row["Id"], fields)
        return f"{row['Name']}: {', '.join(f'{name} is {text}' for name, text in fields.items())}."

    def call(self, email: str, subject: str = "Call", result: str = "Completed") -> str:
        """the owner of a lead or contact calls"""
        _, row = self._person(email)
        task = {"WhoId": row["Id"], "Subject": subject, "TaskSubtype": "Call", "Status": result}
        owner = self._owner(row)
        self._add("Task", **task, OwnerId=owner, ActivityDate=self._sim.now().date().isoformat())
        return f"{self._sim.get('User', owner)['Name']} calls {row['Name']}."

    def convert(self, email: str) -> str:
        """the owner of a lead converts it: it becomes a contact with an account and an opportunity"""
        row = self._lead(email)
        with self._sim.as_person(self._owner(row)):
            _, _, deal = self._sim.convert(row["Id"])
        return (
            f"{row['Name']} is a contact now, with the opportunity {self._sim.get('Opportunity', str(deal))['Name']}."
        )

    def deal(self, email: str, **fields: str) -> str:
        """its owner changes the opportunity of a contact"""
        _, row = self._person(email)
        roles = self._sim.rows("OpportunityContactRole", ContactId=row["Id"])
        if not roles:
            raise NotDone(f"{row['Name']} has no opportunity.")
        one = roles[-1]["OpportunityId"]
        with self._sim.as_person(self._owner(self._sim.get("Opportunity", one))):
            self._edit("Opportunity", one, fields)
        shown = self._sim.get("Opportunity", one)
        amount = f", {shown['Amount']:.0f}" if shown["Amount"] else ""
        return f"{shown['Name']}: {shown['StageName']}{amount}."

    def show(self, email: str) -> str:
        """what the person's record and its tasks say"""
        kind, row = self._person(email)
        shown = [f"{kind} {row['Name']}"]
        shown += [
            f"{name}: {text}" for name, text in row.items() if name not in _QUIET and text not in (None, "", False)
        ]
        for task in self._sim.rows("Task", WhoId=row["Id"]):
            shown.append(f"Task: {task['Subject']} ({task['Status']}, due {task['ActivityDate'] or '–'})")
        return "\n".join(shown)

    # ---- how

    def _person(self, email: str) -> tuple[str, Row]:
        for kind in ("Contact", "Lead"):
            for row in self._sim.rows(kind):
                if str(row["Email"]).lower() == email.lower() and not row.get("IsConverted"):
                    return kind, row
        raise NotDone(f"There is no lead or contact {email}.")

    def _owner(self, row: Row) -> str:
        """The user who owns it; a colleague, where a queue does."""
        return str(row["OwnerId"]) if str(row["OwnerId"]).startswith("005") else self._sim.person

    def _lead(self, email: str) -> Row:
        kind, row = self._person(email)
        if kind != "Lead":
            raise NotDone(f"{row['Name']} is a contact already.")
        return row

    def _add(self, kind: str, **values: Any) -> None:
        try:
            self._sim.add(kind, **values)
        except RowError as refused:
            raise NotDone(refused.message) from refused

    def _edit(self, kind: str, record: str, fields: dict[str, str]) -> None:
        shape = self._sim.store.objects[kind].fields
        for name in fields:
            if name not in shape:
                raise NotDone(f"{kind} has no field {name}; there is: {', '.join(shape)}.")
        try:
            self._sim.edit(kind, record, **{name: _typed(shape[name].type, text) for name, text in fields.items()})
        except RowError as refused:
            raise NotDone(refused.message) from refused


def _typed(kind: str, text: str) -> Any:
    if text == "":
        return None
    if kind == "boolean":
        return text.lower() == "true"
    if kind == "int":
        return int(text)
    return float(text) if kind in ("currency", "double", "percent") else text
