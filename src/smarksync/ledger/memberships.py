"""Who is in which campaign or list, as each side shows it: one row per pair and side, keyed by the source record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .db import Ledger, dumps, loads

REMOVED = "removed"


class Membership(NamedTuple):
    """One stored membership. ``campaign`` and ``eid`` are entities, None while the one or the other is not linked.

    ``of_rid`` is the person as the source names them; ``at`` when the status was reached, in microseconds.
    ``body``: the other canonical fields, ``campaign`` as the source names it among them. ``mid`` 0 = not stored yet.
    """

    mid: int
    sid: int
    rid: str
    campaign: int | None
    eid: int | None
    of_sid: int | None
    of_rid: str | None
    status: str
    at: int | None
    body: dict[str, Any]


_COLUMNS = ", ".join(Membership._fields)
_M = ", ".join(f"m.{name}" for name in Membership._fields)


def put(ledger: Ledger, rows: Iterable[Membership], *, events: bool = False) -> None:
    """Stores what a side shows now; what it showed before is no news. ``events``: what happened, perhaps told again:
    only what is newer counts."""
    newer = "(memberships.at IS NULL OR excluded.at >= memberships.at) AND " if events else ""
    seq = _next(ledger)
    ledger.many(
        f"INSERT INTO memberships ({_COLUMNS}, seq) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, {seq}) "
        "ON CONFLICT (sid, rid) DO UPDATE SET "
        "campaign = COALESCE(excluded.campaign, memberships.campaign), eid = COALESCE(excluded.eid, memberships.eid), "
        "of_sid = excluded.of_sid, of_rid = excluded.of_rid, status = excluded.status, at = excluded.at, "
        f"body = excluded.body, seq = excluded.seq WHERE {newer}(excluded.status <> memberships.status "
        "OR excluded.at IS NOT memberships.at OR excluded.body <> memberships.body "
        "OR excluded.of_sid IS NOT memberships.of_sid OR excluded.of_rid IS NOT memberships.of_rid "
        "OR COALESCE(excluded.campaign, memberships.campaign) IS NOT memberships.campaign "
        "OR COALESCE(excluded.eid, memberships.eid) IS NOT memberships.eid)",
        ((*row[1:9], dumps(row.body)) for row in rows),
    )


def written(ledger: Ledger, sid: int, rids: Iterable[str]) -> dict[str, Membership]:
    """{record: the membership} of those that we wrote last."""
    sql = (
        f"SELECT {_M} FROM json_each(?) j CROSS JOIN memberships m WHERE m.sid = ? AND m.rid = j.value "
        "AND json_extract(CAST(m.body AS TEXT), '$.wrote') IS NOT NULL"
    )
    found = (_membership(row) for row in ledger.rows(sql, (dumps(list(rids)).decode(), sid)))
    return {one.rid: one for one in found}


def top(ledger: Ledger) -> int:
    """The place of the newest change among the memberships."""
    return int(ledger.value("SELECT max(seq) FROM memberships") or 0)


def _next(ledger: Ledger) -> int:
    return top(ledger) + 1


def remove(ledger: Ledger, sid: int, rids: Iterable[str], at: int) -> None:
    """The side no longer shows them: they were taken out. The rows stay, so that the other side can be told."""
    ledger.many(
        f"UPDATE memberships SET status = '{REMOVED}', at = ?, seq = {_next(ledger)} WHERE sid = ? AND rid = ? AND status <> '{REMOVED}'",
        ((at, sid, rid) for rid in rids),
    )


def of(ledger: Ledger, eids: Iterable[int]) -> dict[int, list[Membership]]:
    """{eid: its memberships on every side}."""
    sql = f"SELECT {_M} FROM json_each(?) j CROSS JOIN memberships m WHERE m.eid = j.value ORDER BY m.mid"
    found: dict[int, list[Membership]] = {}
    for row in ledger.rows(sql, (dumps(list(eids)).decode(),)):
        found.setdefault(row[4], []).append(_membership(row))
    return found


def gather(ledger: Ledger, job: str, since: int) -> None:
    """Collects, in the table ``pairs``, the (campaign, person) of which a side changed after ``since``, and those that
    did not agree when the job last looked."""
    ledger.run(
        "CREATE TEMP TABLE IF NOT EXISTS pairs (n INTEGER PRIMARY KEY, campaign INTEGER NOT NULL, eid INTEGER NOT NULL)"
    )
    ledger.run("DELETE FROM pairs")
    ledger.run(
        "INSERT INTO pairs (campaign, eid) SELECT campaign, eid FROM unequal WHERE job = ? UNION SELECT campaign, eid "
        "FROM memberships INDEXED BY memberships_seq WHERE seq > ? AND campaign IS NOT NULL AND eid IS NOT NULL ORDER BY 1, 2", (job, since),
    )  # fmt: skip


def gathered(ledger: Ledger, last: int, limit: int) -> tuple[int, list[Membership]]:
    """What every side says of the next ``limit`` of them after the ``last``, pair by pair; and the last one now."""
    sql = (
        f"SELECT {_M} FROM pairs p CROSS JOIN memberships m WHERE p.n > ? AND p.n <= ? AND m.campaign = p.campaign "
        "AND m.eid = p.eid ORDER BY p.n, m.mid"
    )
    return last + limit, [_membership(row) for row in ledger.rows(sql, (last, last + limit))]


def count_gathered(ledger: Ledger) -> int:
    """How many were collected."""
    return int(ledger.value("SELECT max(n) FROM pairs") or 0)


def set_unequal(ledger: Ledger, job: str, pairs: Iterable[tuple[int, int]]) -> None:
    """(campaign, person) that do not agree yet, of all that were collected: the job looks at them again."""
    ledger.run("DELETE FROM unequal WHERE job = ?", (job,))
    ledger.many("INSERT INTO unequal (job, campaign, eid) VALUES (?, ?, ?)", ((job, *pair) for pair in pairs))


def where(ledger: Ledger, condition: str, params: Sequence[Any] = (), limit: int = -1) -> list[Membership]:
    """Memberships by a condition, in the order in which they came."""
    sql = f"SELECT {_COLUMNS} FROM memberships WHERE {condition} ORDER BY mid LIMIT ?"
    return [_membership(row) for row in ledger.rows(sql, (*params, limit))]


def waiting(ledger: Ledger) -> bool:
    """Whether any membership waits for its person or its campaign."""
    sql = "SELECT 1 FROM memberships WHERE {} IS NULL LIMIT 1"
    return any(ledger.one(sql.format(name)) is not None for name in ("eid", "campaign"))


def resolve(ledger: Ledger) -> None:
    """Gives waiting memberships to the people and campaigns that were linked (``links.gather_new``)."""
    seq = _next(ledger)
    found = ledger.rows(
        "SELECT n.eid, m.mid FROM linked n CROSS JOIN memberships m WHERE n.entity = 'lead' AND m.eid IS NULL "
        "AND m.of_sid = n.first AND m.of_rid = n.rid"
    )
    ledger.many(f"UPDATE memberships SET eid = ?, seq = {seq} WHERE mid = ?", found)
    # campaigns are few: when one was linked, all that wait for one are asked; STREAM:ID, where a vendor numbers the
    # streams of its campaigns apart
    told = "json_extract(CAST(m.body AS TEXT), '$.campaign')"
    found = ledger.rows(
        "SELECT n.eid, m.mid FROM memberships m CROSS JOIN streams s CROSS JOIN linked n WHERE m.campaign IS NULL "
        "AND EXISTS (SELECT 1 FROM linked WHERE entity = 'campaign') AND s.sid = m.sid AND n.entity = 'campaign' "
        f"AND n.connection = s.connection AND {told} IN (n.rid, n.object || ':' || n.rid)"
    )
    ledger.many(f"UPDATE memberships SET campaign = ?, seq = {seq} WHERE mid = ?", found)


def give(ledger: Ledger, loser: int, survivor: int) -> None:
    """Two people, or two campaigns, are one."""
    seq = _next(ledger)
    ledger.run(f"UPDATE memberships SET eid = ?, seq = {seq} WHERE eid = ?", (survivor, loser))
    ledger.run(f"UPDATE memberships SET campaign = ?, seq = {seq} WHERE campaign = ?", (survivor, loser))


def _membership(row: tuple[Any, ...]) -> Membership:
    return Membership._make((*row[:9], loads(row[9])))
