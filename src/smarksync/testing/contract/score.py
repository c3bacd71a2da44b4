"""Running clauses and counting: a verdict for each, a score for each ability, a failing example in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from smarksync.errors import SmarkSyncError
from smarksync.mapping.lint import nearest
from smarksync.plugin import StreamSpec

from .clause import CLAUSES, Clause, Failed, Lack, NotTested, SimulatorBroken, named, slug
from .stage import Stage

#: the property of a report of pytest that holds a verdict
PROPERTY = "smarksync.verdict"

Outcome = Literal["passed", "failed", "deviates", "unused", "skipped"]


@dataclass(frozen=True)
class Verdict:
    """What became of one clause. ``lack`` says what a skipped one lacked; ``said`` is the example, the reason, or what
    was left out of one that passed.

    ``deviates``: failed as a known deviation says it does; ``unused``: it passed, though one says that it fails.
    """

    clause: Clause
    outcome: Outcome
    said: str = ""
    lack: Lack | None = None

    @property
    def bad(self) -> bool:
        """Whether this keeps the connector from conforming."""
        return self.outcome in ("failed", "unused")


def judge(make: type[Stage], clause: Clause, known: Mapping[str, str] | None = None) -> Verdict:
    """Runs one clause on a fresh system, for every stream that it concerns."""
    verdict = _run(make, clause)
    reason = (known or {}).get(clause.name)
    if reason is None:
        return verdict
    if verdict.outcome == "failed":
        return Verdict(clause, "deviates", reason)
    state = "it holds" if verdict.outcome == "passed" else "it was not tested"
    return Verdict(clause, "unused", f"{clause.name} is a known deviation ({reason}), and {state}.")


def judge_all(make: type[Stage], known: Mapping[str, str] | None = None) -> Iterable[Verdict]:
    """All clauses in order."""
    check_names(known or {})
    for clause in CLAUSES:
        yield judge(make, clause, known)


def check_names(known: Mapping[str, str]) -> None:
    """Raises Failed for a known deviation of a clause that does not exist, or without a reason."""
    for name, reason in known.items():
        if named(name) is None or name.isdigit():
            meant = {slug(one.title): one.name for one in CLAUSES}.get(slug(name))
            hint = f"; it is called {meant}" if meant else nearest(name, [one.name for one in CLAUSES])
            raise Failed(f"known_deviations names {name!r}, and there is no such clause{hint}.")
        if not reason.strip():
            raise Failed(f"known_deviations gives no reason for {name}.")


def _run(make: type[Stage], clause: Clause) -> Verdict:
    lacking: NotTested | None = None
    left_out: dict[str, None] = {}
    tested = 0
    try:
        streams = _streams(make)
    except NotTested as nothing:
        return Verdict(clause, "skipped", str(nothing), nothing.lack)
    concerned = [stream.name for stream in streams if clause.concerns(stream)]
    if not concerned:
        wanted = ", ".join(sorted(clause.needs | clause.any_of))
        return Verdict(clause, "skipped", f"no stream declares {wanted}", "ability")
    for name in concerned if clause.each else concerned[:1]:
        stage = make()
        stage.clause = clause.name
        try:
            with stage.opened():
                if clause.http and not stage.speaks_http:
                    raise NotTested("ability", "it does not speak HTTP")
                try:
                    clause.check(stage, stage.stream(name))
                finally:
                    stage.broken()
            tested += 1
            left_out.update(dict.fromkeys(stage.left_out))
        except NotTested as problem:
            lacking = lacking or problem
        except SimulatorBroken:
            raise
        except Failed as problem:
            return Verdict(clause, "failed", str(problem))
        except SmarkSyncError as problem:
            return Verdict(clause, "failed", f"{name}: {type(problem).__name__}: {problem}")
    if not tested and lacking is not None:
        if lacking.lack == "ability" and (able := _able(make, clause, streams)):
            return Verdict(clause, "failed", f"{lacking}: left out, though {', '.join(able)} can be asked.")
        return Verdict(clause, "skipped", str(lacking), lacking.lack)
    return Verdict(clause, "passed", f"left out: {'; '.join(left_out)}" if left_out else "")


def _able(make: type[Stage], clause: Clause, streams: Sequence[StreamSpec]) -> list[str]:
    """The streams that declare what a clause needs: what is left out is exactly what no stream declares."""
    if clause.http and not make().speaks_http:
        return []
    return [
        one.name
        for one in streams
        if clause.concerns(one)
        and not (clause.name == "until_respected" and one.full_scan)
        and not (clause.name == "mixed_results_stay_mixed" and one.max_batch < 2)
    ]


def _streams(make: type[Stage]) -> Sequence[StreamSpec]:
    """The streams that are asked; found out once, since some systems must be started to tell."""
    found: Sequence[StreamSpec] | None = vars(make).get("_asked_streams")
    if found is None:
        stage = make()
        with stage.opened():
            found = tuple(stage.asked_streams())
        make._asked_streams = found  # type: ignore[attr-defined]  # a memory of this class alone
    return found


def as_property(verdict: Verdict, left_behind: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """A verdict in plain values, for a report that another process reads; ``left_behind``: (stream, id) of rows."""
    return {
        "clause": verdict.clause.name, "outcome": verdict.outcome, "said": verdict.said, "lack": verdict.lack,
        "left_behind": [list(one) for one in left_behind],
    }  # fmt: skip


def from_property(told: Mapping[str, Any]) -> Verdict | None:
    """The verdict that :func:`as_property` told; None for a clause that this kit does not know."""
    clause = named(told["clause"])
    return None if clause is None else Verdict(clause, told["outcome"], told["said"], told["lack"])


@dataclass(frozen=True)
class Line:
    """One line of the score."""

    ability: str
    passed: int
    tested: int
    deviates: int
    lacking: int

    @property
    def share(self) -> str:
        """Passed of those that the connector claims and that could be tested."""
        return f"{self.passed}/{self.tested}"


def score(verdicts: Sequence[Verdict]) -> list[Line]:
    """A line per ability that the connector claims, in the order of the clauses."""
    lines: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.lack != "ability":
            lines.setdefault(verdict.clause.ability, []).append(verdict)
    return [
        Line(
            ability,
            sum(v.outcome in ("passed", "unused") for v in found),
            sum(v.outcome != "skipped" for v in found),
            sum(v.outcome == "deviates" for v in found),
            sum(v.outcome == "skipped" for v in found),
        )
        for ability, found in lines.items()
    ]


def conforms(verdicts: Iterable[Verdict]) -> bool:
    """Whether every clause holds, apart from what is known."""
    return not any(verdict.bad for verdict in verdicts)
