"""``smarksync digest``: one page for the regular meeting, as Markdown or HTML, or to a channel of the config."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .globals import Globals
from .report import PERIOD

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Form(StrEnum):
    """What a digest can be."""

    MD = "md"
    HTML = "html"


@app.command(epilog="It names no person: counts, shares and reasons only.")
def digest(
    ctx: typer.Context,
    period: Annotated[str | None, typer.Option(metavar="PERIOD", help=PERIOD, show_default=False)] = None,
    format: Annotated[
        Form | None, typer.Option(help="md or html; default: by the name of --out, else md.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there.")] = None,
    send: Annotated[
        str | None, typer.Option(metavar="CHANNEL", help="Send it to this channel of `notify`, as Markdown.")
    ] = None,
) -> int:
    """Sum up a period for the two teams: what changed, what is at risk, why leads came back, what waits."""
    from datetime import UTC, datetime

    from smarksync.alignment.pages import as_html, as_markdown
    from smarksync.engine.figures.digest import digest as make
    from smarksync.engine.figures.period import parse
    from smarksync.errors import UsageError

    settings: Globals = ctx.obj
    config, now = settings.load(), datetime.now(UTC)
    if send is not None and send not in config.notify:
        known = ", ".join(config.notify) or "none"
        raise UsageError(f"There is no channel {send!r} in the config.", hint=f"Its channels (`notify`): {known}.")
    if send is not None:
        config.require(channels=[send])
    named = period if period and "/" not in period else None  # promises are made per month, quarter or year
    ledger = settings.ledger()
    try:
        title, parts = make(config, ledger, parse(period, config.time_zone, now), now, named)
    finally:
        ledger.close()
    html = out is not None and out.suffix.lower() in (".html", ".htm")
    form = format or (Form.HTML if html else Form.MD)
    text = as_html(title, parts) if form is Form.HTML else as_markdown(title, parts)
    if out is not None:
        from .files import write_whole

        write_whole(out, [text])
        settings.out.line(f"The digest is in {out}.")
    if send is not None:
        _send(settings, send, as_markdown(title, parts))
    elif out is None:
        settings.out.text(text)
    return 0


def _send(settings: Globals, channel: str, text: str) -> None:
    from smarksync.engine.notify import post

    from .sessions import Sessions

    config = settings.load()
    sessions = Sessions(config)
    try:
        post(config, channel, {"text": text, "event": "digest", "workspace": config.workspace}, sessions)
    finally:
        sessions.close()
    settings.out.line(f"Sent to {channel}.")
