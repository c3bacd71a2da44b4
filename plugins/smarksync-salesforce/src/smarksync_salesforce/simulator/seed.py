"""An org full of people: a part of the population that all simulators share, as leads and as contacts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from smarksync.simulator import (
    Company,
    Deal,
    Person,
    campaigns,
    colleagues,
    companies,
    deals,
    in_vendor,
    people,
    spelled,
)

from .soql import normal_time

if TYPE_CHECKING:
    from .server import SalesforceSimulator

COUNTRIES = {"US": "United States", "GB": "United Kingdom", "DE": "Germany", "FR": "France", "AU": "Australia"}
_LOST = {"price": "price", "no_decision": "no_decision", "competitor": "competitor", "timing": "timing"}
_STAGE = {"won": "Closed Won", "lost": "Closed Lost", "open": "Qualification"}
_CAMPAIGN = {"webinar": "Webinar", "content": "Content", "trade_show": "Trade Show", "email": "Email",
             "advertising": "Advertisement", "referral": "Referral Program", "event": "Conference"}  # fmt: skip
_STATUS = {"done": "Completed", "active": "In Progress", "planned": "Planned"}


def fill(sim: SalesforceSimulator, *, people: int) -> None:
    """Users and queues always; then accounts, contacts, leads, deals and campaigns."""
    store = sim.store
    profile = "00e5g000000SIMUAA4"
    store.tables["Profile"] = {profile: {"Id": profile, "IsDeleted": False}}
    store.objects["User"].fields["ProfileId"].flags |= {"defaulted"}

    def user(first: str, last: str, email: str, **more: Any) -> str:
        values = {
            "FirstName": first,
            "LastName": last,
            "Email": email,
            "Username": email,
            "TimeZoneSidKey": "UTC",
            **more,
        }
        return str(store.create("User", values, by="")["Id"])

    sim.me = user("SmarkSync", "Integration", "smarksync@ourselves.example")
    sellers = [
        user(c.first_name, c.last_name, c.email, IsActive=c.active, Department=c.team, Country=c.country,
             TimeZoneSidKey=c.time_zone) for c in colleagues(sim.seed)
    ]  # fmt: skip
    sim.person = sellers[0]
    queues = [("Inbound leads", "Inbound_Leads"), ("Partners", "Partners")]
    made = [store.create("Group", {"Name": n, "DeveloperName": d, "Type": "Queue"}, by=sim.me) for n, d in queues]
    store.create("Group", {"Name": "Everybody", "Type": "Regular"}, by=sim.me)
    sim.queue = str(made[0]["Id"])
    if people:
        _people(sim, people, sellers[:-1])
    _age(sim)


def _people(sim: SalesforceSimulator, size: int, sellers: list[str]) -> None:
    store = sim.store
    firms = companies(sim.seed, size // 5 + 1)
    accounts: dict[int, str] = {}
    persons: dict[int, tuple[str, str]] = {}
    everybody = people(sim.seed, size)
    for person in everybody:
        if not in_vendor(person, "salesforce"):
            continue
        shown, owner = spelled(person, "salesforce"), sellers[person.company_number % len(sellers)]
        if person.number % 3 == 0:
            account = _account(sim, accounts, firms[person.company_number], owner)
            row = store.create(
                "Contact", {**_person(shown, "Mailing"), "AccountId": account, "OwnerId": owner}, by=sim.person
            )
            persons[person.number] = ("Contact", row["Id"])
        else:
            more = {"Company": person.company, "Website": f"https://www.{person.domain}", "Industry": person.industry}
            owner = sim.queue if person.number % 7 == 0 else owner
            status = "Working - Contacted" if person.number % 4 == 0 else "Open - Not Contacted"
            values = {**_person(shown, ""), **more, "OwnerId": owner, "Status": status}
            row = store.create("Lead", values, by=sim.person)
            persons[person.number] = ("Lead", row["Id"])
    for deal in deals(sim.seed, everybody):
        kind, person_id = persons.get(deal.person, ("", ""))
        if kind == "Contact":
            _deal(sim, deal, str(accounts[deal.company_number]), person_id)
    _campaigns(sim, list(persons.values()))


def _person(person: Person, prefix: str) -> dict[str, Any]:
    return {
        "FirstName": person.first_name, "LastName": person.last_name, "Email": person.email, "Phone": person.phone,
        "Title": person.job_title or None, "LeadSource": person.source, "HasOptedOutOfEmail": person.opted_out,
        f"{prefix}Street": person.street or None, f"{prefix}City": person.city, f"{prefix}State": person.state,
        f"{prefix}PostalCode": person.postal_code or None, f"{prefix}Country": COUNTRIES[person.country],
    }  # fmt: skip


def _account(sim: SalesforceSimulator, known: dict[int, str], firm: Company, owner: str) -> str:
    if firm.number not in known:
        values = {
            "Name": firm.name, "Website": f"https://www.{firm.domain}", "Industry": firm.industry, "Phone": firm.phone,
            "NumberOfEmployees": firm.employees, "AnnualRevenue": float(firm.revenue), "BillingStreet": firm.street,
            "BillingCity": firm.city, "BillingPostalCode": firm.postal_code, "BillingCountry": COUNTRIES[firm.country],
            "OwnerId": owner, "Type": "Prospect",
        }  # fmt: skip
        known[firm.number] = str(sim.store.create("Account", values, by=sim.person)["Id"])
    return known[firm.number]


def _deal(sim: SalesforceSimulator, deal: Deal, account: str, contact: str) -> None:
    values = {
        "Name": deal.name[:120], "AccountId": account, "StageName": _STAGE[deal.kind], "Amount": float(deal.amount),
        "CloseDate": deal.close_date.date().isoformat(),
        "Loss_Reason__c": _LOST.get(deal.loss_reason or ""), "OwnerId": sim.store.tables["Account"][account]["OwnerId"],
    }  # fmt: skip
    row = sim.store.create("Opportunity", values, by=sim.person)
    role = {"OpportunityId": row["Id"], "ContactId": contact, "IsPrimary": True, "Role": "Decision Maker"}
    sim.store.create("OpportunityContactRole", role, by=sim.person)


def _campaigns(sim: SalesforceSimulator, persons: list[tuple[str, str]]) -> None:
    for campaign in campaigns(sim.seed):
        values = {
            "Name": campaign.name, "Type": _CAMPAIGN[campaign.type], "Status": _STATUS[campaign.status],
            "StartDate": campaign.start.date().isoformat(),
            "EndDate": (campaign.start + timedelta(days=campaign.days)).date().isoformat(),
            "BudgetedCost": float(campaign.budget), "ActualCost": float(campaign.cost), "IsActive": campaign.status == "active",
        }  # fmt: skip
        row = sim.store.create("Campaign", values, by=sim.person)
        for place, (kind, person_id) in enumerate(persons[campaign.number :: 11]):
            status = "Responded" if place % 3 == 0 else "Sent"
            sim.store.create(
                "CampaignMember", {"CampaignId": row["Id"], f"{kind}Id": person_id, "Status": status}, by=sim.person
            )


def _age(sim: SalesforceSimulator) -> None:
    """What is there was made within the last two years, each row at its own time, none in the last hour."""
    now = sim.now()
    for table in sim.store.tables.values():
        for place, row in enumerate(table.values()):
            at = normal_time((now - timedelta(hours=1 + place * 17520 / max(len(table), 1))).isoformat())
            row.update(CreatedDate=at, LastModifiedDate=at, SystemModstamp=at)
