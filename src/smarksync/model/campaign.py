"""Campaign and Membership: what marketing ran, and who was in it with which status."""

from __future__ import annotations

from .fields import Entity, fields
from .fields import make_field as f

CAMPAIGN = Entity(
    "campaign",
    fields(
        f("name", "text(80)"),
        f("type", "open enum"),
        f("status", "enum(planned, active, done, aborted)"),
        f("start_date", "date"),
        f("end_date", "date"),
        f("budget", "money"),
        f("cost", "money"),
        f("parent", "ref(campaign)"),
        f("external_id", "text(64)", group="system"),
    ),
    match=(("external_id",),),
    doc="what marketing ran: campaign, program, segment or list",
)

MEMBERSHIP = Entity(
    "membership",
    fields(
        f("campaign", "ref(campaign)"),
        f("lead", "ref(lead)"),
        f("status", "enum(member, sent, responded, registered, attended, influenced, removed)"),
        f("vendor_status", "text(80)"),
        f("responded", "bool"),
        f("responded_at", "instant"),
    ),
    match=(("campaign", "lead"),),
    key=("campaign", "lead"),
    doc="one lead in one campaign",
)
