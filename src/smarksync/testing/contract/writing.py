"""Clauses 15 to 23: writing. Each row gets its own honest answer, and nothing is written that was not asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smarksync.errors import SystemFailure, Unknown
from smarksync.plugin import Can, Fixes, Op, Receipt, StreamSpec, Write, WriteResult

from .asking import DONE as _DONE
from .clause import Failed, NotTested, clause, few
from .stage import Stage
from .tap import Answer

_CODE = re.compile(r"SMK-[A-Z0-9]+(-[A-Z0-9]+)*")


def _told(stage: Stage, stream: StreamSpec, batch: list[Write]) -> dict[str, Receipt]:
    """The receipts by ref; one that says that a row is done stands before others."""
    return {receipt.ref: receipt for receipt in stage.write(stream.name, batch)}


def _creates(stage: Stage, rows: list[Mapping[str, Any]], prefix: str = "c") -> list[Write]:
    return [Write(f"{prefix}{n}", Op.CREATE, row, key=stage.key()) for n, row in enumerate(rows)]


def _receipts(stage: Stage, stream: StreamSpec, batch: list[Write]) -> list[Receipt]:
    """Receipts of a batch; fails unless there is one for every ref."""
    receipts = stage.write(stream.name, batch)
    sent, answered = [write.ref for write in batch], [receipt.ref for receipt in receipts]
    if invented := set(answered) - set(sent):
        raise Failed(f"A receipt of {stream.name} answers {few(invented)}, which nobody sent.")
    if silent := set(sent) - set(answered):
        raise Failed(f"{len(silent)} of {len(sent)} writes to {stream.name} got no receipt, such as {few(silent)}.")
    if len(answered) > len(sent):
        raise Failed(f"{len(sent)} writes to {stream.name} got {len(answered)} receipts.")
    return receipts


def _refused(stage: Stage, stream: StreamSpec) -> tuple[Mapping[str, Any], Receipt]:
    """A row that the system refuses, and the receipt it got."""
    tried = 0
    for row in stage.refused(stream.name, stage.number()):
        tried += 1
        (write,) = _creates(stage, [row], f"x{tried}-")
        receipt = _told(stage, stream, [write]).get(write.ref)
        if receipt is not None and receipt.result is WriteResult.REJECTED:
            return row, receipt
        if receipt is not None and receipt.result in _DONE and receipt.id not in stage.ids(stream.name):
            raise Failed(f"{stream.name} answers {receipt.result} to a row that no read shows afterwards.")
    raise NotTested("hook", f"of {tried} odd rows {stream.name} refused none: give `refused`")


@clause(15, "write", "one receipt per ref, none invented", any_of=(Can.CREATE, Can.UPDATE))
def one_receipt_per_ref(stage: Stage, stream: StreamSpec) -> None:
    """The engine settles by ref: every write is answered once."""
    if Can.CREATE in stream.can:
        rows = stage.rows(stream.name, min(3, stream.max_batch))
        ids = [str(r.id) for r in _receipts(stage, stream, _creates(stage, rows))]
    else:
        ids = stage.seeded(stream.name, 2)
    if Can.UPDATE in stream.can:
        field = stage.texts(stream.name)[0]
        batch = [Write(f"u{n}", Op.UPDATE, {field: f"New {n}"}, id) for n, id in enumerate(ids)]
        _receipts(stage, stream, batch[: stream.max_batch])


@clause(16, "write", "mixed results stay mixed", Can.CREATE)
def mixed_results_stay_mixed(stage: Stage, stream: StreamSpec) -> None:
    """One bad row must not take the good ones of its batch with it, nor pass for good."""
    if stream.max_batch < 2:
        raise NotTested("ability", f"{stream.name} takes one row a batch")
    bad, _ = _refused(stage, stream)
    good = stage.rows(stream.name, 2 if stream.max_batch > 2 else 1)
    batch = _creates(stage, [good[0], bad, *good[1:]])
    told = _told(stage, stream, batch)
    for write in batch:
        result = told[write.ref].result if write.ref in told else None
        if write.fields is bad and result is not WriteResult.REJECTED:
            raise Failed(f"In a batch with good rows, a row that {stream.name} refuses is answered {result}.")
        if write.fields is not bad and result is not WriteResult.CREATED:
            raise Failed(f"Beside a bad row, a good row of {stream.name} is answered {result}.")
    shown = stage.ids(stream.name)
    lost = [w.ref for w in batch if w.fields is not bad and told[w.ref].id not in shown]
    if lost:
        raise Failed(f"Beside a bad row, {few(lost)} is answered created and no read of {stream.name} shows it.")


@clause(17, "write", "rejected carries code and message", Can.CREATE)
def rejected_says_why(stage: Stage, stream: StreamSpec) -> None:
    """A refusal goes to a person: it names a stable code and the vendor's words."""
    _, receipt = _refused(stage, stream)
    if not receipt.code or not _CODE.fullmatch(receipt.code):
        raise Failed(f"A rejected row of {stream.name} has the code {receipt.code!r}; codes look like SMK-DUPLICATE.")
    if not (receipt.message or "").strip():
        raise Failed(f"A rejected row of {stream.name} ({receipt.code}) has no message.")


@clause(18, "write", "update leaves other fields", Can.UPDATE)
def update_leaves_other_fields(stage: Stage, stream: StreamSpec) -> None:
    """Only what changes is sent, and only that may change."""
    (id,) = stage.seeded(stream.name, 1)
    names = stage.asked(stream.name)
    before = dict(stage.values(stream.name, id, names))
    field = stage.texts(stream.name)[0]
    stage.settled(stage.write(stream.name, [Write("u1", Op.UPDATE, {field: "Changed alone"}, id)]))
    after = stage.values(stream.name, id, names)
    if after.get(field) != "Changed alone":
        raise Failed(f"{field} of {stream.name} was set and shows {after.get(field)!r}.")
    for name in names:
        if name != field and after.get(name) != before.get(name):
            raise Failed(
                f"Setting {field} of {stream.name} also changed {name}: {before.get(name)!r} → {after.get(name)!r}."
            )


@clause(19, "write", "null clears, absent leaves", Can.UPDATE)
def null_clears_absent_leaves(stage: Stage, stream: StreamSpec) -> None:
    """None empties a field; a field that is not named stays, also when another row of the batch names it."""
    ids = stage.seeded(stream.name, 2)
    first, second = stage.texts(stream.name)[:2]
    before = stage.values(stream.name, ids[1], (first,)).get(first)
    writes = [Write("u1", Op.UPDATE, {first: None}, ids[0]), Write("u2", Op.UPDATE, {second: "Other"}, ids[1])]
    for batch in [writes] if stream.max_batch > 1 else [[write] for write in writes]:
        stage.settled(stage.write(stream.name, batch))
    cleared = stage.values(stream.name, ids[0], (first,)).get(first)
    if cleared not in (None, ""):
        raise Failed(f"{first} of {stream.name} was written as None and still shows {cleared!r}.")
    left = stage.values(stream.name, ids[1], (first,)).get(first)
    if left != before:
        raise Failed(f"{first} of {stream.name} was not named for one row of a batch, and went {before!r} → {left!r}.")


@clause(20, "write", "idempotent by key", Can.CREATE, Can.UPSERT_BY_KEY)
def idempotent_by_key(stage: Stage, stream: StreamSpec) -> None:
    """A create that is sent twice with one key makes one row."""
    if isinstance(stage.connector, Fixes) and stream.external_id:
        stage.connector.create_fields(stream.name, [stream.external_id])  # as `check --fix` does
    (row,) = stage.rows(stream.name, 1)
    key = stage.key()
    ids = []
    for ref in ("k1", "k2"):
        told = _told(stage, stream, [Write(ref, Op.CREATE, row, key=key)]).get(ref)
        if told is None or told.result not in _DONE:
            raise Failed(f"A create of {stream.name} by key is answered {told.result if told else 'by nothing'}.")
        ids.append(told.id)
    if ids[0] != ids[1]:
        raise Failed(f"A create of {stream.name} sent twice with one key made {ids[0]} and {ids[1]}.")


@clause(21, "write", "conditional honoured", Can.UPDATE, Can.CONDITIONAL)
def conditional_honoured(stage: Stage, stream: StreamSpec) -> None:
    """`if_version` protects the edit that somebody made meanwhile."""
    (id,) = stage.seeded(stream.name, 1)
    first, second = stage.texts(stream.name)[:2]
    old = _version(stage, stream, id)
    stage.edit(stream.name, id, {second: "Theirs"})
    told = _told(stage, stream, [Write("v1", Op.UPDATE, {first: "Ours"}, id, if_version=old)]).get("v1")
    if told is None or told.result is not WriteResult.CONFLICT:
        raise Failed(f"A write to {stream.name} against an old version is answered {told.result if told else None}.")
    if stage.values(stream.name, id, (first,)).get(first) == "Ours":
        raise Failed(f"A write to {stream.name} against an old version is a conflict, and was written all the same.")
    now = _version(stage, stream, id)
    told = _told(stage, stream, [Write("v2", Op.UPDATE, {first: "Ours"}, id, if_version=now)]).get("v2")
    if told is None or told.result not in _DONE:
        raise Failed(
            f"A write to {stream.name} against the present version is answered {told.result if told else None}."
        )


def _version(stage: Stage, stream: StreamSpec, id: str) -> str:
    found = next((r.version for r in stage.records(stream.name) if r.id == id), None)
    if not found:
        raise Failed(f"{stream.name} declares conditional, and its rows show no version.")
    return found


@clause(22, "write", "lost answer is UNKNOWN", Can.CREATE, http=True)
def lost_answer_is_unknown(stage: Stage, stream: StreamSpec) -> None:
    """The server did it and the answer never came: saying `retry` makes a second one, `rejected` loses it."""
    bad_gateway = Answer(502, "<html><body>Bad gateway</body></html>", {"Content-Type": "text/html"})
    for act, answer, what in (
        ("lost", None, "whose answer was lost"),
        ("replaced", bad_gateway, "that a gateway answered 502 for, after it was done"),
        ("unsent", None, "that could not be sent"),
    ):
        stage.pages(stream.name)  # tokens and whatever is fetched once
        (row,) = stage.rows(stream.name, 1)
        key = stage.key()
        before = stage.ids(stream.name)
        plan = stage.tap.plan(act, kinds=("write",), times=None, answer=answer)  # type: ignore[arg-type]
        receipts: list[Receipt] = []
        problem: SystemFailure | None = None
        try:
            receipts += stage.connector.write(stream.name, [Write("l1", Op.CREATE, row, key=key)])
        except SystemFailure as error:
            problem = error
        stage.tap.calm()
        stage.note(stream.name, receipts)
        if not plan.hits:
            raise NotTested("trait", f"creating a row of {stream.name} sends nothing that counts as a write")
        _honest(stage, stream, next(iter(receipts), None), problem, before, f"A create of {stream.name} {what}")


def _honest(
    stage: Stage,
    stream: StreamSpec,
    receipt: Receipt | None,
    problem: SystemFailure | None,
    before: set[str],
    what: str,
) -> None:
    made = stage.ids(stream.name) - before
    stage.made += [(stream.name, id) for id in made if (stream.name, id) not in stage.made]
    if len(made) > 1:
        raise Failed(f"{what} was made {len(made)} times.")
    said = receipt.result if receipt else None
    if said in (WriteResult.CREATED, WriteResult.UPDATED, WriteResult.UNCHANGED) and not made:
        raise Failed(f"{what} is answered {said}, and there is no such row.")
    if not made or said in (WriteResult.CREATED, WriteResult.UPDATED, WriteResult.UNKNOWN):
        return
    if said is None and isinstance(problem, Unknown):
        return
    told = said or (f"with {type(problem).__name__}" if problem else "by nothing")
    raise Failed(f"{what} is answered {told}; the row is there, so only UNKNOWN is honest.")


@clause(23, "write", "over-size batch split", Can.CREATE)
def oversize_batch_split(stage: Stage, stream: StreamSpec) -> None:
    """A batch above the vendor's size is cut into calls that the vendor takes; every row gets its receipt."""
    rows = stage.rows(stream.name, stream.max_batch + 1)
    batch = _creates(stage, rows)
    receipts = _told(stage, stream, batch)
    told = {write.ref: receipts[write.ref] for write in batch if write.ref in receipts}
    if silent := len(rows) - len(told):
        raise Failed(
            f"A batch of {len(rows)} rows of {stream.name}, which takes {stream.max_batch}: {silent} got no receipt."
        )
    odd = [receipt for receipt in told.values() if receipt.result is not WriteResult.CREATED]
    if odd:
        raise Failed(
            f"A batch of {len(rows)} rows of {stream.name}, which takes {stream.max_batch}: {len(odd)} are answered "
            f"{odd[0].result} ({odd[0].code} {odd[0].message})."
        )
