"""What surrounds the records: tokens, the account, its schema, owners, consent, forms, events, campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.simulator import Answer, Request, route

from .lists import Lists
from .schema import PIPELINE, STAGES
from .shared import ROWS, body_of, names_in
from .store import iso
from .values import error, paged

_SHAPES = {"string", "number", "date", "datetime", "bool", "enumeration", "phone_number"}
#: what a new property may say of itself (HubSpot's OpenAPI description, PropertyCreate)
_DEFINED = (
    "name", "label", "type", "fieldType", "groupName", "description", "displayOrder", "formField", "hasUniqueValue",
    "hidden", "options", "externalOptions", "calculationFormula", "referencedObjectType", "dataSensitivity",
)  # fmt: skip
#: one subscription of an address, and why it may be changed (addendum of marketing.md)
_STATUS = ("channel", "statusState", "subscriptionId", "legalBasis", "legalBasisExplanation")
_LEGAL_BASES = (
    "CONSENT_WITH_NOTICE", "LEGITIMATE_INTEREST_CLIENT", "LEGITIMATE_INTEREST_OTHER", "LEGITIMATE_INTEREST_PQL",
    "NON_GDPR", "PERFORMANCE_OF_CONTRACT", "PROCESS_AND_STORE",
)  # fmt: skip
_FORMS = ("all", "blog_comment", "captured", "flow", "hubspot")


class Account(Lists):
    """Routes beside the objects API. ``owners``, ``forms`` … are filled by the seed."""

    owners: dict[str, dict[str, Any]]
    subscriptions: dict[int, str]
    statuses: dict[tuple[str, int], str]
    forms: dict[str, str]
    submissions: dict[str, list[dict[str, Any]]]
    events: list[dict[str, Any]]
    campaigns: list[dict[str, Any]]

    # ---- credentials

    @route("POST", "/oauth/v1/token", query=(), write=False)
    def token(self, request: Request) -> Answer:
        """A refresh token for an access token of half an hour (crm.md 2.2)."""
        form = request.form()
        if form.get("client_id") != self.client_id or form.get("client_secret") != self.client_secret:
            return Answer(400, {"status": "BAD_CLIENT_ID", "message": "missing or invalid client id"})
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.refresh_token:
            return Answer(400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"})
        self.issued += 1
        access = f"access-{self.seed}-{self.issued}"
        if self.rotates:
            self.refresh_token = f"refresh-{self.seed}-{self.issued}"
        self.tokens[access] = self.now().timestamp() + 1800
        return Answer(
            200,
            {
                "token_type": "bearer",
                "refresh_token": self.refresh_token,
                "access_token": access,
                "expires_in": 1800,
                "hub_id": self.portal,
                "scopes": ["crm.objects.contacts.read", "crm.objects.contacts.write"],
            },
        )

    client_id = "sim-client"
    client_secret = "sim-secret"
    refresh_token = "refresh-sim"
    rotates = False
    issued = 0
    tokens: dict[str, float]

    # ---- the account and its schema

    @route("GET", "/account-info/v3/details", query=())
    def details(self, request: Request) -> Answer:
        """Which account this is (crm.md 2.3)."""
        return Answer(
            200,
            {
                "portalId": self.portal,
                "accountType": "STANDARD",
                "timeZone": "Europe/Berlin",
                "companyCurrency": "EUR",
                "additionalCurrencies": ["USD", "GBP"],
                "utcOffset": "+01:00",
                "utcOffsetMilliseconds": 3_600_000,
                "uiDomain": "app-eu1.hubspot.com",
                "dataHostingLocation": "eu1",
            },
        )

    @route("GET", "/crm/v3/properties/{kind}", query=("archived", "properties"))
    def list_properties(self, request: Request) -> Answer:
        """Every property of an object, not paged (crm.md 2.4)."""
        return Answer(200, {"results": list(self.store.properties[self.kind(request)].values())})

    @route("GET", "/crm/v3/properties/{kind}/{name}", query=("archived",))
    def get_property(self, request: Request) -> Answer:
        """One property."""
        found = self.store.properties[self.kind(request)].get(request.params["name"])
        return Answer(200, found) if found else self.missing()

    @route("POST", "/crm/v3/properties/{kind}/groups", query=())
    def create_group(self, request: Request) -> Answer:
        """A group that properties are shown in."""
        kind, body = self.kind(request), body_of(request, ("name", "label", "displayOrder"))
        if body.get("name") in self.store.groups[kind]:
            return error(409, f"A property group named '{body.get('name')}' already exists.", "OBJECT_ALREADY_EXISTS")
        self.store.groups[kind].add(str(body["name"]))
        return Answer(201, {"name": body["name"], "label": body.get("label"), "displayOrder": -1, "archived": False})

    @route("POST", "/crm/v3/properties/{kind}", query=())
    def create_property(self, request: Request) -> Answer:
        """A property of the account's own."""
        kind, body = self.kind(request), body_of(request, _DEFINED)
        lacking = [name for name in ("groupName", "name", "label", "type", "fieldType") if not body.get(name)]
        if lacking:
            message = (
                f"Invalid input JSON on line 1, column 1. Some required fields were not set: [{', '.join(lacking)}]"
            )
            return error(400, message)
        name = str(body["name"])
        if name in self.store.properties[kind]:
            return error(409, f"A property named '{name}' already exists.", "OBJECT_ALREADY_EXISTS")
        if body["groupName"] not in self.store.groups[kind]:
            return error(400, f"Property group '{body['groupName']}' does not exist.")
        if body["type"] not in _SHAPES or (body["type"] == "enumeration" and not body.get("options")):
            return error(400, f"{body['type']} is no type, or lacks its options")
        if body.get("hasUniqueValue") and sum(p["hasUniqueValue"] for p in self.store.properties[kind].values()) >= 10:
            return error(400, "You can have 10 unique properties at most.")
        self.add_property(kind, body)
        return Answer(201, self.store.properties[kind][name])

    def add_property(self, kind: str, body: Mapping[str, Any]) -> None:
        """Makes a property as its definition says."""
        now = iso(self.store.stamp())
        self.store.properties[kind][str(body["name"])] = {
            "updatedAt": now, "createdAt": now, "displayOrder": -1, "calculated": False, "externalOptions": False,
            "hasUniqueValue": False, "hidden": False, "description": "", "options": [], **body, "hubspotDefined": False,
            "modificationMetadata": {"archivable": True, "readOnlyDefinition": False, "readOnlyValue": False},
            "formField": False, "dataSensitivity": "non_sensitive",
        }  # fmt: skip

    @route("GET", "/crm/v3/pipelines/{kind}", query=())
    def pipelines(self, request: Request) -> Answer:
        """Pipelines with their stages (crm.md 2.3)."""
        if self.kind(request) != "deals":
            return Answer(200, {"results": []})
        stages = [
            {
                "id": name,
                "label": label,
                "displayOrder": place,
                "metadata": {"isClosed": closed, "probability": chance},
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                "archived": False,
            }
            for place, (name, (label, closed, chance)) in enumerate(STAGES.items())
        ]
        one = {"id": PIPELINE, "label": "Sales Pipeline", "displayOrder": 0, "archived": False, "stages": stages}
        return Answer(200, {"results": [one]})

    # ---- owners

    @route("GET", "/crm/v3/owners", query=("limit", "after", "archived", "email"))
    def list_owners(self, request: Request) -> Answer:
        """Our own people; those who left only with ``archived=true``."""
        archived, email = request.query.get("archived").lower() == "true", request.query.get("email").lower()
        rows = [
            owner
            for owner in self.owners.values()
            if owner["archived"] == archived and email in ("", str(owner["email"]).lower())
        ]
        return Answer(200, paged(rows, request, 100))

    # ---- consent

    @route("GET", "/communication-preferences/v4/definitions", query=("businessUnitId", "includeTranslations"))
    def subscription_types(self, request: Request) -> Answer:
        """What people can subscribe to."""
        rows = [{"id": str(one), "name": name, "isActive": True} for one, name in self.subscriptions.items()]
        return Answer(200, {"status": "COMPLETE", "results": rows})

    @route("GET", "/communication-preferences/v4/statuses/{email}", query=("channel", "businessUnitId"))
    def statuses_of(self, request: Request) -> Answer:
        """What an address is subscribed to."""
        address = request.params["email"].lower()
        return Answer(
            200, {"status": "COMPLETE", "results": [self._status(address, one) for one in self.subscriptions]}
        )

    @route("POST", "/communication-preferences/v4/statuses/{email}", query=("viaSubscriptionCenter",))
    def set_status(self, request: Request) -> Answer:
        """One subscription of an address; coming back lifts the opt-out from everything (addendum of marketing.md)."""
        address, body = request.params["email"].lower(), body_of(request, _STATUS)
        if body.get("channel") != "EMAIL" or body.get("legalBasis") not in (None, *_LEGAL_BASES):
            return error(400, "channel must be EMAIL, and legalBasis one of those that there are")
        one, state = int(body.get("subscriptionId") or 0), body.get("statusState")
        if one not in self.subscriptions or state not in ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED"):
            return error(400, "subscriptionId and statusState must be given")
        if self.quirks.data_privacy and state == "SUBSCRIBED" and not body.get("legalBasis"):
            return error(400, "legalBasis is required in accounts with data privacy settings")
        self.statuses[address, one] = str(state)
        if state == "SUBSCRIBED":
            self._opted(address, False)
        return Answer(200, {"status": "COMPLETE", "results": [self._status(address, one)]})

    @route(
        "POST",
        "/communication-preferences/v4/statuses/batch/unsubscribe-all",
        query=("channel", "businessUnitId", "verbose"),
    )
    def unsubscribe_many(self, request: Request) -> Answer:
        """Many at once out of everything; one that is no address fails the call (HubSpot's OpenAPI description, v4)."""
        if not self.quirks.opts_out_together:
            return error(403, "This account may not change subscriptions in batches.", "MISSING_SCOPES")
        addresses = [str(one).lower() for one in body_of(request, ROWS).get("inputs") or ()]
        if not 0 < len(addresses) <= 100 or request.query.get("channel") != "EMAIL":
            return error(400, "channel must be EMAIL, and inputs 1 to 100 addresses")
        if any("@" not in address for address in addresses):
            return error(400, "every input must be an e-mail address")
        results = [{"subscriberIdString": one, "statuses": self._all_out(one)} for one in addresses]
        return Answer(200, {"status": "COMPLETE", "results": results if _verbose(request) else []})

    @route(
        "POST",
        "/communication-preferences/v4/statuses/{email}/unsubscribe-all",
        query=("channel", "businessUnitId", "verbose"),
    )
    def unsubscribe_all(self, request: Request) -> Answer:
        """Out of everything; what then stands is told only to who asks (``verbose``)."""
        address = request.params["email"].lower()
        if "@" not in address or request.query.get("channel") != "EMAIL":
            return error(400, "channel must be EMAIL and the subscriber an e-mail address")
        stands = self._all_out(address)
        return Answer(200, {"status": "COMPLETE", "results": stands if _verbose(request) else []})

    def _all_out(self, address: str) -> list[dict[str, Any]]:
        for one in self.subscriptions:
            self.statuses[address, one] = "UNSUBSCRIBED"
        self._opted(address, True)
        return [self._status(address, one) for one in self.subscriptions]

    def _status(self, address: str, one: int) -> dict[str, Any]:
        return {
            "subscriptionId": one,
            "subscriptionName": self.subscriptions[one],
            "subscriberIdString": address,
            "channel": "EMAIL",
            "source": "API",
            "status": self.statuses.get((address, one), "NOT_SPECIFIED"),
            "timestamp": iso(self.store.stamp()),
        }

    def _opted(self, address: str, out: bool) -> None:
        self.store.opted[address] = "true" if out else "false"
        row = self.store.holder("contacts", "email", address)
        if row is not None and address == str(row.properties.get("email") or "").lower():
            self.store.change("contacts", row, {"hs_email_optout": "true" if out else "false"}, "EMAIL", "preferences")

    # ---- what people did

    @route("GET", "/marketing/v3/forms", query=("limit", "after", "archived", "formTypes"))
    def list_forms(self, request: Request) -> Answer:
        """Forms."""
        if strange := {one for one in names_in(request.query.get("formTypes")) if one not in _FORMS}:
            return error(400, f"{sorted(strange)} are no types of forms")
        rows = [{"id": one, "name": name, "formType": "hubspot", "archived": False} for one, name in self.forms.items()]
        return Answer(200, paged(rows, request, 500))

    @route("GET", "/form-integrations/v1/submissions/forms/{id}", query=("limit", "after"))
    def list_submissions(self, request: Request) -> Answer:
        """Submissions of a form, newest first, 50 at most."""
        if request.params["id"] not in self.forms:
            return self.missing()
        rows = sorted(self.submissions.get(request.params["id"], []), key=lambda row: -int(row["submittedAt"]))
        return Answer(200, paged(rows, request, 50, default=20))

    @route(
        "GET",
        "/email/public/v1/events",
        query=("limit", "offset", "startTimestamp", "endTimestamp", "eventType", "recipient", "campaignId", "appId"),
    )
    def list_events(self, request: Request) -> Answer:
        """E-mail events in a window of time, newest first (marketing.md 4.5)."""
        query = request.query
        low, high = int(query.get("startTimestamp", "0")), int(query.get("endTimestamp") or 2**62)
        rows = [one for one in self.events if low <= one["created"] <= high]
        if query.get("eventType"):
            rows = [one for one in rows if one["type"] == query.get("eventType")]
        rows.sort(key=lambda one: -int(one["created"]))
        start, count = int(query.get("offset") or 0), int(query.get("limit") or 100)
        page = rows[start : start + count]
        more = start + len(page) < len(rows)
        return Answer(200, {"hasMore": more, "offset": str(start + len(page)), "events": page})

    @route("GET", "/marketing/v3/campaigns", query=("limit", "after", "sort", "name", "properties"))
    def list_campaigns(self, request: Request) -> Answer:
        """Marketing campaigns with the properties asked for."""
        wanted = [name for name in request.query.get("properties").split(",") if name]
        answer = paged(self.campaigns, request, 100, default=50)
        answer["results"] = [
            {**one, "properties": {name: one["properties"].get(name) for name in wanted}} for one in answer["results"]
        ]
        return Answer(200, answer)


def _verbose(request: Request) -> bool:
    return request.query.get("verbose").lower() == "true"
