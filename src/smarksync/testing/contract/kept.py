"""What an opened connector leaves behind: its log lines and its tokens."""

from __future__ import annotations

from typing import Any

from smarksync.kit.session import MemoryTokens

from .tap import Tap


class Lines:
    """A log that keeps its lines, as text."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, event: str, **facts: Any) -> None:
        """One line."""
        self.lines.append(f"{event} {facts}")

    warning = info


class KeptTokens(MemoryTokens):
    """Tokens that tell the tap when one is saved."""

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self._tap = tap

    def set(self, name: str, value: str) -> None:
        """Stores the token."""
        super().set(name, value)
        self._tap.saved(value)
