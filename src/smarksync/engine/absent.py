"""Records of systems that the config no longer names. They cannot follow what is agreed, so they are met anew.

A connection that somebody takes out of the config keeps its links: who is who stays known, and nobody gets a second
record there. While it is away no record of it is read and no value of it is compared. If it comes back it is read whole,
and each record of a person of whom something was agreed meanwhile is adopted like a newcomer's: what it showed when it
left is no edit, and what is agreed now is no reason to think that it shows that.
"""

from __future__ import annotations

from collections.abc import Iterable

from smarksync.ledger import inbox, links, streams
from smarksync.ledger.db import loads
from smarksync.ledger.streams import Stream

from .context import Run


def leave(run: Run, every: Iterable[Stream]) -> None:
    """Streams that no mapping of the config fits: the next reading of them is a whole one."""
    away = [stream for stream in every if stream.sid not in run.mappings]
    run.absent = frozenset(stream.sid for stream in away)
    if away:
        inbox.drop(run.ledger, run.absent, inbox.top(run.ledger))
    for stream in away:
        if stream.cursor is not None:
            streams.begin_again(run.ledger, stream.sid)


def estrange(run: Run, eids: Iterable[int]) -> None:
    """Something else is agreed about these people now (within the caller's transaction)."""
    found = links.on_streams(run.ledger, eids, run.absent) if run.absent else []
    for _, sid, rid, memo in found:
        dealt_with = "d" in loads(memo) if memo is not None else False  # a deletion is no news when it comes back
        links.remember(run.ledger, [(links.pack({"n": 1, "d": 1} if dealt_with else {"n": 1}), sid, rid)])
        links.look_again(run.ledger, sid, rid)


def known_there(run: Run, eids: Iterable[int]) -> set[int]:
    """Those of them who have a record on such a system."""
    return {eid for eid, *_ in links.on_streams(run.ledger, eids, run.absent)} if run.absent else set()
