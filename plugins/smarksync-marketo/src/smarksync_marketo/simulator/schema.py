"""The simulated instance's fields and activity types. Ids of types are data here, as they are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..fields import OUR_FIELDS


@dataclass(frozen=True)
class Field:
    """One field of an object."""

    name: str
    label: str
    type: str
    length: int | None = None
    writable: bool = True
    searchable: bool = False
    custom: bool = False
    company: bool = False

    def described(self, *, custom: bool = False) -> dict[str, Any]:
        """As ``describe2`` and its like show it."""
        shown: dict[str, Any] = {"name": self.name, "displayName": self.label, "dataType": self.type}
        if self.length:
            shown["length"] = self.length
        if custom:
            return {
                **shown, "description": None, "isHidden": False, "isHtmlEncodingInEmail": True, "isSensitive": False,
                "isCustom": self.custom,
            }  # fmt: skip
        return {**shown, "updateable": self.writable, "crmManaged": False}


def _text(name: str, label: str, **more: Any) -> Field:
    return Field(name, label, "string", 255, **more)


LEAD: tuple[Field, ...] = (
    Field("id", "Id", "integer", writable=False, searchable=True),
    Field("email", "Email Address", "email", 255, searchable=True),
    _text("salutation", "Salutation"),
    _text("firstName", "First Name"),
    _text("lastName", "Last Name", searchable=True),
    _text("title", "Job Title"),
    Field("phone", "Phone Number", "phone", 255),
    Field("mobilePhone", "Mobile Phone Number", "phone", 255),
    _text("company", "Company Name", company=True, searchable=True),
    Field("website", "Website", "url", 255, company=True),
    _text("industry", "Industry", company=True),
    Field("annualRevenue", "Annual Revenue", "currency", company=True),
    Field("numberOfEmployees", "Num Employees", "integer", company=True),
    Field("address", "Address", "text"),
    _text("city", "City"),
    _text("state", "State"),
    _text("postalCode", "Postal Code"),
    _text("country", "Country"),
    _text("leadSource", "Person Source"),
    Field("originalSourceInfo", "Original Source Info", "string", 255, writable=False),
    _text("leadStatus", "Person Status"),
    Field("leadScore", "Person Score", "score"),
    Field("unsubscribed", "Unsubscribed", "boolean"),
    Field("unsubscribedReason", "Unsubscribed Reason", "text"),
    Field("emailInvalid", "Email Invalid", "boolean"),
    Field("doNotCall", "Do Not Call", "boolean"),
    _text("externalCompanyId", "External Company Id", searchable=True),
    _text("externalSalesPersonId", "External Sales Person Id"),
    Field("createdAt", "Created At", "datetime", writable=False),
    Field("updatedAt", "Updated At", "datetime", writable=False),
)
OUR: tuple[Field, ...] = tuple(
    Field(name, label, kind, 255 if kind == "string" else None, searchable=kind == "string", custom=True)
    for name, (label, kind) in OUR_FIELDS.items()
)
COMPANY: tuple[Field, ...] = (
    Field("id", "Id", "integer", writable=False, searchable=True),
    Field("externalCompanyId", "External Company Id", "string", 100, writable=False, searchable=True),
    _text("company", "Company Name", searchable=True),
    Field("website", "Website", "url", 255),
    _text("mainPhone", "Main Phone"),
    _text("industry", "Industry"),
    Field("annualRevenue", "Annual Revenue", "currency"),
    Field("numberOfEmployees", "Num Employees", "integer"),
    _text("billingStreet", "Billing Address"),
    _text("billingCity", "Billing City"),
    _text("billingState", "Billing State"),
    _text("billingPostalCode", "Billing Postal Code"),
    _text("billingCountry", "Billing Country"),
    Field("createdAt", "Created At", "datetime", writable=False),
    Field("updatedAt", "Updated At", "datetime", writable=False),
)
OPPORTUNITY: tuple[Field, ...] = (
    Field("marketoGUID", "Marketo GUID", "string", 36, writable=False, searchable=True),
    Field("externalOpportunityId", "External Opportunity Id", "string", 50, writable=False, searchable=True),
    _text("name", "Name"),
    Field("description", "Description", "string", 2000),
    _text("type", "Type"),
    _text("stage", "Stage"),
    Field("amount", "Amount", "currency"),
    Field("probability", "Probability", "integer"),
    Field("closeDate", "Close Date", "date"),
    _text("source", "Source"),
    _text("externalCompanyId", "External Company Id"),
    Field("createdAt", "Created At", "datetime", writable=False),
    Field("updatedAt", "Updated At", "datetime", writable=False),
)

#: id → (name, primary attribute, attributes)
TYPES: dict[int, tuple[str, str, tuple[str, ...]]] = {
    1: ("Visit Webpage", "Webpage ID", ("Client IP Address", "Query Parameters", "Referrer URL", "User Agent", "Webpage URL")),
    2: ("Fill Out Form", "Webform ID", ("Client IP Address", "Form Fields", "Query Parameters", "Referrer URL", "User Agent", "Webpage ID")),
    3: ("Click Link", "Link ID", ("Client IP Address", "Query Parameters", "Referrer URL", "User Agent", "Webpage ID")),
    6: ("Send Email", "Mailing ID", ("Campaign Run ID", "Step ID")),
    7: ("Email Delivered", "Mailing ID", ("Campaign Run ID", "Step ID")),
    8: ("Email Bounced", "Mailing ID", ("Category", "Details", "Email")),
    9: ("Unsubscribe Email", "Mailing ID", ("Client IP Address", "Webform ID")),
    10: ("Open Email", "Mailing ID", ("Device", "Is Mobile Device", "Is Bot Activity", "Bot Activity Pattern", "Platform", "User Agent")),
    11: ("Click Email", "Mailing ID", ("Device", "Is Mobile Device", "Is Bot Activity", "Bot Activity Pattern", "Link", "Platform")),
    12: ("New Lead", "", ("Source Type", "Form Name", "Modifying User", "API Method Name")),
    13: ("Change Data Value", "Attribute Name", ("New Value", "Old Value", "Reason", "Source", "Modifying User", "API Method Name")),
    22: ("Change Score", "Score", ("Change Value", "New Value", "Old Value", "Reason")),
    24: ("Add to List", "List ID", ("Source",)),
    25: ("Remove from List", "List ID", ("Source",)),
    27: ("Email Bounced Soft", "Mailing ID", ("Category", "Details", "Email")),
    32: ("Merge Leads", "Lead ID", ("Merge IDs", "Merge Source")),
    37: ("Delete Lead", "Lead ID", ("Campaign", "Remove From CRM")),
    46: ("Interesting Moment", "Milestone", ("Date", "Description", "Source", "Type")),
    104: ("Change Status in Progression", "Program ID", ("New Status", "Old Status", "Reason", "Program Member ID", "Acquired By", "Success")),
    100001: ("Sales Touch", "Touch", ("Subject", "Result", "Url")),
}  # fmt: skip
NEW_LEAD, CHANGE, SCORE, MERGE, DELETE = 12, 13, 22, 32, 37
LIST_ADD, LIST_REMOVE, PROGRAM_STATUS = 24, 25, 104
#: statuses of every channel here, by step
STATUSES = ("Not in Program", "Member", "Registered", "Attended", "Influenced")


def type_id(name: str) -> int:
    """The id of a type of that name."""
    return next(number for number, (known, _, _) in TYPES.items() if known == name)


def described_types() -> list[dict[str, Any]]:
    """As ``activities/types`` shows them."""
    return [
        {
            "id": number,
            "name": name,
            "description": name,
            **({"apiName": name[:1].lower() + name[1:].replace(" ", "")} if number > 100_000 else {}),
            **({"primaryAttribute": {"name": primary, "dataType": "string"}} if primary else {}),
            "attributes": [{"name": one, "dataType": "string"} for one in attributes],
        }
        for number, (name, primary, attributes) in TYPES.items()
    ]
