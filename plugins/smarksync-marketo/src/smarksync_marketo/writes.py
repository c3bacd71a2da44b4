"""Writes: leads in batches of 300, one call at a time; companies; list and program membership; custom activities.

* New leads are sent ``createOnly``, known ones ``updateOnly`` by id. ``createOrUpdate`` would overwrite a lead that we
  did not know of, and concurrent upserts of one key make duplicates (docs, rest/leads); createOnly names it instead
  (1005), and it is looked up and matched.
* Answers come in the order of the rows, each for itself; skipped rows name no id. A boolean that was set to null is
  stored as false, so the receipt says false.
* Two rows with one key never travel together, nor does a second call before the first is answered.
* A request that is refused whole is halved until the bad row stands alone; when every single row fails, the rest is
  refused with the same words instead of asked one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from smarksync.kit.batch import pack
from smarksync.kit.resolve import modest
from smarksync.plugin import FieldInfo, FieldType, Malformed, Op, Receipt, SystemFailure, Unknown, Write, WriteResult

from .client import PAGE, Api, Row, error, rows_of
from .fields import COMPANY_FIELDS, leads_by, reason
from .settings import MarketoSettings

#: Bodies beyond 1 MB answer 413 (docs, rest/marketo-integration-best-practices); headers and envelope need some room.
BODY = 900_000
#: So many single rows refused with one code: the others will be, too.
_HOPELESS = 4

_GONE = "That lead is no longer in Marketo."
_CODES: Mapping[str, tuple[WriteResult, str]] = {
    "1001": (WriteResult.REJECTED, "SMK-INVALID"),
    "1002": (WriteResult.REJECTED, "SMK-INVALID"),
    "1003": (WriteResult.REJECTED, "SMK-INVALID"),
    "1004": (WriteResult.CONFLICT, "SMK-GONE"),
    "1005": (WriteResult.REJECTED, "SMK-DUPLICATE"),
    "1006": (WriteResult.REJECTED, "SMK-INVALID"),
    "1007": (WriteResult.REJECTED, "SMK-DUPLICATE"),
    "1008": (WriteResult.REJECTED, "SMK-PERMISSION"),
    "1009": (WriteResult.REJECTED, "SMK-INVALID"),
    "1010": (WriteResult.REJECTED, "SMK-PERMISSION"),
    "1013": (WriteResult.CONFLICT, "SMK-GONE"),
    "1017": (WriteResult.REJECTED, "SMK-DUPLICATE"),
    "1018": (WriteResult.REJECTED, "SMK-PERMISSION"),
    "1021": (WriteResult.REJECTED, "SMK-PERMISSION"),
    "1015": (WriteResult.UNCHANGED, ""),  # not in the list: that is what was wanted
    "1037": (WriteResult.UNCHANGED, ""),  # in that status, or past it
    "611": (WriteResult.RETRY, "SMK-TRANSIENT"),
    "713": (WriteResult.RETRY, "SMK-TRANSIENT"),
    "719": (WriteResult.RETRY, "SMK-TRANSIENT"),
}
_DONE = {
    "created": WriteResult.CREATED,
    "updated": WriteResult.UPDATED,
    "deleted": WriteResult.UPDATED,
    "added": WriteResult.UPDATED,
    "removed": WriteResult.UPDATED,
    "unchanged": WriteResult.UNCHANGED,
}
_FIELD = re.compile(r"[Ff]ield '(\w+)'")
#: a call for some rows: the body of the answer
Send = Callable[[Sequence[Write]], Mapping[str, Any]]


class Writer:
    """Writes of one connector."""

    def __init__(
        self, api: Api, settings: MarketoSettings, infos: Callable[[], Mapping[str, FieldInfo]]
    ) -> None:
        self._api = api
        self._settings = settings
        self._infos = infos

    # --- leads ------------------------------------------------------------------------------------------

    def leads(self, batch: Sequence[Write]) -> Iterator[Receipt]:
        """Creates, updates and deletes of leads."""
        for op, rows in _by_op(batch):
            if op is Op.CREATE:
                yield from self._creates(rows)
            elif op is Op.UPDATE:
                yield from self._updates(rows)
            elif op is Op.DELETE:
                yield from self._in_parts(rows, self._delete_call, lambda w: {"id": _number(w.id)})
            else:
                for write in rows:
                    yield _rejected(write, "SMK-INVALID", f"Marketo cannot {op} leads.")

    def _creates(self, rows: Sequence[Write]) -> Iterator[Receipt]:
        lookup = self._settings.lookup_field
        ready = []
        for write in rows:
            if write.fields.get(lookup) in (None, ""):
                said = f"Without {lookup} a lead cannot be created: it would be a new one each time."
                yield _rejected(write, "SMK-INVALID", said, field=lookup)
            else:
                ready.append(write)
        for wave in _waves(ready, lambda w: str(w.fields[lookup]).strip().casefold()):
            receipts = list(self._in_parts(wave, self._create_call, lambda w: _without_nulls(w.fields)))
            yield from self._with_holders(wave, receipts, lookup)

    def _create_call(self, rows: Sequence[Write]) -> Mapping[str, Any]:
        body: dict[str, Any] = {
            "action": "createOnly",
            "lookupField": self._settings.lookup_field,
            "input": [_without_nulls(w.fields) for w in rows],
        }
        if self._settings.partition:
            body["partitionName"] = self._settings.partition
        return self._api.call("POST", "/rest/v1/leads.json", json=body, idempotent=False, about_rows=True)

    def _with_holders(self, rows: Sequence[Write], receipts: Sequence[Receipt], lookup: str) -> Iterator[Receipt]:
        """Duplicates with the leads that have the key, looked up together."""
        doubles = {r.ref for r in receipts if r.code == "SMK-DUPLICATE"}
        values = [str(w.fields[lookup]) for w in rows if w.ref in doubles]
        holders: dict[str, list[str]] = {}
        if values:
            for start in range(0, len(values), PAGE):
                for row in leads_by(self._api, lookup, values[start : start + PAGE], (lookup,)):
                    holders.setdefault(str(row.get(lookup) or "").strip().casefold(), []).append(str(row["id"]))
        of = {w.ref: str(w.fields[lookup]).strip().casefold() for w in rows}
        for receipt in receipts:
            if receipt.ref in doubles:
                ids = tuple(sorted(holders.get(of[receipt.ref], ()), key=int))
                receipt = receipt._replace(duplicate_of=ids, field=lookup)
            yield receipt

    def _updates(self, rows: Sequence[Write]) -> Iterator[Receipt]:
        """Fields of the company are not sent (see fields.COMPANY_FIELDS): the receipt says what they stay as."""
        companies = {w.ref for w in rows if COMPANY_FIELDS & w.fields.keys()}
        kept = self._companies_of([w for w in rows if w.ref in companies]) if companies else {}
        send = []
        for write in rows:
            own = {name: value for name, value in write.fields.items() if name not in COMPANY_FIELDS}
            if write.ref in companies and write.id not in kept:
                yield Receipt(write.ref, WriteResult.CONFLICT, write.id, code="SMK-GONE", message=_GONE)
            elif own:
                send.append(write._replace(fields=own))
            else:
                yield self._told(Receipt(write.ref, WriteResult.UPDATED, write.id), write, kept)
        before = {w.ref: w for w in rows}
        for receipt in self._in_parts(send, self._update_call, lambda w: {"id": _number(w.id), **w.fields}):
            yield self._told(receipt, before[receipt.ref], kept)

    def _update_call(self, rows: Sequence[Write]) -> Mapping[str, Any]:
        body = {
            "action": "updateOnly",
            "lookupField": "id",
            "input": [{"id": _number(w.id), **w.fields} for w in rows],
        }
        # the same values twice make the same lead: a lost answer may be asked for again
        return self._api.call("POST", "/rest/v1/leads.json", json=body, idempotent=True, about_rows=True)

    def _companies_of(self, rows: Sequence[Write]) -> dict[str, Row]:
        names = sorted({name for w in rows for name in w.fields if name in COMPANY_FIELDS})
        found: dict[str, Row] = {}
        for start in range(0, len(rows), PAGE):
            ids = [w.id or "" for w in rows[start : start + PAGE]]
            found.update((str(row["id"]), row) for row in leads_by(self._api, "id", ids, names))
        return found

    def _told(self, receipt: Receipt, write: Write, kept: Mapping[str, Row]) -> Receipt:
        if receipt.result not in (WriteResult.UPDATED, WriteResult.UNCHANGED) or write.id is None or write.id not in kept:
            return receipt
        stay = {name: kept[write.id].get(name) for name in write.fields if name in COMPANY_FIELDS}
        said = "Fields of the company are not changed through a lead: sync companies for that."
        return receipt._replace(stored={**(receipt.stored or {}), **stay}, message=said)

    def _delete_call(self, rows: Sequence[Write]) -> Mapping[str, Any]:
        body = {"input": [{"id": _number(w.id)} for w in rows]}
        return self._api.call("POST", "/rest/v1/leads/delete.json", json=body, idempotent=True, about_rows=True)

    # --- companies, membership, activities --------------------------------------------------------------

    def companies(self, batch: Sequence[Write]) -> Iterator[Receipt]:
        """Companies by ``externalCompanyId``: our own id for a new one."""
        for op, rows in _by_op(batch):
            if op not in (Op.CREATE, Op.UPDATE):
                for write in rows:
                    yield _rejected(write, "SMK-INVALID", f"Marketo's companies are not {op}d here.")
                continue
            action = "createOnly" if op is Op.CREATE else "updateOnly"

            def row_of(write: Write) -> dict[str, Any]:
                rid = write.id or write.fields.get("externalCompanyId") or write.key
                return {**write.fields, "externalCompanyId": rid}

            def call(rows: Sequence[Write], action: str = action, row_of: Any = row_of) -> Mapping[str, Any]:
                body = {"action": action, "dedupeBy": "dedupeFields", "input": [row_of(w) for w in rows]}
                return self._api.call(
                    "POST", "/rest/v1/companies.json", json=body, idempotent=action == "updateOnly", about_rows=True
                )

            named = {w.ref: str(row_of(w)["externalCompanyId"]) for w in rows}
            for receipt in self._in_parts(rows, call, row_of):
                if receipt.result in (WriteResult.CREATED, WriteResult.UPDATED):
                    receipt = receipt._replace(id=named[receipt.ref])
                elif receipt.code == "SMK-DUPLICATE":
                    receipt = receipt._replace(duplicate_of=(named[receipt.ref],))
                yield receipt

    def members(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """Membership: ``id`` is the list or program, ``fields`` name the ``lead`` and, for programs, the ``status``;
        status ``removed`` takes the lead off a list."""
        groups: dict[tuple[str, str], list[Write]] = {}
        for write in batch:
            status = str(write.fields.get("status") or "member")
            if write.op is not Op.ASSOCIATE or not write.id or not write.fields.get("lead"):
                yield _rejected(write, "SMK-INVALID", f"A membership of {stream} names its lead and its {stream[:-1]}.")
            elif stream == "programs" and status == "removed":
                yield _rejected(write, "SMK-INVALID", "Leads are not taken out of programs: choose a status of its channel.")
            else:
                groups.setdefault((write.id, status), []).append(write)
        for (owner, status), rows in groups.items():
            call = self._member_call(stream, owner, status)
            for wave in _waves(rows, lambda w: str(w.fields["lead"])):
                for receipt in self._in_parts(wave, call, lambda w: {"id": _number(w.fields["lead"])}):
                    yield receipt._replace(id=owner)

    def _member_call(self, stream: str, owner: str, status: str) -> Send:
        def call(rows: Sequence[Write]) -> Mapping[str, Any]:
            leads = [_number(w.fields["lead"]) for w in rows]
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
                said = "No custom activity type is configured (setting activity_type), or Marketo has none of that name."
                yield _rejected(write, "SMK-INVALID", said)
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
                yield _rejected(write, "SMK-INVALID", "Activities are written once and never changed.")
            elif not write.fields.get("leadId"):
                yield _rejected(write, "SMK-INVALID", "An activity names its lead.", field="leadId")
            else:
                ready.append(write)
        for receipt in self._in_parts(ready, call, row_of):
            # written is "added" there: for us, something new
            yield receipt._replace(result=WriteResult.CREATED) if receipt.result is WriteResult.UPDATED else receipt

    # --- parts, halves, answers -------------------------------------------------------------------------

    def _in_parts(
        self, rows: Sequence[Write], call: Send, row_of: Callable[[Write], Mapping[str, Any]]
    ) -> Iterator[Receipt]:
        for part in pack(rows, count=PAGE, size=BODY, measure=lambda w: _size(row_of(w))):
            yield from self._sent(part, call, [])

    def _sent(self, rows: Sequence[Write], call: Send, refused: list[str]) -> Iterator[Receipt]:
        """One call, halved when it is refused whole. ``refused``: codes of single rows refused so far."""
        if len(refused) >= _HOPELESS and len(set(refused)) == 1:
            for write in rows:
                yield _rejected(write, "SMK-INVALID", f"Marketo refuses such rows (error {refused[0]}).")
            return
        try:
            body = call(rows)
        except Unknown as lost:
            for write in rows:
                yield Receipt(write.ref, WriteResult.UNKNOWN, write.id, code=lost.code, message=lost.message)
            return
        except Malformed as odd:
            for write in rows:
                yield Receipt(write.ref, WriteResult.UNKNOWN, write.id, code=odd.code, message=odd.message)
            return
        except SystemFailure:
            raise
        code, words = error(body)
        if code is None:
            yield from self._answered(rows, rows_of(body))
        elif len(rows) == 1 or _about_all(code, words):
            for write in rows:
                result, ours = _CODES.get(code, (WriteResult.REJECTED, "SMK-INVALID"))
                yield self._refused(write, result, ours, code, words)
            refused.extend([code] * len(rows))
        else:
            half = len(rows) // 2
            yield from self._sent(rows[:half], call, refused)
            yield from self._sent(rows[half:], call, refused)

    def _answered(self, rows: Sequence[Write], answers: Sequence[Row]) -> Iterator[Receipt]:
        """Answers stand in the order of the rows; where an id tells otherwise, nothing is believed."""
        if len(answers) != len(rows):
            for write in rows:
                yield Receipt(
                    write.ref, WriteResult.UNKNOWN, write.id, code=Unknown.code,
                    message=f"{len(rows)} rows were sent and {len(answers)} answered.",
                )  # fmt: skip
            return
        infos = self._infos() if any(None in w.fields.values() for w in rows) else {}
        for write, answer in zip(rows, answers, strict=True):
            status = str(answer.get("status", "")).lower()
            rid = str(answer["marketoGUID"] if "marketoGUID" in answer else answer["id"]) if answer.get("id") else None
            if status in _DONE:
                if write.id and write.op in (Op.UPDATE, Op.DELETE) and rid and rid.isdigit() and write.id.isdigit() and rid != write.id:
                    yield Receipt(
                        write.ref, WriteResult.UNKNOWN, write.id, code=Unknown.code, message="Another row answered."
                    )
                    continue
                cleared = {
                    name: False
                    for name, value in write.fields.items()
                    if value is None and name in infos and infos[name].type is FieldType.BOOL
                }
                yield Receipt(write.ref, _DONE[status], write.id or rid, stored=cleared or None)
                continue
            code, words = reason(answer)
            result, ours = _CODES.get(code, (WriteResult.REJECTED, "SMK-INVALID"))
            yield self._refused(write, result, ours, code, words)

    def _refused(self, write: Write, result: WriteResult, ours: str, code: str, words: str) -> Receipt:
        if result is WriteResult.UNCHANGED:
            return Receipt(write.ref, result, write.id)
        if write.op is Op.DELETE and ours == "SMK-GONE":
            return Receipt(write.ref, WriteResult.UNCHANGED, write.id, code=ours, message=_GONE)
        at_fault = _FIELD.search(words)
        said = modest(words, dict(write.fields)).rstrip(".") or "no reason given"
        return Receipt(
            write.ref, result, write.id, code=ours, message=f"{said} (Marketo error {code})" if code else said,
            field=at_fault[1] if at_fault else None,
        )  # fmt: skip


def _about_all(code: str, words: str) -> bool:
    """Refusals that every row of the request would get alone, too: an unknown field, a list or program that is gone."""
    return code in ("1006", "610", "1025", "1026", "1011", "709") or "lookup" in words.lower()


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
        "leadId": _number(write.fields["leadId"]),
        "activityDate": values["date"],
        "activityTypeId": int(kind["id"]),
        "primaryAttributeValue": str(values.get("subject") or values.get("type") or "SmarkSync"),
        "attributes": attributes,
    }


def _by_op(batch: Sequence[Write]) -> list[tuple[Op, list[Write]]]:
    groups: dict[Op, list[Write]] = {}
    for write in batch:
        groups.setdefault(write.op, []).append(write)
    return list(groups.items())


def _waves(rows: Sequence[Write], key: Callable[[Write], str]) -> Iterator[list[Write]]:
    """Rows in groups that hold each key once: a second row of one key goes in a later call."""
    left = list(rows)
    while left:
        seen: set[str] = set()
        now: list[Write] = []
        later: list[Write] = []
        for write in left:
            (later if key(write) in seen else now).append(write)
            seen.add(key(write))
        yield now
        left = later


def _without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != ""}


def _size(row: Mapping[str, Any]) -> int:
    return sum(len(name) + 6 + (len(value.encode()) if isinstance(value, str) else 12) for name, value in row.items()) + 2


def _number(text: Any) -> int | str:
    """An id as Marketo's number; one that is none is sent as it is and refused there."""
    return int(text) if str(text).isdigit() else str(text)


def _rejected(write: Write, code: str, said: str, *, field: str | None = None) -> Receipt:
    return Receipt(write.ref, WriteResult.REJECTED, write.id, code=code, message=said, field=field)
