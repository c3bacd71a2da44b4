"""The funnel by persona, campaign, source, owner and the agreement's segments: one pass over the leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from smarksync.alignment.funnel import RUNGS, Funnel, Journey, first_reached
from smarksync.alignment.intervals import Share
from smarksync.config import Config
from smarksync.ledger import reading
from smarksync.ledger.db import Ledger

from ..rules import scope_of
from .period import Period

Group = Callable[[reading.LeadRow], str | None]


def groups(config: Config, ledger: Ledger, now: datetime) -> dict[str, Group]:
    """{dimension: what a lead is counted under}."""
    owners, campaigns = reading.names(ledger, "owner"), _campaigns(ledger)
    personas = {name: persona.name for name, persona in config.personas.items()}
    found: dict[str, Group] = {
        "persona": lambda row: personas.get(row.agreed.get("persona", ""), row.agreed.get("persona")),
        "campaign": lambda row: campaigns.get(row.campaign or 0),
        "source": lambda row: row.agreed.get("lead_source"),
        "owner": lambda row: owners.get(row.agreed.get("owner", ""), row.agreed.get("owner")),
    }
    for name, segment in (config.agreement.segments if config.agreement else {}).items():
        found[name] = _segment(segment.of, now)
    return found


def _segment(expression: Any, now: datetime) -> Group:
    def of(row: reading.LeadRow) -> str | None:
        value = expression.evaluate(scope_of("lead", row.agreed, now))
        return None if value is None else str(value)

    return of


def _campaigns(ledger: Ledger) -> dict[int, str]:
    return {eid: str(agreed.get("name") or ref) for eid, ref, agreed in reading.agreed_of(ledger, "campaign")}


def funnel(
    ledger: Ledger, period: Period, dimensions: Mapping[str, Group], won: Mapping[int, Fraction]
) -> tuple[Funnel, dict[int, int]]:
    """The funnel, and {lead: when it became a lead} of those with a sale. ``won``: what each lead's sales brought."""
    counted = Funnel(tuple(dimensions), period.start, period.end, [start for _, start in period.months()])
    became: dict[int, int] = {}
    nothing = Fraction(0)
    for chunk in reading.leads(ledger):
        for row in chunk:
            # a system without a lifecycle still has leads: they are leads since we know them
            reached = first_reached(row.stages or (("lead", row.known_at),))
            if reached[0] is None:
                continue
            if row.eid in won:
                became[row.eid] = reached[0]
            named = {name: of(row) for name, of in dimensions.items()}
            counted.add(Journey(named, reached, won.get(row.eid, nothing)))
    return counted, became


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
