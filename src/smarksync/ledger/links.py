"""Links: which record of which system is which entity, and what that record looks different in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from smarksync.model.moments import micros

from .db import Ledger, among, dumps, loads, packed

#: live: takes part · gone: deleted there · filtered: outside `where` · waiting: unlinked, in quarantine
LIVE, GONE, FILTERED, UNDONE = "live", "gone", "filtered", "undone"


class Link(NamedTuple):
    """A stored link. ``memo`` is the JSON of plan/side.py, or None when there is nothing to remember."""

    sid: int
    rid: str
    eid: int | None
    rank: int
    state: str
    fp: bytes | None
    memo: bytes | None
    seen_at: str | None
    changed_at: str | None
    own_at: str | None
    version: str | None
    lid: int | None = None  # its place in the table; None until it is stored

    def memory(self) -> dict[str, Any]:
        """The memo as an object."""
        return loads(self.memo) if self.memo else {}


_COLUMNS = ("sid", "rid", "eid", "rank", "state", "fp", "seen_at", "changed_at", "own_at", "version")
_L = "l.sid, l.rid, l.eid, l.rank, l.state, l.fp, m.memo, l.seen_at, l.changed_at, l.own_at, l.version, l.lid"
_FROM = "FROM json_each(?) j CROSS JOIN links l LEFT JOIN memos m ON m.lid = l.lid"
_PLACE = (
    "INSERT INTO links (sid, rank, state, seen_at, lid, rid, eid, fp, changed_at, own_at, version) "
    "VALUES (?1, ?2, ?3, ?4, ?, ?, ?, ?, ?, ?, ?)"
)
_PUT = (
    f"INSERT INTO links ({', '.join(_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sid, rid) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[2:])
)


def of_records(ledger: Ledger, sid: int, rids: Sequence[str]) -> dict[str, Link]:
    """The links of these records of one stream."""
    sql = f"SELECT {_L} {_FROM} WHERE l.sid = ? AND l.rid = j.value"
    return {row[1]: Link._make(row) for row in ledger.rows(sql, (dumps(list(rids)).decode(), sid))}


def seen_before(ledger: Ledger, sid: int, rids: Sequence[str], moment: str) -> set[str]:
    """Those of these records that were last seen before a moment (an instant as text), or never."""
    sql = (
        "SELECT l.rid FROM json_each(?) j CROSS JOIN links l WHERE l.sid = ? AND l.rid = j.value "
        "AND (l.seen_at IS NULL OR l.seen_at < ?)"
    )
    return {row[0] for row in ledger.rows(sql, (dumps(list(rids)).decode(), sid, moment))}


def versions(ledger: Ledger, sid: int, rids: Sequence[str]) -> dict[str, str | None]:
    """{record: its version as last seen or written; None = not known}."""
    sql = "SELECT l.rid, l.version FROM json_each(?) j CROSS JOIN links l WHERE l.sid = ? AND l.rid = j.value"
    return dict(ledger.rows(sql, (dumps(list(rids)).decode(), sid)))


def renew_versions(ledger: Ledger, sid: int, rows: Sequence[tuple[str, str]]) -> None:
    """(record, version) of rows that look as before: something of them changed that no mapping reads."""
    # looked up by key, row by row: joined to what is listed, SQLite would go through every link of the stream
    known = versions(ledger, sid, [rid for rid, _ in rows])
    news = [(version, sid, rid) for rid, version in rows if rid in known and known[rid] != version]
    if news:
        ledger.many("UPDATE links SET version = ? WHERE sid = ? AND rid = ?", news)


def fingerprints(ledger: Ledger, sid: int, rids: Sequence[str]) -> dict[str, bytes | None]:
    """Only the fingerprints: most rows of a pull are unchanged, and need nothing else."""
    sql = (
        "SELECT l.rid, CASE WHEN l.state = 'gone' THEN NULL ELSE l.fp END "
        "FROM json_each(?) j CROSS JOIN links l WHERE l.sid = ? AND l.rid = j.value"
    )
    return dict(ledger.rows(sql, (dumps(list(rids)).decode(), sid)))


def of_entities(ledger: Ledger, eids: Iterable[int]) -> dict[int, list[Link]]:
    """{eid: its links in every state}."""
    found: dict[int, list[Link]] = {}
    where, params = among("l.eid", eids)
    make = Link._make
    for row in ledger.rows(f"SELECT {_L} FROM links l LEFT JOIN memos m ON m.lid = l.lid WHERE {where}", params):
        link = make(row)
        if link.eid in found:
            found[link.eid].append(link)
        else:
            found[row[2]] = [link]
    for group in found.values():
        if len(group) > 1:
            group.sort(key=_place)
    return found


def changed(ledger: Ledger, eids: Iterable[int]) -> dict[int, int]:
    """{eid: when the first of its live records changed last}, in microseconds; where no system tells, when we saw it."""
    where, params = among("eid", eids)
    sql = f"SELECT eid, min(COALESCE(changed_at, seen_at)) FROM links WHERE {where} AND state = 'live' GROUP BY eid"
    return {eid: micros(at) for eid, at in ledger.rows(sql, params) if at is not None}


def _place(link: Link) -> tuple[int, str]:
    return link.sid, link.rid


#: a link as far as a plain decision needs it: eid, lid, sid, rid, rank, state, fp, memo
Place = tuple[int, int, int, str, int, str, bytes | None, bytes | None]


def places(ledger: Ledger, eids: Iterable[int]) -> dict[int, list[Place]]:
    """{eid: its links in every state}, cheaper than :func:`of_entities`."""
    where, params = among("l.eid", eids)
    sql = (
        "SELECT l.eid, l.lid, l.sid, l.rid, l.rank, l.state, l.fp, m.memo FROM links l LEFT JOIN memos m ON m.lid = l.lid "
        f"WHERE {where}"
    )
    found: dict[int, list[Place]] = {}
    link: Any
    for link in ledger.rows(sql, params):
        if link[0] in found:
            found[link[0]].append(link)
        else:
            found[link[0]] = [link]
    return found


def occupied(ledger: Ledger, eids: Iterable[int]) -> dict[int, set[int]]:
    """{eid: streams in which it has a live link}."""
    sql = "SELECT l.eid, l.sid FROM json_each(?) j CROSS JOIN links l WHERE l.eid = j.value AND l.state = 'live'"
    found: dict[int, set[int]] = {}
    for eid, sid in ledger.rows(sql, (dumps(list(eids)).decode(),)):
        found.setdefault(eid, set()).add(sid)
    return found


def put(ledger: Ledger, rows: Iterable[Link]) -> None:
    """Stores links whole."""
    rows = list(rows)
    ledger.add(_PUT, [link[:6] + link[7:11] for link in rows])
    remember(ledger, ((link.memo, link.sid, link.rid) for link in rows))


def gather_new(ledger: Ledger, lid: int, seq: int) -> tuple[int, int]:
    """Collects, in the table ``linked``, the records of people and campaigns that were linked since ``(lid, seq)``:
    stored after that place, or named by a change after that one. Returns the places to go on from.
    """
    top = int(ledger.value("SELECT max(lid) FROM links") or 0), int(ledger.value("SELECT max(seq) FROM changes") or 0)
    ledger.run(
        "CREATE TEMP TABLE IF NOT EXISTS linked "
        "(connection TEXT NOT NULL, object TEXT NOT NULL, entity TEXT NOT NULL, first INTEGER, rid TEXT NOT NULL, eid INTEGER NOT NULL)"
    )
    ledger.run("DELETE FROM linked")
    ledger.run(
        "INSERT INTO linked SELECT s.connection, s.object, s.entity, (SELECT min(f.sid) FROM streams f WHERE f.connection = s.connection "
        "AND f.entity = 'lead'), l.rid, COALESCE(e.into_eid, e.eid) "
        "FROM (SELECT sid, rid FROM links WHERE lid > ? UNION SELECT sid, rid FROM changes WHERE seq > ? AND rid IS NOT NULL) n "
        "CROSS JOIN streams s CROSS JOIN links l CROSS JOIN entities e "
        "WHERE s.sid = n.sid AND s.entity IN ('lead', 'campaign') AND l.sid = n.sid AND l.rid = n.rid AND e.eid = l.eid",
        (lid, seq),
    )  # fmt: skip
    return top


def known(ledger: Ledger, sid: int, rids: Iterable[str]) -> set[str]:
    """Those of these records that have a link."""
    sql = "SELECT l.rid FROM json_each(?) j CROSS JOIN links l WHERE l.sid = ? AND l.rid = j.value"
    return {row[0] for row in ledger.rows(sql, (dumps(list(rids)).decode(), sid))}


def place(ledger: Ledger, rows: Sequence[Link]) -> None:
    """Links of records that have none; cheaper than :func:`put`, which looks first."""
    last = int(ledger.value("SELECT max(lid) FROM links") or 0)
    alike: dict[tuple[int, int, str, str | None], list[tuple[Any, ...]]] = {}  # a page, or a batch, is
    for lid, (sid, rid, eid, rank, state, fp, _, seen_at, changed_at, own_at, version, _) in enumerate(rows, last + 1):
        one = (lid, rid, eid, fp, changed_at, own_at, version)
        alike.setdefault((sid, rank, state, seen_at), []).append(one)
    for shared, group in alike.items():
        ledger.add(_PLACE, group, shared)
    memos = [(lid, link.memo) for lid, link in enumerate(rows, last + 1) if link.memo is not None]
    if memos:
        ledger.add("INSERT INTO memos (lid, memo) VALUES (?, ?)", memos)


#: fingerprint, seen_at, changed_at, own_at, version, lid
News = tuple[bytes | None, str | None, str | None, str | None, str | None, int | None]


def update(ledger: Ledger, rows: Iterable[News]) -> None:
    """What moves about a stored link that stays with its entity."""
    ledger.many("UPDATE links SET fp = ?, seen_at = ?, changed_at = ?, own_at = ?, version = ? WHERE lid = ?", rows)


#: own_at (None = not told), changed_at as that in our clock, version, whether an untold version stays, lid
Written = tuple[str | None, str | None, str | None, bool, int | None]


def written(ledger: Ledger, rows: Iterable[Written]) -> None:
    """Records that hold what we sent them. Without a fingerprint they are looked at once more; when they were seen last
    does not move, for an answer that shows what was sent shows nothing of what others did."""
    ledger.many(
        "UPDATE links SET fp = NULL, own_at = COALESCE(?, own_at), changed_at = COALESCE(changed_at, ?), "
        "version = CASE WHEN ? IS NULL AND ? THEN version ELSE ? END WHERE lid = ?",
        [(own_at, ours, version, keeps, version, lid) for own_at, ours, version, keeps, lid in rows],
    )


def memorise(ledger: Ledger, rows: Iterable[tuple[int | None, bytes | None]]) -> None:
    """The memos of stored links, by their number."""
    kept: list[tuple[int | None, bytes | None]] = []
    over: list[int] = []
    for lid, memo in rows:
        if memo is not None:
            kept.append((lid, memo))
        elif lid is not None:
            over.append(lid)
    if kept:
        ledger.add("INSERT OR REPLACE INTO memos (lid, memo) VALUES (?, ?)", kept)
    if over:
        where, params = among("lid", over)
        ledger.run(f"DELETE FROM memos WHERE {where}", params)


def touch(ledger: Ledger, rows: Iterable[tuple[bytes, str | None, str | None, str | None, int, str]]) -> None:
    """Rows that look as before: (fingerprint, changed_at, version, seen_at, sid, rid)."""
    ledger.many("UPDATE links SET fp = ?, changed_at = ?, version = ?, seen_at = ? WHERE sid = ? AND rid = ?", rows)


def remember(ledger: Ledger, rows: Iterable[tuple[bytes | None, int, str]]) -> None:
    """Only the memo: (memo, sid, rid)."""
    kept: list[tuple[bytes | None, int, str]] = []
    over: list[tuple[int, str]] = []
    for memo, sid, rid in rows:
        if memo is None:
            over.append((sid, rid))
        else:
            kept.append((memo, sid, rid))
    ledger.many("INSERT OR REPLACE INTO memos (lid, memo) SELECT lid, ? FROM links WHERE sid = ? AND rid = ?", kept)
    ledger.many("DELETE FROM memos WHERE lid = (SELECT lid FROM links WHERE sid = ? AND rid = ?)", over)


def set_state(ledger: Ledger, sid: int, rid: str, state: str) -> None:
    """live, gone, filtered or undone."""
    ledger.run("UPDATE links SET state = ? WHERE sid = ? AND rid = ?", (state, sid, rid))


def set_rank(ledger: Ledger, sid: int, rid: str, rank: int) -> None:
    """0 = primary, 1 = secondary."""
    ledger.run("UPDATE links SET rank = ? WHERE sid = ? AND rid = ?", (rank, sid, rid))


def belongs(ledger: Ledger, sid: int, rid: str, eid: int) -> None:
    """The record is that entity's, whatever its state."""
    ledger.run("UPDATE links SET eid = ? WHERE sid = ? AND rid = ?", (eid, sid, rid))


def give(ledger: Ledger, loser: int, survivor: int) -> None:
    """All links of one entity become another's."""
    ledger.run("UPDATE links SET eid = ? WHERE eid = ?", (survivor, loser))


def pack(memo: dict[str, Any]) -> bytes | None:
    """A memo as it is stored; None when there is nothing to remember."""
    return packed(memo) if memo else None


def entity_of(ledger: Ledger, connection: str, entity: str, rid: str) -> str | None:
    """The entity id that a record of a connection is linked to; joined entities answer for their survivor. Where the
    streams of an entity are numbered apart, a record is named ``STREAM:ID``."""
    row = ledger.one(
        "SELECT e.ref FROM streams s CROSS JOIN links l CROSS JOIN entities e WHERE s.connection = ? AND s.entity = ? "
        "AND l.sid = s.sid AND l.rid = CASE WHEN substr(?, 1, length(s.object) + 1) = s.object || ':' "
        "THEN substr(?, length(s.object) + 2) ELSE ? END AND l.state = 'live' AND e.eid = l.eid",
        (connection, entity, rid, rid, rid),
    )
    return str(row[0]) if row else None


def record_of(ledger: Ledger, connection: str, entity: str, ref: str) -> str | None:
    """The primary record of an entity on a connection, if it has one."""
    row = ledger.one(
        "SELECT l.rid FROM entities e CROSS JOIN links l CROSS JOIN streams s WHERE e.ref = ? "
        "AND l.eid = COALESCE(e.into_eid, e.eid) AND l.state = 'live' AND s.sid = l.sid AND s.connection = ? "
        "AND s.entity = ? ORDER BY l.rank LIMIT 1",
        (ref, connection, entity),
    )
    return str(row[0]) if row else None


def on_streams(ledger: Ledger, eids: Iterable[int], sids: Iterable[int]) -> list[tuple[int, int, str, bytes | None]]:
    """(eid, sid, rid, memo) of the links that these entities have in these streams, in every state."""
    where, params = among("l.eid", eids)
    sql = (
        f"SELECT l.eid, l.sid, l.rid, m.memo FROM links l LEFT JOIN memos m ON m.lid = l.lid WHERE {where} "
        "AND l.sid IN (SELECT value FROM json_each(?))"
    )
    return ledger.rows(sql, (*params, dumps(sorted(sids)).decode()))


def look_again(ledger: Ledger, sid: int, rid: str) -> None:
    """The record is taken for changed when it is read next."""
    ledger.run("UPDATE links SET fp = NULL WHERE sid = ? AND rid = ?", (sid, rid))


def look_again_outside(ledger: Ledger, sid: int) -> None:
    """Records that took no part are taken for changed when they are read next."""
    ledger.run("UPDATE links SET fp = NULL WHERE sid = ? AND state = ?", (sid, FILTERED))
