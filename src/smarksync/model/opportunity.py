"""Opportunity: a possible sale."""

from __future__ import annotations

from .fields import Entity, fields
from .fields import make_field as f

OPPORTUNITY = Entity(
    "opportunity",
    fields(
        f("name", "text(120)"),
        f("account", "ref(account)"),
        f("leads", "set(ref(lead))"),
        f("primary_lead", "ref(lead)"),
        f("pipeline", "text(80)"),
        f("stage", "text(80)"),  # the vendor's own value; stage_kind is the one to reason about
        f("stage_kind", "enum(open, won, lost)"),
        f("amount", "money"),
        f("probability", "int", bounds=(0, 100)),
        f("close_date", "date"),
        f("closed_at", "instant"),
        f("won_reason", "open enum"),
        f("loss_reason", "open enum"),
        f("type", "open enum"),
        f("lead_source", "open enum"),
        f("campaign", "ref(campaign)"),
        f("owner", "ref(owner)"),
        f("description", "text(32000)", personal=True),
        f("external_id", "text(64)", group="system"),
        f("created_at", "instant", group="system", read_only=True),
        f("updated_at", "instant", group="system", read_only=True),
    ),
    match=(("external_id",),),
    doc="a possible sale, with stage, amount, close date and the reason it was won or lost",
)
