"""Fields that no column holds: worked out of a row's other columns (``smarksync.…``), a parent's or its children's.

Tasks and events are told in canonical words: what it was, when, by whom, with which result. The same names are taken
when a task is made (:func:`task_body`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from smarksync.plugin import Choice, FieldInfo, FieldType, Malformed

from .ids import kind_of

Row = Mapping[str, Any]
_T = FieldType


class Pseudo(NamedTuple):
    """``columns`` are asked for as far as the org shows them; without those of ``must`` there is no such field."""

    info: FieldInfo
    columns: tuple[str, ...]
    of: Callable[[Row, datetime], Any]
    must: tuple[str, ...] = ()


def instant(text: Any) -> datetime | None:
    """A datetime of the API (``2021-12-02T18:23:39.000+0000``), aware. Raises Malformed."""
    try:
        return datetime.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        raise Malformed("Salesforce shows a time in a form that this connector does not know.") from None


def _choice(name: str, *words: str, writable: bool = False) -> FieldInfo:
    return FieldInfo(name, _T.CHOICE, writable=writable, choices=tuple(Choice(w, w) for w in words))


# ---- tasks and events
_BY_SUBTYPE = {"Email": "email", "ListEmail": "email", "Call": "call"}
_BY_TYPE = {"call": "call", "email": "email", "meeting": "meeting"}
#: words of a call's disposition or a task's status → result
_RESULTS = (
    ("no answer", "no_answer"), ("not answer", "no_answer"), ("busy", "no_answer"), ("voicemail", "left_message"),
    ("voice mail", "left_message"), ("left message", "left_message"), ("left live message", "left_message"),
    ("not interested", "declined"), ("declined", "declined"), ("bounced", "bounced"), ("connected", "connected"),
    ("reached", "connected"), ("answered", "connected"),
)  # fmt: skip
_CANCELLED = ("deferred", "cancel", "skipped")


def task_type(row: Row, now: datetime) -> str:
    """call, email, meeting or task."""
    by_type = _BY_TYPE.get(str(row.get("Type") or "").lower())
    return _BY_SUBTYPE.get(str(row.get("TaskSubtype") or "")) or by_type or "task"


def task_at(row: Row, now: datetime) -> str | None:
    """When it was done; of one still open, when it is due."""
    if row.get("IsClosed") and row.get("CompletedDateTime"):
        return str(row["CompletedDateTime"])
    if not row.get("IsClosed") and row.get("ReminderDateTime"):
        return str(row["ReminderDateTime"])
    return f"{row['ActivityDate']}T00:00:00Z" if row.get("ActivityDate") else row.get("CreatedDate")


def task_result(row: Row, now: datetime) -> str:
    """planned while it is open; then what its disposition says, else done."""
    status = str(row.get("Status") or "").lower()
    if any(word in status for word in _CANCELLED):
        return "cancelled"
    if not row.get("IsClosed"):
        return "planned"
    said = str(row.get("CallDisposition") or "").lower()
    return next((result for words, result in _RESULTS if words in said), "done")


def task_direction(row: Row, now: datetime) -> str:
    """inbound, outbound, or none for what is neither call nor e-mail."""
    if row.get("CallType") in ("Inbound", "Outbound"):
        return str(row["CallType"]).lower()
    return "outbound" if task_type(row, now) in ("call", "email") else "none"


def _automated(row: Row, now: datetime) -> bool:
    return row.get("TaskSubtype") in ("ListEmail", "Cadence")


def _actor(row: Row, now: datetime) -> str:
    return "lead" if task_direction(row, now) == "inbound" else "sales"


def event_type(row: Row, now: datetime) -> str:
    """meeting, unless it says call or email."""
    return _BY_TYPE.get(str(row.get("Type") or "").lower(), "meeting")


def event_at(row: Row, now: datetime) -> str | None:
    """When it begins."""
    return row.get("StartDateTime") or row.get("ActivityDateTime") or row.get("CreatedDate")


def event_result(row: Row, now: datetime) -> str:
    """planned until its end; nothing in Salesforce says that it took place."""
    end = instant(row.get("EndDateTime") or event_at(row, now))
    return "planned" if end is not None and end > now else "done"


def _what(kind: str) -> Callable[[Row, datetime], str | None]:
    return lambda row, now: row.get("WhatId") if kind_of(row.get("WhatId")) == kind else None


def _account(row: Row, now: datetime) -> str | None:
    return _what("Account")(row, now) or row.get("AccountId")


_TYPES = ("call", "email", "meeting", "task")
_SHARED = {
    "smarksync.account": Pseudo(FieldInfo("smarksync.account", _T.REFERENCE), ("WhatId", "AccountId"), _account),
    "smarksync.opportunity": Pseudo(
        FieldInfo("smarksync.opportunity", _T.REFERENCE), ("WhatId",), _what("Opportunity")
    ),
    "smarksync.campaign": Pseudo(FieldInfo("smarksync.campaign", _T.REFERENCE), ("WhatId",), _what("Campaign")),
}
_TASK_TYPE = ("TaskSubtype", "Type")
_TASK = {
    "smarksync.type": Pseudo(
        replace(_choice("smarksync.type", *_TYPES, writable=True), create_only=True), _TASK_TYPE, task_type
    ),
    "smarksync.at": Pseudo(
        FieldInfo("smarksync.at", _T.INSTANT),
        ("ActivityDate", "CompletedDateTime", "ReminderDateTime", "IsClosed", "CreatedDate"),
        task_at,
    ),
    "smarksync.result": Pseudo(
        _choice(
            "smarksync.result", "planned", "done", "no_answer", "left_message", "connected", "declined", "bounced",
            "cancelled", writable=True,
        ),
        ("Status", "IsClosed", "CallDisposition"),
        task_result,
    ),
    "smarksync.direction": Pseudo(
        _choice("smarksync.direction", "inbound", "outbound", "none", writable=True), ("CallType", *_TASK_TYPE), task_direction
    ),
    "smarksync.automated": Pseudo(FieldInfo("smarksync.automated", _T.BOOL, writable=False), _TASK_TYPE, _automated),
    "smarksync.actor": Pseudo(
        _choice("smarksync.actor", "sales", "lead"), ("CallType", *_TASK_TYPE), _actor
    ),
    **_SHARED,
}  # fmt: skip
_EVENT_AT = ("StartDateTime", "ActivityDateTime", "CreatedDate")
_EVENT = {
    "smarksync.type": Pseudo(_choice("smarksync.type", *_TYPES), ("Type",), event_type),
    "smarksync.at": Pseudo(FieldInfo("smarksync.at", _T.INSTANT), _EVENT_AT, event_at),
    "smarksync.result": Pseudo(
        _choice("smarksync.result", "planned", "done"), ("EndDateTime", *_EVENT_AT), event_result
    ),
    "smarksync.automated": Pseudo(FieldInfo("smarksync.automated", _T.BOOL, writable=False), (), lambda row, now: False),
    "smarksync.actor": Pseudo(_choice("smarksync.actor", "sales"), (), lambda row, now: "sales"),
    **_SHARED,
}  # fmt: skip


# ---- campaign members
def member_status(row: Row, now: datetime) -> str:
    """A canonical word for the vendor's status, whose names each campaign chooses."""
    if row.get("IsDeleted"):
        return "removed"
    status = str(row.get("Status") or "").lower()
    for word in ("registered", "attended"):
        if word in status:
            return word
    return "responded" if row.get("HasResponded") else "sent" if "sent" in status else "member"


_MEMBER = {
    "smarksync.lead": Pseudo(
        FieldInfo("smarksync.lead", _T.REFERENCE),
        ("LeadId", "ContactId"),
        lambda row, now: row.get("ContactId") or row.get("LeadId"),
    ),
    "smarksync.status": Pseudo(
        _choice("smarksync.status", "member", "sent", "responded", "registered", "attended", "removed", writable=True),
        ("Status", "HasResponded", "IsDeleted"),
        member_status,
    ),
}


# ---- the others
def stage_kind(row: Row, now: datetime) -> str:
    """won, lost or open."""
    return "won" if row.get("IsWon") else "lost" if row.get("IsClosed") else "open"


def contact_roles(row: Row, now: datetime) -> list[str]:
    """Ids of the contacts that have a role in an opportunity."""
    return sorted({str(r["ContactId"]) for r in _roles(row)})


def _primary(row: Row, now: datetime) -> str | None:
    return next((str(r["ContactId"]) for r in _roles(row) if r.get("IsPrimary")), None)


def _roles(row: Row) -> list[Row]:
    shown = row.get("OpportunityContactRoles") or {}
    found: list[Row] = shown.get("records") or []
    return found


#: the select of an opportunity's children that both role fields need
ROLES = "(SELECT ContactId, IsPrimary FROM OpportunityContactRoles)"

PSEUDO: Mapping[str, Mapping[str, Pseudo]] = {
    "Contact": {
        "Account.Name": Pseudo(
            FieldInfo("Account.Name", _T.TEXT, writable=False, max_length=255, label="Account Name"),
            ("Account.Name",),
            lambda row, now: (row.get("Account") or {}).get("Name"),
            ("AccountId",),
        ),
    },
    "Opportunity": {
        "smarksync.stage_kind": Pseudo(
            _choice("smarksync.stage_kind", "open", "won", "lost"), ("IsWon", "IsClosed"), stage_kind
        ),
        "ContactRoles": Pseudo(FieldInfo("ContactRoles", _T.CHOICES, label="Contact Roles"), (ROLES,), contact_roles),
        "PrimaryContact": Pseudo(
            FieldInfo("PrimaryContact", _T.REFERENCE, writable=False), (ROLES,), _primary
        ),
    },
    "Task": _TASK,
    "Event": _EVENT,
    "CampaignMember": _MEMBER,
    "User": {"smarksync.kind": Pseudo(_choice("smarksync.kind", "user", "queue"), (), lambda row, now: "user")},
    "Group": {
        "smarksync.kind": Pseudo(_choice("smarksync.kind", "user", "queue"), (), lambda row, now: "queue"),
        "smarksync.active": Pseudo(FieldInfo("smarksync.active", _T.BOOL, writable=False), (), lambda row, now: True),
    },
}  # fmt: skip


# ---- the way back
_SUBTYPES = {"call": "Call", "email": "Email"}
_DONE = ("done", "no_answer", "left_message", "connected", "declined", "bounced")


def native_body(name: str, fields: Mapping[str, Any], *, creating: bool) -> dict[str, Any]:
    """Vendor fields for what was asked for in the names above; ContactRoles are left to the caller."""
    body = {key: value for key, value in fields.items() if key not in PSEUDO.get(name, {})}
    given = {key.removeprefix("smarksync."): value for key, value in fields.items() if key in PSEUDO.get(name, {})}
    if name == "Task":
        body.update(_task_body(given, creating=creating))
    elif name == "Event" and given.get("at"):
        body["StartDateTime"] = given["at"]
    elif name == "CampaignMember":
        body.update(_member_body(given))
    what = next((given[key] for key in ("opportunity", "account", "campaign") if given.get(key)), None)
    if what and kind_of(body.get("WhoId")) != "Lead":  # refused beside a lead (vendors/crm.md 1.3)
        body["WhatId"] = what
    return body


def _task_body(given: Mapping[str, Any], *, creating: bool) -> dict[str, Any]:
    body: dict[str, Any] = {}
    kind = given.get("type")
    if creating and kind in _SUBTYPES:
        body["TaskSubtype"] = _SUBTYPES[kind]
    elif kind == "meeting":
        body["Type"] = "Meeting"
    at = instant(given.get("at"))
    if at is not None:
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        body["ActivityDate"] = at.astimezone(UTC).date().isoformat()
        if given.get("result") in (None, "planned"):
            body.update(ReminderDateTime=at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), IsReminderSet=True)
    if given.get("result") in _DONE:
        body["Status"] = "Completed"
    elif given.get("result") == "cancelled":
        body["Status"] = "Deferred"
    if given.get("direction") in ("inbound", "outbound") and kind == "call":
        body["CallType"] = str(given["direction"]).title()
    return body


def _member_body(given: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if given.get("lead"):
        body["LeadId" if kind_of(given["lead"]) == "Lead" else "ContactId"] = given["lead"]
    words = {"sent": "Sent", "responded": "Responded", "registered": "Registered", "attended": "Attended"}
    if given.get("status") in words:
        body["Status"] = words[given["status"]]
    return body
