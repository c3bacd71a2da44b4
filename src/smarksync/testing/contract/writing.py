"""Clauses 15 to 23: writing. Each row gets its own honest answer, and nothing is written that was not asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from smarksync.errors import SystemFailure, Unknown
from smarksync.plugin import Can, Fixes, Op, Receipt, StreamSpec, Write, WriteResult

from .asking import DONE
from .clause import Failed, NotTested, clause, few
from .roundtrip import same
from .stage import Stage
from .tap import Act, Answer

_CODE = re.compile(r"SMK-[A-Z0-9]+(-[A-Z0-9]+)*")
#: odd rows that are tried as updates, and characters of a value that a message shows
_TRIED, _SHORT = 12, 40


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


def _behind(stage: Stage, stream: StreamSpec, batch: list[Write], told: Mapping[str, Receipt]) -> None:
    """Fails unless the row that each receipt names holds what that write said, and what its ``stored`` says."""
    texts = stage.texts(stream.name)
    infos = {info.name: info for info in stage.describe(stream.name)}
    names = tuple(dict.fromkeys(name for write in batch for name in write.fields if name in infos))
    shown = stage.look(stream.name, [str(told[write.ref].id) for write in batch], names)
    for write in batch:
        id = str(told[write.ref].id)
        if write.id is not None and id != write.id:
            raise Failed(f"An update of {stream.name} {write.id} is answered with the id {id}.")
        if id not in shown:
            raise Failed(f"{write.ref} is answered {told[write.ref].result} as {stream.name} {id}, which is not shown.")
        row = shown[id]
        wrong = [name for name in texts if name in write.fields and not _shows(row.get(name), write.fields[name])]
        if wrong:
            owner = next((other.ref for other in batch if _fits(row, other, texts)), None)
            whose = f"the values of {owner}" if owner else f"{wrong[0]}: {row.get(wrong[0])!r}"
            raise Failed(
                f"{write.ref} is answered {told[write.ref].result} as {stream.name} {id}, and that row has {whose}: "
                "receipts belong to writes by ref, whatever order the system answers in."
            )
        for name, value in (told[write.ref].stored or {}).items():
            if name in row and not same(infos[name], value, row[name]):
                raise Failed(
                    f"The receipt of {write.ref} says that {stream.name} {id} now stores {value!r} as its {name}; it shows "
                    f"{row[name]!r}."
                )


def _fits(row: Mapping[str, Any], write: Write, texts: Sequence[str]) -> bool:
    return all(_shows(row.get(name), write.fields[name]) for name in texts if name in write.fields)


def _shows(shown: Any, written: Any) -> bool:
    """Whether a text is the one that was written, perhaps with a line behind it (a mark of the connector's own)."""
    return bool(shown == written) or (isinstance(shown, str) and shown.startswith(f"{written}\n"))


def _refused(stage: Stage, stream: StreamSpec) -> tuple[Mapping[str, Any], Receipt]:
    """A row that the system refuses, and the receipt it got."""
    tried = 0
    for row in stage.refused(stream.name, stage.number()):
        tried += 1
        (write,) = _creates(stage, [row], f"x{tried}-")
        receipt = _told(stage, stream, [write]).get(write.ref)
        if receipt is not None and receipt.result is WriteResult.REJECTED:
            return row, receipt
        if receipt is not None and receipt.result in DONE and receipt.id not in stage.ids(stream.name):
            raise Failed(f"{stream.name} answers {receipt.result} to a row that no read shows afterwards.")
    raise NotTested("hook", f"of {tried} odd rows {stream.name} refused none: give `refused`")


@clause(15, "write", "one receipt per ref, none invented", any_of=(Can.CREATE, Can.UPDATE))
def one_receipt_per_ref(stage: Stage, stream: StreamSpec) -> None:
    """The engine settles by ref: every write is answered once."""
    if Can.CREATE in stream.can:
        batch = _creates(stage, stage.rows(stream.name, min(3, stream.max_batch)))
        ids = [str(told.id) for told in _settled(stage, stream, batch)]
    else:
        ids = stage.seeded(stream.name, 2)
    if Can.UPDATE in stream.can:
        field = stage.texts(stream.name)[0]
        batch = [Write(f"u{n}", Op.UPDATE, {field: f"New {n}"}, id) for n, id in enumerate(ids)]
        _settled(stage, stream, batch[: stream.max_batch])


def _settled(stage: Stage, stream: StreamSpec, batch: list[Write]) -> list[Receipt]:
    """The receipts of ordinary writes, in the order of the batch; fails unless each is that of its row."""
    told = {receipt.ref: receipt for receipt in _receipts(stage, stream, batch)}
    stage.settled(list(told.values()))
    _behind(stage, stream, batch, told)
    return [told[write.ref] for write in batch]


@clause(16, "write", "mixed results stay mixed", Can.CREATE)
def mixed_results_stay_mixed(stage: Stage, stream: StreamSpec) -> None:
    """One bad row must not take the good ones of its batch with it, nor pass for good."""
    if stream.max_batch < 2:
        raise NotTested("ability", f"{stream.name} takes one row a batch")
    bad, _ = _refused(stage, stream)
    good = stage.rows(stream.name, min(3, stream.max_batch - 1))
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
    _behind(stage, stream, [write for write in batch if write.fields is not bad], told)


@clause(17, "write", "rejected carries code and message", Can.CREATE)
def rejected_says_why(stage: Stage, stream: StreamSpec) -> None:
    """A refusal goes to a person: it names a stable code and the vendor's words."""
    _, receipt = _refused(stage, stream)
    _says_why(stream, receipt, "row")
    if Can.UPDATE in stream.can:
        _refused_update(stage, stream)


def _says_why(stream: StreamSpec, receipt: Receipt, what: str) -> None:
    if not receipt.code or not _CODE.fullmatch(receipt.code):
        raise Failed(
            f"A rejected {what} of {stream.name} has the code {receipt.code!r}; codes look like SMK-DUPLICATE."
        )
    if not (receipt.message or "").strip():
        raise Failed(f"A rejected {what} of {stream.name} ({receipt.code}) has no message.")


def _refused_update(stage: Stage, stream: StreamSpec) -> None:
    """What is refused of a new row is tried on one that is there: it is refused, or it is written."""
    number = stage.number()
    good = stage.example(stream.name, number)
    infos = {info.name: info for info in stage.describe(stream.name)}
    apart = {stream.external_id, *stream.natural_keys}  # what rows are known by is no field like others
    (id,) = stage.seed(stream.name, [good])
    for odd in islice(stage.refused(stream.name, number), _TRIED):
        changed = {name: value for name, value in odd.items() if name not in good or good[name] != value}
        changed |= {name: None for name in good if name not in odd}
        changed = {name: value for name, value in changed.items() if name in infos and name not in apart}
        if not changed:
            continue
        told = _told(stage, stream, [Write("r1", Op.UPDATE, changed, id)]).get("r1")
        if told is not None and told.result is WriteResult.REJECTED:
            _says_why(stream, told, "update")
            return
        if told is None or told.result not in DONE:
            continue
        shown = stage.look(stream.name, [id], tuple(changed)).get(id, {})
        for name, value in changed.items():
            kept = (told.stored or {}).get(name, value)
            if not same(infos[name], shown.get(name), kept):
                raise Failed(
                    f"An update of {stream.name} that sets {name} to {_short(value)} is answered {told.result}, and the row "
                    f"shows {_short(shown.get(name))}: what the system refuses is rejected, with its code and words."
                )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}… ({len(str(value))} characters)"


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
    row = stage.values(stream.name, ids[0], (first,))
    if first not in row:
        raise Failed(
            f"{first} of {stream.name} was written as None, and a read that asks for it leaves the name out: that says that "
            "it was not read. Show None."
        )
    if row[first] not in (None, ""):
        raise Failed(f"{first} of {stream.name} was written as None and still shows {row[first]!r}.")
    if row[first] == "" and not stream.blank_is_null:
        raise Failed(
            f"{first} of {stream.name} was written as None and shows '', and the stream says that it can tell the two apart "
            "(blank_is_null=False)."
        )
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
        if told is None or told.result not in DONE:
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
    if told is None or told.result not in DONE:
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
    accidents: tuple[tuple[Act, Answer | None, str], ...] = (
        ("lost", None, "whose answer was lost"),
        ("replaced", bad_gateway, "that a gateway answered 502 for, after it was done"),
        ("unsent", None, "that could not be sent"),
    )
    for act, answer, what in accidents:
        stage.pages(stream.name)  # tokens and whatever is fetched once
        (row,) = stage.rows(stream.name, 1)
        key = stage.key()
        before = stage.ids(stream.name)
        plan = stage.tap.plan(act, kinds=("write",), times=None, answer=answer)
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
        if Can.UPDATE in stream.can:
            _honest_update(stage, stream, act, answer, what)


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


def _honest_update(stage: Stage, stream: StreamSpec, act: Act, answer: Answer | None, what: str) -> None:
    """An update may be sent again; but it is not done before the row has it, and no refusal when nobody refused it."""
    (id,) = stage.seeded(stream.name, 1)
    field = stage.texts(stream.name)[0]
    plan = stage.tap.plan(act, kinds=("write",), times=None, answer=answer)
    receipts: list[Receipt] = []
    problem = stage.failure(
        lambda: receipts.extend(stage.connector.write(stream.name, [Write("l2", Op.UPDATE, {field: "Sent once"}, id)]))
    )
    stage.tap.calm()
    if not plan.hits or problem is not None:
        return
    said = receipts[0].result if receipts else "by nothing"
    if said in DONE and stage.look(stream.name, [id], (field,)).get(id, {}).get(field) != "Sent once":
        raise Failed(f"An update of {stream.name} {what} is answered {said}, and the row does not have it.")
    if not receipts or said in (WriteResult.REJECTED, WriteResult.CONFLICT):
        raise Failed(f"An update of {stream.name} {what} is answered {said}; nobody refused it: UNKNOWN, or RETRY.")


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
