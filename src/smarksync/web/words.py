"""Figures as people read them: numbers, shares, spans of time, money. Filters of every page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import pass_context
from jinja2.runtime import Context

DAY, HOUR = 86_400, 3_600
#: what words of the ledger are called in front of people
CALLED = {
    "mql": "MQL", "sal": "SAL", "sql": "SQL", "lead": "Lead", "opportunity": "Opportunity", "customer": "Customer",
    "lead_source": "source", "": "(none)",
}  # fmt: skip


def number(value: float | None, digits: int = 0) -> str:
    """``12,345``; – for nothing."""
    return "–" if value is None else f"{value:,.{digits}f}"


def percent(value: float | None, digits: int = 0) -> str:
    """``12 %``."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def share(one: Mapping[str, Any]) -> str:
    """``12 % (10–15 %)``, with a mark when it rests on few cases."""
    if one["share"] is None:
        return "–"
    small = ", few" if one["small"] else ""
    return f"{percent(one['share'])} ({100 * one['low']:.0f}–{100 * one['high']:.0f} %{small})"


def lasting(seconds: float | None) -> str:
    """``3.2 days``, ``5.0 hours``, ``12 minutes``, ``less than a minute``, ``at once``."""
    if seconds is None:
        return "–"
    if seconds >= DAY:
        return f"{seconds / DAY:.1f} days"
    if seconds >= HOUR:
        return f"{seconds / HOUR:.1f} hours"
    minutes = round(seconds / 60)
    if minutes >= 1 and seconds >= 60:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return "less than a minute" if seconds > 0 else "at once"


def money(value: float | None, currency: str | None) -> str:
    """``12,345 EUR``."""
    return "–" if value is None else f"{value:,.0f} {currency or ''}".rstrip()


def called(word: str | None) -> str:
    """A word of the ledger for people."""
    if word is None:
        return "(not known)"
    return CALLED.get(word, word.replace("_", " "))


@pass_context
def when(context: Context, moment: str | None) -> str:
    """``2026-11-22 08:15 CET``: in the page's time zone; – for never."""
    if not moment:
        return "–"
    zone = ZoneInfo(context.get("time_zone") or "UTC")
    return f"{datetime.fromisoformat(moment).astimezone(zone):%Y-%m-%d %H:%M %Z}"


def shown(value: Any, most: int = 80) -> str:
    """A value of a record."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = (
        ", ".join("–" if v is None else str(v) for v in value)
        if isinstance(value, (list, tuple))
        else " ".join(str(value).split())
    )
    return text if len(text) <= most else text[: most - 1] + "…"
