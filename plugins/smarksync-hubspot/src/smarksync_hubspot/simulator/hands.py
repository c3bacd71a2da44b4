"""What visitors and marketing's people do in the simulated HubSpot, for rehearsals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smarksync.simulator import NotDone

from .values import BadValue, kept

if TYPE_CHECKING:
    from . import HubSpotSimulator
    from .store import Row


class Hands:
    """Each public method is one thing that somebody does; people are named by their address."""

    def __init__(self, sim: HubSpotSimulator) -> None:
        self._sim = sim

    def person(self, email: str, **fields: str) -> str:
        """somebody becomes a contact"""
        if self._sim.store.holder("contacts", "email", email) is not None:
            raise NotDone(f"{email} is a contact already.")
        rid = self._sim.create("contacts", **self._known({"email": email, **fields}))
        return f"{email} is contact {rid}."

    def submit(self, email: str, form: str = "Demo request") -> str:
        """the person fills in a form"""
        guid = next((one for one, name in self._sim.forms.items() if name == form), None)
        if guid is None:
            raise NotDone(f"There is no form {form}; there is: {', '.join(self._sim.forms.values())}.")
        self._sim.submit(self._contact(email).properties["email"] or email, guid)
        return f"{email} fills in {form}."

    def edit(self, email: str, **fields: str) -> str:
        """somebody in marketing, or a workflow of theirs, changes fields of a contact"""
        self._sim.edit("contacts", self._contact(email).id, **self._known(fields))
        return f"{email}: {', '.join(f'{name} is {text}' for name, text in fields.items())}."

    def unsubscribe(self, email: str) -> str:
        """the person unsubscribes from everything"""
        self._sim.opt_out(str(self._contact(email).properties["email"]))
        return f"{email} unsubscribes."

    def show(self, email: str) -> str:
        """what the contact's record and lists say"""
        row = self._contact(email)
        lists = [self._sim.lists[one]["name"] for one, people in self._sim.members.items() if row.id in people]
        shown = [f"{name}: {text}" for name, text in row.properties.items() if text not in (None, "")]
        return "\n".join([*shown, f"lists: {', '.join(lists) or '–'}"])

    # ---- how

    def _contact(self, email: str) -> Row:
        row = self._sim.store.holder("contacts", "email", email)
        if row is None:
            raise NotDone(f"There is no contact {email}.")
        return row

    def _known(self, fields: dict[str, str]) -> dict[str, str | None]:
        """The values as HubSpot keeps them; its screens refuse what its API refuses."""
        known = self._sim.store.properties["contacts"]
        for name in fields:
            if name not in known:
                raise NotDone(f"Contacts have no property {name}.")
        try:
            return {name: kept(known[name], text, self._sim.owner_ids()) for name, text in fields.items()}
        except BadValue as problem:
            raise NotDone(f"{problem}.") from None
