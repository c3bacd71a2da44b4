"""``smarksync demo``: two simulated systems, their people matched, a lead handed over, a deal won and told back."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from smarksync import log
from smarksync.errors import ConfigError, UsageError

from .globals import Globals

app = typer.Typer(add_completion=False, rich_markup_mode=None)
VENDORS = ("hubspot", "salesforce")


@app.command()
def demo(
    ctx: typer.Context,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Leave config, ledger and report there; both systems go on until Ctrl-C, to play with."
        ),
    ] = None,
) -> int:
    """See it work on this machine: HubSpot and Salesforce are simulated. No account, no network."""
    from smarksync.engine.registry import simulator_class

    from .demo_story import Story, StoryClock
    from .simulate import ended

    settings: Globals = ctx.obj
    if settings.log_format is None and settings.log_level is None:
        log.configure("console", "warning", color=settings.color)
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UsageError(f"{keep} is not an empty folder.", hint="Name one that does not exist yet.")
    kinds = [simulator_class(_spec(settings, name)) for name in VENDORS]
    folder = keep or Path(tempfile.mkdtemp(prefix="smarksync-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    clock, out = StoryClock(), settings.out
    try:
        with ExitStack() as stack:
            hub, crm = (stack.enter_context(kind(people=60, now=clock.now)) for kind in kinds)
            report = Story(settings, folder, clock, hub, crm).tell()
            if keep is not None:
                clock.run_on()
                over = ended()
                _play(out, folder, {**hub.environment, **crm.environment})
                while not over.wait(3600):
                    pass
                return 0
            handle, page = tempfile.mkstemp(prefix="smarksync-demo-", suffix=".html")
            os.close(handle)
            shutil.copyfile(report, page)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    out.line(f"The report of both teams: {page}")
    out.line(
        "To play with it: `smarksync demo --keep DIR`. To rehearse a config of yours: `smarksync simulate hubspot`."
    )
    return 0


def _spec(settings: Globals, name: str) -> Any:
    try:
        return settings.plugins().spec(name)
    except ConfigError as missing:
        raise UsageError(
            f"The demo plays {' and '.join(VENDORS)}, and {name} is not installed.",
            hint=f"`pip install smarksync-{name}`",
        ) from missing


def _play(out: Any, folder: Path, environment: dict[str, str]) -> None:
    out.line(f"Both systems go on until Ctrl-C. The report is {folder / 'report.html'}. In another terminal:")
    out.line(f"   cd {shlex.quote(str(folder))}")
    for name, value in environment.items():
        out.line(f"   export {name}={shlex.quote(value)}")
    out.line("   smarksync status")
