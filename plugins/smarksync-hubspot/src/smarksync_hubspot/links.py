"""Associations: who belongs to whom, read for many rows at once and written after the rows themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from smarksync.kit.batch import pack
from smarksync.kit.counts import Kind as CallKind
from smarksync.kit.resolve import modest
from smarksync.kit.response import Response

from .client import Api, Json, after_of, body_of, results_of
from .streams import Link

#: rows per call (crm.md 2.7)
_READ, _WRITE = 1000, 1000
#: what list answers call an association that has no label (recorded)
_UNLABELED = "_unlabeled"
#: activity to contact, by type id (HubSpot's page "Associations API", association type ids)
_TO_CONTACT = {"calls": 194, "emails": 198, "meetings": 200, "notes": 202, "tasks": 204}


def read(api: Api, kind: str, link: Link, ids: Iterable[str], *, count_as: CallKind = "read") -> dict[str, list[str]]:
    """row id → ids of the associated records, labelled ones only where the field means a label."""
    found: dict[str, list[str]] = {}
    path = api.at("associations", f"/{kind}/{link.to}/batch/read")
    for part in pack(ids, count=_READ):
        asked: list[dict[str, str]] = [{"id": rid} for rid in part]
        while asked:
            answer = api.post(path, {"inputs": asked}, kind=count_as)
            asked = []
            for entry in results_of(answer):
                rid = str(entry["from"]["id"])
                found.setdefault(rid, []).extend(_meant(entry.get("to") or (), link))
                if (after := after_of(entry)) is not None:  # one row may have thousands
                    asked.append({"id": rid, "after": after})
    return found


def _meant(targets: Iterable[Json], link: Link) -> Iterator[str]:
    for target in targets:
        types = target.get("associationTypes") or ()
        if link.label is None or any(one.get("typeId") == link.label for one in types):
            yield str(target["toObjectId"])  # a number here, text elsewhere (crm.md 2.7)


def inline(api: Api, kind: str, links: Mapping[str, Link], rows: Sequence[Json]) -> dict[str, dict[str, list[str]]]:
    """The same from the associations that a list shows beside its rows; one that is cut off is read whole."""
    found: dict[str, dict[str, list[str]]] = {name: {} for name in links}
    for name, link in links.items():
        cut = []
        for row in rows:
            part = (row.get("associations") or {}).get(link.to)
            if not isinstance(part, Mapping):
                continue
            rid = str(row["id"])
            if after_of(part) is not None:
                cut.append(rid)
                continue
            ids = [str(one["id"]) for one in part.get("results") or () if _shown(str(one.get("type")), link)]
            found[name][rid] = list(dict.fromkeys(ids))
        if cut:
            found[name].update(read(api, kind, link, cut))
    return found


def _shown(kind: str, link: Link) -> bool:
    # an association is listed once per label: contact_to_company is the primary one, …_unlabeled any (recorded)
    return link.label is None or not kind.endswith(_UNLABELED)


def of_new(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a new activity says at once of its person: made without that, and its answer lost, it would be nobody's."""
    contact, number = fields.get("associations.contact"), _TO_CONTACT.get(kind)
    if number is None or contact in (None, ""):
        return {}
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}]
    return {"associations": [{"to": {"id": str(contact)}, "types": types}]}


class Links:
    """Writes what changed of the associations of some rows; collects what was refused."""

    def __init__(self, api: Api, kind: str) -> None:
        self._api = api
        self._kind = kind
        #: row id → why an association of it was refused
        self.refused: dict[str, str] = {}

    def write(self, link: Link, wanted: Mapping[str, Any]) -> None:
        """``wanted``: row id → the id or ids that the field shall hold; None or [] = none."""
        whole = {rid: _ids(value) for rid, value in wanted.items()}
        ask = [rid for rid, ids in whole.items() if link.many or not ids]
        now = read(self._api, self._kind, link, ask, count_as="reread") if ask else {}
        add = [(rid, to) for rid, ids in whole.items() for to in ids if to not in now.get(rid, ())]
        take = [(rid, to) for rid in ask for to in now.get(rid, ()) if to not in whole[rid]]
        self._send(link, "create" if link.label else "associate/default", add, labelled=link.label)
        # a new primary company takes the place of the old one by itself; only what is to go is taken away
        self._send(link, "archive", take, together=True)

    def _send(
        self,
        link: Link,
        what: str,
        pairs: Sequence[tuple[str, str]],
        *,
        labelled: int | None = None,
        together: bool = False,
    ) -> None:
        path = self._api.at("associations", f"/{self._kind}/{link.to}/batch/{what}")
        for part in pack(pairs, count=_WRITE):
            inputs: list[dict[str, Any]] = []
            for rid, to in part:
                one: dict[str, Any] = {"from": {"id": rid}, "to": [{"id": to}] if together else {"id": to}}
                if labelled is not None:
                    one["types"] = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": labelled}]
                inputs.append(one)
            # the same pair twice is one association: a lost answer may be asked for again
            answer = self._api.call(
                "POST", path, json={"inputs": inputs}, kind="write", idempotent=True, accept=(400, 404), expect="json?"
            )
            self._note(answer, part)

    def _note(self, answer: Response, part: Sequence[tuple[str, str]]) -> None:
        """An answer of 400 is about the call, 207 about some pairs; it names ids and no places."""
        body = body_of(answer)
        errors = body.get("errors") or ([body] if answer.status >= 400 else [])
        for error in errors:
            words = str(error.get("message") or "the association was refused")
            context = error.get("context") or {}
            named = {str(one) for ids in context.values() if isinstance(ids, list) for one in ids}
            hit = [rid for rid, to in part if rid in named or to in named or f"={to} " in words or f"={rid} " in words]
            for rid in hit or [rid for rid, _ in part]:
                self.refused.setdefault(rid, modest(words))


def _ids(value: Any) -> list[str]:
    if value in (None, ""):
        return []
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
