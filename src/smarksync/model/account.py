"""Account: the company a person works for."""

from __future__ import annotations

from .fields import Entity, fields
from .fields import make_field as f

ACCOUNT = Entity(
    "account",
    fields(
        f("name", "text(255)"),
        f("domain", "text(253)", format="domain"),
        f("website", "url"),
        f("phone", "phone"),
        f("industry", "open enum"),
        f("employees", "int"),
        f("annual_revenue", "money"),
        f("street", "text(255)"),
        f("city", "text(80)"),
        f("state", "text(80)"),
        f("postal_code", "text(20)"),
        f("country", "country"),
        f("type", "enum(prospect, customer, partner, competitor, other)"),
        f("parent", "ref(account)"),
        f("owner", "ref(owner)"),
        f("tags", "set(text)"),
        f("description", "text(32000)", personal=True),
        f("external_id", "text(64)", group="system"),
        f("created_at", "instant", group="system", read_only=True),
        f("updated_at", "instant", group="system", read_only=True),
    ),
    match=(("external_id",), ("domain",), ("name", "country")),
    doc="the company a person works for",
)
