"""Who is there already: new records whose place, key or address somebody has in their system.

A record that nobody knows is matched like any row; somebody who is known is a question; nothing is created twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smarksync.errors import SystemFailure
from smarksync.ledger import conflicts, entities, keys, links, plans, quarantine, states
from smarksync.ledger.plans import PlanRow
from smarksync.model.roles import is_role_address
from smarksync.plan.match import parts_of
from smarksync.plugin import Receipt, Record, WriteResult

from . import outside
from .context import JobRun, Lane, Run
from .outside import lookup_keys
from .refusals import arrive, as_they_are, stale
from .shared import wanted_of


def look_up_duplicates(run: Run, job: JobRun, lane: Lane, pairs: Sequence[tuple[PlanRow, Receipt]]) -> None:
    """A create that the vendor calls a duplicate: the rows it names are read and matched like any other."""
    ids = [i for row, r in pairs if r.result is WriteResult.REJECTED and row.op == "create" for i in r.duplicate_of]
    found = as_they_are(run, lane, ids)
    if found is None:
        return
    known = links.of_records(run.ledger, lane.sid, [r.id for r in found])
    with run.ledger.tx():
        arrive(run, lane, [r for r in found if r.id not in known or known[r.id].eid is None])
        for row, receipt in pairs:
            if row.op != "create" or not receipt.duplicate_of:
                continue
            holders = {
                link.eid for i in receipt.duplicate_of if (link := known.get(i)) is not None and link.eid is not None
            }
            for eid in holders - {row.eid}:
                if entities.apart(run.ledger, row.eid, eid):
                    _other_person(run, job, row, eid, lane, receipt)
                else:
                    _same_person(run, row, eid, lane)
            if not holders:
                states.changed(run.ledger, [(row.eid, None, None, run.run_id)])


def _same_person(run: Run, row: PlanRow, other: int, lane: Lane) -> None:
    refs = entities.load(run.ledger, [row.eid, other])
    body = {"question": f"{lane.name} has this person already, linked to entity {refs[other][0]}. Are they one?",
            "values": {}, "entities": [refs[row.eid][0], refs[other][0]]}  # fmt: skip
    conflicts.put(run.ledger, job=row.job, eid=row.eid, field="identity:record", kind="identity", body=body,
                  run=run.run_id, now=run.stamp())  # fmt: skip


def _other_person(run: Run, job: JobRun, row: PlanRow, other: int, lane: Lane, receipt: Receipt) -> None:
    """A person said that they are two, and the system takes only one of them: that is for people, and asked once."""
    ref = entities.load(run.ledger, [other])[other][0]
    text = (
        f"{lane.name} (new): refused — it takes one record for this value, and has one for entity {ref}, "
        "who was declared to be somebody else"
    )
    quarantine.put(
        run.ledger, job=job.name, eid=row.eid, sid=lane.sid, kind="refused", field="", code="SMK-DUPLICATE", message=text,
        wanted=wanted_of(lane.mapping, row.after) + job.rules_hash[:8], facts={"field": receipt.field, "op": row.op},
        run=run.run_id, now=run.stamp(),
    )  # fmt: skip
    job.fates[row.eid] = "quarantined"


def before_creates(run: Run, job: JobRun, lane: Lane, rows: list[PlanRow]) -> list[PlanRow]:
    """Nothing is created where a record appeared meanwhile; one batched look-up where the side was not read whole."""
    linked = links.occupied(run.ledger, {row.eid for row in rows})
    wanted: list[PlanRow] = []
    late: list[PlanRow] = []
    for row in rows:
        (late if lane.sid in linked.get(row.eid, ()) else wanted).append(row)
    told = _Told(run, lane, rows)
    wanted = _without_doubles(run, job, lane, _without_outsiders(run, job, lane, wanted, told), told)
    again = any(row.run != run.run_id for row in wanted)
    keys_there = lookup_keys(lane)
    key = next((k for k in keys_there if any(row.after.get(k) for row in wanted)), None)
    # what was read whole is matched whole, but for the records that take no part
    matched = lane.pulled_whole and lane.stream.connection not in job.rules.where
    if key is None or (matched and not again):
        _drop(run, job, lane, late)
        return wanted
    values: dict[str, list[PlanRow]] = {}
    for row in wanted:
        if row.after.get(key):
            values.setdefault(str(row.after[key]).casefold(), []).append(row)
    try:
        asked = [str(rows[0].after[key]) for rows in values.values()]
        found = list(lane.find(key, asked))
    except SystemFailure as error:
        run.connections[lane.stream.connection].fail(error)
        return []
    known = links.of_records(run.ledger, lane.sid, [r.id for r in found])
    strangers = [
        r for r in found if r.id not in known or (known[r.id].eid is None and known[r.id].state != links.FILTERED)
    ]
    names = {str(r.fields.get(key) or "").casefold() for r in found}
    with run.ledger.tx():
        arrive(run, lane, strangers)
        hits = [
            row
            for value, rows in values.items()
            for row in rows
            if value in names and not _strangers_only(run, row, found, known, key)
        ]
        _drop(run, job, lane, late)
        for row in hits:
            there = [known[r.id] for r in found if r.id in known and _has(r, key, row)]
            _found_there(run, job, lane, row, there, told.of(row))
    gone = {row.seq for row in hits}
    return [row for row in wanted if row.seq not in gone]


class _Told:
    """What is agreed of a row's person with it: a row names by itself what it moves, and another one may have moved all."""

    def __init__(self, run: Run, lane: Lane, rows: Sequence[PlanRow]) -> None:
        self._known = entities.load(run.ledger, {row.eid for row in rows if row.source is None})
        codec = lane.mapping.fields.get("email")
        self._email = codec.vendor if codec is not None and codec.sends_text else None

    def of(self, row: PlanRow) -> Mapping[str, Any]:
        """Everything, for the few who need it."""
        return {**self._known[row.eid][2], **row.values} if row.eid in self._known else row.values

    def email(self, row: PlanRow) -> Any:
        """The address alone, of everybody: where it goes out as it is, a row of which all is agreed sends it."""
        if row.source is not None and self._email is not None and self._email in row.after:
            return row.after[self._email]
        return self.of(row).get("email")


def _has(record: Record, key: str, row: PlanRow) -> bool:
    return str(record.fields.get(key) or "").casefold() == str(row.after[key]).casefold()


def _found_there(
    run: Run, job: JobRun, lane: Lane, row: PlanRow, known: Sequence[links.Link], told: Mapping[str, Any]
) -> None:
    """A record with the key of a new one: a stranger meets the person when it is matched next, somebody who is known
    is a question, and one that takes no part (`where`) has the person's place."""
    holders = {link.eid for link in known if link.eid is not None} - {row.eid}
    outside = [link for link in known if link.eid is None and link.state == links.FILTERED]
    if holders:
        given_up(run, job, lane, row)
        _same_person(run, row, min(holders), lane)
    elif outside:
        given_up(run, job, lane, row)
        links.belongs(run.ledger, lane.sid, outside[0].rid, row.eid)
    else:
        stale(run, job, lane, row, "a record with its key was found there")
        if email := told.get("email"):  # the found row must meet this entity when it is matched
            keys.add(run.ledger, [("email", str(email).casefold(), row.eid)])
        states.changed(run.ledger, [(row.eid, None, None, run.run_id)])


def given_up(run: Run, job: JobRun, lane: Lane, row: PlanRow) -> None:
    """The row is not to be written, and not before something changes."""
    plans.remove(run.ledger, [row.seq])
    job.count(lane.sid, "stale")


def _without_outsiders(run: Run, job: JobRun, lane: Lane, rows: list[PlanRow], told: _Told) -> list[PlanRow]:
    """Rows of people who have no record there that takes no part (`where`): where nothing can be searched, it is known
    from the reading."""
    places = outside.places(run, job, lane, ((row.seq, told.of(row)) for row in rows))
    if not places:
        return rows
    with run.ledger.tx():
        for row in rows:
            if row.seq in places:
                given_up(run, job, lane, row)
                links.belongs(run.ledger, lane.sid, places[row.seq], row.eid)
    return [row for row in rows if row.seq not in places]


def _without_doubles(run: Run, job: JobRun, lane: Lane, rows: list[PlanRow], told: _Told) -> list[PlanRow]:
    """Rows of people whose address nobody else has there. One whose address became another's is asked about, not created:
    a link never matches anew because a key changed."""
    if ["email"] not in [list(parts_of(key)) for key in job.match]:
        return rows
    addresses = {row.seq: str(email).casefold() for row in rows if (email := told.email(row))}
    wanted = sorted({one for one in addresses.values() if not is_role_address(one)})
    found = keys.holders(run.ledger, [("email", one) for one in wanted])
    crowded = {one: {eid for eid, weak in holders if not weak} for (_, one), holders in found.items()}
    crowded = {one: eids for one, eids in crowded.items() if len(eids) > 1}
    if not crowded:
        return rows
    there = links.occupied(run.ledger, set().union(*crowded.values()))
    asked: dict[int, list[int]] = {}
    for row in rows:
        others = crowded.get(addresses.get(row.seq, ""), set()) - {row.eid}
        doubles = [
            eid
            for eid in sorted(others)
            if any(run.connection_of.get(sid) == lane.stream.connection for sid in there.get(eid, ()))
            and not entities.apart(run.ledger, row.eid, eid)
        ]
        if doubles:
            asked[row.seq] = doubles
    with run.ledger.tx():
        for row in rows:
            for eid in asked.get(row.seq, ()):
                _same_person(run, row, eid, lane)
            if row.seq in asked:
                given_up(run, job, lane, row)
    return [row for row in rows if row.seq not in asked]


def _strangers_only(run: Run, row: PlanRow, found: Sequence[Record], known: Mapping[str, links.Link], key: str) -> bool:
    """Whether everybody who holds the row's key there is known to be somebody else: declared so, or behind one desk.

    An address of many (info@, sales@) makes nobody one person with a record that is somebody's already.
    """
    value = str(row.after[key]).casefold()
    owners = {
        known[r.id].eid if r.id in known else None for r in found if str(r.fields.get(key) or "").casefold() == value
    }
    desk = is_role_address(value)
    return all(
        eid is not None and eid != row.eid and (desk or entities.apart(run.ledger, row.eid, eid)) for eid in owners
    )


def _drop(run: Run, job: JobRun, lane: Lane, rows: Sequence[PlanRow]) -> None:
    for row in rows:
        stale(run, job, lane, row, "a record was linked there meanwhile")
