"""Loading entities with their sides for decisions, and joining two that are one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from smarksync.ledger import audit, conflicts, consent, entities, keys, links
from smarksync.ledger.db import Ledger
from smarksync.ledger.inbox import Waiting
from smarksync.ledger.links import Link
from smarksync.mapping import CompiledMapping
from smarksync.model import ABSENT, ValueProblem
from smarksync.plan.build import own_values
from smarksync.plan.consent import CHANNELS
from smarksync.plan.job import Person
from smarksync.plan.match import keys_of
from smarksync.plan.side import NAME_PARTS, Side, columns, wire_of
from smarksync.plugin import Record

from . import absent
from .context import Lane, Run
from .shared import wake_namesakes


def load_people(run: Run, eids: Iterable[int], job: str, wanted: str = entities.LIVE) -> list[Person]:
    """Entities of one state with their sides, people's answers and parked fields."""
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
        if state != wanted:
            continue
        agreed["external_id"] = ref
        group = linked.get(eid, [])
        sides = [side_of(run, link) for link in group if link.sid in run.mappings]
        places = frozenset(run.connection_of[link.sid] for link in group if link.sid in run.connection_of)
        person = Person(eid, ref, agreed, sides, places, parked=parked.get(eid, frozenset()))
        if told := answers.get(eid):
            person.answers = _told({field: answer for field, (answer, _) in told.items()})
            person.asked = {field: asked for field, (_, asked) in told.items()}
        people.append(person)
    return people


def _told(answers: dict[str, Any]) -> dict[str, Any]:
    """People's answers by field; how a full name is split answers for both of its parts."""
    whole = answers.pop("full_name", None)
    return {**dict(zip(NAME_PARTS, whole, strict=True)), **answers} if whole else answers


def side_of(run: Run, link: Link) -> Side:
    """A stored link as a side of a decision."""
    return Side(link.sid, link.rid, link.eid, run.mappings[link.sid], link.memory(), rank=link.rank, state=link.state,
                seen_at=link.seen_at, changed_at=link.changed_at, own_at=link.own_at, version=link.version, fp=link.fp, lid=link.lid)  # fmt: skip


def record_of(row: Waiting) -> Record:
    """A stored row as the record that it was."""
    at = datetime.fromisoformat(row.changed_at) if row.changed_at else None
    return Record(row.rid, row.fields, at, row.version, row.changed_by)


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
        mapping = run.mappings.get(link.sid)
        if mapping is not None:
            readopt(mapping, link, before, agreed, ledger)
    absent.forget(run, loser)
    links.give(ledger, loser, survivor)
    for link in moved:
        if link.state != links.LIVE or link.rank != 0:
            continue
        place = run.connection_of.get(link.sid)
        rivals = [o for o in mine if o.state == links.LIVE and o.rank == 0 and run.connection_of.get(o.sid) == place]
        for rival in rivals:
            worse = link if _order(run, rival) <= _order(run, link) else rival
            links.set_rank(ledger, worse.sid, worse.rid, 1)
    standing = consent.of_entities(ledger, [loser, survivor])
    _unite_consent(run, standing.get(loser, {}), standing.get(survivor, {}), survivor)
    _keep_keys(run, loser, _shown_keys(run, moved, before))
    entities.join(ledger, loser, survivor)
    # one of the two may have opted out, and who shares an address of the other one has not heard of it
    wake_namesakes(run, [(kind, value, survivor) for kind, value, weak in keys.of_entity(ledger, survivor) if not weak])


def former_keys(run: Run, eid: int) -> None:
    """After a record left: what no other one shows and is not agreed was the key of that record alone. Where a living
    record is not read in this run, all of them stay."""
    strong = {(kind, value) for kind, value, weak in keys.of_entity(run.ledger, eid) if not weak}
    found = entities.load(run.ledger, [eid]).get(eid)
    if found is None or not strong:
        return
    rows = links.of_entities(run.ledger, [eid]).get(eid, [])
    kind = next((run.lanes[row.sid].stream.entity for row in rows if row.sid in run.lanes), None)
    agreed = set(keys_of(run.match.get(kind, []), found[2])) if kind is not None else strong
    if not strong <= agreed and all(row.sid in run.lanes for row in rows if row.state == links.LIVE):
        _keep_keys(run, eid, agreed | _shown_keys(run, rows, found[2]))


def _keep_keys(run: Run, eid: int, shown: Collection[tuple[str, str]]) -> None:
    """The other keys of an entity are former ones: they propose, and never link."""
    keys.weaken(
        run.ledger, [(k, v, eid) for k, v, weak in keys.of_entity(run.ledger, eid) if not weak and (k, v) not in shown]
    )


def _shown_keys(run: Run, rows: Iterable[Link], agreed: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The keys that living records show."""
    shown: set[tuple[str, str]] = set()
    for link in rows:
        lane = run.lanes.get(link.sid)
        if lane is not None and link.state == links.LIVE:
            shown.update(keys_of(run.match.get(lane.stream.entity, []), own_values(side_of(run, link), agreed)))
    return shown


def _order(run: Run, link: Link) -> int:
    """The place of its stream among those of one entity, best first."""
    lane = run.lanes.get(link.sid)
    return lane.primary_rank if lane is not None else 0


def readopt(
    mapping: CompiledMapping, link: Link, before: Mapping[str, Any], after: Mapping[str, Any], ledger: Ledger
) -> None:
    """The same record beside other agreed values: what it shows stays, every base is unknown again. But an opt-out that
    was taken from it stands since then: seen as news, it would be dated anew and weigh more than a later opt-in. And what
    it was left with, since it takes the field with a new record only, is nobody's word against what people said since."""
    was = link.memory()
    side = Side(link.sid, link.rid, link.eid, mapping, was)
    raws = {c.vendor: (c, side.shown(c, before)) for c in mapping.fields.values()}
    out = [name for name in CHANNELS.values() if _opted_out(side, name, before)]
    memo = unsettled(side, {**dict.fromkeys(out, True), **left_behind(side, before)})
    seen: dict[str, Any] = {}
    for codec, raw in raws.values():
        if raw is not ABSENT and not codec.agrees(raw, wire_of(codec, after)):
            seen.update(columns(codec, raw))
    if seen:
        memo["s"] = seen
    if unread := sorted(v for v, (c, raw) in raws.items() if raw is ABSENT and c.read):
        memo["u"] = unread
    if "d" in was:
        memo["d"] = 1  # what followed from its deletion has followed
    stamp = mapping.external_id
    if stamp is not None and side.can_write("external_id"):
        shown = was["x"][0] if "x" in was else before.get("external_id")
        if shown != after.get("external_id"):
            memo["x"] = [shown]  # it carries the id of the other entity, and gets ours
    links.remember(ledger, [(links.pack(memo), link.sid, link.rid)])


def unsettled(side: Side, stands: Mapping[str, Any]) -> dict[str, Any]:
    """The memory of a record of which nothing is settled but that it ``stands`` there."""
    return {"a": sorted({*side.names()} - {*stands}), "b": dict(stands)} if stands else {"n": 1}


def left_behind(side: Side, before: Mapping[str, Any]) -> dict[str, Any]:
    """What the record shows in create-only fields, as long as nobody edits it there, while something else was agreed."""
    found: dict[str, Any] = {}
    for name, codec in side.mapping.fields.items():
        if codec.create_only and name in side.names():
            with suppress(ValueProblem):
                base = side.base(name, before)
                if base is not ABSENT and base != before.get(name) and side.observed(name, before) == base:
                    found[name] = base
    return found


def _opted_out(side: Side, name: str, agreed: Mapping[str, Any]) -> bool:
    """Whether the record shows an opt-out, and did when that was taken."""
    try:
        return side.codec(name) is not None and side.observed(name, agreed) is True and side.base(name, agreed) is True
    except ValueProblem:
        return False


def _unite_consent(run: Run, theirs: Mapping[str, Any], ours: Mapping[str, Any], survivor: int) -> None:
    from smarksync.model.consent import join

    from .consents import as_claim, as_standing, moved

    taken = {}
    for channel, standing in theirs.items():
        own = as_claim(ours[channel]) if channel in ours else None
        joined = join(own, [as_claim(standing)]).standing
        if joined is not None and joined != own:
            taken[channel] = joined
    if taken:
        consent.save(run.ledger, [as_standing(survivor, channel, claim) for channel, claim in taken.items()])
        audit.add(run.ledger, run.run_id, run.stamp(), [(survivor, moved(taken))])
