"""Form submissions and e-mail events: what people did, by address; each happens once and never changes.

Both come from older APIs without a dated twin, and both name the person by e-mail address: the contact is looked up
in batches. Submissions are told newest first per form (developers.hubspot.com, forms v1), so reading stops where
the last read began; events are asked for by a window of time (marketing.md 4.5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from smarksync.kit.pages import TokenPages
from smarksync.plugin import Choice, Cursor, FieldInfo, FieldType, Page, Record

from .client import Api, Json, after_of, results_of
from .listing import batch
from .rows import ticks

T = FieldType


#: event type → (activity, actor, result); types that are not listed (PROCESSED, DEFERRED …) say nothing of a person
_EVENTS = {
    "SENT": ("email_sent", "marketing", "done"),
    "DELIVERED": ("email_delivered", "system", "done"),
    "OPEN": ("email_opened", "lead", "done"),
    "CLICK": ("email_clicked", "lead", "done"),
    "BOUNCE": ("email_bounced", "system", "bounced"),
    "STATUSCHANGE": ("unsubscribed", "lead", "done"),
    "UNSUBSCRIBED": ("unsubscribed", "lead", "done"),
}


def _fields(types: Iterable[str], **kinds: FieldType) -> tuple[FieldInfo, ...]:
    words = tuple(Choice(word, word) for word in sorted(set(types)))
    told = FieldInfo("smarksync.type", T.CHOICE, writable=False, choices=words)
    return (told, *(FieldInfo(name.replace("__", "."), kind, writable=False) for name, kind in kinds.items()))


FIELDS: Mapping[str, tuple[FieldInfo, ...]] = {
    "form_submissions": _fields(
        ("form_submitted",), at=T.INSTANT, contact=T.REFERENCE, form=T.TEXT, form_id=T.TEXT, pageUrl=T.URL,
        smarksync__actor=T.TEXT, smarksync__automated=T.BOOL, smarksync__direction=T.TEXT, smarksync__result=T.TEXT,
    ),
    "email_events": _fields(
        (kind for kind, _, _ in _EVENTS.values()), type=T.TEXT, at=T.INSTANT, contact=T.REFERENCE, subject=T.TEXT, emailCampaignId=T.TEXT,
        url=T.URL, smarksync__actor=T.TEXT, smarksync__automated=T.BOOL, smarksync__direction=T.TEXT,
        smarksync__result=T.TEXT,
    ),
}  # fmt: skip


# -- form submissions -------------------------------------------------------------------------------------------


def submissions(
    api: Api, cursor: Cursor | None, until: datetime | None, fields: Sequence[str], lag: timedelta
) -> Iterator[Page]:
    """Submissions since the cursor, form by form; the cursor moves when every form was read."""
    mark = _mark(cursor)
    since = mark - lag if mark else None
    keep: Cursor = {"v": 1, **({"at": mark.isoformat()} if mark else {})}
    end = until or api.http.server_time() or datetime.now(UTC)
    contacts: dict[str, str | None] = {}
    for form, name in list(_forms(api)):
        turn = TokenPages("after")
        while turn.more:
            path = f"/form-integrations/v1/submissions/forms/{form}"
            answer = api.get(path, {"limit": 50, **turn.params})
            rows = results_of(answer)
            wanted = [row for row in rows if _within(row.get("submittedAt"), since, end)]
            _look_up(api, contacts, [address for row in wanted if (address := _address(row))])
            yield Page([_submission(row, form, name, contacts, fields) for row in wanted], keep, True)
            past = since is not None and any(_at(row.get("submittedAt")) < since for row in rows)
            turn.turn(None if past else after_of(answer))
    yield Page((), {"v": 1, "at": end.isoformat()}, False)


def _forms(api: Api) -> Iterator[tuple[str, str]]:
    turn = TokenPages("after")
    while turn.more:
        answer = api.get("/marketing/v3/forms", {"limit": 100, "formTypes": "all", **turn.params})
        turn.turn(after_of(answer))
        for row in results_of(answer):
            yield str(row["id"]), str(row.get("name") or "")


def _submission(row: Json, form: str, name: str, contacts: Mapping[str, str | None], fields: Sequence[str]) -> Record:
    address = _address(row)
    at = _at(row.get("submittedAt"))
    shown = {
        "smarksync.type": "form_submitted",
        "at": at.isoformat(),
        "contact": contacts.get(address) if address else None,
        "form": name,
        "form_id": form,
        "pageUrl": row.get("pageUrl") or None,
        "smarksync.actor": "lead",
        "smarksync.automated": False,
        "smarksync.direction": "inbound",
        "smarksync.result": "done",
    }
    own = f"{form}:{row.get('submittedAt')}:{address}"  # old submissions have no conversion id
    rid = str(row.get("conversionId") or hashlib.sha256(own.encode()).hexdigest()[:24])
    return Record(rid, {field: shown.get(field) for field in fields}, at)


def _address(row: Json) -> str | None:
    for value in row.get("values") or ():
        if value.get("name") == "email" and value.get("value"):
            return str(value["value"]).strip().lower()
    return None


# -- e-mail events ----------------------------------------------------------------------------------------------


def email_events(
    api: Api, cursor: Cursor | None, until: datetime | None, fields: Sequence[str], lag: timedelta
) -> Iterator[Page]:
    """Events since the cursor, up to ``until``, in pages of 1,000."""
    mark = _mark(cursor)
    end = until or api.http.server_time() or datetime.now(UTC)
    keep: Cursor = {"v": 1, **({"at": mark.isoformat()} if mark else {})}
    window: dict[str, Any] = {"endTimestamp": ticks(end), "limit": 1000}
    if mark is not None:
        window["startTimestamp"] = ticks(mark - lag)
    contacts: dict[str, str | None] = {}
    turn = TokenPages("offset")
    while turn.more:
        answer = api.get("/email/public/v1/events", {**window, **turn.params})
        events = [one for one in answer.get("events") or () if _meaning(one) is not None]
        _look_up(api, contacts, [str(one["recipient"]).lower() for one in events if one.get("recipient")])
        more = bool(answer.get("hasMore"))
        turn.turn(str(answer.get("offset") or "") or None, more=more)
        done: Cursor = keep if more else {"v": 1, "at": end.isoformat()}
        yield Page([_event(one, contacts, fields) for one in events], done, more)


def _meaning(event: Json) -> tuple[str, str, str] | None:
    return _EVENTS.get(str(event.get("type")))


def _event(event: Json, contacts: Mapping[str, str | None], fields: Sequence[str]) -> Record:
    kind, actor, result = _meaning(event) or ("other", "system", "none")
    if event.get("filteredEvent") and actor == "lead":
        actor = "system"  # a robot's or a colleague's: HubSpot leaves it out of its own figures, too
    at = _at(event.get("created"))
    shown = {
        "smarksync.type": kind,
        "type": event.get("type"),
        "at": at.isoformat(),
        "contact": contacts.get(str(event.get("recipient") or "").lower()),
        "subject": event.get("subject"),
        "emailCampaignId": str(event["emailCampaignId"]) if event.get("emailCampaignId") else None,
        "url": event.get("url"),
        "smarksync.actor": actor,
        "smarksync.automated": actor != "lead",
        "smarksync.direction": "inbound" if actor == "lead" else "outbound",
        "smarksync.result": result,
    }
    return Record(f"{event['id']}:{ticks(at)}", {field: shown.get(field) for field in fields}, at)


# -- both -------------------------------------------------------------------------------------------------------


def _look_up(api: Api, known: dict[str, str | None], addresses: Sequence[str]) -> None:
    """Adds the contacts of addresses not asked for yet; the memory of one read is kept small."""
    if len(known) > 20_000:
        known.clear()
    new = [address for address in dict.fromkeys(addresses) if address not in known]
    known.update(dict.fromkeys(new))
    for row in batch(api, "contacts", new, ("email", "hs_additional_emails"), key="email"):
        properties = row.get("properties") or {}
        held = [properties.get("email") or "", *str(properties.get("hs_additional_emails") or "").split(";")]
        known.update({address.strip().lower(): str(row["id"]) for address in held if address.strip()})


def _at(value: Any) -> datetime:
    return datetime.fromtimestamp(int(value) / 1000, UTC)


def _within(value: Any, since: datetime | None, end: datetime) -> bool:
    return value is not None and (since is None or _at(value) >= since) and _at(value) <= end


def _mark(cursor: Cursor | None) -> datetime | None:
    return datetime.fromisoformat(cursor["at"]) if cursor and cursor.get("v") == 1 and "at" in cursor else None
