"""What a property takes: every value is text on the wire, checked and kept in HubSpot's spelling (crm.md 2.3, 2.9)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from smarksync.simulator import Answer, Refused, Request

_EMAIL = re.compile(r"[^@\s;,]+@[^@\s;,]+\.[^@\s;,]+")
_LONGEST = 65_536


def correlation(*about: object) -> str:
    """An id as each error carries it."""
    return str(uuid5(NAMESPACE_URL, ":".join(map(str, about))))


def error(status: int, message: str, category: str | None = "VALIDATION_ERROR", **more: Any) -> Answer:
    """An error in the common envelope (crm.md 2.9)."""
    body: dict[str, Any] = {"status": "error", "message": message, "correlationId": correlation(status, message)}
    body.update({name: value for name, value in more.items() if value})
    if category:
        body["category"] = category
    return Answer(status, body)


@lru_cache(maxsize=1 << 18)
def ticks(text: str) -> int:
    """A time in milliseconds since 1970, written as that number or by ISO 8601; raises a 400."""
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        at = datetime.fromisoformat(text)
        return round((at.replace(tzinfo=UTC) if at.tzinfo is None else at).timestamp() * 1000)
    except ValueError:
        raise refuse(error(400, f"{text} is no time")) from None


class BadValue(Exception):
    """One property of one row was refused."""

    def __init__(self, name: str, code: str, message: str) -> None:
        super().__init__(message)
        self.name, self.code, self.message = name, code, message


class RowRefused(Exception):
    """One row was refused: what its error says, and with which status a batch would fail as a whole."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("message")))
        self.status = status
        self.body = dict(body)


def invalid(problems: Iterable[BadValue]) -> RowRefused:
    """The refusal of properties: the message embeds JSON as text (recorded), the details repeat it."""
    found = list(problems)
    told = [{"isValid": False, "message": p.message, "error": p.code, "name": p.name} for p in found]
    return RowRefused(
        400,
        {
            "status": "error",
            "message": f"Property values were not valid: {json.dumps(told, separators=(',', ':'))}",
            "category": "VALIDATION_ERROR",
            "errors": [{"message": p.message, "code": p.code, "context": {"propertyName": [p.name]}} for p in found],
        },
    )


def taken(kind: str, name: str, rid: str) -> RowRefused:
    """A unique value that another record holds. Contacts' addresses have a sentence of their own (crm.md 2.9)."""
    if kind == "contacts" and name == "email":
        said = {"status": "error", "category": "CONFLICT", "message": f"Contact already exists. Existing ID: {rid}"}
        return RowRefused(409, {**said, "context": {"existingId": [rid]}})
    message = f"propertyName={name}: {rid} already has that value."
    return invalid([BadValue(name, "CONFLICTING_UNIQUE_VALUE", message)])


def kept(definition: Mapping[str, Any], value: Any, owners: set[str]) -> str | None:
    """A value as HubSpot keeps it; None for an empty one. Raises :class:`BadValue`."""
    name = str(definition["name"])
    if not isinstance(value, str):
        value = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else str(value)
    text = str(value)
    if text == "":
        return None
    if len(text) > _LONGEST:
        raise BadValue(name, "STRING_TOO_LONG", f"{name} is too long")
    shape = definition["type"]
    if name == "email":
        if not _EMAIL.fullmatch(text.strip()):
            raise BadValue(name, "INVALID_EMAIL", f"Email address {text} is invalid")
        return text.strip().lower()
    if name == "hubspot_owner_id":
        if text not in owners:
            raise BadValue(name, "INVALID_OWNER_ID", f"The owner with id {text} does not exist or was deactivated")
        return text
    if shape == "number":
        try:
            float(text)
        except ValueError:
            raise BadValue(name, "INVALID_LONG", f"{text} was not a valid number.") from None
        return text
    if shape == "datetime":
        return _datetime(name, text)
    if shape == "date":
        return _date(name, text)
    if shape == "bool" and text not in ("true", "false"):
        raise BadValue(name, "INVALID_OPTION", f"{text} was not one of the allowed options: [true, false]")
    if shape == "enumeration" and not definition["externalOptions"]:
        options = [str(one["value"]) for one in definition["options"]]
        parts = [part for part in text.split(";") if part] if definition["fieldType"] == "checkbox" else [text]
        for part in parts:
            if part not in options:
                raise BadValue(name, "INVALID_OPTION", f"{part} was not one of the allowed options: {options}")
        return ";".join(parts)
    return text


def _datetime(name: str, text: str) -> str:
    if re.fullmatch(r"-?\d+", text):
        at = datetime.fromtimestamp(int(text) / 1000, UTC)
    else:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise BadValue(name, "INVALID_LONG", f"{text} was not a valid long.") from None
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if len(text) == 10:
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")  # as it shows what came as a bare day (crm.md 2.3)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _date(name: str, text: str) -> str:
    if re.fullmatch(r"-?\d+", text):
        at = datetime.fromtimestamp(int(text) / 1000, UTC)
        if at.hour or at.minute or at.second:
            raise BadValue(name, "INVALID_DATE", f"{text} is at {at:%H:%M:%S} UTC, not midnight!")
        return at.date().isoformat()
    try:
        return datetime.strptime(text, "%Y-%m-%d").date().isoformat()
    except ValueError:
        raise BadValue(name, "INVALID_DATE", f"{text} was not a valid date.") from None


def refuse(answer: Answer) -> Refused:
    """Ends the call with an answer: ``raise refuse(error(…))``."""
    return Refused(answer)


def paged(rows: list[Any], request: Request, most: int, default: int | None = None) -> dict[str, Any]:
    """A page by offset, with ``paging`` only where more follows."""
    limit = int(request.query.get("limit") or default or most)
    if not 1 <= limit <= most:
        raise refuse(error(400, f"limit must be between 1 and {most}"))
    start = int(request.query.get("after") or 0)
    answer: dict[str, Any] = {"results": rows[start : start + limit]}
    if start + limit < len(rows):
        answer["paging"] = {"next": {"after": str(start + limit), "link": f"?after={start + limit}"}}
    return answer
