"""The objects of a simulated org: fields, types, lengths, pick lists, and how ``describe`` shows them.

Written one field a line: ``Name type(length|targets) flags = values``. Lengths and defaults are those of recorded
describes (vendors/crm.md 1.3, REAL; 1.4 for the keys of a described field).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_SYSTEM = """
Id id(18) readonly
IsDeleted boolean readonly
CreatedDate datetime readonly
CreatedById reference(User) readonly
LastModifiedDate datetime readonly
LastModifiedById reference(User) readonly
SystemModstamp datetime readonly
"""
_STATUS = "Open - Not Contacted|Working - Contacted|Closed - Converted|Closed - Not Converted"
_INDUSTRY = "Manufacturing|Technology|Retail|Healthcare|Finance|Education|Transportation|Energy|Other"
_SOURCE = "Web|Phone Inquiry|Partner Referral|Purchased List|Trade Show|Other"
_STAGES = (
    "Prospecting|Qualification|Needs Analysis|Value Proposition|Proposal/Price Quote|Negotiation/Review|"
    "Closed Won|Closed Lost"
)
_LIFECYCLE = "subscriber|lead|mql|sal|sql|opportunity|customer|evangelist|recycled|disqualified|lost"
_JOURNEY = "awareness_early|awareness_late|consideration_early|consideration_late|decision_early|decision_late"
_HANDOFF = "none|qualified|offered|accepted|rejected|working|sql|opportunity|won|lost|recycled|merged|withdrawn"
#: what an administrator adds for SmarkSync (README.md of the plugin)
_OUR_ID = "SmarkSync_Id__c string(64) externalid unique custom\n"
_OURS = f"""
{_OUR_ID}
SmarkSync_Lifecycle__c picklist restricted custom = {_LIFECYCLE}
SmarkSync_Journey__c picklist restricted custom = {_JOURNEY}
SmarkSync_Score__c double custom
SmarkSync_Persona__c string(40) custom
SmarkSync_Handoff_State__c picklist restricted custom = {_HANDOFF}
SmarkSync_Handoff_At__c datetime custom
SmarkSync_Handoff_Due_At__c datetime custom
SmarkSync_Handoff_Note__c textarea(4000) custom
"""
_PERSON = """
Salutation picklist = Mr.|Ms.|Mrs.|Dr.|Prof.|Mx.
FirstName string(40)
LastName string(80) required
Name string(121) readonly
Title string(128)
Email email(80) idlookup
Phone phone(40)
MobilePhone phone(40)
Fax phone(40)
Description textarea(32000)
HasOptedOutOfEmail boolean defaulted
HasOptedOutOfFax boolean defaulted
DoNotCall boolean defaulted
EmailBouncedReason string(255)
EmailBouncedDate datetime
LastActivityDate date readonly
"""
OBJECTS: dict[str, tuple[str, str]] = {
    "Lead": ("00Q", _PERSON + _OURS + f"""
MasterRecordId reference(Lead) readonly
Company string(255) required
Street textarea(255)
City string(40)
State string(80)
PostalCode string(20)
Country string(80)
Address address readonly
Website url(255)
LeadSource picklist = {_SOURCE}
Status picklist required defaulted restricted = {_STATUS}
Industry picklist = {_INDUSTRY}
Rating picklist = Hot|Warm|Cold
AnnualRevenue currency
NumberOfEmployees int
OwnerId reference(Group,User) required defaulted
IsConverted boolean readonly
ConvertedDate date readonly
ConvertedAccountId reference(Account) readonly
ConvertedContactId reference(Contact) readonly
ConvertedOpportunityId reference(Opportunity) readonly
IsUnreadByOwner boolean defaulted
"""),
    "Contact": ("003", _PERSON + _OURS + f"""
MasterRecordId reference(Contact) readonly
AccountId reference(Account)
MailingStreet textarea(255)
MailingCity string(40)
MailingState string(80)
MailingPostalCode string(20)
MailingCountry string(80)
MailingAddress address readonly
Department string(80)
LeadSource picklist = {_SOURCE}
OwnerId reference(User) required defaulted
ReportsToId reference(Contact)
IsEmailBounced boolean readonly
"""),
    "Account": ("001", _OUR_ID + f"""
MasterRecordId reference(Account) readonly
Name string(255) required
Website url(255)
Phone phone(40)
Industry picklist = {_INDUSTRY}
NumberOfEmployees int
AnnualRevenue currency
BillingStreet textarea(255)
BillingCity string(40)
BillingState string(80)
BillingPostalCode string(20)
BillingCountry string(80)
BillingAddress address readonly
Type picklist = Prospect|Customer - Direct|Customer - Channel|Channel Partner / Reseller|Technology Partner|Competitor|Other
ParentId reference(Account)
OwnerId reference(User) required defaulted
Description textarea(32000)
AccountSource picklist = {_SOURCE}
"""),
    "Opportunity": ("006", _OUR_ID + f"""
Name string(120) required
AccountId reference(Account)
StageName picklist required restricted = {_STAGES}
CloseDate date required
Amount currency
Probability percent
ForecastCategoryName picklist = Pipeline|Best Case|Commit|Omitted|Closed
LeadSource picklist = {_SOURCE}
Type picklist = New Customer|Existing Customer - Upgrade|Existing Customer - Replacement
CampaignId reference(Campaign)
OwnerId reference(User) required defaulted
Description textarea(32000)
IsClosed boolean readonly
IsWon boolean readonly
Loss_Reason__c picklist custom = price|no_decision|competitor|timing|other
"""),
    "OpportunityContactRole": ("00K", """
OpportunityId reference(Opportunity) required noupdate
ContactId reference(Contact) required noupdate
Role picklist = Business User|Decision Maker|Economic Buyer|Evaluator|Influencer|Other
IsPrimary boolean defaulted
"""),
    "Campaign": ("701", _OUR_ID + """
Name string(80) required
Type picklist = Webinar|Conference|Trade Show|Email|Advertisement|Referral Program|Content|Other
Status picklist defaulted = Planned|In Progress|Completed|Aborted
StartDate date
EndDate date
IsActive boolean defaulted
BudgetedCost currency
ActualCost currency
ExpectedRevenue currency
ParentId reference(Campaign)
OwnerId reference(User) required defaulted
Description textarea(32000)
NumberOfLeads int readonly
NumberOfContacts int readonly
NumberOfResponses int readonly
"""),
    "CampaignMember": ("00v", """
CampaignId reference(Campaign) required noupdate
LeadId reference(Lead) noupdate
ContactId reference(Contact) noupdate
Status picklist defaulted = Sent|Responded|Registered|Attended
HasResponded boolean readonly
FirstRespondedDate date readonly
"""),
    "Task": ("00T", """
WhoId reference(Contact,Lead)
WhatId reference(Account,Campaign,Opportunity)
Subject string(255)
Status picklist required defaulted = Not Started|In Progress|Completed|Waiting on someone else|Deferred
Priority picklist required defaulted = High|Normal|Low
ActivityDate date
ReminderDateTime datetime
IsReminderSet boolean defaulted
OwnerId reference(Group,User) required defaulted
Description textarea(32000)
TaskSubtype picklist defaulted noupdate restricted = Task|Email|Call|ListEmail|Cadence|LinkedIn
Type picklist = Call|Email|Meeting|Other
CallType picklist = Internal|Inbound|Outbound
CallDurationInSeconds int
CallDisposition string(255)
CompletedDateTime datetime readonly
AccountId reference(Account) readonly
IsClosed boolean readonly
IsArchived boolean readonly
"""),
    "Event": ("00U", """
WhoId reference(Contact,Lead)
WhatId reference(Account,Campaign,Opportunity)
Subject string(255)
StartDateTime datetime
EndDateTime datetime
ActivityDateTime datetime
DurationInMinutes int
IsAllDayEvent boolean defaulted
OwnerId reference(User) required defaulted
Description textarea(32000)
Type picklist = Call|Email|Meeting|Other
EventSubtype picklist defaulted noupdate restricted = Event
Location string(255)
AccountId reference(Account) readonly
"""),
    "User": ("005", """
Username string(80) required idlookup
Email email(128) required
FirstName string(40)
LastName string(80) required
Name string(121) readonly
IsActive boolean defaulted
UserType picklist readonly = Standard|AutomatedProcess
Department string(80)
Country string(80)
TimeZoneSidKey picklist required = America/New_York|Europe/London|Europe/Berlin|Europe/Paris|UTC
ProfileId reference(Profile) required
"""),
    "Group": ("00G", """
Name string(40) required
DeveloperName string(80)
Type picklist required = Queue|Regular|Role
Email email(255)
"""),
}  # fmt: skip
#: child relationship → (child object, the field that points at its parent)
CHILDREN = {"Opportunity": {"OpportunityContactRoles": ("OpportunityContactRole", "OpportunityId")}}
_LINE = re.compile(r"(\w+) (\w+)(?:\(([^)]*)\))?([^=]*)(?:= (.*))?")


@dataclass(slots=True)
class Field:
    """One field of an object, as ``describe`` tells it."""

    name: str
    type: str
    length: int
    refers_to: tuple[str, ...]
    flags: frozenset[str]
    values: tuple[str, ...]

    @property
    def createable(self) -> bool:
        return "readonly" not in self.flags

    @property
    def updateable(self) -> bool:
        return self.createable and "noupdate" not in self.flags

    @property
    def nillable(self) -> bool:
        return "required" not in self.flags and self.type != "boolean"

    @property
    def required(self) -> bool:
        return self.createable and not self.nillable and "defaulted" not in self.flags and self.type != "boolean"

    @property
    def relationship(self) -> str | None:
        if self.type != "reference":
            return None
        return self.name.removesuffix("Id") if not self.name.endswith("__c") else self.name[:-1] + "r"

    def described(self) -> dict[str, Any]:
        """One member of ``fields[]``."""
        return {
            "name": self.name, "label": self.name.removesuffix("__c").replace("_", " "), "type": self.type,
            "length": self.length, "byteLength": self.length * 3, "digits": 8 if self.type == "int" else 0,
            "precision": 18 if self.type in ("double", "currency", "percent") else 0,
            "scale": 2 if self.type == "currency" else 0,
            "nillable": self.nillable, "createable": self.createable, "updateable": self.updateable,
            "defaultedOnCreate": "defaulted" in self.flags or self.type == "boolean", "defaultValue": None,
            "calculated": False, "externalId": "externalid" in self.flags,
            "idLookup": bool(self.flags & {"idlookup", "externalid"}) or self.type == "id",
            "unique": "unique" in self.flags, "caseSensitive": False,
            "restrictedPicklist": "restricted" in self.flags, "dependentPicklist": False, "controllerName": None,
            "picklistValues": [
                {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}
                for value in self.values
            ],
            "referenceTo": list(self.refers_to), "relationshipName": self.relationship, "custom": "custom" in self.flags,
            "encrypted": False, "filterable": not self.long, "sortable": not self.long, "groupable": not self.long,
            "permissionable": "required" not in self.flags, "polymorphicForeignKey": len(self.refers_to) > 1,
        }  # fmt: skip

    @property
    def long(self) -> bool:
        """Long text: neither filtered nor sorted by."""
        return self.type == "textarea" and self.length > 255


@dataclass(slots=True)
class SObject:
    """One object. Field names match without regard to case, as in SOQL."""

    name: str
    prefix: str
    fields: dict[str, Field]

    def find(self, name: str) -> Field | None:
        """The field of that name in any case."""
        found = self.fields.get(name)
        return found or next((f for f in self.fields.values() if f.name.lower() == name.lower()), None)

    def described(self, version: str) -> dict[str, Any]:
        """The answer of ``/describe``."""
        return {
            "name": self.name, "label": self.name, "labelPlural": f"{self.name}s", "keyPrefix": self.prefix,
            "createable": self.name not in ("User", "Group"), "updateable": True, "deletable": True, "queryable": True,
            "replicateable": True, "mergeable": self.name in ("Lead", "Contact", "Account"), "custom": False,
            "fields": [field.described() for field in self.fields.values()],
            "childRelationships": [
                {"childSObject": child, "field": field, "relationshipName": name}
                for name, (child, field) in CHILDREN.get(self.name, {}).items()
            ],
            "recordTypeInfos": [], "urls": {"sobject": f"/services/data/v{version}/sobjects/{self.name}"},
        }  # fmt: skip


def objects() -> dict[str, SObject]:
    """Fresh copies of all objects, so that one org may hide or add fields."""
    return {name: SObject(name, prefix, _fields(_SYSTEM + text)) for name, (prefix, text) in OBJECTS.items()}


def field(line: str) -> Field:
    """A field from its line."""
    match = _LINE.fullmatch(line)
    assert match, line
    name, kind, bracket, flags, values = match.groups()
    number = bracket and bracket.isdigit()
    length = int(bracket) if number else {"picklist": 255, "reference": 18}.get(kind, 0)
    refers = tuple(bracket.split(",")) if bracket and not number else ()
    words = tuple(values.split("|")) if values else ()
    return Field(name, kind, length, refers, frozenset(flags.split()), words)


def _fields(text: str) -> dict[str, Field]:
    made = (field(line.strip()) for line in text.splitlines() if line.strip())
    return {one.name: one for one in made}
