"""Activity: something that happened. Append-only and keyed, so that two readings of it cannot conflict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .fields import Entity, fields
from .fields import make_field as f

TYPES = (
    "form_submitted", "email_sent", "email_delivered", "email_opened", "email_clicked", "email_bounced", "unsubscribed",
    "page_viewed", "content_downloaded", "event_registered", "event_attended", "list_joined", "list_left",
    "score_changed", "campaign_status_changed", "call", "email", "meeting", "task", "note", "other",
)  # fmt: skip
RESULTS = ("none", "done", "no_answer", "left_message", "connected", "declined", "bounced", "cancelled", "planned")

ATTEMPT_TYPES = frozenset({"call", "email", "meeting", "task"})
_NO_ATTEMPT = frozenset({"none", "planned", "cancelled"})

ACTIVITY = Entity(
    "activity",
    fields(
        f("key", "text(120)"),
        f("type", "enum", TYPES),
        f("at", "instant"),
        f("lead", "ref(lead)"),
        f("account", "ref(account)"),
        f("opportunity", "ref(opportunity)"),
        f("campaign", "ref(campaign)"),
        f("actor", "enum(lead, marketing, sales, system)"),
        f("owner", "ref(owner)"),
        f("direction", "enum(inbound, outbound, none)"),
        f("automated", "bool"),
        f("result", "enum", RESULTS),
        f("subject", "text(255)", personal=True),
        f("asset", "text(255)"),
        f("url", "url", personal=True),
        f("duration", "int"),  # seconds
    ),
    match=(("key",),),
    key=("key",),
    append_only=True,
    doc="something that happened, at a time, with an actor",
)


def activity_key(connection: str, stream: str, id: str) -> str:
    """The key of an activity: where it was read. ``connection:object:id``."""
    return f"{connection}:{stream}:{id}"


def is_attempt(activity: Mapping[str, Any]) -> bool:
    """True when this is a sales *attempt*: a call, e-mail, meeting or task by a person in sales that took place.

    ``automated`` must be false, and not merely unknown; a result that is unknown is no attempt either.
    """
    result = activity.get("result")
    return (
        activity.get("type") in ATTEMPT_TYPES
        and activity.get("actor") == "sales"
        and activity.get("automated") is False
        and result is not None
        and result not in _NO_ATTEMPT
    )
