"""Records that meet again: they carry our id, and the ledger that linked and settled them is lost.

What differs between them differed when they were settled, where one system has no word for the other's value and the
mapping says `unknown: keep`, or where it takes the field with new records only; anything but that again would overwrite
what nobody has edited.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .consent import CONSENT_FIELDS
from .job import JobRules, Person
from .reconcile import View
from .side import Side
from .staying import takes

#: what may be agreed of somebody of whom nothing is settled yet
_UNSETTLED = frozenset({"external_id", *CONSENT_FIELDS})


def meets_again(person: Person, sides: Sequence[Side]) -> bool:
    """Whether nothing is settled of somebody whose records all carry our id."""
    return len(sides) > 1 and _UNSETTLED.issuperset(person.agreed) and all(_stamped(side) for side in sides)


def standing(job: JobRules, sides: Sequence[Side], name: str) -> Callable[[list[View]], View | None]:
    """Finds the value that can stand beside all others without a write, because their systems have no word for it."""

    def find(voices: list[View]) -> View | None:
        for view in sorted(voices, key=lambda one: (one.connection, sides[one.side].key)):
            others = (v for v in voices if not job.equal(name, v.observed, view.observed))
            if not any(_takes(sides[other.side], name, view.observed) for other in others):
                return view
        return None

    return find


def _stamped(side: Side) -> bool:
    return side.can_write("external_id") and "x" not in side.memo


def _takes(side: Side, name: str, value: Any) -> bool:
    codec = side.codec(name)
    assert codec is not None  # it has brought a value
    return takes(codec, value)


__all__ = ["meets_again", "standing"]
