"""``smarksync plan``: what a run would write, and why. Writes nothing anywhere but to ``--out``."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from .files import write_whole
from .globals import Globals

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Format(StrEnum):
    """What a plan can be printed as."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


@app.command(epilog="Exits as the run would, as far as a plan can tell. Plans expire after 24 hours.")
def plan(
    ctx: typer.Context,
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="JOB", help="Only these jobs.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the plan there: JSON (what `apply` takes), or as --format says."),
    ] = None,
    format: Annotated[
        Format | None, typer.Option(help="table (for reading), json, csv or html.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> int:
    """Show what `run` would write and why, field by field. Writes nothing anywhere.

    It reads the systems as a run does, so it costs reads. The output shows values: handle it as you handle the data.
    """
    settings: Globals = ctx.obj
    from smarksync.engine.run import Options

    chosen = "json" if json else str(format) if format is not None else ("json" if out is not None else "table")
    return show(settings, Options(jobs=tuple(jobs or ()), dry_run=True), chosen, out)


def show(settings: Globals, options: Any, form: str, out: Path | None, *, quiet: bool = False) -> int:
    """Plans and prints; returns the exit code that the run would have."""
    from smarksync.engine import changes as engine_changes

    from .work import perform

    settings.json = settings.json or (form == "json" and out is None)
    settings.out.json = settings.json
    spool = Spool()
    facts: dict[str, Any] = {}

    def collect(run: Any) -> None:
        for change in engine_changes.changes(run):
            spool.add(change)
        facts["forecast"] = engine_changes.forecast(run)
        facts["plan"] = engine_changes.terms(run, settings.load())
        from smarksync.engine.status import waiting

        facts["waits"] = waiting(run.ledger, [job.name for job in run.jobs])

    with spool:
        result = perform(settings, options, quiet=quiet, after_plan=collect)
        head = {**result.report, "forecast": facts["forecast"], "plan": facts["plan"]}
        if result.sentences:
            head["messages"] = result.sentences
        if out is None and form != "table":
            for part in render(form, head, spool):
                settings.out.part(part)
            for sentence in result.sentences if form != "json" else ():
                settings.out.problem(sentence)
            return result.exit_code
        if out is not None:
            write_whole(out, render(form, head, spool))
            if settings.json:
                settings.out.object({**head, "out": str(out), "count": spool.count})
                return int(result.exit_code)
        _for_people(settings, result, facts, spool, out, form)
    return result.exit_code


class Spool:
    """Changes on disk, to be gone through as often as needed: a plan may be larger than the memory."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="smarksync-plan-")  # noqa: SIM115  # closed by __exit__
        self.count = 0

    def add(self, change: Mapping[str, Any]) -> None:
        """Keeps one change."""
        import orjson

        self._file.write(orjson.dumps(change) + b"\n")
        self.count += 1

    def __iter__(self) -> Iterator[dict[str, Any]]:
        import orjson

        self._file.seek(0)
        for line in self._file:
            yield orjson.loads(line)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def render(form: str, head: Mapping[str, Any], changes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The plan as text, in parts."""
    from smarksync.plan import render as pages

    if form == "csv":
        yield from pages.csv_lines(changes)
    elif form == "html":
        facts = [("Workspace", head["plan"]["workspace"]), ("Made at", head["started_at"]), ("Valid until", head["plan"]["expires_at"]),
                 ("Jobs", ", ".join(job["job"] for job in head["jobs"])), *_forecast_facts(head["forecast"])]  # fmt: skip
        facts += [("Attention", text) for text in head.get("messages", ())]
        yield from pages.html_page(f"Plan of {head['plan']['workspace']}", facts, changes)
    elif form == "table":
        yield from (line + "\n" for line in pages.text(changes, most=10**9))
    else:
        yield from _json(head, changes)


def _json(head: Mapping[str, Any], changes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    import orjson

    yield orjson.dumps(head, option=orjson.OPT_INDENT_2).decode()[:-2] + ',\n  "changes": ['
    comma = ""
    for change in changes:
        yield f"{comma}\n    {orjson.dumps(change).decode()}"
        comma = ","
    yield "\n  ]\n}\n" if comma else "]\n}\n"


def _forecast_facts(forecast: Mapping[str, Any]) -> list[tuple[str, str]]:
    calls = ", ".join(
        f"{name} {kinds['write']:,}" + (f" of {kinds['left_today']:,} left today" if "left_today" in kinds else "")
        for name, kinds in forecast["calls"].items()
    )
    calls = calls or "none"
    found = forecast["duplicates"]
    facts = [("Write calls", calls)]
    if found["similar_name"]:
        facts.append(("Possible duplicates", f"{found['similar_name']:,} of {found['creates']:,} new records have the name of somebody "
                      "who is known under another address"))  # fmt: skip
    if found["quarantined"]:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in found["quarantined"].items())
        facts.append(("Kept back", f"{kinds}: a person must say who is who"))
    return facts


def _commands(options: Any) -> tuple[str, str]:
    """The run that would write what was planned, and the plan of the same jobs for review."""
    jobs = " ".join(("", *options.jobs))
    run = f"smarksync run{jobs}"
    if options.limit is not None:
        run += f" --limit {options.limit}"
    if options.only is not None:
        run += f" --only {shlex.quote(options.only)}"
    if options.only_handoffs:
        run += " --only-handoffs"
    for guard in sorted(options.allow):
        run += f" --allow {guard}"
    return run, f"smarksync plan{jobs} --out plan.json"


def _for_people(
    settings: Globals, result: Any, facts: Mapping[str, Any], spool: Spool, out: Path | None, form: str
) -> None:
    from smarksync.plan import render as pages

    from .summary import summary

    words = settings.out
    if out is None and spool.count:
        for line in pages.text(spool):
            words.line(line)
        words.line()
    summary(words, result.report, result.sentences, facts["waits"])
    words.line()
    for name, text in _forecast_facts(facts["forecast"]):
        words.line(f"{name}: {text}.")
    if out is not None:
        hint = f" To write exactly this within 24 hours: smarksync apply {out}" if form == "json" else ""
        words.line(f"The plan with its {spool.count:,} changes is in {out}.{hint}")
    elif any(job["stopped_by"] for job in result.report["jobs"]):
        words.line("Nothing was written. A run would be stopped as well, until what is told above lets it pass.")
    elif spool.count:
        run, plan = _commands(result.run.options)
        words.line(f"Nothing was written. To write it: `{run}`; to have it reviewed: `{plan}`.")
