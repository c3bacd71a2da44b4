"""``smarksync agreement``: the document that the two teams sign."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .globals import Globals

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Form(StrEnum):
    """What the document can be printed as."""

    MD = "md"
    HTML = "html"
    JSON = "json"


@app.command(epilog="The printed version is remembered in the ledger, for the changes between versions.")
def agreement(
    ctx: typer.Context,
    format: Annotated[
        Form | None, typer.Option(help="md, html or json; default: by the name of --out, else md.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> int:
    """Print what the two teams sign: definitions, promises, clocks, owners, version hash, changes between versions."""
    from datetime import UTC, datetime

    import orjson

    from smarksync.engine import signing

    from .files import write_whole

    settings: Globals = ctx.obj
    named = {".html": Form.HTML, ".htm": Form.HTML, ".json": Form.JSON}.get(out.suffix.lower() if out else "", Form.MD)
    form = Form.JSON if json else format or named
    settings.json = form is Form.JSON and out is None
    config, now = settings.load(), datetime.now(UTC)
    ledger = settings.ledger() if settings.has_ledger() else None
    try:
        if ledger is not None:
            signing.remember(config, ledger, now)
        found = signing.document(config, ledger, now, str(form))
    finally:
        if ledger is not None:
            ledger.close()
    if out is not None:
        text = found if isinstance(found, str) else orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n"
        write_whole(out, [text])
        settings.out.line(f"Written to {out}.")
    elif isinstance(found, str):
        settings.out.text(found)
    else:
        settings.out.object(found)
    return 0
