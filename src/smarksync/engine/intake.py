"""Pull: pages in, rows and cursor together in one transaction (T1).

Unchanged rows stop at their fingerprint, before any conversion. A linked row that changed leaves its
differences on its link, with the evidence of when they were made; an unlinked one goes to the inbox.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from smarksync.errors import Malformed, SystemFailure
from smarksync.ledger import inbox, links, streams
from smarksync.ledger.inbox import Waiting
from smarksync.plan.consent import CONSENT_FIELDS
from smarksync.plan.guard import emptied
from smarksync.plan.side import PER_SIDE
from smarksync.plugin import Can, Page, Record, TellsTime

from . import facts
from .context import Lane, Run, instant
from .observe import observe
from .raw import body, plain

#: seconds that an ending run waits for its readers
LEAVE_AFTER = 5.0


def waiting(lane: Lane, record: Record) -> Waiting:
    """A row for the inbox."""
    return _waiting(lane.sid, record, lane.fingerprints.of(record.fields))


def _waiting(sid: int, record: Record, fp: bytes) -> Waiting:
    at = record.changed_at
    changed_at = instant(at) if at is not None else None
    fields = record.fields
    return Waiting(sid, record.id, fp, body(fields), changed_at, record.changed_by, record.version, 0, fields)


class Early(Protocol):
    """What may be done with new rows before everything is read (:class:`.matching.Ahead`)."""

    def page(self, rows: list[Waiting]) -> None:
        """With the new rows of a page, within its transaction."""

    def chunk(self) -> bool:
        """With rows that wait, while the readers wait for their systems; whether there was something to do."""


def pull(run: Run, early: Early | None = None) -> None:
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
        # another mapping sees other rows: everything is read again, and unchanged rows stop early
        lane.anew = lane.stream.mapping != lane.mapping.version or _asked_otherwise(run, lane)
        lane.pulled_whole = lane.anew or lane.stream.cursor is None or lane.spec.full_scan
        lane.adopts = _newly_mapped(run, lane)
        work.setdefault(lane.stream.connection, []).append(lane)
    if not run.options.threads:
        for lanes in work.values():
            for lane in lanes:
                _drain(run, _Absorber(run, lane, early))
        return
    _pull_side_by_side(run, work, early)


def _offset(run: Run, opened: Any) -> timedelta:
    """How far the server's clock is ahead of ours; a system that cannot be reached fails here."""
    if not isinstance(opened.connector, TellsTime) or opened.failed is not None:
        return timedelta(0)
    try:
        return opened.connector.server_time() - run.now()
    except SystemFailure as error:
        opened.fail(error)
        return timedelta(0)


def _asked_otherwise(run: Run, lane: Lane) -> bool:
    """Whether `where` is another one than when the records that take no part were left out: they are looked at again."""
    before = streams.asks(run.ledger, lane.sid)
    if before == lane.asks or facts.are(lane):
        return False
    links.look_again_outside(run.ledger, lane.sid)
    return True


def _newly_mapped(run: Run, lane: Lane) -> frozenset[str]:
    """Fields that the stream carries since its last complete reading, or carries in another place than before.

    What it shows there was never settled, and so is no edit: it is adopted. Consent has its own rules.
    """
    before = streams.places(run.ledger, lane.sid)
    if before is None or facts.are(lane):
        return frozenset()
    return frozenset(name for name, vendor in _places(lane).items() if before.get(name) != vendor)


def _places(lane: Lane) -> dict[str, str]:
    """{canonical field: where the vendor keeps it}."""
    own = {name: codec.vendor for name, codec in lane.mapping.fields.items() if codec.read}
    left_out = {*PER_SIDE, *CONSENT_FIELDS, "full_name"} - {"external_id"}
    return {name: vendor for name, vendor in own.items() if name not in left_out}


def _pages(run: Run, lane: Lane) -> Iterator[Page]:
    needed = any(job.kind == "handoff" and (lane in job.lanes or lane in job.observes) for job in run.jobs)
    run.connections[lane.stream.connection].spend(reserve=needed)
    cursor = None if lane.anew else lane.stream.cursor
    return lane.connector.read(
        lane.stream.object, cursor=cursor, until=datetime.fromisoformat(lane.until), fields=lane.mapping.vendor_fields
    )


def _pull_side_by_side(run: Run, work: dict[str, list[Lane]], early: Early | None) -> None:
    """One reading thread a connection; one ledger writer (this thread); a few thousand rows between them."""
    pages = _Ahead(run.options.rows_ahead)
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
    open_lanes = {id(lane): _Absorber(run, lane, early) for lanes in work.values() for lane in lanes}
    try:
        while open_lanes:
            if early is not None and pages.empty() and early.chunk():
                continue
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
                    absorber.lane.fail(item)
                else:
                    raise item
    finally:
        stop.set()
        patience = time.monotonic() + LEAVE_AFTER  # a reader that waits for its network must not hold up a Ctrl-C
        while any(t.is_alive() for t in threads) and time.monotonic() < patience:
            try:
                pages.get(timeout=0.05)
            except queue.Empty:
                continue


class _Ahead(queue.Queue[tuple[Lane, Page | BaseException | None]]):
    """What was read and is not stored yet, bounded by rows: pages hold a hundred or ten thousand, as the vendor has it."""

    def __init__(self, rows: int) -> None:
        super().__init__(maxsize=max(1, rows))
        self._rows = 0

    def _put(self, item: tuple[Lane, Page | BaseException | None]) -> None:
        super()._put(item)
        self._rows += _weight(item)

    def _get(self) -> tuple[Lane, Page | BaseException | None]:
        item = super()._get()
        self._rows -= _weight(item)
        return item

    def _qsize(self) -> int:
        return self._rows


def _weight(item: tuple[Lane, Page | BaseException | None]) -> int:
    """Rows; an empty page and the end of a lane count, too."""
    return max(1, len(item[1].records)) if isinstance(item[1], Page) else 1


def _drain(run: Run, absorber: _Absorber) -> None:
    try:
        for page in _pages(run, absorber.lane):
            if not absorber.take_or_fail(page):
                return
    except SystemFailure as error:
        absorber.lane.fail(error)
        return
    absorber.finish()


class _Absorber:
    """Takes the pages of one lane into the ledger."""

    def __init__(self, run: Run, lane: Lane, early: Early | None) -> None:
        self.run, self.lane = run, lane
        self.fingerprint = lane.fingerprints.of
        self.facts = facts.are(lane)
        self.early = None if self.facts or inbox.holds(run.ledger, [lane.sid], 1) else early
        self.seen = 0
        if lane.pulled_whole or lane.spec.full_scan or lane.stream.entity == "membership":
            run.ledger.run(
                "CREATE TEMP TABLE IF NOT EXISTS scan (sid INTEGER, rid TEXT, PRIMARY KEY (sid, rid)) WITHOUT ROWID"
            )
            run.ledger.run("DELETE FROM scan WHERE sid = ?", (lane.sid,))

    def take_or_fail(self, page: Page) -> bool:
        """Stores a page; a malformed one fails the lane and is not stored."""
        try:
            self.take(page)
        except Malformed as error:
            self.lane.fail(error)
            return False
        return True

    def take(self, page: Page) -> None:
        """T1: the rows of a page and the cursor after it."""
        ledger, lane = self.run.ledger, self.lane
        records = _distinct(page.records, lane)
        with ledger.tx():
            if records and self.facts:
                self._store_facts(records)
            elif records:
                self._store(records)
            if page.complete:
                facts.leave(self.run, lane, page.complete)
            streams.save_cursor(ledger, lane.sid, page.cursor, lane.mapping.version)
        self.seen += len(records)
        self.run.tell("pull", lane.name, lane.read, page.total)

    def finish(self) -> None:
        """Everything up to the lane's moment is known now."""
        ledger, lane = self.run.ledger, self.lane
        whole = lane.pulled_whole
        if self.facts:
            facts.finish(self.run, lane, whole)
            return
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
            if streams.asks(ledger, lane.sid) != lane.asks:
                streams.save_asks(ledger, lane.sid, lane.asks)
            if streams.places(ledger, lane.sid) != _places(lane):
                streams.save_places(ledger, lane.sid, _places(lane))
        lane.adopts = frozenset()

    def _store_facts(self, records: Sequence[Record]) -> None:
        if self.lane.pulled_whole or self.lane.stream.entity == "membership":
            self.run.ledger.many("INSERT OR IGNORE INTO scan VALUES (?, ?)", ((self.lane.sid, r.id) for r in records))
        facts.store(self.run, self.lane, records)

    def _store(self, records: Sequence[Record]) -> None:
        ledger, lane = self.run.ledger, self.lane
        ids = [r.id for r in records]
        known = links.fingerprints(ledger, lane.sid, ids)
        if lane.pulled_whole:
            ledger.add("INSERT OR IGNORE INTO scan VALUES (?, ?)", [(lane.sid, i) for i in ids])
        changed: list[tuple[Record, bytes]] = []
        fresh: list[Waiting] = []
        fingerprint, sid = self.fingerprint, lane.sid
        for record in records:
            try:
                fp = fingerprint(record.fields)
            except TypeError:
                record = plain(record)
                fp = fingerprint(record.fields)
            found = known.get(record.id, _NEW)
            if found is _NEW:
                fresh.append(_waiting(sid, record, fp))
            elif found != fp:
                changed.append((record, fp))
        if Can.CONDITIONAL in lane.spec.can:
            same = [(r.id, r.version) for r in records if r.version is not None and r.id in known]
            links.renew_versions(ledger, lane.sid, same)
        lane.read += len(records)
        lane.unchanged += len(records) - len(fresh) - len(changed)
        if changed:
            fresh += [waiting(lane, record) for record, _ in observe(self.run, lane, changed)]
        if self.early is not None and not changed and len(fresh) >= self.run.options.match_at_once:
            self.early.page(fresh)
        elif fresh:
            inbox.add(ledger, fresh)
            self.early = None  # what comes after them waits behind them


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
        if not (record.id.isascii() and (record.changed_by is None or record.changed_by.isascii())):
            record = plain(record)
        found.pop(record.id, None)
        found[record.id] = record
    return list(found.values())
