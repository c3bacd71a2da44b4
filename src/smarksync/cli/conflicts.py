"""``smarksync conflicts``: questions that only a person can answer, one command each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from .globals import Globals
from .options import Json
from .output import Output
from .status import when

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Questions that only a person can answer."
)
_Id = Annotated[int, typer.Argument(metavar="ID", help="The number that `conflicts list` shows.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most N, newest first.")] = 100,
    json: Json = False,
) -> int:
    """List what waits for an answer, each with the command that gives it."""
    from smarksync.engine.queues import conflict_entries

    settings: Globals = ctx.obj
    settings.json = json
    ledger = settings.ledger()
    try:
        found = conflict_entries(ledger, limit=limit)
        total = int(ledger.value("SELECT count(*) FROM conflicts"))
    finally:
        ledger.close()
    if json:
        settings.out.object({"conflicts": found, "total": total})
        return 0
    out = settings.out
    if not found:
        out.line("No conflict waits.")
    for one in found:
        brief(out, one)
    if total > len(found):
        out.line(f"… and {total - len(found):,} more: --limit {total}")
    return 0


@app.command()
def show(ctx: typer.Context, number: _Id, json: Json = False) -> int:
    """Show one conflict with the values, their times, and every command that answers it."""
    from smarksync.engine.queues import conflict_entry, the_conflict

    settings: Globals = ctx.obj
    settings.json = json
    ledger = settings.ledger()
    try:
        found = conflict_entry(ledger, the_conflict(ledger, number))
    finally:
        ledger.close()
    if json:
        settings.out.object(found)
        return 0
    out = settings.out
    out.line(f"{out.style('head', f'Conflict {number}')} ({found['kind']}, job {found['job']}, {found['state']})")
    out.line(f"  {found['question']}")
    out.line(f"  {found['who']}, entity {found['entity']}: {', '.join(found['records']) or 'no record'}")
    if found["kind"] in ("field", "flip") and found["agreed"] is not None:
        out.line(f"  agreed: {named(found, found['agreed'])}")
    for name, told in found["values"].items():
        out.line(f"  {name}: {named(found, told.get('value'))}{_evidence(told)}")
    for name in found["others"]:
        out.line(f"  about {name}")
    out.line(f"  since {when(found['since'])}, run {found['run']}")
    if found["state"] == "answered":
        out.line(f"  answered: {named(found, found['answer'])}; the next run carries it out")
    for command in found["release"]:
        out.line(f"  → {command}")
    return 0


@app.command()
def resolve(
    ctx: typer.Context,
    number: _Id,
    take: Annotated[str | None, typer.Option(metavar="CONNECTION", help="The value of this connection stands.")] = None,
    value: Annotated[
        str | None, typer.Option(metavar="V", help="This value stands; '' for none. A name: \"FIRST|LAST\".")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="A parked field takes part again.")] = False,
    join: Annotated[bool, typer.Option("--join", help="The records are one person.")] = False,
    apart: Annotated[bool, typer.Option("--apart", help="The records are two people, for ever.")] = False,
    json: Json = False,
) -> int:
    """Answer one conflict; the next run carries it out."""
    from smarksync.engine import answers
    from smarksync.engine.offline import Desk
    from smarksync.errors import UsageError

    settings: Globals = ctx.obj
    settings.json = json
    if sum((take is not None, value is not None, resume, join, apart)) != 1:
        raise UsageError(
            "A conflict has exactly one answer.",
            hint=f"`smarksync conflicts show {number}` lists the commands that fit this one.",
        )
    ledger = settings.ledger()
    try:
        desk = Desk(settings.load(), settings.plugins(), ledger)
        if take is not None:
            done = answers.take(desk, number, take)
        elif value is not None:
            done = answers.value(desk, number, value)
        elif resume:
            done = answers.resume(desk, number)
        else:
            done = (answers.same if join else answers.apart)(desk, number)
    finally:
        ledger.close()
    if json:
        settings.out.object(done)
        return 0
    words = {"answered": "is answered", "resumed": "is over: the field takes part again", "joined": "is settled: they are one",
             "apart": "is settled: they are two, for ever"}  # fmt: skip
    settings.out.line(f"Conflict {number} {words[done['done']]}. The next run carries it out: `{done['next']}`")
    for said in done.get("not_taken", ()):
        settings.out.line(f"  But {said}.")
    return 0


def brief(out: Output, one: Mapping[str, Any]) -> None:
    """One conflict in three lines."""
    state = "" if one["state"] == "open" else f" [{one['state']}]"
    out.line(
        f"{out.style('head', str(one['id']))}  {one['kind']}  {one['field']}  {one['who']}{state}  {out.style('dim', when(one['since']))}"
    )
    told = "; ".join(f"{name}: {named(one, v.get('value'))}" for name, v in one["values"].items())
    out.line(f"    {one['question']}" + (f" {told}" if told else ""))
    out.line(f"    → {one['release'][0]}")


def named(one: Mapping[str, Any], what: Any) -> str:
    """A value of a conflict for people; an id with whom or what it stands for."""
    from smarksync.engine.timeline import shown

    parts = what if isinstance(what, list) else [what]
    who = [one["named"][part] for part in parts if isinstance(part, str) and part in one["named"]]
    return f"{'; '.join(who)} ({shown(what)})" if who else shown(what)


def _evidence(told: Mapping[str, Any]) -> str:
    parts = [f"edited by {when(told['until'])}" if told.get("until") else "", f"after {when(told['after'])}" if told.get("after") else "",
             f"by {told['by']}" if told.get("by") else ""]  # fmt: skip
    text = ", ".join(part for part in parts if part)
    return f"  ({text})" if text else ""
