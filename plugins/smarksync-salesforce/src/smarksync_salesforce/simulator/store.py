"""The rows of a simulated org, and what it refuses of a write. Every change is stamped by the server's clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from .ids import full, make_id, well_formed
from .schema import Field, SObject, objects
from .soql import Query, normal_time

Row = dict[str, Any]
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_KINDS = {
    "boolean": (bool,), "int": (int,), "double": (int, float), "currency": (int, float), "percent": (int, float),
}  # fmt: skip


class RowError(Exception):
    """One row is refused: ``code``, words, the fields at fault, and the HTTP status when it is asked for alone."""

    def __init__(self, code: str, message: str, fields: Iterable[str] = (), *, status: int = 400, **more: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.fields, self.status, self.more = code, message, list(fields), status, more


class Store:
    """Tables by object name, rows by 18-character id, deleted rows among them (``IsDeleted``)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.objects: dict[str, SObject] = objects()
        self.tables: dict[str, dict[str, Row]] = {name: {} for name in self.objects}
        self.users: dict[str, str] = {}
        self._numbers = dict.fromkeys(self.objects, 0)
        self._keys: dict[tuple[str, str], dict[str, set[str]]] = {}
        self._prefixes = {o.prefix: name for name, o in self.objects.items()}
        #: checks of a whole row after its own fields were found right: (object, row before or None, row) → None
        self.rules: list[Callable[[str, Row | None, Row], None]] = []

    # ---- looking
    def object_of(self, record_id: str) -> str | None:
        """The object that an id belongs to."""
        return self._prefixes.get(record_id[:3])

    def row(self, name: str, record_id: Any, *, deleted: bool = False) -> Row | None:
        """The row of that id (15 or 18 characters)."""
        row = self.tables[name].get(full(str(record_id)))
        return row if row is not None and (deleted or not row["IsDeleted"]) else None

    def by_key(self, name: str, field: str, value: Any) -> list[str]:
        """Ids of the living rows that hold a value in a field that is looked up by (external ids, addresses)."""
        found = self._keys.get((name, field), {}).get(str(value).lower(), set())
        return sorted(i for i in found if not self.tables[name][i]["IsDeleted"])

    def select(self, query: Query, *, everything: bool = False) -> list[Row]:
        """The rows that a query finds, in its order; ``everything``: deleted ones too (queryAll)."""
        where = query.where
        rows = [
            row
            for row in self.tables[query.object].values()
            if (everything or not row["IsDeleted"]) and (where is None or where(row))
        ]
        for name, down in reversed(query.order):
            rows.sort(key=lambda row: (row[name] is not None, row[name] if row[name] is not None else 0), reverse=down)
        end = None if query.limit is None else query.offset + query.limit
        return rows[query.offset : end]

    # ---- changing
    def create(self, name: str, values: Mapping[str, Any], *, by: str) -> Row:
        """A new row; raises :class:`RowError`."""
        shape = self.objects[name]
        row: Row = {field: False if f.type == "boolean" else None for field, f in shape.fields.items()}
        row.update(self._defaults(name, by))
        row.update(self._checked(shape, values, creating=True))
        missing = [f.name for f in shape.fields.values() if f.required and row[f.name] in (None, "")]
        if missing:
            raise RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
        number = self._numbers[name] + 1
        row["Id"] = make_id(shape.prefix, number)
        self._judge(name, None, row)
        self._numbers[name] = number
        self._derive(name, row)
        stamp = normal_time(self.now().isoformat())
        row.update(CreatedDate=stamp, CreatedById=by, LastModifiedDate=stamp, LastModifiedById=by, SystemModstamp=stamp)
        self._index(name, row)
        self.tables[name][row["Id"]] = row
        return row

    def update(self, name: str, record_id: Any, values: Mapping[str, Any], *, by: str, stamp: str | None = None) -> Row:
        """A changed row; raises :class:`RowError`. ``stamp`` stands in for the time (a transaction that began earlier)."""
        row = self._living(name, record_id)
        if name == "Lead" and row["IsConverted"]:
            raise RowError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        shape = self.objects[name]
        checked = self._checked(shape, values, creating=False)
        blanked = [n for n, v in checked.items() if v is None and not shape.fields[n].nillable]
        if blanked:
            raise RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(blanked)}]", blanked)
        after = {**row, **checked}
        self._judge(name, row, after)
        self._unindex(name, row)
        row.update(checked)
        self._derive(name, row)
        self.touch(row, by=by, stamp=stamp)
        self._index(name, row)
        return row

    def set(self, row: Row, by: str, **values: Any) -> None:
        """Sets what only the system sets (IsConverted, MasterRecordId …)."""
        row.update(values)
        self.touch(row, by=by)

    def touch(self, row: Row, *, by: str | None, stamp: str | None = None) -> None:
        """Stamps a change; without a user only SystemModstamp moves (an automated one)."""
        at = stamp or normal_time(self.now().isoformat())
        row["SystemModstamp"] = at
        if by is not None:
            row.update(LastModifiedDate=at, LastModifiedById=by)

    def delete(self, name: str, record_id: Any, *, by: str) -> Row:
        """Puts a row into the recycle bin; raises :class:`RowError`."""
        row = self._living(name, record_id)
        if name == "Contact" and row.get("IsPersonAccount"):
            raise RowError("DELETE_FAILED", "a person account's contact goes with its account")
        self.set(row, by, IsDeleted=True)
        return row

    # ---- inside
    def _living(self, name: str, record_id: Any) -> Row:
        if not well_formed(record_id):
            raise RowError("MALFORMED_ID", f"malformed id {record_id}", ["Id"])
        row = self.tables[name].get(full(str(record_id)))
        if row is None:
            raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", status=404)
        if row["IsDeleted"]:
            raise RowError("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def _defaults(self, name: str, by: str) -> Row:
        stated: dict[str, Row] = {
            "Lead": {"Status": "Open - Not Contacted", "IsUnreadByOwner": True},
            "Task": {"Status": "Not Started", "Priority": "Normal", "TaskSubtype": "Task"},
            "Event": {"EventSubtype": "Event"}, "Campaign": {"Status": "Planned"}, "CampaignMember": {"Status": "Sent"},
            "User": {"IsActive": True, "UserType": "Standard"},
        }  # fmt: skip
        owned = {"OwnerId": by} if "OwnerId" in self.objects[name].fields else {}
        return {**stated.get(name, {}), **owned}

    def _checked(self, shape: SObject, values: Mapping[str, Any], *, creating: bool) -> Row:
        found: Row = {}
        locked = []
        for name, value in values.items():
            one = shape.fields.get(name)
            if one is None:
                raise RowError("INVALID_FIELD", f"No such column '{name}' on sobject of type {shape.name}")
            if not (one.createable if creating else one.updateable):
                locked.append(name)
                continue
            found[name] = self._value(one, value)
        if locked:
            raise RowError(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {', '.join(locked)}. Please check the security settings of this field "
                "and verify that it is read/write for your profile or permission set.", locked,
            )  # fmt: skip
        return found

    def _value(self, one: Field, value: Any) -> Any:
        if value is None or value == "":
            return False if one.type == "boolean" else None
        kinds = _KINDS.get(one.type)
        if kinds is not None:
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                raise RowError(
                    "JSON_PARSER_ERROR", f"Cannot deserialize instance of {one.type} from VALUE_STRING value {value}"
                )
            return float(str(value)) if float in kinds else value
        if not isinstance(value, str):
            raise RowError(
                "JSON_PARSER_ERROR",
                f"Cannot deserialize instance of {one.type} from {type(value).__name__} value {value}",
            )
        try:
            if one.type == "date":
                return date.fromisoformat(value).isoformat() if len(value) == 10 else normal_time(value)[:10]
            if one.type == "datetime":
                if "T" not in value or not re.search(r"(Z|[+-]\d\d:?\d\d)$", value):
                    raise ValueError
                return normal_time(value)
        except ValueError:
            raise RowError(
                "JSON_PARSER_ERROR", f"Cannot deserialize instance of {one.type} from VALUE_STRING value {value}"
            ) from None
        if one.type == "reference":
            return self._reference(one, value)
        if one.length and len(value) > one.length and one.type != "picklist":
            label = one.name.removesuffix("__c").replace("_", " ")
            raise RowError(
                "STRING_TOO_LONG", f"{label}: data value too large: {value} (max length={one.length})", [one.name]
            )
        if one.type == "email" and not _EMAIL.fullmatch(value):
            raise RowError("INVALID_EMAIL_ADDRESS", f"{one.name}: invalid email address: {value}", [one.name])
        if "restricted" in one.flags and value not in one.values:
            raise RowError(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{one.name}: bad value for restricted picklist field: {value}", [one.name],
            )  # fmt: skip
        return value.strip() if one.type not in ("textarea",) else value

    def _reference(self, one: Field, value: str) -> str:
        if not well_formed(value):
            raise RowError("MALFORMED_ID", f"{one.name}: id value of incorrect type: {value}", [one.name])
        target = next((n for n in one.refers_to if n in self.tables and full(value) in self.tables[n]), None)
        if target is None or self.tables[target][full(value)]["IsDeleted"]:
            raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [one.name])
        if target == "User" and not self.tables["User"][full(value)]["IsActive"] and one.name == "OwnerId":
            raise RowError("INACTIVE_OWNER_OR_USER", "operation performed with inactive user as owner of lead", [])
        return full(value)

    def _judge(self, name: str, before: Row | None, row: Row) -> None:
        for field, one in self.objects[name].fields.items():
            if "unique" in one.flags and row[field] is not None and (before is None or before[field] != row[field]):
                held = [i for i in self.by_key(name, field, row[field]) if i != row["Id"]]
                if held:
                    # messages name records by 15 characters, answers by 18
                    said = f"duplicate value found: {field} duplicates value on record with id: {held[0][:15]}"
                    raise RowError("DUPLICATE_VALUE", said)
        for rule in self.rules:
            rule(name, before, row)

    def _derive(self, name: str, row: Row) -> None:
        if name in ("Lead", "Contact", "User"):
            row["Name"] = " ".join(part for part in (row["FirstName"], row["LastName"]) if part)
        elif name == "Opportunity":
            row["IsWon"] = row["StageName"] == "Closed Won"
            row["IsClosed"] = row["StageName"] in ("Closed Won", "Closed Lost")
            if row["IsClosed"]:
                row["Probability"] = 100.0 if row["IsWon"] else 0.0
        elif name == "Task":
            closed = row["Status"] == "Completed"
            if closed and not row["IsClosed"]:
                row["CompletedDateTime"] = normal_time(self.now().isoformat())
            row["IsClosed"] = closed
        elif name == "CampaignMember":
            responded = row["Status"] in ("Responded", "Registered", "Attended")
            if responded and not row["HasResponded"]:
                row["FirstRespondedDate"] = self.now().date().isoformat()
            row["HasResponded"] = responded

    def _index(self, name: str, row: Row) -> None:
        for field in self._indexed(name):
            if row[field] is not None:
                self._keys.setdefault((name, field), {}).setdefault(str(row[field]).lower(), set()).add(row["Id"])

    def _unindex(self, name: str, row: Row) -> None:
        for field in self._indexed(name):
            if row[field] is not None:
                self._keys[name, field][str(row[field]).lower()].discard(row["Id"])

    def _indexed(self, name: str) -> list[str]:
        return [f.name for f in self.objects[name].fields.values() if f.flags & {"externalid", "idlookup"}]
