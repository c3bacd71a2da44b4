"""The records of a simulated account: properties as texts, stamps, history, associations, what the index shows."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from .quirks import Quirks
from .schema import CHILD, PARENT, PRIMARY, STAMP, TYPES, UNLABELED, definitions
from .values import ticks


def iso(at: datetime) -> str:
    """A time as HubSpot prints it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


@dataclass
class Row:
    """One record. ``shown`` is what the search index still shows of it (None: nothing yet) while ``late``."""

    id: str
    properties: dict[str, str | None]
    created: datetime
    updated: datetime
    archived: datetime | None = None
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    late: datetime | None = None
    shown: dict[str, str | None] | None = None


#: what search shows, in the order of its stamps: the stamps in milliseconds, and the rows with their properties
ByStamp = tuple[list[int], list[tuple[Row, dict[str, str | None]]]]


class Store:
    """All records of the account, by object type and id."""

    def __init__(self, now: Callable[[], datetime], quirks: Quirks) -> None:
        self.now = now
        self.quirks = quirks
        self.rows: dict[str, dict[str, Row]] = {kind: {} for kind in TYPES}
        self.order: dict[str, list[int]] = {kind: [] for kind in TYPES}
        self.properties: dict[str, dict[str, dict[str, Any]]] = {kind: definitions(kind) for kind in TYPES}
        self.groups: dict[str, set[str]] = {kind: {"information"} for kind in TYPES}
        #: (from type, from id, to type) → to id → type ids
        self.links: dict[tuple[str, str, str], dict[str, set[int]]] = {}
        self.emails: dict[str, str] = {}
        self.unique: dict[tuple[str, str], dict[str, str]] = {}
        self.merged: dict[tuple[str, str], str] = {}
        #: address → what the opt-out of contacts with it shows
        self.opted: dict[str, str] = {}
        self._late: dict[tuple[str, str], Row] = {}
        self._by_stamp: dict[str, ByStamp] = {}
        self._next = 0

    # ---- ids and stamps

    def new_id(self, kind: str) -> str:
        """Another id: unique, not in the order of creation, and some as short as old ones are (crm.md 2.5)."""
        self._next += 1
        place = self._next
        if place % 23 == 7:
            return str(7000 + place)
        if place % 16 == 15:  # one of sixteen comes out of turn, between two that are older
            return str(700_000_000_500 + (place - 9) * 1009 + len(kind))
        return str(700_000_000_000 + place * 1009 + len(kind))

    def stamp(self) -> datetime:
        """Now, in milliseconds."""
        now = self.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    # ---- records

    def add(self, kind: str, properties: dict[str, str | None], created: datetime | None = None) -> Row:
        """A new record. ``created`` in the past is for the seed: such a record is indexed already."""
        at = created or self.stamp()
        row = Row(self.new_id(kind), {}, at, at)
        row.properties = {
            **properties, "hs_object_id": row.id, "createdate": properties.get("createdate") or iso(at), STAMP[kind]: iso(at),
        }  # fmt: skip
        if kind == "contacts":
            row.properties.update(hs_all_contact_vids=row.id, hs_is_contact="true")
            row.properties.setdefault("hs_email_optout", self.said(row.properties.get("email")))
        self.rows[kind][row.id] = row
        self._by_stamp.pop(kind, None)
        insort(self.order[kind], int(row.id))
        self._index_keys(kind, row)
        if created is None:
            self._becomes_late(kind, row, None)
            self._remember(row, properties, at, "INTEGRATION", "sim")
        self.derive(kind, row)
        return row

    def change(
        self, kind: str, row: Row, changes: dict[str, str | None], source: str = "INTEGRATION", by: str = "18221010"
    ) -> bool:
        """Sets properties; the stamp moves when one of them does. True when it did."""
        differing = {name: value for name, value in changes.items() if row.properties.get(name) != value}
        if kind == "contacts" and "email" in differing and self.quirks.opt_out_of_address:
            differing["hs_email_optout"] = self.said(differing["email"])
        if not differing and self.quirks.keeps_stamp_of_no_op:
            return False
        before = dict(row.properties)
        self._forget_keys(kind, row)
        row.properties.update(differing)
        self._index_keys(kind, row)
        self.touch(kind, row, before)
        self._remember(row, differing, row.updated, source, by)
        self.derive(kind, row)
        return True

    def touch(self, kind: str, row: Row, before: dict[str, str | None] | None = None) -> None:
        """Moves the stamp; the index shows what was ``before`` for a while."""
        self._becomes_late(kind, row, dict(row.properties) if before is None else before)
        self.set_stamp(kind, row, max(self.stamp(), row.updated))

    def set_stamp(self, kind: str, row: Row, at: datetime) -> None:
        """The record was changed then."""
        row.updated = at
        row.properties[STAMP[kind]] = iso(at)
        self._by_stamp.pop(kind, None)

    def archive(self, kind: str, row: Row) -> None:
        """Into the recycling bin: gone from lists and search, its e-mail address free again."""
        row.archived = self.stamp()
        self._forget_keys(kind, row)
        self._late.pop((kind, row.id), None)
        row.late = None
        self._by_stamp.pop(kind, None)

    def restore(self, kind: str, row: Row) -> None:
        """Out of the bin again, as an administrator does it."""
        row.archived = None
        self._index_keys(kind, row)
        self.touch(kind, row)

    def merge_away(self, kind: str, row: Row, *, archives: bool) -> None:
        """Into another record; what stays of it in the archive shows no more where it went."""
        if archives:
            self.archive(kind, row)
        else:
            self.remove(kind, row)

    def remove(self, kind: str, row: Row) -> None:
        """Without a trace (merged, or erased by law)."""
        self._forget_keys(kind, row)
        del self.rows[kind][row.id]
        self.order[kind].remove(int(row.id))
        self._late.pop((kind, row.id), None)
        self._by_stamp.pop(kind, None)

    def live(self, kind: str, rid: str) -> Row | None:
        """The record of that id, or the one that it was merged into."""
        rid = self.merged.get((kind, rid), rid)
        row = self.rows[kind].get(rid)
        return row if row is not None and row.archived is None else None

    def said(self, address: str | None) -> str | None:
        """What ``hs_email_optout`` shows of a contact with that address."""
        return self.opted.get((address or "").strip().lower())

    def holder(self, kind: str, name: str, value: str) -> Row | None:
        """Who holds a unique value (an address in any of its places)."""
        if kind == "contacts" and name == "email":
            rid = self.emails.get(value.strip().lower())
        else:
            rid = self.unique.get((kind, name), {}).get(value)
        return self.live(kind, rid) if rid else None

    # ---- the index

    def indexed(self, kind: str) -> Iterator[tuple[Row, dict[str, str | None]]]:
        """Rows with the properties that search shows of them now."""
        self._catch_up()
        for row in self.rows[kind].values():
            if row.archived is not None:
                continue
            if row.late is None:
                yield row, row.properties
            elif row.shown is not None:
                yield row, row.shown

    def by_stamp(self, kind: str) -> ByStamp:
        """The same in the order of their stamps, made once for all queries between two changes."""
        self._catch_up()
        if kind not in self._by_stamp:
            name = STAMP[kind]
            pairs = [(ticks(shown[name] or "0"), (row, shown)) for row, shown in self.indexed(kind)]
            pairs.sort(key=itemgetter(0))
            self._by_stamp[kind] = [at for at, _ in pairs], [pair for _, pair in pairs]
        return self._by_stamp[kind]

    def _catch_up(self) -> None:
        """What was late long enough is indexed by now."""
        now = self.now()
        for key, row in list(self._late.items()):
            if row.late is None or row.late <= now:
                row.late, row.shown = None, None
                del self._late[key]
                self._by_stamp.pop(key[0], None)

    def _becomes_late(self, kind: str, row: Row, before: dict[str, str | None] | None) -> None:
        lag = self.quirks.index_lag
        if lag <= 0:
            return
        if row.late is None or row.late <= self.now():
            row.shown = before
        row.late = self.now() + timedelta(seconds=lag)
        self._late[(kind, row.id)] = row

    # ---- associations

    def link(self, kind: str, rid: str, to: str, other: str, type_id: int | None = None) -> None:
        """Associates two records, both ways; ``type_id`` None = the plain association."""
        here = self.links.setdefault((kind, rid, to), {})
        types, back = here.setdefault(other, set()), self.links.setdefault((to, other, kind), {}).setdefault(rid, set())
        plain = UNLABELED.get((kind, to))
        if plain is not None:
            types.add(plain)
            back.add(UNLABELED[to, kind])
        primary = PRIMARY.get((kind, to))
        first = primary is not None and to == "companies" and not any(primary[0] in t for t in here.values())
        if primary is not None and (type_id == primary[0] or (type_id is None and first)):
            for known, its in here.items():
                if primary[0] in its and known != other:
                    its.discard(primary[0])
                    self.links[to, known, kind][rid].discard(PRIMARY[to, kind][0])
            types.add(primary[0])
            back.add(PRIMARY[to, kind][0])
        elif type_id in (PARENT, CHILD):
            types.add(type_id)
            back.add(PARENT if type_id == CHILD else CHILD)
        self._linked(kind, rid, to, other)

    def unlink(self, kind: str, rid: str, to: str, other: str) -> None:
        """Takes an association away, with all its labels."""
        self.links.get((kind, rid, to), {}).pop(other, None)
        self.links.get((to, other, kind), {}).pop(rid, None)
        self._linked(kind, rid, to, other)

    def linked(self, kind: str, rid: str, to: str) -> dict[str, set[int]]:
        """Associated ids that still exist → type ids."""
        found = self.links.get((kind, rid, to), {})
        return {other: types for other, types in found.items() if types and self.live(to, other) is not None}

    def _linked(self, kind: str, rid: str, to: str, other: str) -> None:
        """Properties that follow an association, which is what moves the stamps of both records."""
        for one, its_id, another in ((kind, rid, to), (to, other, kind)):
            row = self.live(one, its_id)
            if row is None:
                continue
            near = self.linked(one, its_id, another)
            if one == "contacts" and another == "companies":
                company = next((o for o, types in near.items() if 1 in types), None)
                self.change(one, row, {"associatedcompanyid": company}, "CRM_PROCESSES", "")
            elif one == "companies" and another == "companies":
                parent = next((o for o, types in near.items() if CHILD in types), None)
                self.change(one, row, {"hs_parent_company_id": parent}, "CRM_PROCESSES", "")
            elif another == "contacts" and one in ("deals", "companies"):
                self.change(one, row, {"num_associated_contacts": str(len(near))}, "CRM_PROCESSES", "")
            elif one == "contacts" and another == "deals":
                self.change(one, row, {"num_associated_deals": str(len(near))}, "CRM_PROCESSES", "")

    # ---- what follows from what

    def derive(self, kind: str, row: Row) -> None:
        """Calculated properties of deals."""
        if kind != "deals":
            return
        from .schema import STAGES

        stage = STAGES.get(row.properties.get("dealstage") or "")
        closed, chance = (stage[1], stage[2]) if stage else ("false", None)
        row.properties.update(
            hs_is_closed=closed,
            hs_is_closed_won="true" if closed == "true" and chance == "1.0" else "false",
            hs_deal_stage_probability=chance,
        )

    def _index_keys(self, kind: str, row: Row) -> None:
        if kind == "contacts":
            for address in _addresses(row):
                self.emails[address] = row.id
        for name, one in self.properties[kind].items():
            if one["hasUniqueValue"] and (value := row.properties.get(name)):
                self.unique.setdefault((kind, name), {})[value] = row.id

    def _forget_keys(self, kind: str, row: Row) -> None:
        if kind == "contacts":
            for address in _addresses(row):
                if self.emails.get(address) == row.id:
                    del self.emails[address]
        for name, one in self.properties[kind].items():
            if one["hasUniqueValue"] and (value := row.properties.get(name)):
                known = self.unique.get((kind, name), {})
                if known.get(value) == row.id:
                    del known[value]

    def _remember(self, row: Row, changes: dict[str, str | None], at: datetime, source: str, by: str) -> None:
        for name, value in changes.items():
            step = {"value": value or "", "timestamp": iso(at), "sourceType": source}
            row.history.setdefault(name, []).insert(0, {**step, "sourceId": by} if by else step)


def _addresses(row: Row) -> list[str]:
    more = str(row.properties.get("hs_additional_emails") or "").split(";")
    return [one.strip().lower() for one in (row.properties.get("email") or "", *more) if one and one.strip()]
