"""The app: its commands by name, the global options, and what becomes of an error.

A command is a module with ``app``, a ``typer.Typer`` of one command or of several. Its functions return their
exit code (None = 0) or raise; whatever they raise ends in :mod:`.failures`. Modules are imported when their command
is used, so that ``smarksync --help`` starts at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from . import failures
from .globals import Globals

#: name → (module in this package, and its app when it has several; what it does), in the order of the help page
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "See a whole two-way sync on this machine: no account, no network."),
    "run": ("run", "Bring the systems into agreement: all jobs, or the named ones. The cron command."),
    "plan": ("plan", "Show what a run would write and why, field by field. Writes nothing."),
    "apply": ("apply", "Write exactly a reviewed plan, or refuse the stale part."),
    "check": ("check", "Config, credentials, permissions, schema against mapping, quota; what to fix and where."),
    "status": ("status", "What waits for what, and why."),
    "runs": ("status:runs", "The history of runs."),
    "show": ("status:show", "One run in full."),
    "explain": ("explain", "One person across all systems, and why they are as they are."),
    "conflicts": ("conflicts", "Questions about values and people: list, show, resolve."),
    "quarantine": ("quarantine", "Records that cannot go on: list, show, retry, release, ignore."),
    "consent": ("consent", "What people allowed, recorded by hand: grant."),
    "report": ("report", "Funnel, reasons, good leads, attribution and pipeline of a period, as a page or a table."),
    "digest": ("digest", "One page for the regular meeting of the two teams; as a file, or to a channel."),
    "dashboard": ("dashboard", "Scorecard, funnel, hand-offs, leads and queues in a browser, on this machine only."),
    "sla": ("sla", "How the promises stand: check, backtest."),
    "agreement": ("agreement", "The document that the two teams sign, as Markdown, HTML or JSON."),
    "goals": ("goals", "From the year's revenue back to leads; plan against actual; forecast."),
    "connectors": ("connectors", "Installed connectors and what each can do."),
    "conformance": ("conformance", "Test a connector against the plugin contract."),
    "simulate": ("simulate", "Play one vendor's system on this machine, for rehearsing a config."),
    "schema": ("schema", "JSON Schema of the config, for editors."),
}
#: global options, accepted before and after the command; True = takes a value
GLOBAL = {"--config": True, "--log-format": True, "--log-level": True, "--no-color": False}


class Commands(TyperGroup):
    """Finds commands by name and imports the one that is used; help needs no import."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now, or None."""
        if cmd_name not in COMMANDS:
            self.commands = {name: typer.main.get_command(_nothing) for name in COMMANDS}  # for "did you mean"
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = typer.main.get_command(getattr(import_module(f"smarksync.cli.{module}"), name or "app"))
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list in the help, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


_nothing = typer.Typer(add_completion=False)
_nothing.command()(lambda: None)

app = typer.Typer(
    cls=Commands, add_completion=False, rich_markup_mode=None, no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)  # fmt: skip


@app.callback(epilog="Global options go before or after the command.")
def _root(
    ctx: typer.Context,
    config: Annotated[
        Path, typer.Option(envvar="SMARKSYNC_CONFIG", metavar="FILE", readable=False, help="The config file.")
    ] = Path("smarksync.yaml"),
    log_format: Annotated[
        str | None, typer.Option(metavar="console|json", help="How log lines look on stderr.")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="debug, info, warning, error or critical.")
    ] = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="Plain text.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Keep marketing automation and CRM in agreement, both ways."""
    settings: Globals = ctx.obj if isinstance(ctx.obj, Globals) else Globals()
    settings.take(config, log_format, log_level, no_color)
    ctx.obj = settings


def invoke(argv: Sequence[str] | None = None) -> int:
    """Runs one command line; returns its exit code. Never raises."""
    _streams()
    args = _globals_first(list(sys.argv[1:] if argv is None else argv))
    if "--version" in args[: args.index("--") if "--" in args else None]:
        from smarksync import __version__

        print(f"smarksync {__version__}")
        return 0
    settings = Globals()
    settings.json = "--json" in args
    failures.end_on_signals()
    try:
        command = typer.main.get_command(app)
        code = command.main(args, prog_name="smarksync", standalone_mode=False, obj=settings)
        if code == failures.INTERRUPTED:
            raise KeyboardInterrupt
        return int(code or 0)
    except BaseException as error:  # the one place that turns each failure into words and an exit code
        return failures.explain(error, settings, args)


def _streams() -> None:
    """Whoever starts us with a closed stdout or stderr (``>&-``, some daemons) wants nothing said there. Opened before all
    else: a file of ours must not take the number of a stream that others write to."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (for the whole process)


def _globals_first(args: list[str]) -> list[str]:
    """Global options are understood wherever they stand; what follows ``--`` is left alone."""
    first: list[str] = []
    rest: list[str] = []
    queue = list(args)
    while queue:
        word = queue.pop(0)
        name, equals, _ = word.partition("=")
        if word == "--":
            rest += [word, *queue]
            break
        if name in GLOBAL:
            first.append(word)
            if GLOBAL[name] and not equals and queue:
                first.append(queue.pop(0))
        else:
            rest.append(word)
    return first + rest
