"""Records that `where` keeps out hold their persons' places: nobody gets a second one beside them.

Where a system can be searched it is asked before a create. Where it cannot (no look-up, or the key is not one that it
can look up), it was read whole, and the keys of what was left out are remembered here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from smarksync.ledger import outside
from smarksync.plan.match import keys_of, parts_of
from smarksync.plugin import Can

from .context import JobRun, Lane, Run


def remember(run: Run, lane: Lane, rid: str, values: Mapping[str, Any]) -> None:
    """A record that takes no part (within the caller's transaction)."""
    match = run.match.get(lane.stream.entity, [])
    if not lookup_keys(lane) or any(parts_of(one) != ["email"] for one in match):
        outside.put(run.ledger, lane.sid, rid, keys_of(match, values))


def lookup_keys(lane: Lane) -> list[str]:
    """The vendor fields by which a row of ours can be looked up: the address, then our own id."""
    if Can.FIND not in lane.spec.can:
        return []
    codecs = (lane.mapping.fields.get(name) for name in ("email", "external_id"))
    return [str(codec.vendor) for codec in codecs if codec is not None and codec.vendor in lane.spec.natural_keys]


def places(run: Run, job: JobRun, lane: Lane, told: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[int, str]:
    """{create: the record outside `where` that is its person}. ``told``: (create, what is agreed of the person with it)."""
    if lane.stream.connection not in job.rules.where:
        return {}
    keys = {seq: keys_of(job.match, values) for seq, values in told}
    found = outside.holders(run.ledger, lane.sid, (one for some in keys.values() for one in some))
    return {seq: found[one] for seq, some in keys.items() for one in some if one in found}
