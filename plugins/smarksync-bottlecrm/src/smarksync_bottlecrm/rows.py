"""Rows as BottleCRM prints them, and as the engine wants them: one flat mapping by vendor name.

Some of its fields are no plain values. ``assigned_to`` is a list of people, of whom the first is shown as
the owner; ``tags`` are objects, shown as names; references are ids or ``{"id", "name"}``; custom fields sit
in one object and are named ``custom_fields.KEY`` here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from smarksync.plugin import Malformed, Record

Row = Mapping[str, Any]
CUSTOM = "custom_fields."


def first_assignee(row: Row) -> str | None:
    """The id of the first person that the row is assigned to."""
    people = assignees(row)
    return people[0] if people else None


def assignees(row: Row) -> list[str]:
    """The ids of everyone that the row is assigned to, in the server's order."""
    return [str(person["id"]) for person in row.get("assigned_to") or ()]


def _tags(row: Row) -> list[str]:
    return sorted(tag["name"] for tag in row.get("tags") or ())


def _ids(name: str) -> Callable[[Row], list[str]]:
    return lambda row: sorted(_id_of(entry) for entry in row.get(name) or ())


def _id_of(value: Any) -> str:
    return str(value["id"]) if isinstance(value, Mapping) else str(value)


def _reference(name: str) -> Callable[[Row], str | None]:
    return lambda row: None if row.get(name) is None else _id_of(row[name])


def _of_user(name: str) -> Callable[[Row], Any]:
    return lambda row: (row.get("user_details") or {}).get(name)


#: Fields that are no plain value of the row, by stream ("" = every stream).
_SPECIAL: dict[str, dict[str, Callable[[Row], Any]]] = {
    "": {
        "assigned_to": first_assignee,
        "tags": _tags,
        **{name: _reference(name) for name in ("account", "opportunity", "lead", "created_by", "closed_by")},
    },
    "opportunities": {"contacts": _ids("contacts")},
    "leads": {"contacts": _ids("contacts")},
    "users": {"email": _of_user("email"), "name": _of_user("name")},
}


def reader(stream: str, fields: Sequence[str]) -> Callable[[Row], Record]:
    """A function that turns a row of ``stream`` into a record with exactly ``fields``."""
    special = {**_SPECIAL[""], **_SPECIAL.get(stream, {})}
    plain = [name for name in fields if name not in special and not name.startswith(CUSTOM)]
    computed = [(name, special[name]) for name in fields if name in special]
    custom = [(name, name.removeprefix(CUSTOM)) for name in fields if name.startswith(CUSTOM)]

    def record(row: Row) -> Record:
        try:
            shown = {name: row.get(name) for name in plain}
            for name, value_of in computed:
                shown[name] = value_of(row)
            if custom:
                values = row.get("custom_fields") or {}
                for name, key in custom:
                    shown[name] = values.get(key)
            return Record(str(row["id"]), shown, changed_at=instant(row.get("updated_at")))
        except (KeyError, TypeError, AttributeError) as problem:
            raise Malformed(
                f"BottleCRM shows a row of {stream} in a shape that this connector does not know."
            ) from problem

    return record


def instant(text: Any) -> datetime | None:
    """A time of the server, aware; None when there is none (accounts, opportunities and tasks show no last change)."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
