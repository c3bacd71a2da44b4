"""``smarksync status``, ``runs`` and ``show RUN``: what waits for what and why; history; one run in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from .globals import Globals
from .options import Json
from .output import Output

#: what each exit code of a run says, as in docs/operations.md
MEANINGS = {
    1: "a bug in SmarkSync; please report it with the file that the run named",
    2: "the command line, the config, the ledger or a file is wrong",
    3: "something waits for a person",
    4: "a guard stopped it before its first write",
    5: "a system could not be reached or read, or refused us",
    6: "parts of the plan were stale",
    75: "another run took its place",
    130: "interrupted",
}
#: how many records that stay with their owner are named
REFUSED = 5
app = typer.Typer(add_completion=False, rich_markup_mode=None)
runs = typer.Typer(add_completion=False, rich_markup_mode=None)
show = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def status(ctx: typer.Context, json: Json = False) -> int:
    """Show what waits for what, and why."""
    from datetime import UTC, datetime

    from smarksync.engine.status import status as ask

    settings: Globals = ctx.obj
    settings.json = json
    ledger = settings.ledger()
    try:
        found = ask(settings.load(), ledger, datetime.now(UTC))
    finally:
        ledger.close()
    out = settings.out
    if json:
        out.object(found)
        return 0
    _running(out, found)
    for one in found["ended"]:
        _ended(out, one)
    for job in found["jobs"]:
        _job(out, job, [one["run"] for one in found["running"] if one["alive"]])
    _queues(out, found)
    for one in found["opt_outs_owed"]:
        _owed(out, one)
    stay(out, found["owners_refused"])
    ownerless(out, found["without_owner"])
    out.line()
    rows = [
        (f"{s['connection']}:{s['object']}", s["linked"], _counts(s["other_links"]) or "–", when(s["known_up_to"]))
        for s in found["streams"]
    ]
    out.table(("object", "linked", "other links", "known up to"), rows, right=(1,))
    size = found["ledger"]
    out.line()
    out.line(f"Ledger {size['path']}: {size_text(size['bytes'])}")
    for name, count in list(size["tables"].items())[:6]:
        out.line(out.style("dim", f"  {name:<12} {size_text(count):>9}"))
    return 0


def _running(out: Output, found: Mapping[str, Any]) -> None:
    for one in found["running"]:
        if one["alive"]:
            held = ", ".join(one["holds"])
            out.line(
                f"Running: {one['run']} (process {one['process']} on {one['host']}), at work on {held}; last heard {when(one['heard'])}."
            )
    if cut := found["interrupted"]:
        said = f"run {cut[0]} did not end; the next run goes on where it stopped"
        if len(cut) > 1:
            said = f"{len(cut):,} runs did not end, the last of them {cut[-1]}; the next run goes on where they stopped"
        out.line(f"Interrupted: {said}: `smarksync run`")
    if not found["running"]:
        out.line("No run is under way.")


def _ended(out: Output, one: Mapping[str, Any]) -> None:
    """A last run that left something to do: how it ended, why, and what to do next."""
    code = one["exit_code"]
    how = f"ended with exit code {code}: {MEANINGS.get(code, 'failed')}"
    out.line()
    out.line(f"Run {one['run']} ({when(one['started_at'])}; {', '.join(one['jobs'])}) {how}")
    for text in one["why"]:
        for line in text.splitlines():
            out.line(f"  {line}")
    out.line(f"  Next: `{one['next']}`")


def _job(out: Output, job: Mapping[str, Any], running: Sequence[str]) -> None:
    last = job["last_run"]
    ended = "" if last is None else f"exit code {last['exit_code']}"
    if last and last["exit_code"] is None:
        ended = "under way" if last["run"] in running else "it did not end"
    said = f"last run {when(last['started_at'])}, {ended}" if last else "never ran"
    out.line()
    out.line(f"{out.style('head', job['job'])} ({job['kind']} between {', '.join(job['between'])}): {said}")
    if job["held_since"]:
        rows = f"; {_rows(job['planned_and_held'])} planned" if job["planned_and_held"] else ""
        out.line(
            f"  stopped by a guard, held since {when(job['held_since'])}{rows}: `smarksync plan {job['job']}` shows what it held"
        )
    elif job["planned_and_held"]:
        out.line(f"  {_rows(job['planned_and_held'])} planned and not sent: the next run plans anew")
    if last and not job["first_load_done"]:
        out.line("  its first load is not complete: the guard `first_run` still stands in for `creates`")
    if job["changed_since"] and last:
        out.line(f"  {job['changed_since']:,} changed since its last look: the next run decides")
    for reason, count in job["due"].items():
        out.line(f"  {count:,} {'waits' if count == 1 else 'wait'} for the next run: {reason}")


def _queues(out: Output, found: Mapping[str, Any]) -> None:
    out.line()
    for one in found["intents"]:
        out.line(f"{one['op']} {one['to']}: {_rows(one['rows'])} {one['state']} — {one['means']}")
    if found["inbox"]:
        were = "was read and is" if found["inbox"] == 1 else "were read and are"
        out.line(f"{_rows(found['inbox'])} {were} not matched yet: the next run goes on there")
    for name, command in (("conflicts", "conflicts"), ("quarantine", "quarantine")):
        kinds = found[name]
        waiting = sum(states.get("open", 0) for states in kinds.values())
        rest = {s: sum(k.get(s, 0) for k in kinds.values()) for s in ("answered", "ignored")}
        parts = [f"{states['open']:,} {kind}" for kind, states in kinds.items() if states.get("open")]
        parts += [f"{count:,} {state}" for state, count in rest.items() if count]
        tail = f" ({', '.join(parts)})" if parts else ""
        hint = f": `smarksync {command} list`" if waiting else ""
        out.line(f"{name.capitalize()}: {waiting:,}{tail}{hint}")


def _owed(out: Output, one: Mapping[str, Any]) -> None:
    """Opt-outs that could not be written yet."""
    count = one["records"]
    said = f"{count:,} opt-out{'s' if count > 1 else ''} could not be written to {one['to']} yet: every run sends them again"
    why = f"; {one['refused']:,} refused there, `smarksync quarantine list` says why" if one["refused"] else ""
    out.line(out.style("warn", f"{said}{why}"))


@runs.command("runs")
def runs_(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many, newest first.")] = 20,
    json: Json = False,
) -> int:
    """List the latest runs."""
    from smarksync.engine.status import history

    settings: Globals = ctx.obj
    settings.json = json
    ledger = settings.ledger()
    try:
        found = history(ledger, limit)
    finally:
        ledger.close()
    if json:
        settings.out.object({"runs": found})
        return 0
    if not found:
        settings.out.line("Nothing was ever run here.")
        return 0
    rows = [
        (r["run_id"], when(r["started_at"]), r["state"] if r["exit_code"] is None else r["exit_code"],
         "" if r["seconds"] is None else f"{r['seconds']:.1f}", r["figures"].get("read", ""), r["figures"].get("written", 0),
         ", ".join(r["jobs"]))
        for r in found
    ]  # fmt: skip
    settings.out.table(("run", "started", "exit", "seconds", "read", "written", "jobs"), rows, right=(2, 3, 4, 5))
    return 0


_ENDS = {"killed": "killed before its end", "running": "still at work"}


@show.command("show")
def show_(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, or the beginning of it.")],
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most N changed records.")] = 500,
    json: Json = False,
) -> int:
    """Show one run in full: figures, sentences, and every record that it changed, before and after."""
    from smarksync.engine.status import one_run
    from smarksync.engine.timeline import sentence

    settings: Globals = ctx.obj
    settings.json = json
    ledger = settings.ledger()
    try:
        found = one_run(ledger, run, limit)
    finally:
        ledger.close()
    out = settings.out
    if json:
        out.object(found)
        return 0
    head = found["run"]
    report = head["report"]
    code = _ENDS[head["state"]] if head["exit_code"] is None else f"exit code {head['exit_code']}"
    out.line(f"{out.style('head', head['run_id'])}: {when(head['started_at'])}, {code}, jobs {', '.join(head['jobs'])}")
    if report and "jobs" in report:
        from .summary import summary

        summary(out, report, report.get("sentences", []))
    else:
        done = ", ".join(f"{count:,} {what}" for what, count in head["figures"].items() if count)
        for text in (report or {}).get("why", ()):
            out.line(text)
        out.line(f"It could not say what it did. Until then: {done or 'nothing written'}.")
    out.line()
    for one in found["changes"]:
        out.line(f"{one['entity']}  {one['who']}")
        out.line(f"    {sentence(one)}")
    left = found["changes_total"] - len(found["changes"])
    if left > 0:
        out.line(f"… and {left:,} more: `smarksync show {head['run_id']} --limit {found['changes_total']}`")
    if not found["changes"]:
        out.line("It changed nothing.")
    for name, what in (("quarantined", "in quarantine since this run"), ("asked", "conflict(s) asked by this run")):
        if found[name]:
            out.line(f"{found[name]:,} {what}")
    return 0


def stay(out: Output, refused: Sequence[Mapping[str, Any]]) -> None:
    """Records that stay with their owner, because their system did not take the next one."""
    for one in refused[:REFUSED]:
        out.line(out.style("warn", f"{one['who']} stays with its owner: {one['record']} refused {one['to']} since {when(one['since'])}: "
                           f"{one['why']}. It is asked again when its users, the record or the config change: `{one['next']}`"))  # fmt: skip
    if len(refused) > REFUSED:
        out.line(out.style("dim", f"… and {len(refused) - REFUSED:,} more with --json"))


def ownerless(out: Output, count: int) -> None:
    """Leads that were offered and have nobody who would call them."""
    if count:
        has = "open lead has" if count == 1 else "open leads have"
        out.line(
            out.style("warn", f"{count:,} {has} no owner: `smarksync check` names whom `routing` looks for in vain")
        )


def when(instant: str | None) -> str:
    """A time for people: to the second, in UTC."""
    return "never" if not instant else instant[:19].replace("T", " ") + " UTC"


def _rows(count: int) -> str:
    return f"{count:,} {'row' if count == 1 else 'rows'}"


def size_text(count: int) -> str:
    """Bytes for people."""
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in found.items())


__all__ = ["app", "runs", "show", "size_text", "stay", "when"]
