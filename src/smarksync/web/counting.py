"""Figures that take longer than a page may: counted beside the pages, shown with the moment that they are of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from smarksync.ledger.db import Ledger


class Counted(NamedTuple):
    """A figure; ``value`` None while it is being counted for the first time; ``problem`` when that went wrong."""

    value: Any
    at: datetime | None
    problem: str | None


class Counting:
    """Keeps figures by name, and counts them again when the ledger has moved on or clocks have run for a while."""

    def __init__(self, open_ledger: Callable[[], Ledger], now: Callable[[], datetime], lasts: float = 60.0) -> None:
        self._open, self._now, self._lasts = open_ledger, now, lasts
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Counted, Any, float]] = {}
        self._busy: set[str] = set()

    def get(self, name: str, count: Callable[[Ledger, datetime], Any], ledger: Ledger) -> Counted:
        """What is known now; starts a new count when it has grown old. ``ledger`` is the page's own."""
        stamp = _stamp(ledger)
        with self._lock:
            kept = self._kept.get(name)
            fresh = kept is not None and kept[1] == stamp and time.monotonic() - kept[2] < self._lasts
            if not fresh and name not in self._busy:
                self._busy.add(name)
                threading.Thread(target=self._count, args=(name, count, stamp), daemon=True).start()
            return kept[0] if kept is not None else Counted(None, None, None)

    def wait(self, name: str, count: Callable[[Ledger, datetime], Any], ledger: Ledger) -> Counted:
        """Counts now, in this thread: before the first page is shown."""
        with self._lock:
            self._busy.add(name)
        self._count(name, count, _stamp(ledger))
        return self._kept[name][0]

    def _count(self, name: str, count: Callable[[Ledger, datetime], Any], stamp: Any) -> None:
        now = self._now()
        try:
            ledger = self._open()
            try:
                found = Counted(count(ledger, now), now, None)
            finally:
                ledger.close()
        except Exception as error:  # a page says what went wrong; the thread has nobody else to tell
            found = Counted(None, now, str(error))
        with self._lock:
            self._kept[name] = (found, stamp, time.monotonic())
            self._busy.discard(name)


def _stamp(ledger: Ledger) -> Any:
    """Moves with every run and every move of a case."""
    return ledger.one(
        "SELECT (SELECT max(rowid) FROM runs), (SELECT max(ended_at) FROM runs), (SELECT max(mid) FROM case_moves), "
        "(SELECT max(aid) FROM activities)"
    )
