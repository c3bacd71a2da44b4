"""Rows sent in parts, and what the answers say of each. Shared by everything that is written.

* Answers come in the order of the rows, each for itself; skipped rows name no id. A boolean that was set to null is
  stored as false, so the receipt says false.
* A request that is refused whole is halved until the bad row stands alone; when every single row fails, the rest is
  refused with the same words instead of asked one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from smarksync.kit.batch import pack
from smarksync.kit.resolve import modest
from smarksync.plugin import FieldInfo, FieldType, Malformed, Op, Receipt, Unknown, Write, WriteResult

from .client import PAGE, Api, Row, error, rows_of
from .fields import reason
from .settings import MarketoSettings

#: Bodies beyond 1 MB answer 413 (docs, rest/marketo-integration-best-practices); headers and envelope need some room.
BODY = 900_000
#: So many single rows refused with one code: the others will be, too.
_HOPELESS = 4

_CODES: Mapping[str, tuple[WriteResult, str]] = {
    "1001": (WriteResult.REJECTED, "SMK-INVALID"),
    "1002": (WriteResult.REJECTED, "SMK-INVALID"),
    "1003": (WriteResult.REJECTED, "SMK-INVALID"),
    "1004": (WriteResult.CONFLICT, "SMK-GONE"),
    "1005": (WriteResult.REJECTED, "SMK-DUPLICATE"),
    "1006": (WriteResult.REJECTED, "SMK-INVALID"),
    "1007": (WriteResult.REJECTED, "SMK-DUPLICATE"),
    "1008": (WriteResult.REJECTED, "SMK-PERMISSION"),
    "1009": (WriteResult.REJECTED, "SMK-INVALID"),
    "1010": (WriteResult.REJECTED, "SMK-PERMISSION"),
    "1013": (WriteResult.CONFLICT, "SMK-GONE"),
    "1017": (WriteResult.REJECTED, "SMK-DUPLICATE"),
    "1018": (WriteResult.REJECTED, "SMK-PERMISSION"),
    "1021": (WriteResult.REJECTED, "SMK-PERMISSION"),
    "1015": (WriteResult.UNCHANGED, ""),  # not in the list: that is what was wanted
    "1037": (WriteResult.UNCHANGED, ""),  # in that status, or past it
    "611": (WriteResult.RETRY, "SMK-TRANSIENT"),
    "713": (WriteResult.RETRY, "SMK-TRANSIENT"),
    "719": (WriteResult.RETRY, "SMK-TRANSIENT"),
}
_DONE = {
    "created": WriteResult.CREATED,
    "updated": WriteResult.UPDATED,
    "deleted": WriteResult.UPDATED,
    "added": WriteResult.UPDATED,
    "removed": WriteResult.UPDATED,
    "unchanged": WriteResult.UNCHANGED,
}
_FIELD = re.compile(r"[Ff]ield '(\w+)'")
#: a call for some rows: the body of the answer
Send = Callable[[Sequence[Write]], Mapping[str, Any]]
GONE = "That lead is no longer in Marketo."


class Sender:
    """Sends rows of one connector."""

    def __init__(self, api: Api, settings: MarketoSettings, infos: Callable[[], Mapping[str, FieldInfo]]) -> None:
        self._api = api
        self._settings = settings
        self._infos = infos

    def in_parts(
        self, rows: Sequence[Write], call: Send, row_of: Callable[[Write], Mapping[str, Any]]
    ) -> Iterator[Receipt]:
        for part in pack(rows, count=PAGE, size=BODY, measure=lambda w: size(row_of(w))):
            yield from self._sent(part, call, [])

    def _sent(self, rows: Sequence[Write], call: Send, refused: list[str]) -> Iterator[Receipt]:
        """One call, halved when it is refused whole. ``refused``: codes of single rows refused so far."""
        if len(refused) >= _HOPELESS and len(set(refused)) == 1:
            for write in rows:
                yield rejected(write, "SMK-INVALID", f"Marketo refuses such rows (error {refused[0]}).")
            return
        try:
            body = call(rows)
        except Unknown as lost:
            for write in rows:
                yield Receipt(write.ref, WriteResult.UNKNOWN, write.id, code=lost.code, message=lost.message)
            return
        except Malformed as odd:
            for write in rows:
                yield Receipt(write.ref, WriteResult.UNKNOWN, write.id, code=odd.code, message=odd.message)
            return
        code, words = error(body)
        if code is None:
            yield from self._answered(rows, rows_of(body))
        elif len(rows) == 1 or _about_all(code, words):
            for write in rows:
                result, ours = _CODES.get(code, (WriteResult.REJECTED, "SMK-INVALID"))
                if result is not WriteResult.RETRY:  # a whole call speaks of what it asks for, not of one row
                    result, ours = WriteResult.REJECTED, ours if ours == "SMK-PERMISSION" else "SMK-INVALID"
                yield self._refused(write, result, ours, code, words)
            refused.extend([code] * len(rows))
        else:
            half = len(rows) // 2
            yield from self._sent(rows[:half], call, refused)
            yield from self._sent(rows[half:], call, refused)

    def _answered(self, rows: Sequence[Write], answers: Sequence[Row]) -> Iterator[Receipt]:
        """Answers stand in the order of the rows; where an id tells otherwise, nothing is believed."""
        if len(answers) != len(rows):
            for write in rows:
                yield Receipt(
                    write.ref, WriteResult.UNKNOWN, write.id, code=Unknown.code,
                    message=f"{len(rows)} rows were sent and {len(answers)} answered.",
                )  # fmt: skip
            return
        infos = self._infos() if any(None in w.fields.values() for w in rows) else {}
        for write, answer in zip(rows, answers, strict=True):
            status = str(answer.get("status", "")).lower()
            rid = str(answer["marketoGUID"] if "marketoGUID" in answer else answer["id"]) if answer.get("id") else None
            if status in _DONE:
                if (
                    write.id
                    and write.op in (Op.UPDATE, Op.DELETE)
                    and rid
                    and rid.isdigit()
                    and write.id.isdigit()
                    and rid != write.id
                ):
                    yield Receipt(
                        write.ref, WriteResult.UNKNOWN, write.id, code=Unknown.code, message="Another row answered."
                    )
                    continue
                cleared = {
                    name: False
                    for name, value in write.fields.items()
                    if value is None and name in infos and infos[name].type is FieldType.BOOL
                }
                yield Receipt(write.ref, _DONE[status], write.id or rid, stored=cleared or None)
                continue
            code, words = reason(answer)
            result, ours = _CODES.get(code, (WriteResult.REJECTED, "SMK-INVALID"))
            yield self._refused(write, result, ours, code, words)

    def _refused(self, write: Write, result: WriteResult, ours: str, code: str, words: str) -> Receipt:
        if result is WriteResult.UNCHANGED:
            return Receipt(write.ref, result, write.id)
        if write.op is Op.DELETE and ours == "SMK-GONE":
            return Receipt(write.ref, WriteResult.UNCHANGED, write.id, code=ours, message=GONE)
        at_fault = _FIELD.search(words)
        said = modest(words, dict(write.fields)).rstrip(".") or "no reason given"
        return Receipt(
            write.ref, result, write.id, code=ours, message=f"{said} (Marketo error {code})" if code else said,
            field=at_fault[1] if at_fault else None,
        )  # fmt: skip


def _about_all(code: str, words: str) -> bool:
    """Refusals that every row of the request would get alone, too: an unknown field, a list or program that is gone."""
    return code in ("1006", "610", "1013", "1025", "1026", "1011", "709") or "lookup" in words.lower()


def by_op(batch: Sequence[Write]) -> list[tuple[Op, list[Write]]]:
    groups: dict[Op, list[Write]] = {}
    for write in batch:
        groups.setdefault(write.op, []).append(write)
    return list(groups.items())


def waves(rows: Sequence[Write], key: Callable[[Write], str]) -> Iterator[list[Write]]:
    """Rows in groups that hold each key once: a second row of one key goes in a later call."""
    left = list(rows)
    while left:
        seen: set[str] = set()
        now: list[Write] = []
        later: list[Write] = []
        for write in left:
            (later if key(write) in seen else now).append(write)
            seen.add(key(write))
        yield now
        left = later


def without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != ""}


def size(row: Mapping[str, Any]) -> int:
    return (
        sum(len(name) + 6 + (len(value.encode()) if isinstance(value, str) else 12) for name, value in row.items()) + 2
    )


def number(text: Any) -> int | str:
    """An id as Marketo's number; one that is none is sent as it is and refused there."""
    return int(text) if str(text).isdigit() else str(text)


def rejected(write: Write, code: str, said: str, *, field: str | None = None) -> Receipt:
    return Receipt(write.ref, WriteResult.REJECTED, write.id, code=code, message=said, field=field)
