"""``smarksync sla check`` and ``sla backtest``: how the promises stand, and how they would have stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from .globals import Globals
from .options import Json
from .output import Output
from .status import ownerless, stay

PERIOD = "2026, 2026-Q4, 2026-11 or 2026-11-01/2026-11-30, in the config's time zone."
_Period = Annotated[str | None, typer.Option(metavar="PERIOD", help=PERIOD, show_default=False)]
app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)
_STYLE = {"met": "good", "on_track": "", "at_risk": "warn", "breached": "bad", "excused": "dim"}
#: cases that are named per promise
CASES = 10


@app.callback()
def _group() -> None:
    """How the promises of the agreement stand."""


@app.command(
    epilog="Exit codes: 0 done, whatever the promises' status · 2 usage, config, or a promise that nobody can keep."
)
def check(
    ctx: typer.Context,
    period: _Period = None,
    json: Json = False,
) -> int:
    """Evaluate the promises: met, on track, at risk, breached or excused, per segment and period."""
    from datetime import UTC, datetime

    from smarksync.engine import scorecard

    settings: Globals = ctx.obj
    settings.json = json
    ledger = settings.ledger() if settings.has_ledger() else None
    try:
        found = scorecard.check(settings.load(), ledger, datetime.now(UTC), period)
    finally:
        if ledger is not None:
            ledger.close()
    out = settings.out
    if json:
        out.object(found)
    else:
        _head(out, found)
        _promises(out, found["promises"], cases=CASES)
        stay(out, found["owners_refused"])
        ownerless(out, found["without_owner"])
        _delay(out, found["delay"])
        _outside(out, found)
    return _code(out, found)


@app.command(epilog="Exit codes as of `sla check`.")
def backtest(
    ctx: typer.Context,
    period: _Period = None,
    json: Json = False,
) -> int:
    """Replay the agreement on the ledger's history: how often would each promise have been kept?"""
    from datetime import UTC, datetime

    from smarksync.engine import scorecard

    settings: Globals = ctx.obj
    settings.json = json
    ledger = settings.ledger()
    try:
        found = scorecard.backtest(settings.load(), ledger, datetime.now(UTC), period)
    finally:
        ledger.close()
    out = settings.out
    if json:
        out.object(found)
        return _code(out, found)
    _head(out, found)
    out.line()
    rows = [
        (s["promise"], s["by"], s["met"], s["breached"], s["open"], s["excused"], _kept(s)) for s in found["summary"]
    ]
    out.table(
        ("promise", "by", "met", "breached", "open", "nothing to judge", "single cases kept"), rows, right=range(2, 7)
    )
    _promises(out, found["promises"], cases=0)
    _delay(out, found["delay"])
    _outside(out, found)
    return _code(out, found)


def _kept(one: Mapping[str, Any]) -> str:
    total = one["cases_settled"]
    return f"{one['cases_kept']:,} of {total:,} ({one['cases_kept'] / total:.0%})" if total else ""


def _code(out: Output, found: Mapping[str, Any]) -> int:
    """2 when a promise can never be kept; that is said even where all else is JSON."""
    if out.json:
        for text in found["problems"]:
            out.problem(text)
    return 2 if found["problems"] else 0


def _head(out: Output, found: Mapping[str, Any]) -> None:
    agreement = found["agreement"]
    name = agreement["version"] or "without a name"
    out.line(
        f"{out.style('head', 'Agreement')} {name}, hash {agreement['hash']}, as of {found['now'][:16].replace('T', ' ')} UTC"
    )
    for text in found["problems"]:
        out.line(out.style("bad", text))
    for text in found["warnings"]:
        out.line(out.style("warn", text))


def _promises(out: Output, lines: Sequence[Mapping[str, Any]], *, cases: int) -> None:
    by = ""
    for line in lines:
        if line["by"] != by:
            by = line["by"]
            out.line()
            out.line(out.style("bold", f"{by.capitalize()} promised"))
        cut = ", ".join(line["segments"].values())
        status = line["status"].replace("_", " ")
        words = f"{line['period']['name']:<8} {line['promise']}{f' ({cut})' if cut else ''}: {line['why']}"
        left = (
            f", {span(line['left_seconds'])} left"
            if line["left_seconds"] and line["status"] == "at_risk" and not line["cases"]
            else ""
        )
        out.line(f"  {out.style(_STYLE[line['status']], f'{status:<9}')} {words}{left}")
        for one in line["cases"][:cases]:
            rest = (
                f"{span(one['left_seconds'])} left, due {when(one['due_at'])}"
                if one["status"] == "at_risk"
                else f"due {when(one['due_at'])}"
            )
            charged = f", charged to {one['charged']}" if one["charged"] and one["charged"] != line["by"] else ""
            out.line(
                f"      {one['status'].replace('_', ' '):<8} case {one['case']} of {one['lead']}: {one['why']} ({rest}{charged})"
            )
        if cases and len(line["cases"]) > cases:
            out.line(out.style("dim", f"      … {len(line['cases']) - cases:,} more with --json"))
    if not lines:
        out.line()
        out.line("Nothing to judge in that time.")


def _delay(out: Output, legs: Sequence[Mapping[str, Any]]) -> None:
    if not legs:
        return
    out.line()
    out.line(out.style("bold", "Delay budget"))
    rows = [
        (
            f"{leg['from']} → {leg['to']}",
            leg["by"],
            leg["count"],
            span(leg["median_seconds"]),
            span(leg["nine_of_ten_seconds"]),
        )
        for leg in legs
    ]
    out.table(
        ("from → to", "whose", "cases", "half took at most", "nine of ten took at most"), rows, right=(2,), indent=2
    )


def _outside(out: Output, found: Mapping[str, Any]) -> None:
    for name, count in found["outside_segments"].items():
        out.line(out.style("dim", f"Not judged by {name}: {count:,} times a case or lead had none of its values."))


def span(seconds: float | None) -> str:
    """A length of time for people: 1 h 15 min."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, left = divmod(hours, 24) if hours >= 72 else (0, hours)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (left, "h"), (minutes, "min")) if n]
    return " ".join(parts[:2]) or f"{rest} s"


def when(instant: str | None) -> str:
    """A time for people: to the minute, in UTC."""
    return "never" if instant is None else instant[:16].replace("T", " ") + " UTC"


__all__ = ["app", "span", "when"]
