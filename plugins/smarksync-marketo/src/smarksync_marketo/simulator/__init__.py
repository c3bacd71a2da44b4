"""Marketo's REST API on this machine: tokens, leads, activities, companies, programs, lists, bulk extract.

Checked against the vendor's documentation and recorded answers; what it does that one might not expect is in
:class:`Quirks`, each switch with its source. For tests: ``world`` holds the leads and lets things happen to them
(``add``, ``edit``, ``unsubscribe``, ``remove``, ``merge``, ``act``).
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from .activities_api import ActivitiesApi
from .bulk_api import BulkApi
from .hands import Hands
from .quirks import Quirks
from .schema import STATUSES
from .world import API_USER, World


class MarketoSimulator(ActivitiesApi, BulkApi):
    """One Marketo instance. The ``contract_…`` methods are what the conformance kit lets happen on it."""

    #: what the conformance kit asks about (activities take one type of the instance's own), and what fills a page
    contract_streams = ("leads", "companies")
    contract_page_rows = 301
    _holes = False

    @property
    def hands(self) -> Hands:
        """What visitors and marketing's people do."""
        return Hands(self)

    def contract_seed(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Somebody enters leads or companies."""
        if stream == "companies":
            return [self._company(str(row.get("externalCompanyId") or f"C-{n}"), row) for n, row in enumerate(rows)]
        with self.lock:
            ids = []
            for place, row in enumerate(rows):
                if self._holes and place == len(rows) // 2:
                    self.world.skip_ids(700)
                ids.append(str(self.world.add(**row)))
            return ids

    def contract_edit(self, stream: str, id: str, fields: Mapping[str, Any]) -> None:
        """Somebody changes a lead or a company in Marketo."""
        if stream == "companies":
            self._company(id, fields)
            return
        with self.lock:
            self.world.edit(int(id), **fields)

    def contract_delete(self, stream: str, id: str) -> None:
        """Somebody deletes a lead or a company."""
        with self.lock:
            if stream == "companies":
                del self.world.companies[id]
            else:
                self.world.remove(int(id))

    def contract_merge(self, stream: str, winner: str, loser: str) -> str:
        """Somebody merges two leads."""
        with self.lock:
            self.world.merge(int(winner), [int(loser)])
        return winner

    def contract_opted_out(self, stream: str, id: str) -> bool | None:
        """Whether a lead must not be mailed; that it may be, Marketo never says."""
        with self.lock:
            return bool(self.world.leads[int(id)].get("unsubscribed")) or None

    def contract_empty_pages(self, stream: str) -> None:
        """Ids get a hole of two pages in their middle, and feeds look at few activities a page."""
        self._holes, self.quirks.scan = True, 2

    def contract_late(self, stream: str, row: Mapping[str, Any]) -> str:
        """A lead of a minute ago, told only now. (Companies are read whole: none of theirs is late.)"""
        if stream == "companies":
            return self._company(str(row["externalCompanyId"]), row)
        with self.lock:
            number = self.world.add(**row)
            made = self.world.activities.pop()
            made.at -= timedelta(seconds=60)
            self.world.leads[number]["createdAt"] = self.world.leads[number]["updatedAt"] = made.at
            bisect.insort(self.world.activities, made)
        return str(number)

    def contract_refused(self, stream: str) -> Iterator[Mapping[str, Any]]:
        """A lead that Marketo refuses: a word in a field for yes and no."""
        yield {"email": "refused@contract.example", "firstName": "No", "doNotCall": "perhaps"}

    def _company(self, external: str, fields: Mapping[str, Any]) -> str:
        with self.lock:
            self.world.put_company(external, {name: v for name, v in fields.items() if name != "externalCompanyId"})
        return external


__all__ = ["API_USER", "STATUSES", "MarketoSimulator", "Quirks", "World"]
