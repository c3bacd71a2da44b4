"""Associations v4 (crm.md 2.7): ids are numbers here, rows without any make a batch read a 207."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smarksync.simulator import Answer, Request, route

from .schema import CHILD, PARENT, PRIMARY, TYPES, UNLABELED
from .search import Search
from .shared import ROWS, body_of
from .values import error, refuse

#: associations of one row in one answer of a batch read
_PART = 500


class Relations(Search):
    """Routes of the associations API."""

    @route("POST", "/crm/v4/associations/{kind}/{to}/batch/read", query=(), write=False)
    def read_links(self, request: Request) -> Answer:
        """Associated ids of up to 1,000 rows."""
        kind, to = self._ends(request)
        results, errors = [], []
        for one in self._inputs(body_of(request, ROWS), 1000, ("id", "after")):
            rid, after = str(one.get("id")), str(one.get("after") or "0")
            found = list(self.store.linked(kind, rid, to).items())
            if not found:
                here, there = TYPES[kind][1], TYPES[to][1]
                errors.append(
                    {
                        "status": "error",
                        "category": "OBJECT_NOT_FOUND",
                        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                        "message": f"No {there} is associated with {here} {rid}.",
                        "context": {"fromObjectId": [rid], "fromObjectType": [here], "toObjectType": [there]},
                    }
                )
                continue
            start = int(after)
            entry: dict[str, Any] = {
                "from": {"id": rid},
                "to": [self._target(kind, to, other, types) for other, types in found[start : start + _PART]],
            }
            if start + _PART < len(found):
                entry["paging"] = {"next": {"after": str(start + _PART)}}
            results.append(entry)
        return self._batch_answer(200, results, errors)

    @route("GET", "/crm/v4/objects/{kind}/{id}/associations/{to}", query=("limit", "after"))
    def list_links(self, request: Request) -> Answer:
        """Associated ids of one row."""
        kind, to = self._ends(request)
        found = self.store.linked(kind, request.params["id"], to)
        return Answer(200, {"results": [self._target(kind, to, other, types) for other, types in found.items()]})

    @route("POST", "/crm/v4/associations/{kind}/{to}/batch/create", query=())
    def create_links(self, request: Request) -> Answer:
        """Associations with labels."""
        kind, to = self._ends(request)
        known = {PRIMARY[kind, to][0]} if (kind, to) in PRIMARY else set()
        known |= {UNLABELED[kind, to]} if (kind, to) in UNLABELED else set()
        known |= {PARENT, CHILD} if kind == to == "companies" else set()
        results: list[Any] = []
        errors: list[Any] = []
        for one in self._inputs(body_of(request, ROWS), 2000, ("from", "to", "types")):
            types = [int(spec.get("associationTypeId", 0)) for spec in one.get("types") or ()]
            if not types or not known.issuperset(types):
                return error(400, f"types {types} are no associations from {kind} to {to}")
            problem = self._join(kind, to, one, types, results)
            if problem:
                errors.append(problem)
        return self._batch_answer(201, results, errors)

    @route("POST", "/crm/v4/associations/{kind}/{to}/batch/associate/default", query=())
    def create_default_links(self, request: Request) -> Answer:
        """Associations without a label."""
        kind, to = self._ends(request)
        results: list[Any] = []
        problems = [
            self._join(kind, to, one, [], results) for one in self._inputs(body_of(request, ROWS), 2000, ("from", "to"))
        ]
        return self._batch_answer(200, results, [problem for problem in problems if problem])

    @route("POST", "/crm/v4/associations/{kind}/{to}/batch/archive", query=())
    def archive_links(self, request: Request) -> Answer:
        """Takes associations away; those that are not there are gone already."""
        kind, to = self._ends(request)
        for one in self._inputs(body_of(request, ROWS), 2000, ("from", "to")):
            for other in one.get("to") or ():
                self.store.unlink(kind, str(one["from"]["id"]), to, str(other["id"]))
        return Answer(204)

    @route("PUT", "/crm/v4/objects/{kind}/{id}/associations/{to}/{other}", query=())
    def put_link(self, request: Request) -> Answer:
        """One association with labels."""
        kind, to = self._ends(request)
        specs = request.json()
        results: list[Any] = []
        pair = {"from": {"id": request.params["id"]}, "to": {"id": request.params["other"]}}
        problem = self._join(kind, to, pair, [int(one["associationTypeId"]) for one in specs], results)
        return error(400, str(problem["message"])) if problem else Answer(201, results[0])

    def _join(
        self, kind: str, to: str, one: Mapping[str, Any], types: Sequence[int], results: list[Any]
    ) -> dict[str, Any] | None:
        """Associates one pair; an error that names the record that is not valid (recorded), None when it is done."""
        rid, other = str(one["from"]["id"]), str(one["to"]["id"])
        for end, its_id in ((kind, rid), (to, other)):
            if self.store.live(end, its_id) is None:
                return {
                    "status": "error",
                    "category": "VALIDATION_ERROR",
                    "subCategory": "crm.associations.INVALID_IDENTIFIER",
                    "message": f"{TYPES[end][2]}={its_id} is not valid",
                }
        for type_id in types or (None,):
            self.store.link(kind, rid, to, other, type_id)
        results.append(
            {
                "fromObjectTypeId": TYPES[kind][0],
                "fromObjectId": int(rid),
                "toObjectTypeId": TYPES[to][0],
                "toObjectId": int(other),
                "labels": [],
            }
        )
        return None

    def _target(self, kind: str, to: str, other: str, types: set[int]) -> dict[str, Any]:
        primary = PRIMARY.get((kind, to))
        labels = {primary[0]: primary[1]} if primary else {}
        labels.update({PARENT: "Child Company", CHILD: "Parent Company"})
        return {
            "toObjectId": int(other),
            "associationTypes": [
                {"category": "HUBSPOT_DEFINED", "typeId": one, "label": labels.get(one)} for one in sorted(types)
            ],
        }

    def _ends(self, request: Request) -> tuple[str, str]:
        kind = self.kind(request)
        for to, (type_id, word, _) in TYPES.items():
            if request.params["to"] in (to, type_id, word):
                return kind, to
        raise refuse(error(400, f"Unable to infer object type from: {request.params['to']}", None))
