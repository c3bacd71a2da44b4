"""Fields that HubSpot does not have as such: worked out of the properties of a row.

Names begin with ``smarksync.``; each says which properties it needs. What a person did in the CRM is told from what
a machine did by ``hs_object_source`` and ``hs_engagement_source``, where an account has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smarksync.plugin import FieldType

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Computed:
    """A read-only field worked out of ``needs``; ``constant`` fields may be sent with a create and mean nothing."""

    name: str
    type: FieldType
    needs: tuple[str, ...]
    value: Callable[[Properties], Any]
    words: tuple[str, ...] = ()  # all that it can be, where that is known


def constant(name: str, value: Any) -> Computed:
    """The same for every row."""
    kind = FieldType.BOOL if isinstance(value, bool) else FieldType.CHOICE
    return Computed(name, kind, (), lambda properties: value, () if isinstance(value, bool) else (str(value),))


# -- deals -----------------------------------------------------------------------------------------------------


def _stage_kind(row: Properties) -> str:
    if _true(row.get("hs_is_closed_won")):
        return "won"
    return "lost" if _true(row.get("hs_is_closed")) else "open"


DEAL = (Computed("smarksync.stage_kind", FieldType.TEXT, ("hs_is_closed", "hs_is_closed_won"), _stage_kind),)

# -- what happened ---------------------------------------------------------------------------------------------

_SOURCE = ("hs_object_source", "hs_engagement_source")
#: sources that are no person at work (values: crm.md 2.3 and HubSpot's list of record sources; others are people)
_MACHINES = frozenset(
    {
        "AUTOMATION_PLATFORM", "WORKFLOWS", "WORKFLOW", "SEQUENCES", "SEQUENCE", "IMPORT", "MIGRATION", "BATCH_UPDATE",
        "BOT", "CHATFLOW", "CRM_PROCESSES", "DATASET", "SALESFORCE", "BEHAVIORAL_EVENTS",
    }
)  # fmt: skip


def _automated(row: Properties) -> bool:
    return any(str(row.get(name) or "").upper() in _MACHINES for name in _SOURCE)


def _actor(row: Properties) -> str:
    return "marketing" if _automated(row) else "sales"


AUTOMATED = Computed("smarksync.automated", FieldType.BOOL, _SOURCE, _automated)
_ACTOR = Computed("smarksync.actor", FieldType.TEXT, _SOURCE, _actor)

TASK = (constant("smarksync.type", "task"), _ACTOR, AUTOMATED, constant("smarksync.direction", "none"))
NOTE = (
    constant("smarksync.type", "note"),
    _ACTOR,
    AUTOMATED,
    constant("smarksync.direction", "none"),
    constant("smarksync.result", "none"),
    Computed("smarksync.subject", FieldType.TEXT, ("hs_note_body",), lambda row: _plain(row.get("hs_note_body"))),
)

#: HubSpot's own call outcomes: their ids are the same in every account; added ones count by the call's status
_DISPOSITIONS = {
    "9d9162e7-6cf3-4944-bf63-4dff82258764": "no_answer",  # busy
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "connected",
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": "left_message",  # with a person
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "left_message",  # voicemail
    "73a0d17f-1163-4015-bdd5-ec830791da20": "no_answer",
    "17b47fee-58de-441e-a44c-c6300d46f273": "no_answer",  # wrong number
}
_CALL_STATUS = {
    "COMPLETED": "done", "NO_ANSWER": "no_answer", "BUSY": "no_answer", "MISSED": "no_answer", "CANCELED": "cancelled",
    "FAILED": "no_answer", "QUEUED": "planned", "RINGING": "planned", "CONNECTING": "planned", "IN_PROGRESS": "planned",
    "CALLING_CRM_USER": "planned",
}  # fmt: skip


def _call_result(row: Properties) -> str:
    known = _DISPOSITIONS.get(str(row.get("hs_call_disposition") or ""))
    return known or _CALL_STATUS.get(str(row.get("hs_call_status") or ""), "none")


def _call_actor(row: Properties) -> str:
    return "lead" if row.get("hs_call_direction") == "INBOUND" else _actor(row)


def _call_direction(row: Properties) -> str:
    return {"INBOUND": "inbound", "OUTBOUND": "outbound"}.get(str(row.get("hs_call_direction") or ""), "none")


def _milliseconds(row: Properties, name: str) -> int | None:
    try:
        return int(float(row.get(name) or "")) // 1000
    except ValueError:
        return None


CALL = (
    constant("smarksync.type", "call"),
    Computed("smarksync.actor", FieldType.TEXT, ("hs_call_direction", *_SOURCE), _call_actor),
    AUTOMATED,
    Computed("smarksync.direction", FieldType.TEXT, ("hs_call_direction",), _call_direction),
    Computed("smarksync.result", FieldType.TEXT, ("hs_call_disposition", "hs_call_status"), _call_result),
    Computed(
        "smarksync.duration", FieldType.INT, ("hs_call_duration",), lambda row: _milliseconds(row, "hs_call_duration")
    ),
)

_EMAIL_STATUS = {
    "SENT": "done",
    "BOUNCED": "bounced",
    "FAILED": "bounced",
    "SCHEDULED": "planned",
    "SENDING": "planned",
}


def _incoming(row: Properties) -> bool:
    return row.get("hs_email_direction") == "INCOMING_EMAIL"


EMAIL = (
    constant("smarksync.type", "email"),
    Computed(
        "smarksync.actor",
        FieldType.TEXT,
        ("hs_email_direction", *_SOURCE),
        lambda row: "lead" if _incoming(row) else _actor(row),
    ),
    AUTOMATED,
    Computed(
        "smarksync.direction",
        FieldType.TEXT,
        ("hs_email_direction",),
        lambda row: "inbound" if _incoming(row) else "outbound",
    ),
    Computed(
        "smarksync.result",
        FieldType.TEXT,
        ("hs_email_status",),
        lambda row: _EMAIL_STATUS.get(str(row.get("hs_email_status") or ""), "done"),
    ),
)

_OUTCOME = {
    "SCHEDULED": "planned", "RESCHEDULED": "planned", "COMPLETED": "done", "NO_SHOW": "no_answer", "CANCELED": "cancelled",
}  # fmt: skip


def _meeting_length(row: Properties) -> int | None:
    try:
        begin, end = (
            datetime.fromisoformat(str(row.get(name))) for name in ("hs_meeting_start_time", "hs_meeting_end_time")
        )
        return max(int((end - begin).total_seconds()), 0)
    except (ValueError, TypeError):
        return None


MEETING = (
    constant("smarksync.type", "meeting"),
    _ACTOR,
    AUTOMATED,
    constant("smarksync.direction", "none"),
    Computed(
        "smarksync.result",
        FieldType.TEXT,
        ("hs_meeting_outcome",),
        # people seldom fill the outcome in: a meeting without one is known to be agreed, and no more
        lambda row: _OUTCOME.get(str(row.get("hs_meeting_outcome") or ""), "planned"),
    ),
    Computed("smarksync.duration", FieldType.INT, ("hs_meeting_start_time", "hs_meeting_end_time"), _meeting_length),
)


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _plain(html: Any) -> str | None:
    """The beginning of a note as one line of text."""
    if not html:
        return None
    text, inside = [], False
    for char in str(html)[:2000]:
        inside = char == "<" or (inside and char != ">")
        if not inside:
            text.append(" " if char == ">" else char)
    return " ".join("".join(text).split())[:255] or None
