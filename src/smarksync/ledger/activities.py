"""What happened, once per source record: append-only and keyed, so that two readings of it cannot conflict.

Instants are microseconds since 1970 in UTC. An activity whose person is not linked yet waits (``eid`` None) and is
given to the person when the link appears.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .db import Ledger, dumps, loads


class Activity(NamedTuple):
    """One stored activity. ``of_sid``/``of_rid``: whom the source named; ``body``: the other canonical fields.

    ``of_sid`` is the first stream of people of the source's connection: the id may be of any of its streams.
    ``attempt`` is what ``model.activity.is_attempt`` says. ``aid`` 0 = not stored yet.
    """

    aid: int
    sid: int
    rid: str
    eid: int | None
    of_sid: int | None
    of_rid: str | None
    type: str
    at: int
    actor: str
    attempt: bool
    body: dict[str, Any]

    def canonical(self) -> dict[str, Any]:
        """The activity as expressions see it, ``at`` still in microseconds."""
        return {**self.body, "type": self.type, "at": self.at, "actor": self.actor}


_COLUMNS = ", ".join(Activity._fields)
_A = ", ".join(f"a.{name}" for name in Activity._fields)


def put(ledger: Ledger, rows: Iterable[Activity]) -> int:
    """Stores what is new by its source record; a corrected one (a task that is done now) replaces what it said.

    Returns how many rows were new or different.
    """
    before = ledger.value("SELECT total_changes()")
    ledger.many(
        "INSERT INTO activities (sid, rid, eid, of_sid, of_rid, type, at, actor, attempt, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sid, rid) DO UPDATE SET "
        "eid = COALESCE(excluded.eid, activities.eid), of_sid = excluded.of_sid, of_rid = excluded.of_rid, "
        "type = excluded.type, at = excluded.at, actor = excluded.actor, attempt = excluded.attempt, "
        "body = excluded.body WHERE excluded.body <> activities.body OR excluded.at <> activities.at "
        "OR excluded.type <> activities.type OR excluded.of_rid IS NOT activities.of_rid "
        "OR excluded.actor <> activities.actor",
        ((*row[1:9], int(row.attempt), dumps(row.body)) for row in rows),
    )
    return int(ledger.value("SELECT total_changes()")) - int(before)


def of(ledger: Ledger, eids: Iterable[int], since: int = 0, types: Sequence[str] = ()) -> dict[int, list[Activity]]:
    """{eid: its activities from ``since`` on, newest first}; of the types named, or of all."""
    kinds = f" AND a.type IN ({', '.join('?' * len(types))})" if types else ""
    sql = (
        f"SELECT {_A} FROM json_each(?) j CROSS JOIN activities a WHERE a.eid = j.value AND a.at >= ?{kinds} "
        "ORDER BY a.eid, a.at DESC, a.aid DESC"
    )
    found: dict[int, list[Activity]] = {}
    for row in ledger.rows(sql, (dumps(list(eids)).decode(), since, *types)):
        found.setdefault(row[3], []).append(_activity(row))
    return found


def attempts(ledger: Ledger, eids: Iterable[int], since: int = 0) -> dict[int, list[tuple[int, str, str | None]]]:
    """{eid: [(at, type, owner)] of sales attempts from ``since`` on, oldest first}."""
    sql = (
        "SELECT a.eid, a.at, a.type, a.body FROM json_each(?) j CROSS JOIN activities a "
        "WHERE a.eid = j.value AND a.at >= ? AND a.attempt = 1 ORDER BY a.eid, a.at, a.aid"
    )
    found: dict[int, list[tuple[int, str, str | None]]] = {}
    for eid, at, kind, body in ledger.rows(sql, (dumps(list(eids)).decode(), since)):
        found.setdefault(eid, []).append((at, kind, loads(body).get("owner")))
    return found


def attempt_times(ledger: Ledger, eids: Iterable[int], since: int = 0) -> dict[int, list[int]]:
    """{eid: when sales tried to reach it, from ``since`` on, in order}: from the index alone."""
    sql = (
        "SELECT a.eid, a.at FROM json_each(?) j CROSS JOIN activities a INDEXED BY activities_attempts "
        "WHERE a.eid = j.value AND a.at >= ? AND a.attempt = 1 ORDER BY a.eid, a.at"
    )
    found: dict[int, list[int]] = {}
    for eid, at in ledger.rows(sql, (dumps(list(eids)).decode(), since)):
        found.setdefault(eid, []).append(at)
    return found


def after(ledger: Ledger, aid: int, limit: int = 2_000) -> list[Activity]:
    """Activities by their number, after ``aid``: for whoever passes them on."""
    return [
        _activity(row)
        for row in ledger.rows(f"SELECT {_COLUMNS} FROM activities WHERE aid > ? ORDER BY aid LIMIT ?", (aid, limit))
    ]


def put_copies(ledger: Ledger, rows: Iterable[tuple[int, str, int]]) -> None:
    """(sid, rid, aid): records that we made of activities. What was read of them meanwhile is no activity of its own."""
    rows = list(rows)
    ledger.many("INSERT OR IGNORE INTO copies (sid, rid, aid) VALUES (?, ?, ?)", rows)
    ledger.many("DELETE FROM activities WHERE sid = ? AND rid = ?", (row[:2] for row in rows))


def copies(ledger: Ledger, sid: int, rids: Iterable[str]) -> set[str]:
    """Those of these records that we made ourselves of an activity of another system."""
    sql = "SELECT c.rid FROM json_each(?) j CROSS JOIN copies c WHERE c.sid = ? AND c.rid = j.value"
    return {row[0] for row in ledger.rows(sql, (dumps(list(rids)).decode(), sid))}


def to_copy(
    ledger: Ledger, eids: Iterable[int], sids: Sequence[int], types: Sequence[str], to: str, since: int, until: int
) -> list[Activity]:
    """Activities of these people, streams and types that have no copy on ``to``, where their people are linked.

    What is planned or was called off has not happened.
    """
    marks, kinds = ", ".join("?" * len(sids)), ", ".join("?" * len(types))
    sql = (
        f"SELECT {_A} FROM json_each(?) j CROSS JOIN activities a WHERE a.eid = j.value AND a.at >= ? AND a.at <= ? "
        f"AND a.sid IN ({marks}) AND a.type IN ({kinds}) "
        "AND COALESCE(json_extract(CAST(a.body AS TEXT), '$.result'), '') NOT IN ('planned', 'cancelled') "
        "AND NOT EXISTS (SELECT 1 FROM copies c JOIN streams t ON t.sid = c.sid WHERE c.aid = a.aid AND t.connection = ?) "
        "AND EXISTS (SELECT 1 FROM links l JOIN streams s ON s.sid = l.sid WHERE l.eid = a.eid AND l.state = 'live' "
        "AND s.connection = ? AND s.entity = 'lead') ORDER BY a.aid"
    )
    return [
        _activity(row) for row in ledger.rows(sql, (dumps(list(eids)).decode(), since, until, *sids, *types, to, to))
    ]


def at_moment(ledger: Ledger, sid: int, eid: int, at: int) -> list[Activity]:
    """What a stream tells of an entity within a second of ``at``, in the order in which it was met."""
    sql = f"SELECT {_A} FROM activities a WHERE a.sid = ? AND a.eid = ? AND abs(a.at - ?) < 1000000 ORDER BY a.aid"
    return [_activity(row) for row in ledger.rows(sql, (sid, eid, at))]


def waiting(ledger: Ledger) -> bool:
    """Whether any activity waits for its person."""
    return ledger.one("SELECT 1 FROM activities WHERE eid IS NULL AND of_rid IS NOT NULL LIMIT 1") is not None


def resolve(ledger: Ledger) -> list[int]:
    """Gives waiting activities to the people who were linked (``links.gather_new``); returns those people."""
    sql = (
        "SELECT a.aid, n.eid FROM linked n CROSS JOIN activities a WHERE n.entity = 'lead' AND a.eid IS NULL "
        "AND a.of_sid = n.first AND a.of_rid = n.rid"
    )
    found = ledger.rows(sql)
    ledger.many("UPDATE activities SET eid = ? WHERE aid = ?", ((eid, aid) for aid, eid in found))
    return sorted({eid for _, eid in found})


def give(ledger: Ledger, loser: int, survivor: int) -> None:
    """Everything that happened to one entity happened to another: they are one."""
    ledger.run("UPDATE activities SET eid = ? WHERE eid = ?", (survivor, loser))


def _activity(row: tuple[Any, ...]) -> Activity:
    return Activity._make((*row[:9], bool(row[9]), loads(row[10])))
