"""What goes wrong, when, and how: a plan that simulated systems ask at each I/O point.

I/O points are numbered from 1 over all systems that share a plan, so a test can kill a run at each::

    plan = FaultPlan()
    run(plan)                                # counts the points of a run without faults
    for point in range(1, plan.points + 1):
        plan = FaultPlan(crash_at=point)
        with pytest.raises(Crash): run(plan)
        plan.revive()
        run(plan)                            # the next process

Deterministic: nothing here draws a random number or reads a clock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from smarksync.errors import SystemFailure
from smarksync.plugin import Receipt, Write, WriteResult


class Crash(BaseException):
    """The process died here. A BaseException, because no handler of errors may survive a death."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__(f"killed at I/O point {number} ({name})")
        self.number = number
        self.name = name


class Call(NamedTuple):
    """One call that a system received.

    ``kind``: check, describe, create_fields, read (one a page), find, fetch, write, gone, count, ids or
    whereabouts. ``fields`` are the names asked for or written, ``writes`` what a write call brought.
    """

    number: int
    system: str
    kind: str
    stream: str
    op: str | None = None
    ids: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    writes: tuple[Write, ...] = ()


@dataclass(slots=True)
class Rule:
    """One fault: which calls it meets, how many it lets pass first, and how many it hits (None = all)."""

    system: str | None
    kind: str | None
    stream: str | None
    op: str | None
    skip: int
    times: int | None
    error: Callable[[], SystemFailure] | None = None
    lose: str | None = None
    applied: bool = True
    row: Callable[[Write], bool] | None = None
    answer: Callable[[Write], Receipt] | None = None
    hits: int = 0

    def meets(self, call: Call) -> bool:
        """Whether the call is of the kind that this rule names."""
        return (
            self.system in (None, call.system)
            and self.kind in (None, call.kind)
            and self.stream in (None, call.stream)
            and self.op in (None, call.op)
        )

    def strikes(self) -> bool:
        """Counts one meeting; True when this one is hit."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True


class RowFault(NamedTuple):
    """What happens to one row of a write: the answer it gets, and whether it is applied all the same."""

    receipt: Receipt
    applied: bool


class LostAnswer(NamedTuple):
    """How an answer is lost: ``how`` is "raise" (errors.Unknown) or "receipt" (UNKNOWN for every ref)."""

    how: str
    applied: bool


class FaultPlan:
    """Faults to come, and a count of the I/O points passed. Shared by systems and threads; one lock.

    ``points`` counts the points passed, ``trail`` holds their names. After a crash the plan is *dead*:
    every further point raises, as nothing of a dead process does I/O, until :meth:`revive`.
    """

    def __init__(self, *, crash_at: int | None = None, keep_trail: bool = True) -> None:
        self.points = 0
        self.trail: list[str] = []
        self.dead: Crash | None = None
        self._crash_at = crash_at
        self._keep_trail = keep_trail
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    # Deaths

    def crash_at(self, number: int | None) -> None:
        """Die at the point of that number, counted from 1 since the plan was made; None = never."""
        self._crash_at = number

    def crash_in(self, points: int) -> None:
        """Die at the ``points``-th point from here (1 = the next)."""
        self._crash_at = self.points + points

    def revive(self) -> None:
        """A new process starts: points pass again and go on counting; no crash is ahead."""
        with self._lock:
            self.dead = None
            self._crash_at = None

    def point(self, name: str) -> None:
        """An I/O point. Public, so that a ledger under test can number its own commits among them."""
        with self._lock:
            if self.dead:
                raise Crash(self.dead.number, self.dead.name)
            self.points += 1
            if self._keep_trail:
                self.trail.append(name)
            if self.points == self._crash_at:
                self.dead = Crash(self.points, name)
                raise self.dead

    # Faults to plan

    def fail(
        self,
        error: SystemFailure | Callable[[], SystemFailure],
        *,
        system: str | None = None,
        kind: str | None = None,
        stream: str | None = None,
        op: str | None = None,
        skip: int = 0,
        times: int | None = 1,
    ) -> Rule:
        """Whole calls fail with ``error`` (Transient, Throttled, AuthFailed …); nothing is applied."""
        make = error if callable(error) else lambda: error
        return self._add(Rule(system, kind, stream, op, skip, times, error=make))

    def lose(
        self,
        how: str = "receipt",
        *,
        applied: bool = True,
        system: str | None = None,
        stream: str | None = None,
        op: str | None = None,
        skip: int = 0,
        times: int | None = 1,
    ) -> Rule:
        """The answer to a write call is lost, by default after it was applied.

        ``how``: "receipt" answers every ref with UNKNOWN, "raise" raises errors.Unknown for the call.
        """
        if how not in ("receipt", "raise"):
            raise ValueError(f"An answer is lost as 'receipt' or 'raise', not as {how!r}.")
        return self._add(Rule(system, "write", stream, op, skip, times, lose=how, applied=applied))

    def answer(
        self,
        result: WriteResult,
        when: Callable[[Write], bool] = lambda write: True,
        *,
        applied: bool = False,
        code: str | None = None,
        message: str | None = None,
        field: str | None = None,
        duplicate_of: Sequence[str] = (),
        retry_after: float | None = None,
        system: str | None = None,
        stream: str | None = None,
        op: str | None = None,
        skip: int = 0,
        times: int | None = None,
    ) -> Rule:
        """Rows for which ``when`` is true are answered with ``result``; the others of the batch go on.

        ``skip`` and ``times`` count rows here. ``applied`` (with UNKNOWN) writes the row all the same.
        """

        def receipt(write: Write) -> Receipt:
            return Receipt(
                write.ref,
                result,
                id=write.id,
                code=code or _CODES.get(result),
                message=message or "as the fault plan says",
                field=field,
                duplicate_of=tuple(duplicate_of),
                retry_after=retry_after,
            )

        rule = Rule(system, "write", stream, op, skip, times, applied=applied, row=when, answer=receipt)
        return self._add(rule)

    def reject(self, when: Callable[[Write], bool] = lambda write: True, *, times: int | None = None) -> Rule:
        """Rows for which ``when`` is true are refused with SMK-INVALID, and would be again."""
        return self.answer(WriteResult.REJECTED, when, times=times)

    def clear(self) -> None:
        """Forgets every fault that was planned, deaths included; numbering goes on."""
        with self._lock:
            self._rules.clear()
            self._crash_at = None

    def _add(self, rule: Rule) -> Rule:
        with self._lock:
            self._rules.append(rule)
        return rule

    # What systems ask

    def failure(self, call: Call) -> SystemFailure | None:
        """The error that this whole call fails with, or None."""
        with self._lock:
            for rule in self._rules:
                if rule.error and rule.meets(call) and rule.strikes():
                    return rule.error()
        return None

    def lost(self, call: Call) -> LostAnswer | None:
        """Whether and how the answer to this write call is lost."""
        with self._lock:
            for rule in self._rules:
                if rule.lose and rule.meets(call) and rule.strikes():
                    return LostAnswer(rule.lose, rule.applied)
        return None

    def row(self, call: Call, write: Write) -> RowFault | None:
        """The answer planned for this row, or None to let the system answer."""
        with self._lock:
            for rule in self._rules:
                if rule.row and rule.answer and rule.meets(call) and rule.row(write) and rule.strikes():
                    return RowFault(rule.answer(write), rule.applied)
        return None


_CODES = {
    WriteResult.REJECTED: "SMK-INVALID",
    WriteResult.CONFLICT: "SMK-CONFLICT",
    WriteResult.RETRY: "SMK-TRANSIENT",
    WriteResult.UNKNOWN: "SMK-UNKNOWN",
}
