"""Push: released rows in full batches, a receipt per ref, settled batch by batch.

Connections are written side by side, each with as many calls under way as it takes; this thread alone decides what
goes next and settles what came back. Within a connection nothing overtakes: consent, then one kind of row after the
other.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from smarksync.errors import Malformed, SystemFailure, Unknown
from smarksync.ledger import entities, plans
from smarksync.ledger.plans import PlanRow
from smarksync.plugin import Op, Receipt, Write, WriteResult, Writes

from . import filled, freshness, refusals, rivals
from .context import BEAT, JobRun, Lane, Run
from .hands import Hands
from .raw import echoed
from .settle import changed_outcome, settle

#: write calls of one connection that are under way at once, where the vendor allows it
WRITERS = 4
#: rows that are loaded at once, unless one batch alone is larger: each is a record whole, with what it was and will be
LOADED = 2_000
#: rows that are settled in one transaction: what each of them rests on is in memory meanwhile
SETTLED = 500
_ORDER = (Op.CREATE, Op.UPDATE, Op.ASSOCIATE, Op.ARCHIVE, Op.DELETE)
_DONE = {
    "create": "created",
    "update": "updated",
    "archive": "archived",
    "delete": "deleted",
    "associate": "associated",
}
Step = tuple[Lane, Op]
Answers = tuple[list[Receipt], SystemFailure | None]


def push(run: Run, job: JobRun) -> None:
    """Sends everything released: consent first, then creates before updates, one stream after the other."""
    lanes = sorted(job.lanes, key=lambda lane: (lane.primary_rank, lane.name))
    there = plans.kinds(run.ledger, job.name)
    waves = [[lane for lane in lanes if (lane.sid in job.late) is late] for late in (False, True)]
    for consent in (1, 0):
        for wave in waves:
            steps = [
                (lane, op)
                for op in _ORDER
                for lane in wave
                if (consent, str(op), lane.sid) in there and isinstance(lane.connector, Writes)
            ]
            _carry(run, job, steps, consent)
    _give_up(run, job)


def _carry(run: Run, job: JobRun, steps: Sequence[Step], consent: int) -> None:
    """One line a connection; all of them one line where a job makes each row of what was settled before."""
    lines: dict[str, _Line] = {}
    for lane, op in steps:
        name = lane.stream.connection if job.work is None else ""
        lines.setdefault(name, _Line(run, job, consent)).steps.append((lane, op))
    with Hands((WRITERS + 1) * len(lines) if run.options.threads else 0) as hands:
        while under_way := [call for line in lines.values() for call in line.move(hands)]:
            while job.ahead is not None and not (hands.aside and any(call.done() for call in under_way)):
                if not job.ahead.chunk():
                    break
                run.beat()
            hands.any_of(under_way, BEAT / 2)
            run.beat()


class _Line:
    """The steps of one connection, their batches on the way, and new records that are still to be read back."""

    def __init__(self, run: Run, job: JobRun, consent: int) -> None:
        self.run, self.job, self.consent = run, job, consent
        self.steps: list[Step] = []
        self._writes: dict[Future[Answers], tuple[Lane, Op, list[PlanRow]]] = {}
        self._reads: dict[Future[Any], Lane] = {}
        self._next: tuple[Lane, Op, list[PlanRow]] | None = None
        self._batches: Iterator[tuple[Lane, Op, list[PlanRow]]] | None = None
        self._silent: dict[int, tuple[Lane, deque[str]]] = {}

    def move(self, hands: Hands) -> list[Future[Any]]:
        """Takes what came back, sends what may go; the calls that are under way then."""
        answered = [(*self._writes.pop(call), *call.result()) for call in list(self._writes) if call.done()]
        for lane, _, _, _, error in answered:
            if error is not None and not isinstance(error, Unknown):
                self._fail(lane, error)
        ahead = hands.aside and self.job.work is None
        if ahead:  # the next calls are on their way while the last ones are settled
            self._send(hands)
        for lane, _, batch, receipts, error in answered:
            self._settle(lane, batch, receipts, error)
        for call in [call for call in self._reads if call.done()]:
            self._learn(self._reads.pop(call), *call.result())
        if not ahead:
            self._send(hands)
        self._read_back(hands)
        return [*self._writes, *self._reads]

    def _failed(self, lane: Lane) -> bool:
        return self.run.connections[lane.stream.connection].failed is not None

    def _fail(self, lane: Lane, error: SystemFailure) -> None:
        opened = self.run.connections[lane.stream.connection]
        opened.failed = opened.failed or error

    # -- writing ---------------------------------------------------------------------------------
    def _send(self, hands: Hands) -> None:
        """Fills the connection: marks each batch as being sent, and sends it. No network inside a transaction."""
        while not self._alone() and (batch := self._peek()) is not None and self._may_go(*batch, hands):
            self._next = None
            lane, op, rows = batch
            if self._failed(lane):
                continue
            rows = self._mark(rows)
            refs = entities.refs(self.run.ledger, {row.eid for row in rows}) if op is Op.CREATE else {}
            known = freshness.versions(self.run, lane, op, rows)
            writes = [_write(op, row, refs.get(row.eid), known.get(row.rid or "")) for row in rows]
            if writes:
                self._writes[hands.begin(_call, lane, writes)] = (lane, op, rows)
            del batch, writes

    def _alone(self) -> bool:
        """Whether a write is under way that takes nothing beside it: what comes next need not be in memory yet."""
        return any(lane.spec.writes_serially for lane, _, _ in self._writes.values())

    def _peek(self) -> tuple[Lane, Op, list[PlanRow]] | None:
        if self._batches is None:
            self._batches = self._load()
        if self._next is None:
            self._next = next(self._batches, None)
        return self._next

    def _load(self) -> Iterator[tuple[Lane, Op, list[PlanRow]]]:
        """Full batches, step by step, of rows that still hold."""
        run, job = self.run, self.job
        for lane, op in self.steps:
            size, last = max(1, lane.spec.max_batch), 0
            while not self._failed(lane):
                rows = plans.load(
                    run.ledger, "job = ? AND sid = ? AND op = ? AND consent = ? AND status = 'released' AND seq > ?",
                    (job.name, lane.sid, str(op), self.consent, last), max(size, min(size * WRITERS * 4, LOADED)),
                )  # fmt: skip
                if not rows:
                    break
                last = rows[-1].seq
                if job.work is not None:
                    rows = job.work.still_wanted(run, job, lane, rows)
                batches = deque(_batches(freshness.still_wanted(run, job, lane, op, rows), size))
                del rows
                while batches:
                    yield lane, op, batches.popleft()

    def _may_go(self, lane: Lane, op: Op, rows: Sequence[PlanRow], hands: Hands) -> bool:
        """A free hand, nothing of another step before it, no record that is being written already."""
        if not self._writes:
            return True
        if not hands.aside or lane.spec.writes_serially or len(self._writes) >= WRITERS:
            return False
        if any((other.sid, kind) != (lane.sid, op) for other, kind, _ in self._writes.values()):
            return False
        if op is Op.ASSOCIATE:  # a list takes many people at once
            return True
        busy = {row.rid for _, _, batch in self._writes.values() for row in batch if row.rid is not None}
        return busy.isdisjoint(row.rid for row in rows)

    def _mark(self, rows: list[PlanRow]) -> list[PlanRow]:
        """What is sent is known as sent before it leaves; rows that were taken back meanwhile stay."""
        with self.run.ledger.tx():
            sent = plans.send(self.run.ledger, [row.seq for row in rows], self.run.stamp())
        return rows if sent is None else [row for row in rows if row.seq in sent]

    # -- what came back --------------------------------------------------------------------------
    def _settle(self, lane: Lane, batch: list[PlanRow], receipts: list[Receipt], error: SystemFailure | None) -> None:
        pairs = _receive(self.run, self.job, lane, batch, receipts, error)
        if ids := filled.silent(lane, pairs):
            self._silent.setdefault(lane.sid, (lane, deque()))[1].extend(ids)
        counts = self.job.counts.get(lane.sid, Counter())
        self.run.tell("push", lane.name, counts["written"], counts["planned"])

    def _read_back(self, hands: Hands) -> None:
        """Asks what the system filled into new records: in full calls, the rest when nothing else is on its way."""
        for lane, ids in self._silent.values():
            while ids and not self._failed(lane) and (len(ids) >= filled.AT_ONCE or not self._writes):
                part = [ids.popleft() for _ in range(min(len(ids), filled.AT_ONCE))]
                self._reads[hands.begin(filled.ask, lane, part)] = lane

    def _learn(self, lane: Lane, records: list[Any], error: SystemFailure | None) -> None:
        if error is not None:
            self._fail(lane, error)
        filled.learn(self.run, lane, records)


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


def _write(op: Op, row: PlanRow, ref: str | None, version: str | None) -> Write:
    if op is not Op.CREATE:
        return Write(str(row.seq), op, row.after, row.rid, None, version)
    # a person has one record, many tasks; a fact to be made names its source where others have their id
    key = ref if row.source is not None else row.body.get("task", {}).get("key", ref)
    return Write(str(row.seq), op, row.after, None, key, version)


def _call(lane: Lane, writes: Sequence[Write]) -> Answers:
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
) -> list[tuple[PlanRow, Receipt]]:
    """Each row of the batch with its receipt, settled or given its fate; a row without one gets one made for it."""
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
    pairs = [(by_ref[seq], receipt) for seq, receipt in answered.items()]
    for start in range(0, len(pairs), SETTLED):
        with run.ledger.tx():
            take_receipts(run, job, lane, pairs[start : start + SETTLED])
    rivals.look_up_duplicates(run, job, lane, pairs)
    refusals.look_again(run, job, lane, pairs)
    return pairs


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


def _give_up(run: Run, job: JobRun) -> None:
    """Rows to systems that failed meanwhile go back to be planned by the next run."""
    rows = plans.load(run.ledger, "job = ? AND status = 'released'", (job.name,))
    with run.ledger.tx():
        for row in rows:
            if row.consent:  # an opt-out stays an intent until it is delivered
                job.count(row.sid, "held", row.seq not in job.undelivered)
                job.undelivered.add(row.seq)
                continue
            refusals.defer(run, job, row, "the system could not be reached")


__all__ = ["push", "take_receipts"]
