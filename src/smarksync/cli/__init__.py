"""The command line: one file a command group, imported only when that command is used."""

from __future__ import annotations


def main() -> None:
    """Entry point of the ``smarksync`` command."""
    try:
        from .main import invoke

        code = invoke()
    except KeyboardInterrupt:  # while the program itself was loaded: nothing was begun
        code = 130
    raise SystemExit(code)
