"""Writing one row: look where it must be looked first, send, read back.

Answers to writes carry no row (a create: its id), so the row is read again and the receipt says what it
holds now, for the fields that were sent and no others: what else changed meanwhile is somebody's edit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smarksync.kit.response import NotJson, Response
from smarksync.plugin import Op, Receipt, SystemFailure, Unknown, Write, WriteResult

from .client import Api
from .describe import CONVERTED as STATUS_CONVERTED
from .refusals import CONVERTED, DUPLICATE, GONE, REFUSED, refusal
from .rows import CUSTOM, Row, assignees, reader
from .streams import LEADS, STREAMS, Stream
from .tags import TagRefused, Tags

#: (stream, field, value) → ids of the rows that hold the value
LookUp = Callable[[str, str, str], Sequence[str]]


class Writer:
    """Writes rows, one call each."""

    def __init__(self, api: Api, look_up: LookUp) -> None:
        self._api = api
        self._look_up = look_up
        self._tags = Tags(api)

    def write(self, name: str, write: Write) -> Receipt:
        """The receipt of one write. Raises what concerns the whole system, not this row."""
        stream = STREAMS[name]
        try:
            if write.op is Op.CREATE:
                return self._create(name, stream, write)
            if write.op is Op.DELETE:
                return self._delete(stream, write)
            if write.op is Op.ARCHIVE:
                # people's own word for it: "inactive"; the row stays in lists and keeps its links
                return self._update(name, stream, write._replace(fields={"is_active": False}))
            if write.op is Op.UPDATE:
                return self._update(name, stream, write)
            return _refused(write, f"{write.op} is nothing that BottleCRM can do with {name}")
        except TagRefused as why:
            return _refused(write, str(why), "tags")
        except Unknown as lost:
            return Receipt(write.ref, WriteResult.UNKNOWN, id=write.id, code=lost.code, message=lost.message)

    # --- the four kinds ---------------------------------------------------------------------------------

    def _create(self, name: str, stream: Stream, write: Write) -> Receipt:
        if _converts(stream, write.fields):
            return _refused(write, _NOT_OURS, "status")
        body = self._body(stream, write.fields, None)
        if stream is LEADS and not body.get("title"):
            # the API takes a lead without a title, people see an unnamed row; set once, never kept up to date
            body["title"] = _title(write.fields)
        # nulls say nothing on a create, and fields that must not be blank would refuse them
        answer = self._api.send("POST", stream.path, {k: v for k, v in body.items() if v is not None})
        if answer.status >= 400:
            return self._receipt_of_refusal(name, write, answer)
        rid = _id_in(answer)
        if rid is None:
            return Receipt(write.ref, WriteResult.UNKNOWN, message="the answer to the create names no id")
        return self._read_back(name, stream, write, WriteResult.CREATED, rid)

    def _update(self, name: str, stream: Stream, write: Write) -> Receipt:
        rid = write.id or ""
        if _converts(stream, write.fields):
            return _refused(write, _NOT_OURS, "status")
        before: Row | None = None
        if stream is LEADS or "assigned_to" in write.fields:
            # The server takes edits of a converted lead (recorded), which nobody would ever see; and a list of
            # assignees is replaced whole, so those beside the first must be known.
            before = self._api.row(stream, rid, kind="reread")
            if before is None:
                return _gone(write)
            if _is_converted(stream, before):
                return _converted(write)
        body = self._body(stream, write.fields, before)
        if not body:
            return Receipt(write.ref, WriteResult.UNCHANGED, id=rid)
        # the same values twice make the same row: a lost answer may be asked for again
        answer = self._api.send("PATCH", f"{stream.path}{rid}/", body, idempotent=True)
        if answer.status == 404:
            return _gone(write)
        if answer.status >= 400:
            return self._receipt_of_refusal(name, write, answer)
        return self._read_back(name, stream, write, WriteResult.UPDATED, rid)

    def _delete(self, stream: Stream, write: Write) -> Receipt:
        rid = write.id or ""
        if stream is LEADS:
            before = self._api.row(stream, rid, kind="reread")
            if before is not None and _is_converted(stream, before):
                return _converted(write)
        answer = self._api.send("DELETE", f"{stream.path}{rid}/", idempotent=True)
        if answer.status == 404:
            return Receipt(write.ref, WriteResult.UNCHANGED, id=rid)
        if answer.status >= 400:
            return Receipt(
                write.ref, WriteResult.REJECTED, id=rid, code="SMK-PERMISSION", message=refusal(answer).message
            )
        return Receipt(write.ref, WriteResult.UPDATED, id=rid)

    # --- parts of them ----------------------------------------------------------------------------------

    def _body(self, stream: Stream, fields: Mapping[str, Any], before: Row | None) -> dict[str, Any]:
        body: dict[str, Any] = {}
        custom: dict[str, Any] = {}
        for name, value in fields.items():
            if name.startswith(CUSTOM):
                custom[name.removeprefix(CUSTOM)] = value  # null removes the key; keys not sent stay (recorded)
            elif name == "assigned_to":
                body[name] = _assigned(value, before)
            elif name == "tags":
                body[name] = self._tags.ids(value or ())
            elif value is None and name in stream.fields:
                blank = stream.fields[name].blank
                body[name] = list(blank) if isinstance(blank, tuple) else blank
            else:
                body[name] = value
        if custom:
            body["custom_fields"] = custom
        return body

    def _read_back(self, name: str, stream: Stream, write: Write, result: WriteResult, rid: str) -> Receipt:
        try:
            row = self._api.row(stream, rid, kind="reread")
        except SystemFailure:
            row = None  # it is written; what it holds is seen by the next read
        if row is None:
            return Receipt(write.ref, result, id=rid)
        shown = reader(name, list(write.fields))(row)
        return Receipt(write.ref, result, id=rid, stored=shown.fields, changed_at=shown.changed_at)

    def _receipt_of_refusal(self, name: str, write: Write, answer: Response) -> Receipt:
        why = refusal(answer)
        held_by: Sequence[str] = ()
        message = why.message
        if why.code == DUPLICATE and why.field and (value := write.fields.get(why.field)):
            held_by = [rid for rid in self._look_up(name, why.field, str(value)) if rid != write.id]
            if not held_by and STREAMS[name] is LEADS:
                message = f"{message} (no lead in the list has it, so a converted one does)"
        return Receipt(
            write.ref,
            WriteResult.REJECTED,
            id=write.id,
            code=why.code,
            message=message,
            field=why.field,
            duplicate_of=tuple(held_by),
        )


_NOT_OURS = "converting a lead makes an account, a contact and a deal: that is for people to do in BottleCRM"


def _converts(stream: Stream, fields: Mapping[str, Any]) -> bool:
    return stream is LEADS and fields.get("status") == STATUS_CONVERTED


def _is_converted(stream: Stream, row: Row) -> bool:
    return stream is LEADS and row.get("status") == STATUS_CONVERTED


def _title(fields: Mapping[str, Any]) -> str:
    names = " ".join(str(fields[name]).strip() for name in ("first_name", "last_name") if fields.get(name))
    return (names or str(fields.get("company_name") or fields.get("email") or ""))[:255]


def _assigned(owner: Any, before: Row | None) -> list[str]:
    """The new first assignee in place of the old one; the people beside it stay."""
    others = assignees(before)[1:] if before is not None else []
    return [str(owner), *(person for person in others if person != str(owner))] if owner else others


def _id_in(answer: Response) -> str | None:
    try:
        rid = answer.json.get("id")
    except (NotJson, AttributeError):
        return None
    return str(rid) if rid else None


def _refused(write: Write, why: str, field: str | None = None) -> Receipt:
    return Receipt(write.ref, WriteResult.REJECTED, id=write.id, code=REFUSED, message=why, field=field)


def _gone(write: Write) -> Receipt:
    return Receipt(write.ref, WriteResult.CONFLICT, id=write.id, code=GONE, message="the row is not there any more")


def _converted(write: Write) -> Receipt:
    said = "the lead was converted meanwhile; its contact takes over"
    return Receipt(write.ref, WriteResult.CONFLICT, id=write.id, code=CONVERTED, message=said)
