"""Facts: activities and memberships, straight from the page to their table, with the cursor in one transaction (T1).

They are keyed by their source record and never conflict, so they need no matching and no decisions. Whose they are is
found by link; while the person is not linked they wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from smarksync.ledger import activities, links, memberships, meta, states, streams
from smarksync.ledger.activities import Activity
from smarksync.ledger.db import dumps
from smarksync.ledger.memberships import Membership
from smarksync.model import ValueProblem
from smarksync.model.activity import ATTEMPT_TYPES, is_attempt
from smarksync.model.moments import micros
from smarksync.plugin import OWN_USER, Can, Record, TellsGone

from .context import Lane, Run

KINDS = ("activity", "membership")
#: the last link, and the last change, that waiting facts were offered to
_LOOKED = "facts:linked"
#: who does what, where a system does not say
_BY_MARKETING = frozenset(("email_sent", "email_delivered", "score_changed", "campaign_status_changed"))


def are(lane: Lane) -> bool:
    """Whether the lane brings facts."""
    return lane.stream.entity in KINDS


def store(run: Run, lane: Lane, records: Sequence[Record]) -> None:
    """The rows of a page (within T1's transaction)."""
    lane.read += len(records)
    ours = (
        activities.copies(run.ledger, lane.sid, [record.id for record in records])
        if lane.stream.entity == "activity"
        else ()
    )
    lane.unchanged += len(ours)
    records = [record for record in records if record.id not in ours]
    whom = _whom(run, lane, records)
    first = int(
        run.ledger.value(
            "SELECT min(sid) FROM streams WHERE connection = ? AND entity = 'lead'", (lane.stream.connection,)
        )
        or 0
    )
    if lane.stream.entity == "activity":
        rows = [_activity(run, lane, record, first or None, whom) for record in records]
        fresh = activities.put(run.ledger, rows)
        lane.unchanged += len(records) - min(fresh, len(records))
        news = {row.eid for row in rows if row.eid is not None} if fresh else set()
        states.changed(run.ledger, ((eid, None, None, run.run_id) for eid in sorted(news)))
    else:
        where = _campaigns(run, lane, records)
        shown = [_membership(run, lane, record, first or None, whom, where) for record in records]
        before = memberships.written(run.ledger, lane.sid, [one.rid for one in shown])
        shown = [_echo(one, before.get(one.rid), record) for one, record in zip(shown, records, strict=True)]
        memberships.put(run.ledger, shown, events=lane.spec.events)


def _whom(run: Run, lane: Lane, records: Sequence[Record]) -> dict[str, int]:
    """{record of a person there: entity}, of every stream of people of that connection."""
    return _entities(run, lane, records, "lead", "j.value")


def _campaigns(run: Run, lane: Lane, records: Sequence[Record]) -> dict[str, int]:
    """{campaign as the records name it: entity}; ``STREAM:ID`` where a vendor numbers the streams of its campaigns apart."""
    bare = (
        "CASE WHEN substr(j.value, 1, length(s.object) + 1) = s.object || ':' "
        "THEN substr(j.value, length(s.object) + 2) ELSE j.value END"
    )
    return _entities(run, lane, records, "campaign", bare)


def _entities(run: Run, lane: Lane, records: Sequence[Record], kind: str, rid: str) -> dict[str, int]:
    names = sorted({name for record in records if (name := _named(lane, kind, record.fields)) is not None})
    sql = (
        "SELECT j.value, COALESCE(e.into_eid, e.eid) FROM json_each(?) j CROSS JOIN streams s CROSS JOIN links l "
        f"CROSS JOIN entities e WHERE s.connection = ? AND s.entity = ? AND l.sid = s.sid AND l.rid = {rid} "
        "AND e.eid = l.eid"
    )
    return dict(run.ledger.rows(sql, (dumps(names).decode(), lane.stream.connection, kind)))


def _named(lane: Lane, name: str, fields: Mapping[str, Any]) -> str | None:
    """The record that a reference names, by the vendor's own id."""
    codec = lane.mapping.fields.get(name)
    value = fields.get(codec.vendor) if codec is not None else None
    if isinstance(value, list):
        value = value[0] if value else None
    return str(value) if value not in (None, "") else None


def _values(lane: Lane, fields: Mapping[str, Any], skip: Iterable[str]) -> dict[str, Any]:
    """A row in canonical terms; what has no meaning, or points at a record that is not known, is left out."""
    values: dict[str, Any] = {}
    for name, codec in lane.mapping.fields.items():
        if name in skip or not codec.read or codec.vendor not in fields:
            continue
        try:
            value = codec.inward(codec.raw(fields))
        except ValueProblem:
            continue
        if value is not None and value != "":
            values[name] = value
    return values


def _activity(run: Run, lane: Lane, record: Record, first: int | None, whom: Mapping[str, int]) -> Activity:
    values = _values(lane, record.fields, ("lead", "key"))
    kind = str(values.pop("type", "other"))
    actor = str(values.pop("actor", None) or _actor(kind))
    at = values.pop("at", None)
    moment = micros(at) if at else micros(record.changed_at or run.now())
    person = _named(lane, "lead", record.fields)
    attempt = is_attempt({**values, "type": kind, "actor": actor})
    return Activity(0, lane.sid, record.id, whom.get(person or ""), first, person, kind, moment, actor, attempt, values)


def _actor(kind: str) -> str:
    if kind in ATTEMPT_TYPES:
        return "sales"
    return (
        "marketing" if kind in _BY_MARKETING else "lead" if kind not in ("note", "other", "email_bounced") else "system"
    )


def _membership(
    run: Run, lane: Lane, record: Record, first: int | None, whom: Mapping[str, int], where: Mapping[str, int]
) -> Membership:
    values = _values(lane, record.fields, ("lead", "campaign"))
    campaign = _named(lane, "campaign", record.fields)
    person = _named(lane, "lead", record.fields)
    at = values.get("responded_at") or record.changed_at
    if campaign is not None:
        values["campaign"] = campaign
    return Membership(0, lane.sid, record.id, where.get(campaign or ""), whom.get(person or ""), first, person, str(values.pop("status", "member")),
                      micros(at) if at else None, values)  # fmt: skip


def _echo(shown: Membership, before: Membership | None, record: Record) -> Membership:
    """A side may have another word for what we wrote (Salesforce: Sent): that is no news, as long as it shows that."""
    if before is None:
        return shown
    stored = before.body.get("stored") or (shown.status if record.changed_by in (None, OWN_USER) else None)
    if stored != shown.status:
        return shown
    body = {**shown.body, "wrote": before.body["wrote"], "stored": stored}
    return shown._replace(status=before.status, at=before.at, body=body)


def resolve(run: Run) -> None:
    """Facts that waited for their person or campaign: whoever was linked since the last look gets theirs."""
    ledger = run.ledger
    if not any(are(lane) for lane in run.lanes.values()):
        return
    with ledger.tx():
        seen = (meta.get(ledger, _LOOKED) or "0 0").split()
        lid, seq = links.gather_new(ledger, int(seen[0]), int(seen[1]))
        if activities.waiting(ledger):
            found = activities.resolve(ledger)
            states.changed(ledger, ((eid, None, None, run.run_id) for eid in found))
        if memberships.waiting(ledger):
            memberships.resolve(ledger)
        meta.put(ledger, _LOOKED, f"{lid} {seq}")


def notice(run: Run, lane: Lane) -> None:
    """Memberships that were taken out, as the system tells. An activity that is deleted has happened all the same."""
    if lane.stream.entity != "membership" or Can.GONE not in lane.spec.can or not isinstance(lane.connector, TellsGone):
        return
    until = datetime.fromisoformat(lane.until) if lane.until else None
    for group, cursor in lane.connector.gone(lane.stream.object, cursor=lane.stream.gone_cursor, until=until):
        with run.ledger.tx():
            for gone in group:
                memberships.remove(run.ledger, lane.sid, [gone.id], micros(gone.at or run.now()))
            streams.save_gone_cursor(run.ledger, lane.sid, cursor)


#: members that a read did not show
_NOT_SHOWN = (
    "SELECT m.rid FROM memberships m WHERE m.sid = ? AND m.status <> 'removed' "
    "AND NOT EXISTS (SELECT 1 FROM scan s WHERE s.sid = m.sid AND s.rid = m.rid)"
)


def leave(run: Run, lane: Lane, campaigns: Sequence[str]) -> None:
    """All members of some campaigns were shown: whoever was not among them has left (within T1's transaction)."""
    lane.told_complete = True
    sql = f"{_NOT_SHOWN} AND json_extract(CAST(m.body AS TEXT), '$.campaign') IN (SELECT value FROM json_each(?))"
    gone = [rid for (rid,) in run.ledger.rows(sql, (lane.sid, dumps(list(campaigns)).decode()))]
    memberships.remove(run.ledger, lane.sid, gone, micros(run.now()))


def finish(run: Run, lane: Lane, whole: bool) -> None:
    """A complete reading of memberships shows who was taken out; an activity that is gone has happened all the same."""
    with run.ledger.tx():
        if whole and lane.stream.entity == "membership" and not lane.told_complete and not lane.spec.events:
            gone = [rid for (rid,) in run.ledger.rows(_NOT_SHOWN, (lane.sid,))]
            memberships.remove(run.ledger, lane.sid, gone, micros(run.now()))
        streams.finish_read(
            run.ledger, lane.sid, mapping=lane.mapping.version, observed_at=lane.until, whole=whole, shown=None
        )
