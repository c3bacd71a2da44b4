"""What a side does not speak about: words of a set that it has no place for (``unknown: keep``).

Its record can neither show such a word nor lack it, so that those who can say whether it stands: sides that moved, else
what was agreed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smarksync.model import ABSENT

from .reconcile import View
from .rows import Outcome
from .side import Codec, Side, Vocabularies

#: how the reason begins when a side has the words of a set that it has a place for, and not the others
NOT_WHOLE = "not whole"


def hear_others(name: str, views: Sequence[View], sides: Sequence[Side], agreed: Any) -> None:
    """Completes what each side that moved shows by the words that only others know. Changes ``views`` in place."""
    words = {view.side: _words(sides[view.side], name) for view in views}
    moved = [view for view in views if view.edited or view.new]
    if not any(words[view.side] for view in moved):
        return
    shown = {view.side: _set(view.observed) for view in moved}
    known = set(agreed or ()).union(*shown.values())
    speaks = {index: known if one is None else set(one.known(sorted(known))) for index, one in words.items()}
    for view in moved:
        mute = known - speaks[view.side]
        if not mute or view.observed is ABSENT:
            continue
        told = {word for word in mute if _stands(word, moved, shown, speaks, agreed)}
        view.observed = sorted(shown[view.side] - mute | told) or (view.observed and [])


def _stands(
    word: Any, moved: Sequence[View], shown: Mapping[int, set[Any]], speaks: Mapping[int, set[Any]], agreed: Any
) -> bool:
    voices = [view.side for view in moved if word in speaks[view.side]]
    return any(word in shown[side] for side in voices) if voices else word in (agreed or ())


def _set(value: Any) -> set[Any]:
    return set() if value is ABSENT or value is None else set(value)


def _words(side: Side, name: str) -> Vocabularies | None:
    codec = side.codec(name)
    return None if codec is None else codec.kept


def say_left_out(sid: int, codec: Codec | None, value: Any, outcome: Outcome) -> None:
    """Reports that a system does not hold the whole set."""
    if codec is not None and codec.kept is not None and len(codec.kept.known(value)) < len(value or ()):
        outcome.left.append((sid, codec.name, f"{NOT_WHOLE}: {codec.vendor} has no value for some of its words"))


__all__ = ["NOT_WHOLE", "hear_others", "say_left_out"]
