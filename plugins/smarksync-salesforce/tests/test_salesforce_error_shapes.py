"""Every error shape of vendors/crm.md 1.2 and 1.9: what class or code it gets, what people read, what happens to the record."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_org import Org

from smarksync.plugin import AuthFailed, Invalid, PermissionDenied, SystemFailure, Throttled, Transient, WriteResult

_R = WriteResult
#: (statusCode, message, fields) of a row's error, as the sheet has it → (result, our code, field)
ROWS: tuple[tuple[str, str, list[str], WriteResult, str, str | None], ...] = (
    ("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"], _R.REJECTED, "SMK-REQUIRED", "LastName"),
    ("INVALID_FIELD", "No such column 'Citty' on sobject of type Lead", [], _R.REJECTED, "SMK-INVALID", None),
    ("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: MasterRecordId. Please check the security settings of this field", ["MasterRecordId"], _R.REJECTED, "SMK-READ-ONLY", "MasterRecordId"),
    ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Rating: bad value for restricted picklist field: Tepid", ["Rating"], _R.REJECTED, "SMK-PICKLIST-UNMAPPED", "Rating"),
    ("STRING_TOO_LONG", "City: data value too large: Bath (max length=40)", ["City"], _R.REJECTED, "SMK-TOO-LONG", "City"),
    ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: badone", [], _R.REJECTED, "SMK-VALUE-TYPE", "Email"),
    ("INVALID_TYPE_ON_FIELD_IN_RECORD", "AnnualRevenue: value not of required type: much", ["AnnualRevenue"], _R.REJECTED, "SMK-VALUE-TYPE", "AnnualRevenue"),
    ("MALFORMED_ID", "malformed id 001RM000003oLrB000", [], _R.REJECTED, "SMK-VALUE-TYPE", None),
    ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Leads of Bath are not taken", [], _R.REJECTED, "SMK-REFUSED", None),
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "LeadTrigger: execution of BeforeUpdate", [], _R.REJECTED, "SMK-REFUSED", None),
    ("INACTIVE_OWNER_OR_USER", "operation performed with inactive user [0055g000000LEFT]", [], _R.REJECTED, "SMK-REFUSED", "OwnerId"),
    ("FIELD_INTEGRITY_EXCEPTION", "There's a problem with this country", ["Country"], _R.REJECTED, "SMK-REFUSED", "Country"),
    ("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [], _R.REJECTED, "SMK-PERMISSION", None),
    ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "insufficient access rights on cross-reference id", [], _R.REJECTED, "SMK-PERMISSION", None),
    ("DUPLICATE_EXTERNAL_ID", "more than one record found for external id field", [], _R.REJECTED, "SMK-DUPLICATE", None),
    ("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [], _R.CONFLICT, "SMK-CONVERTED", None),
    ("ENTITY_IS_DELETED", "entity is deleted", [], _R.CONFLICT, "SMK-GONE", None),
    ("NOT_FOUND", "The requested resource does not exist", [], _R.CONFLICT, "SMK-GONE", None),
    ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", [], _R.RETRY, "SMK-TRANSIENT", None),
    ("ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back because not all records were valid", [], _R.RETRY, "SMK-TRANSIENT", None),
    ("TXN_SECURITY_METERING_ERROR", "We can't complete the action because enabled transaction security policies took too long", [], _R.RETRY, "SMK-TRANSIENT", None),
    ("SERVER_UNAVAILABLE", "Server unavailable", [], _R.RETRY, "SMK-TRANSIENT", None),
    ("REQUEST_RUNNING_TOO_LONG", "Your request was running for too long", [], _R.RETRY, "SMK-TRANSIENT", None),
    ("LIMIT_EXCEEDED", "limit exceeded", [], _R.RETRY, "SMK-THROTTLED", None),
    ("UNKNOWN_EXCEPTION", "An unexpected error occurred", [], _R.UNKNOWN, "SMK-UNKNOWN", None),
    ("NEVER_HEARD_OF", "something new", [], _R.REJECTED, "SMK-REFUSED", None),
)  # fmt: skip


@pytest.mark.parametrize(("code", "words", "fields", "result", "ours", "field"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_is_told_by_its_code(
    org: Org, code: str, words: str, fields: list[str], result: WriteResult, ours: str, field: str | None
) -> None:
    rid = org.lead()
    org.connector.describe("Lead")
    error = {"statusCode": code, "message": words, "fields": fields}
    org.sim.faults.answer(200, [{"success": False, "errors": [error]}], method="PATCH", times=None)
    receipt = org.update(rid, City="Bath")
    assert (receipt.result, receipt.code, receipt.field) == (result, ours, field)
    said = str(receipt.message)
    assert said.startswith(f"{code}: ") and "Bath" not in said, "the vendor's words, without what was sent"
    assert org.sim.find("Lead").get("City") is None


def test_a_code_is_read_under_either_name(org: Org) -> None:
    # 1.7, TRAP: collections say statusCode, single calls errorCode
    rid = org.lead()
    org.connector.describe("Lead")
    error = {"errorCode": "ENTITY_IS_DELETED", "message": "entity is deleted", "fields": []}
    org.sim.faults.answer(200, [{"success": False, "errors": [error]}], method="PATCH")
    assert org.update(rid, City="Bath").code == "SMK-GONE"


def test_a_bad_reference_is_told_from_a_record_that_is_gone(org: Org) -> None:
    rid = org.lead()
    error = {"statusCode": "INVALID_CROSS_REFERENCE_KEY", "message": "invalid cross reference id", "fields": []}
    org.sim.faults.answer(200, [{"success": False, "errors": [error]}], method="PATCH", times=2)
    receipt = org.update(rid, OwnerId="0055g000000NOBODY")
    assert (receipt.result, receipt.code) == (WriteResult.REJECTED, "SMK-PARENT")
    org.sim.delete("Lead", rid)
    receipt = org.update(rid, OwnerId="0055g000000NOBODY")
    assert (receipt.result, receipt.code) == (WriteResult.CONFLICT, "SMK-GONE")


#: (status, errorCode, message) of a whole call → class, and a word that people read
CALLS: tuple[tuple[int, str, str, type[SystemFailure], str], ...] = (
    (403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner", PermissionDenied, "right"),
    (403, "API_CURRENTLY_DISABLED", "API is currently disabled", PermissionDenied, "right"),
    (403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights", PermissionDenied, "right"),
    (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", Throttled, "today"),
    (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", Throttled, "at once"),
    (400, "INVALID_TYPE", "sObject type 'Leed' is not supported", Invalid, "Leed"),
    (400, "TXN_SECURITY_METERING_ERROR", "took too long", Transient, "busy"),
    (401, "INVALID_SESSION_ID", "Session expired or invalid", AuthFailed, "401"),
    (404, "NOT_FOUND", "The requested resource does not exist", Invalid, "does not exist"),
    (405, "METHOD_NOT_ALLOWED", "HTTP Method 'GET' not allowed", Invalid, "not allowed"),
    (503, "SERVER_UNAVAILABLE", "Server unavailable", Transient, "503"),
)  # fmt: skip


@pytest.mark.parametrize(("status", "code", "words", "kind", "read"), CALLS, ids=[f"{c[1]}-{c[2][:5]}" for c in CALLS])
def test_a_call_is_told_by_its_code(
    org: Org, status: int, code: str, words: str, kind: type[SystemFailure], read: str
) -> None:
    body: list[dict[str, Any]] = [{"message": words, "errorCode": code}]
    org.sim.faults.answer(status, body, path="*/sobjects/Lead/describe", times=None)
    with pytest.raises(kind) as failure:
        org.connector.describe("Lead")
    assert read in str(failure.value)


@pytest.mark.parametrize(
    "error", ["invalid_grant", "invalid_client_id", "invalid_client", "unsupported_grant_type", "invalid_app_access"]
)
def test_a_refused_login_says_why(org: Org, error: str) -> None:
    body = {"error": error, "error_description": "user hasn't approved this consumer"}
    org.sim.faults.answer(400, body, path="/services/oauth2/token", times=None)
    with pytest.raises(AuthFailed, match="approved") as failure:
        org.connector.describe("Lead")
    assert "credentials" in failure.value.hint
