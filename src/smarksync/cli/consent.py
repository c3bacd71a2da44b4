"""``smarksync consent``: what a person said to a person, recorded with its evidence."""

from __future__ import annotations

from typing import Annotated

import typer

from .globals import Globals
from .options import Json

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="What people allowed, recorded by hand."
)


@app.callback()
def _group() -> None:
    """What people allowed, recorded by hand."""


@app.command()
def grant(
    ctx: typer.Context,
    ref: Annotated[
        str, typer.Argument(metavar="REF", help="An e-mail address, connection:object:id, or an entity id.")
    ],
    basis: Annotated[
        str, typer.Option(metavar="BASIS", help="own_act, checkbox or double_opt_in: an act of the person's own.")
    ],
    source: Annotated[str, typer.Option(metavar="TEXT", help="Where the evidence is kept.")],
    at: Annotated[str, typer.Option(metavar="TIME", help="When the person said yes: 2026-11-22T09:30:00Z.")],
    channel: Annotated[str, typer.Option(metavar="CHANNEL", help="email or phone.")] = "email",
    json: Json = False,
) -> int:
    """Record that somebody opted in; the next run carries it everywhere."""
    from smarksync.engine.grants import grant as record
    from smarksync.engine.offline import Desk

    settings: Globals = ctx.obj
    settings.json = json
    ledger = settings.ledger()
    try:
        desk = Desk(settings.load(), settings.plugins(), ledger)
        done = record(desk, ref, basis=basis, source=source, at=at, channel=channel)
    finally:
        ledger.close()
    if json:
        settings.out.object(done)
        return 0
    before = f" It was {done['before'].replace('_', ' ')}." if done["before"] else ""
    settings.out.line(f"{done['who']} opted in ({channel}: {basis}, {done['at']}, {done['source']}).{before}")
    settings.out.line(f"The next run carries it out: `{done['next']}`")
    return 0
