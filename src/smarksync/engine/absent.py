"""Records of systems that the config no longer names: what is agreed moves on without them.

A connection that somebody takes out of the config keeps its links: who is who stays known, and nobody gets a second
record there. While it is away no record of it is read and no value of it is compared. If it comes back it is read whole.
A field that a record still shows as it did is no edit and gets what was agreed meanwhile; one that was changed on both
sides of the gap is adopted, since nobody can tell any more which change the other one knew of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from smarksync.ledger import inbox, links, streams
from smarksync.ledger.db import loads
from smarksync.ledger.streams import Stream
from smarksync.plan.gap import changed, met_again
from smarksync.plan.side import Side

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


def estrange(run: Run, moved: Iterable[tuple[int, Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """(entity, agreed before, what is agreed now): their records there stand at what was agreed before.

    Within the caller's transaction.
    """
    if not run.absent:
        return
    news: dict[int, dict[str, Any]] = {}
    for eid, before, after in moved:
        told = {f: before.get(f) for f, value in after.items() if before.get(f) != value and f != "external_id"}
        if told:
            news[eid] = {**told, **news.get(eid, {})}  # of two moves in a run, what stood before the first
    for eid, sid, rid, body in links.on_streams(run.ledger, news, run.absent):
        memo: dict[str, Any] = loads(body) if body is not None else {}
        if not memo.get("n"):
            known = {*memo.get("b", ()), *memo.get("a", ())}
            memo["b"] = {**{f: v for f, v in news[eid].items() if f not in known}, **memo.get("b", {})}
            memo["q"] = sorted({*memo.get("q", ()), *news[eid]})
        _keep(run, sid, rid, memo)


def forget(run: Run, eid: int) -> None:
    """The entity becomes another one's alias: what its records there showed is said of nobody any more."""
    if run.absent:
        for _, sid, rid, body in links.on_streams(run.ledger, [eid], run.absent):
            dealt_with = body is not None and "d" in loads(body)  # a deletion is no news when it comes back
            _keep(run, sid, rid, {"n": 1, "d": 1} if dealt_with else {"n": 1})


def _keep(run: Run, sid: int, rid: str, memo: dict[str, Any]) -> None:
    links.remember(run.ledger, [(links.pack(memo), sid, rid)])
    links.look_again(run.ledger, sid, rid)


def come_back(side: Side, agreed: Mapping[str, Any]) -> bool:
    """The record is read again: what moved on both sides of the gap has no base. Whether the record moved at all."""
    apart = met_again(side, "q", agreed)
    return bool(apart) or any(changed(side, name, agreed) for name in side.dirty())
