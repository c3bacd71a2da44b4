"""T3: what a receipt makes true. Links, bases, agreed and audit in one transaction; the intent is closed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from smarksync.ledger import audit, conflicts, entities, flips, keys, links, plans, quarantine, states, streams
from smarksync.ledger.links import Link
from smarksync.ledger.plans import PlanRow
from smarksync.model import ABSENT, ValueProblem, blank
from smarksync.plan.build import own_values
from smarksync.plan.consent import CONSENT_FIELDS
from smarksync.plan.evidence import seconds
from smarksync.plan.gap import missed
from smarksync.plan.job import Person
from smarksync.plan.match import keys_of, parts_of
from smarksync.plan.reasons import wanted_hash
from smarksync.plan.rows import PUT_BACK
from smarksync.plan.side import NAME_PARTS, PER_SIDE, Side, columns, wire_of
from smarksync.plugin import Can, Receipt, WriteResult

from . import absent, casebook
from .context import Lane, Run, instant
from .lookup import side_of
from .notes import note
from .settle_plain import settle_plain
from .shared import tell_other_jobs, tell_where


class Rekeyed(NamedTuple):
    """An entity of which fields were settled, with its sides as they are since then."""

    kind: str
    eid: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    fields: Collection[str]
    sides: Sequence[Side]


#: named once: Python looks a member of an enumeration up at every asking
_AS_WANTED = (WriteResult.CREATED, WriteResult.UPDATED, WriteResult.UNCHANGED)
#: fields whose first value on a new record is told by rules of their own
_OWN_WAYS = frozenset({"owner", *PER_SIDE, *CONSENT_FIELDS})


def settle_locally(
    run: Run, person: Person, values: Mapping[str, Any], taken: Mapping[str, Mapping[str, Any]],
    outside: Collection[int] = (),
) -> None:  # fmt: skip
    """Agreed moves without a write: in memory; the caller stores the entity and its memos. ``outside``: the streams whose
    record is outside `where`."""
    before = person.agreed
    after = {**before, **values}
    fields = set(values) | {f for t in taken.values() for f in t}
    for side in person.sides:
        side.rebase(before, after, fields, taken.get(side.key, {}))
        if side.sid in outside and side.rank == 0:
            missed(side, before, values)
    person.agreed = after


def settle(run: Run, done: Iterable[tuple[PlanRow, Receipt]]) -> None:
    """Settles rows that were applied, in one transaction (the caller's)."""
    done = list(done)
    tell_where(run, (row for row, _ in done))
    done = settle_plain(run, casebook.settle(run, done))
    if not done:
        return
    ledger = run.ledger
    eids = {row.eid for row, _ in done}
    found = entities.load(ledger, eids)
    linked = links.of_entities(ledger, eids)
    notes: list[tuple[int, dict[str, Any]]] = []
    news: list[tuple[int, int | None, str | None, str]] = []
    live: dict[int, int] = {}
    sides_of: dict[int, list[Side]] = {}
    for eid in eids:
        ref, _, agreed = found[eid]
        agreed["external_id"] = ref
        sides_of[eid] = [side_of(run, link) for link in linked.get(eid, []) if link.sid in run.mappings]
    asked = conflicts.of_entities(ledger, done[0][0].job, eids)
    fresh: set[tuple[int, str]] = set()
    rekeyed: list[tuple[PlanRow, Mapping[str, Any], Mapping[str, Any]]] = []
    touched: dict[tuple[int, str], Side] = {}
    removed = [row for row, _ in done if row.op in ("delete", "archive")]
    unfinished = plans.removals_beside(ledger, removed) if removed else set()
    for row, receipt in done:
        agreed = found[row.eid][2]
        sides = sides_of[row.eid]
        if row.op in ("delete", "archive"):
            _settle_removal(run, row, sides, live, row.eid in unfinished)
        else:
            before_agreed = agreed
            agreed = _settle_write(run, row, receipt, agreed, sides, live, news, fresh)
            found[row.eid] = (found[row.eid][0], found[row.eid][1], agreed)
            rekeyed.append((row, before_agreed, agreed))
        for side in sides:
            touched[(side.sid, side.rid)] = side
        notes.append((row.eid, note(run, row, receipt)))
        if row.eid in asked:
            conflicts.close(ledger, row.job, row.eid, row.body.get("fields", []))
    rekey(
        run,
        (
            Rekeyed(
                run.lanes[row.sid].stream.entity,
                row.eid,
                was,
                {**was, **row.values},
                row.body.get("fields", ()),
                sides_of[row.eid],
            )
            for row, was, _ in rekeyed
            if row.op != "create"  # a new person's came in with the rows that it was made of
        ),
    )
    tell_other_jobs(
        run, done[0][0].job, ((run.lanes[row.sid].stream.entity, row.eid) for row, was, now in rekeyed if was != now)
    )
    quarantine.taken(ledger, done[0][0].job, [(row.eid, row.sid) for row, _ in done if not row.consent])
    quarantine.consent_taken(ledger, done[0][0].job, [(row.eid, row.sid, row.rid) for row, _ in done if row.consent])
    links.put(ledger, (_link(side, fresh) for side in touched.values()))
    absent.estrange(run, ((row.eid, was, now) for row, was, now in rekeyed))
    entities.save_agreed(ledger, ((eid, found[eid][2]) for eid in eids))
    audit.add(ledger, run.run_id, run.stamp(), notes)
    _count_flips(run, [row.seq for row, _ in done], {eid: agreed for eid, (_, _, agreed) in found.items()})
    states.changed(ledger, news)
    for sid, by in live.items():
        streams.add_live(ledger, sid, by)
    plans.remove(ledger, [row.seq for row, _ in done])


def _count_flips(run: Run, seqs: Iterable[int], agreed: Mapping[int, Mapping[str, Any]]) -> None:
    """What was put back: decide.watch_flips looks how often it was."""
    rows = flips.of_rows(run.ledger, seqs, PUT_BACK)
    if rows:
        now = run.stamp()
        flips.add(
            run.ledger,
            [(eid, name, sid, wanted_hash({"v": agreed[eid].get(name)}), now) for eid, name, sid in rows],
        )


def _link(side: Side, fresh: set[tuple[int, str]]) -> Link:
    fp = None if (side.sid, side.rid) in fresh else side.fp  # written records are looked at once more
    return Link(side.sid, side.rid, side.eid, side.rank, side.state, fp, links.pack(side.memo), side.seen_at,
                side.changed_at, side.own_at, side.version)  # fmt: skip


def _settle_write(
    run: Run, row: PlanRow, receipt: Receipt, before: dict[str, Any], sides: list[Side], live: dict[int, int],
    news: list[Any], fresh: set[tuple[int, str]],
) -> dict[str, Any]:  # fmt: skip
    body = row.body
    values = row.values
    after = {**before, **values}
    lane = run.lanes[row.sid]
    rid = row.rid or str(receipt.id)
    target = next((s for s in sides if s.sid == row.sid and s.rid == rid), None)
    won, taken, whole = body.get("won", {}), body.get("taken", {}), body.get("whole", False)
    fields = body.get("fields", [])
    for side in sides:
        if side is target and (not whole or row.op == "create"):
            continue
        # a side that an earlier row of this decision has written stands at the new value: what it showed before is over
        losers = {f: v for f, v in taken.get(side.key, {}).items() if _still_shows(side, f, v, before)}
        if whole and side.key in won:
            # where nobody edited what it holds apart from all others (it was never sent the value), it has agreed to nothing
            apart = side.memo.get("b") or {}
            losers = {**{f: v for f, v in apart.items() if _still_shows(side, f, v, before)}, **losers}
            if losers:  # still owed a write: what it shows is said against what is agreed now
                names = side.names()
                side.rebase(before, after, names, {**{f: after.get(f) for f in names}, **losers})
            else:
                side.settle_whole(after)
        else:
            moved = dict.fromkeys(won.get(side.key, ()), None)
            # somebody who was linked since a plain create was planned shows what it showed, whatever is agreed now
            names = fields or sorted(values) if whole else fields
            side.rebase(before, after, names, {**{f: after.get(f) for f in moved}, **losers})
        if side.key in body.get("outside", ()):
            missed(side, before, values)
    if target is None:
        target = Side(row.sid, rid, row.eid, lane.mapping, {}, rank=_create_rank(lane, sides))
        if not whole:
            target._put("a", sorted(_unwritten(lane, body, fields)))
        sides.append(target)
        live[row.sid] = live.get(row.sid, 0) + 1
    elif row.op == "create":  # its answer was lost, and the record was found: it is ours, not one to be adopted
        target.memo = {}
        if not whole:
            target._put("a", sorted(_unwritten(lane, body, fields)))
    elif not whole:
        target.rebase(before, after, fields, {f: after.get(f) for f in fields})
    if row.op == "create":
        _unsent(target, body.get("after", {}), after)
        target.changed_at = _as_old_as(side for side in sides if side is not target)
    fresh.add((target.sid, target.rid))
    target.eid = row.eid
    if row.op == "create" and "owner" in fields:
        _own_choice(lane, target, receipt, body.get("after", {}), after)
    _echo(run, lane, target, receipt, body.get("after", {}), after, news, row)
    return after


def _as_old_as(sides: Iterable[Side]) -> str | None:
    """When people last changed the records that a new one was made of: our writing it down makes nothing they said newer."""
    return max(
        (side.changed_at for side in sides if side.state == links.LIVE and side.changed_at), default=None, key=seconds
    )


def _still_shows(side: Side, field: str, value: Any, agreed: Mapping[str, Any]) -> bool:
    try:
        return bool(side.observed(field, agreed) == value)
    except ValueProblem:
        return False


def _unsent(target: Side, sent: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """What a new record was not sent (read only there, another side's word) it shows nothing in: its base, and no edit."""
    base, seen = dict(target.memo.get("b") or {}), dict(target.memo.get("s") or {})
    absent = target.memo.get("a") or ()
    for name, codec in target.mapping.fields.items():
        if not codec.read or codec.vendor in sent or name in _OWN_WAYS or blank(wire_of(codec, after)):
            continue
        parts = [f for f in (NAME_PARTS if name == "full_name" else (name,)) if f not in absent]
        if parts:
            base.update((f, None) for f in parts if not blank(after.get(f)))
            seen.update(columns(codec, None if codec.currency_vendor is None else (None, None)))
    target._put("b", base)
    target._put("s", seen)


def _create_rank(lane: Lane, sides: list[Side]) -> int:
    taken = any(s.connection == lane.stream.connection and s.state == links.LIVE and s.rank == 0 for s in sides)
    return 1 if taken else 0


def _unwritten(lane: Lane, body: Mapping[str, Any], fields: list[str]) -> set[str]:
    """Fields of a new record that were not decided with it (in question): they are settled later."""
    names = {n for n in lane.mapping.fields if n not in ("full_name", "external_id")}
    if "full_name" in lane.mapping.fields:
        names |= {"first_name", "last_name"}
    consents = {"email_opt_out", "phone_opt_out", "consent_at", "consent_source", "consent_basis"}
    return names - set(fields) - consents


def version_after(lane: Lane, receipt: Receipt, known: str | None) -> str | None:
    """The version of a written record; one that the system did not tell is not the one it had before."""
    silent = Can.CONDITIONAL in lane.spec.can and receipt.result is not WriteResult.UNCHANGED
    return receipt.version or (None if silent else known)


def _own_choice(lane: Lane, target: Side, receipt: Receipt, sent: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """An owner whom the system does not know was not sent: the one that it names by itself is nobody's edit."""
    codec = lane.mapping.fields.get("owner")
    if codec is None or codec.vendor in sent or after.get("owner") is None:
        return
    if receipt.stored is not None and codec.vendor in receipt.stored:
        target.show(codec, receipt.stored[codec.vendor], after)
        target.take_own(codec, receipt.stored[codec.vendor], after)
    else:
        target.await_echo([codec.vendor])


def _echo(
    run: Run, lane: Lane, target: Side, receipt: Receipt, sent: Mapping[str, Any], after: Mapping[str, Any],
    news: list[Any], row: PlanRow,
) -> None:  # fmt: skip
    """What the side now holds: by its own word where it gave one, else by what we sent until we see it."""
    codecs = lane.mapping.codecs_by_vendor
    stored = receipt.stored
    silent = []
    seen, pairs = target.memo.get("s") or {}, target.memo.get("p") or {}
    consents = [codec.vendor for name in CONSENT_FIELDS if (codec := lane.mapping.fields.get(name)) is not None]
    if stored == sent and not target.memo and not any(vendor in sent for vendor in consents):
        sent = {}  # a new or settled record holds just what we sent: nothing to remember, field by field
    for vendor in sent:
        codec = codecs.get(vendor)
        if codec is None:
            continue
        if codec.name == "external_id":
            target._put("x", None)
        told = stored is not None and vendor in stored
        raw = codec.raw(sent)
        shown = codec.raw({**sent, **stored}) if told and stored is not None else raw
        if not told:
            silent.append(vendor)
        elif shown == raw and vendor not in seen and vendor not in pairs and codec.name not in CONSENT_FIELDS:
            continue  # it holds what we sent: nothing to remember
        target.show(codec, shown, after)
        if codec.same(shown, wire_of(codec, after)):
            target.drop_pair(vendor)
        else:
            target.keep_pair(vendor, raw, shown)
    if silent:
        target.await_echo(silent)
    if stored is not None and sent:
        _unasked(target, stored, sent, codecs, after, lane, news, row, run)
    target.version = version_after(lane, receipt, target.version)
    if row.op == "create" or (stored is not None and stored.keys() >= set(lane.mapping.vendor_fields)):
        target.seen_at = run.stamp()  # any other answer shows what was sent, and nothing of what others did meanwhile
    if receipt.changed_at is not None:
        target.own_at = instant(receipt.changed_at)
        target.changed_at = target.changed_at or lane.ours(receipt.changed_at)


def _unasked(
    target: Side, stored: Mapping[str, Any], sent: Mapping[str, Any], codecs: Mapping[str, Any], after: Mapping[str, Any],
    lane: Lane, news: list[Any], row: PlanRow, run: Run,
) -> None:  # fmt: skip
    """The echo shows fields that we did not send: defaults of the system, or somebody's edit just before ours."""
    for vendor in stored:
        codec = codecs.get(vendor)
        if codec is None or vendor in sent or not codec.read:
            continue
        raw = codec.raw(stored)
        known = target.shown(codec, after)
        if (
            known is not ABSENT
            and (known == raw or codec.same(raw, wire_of(codec, after)))
            and vendor not in (target.memo.get("s") or {})
        ):
            continue
        seen = dict(target.memo.get("s") or {})
        if vendor in seen and codec.raw(seen) == raw:
            continue
        for column in columns(codec, raw):
            seen.pop(column, None)
        if not codec.agrees(raw, wire_of(codec, after)):
            seen.update(columns(codec, raw))
            evidence = dict(target.memo.get("e") or {})
            evidence[vendor] = [lane.stream.observed_at, None]
            target._put("e", evidence)
        target._put("s", seen)
        news.append((row.eid, target.sid, target.rid, run.run_id))


def _settle_removal(run: Run, row: PlanRow, sides: list[Side], live: dict[int, int], unfinished: bool) -> None:
    """Our own deletion is no event: the link is gone, and marked as dealt with. So is what it followed from, once no
    removal of that person is to come: whoever takes our deletion back then, or links a record anew, is not undone."""
    for side in sides:
        if side.sid == row.sid and side.rid == row.rid:
            side.state = links.GONE
            side.memo = {"d": 1}
            live[row.sid] = live.get(row.sid, 0) - 1
    connections = {connection for job in run.jobs if job.name == row.job for connection in job.rules.connections}
    for side in sides:
        if side.state == links.GONE and side.connection in connections and not unfinished:
            side.memo["d"] = 1


def rekey(run: Run, changed: Iterable[Rekeyed]) -> None:
    """Match keys follow what is agreed. One that no record shows any more is a former one: it proposes, and never links."""
    added: list[tuple[str, str, int]] = []
    new: dict[int, tuple[Rekeyed, set[tuple[str, str]]]] = {}
    for one in changed:
        match = run.match.get(one.kind, [])
        names = {part for key in match for part in parts_of(key)} | {"email", "last_name"}
        same = all(one.before.get(name) == one.after.get(name) for name in names)
        if same and names.isdisjoint(one.fields):
            continue
        now = set(keys_of(match, one.after))
        if not same:
            added += [(k, v, one.eid) for k, v in now.difference(keys_of(match, one.before))]
        new[one.eid] = one, now
    if added:
        keys.add(run.ledger, added)
    former: list[tuple[str, str, int]] = []
    for eid, kind, value in keys.strong(run.ledger, new) if new else ():
        one, now = new[eid]
        if (kind, value) not in now and (kind, value) not in _shown_keys(run, one):
            former.append((kind, value, eid))
    if former:
        keys.weaken(run.ledger, former)


def _shown_keys(run: Run, one: Rekeyed) -> set[tuple[str, str]]:
    match = run.match.get(one.kind, [])
    living = (side for side in one.sides if side.state == links.LIVE)
    return {key for side in living for key in keys_of(match, own_values(side, one.after))}


def changed_outcome(result: WriteResult) -> bool:
    """Whether the row is now as we wanted it."""
    return result in _AS_WANTED


__all__ = ["Rekeyed", "ValueProblem", "changed_outcome", "rekey", "settle", "settle_locally"]
