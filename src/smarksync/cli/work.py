"""One run of the engine for a command: sessions, progress, the canonical log line, and a ledger for plans that leaves no trace."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import Any

from smarksync import log
from smarksync.config import GUARD_NAMES, Config, suggest
from smarksync.engine.context import Review, Run
from smarksync.engine.run import Options, Result, execute
from smarksync.errors import UsageError
from smarksync.ledger.db import Ledger, ledger_path

from .globals import Globals
from .progress import canonical_line, progress
from .sessions import Sessions


def perform(
    settings: Globals, options: Options, *, quiet: bool = False, after_plan: Callable[[Run], Any] | None = None,
    review: Review | None = None, watch: Callable[[str, str, int, int | None], None] | None = None,
) -> Result:  # fmt: skip
    """Runs the engine; the ledger of a real run is left open (``result.run.ledger``) for the summary."""
    config = settings.load()
    check_guards(options.allow)
    if not config.jobs:
        raise UsageError("The config has no job.", hint="Add one under `jobs:` with `sync: lead`.")
    with ExitStack() as tidy:
        sessions = tidy.enter_context(closing(Sessions(config)))
        unwritten = _nowhere(config, tidy) if options.dry_run else None
        with progress(quiet=quiet, color=settings.color) as show:
            result = execute(
                config, options, registry=settings.plugins(), make_session=sessions, progress=watch or show,
                log=log.get(), after_plan=after_plan, review=review, ledger=unwritten,
            )  # fmt: skip
        canonical_line(result.report)
        return result


def _nowhere(config: Config, tidy: ExitStack) -> Ledger | None:
    """A plan writes nothing anywhere: without a ledger yet, not even that."""
    if os.path.exists(ledger_path(config.ledger_url, str(config.root))):
        return None
    folder = tempfile.mkdtemp(prefix="smarksync-plan-")
    tidy.callback(shutil.rmtree, folder, ignore_errors=True)
    return tidy.enter_context(closing(Ledger(f"sqlite:///{folder}/empty.db")))


def check_guards(names: Sequence[str] | frozenset[str]) -> None:
    """Raises UsageError for a guard that does not exist."""
    for name in sorted(names):
        if name not in GUARD_NAMES:
            raise UsageError(f"There is no guard {name!r}.", hint=suggest(name, GUARD_NAMES))
