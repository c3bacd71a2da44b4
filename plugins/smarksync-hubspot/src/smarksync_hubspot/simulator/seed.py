"""An account as it is found: the shared population in HubSpot's spelling, with companies, deals, lists and history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from smarksync.simulator import Person, campaigns, colleagues, companies, deals, in_vendor, people, spelled

from .schema import INDUSTRIES, LIFECYCLE
from .store import iso

if TYPE_CHECKING:
    from . import HubSpotSimulator

_INDUSTRIES = INDUSTRIES.split("|")
_SOURCES = {
    "web": "ORGANIC_SEARCH", "website": "ORGANIC_SEARCH", "referral": "REFERRALS", "event": "OFFLINE", "ads": "PAID_SEARCH",
    "webinar": "OTHER_CAMPAIGNS", "social": "SOCIAL_MEDIA", "email": "EMAIL_MARKETING",
}  # fmt: skip
_STAGE_OF = {"won": "closedwon", "lost": "closedlost"}
FORMS = {
    "5b0c6b1e-3c1c-4c53-9d4a-0d7c3f2d9a01": "Demo request",
    "8f2f6d1a-77aa-4d21-8d55-2a9e0b7c4c02": "Newsletter",
}
SUBSCRIPTIONS = {10112: "Marketing Information", 10113: "Product News"}


def fill(sim: HubSpotSimulator) -> None:
    """Everything that is there before anybody calls."""
    store = sim.store
    persons = [person for person in people(sim.seed, sim.size) if in_vendor(person, "hubspot")]
    for one in colleagues(sim.seed):
        rid = str(31_870_000 + one.number)
        sim.owners[rid] = {
            "id": rid, "email": one.email, "type": "PERSON", "firstName": one.first_name, "lastName": one.last_name,
            "userId": 2_506_000 + one.number if one.active else None, "userIdIncludingInactive": 2_506_000 + one.number,
            "createdAt": "2024-01-08T08:00:00.000Z", "updatedAt": "2024-01-08T08:00:00.000Z", "archived": not one.active,
            "teams": [{"id": "1" if one.team.startswith("I") else "2", "name": one.team, "primary": True}],
        }  # fmt: skip
    owners = [rid for rid, one in sim.owners.items() if not one["archived"]]
    known = {}
    wanted = {person.company_number for person in persons}
    first = min((person.created_at for person in persons), default=None)
    for company in companies(sim.seed, max(wanted, default=-1) + 1):
        if company.number not in wanted or company.number % 4 == 3:  # some employers nobody made a company of
            continue
        row = store.add(
            "companies",
            {
                "name": company.name, "domain": company.domain, "website": f"https://{company.domain}", "phone": company.phone,
                "industry": _industry(company.industry), "numberofemployees": str(company.employees),
                "annualrevenue": str(company.revenue), "address": company.street, "city": company.city,
                "state": company.state or None, "zip": company.postal_code, "country": company.country,
                "hubspot_owner_id": owners[company.number % len(owners)], "type": "PROSPECT",
            },
            created=first,
        )  # fmt: skip
        known[company.number] = row.id
    by_number: dict[int, str] = {}
    for person in persons:
        row = store.add("contacts", _contact(person, owners), created=person.created_at)
        by_number[person.number] = row.id
        if person.company_number in known:
            store.links[("contacts", row.id, "companies")] = {known[person.company_number]: {279, 1}}
            store.links.setdefault(("companies", known[person.company_number], "contacts"), {})[row.id] = {280, 2}
            row.properties["associatedcompanyid"] = known[person.company_number]
        if person.opted_out:
            row.properties["hs_email_optout"] = sim.store.opted[person.email.lower()] = "true"
    for deal in deals(sim.seed, persons):
        stage = _STAGE_OF.get(deal.kind, "qualifiedtobuy")
        row = store.add(
            "deals",
            {
                "dealname": deal.name, "pipeline": "default", "dealstage": stage, "amount": str(deal.amount),
                "deal_currency_code": deal.currency, "closedate": iso(deal.close_date), "dealtype": "newbusiness",
                "closed_lost_reason": deal.loss_reason, "hubspot_owner_id": owners[deal.number % len(owners)],
            },
            created=deal.created_at,
        )  # fmt: skip
        contact = by_number[deal.person]
        store.links[("deals", row.id, "contacts")] = {contact: {3}}
        store.links.setdefault(("contacts", contact, "deals"), {})[row.id] = {4}
        if deal.company_number in known:
            company_id = known[deal.company_number]
            store.links[("deals", row.id, "companies")] = {company_id: {341, 5}}
            store.links.setdefault(("companies", company_id, "deals"), {})[row.id] = {342, 6}
    _marketing(sim, persons, by_number)


def _marketing(sim: HubSpotSimulator, persons: list[Person], by_number: dict[int, str]) -> None:
    sim.subscriptions.update(SUBSCRIPTIONS)
    sim.forms.update(FORMS)
    for number, (name, kind) in enumerate((("Newsletter readers", "DYNAMIC"), ("Hand-off: recycled", "MANUAL")), 1):
        sim.lists[str(number)] = {
            "listId": str(number), "name": name, "objectTypeId": "0-1", "processingType": kind, "processingStatus": "COMPLETE",
            "createdAt": "2024-01-08T08:00:00.000Z", "updatedAt": "2024-01-08T08:00:00.000Z", "listVersion": 1,
        }  # fmt: skip
    for campaign in campaigns(sim.seed):
        end = campaign.start + timedelta(days=campaign.days)
        sim.campaigns.append(
            {
                "id": f"{campaign.number + 1:08d}-0000-4000-8000-000000000000",
                "properties": {
                    "hs_name": campaign.name, "hs_campaign_status": _campaign_status(campaign.status),
                    "hs_start_date": campaign.start.date().isoformat(), "hs_end_date": end.date().isoformat(),
                    "hs_budget_items_sum_amount": str(campaign.budget), "hs_spend_items_sum_amount": str(campaign.cost),
                    "hs_currency_code": "EUR",
                },
                "createdAt": iso(campaign.start), "updatedAt": iso(campaign.start),
            }
        )  # fmt: skip
    for event in _events(persons):
        sim.events.append(event)
    guids = list(FORMS)
    for person in persons:
        if person.score < 30:
            continue
        form = guids[0] if person.score > 60 else guids[1]
        at = person.created_at + timedelta(days=2)
        sim.submissions.setdefault(form, []).append(submission(person.email, person.number, int(at.timestamp() * 1000)))
    for person in persons[::10]:
        sim.members.setdefault("1", {})[by_number[person.number]] = iso(person.created_at)


def submission(address: str, number: int, ticks: int, page: str = "https://ourselves.example/demo") -> dict[str, Any]:
    """One form submission as the forms API tells it."""
    return {
        "conversionId": f"{number:08x}-{ticks % 65536:04x}-4000-9000-{ticks:012d}",
        "submittedAt": ticks,
        "values": [{"name": "email", "value": address, "objectTypeId": "0-1"}],
        "pageUrl": page,
    }


def _events(persons: list[Person]) -> Iterator[dict[str, Any]]:
    for person in persons:
        at = int((person.created_at + timedelta(days=1)).timestamp() * 1000)
        told = [
            "SENT",
            "DELIVERED",
            *(["OPEN"] if person.score > 20 else []),
            *(["CLICK"] if person.score > 45 else []),
        ]
        for place, kind in enumerate(told):
            event = {
                "id": f"{person.number:08x}-{kind.lower()}", "created": at + place * 60_000, "type": kind,
                "recipient": person.email, "emailCampaignId": 880_000 + person.number % 7, "appId": 113, "portalId": 1,
                "subject": "What is new",
            }  # fmt: skip
            if kind == "OPEN":
                event["filteredEvent"] = person.number % 9 == 0  # a robot read it
            if kind == "CLICK":
                event["url"] = "https://ourselves.example/pricing"
            yield event


def _contact(person: Person, owners: list[str]) -> dict[str, str | None]:
    shown = spelled(person, "hubspot")
    stage = LIFECYCLE[0] if person.score < 10 else LIFECYCLE[1] if person.score < 75 else LIFECYCLE[2]
    return {
        "email": shown.email.lower(),  # HubSpot keeps addresses in lower case
        "firstname": shown.first_name,
        "lastname": shown.last_name,
        "jobtitle": shown.job_title or None,
        "phone": shown.phone,
        "company": shown.company,
        "address": shown.street or None,
        "city": shown.city,
        "state": shown.state or None,
        "zip": shown.postal_code or None,
        "country": shown.country,
        "industry": shown.industry,
        "website": f"https://{shown.domain}",
        "lifecyclestage": stage,
        "hubspotscore": str(person.score),
        "hs_analytics_source": _SOURCES.get(person.source, "DIRECT_TRAFFIC"),
        "hubspot_owner_id": owners[person.number % len(owners)] if person.score > 50 else None,
        "createdate": iso(person.created_at),
    }


def _industry(word: str) -> str:
    squashed = word.upper().replace(" ", "_").replace("-", "_")
    return next((one for one in _INDUSTRIES if one.startswith(squashed[:5])), _INDUSTRIES[len(word) % len(_INDUSTRIES)])


def _campaign_status(word: str) -> str:
    return {"done": "completed", "active": "in_progress"}.get(word, "planned")
