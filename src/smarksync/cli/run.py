"""``smarksync run``: the cron command."""

from __future__ import annotations

from typing import Annotated

import typer

from .globals import Globals
from .options import Allow, Json, Quiet

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Exit codes: 0 done · 2 usage or config · 3 done, something waits · 4 a guard stopped · 5 a system failed · "
             "75 another run is at it · 130 interrupted.")  # fmt: skip
def run(
    ctx: typer.Context,
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="JOB", help="Only these jobs.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, like `plan`.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="At most N writes; the rest waits for the next run.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="REF", help="One record: e-mail, connection:object:id or entity id.")
    ] = None,
    only_handoffs: Annotated[
        bool, typer.Option("--only-handoffs", help="Only hand-offs, with the sync of leads that they rest on.")
    ] = False,
    allow: Allow = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Bring the systems into agreement: all jobs, or the named ones."""
    settings: Globals = ctx.obj
    settings.json = json
    if quiet:
        settings.hush()
    from smarksync.engine.run import Options

    from .work import perform

    options = Options(jobs=tuple(jobs or ()), dry_run=dry_run, limit=limit, only=only, only_handoffs=only_handoffs,
                      allow=frozenset(allow or ()))  # fmt: skip
    if dry_run:
        from .plan import show

        return show(settings, options, "json" if json else "table", None, quiet=quiet)
    from smarksync.engine.status import waiting

    from .summary import summary

    result = perform(settings, options, quiet=quiet)
    ledger = result.run.ledger
    try:
        waits = waiting(ledger, [job.name for job in result.run.jobs])
    finally:
        ledger.close()
    summary(settings.out, result.report, result.sentences, waits)
    if json:
        settings.out.object({**result.report, **({"messages": result.sentences} if result.sentences else {})})
    return result.exit_code
