"""What a run asked of one system, as ``run --json`` prints it under ``calls``."""

from __future__ import annotations

import threading
from typing import Literal

Kind = Literal["read", "write", "reread", "auth", "schema"]


class Counts:
    """HTTP requests sent, by kind; shared by every thread of one connection.

    ``total`` counts requests that left, retries and token fetches among them. ``throttled`` counts
    answers that named a limit, ``retried`` the requests sent again, ``budget_left`` is the vendor's
    own word on what is left (None = it does not say).

    Of what is left of the day, ``reserve`` calls are kept for hand-offs; who works for one sets ``may_use_reserve``.
    """

    def __init__(self) -> None:
        self.budget_left: int | None = None
        self.reserve = 0
        self.may_use_reserve = True
        self._lock = threading.Lock()
        self._numbers = dict.fromkeys(("total", "read", "write", "reread", "auth", "schema", "throttled", "retried"), 0)

    def call(self, kind: Kind) -> None:
        """One request is about to leave."""
        with self._lock:
            self._numbers["total"] += 1
            self._numbers[kind] += 1

    def throttled(self) -> None:
        """The vendor named a limit."""
        with self._lock:
            self._numbers["throttled"] += 1

    def retried(self) -> None:
        """A request is about to be sent again."""
        with self._lock:
            self._numbers["retried"] += 1

    def __getitem__(self, name: str) -> int:
        return self._numbers[name]

    def as_dict(self) -> dict[str, int | None]:
        """The numbers, in the order of interface.md."""
        with self._lock:
            return {**self._numbers, "budget_left": self.budget_left}
