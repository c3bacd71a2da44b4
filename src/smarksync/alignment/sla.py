"""The scorecard: every promise of the agreement per segment and period, from the cases one after the other.

A line's status is *met*, *on track*, *at risk*, *breached* or *excused*. A promise about single cases is as good as
its worst case. A promise about a whole period is open until the period ends: a volume is at risk once the agreed share
of the period is over and the count is not reached, a share is at risk while it is below what was promised; once the
period is over it is judged by the cases that are decided, and judged again when more are. A period that has nothing to
judge is excused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from .judge import STATUSES, Facts, Verdict, judge
from .periods import Period, Periods
from .terms import PER_CASE, Term, Terms

#: lifecycle word → the state of a case that says that a lead got there
OF_CASE = {"mql": "qualified", "sal": "accepted", "sql": "sql", "opportunity": "opportunity", "customer": "won"}
#: statuses of what is not settled yet
RUNNING = ("on_track", "at_risk")
#: how many cases a line names at most, the worst first
NAMED = 200
Segments = tuple[tuple[str, str], ...]


class Spanning(Protocol):
    """Anything from ``start`` up to, not including, ``end``, in microseconds."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Line(NamedTuple):
    """One promise in one segment and period.

    ``actual`` and ``target`` are a count (volume), a share (quality, complete) or the share of cases that kept it;
    ``counts`` the cases by status; ``left`` microseconds of the period; ``cases`` those that need attention.
    """

    promise: str
    kind: str
    by: str
    segments: dict[str, str]
    period: Period
    status: str
    target: float | None
    actual: float | None
    base: int
    counts: dict[str, int]
    left: int | None
    why: str
    charged: dict[str, int]
    cases: list[Verdict]


@dataclass(slots=True)
class _Tally:
    leads: set[int] = field(default_factory=set)
    good: int = 0
    bad: int = 0
    waiting: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    charged: Counter[str] = field(default_factory=Counter)
    cases: list[Verdict] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether anything runs here, and nothing has settled the line yet."""
        if self.waiting:
            return not self.good and not self.bad
        return any(self.statuses[status] for status in RUNNING) and not self.statuses["breached"]


class Scorecard:
    """Takes cases one by one, then gives the lines. Holds counts, not cases, so a million of them fit."""

    def __init__(self, terms: Terms, now: int, *, since: int | None = None, until: int | None = None) -> None:
        self.terms, self.now = terms, now
        self.periods = Periods(terms.time_zone)
        self.since, self.until = since, until  # a case counts in the period in which its clock started
        self.at_risk = terms.agreement.at_risk
        self._outside: Counter[tuple[str, Period]] = Counter()  # cases and leads without a value of a segment
        self._tallies: dict[tuple[str, Segments, Period], _Tally] = {}
        self._oldest: int | None = None

    def add(self, facts: Facts) -> list[Verdict]:
        """Judges a case by every promise; returns the verdicts on promises about single cases."""
        found: list[Verdict] = []
        for term in self.terms.promises:
            at = facts.reached.get(OF_CASE.get(term.promise.of or "", term.starts))
            if term.promise.promise == "volume":
                if at is not None and facts.state not in ("merged", "withdrawn"):
                    self.count(term, facts.eid, at, facts.segments)
            elif at is not None and at <= self.now and (tally := self._tally(term, at, facts.segments)) is not None:
                if term.promise.promise in PER_CASE:
                    found += self._judged(term, facts, tally)
                else:
                    _share(term, facts, tally, self.now)
        return found

    def stage(self, word: str, eid: int, at: int, segments: Mapping[str, str | None]) -> None:
        """A lead without any case reached a rung of the lifecycle: for volumes of words that are no case states."""
        for term in self.terms.promises:
            if term.promise.promise == "volume" and term.promise.of == word:
                self.count(term, eid, at, segments)

    def count(self, term: Term, eid: int, at: int, segments: Mapping[str, str | None]) -> None:
        """One lead for a volume: once a period, however often it qualified."""
        tally = self._tally(term, at, segments) if at <= self.now else None
        if tally is not None:
            tally.leads.add(eid)

    def _judged(self, term: Term, facts: Facts, tally: _Tally) -> list[Verdict]:
        verdict = judge(term, facts, self.now, self.at_risk)
        if verdict is None:
            return []
        tally.statuses[verdict.status] += 1
        if verdict.charged:
            tally.charged[verdict.charged] += 1
        if verdict.status in ("at_risk", "breached"):
            tally.cases.append(verdict)
            if len(tally.cases) >= 2 * NAMED:
                tally.cases = _worst(tally.cases)
        return [verdict]

    def _tally(self, term: Term, at: int, segments: Mapping[str, str | None]) -> _Tally | None:
        if (self.since is not None and at < self.since) or (self.until is not None and at >= self.until):
            return None
        key: list[tuple[str, str]] = []
        for name in term.segments:
            value = segments.get(name)
            if value is None or ((known := self.terms.agreement.segments[name].values) and value not in known):
                self._outside[name, self.periods.of(at, term.period)] += 1
                return None
            key.append((name, value))
        self._oldest = at if self._oldest is None else min(at, self._oldest)
        return self._tallies.setdefault((term.id, tuple(key), self.periods.of(at, term.period)), _Tally())

    def unsettled(self) -> set[Period]:
        """Periods that are over and, by what was counted so far, have something that still runs.

        One broken promise about single cases, or one decision of those that are judged by shares, settles a line.
        """
        return {
            period
            for (_, _, period), tally in self._tallies.items()
            if period.end <= self.now and tally.running
        }  # fmt: skip

    def outside(self, shown: Iterable[Period]) -> dict[str, int]:
        """{segment: cases and leads of these periods without one of its values}; of each promise that asks for it."""
        periods = set(shown)
        found: Counter[str] = Counter()
        for (name, period), count in self._outside.items():
            if period in periods:
                found[name] += count
        return dict(found)

    # -- the lines ------------------------------------------------------------------------------------------------

    def lines(self, within: Spanning | None = None) -> list[Line]:
        """Every promise in every segment and period, in the order of the agreement.

        ``within``: only periods that lie in it or that it lies in; None = all, from the oldest that has anything (or
        ``since``) up to the one of now.
        """
        return [
            self._line(term, dict(key), period)
            for term in self.terms.promises
            for period in self._periods(term)
            if within is None or (period.start < within.end and within.start < period.end)
            for key in self._segments(term)
        ]

    def _periods(self, term: Term) -> list[Period]:
        if self.since is not None and self.since > self.now:
            return []  # nothing of that time has come yet
        last = self.now if self.until is None else min(self.now, self.until - 1)
        first = self.since if self.since is not None else self._oldest
        return self.periods.between(min(last, last if first is None else first), last, term.period)

    def _segments(self, term: Term) -> list[Segments]:
        """Every combination of the values; those that the config does not list are the ones that were seen."""
        keys: list[Segments] = [()]
        for i, name in enumerate(term.segments):
            values = self.terms.agreement.segments[name].values or sorted(
                {key[i][1] for (promise, key, _) in self._tallies if promise == term.id}
            )
            keys = [(*key, (name, value)) for key in keys for value in values]
        return keys

    def _line(self, term: Term, segments: dict[str, str], period: Period) -> Line:
        tally = self._tallies.get((term.id, tuple(segments.items()), period), _Tally())
        kind, over = term.promise.promise, period.end <= self.now
        facts: dict[str, Any] = {
            "promise": term.id, "kind": kind, "by": term.by, "segments": segments, "period": period,
            "left": None if over else period.end - self.now, "counts": {}, "charged": {}, "cases": [],
        }  # fmt: skip
        if kind == "volume":
            return self._volume(term, period, len(tally.leads), over, facts)
        if kind in PER_CASE:
            return _by_case(tally, over, facts)
        return _by_share(term, tally, over, facts)

    def _volume(self, term: Term, period: Period, actual: int, over: bool, facts: dict[str, Any]) -> Line:
        target = term.promise.count or 0
        if actual >= target:
            status, why = "met", f"{actual} of {target}"
        elif over:
            status, why = "breached", f"{actual} of {target}"
            facts["charged"] = {term.by: 1}
        else:
            gone = period.gone(self.now)
            status = "at_risk" if gone >= self.at_risk else "on_track"
            pace = f", {actual / gone:.0f} at this pace" if gone else ""
            why = f"{actual} of {target} with {gone:.0%} of the {term.period} over{pace}"
        return Line(status=status, target=target, actual=actual, base=actual, why=why, **facts)


def _share(term: Term, facts: Facts, tally: _Tally, now: int) -> None:
    """Puts a case where it belongs: it fulfils the promise, it does not, or nobody knows yet."""
    if term.promise.promise == "complete":
        complete = facts.filled.issuperset(term.promise.fields or ())
        tally.good, tally.bad = tally.good + complete, tally.bad + (not complete)
    elif (yes := facts.reached.get("accepted")) is not None and yes <= now:
        tally.good += 1
    elif any((at := facts.reached.get(s)) is not None and at <= now for s in ("rejected", "recycled", "lost")):
        tally.bad += 1
    elif not any((at := facts.reached.get(s)) is not None and at <= now for s in ("merged", "withdrawn")):
        tally.waiting += 1


def _by_share(term: Term, tally: _Tally, over: bool, facts: dict[str, Any]) -> Line:
    target, decided = float(term.promise.at_least or 0), tally.good + tally.bad
    total = decided + tally.waiting
    actual = tally.good / decided if decided else None
    facts["counts"] = {"yes": tally.good, "no": tally.bad, "open": tally.waiting}
    word = "accepted" if term.promise.promise == "quality" else "complete"
    why = f"{tally.good} of {decided} {word}" + (f", {tally.waiting} undecided" if tally.waiting else "")
    enough = _reaches(tally.good, decided, target)
    if not total:
        status, why = ("excused" if over else "on_track"), "nothing to judge"
    elif not over or not decided:
        status = "on_track" if enough else "at_risk"
    else:
        status = "met" if enough else "breached"
        facts["charged"] = {} if enough else {term.by: 1}
    return Line(status=status, target=target, actual=actual, base=total, why=why, **facts)


def _reaches(part: int, whole: int, share: float) -> bool:
    return part >= share * whole - 1e-9 * max(whole, 1)  # 60 % of 5 is 3, not 3.0000000000000004


def _by_case(tally: _Tally, over: bool, facts: dict[str, Any]) -> Line:
    counts = {status: tally.statuses[status] for status in reversed(STATUSES)}
    judged, good = sum(counts.values()), counts["met"]
    settled = good + counts["breached"]
    facts |= {"counts": counts, "charged": dict(tally.charged), "cases": _worst(tally.cases)}
    present = [status for status in reversed(STATUSES) if counts[status]]
    status = present[0] if present else ("excused" if over else "on_track")
    why = f"{good} of {settled} kept" if settled else ("nothing to judge" if not judged else "none settled yet")
    return Line(status=status, target=1.0, actual=good / settled if settled else None, base=judged, why=why, **facts)


def _worst(cases: list[Verdict]) -> list[Verdict]:
    """Breached ones, newest first, after those that can still be saved: least time left first."""
    saved = sorted((v for v in cases if v.status == "at_risk"), key=lambda v: (v.left or 0, v.cid))
    lost = sorted((v for v in cases if v.status == "breached"), key=lambda v: (-(v.at or 0), v.cid))
    return [*saved, *lost][:NAMED]


__all__ = ["NAMED", "OF_CASE", "RUNNING", "Line", "Scorecard"]
