"""Writing rows: batches of 100 with a trace id each, refused batches halved until the guilty row stands alone.

Creates are upserts on our own id where the account has it, so that the same create twice makes one record. What is
no property goes after the row itself: associations, and the opt-out, which has an API of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smarksync.kit.batch import pack
from smarksync.kit.response import Response
from smarksync.plugin import Invalid, Op, Receipt, SystemFailure, Unknown, Write, WriteResult

from .client import Api, Json, body_of, is_number, objects_of
from .consent import Consent
from .links import Links, of_new
from .listing import batch as read_batch
from .properties import Schema
from .refusals import DUPLICATE, GONE, REFUSED, Names, Refusal, refusal, rows_meant
from .rows import instant, sent
from .streams import KINDS, OPT_OUT, OUR_ID

STAGE = "lifecyclestage"
_BATCH = 100


class Writer:
    """Writes rows of CRM objects."""

    def __init__(self, api: Api, schema: Schema) -> None:
        self._api = api
        self._schema = schema
        self._consent = Consent(api)

    def write(self, kind: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """One receipt per ref. Consume all: when the system is out of reach, it raises behind the last one."""
        for place in range(0, len(batch), _BATCH):
            part = list(batch[place : place + _BATCH])
            work = _Batch(self._api, self._schema, self._consent, kind, part)
            try:
                work.run()
            except SystemFailure as failure:
                yield from work.receipts(failure)
                for left in batch[place + _BATCH :]:
                    yield Receipt(left.ref, WriteResult.RETRY, left.id, code=failure.code, message="Not sent.")
                raise
            yield from work.receipts(None)


class _Batch:
    """At most 100 rows of one operation, and what became of each so far."""

    def __init__(self, api: Api, schema: Schema, consent: Consent, kind: str, rows: list[Write]) -> None:
        self._api = api
        self._schema = schema
        self._consent = consent
        self._kind = kind
        self._rows = rows
        self._by_ref = {row.ref: row for row in rows}
        self._done: dict[str, Receipt] = {}
        self._sending: dict[str, None] = {}  # under way: their answer may be lost
        self._owed: dict[str, set[str]] = {}  # fields that go after the row itself, not there yet

    def run(self) -> None:
        """All steps; raises what concerns the whole system."""
        op = self._rows[0].op
        if op is Op.ARCHIVE:
            self._archive()
            return
        if op not in (Op.CREATE, Op.UPDATE):
            for row in self._rows:
                self._refuse(row, Refusal(REFUSED, f"{op} is nothing that HubSpot can do with {self._kind}"))
            return
        follows = self._follows() if self._kind == "contacts" and op is Op.UPDATE else {}
        self._upsert() if op is Op.CREATE else self._update()
        later = {*KINDS[self._kind].links, OPT_OUT, STAGE}
        self._owed = {row.ref: later & row.fields.keys() for row in self._rows}
        if self._kind in ("contacts", "companies"):
            self._stage_back()
        self._associate()
        if self._kind == "contacts":
            self._opt_out()
            moved = [(follows[row.id], True) for row in self._rows if row.id in follows and self._ok(row)]
            for _ in self._consent.say_all(moved):
                pass  # what stood in the way shows when the contact is read again

    def receipts(self, failure: SystemFailure | None) -> Iterator[Receipt]:
        """One for each row: unsent ones may be sent again, those whose answer is missing must be looked at."""
        for row in self._rows:
            found = self._done.get(row.ref)
            if failure and self._ok(row) and self._owed.get(row.ref):
                found = self._half(row, failure.message)
            if found is None and row.ref in self._sending:
                message = failure.message if failure else "The answer does not mention this row."
                found = Receipt(row.ref, WriteResult.UNKNOWN, row.id, code=Unknown.code, message=message)
            elif found is None:
                code = failure.code if failure else None
                found = Receipt(row.ref, WriteResult.RETRY, row.id, code=code, message="Not sent.")
            yield found

    def _half(self, row: Write, why: str) -> Receipt:
        """The row is written and something of it is not: an update is looked at; of a new record, what is missing is
        left untold, so that the next read shows it."""
        done = self._done[row.ref]
        if row.op is not Op.CREATE:
            return Receipt(row.ref, WriteResult.UNKNOWN, done.id, code=Unknown.code, message=why)
        told = {name: value for name, value in (done.stored or {}).items() if name not in self._owed[row.ref]}
        return done._replace(stored=told, message=why)

    # --- rows themselves --------------------------------------------------------------------------------

    def _properties(self, row: Write) -> dict[str, str]:
        """What goes out as properties: no pseudo fields, no opt-out, in HubSpot's spelling."""
        kind = KINDS[self._kind]
        made = {one.name for one in kind.computed}
        return {
            self._schema.real(self._kind, name): sent(value)
            for name, value in row.fields.items()
            if name not in kind.links
            and name not in made
            and not (self._kind == "contacts" and name == OPT_OUT)
            and not (row.op is Op.CREATE and value is None)
        }

    def _upsert(self) -> None:
        """Creates: by our own id where the account has it, which makes them safe to repeat."""
        keyed = OUR_ID in self._schema.properties(self._kind) and self._schema.unique(self._kind, OUR_ID)
        upserts: list[tuple[Write, dict[str, Any]]] = []
        creates: list[tuple[Write, dict[str, Any]]] = []
        for row in self._rows:
            properties = self._properties(row)
            ours = properties.get(OUR_ID) or row.key
            one: dict[str, Any] = {"properties": properties, "objectWriteTraceId": row.ref}
            if ours and keyed:
                upserts.append((row, {"id": ours, "idProperty": OUR_ID, **one}))
            elif self._kind in ("companies", "deals") or (self._kind == "contacts" and not properties.get("email")):
                # nothing would keep a second one from being made when the answer to the first is lost
                self._refuse(row, Refusal(REFUSED, f"{self._kind} need the unique property {OUR_ID}: run check --fix"))
            else:
                creates.append((row, {**one, **of_new(self._kind, row.fields)}))
        self._send("upsert", upserts, idempotent=True)
        self._send("create", creates, idempotent=False)

    def _update(self) -> None:
        rows: list[tuple[Write, dict[str, Any]]] = []
        for row in self._rows:
            properties = self._properties(row)
            if properties:
                rows.append((row, {"id": row.id or "", "properties": properties, "objectWriteTraceId": row.ref}))
            else:  # associations or the opt-out alone
                self._done[row.ref] = Receipt(row.ref, WriteResult.UPDATED, row.id)
        self._send("update", rows, idempotent=True)

    def _send(self, what: str, rows: list[tuple[Write, dict[str, Any]]], *, idempotent: bool) -> None:
        """One batch call; refused whole, its halves are sent, down to single rows."""
        if not rows:
            return
        self._sending.update((row.ref, None) for row, _ in rows)
        inputs = [one for _, one in rows]
        try:
            answer = self._call(what, inputs, idempotent)
        except Unknown as lost:
            for row, _ in rows:
                self._done[row.ref] = Receipt(
                    row.ref, WriteResult.UNKNOWN, row.id, code=lost.code, message=lost.message
                )
            return
        except Invalid as refused:
            for row, _ in rows:
                self._refuse(row, Refusal(REFUSED, refused.message))
            return
        except SystemFailure:
            for row, _ in rows:  # from a write, every other failure means that it was not applied
                self._sending.pop(row.ref, None)
            raise
        if answer.status < 300:
            self._take(what, rows, body_of(answer))
            return
        why = refusal(body_of(answer), inputs)
        barred = {name for name in why.impossible if any(name in one["properties"] for one in inputs)}
        if barred:
            # no value of that property would pass: its rows are told at once, the others go on
            rest = [pair for pair in rows if barred.isdisjoint(pair[1]["properties"])]
            for row, one in rows:
                if not barred.isdisjoint(one["properties"]):
                    self._refuse(row, why)
            self._send(what, rest, idempotent=idempotent)
        elif len(rows) == 1:
            self._refuse(rows[0][0], why)
        else:
            middle = len(rows) // 2
            for half in (rows[:middle], rows[middle:]):
                self._send(what, half, idempotent=idempotent)

    def _call(self, what: str, inputs: Sequence[Json], idempotent: bool) -> Response:
        path = self._api.at("objects", f"/{self._kind}/batch/{what}")
        return self._api.call(
            "POST", path, json={"inputs": inputs}, kind="write", idempotent=idempotent, accept=(400, 404, 409, 413)
        )

    def _take(self, what: str, rows: list[tuple[Write, dict[str, Any]]], body: Json) -> None:
        """Pairs results and errors with rows: by trace id, by id, by our own id or address; never by place."""
        names = Names(rows)
        for result in objects_of(body.get("results")):
            row = names.of(result)
            if row is not None and is_number(result.get("id")):  # else nothing is known of the row: it is looked up
                created = what == "create" or (what == "upsert" and result.get("new") is not False)
                self._done[row.ref] = self._written(row, result, created)
        errors = objects_of(body.get("errors"))
        for error in errors:
            traces, ids = rows_meant(error)
            meant = [self._by_ref[one] for one in traces if one in self._by_ref]
            meant += [names.by_id[one] for one in ids if one in names.by_id]
            for row in meant:
                self._refuse(row, refusal(error, row.fields))
        missing = [row for row, _ in rows if row.ref not in self._done]
        if len(missing) == 1 and len(errors) == 1:  # an error that names nobody can only mean the one left over
            self._refuse(missing[0], refusal(errors[0], missing[0].fields))

    def _written(self, row: Write, result: Json, created: bool) -> Receipt:
        shown = result.get("properties") or {}
        real = {name: self._schema.real(self._kind, name) for name in row.fields}
        stored = {name: shown[real[name]] for name in row.fields if real[name] in shown}
        return Receipt(
            row.ref,
            WriteResult.CREATED if created else WriteResult.UPDATED,
            str(result["id"]),
            stored=stored,
            changed_at=instant(result.get("updatedAt")),
        )

    def _refuse(self, row: Write, why: Refusal) -> None:
        result = WriteResult.REJECTED
        if why.passing:
            result = WriteResult.RETRY
        elif why.code == GONE:
            result = WriteResult.CONFLICT
        known = why.duplicate_of if why.code == DUPLICATE else ()
        self._done[row.ref] = Receipt(
            row.ref, result, row.id, code=why.code, message=why.message, field=why.field, duplicate_of=known
        )

    # --- what follows ------------------------------------------------------------------------------------

    def _stage_back(self) -> None:
        """A stage never goes back by a plain write, which changes nothing and says nothing (crm.md 2.10): where the
        answer shows another stage than was sent, it is emptied first and then set, in two more calls."""
        stuck = []
        for row in self._rows:
            wanted = row.fields.get(STAGE)
            receipt = self._ok(row)
            if not wanted or receipt is None or receipt.stored is None:
                continue
            if receipt.stored.get(STAGE, wanted) != sent(wanted):
                stuck.append((row, receipt))
            else:
                self._owed[row.ref].discard(STAGE)
        if not stuck:
            return
        emptied = self._plain_update([(receipt.id or "", {STAGE: ""}) for _, receipt in stuck])
        shown = self._plain_update(
            [(receipt.id or "", {STAGE: sent(row.fields[STAGE])}) for row, receipt in stuck if receipt.id in emptied]
        )
        for row, receipt in stuck:
            result = shown.get(receipt.id or "")
            if result is None:
                self._done[row.ref] = self._half(row, "the stage was not taken back")
                continue
            stored = {**(receipt.stored or {}), STAGE: (result.get("properties") or {}).get(STAGE)}
            changed = instant(result.get("updatedAt")) or receipt.changed_at
            self._done[row.ref] = receipt._replace(stored=stored, changed_at=changed)
            self._owed[row.ref].discard(STAGE)

    def _plain_update(self, rows: Sequence[tuple[str, Mapping[str, str]]]) -> dict[str, Json]:
        """Ids that took it → their answer."""
        if not rows:
            return {}
        try:
            answer = self._call("update", [{"id": rid, "properties": properties} for rid, properties in rows], True)
        except (Unknown, Invalid):
            return {}
        return {str(one["id"]): one for one in body_of(answer).get("results") or ()} if answer.status < 300 else {}

    def _associate(self) -> None:
        for name, link in KINDS[self._kind].links.items():
            found = [(row, self._ok(row)) for row in self._rows if name in row.fields]
            wanted = {
                receipt.id: row.fields[name]
                for row, receipt in found
                if receipt is not None and receipt.id and not (row.op is Op.CREATE and not row.fields[name])
            }
            if not wanted:
                continue
            links = Links(self._api, self._kind)
            doubt, refused = None, None
            try:
                links.write(link, wanted)
            except Unknown as problem:
                doubt = problem.message
            except Invalid as problem:
                refused = problem.message
            for row, receipt in found:
                if receipt is None or receipt.id not in wanted:
                    continue
                if doubt is not None:
                    self._done[row.ref] = self._half(row, doubt)
                else:
                    self._associated(row, receipt, name, refused or links.refused.get(receipt.id))

    def _associated(self, row: Write, receipt: Receipt, name: str, problem: str | None) -> None:
        """An association that failed refuses an update; a create stands, and the next read shows what it lacks."""
        self._owed[row.ref].discard(name)
        if problem is None:
            self._done[row.ref] = receipt._replace(stored={**(receipt.stored or {}), name: row.fields[name]})
        elif row.op is Op.CREATE:
            self._done[row.ref] = receipt._replace(message=problem)
        else:
            self._done[row.ref] = Receipt(
                row.ref, WriteResult.REJECTED, receipt.id, code=REFUSED, message=problem, field=name
            )

    def _opt_out(self) -> None:
        """Opt-outs and what undoes them, by address; a bare "no" on a new contact claims nothing."""
        wanted = [
            (row, receipt)
            for row in self._rows
            if row.fields.get(OPT_OUT) is not None
            and not (row.op is Op.CREATE and not _true(row.fields[OPT_OUT]))
            and (receipt := self._ok(row)) is not None
        ]
        if not wanted:
            return
        addresses = {receipt.id: row.fields.get("email") for row, receipt in wanted}
        unknown = [rid for rid, address in addresses.items() if not address and rid]
        for found in read_batch(self._api, "contacts", unknown, ("email",)):
            addresses[str(found["id"])] = found["properties"].get("email")
        said = [(addresses.get(receipt.id), _true(row.fields[OPT_OUT])) for row, receipt in wanted]
        for (row, receipt), (_, value), problem in zip(wanted, said, self._consent.say_all(said), strict=True):
            if isinstance(problem, Unknown):
                self._done[row.ref] = self._half(row, problem.message)
                continue
            self._owed[row.ref].discard(OPT_OUT)
            if problem is None:
                told = {OPT_OUT: "true" if value else "false"}
                self._done[row.ref] = receipt._replace(stored={**(receipt.stored or {}), **told})
            elif row.op is Op.CREATE:
                told = {name: shown for name, shown in (receipt.stored or {}).items() if name != OPT_OUT}
                self._done[row.ref] = receipt._replace(stored=told, message=problem.message)
            else:
                self._refuse(row, problem._replace(field=OPT_OUT))

    def _follows(self) -> dict[str | None, str]:
        """Contacts who are out, and get another address in this batch: id → that address, which must be out, too. Where
        the opt-out is among what is written, it says so itself."""
        moving = {
            row.id: str(row.fields["email"])
            for row in self._rows
            if row.fields.get("email") and OPT_OUT not in row.fields
        }
        found = read_batch(self._api, "contacts", [rid for rid in moving if rid], ("email", OPT_OUT)) if moving else ()
        return {
            rid: moving[rid]
            for one in found
            if (rid := str(one["id"])) in moving
            and _true(one["properties"].get(OPT_OUT))
            and str(one["properties"].get("email")).lower() != moving[rid].lower()
        }

    def _archive(self) -> None:
        """One call without an answer for all of them; gone ones are gone already."""
        for part in pack(self._rows, count=_BATCH):
            self._sending.update((row.ref, None) for row in part)
            path = self._api.at("objects", f"/{self._kind}/batch/archive")
            answer = self._api.call(
                "POST",
                path,
                json={"inputs": [{"id": row.id or ""} for row in part]},
                kind="write",
                idempotent=True,
                accept=(400, 404),
                expect="json?",
            )
            for row in part:
                if answer.status < 300:
                    self._done[row.ref] = Receipt(row.ref, WriteResult.UPDATED, row.id)
                else:
                    self._refuse(row, refusal(body_of(answer)))

    def _ok(self, row: Write) -> Receipt | None:
        receipt = self._done.get(row.ref)
        return receipt if receipt and receipt.result in (WriteResult.CREATED, WriteResult.UPDATED) else None


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"
