"""Values that no JSON can hold: half a character, a number beyond 64 bits, bytes, a decimal, a time object.

What a row shows is remembered as JSON, so one such value would stop every run of the workspace. What has a plain form
gets it. What has none becomes a mark that no field type accepts, so that this field of this record waits in quarantine
like any other value without a meaning, and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import orjson

from smarksync.plugin import Receipt, Record

#: JSON as fingerprints are made of it; a time object is no JSON, although orjson could write one
JSON = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
#: the mark, with the value in a form that can be stored and looked at
UNREADABLE = "unreadable"
_LARGEST = 2**63


def plain(record: Record) -> Record:
    """The record, with every value in a form that JSON holds; the same object where it was so already."""
    id, by = _text(record.id), record.changed_by and _text(record.changed_by)
    if (id, by) != (record.id, record.changed_by):
        record = record._replace(id=id, changed_by=by)
    try:
        orjson.dumps(record.fields, option=JSON)
    except TypeError:
        return record._replace(fields=fields(record.fields))
    return record


def echoed(receipt: Receipt) -> Receipt:
    """The receipt, with what the system says it stored in a form that JSON holds."""
    if receipt.stored is None:
        return receipt
    try:
        orjson.dumps(receipt.stored, option=JSON)
    except TypeError:
        return receipt._replace(stored=fields(receipt.stored))
    return receipt


def fields(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Each value on its own, so that one without a form does not spoil the others."""
    return {name: _value(value) for name, value in raw.items()}


def fingerprint(row: Mapping[str, Any], key: bytes) -> tuple[bytes, bytes]:
    """One hash over the mapped fields of a row, and the JSON that it is made of.

    ``key`` tells the mapping that they were read with (:attr:`.context.Lane.key`). Raises TypeError where a value has
    no such form.
    """
    body = orjson.dumps(row, option=JSON)
    return blake2b(body, digest_size=12, key=key).digest(), body


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
