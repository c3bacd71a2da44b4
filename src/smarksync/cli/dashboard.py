"""``smarksync dashboard``: the ledger in a browser, on this machine only."""

from __future__ import annotations

from typing import Annotated

import typer

from .globals import Globals

app = typer.Typer(add_completion=False, rich_markup_mode=None)
HOST = "127.0.0.1"


@app.command(epilog="To look at it from elsewhere, forward the port: ssh -L 8765:127.0.0.1:8765 THERE")
def dashboard(
    ctx: typer.Context,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="Where it listens; 0 = any free port.")
    ] = 8765,
) -> int:
    """Show scorecard, funnel, hand-offs, leads, runs and queues in a browser, until it is stopped with Ctrl-C.

    It listens on this machine only and opens with the link that it prints. It reads the ledger; the only things that it
    writes are your answers to conflicts and quarantine.
    """
    import socket
    from datetime import UTC, datetime

    from smarksync.errors import ConfigError, UsageError

    try:
        import uvicorn

        from smarksync.web.app import create_app
        from smarksync.web.guard import new_token
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"The dashboard needs {error.name}, which is not installed.",
            hint="Install it: pip install 'smarksync[web]'",
        ) from None
    settings: Globals = ctx.obj
    config = settings.load()
    settings.ledger().close()  # says what is wrong with it before anything listens
    token = new_token()
    app_, board = create_app(config, settings.plugins(), token, lambda: datetime.now(UTC))
    settings.out.line("Counting the figures of the first pages …")
    board.warm()
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)  # the link works as soon as it is printed
    except OSError as error:
        listening.close()
        raise UsageError(
            f"Port {port} cannot be used: {error.strerror}.", hint="Name another: `smarksync dashboard --port 0`."
        ) from None
    settings.out.line(f"Open http://{HOST}:{listening.getsockname()[1]}/?token={token}")
    settings.out.line("It is yours alone: whoever has the link sees your people. Ctrl-C stops it.")
    server = uvicorn.Server(
        uvicorn.Config(app_, log_level="error", access_log=False, lifespan="off", server_header=False)
    )
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:  # the way to stop it
        settings.out.line("Stopped.")
    finally:
        board.close()
    return 0
