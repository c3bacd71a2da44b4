"""Push: released rows in full batches, a receipt per ref, settled batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from smarksync.errors import Malformed, SystemFailure, Unknown
from smarksync.ledger import entities, links, plans
from smarksync.ledger.plans import PlanRow
from smarksync.model import ValueProblem, blank
from smarksync.plan.side import codecs_by_vendor
from smarksync.plugin import Can, Op, Receipt, Record, Write, WriteResult

from . import facts, refusals
from .context import JobRun, Lane, Run, instant
from .intake import fingerprint
from .observe import observe
from .raw import echoed
from .settle import changed_outcome, settle

WRITERS = 4
#: rows that are loaded at once, unless one batch alone is larger: each is a record whole, with what it was and will be
LOADED = 2_000
_DONE = {
    "create": "created",
    "update": "updated",
    "archive": "archived",
    "delete": "deleted",
    "associate": "associated",
}


def push(run: Run, job: JobRun) -> None:
    """Sends everything released: consent first, then creates before updates, one stream after the other."""
    lanes = sorted(job.lanes, key=lambda lane: (lane.primary_rank, lane.name))
    there = plans.kinds(run.ledger, job.name)
    waves = [[lane for lane in lanes if (lane.sid in job.late) is late] for late in (False, True)]
    for consent in (1, 0):
        for wave in waves:
            for op in (Op.CREATE, Op.UPDATE, Op.ASSOCIATE, Op.ARCHIVE, Op.DELETE):
                for lane in wave:
                    if (consent, str(op), lane.sid) in there and run.connections[lane.stream.connection].failed is None:
                        _push_lane(run, job, lane, op, consent)
    _give_up(run, job)


def _push_lane(run: Run, job: JobRun, lane: Lane, op: Op, consent: int) -> None:
    size = max(1, lane.spec.max_batch)
    writers = 1 if not run.options.threads or lane.spec.writes_serially or size > 1 else WRITERS
    if not isinstance(lane.connector, _writes()):
        return
    last = 0
    with _Pool(writers) as pool:
        while run.connections[lane.stream.connection].failed is None:
            rows = plans.load(
                run.ledger, "job = ? AND sid = ? AND op = ? AND consent = ? AND status = 'released' AND seq > ?",
                (job.name, lane.sid, str(op), consent, last), max(size, min(size * writers * 4, LOADED)),
            )  # fmt: skip
            if not rows:
                return
            last = rows[-1].seq
            if job.work is not None:
                rows = job.work.still_wanted(run, job, lane, rows)
            rows = _still_wanted(run, job, lane, op, rows)
            batches = _batches(rows, size)
            _send(run, job, lane, op, batches, pool, writers)
            counts = job.counts.get(lane.sid, Counter())
            run.tell("push", lane.name, counts["written"], counts["planned"])


def _writes() -> type:
    from smarksync.plugin import Writes

    return Writes


class _Pool:
    """Runs calls side by side, or at once in this thread when one writer is enough."""

    def __init__(self, writers: int) -> None:
        self._pool = ThreadPoolExecutor(writers) if writers > 1 else None

    def submit(self, call: Any, *args: Any) -> Future[Any]:
        if self._pool is not None:
            return self._pool.submit(call, *args)
        future: Future[Any] = Future()
        future.set_result(call(*args))
        return future

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _batches(rows: Sequence[PlanRow], size: int) -> list[list[PlanRow]]:
    """Full batches in which no record is written twice."""
    batches: list[list[PlanRow]] = []
    batch: list[PlanRow] = []
    names: set[str] = set()
    for row in rows:
        alone = row.rid is not None and row.op != "associate"  # a list takes many people at once
        if len(batch) >= size or (alone and row.rid in names):
            batches.append(batch)
            batch, names = [], set()
        batch.append(row)
        if alone and row.rid is not None:
            names.add(row.rid)
    return [*batches, batch] if batch else batches


def _send(run: Run, job: JobRun, lane: Lane, op: Op, batches: list[list[PlanRow]], pool: _Pool, at_once: int) -> None:
    """Marks each batch as being sent, sends it, and settles what came back. No network inside a transaction.

    As many batches as are sent side by side are settled together: a death forgets no answer but theirs.
    """
    for start in range(0, len(batches), at_once):
        group = batches[start : start + at_once]
        if run.connections[lane.stream.connection].failed is not None:
            return
        refs = entities.refs(run.ledger, {r.eid for b in group for r in b}) if op is Op.CREATE else {}
        with run.ledger.tx():
            plans.send(run.ledger, [row.seq for batch in group for row in batch], run.stamp())
        known = _versions(run, lane, op, [row for batch in group for row in batch])
        futures = []
        for batch in group:
            writes = [_write(op, row, refs.get(row.eid), known.get(row.rid or "")) for row in batch]
            futures.append((batch, pool.submit(_call, lane, writes)))
            if run.connections[lane.stream.connection].failed is not None:
                break
        for batch, future in futures:
            receipts, error = future.result()
            _receive(run, job, lane, batch, receipts, error)


def _write(op: Op, row: PlanRow, ref: str | None, version: str | None) -> Write:
    if op is not Op.CREATE:
        return Write(str(row.seq), op, row.after, row.rid, None, version)
    # a person has one record, many tasks; a fact to be made names its source where others have their id
    key = ref if row.source is not None else row.body.get("task", {}).get("key", ref)
    return Write(str(row.seq), op, row.after, None, key, version)


def _versions(run: Run, lane: Lane, op: Op, rows: Iterable[PlanRow]) -> dict[str, str | None]:
    """{record: the version that the decision rests on}, for systems that refuse to write over any other.

    An opt-out goes out whatever the record looks like by now.
    """
    if op is Op.CREATE or Can.CONDITIONAL not in lane.spec.can:
        return {}
    return links.versions(run.ledger, lane.sid, [row.rid for row in rows if row.rid and not row.consent])


def _call(lane: Lane, writes: Sequence[Write]) -> tuple[list[Receipt], SystemFailure | None]:
    """One write call; what was answered before a failure counts."""
    receipts: list[Receipt] = []
    try:
        answers: Iterator[Receipt] = lane.connector.write(lane.stream.object, writes)  # type: ignore[attr-defined]
        for receipt in answers:
            receipts.append(echoed(receipt))  # one by one: what came before a failure counts
    except SystemFailure as error:
        error.connection = lane.stream.connection
        return receipts, error
    return receipts, None


def _receive(
    run: Run, job: JobRun, lane: Lane, batch: list[PlanRow], receipts: list[Receipt], error: SystemFailure | None
) -> None:
    by_ref = {row.seq: row for row in batch}
    answered: dict[int, Receipt] = {}
    for receipt in receipts:
        seq = int(receipt.ref) if receipt.ref.isdigit() else -1
        if seq in by_ref and seq not in answered:
            answered[seq] = receipt
        elif error is None:
            error = Malformed(
                f"{lane.name} answered for a row that was not sent, or twice.",
                hint="Nothing is taken for written on its word. Report it to the connector.",
            )
    for row in batch:
        if row.seq not in answered:
            doubt = error is None or isinstance(error, (Unknown, Malformed))
            answered[row.seq] = Receipt(
                str(row.seq), WriteResult.UNKNOWN if doubt else WriteResult.RETRY, row.rid,
                message=str(error) if error else "no receipt came back",
            )  # fmt: skip
    if error is not None and not isinstance(error, Unknown):
        run.connections[lane.stream.connection].failed = error
    with run.ledger.tx():
        take_receipts(run, job, lane, [(by_ref[seq], receipt) for seq, receipt in answered.items()])
    pairs = [(by_ref[seq], receipt) for seq, receipt in answered.items()]
    refusals.look_up_duplicates(run, job, lane, pairs)
    refusals.look_again(run, job, lane, pairs)


def take_receipts(run: Run, job: JobRun, lane: Lane, pairs: Sequence[tuple[PlanRow, Receipt]]) -> None:
    """T3 for a batch: applied rows are settled, each other one gets its own fate."""
    done = []
    for row, receipt in pairs:
        if changed_outcome(receipt.result) and (receipt.id or (row.rid and row.op != "create")):
            done.append((row, receipt))
        else:
            refusals.take(run, job, lane, row, receipt)
    if done:
        for op, count in Counter(row.op for row, _ in done).items():
            job.count(lane.sid, _DONE[op], count)
        job.count(lane.sid, "written", len(done))
        run.wrote += sum(1 for row, _ in done if not row.consent)
        settle(run, done)


def _still_wanted(run: Run, job: JobRun, lane: Lane, op: Op, rows: list[PlanRow]) -> list[PlanRow]:
    """Before a write: links that appeared meanwhile, look-ups before creates, re-reads of what was seen too long ago."""
    if op is Op.CREATE:
        return refusals.before_creates(run, job, lane, rows)
    if facts.are(lane) or op is Op.ASSOCIATE:
        return rows
    if Can.FETCH not in lane.spec.can:
        return rows
    if Can.CONDITIONAL in lane.spec.can:  # the system itself refuses to write over what we have not seen
        known = _versions(run, lane, op, rows)
        loose = [row for row in rows if known.get(row.rid or "") is None]
        old = _seen_too_long_ago(run, lane, loose) if loose else set()
    else:
        old = _seen_too_long_ago(run, lane, rows)
    return reread(run, job, lane, rows, old) if old else rows


def _seen_too_long_ago(run: Run, lane: Lane, rows: Iterable[PlanRow]) -> set[str]:
    limit = instant(run.now() - timedelta(seconds=run.freshness))
    if lane.moment >= limit:
        return set()  # the pull of this run saw them all
    return links.seen_before(run.ledger, lane.sid, [row.rid for row in rows if row.rid], limit)


def reread(run: Run, job: JobRun, lane: Lane, rows: list[PlanRow], old: set[str]) -> list[PlanRow]:
    """Reads targets again by id; one that changed where we would write goes back to be decided anew."""
    ids = sorted(old)
    found: dict[str, Record] = {}
    step = max(100, lane.spec.max_batch)  # full calls where a vendor takes more at once
    for start in range(0, len(ids), step):
        part = ids[start : start + step]
        try:
            found.update((record.id, record) for record in lane.fetch(part))
        except SystemFailure as error:
            error.connection = lane.stream.connection
            run.connections[lane.stream.connection].failed = error
            return []
    kept, stale = [], []
    for row in rows:
        if row.rid in old and row.rid is not None:
            record = found.get(row.rid)
            before = row.body.get("before", {})
            if record is None or any(
                v in record.fields and not same_raw(lane, v, record.fields[v], b) for v, b in before.items()
            ):
                stale.append(row)
                continue
        kept.append(row)
    version = lane.mapping.version.encode()[:64]
    with run.ledger.tx():
        observe(run, lane, [(r, fingerprint(r.fields, version)) for r in found.values()], own=True)
        for row in stale:
            refusals.stale(run, job, lane, row, "it changed since it was planned")
    return kept


def same_raw(lane: Lane, vendor: str, shown: Any, before: Any) -> bool:
    """Whether two vendor values of one field are one: the same, both empty, or the same in canonical terms."""
    if shown == before or (blank(shown) and blank(before)):
        return True
    codec = codecs_by_vendor(lane.mapping).get(vendor)
    try:
        return codec is not None and bool(codec.inward(shown) == codec.inward(before))
    except ValueProblem:
        return False


def _give_up(run: Run, job: JobRun) -> None:
    """Rows to systems that failed meanwhile go back to be planned by the next run."""
    rows = plans.load(run.ledger, "job = ? AND status = 'released'", (job.name,))
    with run.ledger.tx():
        for row in rows:
            if row.consent:
                continue  # an opt-out stays an intent until it is delivered
            refusals.defer(run, job, row, "the system could not be reached")


__all__ = ["push", "reread", "take_receipts"]
