"""The funnel by persona, campaign, source, owner and the agreement's segments: one pass over the leads.

Leads with the same values stand in the same groups, so groups are looked up once a combination and not once a lead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from smarksync.alignment.funnel import RUNGS, Funnel, Journey, filled
from smarksync.alignment.intervals import Share
from smarksync.config import Config
from smarksync.ledger import reading
from smarksync.ledger.db import Ledger

from ..rules import scope_of
from .period import Period

#: what a lead is counted under, from its values and the first campaign it was in
Group = Callable[[Mapping[str, Any], int | None], str | None]


def groups(config: Config, ledger: Ledger, now: datetime) -> dict[str, Group]:
    """{dimension: what a lead is counted under}."""
    owners, campaigns = reading.names(ledger, "owner"), _campaigns(ledger)
    personas = {name: persona.name for name, persona in config.personas.items()}
    found: dict[str, Group] = {
        "persona": lambda lead, _: personas.get(lead.get("persona") or "", lead.get("persona")),
        "campaign": lambda _, campaign: campaigns.get(campaign or 0),
        "source": lambda lead, _: lead.get("lead_source"),
        "owner": lambda lead, _: owners.get(lead.get("owner") or "", lead.get("owner")),
    }
    for name, segment in (config.agreement.segments if config.agreement else {}).items():
        found[name] = _segment(segment.of, now)
    return found


def fields(config: Config) -> set[str]:
    """The fields of a lead that :func:`groups` look at."""
    segments = config.agreement.segments.values() if config.agreement else ()
    named = {name for one in segments for entity, name in one.of.fields if entity == "lead"}
    return {"persona", "lead_source", "owner"} | named


def _segment(expression: Any, now: datetime) -> Group:
    def of(lead: Mapping[str, Any], _campaign: int | None) -> str | None:
        value = expression.evaluate(scope_of("lead", lead, now))
        return None if value is None else str(value)

    return of


def _campaigns(ledger: Ledger) -> dict[int, str]:
    return {eid: str(agreed.get("name") or ref) for eid, ref, agreed in reading.agreed_of(ledger, "campaign")}


def funnel(
    config: Config, ledger: Ledger, period: Period, now: datetime, won: Mapping[int, Fraction]
) -> tuple[Funnel, dict[int, int]]:
    """The funnel, and {lead: when it became a lead} of those with a sale. ``won``: what each lead's sales brought."""
    dimensions, profile = groups(config, ledger, now), reading.Profile(fields(config))
    counted = Funnel(tuple(dimensions), period.start, period.end, [start for _, start in period.months()])
    named: dict[tuple[str | None, int | None], tuple[str | None, ...]] = {}
    became: dict[int, int] = {}
    known_since, nothing = reading.started(ledger), (0, 0)
    some = reading.touched(ledger, period.start, period.end, known=True, also=won)
    for rows, stages, campaigns in reading.leads(ledger, profile, some):
        for eid, text, run in rows:
            told = stages.get(eid, nothing)
            campaign = campaigns.get(eid)
            under = named.get((text, campaign))
            if under is None:
                if len(named) >= MOST_NAMED:
                    named.clear()
                lead = profile.values(text)
                under = named[text, campaign] = tuple(of(lead, campaign) for of in dimensions.values())
            if told[1] < 2 and (told[1] == 0 or told[2]):
                # a system without a lifecycle still has leads: they are leads since we know them
                since = told[2] if told[1] else known_since.get(run, 0)
                counted.lead(under, since)
                if eid in won:
                    became[eid] = since
                continue
            reached = filled([at or None for at in told[2:]])
            if reached[0] is None:
                continue
            if eid in won:
                became[eid] = reached[0]
            counted.add(Journey(under, reached, won.get(eid)))
    return counted, became


#: combinations of values whose groups are remembered
MOST_NAMED = 50_000


def told(counted: Funnel, period: Period) -> dict[str, Any]:
    """The funnel as plain data."""
    return {
        "months": [
            {"month": label, **dict(zip(RUNGS, counts, strict=True))}
            for (label, _), counts in zip(period.months(), counted.months, strict=True)
        ],
        "whole": _row(counted.whole()),
        "by": {name: [_row(row) for row in counted.rows(name)] for name in counted.dimensions},
    }


def _row(row: Any) -> dict[str, Any]:
    return {
        "value": row.value, "counts": dict(row.counts), "won": float(row.won), "overall": share(row.overall),
        "steps": [
            {"from": step.from_, "to": step.to, **share(step.conversion), "median_seconds": step.median_seconds}
            for step in row.steps
        ],
    }  # fmt: skip


def share(one: Share) -> dict[str, Any]:
    """A share as plain data; ``small`` marks fewer than 30 cases."""
    return {"hits": one.hits, "of": one.total, "share": one.value, "low": one.low, "high": one.high, "small": one.small}
