"""A plan as people and files read it: the rows of a run as the ``changes`` of interface.md, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from smarksync.config import Config
from smarksync.ledger import entities, links, plans
from smarksync.ledger.plans import PlanRow
from smarksync.plan.render import change_of

from .context import JobRun, Lane, Run, instant

CHUNK = 500
#: of the plan file; `apply` takes this one
FORMAT = 1
LIFETIME = timedelta(hours=24)


def changes(run: Run) -> Iterator[dict[str, Any]]:
    """Everything that a dry run would write, then the links that it would add and end (local, in no count)."""
    for job in run.jobs:
        yield from planned(run, job)
    yield from _links(run)


def planned(run: Run, job: JobRun, status: str = "held") -> Iterator[dict[str, Any]]:
    """The job's rows in that status, in order of their planning."""
    last = 0
    while True:
        rows = plans.load(
            run.ledger, "run = ? AND job = ? AND status = ? AND seq > ?", (run.run_id, job.name, status, last), CHUNK
        )
        if not rows:
            return
        last = rows[-1].seq
        for _, change in described(run, job, rows):
            yield change


def described(run: Run, job: JobRun, rows: list[PlanRow]) -> list[tuple[PlanRow, dict[str, Any]]]:
    """Each row with its change; ``records`` are the records that its entity is linked to, by reference."""
    eids = {row.eid for row in rows}
    refs = entities.load(run.ledger, eids)
    linked = links.of_entities(run.ledger, eids)
    found = []
    for row in rows:
        lane = run.lanes[row.sid]
        names = sorted(
            f"{_name(run, link.sid)}:{link.rid}" for link in linked.get(row.eid, []) if link.state == links.LIVE
        )
        change = change_of(
            row.op, lane.stream.connection, lane.stream.object, None if row.op == "create" else row.rid, refs[row.eid][0], row.body,
            {codec.vendor: name for name, codec in lane.mapping.fields.items()}, job=job.name, records=names,
            rules={name: rule.name for name, rule in job.rules.rules.items()}, consent=bool(row.consent),
        )  # fmt: skip
        found.append((row, change))
    return found


def _name(run: Run, sid: int) -> str:
    lane = run.lanes.get(sid)
    return lane.name if lane is not None else run.connection_of.get(sid, "?")


def _links(run: Run) -> Iterator[dict[str, Any]]:
    """Records that joined an entity which has another one, and records that left theirs."""
    for lane in run.lanes.values():
        yield from _new_links(run, lane)
        sql = (
            "SELECT l.rid, e.ref, l.state FROM temp.links_before b JOIN links l ON l.sid = b.sid AND l.rid = b.rid "
            "JOIN entities e ON e.eid = b.eid WHERE b.sid = ? AND b.state = 'live' AND l.state NOT IN ('live', 'undone')"
        )
        for rid, ref, state in run.ledger.rows(sql, (lane.sid,)):
            why = "no longer there" if state == links.GONE else "no longer takes part"
            yield _local("unlink", lane, rid, ref, why)


def _new_links(run: Run, lane: Lane) -> Iterator[dict[str, Any]]:
    last = ""
    while True:
        sql = (
            "SELECT l.rid, l.eid, e.ref FROM links l LEFT JOIN temp.links_before b ON b.sid = l.sid AND b.rid = l.rid "
            "JOIN entities e ON e.eid = l.eid WHERE l.sid = ? AND l.rid > ? AND l.state = 'live' AND e.state = 'live' "
            "AND (b.rid IS NULL OR b.eid IS NOT l.eid OR b.state <> 'live') ORDER BY l.rid LIMIT ?"
        )
        rows = run.ledger.rows(sql, (lane.sid, last, CHUNK))
        if not rows:
            return
        last = rows[-1][0]
        others = links.of_entities(run.ledger, {eid for _, eid, _ in rows})
        before = _linked_before(run, [eid for _, eid, _ in rows])
        for rid, eid, ref in rows:
            live = [(k.sid, k.rid) for k in others.get(eid, []) if k.state == links.LIVE]
            if len(live) < 2 or (eid not in before and (lane.sid, rid) == live[0]):
                continue  # a person seen for the first time is no link between two records
            first = next(f"{_name(run, sid)}:{other}" for sid, other in live if (sid, other) != (lane.sid, rid))
            yield _local("link", lane, rid, ref, f"the same as {first}")


def _linked_before(run: Run, eids: list[int]) -> set[int]:
    sql = (
        "SELECT DISTINCT l.eid FROM json_each(?) j CROSS JOIN links l JOIN temp.links_before b "
        "ON b.sid = l.sid AND b.rid = l.rid AND b.eid = l.eid WHERE l.eid = j.value AND b.state = 'live'"
    )
    from smarksync.ledger.db import dumps

    return {row[0] for row in run.ledger.rows(sql, (dumps(eids).decode(),))}


def _local(op: str, lane: Lane, rid: str, ref: str, why: str) -> dict[str, Any]:
    return {
        "op": op, "connection": lane.stream.connection, "object": lane.stream.object, "id": rid, "entity": ref,
        "fields": {}, "reason": why,
    }  # fmt: skip


def terms(run: Run, config: Config) -> dict[str, Any]:
    """What a plan rests on besides its rows; `apply` refuses it when any of that is another."""
    return {
        "format": FORMAT, "workspace": run.workspace, "config": config.digest, "made_at": run.stamp(),
        "expires_at": instant(run.now() + LIFETIME), "rules": {job.name: job.rules_hash for job in run.jobs},
    }  # fmt: skip


def forecast(run: Run) -> dict[str, Any]:
    """Calls by connection, and what might become a duplicate: counts by reason."""
    calls: dict[str, dict[str, int]] = {}
    similar = 0
    creates = 0
    for job in run.jobs:
        for lane in job.lanes:
            name = lane.stream.connection
            sql = "SELECT op, count(*) FROM plan WHERE run = ? AND job = ? AND sid = ? AND status = 'held' GROUP BY op"
            for op, count in run.ledger.rows(sql, (run.run_id, job.name, lane.sid)):
                known = calls.setdefault(name, {"write": 0})
                known["write"] += -(-count // max(1, lane.spec.max_batch))
                creates += count if op == "create" else 0
                left = getattr(getattr(run.connections[name].session, "counts", None), "budget_left", None)
                if left is not None:
                    known["left_today"] = left
        similar += _similar(run, job)
    sql = "SELECT kind, count(*) FROM quarantine WHERE state = 'open' AND kind IN ('ambiguous', 'duplicate', 'role') GROUP BY kind"
    waiting = {str(kind): int(count) for kind, count in run.ledger.rows(sql)}
    return {"calls": calls, "duplicates": {"creates": creates, "similar_name": similar, "quarantined": waiting}}


def _similar(run: Run, job: JobRun) -> int:
    """Planned creates of somebody whose name another entity of the workspace has, too."""
    name = "lower(trim(coalesce(json_extract(CAST({0} AS TEXT), '$.{1}first_name'), '') || ' ' || json_extract(CAST({0} AS TEXT), '$.{1}last_name')))"
    run.ledger.run(
        "CREATE TEMP TABLE IF NOT EXISTS names (name TEXT, eid INTEGER, PRIMARY KEY (name, eid)) WITHOUT ROWID"
    )
    run.ledger.run("DELETE FROM names")
    run.ledger.run(
        f"INSERT OR IGNORE INTO names SELECT {name.format('agreed', '')}, eid FROM entities "
        "WHERE kind = ? AND state = 'live' AND json_extract(CAST(agreed AS TEXT), '$.last_name') IS NOT NULL",
        (job.rules.entity,),
    )
    planned = "run = ? AND job = ? AND status = 'held' AND op = 'create'"
    told = "COALESCE(b.agreed, b.after)"
    with_name = f"json_extract(CAST({told} AS TEXT), '$.last_name') IS NOT NULL"
    run.ledger.run(
        f"INSERT OR IGNORE INTO names SELECT {name.format(told, '')}, eid FROM plan JOIN plan_bodies b USING (seq) WHERE {planned} AND {with_name}",
        (run.run_id, job.name),
    )
    sql = (
        f"SELECT count(*) FROM plan WHERE {planned} AND eid IN (SELECT n.eid FROM names n WHERE EXISTS "
        "(SELECT 1 FROM names o WHERE o.name = n.name AND o.eid <> n.eid))"
    )
    return int(run.ledger.value(sql, (run.run_id, job.name)))
