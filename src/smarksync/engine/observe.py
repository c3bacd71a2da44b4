"""What a look at a linked record changes in what we remember of it: differences, with evidence of when they were made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from smarksync.ledger import entities, keys, links, states, streams
from smarksync.ledger.db import loads, packed
from smarksync.ledger.links import LIVE
from smarksync.model import ABSENT, ValueProblem
from smarksync.plan.job import LEFT
from smarksync.plan.match import keys_of, parts_of
from smarksync.plan.side import Side, same_stored, wire_of
from smarksync.plugin import OWN_USER, Record

from .absent import come_back
from .context import Lane, Run, instant
from .lookup import rank_of
from .shared import wake_namesakes
from .stamps import mark_stamp, stamp_lacking


def observe(
    run: Run, lane: Lane, rows: Sequence[tuple[Record, bytes]], own: bool = False, seen: str | None = None
) -> list[tuple[Record, bytes]]:
    """Lays changed rows over what their links remember; returns those that are not linked to anyone.

    Within a transaction. ``own`` says that the rows are re-reads before a write, not part of the pull; ``seen`` is when
    they were looked at, if that was not the pull.
    """
    ledger = run.ledger
    found = links.of_records(ledger, lane.sid, [r.id for r, _ in rows])
    agreed = entities.stored(ledger, {link.eid for link in found.values() if link.eid is not None})
    parts = _key_parts(run, lane)
    keyed = _vendors_of(lane, parts)
    told = lane.ours(lane.stream.observed_at)
    moment = seen or lane.moment
    run_id, sid, differences = run.run_id, lane.sid, lane.mapping.differences
    unlinked: list[tuple[Record, bytes]] = []
    stored: list[links.News] = []
    memos: list[tuple[int | None, bytes | None]] = []
    news: list[tuple[int, int | None, str | None, str]] = []
    new_keys: list[tuple[str, str, int]] = []
    for record, fp in rows:
        link = found.get(record.id)
        if link is None or link.eid is None or link.state == links.FILTERED:
            unlinked.append((record, fp))
            continue
        ref, known, told_of = agreed[link.eid]
        values: dict[str, Any] = loads(told_of)
        values["external_id"] = ref
        changed_at = lane.ours(record.changed_at)
        if link.memo is None and link.state == LIVE and known == entities.LIVE and not lane.adopts:
            differs = differences(record.fields, values)
            if keyed.isdisjoint(differs) and stamp_lacking(lane.mapping, record.fields, ref) is None:  # most by far
                if differs:
                    memos.append((link.lid, packed(_edited(record, lane, differs, told or link.seen_at, link.own_at))))
                    news.append((link.eid, sid, record.id, run_id))
                elif not own:
                    lane.unchanged += 1
                if link.changed_at is not None and (not differs or _is_ours(record, link.own_at)):
                    changed_at = link.changed_at
                stored.append((fp, moment or link.seen_at, changed_at, link.own_at, record.version, link.lid))
                continue
        if link.changed_at is not None and _is_ours(record, link.own_at):
            changed_at = link.changed_at  # our own write makes no record newer than another
        side = Side(
            lane.sid, record.id, link.eid, lane.mapping, link.memory(), rank=link.rank, state=link.state,
            seen_at=link.seen_at, changed_at=changed_at, own_at=link.own_at,
        )  # fmt: skip
        was = side.memo.copy()
        look(side, record, values, lane, after=link.seen_at)
        mark_stamp(side, record.fields, ref, new="external_id" in lane.adopts)
        back = link.state == links.GONE
        if back:  # it was away and is back: a person restored it
            # another record may speak for them by now
            links.set_rank(ledger, lane.sid, record.id, rank_of(run, lane, link.eid))
            links.set_state(ledger, lane.sid, record.id, links.LIVE)
            streams.add_live(ledger, lane.sid, 1)
            side._put("d", None)  # if it leaves once more, that is news
        edited = _moved(was, side.memo)
        moved = back or (come_back(side, values) if "q" in was else edited)
        if link.changed_at is not None and (
            not edited or _only_echo(was, side.memo) or _only_respelt(lane, was, side.memo)
        ):
            changed_at = link.changed_at  # a mere re-stamp is no edit, and our own write makes no record newer
        stored.append((fp, moment or link.seen_at, changed_at, link.own_at, record.version, link.lid))
        if was != side.memo:
            memos.append((link.lid, links.pack(side.memo)))
        if moved:
            news.append((link.eid, lane.sid, record.id, run.run_id))
            if known == entities.PROVISIONAL:
                # nothing was ever agreed: a key that it no longer shows holds nobody up
                keys.forget_strong(ledger, [link.eid])
            if known == entities.PROVISIONAL or not parts.isdisjoint(side.dirty()):
                new_keys += _keys(run, lane, side, values, link.eid, parts)
        elif not own:
            lane.unchanged += 1
    links.update(ledger, stored)
    links.memorise(ledger, memos)
    states.changed(ledger, news)
    if new_keys:
        keys.add(ledger, new_keys)
        wake_namesakes(run, new_keys)
    return unlinked


def observe_again(run: Run, lane: Lane, records: Iterable[Record]) -> None:
    """The same for records that were read by id, outside of the pull; those that are linked to nobody are passed over."""
    fingerprint = lane.fingerprints.of
    observe(run, lane, [(one, fingerprint(one.fields)) for one in records], own=True, seen=run.stamp())


def _edited(
    record: Record, lane: Lane, differs: dict[str, Any], after: str | None, own_at: str | None
) -> dict[str, Any]:
    """What is remembered of a settled record that was edited."""
    known = _evidence(record, lane, after, own_at)
    history = record.history
    if not history:
        return {"s": differs, "e": dict.fromkeys(differs, known)}
    return {"s": differs, "e": {v: (v in history and _from_history(record, v, lane)) or known for v in differs}}


def _vendors_of(lane: Lane, parts: Iterable[str]) -> set[str]:
    """The vendor fields that match keys are made of; a full name has parts that they are made of."""
    names = {*parts, "full_name"} if not {"first_name", "last_name"}.isdisjoint(parts) else set(parts)
    fields = lane.mapping.fields
    return {vendor for name in names if name in fields for vendor in fields[name].vendors}


def _moved(was: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether anything but evidence and waiting marks changed."""
    return any(was.get(k) != now.get(k) for k in ("n", "s", "b", "a", "p", "x"))


def _only_echo(was: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether nothing moved but fields of our own write, which the system keeps in its own way and had not told us of."""
    awaited, kept = was.get("w") or (), now.get("p") or {}
    before, after = was.get("s") or {}, now.get("s") or {}
    moved = {v for v in {*before, *after} if v not in before or v not in after or before[v] != after[v]}
    return all(v in awaited and v in kept for v in moved) and all(
        was.get(k) == now.get(k) for k in ("n", "b", "a", "x")
    )


def _only_respelt(lane: Lane, was: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether all that moved is how the record says the same: of an opt-out that was never ticked, nothing and no are one."""
    before, after, codecs = was.get("s") or {}, now.get("s") or {}, lane.mapping.codecs_by_vendor
    if before.keys() != after.keys() or any(was.get(k) != now.get(k) for k in ("n", "b", "a", "p", "x")):
        return False
    try:
        return all(
            codecs[vendor].currency_vendor is None
            and codecs[vendor].inward(before[vendor]) == codecs[vendor].inward(raw)
            for vendor, raw in after.items()
            if before[vendor] != raw
        )
    except (KeyError, ValueProblem):
        return False


def _key_parts(run: Run, lane: Lane) -> set[str]:
    """The fields that match keys are made of."""
    match = run.match.get(lane.stream.entity, [])
    return {"last_name"} | {part for alternative in match for part in parts_of(alternative)}


def _keys(
    run: Run, lane: Lane, side: Side, agreed: Mapping[str, Any], eid: int, parts: set[str]
) -> list[tuple[str, str, int]]:
    """The match keys that the row shows now."""
    values: dict[str, Any] = {}
    for name in parts:
        try:
            shown = side.observed(name, agreed)
        except ValueProblem:
            continue
        if shown is not ABSENT:
            values[name] = shown
    return [(kind, value, eid) for kind, value in keys_of(run.match.get(lane.stream.entity, []), values)]


def look(side: Side, record: Record, agreed: Mapping[str, Any], lane: Lane, after: str | None) -> None:
    """Replaces what the side shows by what the record shows, with evidence for what moved."""
    memo = side.memo
    mapping = lane.mapping
    differs = mapping.differences(record.fields, agreed)
    after = lane.ours(lane.stream.observed_at) or after
    if not memo:  # the common case: settled, and edited now
        if differs:
            memo.update(_edited(record, lane, differs, after, side.own_at))
            if lane.adopts:
                _adopt(side, lane, differs)
        return
    old_seen = dict(memo.get("s") or {})
    seen = {v: raw for v, raw in old_seen.items() if v not in record.fields}
    seen.update(differs)
    _resolve_echo(side, record, agreed, seen)
    pairs = memo.get("p")
    if pairs:
        codecs = mapping.codecs_by_vendor
        for vendor in [v for v in pairs if v in record.fields and v in codecs]:
            if not same_stored(pairs[vendor][1], codecs[vendor].raw(record.fields)):
                side.drop_pair(vendor)
    unread = [v for v in memo.get("u") or () if v not in record.fields]
    side._put("u", unread)
    evidence = dict(memo.get("e") or {})
    moved = [v for v, raw in seen.items() if v in record.fields and (v not in old_seen or old_seen[v] != raw)]
    if moved:
        known = _evidence(record, lane, after, side.own_at)
        for vendor in moved:
            evidence[vendor] = _from_history(record, vendor, lane) or known
    side._put("e", {v: e for v, e in evidence.items() if v in seen})
    side._put("s", seen)
    if lane.adopts:
        _adopt(side, lane, differs)


def _adopt(side: Side, lane: Lane, differs: Iterable[str]) -> None:
    """Fields that the mapping has just begun to read there have no base on this side."""
    by_vendor = lane.mapping.names_by_vendor
    names = {name for vendor in differs for name in by_vendor.get(vendor, ()) if name in lane.adopts} - {"external_id"}
    if names and not side.memo.get("n"):
        side._put("b", {name: value for name, value in (side.memo.get("b") or {}).items() if name not in names})
        side._put("a", sorted({*(side.memo.get("a") or ()), *names}))


def _evidence(record: Record, lane: Lane, lower: str | None, own_at: str | None) -> list[Any]:
    """(previous observation, record time]; a version that our own write made is no evidence of an edit."""
    at = lane.ours(record.changed_at)
    if at is None:
        return [lower, lane.moment, record.changed_by]
    if _is_ours(record, own_at):
        return [lower, None, None]
    if lower is not None and at <= lower:
        return [lower, None, record.changed_by]
    return [lower, at, record.changed_by]


def _is_ours(record: Record, own_at: str | None) -> bool:
    """Whether the version was made by our own write."""
    if record.changed_by is not None:
        return record.changed_by == OWN_USER  # a coarse stamp may be shared with a person's edit; a name is not
    return own_at is not None and record.changed_at is not None and instant(record.changed_at) == own_at


def _from_history(record: Record, vendor: str, lane: Lane) -> list[Any] | None:
    past = (record.history or {}).get(vendor)
    if not past:
        return None
    at = lane.ours(past[0].at)
    return [at, at, past[0].by]


def _resolve_echo(side: Side, record: Record, agreed: Mapping[str, Any], seen: dict[str, Any]) -> None:
    """The first look at a field whose stored value our write was not told."""
    waiting = [v for v in side.memo.get("w") or () if v in record.fields]
    if not waiting:
        return
    codecs = side.mapping.codecs_by_vendor
    for vendor in waiting:
        if vendor not in seen or vendor not in codecs:
            continue
        codec = codecs[vendor]
        base = side.base(codec.name, agreed) if codec.name != "full_name" else wire_of(codec, agreed)
        try:
            sent = codec.outward(base)
        except ValueProblem as problem:
            if problem.code in LEFT:  # it was not sent: the system named an owner by itself
                side.take_own(codec, codec.raw(seen), agreed)
            continue
        shown = codec.raw(seen)
        if codec.is_fold(sent, shown) or record.changed_by == OWN_USER:
            side.keep_pair(vendor, sent, shown)
    side.heard_echo(waiting)
