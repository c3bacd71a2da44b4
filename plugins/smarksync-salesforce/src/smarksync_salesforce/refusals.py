"""What Salesforce says of a row, in our codes. Messages keep its words, without the values that we sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from smarksync.kit.resolve import modest
from smarksync.plugin import WriteResult

from .ids import full_id, ids_in, is_id

Row = Mapping[str, Any]
_R = WriteResult
#: statusCode → result and code (vendors/crm.md 1.9)
_CODES: Mapping[str, tuple[WriteResult, str]] = {
    "REQUIRED_FIELD_MISSING": (_R.REJECTED, "SMK-REQUIRED"),
    "STRING_TOO_LONG": (_R.REJECTED, "SMK-TOO-LONG"),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": (_R.REJECTED, "SMK-PICKLIST-UNMAPPED"),
    "INVALID_EMAIL_ADDRESS": (_R.REJECTED, "SMK-VALUE-TYPE"),
    "JSON_PARSER_ERROR": (_R.REJECTED, "SMK-VALUE-TYPE"),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": (_R.REJECTED, "SMK-VALUE-TYPE"),
    "NUMBER_OUTSIDE_VALID_RANGE": (_R.REJECTED, "SMK-VALUE-TYPE"),
    "MALFORMED_ID": (_R.REJECTED, "SMK-VALUE-TYPE"),
    "DUPLICATE_VALUE": (_R.REJECTED, "SMK-DUPLICATE"),
    "DUPLICATE_EXTERNAL_ID": (_R.REJECTED, "SMK-DUPLICATE"),
    "DUPLICATES_DETECTED": (_R.REJECTED, "SMK-DUPLICATE"),
    "INVALID_FIELD_FOR_INSERT_UPDATE": (_R.REJECTED, "SMK-READ-ONLY"),
    "INVALID_FIELD": (_R.REJECTED, "SMK-INVALID"),
    "INVALID_TYPE": (_R.REJECTED, "SMK-INVALID"),
    "MISSING_ARGUMENT": (_R.REJECTED, "SMK-INVALID"),
    "INSUFFICIENT_ACCESS_OR_READONLY": (_R.REJECTED, "SMK-PERMISSION"),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": (_R.REJECTED, "SMK-PERMISSION"),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": (_R.REJECTED, "SMK-REFUSED"),  # an admin's trigger threw
    "CANNOT_UPDATE_CONVERTED_LEAD": (_R.CONFLICT, "SMK-CONVERTED"),
    "ENTITY_IS_DELETED": (_R.CONFLICT, "SMK-GONE"),
    "NOT_FOUND": (_R.CONFLICT, "SMK-GONE"),
    "UNABLE_TO_LOCK_ROW": (_R.RETRY, "SMK-TRANSIENT"),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": (_R.RETRY, "SMK-TRANSIENT"),
    "TXN_SECURITY_METERING_ERROR": (_R.RETRY, "SMK-TRANSIENT"),
    "SERVER_UNAVAILABLE": (_R.RETRY, "SMK-TRANSIENT"),
    "REQUEST_RUNNING_TOO_LONG": (_R.RETRY, "SMK-TRANSIENT"),
    "REQUEST_LIMIT_EXCEEDED": (_R.RETRY, "SMK-THROTTLED"),
    "LIMIT_EXCEEDED": (_R.RETRY, "SMK-THROTTLED"),
    "UNKNOWN_EXCEPTION": (_R.UNKNOWN, "SMK-UNKNOWN"),
}
#: fields that a code is about although the answer names none (vendors/crm.md 1.2: users who are not active)
_ABOUT: Mapping[str, str] = {"INACTIVE_OWNER_OR_USER": "OwnerId"}
LOCKED = "UNABLE_TO_LOCK_ROW"
DUPLICATE = "SMK-DUPLICATE"
_NAMED = re.compile(r"\[([A-Za-z]\w*)\]")
_FIELD_IN_WORDS = re.compile(
    r"^(?:duplicate value found: )?([A-Za-z]\w*)(?:: (?:bad value|invalid email|id value|more than one)| duplicates value on)"
)


class Refusal(NamedTuple):
    """A row that was not written: what to do with it, and why. ``rivals``: ids of the same object that hold the value."""

    result: WriteResult
    code: str
    message: str
    field: str | None
    vendor_code: str
    rivals: tuple[str, ...] = ()


def refusal(errors: Sequence[Row], prefix: str, sent: Any) -> Refusal:
    """Of the errors of one row the one that matters. ``prefix``: of the ids of its object."""
    one: Row = errors[0] if errors and isinstance(errors[0], Mapping) else {}
    # collections say statusCode, single calls errorCode (vendors/crm.md 1.7, TRAP)
    vendor = str(one.get("statusCode") or one.get("errorCode") or "")
    words = str(one.get("message") or vendor or "refused without a reason")
    result, code = _CODES.get(vendor, (_R.REJECTED, "SMK-REFUSED"))
    fields = [f for f in one.get("fields") or () if f]
    field = fields[0] if fields else next(iter(_FIELD_IN_WORDS.findall(words) or _NAMED.findall(words)), None)
    field = field or _ABOUT.get(vendor)
    return Refusal(result, code, f"{vendor}: {modest(words, sent)}", field, vendor, _rivals(one, words, prefix))


def from_csv(text: str, prefix: str, sent: Any) -> Refusal:
    """The error column of a bulk job: ``CODE:words:FIELD, FIELD --`` (vendors/crm.md 1.7)."""
    code, _, rest = text.partition(":")
    words, _, fields = rest.rpartition(":")
    named = [f.strip() for f in fields.replace("--", "").split(",") if f.strip()]
    return refusal([{"statusCode": code, "message": words or rest, "fields": named}], prefix, sent)


def _rivals(one: Row, words: str, prefix: str) -> tuple[str, ...]:
    # the key is misspelt in recorded answers (vendors/crm.md 1.9): both spellings are read
    told = one.get("duplicateResut") or one.get("duplicateResult")
    found = []
    if isinstance(told, Mapping):
        for match in told.get("matchResults") or ():
            for record in match.get("matchRecords") or ():
                rid = (record.get("record") or {}).get("Id")
                if is_id(rid):
                    found.append(full_id(str(rid)))
    ids = tuple(dict.fromkeys(one for one in found if one.startswith(prefix)))
    return ids or ids_in(words, prefix)
