"""Writes beside leads: who is on a list or in a program with which status, and activities of one custom type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smarksync.kit.response import whole
from smarksync.plugin import Op, Receipt, Write, WriteResult

from .client import Row, rows_of
from .membership import STATUSES, meaning
from .sending import Send, Sender, number, rejected, waves

#: assets may be hidden from the API user
_UNSEEN = ("603", "610", "702", "703")


class Enroller(Sender):
    """Membership and custom activities."""

    _channels: Mapping[str, Sequence[Row]] | None = None

    def members(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """Membership: ``id`` is the list or program, ``fields`` name the ``lead`` and, for programs, the ``status``;
        status ``removed`` takes the lead off a list or out of a program. A canonical status becomes the
        first one of the program's channel that means it; the channel's own names are taken as they are."""
        groups: dict[tuple[str, str], list[Write]] = {}
        for write in batch:
            status = str(write.fields.get("status") or "member")
            if write.op is not Op.ASSOCIATE or not write.id or not write.fields.get("lead"):
                yield rejected(write, "SMK-INVALID", f"A membership of {stream} names its lead and its {stream[:-1]}.")
            else:
                groups.setdefault((write.id, status), []).append(write)
        for (owner, status), rows in groups.items():
            if stream == "programs" and status != "removed":
                named = self._status(owner, status)
                if named is None:
                    said = f"The program's channel has no status that means {status}."
                    for write in rows:
                        yield rejected(write, "SMK-INVALID", said, field="status")
                    continue
                status = named
            call = self._member_call(stream, owner, status)
            for wave in waves(rows, lambda w: str(w.fields["lead"])):
                for receipt in self.in_parts(wave, call, lambda w: {"id": number(w.fields["lead"])}):
                    yield receipt._replace(id=owner)

    def _member_call(self, stream: str, owner: str, status: str) -> Send:
        def call(rows: Sequence[Write]) -> Mapping[str, Any]:
            leads = [number(w.fields["lead"]) for w in rows]
            if stream == "programs" and status == "removed":
                return self._api.call(
                    "POST",
                    f"/rest/v1/programs/{owner}/members/delete.json",
                    json={"input": [{"leadId": lead} for lead in leads]},
                    idempotent=True,
                    about_rows=True,
                )
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

    def _status(self, program: str, status: str) -> str | None:
        """The name in that program of a status; None when its channel has no such one. A program that is not there, or
        whose channel is not shown, is asked with the name as it is, and refuses by itself."""
        found = rows_of(self._api.get(f"/rest/asset/v1/program/{program}.json", kind="schema", tolerate=_UNSEEN))
        if self._channels is None:
            self._channels = {
                str(row["name"]): row.get("progressionStatuses") or ()
                for rows, _ in self._api.assets("/rest/asset/v1/channels.json", kind="schema", tolerate=_UNSEEN)
                for row in rows
            }
        steps = sorted(
            self._channels.get(str(found[0].get("channel")) if found else "", ()), key=lambda one: int(one["step"])
        )
        names = [str(one["name"]) for one in steps]
        if not names or status in names:
            return status
        if status not in STATUSES:
            return None
        meant = [
            name
            for name, one in zip(names, steps, strict=True)
            if meaning(name, bool(one.get("success"))) == status
        ]  # fmt: skip
        if not meant and status == "member":  # somewhere in it is what is meant
            meant = [name for name in names if meaning(name) != "removed"]
        return meant[0] if meant else None

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
        "activityTypeId": whole(kind, "id"),
        "primaryAttributeValue": str(values.get("subject") or values.get("type") or "SmarkSync"),
        "attributes": attributes,
    }
