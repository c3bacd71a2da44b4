"""Writes of leads and companies: in batches of 300, one call at a time.

* New leads are sent ``createOnly``, known ones ``updateOnly`` by id. ``createOrUpdate`` would overwrite a lead that we
  did not know of, and concurrent upserts of one key make duplicates (docs, rest/leads); createOnly names it instead
  (1005), and it is looked up and matched.
* Nobody can look a lead up by a value with a comma (client.askable). Where that is the lookup field, createOnly itself
  refuses the second lead; where it is another key, the lead is not made: it could be there already.
* Two rows with one key never travel together, nor does a second call before the first is answered.
* Fields of the company are create-only (see fields.COMPANY_FIELDS): an update with one is refused here, whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smarksync.plugin import Op, Receipt, Write, WriteResult

from .client import PAGE, askable
from .fields import COMPANY_FIELDS, leads_by
from .sending import Sender, by_op, number, rejected, waves, without_nulls
from .settings import LEAD_KEYS


class Writer(Sender):
    """Leads and companies."""

    # --- leads ------------------------------------------------------------------------------------------

    def leads(self, batch: Sequence[Write]) -> Iterator[Receipt]:
        """Creates, updates and deletes of leads."""
        for op, rows in by_op(batch):
            if op is Op.CREATE:
                yield from self._creates(rows)
            elif op is Op.UPDATE:
                yield from self._updates(rows)
            elif op is Op.DELETE:
                yield from self.in_parts(rows, self._delete_call, lambda w: {"id": number(w.id)})
            else:
                for write in rows:
                    yield rejected(write, "SMK-INVALID", f"Marketo cannot {op} leads.")

    def _creates(self, rows: Sequence[Write]) -> Iterator[Receipt]:
        lookup = self._settings.lookup_field
        ready = []
        for write in rows:
            if write.fields.get(lookup) in (None, ""):
                said = f"Without {lookup} a lead cannot be created: it would be a new one each time."
                yield rejected(write, "SMK-INVALID", said, field=lookup)
            elif hidden := [k for k in LEAD_KEYS if k != lookup and not askable(str(write.fields.get(k) or ""))]:
                said = f"Its {hidden[0]} holds a comma: Marketo cannot be asked whether that lead is there already."
                yield rejected(write, "SMK-INVALID", f"{said} Correct it, or create the lead by hand.", field=hidden[0])
            else:
                ready.append(write)
        for wave in waves(ready, lambda w: str(w.fields[lookup]).strip().casefold()):
            receipts = list(self.in_parts(wave, self._create_call, lambda w: without_nulls(w.fields)))
            yield from self._with_holders(wave, receipts, lookup)

    def _create_call(self, rows: Sequence[Write]) -> Mapping[str, Any]:
        body: dict[str, Any] = {
            "action": "createOnly",
            "lookupField": self._settings.lookup_field,
            "input": [without_nulls(w.fields) for w in rows],
        }
        if self._settings.partition:
            body["partitionName"] = self._settings.partition
        return self._api.call("POST", "/rest/v1/leads.json", json=body, idempotent=False, about_rows=True)

    def _with_holders(self, rows: Sequence[Write], receipts: Sequence[Receipt], lookup: str) -> Iterator[Receipt]:
        """Duplicates with the leads that have the key, looked up together."""
        doubles = {r.ref for r in receipts if r.code == "SMK-DUPLICATE"}
        values = [value for w in rows if w.ref in doubles and askable(value := str(w.fields[lookup]))]
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
        send = []
        for write in rows:
            if theirs := sorted(COMPANY_FIELDS & write.fields.keys()):
                said = f"{theirs[0]} belongs to the company, and a lead that is there does not change it."
                yield rejected(write, "SMK-READ-ONLY", f"{said} Change the company itself.", field=theirs[0])
            else:
                send.append(write)
        yield from self.in_parts(send, self._update_call, lambda w: {"id": number(w.id), **w.fields})

    def _update_call(self, rows: Sequence[Write]) -> Mapping[str, Any]:
        body = {
            "action": "updateOnly",
            "lookupField": "id",
            "input": [{"id": number(w.id), **w.fields} for w in rows],
        }
        # the same values twice make the same lead: a lost answer may be asked for again
        return self._api.call("POST", "/rest/v1/leads.json", json=body, idempotent=True, about_rows=True)

    def _delete_call(self, rows: Sequence[Write]) -> Mapping[str, Any]:
        body = {"input": [{"id": number(w.id)} for w in rows]}
        return self._api.call("POST", "/rest/v1/leads/delete.json", json=body, idempotent=True, about_rows=True)

    # --- companies, membership, activities --------------------------------------------------------------

    def companies(self, batch: Sequence[Write]) -> Iterator[Receipt]:
        """Companies by ``externalCompanyId``: our own id for a new one."""
        for op, rows in by_op(batch):
            if op not in (Op.CREATE, Op.UPDATE):
                for write in rows:
                    yield rejected(write, "SMK-INVALID", f"Marketo's companies are not {op}d here.")
                continue
            # an id of ours belongs to nobody else's company: sent twice, it still names one
            action = "createOrUpdate" if op is Op.CREATE else "updateOnly"

            def row_of(write: Write) -> dict[str, Any]:
                rid = write.id or write.fields.get("externalCompanyId") or write.key
                return {**write.fields, "externalCompanyId": rid}

            def call(rows: Sequence[Write], action: str = action, row_of: Any = row_of) -> Mapping[str, Any]:
                body = {"action": action, "dedupeBy": "dedupeFields", "input": [row_of(w) for w in rows]}
                return self._api.call("POST", "/rest/v1/companies.json", json=body, idempotent=True, about_rows=True)

            named = {w.ref: str(row_of(w)["externalCompanyId"]) for w in rows}
            for receipt in self.in_parts(rows, call, row_of):
                done = receipt.result in (WriteResult.CREATED, WriteResult.UPDATED)
                yield receipt._replace(id=named[receipt.ref]) if done else receipt
