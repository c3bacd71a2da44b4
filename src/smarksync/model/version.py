"""The version of the canonical schema, and how stored states from an older one are read.

What the ledger stores in wire form carries the version it was written with. A change to the schema that
changes stored values raises :data:`VERSION` and registers, for each kind of state it touches, how a state of
the version before becomes one of this version. Upgraders are pure and are never removed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smarksync.errors import LedgerError

#: The version of the schema that this code writes.
VERSION = 1
#: What is stored: the agreed values of an entity, what a side showed, a consent record, a case.
KINDS = ("agreed", "seen", "consent", "case")

State = dict[str, Any]
Upgrader = Callable[[State], State]


class Upgrades:
    """Upgraders by kind and version. :data:`UPGRADES` is the one that counts."""

    def __init__(self, version: int) -> None:
        self.version = version
        self._steps: dict[tuple[str, int], Upgrader] = {}

    def register(self, kind: str, from_version: int) -> Callable[[Upgrader], Upgrader]:
        """Declares a function that makes a state of ``from_version`` one of the next; it gets a copy."""
        if kind not in KINDS:
            raise ValueError(f"no kind of state `{kind}`")
        if not 1 <= from_version < self.version:
            raise ValueError(f"no version {from_version} before {self.version}")
        if (kind, from_version) in self._steps:
            raise ValueError(f"two upgraders for `{kind}` of version {from_version}")

        def keep(step: Upgrader) -> Upgrader:
            self._steps[kind, from_version] = step
            return step

        return keep

    def upgrade(self, kind: str, state: State, from_version: int) -> State:
        """``state`` as this version writes it; the argument is left as it was.

        Raises LedgerError for a state that a newer SmarkSync wrote: reading it would lose what we do not know.
        """
        if kind not in KINDS:
            raise ValueError(f"no kind of state `{kind}`")
        if not 1 <= from_version <= self.version:
            raise LedgerError(
                f"the ledger holds a state of schema version {from_version}; we know up to {self.version}.",
                hint="Run the newer SmarkSync that wrote it.",
            )
        for version in range(from_version, self.version):
            step = self._steps.get((kind, version))
            if step is not None:
                state = step(dict(state))
        return state


UPGRADES = Upgrades(VERSION)


def upgrade(kind: str, state: State, from_version: int) -> State:
    """A stored state as the current version writes it. Raises LedgerError for a newer one."""
    return UPGRADES.upgrade(kind, state, from_version)
