"""What a clause is: one numbered sentence of the contract, and the check that an opened system keeps it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from smarksync.errors import UsageError
from smarksync.plugin import Can, StreamSpec

if TYPE_CHECKING:
    from .stage import Stage

Group = Literal["spec", "read", "write", "find", "manners"]
#: Why a clause was not tested: the connector does not claim it, the system has nothing of the kind, or the suite lacks
#: a hook to bring it about.
Lack = Literal["ability", "trait", "hook"]


class SimulatorBroken(UsageError):
    """The system that stands for the vendor has a bug of its own: no clause says anything until it is mended."""


class Failed(AssertionError):
    """The clause does not hold; the message is a failing example in words."""


class NotTested(Exception):
    """The clause could not be tested. ``lack`` says what is missing, the message why."""

    def __init__(self, lack: Lack, why: str) -> None:
        super().__init__(why)
        self.lack: Lack = lack


@dataclass(frozen=True)
class Clause:
    """``needs``: abilities of a stream without which the clause says nothing. ``each``: asked of every stream.

    ``http``: concerns connectors that talk HTTP. ``check(stage, stream)`` raises :class:`Failed` or :class:`NotTested`.
    """

    number: int
    group: Group
    title: str
    check: Callable[[Stage, StreamSpec], None]
    needs: frozenset[Can] = frozenset()
    any_of: frozenset[Can] = frozenset()
    http: bool = False
    each: bool = True

    @property
    def name(self) -> str:
        """The word that suites name it by (``known_deviations``)."""
        return self.check.__name__

    @property
    def ability(self) -> str:
        """The line of the score that it counts in: the ability that it is about."""
        promises = self.needs & {Can.UPSERT_BY_KEY, Can.CONDITIONAL}
        return next((str(can) for can in sorted(promises or self.needs)), self.group)

    def concerns(self, stream: StreamSpec) -> bool:
        """Whether that stream claims what the clause is about."""
        return self.needs <= stream.can and (not self.any_of or bool(self.any_of & stream.can))

    def __str__(self) -> str:
        return f"{self.number} {self.title}"


CLAUSES: list[Clause] = []
Check = Callable[["Stage", StreamSpec], None]


def clause(
    number: int,
    group: Group,
    title: str,
    *needs: Can,
    any_of: tuple[Can, ...] = (),
    http: bool = False,
    each: bool = True,
) -> Callable[[Check], Check]:
    """Enters a check as a clause of the contract."""

    def enter(check: Check) -> Check:
        CLAUSES.append(Clause(number, group, title, check, frozenset(needs), frozenset(any_of), http, each))
        CLAUSES.sort(key=lambda one: one.number)
        return check

    return enter


def named(name: str) -> Clause | None:
    """The clause of that name or number, or None."""
    return next((one for one in CLAUSES if name in (one.name, str(one.number))), None)


def few(items: object, most: int = 3) -> str:
    """Some of many, for a sentence."""
    texts = [str(one) for one in items] if isinstance(items, (list, tuple, set, frozenset)) else [str(items)]
    return ", ".join(sorted(texts)[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def slug(title: str) -> str:
    """A title as part of a test's name."""
    return re.sub(r"\W+", "_", title.lower()).strip("_")
