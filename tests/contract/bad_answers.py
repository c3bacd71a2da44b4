"""Bad connectors that mix up what they are told: receipts of other rows, empty with absent, yes with no, times without
a zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bad_connectors import Bad
from web_memory import PRESET, WebSettings, discover

from smarksync.plugin import Cursor, FieldInfo, GonePages, Op, Receipt, Record, StreamSpec, Write, WriteResult


class ReceiptsByPosition(Bad):
    """Good rows are answered in another order than they were sent, and it goes by the order."""

    breaks = "one_receipt_per_ref"
    also = frozenset({"mixed_results_stay_mixed"})
    says_so = "that row has the values of"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        receipts = list(super().write(stream, batch))
        done = [r for r in receipts if r.result is WriteResult.CREATED]
        others = dict(zip((r.ref for r in done), [*done[1:], *done[:1]], strict=True))
        for receipt in receipts:
            yield others[receipt.ref]._replace(ref=receipt.ref) if receipt.ref in others else receipt


class MixesUpdatesWithOthers(Bad):
    """Two updates in a batch change each other's row."""

    breaks = "one_receipt_per_ref"
    says_so = "that row has the values of"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        if len(batch) < 3 or batch[0].op is not Op.UPDATE:
            yield from super().write(stream, batch)
            return
        ids = {write.ref: write.id for write in batch}
        turned = [w._replace(fields=other.fields) for w, other in zip(batch, [*batch[1:], batch[0]], strict=True)]
        for receipt in super().write(stream, turned):
            yield receipt._replace(id=ids[receipt.ref], stored=None)


class EchoesTheOldValues(Bad):
    """What it says is stored is what was there before."""

    breaks = "one_receipt_per_ref"
    says_so = "now stores"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        before = {write.id: self.system.row(stream, write.id) for write in batch if write.id}
        for receipt in super().write(stream, batch):
            old = before.get(receipt.id)
            many = len(batch) > 1 and receipt.stored is not None and old
            yield receipt._replace(stored=old) if many else receipt


class LeavesEmptyFieldsOut(Bad):
    """What is empty is not in the row: the engine takes it for not read, and never hears that it was cleared."""

    breaks = "only_asked_fields"
    also = frozenset({"null_clears_absent_leaves"})
    says_so = "a name that is left out was not read"

    def _record(self, decl: Any, row: Any, fields: Sequence[str]) -> Record:
        record = super()._record(decl, row, fields)
        return record._replace(fields={k: v for k, v in record.fields.items() if v is not None})


class ShowsBlankForNull(Bad):
    """It declares that its system tells "" from null, and shows "" for both."""

    breaks = "null_clears_absent_leaves"
    says_so = "blank_is_null=False"

    @classmethod
    def says(cls) -> Mapping[str, Any]:
        def exact(settings: WebSettings) -> tuple[StreamSpec, ...]:
            return tuple(replace(stream, blank_is_null=False) for stream in discover(settings))

        return {"discover": exact}

    def _record(self, decl: Any, row: Any, fields: Sequence[str]) -> Record:
        record = super()._record(decl, row, fields)
        return record._replace(fields={k: "" if v is None else v for k, v in record.fields.items()})


def _turned(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: not v if k == "no_mail" and v is not None else v for k, v in fields.items()}


class ReadsYesAsNo(Bad):
    breaks = "values_untouched"
    says_so = "no_mail (bool) was written as True, answered updated, and is shown as False"

    def _record(self, decl: Any, row: Any, fields: Sequence[str]) -> Record:
        record = super()._record(decl, row, fields)
        return record._replace(fields=_turned(record.fields))


class ReadsAndEchoesYesAsNo(ReadsYesAsNo):
    """As it reads, so are its receipts: it agrees with itself."""

    breaks = "values_untouched"
    says_so = "what is read is not what is written"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        for receipt in super().write(stream, batch):
            yield receipt._replace(stored=_turned(receipt.stored)) if receipt.stored else receipt


class WritesAndReadsYesAsNo(ReadsAndEchoesYesAsNo):
    """Turned twice, it looks right from outside, and everybody who said no is mailed."""

    breaks = "values_untouched"
    says_so = "opts nobody out in the system"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        return super().write(stream, [w._replace(fields=_turned(w.fields)) for w in batch])


class PresetTurnedRound(Bad):
    """The preset takes "may be mailed" and "must not be mailed" for the same."""

    breaks = "values_untouched"
    says_so = "opts nobody out in the system"

    @classmethod
    def says(cls) -> Mapping[str, Any]:
        return {"preset": PRESET.replace("no_mail", "{field: no_mail, transform: [negate]}")}


class SubscribesUnasked(Bad):
    """New rows are mailed unless told otherwise, and the stream does not say so."""

    breaks = "values_untouched"
    says_so = "declare subscribes_on_create"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        news = [w._replace(fields={"no_mail": False, **w.fields}) if w.op is Op.CREATE else w for w in batch]
        return super().write(stream, news)


class NumbersAsTheyCome(Bad):
    """Numbers lose their last digit on the way in."""

    breaks = "values_untouched"
    says_so = "employees (int) was written as 12"

    def _record(self, decl: Any, row: Any, fields: Sequence[str]) -> Record:
        record = super()._record(decl, row, fields)
        return record._replace(fields={k: v // 10 if k == "employees" and v else v for k, v in record.fields.items()})


class SettledUnsaid(Bad):
    """New rows take the number of employees; updates are answered as done, and it stays. No schema says so."""

    breaks = "values_untouched"
    says_so = "`create_only` says that new rows alone take it"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        for write in batch:
            kept = {k: v for k, v in write.fields.items() if k != "employees" or write.op is not Op.UPDATE}
            for receipt in super().write(stream, [write._replace(fields=kept)]):
                yield receipt._replace(stored=None)


class SettledAndNotTaken(Bad):
    """The number of employees is said to be taken with new rows only, and is not."""

    breaks = "values_untouched"
    says_so = "employees (int) is said to be taken with new records only, and new rows do not show"

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        return [replace(info, create_only=info.name == "employees") for info in super().describe(stream)]

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        fewer = [{k: v for k, v in write.fields.items() if k != "employees"} for write in batch]
        return super().write(stream, [w._replace(fields=f) for w, f in zip(batch, fewer, strict=True)])


class FirstOfSeveral(Bad):
    """Of several choices the first is kept, and no receipt says so."""

    breaks = "values_untouched"
    says_so = "interests (choices) was written as ['scanners', 'printers']"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        fewer = [{k: v[:1] if k == "interests" and v else v for k, v in write.fields.items()} for write in batch]
        kept = [write._replace(fields=sent) for write, sent in zip(batch, fewer, strict=True)]
        return (receipt._replace(stored=None) for receipt in super().write(stream, kept))


class TagsAddedUp(Bad):
    """Tags are added to those that a row has; what is taken away stays, and no receipt says so."""

    breaks = "values_untouched"
    says_so = "tags (choices) was written as ['Kit two']"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        for write in batch:
            had = self.system.row(stream, write.id) if write.id else None
            tags = sorted({*((had or {}).get("tags") or ()), *(write.fields.get("tags") or ())})
            added = {**write.fields, "tags": tags} if write.fields.get("tags") else write.fields
            for receipt in super().write(stream, [write._replace(fields=added)]):
                yield receipt._replace(stored=None)


class NaiveReceipts(Bad):
    breaks = "times_aware_utc"
    says_so = "A receipt of leads (created): changed_at has no zone"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        for receipt in super().write(stream, batch):
            at = receipt.changed_at
            yield receipt._replace(changed_at=at.replace(tzinfo=None)) if at else receipt


class NaiveGone(Bad):
    breaks = "times_aware_utc"
    says_so = "What gone tells of leads"

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        for rows, here in super().gone(stream, cursor=cursor, until=until):
            yield tuple(g._replace(at=datetime(2026, 11, 22, 12)) for g in rows), here
