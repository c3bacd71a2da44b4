"""What every command is told: the global options, the config they lead to, and the way out for words."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smarksync import log
from smarksync.errors import UsageError
from smarksync.redact import hide

if TYPE_CHECKING:
    from smarksync.config import Config
    from smarksync.ledger.db import Ledger

    from .output import Output


class Globals:
    """The global options. Commands get it as ``ctx.obj``; ``json`` says that stdout is for one object only."""

    def __init__(self) -> None:
        self.config_file = Path(os.environ.get("SMARKSYNC_CONFIG") or "smarksync.yaml")
        self.log_format: str | None = None
        self.log_level: str | None = None
        self.color = False
        self.json = False
        self.config: Config | None = None
        self.registry: Any = None
        self._out: Output | None = None

    def take(self, config: Path, log_format: str | None, log_level: str | None, no_color: bool) -> None:
        """The options as typed. Raises UsageError for a word that is none."""
        self.config_file = config
        self.log_format, self.log_level = log_format, log_level
        self.color = not no_color and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._configure_log(log_format or _usual_format(), log_level or "info")

    def load(self) -> Config:
        """The config, loaded once. Its ``logging`` section stands where the command line says nothing."""
        if self.config is None:
            from smarksync.config import load

            if not self.config_file.exists():
                raise UsageError(
                    f"There is no config file {self.config_file}.",
                    hint="Name yours with `--config FILE` or SMARKSYNC_CONFIG. `smarksync demo` works without one.",
                )
            self.config = load(self.config_file)
            hide(*self.config.secrets)
            told = self.config.logging
            self._configure_log(
                self.log_format or told.format or _usual_format(), self.log_level or told.level or "info"
            )
        return self.config

    def plugins(self) -> Any:
        """The registry of installed plugins (:class:`smarksync.engine.registry.Registry`)."""
        if self.registry is None:
            from smarksync.engine.registry import Registry

            self.registry = Registry()
        return self.registry

    def ledger(self, *, create: bool = False) -> Ledger:
        """The config's ledger, opened. Raises LedgerError when there is none yet and ``create`` is False."""
        from smarksync.ledger.db import Ledger

        config = self.load()
        return Ledger(config.ledger_url, root=str(config.root), create=create)

    def hush(self) -> None:
        """`--quiet`: only what is wrong is said, and only to stderr."""
        self.out.quiet = True
        self.log_level = self.log_level or "warning"
        self._configure_log(self.log_format or _usual_format(), self.log_level)

    def has_ledger(self) -> bool:
        """Whether the config's ledger exists already."""
        from smarksync.ledger.db import ledger_path

        config = self.load()
        return os.path.exists(ledger_path(config.ledger_url, str(config.root)))

    @property
    def out(self) -> Output:
        """Where words for people go."""
        if self._out is None:
            from .output import Output

            self._out = Output(color=self.color)
        self._out.json = self.json
        return self._out

    def _configure_log(self, form: str, level: str) -> None:
        try:
            log.configure(form, level, color=self.color and sys.stderr.isatty())
        except ValueError as error:
            raise UsageError(str(error)) from None


def _usual_format() -> str:
    """Lines for eyes on a terminal, JSON for everything that reads along."""
    return "console" if sys.stderr.isatty() else "json"
