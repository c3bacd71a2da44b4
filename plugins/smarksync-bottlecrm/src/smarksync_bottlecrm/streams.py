"""What is known of each kind of row before a server is asked: paths, list shapes, fields and their limits.

Every list of BottleCRM has its own shape (recorded 2026-11, 1.35.0). Lengths, types and which fields take no
null were read off the server's own refusals and schema; pick lists are asked for live (describe.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from smarksync.plugin import Can, FieldType, StreamSpec

T = FieldType


class Part(NamedTuple):
    """One list inside an answer: the keys that lead to its rows, and to their number on all pages."""

    rows: tuple[str, ...]
    total: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A built-in field. ``blank`` is what clears it; ``choices`` names the live pick list."""

    type: FieldType = T.TEXT
    max_length: int | None = None
    writable: bool = True
    required: bool = False
    unique: bool = False
    choices: str | None = None
    blank: object = None


def text(length: int | None = 255, **more: object) -> Field:
    """A text field."""
    return Field(T.TEXT, length, **more)  # type: ignore[arg-type]  # keyword arguments of Field, checked there


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of row. ``detail`` is the key of the row in the answer to a GET by id, "" = there is no such call."""

    path: str
    parts: tuple[Part, ...]
    detail: str
    fields: Mapping[str, Field]
    custom_target: str | None = None
    #: vendor field → the list filter that narrows by it (a substring match, so results are checked again)
    filters: Mapping[str, str] = field(default_factory=dict)
    #: more query parameters for lists
    params: Mapping[str, str] = field(default_factory=dict)


_MADE = {"created_at": Field(T.INSTANT, writable=False)}
_TIMES = {**_MADE, "updated_at": Field(T.INSTANT, writable=False)}
_ADDRESS = {
    "address_line": text(),
    "city": text(),
    "state": text(),
    "postcode": text(64),
    "country": Field(T.CHOICE, 3, choices="countries"),
}
_SHARED = {
    "assigned_to": Field(T.REFERENCE),
    "tags": Field(T.CHOICES, 50, blank=()),
    "description": text(None),
    "is_active": Field(T.BOOL, blank=True),
}
_ORIGIN = {
    "source_detail": text(100, blank=""),
    "source_ref": text(255, blank=""),
}
_PERSON = {
    "email": Field(T.EMAIL, 254, unique=True),
    "phone": Field(T.PHONE, 25),
    "phone_e164": Field(T.PHONE, 32, writable=False),
    **_ADDRESS,
    **_SHARED,
    **_ORIGIN,
    **_TIMES,
}

LEADS = Stream(
    "/api/leads/",
    (
        Part(("open_leads", "open_leads"), ("open_leads", "leads_count")),
        Part(("close_leads", "close_leads"), ("close_leads", "leads_count")),
    ),
    "lead_obj",
    {
        "title": text(),
        "salutation": text(64),
        "first_name": text(),
        "last_name": text(),
        "job_title": text(),
        "company_name": text(),
        "website": text(),
        "linkedin_url": Field(T.URL, 500),
        "status": Field(T.CHOICE, 255, choices="status"),
        "source": Field(T.CHOICE, 255, choices="sources"),
        "industry": Field(T.CHOICE, 255, choices="industries"),
        "rating": Field(T.CHOICE, 10, choices="rating"),
        "opportunity_amount": Field(T.DECIMAL),
        "currency": text(3),
        "probability": Field(T.INT),
        "close_date": Field(T.DATE),
        "last_contacted": Field(T.DATE),
        "next_follow_up": Field(T.DATE),
        "contacts": Field(T.CHOICES, writable=False),
        **_PERSON,
    },
    custom_target="Lead",
    filters={"email": "email"},
)
CONTACTS = Stream(
    "/api/contacts/",
    (Part(("results",), ("count",)),),
    "contact_obj",
    {
        "first_name": text(required=True),
        "last_name": text(required=True),
        "organization": text(),
        "title": text(),
        "department": text(),
        "do_not_call": Field(T.BOOL, blank=False),
        "linkedin_url": Field(T.URL, 200),
        "source": Field(T.CHOICE, 255, choices="sources", blank=""),
        "account": Field(T.REFERENCE),
        **_PERSON,
    },
    custom_target="Contact",
    filters={"email": "email"},
)
ACCOUNTS = Stream(
    "/api/accounts/",
    (
        Part(("active_accounts", "open_accounts"), ("active_accounts", "open_accounts_count")),
        Part(("closed_accounts", "close_accounts"), ("closed_accounts", "close_accounts_count")),
    ),
    "account_obj",
    {
        "name": text(required=True, unique=True),
        "email": Field(T.EMAIL, 254),
        "phone": Field(T.PHONE, 25),
        "website": Field(T.URL, 200),
        "industry": Field(T.CHOICE, 255, choices="industries"),
        "number_of_employees": Field(T.INT),
        "annual_revenue": Field(T.DECIMAL),
        "currency": text(3),
        **_ADDRESS,
        **_SHARED,
        **_MADE,
    },
    custom_target="Account",
    filters={"name": "name"},
)
OPPORTUNITIES = Stream(
    "/api/opportunities/",
    (Part(("opportunities",), ("opportunities_count",)),),
    "opportunity_obj",
    {
        "name": text(required=True, unique=True),
        "account": Field(T.REFERENCE),
        "contacts": Field(T.CHOICES, blank=()),
        "pipeline": Field(T.CHOICE, choices="pipelines"),
        "stage": Field(T.CHOICE, 64, choices="stages"),
        "stage_kind": Field(T.CHOICE, writable=False, choices="stage_kinds"),
        "stage_changed_at": Field(T.INSTANT, writable=False),
        "opportunity_type": text(64),
        "amount": Field(T.DECIMAL),
        "currency": text(3),
        "probability": Field(T.INT),
        "closed_on": Field(T.DATE),
        "lead_source": Field(T.CHOICE, 255, choices="sources"),
        **_ORIGIN,
        **_SHARED,
        **_MADE,
    },
    custom_target="Opportunity",
    filters={"name": "name"},
)
TASKS = Stream(
    "/api/tasks/",
    (Part(("tasks",), ("tasks_count",)),),
    "task_obj",
    {
        name: Field(kind, writable=False)
        for name, kind in {
            "title": T.TEXT,
            "status": T.TEXT,
            "priority": T.TEXT,
            "due_date": T.DATE,
            "account": T.REFERENCE,
            "opportunity": T.REFERENCE,
            "lead": T.REFERENCE,
            "assigned_to": T.REFERENCE,
            "tags": T.CHOICES,
            "created_at": T.INSTANT,
        }.items()
    },
    # leaves out the pickers for accounts and contacts, which grow with the organisation
    params={"slim": "true"},
)
USERS = Stream(
    "/api/users/",
    (
        Part(("active_users", "active_users"), ("active_users", "active_users_count")),
        Part(("inactive_users", "inactive_users"), ("inactive_users", "inactive_users_count")),
    ),
    "",
    {
        name: Field(kind, writable=False)
        for name, kind in {
            "email": T.EMAIL,
            "name": T.TEXT,
            "role": T.TEXT,
            "is_active": T.BOOL,
            "created_at": T.INSTANT,
        }.items()
    },
    filters={"email": "email"},
)

STREAMS: Mapping[str, Stream] = {
    "leads": LEADS,
    "contacts": CONTACTS,
    "accounts": ACCOUNTS,
    "opportunities": OPPORTUNITIES,
    "tasks": TASKS,
    "users": USERS,
}

#: Vendor fields that `check --fix` can make: type and label.
CUSTOM_FIELDS: Mapping[str, tuple[str, str]] = {
    "custom_fields.email_opt_out": ("checkbox", "Email opt-out"),
    "custom_fields.smarksync_id": ("text", "SmarkSync id"),
}

_RW = frozenset({Can.CREATE, Can.UPDATE, Can.ARCHIVE, Can.DELETE, Can.FIND, Can.FETCH})


def _spec(name: str, entity: str, can: frozenset[Can], *keys: str, ours: bool = False) -> StreamSpec:
    # No list can be narrowed by the time of the last change, so each read is a full one. A save rewrites the
    # whole row: of eight concurrent edits of different fields two survived (recorded), so never two at once
    # to one record; and its small-office database, SQLite, takes one writer at a time, where a second one adds
    # waiting and, beyond its time-out, 500s that leave us guessing. Hence one by one for the whole stream.
    return StreamSpec(
        name,
        entity,
        can=can,
        natural_keys=keys,
        full_scan=True,
        writes_serially=True,
        one_write_per_record=True,
        external_id="custom_fields.smarksync_id" if ours else None,
        email_field="email" if "email" in keys else None,
    )


SPECS: tuple[StreamSpec, ...] = (
    _spec("leads", "lead", _RW, "email", "custom_fields.smarksync_id", ours=True),
    _spec("contacts", "lead", _RW, "email", "custom_fields.smarksync_id", ours=True),
    _spec("accounts", "account", _RW, "name"),
    _spec("opportunities", "opportunity", _RW, "name"),
    _spec("tasks", "activity", frozenset({Can.FETCH})),
    _spec("users", "owner", frozenset({Can.FIND}), "email"),
)
