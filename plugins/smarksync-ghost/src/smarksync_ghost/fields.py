"""The fields of a member, as a mapping names them, and how they travel.

Ghost's own names, with three that this connector makes:

* ``labels`` is a list of label names. Ghost replaces the whole list, trims names and folds their case into
  labels that exist already.
* ``unsubscribed`` is true when the member gets no active newsletter (``not subscribed``, which Ghost itself computes
  from ``newsletters``: core/server/api/endpoints/utils/serializers/output/members.js, 6.65). Writing true sends
  ``newsletters: []``; false sends ``subscribed: true``, which brings the default newsletters. Null, no claim, on
  a site without an active newsletter.
* ``email_suppression.suppressed`` is read only: Ghost stopped mailing after a bounce or a complaint.

Lengths are those of Ghost's table (core/server/data/schema/schema.js, 6.65: email and name 191, note 2000); longer
ones were refused with 422 by a real server. It refuses null for texts and labels, too: clearing sends "" and [].
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from smarksync.plugin import Choice, FieldInfo, FieldType, Past, Record

MEMBER_FIELDS = (
    FieldInfo("email", FieldType.EMAIL, required=True, max_length=191, unique=True),
    FieldInfo("name", FieldType.TEXT, max_length=191),
    FieldInfo("note", FieldType.TEXT, max_length=2000),
    FieldInfo("labels", FieldType.CHOICES),
    FieldInfo("unsubscribed", FieldType.BOOL, label="gets no newsletter"),
    FieldInfo("subscribed", FieldType.BOOL, writable=False),
    FieldInfo("newsletters", FieldType.CHOICES, writable=False, label="ids of the newsletters"),
    FieldInfo("email_suppression.suppressed", FieldType.BOOL, writable=False, label="mail is held back"),
    FieldInfo(
        "status",
        FieldType.CHOICE,
        writable=False,
        choices=tuple(Choice(word) for word in ("free", "paid", "comped", "gift")),
    ),
    FieldInfo("geolocation", FieldType.TEXT, writable=False),
    FieldInfo("email_count", FieldType.INT, writable=False),
    FieldInfo("email_opened_count", FieldType.INT, writable=False),
    FieldInfo("email_open_rate", FieldType.INT, writable=False),
    FieldInfo("last_seen_at", FieldType.INSTANT, writable=False),
    # lists leave it out: only a read of one member tells, so it stays absent
    FieldInfo("attribution.referrer_source", FieldType.TEXT, writable=False),
    FieldInfo("uuid", FieldType.TEXT, writable=False, max_length=36, unique=True),
    FieldInfo("created_at", FieldType.INSTANT, writable=False),
    FieldInfo("updated_at", FieldType.INSTANT, writable=False),
)

_LIST_FIELDS = (
    FieldInfo("name", FieldType.TEXT, writable=False, max_length=191),
    FieldInfo("slug", FieldType.TEXT, writable=False, max_length=191, unique=True),
    FieldInfo("created_at", FieldType.INSTANT, writable=False),
    FieldInfo("updated_at", FieldType.INSTANT, writable=False),
)

FIELDS: Mapping[str, tuple[FieldInfo, ...]] = {
    "members": MEMBER_FIELDS,
    "newsletters": (*_LIST_FIELDS, FieldInfo("status", FieldType.TEXT, writable=False)),
    "labels": _LIST_FIELDS,
}

_WRITABLE = frozenset(info.name for info in MEMBER_FIELDS if info.writable)


class NotWritable(ValueError):
    """Ghost has no such field to write; it would ignore it in silence. The message names it."""


def value(row: Mapping[str, Any], name: str) -> Any:
    """The value of one field; raises KeyError when the answer does not hold it."""
    if name == "unsubscribed":
        return None if row["subscribed"] is None else not row["subscribed"]
    if name == "labels":
        return [label["name"] for label in row["labels"]]
    if name == "newsletters":
        return [letter["id"] for letter in row["newsletters"]]
    head, _, rest = name.partition(".")
    return row[head][rest] if rest else row[head]


def shown(row: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The asked fields of a row. One that the answer does not hold is left out: absent is not empty."""
    found = {}
    for name in names:
        try:
            found[name] = value(row, name)
        except (KeyError, TypeError):
            continue
    return found


def record(
    row: Mapping[str, Any], names: Collection[str], seen: Sequence[Past] = (), at: datetime | None = None
) -> Record:
    """A row as a record. ``seen`` is what the logs say of its subscription, ``at`` when they last name the row."""
    changed = instant(row.get("updated_at")) or instant(row.get("created_at"))
    if at is not None and (changed is None or at > changed):
        changed = at
    return Record(
        id=row["id"],
        fields=shown(row, names),
        changed_at=changed,
        history={"unsubscribed": tuple(seen)} if seen else None,
    )


def outgoing(fields: Mapping[str, Any], *, new: bool) -> dict[str, Any]:
    """The body that writes these fields. A new member is subscribed only when ``unsubscribed`` is False."""
    body: dict[str, Any] = {}
    for name, wanted in fields.items():
        if name not in _WRITABLE:
            raise NotWritable(name)
        if name == "unsubscribed":
            if wanted is not None:
                body["newsletters" if wanted else "subscribed"] = [] if wanted else True
        elif name == "labels":
            body["labels"] = [{"name": label} for label in wanted or ()]
        elif name == "email" and wanted is None:
            body["email"] = ""
        else:
            body[name] = "" if wanted is None else wanted
    if new and "subscribed" not in body:
        body["newsletters"] = []
    if new:
        body = {name: wanted for name, wanted in body.items() if wanted != ""}
    return body


def instant(text: Any) -> datetime | None:
    """Ghost's ``2026-11-22T00:34:21.000Z`` as an aware time (whole seconds, though it prints three digits)."""
    return datetime.fromisoformat(text).astimezone(UTC) if isinstance(text, str) else None


def second(at: datetime) -> str:
    """A time as NQL compares it with the column: whole seconds, UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
