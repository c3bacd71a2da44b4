"""Who is who: unlinked rows become entities and links; and loading entities with their sides for decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from smarksync.ledger import conflicts, consent, entities, inbox, keys, links, plans, quarantine, states, streams
from smarksync.ledger.links import Link
from smarksync.model import ABSENT, ValueProblem
from smarksync.plan.build import Person
from smarksync.plan.match import Match, Newcomer, keys_of, match
from smarksync.plan.side import Side

from .context import Lane, Run
from .stamps import mark_stamp

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
                last = rows[-1][0]
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


def _match_chunk(
    run: Run, rows: list[tuple[int, int, str, bytes, dict[str, Any]]], pending: list[tuple[Link, int]]
) -> None:
    bodies: dict[tuple[int, str], tuple[bytes, dict[str, Any]]] = {}
    for _, sid, rid, fp, body in rows:
        bodies[(sid, rid)] = (fp, body)  # a newer row replaces an older one
    by_entity: dict[str, list[Newcomer]] = {}
    linked_meanwhile = {
        sid: links.of_records(run.ledger, sid, [r for s, r in bodies if s == sid]) for sid in {s for s, _ in bodies}
    }
    for (sid, rid), (fp, body) in bodies.items():
        lane = run.lanes.get(sid)
        if lane is None:
            continue
        known = linked_meanwhile[sid].get(rid)
        if known is not None and known.eid is not None and known.state != links.FILTERED:
            _late(run, lane, rid, fp, body)
            continue
        values = canonical(lane, body["f"])
        if not _takes_part(run, lane, values):
            _filter(run, lane, rid, fp, body, known)
            continue
        by_entity.setdefault(lane.stream.entity, []).append(Newcomer((sid, rid), values, known.eid if known else None))
    for link, eid in pending:
        if (link.sid, link.rid) in bodies:
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


def canonical(lane: Lane, raw: Mapping[str, Any]) -> dict[str, Any]:
    """A row in canonical terms, for keys and `where`; what has no meaning is left out."""
    values, _ = lane.mapping.inward_row(raw)
    return dict(values)


def _late(run: Run, lane: Lane, rid: str, fp: bytes, body: dict[str, Any]) -> None:
    """The row was linked since it came in (our own create): it is an observation like any other."""
    from .intake import observe

    observe(run, lane, [(record_of(rid, body), fp)], own=True)


def record_of(rid: str, body: Mapping[str, Any]) -> Any:
    """A stored row as the record that it was."""
    from datetime import datetime

    from smarksync.plugin import Record

    at = body.get("at")
    return Record(rid, body["f"], datetime.fromisoformat(at) if at else None, body.get("v"), body.get("by"))


def _takes_part(run: Run, lane: Lane, values: Mapping[str, Any]) -> bool:
    """Whether any job of the connection wants the row."""
    tests = [job.rules.where.get(lane.stream.connection) for job in run.jobs if lane in job.lanes]
    return any(test is None or test(values) is True for test in tests) if tests else True


def _filter(run: Run, lane: Lane, rid: str, fp: bytes, body: dict[str, Any], known: Link | None) -> None:
    lane.filtered += 1
    links.put(run.ledger, [Link(lane.sid, rid, known.eid if known else None, 0, links.FILTERED, fp,
                                known.memo if known else None, lane.until, body.get("at"), None, body.get("v"))])  # fmt: skip


def _point(run: Run, newcomers: list[Newcomer], bodies: Mapping[tuple[int, str], Any]) -> None:
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
            raw = bodies[newcomer.row][1]["f"]
            lane = run.lanes[row.sid]
            if shows(lane, raw, row.body.get("after", {})):
                newcomer.pointer = row.eid
                break


def shows(lane: Lane, raw: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a row shows everything that we sent."""
    from smarksync.plan.side import codecs_by_vendor

    codecs = codecs_by_vendor(lane.mapping)
    for vendor, sent in after.items():
        codec = codecs.get(vendor)
        if codec is None or not codec.read or vendor not in raw:
            continue
        if raw[vendor] != sent and not codec.is_fold(sent, raw[vendor]):
            return False
    return True


def _carry_out(
    run: Run, entity: str, found: Match, bodies: Mapping[tuple[int, str], tuple[bytes, dict[str, Any]]]
) -> None:
    news: list[tuple[int, int | None, str | None, str]] = []
    for eid, group in found.groups:
        own = sorted(n.eid for n in group if n.eid is not None)
        if eid is None:
            eid = own[0] if own else _new_entity(run, entity, group)
        for other in own:
            if other != eid:
                unite(run, other, eid)
        entities.set_state(run.ledger, eid, entities.LIVE) if own else None
        quarantine.clear(run.ledger, eid, kinds=("duplicate", "ambiguous"))
        for newcomer in group:
            _link(run, newcomer, eid, bodies)
            news.append((eid, newcomer.row[0], newcomer.row[1], run.run_id))
        _shared_address(run, eid, group, news)
    for kind, group, candidates, key in found.doubts:
        _doubt(run, entity, kind, group, candidates, key, bodies, news)
    states.changed(run.ledger, news)


def _new_entity(run: Run, entity: str, group: list[Newcomer], state: str = entities.LIVE) -> int:
    """An entity named after its first record in the order of connections, so that a plan's copy names it the same."""
    names = sorted((run.lanes[n.row[0]].stream.connection, run.lanes[n.row[0]].stream.object, n.row[1]) for n in group)
    nth = 0
    ref = entities.make_ref(run.workspace, *names[0])
    while entities.taken(run.ledger, ref):
        nth += 1
        ref = entities.make_ref(run.workspace, *names[0], nth)
    return entities.create(run.ledger, entity, ref, run.run_id, state)


def _link(
    run: Run, newcomer: Newcomer, eid: int, bodies: Mapping[tuple[int, str], tuple[bytes, dict[str, Any]]]
) -> None:
    sid, rid = newcomer.row
    lane = run.lanes[sid]
    if newcomer.row not in bodies:
        return  # linked to its provisional entity already; joined above
    fp, body = bodies[newcomer.row]
    ref, _, agreed = entities.load(run.ledger, [eid])[eid]
    agreed["external_id"] = ref
    side = Side(sid, rid, eid, lane.mapping, {"n": 1})
    side._put("s", lane.mapping.differences(body["f"], agreed))
    side._put("u", [c.vendor for c in lane.mapping.fields.values() if c.read and c.vendor not in body["f"]])
    mark_stamp(side, body["f"], ref)
    rank = rank_of(run, lane, eid)
    links.put(run.ledger, [Link(sid, rid, eid, rank, links.LIVE, fp, links.pack(side.memo), lane.until,
                                body.get("at"), None, body.get("v"))])  # fmt: skip
    streams.add_live(run.ledger, sid, 1)
    keys.add(run.ledger, [(k, v, eid) for k, v in keys_of(run.match.get(lane.stream.entity, []), newcomer.values)])
    others = newcomer.values.get("other_emails")
    if others:
        keys.add_weak(run.ledger, [("email", str(v), eid) for v in others])


def rank_of(run: Run, lane: Lane, eid: int) -> int:
    """0 = primary: the best of the entity's links on one connection; the others become secondary."""
    rank = 0
    for link in links.of_entities(run.ledger, [eid]).get(eid, []):
        other = run.lanes.get(link.sid)
        if other is None or link.state != links.LIVE or other.stream.connection != lane.stream.connection:
            continue
        if other.primary_rank <= lane.primary_rank:
            rank = 1
        else:
            links.set_rank(run.ledger, link.sid, link.rid, 1)
    return rank


def unite(run: Run, loser: int, survivor: int) -> None:
    """One entity of two: links, keys, consent and log follow; values that differ are adopted anew."""
    ledger = run.ledger
    ours = entities.load(ledger, [loser, survivor])
    _, _, agreed = ours[survivor]
    agreed["external_id"] = ours[survivor][0]
    mine = links.of_entities(ledger, [survivor]).get(survivor, [])
    moved = links.of_entities(ledger, [loser]).get(loser, [])
    before = {**ours[loser][2], "external_id": ours[loser][0]}
    for link in moved:
        lane = run.lanes.get(link.sid)
        if lane is not None:
            readopt(lane, link, before, agreed, ledger)
    links.give(ledger, loser, survivor)
    for link in moved:
        lane = run.lanes.get(link.sid)
        if lane is None or link.state != links.LIVE or link.rank != 0:
            continue
        rivals = [o for o in mine if o.state == links.LIVE and o.rank == 0 and (ol := run.lanes.get(o.sid)) is not None
                  and ol.stream.connection == lane.stream.connection]  # fmt: skip
        for rival in rivals:
            better = run.lanes[rival.sid].primary_rank <= lane.primary_rank
            worse = link if better else rival
            links.set_rank(ledger, worse.sid, worse.rid, 1)
    standing = consent.of_entities(ledger, [loser, survivor])
    _unite_consent(run, standing.get(loser, {}), standing.get(survivor, {}), survivor)
    entities.join(ledger, loser, survivor)


def readopt(lane: Lane, link: Link, before: Mapping[str, Any], after: Mapping[str, Any], ledger: Any) -> None:
    """The same record beside other agreed values: what it shows stays, every base is unknown again."""
    side = Side(lane.sid, link.rid, link.eid, lane.mapping, link.memory())
    raws = {c.vendor: (c, side.shown(c, before)) for c in lane.mapping.fields.values()}
    memo: dict[str, Any] = {"n": 1}
    from smarksync.plan.side import wire_of

    seen = {v: raw for v, (c, raw) in raws.items() if raw is not ABSENT and not c.agrees(raw, wire_of(c, after))}
    if seen:
        memo["s"] = seen
    links.remember(ledger, [(links.pack(memo), link.sid, link.rid)])


def _unite_consent(run: Run, theirs: Mapping[str, Any], ours: Mapping[str, Any], survivor: int) -> None:
    from smarksync.model.consent import join

    from .consents import as_claim, as_standing

    for channel, standing in theirs.items():
        own = ours.get(channel)
        joined = join(as_claim(own) if own else None, [as_claim(standing)]).standing
        if joined is not None:
            consent.save(run.ledger, [as_standing(survivor, channel, joined)])


def _shared_address(run: Run, eid: int, group: list[Newcomer], news: list[Any]) -> None:
    """Another entity with the address may have opted out: both are looked at again."""
    if not consent.anyone(run.ledger):
        return
    addresses = [("email", str(n.values["email"]).casefold()) for n in group if n.values.get("email")]
    for found in keys.holders(run.ledger, addresses).values():
        news.extend((other, None, None, run.run_id) for other, _ in found if other != eid)


def _doubt(
    run: Run, entity: str, kind: str, group: list[Newcomer], candidates: list[int], key: str,
    bodies: Mapping[tuple[int, str], tuple[bytes, dict[str, Any]]], news: list[Any],
) -> None:  # fmt: skip
    """Nothing is guessed: each row waits as its own provisional entity, with the candidates named."""
    doubtful = _unsettle(run, entity, candidates, news) if kind == "duplicate" else []
    for newcomer in group:
        if newcomer.eid is None:
            newcomer.eid = _new_entity(run, entity, [newcomer], entities.PROVISIONAL)
            _link(run, newcomer, newcomer.eid, bodies)
        elif newcomer.row in bodies:
            _link(run, newcomer, newcomer.eid, bodies)
        news.append((newcomer.eid, newcomer.row[0], newcomer.row[1], run.run_id))
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
        if row is None or row[0] != run.run_id or bytes(row[1]) != b"{}":
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
                owner = _new_entity(run, entity, [newcomer], entities.PROVISIONAL)
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
                   wanted="", facts=facts, run=run.run_id, now=run.stamp())  # fmt: skip


def load_people(run: Run, eids: Iterable[int], job: str) -> list[Person]:
    """Entities with their sides, people's answers and parked fields."""
    eids = list(eids)
    found = entities.load(run.ledger, eids)
    linked = links.of_entities(run.ledger, eids)
    answers = conflicts.answers(run.ledger, job, eids)
    parked = conflicts.parked(run.ledger, job, eids)
    people = []
    for eid in eids:
        if eid not in found:
            continue
        ref, state, agreed = found[eid]
        if state != entities.LIVE:
            continue
        agreed["external_id"] = ref
        group = linked.get(eid, [])
        sides = [side_of(run, link) for link in group if link.sid in run.mappings]
        places = frozenset(run.connection_of[link.sid] for link in group if link.sid in run.connection_of)
        people.append(Person(eid, ref, agreed, sides, places, answers.get(eid, {}), parked.get(eid, frozenset())))
    return people


def side_of(run: Run, link: Link) -> Side:
    """A stored link as a side of a decision."""
    return Side(link.sid, link.rid, link.eid, run.mappings[link.sid], link.memory(), rank=link.rank, state=link.state,
                seen_at=link.seen_at, changed_at=link.changed_at, own_at=link.own_at, version=link.version, fp=link.fp)  # fmt: skip


__all__ = [
    "ValueProblem",
    "canonical",
    "load_people",
    "match_inbox",
    "readopt",
    "record_of",
    "shows",
    "side_of",
    "unite",
]
