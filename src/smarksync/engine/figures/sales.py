"""Won opportunities of a period, in one currency, with the people and the touches that led to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from smarksync.alignment.attribution import MODELS, Sale, Touch, attribute
from smarksync.config import Config
from smarksync.ledger import activities, entities, links, memberships, reading, ties
from smarksync.ledger.db import Ledger

from .. import deals
from .period import Period

#: what marketing and a lead do with each other, and what it is called when no campaign and no asset is named
TOUCHES = {
    "form_submitted": "Form", "content_downloaded": "Download", "event_registered": "Event", "event_attended": "Event",
    "email_clicked": "E-mail click", "page_viewed": "Website", "list_joined": "List",
}  # fmt: skip


@dataclass(slots=True)
class Won:
    """One won opportunity. ``amount`` in the report's currency, None when it cannot be told in it."""

    eid: int
    people: list[int]
    inferred: bool  # the people are those of the account: nobody was named
    at: int  # when it was won (:func:`_won_at`)
    made: int  # when we first knew of it, at the latest when it was won
    amount: Fraction | None
    currency: str | None
    original: Decimal | None
    touches: list[Touch] = field(default_factory=list)


def won(config: Config, ledger: Ledger, period: Period) -> list[Won]:
    """Opportunities that were won in the period."""
    found: list[tuple[Won, list[str], str | None]] = []
    for chunk in reading.opportunities(ledger, "won"):
        seen = ties.told(ledger, (deals.SINCE, deals.WON), [eid for eid, _ in chunk])
        changed = links.changed(ledger, [eid for eid, _ in chunk if deals.WON not in seen.get(eid, {})])
        for eid, agreed in chunk:
            known = seen.get(eid, {})
            at = _won_at(agreed, period.zone, known.get(deals.WON) or changed.get(eid))
            if at is None or not period.start <= at < period.end:
                continue
            amount, currency = (agreed.get("amount") or (None, None))[:2]
            original = None if amount is None else Decimal(amount)
            named = [*([agreed["primary_lead"]] if agreed.get("primary_lead") else ()), *(agreed.get("leads") or ())]
            one = Won(eid, [], False, at, min(at, known.get(deals.SINCE, at)), _converted(config, original, currency),
                      currency or config.currency, original)  # fmt: skip
            found.append((one, named, agreed.get("account")))
    known = entities.by_refs(ledger, list({ref for _, named, _ in found for ref in named}))
    unnamed: dict[str, list[Won]] = {}
    for one, named, account in found:
        one.people = list(dict.fromkeys(known[ref] for ref in named if ref in known))
        if not one.people and account:
            unnamed.setdefault(account, []).append(one)
    for account, eids in reading.people_of_accounts(ledger, unnamed).items():
        for one in unnamed[account]:
            one.people, one.inferred = eids, True
    sales = [one for one, _, _ in found]
    _touch(ledger, sales)
    return sales


def _won_at(agreed: Mapping[str, Any], zone: str, seen: int | None) -> int | None:
    """The day that the CRM gives, but none after the one on which it was seen won: revenue that is won is won.

    A close date is a forecast until somebody puts it right, and may lie in the future of a deal that is won today.
    ``seen``: when we first saw it so, else when its record changed last; None = we know neither.
    """
    told = _closed_at(agreed, zone)
    return min((at for at in (told, seen) if at is not None), default=None)


def _closed_at(agreed: Mapping[str, Any], zone: str) -> int | None:
    if agreed.get("closed_at"):
        return int(datetime.fromisoformat(agreed["closed_at"]).timestamp() * 1_000_000)
    if agreed.get("close_date"):
        day = date.fromisoformat(agreed["close_date"])
        return int(datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000
    return None


def _converted(config: Config, amount: Decimal | None, currency: str | None) -> Fraction | None:
    """In the config's currency; an amount without a currency is in it already."""
    if amount is None:
        return None
    if currency is None or config.currency is None or currency == config.currency:
        return Fraction(amount)
    rate = config.rates.get(currency)
    return None if rate is None else Fraction(amount) * Fraction(str(rate.rate))


def _touch(ledger: Ledger, sales: Sequence[Won], chunk: int = 500) -> None:
    names = {ref: str(agreed.get("name") or ref) for _, ref, agreed in reading.agreed_of(ledger, "campaign")}
    by_eid = {eid: names[ref] for eid, ref, _ in reading.agreed_of(ledger, "campaign")}
    for i in range(0, len(sales), chunk):
        part = sales[i : i + chunk]
        eids = {eid for one in part for eid in one.people}
        happened = activities.of(ledger, eids, types=tuple(TOUCHES))
        member = memberships.of(ledger, eids)
        for one in part:
            for eid in one.people:
                one.touches += _touches_of(happened.get(eid, ()), member.get(eid, ()), names, by_eid, one.at)


def _touches_of(
    happened: Iterable[Any], member: Iterable[Any], names: Mapping[str, str], by_eid: Mapping[int, str], until: int
) -> list[Touch]:
    """What led to a sale: before it, and not what it brought. A campaign that the activities name is not counted twice."""
    found = []
    for act in happened:
        if act.at <= until:
            campaign = act.body.get("campaign")
            found.append(Touch(act.at, names.get(campaign) or act.body.get("asset") or TOUCHES[act.type]))
    seen = {touch.credit for touch in found}
    for one in member:
        name = by_eid.get(one.campaign)
        if name is not None and name not in seen and one.at is not None and one.at <= until and one.status != "removed":
            found.append(Touch(one.at, name))
            seen.add(name)
    return found


def attribution(
    config: Config, sales: Sequence[Won], became: Mapping[int, int], opened: Mapping[int, int]
) -> dict[str, Any]:
    """Every model's table. ``became`` and ``opened``: when a lead became one, and had its first opportunity."""
    told = [one for one in sales if one.amount is not None]
    left: dict[str, Decimal] = {}
    for one in sales:
        if one.amount is None and one.original is not None:
            left[one.currency or "?"] = left.get(one.currency or "?", Decimal(0)) + one.original
    inputs = [
        Sale(
            one.amount or Fraction(0), one.touches,
            min((became[eid] for eid in one.people if eid in became), default=None),
            min((opened[eid] for eid in one.people if eid in opened), default=None),
        )
        for one in told
    ]  # fmt: skip
    total = sum((one.amount or Fraction(0) for one in told), Fraction(0))
    models = []
    for model in MODELS.values():
        rows = [
            {"credit": name, "amount": float(c.amount), "sales": float(c.sales),
             "share": float(c.amount / total) if total else None}
            for name, c in attribute(model.name, inputs).items()
        ]  # fmt: skip
        models.append({"name": model.name, "title": model.title, "formula": model.formula, "rows": rows})
    return {
        "currency": config.currency, "sales": len(sales), "amount": float(total), "models": models,
        "inferred": sum(one.inferred for one in sales), "without_amount": sum(one.original is None for one in sales),
        "not_converted": {name: float(amount) for name, amount in sorted(left.items())},
        "rates": {name: {"rate": rate.rate, "date": rate.date.isoformat()} for name, rate in config.rates.items()},
    }  # fmt: skip


def per_lead(sales: Iterable[Won]) -> dict[int, Fraction]:
    """{lead: what its sales brought}; a sale of several people is shared evenly, so that sums stay true."""
    found: dict[int, Fraction] = {}
    for one in sales:
        for eid in one.people:
            found[eid] = found.get(eid, Fraction(0)) + (one.amount or Fraction(0)) / len(one.people)
    return found
