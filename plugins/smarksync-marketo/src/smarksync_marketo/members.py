"""Writes beside leads: who is on a list or in a program with which status, and activities of one custom type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smarksync.plugin import Op, Receipt, Write, WriteResult

from .client import Row
from .sending import Send, Sender, number, rejected, waves


class Enroller(Sender):
    """Membership and custom activities."""

    def members(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """Membership: ``id`` is the list or program, ``fields`` name the ``lead`` and, for programs, the ``status``;
        status ``removed`` takes the lead off a list."""
        groups: dict[tuple[str, str], list[Write]] = {}
        for write in batch:
            status = str(write.fields.get("status") or "member")
            if write.op is not Op.ASSOCIATE or not write.id or not write.fields.get("lead"):
                yield rejected(write, "SMK-INVALID", f"A membership of {stream} names its lead and its {stream[:-1]}.")
            elif stream == "programs" and status == "removed":
                yield rejected(
                    write, "SMK-INVALID", "Leads are not taken out of programs: choose a status of its channel."
                )
            else:
                groups.setdefault((write.id, status), []).append(write)
        for (owner, status), rows in groups.items():
            call = self._member_call(stream, owner, status)
            for wave in waves(rows, lambda w: str(w.fields["lead"])):
                for receipt in self.in_parts(wave, call, lambda w: {"id": number(w.fields["lead"])}):
                    yield receipt._replace(id=owner)

    def _member_call(self, stream: str, owner: str, status: str) -> Send:
        def call(rows: Sequence[Write]) -> Mapping[str, Any]:
            leads = [number(w.fields["lead"]) for w in rows]
            if stream == "programs":
                return self._api.call(
                    "POST",
                    f"/rest/v1/programs/{owner}/members/status.json",
                    json={"statusName": status, "input": [{"leadId": lead} for lead in leads]},
                    idempotent=True,
                    about_rows=True,
                )
            path = f"/rest/v1/lists/{owner}/leads.json"
            if status == "removed":
                params = [("id", str(lead)) for lead in leads]
                return self._api.call("DELETE", path, params=params, idempotent=True, about_rows=True)
            body = {"input": [{"id": lead} for lead in leads]}
            return self._api.call("POST", path, json=body, idempotent=True, about_rows=True)

        return call

    def activities(self, batch: Sequence[Write], kind: Row | None) -> Iterator[Receipt]:
        """Activities as rows of the custom type ``kind`` (an entry of ``activities/types``)."""
        if kind is None:
            for write in batch:
                said = (
                    "No custom activity type is configured (setting activity_type), or Marketo has none of that name."
                )
                yield rejected(write, "SMK-INVALID", said)
            return
        known = kind

        def row_of(write: Write) -> dict[str, Any]:
            return _activity(known, write, self._settings.activity_attributes)

        def call(rows: Sequence[Write]) -> Mapping[str, Any]:
            body = {"input": [row_of(w) for w in rows]}
            return self._api.call(
                "POST", "/rest/v1/activities/external.json", json=body, idempotent=False, about_rows=True
            )

        ready = []
        for write in batch:
            if write.op is not Op.CREATE:
                yield rejected(write, "SMK-INVALID", "Activities are written once and never changed.")
            elif not write.fields.get("leadId"):
                yield rejected(write, "SMK-INVALID", "An activity names its lead.", field="leadId")
            else:
                ready.append(write)
        for receipt in self.in_parts(ready, call, row_of):
            # written is "added" there: for us, something new
            yield receipt._replace(result=WriteResult.CREATED) if receipt.result is WriteResult.UPDATED else receipt


def _activity(kind: Row, write: Write, names: Mapping[str, str]) -> dict[str, Any]:
    values = {name.removeprefix("smarksync."): value for name, value in write.fields.items()}
    values["date"] = values.pop("activityDate", None)
    there = {str(a["name"]).lower(): str(a["name"]) for a in kind.get("attributes") or ()}
    wanted = {field: names.get(field, field) for field in values}
    attributes = [
        {"name": there[name.lower()], "value": values[field]}
        for field, name in wanted.items()
        if name.lower() in there and values[field] is not None
    ]
    return {
        "leadId": number(write.fields["leadId"]),
        "activityDate": values["date"],
        "activityTypeId": int(kind["id"]),
        "primaryAttributeValue": str(values.get("subject") or values.get("type") or "SmarkSync"),
        "attributes": attributes,
    }
