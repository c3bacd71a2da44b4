"""What Salesforce does that callers trip over, each with its place in vendors/crm.md. Defaults: as the vendor does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass
class Quirks:
    """Switches of a simulated org."""

    #: rows of one answer at most; 200 … 2,000 (1.5: "may be smaller")
    page: int = 2000
    #: every n-th page of a query shows no row although more follow; 0 = never (1.5 says only that pages may be smaller)
    empty_pages: int = 0
    #: assignment rules run unless the caller says no, and take the lead away from the owner it was given (1.7)
    assignment_rules: bool = True
    #: active duplicate rules on e-mail: "alert" may be overruled by the header, "block" not (1.9)
    duplicate_rules: Literal["alert", "block"] | None = "alert"
    #: collections name no record that a duplicate rule found (jetstream#482); a single create does (1.9)
    collections_hide_duplicates: bool = True
    #: the key is written `duplicateResut` (1.9)
    misspelt_duplicate_result: bool = True
    #: requests in 24 hours (1.8, Developer Edition)
    daily_requests: int = 15000
    #: life of a session in seconds; the token answer does not tell it (1.2)
    session: int = 7200
    #: a refresh token dies with its use (1.2)
    rotate_refresh_tokens: bool = False
    #: polls until a bulk job is complete (1.7)
    bulk_polls: int = 1
    #: bulk results come in another order than they were sent in (1.7)
    bulk_unordered: bool = True
    #: objects that bulk jobs refuse, which does not say so of queries and collections (1.7, INVALIDENTITY)
    not_in_bulk: tuple[str, ...] = ("Group",)
    #: bulk jobs in 24 hours: a limit apart from that of requests (1.8, DailyBulkV2QueryJobs)
    daily_bulk_jobs: int = 10_000
    #: state and country are pick lists: free text is refused (1.10, trap 11)
    country_picklists: bool = False
    #: Person Accounts are switched on: a human is an account and a contact at once (1.10, trap 4)
    person_accounts: bool = False
    #: several currencies: CurrencyIsoCode on records with amounts (1.10, trap 9)
    multi_currency: bool = False
    #: an unsaved trial of two upserts of one key at the same moment (salesforce.stackexchange 197382): refusals left
    racing_upserts: int = 0
