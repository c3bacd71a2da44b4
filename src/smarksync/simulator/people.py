"""One population for all vendors: person 17 of a seed is the same human in HubSpot, Salesforce and Marketo.

Each vendor takes its own part (:func:`in_vendor`) in its own spelling (:func:`spelled`), so that simulated systems
overlap and disagree as real ones do. Addresses end in ``.example`` (RFC 2606); telephone numbers are of ranges kept for
fiction (555-01xx, Ofcom's and Bundesnetzagentur's drama numbers, ARCEP 01 99 00, ACMA 5550). Everything is computed
from seed and number: no state, and a million people cost a few microseconds each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from .names import CAMPAIGNS, CITIES, FIRST, INDUSTRIES, JOURNEYS, LAST, SOURCES, STREETS, TITLES, TRADES

_START = datetime(2024, 1, 8, 8, 0, tzinfo=UTC)
_DAYS = 900


@dataclass(frozen=True, slots=True)
class Company:
    """An employer. ``domain`` ends in ``.example``; ``country`` is ISO alpha-2; ``revenue`` is in ``currency``."""

    number: int
    name: str
    domain: str
    industry: str
    employees: int
    revenue: int
    currency: str
    street: str
    city: str
    state: str
    postal_code: str
    country: str
    phone: str


@dataclass(frozen=True, slots=True)
class Person:
    """A human. ``phone`` is E.164; ``journey`` a canonical word or None; ``created_at`` aware UTC."""

    number: int
    first_name: str
    last_name: str
    email: str
    phone: str | None
    company: str
    company_number: int
    domain: str
    job_title: str
    street: str
    city: str
    state: str
    postal_code: str
    country: str
    industry: str
    opted_out: bool
    source: str
    score: int
    journey: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Colleague:
    """One of our own people: who owns records. The same e-mail in every vendor."""

    number: int
    first_name: str
    last_name: str
    email: str
    team: str
    active: bool
    country: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign; ``status`` is a canonical word; ``cost`` and ``budget`` in EUR."""

    number: int
    name: str
    type: str
    status: str
    start: datetime
    days: int
    budget: int
    cost: int


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal of a person's company; ``kind`` is open, won or lost; ``amount`` in ``currency``."""

    number: int
    name: str
    person: int
    company_number: int
    amount: int
    currency: str
    kind: str
    created_at: datetime
    close_date: datetime
    loss_reason: str | None


def people(seed: int, n: int, *, start: int = 0) -> list[Person]:
    """Persons ``start`` … ``start + n - 1`` of that seed."""
    return [_person(seed, number) for number in range(start, start + n)]


def companies(seed: int, n: int) -> list[Company]:
    """The first ``n`` companies; person i works for company ``person.company_number``, one of the first i/5 + 1."""
    return [_company(seed, number) for number in range(n)]


def colleagues(seed: int = 1, n: int = 6) -> list[Colleague]:
    """Our own people; the last one left (``active`` False)."""
    zones = {"US": "America/New_York", "GB": "Europe/London", "DE": "Europe/Berlin"}
    found = []
    for number in range(n):
        first, last = _names(seed + 7919, number)
        country = list(zones)[number % len(zones)]
        team = "Inside Sales" if number % 2 else "Field Sales"
        email = f"{first}.{last}@ourselves.example".lower()
        found.append(Colleague(number, first, last, email, team, number < n - 1 or n == 1, country, zones[country]))
    return found


def campaigns(seed: int, n: int = len(CAMPAIGNS)) -> list[Campaign]:
    """Campaigns, oldest first."""
    found = []
    for number in range(n):
        d = _digest(seed, number, "campaign")
        kind, title = CAMPAIGNS[number % len(CAMPAIGNS)]
        start = _START + timedelta(days=40 * number)
        budget = 500 * (2 + d[0] % 40)
        status = ("done", "active", "planned")[max(0, number - n + 3)] if n > 2 else "active"
        name = f"{title} {start:%Y-%m}"
        found.append(
            Campaign(number, name, kind, status, start, 1 + d[1] % 30, budget, budget * (60 + d[2] % 60) // 100)
        )
    return found


def deals(seed: int, persons: list[Person], *, share: float = 0.1) -> list[Deal]:
    """Deals of about ``share`` of those persons; the number of a deal is that of its person."""
    found = []
    for person in persons:
        d = _digest(seed, person.number, "deal")
        if d[0] / 256 >= share:
            continue
        kind = ("won", "lost", "open", "open")[d[1] % 4]
        created = person.created_at + timedelta(days=1 + d[2] % 60)
        close = created + timedelta(days=10 + d[3] % 120)
        lost = ("price", "no_decision", "competitor", "timing")[d[5] % 4] if kind == "lost" else None
        currency = {"US": "USD", "GB": "GBP", "AU": "AUD"}.get(person.country, "EUR")
        name = f"{person.company}: {('pilot', 'rollout', 'renewal')[d[4] % 3]}"
        amount = 500 * (2 + d[6] % 200)
        found.append(
            Deal(
                person.number, name, person.number, person.company_number, amount, currency, kind, created, close, lost
            )
        )
    return found


def in_vendor(person: Person, vendor: str, *, share: float = 0.75) -> bool:
    """Does that vendor know this person? Independent by vendor: with 0.75 two vendors share about 60 % of all whom
    either knows."""
    d = blake2b(f"{person.email}|{vendor}".encode(), digest_size=2).digest()
    return int.from_bytes(d, "big") / 65536 < share


def spelled(person: Person, vendor: str) -> Person:
    """The person as that vendor's users typed them: other phone format, capitals in the address, parts missing."""
    d = blake2b(f"{person.email}|{vendor}|spelled".encode(), digest_size=8).digest()
    changes: dict[str, object] = {}
    if person.phone and d[0] % 3:
        changes["phone"] = formatted(person.phone, d[0])
    if d[1] % 8 == 0:
        local, _, domain = person.email.partition("@")
        changes["email"] = f"{local.title()}@{domain}"
    if d[2] % 6 == 0:
        changes["phone"] = None
    if d[3] % 5 == 0:
        changes["job_title"] = ""
    if d[4] % 4 == 0:
        changes.update(street="", postal_code="")
    return replace(person, **changes) if changes else person  # type: ignore[arg-type]  # names of Person's own fields


def formatted(phone: str, how: int) -> str:
    """An E.164 number as people write it: in blocks, with brackets, or with 00 in front."""
    code = next((c for c in ("+1", "+44", "+49", "+33", "+61") if phone.startswith(c)), phone[:3])
    rest = phone[len(code) :]
    if how % 2 and code == "+1":
        return f"({rest[:3]}) {rest[3:6]}-{rest[6:]}"
    if how % 4 or code in ("+1", "+61"):  # there 00 is not the way abroad
        return f"{code} {rest[:2]} {rest[2:5]} {rest[5:]}"
    return f"00{code[1:]} {rest}"


def _person(seed: int, number: int) -> Person:
    d = _digest(seed, number, "person")
    first, last = _names(seed, number)
    company = _company(seed, int.from_bytes(d[0:4], "big") % (number // 5 + 1))
    local = f"{first}.{last}".lower()
    again = number // (len(FIRST) * len(LAST))
    score = min(99, d[4] * d[5] // 500)
    return Person(
        number=number,
        first_name=first,
        last_name=last,
        email=f"{local}{again or ''}@{company.domain}",
        phone=_phone(company.country, d[6] << 8 | d[7]) if d[8] % 10 else None,
        company=company.name,
        company_number=company.number,
        domain=company.domain,
        job_title=TITLES[d[9] % len(TITLES)],
        street=company.street,
        city=company.city,
        state=company.state,
        postal_code=company.postal_code,
        country=company.country,
        industry=company.industry,
        opted_out=d[10] < 16,
        source=SOURCES[d[11] % len(SOURCES)],
        score=score,
        journey=JOURNEYS[min(score // 14, len(JOURNEYS) - 1)] if d[12] % 5 else None,
        created_at=_START + timedelta(seconds=int.from_bytes(d[13:17], "big") % (_DAYS * 86400)),
    )


def _company(seed: int, number: int) -> Company:
    d = _digest(seed, number, "company")
    stem, trade = LAST[(seed * 31 + number * 7) % len(LAST)], TRADES[(number // len(LAST) + d[0]) % len(TRADES)]
    again = number // len(LAST)
    word = trade.lower().replace(" ", "")
    city, state, postal_code, country = CITIES[d[1] % len(CITIES)]
    employees = max(3, d[2] * d[3] // 20)
    return Company(
        number=number,
        name=f"{stem} {trade}" + (f" {again + 1}" if again else ""),
        domain=f"{stem.lower()}-{word}{again + 1 if again else ''}.example",
        industry=INDUSTRIES[d[4] % len(INDUSTRIES)],
        employees=employees,
        revenue=employees * 1000 * (60 + d[5]),
        currency={"US": "USD", "GB": "GBP", "AU": "AUD"}.get(country, "EUR"),
        street=f"{STREETS[d[6] % len(STREETS)]} {1 + d[7]}",
        city=city,
        state=state,
        postal_code=postal_code,
        country=country,
        phone=_phone(country, d[8] << 8 | d[9]),
    )


def _names(seed: int, number: int) -> tuple[str, str]:
    """First and last name: every pair once before one comes again, in an order that the seed decides."""
    pairs = len(FIRST) * len(LAST)
    place = (number * 1009 + seed * 617) % pairs  # 1009 is prime and divides no count of pairs that we have
    return FIRST[place % len(FIRST)], LAST[place // len(FIRST)]


def _phone(country: str, pick: int) -> str:
    match country:
        case "US":
            return f"+1{('202', '212', '303', '415', '512', '617')[pick % 6]}55501{pick // 6 % 100:02d}"
        case "GB":
            return f"+442079460{pick % 1000:03d}"
        case "DE":
            return f"+493023125{pick % 1000:03d}"
        case "FR":
            return f"+3319900{pick % 10000:04d}"
        case _:
            return f"+6125550{pick % 10000:04d}"


def _digest(seed: int, number: int, kind: str) -> bytes:
    return blake2b(f"{seed}:{kind}:{number}".encode(), digest_size=24).digest()
