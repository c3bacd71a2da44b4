"""Every code of rest/error-codes that a call or a row may get: its class or code, what people read, what happens to the record."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smarksync.plugin import Invalid, Op, PermissionDenied, SystemFailure, Throttled, Transient, WriteResult

from .conftest import Instance

Make = Callable[..., Instance]
_R = WriteResult
#: record level (`reasons` of a row inside success)
ROWS = (
    ("1001", "Invalid value", _R.REJECTED, "SMK-INVALID"), ("1002", "Missing value for required parameter", _R.REJECTED, "SMK-INVALID"),
    ("1003", "Invalid data", _R.REJECTED, "SMK-INVALID"), ("1004", "Lead not found", _R.CONFLICT, "SMK-GONE"),
    ("1006", "Field 'shoeSize' not found", _R.REJECTED, "SMK-INVALID"), ("1008", "Access denied to partition", _R.REJECTED, "SMK-PERMISSION"),
    ("1009", "Partition name must be provided", _R.REJECTED, "SMK-INVALID"), ("1010", "Partition update not allowed", _R.REJECTED, "SMK-PERMISSION"),
    ("1012", "Invalid cookie value", _R.REJECTED, "SMK-INVALID"), ("1013", "Object not found", _R.CONFLICT, "SMK-GONE"),
    ("1014", "Failed to create Object", _R.REJECTED, "SMK-INVALID"), ("1015", "Lead not in list", _R.UNCHANGED, None),
    ("1018", "CRM Enabled", _R.REJECTED, "SMK-PERMISSION"), ("1021", "Company update not allowed in syncLead", _R.REJECTED, "SMK-PERMISSION"),
    ("1022", "Object in use", _R.REJECTED, "SMK-INVALID"), ("1037", "Lead skipped because it is already in or past this status", _R.UNCHANGED, None),
    ("1049", "Activity attributes are too large", _R.REJECTED, "SMK-INVALID"), ("611", "System error", _R.RETRY, "SMK-TRANSIENT"),
    ("713", "Transient Error", _R.RETRY, "SMK-TRANSIENT"), ("718", "ExternalSalesPersonID not found", _R.REJECTED, "SMK-INVALID"),
    ("719", "Lock wait timeout exception", _R.RETRY, "SMK-TRANSIENT"), ("4711", "something new", _R.REJECTED, "SMK-INVALID"),
)  # fmt: skip


@pytest.mark.parametrize(("code", "words", "result", "ours"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_is_told_by_its_code(marketo: Make, code: str, words: str, result: WriteResult, ours: str | None) -> None:
    m = marketo()
    number = m.world.add(email="ada@example.com", lastName="Lovelace")
    row = {"status": "skipped", "reasons": [{"code": code, "message": words}]}
    body = {"requestId": "1", "success": True, "result": [row]}
    m.sim.faults.answer(200, body, path="/rest/v1/leads.json", method="POST", times=None)
    (receipt,) = m.write(Op.UPDATE, {"lastName": "Byron"}, ids=[str(number)])
    assert (receipt.result, receipt.code) == (result, ours)
    assert ours is None or (words.split()[0] in str(receipt.message) and code in str(receipt.message))
    assert receipt.field == ("shoeSize" if code == "1006" else None)
    assert m.world.leads[number]["lastName"] == "Lovelace"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1005", "Lead already exists"),
        ("1007", "Multiple lead match lookup criteria"),
        ("1017", "Object already exists"),
    ],
)
def test_a_row_that_somebody_holds_names_who(marketo: Make, code: str, words: str) -> None:
    m = marketo()
    number = m.world.add(email="ada@example.com")
    body = {
        "requestId": "1",
        "success": True,
        "result": [{"status": "skipped", "reasons": [{"code": code, "message": words}]}],
    }
    m.sim.faults.answer(200, body, path="/rest/v1/leads.json", method="POST")
    (receipt,) = m.write(Op.CREATE, {"email": "ada@example.com"})
    assert (receipt.result, receipt.code, receipt.duplicate_of) == (_R.REJECTED, "SMK-DUPLICATE", (str(number),))


#: response level, inside HTTP 200: class, and whether it is asked again before people hear of it
CALLS: tuple[tuple[str, str, type[SystemFailure], bool], ...] = (
    ("500", "Internal error", Transient, True), ("502", "Bad gateway", Transient, True),
    ("603", "Access denied", PermissionDenied, False), ("604", "Request time-out", Transient, True),
    ("605", "HTTP Method not supported", Invalid, False), ("608", "API Temporarily Unavailable", Transient, True),
    ("609", "Invalid JSON", Invalid, False), ("610", "Requested resource not found", Invalid, False),
    ("611", "System error", Transient, True), ("612", "Invalid Content Type", Invalid, False),
    ("613", "Invalid Multipart Request", Invalid, False), ("614", "Invalid Subscription", Transient, True),
    ("615", "Concurrent access limit reached", Throttled, True), ("616", "Invalid subscription type", PermissionDenied, False),
    ("701", "cannot be blank", Invalid, False), ("702", "No data found", Invalid, False),
    ("703", "The feature is not enabled", PermissionDenied, False), ("704", "Invalid date format", Invalid, False),
    ("709", "Business Rule Violation", Invalid, False), ("713", "Transient Error", Transient, True),
    ("719", "Lock wait timeout exception", Transient, True), ("1003", "Invalid data", Invalid, False),
    ("1018", "CRM Enabled", PermissionDenied, False),
)  # fmt: skip


@pytest.mark.parametrize(("code", "words", "kind", "again"), CALLS, ids=[call[0] for call in CALLS])
def test_a_call_is_told_by_its_code(
    marketo: Make, code: str, words: str, kind: type[SystemFailure], again: bool
) -> None:
    m = marketo()
    body = {"requestId": "1", "success": False, "errors": [{"code": code, "message": words}]}
    m.sim.faults.answer(200, body, path="/rest/v1/activities/types.json", times=None)
    with pytest.raises(kind) as failure:
        list(m.connector.read("activities", cursor=None, until=None, fields=("leadId",)))
    assert code in str(failure.value) and words.split()[0] in str(failure.value)
    assert (m.calls("/rest/v1/activities/types.json") > 1) is again and m.calls() <= 6, "no storm"
