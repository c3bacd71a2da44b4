"""``smarksync simulate``: one vendor's API on this machine, for rehearsing a config."""

from __future__ import annotations

import shlex
import signal
import threading
from typing import Annotated, Any

import typer

from smarksync.errors import SmarkSyncError, UsageError

from .globals import Globals

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="It runs until Ctrl-C.")
def simulate(
    ctx: typer.Context,
    vendor: Annotated[str, typer.Argument(metavar="VENDOR", help="The connector whose system is played.")],
    port: Annotated[
        int, typer.Option(metavar="P", min=0, max=65535, help="The port on 127.0.0.1; 0 = a free one.")
    ] = 0,
    people: Annotated[int, typer.Option(metavar="N", min=0, help="How many of the made-up people it may know.")] = 200,
    seed: Annotated[int, typer.Option(metavar="S", help="Another number, other people; the same in every vendor.")] = 1,
    latency: Annotated[int, typer.Option(metavar="MS", min=0, help="Milliseconds before each answer.")] = 0,
    no_limits: Annotated[bool, typer.Option("--no-limits", help="Do without the vendor's rate limits.")] = False,
) -> int:
    """Play one vendor's system on a port of this machine: made-up people, the vendor's rules, limits and quirks."""
    settings: Globals = ctx.obj
    from smarksync.engine.registry import simulator_class
    from smarksync.simulator.hands import lines

    registry = settings.plugins()
    spec = registry.spec(vendor)
    if spec.simulator is None:
        raise UsageError(f"{vendor} brings no simulator.", hint=f"These do: {_others(registry) or 'none'}.")
    simulator = simulator_class(spec)(
        seed=seed, people=people, latency=latency / 1000, limits=not no_limits, port=port
    )  # fmt: skip
    simulator.by_hand = simulator.hands is not None
    try:
        simulator.start()
    except OSError as problem:
        raise UsageError(f"Port {port} cannot be used: {problem.strerror}.", hint="Name another, or none.") from None
    out = settings.out
    over = ended()
    try:
        out.line(f"{out.style('head', vendor)} at {simulator.url}, with made-up people. Ctrl-C ends it.")
        out.line()
        out.line("# for the configs that name these variables (in another terminal):")
        for name, value in simulator.environment.items():
            out.line(f"export {name}={shlex.quote(value)}")
        out.line()
        out.line("# or, in a config of your own:")
        for line in _config(vendor, simulator.settings):
            out.line(line)
        if simulator.hands is not None:
            out.line()
            out.line("# what people do there, by hand (`curl ADDRESS -d NAME=TEXT …`):")
            for line in lines(simulator.hands):
                out.line(f"{simulator.url}/by-hand/{line}")
        while not over.wait(3600):
            pass
    finally:
        simulator.stop()
    calls = len(simulator.calls)
    out.line()
    out.line(f"Ended after {calls:,} calls, {simulator.count(write=True):,} of them writes.")
    return 0


def _config(vendor: str, settings: Any) -> list[str]:
    return [
        "connections:",
        f"  {vendor}:",
        f"    connector: {vendor}",
        "    settings:",
        *(f"      {name}: {value}" for name, value in settings.items()),
    ]


def _others(registry: Any) -> str:
    found = []
    for name in registry.names():
        try:
            spec = registry.spec(name)
        except SmarkSyncError:  # one broken plugin says nothing about the others
            continue
        if spec.simulator is not None:
            found.append(name)
    return ", ".join(found)


def ended() -> threading.Event:
    """Set by Ctrl-C, or by a polite request to end: both are the way to end it, and no failure."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    return over
