"""Writing rows: collections of 200, each row for itself; a bulk job for many.

* New rows are upserted by our own id, which may be repeated; without that field nothing is created, since an answer
  that is lost would make a second row. Objects that cannot have such a field (tasks, events) are looked for first.
* Rows that somebody holds a lock on are tried again in smaller batches (vendors/crm.md 1.9).
* A collection that is refused as a whole is halved until the row at fault is alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from smarksync.kit.batch import failed
from smarksync.plugin import (
    AuthFailed,
    Invalid,
    Malformed,
    Op,
    PermissionDenied,
    Receipt,
    SystemFailure,
    Throttled,
    Transient,
    Unknown,
    Write,
    WriteResult,
)

from .bulk import NULL, JobRefused, ingest
from .client import Api
from .describe import Schema
from .ids import PREFIXES, full_id, is_id
from .person_accounts import refused
from .refusals import DUPLICATE, LOCKED, Refusal, from_csv, refusal
from .roles import set_roles
from .soql import one_of, select
from .streams import COLLECTION, OUR_ID
from .twins import marked, members, twins
from .worked_out import native_body

Row = Mapping[str, Any]
_R = WriteResult
_PREFIX = {name: prefix for prefix, name in PREFIXES.items()} | {"Task": "00T", "Event": "00U", "CampaignMember": "00v"}
#: how often locked rows are tried, each time in batches of half the size
_ROUNDS = 4
#: objects of facts, which have no field for our id
_FACTS = ("Task", "Event")
_NO_ID_FIELD = (
    f"new rows need the field {OUR_ID} (text, length 64, external id, unique), so that none is made twice; add it, or "
    "give our user the right to see it"
)


class Writer:
    """Writes of one org."""

    def __init__(self, api: Api, schema: Schema, *, bulk_above: int, allow_duplicates: bool) -> None:
        self._api, self._schema, self._bulk_above = api, schema, bulk_above
        self._headers = {"Sforce-Duplicate-Rule-Header": "allowSave=true"} if allow_duplicates else {}

    def write(self, name: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """One receipt a row. Raises what concerns the whole org, after the receipts of what was not sent."""
        if not batch:
            return
        persons = refused(self._api, self._schema, name, batch)
        if persons:
            yield from persons.values()
            batch = [write for write in batch if write.ref not in persons]
        if not batch:
            return
        if batch[0].op is Op.DELETE:
            yield from self._in_parts(name, batch, self._delete)
        elif batch[0].op is Op.CREATE and name in _FACTS:
            known = twins(self._api, name, batch, self._schema.raw(name))
            yield from known.values()
            yield from self._in_parts(name, [w for w in batch if w.ref not in known], self._save)
        elif batch[0].op is Op.CREATE and self._needs_our_id(name):
            yield from (_refused(w, "SMK-REFUSED", _NO_ID_FIELD, OUR_ID) for w in batch)
        elif self._bulk_above and len(batch) >= self._bulk_above and self._may_go_by_bulk(name, batch):
            yield from self._by_job(name, batch)
        else:
            yield from self._in_parts(name, batch, self._save)

    # ---- collections
    def _in_parts(
        self, name: str, batch: Sequence[Write], send: Callable[[str, Sequence[Write]], list[Receipt]]
    ) -> Iterator[Receipt]:
        for start in range(0, len(batch), COLLECTION):
            part = batch[start : start + COLLECTION]
            try:
                yield from self._halving(name, part, send)
            except (Transient, Throttled, AuthFailed, PermissionDenied) as failure:
                yield from (
                    Receipt(w.ref, _R.RETRY, w.id, code=failure.code, message="Not sent.") for w in batch[start:]
                )
                raise

    def _halving(
        self, name: str, part: Sequence[Write], send: Callable[[str, Sequence[Write]], list[Receipt]]
    ) -> list[Receipt]:
        try:
            return send(name, part)
        except Invalid as failure:
            if len(part) == 1:
                return [failed(part[0], failure)]
            middle = len(part) // 2
            return [*self._halving(name, part[:middle], send), *self._halving(name, part[middle:], send)]
        except (Unknown, Malformed) as failure:
            return [failed(write, failure) for write in part]

    def _save(self, name: str, part: Sequence[Write]) -> list[Receipt]:
        """Creates or updates; rows under a lock again, in smaller batches."""
        done: dict[str, Receipt] = {}
        waiting, size = list(part), len(part)
        for turn in range(_ROUNDS):
            locked = []
            for start in range(0, len(waiting), size):
                some = waiting[start : start + size]
                for write, result in zip(some, self._call(name, some), strict=True):
                    receipt, vendor_code = self._receipt(name, write, result)
                    done[write.ref] = receipt
                    if vendor_code == LOCKED:
                        locked.append(write)
            if not locked or turn == _ROUNDS - 1:
                break
            waiting, size = locked, max(1, size // 2)
            self._api.http.wait(random.uniform(0.2, 0.8) * 2**turn)
        self._settle_duplicates(name, part, done)
        if name == "Opportunity":
            set_roles(self._api, part, done)
        return list(done.values())

    def _call(self, name: str, some: Sequence[Write]) -> list[Row]:
        creating = some[0].op is Op.CREATE
        records = []
        for write in some:
            body = self._body(name, write, creating=creating)
            if creating and write.key is not None and name in _FACTS:
                body = marked(write.key, body, self._schema.raw(name))
            record = {"attributes": {"type": name}, **body}
            if not creating:
                record["id"] = full_id(write.id or "")
            elif self._by_key(name):
                record[OUR_ID] = write.key or body.get(OUR_ID)
            records.append({key: value for key, value in record.items() if key != "ContactRoles"})
        sent = {"allOrNone": False, "records": records}
        if not creating:
            results = self._api.send("PATCH", "/composite/sobjects", sent, headers=self._headers)
        elif self._by_key(name) and all(record.get(OUR_ID) for record in records):
            results = self._api.send("PATCH", f"/composite/sobjects/{name}/{OUR_ID}", sent, headers=self._headers)
        else:
            results = self._api.send("POST", "/composite/sobjects", sent, headers=self._headers, idempotent=False)
        return _as_many(results, some)

    def _delete(self, name: str, part: Sequence[Write]) -> list[Receipt]:
        params = {"ids": ",".join(full_id(w.id or "") for w in part), "allOrNone": "false"}
        results = _as_many(self._api.send("DELETE", "/composite/sobjects", params=params), part)
        found = []
        for write, result in zip(part, results, strict=True):
            receipt, _ = self._receipt(name, write, result)
            if receipt.code == "SMK-GONE":  # as it should be
                receipt = Receipt(write.ref, _R.UNCHANGED, write.id)
            found.append(receipt)
        return found

    # ---- bulk
    def _may_go_by_bulk(self, name: str, batch: Sequence[Write]) -> bool:
        if batch[0].op is Op.CREATE and not all(w.key or w.fields.get(OUR_ID) for w in batch):
            return False
        plain = all("ContactRoles" not in w.fields and NULL not in w.fields.values() for w in batch)
        return plain and OUR_ID in self._schema.raw(name)

    def _by_job(self, name: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        creating = batch[0].op is Op.CREATE
        key = OUR_ID if creating else "Id"
        by_key = {str(w.key or w.fields.get(OUR_ID)) if creating else full_id(w.id or ""): w for w in batch}
        rows = []
        for value, write in by_key.items():
            body = self._body(name, write, creating=creating)
            rows.append({**{c: v for c, v in body.items() if not creating or v is not None}, key: value})
        try:
            job = ingest(self._api, name, rows, key, upsert=creating)
        except JobRefused:
            yield from self._in_parts(name, batch, self._save)
            return
        except Unknown as failure:
            yield from (failed(write, failure) for write in batch)
            return
        except SystemFailure as failure:
            yield from (Receipt(w.ref, _R.RETRY, w.id, code=failure.code, message="Not sent.") for w in batch)
            if not isinstance(failure, Invalid):
                raise
            return
        prefix, again, done = _PREFIX.get(name, ""), list[Write](), dict[str, Receipt]()
        for value, write in by_key.items():
            if value in job.good:
                rid, _ = job.good[value]
                done[write.ref] = Receipt(write.ref, _R.CREATED if creating else _R.UPDATED, full_id(rid))
                continue
            why = from_csv(job.bad[value][1], prefix, dict(write.fields)) if value in job.bad else None
            if why is None or why.vendor_code == LOCKED:
                # under a lock; or the job failed before it came to this row, and collections say what is wrong; or it
                # says nothing of it: the same once more does no harm
                again.append(write)
            else:
                done[write.ref] = self._judged(name, write, why)
        self._settle_duplicates(name, batch, done)
        yield from done.values()
        yield from self._in_parts(name, again, self._save)

    # ---- results
    def _receipt(self, name: str, write: Write, result: Row) -> tuple[Receipt, str]:
        if result["success"]:
            rid = full_id(str(result.get("id") or write.id))
            return Receipt(write.ref, _R.CREATED if write.op is Op.CREATE else _R.UPDATED, rid), ""
        why = refusal(result.get("errors") or (), _PREFIX.get(name, ""), dict(write.fields))
        return self._judged(name, write, why), why.vendor_code

    def _judged(self, name: str, write: Write, why: Refusal) -> Receipt:
        result, code = why.result, why.code
        if why.vendor_code == "INVALID_CROSS_REFERENCE_KEY":
            # of the row itself, or of one that it points at: the same code, and fields that may be empty
            if write.id and why.field in (None, "Id") and not self._is_there(name, write.id):
                result, code = _R.CONFLICT, "SMK-GONE"
            else:
                code = "SMK-PARENT"
        rivals = tuple(rid for rid in why.rivals if rid != full_id(write.id or "")) if code == DUPLICATE else ()
        return Receipt(
            write.ref, result, write.id, code=code, message=why.message, field=why.field, duplicate_of=rivals
        )

    def _is_there(self, name: str, rid: str) -> bool:
        return any(self._api.rows(select(("Id",), name, one_of("Id", [full_id(rid)]))))

    def _settle_duplicates(self, name: str, part: Sequence[Write], done: dict[str, Receipt]) -> None:
        """Who holds what a refusal calls a duplicate, where it does not say so itself."""
        by_ref = {write.ref: write for write in part}
        open_ = [by_ref[ref] for ref, r in done.items() if r.code == DUPLICATE and not r.duplicate_of and ref in by_ref]
        if not open_:
            return
        if name == "CampaignMember":
            done.update(members(self._api, open_))
            return
        holders: dict[str, list[str]] = {}
        addresses = sorted({str(w.fields["Email"]).strip() for w in open_ if w.fields.get("Email")})
        for condition in one_of("Email", addresses) if name in ("Lead", "Contact") else ():
            for row in self._api.rows(select(("Id", "Email"), name, [condition])):
                holders.setdefault(str(row["Email"]).lower(), []).append(str(row["Id"]))
        for write in open_:
            own = full_id(write.id or "")
            found = holders.get(str(write.fields.get("Email") or "").strip().lower(), [])
            done[write.ref] = done[write.ref]._replace(duplicate_of=tuple(rid for rid in found if rid != own))

    def _body(self, name: str, write: Write, *, creating: bool) -> dict[str, Any]:
        called = self._schema.called(name)
        body = native_body(name, write.fields, creating=creating)
        return {called.get(field, field): value for field, value in body.items()} if called else body

    def _by_key(self, name: str) -> bool:
        return name not in (*_FACTS, "CampaignMember") and OUR_ID in self._schema.raw(name)

    def _needs_our_id(self, name: str) -> bool:
        return name not in (*_FACTS, "CampaignMember") and OUR_ID not in self._schema.raw(name)


def _as_many(results: Sequence[Row], part: Sequence[Write]) -> list[Row]:
    """Results come in the order of the records; another number of them cannot be told apart."""
    if len(results) != len(part):
        raise Malformed(f"Salesforce answers {len(part)} records with {len(results)} results.")
    for one, write in zip(results, part, strict=True):
        # "false" in quotes is no refusal and no success, and a record that was made has an id
        if not isinstance(one, Mapping) or not isinstance(one.get("success"), bool):
            raise Malformed("Salesforce answers a record without a word whether it was written.")
        if one["success"] and not is_id(one.get("id") or write.id):
            raise Malformed("Salesforce says that a record was written, and its id is no id.")
    return list(results)


def _refused(write: Write, code: str, why: str, field: str | None = None) -> Receipt:
    return Receipt(write.ref, _R.REJECTED, write.id, code=code, message=why, field=field)
