"""The fields of leads and their kin: types of the live schema, our own fields, values as they travel.

Types (docs, rest/field-types): every string is at most 255 characters, a text area at most 30,000 bytes; percent and
score are whole numbers. A row names no field that is empty: one that was asked for and is missing is null.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from datetime import datetime
from typing import Any

from smarksync.kit.counts import Kind as CallKind
from smarksync.kit.response import whole
from smarksync.model import Field
from smarksync.plugin import FieldInfo, FieldType, Invalid, Malformed, PermissionDenied, Record

from .client import PAGE, Api, Row, error, instant, rows_of

_TYPES: Mapping[str, FieldType] = {
    "string": FieldType.TEXT,
    "text": FieldType.TEXT,
    "textarea": FieldType.TEXT,
    "email": FieldType.EMAIL,
    "phone": FieldType.PHONE,
    "url": FieldType.URL,
    "boolean": FieldType.BOOL,
    "integer": FieldType.INT,
    "percent": FieldType.INT,
    "score": FieldType.INT,
    "float": FieldType.DECIMAL,
    "currency": FieldType.DECIMAL,
    "date": FieldType.DATE,
    "datetime": FieldType.INSTANT,
    "reference": FieldType.REFERENCE,
}
_TEXT_AREA = 30_000

#: Fields that SmarkSync adds to leads: what `check --fix` makes, with the type that Marketo's schema API takes.
OUR_FIELDS: Mapping[str, tuple[str, str]] = {
    "smarkSyncId": ("SmarkSync Id", "string"),
    "smarkSyncLifecycle": ("SmarkSync Lifecycle", "string"),
    "smarkSyncJourney": ("SmarkSync Journey", "string"),
    "smarkSyncPersona": ("SmarkSync Persona", "string"),
    "smarkSyncHandoffState": ("SmarkSync Handoff State", "string"),
    "smarkSyncHandoffAt": ("SmarkSync Handoff At", "datetime"),
    "smarkSyncHandoffDueAt": ("SmarkSync Handoff Due At", "datetime"),
    "smarkSyncHandoffNote": ("SmarkSync Handoff Note", "text"),
    "smarkSyncAcceptedAt": ("SmarkSync Accepted At", "datetime"),
    "smarkSyncRejectedAt": ("SmarkSync Rejected At", "datetime"),
    "smarkSyncRejectionReason": ("SmarkSync Rejection Reason", "string"),
    "smarkSyncFirstAttemptAt": ("SmarkSync First Attempt At", "datetime"),
    "smarkSyncAttempts": ("SmarkSync Attempts", "integer"),
    "smarkSyncOpportunityStage": ("SmarkSync Opportunity Stage", "string"),
    "smarkSyncOpportunityKind": ("SmarkSync Opportunity Kind", "string"),
    "smarkSyncOpportunityAmount": ("SmarkSync Opportunity Amount", "currency"),
    "smarkSyncOpportunityCloseDate": ("SmarkSync Opportunity Close Date", "date"),
    "smarkSyncLossReason": ("SmarkSync Loss Reason", "string"),
}

#: Fields of the company that a lead shows as if they were its own. Sync Leads sets them on a create; updating them
#: through a lead "is not supported" (docs, rest/leads), and where it works it changes every lead of that company
#: (Adobe knowledge base, ka-28156): they are create-only.
COMPANY_FIELDS = frozenset(
    (
        "company", "site", "website", "mainPhone", "industry", "sicCode", "annualRevenue", "numberOfEmployees",
        "billingStreet", "billingCity", "billingState", "billingCountry", "billingPostalCode", "companyNotes",
    )
)  # fmt: skip

#: What every lead is asked for, mapped or not: identity and times.
ALWAYS = ("id", "updatedAt", "createdAt")


def field_info(entry: Row, create_only: Container[str] = ()) -> FieldInfo:
    """A field of ``describe2`` and its like: name, dataType, length, updateable."""
    kind = str(entry.get("dataType", "")).lower()
    length = entry.get("length")
    return FieldInfo(
        str(entry["name"]),
        _TYPES.get(kind, FieldType.JSON if kind == "array" else FieldType.TEXT),
        writable=bool(entry.get("updateable", True)) and kind != "formula",
        max_length=whole(entry, "length") if length else (_TEXT_AREA if kind in ("text", "textarea") else None),
        label=str(entry.get("displayName") or ""),
        custom=bool(entry.get("isCustom", False)),
        create_only=str(entry["name"]) in create_only,
    )


def describe_leads(api: Api) -> list[FieldInfo]:
    """The live fields of leads. An instance whose role may not ask ``describe2`` still answers the older one."""
    body = api.get("/rest/v1/leads/describe2.json", kind="schema", tolerate=("603", "610"))
    if error(body)[0] is None and rows_of(body):
        infos = [field_info(entry, COMPANY_FIELDS) for entry in rows_of(body)[0]["fields"]]
    else:
        older = rows_of(api.get("/rest/v1/leads/describe.json", kind="schema"))
        infos = [
            field_info(
                {**e, "name": e["rest"]["name"], "updateable": not e["rest"].get("readOnly", False)}, COMPANY_FIELDS
            )
            for e in older
            if e.get("rest")  # without it, the field is not there for this API
        ]
    return infos


#: canonical type → dataType of a new field (docs, rest/leads, Create Lead Fields)
_MADE_AS: Mapping[str, str] = {
    "bool": "boolean", "int": "integer", "decimal": "float", "money": "currency", "date": "date", "instant": "datetime",
    "email": "email", "phone": "phone", "url": "url",
}  # fmt: skip


def definitions(fields: Mapping[str, Field]) -> dict[str, tuple[str, str]]:
    """Label and type of each field of a config's own. Marketo has no pick lists by API: a word is a string."""
    return {
        name: (
            "SmarkSync " + one.name.replace("_", " ").title(),
            "text" if one.type == "text" and (one.length or 0) > 255 else _MADE_AS.get(one.type, "string"),
        )
        for name, one in fields.items()
    }


def create_fields(
    api: Api, stream: str, names: Sequence[str], known: Mapping[str, tuple[str, str]] = OUR_FIELDS
) -> list[str]:
    """Makes those of ``names`` that are ``known``, in one call; one sentence each. They can be hidden later, never deleted."""
    ours = [name for name in names if stream == "leads" and name in known]
    said = [
        f"{name} is none of the fields that SmarkSync makes in Marketo; make it in Field Management."
        for name in names
        if name not in ours
    ]
    if not ours:
        return said
    there = {info.name for info in describe_leads(api)}
    missing = [name for name in ours if name not in there]
    said += [f"{name} is there already." for name in ours if name in there]
    if not missing:
        return said
    body = api.call(
        "POST",
        "/rest/v1/leads/schema/fields.json",
        json={
            "input": [
                {
                    "displayName": known[name][0],
                    "name": name,
                    "dataType": known[name][1],
                    "description": "Written by SmarkSync.",
                }
                for name in missing
            ]
        },
        kind="schema",
        idempotent=False,
        about_rows=True,
    )
    code, words = error(body)
    if code is not None:
        raise PermissionDenied(
            f"Marketo did not make {', '.join(missing)} (error {code}: {words.rstrip('.')}).",
            hint="The API user's role needs Read-Write Schema Custom Field; or make them by hand in Field Management.",
        )
    for name, row in zip(missing, rows_of(body), strict=False):
        if row.get("status") in ("created", "updated"):
            said.append(f"{name} was made ({known[name][1]}).")
        else:
            said.append(f"{name} was not made: {reason(row)[1] or 'no reason given'}.")
    return said


def reason(row: Row) -> tuple[str, str]:
    """Code and words why a row was skipped: leads say ``reasons``, custom activities ``errors``."""
    entries = row.get("reasons") or row.get("errors") or ()
    first = entries[0] if isinstance(entries, Sequence) and entries and isinstance(entries[0], Mapping) else {}
    return str(first.get("code", "")), str(first.get("message", ""))


def there_by(rows: Sequence[Row], until: datetime) -> list[Row]:
    """Leads that were there at that time: later ones are told by the feeds of the next run."""
    return [row for row in rows if (made := instant(row.get("createdAt"))) is None or made <= until]


def record(row: Row, fields: Sequence[str]) -> Record:
    """A lead as a record with exactly ``fields``; what the row does not name is empty."""
    return Record(str(row["id"]), {name: row.get(name) for name in fields}, changed_at=instant(row.get("updatedAt")))


#: CSV knows texts only; a bulk row must look exactly like one of the API, or it would seem edited.
_FROM_CSV: Mapping[FieldType, Callable[[str], Any]] = {
    FieldType.BOOL: lambda text: text.lower() in ("true", "1"),
    FieldType.INT: lambda text: int(float(text)) if "." in text else int(text),
    FieldType.DECIMAL: float,
}


def csv_reader(infos: Mapping[str, FieldInfo], header: Sequence[str]) -> Callable[[Sequence[str]], dict[str, Any]]:
    """A function that turns a line of a bulk file into a row; ``null`` is Marketo's word for nothing."""
    turn = [
        (name, _FROM_CSV.get(FieldType.INT if name == "id" else infos[name].type if name in infos else FieldType.TEXT))
        for name in header
    ]

    def row(line: Sequence[str]) -> dict[str, Any]:
        if len(line) != len(turn):
            raise Malformed("A line of Marketo's bulk file has another number of columns than its header.")
        try:
            return {
                name: None if text in ("null", "") else read(text) if read else text
                for (name, read), text in zip(turn, line, strict=True)
            }
        except (ValueError, OverflowError):
            raise Malformed("A line of Marketo's bulk file has a text where a number is documented.") from None

    return row


def leads_by(
    api: Api, key: str, values: Sequence[str], fields: Sequence[str], *, kind: CallKind = "reread"
) -> list[Row]:
    """Every lead whose ``key`` is one of ``values`` (at most 300). More than 1,000 matches are refused (1003): then
    the values are asked for in halves."""
    asked = list(dict.fromkeys((*ALWAYS, *fields)))
    params: dict[str, Any] = {
        "filterType": key,
        "filterValues": ",".join(values),
        "fields": ",".join(asked),
        "batchSize": PAGE,
    }
    found: list[Row] = []
    token: str | None = None
    while True:
        page = {**params, "nextPageToken": token} if token else params
        body = api.get("/rest/v1/leads.json", page, kind=kind, tolerate=("1003", "702"))
        code, words = error(body)
        if code == "1003":
            if "too many" not in words.lower():
                raise Invalid(f"Marketo refused to look leads up by {key} (1003).", hint="Is that field searchable?")
            if len(values) == 1:
                raise Invalid(f"More than 1,000 leads share one {key}: Marketo does not list them.")
            half = len(values) // 2
            return [
                *leads_by(api, key, values[:half], fields, kind=kind),
                *leads_by(api, key, values[half:], fields, kind=kind),
            ]
        found += rows_of(body)
        following = body.get("nextPageToken")
        if not following or body.get("moreResult") is False or following == token:
            return found
        token = following
