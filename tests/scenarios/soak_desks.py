"""What the people at a system do in the random histories of soak.py: one desk per vendor, all with the same drawers."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol

from smarksync_hubspot.simulator import HubSpotSimulator
from smarksync_marketo.simulator import MarketoSimulator
from smarksync_salesforce.simulator import SalesforceSimulator


class Ref(NamedTuple):
    """One record of one system, living or gone."""

    system: str
    kind: str
    id: str


class Card(NamedTuple):
    """What a person at the desk sees of a record. ``ours`` = SmarkSync made it."""

    email: str
    last_name: str
    job_title: str
    city: str
    out: bool
    ours: bool = False


class Persons:
    """Whose records are whose, as the hands know it: addresses of one person, and who said no."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._out: set[str] = set()

    def who(self, address: str) -> str:
        """The person with that address; somebody new when nobody has it."""
        person = self._of.setdefault(address, address)
        while person != self._of[person]:
            person = self._of[person]
        return person

    def one(self, left: str, right: str) -> None:
        """Two addresses are one person's."""
        a, b = self.who(left), self.who(right)
        self._of[b] = a
        if b in self._out:
            self._out.add(a)

    def says_no(self, address: str) -> None:
        self._out.add(self.who(address))

    def said_no(self, address: str) -> bool:
        return self.who(address) in self._out

    def forget_no(self, address: str) -> None:
        self._out.discard(self.who(address))


class Desk(Protocol):
    """Somebody's hands at one system."""

    name: str
    kinds: ClassVar[tuple[str, ...]]
    #: an opt-out belongs to the address: the next one of the same record knows nothing of it
    forgets: ClassVar[bool]

    @property
    def server(self) -> Any: ...

    def living(self) -> dict[Ref, Card]: ...

    def add(self, kind: str, card: Card) -> Ref: ...

    def edit(self, ref: Ref, **words: str) -> None: ...

    def opt_out(self, ref: Ref) -> None: ...

    def remove(self, ref: Ref) -> None: ...

    def restore(self, ref: Ref) -> bool: ...

    def merge(self, winner: Ref, loser: Ref) -> Ref: ...


class AtMarketo:
    """Leads in Marketo."""

    name = "marketing"
    kinds: ClassVar[tuple[str, ...]] = ("lead",)
    forgets: ClassVar[bool] = False
    words: ClassVar[dict[str, str]] = {"email": "email", "last_name": "lastName", "job_title": "title", "city": "city"}

    def __init__(self, server: MarketoSimulator) -> None:
        self.server = server
        self._made: set[int] = set()

    def living(self) -> dict[Ref, Card]:
        rows = self.server.world.leads
        return {
            Ref(self.name, "lead", str(number)): Card(
                str(row["email"] or "").lower(), *(str(row.get(self.words[one]) or "") for one in _WORDS),
                bool(row["unsubscribed"]), number not in self._made,
            )
            for number, row in rows.items()
        }  # fmt: skip

    def add(self, kind: str, card: Card) -> Ref:
        fields = {self.words[one]: getattr(card, one) for one in ("email", *_WORDS)}
        number = self.server.world.add(**fields, company="Co")
        self._made.add(number)
        return Ref(self.name, "lead", str(number))

    def edit(self, ref: Ref, **words: str) -> None:
        self.server.world.edit(int(ref.id), **{self.words[one]: value for one, value in words.items()})

    def opt_out(self, ref: Ref) -> None:
        self.server.world.unsubscribe(int(ref.id))

    def remove(self, ref: Ref) -> None:
        self.server.world.remove(int(ref.id))

    def restore(self, ref: Ref) -> bool:
        return False  # Marketo has no bin

    def merge(self, winner: Ref, loser: Ref) -> Ref:
        self.server.world.merge(int(winner.id), [int(loser.id)])
        return winner


class AtHubSpot:
    """Contacts in HubSpot."""

    name = "marketing"
    kinds: ClassVar[tuple[str, ...]] = ("contacts",)
    forgets: ClassVar[bool] = True
    words: ClassVar[dict[str, str]] = {
        "email": "email",
        "last_name": "lastname",
        "job_title": "jobtitle",
        "city": "city",
    }

    def __init__(self, server: HubSpotSimulator) -> None:
        self.server = server
        self._made: set[str] = set()

    def living(self) -> dict[Ref, Card]:
        return {
            Ref(self.name, "contacts", rid): Card(
                str(row.properties.get("email") or "").lower(),
                *(str(row.properties.get(self.words[one]) or "") for one in _WORDS),
                row.properties.get("hs_email_optout") == "true", rid not in self._made,
            )
            for rid, row in self.server.rows().items()
        }  # fmt: skip

    def add(self, kind: str, card: Card) -> Ref:
        rid = self.server.create(**{self.words[one]: getattr(card, one) for one in ("email", *_WORDS)}, company="Co")
        self._made.add(rid)
        return Ref(self.name, "contacts", rid)

    def edit(self, ref: Ref, **words: str) -> None:
        self.server.edit("contacts", ref.id, **{self.words[one]: value for one, value in words.items()})

    def opt_out(self, ref: Ref) -> None:
        self.server.opt_out(str(self.server.rows()[ref.id].properties["email"]))

    def remove(self, ref: Ref) -> None:
        self.server.archive("contacts", ref.id)

    def restore(self, ref: Ref) -> bool:
        row = self.server.store.rows["contacts"].get(ref.id)
        if (
            row is None
            or row.archived is None
            or self.server.store.holder("contacts", "email", str(row.properties.get("email")))
        ):
            return False
        self.server.restore("contacts", ref.id)
        return ref.id in self.server.rows()

    def merge(self, winner: Ref, loser: Ref) -> Ref:
        made = self.server.merge("contacts", winner.id, loser.id)
        self._made.add(made)
        return Ref(self.name, "contacts", made)


class AtSalesforce:
    """Leads and contacts in Salesforce."""

    name = "sales"
    kinds: ClassVar[tuple[str, ...]] = ("Lead", "Contact")
    forgets: ClassVar[bool] = False

    def __init__(self, server: SalesforceSimulator) -> None:
        self.server = server
        self._made: set[str] = set()

    def living(self) -> dict[Ref, Card]:
        return {
            Ref(self.name, kind, row["Id"]): Card(
                str(row["Email"] or "").lower(),
                *(str(row[self._word(kind, one)] or "") for one in _WORDS),
                bool(row["HasOptedOutOfEmail"]), row["Id"] not in self._made,
            )
            for kind in self.kinds
            for row in self.server.rows(kind)
            if not row.get("IsConverted")
        }  # fmt: skip

    def add(self, kind: str, card: Card) -> Ref:
        own = {"Company": "Co"} if kind == "Lead" else {}
        made = self.server.add(kind, **{self._word(kind, one): getattr(card, one) for one in ("email", *_WORDS)}, **own)
        self._made.add(made)
        return Ref(self.name, kind, made)

    def edit(self, ref: Ref, **words: str) -> None:
        self.server.edit(ref.kind, ref.id, **{self._word(ref.kind, one): value for one, value in words.items()})

    def opt_out(self, ref: Ref) -> None:
        self.server.edit(ref.kind, ref.id, HasOptedOutOfEmail=True)

    def remove(self, ref: Ref) -> None:
        self.server.delete(ref.kind, ref.id)

    def restore(self, ref: Ref) -> bool:
        row = self.server.get(ref.kind, ref.id)
        if not row["IsDeleted"] or row.get("MasterRecordId"):
            return False
        self.server.undelete(ref.kind, ref.id)
        return True

    def merge(self, winner: Ref, loser: Ref) -> Ref:
        self.server.merge(winner.kind, winner.id, loser.id)
        return winner

    def convert(self, ref: Ref, into: Ref | None) -> Ref:
        """A lead becomes a new contact, or one that is there."""
        contact = self.server.convert(ref.id, contact=into.id if into else None, opportunity=None)[0]
        self._made.add(contact)
        return Ref(self.name, "Contact", contact)

    @staticmethod
    def _word(kind: str, one: str) -> str:
        names = {"email": "Email", "last_name": "LastName", "job_title": "Title", "city": "City"}
        return "MailingCity" if (kind, one) == ("Contact", "city") else names[one]


#: what hands edit besides the address
_WORDS = ("last_name", "job_title", "city")
