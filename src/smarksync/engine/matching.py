"""Who is who: unlinked rows become entities and links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from smarksync.ledger import entities, inbox, keys, links, plans, quarantine, states
from smarksync.ledger.inbox import Waiting
from smarksync.ledger.links import Link
from smarksync.ledger.plans import PlanRow
from smarksync.model import ABSENT, ValueProblem
from smarksync.plan.match import ADDRESS, Match, Newcomer, keys_of, match, parts_of
from smarksync.plan.reasons import wanted_hash

from . import facts, outside
from .context import Lane, Run
from .linker import Arrived, Bodies, Linker
from .lookup import record_of, unite
from .observe import observe
from .owners import KIND
from .shared import wake_namesakes

CHUNK = 2000


def match_inbox(run: Run) -> None:
    """Links every row of the run's streams, chunk by chunk, with the undecided ones of earlier runs beside the first.

    What a killed run has read for other jobs waits for a run of theirs: its cursor is past, and nobody would read it again.
    """
    pending = _provisional(run)
    last = 0
    while True:
        rows = inbox.take(run.ledger, run.lanes, last, CHUNK)
        if not rows and not pending:
            return
        with run.ledger.tx():
            _match_chunk(run, rows, pending)
            if rows:
                last = rows[-1].seq
                inbox.drop(run.ledger, run.lanes, last)
        pending = []
        run.tell("match", "", last)


def ahead(run: Run) -> Ahead | None:
    """What may be done of it while a first load is read; None in later runs.

    They wait for the whole pull: what left, and what was merged, is said only after it, and comes before matching.
    """
    lanes = [lane for lane in run.lanes.values() if not facts.are(lane)]
    if run.review is not None or any(lane.stream.observed_at is not None for lane in lanes):
        return None
    return Ahead(run)


class Ahead:
    """Matching beside the reading of a first load."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def page(self, rows: list[Waiting]) -> None:
        """Links new rows just as they come in, in the transaction that has their cursor: the inbox never sees them.

        None of their stream may be waiting there, because an older look at a record must not come after a newer one.
        """
        for start in range(0, len(rows), CHUNK):
            _match_chunk(self._run, rows[start : start + CHUNK], [], new=True)

    def chunk(self) -> bool:
        """Links the first rows of the inbox if there are enough of them to fill a chunk; says whether it did."""
        run = self._run
        if not inbox.holds(run.ledger, run.lanes, CHUNK):
            return False
        rows = inbox.take(run.ledger, run.lanes, 0, CHUNK)
        with run.ledger.tx():
            _match_chunk(run, rows, [])
            inbox.drop(run.ledger, run.lanes, rows[-1].seq)
        run.tell("match", "", rows[-1].seq)
        return True


def _provisional(run: Run) -> list[tuple[Link, int]]:
    """Rows that wait for a person's decision: looked at again, because another row may have settled it. Where a system of
    theirs could not be read they go on waiting: what it showed last may be over."""
    unread = {lane.stream.entity for lane in run.lanes.values() if lane.failed is not None}
    sql = "SELECT eid FROM entities WHERE state = 'provisional'"
    eids = [row[0] for row in run.ledger.rows(sql)]
    found = links.of_entities(run.ledger, eids)
    return [
        (link, eid)
        for eid, group in found.items()
        for link in group
        if link.state == "live" and link.sid in run.lanes and run.lanes[link.sid].stream.entity not in unread
    ]


def _match_chunk(run: Run, rows: list[Waiting], pending: list[tuple[Link, int]], *, new: bool = False) -> None:
    """``new``: none of the rows has a link."""
    newest = {(row.sid, row.rid): row for row in rows}  # a newer row replaces an older one
    bodies: Bodies = {}
    by_entity: dict[str, list[Newcomer]] = {}
    linked_meanwhile: dict[int, dict[str, Link]] = {sid: {} for sid, _ in newest}
    for sid in () if new else linked_meanwhile:
        linked_meanwhile[sid] = links.of_records(run.ledger, sid, [r for s, r in newest if s == sid])
    needed = {sid: _key_fields(run, lane) for sid, lane in run.lanes.items()}
    filters = {sid: _where(run, lane) for sid, lane in run.lanes.items()}
    lost = plans.load(run.ledger, "op = 'create' AND status IN ('sending', 'unknown')")
    ours = _keys_of_lost(run, [row for row in lost if filters.get(row.sid)])
    for place, row in newest.items():
        lane = run.lanes[row.sid]
        known = linked_meanwhile[row.sid].get(row.rid)
        if known is not None and known.eid is not None and known.state != links.FILTERED:
            _late(run, lane, row)
            continue
        fields = row.fields
        values = canonical(lane, fields, needed[row.sid])
        tests = filters[row.sid]
        if tests and not any(test(values, None) is True for test in tests) and not _among(run, lane, values, ours):
            _filter(run, lane, row, known)
            outside.remember(run, lane, row.rid, values)
            continue
        bodies[place] = Arrived(row, fields, known is not None)
        by_entity.setdefault(lane.stream.entity, []).append(Newcomer(place, values, known.eid if known else None))
    for link, eid in pending:
        if (link.sid, link.rid) in newest:
            continue
        lane = run.lanes[link.sid]
        memo = link.memory()
        values = canonical(lane, memo.get("s") or {})
        if "x" in memo:  # the id that it shows is not its own
            values["external_id"] = memo["x"][0]
        by_entity.setdefault(lane.stream.entity, []).append(Newcomer((link.sid, link.rid), values, eid))
    for entity, newcomers in by_entity.items():
        _point(run, newcomers, bodies, lost)
        found = match(
            newcomers, run.match.get(entity, []),
            lambda wanted: keys.holders(run.ledger, wanted),
            lambda eids: links.occupied(run.ledger, eids),
            lambda a, b: entities.apart(run.ledger, a, b),
        )  # fmt: skip
        _carry_out(run, entity, found, bodies)


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


def _keys_of_lost(run: Run, lost: list[PlanRow]) -> set[tuple[int, str, str]]:
    """(stream, kind, value): the match keys of creates whose answer was lost. Who shows one is our own new record, and that
    stays linked whatever `where` says of it: its opt-outs are heard."""
    known = entities.load(run.ledger, {row.eid for row in lost})
    return {
        (row.sid, kind, value)
        for row in lost
        for kind, value in keys_of(
            run.match.get(run.lanes[row.sid].stream.entity, []), {**known[row.eid][2], **row.values}
        )
    }


def _among(run: Run, lane: Lane, values: Mapping[str, Any], ours: set[tuple[int, str, str]]) -> bool:
    match = run.match.get(lane.stream.entity, []) if ours else []
    return any((lane.sid, kind, value) in ours for kind, value in keys_of(match, values))


def _point(run: Run, newcomers: list[Newcomer], bodies: Bodies, lost: list[PlanRow]) -> None:
    """Our own id in the vendor's record, or a create of ours whose answer was lost, names the entity."""
    wanted: dict[str, list[Newcomer]] = {}
    for newcomer in newcomers:
        lane = run.lanes[newcomer.row[0]]
        codec = lane.mapping.external_id
        value = newcomer.values.get("external_id") if codec is not None else None
        if value:
            wanted.setdefault(str(value), []).append(newcomer)
    if wanted:
        for ref, eid in entities.by_refs(run.ledger, list(wanted)).items():
            for newcomer in wanted[ref]:  # one that waits since an earlier run is no less a copy than it was then
                own = newcomer.eid
                if own is None or (own != eid and not entities.apart(run.ledger, own, eid)):
                    newcomer.pointer = eid
    for row in lost:
        for newcomer in newcomers:
            if newcomer.row[0] != row.sid or newcomer.pointer is not None or newcomer.row not in bodies:
                continue
            raw = bodies[newcomer.row].fields
            lane = run.lanes[row.sid]
            if shows(lane, raw, row.after):
                newcomer.pointer = row.eid
                break


def shows(lane: Lane, raw: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a row shows everything that we sent."""
    codecs = lane.mapping.codecs_by_vendor
    for vendor, sent in after.items():
        codec = codecs.get(vendor)
        if codec is None or not codec.read or vendor not in raw:
            continue
        if raw[vendor] != sent and not codec.is_fold(sent, raw[vendor]):
            return False
    return True


def _carry_out(run: Run, entity: str, found: Match, bodies: Bodies) -> None:
    linker = Linker(run, entity, bodies)
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


def _doubt(
    run: Run, entity: str, kind: str, group: list[Newcomer], candidates: list[int], key: str, linker: Linker
) -> None:
    """Nothing is guessed: each row waits as its own provisional entity, with the candidates named."""
    doubtful = _unsettle(run, entity, candidates, linker) if kind == "duplicate" else []
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


def _unsettle(run: Run, entity: str, candidates: list[int], linker: Linker) -> list[int]:
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
                linker.bodies.pop(newcomer.row, None)  # it has its link, be it since a moment ago: that moves
                owner = linker.create([newcomer], entities.PROVISIONAL)
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
            linker.news.append((owner, link.sid, link.rid, run.run_id))
    return doubtful


def _hold(run: Run, eid: int, sid: int, kind: str, text: str, facts: dict[str, Any]) -> None:
    quarantine.put(run.ledger, job="", eid=eid, sid=sid, kind=kind, field="", code=f"SMK-{kind.upper()}", message=text,
                   wanted=wanted_hash(facts), facts=facts, run=run.run_id, now=run.stamp())  # fmt: skip
