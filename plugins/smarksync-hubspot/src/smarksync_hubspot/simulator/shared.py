"""What the calls on records share: whom a path means, which values pass, how a record is printed."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from smarksync.simulator import Answer, Request, Simulator

from .quirks import Quirks
from .schema import DEFAULTS, PRIMARY, STAMP, TYPES
from .store import Row, Store, iso
from .values import BadValue, error, invalid, kept, refuse, taken

_HTML = (
    "<html><head><title>Error 404 Not Found</title></head><body><h2>HTTP ERROR 404</h2>"
    "<p>Problem accessing the page. Reason: <pre>Resource not found</pre></p></body></html>"
)


#: what the body of a batch has
ROWS = ("inputs",)
#: what a record has that is written
WRITTEN = ("id", "idProperty", "objectWriteTraceId", "properties")


class Shared(Simulator):
    """No routes of its own."""

    store: Store
    quirks: Quirks
    portal: int

    def owner_ids(self) -> set[str]:
        """Owners that records can be given to."""
        raise NotImplementedError

    def kind(self, request: Request) -> str:
        """The object type of a path, by name or type id."""
        named = request.params["kind"]
        for kind, (type_id, word, _) in TYPES.items():
            if named in (kind, type_id, word):
                return kind
        raise refuse(error(400, f"Unable to infer object type from: {named}", None))

    def missing(self) -> Answer:
        """Nobody has that id: a web page, as the objects API sends it (crm.md 2.9)."""
        if not self.quirks.html_404:
            return error(404, "resource not found", "OBJECT_NOT_FOUND")
        return Answer(404, _HTML, {"X-HubSpot-NotFound": "true"})

    def _batch_answer(self, status: int, results: list[Any], errors: Sequence[Any]) -> Answer:
        if self.quirks.shuffles_results:
            random.Random(f"{self.seed}:{len(self.calls)}").shuffle(results)
        now = iso(self.store.stamp())
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        if errors:
            body.update(numErrors=len(errors), errors=list(errors))
        return Answer(207 if errors else status, body)

    def _inputs(self, body: Mapping[str, Any], most: int, known: Collection[str] = ()) -> list[Mapping[str, Any]]:
        """The rows of a batch, which have these members; () leaves that to whoever reads them."""
        inputs = body.get("inputs")
        if not isinstance(inputs, list):
            raise refuse(
                error(400, "Invalid input JSON on line 1, column 1. Some required fields were not set: [inputs]")
            )
        if len(inputs) > most:
            raise refuse(error(400, f"The maximum number of inputs is {most}, {len(inputs)} were given"))
        for one in inputs if known else ():
            _only(one, known)
        return inputs

    def _checked(self, kind: str, properties: Mapping[str, Any], row: Row | None) -> dict[str, str | None]:
        """The values as they are kept. Raises :class:`RowRefused`."""
        known = self.store.properties[kind]
        problems: list[BadValue] = []
        values: dict[str, str | None] = {}
        for name, value in properties.items():
            definition = known.get(name)
            if definition is None:
                problems.append(BadValue(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
                continue
            if definition["modificationMetadata"]["readOnlyValue"]:
                message = f'"{name}" is a read only property; its value cannot be set.'
                problems.append(BadValue(name, "READ_ONLY_VALUE", message))
                continue
            if value is None and self.quirks.ignores_null:
                continue
            try:
                values[name] = kept(definition, "" if value is None else value, self.owner_ids())
            except BadValue as bad:
                problems.append(bad)
        if problems:
            raise invalid(problems)
        for name, value in values.items():
            if value and ((kind == "contacts" and name == "email") or known[name]["hasUniqueValue"]):
                holder = self.store.holder(kind, name, value)
                if holder is not None and holder is not row:
                    raise taken(kind, name, holder.id)
        return values

    def _find(self, kind: str, value: str, key: object, archived: bool = False) -> Row | None:
        if not key:
            if archived:
                row = self.store.rows[kind].get(value)
                return row if row is not None and row.archived is not None else None
            return self.store.live(kind, value)
        name = str(key)
        if not (kind == "contacts" and name == "email") and not self._unique(kind, name):
            raise refuse(error(400, f"{name} is not a unique property"))
        row = self.store.holder(kind, name, value)
        if row is not None and name == "email" and not self.quirks.finds_secondary_email:
            return row if row.properties.get("email") == value.strip().lower() else None
        return row

    def _unique(self, kind: str, name: str) -> bool:
        return bool((self.store.properties[kind].get(name) or {}).get("hasUniqueValue"))

    def _wanted(self, kind: str, names: Sequence[str]) -> tuple[str, ...]:
        always = ("hs_object_id", "createdate", "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate")
        return (*DEFAULTS.get(kind, always), *names) if not names else (*always, *names)

    def _shown(
        self, kind: str, row: Row, wanted: Sequence[str] | None, history: Sequence[str], targets: Sequence[str] = (),
        properties: Mapping[str, str | None] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """A record as answers print it: a property that was asked for and is empty is null (crm.md 2.3)."""
        values = row.properties if properties is None else properties
        known = self.store.properties[kind]
        shown: dict[str, str | None]
        if wanted is None:
            shown = {name: value for name, value in values.items() if value is not None}
        else:
            shown = {name: values.get(name) for name in wanted if name in known}  # unknown names are passed over
        found: dict[str, Any] = {
            "id": row.id,
            "properties": shown,
            "createdAt": iso(row.created),
            "updatedAt": iso(row.updated) if properties is None else values[STAMP[kind]],
            "archived": row.archived is not None,
            "url": f"https://app-eu1.hubspot.com/contacts/{self.portal}/record/{TYPES[kind][0]}/{row.id}",
        }
        if row.archived is not None:
            found["archivedAt"] = iso(row.archived)
        if history:
            found["propertiesWithHistory"] = {name: row.history.get(name, []) for name in history if name in known}
        near = {to: self._inline(kind, row, to) for to in targets if to in TYPES}
        near = {to: part for to, part in near.items() if part["results"]}
        if near:
            found["associations"] = near
        return found

    def _inline(self, kind: str, row: Row, to: str) -> dict[str, Any]:
        here, there = TYPES[kind][1], TYPES[to][1]
        results = []
        for other, types in self.store.linked(kind, row.id, to).items():
            labelled = PRIMARY.get((kind, to))
            if labelled is None:
                results.append({"id": other, "type": f"{here}_to_{there}"})
                continue
            if labelled[0] in types:
                results.append({"id": other, "type": f"{here}_to_{there}"})
            results.append({"id": other, "type": f"{here}_to_{there}_unlabeled"})
        most = self.quirks.inline_associations
        if len(results) <= most:
            return {"results": results}
        after = results[most]["id"]
        link = f"https://api.hubapi.com/crm/v3/objects/{kind}/{row.id}/associations/{to}?after={after}"
        return {"results": results[:most], "paging": {"next": {"after": after, "link": link}}}

    def _limit(self, text: str, most: int) -> int:
        if not text.isdigit() or not 1 <= int(text) <= most:
            raise refuse(error(400, f"limit must be between 1 and {most}"))
        return int(text)


def names_in(text: str) -> list[str]:
    """Names with commas between them."""
    return [name for name in text.split(",") if name]


def body_of(request: Request, known: Collection[str]) -> Mapping[str, Any]:
    """The body, which must be an object of known members."""
    body: Mapping[str, Any] = request.json()
    _only(body, known)
    return body


def _only(body: object, known: Collection[str]) -> None:
    if not isinstance(body, dict):
        raise refuse(error(400, "Invalid input JSON on line 1, column 1: an object is expected"))
    if strange := sorted(body.keys() - known):
        raise refuse(error(400, f"Invalid input JSON: unknown fields {strange}"))
