"""What a system fills in by itself: new records that it did not echo are read back in full calls, in the same run.

Defaults of the system (a status, an owner) are then known before the next round decides, and the next run has
nothing to settle that this one began. The engine takes such a row for what every re-read is: an observation.
"""

from __future__ import annotations

from collections.abc import Sequence

from smarksync.errors import SystemFailure
from smarksync.ledger.plans import PlanRow
from smarksync.plugin import Can, Receipt, Record

from . import facts
from .context import Lane, Run
from .observe import observe_again
from .settle import changed_outcome

#: ids that are asked for at once, of vendors that take so many: each connector cuts them to its own calls
AT_ONCE = 2_000


def silent(lane: Lane, pairs: Sequence[tuple[PlanRow, Receipt]]) -> list[str]:
    """The new records of whose values the system said nothing, where it can be asked."""
    if Can.FETCH not in lane.spec.can or facts.are(lane):
        return []
    return [
        str(receipt.id)
        for row, receipt in pairs
        if row.op == "create" and changed_outcome(receipt.result) and receipt.id and receipt.stored is None
    ]


def ask(lane: Lane, ids: Sequence[str]) -> tuple[list[Record], SystemFailure | None]:
    """The records as they are now; a call of its own, in any thread."""
    try:
        return list(lane.fetch(ids)), None
    except SystemFailure as error:
        error.connection = lane.stream.connection
        return [], error


def learn(run: Run, lane: Lane, records: Sequence[Record]) -> None:
    """What they show is what the system stored, or filled in: looked at now, and not again while it stays so."""
    with run.ledger.tx():
        observe_again(run, lane, records)
