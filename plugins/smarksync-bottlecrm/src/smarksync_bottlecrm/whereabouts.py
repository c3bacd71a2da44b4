"""What became of rows that a list no longer shows.

A converted lead leaves the list and stays readable by id, with status "converted". It names neither contact
nor account nor deal (the answer to the conversion did, once). They are found as the server made them: the
contact is the one with the lead's address, or one that the lead's interactions moved to; the account is the
contact's; the deal is the newest of that account and contact that is not younger than the lead's last change.

Rows merged away answer 404 like deleted ones. Who won stands in the security log only, which no token may
read, so a merge is told as a deletion here; the winner takes over our id where it had none (recorded).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.plugin import Gone, GoneKind, PermissionDenied

from .client import Api
from .describe import CONVERTED
from .rows import Row, instant
from .streams import CONTACTS, LEADS, OPPORTUNITIES, STREAMS


def whereabouts(api: Api, name: str, rid: str) -> Gone | None:
    """Where the row went; None while it is still there."""
    stream = STREAMS[name]
    row = api.row(stream, rid, kind="reread")
    if row is None:
        return Gone(rid)
    if stream is LEADS and row.get("status") == CONVERTED:
        return _converted(api, rid, row)
    return None


def _converted(api: Api, rid: str, lead: Row) -> Gone:
    at = instant(lead.get("updated_at"))
    contact = _contact_by_address(api, lead.get("email")) or _contact_by_interactions(api, rid)
    if contact is None:
        return Gone(rid, GoneKind.CONVERTED, at=at)
    also: dict[str, str] = {}
    account = contact.get("account")
    if account:
        also["accounts"] = str(account)
        deal = _deal(api, str(account), str(contact["id"]), lead)
        if deal:
            also["opportunities"] = deal
    return Gone(rid, GoneKind.CONVERTED, str(contact["id"]), "contacts", at, also)


def _contact_by_address(api: Api, address: Any) -> Row | None:
    if not address:
        return None
    # the filter finds parts of addresses; the address itself is unique per organisation, whatever its case
    shown = api.list(CONTACTS, {"email": address, "limit": 1000}, kind="reread")
    same = [row for row in shown["results"] if str(row.get("email")).lower() == str(address).lower()]
    return same[0] if same else None


def _contact_by_interactions(api: Api, lead: str) -> Row | None:
    """Calls and meetings logged on the lead moved to the contact, and still name the lead."""
    try:
        shown = api.get("/api/interactions/", params={"lead": lead}, kind="reread")
    except PermissionDenied:  # a scope that only this needs
        return None
    contacts = {str(entry["contact"]) for entry in shown.get("interactions") or () if entry.get("contact")}
    return api.row(CONTACTS, contacts.pop(), kind="reread") if len(contacts) == 1 else None


def _deal(api: Api, account: str, contact: str, lead: Row) -> str | None:
    try:
        shown = api.list(OPPORTUNITIES, {"account": account, "limit": 1000}, kind="reread")
    except PermissionDenied:  # without the scope the link moves all the same
        return None
    latest = str(lead.get("updated_at"))
    made: list[Mapping[str, Any]] = [
        deal
        for deal in shown["opportunities"]
        if str(deal["created_at"]) <= latest and any(str(c["id"]) == contact for c in deal.get("contacts") or ())
    ]
    return str(max(made, key=lambda deal: str(deal["created_at"]))["id"]) if made else None
