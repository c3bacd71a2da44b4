"""What a record said of consent before it left. An opt-out counts, although nobody can read the record any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.ledger import audit, consent, entities, keys, states
from smarksync.ledger.links import Link
from smarksync.model.consent import Claim, Status, join
from smarksync.plan.consent import CHANNELS, claim_of
from smarksync.plan.side import Side

from .consents import as_claim, as_standing, moved
from .context import Lane, Run
from .shared import wake_namesakes


def heed(run: Run, lane: Lane, eid: int, left: Link | None, shows: Mapping[str, Any] | None) -> None:
    """Opt-outs that the record showed and nobody took yet: in its last words (``shows``, as the system tells them still),
    or in what was read of it before. ``left`` is its link; None when it had none."""
    ledger = run.ledger
    said = _opt_outs(run, lane, left, shows, entities.load(ledger, [eid])[eid][2])
    if not said:
        return
    stands = consent.of_entities(ledger, [eid]).get(eid, {})
    taken = {}
    for channel, claim in said.items():
        before = as_claim(stands[channel]) if channel in stands else None
        after = join(before, [claim]).standing
        if after is not None and after != before:
            taken[channel] = after
    if taken:
        consent.save(ledger, [as_standing(eid, channel, claim) for channel, claim in taken.items()])
        audit.add(ledger, run.run_id, run.stamp(), [(eid, moved(taken))])
        states.changed(ledger, [(eid, None, None, run.run_id)])
        wake_namesakes(run, [(kind, value, eid) for kind, value, weak in keys.of_entity(ledger, eid) if not weak])


def _opt_outs(
    run: Run, lane: Lane, left: Link | None, shows: Mapping[str, Any] | None, agreed: Mapping[str, Any]
) -> dict[str, Claim]:
    """The opt-outs by channel that were said and not taken."""
    memo: dict[str, Any] = left.memory() if left is not None else {"n": 1}
    told: dict[str, Any] = {**(memo.get("s") or {}), **(shows or {})}
    if not told:
        return {}
    side = Side(lane.sid, left.rid if left is not None else "", 0, lane.mapping, {**memo, "s": told})
    found = {}
    for channel, name in CHANNELS.items():
        codec = side.codec(name)
        if codec is not None and codec.vendor in told:
            claim = claim_of(side, name, agreed, run.stamp(), None)
            if claim is not None and claim.status is Status.OPTED_OUT:
                found[channel] = claim
    return found
