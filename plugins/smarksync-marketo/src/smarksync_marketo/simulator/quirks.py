"""What Marketo does that one might not expect, each with its source and a switch. The default is as Marketo does it.

Sources name the vendor's documentation (experienceleague.adobe.com, marketo-developer, ``rest/…``); "recorded" is public
traffic of an instance; "(memory)" is not sourced, so connectors must bear both ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass
class Quirks:
    """Switches of one simulated instance."""

    #: Asked again before it expires, the identity service serves the same token with the seconds left (authentication).
    same_token: bool = True
    token_seconds: int = 3600
    #: The token counts in the header only; as a query parameter it is 601 since August 2026 (bulk-extract).
    header_only: bool = True
    #: Calls in 20 s (606), at once (615) and a day (607), shared by everybody (marketo-integration-best-practices).
    rate: int = 100
    at_once: int = 10
    daily: int = 50_000
    #: Activities looked at for one page: a page may hold fewer rows than asked for, or none, and more follow (activities).
    scan: int = 3000
    #: Seconds after which an activity can be seen; its date stays (memory).
    late: float = 0.0
    #: Score changes are activities of their own and no data value changes (activities; score part: memory).
    scores_apart: bool = True
    #: Fields that a merge fills on the winner are in no activity of theirs (memory).
    merge_is_silent: bool = True
    #: Merged leads also turn up among the deleted ones (memory).
    merge_deletes: bool = True
    #: Activities carry "Modifying User" (memory).
    modifying_user: bool = True
    #: `updatedAt` moves with standard fields only (bulk-lead-extract).
    updated_at_standard_only: bool = True
    #: Asset answers without a match have no `result` (recorded), and their times end in `Z+0000` (recorded).
    asset_oddities: bool = True
    #: A skipped row of Sync Leads names no id (recorded).
    skipped_without_id: bool = True
    #: A boolean set to null reads back as false (recorded).
    null_boolean_is_false: bool = True
    #: Upserts of one key at the same time make duplicates (leads).
    concurrent_duplicates: bool = True
    #: Company fields of a known lead: refused with 1021 (error-codes), ignored, or changed for the whole company (KCS).
    company_updates: Literal["refused", "ignored", "applied"] = "refused"
    #: More matches than this are 1003 "Too many results match the filter" (leads).
    most_matches: int = 1000
    #: Addresses longer than this are HTTP 414, bodies HTTP 413 (error-codes).
    longest_url: int = 8192
    largest_body: int = 1_000_000
    #: A native CRM sync owns companies and opportunities: reading works, writing is 1018 (companies); hidden: 610.
    native_crm: Literal["no", "read_only", "hidden"] = "no"
    #: Our own fields are there already.
    own_fields: bool = False
    #: Who is taken out of a program gets the status "Not in Program", which is an activity (memory).
    leaving_is_told: bool = True
    #: Fields that the API may still create (leads: at most 100).
    creatable_fields: int = 100
    #: Bulk extract: running and waiting jobs, bytes a day, and how long a job takes (bulk-extract).
    bulk_running: int = 2
    bulk_queue: int = 10
    bulk_bytes: int = 500 * 1024 * 1024
    bulk_seconds: float = 90.0
    #: Days that a job's file is kept (bulk-extract); afterwards it is 404 like one that is not ready.
    bulk_kept_days: float = 7.0
    #: A job's status is renewed this often (bulk-lead-extract).
    bulk_status_seconds: float = 60.0
    #: The word for a job that was cancelled: the documented list says Canceled, the body says Cancelled.
    cancelled: str = "Cancelled"
    #: Filters that this subscription has; others answer 1035 (bulk-lead-extract, bulk-program-member-extract).
    bulk_filters: tuple[str, ...] = ("createdAt", "staticListId", "activityTypeIds", "programId", "programIds")
