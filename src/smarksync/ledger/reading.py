"""Wide reads for reports: everything once, in order, in chunks; no cursor stays open, no set of ids in memory.

Instants are microseconds since 1970 in UTC.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from smarksync.model.moments import micros, wire

from .db import Ledger, among, dumps, loads

#: what `Leads.stages` has, in order: the rungs of the funnel, an evangelist being a customer
_RUNGS = ("'lead'", "'mql'", "'sal'", "'sql'", "'opportunity'", "'customer', 'evangelist'")


class Profile:
    """The values of some fields of an entity as one text, so that equal ones are equal texts, and decoded once.

    Reports count a million leads under a few hundred combinations of values: they are told apart by SQLite.
    """

    def __init__(self, fields: Iterable[str]) -> None:
        self.fields = tuple(sorted(fields))
        self._known: dict[str | None, dict[str, Any]] = {}

    def sql(self, table: str) -> str:
        """The expression that makes the text."""
        paths = ", ".join(f"'$.\"{name}\"'" for name in self.fields)
        # the last path is never there: of a single one SQLite would give the bare value
        return f"json_extract(CAST({table}.agreed AS TEXT), {paths}, '$.\"\"')" if paths else "NULL"

    def values(self, text: str | None) -> dict[str, Any]:
        """{field: value} of what a text says. The same dict for the same text: not to be changed."""
        found = self._known.get(text)
        if found is None:
            if len(self._known) > 20_000:
                self._known.clear()
            found = dict(zip(self.fields, loads(text), strict=False)) if text else {}
            self._known[text] = found
        return found


class Leads(NamedTuple):
    """Some leads: (eid, values (:class:`Profile`), when it was first known) of each; and by eid, of those that have any,
    how many stages were told and when each rung of the funnel was told first, and the first campaign they were in.
    """

    rows: list[tuple[int, str | None, str]]
    stages: dict[int, tuple[int, ...]]  # eid, how many, and the rungs; 0 = no stage of that rung
    campaigns: dict[int, int]


_FIRST = ", ".join(f"COALESCE(min(CASE WHEN s.stage IN ({words}) THEN s.at END), 0)" for words in _RUNGS)


class Some(NamedTuple):
    """A part of the leads: ``table`` has their numbers in a column ``eid``; of a large part every lead is gone through."""

    table: str | None


EVERYBODY = Some(None)


def touched(ledger: Ledger, start: int, end: int, *, known: bool = False, also: Iterable[int] = ()) -> Some:
    """The leads that reached a rung from ``start`` on and before ``end``; with ``known`` also those first known then.

    One part at a time: the next call takes the place of the last. Work grows with the period, not with history. As many
    rungs in it as there are entities at all are nearly everybody's, and nobody has to be listed.
    """
    most = int(ledger.value("SELECT max(eid) FROM entities") or 0)
    climbed = "SELECT count(*) FROM (SELECT 1 FROM stages WHERE at >= ? AND at < ? LIMIT ?)"
    if most and ledger.value(climbed, (start, end, most)) == most:
        return EVERYBODY
    ledger.run("CREATE TEMP TABLE IF NOT EXISTS touched (eid INTEGER PRIMARY KEY)")
    ledger.run("DELETE FROM temp.touched")
    ledger.run(
        "INSERT OR IGNORE INTO temp.touched SELECT eid FROM stages WHERE at >= ? AND at < ? ORDER BY eid", (start, end)
    )
    if known:
        ledger.run(
            "INSERT OR IGNORE INTO temp.touched SELECT e.eid FROM runs r CROSS JOIN entities e "
            "WHERE r.started_at >= ? AND r.started_at < ? AND e.created_run = r.run ORDER BY e.eid",
            (wire(start), wire(end)),
        )
    ledger.many("INSERT OR IGNORE INTO temp.touched (eid) VALUES (?)", ((eid,) for eid in also))
    count = int(ledger.value("SELECT count(*) FROM temp.touched"))
    return EVERYBODY if 2 * count > most else Some("temp.touched")


def leads(ledger: Ledger, profile: Profile, some: Some = EVERYBODY, chunk: int = 5_000) -> Iterator[Leads]:
    """Live leads, all or some; a million of them are no objects of their own, so that a report takes seconds."""
    last = 0
    source = f"{some.table} t CROSS JOIN entities e ON e.eid = t.eid" if some.table else "entities e"
    while True:
        found = ledger.rows(
            f"SELECT e.eid, {profile.sql('e')}, e.created_run FROM {source} WHERE {'t' if some.table else 'e'}.eid > ? "
            "AND e.kind = 'lead' AND e.state = 'live' ORDER BY 1 LIMIT ?", (last, chunk),
        )  # fmt: skip
        if not found:
            return
        first, last = found[0][0], found[-1][0]
        stages = _climbed(ledger, some, first, last)
        table, eid = _of(some, "memberships m")
        campaigns = ledger.rows(  # backwards, so that the first one stays
            f"SELECT m.eid, m.campaign FROM {table} WHERE {eid} BETWEEN ? AND ? AND m.campaign IS NOT NULL "
            "ORDER BY m.eid, m.at IS NULL, m.at, m.mid", (first, last),
        )[::-1]  # fmt: skip
        yield Leads(found, {row[0]: row for row in stages}, dict(campaigns))


def climbs(ledger: Ledger, some: Some, chunk: int = 5_000) -> Iterator[list[tuple[int, ...]]]:
    """Of everybody who ever reached a rung, or of some of them: as ``Leads.stages`` has them."""
    table, last = some.table or "stages", 0
    while True:
        eids = ledger.rows(f"SELECT DISTINCT eid FROM {table} WHERE eid > ? ORDER BY eid LIMIT ?", (last, chunk))
        if not eids:
            return
        first, last = eids[0][0], eids[-1][0]
        yield _climbed(ledger, some, first, last)


def _climbed(ledger: Ledger, some: Some, first: int, last: int) -> list[tuple[int, ...]]:
    table, eid = _of(some, "stages s")
    sql = f"SELECT s.eid, count(*), {_FIRST} FROM {table} WHERE {eid} BETWEEN ? AND ? GROUP BY s.eid"
    return ledger.rows(sql, (first, last))


def _of(some: Some, table: str) -> tuple[str, str]:
    """(where the rows of these leads come from, the column that bounds them): read lead by lead where they are few."""
    name = table.rpartition(" ")[2]
    if not some.table:
        return table, f"{name}.eid"
    return f"{some.table} t CROSS JOIN {table} ON {name}.eid = t.eid", "t.eid"


def started(ledger: Ledger) -> dict[str, int]:
    """{run: when it started}: what it made known is known since."""
    return {run: micros(at) for run, at in ledger.rows("SELECT run, started_at FROM runs")}


def profiles(ledger: Ledger, profile: Profile, eids: Iterable[int]) -> dict[int, str | None]:
    """{eid: the values of one} of these entities."""
    which, params = among("e.eid", eids)
    return dict(ledger.rows(f"SELECT e.eid, {profile.sql('e')} FROM entities e WHERE {which}", params))


class HandOffRow(NamedTuple):
    """One hand-off: its lead's values (:class:`Profile`), the states it passed, the last reason of each that had one
    (rejected, recycled, lost), and what the lead and marketing did with each other in the days before, as one text
    of types.
    """

    eid: int
    profile: str | None
    state: str
    closed: bool
    passed: Sequence[str]
    reasons: dict[str, str | None]
    before: str


def handoffs(
    ledger: Ledger, start: int, end: int, profile: Profile, window: int, without: Iterable[str], chunk: int = 5_000
) -> Iterator[list[HandOffRow]]:
    """The cases that were offered from ``start`` on and before ``end``.

    ``window``: microseconds before the offer in which activities count, but those of types ``without``.
    """
    for part in _parts(ledger, "SELECT cid FROM cases WHERE offered_at >= ? AND offered_at < ?", (start, end), chunk):
        which, params = among("c.cid", part)
        reasons: dict[int, dict[str, str | None]] = {}
        for cid, state, reason in ledger.rows(
            f"SELECT c.cid, c.state, c.reason FROM case_moves c WHERE {which} "
            "AND c.state IN ('rejected', 'recycled', 'lost') ORDER BY c.cid, c.at, c.mid", params,
        ):  # fmt: skip
            reasons.setdefault(cid, {})[state] = reason
        kinds = tuple(without)
        before = dict(ledger.rows(
            "SELECT c.cid, group_concat(DISTINCT a.type) FROM cases c CROSS JOIN activities a "
            f"WHERE {which} AND a.eid = c.eid AND a.at >= c.offered_at - ? AND a.at < c.offered_at "
            f"AND a.type NOT IN ({', '.join('?' * len(kinds))}) GROUP BY c.cid", (*params, window, *kinds),
        ))  # fmt: skip
        yield [
            HandOffRow(eid, text, state, closed, loads(passed), reasons.get(cid, {}), before.get(cid, ""))
            for cid, eid, text, state, closed, passed in ledger.rows(
                f"SELECT c.cid, c.eid, {profile.sql('e')}, c.state, c.closed_at IS NOT NULL, "
                "COALESCE(json_extract(CAST(c.body AS TEXT), '$.at'), '{}') "
                f"FROM cases c CROSS JOIN entities e WHERE {which} AND e.eid = c.eid ORDER BY c.cid", params,
            )
        ]  # fmt: skip


def _parts(ledger: Ledger, sql: str, params: Sequence[Any], size: int) -> Iterator[Sequence[int]]:
    """The numbers that a question about one period gives, in order, a part at a time: eight bytes each."""
    found = array("q", sorted(row[0] for row in ledger.rows(sql, params)))
    for i in range(0, len(found), size):
        yield found[i : i + size]


def agreed_of(ledger: Ledger, kind: str, chunk: int = 5_000) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """(eid, entity id, agreed values) of every live entity of a kind."""
    other = "" if kind == "lead" else " AND kind <> 'lead'"  # said aloud, so that the index of the few is used
    last = 0
    while True:
        found = ledger.rows(
            f"SELECT eid, ref, agreed FROM entities WHERE eid > ? AND kind = ?{other} AND state = 'live' ORDER BY eid LIMIT ?",
            (last, kind, chunk),
        )
        if not found:
            return
        last = found[-1][0]
        for eid, ref, agreed in found:
            yield eid, ref, loads(agreed)


def opportunities(ledger: Ledger, kind: str, chunk: int = 5_000) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """(eid, agreed values) of every live opportunity that is ``open``, ``won`` or ``lost``, in chunks."""
    last = 0
    while True:
        found = ledger.rows(
            "SELECT eid, agreed FROM entities WHERE eid > ? AND kind = 'opportunity' AND kind <> 'lead' AND state = 'live' "
            "AND json_extract(CAST(agreed AS TEXT), '$.stage_kind') = ? ORDER BY eid LIMIT ?", (last, kind, chunk),
        )  # fmt: skip
        if not found:
            return
        last = found[-1][0]
        yield [(eid, loads(agreed)) for eid, agreed in found]


def names(ledger: Ledger, kind: str) -> dict[str, str]:
    """{entity id: what people call it}: the name, else the address, else the id itself."""
    return {ref: str(agreed.get("name") or agreed.get("email") or ref) for _, ref, agreed in agreed_of(ledger, kind)}


def people_of_accounts(ledger: Ledger, accounts: Iterable[str]) -> dict[str, list[int]]:
    """{account's entity id: its leads}: one pass over the leads, for sales that name nobody."""
    found: dict[str, list[int]] = {}
    if wanted := sorted(set(accounts)):
        sql = (
            "SELECT json_extract(CAST(agreed AS TEXT), '$.account') AS account, eid FROM entities WHERE kind = 'lead' "
            "AND state = 'live' AND account IN (SELECT value FROM json_each(?)) ORDER BY eid"
        )
        for account, eid in ledger.rows(sql, (dumps(wanted).decode(),)):
            found.setdefault(account, []).append(eid)
    return found
