"""Values that no JSON can hold: half a character, a number beyond 64 bits, bytes, a decimal, a time object.

What a row shows is remembered as JSON, so one such value would stop every run of the workspace. What has a plain form
gets it. What has none becomes a mark that no field type accepts, so that this field of this record waits in quarantine
like any other value without a meaning, and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from operator import itemgetter
from typing import Any

import orjson

from smarksync.model.shapes import Shapes
from smarksync.plugin import Receipt, Record

#: JSON as fingerprints are made of it; a time object is no JSON, although orjson could write one
JSON = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
#: the mark, with the value in a form that can be stored and looked at
UNREADABLE = "unreadable"
_AS_IT_COMES = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
_LARGEST = 2**63


def plain(record: Record) -> Record:
    """The record, with every value in a form that JSON holds; the same object where it was so already."""
    id, by = _text(record.id), record.changed_by and _text(record.changed_by)
    if (id, by) != (record.id, record.changed_by):
        record = record._replace(id=id, changed_by=by)
    try:
        body(record.fields)
    except TypeError:
        return record._replace(fields=fields(record.fields))
    return record


def echoed(receipt: Receipt) -> Receipt:
    """The receipt, with what the system says it stored in a form that JSON holds."""
    if receipt.stored is None:
        return receipt
    try:
        body(receipt.stored)
    except TypeError:
        return receipt._replace(stored=fields(receipt.stored))
    return receipt


def fields(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Each value on its own, so that one without a form does not spoil the others."""
    return {name: _value(value) for name, value in raw.items()}


def body(row: Mapping[str, Any]) -> bytes:
    """The row as the JSON that is stored of it. Raises TypeError where a value has no such form."""
    return orjson.dumps(row, option=_AS_IT_COMES)


#: of the fields of a row: their values in order, and the fields themselves as a hash
_Shape = tuple[Callable[[Mapping[str, Any]], Any], bytes]


class Fingerprints:
    """One hash over the mapped fields of each row of a stream: the same fields with the same values, in whatever order.

    The rows of a system mostly come with the same fields in the same order. Which fields those are is put in order and
    hashed once; of each row no more than its values are.
    """

    def __init__(self, mapping: bytes) -> None:
        """``mapping`` names the mapping that the rows are read with: another one sees other rows."""
        self._mapping = mapping
        self._shapes = Shapes(self._learn)

    def of(self, row: Mapping[str, Any]) -> bytes:
        """The row's. Raises TypeError where a value has no form in JSON."""
        values, shape = self._shapes[tuple(row)]
        return blake2b(orjson.dumps(values(row), option=JSON), digest_size=12, person=shape).digest()

    def _learn(self, names: tuple[str, ...]) -> _Shape:
        inorder = sorted(names, key=str)
        values: Callable[[Mapping[str, Any]], Any] = itemgetter(*inorder) if inorder else dict
        told = blake2b(orjson.dumps(list(map(str, inorder))), digest_size=16, key=self._mapping[:64])
        return values, told.digest()


def _value(value: Any) -> Any:
    try:
        orjson.dumps(value, option=JSON)
    except TypeError:
        pass
    else:
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return _value(sorted(value, key=str))
    if isinstance(value, (list, tuple)):
        return [_value(one) for one in value]
    return {UNREADABLE: _text(str(value)) if not isinstance(value, int) else f"{value.bit_length()} bits"}


def _text(value: str) -> str:
    """Text with every half character spelled out."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
