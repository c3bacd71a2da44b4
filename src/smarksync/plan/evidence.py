"""When was a value edited? As an interval, because a record's time is only an upper bound.

An edit lies after the previous observation and not after the record's own time. Two edits have an order
only if their intervals are apart by more than the skew of the clocks. A field history gives a point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from smarksync.model import ABSENT

from .side import Side

#: states of a record that was deleted, became another one, or was left alone after a deletion elsewhere
LEFT_US = ("gone", "moved", "unlinked")


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

    @property
    def observed(self) -> Any: ...


T = TypeVar("T", bound=_HasEvidence)


def later(views: Sequence[T], skew: float, equal: Callable[[Any, Any], bool]) -> T | None:
    """The view that was edited last for certain, or None. ``skew`` is in seconds.

    Views of one value do not compete: which of them came last is nobody's question.
    """
    known = [view for view in views if view.evidence.until is not None]
    if not known:
        return None
    best = max(known, key=lambda view: seconds(view.evidence.after))
    best_after = seconds(best.evidence.after)
    rivals = [view.evidence for view in views if view is not best and not equal(view.observed, best.observed)]
    if any(rival.until is None for rival in rivals):
        return None
    others = [seconds(rival.until) for rival in rivals]
    return best if all(best_after > until + skew for until in others) else None


def since(gone: Iterable[Side], name: str, agreed: Mapping[str, Any]) -> str | None:
    """When records that have left were last edited, of those with which the field was settled: what they said was agreed."""
    heard = (s.changed_at for s in gone if s.codec(name) is not None and s.base(name, agreed) is not ABSENT)
    return max((at for at in heard if at is not None), key=seconds, default=None)


def seconds(instant: str | None) -> float:
    """Since 1970; a time that nobody knows was before every other."""
    return datetime.fromisoformat(instant).timestamp() if instant else float("-inf")
