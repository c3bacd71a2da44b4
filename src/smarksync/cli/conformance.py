"""``smarksync conformance``: asks a connector whether it keeps the contract, clause by clause."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smarksync.errors import UsageError

from .globals import Globals
from .options import Json

if TYPE_CHECKING:
    from smarksync.plugin import ConnectorSpec
    from smarksync.testing.contract import Stage, Verdict

    from .output import Output

app = typer.Typer(add_completion=False, rich_markup_mode=None)
#: what did not conform: done, but somebody must look
NOT_CONFORMING = 3


@app.command(epilog="Exit codes: 0 the connector conforms · 3 a clause does not hold · 2 there is nothing to ask · 5 the system could "
             "not be reached.")  # fmt: skip
def conformance(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector.")],
    connection: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Ask this connection of the config instead of the simulator: a sandbox, it is written to.",
        ),
    ] = None,
    stream: Annotated[
        list[str] | None,
        typer.Option(metavar="OBJECT", help="Only this object; repeatable. Default: all that can be created."),
    ] = None,
    json: Json = False,
) -> int:
    """Test a connector against the plugin contract: its own simulator, or a sandbox that a config names."""
    from smarksync.testing.contract import conforms, judge_all, score

    settings: Globals = ctx.obj
    settings.json = json
    spec = settings.plugins().spec(name)
    stage = _stage(settings, spec, connection, stream or [])
    out = settings.out
    verdicts: list[Verdict] = []
    for verdict in judge_all(stage):
        verdicts.append(verdict)
        _show(out, verdict)
    good = conforms(verdicts)
    code = 0 if good else NOT_CONFORMING
    left = getattr(stage, "left_behind", [])
    if json:
        out.object({
            "connector": name, "conforms": good, "exit_code": code,
            "score": {line.ability: {"passed": line.passed, "tested": line.tested, "not_tested": line.lacking} for line in score(verdicts)},
            "clauses": [
                {"number": v.clause.number, "name": v.clause.name, "title": v.clause.title, "outcome": v.outcome, "lack": v.lack,
                 "said": v.said}
                for v in verdicts
            ],
            "left_behind": [{"object": where, "id": id} for where, id in left],
        })  # fmt: skip
        return code
    out.line()
    out.table(
        ("ability", "kept", "not tested"),
        [(line.ability, line.share, line.lacking or "–") for line in score(verdicts)],
        right=(1, 2),
    )
    out.line()
    if left:
        told = ", ".join(f"{where} {id}" for where, id in left)
        out.line(f"{out.style('warn', 'Left behind')} in {connection}, which could not be removed again: {told}.")
    failed = sum(v.bad for v in verdicts)
    if good:
        out.line(f"{out.style('good', f'{name} keeps the contract')}, as far as it was tested.")
    else:
        out.line(f"{out.style('bad', f'{name} breaks {failed} of {len(verdicts)} clauses')}. Exit code {code}.")
    return code


def _show(out: Output, verdict: Verdict) -> None:
    style, word = {
        "passed": ("good", "kept"), "failed": ("bad", "BROKEN"), "skipped": ("dim", "not tested"),
    }.get(verdict.outcome, ("warn", verdict.outcome))  # fmt: skip
    named = f"  ({verdict.clause.name})" if verdict.bad else ""
    out.line(f"{verdict.clause.number:>3}  {out.style(style, word.ljust(10))}  {verdict.clause.title}{named}")
    if verdict.said:
        out.line(f"{'':17}{verdict.said}")


def _stage(settings: Globals, spec: ConnectorSpec, connection: str | None, streams: list[str]) -> type[Stage]:
    from smarksync.testing.contract import Stage

    if connection is not None:
        return _live(settings, spec, connection, streams)
    if spec.simulator is None:
        raise UsageError(
            f"{spec.name} brings no simulator.",
            hint=f"Name a connection to a sandbox of it: `smarksync --config FILE conformance {spec.name} --connection CONNECTION`; or "
            "let `ConnectorSpec.simulator` name one, or subclass ConnectorContract with a `start` (docs/plugins.md).",
        )

    class Simulated(Stage):
        """The plugin's own simulator."""

    Simulated.spec = spec
    Simulated.streams = tuple(streams)
    return Simulated


def _live(settings: Globals, spec: ConnectorSpec, connection: str, streams: list[str]) -> type[Stage]:
    from smarksync.config import read_settings
    from smarksync.testing.contract import Stage

    config = settings.load()
    told = config.connections.get(connection)
    if told is None or told.connector != spec.name:
        known = ", ".join(name for name, one in config.connections.items() if one.connector == spec.name) or "none"
        raise UsageError(f"The config has no {spec.name} connection {connection!r}.", hint=f"It has: {known}.")
    read_settings(config, connection, spec.settings)  # says file and line when they are wrong
    raw: Mapping[str, Any] = told.settings
    where = Path(config.root)

    class Live(Stage):
        """One system for all clauses, with real time."""

        live = True
        settings = raw

        @property
        def root(self) -> Path:
            """The folder of the config."""
            return where

    Live.spec = spec
    Live.streams = tuple(streams)
    return Live
