"""Rows that left: told by the vendor, found missing by a complete scan, or by a sweep when the count fell.

What follows from them is done when every system was asked, in the order in which the rows left: of two merges of the
same people in two systems the later one says who goes on, whichever system was asked first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smarksync.errors import SystemFailure
from smarksync.ledger import departed, entities, inbox, keys, links, quarantine, states, streams
from smarksync.ledger.departed import Departed
from smarksync.model.consent import Claim
from smarksync.plugin import Can, Explains, Fetches, Gone, GoneKind, Sweeps, TellsGone

from . import facts, last_words
from .context import Lane, Run
from .conversions import bring_along, expect, lane_of, note, promote, want
from .lookup import former_keys, unite

BATCH = 500


def notice(run: Run) -> None:
    """Asks every lane what left since the last run (a failure fails the lane), and deals with it."""
    for lane in list(run.lanes.values()):
        if lane.failed is not None:
            continue
        try:
            if facts.are(lane):
                facts.notice(run, lane)
                continue
            if Can.GONE in lane.spec.can and isinstance(lane.connector, TellsGone):
                _told(run, lane, lane.connector)
            if lane.spec.full_scan:
                _missing(
                    run, lane
                )  # beside what is told: some deletes are hidden, and a complete scan costs no call more
            elif Can.GONE in lane.spec.can:
                continue
            elif Can.SWEEP in lane.spec.can and isinstance(lane.connector, Sweeps):
                _swept(run, lane, lane.connector)
        except SystemFailure as error:
            lane.fail(error)
    deal_with(run)


def deal_with(run: Run) -> None:
    """What follows from the rows that left, the earliest first. What a killed run heard of is still there.

    Again once the inbox is matched: what a row said that went into one which nobody knew either waits until that is known.
    """
    later: set[int] = set()
    leaned_on: set[str | None] = set()  # what it went into tells where that went in its turn
    while rows := departed.earliest(run.ledger, run.lanes, BATCH, but=later):
        with run.ledger.tx():
            for row in rows:
                gone = Gone(row.rid, GoneKind(row.kind), row.into, row.into_stream, also=row.also, shows=row.shows)
                if not _take(run, run.lanes[row.sid], gone, row.at) or row.rid in leaned_on:
                    later.add(row.seq)
                    leaned_on.add(row.into)
            departed.drop(run.ledger, [row for row in rows if row.seq not in later])


def _hear(run: Run, lane: Lane, left: Iterable[Gone]) -> None:
    """Stores what left (in T1's transaction). One without a time has left when it was heard of."""
    departed.put(
        run.ledger,
        [
            Departed(lane.sid, gone.id, lane.ours(gone.at) or lane.moment or run.stamp(), str(gone.kind), gone.into,
                     gone.into_stream, dict(gone.also) if gone.also else None, dict(gone.shows) if gone.shows else None)
            for gone in left
        ],
    )  # fmt: skip


def _told(run: Run, lane: Lane, connector: TellsGone) -> None:
    from datetime import datetime

    until = datetime.fromisoformat(lane.until) if lane.until else None
    for group, cursor in connector.gone(lane.stream.object, cursor=lane.stream.gone_cursor, until=until):
        with run.ledger.tx():
            _hear(run, lane, group)
            streams.save_gone_cursor(run.ledger, lane.sid, cursor)


def _missing(run: Run, lane: Lane) -> None:
    """Absent from a complete scan, and then confirmed by id: another reader may have shifted the pages."""
    if lane.emptied and "emptied_side" not in run.options.allow:
        return
    sql = (
        "SELECT l.rid FROM links l WHERE l.sid = ? AND l.state IN ('live', 'filtered', 'unlinked') AND l.rid > ? "
        "AND NOT EXISTS (SELECT 1 FROM scan s WHERE s.sid = l.sid AND s.rid = l.rid) "
        "AND NOT EXISTS (SELECT 1 FROM departed d WHERE d.sid = l.sid AND d.rid = l.rid) ORDER BY l.rid LIMIT ?"
    )
    last = ""
    while True:
        ids = [row[0] for row in run.ledger.rows(sql, (lane.sid, last, BATCH))]
        if not ids:
            return
        last = ids[-1]
        _confirm(run, lane, ids)


def _swept(run: Run, lane: Lane, connector: Sweeps) -> None:
    """The vendor hides deletes: when it has fewer rows than we know, its ids are listed."""
    count = connector.count(lane.stream.object)
    known = int(
        run.ledger.value(
            "SELECT count(*) FROM links WHERE sid = ? AND state IN ('live', 'filtered', 'unlinked')", (lane.sid,)
        )
    )
    waiting = int(run.ledger.value("SELECT count(DISTINCT rid) FROM inbox WHERE sid = ?", (lane.sid,)))
    if count is None or count >= known + waiting:
        return
    run.ledger.run("CREATE TEMP TABLE IF NOT EXISTS scan (sid INTEGER, rid TEXT, PRIMARY KEY (sid, rid)) WITHOUT ROWID")
    run.ledger.run("DELETE FROM scan WHERE sid = ?", (lane.sid,))
    run.ledger.many(
        "INSERT OR IGNORE INTO scan VALUES (?, ?)", ((lane.sid, i) for i in connector.ids(lane.stream.object))
    )
    _missing(run, lane)


def _confirm(run: Run, lane: Lane, ids: list[str]) -> None:
    """Only what is not there by id either has left; where it went is asked where the vendor can say."""
    left = list(ids)
    if isinstance(lane.connector, Explains):
        told = [g for group, _ in lane.connector.whereabouts(lane.stream.object, ids) for g in group]
        with run.ledger.tx():
            _hear(run, lane, told)
        return
    if Can.FETCH in lane.spec.can and isinstance(lane.connector, Fetches):
        there = {r.id for r in lane.fetch(ids)}
        left = [i for i in ids if i not in there]
    with run.ledger.tx():
        _hear(run, lane, map(Gone, left))


def _take(run: Run, lane: Lane, gone: Gone, at: str) -> bool:
    """One row that left at some time: deleted, merged into another, or converted into one of another stream. False: it has
    said something that is for a record which is not matched yet."""
    ledger = run.ledger
    run.ledger.run("DELETE FROM inbox WHERE sid = ? AND rid = ?", (lane.sid, gone.id))
    link = links.of_records(ledger, lane.sid, [gone.id]).get(gone.id)
    known = link is not None and link.eid is not None
    heard = known or gone.into is None or not gone.shows or _stranger(run, lane, gone, at)
    if link is None or (link.state == links.GONE and gone.into is None):
        return heard  # of a record that left as deleted, and was taken back or told about twice, a merge is still news
    was_live = link.state == links.LIVE
    if gone.into is None or link.eid is None:
        links.set_state(ledger, lane.sid, gone.id, links.GONE)
        if link.eid is not None:
            said = last_words.heed(run, lane, entities.survivor(ledger, link.eid), link, gone.shows, at)
            _let_doubts_rest(run, link.eid, said)
    elif _followed(run, lane, gone, link):  # told again, as windows that overlap do: only what is missing is asked for
        bring_along(run, lane, gone, entities.survivor(ledger, link.eid))
        return True
    else:
        last_words.heed(run, lane, entities.survivor(ledger, link.eid), link, gone.shows, at)
        _follow(run, lane, gone, link, link.eid)
        note(run, lane, gone, link.eid)
        bring_along(run, lane, gone, entities.survivor(ledger, link.eid))
    if link.eid is not None and link.rank == 0:
        target = lane_of(run, lane, gone.into_stream)
        heir = (target.sid, gone.into) if target is not None and gone.into is not None else None
        promote(run, entities.survivor(ledger, link.eid), lane, heir)
    if was_live:
        streams.add_live(ledger, lane.sid, -1)
    if link.eid is not None:
        person = entities.survivor(ledger, link.eid)
        former_keys(run, person)
        quarantine.unbar(ledger, person, lane.sid)
        states.changed(ledger, [(link.eid, lane.sid, gone.id, run.run_id)])
    return heard


def _stranger(run: Run, lane: Lane, gone: Gone, at: str) -> bool:
    """A row that nobody had read, or that took no part, went into another: what it said of consent is the word of whose that
    is. False while that one is still to be read or matched."""
    target, rid = lane_of(run, lane, gone.into_stream), gone.into
    seen = set()
    while target is not None and rid is not None and (target.sid, rid) not in seen:
        seen.add((target.sid, rid))
        into = links.of_records(run.ledger, target.sid, [rid]).get(rid)
        if into is not None:
            if into.eid is not None:
                last_words.heed(run, lane, entities.survivor(run.ledger, into.eid), None, gone.shows, at)
            return True
        if target.failed is not None or inbox.waits(run.ledger, target.sid, rid):
            return False
        onward = departed.of_record(run.ledger, target.sid, rid)
        target, rid = (lane_of(run, target, onward.into_stream), onward.into) if onward is not None else (None, None)
    return True


def _followed(run: Run, lane: Lane, gone: Gone, link: links.Link) -> bool:
    """Whether this person went to that record already."""
    target = lane_of(run, lane, gone.into_stream)
    if link.state != "moved" or link.eid is None or gone.into is None:
        return False
    if target is None:
        return True
    there = links.of_records(run.ledger, target.sid, [gone.into]).get(gone.into)
    if there is None or there.eid is None:
        return False
    return entities.survivor(run.ledger, there.eid) == entities.survivor(run.ledger, link.eid)


def _let_doubts_rest(run: Run, eid: int, said: Mapping[str, Claim]) -> None:
    """A doubtful row that left is nobody's rival any more, and asks nothing of anybody. What it ``said`` of consent just now
    is heard by everybody with its address."""
    if _doubtful(run, eid):
        last_words.spread(run, eid, said)
        quarantine.clear(run.ledger, eid, kinds=("duplicate", "ambiguous"))
        keys.forget(run.ledger, eid)


def _doubtful(run: Run, eid: int) -> bool:
    return run.ledger.one("SELECT 1 FROM entities WHERE eid = ? AND state = 'provisional'", (eid,)) is not None


def _follow(run: Run, lane: Lane, gone: Gone, link: links.Link, eid: int) -> None:
    """The link goes where the row went; `into` may be an id never seen, which the pull will bring."""
    ledger = run.ledger
    target = lane_of(run, lane, gone.into_stream)
    links.set_state(ledger, lane.sid, gone.id, "moved")
    links.set_rank(ledger, lane.sid, gone.id, 1)
    if target is None or gone.into is None:
        return
    survivor = links.of_records(ledger, target.sid, [gone.into]).get(gone.into)
    if survivor is not None and survivor.eid is not None:
        if survivor.eid != eid:
            kept, other = survivor.eid, eid
            if _doubtful(run, kept) and not _doubtful(run, other):
                kept, other = other, kept  # somebody who is known does not become a doubtful record's alias
            unite(run, other, kept)
            states.changed(ledger, [(kept, target.sid, gone.into, run.run_id)])
        return
    expect(run, target, gone.into, eid, link)
    want(run, target, gone.into)


def fetch_wanted(run: Run) -> None:
    """Rows that a merge or conversion named and no page has brought yet."""
    from .refusals import arrive

    for sid, ids in run.wanted.items():
        lane = run.lanes[sid]
        try:
            found = list(lane.fetch(ids))
        except SystemFailure as error:
            lane.fail(error)
            continue
        with run.ledger.tx():
            arrive(run, lane, found)
    run.wanted.clear()


__all__ = ["deal_with", "fetch_wanted", "notice"]
