"""The simulated org as a whole: its door, its limits, and the people who work in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar

from smarksync.simulator import Answer, Request, Window, route

from . import access, seed
from .base import error
from .bulk import Bulk
from .composite import Composite
from .hands import Hands
from .ids import full
from .quirks import Quirks
from .schema import field
from .soql import normal_time
from .store import Row, RowError, Store

_MONEY = ("Opportunity", "Account", "Campaign", "Lead")


class SalesforceSimulator(Composite, Bulk):
    """A Salesforce org with leads, contacts, accounts, opportunities, campaigns, tasks, users and queues."""

    vendor = "salesforce"

    def __init__(self, *, quirks: Quirks | None = None, empty: bool = False, **how: Any) -> None:
        super().__init__(**how)
        self.quirks = quirks or Quirks()
        self.access = access.Access()
        self.store = Store(self.now)
        self.locators = {}
        self.locators_made = self.pages_shown = 0
        self.locked = {}
        self.jobs = {}
        self.members: dict[tuple[str, str], str] = {}
        #: validation rules of an administrator: object, what is wrong, and the words for it
        self.validations: list[tuple[str, Callable[[Row], bool], str]] = []
        self.batch = 1
        self._day = Window(10**9, 86400)
        self.used = 0
        self.store.rules.append(self._rules)
        seed.fill(self, people=0 if empty else self.size)
        if self.quirks.person_accounts:
            for name in ("Account", "Contact"):
                self.store.objects[name].fields["IsPersonAccount"] = field("IsPersonAccount boolean readonly")
                for row in self.store.tables[name].values():
                    row["IsPersonAccount"] = False
        if self.quirks.multi_currency:
            for name in _MONEY:
                self.store.objects[name].fields["CurrencyIsoCode"] = field("CurrencyIsoCode picklist = EUR|USD|GBP|AUD")
                for row in self.store.tables[name].values():
                    row["CurrencyIsoCode"] = "EUR"

    def _rules(self, name: str, before: Row | None, row: Row) -> None:
        """What the org holds against a row besides its fields."""
        if name in ("Task", "Event") and str(row["WhoId"]).startswith("00Q") and row["WhatId"]:
            said = "Can't set WhatId for a lead"  # 1.3: not beside a lead
            raise RowError("FIELD_INTEGRITY_EXCEPTION", said, ["WhatId"])
        human = name == "Contact" and before is not None and before.get("IsPersonAccount")
        if human and before is not None and row["AccountId"] != before["AccountId"]:
            # (memory: Salesforce's own words are not recorded)
            raise RowError("FIELD_INTEGRITY_EXCEPTION", "Account ID: a person account's own", ["AccountId"])
        if name == "CampaignMember":
            person = row["ContactId"] or row["LeadId"]
            if person is None:
                raise RowError(
                    "REQUIRED_FIELD_MISSING",
                    "Required fields are missing: [LeadId, ContactId]",
                    ["LeadId", "ContactId"],
                )
            known = self.members.setdefault((row["CampaignId"], person), row["Id"])
            if before is None and known != row["Id"] and self.store.row(name, known):
                raise RowError("DUPLICATE_VALUE", "This entity is already a member of this campaign")
            self.members[row["CampaignId"], person] = row["Id"]
        if self.quirks.country_picklists:
            for one in ("Country", "MailingCountry", "BillingCountry"):
                if row.get(one) and row[one] not in seed.COUNTRIES.values():
                    raise RowError(
                        "FIELD_INTEGRITY_EXCEPTION",
                        f"There's a problem with this country, even though it may appear correct: {row[one]}",
                        [one],
                    )
        for told, test, words in self.validations:
            if told == name and test(row):
                raise RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", words, [])

    # ---- where it is
    @property
    def settings(self) -> Mapping[str, Any]:
        """The connector's settings."""
        return {"login_url": self.url, "client_id": access.CLIENT_ID, "client_secret": access.CLIENT_SECRET}

    @property
    def environment(self) -> Mapping[str, str]:
        """As the example configs name them."""
        return {f"SALESFORCE_{name.upper()}": str(value) for name, value in self.settings.items()}

    @property
    def hands(self) -> Hands:
        """What sales' people do."""
        return Hands(self)

    # ---- its door
    @route("POST", "/services/oauth2/token", query=(), write=False)
    def token(self, request: Request) -> Answer:
        try:
            answer = self.access.grant(
                request.form(), self.now(), self.url, rotate=self.quirks.rotate_refresh_tokens, life=self.quirks.session
            )
        except access.Denied as no:
            return Answer(400, {"error": no.error, "error_description": str(no)}, {"Cache-Control": "no-store"})
        identity = {
            "instance_url": self.url, "id": f"{self.url}/id/{access.ORG}/{self.me}", "token_type": "Bearer",
            "issued_at": str(int(self.now().timestamp() * 1000)), "scope": "api",
        }  # fmt: skip
        return Answer(200, {**answer, **identity})

    def before(self, request: Request) -> Answer | None:
        """Token, version, daily limit."""
        if request.path in ("/services/oauth2/token", "/services/data", "/services/data/"):
            return None
        if not self.access.good(request.headers.get("authorization", ""), self.now()):
            return error(401, "INVALID_SESSION_ID", "Session expired or invalid")
        self._day.take(self.now())
        self.used = self._day.count - self._day.left(self.now())
        if self.limits and self.used > self.quirks.daily_requests:
            return error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        version = request.path.removeprefix("/services/data/v").partition("/")[0]
        if request.path.startswith("/services/data/v") and not 41 <= float(version or 0) <= 68:
            return error(404, "NOT_FOUND", "The requested resource does not exist")
        return None

    def after(self, request: Request, answer: Answer) -> Answer:
        """How much of the day's requests is used."""
        if "/services/data/v" in request.path and answer.status != 401:
            answer.headers.setdefault("Sforce-Limit-Info", f"api-usage={self.used}/{self.quirks.daily_requests}")
        return answer

    def not_found(self, request: Request) -> Answer:
        return error(404, "NOT_FOUND", "The requested resource does not exist")

    def wrong_method(self, request: Request, allowed: Sequence[str]) -> Answer:
        said = f"HTTP Method '{request.method}' not allowed. Allowed are {','.join(allowed)}"
        return error(405, "METHOD_NOT_ALLOWED", said)

    def bad_body(self, request: Request, said: str) -> Answer:
        return error(400, "JSON_PARSER_ERROR", said)

    def unknown_query(self, request: Request, names: Sequence[str]) -> Answer:
        return error(400, "INVALID_PARAMETER", f"unknown: {', '.join(names)}")

    def broken(self, request: Request) -> Answer:
        return error(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.")

    # ---- people at work in it
    def rows(self, name: str, **wanted: Any) -> list[Row]:
        """Living rows with those values, as copies."""
        with self.lock:
            rows = [r for r in self.store.tables[name].values() if not r["IsDeleted"]]
            return [dict(r) for r in rows if all(r[k] == v for k, v in wanted.items())]

    def find(self, name: str, **wanted: Any) -> Row:
        """The one living row with those values."""
        (row,) = self.rows(name, **wanted)
        return row

    def get(self, name: str, record_id: str) -> Row:
        """A row by id, deleted or not."""
        with self.lock:
            return dict(self.store.tables[name][full(record_id)])

    def add(self, name: str, **values: Any) -> str:
        """A person makes a row; its id."""
        with self.lock:
            return str(self.store.create(name, values, by=self.person)["Id"])

    def edit(self, name: str, record_id: str, **values: Any) -> None:
        """A person edits a row."""
        with self.lock:
            self.store.update(name, record_id, values, by=self.person)

    def delete(self, name: str, record_id: str) -> None:
        """A person deletes a row: it is in the recycle bin."""
        with self.lock:
            self.store.delete(name, record_id, by=self.person)

    def undelete(self, name: str, record_id: str) -> None:
        """A person takes a row out of the recycle bin."""
        with self.lock:
            self.store.set(self.store.tables[name][full(record_id)], self.person, IsDeleted=False)

    def purge(self, name: str, record_id: str) -> None:
        """The recycle bin is emptied: no query shows the row any more."""
        with self.lock:
            del self.store.tables[name][full(record_id)]

    def merge(self, name: str, winner: str, *losers: str) -> None:
        """A person merges rows: the losers are deleted and point at the winner (1.6)."""
        with self.lock:
            for loser in losers:
                row = self.store.tables[name][full(loser)]
                self.store.set(row, self.person, IsDeleted=True, MasterRecordId=full(winner))
                self._repoint(full(loser), full(winner))
            self.store.touch(self.store.tables[name][full(winner)], by=self.person)

    def convert(
        self, lead_id: str, *, account: str | None = None, contact: str | None = None, opportunity: str | None = ""
    ) -> tuple[str, str, str | None]:
        """A person converts a lead; ids of contact, account and opportunity (``opportunity`` None = makes none)."""
        with self.lock:
            lead, by = self.store.tables["Lead"][full(lead_id)], self.person
            given = {k: lead[k] for k in ("FirstName", "LastName", "Email", "Phone", "MobilePhone", "Title", "LeadSource",
                                          "HasOptedOutOfEmail", "DoNotCall", "Description")}  # fmt: skip
            place = {f"Mailing{k}": lead[k] for k in ("Street", "City", "State", "PostalCode", "Country")}
            if account is None:
                named = {"Name": lead["Company"], "Website": lead["Website"], "Phone": lead["Phone"]}
                account = str(self.store.create("Account", named, by=by)["Id"])
            if contact is None:
                contact = str(self.store.create("Contact", {**given, **place, "AccountId": account}, by=by)["Id"])
            deal: str | None = None
            if opportunity is not None:
                made = self.store.create(
                    "Opportunity",
                    {"Name": opportunity or f"{lead['Company']}-", "AccountId": account, "StageName": "Prospecting",
                     "CloseDate": (self.now() + timedelta(days=90)).date().isoformat(), "LeadSource": lead["LeadSource"]},
                    by=by,
                )  # fmt: skip
                deal = str(made["Id"])
                self.store.create(
                    "OpportunityContactRole", {"OpportunityId": deal, "ContactId": contact, "IsPrimary": True}, by=by
                )
            self._repoint(full(lead_id), contact)
            self.store.set(
                lead, by, IsConverted=True, Status="Closed - Converted", ConvertedDate=self.now().date().isoformat(),
                ConvertedContactId=contact, ConvertedAccountId=account, ConvertedOpportunityId=deal,
            )  # fmt: skip
            return contact, account, deal

    def person_account(self, **values: Any) -> tuple[str, str]:
        """A human who is a customer by themselves; (account, contact)."""
        with self.lock:
            name = " ".join(str(values[one]) for one in ("FirstName", "LastName") if values.get(one))
            account = self.add("Account", Name=name)
            contact = self.add("Contact", AccountId=account, **values)
            self.store.tables["Account"][account]["IsPersonAccount"] = True
            self.store.tables["Contact"][contact]["IsPersonAccount"] = True
            return account, contact

    def _repoint(self, old: str, new: str) -> None:
        """What pointed at a lead or a loser points at its successor."""
        for name, fields in {"Task": ("WhoId", "WhatId"), "Event": ("WhoId", "WhatId"), "Contact": ("AccountId",),
                             "Opportunity": ("AccountId",), "OpportunityContactRole": ("ContactId",),
                             "CampaignMember": ("LeadId", "ContactId")}.items():  # fmt: skip
            for row in self.store.tables[name].values():
                for one in fields:
                    if row[one] == old:
                        target = "ContactId" if one == "LeadId" and new.startswith("003") else one
                        self.store.set(row, self.person, **{one: None, target: new})

    # ---- what the conformance kit asks of a simulator
    #: texts that may be empty: Priority and Status of a task may not
    contract_fields: ClassVar[Mapping[str, Sequence[str]]] = {"Task": ("Subject", "Description")}

    #: a task has a direction when it is a call
    contract_together: ClassVar[Mapping[str, Any]] = {"Task": {"smarksync.direction": {"smarksync.type": "call"}}}

    def contract_seed(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        return [self.add(stream, **row) for row in rows]

    def contract_edit(self, stream: str, record_id: str, fields: Mapping[str, Any]) -> None:
        self.edit(stream, record_id, **fields)

    def contract_delete(self, stream: str, record_id: str) -> None:
        self.delete(stream, record_id)

    def contract_merge(self, stream: str, winner: str, loser: str) -> str:
        if stream not in ("Lead", "Contact", "Account"):
            raise NotImplementedError
        self.merge(stream, winner, loser)
        return winner

    def contract_convert(self, stream: str, record_id: str) -> tuple[str, str]:
        if stream != "Lead":
            raise NotImplementedError
        return "Contact", self.convert(record_id)[0]

    def contract_opted_out(self, stream: str, record_id: str) -> bool | None:
        return bool(self.store.tables[stream][record_id]["HasOptedOutOfEmail"]) or None

    def contract_same_time(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        return self.contract_seed(stream, rows)  # the clock stands still in a clause

    def contract_empty_pages(self, stream: str) -> None:
        self.quirks.empty_pages = 2

    def contract_late(self, stream: str, row: Mapping[str, Any]) -> str:
        made = self.add(stream, **row)
        self.commit_late(stream, made, behind=10)
        return made

    # ---- trouble
    def commit_late(self, name: str, record_id: str, *, behind: float, **values: Any) -> None:
        """A long transaction ends: its rows are stamped with the time at which it touched them (1.6, "Lag")."""
        with self.lock:
            stamp = normal_time((self.now() - timedelta(seconds=behind)).isoformat())
            self.store.update(name, record_id, values, by=self.person, stamp=stamp)

    def use_up_a_request(self) -> None:
        """Another integration uses up one of the day's requests."""
        with self.lock:
            self._day.take(self.now())

    def expire_sessions(self) -> None:
        """Every token is dead at once."""
        with self.lock:
            self.access.sessions.clear()

    def expire_locators(self) -> None:
        """Every unfinished query is forgotten."""
        with self.lock:
            self.locators.clear()

    def lock_row(self, record_id: str, *, times: int = 1, fits: int = 0) -> None:
        """Somebody else holds a row: so many writes to it or its children fail; batches of ``fits`` rows get through."""
        self.locked[full(record_id)] = (times, fits)

    def lack(self, name: str, *fields: str) -> None:
        """The org has no such fields, or hides them from us (1.3: field-level security)."""
        with self.lock:
            for one in fields:
                self.store.objects[name].fields.pop(one, None)

    @contextmanager
    def as_person(self, user_id: str) -> Iterator[None]:
        """Edits inside are made by that user."""
        before, self.person = self.person, user_id
        try:
            yield
        finally:
            self.person = before
