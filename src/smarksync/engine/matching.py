"""Who is who: unlinked rows become entities and links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from smarksync.ledger import entities, inbox, keys, links, plans, quarantine, states, streams
from smarksync.ledger.db import dumps
from smarksync.ledger.inbox import Waiting
from smarksync.ledger.links import Link
from smarksync.mapping import CompiledMapping
from smarksync.model import ABSENT, ValueProblem
from smarksync.plan.match import ADDRESS, Match, Newcomer, keys_of, match, parts_of
from smarksync.plan.reasons import wanted_hash
from smarksync.plan.side import codecs_by_vendor

from .context import Lane, Run
from .lookup import record_of, unite
from .observe import observe, wake_namesakes
from .owners import KIND
from .stamps import stamp_lacking

CHUNK = 2000


def match_inbox(run: Run) -> None:
    """Links every row of the inbox, chunk by chunk, with the undecided ones of earlier runs beside the first."""
    pending = _provisional(run)
    last = 0
    while True:
        rows = inbox.take(run.ledger, last, CHUNK)
        if not rows and not pending:
            return
        with run.ledger.tx():
            _match_chunk(run, rows, pending)
            if rows:
                last = rows[-1].seq
                inbox.drop(run.ledger, last)
        pending = []
        run.tell("match", "", last)


def _provisional(run: Run) -> list[tuple[Link, int]]:
    """Rows that wait for a person's decision: looked at again, because another row may have settled it."""
    sql = "SELECT eid FROM entities WHERE state = 'provisional'"
    eids = [row[0] for row in run.ledger.rows(sql)]
    found = links.of_entities(run.ledger, eids)
    return [
        (link, eid) for eid, group in found.items() for link in group if link.state == "live" and link.sid in run.lanes
    ]


def _match_chunk(run: Run, rows: list[Waiting], pending: list[tuple[Link, int]]) -> None:
    newest = {(row.sid, row.rid): row for row in rows}  # a newer row replaces an older one
    bodies: Bodies = {}
    by_entity: dict[str, list[Newcomer]] = {}
    linked_meanwhile = {
        sid: links.of_records(run.ledger, sid, [r for s, r in newest if s == sid]) for sid in {s for s, _ in newest}
    }
    needed = {sid: _key_fields(run, lane) for sid, lane in run.lanes.items()}
    filters = {sid: _where(run, lane) for sid, lane in run.lanes.items()}
    for place, row in newest.items():
        lane = run.lanes.get(row.sid)
        if lane is None:
            continue
        known = linked_meanwhile[row.sid].get(row.rid)
        if known is not None and known.eid is not None and known.state != links.FILTERED:
            _late(run, lane, row)
            continue
        fields = row.fields
        values = canonical(lane, fields, needed[row.sid])
        if filters[row.sid] and not any(test(values) is True for test in filters[row.sid]):
            _filter(run, lane, row, known)
            continue
        bodies[place] = _Arrived(row, fields, known is not None)
        by_entity.setdefault(lane.stream.entity, []).append(Newcomer(place, values, known.eid if known else None))
    for link, eid in pending:
        if (link.sid, link.rid) in newest:
            continue
        lane = run.lanes[link.sid]
        values = canonical(lane, link.memory().get("s") or {})
        by_entity.setdefault(lane.stream.entity, []).append(Newcomer((link.sid, link.rid), values, eid))
    for entity, newcomers in by_entity.items():
        _point(run, newcomers, bodies)
        found = match(
            newcomers, run.match.get(entity, []),
            lambda wanted: keys.holders(run.ledger, wanted),
            lambda eids: links.occupied(run.ledger, eids),
            lambda a, b: entities.apart(run.ledger, a, b),
        )  # fmt: skip
        _carry_out(run, entity, found, bodies)


class _Arrived(NamedTuple):
    """A row with its fields; ``linked``: the ledger has a link of it already."""

    row: Waiting
    fields: dict[str, Any]
    linked: bool


Bodies = dict[tuple[int, str], _Arrived]


def canonical(lane: Lane, raw: Mapping[str, Any], names: Iterable[str] | None = None) -> dict[str, Any]:
    """A row in canonical terms, for keys and `where`; what has no meaning is left out. ``names`` None = all fields."""
    if names is None:
        return dict(lane.mapping.inward_row(raw)[0])
    values: dict[str, Any] = {}
    fields = lane.mapping.fields
    for name in names:
        codec = fields.get(name)
        if codec is None or not codec.read or (value := codec.raw(raw)) is ABSENT:
            continue
        try:
            values[name] = codec.inward(value)
        except ValueProblem:
            continue
    return values


def _key_fields(run: Run, lane: Lane) -> tuple[str, ...] | None:
    """The fields that matching needs of a row; all of them when a job filters rows."""
    if any(lane.stream.connection in job.rules.where for job in run.jobs if lane in job.lanes):
        return None
    names = {"external_id", "email", "last_name", "other_emails"}
    for alternative in run.match.get(lane.stream.entity, []):
        names.update(parts_of(alternative))
    if "first_name" in names or "last_name" in names:
        names.add("full_name")
    return tuple(sorted(names))


def _late(run: Run, lane: Lane, row: Waiting) -> None:
    """The row was linked since it came in (our own create): it is an observation like any other."""
    observe(run, lane, [(record_of(row), row.fp)], own=True)


def _where(run: Run, lane: Lane) -> list[Any]:
    """What the jobs of the connection ask of a row; empty when one of them takes every row."""
    tests = [job.rules.where.get(lane.stream.connection) for job in run.jobs if lane in job.lanes]
    return [] if None in tests else tests


def _filter(run: Run, lane: Lane, row: Waiting, known: Link | None) -> None:
    lane.filtered += 1
    links.put(run.ledger, [Link(row.sid, row.rid, known.eid if known else None, 0, links.FILTERED, row.fp,
                                known.memo if known else None, lane.moment, lane.ours(row.changed_at), None, row.version)])  # fmt: skip


def _point(run: Run, newcomers: list[Newcomer], bodies: Bodies) -> None:
    """Our own id in the vendor's record, or a create of ours whose answer was lost, names the entity."""
    wanted: dict[str, list[Newcomer]] = {}
    for newcomer in newcomers:
        lane = run.lanes[newcomer.row[0]]
        codec = lane.mapping.external_id
        value = newcomer.values.get("external_id") if codec is not None else None
        if value and newcomer.eid is None:
            wanted.setdefault(str(value), []).append(newcomer)
    if wanted:
        for ref, eid in entities.by_refs(run.ledger, list(wanted)).items():
            for newcomer in wanted[ref]:
                newcomer.pointer = eid
    doubts = plans.load(run.ledger, "op = 'create' AND status IN ('sending', 'unknown')")
    for row in doubts:
        for newcomer in newcomers:
            if newcomer.row[0] != row.sid or newcomer.pointer is not None or newcomer.row not in bodies:
                continue
            raw = bodies[newcomer.row].fields
            lane = run.lanes[row.sid]
            if shows(lane, raw, row.body.get("after", {})):
                newcomer.pointer = row.eid
                break


def shows(lane: Lane, raw: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a row shows everything that we sent."""
    codecs = codecs_by_vendor(lane.mapping)
    for vendor, sent in after.items():
        codec = codecs.get(vendor)
        if codec is None or not codec.read or vendor not in raw:
            continue
        if raw[vendor] != sent and not codec.is_fold(sent, raw[vendor]):
            return False
    return True


def _carry_out(run: Run, entity: str, found: Match, bodies: Bodies) -> None:
    linker = _Linker(run, entity, bodies)
    linker.know(eid for eid, _ in found.groups if eid is not None)
    linker.name([group for eid, group in found.groups if eid is None and not any(n.eid is not None for n in group)])
    for eid, group in found.groups:
        own = sorted(n.eid for n in group if n.eid is not None)
        if eid is None and not own:
            linker.create(group)
            continue
        linker.flush()
        eid = own[0] if eid is None else eid
        for other in own:
            if other != eid:
                unite(run, other, eid)
        if own:
            entities.set_state(run.ledger, eid, entities.LIVE)
            quarantine.clear(run.ledger, eid, kinds=("duplicate", "ambiguous"))
        linker.know([eid], again=True)
        linker.join(eid, group)
    linker.flush()
    for kind, group, candidates, key in found.doubts:
        if entity == KIND:  # several colleagues with one address: each stays its own side's, and nobody is asked
            for newcomer in group:
                linker.create([replace(newcomer, values={**newcomer.values, "email": None})])
            continue
        _doubt(run, entity, kind, group, candidates, key, linker)
    linker.flush()
    states.changed(run.ledger, linker.news)
    if entity != KIND:
        wake_namesakes(
            run, ((ADDRESS, str(n.values["email"]).casefold(), e) for n, e in linker.placed if n.values.get("email"))
        )


class _Linker:
    """Makes entities and links in bulk: most newcomers are new people, and each costs a row of each table."""

    def __init__(self, run: Run, entity: str, bodies: Bodies) -> None:
        self.run, self.entity, self.bodies = run, entity, bodies
        self.match = run.match.get(entity, [])
        self.next = int(run.ledger.value("SELECT seq FROM sqlite_sequence WHERE name = 'entities'") or 0) + 1
        self.made: list[tuple[int, str, str, str, str, str]] = []
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
        refs = [entities.make_ref(self.run.workspace, *name) for name in first]
        taken = entities.by_refs(self.run.ledger, refs)
        for group, name, ref in zip(groups, first, refs, strict=True):
            nth = 0
            while ref in taken:
                nth += 1
                ref = entities.make_ref(self.run.workspace, *name, nth)
                if entities.taken(self.run.ledger, ref):
                    taken[ref] = 0
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
        self.made.append((eid, ref, self.entity, state, "{}", self.run.run_id))
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
        entities.add(ledger, self.made)
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


def _memo(mapping: CompiledMapping, row: Waiting, fields: dict[str, Any], agreed: Mapping[str, Any], ref: str) -> bytes:
    """What a new link remembers; a row of which everything is news stays the very bytes that came in."""
    memo: dict[str, Any] = {"n": 1}
    shown = mapping.told(fields) if len(agreed) == 1 else mapping.differences(fields, agreed)
    if shown:
        memo["s"] = orjson.Fragment(row.body) if len(shown) == len(fields) else shown
    if unread := mapping.unread(fields):
        memo["u"] = unread
    if (lacking := stamp_lacking(mapping, fields, ref)) is not None:
        memo["x"] = lacking
    return dumps(memo)


def _doubt(
    run: Run, entity: str, kind: str, group: list[Newcomer], candidates: list[int], key: str, linker: _Linker
) -> None:
    """Nothing is guessed: each row waits as its own provisional entity, with the candidates named."""
    doubtful = _unsettle(run, entity, candidates, linker.news) if kind == "duplicate" else []
    for newcomer in group:
        if newcomer.eid is None:
            newcomer.eid = linker.create([newcomer], entities.PROVISIONAL)
        elif newcomer.row in linker.bodies:  # one that waits since an earlier run is no news
            linker.know([newcomer.eid])
            linker.join(newcomer.eid, [newcomer])
    linker.flush()
    everyone = sorted({*candidates, *doubtful, *(n.eid for n in group if n.eid is not None)})
    refs = {eid: ref for eid, (ref, _, _) in entities.load(run.ledger, everyone).items()}
    records = [f"{run.lanes[n.row[0]].name}:{n.row[1]}" for n in group]
    for newcomer in group:
        assert newcomer.eid is not None
        name = f"{run.lanes[newcomer.row[0]].name}:{newcomer.row[1]}"
        rivals = [r for r in records if r != name] + [refs[e] for e in candidates]
        what = "shares its key with" if kind == "duplicate" else "could be any of"
        text = f"{name} {what} {', '.join(rivals[:5])}{' …' if len(rivals) > 5 else ''} (by {key})"
        _hold(
            run,
            newcomer.eid,
            newcomer.row[0],
            kind,
            text,
            {"candidates": [refs[e] for e in everyone if e != newcomer.eid], "key": key},
        )


def _unsettle(run: Run, entity: str, candidates: list[int], news: list[Any]) -> list[int]:
    """A candidate that this very run made, and nothing rests on yet, is as doubtful as the newcomer: the order of
    pages must not decide which of two duplicates is the real one."""
    doubtful = []
    for eid in candidates:
        row = run.ledger.one("SELECT created_run, agreed FROM entities WHERE eid = ? AND state = 'live'", (eid,))
        if row is None or row[0] != run.run_id or row[1] != "{}":
            continue
        entities.set_state(run.ledger, eid, entities.PROVISIONAL)
        doubtful.append(eid)
        group = links.of_entities(run.ledger, [eid]).get(eid, [])
        for index, link in enumerate(group):
            owner = eid
            lane = run.lanes[link.sid]
            if index:
                values = canonical(lane, link.memory().get("s") or {})
                newcomer = Newcomer((link.sid, link.rid), values)
                single = _Linker(run, entity, {})
                owner = single.create([newcomer], entities.PROVISIONAL)
                single.flush()
                links.put(run.ledger, [link._replace(eid=owner, rank=0)])
                keys.add(run.ledger, [(k, v, owner) for k, v in keys_of(run.match.get(entity, []), values)])
                doubtful.append(owner)
            _hold(
                run,
                owner,
                link.sid,
                "duplicate",
                f"{lane.name}:{link.rid} shares its key with another row",
                {"candidates": []},
            )
            news.append((owner, link.sid, link.rid, run.run_id))
    return doubtful


def _hold(run: Run, eid: int, sid: int, kind: str, text: str, facts: dict[str, Any]) -> None:
    quarantine.put(run.ledger, job="", eid=eid, sid=sid, kind=kind, field="", code=f"SMK-{kind.upper()}", message=text,
                   wanted=wanted_hash(facts), facts=facts, run=run.run_id, now=run.stamp())  # fmt: skip
