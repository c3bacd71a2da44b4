"""Batches: packing by count and bytes, pairing results with refs, and one call a row for vendors without batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import orjson

from smarksync.errors import (
    AuthFailed,
    Invalid,
    Malformed,
    PermissionDenied,
    SystemFailure,
    Throttled,
    Transient,
    Unknown,
)
from smarksync.plugin.records import Receipt, Write, WriteResult

T = TypeVar("T")


def pack(
    items: Iterable[T], *, count: int, size: int | None = None, measure: Callable[[T], int] | None = None
) -> Iterator[list[T]]:
    """Groups of at most ``count`` items and ``size`` bytes, in order. An item over ``size`` goes alone."""
    weigh = measure or (lambda item: len(orjson.dumps(item)) + 1)
    group: list[T] = []
    weight = 0
    for item in items:
        own = weigh(item) if size is not None else 0
        if group and (len(group) >= count or (size is not None and weight + own > size)):
            yield group
            group, weight = [], 0
        group.append(item)
        weight += own
    if group:
        yield group


def pair(batch: Sequence[Write], answers: Mapping[str, Receipt]) -> Iterator[Receipt]:
    """One receipt for each write of the batch, by ref: one that the vendor left out is UNKNOWN, one that it
    invented is dropped."""
    for write in batch:
        yield answers.get(write.ref) or Receipt(
            write.ref, WriteResult.UNKNOWN, write.id, code=Unknown.code, message="The answer does not mention this row."
        )


def one_by_one(batch: Sequence[Write], send: Callable[[Write], Receipt]) -> Iterator[Receipt]:
    """A receipt for every write, each sent by a call of its own.

    A refusal or a limit concerns one row. When the system is out of reach or refuses the credentials, the
    rows not yet sent answer RETRY (known not applied), and then the failure is raised: consume all receipts.
    """
    for place, write in enumerate(batch):
        try:
            receipt = send(write)
        except (Transient, AuthFailed, PermissionDenied) as failure:
            for left in batch[place:]:
                yield Receipt(left.ref, WriteResult.RETRY, left.id, code=failure.code, message="Not sent.")
            raise
        except SystemFailure as failure:
            receipt = failed(write, failure)
        yield receipt


def failed(write: Write, failure: SystemFailure) -> Receipt:
    """The receipt for one write whose call failed with that error (see kit.client: only Unknown may be applied)."""
    if isinstance(failure, (Unknown, Malformed)):
        return Receipt(write.ref, WriteResult.UNKNOWN, write.id, code=failure.code, message=failure.message)
    if isinstance(failure, Invalid):
        return Receipt(write.ref, WriteResult.REJECTED, write.id, code=failure.code, message=failure.message)
    wait = failure.retry_after if isinstance(failure, Throttled) else None
    return Receipt(write.ref, WriteResult.RETRY, write.id, code=failure.code, message=failure.message, retry_after=wait)
