"""``smarksync apply``: exactly a reviewed plan, or a refusal of what is stale."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smarksync.errors import UsageError

from .globals import Globals
from .options import Allow, Json, Quiet

if TYPE_CHECKING:
    from smarksync.engine.reviewed import Reviewed

app = typer.Typer(add_completion=False, rich_markup_mode=None)
#: stale rows that are shown one by one
MOST = 50


@app.command(epilog="Exit code 6: some rows were stale and not written; `smarksync run` plans them again.")
def apply(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A plan made by `smarksync plan --out FILE`.")],
    allow: Allow = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Write exactly a reviewed plan: rows that no longer hold are refused, and nothing else is written."""
    settings: Globals = ctx.obj
    settings.json = json
    if quiet:
        settings.hush()
    from datetime import UTC, datetime

    from smarksync.engine.reviewed import Reviewed
    from smarksync.engine.run import Options
    from smarksync.engine.status import waiting

    from .summary import summary
    from .work import perform

    reviewed = Reviewed(read_plan(file))
    reviewed.check(settings.load(), datetime.now(UTC))
    options = Options(jobs=reviewed.jobs, allow=frozenset(allow or ()))
    result = perform(settings, options, quiet=quiet, review=reviewed)
    ledger = result.run.ledger
    try:
        reviewed.remember(result.run, result.exit_code)
        waits = waiting(ledger, [job.name for job in result.run.jobs])
    finally:
        ledger.close()
    command = re.compile(r"`smarksync run [^`]*?(--allow [^`]*)`")
    sentences = [command.sub(lambda m: f"`smarksync apply {file} {m[1]}`", text) for text in result.sentences]
    if reviewed.left:
        waits.append((f"{reviewed.left:,} row{'s' if reviewed.left > 1 else ''} that nobody reviewed", "smarksync run"))
    summary(settings.out, result.report, sentences, waits)
    _show_stale(settings, reviewed)
    if json:
        more = {"messages": sentences} if sentences else {}
        settings.out.object({**result.report, **more, "stale": reviewed.stale, "not_reviewed": reviewed.left})
    return result.exit_code


def _show_stale(settings: Globals, reviewed: Reviewed) -> None:
    from smarksync.plan.render import shown

    out = settings.out
    say = out.problem if out.quiet else out.line
    if not reviewed.stale or out.json:
        return
    say("")
    rows = "row was" if len(reviewed.stale) == 1 else "rows were"
    say(f"{len(reviewed.stale):,} {rows} stale and not written; `smarksync run` plans them again:")
    for row in reviewed.stale[:MOST]:
        say(f"  {row['op']} {row['connection']}:{row['object']}:{row['id'] or '(new)'} — {row['why']}")
        if out.quiet:
            continue  # stderr is kept in logs, and logs show no values
        for name, pair in row["differs"].items():
            say(f"      {name}: reviewed {shown(_plain(pair['reviewed']))}, now {shown(_plain(pair['now']))}")
    if len(reviewed.stale) > MOST:
        say(f"  … and {len(reviewed.stale) - MOST:,} more; `--json` lists all of them.")


def _plain(side: Any) -> Any:
    if isinstance(side, dict) and set(side) == {"before", "after"}:
        return f"{side['before']} → {side['after']}"
    return next(iter(side.values())) if isinstance(side, dict) and len(side) == 1 else side


def read_plan(file: Path) -> dict[str, Any]:
    """The plan in a file. Raises UsageError when it is none."""
    import orjson

    try:
        found = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"There is no file {file}.", hint="Make a plan with `smarksync plan --out FILE`.") from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not _is_plan(found):
        raise UsageError(f"{file} is no plan.", hint="`smarksync plan --out FILE` writes one, as JSON.")
    return found


def _is_plan(found: dict[str, Any]) -> bool:
    terms, changes = found.get("plan"), found.get("changes")
    if not isinstance(terms, dict) or not isinstance(changes, list):
        return False
    if not {"format", "workspace", "config", "made_at", "expires_at", "rules"} <= set(terms) or not isinstance(
        terms["rules"], dict
    ):
        return False
    needed = {"op", "connection", "object", "id", "entity", "fields", "reason"}
    return all(isinstance(c, dict) and needed <= set(c) and isinstance(c["fields"], dict) for c in changes)
