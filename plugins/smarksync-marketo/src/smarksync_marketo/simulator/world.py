"""What the simulated instance holds, and what happens to it. Also for tests: edits by people, acts of leads."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from smarksync.simulator import Person, campaigns, companies, in_vendor, people, spelled

from . import schema
from .quirks import Quirks

COUNTRIES = {"DE": "Germany", "GB": "United Kingdom", "US": "United States", "FR": "France", "AU": "Australia"}
API_USER = "smarksync-api@ourselves.example"
#: ids of leads begin here
FIRST = 1001
#: so many people have a past, with mails and visits
_WITH_PAST = 500


@dataclass(order=True)
class Activity:
    """Something that happened; ``seen_from`` is when the API shows it."""

    at: datetime
    number: int
    lead: int = field(compare=False)
    type: int = field(compare=False)
    primary_id: int | None = field(default=None, compare=False)
    primary: str | None = field(default=None, compare=False)
    attributes: dict[str, Any] = field(default_factory=dict, compare=False)
    fields: list[dict[str, Any]] = field(default_factory=list, compare=False)
    seen_from: datetime | None = field(default=None, compare=False)


class World:
    """Leads, activities, companies, programs, lists."""

    def __init__(self, now: Callable[[], datetime], quirks: Quirks) -> None:
        self.now = now
        self.quirks = quirks
        self.leads: dict[int, dict[str, Any]] = {}
        self.activities: list[Activity] = []
        self.lead_fields = {f.name: f for f in schema.LEAD}
        if quirks.own_fields:
            self.lead_fields.update((f.name, f) for f in schema.OUR)
        self.companies: dict[str, dict[str, Any]] = {}
        self.opportunities: dict[str, dict[str, Any]] = {}
        self.programs: dict[int, dict[str, Any]] = {}
        self.lists: dict[int, dict[str, Any]] = {}
        self.members: dict[int, dict[int, datetime]] = {}  # list → lead → since
        self.progress: dict[int, dict[int, str]] = {}  # program → lead → status
        self.since: dict[tuple[int, int], tuple[datetime, datetime]] = {}  # (program, lead) → joined, last moved
        self.channels: dict[str, tuple[tuple[str, int, bool], ...]] = {}  # channels with statuses of their own
        self._lead = FIRST
        self._activity = 100
        self._company = 1

    # ---- the population ---------------------------------------------------------------------------------

    def seed(self, seed: int, size: int) -> None:
        """People, companies, programs, lists and a past."""
        began = self.now()
        persons = [p for p in people(seed, size) if in_vendor(p, "marketo")]
        for company in companies(seed, size // 5 + 1 if size else 0):
            if company.number % 2 == 0:
                self.put_company(
                    f"C-{company.number}",
                    {
                        "company": company.name, "website": f"https://{company.domain}", "mainPhone": company.phone,
                        "industry": company.industry, "annualRevenue": float(company.revenue),
                        "numberOfEmployees": company.employees, "billingStreet": company.street,
                        "billingCity": company.city, "billingState": company.state,
                        "billingPostalCode": company.postal_code, "billingCountry": COUNTRIES[company.country],
                    },
                )  # fmt: skip
        log: list[Activity] = []
        # ids follow creation, as Marketo gives them
        made = sorted((min(p.created_at, began - timedelta(days=1 + p.number % 300)), p.number) for p in persons)
        known = {person.number: person for person in persons}
        for place, (at, number) in enumerate(made):
            self._person(spelled(known[number], "marketo"), FIRST + place + place // 3, at, began, log)
        self.activities += log
        self.activities.sort()
        for campaign in campaigns(seed):
            number = 1040 + campaign.number
            self.programs[number] = {
                "id": number, "name": campaign.name, "description": "", "type": "Default", "channel": campaign.type,
                "status": "", "workspace": "Default", "folder": {"type": "Folder", "value": 28, "folderName": "Demand"},
                "url": f"https://app.marketo.example/#PG{number}A1", "headStart": False,
                "created": min(campaign.start, began - timedelta(days=1)),
            }  # fmt: skip
            self.progress[number] = {}
        ids = list(self.leads)
        for number, name in ((1021, "Newsletter"), (1022, "Webinar guests"), (1023, "Do not mail")):
            self.lists[number] = {"id": number, "name": name, "created": began - timedelta(days=300)}
            self.members[number] = {lead: began for lead in ids if lead % 7 == number % 7}

    def _person(self, person: Person, number: int, made: datetime, began: datetime, log: list[Activity]) -> None:
        self._lead = max(self._lead, number + 1)
        values: dict[str, Any] = {
            "firstName": person.first_name, "lastName": person.last_name, "email": person.email, "phone": person.phone,
            "title": person.job_title, "company": person.company, "website": f"https://{person.domain}",
            "industry": person.industry, "address": person.street, "city": person.city, "state": person.state,
            "postalCode": person.postal_code, "country": COUNTRIES[person.country], "leadSource": person.source,
            "originalSourceInfo": f"{person.source}: landing page", "leadScore": person.score or None,
            "unsubscribed": person.opted_out, "emailInvalid": False, "doNotCall": False,
        }  # fmt: skip
        if f"C-{person.company_number}" in self.companies:
            values["externalCompanyId"] = f"C-{person.company_number}"
        if self.quirks.own_fields and person.journey:
            values["smarkSyncJourney"] = person.journey
        self.leads[number] = {
            "id": number, "createdAt": made, "updatedAt": made, **{k: v for k, v in values.items() if v not in (None, "")},
        }  # fmt: skip
        log.append(self._made(made, number, schema.NEW_LEAD, attributes={"Source Type": "Web form fillout"}))
        if person.number >= _WITH_PAST:
            return
        for step, (name, primary, told) in enumerate(_PAST):
            if (person.number + step) % 3 == 0:
                continue
            at = began - timedelta(days=40 - 5 * step, seconds=97 * person.number)
            if at > made:
                log.append(self._made(at, number, schema.type_id(name), 300 + step, primary, dict(told)))

    # ---- what happens -----------------------------------------------------------------------------------

    def add(self, *, api: str | None = None, **fields: Any) -> int:
        """A new lead, by a form or, with ``api`` naming the method, by the API."""
        number, self._lead = self._lead, self._lead + 1
        now = self.now()
        row = {
            "id": number,
            "createdAt": now,
            "updatedAt": now,
            "unsubscribed": False,
            "emailInvalid": False,
            "doNotCall": False,
        }
        self.leads[number] = {**row, **{k: v for k, v in fields.items() if v is not None}}
        self.log(
            number,
            schema.NEW_LEAD,
            attributes={"Source Type": "Web service API" if api else "Web form fillout", **self._by(api)},
        )
        return number

    def skip_ids(self, many: int) -> None:
        """So many ids are given to nobody."""
        self._lead += many

    def edit(
        self, lead: int, *, api: str | None = None, source: str = "User Interface", reason: str = "", **fields: Any
    ) -> None:
        """Changes of a lead: by somebody in Marketo, or by the API (``api`` names the method)."""
        row = self.leads[lead]
        told = {
            "Source": "Web service API" if api else source,
            "Reason": "Web service API" if api else reason,
            **self._by(api),
        }
        for name, value in fields.items():
            before = row.get(name)
            known = self.lead_fields[name]
            if value is None and known.type == "boolean" and self.quirks.null_boolean_is_false:
                value = False
            if before == value:
                continue
            if value is None:
                row.pop(name, None)
            else:
                row[name] = value
            if not known.custom or not self.quirks.updated_at_standard_only:
                row["updatedAt"] = self.now()
            if known.type == "score" and self.quirks.scores_apart:
                change = (value or 0) - (before or 0)
                self.log(
                    lead,
                    schema.SCORE,
                    1,
                    known.label,
                    {"Change Value": f"{change:+d}", "New Value": value, "Old Value": before, "Reason": told["Reason"]},
                )
                continue
            entry: dict[str, Any] = {
                "id": list(self.lead_fields).index(name) + 1,
                "name": name,
                "newValue": _told(value),
                "oldValue": _told(before),
            }
            self.log(
                lead,
                schema.CHANGE,
                entry["id"],
                known.label,
                {**told, "New Value": entry["newValue"], "Old Value": entry["oldValue"]},
                [entry],
            )

    def unsubscribe(self, lead: int) -> None:
        """The person follows the link in a mail."""
        self.log(lead, schema.type_id("Unsubscribe Email"), 301, "Newsletter", {"Webform ID": 1})
        self.edit(lead, source="Web form fillout", reason="Unsubscribe page", unsubscribed=True)

    def act(self, lead: int, name: str, primary: str = "", primary_id: int = 1, **told: Any) -> None:
        """An activity of that type."""
        self.log(
            lead,
            schema.type_id(name),
            primary_id,
            primary,
            {key.replace("_", " "): value for key, value in told.items()},
        )

    def remove(self, lead: int) -> None:
        """Deletes a lead."""
        row = self.leads.pop(lead)
        self.log(lead, schema.DELETE, lead, f"{row.get('firstName', '')} {row.get('lastName', '')}".strip())

    def merge(self, winner: int, losers: Sequence[int]) -> None:
        """The winner's values stand unless they are empty; losers vanish, their past becomes the winner's."""
        filled: dict[str, Any] = {}
        for loser in losers:
            for name, value in self.leads[loser].items():
                if self.leads[winner].get(name) in (None, "") and name not in filled:
                    filled[name] = value
        if self.quirks.merge_is_silent:
            self.leads[winner].update(filled)
        else:
            self.edit(winner, source="Merge", **filled)
        self.leads[winner]["updatedAt"] = self.now()
        for activity in self.activities:
            if activity.lead in losers:
                activity.lead = winner
        for loser in losers:
            row = self.leads.pop(loser)
            if self.quirks.merge_deletes:
                self.log(loser, schema.DELETE, loser, str(row.get("lastName", "")))
        self.log(winner, schema.MERGE, winner, str(winner), {"Merge IDs": str(list(losers)), "Merge Source": "User"})

    def join(self, number: int, lead: int, *, source: str = "User") -> None:
        """A lead is put on a list."""
        self.members[number][lead] = self.now()
        self.log(lead, schema.LIST_ADD, number, self.lists[number]["name"], {"Source": source})

    def leave(self, number: int, lead: int, *, source: str = "User") -> None:
        """A lead is taken off a list."""
        del self.members[number][lead]
        self.log(lead, schema.LIST_REMOVE, number, self.lists[number]["name"], {"Source": source})

    def statuses(self, channel: str) -> tuple[tuple[str, int, bool], ...]:
        """The statuses of a channel: (name, step, whether that is success)."""
        usual = tuple((name, 10 * step, step >= 3) for step, name in enumerate(schema.STATUSES))
        return self.channels.get(channel, usual)

    def advance(self, program: int, lead: int, status: str) -> None:
        """A lead has another status in a program, or joins it."""
        before = self.progress[program].get(lead)
        self.progress[program][lead] = status
        joined = self.since[program, lead][0] if before else self.now()
        self.since[program, lead] = (joined, self.now())
        success = any(won for name, _, won in self.statuses(self.programs[program]["channel"]) if name == status)
        self._status_log(program, lead, before, status, {"Success": success})

    def withdraw(self, program: int, lead: int) -> None:
        """A lead is taken out of a program."""
        before = self.progress[program].pop(lead)
        del self.since[program, lead]
        if self.quirks.leaving_is_told:
            self._status_log(program, lead, before, schema.STATUSES[0], {})

    def _status_log(self, program: int, lead: int, before: str | None, after: str, more: Mapping[str, Any]) -> None:
        told = {"New Status": after, "Old Status": before, "Reason": "Web service API", **more}
        self.log(lead, schema.PROGRAM_STATUS, program, self.programs[program]["name"], told)

    def log(
        self, lead: int, kind: int, primary_id: int | None = None, primary: str | None = None,
        attributes: Mapping[str, Any] | None = None, fields: Sequence[Mapping[str, Any]] = (),
    ) -> Activity:  # fmt: skip
        """An activity now; seen as late as the quirk says."""
        return self._logged(self._made(self.now(), lead, kind, primary_id, primary, attributes, fields))

    def log_of(self, at: datetime, lead: int, kind: int, primary: str, attributes: Mapping[str, Any]) -> Activity:
        """A custom activity that somebody dates ``at``: the feed has it in that place."""
        return self._logged(self._made(at, lead, kind, None, primary, attributes))

    def _logged(self, made: Activity) -> Activity:
        made.seen_from = self.now() + timedelta(seconds=self.quirks.late)
        bisect.insort(self.activities, made)
        return made

    def _made(
        self, at: datetime, lead: int, kind: int, primary_id: int | None = None, primary: str | None = None,
        attributes: Mapping[str, Any] | None = None, fields: Iterable[Mapping[str, Any]] = (),
    ) -> Activity:  # fmt: skip
        self._activity += 1
        told = {name: value for name, value in (attributes or {}).items() if value not in (None, "")}
        return Activity(at, self._activity, lead, kind, primary_id, primary, told, [dict(f) for f in fields], at)

    def put_company(self, external: str, fields: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Creates or changes a company; (row, created). Its leads show its values."""
        row = self.companies.get(external)
        created = row is None
        if row is None:
            row = {"id": self._company, "externalCompanyId": external, "createdAt": self.now()}
            self._company += 1
            self.companies[external] = row
        row.update(fields)
        row["updatedAt"] = self.now()
        return row, created

    def shown(self, lead: int) -> dict[str, Any]:
        """A lead as the API shows it: with the values of its company."""
        row = self.leads[lead]
        company = self.companies.get(row.get("externalCompanyId") or "")
        if company is None:
            return row
        inherited = {name: company.get(name) for name, known in self.lead_fields.items() if known.company}
        return {**row, **inherited}

    def _by(self, api: str | None) -> dict[str, Any]:
        if api is None or not self.quirks.modifying_user:
            return {}
        return {"Modifying User": API_USER, "API Method Name": api}


def _told(value: Any) -> str | None:
    if value is None:
        return None
    return str(int(value)) if isinstance(value, bool) else str(value)


_PAST: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Visit Webpage", "www.vendor.example/pricing", {"Webpage URL": "https://www.vendor.example/pricing", "User Agent": "Mozilla/5.0"}),
    ("Fill Out Form", "Whitepaper", {"Referrer URL": "https://www.vendor.example/whitepaper", "Webpage ID": 12}),
    ("Send Email", "Spring news", {"Step ID": 3}),
    ("Email Delivered", "Spring news", {"Step ID": 3}),
    ("Open Email", "Spring news", {"Is Bot Activity": True, "Bot Activity Pattern": "IAB UA match"}),
    ("Open Email", "Spring news", {"Is Bot Activity": False, "Platform": "iOS"}),
    ("Click Email", "Spring news", {"Link": "https://www.vendor.example/spring", "Is Bot Activity": False}),
)  # fmt: skip
