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
    """Stores what a side shows now. ``events``: what happened, perhaps told again: only what is newer counts."""
    newer = " WHERE memberships.at IS NULL OR excluded.at >= memberships.at" if events else ""
    ledger.many(
        f"INSERT INTO memberships ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sid, rid) DO UPDATE SET "
        "campaign = COALESCE(excluded.campaign, memberships.campaign), eid = COALESCE(excluded.eid, memberships.eid), "
        "of_sid = excluded.of_sid, of_rid = excluded.of_rid, status = excluded.status, at = excluded.at, "
        f"body = excluded.body{newer}",
        ((*row[1:9], dumps(row.body)) for row in rows),
    )


def remove(ledger: Ledger, sid: int, rids: Iterable[str], at: int) -> None:
    """The side no longer shows them: they were taken out. The rows stay, so that the other side can be told."""
    ledger.many(
        f"UPDATE memberships SET status = '{REMOVED}', at = ? WHERE sid = ? AND rid = ? AND status <> '{REMOVED}'",
        ((at, sid, rid) for rid in rids),
    )


def of(ledger: Ledger, eids: Iterable[int]) -> dict[int, list[Membership]]:
    """{eid: its memberships on every side}."""
    sql = f"SELECT {_M} FROM json_each(?) j CROSS JOIN memberships m WHERE m.eid = j.value ORDER BY m.mid"
    found: dict[int, list[Membership]] = {}
    for row in ledger.rows(sql, (dumps(list(eids)).decode(),)):
        found.setdefault(row[4], []).append(_membership(row))
    return found


def of_campaign(ledger: Ledger, campaign: int, last: int = 0, limit: int = 2_000) -> list[Membership]:
    """The members of a campaign on every side, by person after ``last``."""
    sql = f"SELECT {_COLUMNS} FROM memberships WHERE campaign = ? AND eid > ? ORDER BY eid LIMIT ?"
    return [_membership(row) for row in ledger.rows(sql, (campaign, last, limit))]


def where(ledger: Ledger, condition: str, params: Sequence[Any] = (), limit: int = -1) -> list[Membership]:
    """Memberships by a condition, in the order in which they came."""
    sql = f"SELECT {_COLUMNS} FROM memberships WHERE {condition} ORDER BY mid LIMIT ?"
    return [_membership(row) for row in ledger.rows(sql, (*params, limit))]


def resolve(ledger: Ledger) -> None:
    """Gives waiting memberships to the people and campaigns that are linked by now."""
    entity = (
        "(SELECT COALESCE(e.into_eid, e.eid) FROM streams s CROSS JOIN streams t CROSS JOIN links l CROSS JOIN entities e "
        "WHERE s.sid = memberships.sid AND t.connection = s.connection AND t.entity = '{kind}' AND l.sid = t.sid "
        "AND l.rid = {name} AND e.eid = l.eid LIMIT 1)"
    )
    told = "json_extract(CAST(memberships.body AS TEXT), '$.campaign')"
    # STREAM:ID, where a vendor numbers the streams of its campaigns apart
    campaign = (
        f"CASE WHEN substr({told}, 1, length(t.object) + 1) = t.object || ':' THEN substr({told}, length(t.object) + 2) "
        f"ELSE {told} END"
    )
    ledger.run(
        f"UPDATE memberships SET eid = {entity.format(kind='lead', name='memberships.of_rid')} WHERE eid IS NULL"
    )
    ledger.run(
        f"UPDATE memberships SET campaign = {entity.format(kind='campaign', name=campaign)} WHERE campaign IS NULL"
    )


def give(ledger: Ledger, loser: int, survivor: int) -> None:
    """Two people, or two campaigns, are one."""
    ledger.run("UPDATE memberships SET eid = ? WHERE eid = ?", (survivor, loser))
    ledger.run("UPDATE memberships SET campaign = ? WHERE campaign = ?", (survivor, loser))


def _membership(row: tuple[Any, ...]) -> Membership:
    return Membership._make((*row[:9], loads(row[9])))
