"""Activities as rows of what happened: what each type means; read in timeline.py, written as a custom activity of one type.

A type is known by its name, since ids differ by instance and above all by memory. Pseudo fields, which a mapping names
like any other, say what it means: ``smarksync.type``, ``.actor``, ``.direction``, ``.result``, ``.automated``,
``.subject``, ``.asset``, ``.url``, ``.campaign``. Attributes are ``attributes.NAME``. Opens and clicks by machines are
flagged by Marketo ("Is Bot Activity") and shown with the actor ``system``. A click on a link of a web page counts when the
link leads to a document: a download. (Munchkin tells every click on a link as "Click Link" beside the visit of the next
page, experienceleague.adobe.com, marketo-developer, javascriptapi/lead-tracking; that the link's address is its primary
attribute is from memory.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from smarksync.kit.response import whole
from smarksync.plugin import FieldInfo, FieldType, Record

from .changes import Types
from .client import Row, instant
from .feeds import attributes, key

_CUSTOM_FROM = 100_000


class Meaning(NamedTuple):
    """What a type of Marketo's is in the canonical schema; ``campaign``: where the id of a list or program stands."""

    type: str
    actor: str
    direction: str
    result: str = "none"
    campaign: str = ""


MEANINGS: Mapping[str, Meaning] = {
    "fill out form": Meaning("form_submitted", "lead", "inbound", "done"),
    "visit webpage": Meaning("page_viewed", "lead", "inbound", "done"),
    "click link": Meaning("content_downloaded", "lead", "inbound", "done"),
    "send email": Meaning("email_sent", "marketing", "outbound", "done"),
    "email delivered": Meaning("email_delivered", "marketing", "outbound", "done"),
    "email bounced": Meaning("email_bounced", "system", "none", "bounced"),
    "email bounced soft": Meaning("email_bounced", "system", "none", "bounced"),
    "open email": Meaning("email_opened", "lead", "inbound", "done"),
    "click email": Meaning("email_clicked", "lead", "inbound", "done"),
    "unsubscribe email": Meaning("unsubscribed", "lead", "inbound", "done"),
    "change score": Meaning("score_changed", "marketing", "none"),
    "add to list": Meaning("list_joined", "marketing", "none", campaign="primary"),
    "remove from list": Meaning("list_left", "marketing", "none", campaign="primary"),
    "change status in progression": Meaning("campaign_status_changed", "marketing", "none", campaign="primary"),
    "change program member status": Meaning("campaign_status_changed", "marketing", "none", campaign="primary"),
    "interesting moment": Meaning("other", "lead", "inbound", "done"),
}
_OTHER = Meaning("other", "marketing", "none")
#: Which of them an activity's number names: lists and programs are numbered apart.
_STREAM = {"list_joined": "lists", "list_left": "lists", "campaign_status_changed": "programs"}
#: What a link that is a download ends in.
_DOCUMENT = re.compile(r"\.(pdf|epub|mobi|docx?|pptx?|xlsx?|odt|ods|odp|zip|csv)(?=$|[?#])", re.IGNORECASE)
_URLS = ("Link", "Webpage URL", "Referrer URL", "URL")

_T = FieldType
FIELDS: Sequence[FieldInfo] = (
    FieldInfo("marketoGUID", _T.TEXT, writable=False, unique=True),
    FieldInfo("leadId", _T.REFERENCE, required=True),
    FieldInfo("activityDate", _T.INSTANT),
    FieldInfo("activityTypeId", _T.INT, writable=False),
    FieldInfo("campaignId", _T.INT, writable=False),
    FieldInfo("primaryAttributeValueId", _T.INT, writable=False),
    FieldInfo("primaryAttributeValue", _T.TEXT, writable=False),
    FieldInfo("smarksync.typeName", _T.TEXT, writable=False),
    FieldInfo("smarksync.type", _T.TEXT),
    FieldInfo("smarksync.actor", _T.TEXT),
    FieldInfo("smarksync.direction", _T.TEXT),
    FieldInfo("smarksync.result", _T.TEXT),
    FieldInfo("smarksync.automated", _T.BOOL),
    FieldInfo("smarksync.subject", _T.TEXT, max_length=255),
    FieldInfo("smarksync.asset", _T.TEXT, writable=False),
    FieldInfo("smarksync.url", _T.URL),
    FieldInfo("smarksync.campaign", _T.REFERENCE, writable=False),
)


def wanted(types: Types) -> dict[int, Meaning]:
    """The types of this instance that mean something here, by id."""
    found = {}
    for name, row in types.all().items():
        number = whole(row, "id")
        if name in MEANINGS or number >= _CUSTOM_FROM:
            found[number] = MEANINGS.get(name, _OTHER)
    return found


def tells(types: Types, row: Row) -> bool:
    """Whether the activity says anything: a click on a link does when the link leads to a document."""
    name = str(types.by_id().get(whole(row, "activityTypeId"), {}).get("name", "")).strip().lower()
    return name != "click link" or _DOCUMENT.search(str(row.get("primaryAttributeValue") or "")) is not None


def activity(types: Types, row: Row, fields: Sequence[str], own: int | None) -> Record:
    """The activity as a record. ``own``: the type that activities are written as, whose asset is the subject that was sent."""
    at = instant(row.get("activityDate"))
    known = types.by_id().get(whole(row, "activityTypeId"), {})
    name = str(known.get("name", ""))
    meaning = MEANINGS.get(name.strip().lower(), _OTHER)
    told = attributes(row)
    bot = str(told.get("Is Bot Activity", "")).strip().lower() in ("true", "1", "yes")
    campaign = None
    if meaning.campaign and row.get("primaryAttributeValueId"):
        campaign = f"{_STREAM[meaning.type]}:{row['primaryAttributeValueId']}"
    asset = row.get("primaryAttributeValue")
    pseudo = {
        "smarksync.typeName": name,
        "smarksync.type": meaning.type,
        "smarksync.actor": "system" if bot else meaning.actor,
        "smarksync.direction": meaning.direction,
        "smarksync.result": meaning.result,
        # what the person did is no automatism; what a campaign or a machine did is one
        "smarksync.automated": bot or meaning.actor != "lead",
        "smarksync.subject": asset if whole(row, "activityTypeId") == own else _subject(meaning, name, asset, told),
        "smarksync.asset": str(asset) if asset is not None else None,
        "smarksync.url": next((str(told[url]) for url in _URLS if _is_url(told.get(url))), None),
        "smarksync.campaign": campaign,
    }
    shown: dict[str, Any] = {}
    for field in fields:
        if field in pseudo:
            shown[field] = pseudo[field]
        elif field.startswith("attributes."):
            shown[field] = told.get(field.removeprefix("attributes."))
        elif field == "activityDate":
            shown[field] = at.isoformat() if at else None
        elif field == "leadId":
            shown[field] = str(row["leadId"])
        else:
            shown[field] = row.get(field)
    return Record(key(row), shown, changed_at=at)


def _subject(meaning: Meaning, name: str, asset: Any, told: Mapping[str, Any]) -> str:
    if meaning.type == "score_changed":
        return f"{asset or 'Score'}: {told.get('Old Value', '')} → {told.get('New Value', '')}"
    if meaning.type == "campaign_status_changed" and told.get("New Status"):
        return f"{asset or name}: {told['New Status']}"
    return f"{name}: {asset}" if asset else name


def _is_url(text: Any) -> bool:
    return isinstance(text, str) and text.startswith(("http://", "https://"))
