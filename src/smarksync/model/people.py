"""Owner and Persona: the colleague who owns a record, and the agreed picture of a buyer."""

from __future__ import annotations

from .fields import Entity, fields
from .fields import make_field as f

OWNER = Entity(
    "owner",
    fields(
        f("email", "email", personal=True),
        f("name", "text(160)", personal=True),
        f("kind", "enum(user, queue)"),
        f("active", "bool"),
        f("team", "text(80)"),
        f("country", "country"),
        f("time_zone", "text(40)"),
    ),
    match=(("email",),),
    doc="the colleague or the queue that owns a record",
)

#: Personas live in the config only (``personas.<id>``); ``when`` is an expression.
PERSONA = Entity(
    "persona",
    fields(
        f("id", "text(40)"),
        f("name", "text(160)"),
        f("when", "text"),
        f("pains", "set(text)"),
        f("titles", "set(text)"),
        f("industries", "set(text)"),
        f("company_size", "text(80)"),
    ),
    key=("id",),
    doc="an agreed picture of a buyer",
)
