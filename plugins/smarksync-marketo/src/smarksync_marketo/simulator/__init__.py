"""Marketo's REST API on this machine: tokens, leads, activities, companies, programs, lists, bulk extract.

Checked against the vendor's documentation and recorded answers; what it does that one might not expect is in
:class:`Quirks`, each switch with its source. For tests: ``world`` holds the leads and lets things happen to them
(``add``, ``edit``, ``unsubscribe``, ``remove``, ``merge``, ``act``).
"""

from __future__ import annotations

from .activities_api import ActivitiesApi
from .bulk_api import BulkApi
from .quirks import Quirks
from .schema import STATUSES
from .world import API_USER, World


class MarketoSimulator(ActivitiesApi, BulkApi):
    """One Marketo instance."""


__all__ = ["API_USER", "STATUSES", "MarketoSimulator", "Quirks", "World"]
