"""What else changes when a lead is converted: the company and the deal that were made beside the contact, and which
record speaks for a person on a connection that has several of theirs.
"""

from __future__ import annotations

from typing import Any

from smarksync.ledger import audit, entities, links, states, streams
from smarksync.plan.side import Side
from smarksync.plugin import Can, Fetches, Gone

from .context import Lane, Run
from .lookup import left_behind, rank_of, unsettled


def lane_of(run: Run, lane: Lane, name: str | None) -> Lane | None:
    """The lane of another stream of the same connection, if this run reads it."""
    if name is None or name == lane.stream.object:
        return lane
    place = lane.stream.connection
    return next((o for o in run.lanes.values() if o.stream.connection == place and o.stream.object == name), None)


def bring_along(run: Run, lane: Lane, gone: Gone, eid: int) -> None:
    """Rows that the conversion made: known for the company that the lead had, and fetched unless a page brings them.

    A stream that this run does not read is left to the job that does: its own cursor shows the row.
    """
    for name, rid in sorted((gone.also or {}).items()):
        target = lane_of(run, lane, name)
        if target is None or target is lane:
            continue
        if target.stream.entity == "account":
            _join_account(run, target, rid, eid)
        want(run, target, rid)


def _join_account(run: Run, target: Lane, rid: str, eid: int) -> None:
    """The company of the lead, kept in agreement under whatever name people gave its new record there."""
    ledger = run.ledger
    ref = entities.load(ledger, [eid])[eid][2].get("account")
    account = entities.by_refs(ledger, [str(ref)]).get(str(ref)) if ref else None
    known = links.of_records(ledger, target.sid, [rid]).get(rid)
    if account is None or known is not None or target.sid in links.occupied(ledger, [account]).get(account, ()):
        return  # a record that was there before has its own keys, and a person may have chosen it for other reasons
    expect(run, target, rid, account)
    states.changed(ledger, [(account, target.sid, rid, run.run_id)])


def expect(run: Run, target: Lane, rid: str, eid: int, link: links.Link | None = None) -> None:
    """The place is kept: whichever page brings the row finds its link waiting for it.

    ``link``: the one of the row that became it; what that one was left with is no news when it is shown again.
    """
    rank = rank_of(run, target, eid)
    stands: dict[str, Any] = {}
    if link is not None and (mapping := run.mappings.get(link.sid)) is not None:
        side = Side(link.sid, link.rid, eid, mapping, link.memory())
        behind = left_behind(side, entities.load(run.ledger, [eid])[eid][2])
        stands = {
            f: v for f, v in behind.items() if f in target.mapping.fields and target.mapping.fields[f].create_only
        }
    memo = links.pack(unsettled(Side(target.sid, rid, eid, target.mapping, {}), stands))
    links.put(run.ledger, [links.Link(target.sid, rid, eid, rank, links.LIVE, None, memo, None, None, None, None)])
    streams.add_live(run.ledger, target.sid, 1)


def want(run: Run, target: Lane, rid: str) -> None:
    """The row is fetched by id after the pull, unless a page has brought it."""
    waiting = run.ledger.one("SELECT seq FROM inbox WHERE sid = ? AND rid = ? LIMIT 1", (target.sid, rid))
    seen = links.of_records(run.ledger, target.sid, [rid]).get(rid)
    known = seen is not None and seen.seen_at is not None
    if waiting is None and not known and Can.FETCH in target.spec.can and isinstance(target.connector, Fetches):
        run.wanted.setdefault(target.sid, []).append(rid)


def promote(run: Run, eid: int, lane: Lane, heir: tuple[int, str] | None = None) -> None:
    """The record that spoke for the person on this connection has left: the best of the others does from now on.

    ``heir``: the one that it became, which goes before the others of its stream, whatever their ids are.
    """
    place = lane.stream.connection
    alive = [
        link
        for link in links.of_entities(run.ledger, [eid]).get(eid, [])
        if link.state == links.LIVE and run.connection_of.get(link.sid) == place and link.sid in run.lanes
    ]
    if alive and all(link.rank for link in alive):
        best = min(alive, key=lambda link: (run.lanes[link.sid].primary_rank, link[:2] != heir, link.rid))
        links.set_rank(run.ledger, best.sid, best.rid, 0)
        states.changed(run.ledger, [(eid, best.sid, best.rid, run.run_id)])


def note(run: Run, lane: Lane, gone: Gone, eid: int) -> None:
    """The history says where the record went."""
    into = f"{lane.stream.connection}:{gone.into_stream or lane.stream.object}:{gone.into}"
    body = {
        "op": str(gone.kind), "connection": lane.stream.connection, "object": lane.stream.object, "id": gone.id,
        "reason": f"{lane.name}:{gone.id} became {into}", "also": dict(gone.also or {}), "fields": {},
    }  # fmt: skip
    audit.add(run.ledger, run.run_id, run.stamp(), [(eid, body)])


__all__ = ["bring_along", "expect", "lane_of", "note", "promote", "want"]
