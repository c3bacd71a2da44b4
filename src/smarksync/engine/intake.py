"""Pull: pages in, rows and cursor together in one transaction (T1).

Unchanged rows stop at their fingerprint, before any conversion. A linked row that changed leaves its
differences on its link, with the evidence of when they were made; an unlinked one goes to the inbox.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from smarksync.errors import Malformed, SystemFailure
from smarksync.ledger import consent, entities, inbox, keys, links, states, streams
from smarksync.model import ABSENT, ValueProblem
from smarksync.plan.guard import emptied
from smarksync.plan.match import ADDRESS, keys_of
from smarksync.plan.side import Side, codecs_by_vendor, same_stored, wire_of
from smarksync.plugin import OWN_USER, Page, Record, TellsTime

from .context import Lane, Run, instant
from .stamps import mark_stamp

ADDRESSES = ("email", ADDRESS)
_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def fingerprint(fields: Mapping[str, Any], version: bytes) -> bytes:
    """One hash over the raw mapped fields and the version of the mapping."""
    return blake2b(orjson.dumps(fields, option=_SORTED, default=str), digest_size=12, key=version).digest()


def pull(run: Run) -> None:
    """Reads every lane up to one common moment, told in each server's own clock; readers run side by side."""
    offsets = {name: _offset(run, opened) for name, opened in run.connections.items()}
    until = run.now()
    work: dict[str, list[Lane]] = {}
    for lane in run.lanes.values():
        opened = run.connections[lane.stream.connection]
        if opened.failed is not None:
            lane.failed = opened.failed
            continue
        lane.ahead = offsets[lane.stream.connection]
        lane.until, lane.moment = instant(until + lane.ahead), instant(until)
        work.setdefault(lane.stream.connection, []).append(lane)
    if not run.options.threads:
        for lanes in work.values():
            for lane in lanes:
                _drain(run, lane, _pages(run, lane))
        return
    _pull_side_by_side(run, work)


def _offset(run: Run, opened: Any) -> timedelta:
    """How far the server's clock is ahead of ours; a system that cannot be reached fails here."""
    if not isinstance(opened.connector, TellsTime) or opened.failed is not None:
        return timedelta(0)
    try:
        return opened.connector.server_time() - run.now()
    except SystemFailure as error:
        error.connection = opened.name
        opened.failed = error
        return timedelta(0)


def _pages(run: Run, lane: Lane) -> Iterator[Page]:
    cursor = lane.stream.cursor
    if lane.stream.mapping != lane.mapping.version:
        cursor = None  # another mapping sees other rows: everything is read again, and unchanged rows stop early
    lane.pulled_whole = cursor is None or lane.spec.full_scan
    return lane.connector.read(
        lane.stream.object, cursor=cursor, until=datetime.fromisoformat(lane.until), fields=lane.mapping.vendor_fields
    )


def _pull_side_by_side(run: Run, work: dict[str, list[Lane]]) -> None:
    """One reading thread a connection; one ledger writer (this thread); a few pages between them."""
    pages: queue.Queue[tuple[Lane, Page | BaseException | None]] = queue.Queue(
        maxsize=max(1, run.options.pages_ahead * len(work))
    )
    stop = threading.Event()

    def read(lanes: list[Lane]) -> None:
        for lane in lanes:
            try:
                for page in _pages(run, lane):
                    pages.put((lane, page))
                    if stop.is_set():
                        return
                pages.put((lane, None))
            except BaseException as error:  # carried to the run's own thread, which knows what to do
                pages.put((lane, error))

    threads = [threading.Thread(target=read, args=(lanes,), daemon=True) for lanes in work.values()]
    for thread in threads:
        thread.start()
    open_lanes = {id(lane): _Absorber(run, lane) for lanes in work.values() for lane in lanes}
    try:
        while open_lanes:
            lane, item = pages.get()
            absorber = open_lanes.get(id(lane))
            if absorber is None:
                continue
            if isinstance(item, Page):
                if not absorber.take_or_fail(item):
                    del open_lanes[id(lane)]
            else:
                del open_lanes[id(lane)]
                if item is None:
                    absorber.finish()
                elif isinstance(item, SystemFailure):
                    absorber.fail(item)
                else:
                    raise item
    finally:
        stop.set()
        while any(t.is_alive() for t in threads):
            try:
                pages.get(timeout=0.05)
            except queue.Empty:
                continue


def _drain(run: Run, lane: Lane, pages: Iterator[Page]) -> None:
    absorber = _Absorber(run, lane)
    try:
        for page in pages:
            if not absorber.take_or_fail(page):
                return
    except SystemFailure as error:
        absorber.fail(error)
        return
    absorber.finish()


class _Absorber:
    """Takes the pages of one lane into the ledger."""

    def __init__(self, run: Run, lane: Lane) -> None:
        self.run, self.lane = run, lane
        self.version = lane.mapping.version.encode()[:64]
        self.seen = 0
        if lane.pulled_whole or lane.spec.full_scan:
            run.ledger.run(
                "CREATE TEMP TABLE IF NOT EXISTS scan (sid INTEGER, rid TEXT, PRIMARY KEY (sid, rid)) WITHOUT ROWID"
            )
            run.ledger.run("DELETE FROM scan WHERE sid = ?", (lane.sid,))

    def fail(self, error: SystemFailure) -> None:
        """The lane is not complete: its jobs stop after T1, and nothing is inferred from what is missing."""
        error.connection = self.lane.stream.connection
        self.lane.failed = error

    def take_or_fail(self, page: Page) -> bool:
        """Stores a page; a malformed one fails the lane and is not stored."""
        try:
            self.take(page)
        except Malformed as error:
            self.fail(error)
            return False
        return True

    def take(self, page: Page) -> None:
        """T1: the rows of a page and the cursor after it."""
        ledger, lane = self.run.ledger, self.lane
        records = _distinct(page.records, lane)
        with ledger.tx():
            if records:
                self._store(records)
            streams.save_cursor(ledger, lane.sid, page.cursor, lane.mapping.version)
        self.seen += len(records)
        self.run.tell("pull", lane.name, lane.read, page.total)

    def finish(self) -> None:
        """Everything up to the lane's moment is known now."""
        ledger, lane = self.run.ledger, self.lane
        whole = lane.pulled_whole
        shown = int(ledger.value("SELECT count(*) FROM scan WHERE sid = ?", (lane.sid,))) if whole else None
        lane.shown_now = shown
        limit = next((job.guards.get("emptied_side") for job in self.run.jobs if lane in job.lanes), None)
        lane.emptied = whole and emptied(lane.stream.shown, shown, limit)
        if lane.emptied and "emptied_side" not in self.run.options.allow:
            shown = lane.stream.shown  # what it had counts until somebody allows that it has less
        with ledger.tx():
            streams.finish_read(
                ledger, lane.sid, mapping=lane.mapping.version, observed_at=lane.until, whole=whole, shown=shown
            )

    def _store(self, records: Sequence[Record]) -> None:
        ledger, lane = self.run.ledger, self.lane
        ids = [r.id for r in records]
        known = links.fingerprints(ledger, lane.sid, ids)
        if lane.pulled_whole:
            ledger.many("INSERT OR IGNORE INTO scan VALUES (?, ?)", ((lane.sid, i) for i in ids))
        changed: list[tuple[Record, bytes]] = []
        fresh: list[tuple[Record, bytes]] = []
        version = self.version
        before = lane.read
        for record in records:
            fp = fingerprint(record.fields, version)
            found = known.get(record.id, _NEW)
            if found is _NEW:
                fresh.append((record, fp))
            elif found != fp:
                changed.append((record, fp))
        lane.read = before + len(records)
        lane.unchanged += len(records) - len(fresh) - len(changed)
        if changed:
            fresh += observe(self.run, lane, changed)
        if fresh:
            inbox.add(ledger, ((lane.sid, r.id, fp, _body(r, lane)) for r, fp in fresh))


_NEW = object()


def _distinct(records: Sequence[Record], lane: Lane) -> list[Record]:
    """The last version of each id of a page; ids must be there."""
    found: dict[str, Record] = {}
    for record in records:
        if not isinstance(record.id, str) or not record.id:
            raise Malformed(
                f"{lane.name} sent a row without an id.",
                hint="Nothing of that page was stored. Report it to the connector.",
            )
        found.pop(record.id, None)
        found[record.id] = record
    return list(found.values())


def _body(record: Record, lane: Lane) -> dict[str, Any]:
    body: dict[str, Any] = {"f": dict(record.fields)}
    if record.changed_at is not None:
        body["at"] = instant(record.changed_at)
    if record.version is not None:
        body["v"] = record.version
    if record.changed_by is not None:
        body["by"] = record.changed_by
    return body


def observe(
    run: Run, lane: Lane, rows: Sequence[tuple[Record, bytes]], own: bool = False
) -> list[tuple[Record, bytes]]:
    """Lays changed rows over what their links remember; returns those that are not linked to anyone.

    Within a transaction. ``own`` says that the rows are re-reads before a write, not part of the pull.
    """
    ledger = run.ledger
    found = links.of_records(ledger, lane.sid, [r.id for r, _ in rows])
    agreed = entities.load(ledger, sorted({link.eid for link in found.values() if link.eid is not None}))
    parts = _key_parts(run, lane)
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
        ref, known, values = agreed[link.eid]
        values["external_id"] = ref
        changed_at = lane.ours(record.changed_at)
        if link.changed_at is not None and _is_ours(record, link.own_at):
            changed_at = link.changed_at  # our own write makes no record newer than another
        side = Side(
            lane.sid, record.id, link.eid, lane.mapping, link.memory(), rank=link.rank, state=link.state,
            seen_at=link.seen_at, changed_at=changed_at, own_at=link.own_at,
        )  # fmt: skip
        was = side.memo.copy()
        look(side, record, values, lane, after=link.seen_at)
        mark_stamp(side, record.fields, ref)
        back = link.state == links.GONE
        if back:  # it was away and is back: a person restored it
            links.set_state(ledger, lane.sid, record.id, links.LIVE)
            streams.add_live(ledger, lane.sid, 1)
        moved = back or _moved(was, side.memo)
        if not moved and link.changed_at is not None:
            changed_at = link.changed_at  # a mere re-stamp is no edit
        stored.append((fp, lane.moment or link.seen_at, changed_at, link.own_at, record.version, link.lid))
        if was != side.memo:
            memos.append((link.lid, links.pack(side.memo)))
        if moved:
            news.append((link.eid, lane.sid, record.id, run.run_id))
            if known == entities.PROVISIONAL:
                keys.forget(ledger, link.eid)  # nothing was ever agreed: a key it no longer shows holds nobody up
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


def wake_namesakes(run: Run, held: Iterable[tuple[str, str, int]]) -> None:
    """Everybody else with one of the addresses is looked at again, once anybody has said anything about consent."""
    if not consent.anyone(run.ledger):
        return
    owner = {(ADDRESS if kind == "email" else kind, value): eid for kind, value, eid in held if kind in ADDRESSES}
    found = keys.holders(run.ledger, [(kind, value) for _, value in owner for kind in ADDRESSES])
    news = [
        (eid, None, None, run.run_id)
        for (_, value), group in found.items()
        for eid, _ in group
        if eid != owner[(ADDRESS, value)]
    ]
    states.changed(run.ledger, news)


def _moved(was: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether anything but evidence and waiting marks changed."""
    return any(was.get(k) != now.get(k) for k in ("n", "s", "b", "a", "p", "x"))


def _key_parts(run: Run, lane: Lane) -> set[str]:
    """The fields that match keys are made of."""
    match = run.match.get(lane.stream.entity, [])
    return {"last_name"} | {p for a in match for p in ([a] if isinstance(a, str) else a)}


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
    if not memo:  # the common case: settled, and edited now
        if differs:
            known = _evidence(side, record, lane, after)
            memo["s"] = differs
            memo["e"] = {vendor: _from_history(record, vendor, lane) or known for vendor in differs}
        return
    old_seen = dict(memo.get("s") or {})
    seen = {v: raw for v, raw in old_seen.items() if v not in record.fields}
    seen.update(differs)
    _resolve_echo(side, record, agreed, seen)
    pairs = memo.get("p")
    if pairs:
        codecs = codecs_by_vendor(mapping)
        for vendor in [v for v in pairs if v in record.fields and v in codecs]:
            if not same_stored(pairs[vendor][1], codecs[vendor].raw(record.fields)):
                side.drop_pair(vendor)
    unread = [v for v in memo.get("u") or () if v not in record.fields]
    side._put("u", unread)
    evidence = dict(memo.get("e") or {})
    moved = [v for v, raw in seen.items() if v in record.fields and (v not in old_seen or old_seen[v] != raw)]
    if moved:
        known = _evidence(side, record, lane, after)
        for vendor in moved:
            evidence[vendor] = _from_history(record, vendor, lane) or known
    side._put("e", {v: e for v, e in evidence.items() if v in seen})
    side._put("s", seen)


def _evidence(side: Side, record: Record, lane: Lane, after: str | None) -> list[Any]:
    """(previous observation, record time]; a version that our own write made is no evidence of an edit."""
    lower = lane.ours(lane.stream.observed_at) or after
    at = lane.ours(record.changed_at)
    if at is None:
        return [lower, lane.moment, record.changed_by]
    if _is_ours(record, side.own_at):
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
    codecs = codecs_by_vendor(side.mapping)
    for vendor in waiting:
        if vendor not in seen or vendor not in codecs:
            continue
        codec = codecs[vendor]
        base = side.base(codec.name, agreed) if codec.name != "full_name" else wire_of(codec, agreed)
        try:
            sent = codec.outward(base)
        except ValueProblem:
            continue
        shown = codec.raw(seen)
        if codec.is_fold(sent, shown) or record.changed_by == OWN_USER:
            side.keep_pair(vendor, sent, shown)
    side.heard_echo(waiting)
