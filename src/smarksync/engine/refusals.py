"""Rows that were not written: refused, doubtful, stale or to be tried again. Each has its own next step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smarksync.alignment import reassign
from smarksync.errors import SystemFailure
from smarksync.ledger import conflicts, entities, inbox, links, plans, quarantine, states
from smarksync.ledger.plans import PlanRow
from smarksync.plan.match import parts_of
from smarksync.plan.reasons import hash_of
from smarksync.plan.side import columns
from smarksync.plugin import Can, Receipt, Record, WriteResult

from .context import JobRun, Lane, Run
from .intake import waiting
from .lookup import load_people
from .observe import observe_again
from .refused import owner_rests_on
from .shared import wanted_of


def take(run: Run, job: JobRun, lane: Lane, row: PlanRow, receipt: Receipt) -> None:
    """The fate of one row that was not applied (within the caller's transaction)."""
    if receipt.result is WriteResult.UNKNOWN or (
        receipt.result in (WriteResult.CREATED, WriteResult.UPDATED) and not receipt.id
    ):
        plans.set_status(run.ledger, [row.seq], "unknown")
        job.count(lane.sid, "unknown")
        job.fates[row.eid] = "deferred"
    elif receipt.result is WriteResult.CONFLICT:
        stale(run, job, lane, row, receipt.message or "it changed since it was planned")
    elif receipt.result is WriteResult.RETRY:
        defer(run, job, row, receipt.message or "the system asked to try again")
    else:
        _refused(run, job, lane, row, receipt)


def _refused(run: Run, job: JobRun, lane: Lane, row: PlanRow, receipt: Receipt) -> None:
    code = receipt.code or "SMK-REFUSED"
    name = f"{lane.name}:{row.rid}" if row.rid else f"{lane.name} (new)"
    plans.remove(run.ledger, [row.seq])
    job.count(lane.sid, "rejected")
    fact = (row.body.get("task") or {}).get("key")
    codec = _at_fault(run, job, lane, row, receipt, code) if fact is None else None
    if codec is None and receipt.field is None and reassign.hands_on(row.body.get("case")):
        codec = lane.mapping.fields.get("owner")  # without it nothing would have been written just now
    holders = _holders(run, lane, receipt.duplicate_of) if code == "SMK-DUPLICATE" and row.op == "update" else set()
    if holders == {row.eid} and codec is not None and codec.name == "external_id":
        _goes_without_our_id(run, job, lane, row)
        return
    if code == "SMK-DUPLICATE" and row.op == "update" and not _known_who(run, row, holders):
        held = ", ".join(f"{lane.name}:{i}" for i in receipt.duplicate_of) or "another record there"
        body = {"question": f"{name} cannot get this value: {held} has it. Are they one person?", "values": {},
                "records": [name, *(f"{lane.name}:{i}" for i in receipt.duplicate_of)]}  # fmt: skip
        field = codec.name if codec is not None else next(iter(row.body.get("fields", ["record"])), "record")
        conflicts.put(run.ledger, job=job.name, eid=row.eid, field=f"identity:{field}", kind="identity", body=body,
                      run=run.run_id, now=run.stamp())  # fmt: skip
    if code == "SMK-DUPLICATE" and row.op == "create" and receipt.duplicate_of:
        job.fates[row.eid] = "deferred"  # looked up next, and matched like any row
        return
    if code == "SMK-GONE":
        job.fates[row.eid] = "deferred"
        states.set_due(run.ledger, job.name, [(row.eid, "the record is no longer there")], run.stamp())
        return
    after, why = row.after, receipt.message or "no reason given"
    if holders == {row.eid}:
        others = ", ".join(f"{lane.name}:{i}" for i in receipt.duplicate_of)
        why += f" (has it already: {others}, the same person's; merge them there)"
    where = name if codec is None else f"{name}, field {codec.vendor}"
    if row.consent:
        where += f", consent ({', '.join(after)})"
    wanted = wanted_of(lane.mapping, after, fact=fact is not None) if codec is None else hash_of(codec.raw(after))
    held_as = f"{quarantine.FACT}{fact}" if fact is not None else codec.vendor if codec is not None else ""
    if row.consent:
        held_as = f"{quarantine.CONSENT}{row.rid}"
    facts: dict[str, Any] = {
        "field": receipt.field,
        "op": row.op,
        **({} if codec is None else {"canonical": codec.name}),
    }
    if row.consent:
        facts["opts_out"] = any(value is True for value in row.values.values())
    if codec is not None and codec.name == "owner":
        (person,) = load_people(run, [row.eid], job.name) or (None,)
        facts |= {
            "rests_on": owner_rests_on(run, person, lane.sid),
            "to": _colleague(run, lane, codec.raw(after)),
            "why": why,
        }
    quarantine.put(
        run.ledger, job=job.name, eid=row.eid, sid=lane.sid, kind="refused", field=held_as,
        code=code, message=f"{where}: refused — {why}", wanted=wanted + job.rules_hash[:8], facts=facts, run=run.run_id,
        now=run.stamp(),
    )  # fmt: skip
    job.fates[row.eid] = "quarantined"
    if row.consent:  # never held: it is sent again with every run
        why = f"an opt-out that {lane.name} refused" if facts["opts_out"] else f"an opt-in that {lane.name} refused"
        states.set_due(run.ledger, job.name, [(row.eid, why)], run.stamp())
    if codec is not None and set(after) - set(columns(codec, codec.raw(after))):  # the others can go without it
        states.changed(run.ledger, [(row.eid, None, None, run.run_id)])


def _colleague(run: Run, lane: Lane, record: Any) -> str:
    """The owner of that id there, as people know them."""
    everybody = run.owners.of(lane.stream.connection)
    return next((one.email or one.name or one.record for one in everybody if one.record == record), str(record))


def _at_fault(run: Run, job: JobRun, lane: Lane, row: PlanRow, receipt: Receipt, code: str) -> Any:
    """The one field that was refused, when the rest of the row can go without it; None = the record is.

    A new record does not go without what it is known by: nobody would find it again.
    """
    codecs, after = lane.mapping.codecs_by_vendor, row.after
    codec = codecs.get(receipt.field or "")
    if codec is None and receipt.field is None and code == "SMK-DUPLICATE" and row.op == "update":
        # what vendors mean by a duplicate unless they say else: the address, or our own id where none was sent
        codec = lane.mapping.fields.get("email")
        if codec is None or codec.vendor not in after:
            codec = lane.mapping.fields.get("external_id")
    if codec is None or codec.vendor not in after or row.consent or row.op not in ("create", "update"):
        return None
    if row.op == "create":
        known_by = {"email", "external_id", *(part for key in job.match for part in parts_of(key))}
        if code == "SMK-DUPLICATE" or codec.required or codec.name in known_by:
            return None
    return codec


def _holders(run: Run, lane: Lane, ids: Sequence[str]) -> set[int | None]:
    """Whose records those are; None for one that is nobody's yet."""
    known = links.of_records(run.ledger, lane.sid, list(ids))
    return {known[i].eid if i in known else None for i in ids}


def _known_who(run: Run, row: PlanRow, holders: set[int | None]) -> bool:
    """Whether nobody need be asked who holds the value: the same person's other records, or people told apart."""
    return bool(holders) and all(
        eid is not None and (eid == row.eid or entities.apart(run.ledger, row.eid, eid)) for eid in holders
    )


def _goes_without_our_id(run: Run, job: JobRun, lane: Lane, row: PlanRow) -> None:
    """The person's other record there has it, and the system takes it once: this one keeps what it shows. The rest of the
    row is planned anew."""
    link = links.of_records(run.ledger, lane.sid, [str(row.rid)])[str(row.rid)]
    memo = link.memory()
    memo.pop("x", None)
    links.remember(run.ledger, [(links.pack(memo), lane.sid, link.rid)])
    states.changed(run.ledger, [(row.eid, None, None, run.run_id)])
    job.fates[row.eid] = "deferred"


def stale(run: Run, job: JobRun, lane: Lane, row: PlanRow, why: str) -> None:
    """The target is not what the row was planned on: decided anew in this run or the next."""
    plans.remove(run.ledger, [row.seq])
    job.count(lane.sid, "stale")
    job.fates[row.eid] = "deferred"
    states.set_due(run.ledger, job.name, [(row.eid, why)], run.stamp())


def defer(run: Run, job: JobRun, row: PlanRow, why: str) -> None:
    """Known not to be applied: the next run plans it again."""
    plans.set_status(run.ledger, [row.seq], "held")
    job.count(row.sid, "held")
    job.fates[row.eid] = "deferred"
    states.set_due(run.ledger, job.name, [(row.eid, why)], run.stamp())


def as_they_are(run: Run, lane: Lane, ids: Sequence[str]) -> list[Record] | None:
    """Records read by id; None when there is nothing to ask, or nobody who could answer."""
    if not ids or Can.FETCH not in lane.spec.can or run.connections[lane.stream.connection].failed is not None:
        return None
    try:
        return list(lane.fetch(ids))
    except SystemFailure as error:
        run.connections[lane.stream.connection].fail(error)
        return None


def look_again(run: Run, job: JobRun, lane: Lane, pairs: Sequence[tuple[PlanRow, Receipt]]) -> None:
    """Records that changed under our hands are read, and decided anew in this run; so is all that was planned for them."""
    ids = sorted({row.rid for row, r in pairs if r.result is WriteResult.CONFLICT and r.code != "SMK-GONE" and row.rid})
    found = as_they_are(run, lane, ids)
    if found is None:
        return
    with run.ledger.tx():
        observe_again(run, lane, found)
        there = {r.id for r in found}
        for row in plans.load(
            run.ledger, "job = ? AND sid = ? AND status = 'released' AND consent = 0", (job.name, lane.sid)
        ):
            if row.rid in there:
                stale(run, job, lane, row, "it changed since it was planned")
        news = {row.eid for row, _ in pairs if row.rid in there}
        states.changed(run.ledger, [(eid, None, None, run.run_id) for eid in sorted(news)])


def arrive(run: Run, lane: Lane, records: Sequence[Record]) -> None:
    """Rows that a look-up brought go through the same door as those of a pull."""
    inbox.add(run.ledger, [waiting(lane, record) for record in records])
