"""What a record that is there cannot be told, so that it stays as it is: a value without a counterpart in its system, or
any value of a field that new records alone take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smarksync.model import ABSENT, ValueProblem

from .job import LEFT, JobRules
from .reconcile import Verdict, View, blank
from .side import Codec, Side

#: how the reason begins when a side keeps what it has because it cannot hold what is agreed
AS_IT_IS = "left as it is"


def takes(codec: Codec, value: Any) -> bool:
    """Whether a record that is there can be written that value, or would say why not."""
    if codec.create_only:
        return False
    try:
        codec.outward(value)
    except ValueProblem as problem:
        return problem.code not in LEFT
    return True


def of_new_records(connection: str, codec: Codec) -> str:
    """The reason of a field that is create-only."""
    return f"{AS_IT_IS}: {connection} takes {codec.vendor} with a new record only"


def tellable(sides: Sequence[Side], views: Sequence[View], name: str) -> bool:
    """Whether the value of any side can be written to another: between owners whom nobody else knows there is no question."""
    codecs = [side.codec(name) for side in sides]
    return any(
        takes(codec, view.observed)
        for view in views
        for index, codec in enumerate(codecs)
        if codec is not None and index != view.side and view.observed is not ABSENT
    )


def untellable(name: str, agreed: Any, views: Sequence[View]) -> Verdict:
    """Every side keeps its own."""
    why = "nobody else has a user for its owner" if name == "owner" else "no other record takes it"
    return Verdict(agreed, left={view.side: f"{AS_IT_IS}: {why}" for view in views})


def owed(verdict: Verdict, views: Sequence[View], sides: Sequence[Side], job: JobRules, name: str) -> None:
    """A side that was left alone gets the news that came since: by another job, or by a write that did not arrive."""
    for view in views:
        if view.side not in verdict.left or verdict.conflict is not None or view.base is ABSENT:
            continue
        if not job.equal(name, view.base, verdict.value) and sides[view.side].can_write(name):
            del verdict.left[view.side]
            verdict.put_back.append(view.side)
            if not blank(view.observed):
                verdict.beaten[view.connection] = view.observed


__all__ = ["AS_IT_IS", "of_new_records", "owed", "takes", "tellable", "untellable"]
