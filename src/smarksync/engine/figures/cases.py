"""What came of the hand-offs of a period: reasons, what makes a good lead, and what is under way now."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
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


class HandOffs:
    """Reads the cases that were offered in the period once, and adds up what the report tells of them."""

    def __init__(self, ledger: Ledger, period: Period, extra: Sequence[str] = ()) -> None:
        self.ledger, self.period = ledger, period
        self.attributes = (*ATTRIBUTES, *extra)
        self.offered = 0
        self.states: Counter[str] = Counter()
        self.reasons: dict[str, Counter[str]] = {"rejected": Counter(), "recycled": Counter(), "lost": Counter()}
        self._tally: dict[str, dict[tuple[str, str], list[int]]] = {
            "accepted": defaultdict(_pair),
            "won": defaultdict(_pair),
        }
        self._totals: dict[str, list[int]] = {"accepted": [0, 0], "won": [0, 0]}
        for chunk in reading.handoffs(ledger, period.start, period.end):
            self._take(chunk)

    def _take(self, chunk: Sequence[reading.HandOffRow]) -> None:
        happened = reading.what_happened(self.ledger, {row.eid for row in chunk})
        for row in chunk:
            self.offered += 1
            self.states[row.state] += 1
            for state, counted in self.reasons.items():
                if state in row.passed:
                    counted[row.passed[state] or "(no reason given)"] += 1
            accepted = not _ACCEPTED.isdisjoint(row.passed)
            found = self._found(row.agreed, happened.get(row.eid, ()), row.offered_at)
            if accepted or "rejected" in row.passed:
                self._count("accepted", found, accepted)
            if accepted and row.closed:
                self._count("won", found, row.state == "won")

    def _found(
        self, lead: Mapping[str, Any], happened: Iterable[tuple[int, str]], offered: int
    ) -> set[tuple[str, str]]:
        found = {(name, str(lead[name])) for name in self.attributes if lead.get(name) is not None}
        since = offered - WINDOW_DAYS * 86_400_000_000
        found.update(("activity", kind) for at, kind in happened if since <= at < offered and kind not in _SALES)
        return found

    def _count(self, goal: str, found: Iterable[tuple[str, str]], hit: bool) -> None:
        self._totals[goal][0] += hit
        self._totals[goal][1] += 1
        for key in found:
            pair = self._tally[goal][key]
            pair[0] += hit
            pair[1] += 1

    def good_leads(self) -> dict[str, list[dict[str, Any]]]:
        """{goal: attributes and activities by how much they lift it}; clear ones first, small ones marked."""
        told: dict[str, list[dict[str, Any]]] = {}
        for goal, tally in self._tally.items():
            hits, total = self._totals[goal]
            rows = []
            for (name, value), (mine, count) in tally.items():
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


_SALES = frozenset({"call", "email", "meeting", "task", "note"})


def _pair() -> list[int]:
    return [0, 0]


def pipeline(ledger: Ledger, owners: Mapping[str, str]) -> dict[str, Any]:
    """What is under way now: open hand-offs by state and owner, open opportunities by stage and currency."""
    states: Counter[str] = Counter()
    by_owner: dict[str, Counter[str]] = {}
    for state, owner, count in ledger.rows(
        "SELECT state, owner, count(*) FROM cases WHERE closed_at IS NULL GROUP BY state, owner"
    ):
        states[state] += count
        by_owner.setdefault(owners.get(owner, owner) or "(nobody)", Counter())[state] += count
    stages: dict[tuple[str, str], list[Any]] = {}
    for _, _, agreed in reading.agreed_of(ledger, "opportunity"):
        if agreed.get("stage_kind") == "open":
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
