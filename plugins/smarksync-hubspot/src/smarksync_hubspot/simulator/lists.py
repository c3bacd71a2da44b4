"""Lists of contacts and who is in them (marketing.md 4.5; HubSpot's page "Lists API: memberships")."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from smarksync.simulator import Answer, Request, route

from .relations import Relations
from .shared import body_of
from .store import iso
from .values import error, paged

#: what a search may ask for (HubSpot's reference of `POST /crm/v3/lists/search`)
_SEARCHED = ("query", "count", "offset", "listIds", "objectTypeId", "processingTypes", "additionalProperties", "sort")


class Lists(Relations):
    """``members``: list → contact → since when. ``lists`` and ``members`` are filled by the seed."""

    lists: dict[str, dict[str, Any]]
    members: dict[str, dict[str, str]]
    #: list → what its counts say of it, oldest first: (from when on they say so, size, last joined, last left)
    counts: dict[str, list[tuple[datetime, str, str | None, str | None]]]

    @route("POST", "/crm/v3/lists/search", query=(), write=False)
    def search_lists(self, request: Request) -> Answer:
        """Lists, 20 a page unless more are asked for (marketing.md 4.5), with their counts."""
        body = body_of(request, _SEARCHED)
        start, count = int(body.get("offset") or 0), int(body.get("count") or 20)
        if not 1 <= count <= 500:
            return error(400, "count must be between 1 and 500")
        rows = list(self.lists.values())
        page = [{**row, "additionalProperties": self._counts(row["listId"])} for row in rows[start : start + count]]
        more = start + len(page) < len(rows)
        return Answer(200, {"offset": start + len(page), "hasMore": more, "lists": page, "total": len(rows)})

    @route("GET", "/crm/v3/lists/{id}/memberships", query=("limit", "after", "before"))
    def list_members(self, request: Request) -> Answer:
        """Who is in a list, by record id, with the time since when."""
        if request.params["id"] not in self.lists:
            return error(404, f"List does not exist with ID {request.params['id']}.", "OBJECT_NOT_FOUND")
        shown = self._there(request.params["id"])
        rows = [{"recordId": rid, "membershipTimestamp": shown[rid]} for rid in sorted(shown, key=int)]
        return Answer(200, {**paged(rows, request, 250, default=100), "total": len(rows)})

    @route("PUT", "/crm/v3/lists/{id}/memberships/add", query=())
    def add_members(self, request: Request) -> Answer:
        """Into a static list (marketing.md 4.5: note how the answer spells ``recordsIdsAdded``)."""
        return self._asked(request, adding=True)

    @route("PUT", "/crm/v3/lists/{id}/memberships/remove", query=())
    def remove_members(self, request: Request) -> Answer:
        """Out of a static list."""
        return self._asked(request, adding=False)

    # ---- what people and HubSpot itself do

    def join_list(self, list_id: str, rid: str) -> None:
        """Somebody puts a contact on a list, or the list's filter does."""
        with self.lock:
            self._moved(list_id, [rid], adding=True)

    def leave_list(self, list_id: str, rid: str) -> None:
        """Somebody takes a contact off a list."""
        with self.lock:
            self._moved(list_id, [rid], adding=False)

    def _asked(self, request: Request, *, adding: bool) -> Answer:
        found = self.lists.get(request.params["id"])
        if found is None:
            return error(404, f"List does not exist with ID {request.params['id']}.", "OBJECT_NOT_FOUND")
        if found["processingType"] not in ("MANUAL", "SNAPSHOT"):
            return error(400, "Memberships of DYNAMIC lists cannot be changed.")
        ids = [str(one) for one in request.json()]
        there = [rid for rid in ids if self.store.live("contacts", rid) is not None]
        moved = self._moved(request.params["id"], there, adding=adding)
        answer = {
            "recordsIdsAdded": moved if adding else [],
            "recordIdsRemoved": [] if adding else moved,
            "recordIdsMissing": [rid for rid in ids if rid not in there],
        }
        return Answer(200, answer)

    def _moved(self, list_id: str, ids: list[str], *, adding: bool) -> list[str]:
        members = self.members.setdefault(list_id, {})
        moved = [rid for rid in ids if (rid in members) != adding]
        now = iso(self.store.stamp())
        for rid in moved:
            if adding:
                members[rid] = now
            else:
                del members[rid]
        if moved:
            told = self.counts.setdefault(list_id, [])
            joined, left = (told[-1][2], told[-1][3]) if told else (None, None)
            late = self.now() + timedelta(seconds=self.quirks.list_counts_lag)
            told.append((late, str(len(members)), *((now, left) if adding else (joined, now))))
        return moved

    def _there(self, list_id: str) -> dict[str, str]:
        """Members who are in the account still; merged ones under the id of who remains."""
        found: dict[str, str] = {}
        for rid, since in self.members.get(list_id, {}).items():
            row = self.store.live("contacts", rid)
            if row is not None:
                found.setdefault(row.id, since)
        return found

    def _counts(self, list_id: str) -> dict[str, str]:
        said = [one for one in self.counts.get(list_id, []) if one[0] <= self.now()]
        size = str(len(self._there(list_id)))
        if self.quirks.list_counts_lag > 0 and self.counts.get(list_id):
            size = said[-1][1] if said else "0"
        joined, left = (said[-1][2], said[-1][3]) if said else (None, None)
        told = {"hs_list_size": size, "hs_last_record_added_at": joined, "hs_last_record_removed_at": left}
        return {name: value for name, value in told.items() if value is not None}
