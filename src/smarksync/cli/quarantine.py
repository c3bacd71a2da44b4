"""``smarksync quarantine``: records that cannot go on, and the one-line decision that releases each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from .globals import Globals
from .options import Json
from .output import Output
from .status import when

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Records that cannot go on until somebody decides.",
)
_Id = Annotated[int, typer.Argument(metavar="ID", help="The number that `quarantine list` shows.")]
_Ids = Annotated[list[int], typer.Argument(metavar="ID...", help="The numbers that `quarantine list` shows.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most N, newest first.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Also what is ignored.")] = False,
    json: Json = False,
) -> int:
    """List what is held, each with the command that releases it."""
    from smarksync.engine.queues import held_entries

    settings: Globals = ctx.obj
    settings.json = json
    where = "1" if everything or json else "state = 'open'"
    ledger = settings.ledger()
    try:
        found = held_entries(ledger, where, limit=limit)
        total = int(ledger.value(f"SELECT count(*) FROM quarantine WHERE {where}"))
        ignored = int(ledger.value("SELECT count(*) FROM quarantine WHERE state = 'ignored'"))
    finally:
        ledger.close()
    if json:
        settings.out.object({"quarantine": found, "total": total})
        return 0
    out = settings.out
    if not found:
        out.line("Nothing is in quarantine.")
    for one in found:
        brief(out, one)
    if total > len(found):
        out.line(f"… and {total - len(found):,} more: --limit {total}")
    if ignored and not everything:
        out.line(f"{ignored:,} ignored: --all")
    return 0


@app.command()
def show(ctx: typer.Context, number: _Id, json: Json = False) -> int:
    """Show one entry: what is held and why, who could be meant, and every command that releases it."""
    from smarksync.engine.offline import Desk
    from smarksync.engine.queues import held_entry, the_held, values_of
    from smarksync.engine.timeline import shown

    settings: Globals = ctx.obj
    settings.json = json
    ledger = settings.ledger()
    try:
        held = the_held(ledger, [number])[0]
        found = held_entry(ledger, held)
        found["values"] = values_of(Desk(settings.load(), settings.plugins(), ledger).open(), held)
    finally:
        ledger.close()
    if json:
        settings.out.object(found)
        return 0
    out = settings.out
    job = f", job {found['job']}" if found["job"] else ""
    out.line(f"{out.style('head', f'Quarantine {number}')} ({found['kind']}, {found['code']}{job}, {found['state']})")
    out.line(f"  {found['message']}")
    out.line(f"  {_record(found)}, entity {found['entity']}" + (f", {found['who']}" if found["who"] else ""))
    for record, value in found["values"].items():
        out.line(f"  {record} shows {shown(value)}")
    for one in found["candidates"]:
        out.line(f"  could be {one['entity']}  {one['who']}  {', '.join(one['records'])}")
    out.line(f"  since {when(found['since'])}, run {found['run']}")
    out.line(f"  {found['do']}")
    for command in found["release"]:
        out.line(f"  → {command}")
    return 0


@app.command()
def retry(ctx: typer.Context, numbers: _Ids, json: Json = False) -> int:
    """Try again in the next run, even what was refused with the same values."""
    from smarksync.engine import answers

    return _act(ctx, json, lambda desk: answers.retry(desk, numbers), "is tried again by the next run")


@app.command()
def ignore(ctx: typer.Context, numbers: _Ids, json: Json = False) -> int:
    """Stop counting entries for exit code 3, until something else is wanted of the record."""
    from smarksync.engine import answers

    return _act(ctx, json, lambda desk: answers.ignore(desk, numbers), "is ignored until something else is wanted")


@app.command()
def release(
    ctx: typer.Context,
    number: _Id,
    join: Annotated[str | None, typer.Option(metavar="REF", help="It belongs to this entity.")] = None,
    as_new: Annotated[
        bool, typer.Option("--as-new", help="It is somebody new, and none of the candidates, for ever.")
    ] = False,
    json: Json = False,
) -> int:
    """Decide whose record an ambiguous or duplicate one is."""
    from smarksync.engine import answers
    from smarksync.errors import UsageError

    if (join is None) == (not as_new):
        raise UsageError(
            "Say exactly one of `--join REF` and `--as-new`.",
            hint=f"`smarksync quarantine show {number}` lists the candidates.",
        )
    if join is not None:
        ref = join
        return _act(ctx, json, lambda desk: [answers.join(desk, number, ref)], "is settled: the record belongs there")
    return _act(ctx, json, lambda desk: [answers.as_new(desk, number)], "is settled: the record is somebody new")


def _act(ctx: typer.Context, json: bool, act: Any, words: str) -> int:
    from smarksync.engine.offline import Desk

    settings: Globals = ctx.obj
    settings.json = json
    ledger = settings.ledger()
    try:
        done: Sequence[Mapping[str, Any]] = act(Desk(settings.load(), settings.plugins(), ledger))
    finally:
        ledger.close()
    if json:
        settings.out.object({"done": list(done)})
        return 0
    for one in done:
        settings.out.line(
            f"Quarantine {one['id']}: {one['say']}" if one.get("say") else f"Quarantine {one['id']} {words}."
        )
        settings.out.line(f"  → {one['next']}")
    return 0


def _record(one: Mapping[str, Any]) -> str:
    """The record; of one that could not be created, the records that it was to be made from."""
    return f"{one['record']} from {', '.join(one['new_from'])}" if one["new_from"] else str(one["record"])


def brief(out: Output, one: Mapping[str, Any]) -> None:
    """One entry in three lines."""
    state = "" if one["state"] == "open" else f" [{one['state']}]"
    who = f"  {one['who']}" if one["who"] else ""
    out.line(
        f"{out.style('head', str(one['id']))}  {one['kind']}  {_record(one)}{who}{state}  {out.style('dim', when(one['since']))}"
    )
    out.line(f"    {one['message']}")
    out.line(f"    {one['do']}")
    out.line(f"    → {one['release'][0]}")
