"""A year of two teams' life, invented and always the same: leads, campaigns, hand-offs, slow reps, recycled leads.

Everything follows from a seed and a lead's number; a life is computed alone, so that a million of them stream past in
bounded memory. What is believable about it, and where each figure stands: :data:`SEASON` (leads a month),
:data:`CAMPAIGNS` (one of them buys addresses that never come to anything), :data:`REPS` (two are slow, one left in
August), :data:`PRODUCTS` (deal sizes). Times are microseconds UTC; office hours are Berlin's.

::

    for life in lives(Team(year=2026), leads=2_000):
        life.lead["persona"], life.stages, life.activities, life.cases, life.opportunity
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from smarksync.simulator.people import Person, people

#: leads by month, against an average of 1
SEASON = (0.9, 1.0, 1.2, 1.05, 1.0, 0.95, 0.75, 0.6, 1.15, 1.25, 1.15, 0.7)
SECOND = 1_000_000
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
ZONE = ZoneInfo("Europe/Berlin")


class Campaign(NamedTuple):
    """``volume``: share of leads; ``quality``: how much likelier than usual they become something."""

    number: int
    name: str
    type: str
    source: str
    volume: float
    quality: float
    budget: int


CAMPAIGNS = tuple(
    Campaign(i, *row)
    for i, row in enumerate(
        (
            ("eBook: Scanning without tears", "content", "organic_search", 18, 1.3, 6_000),
            ("Webinar: The paperless office", "webinar", "email", 12, 1.5, 9_000),
            ("Search ads, spring", "paid_search", "paid_search", 14, 1.0, 24_000),
            ("Search ads, autumn", "paid_search", "paid_search", 14, 1.05, 26_000),
            ("Trade fair Hanover", "event", "event", 9, 1.6, 40_000),
            ("Bought addresses", "list_purchase", "list", 13, 0.15, 8_000),
            ("Prize draw: win a tablet", "social", "social", 10, 0.35, 5_000),
            ("Customer referrals", "referral", "referral", 4, 2.4, 1_000),
            ("Partner newsletter", "partner", "partner", 6, 1.2, 4_000),
        )
    )
)


class Rep(NamedTuple):
    """A salesperson. ``hours``: the usual time to a first attempt, in office hours; ``diligence``: attempts they make."""

    email: str
    name: str
    hours: float
    diligence: float
    weight: int
    until_month: int = 12


REPS = (
    Rep("anna@acme.example", "Anna Berger", 1.2, 0.95, 3),
    Rep("ben@acme.example", "Ben Okafor", 1.8, 0.9, 3),
    Rep("carla@acme.example", "Carla Rossi", 2.5, 0.9, 2),
    Rep("dirk@acme.example", "Dirk Hansen", 7.5, 0.6, 2),
    Rep("eva@acme.example", "Eva Novak", 11.0, 0.5, 1),
    Rep("frank@acme.example", "Frank Weber", 3.0, 0.8, 2, until_month=8),
)
PRODUCTS = {"scanner": (0.62, 24_000), "printer": (0.38, 9_000)}
PERSONAS = {"it-admin": (0.42, 1.3), "office-manager": (0.28, 1.0), "executive": (0.14, 1.5), None: (0.16, 0.5)}
REJECTIONS = ("bad_data", "no_budget", "bad_timing", "not_a_fit", "unreachable", "duplicate", "no_authority")
LOSSES = ("price", "competitor", "no_decision", "timing", "missing_feature")
ASSETS = ("Buyer's guide", "ROI calculator", "Scanning without tears", "Security checklist", "Price list")


class Move(NamedTuple):
    """One move of a case."""

    state: str
    at: int
    actor: str
    reason: str | None = None


@dataclass(slots=True)
class Case:
    """One hand-off: its product, its rep's number, and its moves in order."""

    cycle: int
    product: str
    rep: int
    moves: list[Move] = field(default_factory=list)


@dataclass(slots=True)
class Deal:
    """The opportunity of a case. ``kind``: open, won, lost."""

    opened_at: int
    closed_at: int | None
    kind: str
    amount: Decimal
    currency: str
    stage: str
    loss_reason: str | None
    rep: int


@dataclass(slots=True)
class Life:
    """Everything that happens to one lead. ``lead``: canonical values; activities are canonical, newest last."""

    person: Person
    campaign: Campaign
    born: int
    lead: dict[str, Any]
    stages: list[tuple[str, int, str]] = field(default_factory=list)
    activities: list[dict[str, Any]] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    deal: Deal | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """The year and the seed. Nothing happens at or after ``end`` (default: the year's last moment)."""

    year: int = 2026
    seed: int = 1
    touches: int = 6  # marketing activities of an average lead
    end: datetime | None = None

    @property
    def start_at(self) -> int:
        """The first moment, microseconds."""
        return _micros(datetime(self.year, 1, 1, tzinfo=UTC))

    @property
    def end_at(self) -> int:
        """The moment at which everything stops."""
        return _micros(self.end or datetime(self.year + 1, 1, 1, tzinfo=UTC))


def lives(team: Team, leads: int, *, start: int = 0) -> Iterator[Life]:
    """``leads`` lives from number ``start`` on; who is born after the team's end is nobody yet, and left out."""
    number, left = start, leads if team.end_at > team.start_at else 0
    while left > 0:
        one = life(team, number)
        if one.born < team.end_at:
            yield one
            left -= 1
        number += 1


def life(team: Team, number: int) -> Life:
    """One life."""
    dice = random.Random(team.seed * 1_000_003 + number)
    who = people(team.seed, 1, start=number)[0]
    campaign = dice.choices(CAMPAIGNS, [c.volume for c in CAMPAIGNS])[0]
    persona = dice.choices(list(PERSONAS), [share for share, _ in PERSONAS.values()])[0]
    product = dice.choices(list(PRODUCTS), [share for share, _ in PRODUCTS.values()])[0]
    born = _birth(team, dice)
    one = Life(who, campaign, born, {
        "email": who.email.lower(), "first_name": who.first_name, "last_name": who.last_name, "company": who.company,
        "job_title": who.job_title, "phone": who.phone, "country": who.country, "industry": who.industry,
        "lead_source": campaign.source, "persona": persona, "product": product, "lifecycle": "lead", "score": 10,
        "journey": "awareness_early",
    })  # fmt: skip
    one.stages.append(("lead", born, "marketing"))
    interest = campaign.quality * PERSONAS[persona][1]
    _nurture(team, dice, one, born, interest)
    when, cycle, waiting = born, 1, 0.17
    while dice.random() < min(0.9, waiting * interest):
        when = _cycle(team, dice, one, when, cycle, interest)
        if when < 0:
            break
        cycle, waiting = cycle + 1, 0.45
    _cut(one, team.end_at)
    return one


def _birth(team: Team, dice: random.Random) -> int:
    month = dice.choices(range(1, 13), SEASON)[0]
    days = (date(team.year + (month == 12), month % 12 + 1, 1) - date(team.year, month, 1)).days
    day = _micros(datetime(team.year, month, 1, tzinfo=UTC)) + dice.randrange(days) * DAY
    return day + int(dice.triangular(0, 24, 10) * HOUR)


def _nurture(team: Team, dice: random.Random, one: Life, born: int, interest: float) -> None:
    """What marketing sends and what the person does with it."""
    first = "form_submitted" if one.campaign.type != "list_purchase" else "list_joined"
    _act(one, born, first, "lead", subject=one.campaign.name, campaign=one.campaign.number)
    at = born
    for _ in range(min(60, int(dice.expovariate(1 / team.touches)))):
        at += int(dice.expovariate(1 / 9) * DAY) + 60 * SECOND
        kind = dice.choices(
            ("email_sent", "email_opened", "email_clicked", "page_viewed", "content_downloaded", "event_attended"),
            (40, 22 * interest, 9 * interest, 20 * interest, 6 * interest, 3 * interest),
        )[0]
        asset = dice.choice(ASSETS) if kind in ("content_downloaded", "page_viewed") else None
        _act(one, at, kind, "marketing" if kind == "email_sent" else "lead", asset=asset)


def _cycle(team: Team, dice: random.Random, one: Life, since: int, cycle: int, interest: float) -> int:
    """From qualified to its end; returns when a new cycle may begin, or -1."""
    qualified = since + int((dice.lognormvariate(2.4, 0.7) if cycle == 1 else dice.uniform(45, 150)) * DAY)
    rep = _route(dice, qualified)
    case = Case(cycle, one.lead["product"], rep)
    one.cases.append(case)
    offered = qualified + int(dice.uniform(2, 25) * 60 * SECOND)
    case.moves += [Move("qualified", qualified, "rule"), Move("offered", offered, "rule")]
    one.stages.append(("mql", qualified, "rule"))
    one.lead.update(lifecycle="mql", score=60 + dice.randrange(40), journey="decision_early")
    spoke, last = _attempts(dice, one, rep, offered)
    if last is None:
        return -1  # nobody ever called: it is still offered, and the clocks tell
    decided = office(last, dice.expovariate(1 / 3))
    if spoke and dice.random() < min(0.92, 0.66 * interest**0.4):
        return _sales(team, dice, one, case, decided, interest)
    weights = (4 if interest < 0.6 else 1, 2, 3, 4 if interest < 0.6 else 2, 0 if spoke else 5, 1, 1)
    reason = dice.choices(REJECTIONS, weights)[0]
    case.moves.append(Move("rejected", decided, "sales", reason))
    if reason in ("bad_timing", "unreachable", "no_budget"):
        one.stages.append(("recycled", decided, "sales"))
        one.lead.update(lifecycle="recycled", score=35, rejection_reason=reason)
        return decided
    one.stages.append(("disqualified", decided, "sales"))
    one.lead.update(lifecycle="disqualified", rejection_reason=reason)
    return -1


def _route(dice: random.Random, at: int) -> int:
    month = datetime.fromtimestamp(at / SECOND, UTC).month
    return dice.choices(range(len(REPS)), [rep.weight if month <= rep.until_month else 0 for rep in REPS])[0]


def _attempts(dice: random.Random, one: Life, rep: int, offered: int) -> tuple[bool, int | None]:
    """The calls and mails of a rep: whether they spoke, and when the last attempt was (None = there was none)."""
    who = REPS[rep]
    at = office(offered, dice.expovariate(1 / who.hours))
    last: int | None = None
    for nth in range(5):
        if dice.random() > who.diligence ** (0.3 if nth == 0 else 1):
            break
        late = at - offered > DAY  # who is called late has cooled down
        result = dice.choices(("connected", "no_answer", "left_message"), (24 if late and nth == 0 else 45, 38, 17))[0]
        _act(one, at, dice.choices(("call", "email"), (4, 1))[0], "sales", rep=rep, result=result)
        last = at
        if result == "connected":
            return True, last
        at = office(at, dice.uniform(4, 40))
    return False, last


def _sales(team: Team, dice: random.Random, one: Life, case: Case, accepted: int, interest: float) -> int:
    case.moves.append(Move("accepted", accepted, "sales"))
    one.stages.append(("sal", accepted, "sales"))
    one.lead["lifecycle"] = "sal"
    met = office(accepted, dice.uniform(6, 70))
    _act(one, met, "meeting", "sales", rep=case.rep, result="done")
    case.moves.append(Move("working", met, "sales"))
    if dice.random() > 0.68:
        gone = office(met, dice.uniform(8, 120))
        case.moves.append(Move("recycled", gone, "sales", "bad_timing"))
        one.stages.append(("recycled", gone, "sales"))
        one.lead["lifecycle"] = "recycled"
        return gone
    sql = office(met, dice.uniform(2, 40))
    opened = office(sql, dice.uniform(1, 60))
    case.moves += [Move("sql", sql, "sales"), Move("opportunity", opened, "sales")]
    one.stages += [("sql", sql, "sales"), ("opportunity", opened, "sales")]
    one.lead["lifecycle"] = "opportunity"
    won = dice.random() < min(0.6, 0.27 * interest**0.5)
    closed = opened + int(dice.lognormvariate(3.5, 0.5) * DAY)
    size = PRODUCTS[case.product][1]
    amount = Decimal(int(dice.lognormvariate(0, 0.45) * size)).quantize(Decimal("0.01"))
    currency = dice.choices(("EUR", "USD", "CHF"), (92, 5, 3))[0]
    lost = None if won else dice.choice(LOSSES)
    one.deal = Deal(
        opened,
        closed,
        "won" if won else "lost",
        amount,
        currency,
        "Closed Won" if won else "Closed Lost",
        lost,
        case.rep,
    )
    case.moves.append(Move("won" if won else "lost", closed, "sales", lost))
    one.stages.append(("customer" if won else "lost", closed, "sales"))
    one.lead["lifecycle"] = "customer" if won else "lost"
    return -1


def _act(
    one: Life, at: int, kind: str, actor: str, *, subject: str | None = None, asset: str | None = None,
    campaign: int | None = None, rep: int | None = None, result: str = "none",
) -> None:  # fmt: skip
    one.activities.append({
        "at": at, "type": kind, "actor": actor, "subject": subject, "asset": asset, "campaign": campaign, "rep": rep,
        "result": result, "automated": kind == "email_sent",
    })  # fmt: skip


def _cut(one: Life, end: int) -> None:
    """Nothing has happened yet that lies after the end: cases stay open, deals too."""
    one.activities = sorted((a for a in one.activities if a["at"] < end), key=lambda a: a["at"])
    one.stages = [stage for stage in one.stages if stage[1] < end]
    for case in one.cases:
        case.moves = [move for move in case.moves if move.at < end]
    one.cases = [case for case in one.cases if case.moves]
    if one.deal is not None:
        if one.deal.opened_at >= end:
            one.deal = None
        elif one.deal.closed_at is not None and one.deal.closed_at >= end:
            one.deal.closed_at, one.deal.kind, one.deal.stage, one.deal.loss_reason = None, "open", "Proposal", None
    if one.stages:
        one.lead["lifecycle"] = one.stages[-1][0]
    if not any(stage in ("recycled", "disqualified") for stage, _, _ in one.stages):
        one.lead.pop("rejection_reason", None)


def office(after: int, hours: float) -> int:
    """So many office hours (Mon–Fri, 9 to 17 in Berlin, no holidays) after a moment."""
    left = timedelta(hours=hours)
    at = datetime.fromtimestamp(after / SECOND, UTC).astimezone(ZONE).replace(tzinfo=None)
    while True:
        opens, closes = at.replace(hour=9, minute=0, second=0), at.replace(hour=17, minute=0, second=0)
        at = max(at, opens)
        if at.weekday() < 5 and at + left < closes:
            return _micros((at + left).replace(tzinfo=ZONE))
        if at.weekday() < 5 and at < closes:
            left -= closes - at
        at = opens + timedelta(days=1)


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * SECOND)


__all__ = [
    "CAMPAIGNS",
    "PRODUCTS",
    "REPS",
    "Campaign",
    "Case",
    "Deal",
    "Life",
    "Move",
    "Rep",
    "Team",
    "life",
    "lives",
    "office",
]
