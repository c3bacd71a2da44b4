"""The command line: one file a command group, imported only when that command is used."""

from __future__ import annotations


def main() -> None:
    """Entry point of the ``smarksync`` command."""
    from .main import invoke

    raise SystemExit(invoke())
