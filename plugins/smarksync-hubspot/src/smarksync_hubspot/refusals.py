"""Why HubSpot refused a row, as stable codes; and which rows of a batch it means.

One envelope for all (crm.md 2.9): category, message, context, errors. Inside a 207 each error names its rows by
``objectWriteTraceId`` or by id; a batch that is refused whole names no row at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from smarksync.kit.resolve import modest
from smarksync.plugin import Write

from .client import Json
from .streams import OUR_ID

DUPLICATE = "SMK-DUPLICATE"
REFUSED = "SMK-REFUSED"
GONE = "SMK-GONE"
PERMISSION = "SMK-PERMISSION"
#: what is wrong with a value or a property → our code (crm.md 2.9); other words are REFUSED
_CODES: Mapping[str, str] = {
    "PROPERTY_DOESNT_EXIST": "SMK-INVALID",
    "READ_ONLY_VALUE": "SMK-READ-ONLY",
    "INVALID_OPTION": "SMK-PICKLIST-UNMAPPED",
    "STRING_TOO_LONG": "SMK-TOO-LONG",
    **dict.fromkeys(("INVALID_LONG", "INVALID_FLOAT", "INVALID_DATE", "INVALID_EMAIL"), "SMK-VALUE-TYPE"),
}

_EXISTING = re.compile(r"Existing ID:\s*(\d+)")
#: another unique property says it in words only: who holds the value stands before them (seen in the wild)
_HELD = re.compile(r"(?:(\d+) )?already has that value")
_LACKS = "required fields were not set"
#: what is wrong with the property and not with a value: every row that has it is refused alike
_OF_THE_PROPERTY = ("PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE")
# the message embeds a list of JSON objects as text; names and codes in it are safe to repeat, values are not
_EMBEDDED = re.compile(r'"error":"(\w+)","name":"([^"]+)"')
_QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'")


class Refusal(NamedTuple):
    """A refusal: our code, the vendor's words without values, the property at fault, who holds the value already."""

    code: str
    message: str
    field: str | None = None
    duplicate_of: tuple[str, ...] = ()
    #: properties that no row may carry, whatever its value
    impossible: tuple[str, ...] = ()
    #: known not to be applied, and may pass when it is sent again
    passing: bool = False


def refusal(error: Json, sent: Any = None) -> Refusal:
    """What one error says."""
    category = str(error.get("category") or error.get("errorType") or "")
    message = str(error.get("message") or "")
    context = error.get("context")
    details = list(_details(error))
    field = details[0][1] if details else None
    if category == "CONFLICT":
        named = context.get("existingId") if isinstance(context, Mapping) else None
        ids = [str(one) for one in named] if isinstance(named, list) else []
        ids += [one for one in _EXISTING.findall(message) if one not in ids]
        return Refusal(DUPLICATE, modest(_EXISTING.sub("", message).rstrip(". ")), field, tuple(ids))
    if held := _HELD.search(message):
        return Refusal(DUPLICATE, "another record has that value", field, (held[1],) if held[1] else ())
    if category == "OBJECT_NOT_FOUND":
        return Refusal(GONE, "the record is not there any more")
    if category in ("RATE_LIMITS", "RATE_LIMIT"):
        return Refusal("SMK-THROTTLED", modest(message), passing=True)
    words = "; ".join(f"{name}: {code}" for code, name in details[:5]) or modest(_QUOTED.sub("…", message), sent)
    impossible = tuple(name for code, name in details if code in _OF_THE_PROPERTY)
    return Refusal(_code(details, message), words or "refused without a word", field, impossible=impossible)


def _code(details: Sequence[tuple[str, str]], message: str) -> str:
    if not details:
        return "SMK-REQUIRED" if _LACKS in message else REFUSED
    return _CODES.get(details[0][0], REFUSED)


def _details(error: Json) -> Iterator[tuple[str, str]]:
    """(code, property) of everything that an error complains of."""
    message = str(error.get("message") or "").replace('\\"', '"')
    found = list(_EMBEDDED.findall(message))
    for inner in error.get("errors") or ():
        context = inner.get("context") if isinstance(inner, Mapping) else None
        names = context.get("propertyName") if isinstance(context, Mapping) else None
        for name in names or ():
            if inner.get("code"):
                found.append((str(inner["code"]), str(name)))
    return iter(dict.fromkeys(found))


def rows_meant(error: Json) -> tuple[Sequence[str], Sequence[str]]:
    """(trace ids, record ids) that an error of a 207 names."""
    context = error.get("context")
    if not isinstance(context, Mapping):
        return (), ()
    traces = context.get("objectWriteTraceId") or ()
    ids = context.get("ids") or context.get("id") or ()
    return [str(one) for one in traces], [str(one) for one in ids]


class Names:
    """The names under which an answer may speak of a row."""

    def __init__(self, rows: Sequence[tuple[Write, dict[str, Any]]]) -> None:
        self._by_ref = {row.ref: row for row, _ in rows}
        self.by_id = {str(one["id"]): row for row, one in rows if one.get("id")}
        self._by_ours = {str(one["id"]): row for row, one in rows if one.get("idProperty")}
        self._by_email = {
            one["properties"]["email"].lower(): row for row, one in rows if one["properties"].get("email")
        }

    def of(self, result: Json) -> Write | None:
        """The row that a result is about."""
        shown = result.get("properties") or {}
        return (
            self._by_ref.get(str(result.get("objectWriteTraceId")))
            or self.by_id.get(str(result.get("id")))
            or self._by_ours.get(str(shown.get(OUR_ID)))
            or self._by_email.get(str(shown.get("email") or "").lower())
        )
