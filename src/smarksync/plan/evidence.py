"""When was a value edited? As an interval, because a record's time is only an upper bound.

An edit lies after the previous observation and not after the record's own time. Two edits have an order
only if their intervals are apart by more than the skew of the clocks. A field history gives a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar


class Evidence(NamedTuple):
    """``after`` < edit ≤ ``until`` (instants as text, UTC). None = not known; then it proves nothing."""

    after: str | None = None
    until: str | None = None
    by: str | None = None
    record: str | None = None  # the record's own last-modified time

    def as_record_time(self) -> Evidence:
        """For adoption, where record times themselves are compared."""
        return Evidence(self.record, self.record, self.by, self.record)


class _HasEvidence(Protocol):
    @property
    def evidence(self) -> Evidence: ...


T = TypeVar("T", bound=_HasEvidence)


def later(views: Sequence[T], skew: float) -> T | None:
    """The view that was edited last for certain, or None. ``skew`` is in seconds."""
    spans = []
    for view in views:
        evidence = view.evidence
        if evidence.until is None:
            return None
        until = datetime.fromisoformat(evidence.until).timestamp()
        after = datetime.fromisoformat(evidence.after).timestamp() if evidence.after else float("-inf")
        spans.append((after, until, view))
    best_after, _, best = max(spans, key=lambda span: span[0])
    others = [until for _, until, view in spans if view is not best]
    return best if all(best_after > until + skew for until in others) else None
