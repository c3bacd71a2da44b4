"""``smarksync report``: funnel, reasons, good leads, attribution, pipeline of a period, from the ledger alone."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer

from .globals import Globals
from .output import Output

app = typer.Typer(add_completion=False, rich_markup_mode=None)

PERIOD = "2026, 2026-Q3, 2026-08 or 2026-07-01/2026-07-31, in the config's time zone; this year so far unless given."


class Format(StrEnum):
    """What a report can be."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"
    CSV = "csv"


@app.command(epilog="It reads nothing but the ledger: no system is called, nothing is written anywhere but to --out.")
def report(
    ctx: typer.Context,
    period: Annotated[str | None, typer.Option(metavar="PERIOD", help=PERIOD, show_default=False)] = None,
    format: Annotated[
        Format | None, typer.Option(help="text (a summary), html (the whole page), json or csv.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there; the name's ending says the format.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> int:
    """Show the funnel, velocity, reasons, what makes a good lead, attribution and pipeline of a period."""
    settings: Globals = ctx.obj
    chosen = Format.JSON if json else format or _by_name(out)
    settings.json = chosen is Format.JSON and out is None
    found = collect(settings, period)
    if out is not None or chosen is not Format.TEXT:
        text = _summary(found) if chosen is Format.TEXT else render(chosen, found)
        if out is None:
            settings.out.text(text)
            return 0
        from .files import write_whole

        write_whole(out, [text])
        settings.out.line(f"The report of {found['period']['label']} is in {out}.")
        return 0
    _for_people(settings.out, found)
    return 0


def collect(settings: Globals, period: str | None) -> dict[str, Any]:
    """The figures of a period as plain data."""
    from datetime import UTC, datetime

    from smarksync.engine.figures.collect import collect as count
    from smarksync.engine.figures.period import parse

    config, now = settings.load(), datetime.now(UTC)
    when = parse(period, config.time_zone, now)
    ledger = settings.ledger()
    try:
        return count(config, ledger, when, now)
    finally:
        ledger.close()


def render(form: Format, found: Mapping[str, Any]) -> str:
    """The report in a format for machines or browsers."""
    if form is Format.JSON:
        import orjson

        return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
    if form is Format.CSV:
        from smarksync.web.export import csv_text

        return csv_text(found)
    from smarksync.web.report import page

    return page(found)


def _by_name(out: Path | None) -> Format:
    if out is None:
        return Format.TEXT
    known = {".html": Format.HTML, ".htm": Format.HTML, ".json": Format.JSON, ".csv": Format.CSV}
    form = known.get(out.suffix.lower())
    if form is None:
        from smarksync.errors import UsageError

        raise UsageError(
            f"The name {out.name} does not say what to write.",
            hint="End it with .html, .json or .csv, or add `--format`.",
        )
    return form


def _summary(found: Mapping[str, Any]) -> str:
    """What the terminal shows, as a text."""
    out, text = Output(color=False), StringIO()
    out.stream = text
    _for_people(out, found)
    return text.getvalue()


def _for_people(out: Output, found: Mapping[str, Any]) -> None:
    from smarksync.web.words import called, lasting, money, number, percent, share

    funnel, currency = found["funnel"], found["currency"]
    out.line(out.style("bold", f"{found['workspace']}, {found['period']['label']} ({found['period']['time_zone']})"))
    steps = {step["from"]: step for step in funnel["whole"]["steps"]}
    out.line()
    out.table(
        ("rung", "reached", "went on", "half of them took at most"),
        [
            (called(rung), count, share(steps[rung]) if rung in steps else "–",
             lasting(steps[rung]["median_seconds"]) if rung in steps else "–")
            for rung, count in funnel["whole"]["counts"].items()
        ],
        right=(1,),
    )  # fmt: skip
    for name in funnel["by"]:
        out.line()
        rows = [
            (r["value"] or "(none)", r["counts"]["lead"], r["counts"]["mql"], r["counts"]["customer"], share(r["steps"][0]), money(r["won"], currency))
            for r in funnel["by"][name][:8]
        ]  # fmt: skip
        out.table((called(name), "Lead", "MQL", "Customer", "Lead → MQL", "won"), rows, right=(1, 2, 3, 5))
    for state, reasons in found["handoffs"]["reasons"].items():
        if reasons:
            total = sum(one["count"] for one in reasons)
            told = ", ".join(f"{called(one['reason'])} {percent(one['count'] / total)}" for one in reasons[:5])
            out.line()
            out.line(f"{state.capitalize()} ({number(total)}): {told}")
    earned = found["attribution"]
    out.line()
    out.line(f"Won: {money(earned['amount'], currency)} in {number(earned['sales'])} sales")
    for model in earned["models"]:
        best = ", ".join(f"{row['credit']} {percent(row['share'])}" for row in model["rows"][:3])
        out.line(f"  {model['title']:<12} {best or '–'}")
    out.line()
    out.line("The whole page: `smarksync report --out report.html`.")
