"""The CRM objects API: list, get, create, update, archive, batches, merge (crm.md 2.5–2.7)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from smarksync.simulator import Answer, Request, route

from .schema import LIFECYCLE, PRIMARY, TYPES, UNLABELED
from .shared import ROWS, WRITTEN, Shared, body_of, names_in
from .store import Row
from .values import BadValue, RowRefused, error, invalid, refuse, taken

_LIST_QUERY = ("limit", "after", "properties", "propertiesWithHistory", "associations", "archived")


class Records(Shared):
    """Routes of the objects API."""

    listed = 0

    # ---- one by one

    @route("GET", "/crm/v3/objects/{kind}", query=_LIST_QUERY)
    def list_records(self, request: Request) -> Answer:
        """A page by id; the token behind it is an id, too, and good for nothing but this call."""
        kind = self.kind(request)
        query = request.query
        if len(request.query.items) and sum(len(v) for _, v in query.items) > self.quirks.longest_query:
            return Answer(414, "<html><head><title>414 Request-URI Too Large</title></head></html>")
        limit = self._limit(query.get("limit", "10"), 100)
        history = names_in(query.get("propertiesWithHistory"))
        if history and limit > 50:
            return error(400, "A max of 50 objects can be listed at once when fetching property history")
        after = query.get("after", "0")
        if not after.isdigit():
            return error(400, f'Cannot deserialize value of type `long` from String "{after}"')
        archived = query.get("archived").lower() == "true"
        wanted = self._wanted(kind, names_in(query.get("properties")))
        order, rows = self.store.order[kind], self.store.rows[kind]
        place = bisect_left(order, int(after))
        found: list[Row] = []
        while place < len(order) and len(found) <= limit:
            row = rows[str(order[place])]
            if (row.archived is not None) == archived:
                found.append(row)
            place += 1
        self.listed += 1
        if self.quirks.empty_pages and self.listed % self.quirks.empty_pages == 0 and found:
            again = {"after": f"0{after}", "link": f"?after=0{after}"}  # the same place, by another name
            return Answer(200, {"results": [], "paging": {"next": again}})
        page = found[:limit]
        targets = names_in(query.get("associations"))
        body: dict[str, Any] = {"results": [self._shown(kind, row, wanted, history, targets) for row in page]}
        if len(found) > limit:
            following = str(int(page[-1].id) + 1)  # the last id and one (crm.md 2.5, recorded)
            link = f"https://api.hubapi.com/crm/v3/objects/{kind}?limit={limit}&after={following}"
            body["paging"] = {"next": {"after": following, "link": link}}
        return Answer(200, body)

    @route(
        "GET",
        "/crm/v3/objects/{kind}/{id}",
        query=("properties", "propertiesWithHistory", "associations", "archived", "idProperty"),
    )
    def get_record(self, request: Request) -> Answer:
        """One record, by id or unique property; by the id of a merged one, the survivor."""
        kind, query = self.kind(request), request.query
        row = self._find(
            kind, request.params["id"], query.get("idProperty"), archived=query.get("archived").lower() == "true"
        )
        if row is None:
            return self.missing()
        wanted = self._wanted(kind, names_in(query.get("properties")))
        targets = names_in(query.get("associations"))
        return Answer(200, self._shown(kind, row, wanted, names_in(query.get("propertiesWithHistory")), targets))

    @route("POST", "/crm/v3/objects/{kind}", query=())
    def create_record(self, request: Request) -> Answer:
        """One new record."""
        kind, body = self.kind(request), body_of(request, ("properties", "associations", "objectWriteTraceId"))
        try:
            row = self._create(kind, body)
        except RowRefused as no:
            return Answer(no.status, no.body)
        return Answer(201, self._shown(kind, row, None, ()))

    @route("PATCH", "/crm/v3/objects/{kind}/{id}", query=("idProperty",))
    def update_record(self, request: Request) -> Answer:
        """Some properties of one record."""
        kind, body = self.kind(request), body_of(request, ("properties", "objectWriteTraceId"))
        row = self._find(kind, request.params["id"], request.query.get("idProperty"))
        if row is None:
            return self.missing()
        try:
            sent = self._update(kind, row, body)
        except RowRefused as no:
            return Answer(no.status, no.body)
        return Answer(200, self._shown(kind, row, self._wanted(kind, sent), ()))

    @route("DELETE", "/crm/v3/objects/{kind}/{id}", query=())
    def archive_record(self, request: Request) -> Answer:
        """Into the bin; what is not there is gone already."""
        kind = self.kind(request)
        row = self.store.rows[kind].get(request.params["id"])
        if row is not None and row.archived is None:
            self.store.archive(kind, row)
        return Answer(204)

    # ---- batches

    @route("POST", "/crm/v3/objects/{kind}/batch/read", query=("archived",), write=False)
    def read_batch(self, request: Request) -> Answer:
        """Up to 100 records by id or unique property; missing ones make it a 207."""
        asked = (*ROWS, "properties", "propertiesWithHistory", "idProperty")
        kind, body = self.kind(request), body_of(request, asked)
        history = list(body.get("propertiesWithHistory") or ())
        inputs = self._inputs(body, 50 if history else 100, ("id",))
        wanted = self._wanted(kind, body.get("properties") or ())
        odd = [one for one in (str(one.get("id")) for one in inputs) if not one.isdigit()]
        if odd and not body.get("idProperty") and self.quirks.ids_are_numbers:
            return error(
                400, f'Cannot deserialize value of type `long` from String "{odd[0]}": not a valid `long` value'
            )
        found: dict[str, Row] = {}
        lost = []
        for one in inputs:
            row = self._find(kind, str(one.get("id")), str(body.get("idProperty") or ""))
            if row is None:
                lost.append(str(one.get("id")))
            else:
                found[row.id] = row
        results = [self._shown(kind, row, wanted, history) for row in found.values()]
        return self._batch_answer(200, results, [_missing(kind, lost)] if lost else [])

    @route("POST", "/crm/v3/objects/{kind}/batch/create", query=())
    def create_batch(self, request: Request) -> Answer:
        """New records, all or none unless each input has a trace id (crm.md 2.7)."""
        kind = self.kind(request)
        return self._batch(
            kind, body_of(request, ROWS), 201, lambda one: (self._create(kind, one), None), self.quirks.multi_status
        )

    @route("POST", "/crm/v3/objects/{kind}/batch/update", query=())
    def update_batch(self, request: Request) -> Answer:
        """Updates by id; unknown ids are told by a 207 that names them (recorded)."""
        kind, body = self.kind(request), body_of(request, ROWS)
        inputs = self._inputs(body, 100, WRITTEN)
        ids = [str(one.get("id")) for one in inputs]
        twice = sorted({rid for rid in ids if ids.count(rid) > 1})
        if twice:
            message = f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique"
            return error(400, message, context={"ids": twice})
        lost = [
            rid for one, rid in zip(inputs, ids, strict=True) if self._find(kind, rid, one.get("idProperty")) is None
        ]
        there = [one for one, rid in zip(inputs, ids, strict=True) if rid not in lost]

        def write(one: Mapping[str, Any]) -> tuple[Row, list[str]]:
            row = self._find(kind, str(one["id"]), one.get("idProperty"))
            assert row is not None
            return row, self._update(kind, row, one)

        more = [_missing(kind, lost)] if lost else []
        return self._batch(kind, {"inputs": there}, 200, write, self.quirks.multi_status_updates, more)

    @route("POST", "/crm/v3/objects/{kind}/batch/upsert", query=())
    def upsert_batch(self, request: Request) -> Answer:
        """Created or updated by a unique property."""
        kind = self.kind(request)
        fresh: set[str] = set()

        def write(one: Mapping[str, Any]) -> tuple[Row, list[str] | None]:
            name, value = str(one.get("idProperty") or ""), str(one.get("id") or "")
            if not name or not (name == "email" or self._unique(kind, name)):
                raise invalid([BadValue(name, "INVALID_ID_PROPERTY", f"{name} is no unique property")])
            row = self._find(kind, value, name)
            properties = {**(one.get("properties") or {}), name: value}
            if row is not None:
                return row, self._update(kind, row, {"properties": properties})
            made = self._create(kind, {"properties": properties})
            fresh.add(made.id)
            return made, None

        answer = self._batch(kind, body_of(request, ROWS), 200, write, self.quirks.multi_status_updates, known=WRITTEN)
        if answer.status < 300:
            for result in answer.body["results"]:
                result["new"] = result["id"] in fresh
        return answer

    @route("POST", "/crm/v3/objects/{kind}/batch/archive", query=())
    def archive_batch(self, request: Request) -> Answer:
        """Into the bin, all of them; no word about those that are not there."""
        kind = self.kind(request)
        for one in self._inputs(body_of(request, ROWS), 100, ("id",)):
            row = self.store.rows[kind].get(str(one.get("id")))
            if row is not None and row.archived is None:
                self.store.archive(kind, row)
        return Answer(204)

    @route("POST", "/crm/v3/objects/{kind}/merge", query=())
    def merge_records(self, request: Request) -> Answer:
        """Two records become one (crm.md 2.6)."""
        kind, body = self.kind(request), body_of(request, ("primaryObjectId", "objectIdToMerge"))
        winner = self._find(kind, str(body.get("primaryObjectId")), None)
        loser = self._find(kind, str(body.get("objectIdToMerge")), None)
        if winner is None or loser is None or winner is loser:
            return error(400, "primaryObjectId and objectIdToMerge must be two different records")
        return Answer(200, self._shown(kind, self.join(kind, winner, loser), None, ()))

    def join(self, kind: str, winner: Row, loser: Row) -> Row:
        """What a merge makes of two records: the winner's values, the loser's where it has none."""
        store, now = self.store, self.store.stamp()
        ticks = int(now.timestamp() * 1000)
        properties = {**loser.properties, **{k: v for k, v in winner.properties.items() if v is not None}}
        emails = [e for row in (winner, loser) for e in _addresses(row)]
        ids = [
            i for row in (winner, loser) for i in str(row.properties.get("hs_merged_object_ids") or "").split(";") if i
        ]
        new_id = kind == "contacts" and self.quirks.merge_makes_new_id
        ids += [winner.id, loser.id] if new_id else [loser.id]
        links = [
            (k, rid, to, dict(found))
            for (k, rid, to), found in store.links.items()
            if (k, rid) in ((kind, loser.id), (kind, winner.id))
        ]
        store.merge_away(kind, loser, archives=self.quirks.archives_merged)
        if new_id:
            store.merge_away(kind, winner, archives=self.quirks.archives_merged)
            made = store.add(kind, {})
        else:
            made = winner
        changes: dict[str, str | None] = {
            name: value for name, value in properties.items() if name not in ("hs_object_id", "hs_all_contact_vids")
        }
        changes["hs_merged_object_ids"] = ";".join(ids)
        if kind == "contacts":
            changes["email"] = winner.properties.get("email") or loser.properties.get("email")
            if self.quirks.opt_out_of_address:
                changes["hs_email_optout"] = store.said(changes["email"])
            changes["hs_additional_emails"] = ";".join(e for e in emails if e != changes["email"]) or None
            changes["hs_calculated_merged_vids"] = ";".join(f"{rid}:{ticks}" for rid in ids)
        store.change(kind, made, changes, "CRM_UI", "userId:1")
        for rid in (winner.id, loser.id):
            if rid != made.id:
                store.merged[kind, rid] = made.id
        for old, name in store.merged.items():
            if name in (winner.id, loser.id) and name != made.id:
                store.merged[old] = made.id
        for _, rid, to, found in links:
            if rid != made.id:
                for other, types in found.items():
                    store.link(kind, made.id, to, other, _label(kind, to, types))
        return made

    # ---- what they share

    def _batch(
        self, kind: str, body: Mapping[str, Any], status: int, write: Callable[[Mapping[str, Any]], tuple[Row, list[str] | None]],
        multi: bool, more: Sequence[Mapping[str, Any]] = (), known: Collection[str] = (),
    ) -> Answer:  # fmt: skip
        inputs = self._inputs(body, 100, known)
        traces = [str(one["objectWriteTraceId"]) for one in inputs if one.get("objectWriteTraceId")]
        single = multi and len(set(traces)) == len(inputs)
        if not single:
            self._rehearse(kind, inputs, write)
        results, errors = [], list(more)
        for one in inputs:
            try:
                row, sent = write(one)
            except RowRefused as no:
                context = {**no.body.get("context", {}), "objectWriteTraceId": [str(one.get("objectWriteTraceId"))]}
                errors.append({**no.body, "context": context})
                continue
            wanted = None if sent is None else self._wanted(kind, sent)
            shown = self._shown(kind, row, wanted, ())
            if self.quirks.echoes_trace and one.get("objectWriteTraceId"):
                shown["objectWriteTraceId"] = str(one["objectWriteTraceId"])
            results.append(shown)
        return self._batch_answer(status, results, errors)

    def _rehearse(
        self, kind: str, inputs: Sequence[Mapping[str, Any]], write: Callable[[Mapping[str, Any]], object]
    ) -> None:
        """Without trace ids one bad row fails all, before any of them is written."""
        addresses: set[str] = set()
        for one in inputs:
            try:
                row = self._find(kind, str(one["id"]), one.get("idProperty")) if one.get("id") else None
                values = self._checked(kind, one.get("properties") or {}, row)
                address = values.get("email")
                if kind == "contacts" and address and address in addresses:
                    raise taken(kind, "email", "")
                addresses.add(address or "")
            except RowRefused as no:
                told = {name: value for name, value in no.body.items() if name != "context"}  # recorded without
                raise refuse(Answer(no.status, {**told, "correlationId": "batch"})) from None

    def _create(self, kind: str, body: Mapping[str, Any]) -> Row:
        strange = sorted(body.keys() - {"properties", "associations", "objectWriteTraceId", "id", "idProperty"})
        if strange:
            raise RowRefused(400, error(400, f"Invalid input JSON: unknown fields {strange}").body)
        values = self._checked(kind, body.get("properties") or {}, None)
        row = self.store.add(kind, values)
        for one in body.get("associations") or ():
            for spec in one.get("types") or ():
                to = next((k for (a, k), t in _specs() if a == kind and t == spec.get("associationTypeId")), None)
                if to is None or self.store.live(to, str(one["to"]["id"])) is None:
                    raise RowRefused(400, error(400, f"association type {spec} is not valid").body)
                self.store.link(kind, row.id, to, str(one["to"]["id"]), int(spec["associationTypeId"]))
        if kind == "contacts" and self.quirks.associates_by_domain:
            domain = str(values.get("email") or "").rpartition("@")[2]
            company = next(
                (r for r in self.store.rows["companies"].values() if domain and r.properties.get("domain") == domain),
                None,
            )
            if company is not None:
                self.store.link(kind, row.id, "companies", company.id)
        return row

    def _update(self, kind: str, row: Row, body: Mapping[str, Any]) -> list[str]:
        values = self._checked(kind, body.get("properties") or {}, row)
        stage, now = values.get("lifecyclestage"), row.properties.get("lifecyclestage")
        if self.quirks.lifecycle_forward_only and stage and now and _rung(stage) < _rung(now):
            values.pop("lifecyclestage")  # no error, no change (crm.md 2.10)
        self.store.change(kind, row, values)
        return list(body.get("properties") or {})


def _specs() -> list[tuple[tuple[str, str], int]]:
    return [*((pair, one[0]) for pair, one in PRIMARY.items()), *UNLABELED.items()]


def _label(kind: str, to: str, types: set[int]) -> int | None:
    primary = PRIMARY.get((kind, to))
    return primary[0] if primary and primary[0] in types else None


def _missing(kind: str, ids: Sequence[str]) -> dict[str, Any]:
    word = TYPES[kind][2]
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"Could not get some {word} objects, they may be deleted or not exist. Check that ids are valid.",
        "context": {"ids": list(ids)},
    }


def _addresses(row: Row) -> list[str]:
    more = str(row.properties.get("hs_additional_emails") or "").split(";")
    return [e for e in (row.properties.get("email"), *more) if e]


def _rung(stage: str) -> int:
    return LIFECYCLE.index(stage) if stage in LIFECYCLE else len(LIFECYCLE)
