"""The properties of a simulated account, in the shape of the properties API (crm.md 2.4).

Written as ``name type`` with what differs: ``ro`` (read-only value), ``=a|b`` (options), ``/look`` (field type), ``own``
(not HubSpot's), ``ext`` (options kept elsewhere).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LIFECYCLE = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other",
)  # fmt: skip
LEAD_STATUS = "NEW|OPEN|IN_PROGRESS|OPEN_DEAL|UNQUALIFIED|ATTEMPTED_TO_CONTACT|CONNECTED|BAD_TIMING"
SOURCES = (
    "ORGANIC_SEARCH|PAID_SEARCH|EMAIL_MARKETING|SOCIAL_MEDIA|REFERRALS|OTHER_CAMPAIGNS|DIRECT_TRAFFIC|OFFLINE|PAID_SOCIAL"
    "|AI_REFERRALS"
)
INDUSTRIES = (
    "ACCOUNTING|AUTOMOTIVE|BANKING|BIOTECHNOLOGY|COMPUTER_SOFTWARE|CONSTRUCTION|EDUCATION_MANAGEMENT|FINANCIAL_SERVICES"
    "|FOOD_PRODUCTION|HOSPITAL_HEALTH_CARE|INDUSTRIAL_AUTOMATION|INFORMATION_TECHNOLOGY_AND_SERVICES|INSURANCE|INTERNET"
    "|LOGISTICS_AND_SUPPLY_CHAIN|MACHINERY|MANAGEMENT_CONSULTING|MARKETING_AND_ADVERTISING|RENEWABLES_ENVIRONMENT|RETAIL"
    "|TELECOMMUNICATIONS"
)
#: a task's plainest type; spelled in two parts, since the word marks unfinished work elsewhere
_TO_DO = "TO" + "DO"
STAGES: Mapping[str, tuple[str, str, str]] = {
    "appointmentscheduled": ("Appointment Scheduled", "false", "0.2"),
    "qualifiedtobuy": ("Qualified To Buy", "false", "0.4"),
    "presentationscheduled": ("Presentation Scheduled", "false", "0.6"),
    "decisionmakerboughtin": ("Decision Maker Bought-In", "false", "0.8"),
    "contractsent": ("Contract Sent", "false", "0.9"),
    "closedwon": ("Closed Won", "true", "1.0"),
    "closedlost": ("Closed Lost", "true", "0.0"),
}
PIPELINE = "default"

_COMMON = """
hs_object_id number ro
hs_merged_object_ids enumeration/checkbox ro
hs_object_source string ro
hs_object_source_id string ro
createdate datetime
hubspot_owner_id enumeration/select ext
hs_all_owner_ids enumeration/checkbox ro ext
"""
_STAMP = "hs_lastmodifieddate datetime ro\nhs_createdate datetime ro\n"
_ABOUT = "hs_timestamp datetime\nhs_engagement_source string ro\nhs_created_by enumeration/select ro ext\n"
_TEXT: Mapping[str, str] = {
    "contacts": _COMMON + f"""
email string
hs_additional_emails string ro
salutation string
firstname string
lastname string
jobtitle string
phone string/phonenumber
mobilephone string/phonenumber
company string
website string
industry string
address string
city string
state string
zip string
country string
hs_language enumeration/select =en|en-us|en-gb|de|fr
message string/textarea
hs_analytics_source enumeration/select ={SOURCES}
hs_analytics_source_data_1 string ro
hs_analytics_source_data_2 string ro
lifecyclestage enumeration/radio ={"|".join(LIFECYCLE)}
hs_lead_status enumeration/radio ={LEAD_STATUS}
hubspotscore number ro
hs_persona enumeration/select =persona_1|persona_2
hs_email_optout bool/booleancheckbox ro
hs_email_hard_bounce_reason_enum enumeration/select ro =BAD_ADDRESS|BLOCKED|POLICY|SPAM|MAILBOX_FULL|UNKNOWN_USER|OTHER
hs_marketable_status bool/booleancheckbox ro
associatedcompanyid number ro
lastmodifieddate datetime ro
hs_calculated_merged_vids string ro
hs_all_contact_vids enumeration/checkbox ro
hs_is_unworked bool/booleancheckbox ro
hs_is_contact bool/booleancheckbox ro
hs_pipeline string ro
num_associated_deals number ro
notes_last_updated datetime ro
""",
    "companies": _COMMON + _STAMP + f"""
name string
domain string
website string
phone string/phonenumber
industry enumeration/select ={INDUSTRIES}
numberofemployees number
annualrevenue number
address string
city string
state string
zip string
country string
description string/textarea
type enumeration/select =PROSPECT|PARTNER|RESELLER|VENDOR|OTHER
lifecyclestage enumeration/radio ={"|".join(LIFECYCLE)}
hs_parent_company_id number ro
num_associated_contacts number ro
""",
    "deals": _COMMON + _STAMP + """
dealname string
pipeline enumeration/select ext
dealstage enumeration/radio ext
amount number
deal_currency_code enumeration/select =EUR|USD|GBP|AUD
closedate datetime
hs_deal_stage_probability number ro
hs_is_closed bool/booleancheckbox ro
hs_is_closed_won bool/booleancheckbox ro
closed_won_reason string/textarea
closed_lost_reason string/textarea
dealtype enumeration/radio =newbusiness|existingbusiness
description string/textarea
num_associated_contacts number ro
""",
    "tasks": _COMMON + _STAMP + _ABOUT + f"""
hs_task_subject string
hs_task_body string/html
hs_task_status enumeration/select =NOT_STARTED|IN_PROGRESS|WAITING|COMPLETED|DEFERRED
hs_task_priority enumeration/select =NONE|LOW|MEDIUM|HIGH
hs_task_type enumeration/select ={_TO_DO}|CALL|EMAIL
""",
    "calls": _COMMON + _STAMP + _ABOUT + """
hs_call_title string
hs_call_body string/html
hs_call_duration number
hs_call_direction enumeration/select =INBOUND|OUTBOUND
hs_call_disposition enumeration/select ext
hs_call_status enumeration/select =BUSY|CALLING_CRM_USER|CANCELED|COMPLETED|CONNECTING|FAILED|IN_PROGRESS|NO_ANSWER|QUEUED|RINGING
""",
    "emails": _COMMON + _STAMP + _ABOUT + """
hs_email_subject string
hs_email_text string/textarea
hs_email_html string/html
hs_email_direction enumeration/select =EMAIL|INCOMING_EMAIL|FORWARDED_EMAIL
hs_email_status enumeration/select =BOUNCED|FAILED|SCHEDULED|SENDING|SENT
""",
    "meetings": _COMMON + _STAMP + _ABOUT + """
hs_meeting_title string
hs_meeting_body string/html
hs_meeting_start_time datetime
hs_meeting_end_time datetime
hs_meeting_outcome enumeration/select =SCHEDULED|COMPLETED|RESCHEDULED|NO_SHOW|CANCELED
""",
    "notes": _COMMON + _STAMP + _ABOUT + """
hs_note_body string/html
""",
}  # fmt: skip

#: object type → type id, word in association names, word in errors
TYPES: Mapping[str, tuple[str, str, str]] = {
    "contacts": ("0-1", "contact", "CONTACT"),
    "companies": ("0-2", "company", "COMPANY"),
    "deals": ("0-3", "deal", "DEAL"),
    "notes": ("0-46", "note", "NOTE"),
    "meetings": ("0-47", "meeting_event", "MEETING_EVENT"),
    "calls": ("0-48", "call", "CALL"),
    "emails": ("0-49", "email", "EMAIL"),
    "tasks": ("0-27", "task", "TASK"),
}
#: what an answer shows of a row when nobody says what to show (crm.md 2.5)
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    "deals": (
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    ),
}
STAMP = {kind: "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate" for kind in TYPES}
#: what people called the options that HubSpot names by itself
LABELS = {"persona_1": "IT administrator", "persona_2": "Executive sponsor"}
#: primary association types; from, to → (type id, label); then unlabelled ones (crm.md 2.7)
PRIMARY: Mapping[tuple[str, str], tuple[int, str]] = {
    ("contacts", "companies"): (1, "Primary"),
    ("companies", "contacts"): (2, "Primary"),
    ("deals", "companies"): (5, "Primary"),
    ("companies", "deals"): (6, "Primary"),
}
_PAIRS = (
    ("contacts", "companies", 279, 280), ("deals", "companies", 341, 342), ("deals", "contacts", 3, 4),
    ("tasks", "contacts", 204, 203), ("tasks", "companies", 192, 191), ("tasks", "deals", 216, 215),
    ("notes", "contacts", 202, 201), ("notes", "companies", 190, 189), ("notes", "deals", 214, 213),
    ("calls", "contacts", 194, 193), ("calls", "companies", 182, 181), ("calls", "deals", 206, 205),
    ("emails", "contacts", 198, 197), ("emails", "companies", 186, 185), ("emails", "deals", 210, 209),
    ("meetings", "contacts", 200, 199), ("meetings", "companies", 188, 187), ("meetings", "deals", 212, 211),
    ("contacts", "contacts", 449, 449), ("companies", "companies", 450, 450),
)  # fmt: skip
UNLABELED: Mapping[tuple[str, str], int] = {
    **{(a, b): there for a, b, there, _ in _PAIRS},
    **{(b, a): back for a, b, _, back in _PAIRS},
}
#: parent to child, child to parent: the one pair of labels among companies that a sync needs
PARENT, CHILD = 13, 14


def definitions(kind: str) -> dict[str, dict[str, Any]]:
    """name → property of an object, as the account has them at the start."""
    found = {}
    for line in _TEXT[kind].strip().splitlines():
        if not line.strip():
            continue
        name, shape, *rest = line.split()
        kind_of, _, look = shape.partition("/")
        options = next((word[1:].split("|") for word in rest if word.startswith("=")), [])
        found[name] = definition(name, kind_of, look or _look(kind_of), options, "ro" in rest, "ext" in rest)
    return found


def definition(
    name: str, shape: str, look: str, options: list[str], read_only: bool, external: bool = False
) -> dict[str, Any]:
    """One property of HubSpot's own."""
    if shape == "bool":
        options = ["true", "false"]
    one: dict[str, Any] = {
        "updatedAt": "2024-01-08T08:00:00.000Z",
        "createdAt": "2024-01-08T08:00:00.000Z",
        "name": name,
        "label": name.replace("_", " ").strip().capitalize(),
        "type": shape,
        "fieldType": look,
        "description": "",
        "groupName": "information",
        "options": [
            {
                "label": LABELS.get(value) or value.replace("_", " ").title(),
                "value": value,
                "displayOrder": place,
                "hidden": False,
            }
            for place, value in enumerate(options)
        ],
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": external,
        "hasUniqueValue": False,
        "hidden": False,
        "hubspotDefined": True,
        "modificationMetadata": {"archivable": True, "readOnlyDefinition": True, "readOnlyValue": read_only},
        "formField": not read_only,
        "dataSensitivity": "non_sensitive",
    }
    if name == "hubspot_owner_id":
        one["referencedObjectType"] = "OWNER"
    return one


def _look(shape: str) -> str:
    return {"number": "number", "datetime": "date", "date": "date"}.get(shape, "text")
