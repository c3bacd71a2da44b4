"""What a record said of consent before it left. An opt-out counts, although nobody can read the record any more.

It was said when the record left, at the latest: what the person did since outweighs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.ledger import audit, consent, entities, keys, links, states
from smarksync.ledger.links import Link
from smarksync.model.consent import Claim, Status, join
from smarksync.plan.consent import CHANNELS, claim_of
from smarksync.plan.side import Side

from .consents import as_claim, as_standing, moved
from .context import Lane, Run
from .shared import ADDRESSES, wake_namesakes


def heed(
    run: Run, lane: Lane, eid: int, left: Link | None, shows: Mapping[str, Any] | None, at: str
) -> dict[str, Claim]:
    """Takes opt-outs that the record showed and nobody took yet, and gives them by channel: in its last words (``shows``, as
    the system tells them still), or in what was read of it before. ``left`` is its link, which remembers that they were
    taken; None when it had none. ``at``: when it left."""
    agreed = entities.load(run.ledger, [eid])[eid][2]
    memo: dict[str, Any] = left.memory() if left is not None else {"n": 1}
    told: dict[str, Any] = {**(memo.get("s") or {}), **(shows or {})}
    if not told:
        return {}
    side = Side(lane.sid, left.rid if left is not None else "", eid, lane.mapping, {**memo, "s": told})
    said = _opt_outs(side, agreed, min(at, run.stamp()))
    if said and left is not None:
        names = [CHANNELS[channel] for channel in said]
        side.rebase(agreed, agreed, names, dict.fromkeys(names, True))
        links.remember(run.ledger, [(links.pack(dict(side.memo)), lane.sid, left.rid)])
    if said:
        _take(run, eid, said)
    return said


def spread(run: Run, eid: int, said: Mapping[str, Claim]) -> None:
    """What a record of somebody doubtful said, to everybody who has its address: nobody will look at it again."""
    if "email" not in said:
        return
    addresses = {value for kind, value, weak in keys.of_entity(run.ledger, eid) if kind in ADDRESSES and not weak}
    found = keys.holders(run.ledger, [(kind, value) for value in sorted(addresses) for kind in ADDRESSES])
    others = {other for group in found.values() for other, weak in group if not weak} - {eid}
    for other in sorted(others):
        _take(run, other, {"email": said["email"]})


def _opt_outs(side: Side, agreed: Mapping[str, Any], at: str) -> dict[str, Claim]:
    """The opt-outs by channel that were said and not taken."""
    found = {}
    for channel, name in CHANNELS.items():
        codec = side.codec(name)
        if codec is not None and codec.vendor in (side.memo.get("s") or {}):
            claim = claim_of(side, name, agreed, at, None)
            if claim is not None and claim.status is Status.OPTED_OUT:
                found[channel] = claim
    return found


def _take(run: Run, eid: int, said: Mapping[str, Claim]) -> None:
    ledger = run.ledger
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


__all__ = ["heed", "spread"]
