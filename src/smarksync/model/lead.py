"""Lead: one person, whatever the vendor calls it."""

from __future__ import annotations

from . import journey, lifecycle
from .fields import Entity, fields
from .fields import make_field as f

SALES_STATUSES = ("new", "attempted", "working", "qualified", "unqualified", "recycled")
EMAIL_STATUSES = ("unknown", "valid", "soft_bounced", "hard_bounced", "complained")
CONSENT_BASES = ("none", "checkbox", "legitimate_interest", "contract", "own_act", "double_opt_in", "legal")
HANDOFF_STATES = (
    "none", "qualified", "offered", "accepted", "rejected", "working", "sql", "opportunity", "won", "lost", "recycled",
    "merged", "withdrawn",
)  # fmt: skip
REJECTION_REASONS = (
    "bad_data", "duplicate", "no_budget", "no_authority", "no_need", "bad_timing", "competitor", "unreachable",
    "not_a_fit", "other",
)  # fmt: skip

LEAD = Entity(
    "lead",
    fields(
        f("email", "email", personal=True),
        # secondary addresses propose a match and never link one
        f("other_emails", "set(email)", read_only=True, personal=True),
        f("salutation", "text(40)", personal=True),
        f("first_name", "text(80)", personal=True),
        f("last_name", "text(80)", personal=True),
        f("full_name", "text(160)", group="derived", personal=True),
        f("job_title", "text(128)", personal=True),
        f("phone", "phone", personal=True),
        f("mobile_phone", "phone", personal=True),
        f("company", "text(255)"),
        f("account", "ref(account)"),
        f("website", "url"),
        f("linkedin_url", "url", personal=True),
        f("industry", "open enum"),
        f("street", "text(255)", personal=True),
        f("city", "text(80)", personal=True),
        f("state", "text(80)"),
        f("postal_code", "text(20)", personal=True),
        f("country", "country"),
        f("language", "text(10)"),
        f("time_zone", "text(40)"),
        f("description", "text(32000)", personal=True),
        f("tags", "set(text)"),
        f("lead_source", "open enum"),
        f("source_detail", "text(255)"),
        f("owner", "ref(owner)"),
        f("lifecycle", "enum", lifecycle.VALUES),
        f("journey", "enum", journey.STAGES),
        f("sales_status", "enum", SALES_STATUSES),
        f("score", "int"),
        f("fit_score", "int"),
        f("engagement_score", "int"),
        f("grade", "text(2)"),
        f("persona", "text(40)"),
        f("email_opt_out", "bool", group="consent"),
        f("phone_opt_out", "bool", group="consent"),
        f("email_status", "enum", EMAIL_STATUSES),
        f("consent_at", "instant", group="consent_evidence"),
        f("consent_source", "text(120)", group="consent_evidence"),
        f("consent_basis", "enum", CONSENT_BASES, group="consent_evidence"),
        f("qualified_at", "instant", group="handoff"),
        f("qualified_by", "text(80)", group="handoff"),
        f("handoff_state", "enum", HANDOFF_STATES, group="handoff"),
        f("handoff_at", "instant", group="handoff"),
        f("handoff_due_at", "instant", group="handoff"),
        f("handoff_note", "text(4000)", group="handoff", personal=True),
        f("accepted_at", "instant", group="outcome"),
        f("rejected_at", "instant", group="outcome"),
        f("rejection_reason", "open enum", REJECTION_REASONS, group="outcome"),
        f("first_attempt_at", "instant", group="outcome"),
        f("attempts", "int", group="outcome"),
        f("opportunity_stage", "text(80)", group="outcome"),
        f("opportunity_kind", "enum(open, won, lost)", group="outcome"),
        f("opportunity_amount", "money", group="outcome"),
        f("opportunity_close_date", "date", group="outcome"),
        f("loss_reason", "open enum", group="outcome"),
        f("external_id", "text(64)", group="system"),
        f("created_at", "instant", group="system", read_only=True),
        f("updated_at", "instant", group="system", read_only=True),
    ),
    match=(("email",),),
    doc="one person, whatever the vendor calls it",
)
