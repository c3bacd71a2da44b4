"""One report: all figures of a period, as plain data that pages, digests and exports are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from smarksync.config import Config
from smarksync.ledger import reading
from smarksync.ledger.db import Ledger

from . import funnel, sales
from .cases import HandOffs, pipeline
from .period import Period


def collect(config: Config, ledger: Ledger, period: Period, now: datetime) -> dict[str, Any]:
    """Everything that the teams talk about, read from the ledger alone."""
    won = sales.won(config, ledger, period)
    counted, became = funnel.funnel(config, ledger, period, now, sales.per_lead(won))
    people = {eid for one in won for eid in one.people}
    opened = _first_opportunity(ledger, people)
    segments = tuple(config.agreement.segments) if config.agreement else ()
    return {
        "workspace": config.workspace,
        "period": {"label": period.label, "from": period.first.isoformat(), "to": period.last.isoformat(), "time_zone": period.zone},
        "made_at": now.isoformat(timespec="seconds"),
        "currency": config.currency,
        "funnel": funnel.told(counted, period),
        "handoffs": HandOffs(ledger, period, segments).told(),
        "attribution": sales.attribution(config, won, became, opened),
        "pipeline": pipeline(ledger, reading.names(ledger, "owner")),
    }  # fmt: skip


def _first_opportunity(ledger: Ledger, eids: set[int]) -> dict[int, int]:
    from smarksync.ledger import stages

    found: dict[int, int] = {}
    for eid, reached in stages.of(ledger, eids).items():
        first = min((stage.at for stage in reached if stage.stage == "opportunity"), default=None)
        if first is not None:
            found[eid] = first
    return found
