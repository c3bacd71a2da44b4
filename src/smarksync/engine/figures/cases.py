"""What came of the hand-offs of a period: reasons, what makes a good lead, and what is under way now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from smarksync.alignment.intervals import lift
from smarksync.ledger import cases, reading
from smarksync.ledger.db import Ledger

from .funnel import share
from .period import Period

#: attributes of a lead that a good one is told by; long texts and names say nothing in general
ATTRIBUTES = ("persona", "lead_source", "industry", "country", "journey")
#: activities in so many days before the hand-off
WINDOW_DAYS = 90
#: a value that fewer hand-offs have says nothing
FEW = 10
_ACCEPTED = frozenset({"accepted", "working", "sql", "opportunity", "won", "lost"})
_SALES = ("call", "email", "meeting", "task", "note")
#: how far a decided case came: turned down, accepted, accepted and closed, won. Goal → the level from which a case
#: counts, and the one from which it is a hit
_GOALS = {"accepted": (0, 1), "won": (2, 3)}


class HandOffs:
    """Reads the cases that were offered in the period once, and adds up what the report tells of them."""

    def __init__(self, ledger: Ledger, period: Period, extra: Sequence[str] = ()) -> None:
        self.attributes = (*ATTRIBUTES, *extra)
        self.offered = 0
        self.states: Counter[str] = Counter()
        self.reasons: dict[str, Counter[str]] = {"rejected": Counter(), "recycled": Counter(), "lost": Counter()}
        # decided cases by how far they came: all of them, and those with a value of an attribute
        self._totals = [0, 0, 0, 0]
        self._tally: dict[tuple[str, str], list[int]] = {}
        profile = reading.Profile(self.attributes)
        window = WINDOW_DAYS * 86_400_000_000
        for chunk in reading.handoffs(ledger, period.start, period.end, profile, window, _SALES):
            for row in chunk:
                self._take(row, profile)

    def _take(self, row: reading.HandOffRow, profile: reading.Profile) -> None:
        self.offered += 1
        self.states[row.state] += 1
        for state, reason in row.reasons.items():
            self.reasons[state][reason or "(no reason given)"] += 1
        accepted = not _ACCEPTED.isdisjoint(row.passed)
        if not accepted and "rejected" not in row.passed:
            return
        level = 0 if not accepted else 1 if not row.closed else 3 if row.state == "won" else 2
        self._totals[level] += 1
        lead = profile.values(row.profile)
        for name in self.attributes:
            if lead[name] is not None:
                self._of(name, str(lead[name]))[level] += 1
        for kind in row.before.split(",") if row.before else ():
            self._of("activity", kind)[level] += 1

    def _of(self, name: str, value: str) -> list[int]:
        found = self._tally.get((name, value))
        if found is None:
            found = self._tally[name, value] = [0, 0, 0, 0]
        return found

    def good_leads(self) -> dict[str, list[dict[str, Any]]]:
        """{goal: attributes and activities by how much they lift it}; clear ones first, small ones marked."""
        told: dict[str, list[dict[str, Any]]] = {}
        for goal, (of, hit) in _GOALS.items():
            hits, total = sum(self._totals[hit:]), sum(self._totals[of:])
            rows = []
            for (name, value), tally in self._tally.items():
                mine, count = sum(tally[hit:]), sum(tally[of:])
                if count < FEW or count == total:
                    continue
                one = lift(mine, count, hits - mine, total - count)
                rows.append({
                    "attribute": name, "value": value, "with": share(one.with_it), "without": share(one.without),
                    "lift": one.value, "low": one.low, "high": one.high, "small": one.small, "clear": one.clear,
                })  # fmt: skip
            told[goal] = sorted(
                rows, key=lambda r: (not r["clear"], r["small"], -(r["lift"] or 0), r["attribute"], r["value"])
            )
        return told

    def told(self) -> dict[str, Any]:
        """Reasons and outcomes as plain data."""
        return {
            "offered": self.offered, "states": dict(self.states.most_common()),
            "reasons": {state: [{"reason": r, "count": n} for r, n in counted.most_common()] for state, counted in self.reasons.items()},
            "good_leads": self.good_leads(),
        }  # fmt: skip


def pipeline(ledger: Ledger, owners: Mapping[str, str]) -> dict[str, Any]:
    """What is under way now: open hand-offs by state and owner, open opportunities by stage and currency."""
    states: Counter[str] = Counter()
    by_owner: dict[str, Counter[str]] = {}
    for state, owner, count in ledger.rows(
        "SELECT state, owner, count(*) FROM cases INDEXED BY cases_board WHERE closed_at IS NULL GROUP BY state, owner"
    ):
        states[state] += count
        by_owner.setdefault(owners.get(owner, owner) or "(nobody)", Counter())[state] += count
    stages: dict[tuple[str, str], list[Any]] = {}
    for _, agreed in chain.from_iterable(reading.opportunities(ledger, "open")):
        amount, currency = (agreed.get("amount") or ("0", None))[:2]
        entry = stages.setdefault((agreed.get("stage") or "(no stage)", currency or ""), [0, 0.0])
        entry[0] += 1
        entry[1] += float(amount or 0)
    return {
        "cases": {state: states[state] for state in cases.OPEN if states[state]},
        "owners": [{"owner": owner, **dict(counts)} for owner, counts in sorted(by_owner.items())],
        "opportunities": [
            {"stage": stage, "currency": currency or None, "count": count, "amount": round(amount, 2)}
            for (stage, currency), (count, amount) in sorted(stages.items())
        ],
    }  # fmt: skip
