"""After a death: intents that may have been sent are looked up before anything is sent again.

Released rows passed their guards and were never sent: they are sent now, if they still hold. Rows that a
guard stopped were never released, and recovery does not know them.
"""

from __future__ import annotations

from datetime import datetime

from smarksync.errors import SystemFailure
from smarksync.ledger import entities, links, plans, runs, states
from smarksync.ledger.plans import PlanRow
from smarksync.model import ABSENT
from smarksync.plugin import Can, Receipt, Record, WriteResult

from . import apply, facts, freshness, refusals
from .context import JobRun, Lane, Run
from .lookup import side_of
from .matching import shows
from .observe import observe_again
from .outside import lookup_keys
from .settle import settle


def before_pull(run: Run) -> None:
    """Updates and removals in doubt: the target tells, by id, before the pull overwrites what we know."""
    run.recovered.runs = [one for one in runs.unfinished(run.ledger) if one != run.run_id]
    run.recovered.records = int(run.ledger.value("SELECT count(*) FROM inbox"))
    for lane in run.lanes.values():
        rows = plans.load(
            run.ledger,
            "sid = ? AND status IN ('sending', 'unknown') AND op NOT IN ('create', 'associate')",
            (lane.sid,),
        )
        if (
            not rows
            or facts.are(lane)
            or Can.FETCH not in lane.spec.can
            or run.connections[lane.stream.connection].failed is not None
        ):
            continue
        for start in range(0, len(rows), 100):
            _look(run, lane, rows[start : start + 100])


def _look(run: Run, lane: Lane, rows: list[PlanRow]) -> None:
    ids = sorted({row.rid for row in rows if row.rid})
    try:
        found = {r.id: r for r in lane.fetch(ids)}
    except SystemFailure as error:
        run.connections[lane.stream.connection].fail(error)
        return
    with run.ledger.tx():
        for row in rows:
            record = found.get(row.rid or "")
            if row.op in ("delete", "archive"):
                if record is None:
                    settle(run, [(row, Receipt(str(row.seq), WriteResult.UPDATED, row.rid))])
                    run.recovered.fates["arrived"] += 1
                else:
                    plans.set_status(run.ledger, [row.seq], "released")
            elif record is None:
                plans.remove(run.ledger, [row.seq])  # its departure is noticed like any other
                run.recovered.fates["anew"] += 1
            else:
                _judge(run, lane, row, record)


def _judge(run: Run, lane: Lane, row: PlanRow, record: Record) -> None:
    """Shown as we sent it: settled. Shown as before: never arrived, sent again. Anything else: decided anew."""
    codecs = lane.mapping.codecs_by_vendor
    after, before = row.after, row.body.get("before", {})

    def shows(values: dict[str, object]) -> bool:
        return all(
            v not in record.fields
            or freshness.same_raw(lane, v, record.fields[v], raw)
            or (v in codecs and codecs[v].is_fold(raw, record.fields[v]))
            for v, raw in values.items()
        )

    exact = {
        name: bool(values)
        and all(freshness.same_raw(lane, v, record.fields.get(v, raw), raw) for v, raw in values.items())
        for name, values in (("before", before), ("after", after))
    }
    if shows(after) and (exact["after"] or not exact["before"]):  # it may look like both where only the case differs
        stored = {v: record.fields[v] for v in after if v in record.fields}
        settle(
            run, [(row, Receipt(str(row.seq), WriteResult.UPDATED, row.rid, record.version, stored, record.changed_at))]
        )
        run.recovered.fates["arrived"] += 1
    elif shows(before):
        plans.set_status(run.ledger, [row.seq], "released")
    else:
        plans.remove(run.ledger, [row.seq])
        run.recovered.fates["anew"] += 1
        observe_again(run, lane, [record])


def after_match(run: Run) -> None:
    """Creates in doubt: found and linked by now, or looked up by key; what is certain never to have arrived is sent again."""
    for lane in run.lanes.values():
        _unfetched(run, lane)
        rows = plans.load(run.ledger, "sid = ? AND status IN ('sending', 'unknown') AND op = 'create'", (lane.sid,))
        if not rows or facts.are(lane):
            continue  # what is no record of a person is judged by the job that sent it
        linked = links.occupied(run.ledger, {row.eid for row in rows})
        found = [row for row in rows if lane.sid in linked.get(row.eid, ())]
        missing = [row for row in rows if lane.sid not in linked.get(row.eid, ())]
        certain = [row.seq for row in missing if lane.failed is None and _can_tell(lane, row)]
        certain = _long_enough(run, lane, certain)
        with run.ledger.tx():
            for row in found:
                _found(run, lane, row)
            plans.set_status(run.ledger, certain, "released")
    _let_go(run)


def _unfetched(run: Run, lane: Lane) -> None:
    """A system that gives no record by its id: the pull has shown what became of updates and removals in doubt.

    What arrived looks like the same edit on both sides, what did not is still owed: both are decided anew from state.
    """
    if Can.FETCH in lane.spec.can or lane.failed is not None or facts.are(lane):
        return
    where = "sid = ? AND status IN ('sending', 'unknown') AND op NOT IN ('create', 'associate')"
    rows = plans.load(run.ledger, where, (lane.sid,))
    if rows:
        with run.ledger.tx():
            plans.remove(run.ledger, [row.seq for row in rows])
            states.changed(run.ledger, [(row.eid, None, None, run.run_id) for row in rows])
        run.recovered.fates["anew"] += len(rows)


def _let_go(run: Run) -> None:
    """Rows that nobody will send any more: their job was renamed, or left the config, or does not reach that stream.

    Nothing is lost with them: whoever writes there now computes what is owed from state. What may have been sent is
    looked up first like any other, unless nobody reads that connection any more.
    """
    sql = "SELECT DISTINCT job, sid, status FROM plan WHERE status IN ('released', 'sending', 'unknown')"
    read = frozenset[str]().union(*run.named.values())
    mine = {job.name: {lane.sid for lane in job.lanes} for job in run.jobs}
    for job, sid, status in run.ledger.rows(sql):
        place = run.connection_of.get(sid)
        if sid in mine[job] if job in mine else place in run.named.get(job, ()):
            continue
        lane = run.lanes.get(sid)
        if status == "released" or place not in read or (lane is not None and facts.are(lane)):
            with run.ledger.tx():
                plans.let_go(run.ledger, run.run_id, job, sid, status)


def _can_tell(lane: Lane, row: PlanRow) -> bool:
    """Not there after a complete reading; or looked up by key just before it is sent again; or safe to repeat."""
    if lane.pulled_whole or Can.UPSERT_BY_KEY in lane.spec.can:
        return True
    return any(row.after.get(key) for key in lookup_keys(lane))


def _long_enough(run: Run, lane: Lane, seqs: list[int]) -> list[int]:
    """A vendor that indexes late shows a row only after a while: until then its absence proves nothing."""
    late = lane.spec.overlap
    if not late:
        return seqs
    sent = plans.sent_times(run.ledger, seqs)
    return [seq for seq in seqs if seq not in sent or run.now() - datetime.fromisoformat(sent[seq]) >= late]


def _found(run: Run, lane: Lane, row: PlanRow) -> None:
    """A create whose answer was lost is there: as we sent it, it is settled; edited meanwhile, it is decided anew."""
    ref, _, agreed = entities.load(run.ledger, [row.eid])[row.eid]
    agreed["external_id"] = ref
    for link in links.of_entities(run.ledger, [row.eid]).get(row.eid, []):
        if link.sid != lane.sid or link.state != links.LIVE:
            continue
        side = side_of(run, link)
        raw = {c.vendor: side.shown(c, agreed) for c in lane.mapping.fields.values() if c.read}
        raw = {vendor: value for vendor, value in raw.items() if value is not ABSENT}
        if shows(lane, raw, row.after):
            settle(run, [(row, Receipt(str(row.seq), WriteResult.CREATED, link.rid, link.version, raw))])
            run.recovered.fates["arrived"] += 1
            return
    plans.remove(run.ledger, [row.seq])
    run.recovered.fates["anew"] += 1


def resend(run: Run, job: JobRun) -> None:
    """Sends what was released and still holds: its entity has not changed since where the row would write."""
    for lane in job.lanes:
        rows = plans.load(run.ledger, "job = ? AND sid = ? AND status = 'released'", (job.name, lane.sid))
        if not rows:
            continue
        with run.ledger.tx():
            for row in rows:
                job.count(lane.sid, "planned")
                holds = _holds(run, lane, row)
                run.recovered.fates["again" if holds else "anew"] += 1
                if not holds:
                    refusals.stale(run, job, lane, row, "it changed while the run that planned it was down")
    apply.push(run, job)


def _holds(run: Run, lane: Lane, row: PlanRow) -> bool:
    if row.op == "create":
        return lane.sid not in links.occupied(run.ledger, [row.eid]).get(row.eid, ())
    link = links.of_records(run.ledger, lane.sid, [row.rid or ""]).get(row.rid or "")
    if link is None or link.state != links.LIVE or link.eid != row.eid:
        return False
    if any(codec.create_only and codec.vendor in row.after for codec in lane.mapping.fields.values()):
        return False  # since it was planned, the system has come to take that with new records only
    seen = link.memory().get("s") or {}
    before = row.body.get("before", {})
    return all(vendor not in seen or seen[vendor] == before.get(vendor) for vendor in row.after)


def sentences(run: Run) -> list[str]:
    """What runs that did not end had left, and what became of it."""
    left, fates = run.recovered, run.recovered.fates
    parts = []
    if left.runs and left.records:
        parts.append(f"{_count(left.records, 'record')} read and not yet worked on")
    if fates:
        words = (("arrived", "had arrived"), ("again", "sent now"), ("anew", "decided anew"))
        told = ", ".join(f"{fates[name]:,} {text}" for name, text in words if fates[name])
        parts.append(f"{_count(fates.total(), 'write')} under way ({told})")
    found = f" had left {' and '.join(parts)}." if parts else ""
    if len(left.runs) > 1:
        killed = f"{len(left.runs):,} runs were killed, the last of them {left.runs[-1]}; this one goes on from there."
        return [f"{killed} They{found}" if found else killed]
    if left.runs:
        killed = f"Run {left.runs[0]} was killed; this one goes on from there."
        return [f"{killed} It{found}" if found else killed]
    return [f"An earlier run{found}"] if found else []


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
