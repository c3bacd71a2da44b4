"""What HubSpot does that a caller would not expect: one switch each, as the vendor does unless said otherwise.

Lines of the fact sheets are named behind each; "memory" marks what is common knowledge and nowhere recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Quirks:
    """Switches of one simulated account."""

    #: seconds until search shows a change (crm.md 2.5, index lag)
    index_lag: float = 2.0
    #: search shows at most so many rows of one query (crm.md 2.5, 10,000-result cap)
    search_cap: int = 10_000
    #: every n-th page of a search or list comes empty although more follow; 0 = never (crm.md 2.5, seen of search)
    empty_pages: int = 0
    #: ids sort as texts in search (crm.md 2.5, a hypothesis of Airbyte's investigators)
    lexicographic_ids: bool = True
    #: a plain write takes no stage back, and says nothing (crm.md 2.10 trap 1)
    lifecycle_forward_only: bool = True
    #: batch create answers 207 when every input has a trace id of its own (crm.md 2.7)
    multi_status: bool = True
    #: batch update and upsert do so, too (marketing.md 4.5: the v3 specification; HubSpot's page speaks of creates)
    multi_status_updates: bool = True
    #: answers of batches repeat the trace ids (marketing.md 4.5)
    echoes_trace: bool = True
    #: results of batches come in another order than their inputs (marketing.md 4.5, recorded)
    shuffles_results: bool = True
    #: a missing record is a web page (crm.md 2.9, recorded)
    html_404: bool = True
    #: ``null`` for a property is ignored; "" clears (crm.md 2.7)
    ignores_null: bool = True
    #: an update that changes nothing leaves the stamp alone (crm.md 2.6)
    keeps_stamp_of_no_op: bool = True
    #: batch read by e-mail also finds contacts by their further addresses (crm.md 2.10 trap 2, memory)
    finds_secondary_email: bool = True
    #: merged contacts get an id of their own, that nobody has seen (crm.md 2.6, since 2025)
    merge_makes_new_id: bool = True
    #: a new contact joins the company of its address's domain (crm.md 2.10 trap 3; a setting of the account)
    associates_by_domain: bool = False
    #: an opt-out is tied to the address, not to the record: another address shows what that address said (HubSpot's
    #: knowledge base, "Resubscribe contacts to your marketing emails")
    opt_out_of_address: bool = True
    #: those that were merged away stand in the archive like deleted ones (nowhere documented, so both are borne)
    archives_merged: bool = True
    #: an id that is no number fails the whole batch read of it (crm.md 2.5: the words that a token of another call gets; memory)
    ids_are_numbers: bool = True
    #: associations of one row in a list; the rest is behind a token (HubSpot's changelog, "Announcing a change to how v3 CRM
    #: APIs return association data": 100 since 18 January 2021)
    inline_associations: int = 100
    #: longest query string before 414 (crm.md 2.5)
    longest_query: int = 8000
    #: what 429 looks like: "gateway" (policyName) or "crm" (category only) (crm.md 2.8)
    throttle_body: str = "gateway"
    #: SmarkSync's own properties are there from the start, on these objects
    has_our_properties: bool = False
    #: opt-outs may be said for many addresses in one call (marketing.md 4.5: Enterprise only)
    opts_out_together: bool = False
    #: scopes that the token lacks, as families: contacts, companies, deals, owners, lists, consent, forms, schema (crm.md 2.2)
    missing_scopes: set[str] = field(default_factory=set)
    #: seconds until a list's counts, which the search for lists shows, tell of who joined or left (memory)
    list_counts_lag: float = 0.0
    #: legal basis is asked for with a subscription (marketing.md, addendum)
    data_privacy: bool = False
