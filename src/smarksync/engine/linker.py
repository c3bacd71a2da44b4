"""Entities and links made in bulk, while rows are matched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from smarksync.ledger import entities, keys, links, streams
from smarksync.ledger.db import packed
from smarksync.ledger.inbox import Waiting
from smarksync.ledger.links import Link
from smarksync.mapping import CompiledMapping
from smarksync.plan.match import Newcomer, keys_of

from .context import Lane, Run
from .stamps import stamp_lacking


class Arrived(NamedTuple):
    """A row with its fields; ``linked``: the ledger has a link of it already."""

    row: Waiting
    fields: Mapping[str, Any]
    linked: bool


Bodies = dict[tuple[int, str], Arrived]


class Linker:
    """Makes entities and links in bulk: most newcomers are new people, and each costs a row of each table."""

    def __init__(self, run: Run, entity: str, bodies: Bodies) -> None:
        self.run, self.entity, self.bodies = run, entity, bodies
        self.match = run.match.get(entity, [])
        self.next = int(run.ledger.value("SELECT seq FROM sqlite_sequence WHERE name = 'entities'") or 0) + 1
        self.made: list[tuple[int, str, str]] = []
        self.links: list[Link] = []
        self.linked: set[tuple[int, str]] = set()  # those whose link is stored already
        self.keys: list[tuple[str, str, int]] = []
        self.weak: list[tuple[str, str, int]] = []
        self.live: Counter[int] = Counter()
        self.news: list[tuple[int, int | None, str | None, str]] = []
        self.placed: list[tuple[Newcomer, int]] = []
        self.known: dict[int, tuple[str, str, dict[str, Any]]] = {}
        self.known_links: dict[int, list[Link]] = {}
        self.refs: dict[tuple[int, str], str] = {}

    def know(self, eids: Iterable[int], again: bool = False) -> None:
        """Loads entities that get new links."""
        wanted = [e for e in eids if again or e not in self.known]
        if wanted:
            self.known.update(entities.load(self.run.ledger, wanted))
            for eid in wanted:
                self.known_links.pop(eid, None)
            self.known_links.update(links.of_entities(self.run.ledger, wanted))

    def name(self, groups: list[list[Newcomer]]) -> None:
        """Entity ids from the first record of each group, in the order of connections: a plan's copy names them the same."""
        first = [self._first(group) for group in groups]
        told = [_told(group) for group in groups]
        refs = [entities.make_ref(self.run.workspace, *name) for name in first]
        taken = set(entities.by_refs(self.run.ledger, [*refs, *(ref for ref in told if ref)]))
        for group, name, ref, shown in zip(groups, first, refs, told, strict=True):
            nth = 0
            if shown is not None and shown not in taken:
                ref = shown
            while ref in taken:
                nth += 1
                ref = entities.make_ref(self.run.workspace, *name, nth)
                if entities.taken(self.run.ledger, ref):
                    taken.add(ref)
            taken.add(ref)
            self.refs[group[0].row] = ref

    def _first(self, group: list[Newcomer]) -> tuple[str, str, str]:
        lanes = self.run.lanes
        if len(group) == 1:
            sid, rid = group[0].row
            return lanes[sid].stream.connection, lanes[sid].stream.object, rid
        return min((lanes[n.row[0]].stream.connection, lanes[n.row[0]].stream.object, n.row[1]) for n in group)

    def create(self, group: list[Newcomer], state: str = entities.LIVE) -> int:
        """A new entity with the group's rows as its links."""
        if group[0].row not in self.refs:
            self.name([group])
        eid, ref = self.next, self.refs[group[0].row]
        self.next += 1
        self.made.append((eid, ref, state))
        agreed: dict[str, Any] = {"external_id": ref}
        self._place(eid, ref, agreed, group, [])
        return eid

    def join(self, eid: int, group: list[Newcomer]) -> None:
        """The group's rows become links of an entity that is there already."""
        ref, _, agreed = self.known[eid]
        self._place(eid, ref, {**agreed, "external_id": ref}, group, self.known_links.get(eid, []))

    def _place(self, eid: int, ref: str, agreed: dict[str, Any], group: list[Newcomer], there: list[Link]) -> None:
        primary = self._primaries(there)
        for newcomer in group:
            sid, rid = newcomer.row
            self.news.append((eid, sid, rid, self.run.run_id))
            self.placed.append((newcomer, eid))
            if newcomer.row not in self.bodies:
                continue  # linked to its provisional entity already, which is joined or released now
            lane = self.run.lanes[sid]
            row, fields, linked = self.bodies[newcomer.row]
            memo = _memo(lane.mapping, row, fields, agreed, ref)
            rank = self._rank(lane, primary)
            self.links.append(Link(sid, rid, eid, rank, links.LIVE, row.fp, memo, lane.moment,
                                   lane.ours(row.changed_at), None, row.version))  # fmt: skip
            if linked:
                self.linked.add(newcomer.row)
            self.live[sid] += 1
            self.keys += [(k, v, eid) for k, v in keys_of(self.match, newcomer.values)]
            self.weak += [("email", str(v), eid) for v in newcomer.values.get("other_emails") or ()]

    def _primaries(self, there: list[Link]) -> dict[str, tuple[int, Link | None, int]]:
        """By connection: the place of the primary link, and where it is kept (stored, or in this batch)."""
        found: dict[str, tuple[int, Link | None, int]] = {}
        for link in there:
            lane = self.run.lanes.get(link.sid)
            if lane is not None and link.state == links.LIVE and link.rank == 0:
                found[lane.stream.connection] = (lane.primary_rank, link, -1)
        return found

    def _rank(self, lane: Lane, primary: dict[str, tuple[int, Link | None, int]]) -> int:
        """0 = primary: the best of the entity's links on one connection; the others become secondary."""
        best = primary.get(lane.stream.connection)
        if best is not None and best[0] <= lane.primary_rank:
            return 1
        if best is not None:
            stored, index = best[1], best[2]
            if stored is not None:
                links.set_rank(self.run.ledger, stored.sid, stored.rid, 1)
            else:
                self.links[index] = self.links[index]._replace(rank=1)
        primary[lane.stream.connection] = (lane.primary_rank, None, len(self.links))
        return 0

    def flush(self) -> None:
        """Writes what was collected."""
        ledger = self.run.ledger
        entities.begin(ledger, self.entity, self.run.run_id, self.made)
        if self.linked:
            links.put(ledger, [link for link in self.links if link[:2] in self.linked])
            self.links = [link for link in self.links if link[:2] not in self.linked]
        links.place(ledger, self.links)
        keys.add(ledger, self.keys)
        if self.weak:
            keys.add_weak(ledger, self.weak)
        for sid, by in self.live.items():
            streams.add_live(ledger, sid, by)
        self.made, self.links, self.keys, self.weak = [], [], [], []
        self.live.clear()
        self.linked.clear()


def _told(group: list[Newcomer]) -> str | None:
    """The id of ours that the records carry already, when they carry one and the same: of a ledger that was lost."""
    shown = {str(value) for newcomer in group if (value := newcomer.values.get("external_id"))}
    return shown.pop() if len(shown) == 1 and entities.is_ref(next(iter(shown))) else None


def _memo(
    mapping: CompiledMapping, row: Waiting, fields: Mapping[str, Any], agreed: Mapping[str, Any], ref: str
) -> bytes:
    """What a new link remembers; a row of which everything is news stays the very bytes that came in."""
    memo: dict[str, Any] = {"n": 1}
    shown = mapping.told(fields) if len(agreed) == 1 else mapping.differences(fields, agreed)
    if shown:
        memo["s"] = orjson.Fragment(row.body) if len(shown) == len(fields) else shown
    if unread := mapping.unread(fields):
        memo["u"] = unread
    if (lacking := stamp_lacking(mapping, fields, ref)) is not None:
        memo["x"] = lacking
    return packed(memo)


__all__ = ["Arrived", "Bodies", "Linker"]
