"""``smarksync check``: what would keep the jobs from working, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from .globals import Globals
from .options import Json
from .output import Output

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_STYLES = {"failure": ("bad", "✗"), "warning": ("warn", "!"), "note": ("dim", "·")}


@app.command(epilog="Exit codes: 0 all is well, warnings apart · 2 the config or a mapping must change · 5 a system could not be "
             "reached or refused us.")  # fmt: skip
def check(
    ctx: typer.Context,
    connection: Annotated[
        str | None, typer.Argument(metavar="[CONNECTION]", help="Only this connection.", show_default=False)
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Create the fields of ours that an account lacks.")] = False,
    json: Json = False,
) -> int:
    """Check config, credentials, permissions, live schema against mapping, and quota."""
    from datetime import UTC, datetime

    from smarksync.engine.check import check as ask

    from .sessions import Sessions

    settings: Globals = ctx.obj
    settings.json = json
    config = settings.load()
    ledger = settings.ledger() if settings.has_ledger() else None
    sessions = Sessions(config)
    try:
        found = ask(config, settings.plugins(), sessions, ledger, lambda: datetime.now(UTC), only=connection, fix=fix)
    finally:
        sessions.close()
        if ledger is not None:
            ledger.close()
    if json:
        settings.out.object(found)
    else:
        _show(settings.out, found, fix)
    return int(found["exit_code"])


def _show(out: Output, found: Mapping[str, Any], fix: bool) -> None:
    out.line(f"Config {found['config']}: read.")
    for one in found["findings"]:
        _finding(out, one)
    for one in found["connections"]:
        bad = any(f["level"] == "failure" for f in one["findings"])
        facts = [one["connector"], one["account"]]
        facts += [f"{count} fields of {obj}" for obj, count in one["objects"].items()]
        if one["budget_left"] is not None:
            facts.append(f"{one['budget_left']:,} calls left")
        word = out.style("bad", "not ready") if bad else out.style("good", "ready")
        out.line()
        out.line(f"{out.style('head', one['name'])}: {word} ({', '.join(fact for fact in facts if fact)})")
        for said in one["fixed"]:
            out.line(f"  + {said}")
        for finding in one["findings"]:
            _finding(out, finding)
        missing = {obj: names for obj, names in one["fixable"].items() if names}
        if missing and not fix:
            listed = "; ".join(f"{obj}: {', '.join(names)}" for obj, names in missing.items())
            out.line(f"  `smarksync check {one['name']} --fix` would ask for: {listed}")
    out.line()
    warnings = sum(f["level"] == "warning" for f in _all(found))
    if found["ok"] and warnings:
        what = f"{warnings} warning{'' if warnings == 1 else 's'} above"
        out.line(out.style("warn", f"It can run, with {what}.") + " Next: `smarksync plan`")
    elif found["ok"]:
        out.line(out.style("good", "All is well.") + " Next: `smarksync plan`")
    else:
        count = sum(f["level"] == "failure" for f in _all(found))
        out.line(out.style("bad", f"{count} to put right.") + f" Exit code {found['exit_code']}.")


def _all(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*found["findings"], *(f for one in found["connections"] for f in one["findings"])]


def _finding(out: Output, one: Mapping[str, Any]) -> None:
    style, mark = _STYLES[one["level"]]
    whose = f" Concerns: {one['whose']}." if one["whose"] else ""
    do = f" {one['do']}" if one["do"] else ""
    out.line(f"  {out.style(style, mark)} {one['about']}: {one['say']}{do}{whose}")
