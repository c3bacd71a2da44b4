"""Who is in which campaign or list, written: as a row of its own where a system keeps such, as an association elsewhere.

What was written is remembered by pair and side, so that it is written once; the same again does no harm anywhere.
"""

from __future__ import annotations

from typing import Any

from smarksync.ledger import links
from smarksync.ledger.db import Ledger
from smarksync.ledger.memberships import REMOVED, Membership
from smarksync.ledger.plans import PlanRow
from smarksync.model import ValueProblem
from smarksync.model.moments import micros
from smarksync.plan.rows import Row
from smarksync.plugin import Can, Receipt

from .context import Lane, Run

MEMBER = "member"


def lanes_of(run: Run, connection: str) -> tuple[Lane | None, list[Lane]]:
    """The stream of memberships of a connection, and those of its campaigns that take members as associations."""
    mine = [lane for lane in run.lanes.values() if lane.stream.connection == connection]
    rows = next((one for one in mine if one.stream.entity == "membership" and Can.CREATE in one.spec.can), None)
    return rows, [one for one in mine if one.stream.entity == "campaign" and Can.ASSOCIATE in one.spec.can]


def shown_by(run: Run, connection: str) -> Lane | None:
    """The stream that shows members whom an association puts into a campaign; its rows are named CAMPAIGN:PERSON."""
    mine = (lane for lane in run.lanes.values() if lane.stream.connection == connection)
    return next((one for one in mine if one.stream.entity == "membership" and Can.CREATE not in one.spec.can), None)


def known_as(run: Run, connection: str, campaign: int, status: str) -> str:
    """A status as the campaign can show it there: a list knows members, and nothing about them."""
    place = place_of(run.ledger, connection, campaign)
    lane = run.lanes.get(place[0]) if place is not None else None
    known = lane.spec.statuses if lane is not None else ()
    return status if status == REMOVED or not known or status in known else MEMBER


def named(run: Run, connection: str, name: str) -> tuple[Lane, str, int] | None:
    """(stream, record, entity) of the list or campaign that ``name`` means there: by its name, or by its id."""
    sql = (
        "SELECT l.sid, l.rid, l.eid FROM streams s CROSS JOIN links l CROSS JOIN entities e WHERE s.connection = ? "
        "AND s.entity = 'campaign' AND l.sid = s.sid AND l.state = 'live' AND e.eid = l.eid "
        "AND (l.rid = ? OR json_extract(CAST(e.agreed AS TEXT), '$.name') = ?) ORDER BY l.rid <> ?, l.sid, l.rid"
    )
    for sid, rid, eid in run.ledger.rows(sql, (connection, name, name, name)):
        if sid in run.lanes:
            return run.lanes[sid], str(rid), int(eid)
    return None


def row(
    run: Run, connection: str, campaign: tuple[int, str], person: tuple[int, str], status: str, at: int, why: str,
    known: Membership | None,
) -> Row | None:  # fmt: skip
    """The write that brings a person to a status in a campaign; both as (entity, entity id). None where it has no place."""
    lane, lists = lanes_of(run, connection)
    record = links.record_of(run.ledger, connection, "lead", person[1])
    place = place_of(run.ledger, connection, campaign[0])
    if record is None or place is None:
        return None
    member: dict[str, Any] = {"campaign": campaign[0], "status": status, "at": at, "of_rid": record}
    if lane is not None:
        return _own_row(lane, campaign, person, status, why, known, member)
    listed = next((one for one in lists if one.sid == place[0]), None)
    if listed is not None:
        status = member["status"] = known_as(run, connection, campaign[0], status)
        shown = shown_by(run, connection)
        member["rid"] = f"{listed.stream.object}:{place[1]}:{record}"
        member["sid"] = listed.sid if shown is None else shown.sid
        after = {"lead": record, "status": status}
        return Row("associate", listed.sid, place[1], after, reason=why, task={"key": member["rid"], "member": member})
    return None


def _own_row(
    lane: Lane, campaign: tuple[int, str], person: tuple[int, str], status: str, why: str, known: Membership | None,
    member: dict[str, Any],
) -> Row | None:  # fmt: skip
    key = f"{campaign[1]}:{person[1]}"
    there = known is not None and known.status != REMOVED
    if status == REMOVED:
        if not there or known is None or Can.DELETE not in lane.spec.can:
            return None
        return Row("delete", lane.sid, known.rid, {}, reason=why, task={"key": key, "member": member})
    values = {"campaign": campaign[1], "lead": person[1], "status": status}
    after: dict[str, Any] = {}
    for name, value in values.items():
        codec = lane.mapping.fields.get(name)
        if codec is None or not codec.write or (there and name != "status"):
            continue
        try:
            after[codec.vendor] = codec.outward(value)
        except ValueProblem:
            return None
    if not after:
        return None
    if there and known is not None:
        return Row("update", lane.sid, known.rid, after, reason=why, task={"key": key, "member": member})
    return Row("create", lane.sid, f"fact:{key}", after, reason=why, task={"key": key, "member": member})


def place_of(ledger: Ledger, connection: str, campaign: int) -> tuple[int, str] | None:
    """(stream, record) of a campaign on a connection; None where it has none."""
    sql = (
        "SELECT l.sid, l.rid FROM links l JOIN streams s ON s.sid = l.sid WHERE l.eid = ? AND l.state = 'live' "
        "AND s.connection = ? ORDER BY l.rank, l.sid LIMIT 1"
    )
    found = ledger.one(sql, (campaign, connection))
    return (int(found[0]), str(found[1])) if found else None


def settled(run: Run, row: PlanRow, receipt: Receipt) -> Membership:
    """What a side now shows, as the ledger keeps it."""
    told = row.body["task"]["member"]
    if "sid" in told:  # an association: its members are shown by a stream of their own, if at all
        where = {"campaign": told["rid"].rsplit(":", 1)[0]}
        return Membership(
            0, told["sid"], told["rid"], told["campaign"], row.eid, None, told["of_rid"], told["status"], told["at"], where
        )  # fmt: skip
    rid = receipt.id if row.op == "create" else row.rid
    campaign = run.lanes[row.sid].mapping.fields.get("campaign")
    body: dict[str, Any] = {"wrote": told["status"]}  # what it shows of it next is its own word for that
    if campaign is not None and row.after.get(campaign.vendor):
        body["campaign"] = row.after[campaign.vendor]
    return Membership(
        0, row.sid, str(rid), told["campaign"], row.eid, None, told["of_rid"], told["status"], told["at"], body
    )


def is_there(run: Run, connection: str, record: str | None) -> bool:
    """Whether a person is still there under that record."""
    sql = (
        "SELECT 1 FROM streams s CROSS JOIN links l WHERE s.connection = ? AND s.entity = 'lead' AND l.sid = s.sid "
        "AND l.rid = ? AND l.state = 'live'"
    )
    return run.ledger.one(sql, (connection, record)) is not None


def moment(run: Run) -> int:
    """Now, in microseconds."""
    return micros(run.now())
