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
from .quirks import Quirks
from .schema import STATUSES
from .world import API_USER, World


class MarketoSimulator(ActivitiesApi, BulkApi):
    """One Marketo instance. The ``contract_…`` methods are what the conformance kit lets happen on it."""

    _holes = False

    def contract_seed(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Somebody enters leads."""
        with self.lock:
            ids = []
            for place, row in enumerate(rows):
                if self._holes and place == len(rows) // 2:
                    self.world.skip_ids(700)
                ids.append(str(self.world.add(**row)))
            return ids

    def contract_edit(self, stream: str, id: str, fields: Mapping[str, Any]) -> None:
        """Somebody changes a lead in Marketo."""
        with self.lock:
            self.world.edit(int(id), **fields)

    def contract_delete(self, stream: str, id: str) -> None:
        """Somebody deletes a lead."""
        with self.lock:
            self.world.remove(int(id))

    def contract_merge(self, stream: str, winner: str, loser: str) -> str:
        """Somebody merges two leads."""
        with self.lock:
            self.world.merge(int(winner), [int(loser)])
        return winner

    def contract_empty_pages(self, stream: str) -> None:
        """Ids get a hole of two pages in their middle, and feeds look at few activities a page."""
        self._holes, self.quirks.scan = True, 2

    def contract_late(self, stream: str, row: Mapping[str, Any]) -> str:
        """A lead of a minute ago, told only now."""
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


__all__ = ["API_USER", "STATUSES", "MarketoSimulator", "Quirks", "World"]
