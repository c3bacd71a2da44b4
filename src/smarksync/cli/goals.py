"""``smarksync goals``: from a year's revenue back to leads, plan against actual, forecast."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import typer

from .globals import Globals
from .options import Json
from .output import Output

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def goals(
    ctx: typer.Context,
    json: Json = False,
) -> int:
    """Show what the year's revenue needs by product and month, what was reached, and where it leads."""
    from datetime import UTC, datetime

    from smarksync.engine import targets

    settings: Globals = ctx.obj
    settings.json = json
    config = settings.load()
    ledger = settings.ledger() if settings.has_ledger() else None
    try:
        found = targets.goals(config, ledger, datetime.now(UTC))
    finally:
        if ledger is not None:
            ledger.close()
    out = settings.out
    if json:
        out.object(found)
        return 0
    money = found["currency"] or ""
    out.line(f"{out.style('head', 'Goals')} {found['year']}: revenue {found['revenue']:,.0f} {money}".rstrip())
    out.line(out.style("dim", f"  {found['formula']}"))
    _conversion(out, found)
    _year(out, found)
    for product in found["products"]:
        _months(out, product, found["rungs"])
    _sourced(out, found)
    _ahead(out, found)
    for text in found["warnings"]:
        out.line(out.style("warn", text))
    return 0


def _conversion(out: Output, found: Mapping[str, Any]) -> None:
    out.line()
    rows = [
        (rate["step"], _percent(rate["value"]), "" if rate["source"] == "given" else f"{_percent(rate['low'])} to {_percent(rate['high'])}",
         "given" if rate["source"] == "given" else f"measured: {rate['hits']:,} of {rate['total']:,}")
        for rate in found["conversion"]
    ]  # fmt: skip
    out.table(("step", "conversion", "95 % within", "from"), rows, right=(1, 2), indent=2)


def _year(out: Output, found: Mapping[str, Any]) -> None:
    out.line()
    out.line(out.style("bold", "What the year needs"))
    names = list(reversed(found["rungs"]))
    rows = [
        (p["product"] or "all", f"{p['revenue']:,.0f}", *(_need(p["need"][name]) for name in names))
        for p in found["products"]
    ]
    if len(rows) > 1:
        rows.append(("all", f"{found['revenue']:,.0f}", *(_need(found["total"]["need"][name]) for name in names)))
    if found["marketing_sourced"]:
        mine = found["marketing_sourced"]
        rows.append(
            (
                f"of it marketing's {mine['share']:.0%}",
                f"{mine['revenue']:,.0f}",
                *(_need(mine["need"][name]) for name in names),
            )
        )
    out.table(("product", "revenue", *names), rows, right=range(1, len(names) + 2), indent=2)


def _months(out: Output, product: Mapping[str, Any], rungs: list[str]) -> None:
    names = list(reversed(rungs))
    out.line()
    out.line(
        out.style(
            "bold",
            f"{product['product'] or 'All products'} by month"
            + (", actual / plan" if product["months"][0]["actual"] else ""),
        )
    )
    rows = []
    for month in product["months"]:
        done = month["actual"] or {}
        cells = [_done(done.get(name), month["need"][name]["value"]) for name in names]
        rows.append((month["month"], _done(done.get("revenue"), month["revenue"]), *cells))
    out.table(("month", "revenue", *names), rows, right=range(1, len(names) + 2), indent=2)


def _sourced(out: Output, found: Mapping[str, Any]) -> None:
    """Marketing's part by month: what it brought against what it is to bring."""
    mine = found["marketing_sourced"]
    if not mine or mine["actual"] is None:
        return
    names = [name for name in reversed(found["rungs"]) if name in mine["actual"]]
    out.line()
    share = "" if mine["actual_share"] is None else f": {_percent(mine['actual_share'])} of the revenue so far"
    out.line(out.style("bold", f"Of it marketing's {mine['share']:.0%}, actual / plan") + share)
    rows = [
        (one["month"], _done(one["actual"]["revenue"], one["revenue"]), *(f"{one['actual'][name]:,}" for name in names))
        for one in mine["months"]
    ]
    wanted = (_done(mine["actual"][name], mine["need"][name]["value"]) for name in names)
    rows.append(("year", _done(mine["actual"]["revenue"], mine["revenue"]), *wanted))
    out.table(("month", "revenue", *names), rows, right=range(1, len(names) + 2), indent=2)


def _ahead(out: Output, found: Mapping[str, Any]) -> None:
    told = found["total"]["forecast"]
    if not told or not any(told.values()):
        return
    out.line()
    out.line(out.style("bold", "Forecast of the year, at the pace so far"))
    told = {**told, "marketing's revenue": (found["marketing_sourced"] or {}).get("forecast")}
    rows = [
        (name, f"{one['actual']:,.0f}", f"{one['planned']:,.0f}", _percent(one["pace"]), "–" if one["value"] is None else f"{one['value']:,.0f}")
        for name, one in told.items() if one
    ]  # fmt: skip
    out.table(("", "actual", "plan so far", "pace", "year's end"), rows, right=(1, 2, 3, 4), indent=2)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.1f} %"


def _need(span: Mapping[str, float | None]) -> str:
    """How many it takes, rounded up; the interval behind it where it is one."""
    if span["value"] is None:
        return "–"
    low, high = span["low"], span["high"]
    if low == high:
        return f"{ceil(span['value'] - 1e-6):,}"
    return f"{ceil(span['value'] - 1e-6):,} ({'–' if low is None else format(ceil(low - 1e-6), ',')} to {'no bound' if high is None else format(ceil(high - 1e-6), ',')})"


def _done(actual: float | None, plan: float | None) -> str:
    wanted = "–" if plan is None else f"{ceil(plan - 1e-6):,}"
    return wanted if actual is None else f"{actual:,.0f} / {wanted}"
